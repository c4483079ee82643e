"""Evaluations in the shape of Zendesk QA's: reviews of people, and AutoQA rows of models."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from autoqa.readers.evaluations.mapping import TOLD_APART
from autoqa.readers.evaluations.outgoing import Outgoing, Writer
from autoqa.records import Status
from autoqa.scorecard.schema import Criterion, Scorecard

_PASSES = 50  # percent; a critical category rated below fails the review


def zendesk_writer(_card: Scorecard) -> Writer:
    """Return what writes evaluations on a scorecard.

    A category is a percentage of its scale, a review their mean by weight. A critical category
    below 50 % fails the review, and nothing fails a part of it.
    """
    return _write


def _write(one: Outgoing, losses: Counter[str]) -> dict[str, Any]:
    answered = [c for c in one.card.criteria if _answered(one, c)]
    rated = [c for c in answered if one.level(c) is not None]
    losses["levels_merged"] += sum(_merged(one, criterion) for criterion in rated)
    total = _total(one, rated)
    one.compare(total, losses)
    if not one.by_person:
        losses["reasons"] += sum(bool(one.reason(c)) for c in one.card.criteria)
        return {"rows": [_row(one, criterion) for criterion in answered]}
    review = {
        "id": one.id,
        "reviewer": {"name": one.rater},
        "reviewee": {"name": one.agent},
        "score": total,
        "createdISO": one.when,
        "updatedISO": one.when,
        "scorecard": {"id": one.card.id, "name": one.card.title or one.card.id},
        "ratings": [
            {
                "categoryName": criterion.question,
                "categoryId": criterion.ref or criterion.id,
                "score": _percentage(one, criterion),
                "weight": criterion.weight,
                "critical": criterion.critical is True,
                "cause": one.reason(criterion),
            }
            for criterion in answered
        ],
    }
    return {"conversations": [{"externalId": one.conversation_id, "reviews": [review]}]}


def _row(one: Outgoing, criterion: Criterion) -> dict[str, Any]:
    return {
        "autoqaRatingId": f"{one.id}/{criterion.id}",
        "autoqaReviewId": one.id,
        "externalTicketId": one.conversation_id,
        "revieweeExternalId": one.agent,
        "ratingCategoryName": criterion.question,
        "ratingCategoryId": criterion.ref or criterion.id,
        "scorecardName": one.card.title or one.card.id,
        "score": _percentage(one, criterion),
        "weight": criterion.weight,
        "isCritical": criterion.critical is True,
        "evaluated": True,
        "updatedAt": one.when,
    }


def _answered(one: Outgoing, criterion: Criterion) -> bool:
    return one.status(criterion) in (Status.RATED, Status.NOT_APPLICABLE)


def _percentage(one: Outgoing, criterion: Criterion) -> float | None:
    """Return what the level earns; None where the criterion does not apply."""
    level = one.level(criterion)
    return None if level is None else 100 * criterion.points(level)


def _total(one: Outgoing, rated: list[Criterion]) -> float | None:
    shares = [(criterion, _percentage(one, criterion) or 0.0) for criterion in rated]
    weight = math.fsum(criterion.weight for criterion in rated)
    if not weight:
        return None
    if any(share < _PASSES for criterion, share in shares if criterion.critical is True):
        return 0.0
    return math.fsum(share * criterion.weight for criterion, share in shares) / weight


def _merged(one: Outgoing, criterion: Criterion) -> bool:
    share = (_percentage(one, criterion) or 0.0) / 100
    alike = [n for n in criterion.levels if abs(criterion.points(n) - share) <= TOLD_APART]
    return len(alike) > 1
