"""Evaluations in the shape of Google's QaScorecardResult."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from autoqa.readers.evaluations.google_import import BY_PERSON, BY_SYSTEM, WITH_EDITS
from autoqa.readers.evaluations.outgoing import Outgoing, Writer
from autoqa.records import Status
from autoqa.scorecard.schema import Criterion, Scorecard
from autoqa.scorecard.vendors.exchange import form_ids
from autoqa.scorecard.vendors.naming import VendorIds


def google_writer(card: Scorecard) -> Writer:
    """Return what writes evaluations on a scorecard.

    An answer scores the share of its weight that its level earns, and the result is the sum; N/A
    and what is unanswered leave the potential. Nothing fails the whole.
    """
    ids = form_ids(card, "google")

    def write(one: Outgoing, losses: Counter[str]) -> dict[str, Any]:
        losses["people"] += one.by_person
        losses["reasons"] += sum(bool(rating.reason) for rating in one.ratings.values())
        rated = [c for c in card.criteria if one.level(c) is not None]
        score = math.fsum(_score(one, criterion) for criterion in rated)
        potential = math.fsum(criterion.weight for criterion in rated)
        totals = {"score": score, "potentialScore": potential}
        if potential:
            totals["normalizedScore"] = score / potential
        one.compare(100 * score / potential if potential else None, losses)
        return {
            "name": f"qaScorecardResults/{one.id}",
            "qaScorecardRevision": f"qaScorecards/{card.id}/revisions/{card.version}",
            "conversation": f"conversations/{one.conversation_id}",
            "createTime": one.when,
            "agentId": one.agent,
            "qaAnswers": [_answer(one, criterion, ids) for criterion in card.criteria],
            **totals,
            "scoreSources": [
                {"sourceType": WITH_EDITS if one.by_person else "SYSTEM_GENERATED_ONLY", **totals}
            ],
        }

    return write


def _score(one: Outgoing, criterion: Criterion) -> float:
    level = one.level(criterion)
    return 0.0 if level is None else criterion.weight * criterion.points(level)


def _answer(one: Outgoing, criterion: Criterion, ids: VendorIds) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "qaQuestion": ids.questions[criterion.id],
        "conversation": f"conversations/{one.conversation_id}",
        "questionBody": criterion.question,
    }
    level = one.level(criterion)
    if level is not None:
        value: dict[str, Any] = {
            "key": ids.options[criterion.id, level],
            "strValue": criterion.levels[level].label,
            "score": _score(one, criterion),
            "potentialScore": criterion.weight,
            "normalizedScore": criterion.points(level),
        }
    elif one.status(criterion) is Status.NOT_APPLICABLE:
        value = {"key": "na", "naValue": True}
    else:
        return answer
    source = BY_PERSON if one.by_person else BY_SYSTEM
    sources = [{"sourceType": source, "answerValue": value}]
    return {**answer, "answerValue": value, "answerSources": sources}
