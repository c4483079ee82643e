"""Which criterion a question is, and which level an answer is."""

from __future__ import annotations

import pytest

from autoqa.readers.evaluations.answers import Question, Said
from autoqa.readers.evaluations.mapping import CardMap
from autoqa.scorecard import Scorecard


@pytest.fixture
def known(card):
    return CardMap(card, "connect")


@pytest.mark.parametrize(
    ("question", "criterion"),
    [
        (Question(("q1",)), "greeting"),
        (Question(("projects/p/qaQuestions/q1",)), "greeting"),
        (Question(("greeting",)), "greeting"),
        (Question((), " did the AGENT say   hello?"), "greeting"),
        (Question((), "Greeting"), "greeting"),
        (Question(("q3",), "Did the agent say hello?"), "identity"),  # ids come first
        (Question(("q77",), "Was it raining?"), None),
        (Question(), None),
    ],
)
def test_a_question_is_known_by_id_then_by_wording(known, question, criterion):
    found = known.criterion(question)
    assert (found and found.id) == criterion


def test_a_wording_that_two_criteria_share_is_neither(card):
    doubled = card.model_dump()
    for criterion in doubled["sections"][0]["criteria"]:
        criterion["question"] = "Was it good?"
    known = CardMap(Scorecard.model_validate(doubled), "zendesk")
    assert known.criterion(Question((), "Was it good?")) is None


@pytest.mark.parametrize(
    ("said", "level"),
    [
        (Said(refs=("o22",)), 2),
        (Said(labels=("  CLEARLY ",)), 2),
        (Said(refs=("o20",), labels=("Clearly",)), 0),  # ids come first
        (Said(labels=("Clearly",), share=0.0), 2),  # points may differ between forms
        (Said(number=1), 1),
        (Said(refs=("1",)), 1),
        (Said(number=1, share=1.0), 2),  # another numbering: the points tell
        (Said(number=1.5), None),
        (Said(number=7), None),
        (Said(share=0.5), 1),
        (Said(share=0.6), None),
        (Said(labels=("Perhaps",)), None),
        (Said(), None),
    ],
)
def test_an_answer_is_known_by_id_text_number_or_points(card, known, said, level):
    assert known.level(card.criterion("empathy"), said) == level


def test_points_that_two_levels_share_tell_neither(card):
    same = card.model_dump()
    # A fail, and an answer that earns nothing without failing.
    levels = same["sections"][0]["criteria"][1]["levels"]
    levels[0]["points"], levels[1]["points"] = 0.0, 1e-9
    card = Scorecard.model_validate(same)
    known = CardMap(card, "zendesk")
    assert known.level(card.criterion("empathy"), Said(share=0.0)) is None
    assert known.level(card.criterion("empathy"), Said(share=1.0)) == 2


def test_ids_that_a_form_made_of_ours_are_known(plain_card):
    known = CardMap(plain_card, "genesys")
    empathy = known.criterion(Question(("empathy",)))
    assert known.level(empathy, Said(refs=("empathy.2",))) == 2
