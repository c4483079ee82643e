"""Conditions and hashes of scorecards."""

from __future__ import annotations

import pytest

from autoqa.errors import ScorecardError
from autoqa.records import Action, Transcript, Turn
from autoqa.scorecard import Condition, Scorecard, load_scorecard


def conversation(**more):
    turns = (
        Turn(speaker="customer", text="cancel my booking"),
        Turn(speaker="agent", text="done", actions=(Action(name="cancel_booking"),)),
    )
    return Transcript(conversation_id="c1", turns=turns, channel="chat", queue="travel", **more)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({}, True),
        ({"channel": "chat"}, True),
        ({"channel": ["voice", "email"]}, False),
        ({"queue": "travel", "channel": "voice"}, False),
        ({"topic": "refund"}, False),
        ({"min_turns": 2}, True),
        ({"min_turns": 3}, False),
        ({"action": "cancel_*"}, True),
        ({"action": ["update_*", "transfer_*"]}, False),
        ({"mentions": "account_details"}, True),  # left to a scorer with a phrase book
    ],
)
def test_every_key_of_a_condition_must_hold(condition, holds):
    assert Condition.model_validate(condition).admits(conversation()) is holds


def test_an_action_after_the_last_turn_counts():
    transcript = conversation(closing_actions=(Action(name="transfer_to_person"),))
    assert Condition(action=("transfer_*",)).admits(transcript)


def card_with(**changes):
    data = {
        "id": "card",
        "version": 1,
        "sections": [
            {
                "id": "all",
                "criteria": [
                    {"id": "a", "question": "Q?", "levels": {0: "no", 1: "yes"}} | changes
                ],
            }
        ],
    }
    return Scorecard.model_validate(data)


def test_the_hash_ignores_layout_and_defaults_but_not_content():
    assert card_with().content_hash == card_with(weight=0.0).content_hash
    assert card_with(levels={1: "yes", 0: {"label": "no"}}).content_hash == card_with().content_hash
    assert card_with(weight=1).content_hash != card_with().content_hash
    assert (
        card_with(scorer={"use": "rules", "say": "a"}).content_hash
        != card_with(scorer={"use": "rules", "say": "b"}).content_hash
    )


def test_stated_points_replace_even_spacing():
    levels = {0: "no", 1: {"label": "some", "points": 0.9}, 2: "yes"}
    criterion = card_with(levels=levels).criterion("a")
    assert [criterion.points(level) for level in criterion.scale] == [0.0, 0.9, 1.0]


def test_an_unknown_criterion_names_those_there_are():
    with pytest.raises(ScorecardError, match="no criterion 'b'; it has a"):
        card_with().criterion("b")


def test_a_notebook_shows_a_table():
    assert load_scorecard("support-core")._repr_html_().startswith("<table")
