"""Evaluations in the shape of Genesys Cloud's."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from autoqa.readers.evaluations.outgoing import Outgoing, Writer
from autoqa.records import Status
from autoqa.scorecard.schema import Criterion, Scorecard
from autoqa.scorecard.vendors.exchange import export_form, form_ids

_FAILURES = {Status.ABSTAINED: "LowConfidenceError", Status.FAILED: "ServiceError"}


def genesys_writer(card: Scorecard) -> Writer:
    """Return what writes evaluations on a scorecard.

    Points of answers and weights of groups are those of the form that the scorecard makes there.
    Every answer but the best to a fatal question fails the evaluation, and nothing fails a group
    alone. What a model answered stands as an answer of the AI, and what it did not as the AI's own
    failure; without an evaluator, since no person answered.
    """
    writing = _Writing(card)
    return writing.write


class _Writing:
    def __init__(self, card: Scorecard) -> None:
        self._card = card
        self._ids = form_ids(card, "genesys")
        self._form = export_form(card, "genesys").form
        self._groups: list[dict[str, Any]] = self._form["questionGroups"]
        self._asked = {q["id"]: q for group in self._groups for q in group["questions"]}

    def write(self, one: Outgoing, losses: Counter[str]) -> dict[str, Any]:
        groups = [
            self._group(one, group, section.criteria)
            for group, section in zip(self._groups, one.sections, strict=True)
        ]
        earned = math.fsum(group["totalScore"] for group in groups)
        most = math.fsum(group["maxTotalScore"] for group in groups)
        scores = [score for group in groups for score in group["questionScores"]]
        killed = any(score.get("failedKillQuestion") for score in scores)
        total = (0.0 if killed else 100 * earned / most) if most else None
        one.compare(total, losses)
        evaluation: dict[str, Any] = {
            "id": one.id,
            "conversation": {"id": one.conversation_id},
            "evaluationForm": {"id": self._card.id, **self._form},
            "status": "FINISHED",
            "submittedDate": one.when,
            "answers": {
                "totalScore": total,
                "anyFailedKillQuestions": killed,
                "questionGroupScores": groups,
            },
        }
        if one.by_person:
            evaluation["evaluator"] = {"id": one.rater}
        if one.agent is not None:
            evaluation["agent"] = {"id": one.agent}
        return evaluation

    def _group(
        self, one: Outgoing, group: Mapping[str, Any], criteria: tuple[Criterion, ...]
    ) -> dict[str, Any]:
        scores = [self._question(one, criterion) for criterion in criteria]
        earned = sum(score.get("score", 0) for score in scores)
        most = sum(
            max(option["value"] for option in self._asked[score["questionId"]]["answerOptions"])
            for score in scores
            if "answerId" in score
        )
        return {
            "questionGroupId": group["id"],
            "totalScore": group["weight"] * earned,
            "maxTotalScore": group["weight"] * most,
            "totalScoreUnweighted": earned,
            "maxTotalScoreUnweighted": most,
            "markedNA": False,
            "questionScores": scores,
        }

    def _question(self, one: Outgoing, criterion: Criterion) -> dict[str, Any]:
        question_id = self._ids.questions[criterion.id]
        level, status = one.level(criterion), one.status(criterion)
        reason = one.reason(criterion)
        score: dict[str, Any] = {"questionId": question_id}
        said: dict[str, Any] = {}
        if level is not None:
            answer_id = self._ids.options[criterion.id, level]
            options = self._asked[question_id]["answerOptions"]
            values = {option["id"]: option["value"] for option in options}
            score |= {"answerId": answer_id, "score": values[answer_id]}
            if criterion.critical is True:
                score["failedKillQuestion"] = values[answer_id] < max(values.values())
            said = {"answerId": answer_id}
        elif status is Status.NOT_APPLICABLE:
            score["markedNA"] = True
            said = {"markedNotApplicable": True}
        elif status is not None:
            said = {"failureType": _FAILURES[status]}
        if one.by_person:
            return score | ({"comments": reason} if reason else {})
        return score | ({"aiAnswer": {**said, "explanation": reason}} if said else {})
