"""Ratings as learned scorers give them: probabilities over a scale, or why there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from autoqa.records import Evidence, RaterKind, Rating, Status, Transcript
from autoqa.scorecard.schema import Criterion


def rated(
    transcript: Transcript,
    criterion: Criterion,
    level: int,
    probabilities: NDArray[np.float64],
    *,
    rater: str,
    turn: int | None = None,
    evidence: Sequence[Evidence] = (),
) -> Rating:
    """Return a model's answer, whose expected level is the mean under its probabilities.

    Parameters
    ----------
    transcript : Transcript
    criterion : Criterion
    level : int
        The level chosen, one of the criterion's scale.
    probabilities : float array of shape (n_levels,)
        Over the criterion's scale, lowest level first.
    rater : str
    turn : int, optional
        Index of the turn that is rated; default, the whole conversation.
    evidence : sequence of Evidence
    """
    return Rating(
        conversation_id=transcript.conversation_id,
        criterion=criterion.id,
        rater=rater,
        kind=RaterKind.MODEL,
        status=Status.RATED,
        turn=turn,
        level=level,
        expected=float(probabilities @ np.array(criterion.scale)),
        probabilities=tuple(float(p) for p in probabilities),
        evidence=tuple(evidence),
    )


def abstained(
    transcript: Transcript,
    criterion: Criterion,
    reason: str,
    *,
    rater: str,
    turn: int | None = None,
) -> Rating:
    """Return a model's abstention where it has nothing to go by."""
    return Rating(
        conversation_id=transcript.conversation_id,
        criterion=criterion.id,
        rater=rater,
        kind=RaterKind.MODEL,
        status=Status.ABSTAINED,
        turn=turn,
        reason=reason,
    )


def or_abstained(rating: Rating, criterion: Criterion, limit: float) -> Rating:
    """Return the rating, or an abstention where its level is less probable than `limit`."""
    if rating.level is None or not rating.probabilities:
        return rating
    confidence = rating.probabilities[criterion.scale.index(rating.level)]
    if confidence >= limit:
        return rating
    reason = f"not sure: confidence {confidence:.2f} is below {limit:.2f}"
    return replace(rating, status=Status.ABSTAINED, level=None, reason=reason)
