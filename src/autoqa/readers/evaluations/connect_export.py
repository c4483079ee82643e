"""Evaluations in the shape of Amazon Connect's exported files (schema 3.1)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from autoqa.readers.evaluations.outgoing import Outgoing, Writer
from autoqa.records import Status
from autoqa.scorecard.schema import Criterion, Scorecard
from autoqa.scorecard.vendors.exchange import form_ids
from autoqa.scorecard.vendors.naming import VendorIds

_LONGEST_NOTE = 3072


def connect_writer(card: Scorecard) -> Writer:
    """Return what writes evaluations on a scorecard.

    Questions are weighed, not sections, and an answer that fails a critical criterion fails the
    form or its section: totals are ours.
    """
    ids = form_ids(card, "connect")

    def write(one: Outgoing, losses: Counter[str]) -> dict[str, Any]:
        losses["notes_cut"] += sum(len(one.reason(c)) > _LONGEST_NOTE for c in card.criteria)
        failed = one.evaluation.critical_failed
        whole = [card.criterion(name).critical is True for name in failed]
        return {
            "schemaVersion": "3.1",
            "evaluationId": one.id,
            "metadata": {
                "contactId": one.conversation_id,
                "agentId": one.agent,
                "evaluationDefinitionTitle": card.title or card.id,
                "evaluationDefinitionId": card.id,
                "evaluationDefinitionVersion": card.version,
                "evaluator": one.rater,
                "evaluationStartTimestamp": one.when,
                "evaluationSubmitTimestamp": one.when,
                "score": _score(one.evaluation.total, fails=any(whole)),
                "autoEvaluated": not one.by_person,
                "evaluationSource": "MANUAL" if one.by_person else "AUTOMATED",
            },
            "sections": [
                {
                    "sectionRefId": ids.sections[section.id],
                    "sectionTitle": section.title or section.id,
                    "score": _score(
                        one.evaluation.section_totals.get(section.id),
                        fails=any(criterion.id in failed for criterion in section.criteria),
                    ),
                }
                for section in one.sections
            ],
            "questions": [
                {
                    "questionRefId": ids.questions[criterion.id],
                    "sectionRefId": ids.sections[section.id],
                    "questionType": "SINGLESELECT",
                    "questionText": criterion.question,
                    "answer": _answer(one, criterion, ids),
                    "score": _question_score(one, criterion),
                }
                for section in one.sections
                for criterion in section.criteria
            ],
        }

    return write


def _answer(one: Outgoing, criterion: Criterion, ids: VendorIds) -> dict[str, Any]:
    chosen, status = one.level(criterion), one.status(criterion)
    answer: dict[str, Any] = {
        "values": [
            {
                "valueText": criterion.levels[number].label,
                "valueRefId": ids.options[criterion.id, number],
                "selected": number == chosen,
            }
            for number in criterion.levels
        ],
        "notes": one.reason(criterion)[:_LONGEST_NOTE],
        "metadata": {"notApplicable": status is Status.NOT_APPLICABLE},
    }
    if not one.by_person and chosen is not None:
        suggested = ids.options[criterion.id, chosen]
        answer["automation"] = {"status": "SYSTEM_ANSWER", "systemSuggestedValue": suggested}
    elif status is Status.FAILED:
        answer["automation"] = {"status": "UNAVAILABLE"}
    return answer


def _question_score(one: Outgoing, criterion: Criterion) -> dict[str, Any]:
    level = one.level(criterion)
    if level is None:
        return {"notApplicable": one.status(criterion) is Status.NOT_APPLICABLE}
    share = 100 * criterion.points(level)
    return _score(share, fails=criterion.id in one.evaluation.critical_failed)


def _score(percentage: float | None, *, fails: bool) -> dict[str, Any]:
    score: dict[str, Any] = {} if percentage is None else {"percentage": percentage}
    return score | ({"automaticFail": True} if fails else {})
