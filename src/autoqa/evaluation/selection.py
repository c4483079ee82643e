"""Which conversations to listen to: what flags find, and drawing reviews that still speak for all.

Reviewing what the models flag finds more bad conversations per hour, and says nothing about the
others. A share of reviews drawn at random, with known probabilities, keeps estimates honest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.tables import FloatArray, IntArray, ratio

BoolArray: TypeAlias = npt.NDArray[np.bool_]

_FINE_RANKS, _MOST_RANGES = 500, 1000  # ranks kept apart at the top, and ranges further down
_CURVE_POINTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class YieldAt:
    """What a number of reviews finds.

    Attributes
    ----------
    reviews : int
    found : Estimate
        Bad conversations among that many in the order of the flags.
    random : float
        Bad conversations that as many random reviews find on average.
    enrichment : Estimate
        `found` over `random`: 1 is no better than chance.
    """

    reviews: int
    found: Estimate
    random: float
    enrichment: Estimate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class YieldCurve:
    """Bad conversations found against reviews made.

    Attributes
    ----------
    reviews, found, low, high, random : array of shape (n_points,)
        For plotting; `low` to `high` is the interval of `found`.
    at : tuple of YieldAt
        At the numbers of reviews asked for.
    """

    n: int
    n_bad: int
    reviews: IntArray
    found: FloatArray
    low: FloatArray
    high: FloatArray
    random: FloatArray
    at: tuple[YieldAt, ...]


def checked_labels(priority: npt.ArrayLike, bad: npt.ArrayLike) -> tuple[FloatArray, BoolArray]:
    """Return priorities and labels as arrays, or raise DataError where they do not fit."""
    order_by, is_bad = np.asarray(priority, dtype=float), np.asarray(bad)
    if order_by.ndim != 1 or order_by.shape != is_bad.shape:
        raise DataError(f"{order_by.size} priorities but {is_bad.size} labels.")
    if not np.isfinite(order_by).all() or not np.isin(is_bad, (0, 1)).all():
        raise DataError("Every conversation needs a finite priority and a label, bad or not (0/1).")
    return order_by, is_bad.astype(bool)


def review_yield(
    priority: npt.ArrayLike,
    bad: npt.ArrayLike,
    *,
    reviews: Sequence[int] | None = None,
    n_resamples: int = 1000,
    seed: int = 7,
    level: float = 0.95,
) -> YieldCurve:
    """Count the bad conversations found when reviewing in the order of the flags.

    Parameters
    ----------
    priority : array of shape (n_conversations,)
        Reviewed from the highest down; equal ones in random order, of which the average is taken.
    bad : bool array of shape (n_conversations,)
        What a person found, or would find. These must be all conversations, or a random sample of
        them: labels of flagged ones alone cannot say what random listening finds.
    reviews : sequence of int, optional
        Numbers of reviews to report; 1, 2, 5, 10, 20 and 50 % of the conversations where absent.
    n_resamples, seed, level
        Percentile bootstrap over conversations. Beyond the first 500 ranks the resamples take
        runs of neighbouring ranks, each at most 1 % of those before it, as equal.

    Returns
    -------
    YieldCurve
    """
    order_by, is_bad = checked_labels(priority, bad)
    n, n_bad = order_by.size, int(is_bad.sum())
    if not n:
        raise DataError("No conversations, so there is nothing to find.")
    if reviews is None:
        reviews = sorted({max(1, round(share * n)) for share in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)})
    if any(not 1 <= asked <= n for asked in reviews):
        raise DataError(f"reviews are {list(reviews)}; each must lie between 1 and {n}.")
    order = np.argsort(-order_by, kind="stable")
    ranked = order_by[order]
    ends = np.flatnonzero(np.append(ranked[:-1] != ranked[1:], True)) + 1
    reached: IntArray = np.cumsum(is_bad[order], dtype=np.int64)[ends - 1]
    points = np.unique(
        np.concatenate([np.round(np.linspace(1, n, min(n, _CURVE_POINTS))), list(reviews)])
    ).astype(np.int64)
    found = _found(points, ends, reached)
    drawn, rate = _resampled(points, ends, reached, n_resamples, seed)
    tails = ((1 - level) / 2, (1 + level) / 2)
    low, high = np.quantile(drawn, tails, axis=0)
    random = points * n_bad / n
    gain = ratio(found, random)
    gains = ratio(drawn, points * rate[:, None])

    def at(asked: int) -> YieldAt:
        i = int(np.searchsorted(points, asked))
        defined = gains[np.isfinite(gains[:, i]), i]
        ends_of_gain = np.quantile(defined, tails) if defined.size else (math.nan, math.nan)
        return YieldAt(
            reviews=asked,
            found=Estimate(float(found[i]), float(low[i]), float(high[i]), n, n),
            random=float(random[i]),
            enrichment=Estimate(
                float(gain[i]),
                float(ends_of_gain[0]),
                float(ends_of_gain[1]),
                n,
                n,
                len(gains) - defined.size,
            ),
        )

    return YieldCurve(
        n=n,
        n_bad=n_bad,
        reviews=points,
        found=found,
        low=low,
        high=high,
        random=random,
        at=tuple(at(asked) for asked in reviews),
    )


def _found(points: IntArray, ends: IntArray, reached: IntArray) -> FloatArray:
    """Interpolate within groups of equal priority: their order is random."""
    return np.asarray(np.interp(points, np.append(0, ends), np.append(0, reached)))


def _resampled(
    points: IntArray, ends: IntArray, reached: IntArray, n_resamples: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Return found per resample and point, and each resample's share of bad conversations.

    A resample matters only through how many bad and good conversations it has per group of equal
    priority, which is one multinomial draw.
    """
    n = int(ends[-1])
    ranks = np.arange(1, min(n, _FINE_RANKS) + 1)
    if n > _FINE_RANKS:
        ranks = np.append(ranks, np.geomspace(_FINE_RANKS, n, _MOST_RANGES).astype(np.int64))
    last = np.searchsorted(ends, np.unique(ranks), side="left")
    last = np.unique(np.append(last, len(ends) - 1))
    bad = np.diff(reached[last], prepend=0)
    good = np.diff(ends[last], prepend=0) - bad
    rng = np.random.default_rng(seed)
    shares = np.concatenate([bad, good]) / n
    found, rate = np.empty((n_resamples, len(points))), np.empty(n_resamples)
    for row in range(n_resamples):
        counts = rng.multinomial(n, shares)
        again = counts[: len(bad)]
        found[row] = _found(points, np.cumsum(again + counts[len(bad) :]), np.cumsum(again))
        rate[row] = again.sum() / n
    return found, rate


