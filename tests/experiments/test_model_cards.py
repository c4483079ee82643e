"""Model cards for people: everything that the index knows, and nothing that breaks a table."""

from __future__ import annotations

import pytest

from autoqa.experiments.model_cards import card_markdown, overview
from autoqa.scorecard.schema import Criterion, Level
from autoqa.scorers.folder import HeadCard

CRITERION = Criterion(
    id="tone", question="How warm?", levels={0: Level(label="cold"), 1: Level(label="warm")}
)
MEASURED = {
    "n": 9,
    "n_conversations": 3,
    "splits": ["valid"],
    "figures": {
        "macro_f1": {"value": 0.5, "low": 0.4, "high": 0.6},
        "spearman": {"value": None, "low": None, "high": None},
    },
    "people": {"macro_f1": {"value": 0.7, "low": 0.6, "high": 0.8}},
    "majority": {"macro_f1": 0.25},
}


def card(**more):
    return card_markdown("tone", HeadCard(CRITERION, **more))


def test_figures_stand_beside_what_people_and_a_constant_reach():
    text = card(metrics={"calls": MEASURED})
    assert "Measured on calls: 9 items in 3 conversations that it did not learn from" in text
    assert "| macro_f1 | 0.500 [0.400, 0.600] | 0.700 [0.600, 0.800] | 0.250 |" in text
    assert "| spearman | - | - | - |" in text


def test_an_oracle_has_a_column_where_it_was_measured():
    oracle = {"macro_f1": {"value": 0.65, "low": 0.55, "high": 0.75}}
    text = card(metrics={"calls": {**MEASURED, "oracle": oracle}})
    beside = "0.700 [0.600, 0.800] | 0.650 [0.550, 0.750] | 0.250"
    assert f"| macro_f1 | 0.500 [0.400, 0.600] | {beside} |" in text
    assert "oracle" not in card(metrics={"calls": MEASURED})


def test_no_list_item_follows_a_table_which_would_take_it_for_a_row():
    whole = {"not_measured": "no part was held back"}
    text = card(metrics={"calls": MEASURED, "whole": whole, "chats": MEASURED, "kappa": 0.3})
    rows = [line[:1] for line in text.splitlines()]
    assert rows.index("|") > max(i for i, mark in enumerate(rows) if mark == "-")
    assert text.index("on calls") < text.index("on chats")


def test_single_figures_of_training_are_listed():
    text = card(metrics={"kappa_learned": 0.61234, "kappa_rules": None, "n_checked": 30})
    assert "- **kappa_learned**: 0.612" in text
    assert "- **kappa_rules**: -" in text
    assert "- **n_checked**: 30" in text


def test_what_another_version_measured_is_shown_as_it_is():
    assert "- **risk**: target 0.1, found 0.08" in card(
        metrics={"risk": {"target": 0.1, "found": 0.08}}
    )


def test_a_card_without_figures_says_so():
    assert "- **Measured**: no; `autoqa benchmark` does it" in card()


def test_a_restricted_licence_says_what_leaves_the_head_out():
    assert "research-only; `--licence permissive` leaves this head out" in card(
        licence="research-only"
    )
    assert "- **Licence of the data**: MIT\n" in card(licence="MIT")


@pytest.mark.parametrize(
    ("languages", "routes", "said"),
    [
        (("en",), ("*", "en"), "English, a model of its own for English, one shared model for ev"),
        (("zh", "it"), ("*",), "Chinese, Italian, one shared model for every language"),
        (("fi",), ("*",), "learned from fi, one shared model for every language; not measured on"),
    ],
)
def test_languages_are_named_with_the_models_that_answer_them(languages, routes, said):
    assert said in card(languages=languages, routes=routes)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"abstain_below": 0.7, "risk": {"risk": 0.1}},
            "below a confidence of 0.700 to keep within 10% disagreement with people",
        ),
        (
            {"abstain_below": None, "risk": {"risk": 0.05}},
            "always: no confidence is enough to keep within 5% disagreement with people",
        ),
    ],
)
def test_a_card_says_when_its_head_abstains(more, said):
    assert f"- **Abstains**: {said}" in card(**more)
    assert "Abstains" not in card()


def test_levels_are_named_where_they_are_few_and_have_names():
    assert "How warm? (0 cold, 1 warm)" in card()
    levels = {k: Level(label=str(k)) for k in range(1, 26)}
    long = Criterion(id="tone", question="How warm?", levels=levels)
    assert "How warm? (1-25)" in card_markdown("tone", HeadCard(long))


def test_the_overview_shows_the_most_telling_figure_of_each_dataset():
    head = HeadCard(
        CRITERION,
        trained_on=("calls sha256:ab",),
        n_items=9,
        licence="A|B",
        metrics={"calls": MEASURED, "chats": MEASURED, "kappa": 0.3},
    )
    row = overview({"tone": head}).splitlines()[-1]
    assert row == (
        "| `tone` | 0-1 | calls | 9 | A\\|B | calls: macro_f1 0.500 [0.400, 0.600]; "
        "chats: macro_f1 0.500 [0.400, 0.600] |"
    )
