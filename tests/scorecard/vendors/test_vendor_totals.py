"""Totals of an imported scorecard against the vendors' own rules, for any form and any answers.

The rules are written out here from the vendors' documentation, apart from the code under test.
"""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autoqa.scorecard.vendors import import_form


@st.composite
def asked(draw):
    """Sections of questions: scores of the answers, a weight, which answer was given."""
    sections = []
    for s in range(draw(st.integers(1, 3))):
        questions = []
        for q in range(draw(st.integers(1, 3))):
            scores = draw(st.lists(st.integers(0, 10), min_size=2, max_size=4))
            assume(max(scores) > 0)
            questions.append(
                {
                    "ref": f"s{s}q{q}",
                    "scores": scores,
                    "weight": draw(st.integers(1, 9)),
                    "scope": draw(st.sampled_from(["none", "none", "form", "section"])),
                    "fails": draw(st.sets(st.integers(0, len(scores) - 1), min_size=1, max_size=2)),
                    "answer": draw(st.none() | st.integers(0, len(scores) - 1)),
                }
            )
        sections.append({"ref": f"s{s}", "weight": draw(st.integers(1, 9)), "questions": questions})
    return sections


def level_totals(form, sections, total):
    """The total of the imported card for the answers given, found by the ids of the form."""
    card = import_form(form).card
    answers = {q["ref"]: q["answer"] for section in sections for q in section["questions"]}
    levels = {}
    for criterion in card.criteria:
        answer = answers[criterion.ref]
        by_ref = {level.ref: number for number, level in criterion.levels.items()}
        levels[criterion.id] = None if answer is None else by_ref[f"o{answer}"]
    return total(card, **levels)


def answered(section):
    return [q for q in section["questions"] if q["answer"] is not None]


def share(question):
    return question["scores"][question["answer"]] / max(question["scores"])


def failed(question, scope):
    return question["scope"] == scope and question["answer"] in question["fails"]


@pytest.mark.parametrize("mode", ["QUESTION_ONLY", "SECTION_ONLY"])
@settings(max_examples=80, deadline=None)
@given(sections=asked())
def test_amazon_connect(mode, total, sections):
    def option(number, question, section):
        fails = question["scope"] != "none" and number in question["fails"]
        own = {"AutomaticFailConfiguration": {"TargetSection": section["ref"]}}
        return {
            "RefId": f"o{number}",
            "Text": f"answer {number}",
            "Score": question["scores"][number],
            "AutomaticFail": fails,
            **(own if fails and question["scope"] == "section" else {}),
        }

    def item(question, section):
        options = [option(n, question, section) for n in range(len(question["scores"]))]
        asked = {
            "Title": "Asked?",
            "RefId": question["ref"],
            "QuestionType": "SINGLESELECT",
            "NotApplicableEnabled": True,
            "QuestionTypeProperties": {"SingleSelect": {"Options": options}},
            "Weight": question["weight"] if mode == "QUESTION_ONLY" else None,
        }
        return {"Question": asked}

    form = {
        "Title": "Calls",
        "ScoringStrategy": {"Mode": mode, "Status": "ENABLED"},
        "Items": [
            {
                "Section": {
                    "Title": "Part",
                    "RefId": section["ref"],
                    "Weight": section["weight"] if mode == "SECTION_ONLY" else None,
                    "Items": [item(question, section) for question in section["questions"]],
                }
            }
            for section in sections
        ],
    }

    # Weights of questions, or an even part of their section's; N/A shares its weight out in
    # proportion; a fail takes all points of what it fails.
    earned = possible = 0.0
    for section in sections:
        lost = any(failed(question, "section") for question in answered(section))
        for question in answered(section):
            even = section["weight"] / len(section["questions"])
            weight = question["weight"] if mode == "QUESTION_ONLY" else even
            possible += weight
            earned += 0 if lost else weight * share(question)
    assume(possible)
    fatal = any(failed(q, "form") for section in sections for q in answered(section))
    expected = 0.0 if fatal else 100 * earned / possible
    assert level_totals(form, sections, total) == pytest.approx(expected, abs=0.006)


@settings(max_examples=80, deadline=None)
@given(sections=asked())
def test_genesys(total, sections):
    form = {
        "name": "Calls",
        "questionGroups": [
            {
                "id": section["ref"],
                "name": "Part",
                "weight": section["weight"],
                "questions": [
                    {
                        "id": question["ref"],
                        "text": "Asked?",
                        "naEnabled": True,
                        "isKill": question["scope"] == "form",
                        "isCritical": question["scope"] == "section",
                        "answerOptions": [
                            {"id": f"o{n}", "text": f"answer {n}", "value": value}
                            for n, value in enumerate(question["scores"])
                        ],
                    }
                    for question in section["questions"]
                ],
            }
            for section in sections
        ],
    }

    # Points times the weight of the group, over the best points times that weight; a fatal
    # question fails where the answer is not the highest one.
    earned = possible = 0.0
    fatal = False
    for section in sections:
        for question in answered(section):
            earned += section["weight"] * question["scores"][question["answer"]]
            possible += section["weight"] * max(question["scores"])
            fatal |= question["scope"] == "form" and share(question) < 1
    assume(possible)
    expected = 0.0 if fatal else 100 * earned / possible
    assert level_totals(form, sections, total) == pytest.approx(expected, abs=0.006)


@settings(max_examples=80, deadline=None)
@given(sections=asked())
def test_google(total, sections):
    form = {
        "qaQuestions": [
            {
                "name": question["ref"],
                "questionBody": "Asked?",
                "tags": [section["ref"]],
                "answerChoices": [
                    *(
                        {"key": f"o{n}", "strValue": f"answer {n}", "score": score}
                        for n, score in enumerate(question["scores"])
                    ),
                    {"key": "na", "naValue": True},
                ],
            }
            for section in sections
            for question in section["questions"]
        ]
    }

    # Scores over potential scores of the questions that are not N/A.
    given_answers = [q for section in sections for q in answered(section)]
    assume(given_answers)
    earned = sum(question["scores"][question["answer"]] for question in given_answers)
    possible = sum(max(question["scores"]) for question in given_answers)
    expected = 100 * earned / possible
    assert level_totals(form, sections, total) == pytest.approx(expected, abs=0.006)
