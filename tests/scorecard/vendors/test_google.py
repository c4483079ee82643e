"""Google QaScorecard revisions: what a scorecard keeps of them, and what it reports."""

from __future__ import annotations

import json

import pytest

from autoqa.scorecard import Scorecard
from autoqa.scorecard.vendors import LossKind, export_form, form_ids, import_form

PARENT = "projects/p/locations/l/qaScorecards/s/revisions/r/qaQuestions"


def choice(key, value, score=None):
    kind = {bool: "boolValue", str: "strValue", int: "numValue", float: "numValue"}[type(value)]
    return {"key": key, kind: value, **({} if score is None else {"score": score})}


NA = {"key": "na", "naValue": True}
YES_NO = [choice("y", "Yes", 1), choice("n", "No", 0)]


def question(number, body, choices=YES_NO, **more):
    name = f"{PARENT}/{number}"
    return {"name": name, "questionBody": body, "answerChoices": list(choices), **more}


def revision(*questions, **more):
    snapshot = {"displayName": "Chat quality", "description": "For chats."}
    return {"snapshot": snapshot, "qaQuestions": list(questions), **more}


def kinds(found):
    return [loss.kind for loss in found.losses]


def test_a_revision_becomes_a_scorecard_with_tags_as_sections():
    found = import_form(
        revision(
            question(1, "Was the problem solved?", tags=["BUSINESS"], order=3),
            question(
                2,
                "Did the agent greet the customer?",
                abbreviation="Greeting",
                answerInstructions="Look at the first turn.",
                tags=["CUSTOMER"],
                order=1,
            ),
            question(3, "Did the agent say goodbye?", tags=["CUSTOMER"], order=2),
        )
    )
    card = found.card
    assert found.losses == ()
    assert (card.id, card.title, card.description) == ("chat-quality", "Chat quality", "For chats.")
    assert [(s.ref, [c.id for c in s.criteria]) for s in card.sections] == [
        ("CUSTOMER", ["greeting", "did_the_agent_say_goodbye"]),
        ("BUSINESS", ["was_the_problem_solved"]),
    ]
    greeting = card.criterion("greeting")
    assert greeting.ref == f"{PARENT}/2"
    assert greeting.guidance == "Look at the first turn."
    assert not greeting.not_applicable
    assert [(n, level.label, level.ref) for n, level in greeting.levels.items()] == [
        (0, "No", "n"),
        (1, "Yes", "y"),
    ]


def test_scores_are_points_and_the_highest_one_is_the_weight(total):
    found = import_form(
        revision(
            question(
                1, "A?", [choice("f", "Full", 6), choice("h", "Half", 3), choice("n", "No", 0)]
            ),
            question(2, "B?", [choice("y", True, 3), choice("n", False, 0)]),
            question(3, "C?", [choice("y", "Yes", 1), choice("n", "No", 0), NA]),
        )
    )
    card = found.card
    assert [criterion.weight for criterion in card.criteria] == [60, 30, 10]
    assert [level.label for level in card.criterion("b").levels.values()] == ["No", "Yes"]
    # 3 + 3 + 1 of 10
    assert total(card, a=1, b=1, c=1) == 70.0
    # N/A leaves the potential score: 3 + 0 of 9
    assert total(card, a=1, b=0, c=None) == 33.33
    assert [criterion.not_applicable for criterion in card.criteria] == [False, False, True]


def test_answers_that_are_numbers_number_the_levels():
    found = import_form(
        revision(question(1, "How well?", [choice(f"k{n}", n, n) for n in range(1, 6)]))
    )
    criterion = found.card.criteria[0]
    assert criterion.scale == (1, 2, 3, 4, 5)
    assert criterion.points(1) == pytest.approx(0.2)  # 1 of 5, as scored there
    assert [level.ref for level in criterion.levels.values()] == ["k1", "k2", "k3", "k4", "k5"]


def test_a_list_of_questions_will_do(tmp_path):
    listed = tmp_path / "questions.json"
    listed.write_text(json.dumps([question(1, "A?"), question(2, "B?")]))
    card = import_form(listed).card
    assert card.id == "scorecard"
    assert [section.title for section in card.sections] == ["All questions"]


def test_python_clients_write_keys_with_underscores():
    given = {
        "snapshot": {"display_name": "Calls"},
        "qa_questions": [
            {
                "name": f"{PARENT}/1",
                "question_body": "A?",
                "answer_choices": [
                    {"key": "y", "str_value": "Yes", "score": 1.0},
                    {"key": "n", "str_value": "No", "score": 0.0},
                    {"key": "na", "na_value": True},
                ],
            }
        ],
    }
    card = import_form(given).card
    assert (card.title, card.criteria[0].not_applicable) == ("Calls", True)


def test_further_tags_pages_and_predefined_questions_are_reported():
    given = revision(
        question(1, "A?", tags=["BUSINESS", "COMPLIANCE"], questionType="PREDEFINED"),
        nextPageToken="more",
    )
    found = import_form(given)
    assert kinds(found) == [LossKind.LEFT_OUT, LossKind.SECTIONS, LossKind.AUTOMATION]


def test_scores_below_zero_are_held_to_zero_and_reported():
    found = import_form(revision(question(1, "A?", [choice("y", "Yes", 2), choice("n", "No", -1)])))
    assert [found.card.criteria[0].points(level) for level in (0, 1)] == [0, 1]
    assert kinds(found) == [LossKind.POINTS]


def test_answers_without_scores_do_not_count():
    seen = [choice("y", "Yes"), choice("n", "No")]
    found = import_form(revision(question(1, "A?"), question(2, "Seen?", seen)))
    assert [criterion.weight for criterion in found.card.criteria] == [100, 0]
    assert found.losses == ()


def test_a_question_with_one_answer_is_left_out():
    found = import_form(revision(question(1, "A?"), question(2, "B?", [YES_NO[0], NA])))
    assert [criterion.id for criterion in found.card.criteria] == ["a"]
    assert kinds(found) == [LossKind.LEFT_OUT]


def test_a_scorecard_is_written_as_a_revision():
    card = Scorecard.model_validate(
        {
            "id": "calls",
            "version": 1,
            "title": "Calls",
            "sections": [
                {
                    "id": "tone",
                    "title": "Tone",
                    "criteria": [
                        {
                            "id": "warm_greeting",
                            "question": "Did the agent greet?",
                            "levels": {0: "no", 1: "barely", 2: "warmly"},
                            "weight": 60,
                        },
                        {
                            "id": "no_card",
                            "question": "Was the card number kept out?",
                            "levels": {0: "no", 1: "yes"},
                            "weight": 40,
                            "critical": True,
                            "not_applicable": False,
                        },
                    ],
                }
            ],
        }
    )
    found = export_form(card, "google")
    assert found.form["snapshot"] == {"displayName": "Calls", "description": ""}
    greeting, no_card = found.form["qaQuestions"]
    assert greeting == {
        "name": "warm_greeting",
        "abbreviation": "warm greeting",
        "questionBody": "Did the agent greet?",
        "answerInstructions": "",
        "answerChoices": [
            {"key": "warm_greeting.2", "strValue": "warmly", "score": 60},
            {"key": "warm_greeting.1", "strValue": "barely", "score": 30},
            {"key": "warm_greeting.0", "strValue": "no", "score": 0},
            {"key": "na", "naValue": True},
        ],
        "tags": ["Tone"],
        "order": 1,
    }
    assert len(no_card["answerChoices"]) == 2
    assert [(loss.place, loss.kind) for loss in found.losses] == [("no_card", LossKind.CRITICAL)]
    assert form_ids(card, "google").sections == {"tone": "Tone"}
