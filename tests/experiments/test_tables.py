from __future__ import annotations

import pytest

from autoqa.experiments.tables import arms_table, metrics_table, show_figure, table_row, table_rows

HALF = {"value": 0.5, "low": 0.25, "high": 0.75}


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        (None, "-"),
        ({"value": None, "low": None, "high": None}, "-"),
        ({"value": 0.5, "low": None, "high": None}, "0.500"),
        (HALF, "0.500 [0.250, 0.750]"),
    ],
)
def test_a_figure_shows_what_it_has(figure, shown):
    assert show_figure(figure) == shown


def test_arms_are_rows_and_people_come_last():
    arms = {
        "words": {"n": 8, "metrics": {"auc": HALF, "mae": HALF}, "human_ceiling": {"auc": HALF}},
        "rules": {"n": 9, "metrics": {"auc": HALF}, "human_ceiling": None},
    }
    assert arms_table(arms) == [
        "| arm | auc | mae |",
        "|---|---|---|",
        "| words | 0.500 [0.250, 0.750] | 0.500 [0.250, 0.750] |",
        "| rules | 0.500 [0.250, 0.750] | - |",
        "| *people* | 0.500 [0.250, 0.750] | - |",
    ]
    assert arms_table(arms, metrics=["auc"])[0] == "| arm | auc |"


def test_an_oracle_comes_after_people_and_is_explained():
    arms = {"words": {"n": 8, "metrics": {"auc": HALF}, "oracle": {"auc": HALF}}}
    *_, row, space, said = arms_table(arms, counts=True)
    assert row == "| *oracle* | - | 0.500 [0.250, 0.750] |"
    assert (space, said[:9]) == ("", "*oracle*:")


def test_an_oracle_of_other_figures_is_not_shown():
    arms = {"words": {"metrics": {"auc": HALF, "mae": HALF}, "oracle": {"mae": HALF}}}
    assert not any("oracle" in line for line in arms_table(arms, metrics=["auc"]))


def test_figures_stand_beside_what_they_are_held_to():
    figures, floor = {"auc": HALF, "mae": HALF}, {"auc": 0.25, "mae": None}
    assert metrics_table(figures, people={"mae": HALF}, majority=floor) == [
        "| metric | model | people agree at | always the commonest answer |",
        "|---|---|---|---|",
        "| auc | 0.500 [0.250, 0.750] | - | 0.250 |",
        "| mae | 0.500 [0.250, 0.750] | 0.500 [0.250, 0.750] | - |",
    ]


def test_an_oracle_has_a_column_where_there_is_one():
    heads, rule, row, space, said = metrics_table(
        {"auc": HALF}, people=None, majority={"auc": 0.25}, oracle={"auc": HALF}
    )
    assert heads == "| metric | model | people agree at | oracle | always the commonest answer |"
    assert rule == "|---|---|---|---|---|"
    assert row == "| auc | 0.500 [0.250, 0.750] | - | 0.500 [0.250, 0.750] | 0.250 |"
    assert (space, said[:9]) == ("", "*oracle*:")


def test_nothing_in_a_cell_breaks_its_row():
    assert table_row(["a|b", "c\nd"]) == "| a\\|b | c d |"


def test_arms_with_numbers_of_their_own_show_them():
    rows = arms_table({"words": {"n": 8, "metrics": {"auc": HALF}}}, counts=True)
    assert rows[2] == "| words | 8 | 0.500 [0.250, 0.750] |"


def test_names_of_arms_are_values_in_rows():
    tables = {"automated_qa+handle_time": {"desk": {"n": 3}}}
    assert table_rows(tables) == [{"arm": "automated_qa+handle_time", "dataset": "desk", "n": 3}]
