"""How many human reviews a mean score needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from autoqa.errors import DataError


@dataclass(frozen=True, slots=True)
class ReviewsNeeded:
    """How many reviews a mean needs, by people alone and with automated scores."""

    human_only: int
    with_scores: int


def reviews_needed(
    half_width: float,
    *,
    spread: float,
    correlation: float,
    n_scored: int | None = None,
    level: float = 0.95,
) -> ReviewsNeeded:
    """Count the random reviews that a mean needs for an interval of +- `half_width`.

    Parameters
    ----------
    half_width, spread : float
        Wanted half-width, and standard deviation of human scores, in one unit.
    correlation : float
        Of automated with human scores within the group.
    n_scored : int, optional
        Conversations that the mean is about; endless where absent.

    References
    ----------
    Cochran (1977), Sampling Techniques, chapters 4 and 7.
    """
    if half_width <= 0 or spread < 0 or not -1 <= correlation <= 1:
        raise DataError("half_width must be above 0, spread at least 0, correlation in [-1, 1].")
    return ReviewsNeeded(
        _needed(half_width, spread, 1, n_scored, level),
        _needed(half_width, spread * math.sqrt(1 - correlation**2), 2, n_scored, level),
    )


def _needed(half_width: float, spread: float, taken: int, whole: int | None, level: float) -> int:
    from scipy.special import stdtrit

    def wide(n: int) -> bool:
        left = 1 / n - (1 / whole if whole else 0.0)
        quantile = float(stdtrit(n - taken, (1 + level) / 2))
        return quantile * spread * math.sqrt(max(left, 0.0)) > half_width

    low, high = taken, taken + 1  # `low` reviews are too few, `high` are enough
    while wide(high) and (whole is None or high < whole):
        low, high = high, high * 2
    if whole is not None:
        high = min(high, whole)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if wide(middle) else (low, middle)
    return high
