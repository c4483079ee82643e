"""A scorecard that came from a form of another system, and evaluations on it."""

from __future__ import annotations

import json

import pytest

from autoqa.readers import Quarantine
from autoqa.readers.evaluations import import_evaluations
from autoqa.records import Rating
from autoqa.scorecard import Scorecard

CARD = {
    "id": "support",
    "version": 3,
    "title": "Support calls",
    "sections": [
        {
            "id": "soft_skills",
            "ref": "s1",
            "title": "Soft skills",
            "criteria": [
                {
                    "id": "greeting",
                    "ref": "q1",
                    "question": "Did the agent say hello?",
                    "levels": {0: {"label": "No", "ref": "o10"}, 1: {"label": "Yes", "ref": "o11"}},
                    "weight": 20,
                },
                {
                    "id": "empathy",
                    "ref": "q2",
                    "question": "How well did the agent acknowledge the problem?",
                    "levels": {
                        0: {"label": "Not at all", "ref": "o20"},
                        1: {"label": "Somewhat", "ref": "o21"},
                        2: {"label": "Clearly", "ref": "o22"},
                    },
                    "weight": 30,
                },
            ],
        },
        {
            "id": "compliance",
            "ref": "s2",
            "title": "Compliance",
            "criteria": [
                {
                    "id": "identity",
                    "ref": "q3",
                    "question": "Was identity verified?",
                    "levels": {0: {"label": "No", "ref": "o30"}, 1: {"label": "Yes", "ref": "o31"}},
                    "weight": 50,
                    "critical": True,
                }
            ],
        },
    ],
}


@pytest.fixture
def card():
    return Scorecard.model_validate(CARD)


@pytest.fixture
def plain_card():
    """The same scorecard, written here: without anybody else's ids."""

    def without_refs(value):
        if isinstance(value, dict):
            return {key: without_refs(inner) for key, inner in value.items() if key != "ref"}
        return [without_refs(one) for one in value] if isinstance(value, list) else value

    return Scorecard.model_validate(without_refs(CARD))


@pytest.fixture
def load(tmp_path, card):
    """Write JSON values to a file each, import them, and check that the counts add up."""

    def run(*values, card=card, **names):
        folder = tmp_path / "evaluations"
        folder.mkdir(exist_ok=True)
        for number, value in enumerate(values):
            content = value if isinstance(value, str) else json.dumps(value)
            (folder / f"{number}.json").write_text(content)
        rows_path = tmp_path / "quarantine.jsonl"
        with Quarantine(rows_path) as quarantine:
            found = import_evaluations([folder], card, quarantine=quarantine, **names)
        rows = [json.loads(row) for row in rows_path.read_text().splitlines()]
        assert quarantine.records_kept == sum(found.evaluations.values())
        assert quarantine.records_quarantined == sum(row["kept"] is False for row in rows)
        return found, quarantine

    return run


@pytest.fixture
def said():
    """What ratings say, in short: {(criterion, rater): (kind, status, level)}."""

    def in_short(found):
        return {
            (r.criterion, r.rater): (r.kind.value, r.status.value, r.level) for r in found.ratings
        }

    return in_short


@pytest.fixture
def rating():
    def make(criterion, level=None, *, conversation_id="c1", rater="ana", kind="human", **more):
        status = "rated" if level is not None else "not_applicable"
        fields = {"status": status, "level": level, "rater": rater, "kind": kind} | more
        return Rating(conversation_id=conversation_id, criterion=criterion, **fields)

    return make


@pytest.fixture
def connect():
    """An exported file of Amazon Connect with one question per keyword: its answer."""

    def make(evaluation_id="e1", contact="c1", when="2026-03-02T10:00:00Z", meta=None, **answers):
        wordings = {"q1": "Did the agent say hello?", "q3": "Was identity verified?"}
        return {
            "schemaVersion": "3.1",
            "evaluationId": evaluation_id,
            "metadata": {
                "contactId": contact,
                "evaluator": "ana",
                "evaluationSubmitTimestamp": when,
                **(meta or {}),
            },
            "sections": [],
            "questions": [
                {
                    "questionRefId": ref,
                    "questionType": answer.pop("questionType", "SINGLESELECT"),
                    "questionText": wordings.get(ref, ""),
                    "score": answer.pop("score", {}),
                    "answer": answer,
                }
                for ref, answer in answers.items()
            ],
        }

    return make


@pytest.fixture
def genesys():
    """An evaluation of Genesys Cloud with one question per keyword: its score."""

    def make(evaluation_id="e1", conversation="c1", *, group=None, **fields):
        names = [name for name in fields if name.startswith("q")]
        scores = [{"questionId": name, **fields.pop(name)} for name in names]
        return {
            "id": evaluation_id,
            "conversation": {"id": conversation},
            "evaluator": {"id": "ana"},
            "status": "FINISHED",
            "answers": {"questionGroupScores": [{"questionScores": scores, **(group or {})}]},
            **fields,
        }

    return make


@pytest.fixture
def google():
    """A QaScorecardResult with one answer per keyword: (source, value) pairs."""

    def make(conversation="projects/p/locations/l/conversations/c1", **answers):
        return {
            "name": "projects/p/locations/l/qaScorecardResults/r1",
            "conversation": conversation,
            "qaAnswers": [
                {
                    "qaQuestion": f"projects/p/qaScorecards/s/revisions/2/qaQuestions/{ref}",
                    "answerValue": sources[-1][1],
                    "answerSources": [
                        {"sourceType": source, "answerValue": value} for source, value in sources
                    ],
                }
                for ref, sources in answers.items()
            ],
        }

    return make


@pytest.fixture
def zendesk():
    """A conversation of Zendesk QA with one review."""

    def make(*ratings, conversation="c1", review_id=1, reviewer=None, updated=None):
        review = {
            "id": review_id,
            "reviewer": {"email": "ana@team.example"} if reviewer is None else reviewer,
            "updatedISO": updated or "2026-03-02T10:00:00Z",
            "ratings": list(ratings),
        }
        return {"externalId": conversation, "reviews": [review]}

    return make