def likeliest_first(priority: FloatArray, rng: np.random.Generator) -> IntArray:
    """Return positions from the highest priority down, equal ones in random order."""
    shuffled = rng.permutation(priority.size)
    return np.asarray(shuffled[np.argsort(-priority[shuffled], kind="stable")])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReviewPlan:
    """Which conversations to review, and how likely each was to be drawn.

    Attributes
    ----------
    flagged : bool array of shape (n_conversations,)
        Taken for their priority: certain to be reviewed.
    audited : bool array of shape (n_conversations,)
        Drawn at random from all others.
    probabilities : array of shape (n_conversations,)
        Of being reviewed, for `prediction_powered_means`; keep them with the reviews.
    """

    flagged: BoolArray
    audited: BoolArray
    probabilities: FloatArray

    @property
    def chosen(self) -> BoolArray:
        """All conversations to review."""
        return self.flagged | self.audited


def plan_reviews(
    priority: npt.ArrayLike, *, budget: int, audit_share: float = 0.2, seed: int = 7
) -> ReviewPlan:
    """Spend most of the reviews on flagged conversations and draw the rest at random.

    Parameters
    ----------
    priority : array of shape (n_conversations,)
    budget : int
        Reviews to make.
    audit_share : float
        Share of them drawn at random from what is not flagged, 0-1; two at the least, since fewer
        allow no estimate.
    """
    order_by, _ = checked_labels(priority, np.zeros(np.size(priority)))
    n, audits = order_by.size, max(2, round(audit_share * budget))
    if not 2 <= budget <= n or not 0 < audit_share <= 1:
        raise DataError(
            f"A budget of {budget} for {n} conversations with an audit share of {audit_share}: "
            "review 2 to all of them, with a share above 0 and at most 1."
        )
    rng = np.random.default_rng(seed)
    order, n_flagged = likeliest_first(order_by, rng), budget - audits
    flagged, audited = np.zeros((2, n), dtype=bool)
    flagged[order[:n_flagged]] = True
    drawn = rng.choice(n - n_flagged, audits, replace=False, shuffle=False)
    audited[order[n_flagged + drawn]] = True
    return ReviewPlan(
        flagged=flagged,
        audited=audited,
        probabilities=np.where(flagged, 1.0, audits / (n - n_flagged)),
    )
