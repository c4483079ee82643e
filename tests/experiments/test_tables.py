from __future__ import annotations

import pytest

from autoqa.experiments.tables import arms_table, show_figure, table_rows

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


def test_arms_with_numbers_of_their_own_show_them():
    rows = arms_table({"words": {"n": 8, "metrics": {"auc": HALF}}}, counts=True)
    assert rows[2] == "| words | 8 | 0.500 [0.250, 0.750] |"


def test_names_of_arms_are_values_in_rows():
    tables = {"automated_qa+handle_time": {"desk": {"n": 3}}}
    assert table_rows(tables) == [{"arm": "automated_qa+handle_time", "dataset": "desk", "n": 3}]
