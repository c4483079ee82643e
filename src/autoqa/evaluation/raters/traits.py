"""Traits of raters other than severity: use of the scale, agreement, drift, "not applicable"."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from autoqa.evaluation import tables
from autoqa.evaluation.intervals import Estimate, TableStatistic, bootstrap_tables, cluster_codes
from autoqa.evaluation.raters.applicability import ANSWERS
from autoqa.evaluation.raters.effects import RaterEffects, fit_rater_effects
from autoqa.evaluation.raters.rating_table import RatingTable
from autoqa.evaluation.tables import FloatArray, IntArray
from autoqa.records import Rating, Status

_NOTHING = 1e-9


def spread_and_agreement(
    table: RatingTable,
    effects: RaterEffects,
    *,
    n_resamples: int = 1000,
    seed: int = 7,
    level: float = 0.95,
) -> tuple[list[Estimate], list[Estimate]]:
    """Compare each rater with the others on the same items, every rating freed of severity.

    Returns
    -------
    spread : list of Estimate, one per rater
        Variance of the rater's values over the mean variance of the others'. Below 1: central.
    agreement : list of Estimate, one per rater
        Correlation of the rater's values with the mean of the others.
    """
    n_raters = len(table.raters)
    level_of_rating = table.value - effects.mean - effects.effect[table.rater]
    n_others = table.n_per_item[table.item] - 1
    rows = np.flatnonzero(n_others > 0)
    others = _others_mean(table, level_of_rating)[rows]
    others_squared = _others_mean(table, level_of_rating**2)[rows]
    own = level_of_rating[rows]
    sums = (np.ones(len(rows)), own, own**2, others, others_squared, others**2, own * others)
    rater, conversation = table.rater[rows], table.conversations[table.item[rows]]
    statistics: dict[str, TableStatistic] = {}
    for j in range(n_raters):
        statistics[f"spread {j}"] = partial(_spread, j)
        statistics[f"agreement {j}"] = partial(_correlation, j)
    found = bootstrap_tables(
        statistics,
        np.concatenate([rater * len(sums) + i for i in range(len(sums))]),
        shape=(n_raters, len(sums)),
        weights=np.concatenate(sums),
        clusters=np.tile(conversation, len(sums)),
        n_resamples=n_resamples,
        seed=seed,
        level=level,
    )
    n_shared = np.bincount(rater, minlength=n_raters)
    n_clusters = _distinct(rater, conversation, n_raters)

    def named(trait: str) -> list[Estimate]:
        return [
            _counted(found[f"{trait} {j}"], int(n_shared[j]), int(n_clusters[j]))
            for j in range(n_raters)
        ]

    return named("spread"), named("agreement")


def _others_mean(table: RatingTable, values: FloatArray) -> FloatArray:
    """Mean of the other ratings of each rating's item, nan where there are none."""
    total = np.bincount(table.item, weights=values, minlength=len(table.keys))
    return tables.ratio(total[table.item] - values, table.n_per_item[table.item] - 1)


def _distinct(rater: IntArray, conversation: np.ndarray, n_raters: int) -> IntArray:
    codes, n_conversations = cluster_codes(conversation)
    pairs = np.unique(rater * max(n_conversations, 1) + codes)
    return np.bincount(pairs // max(n_conversations, 1), minlength=n_raters)


def _counted(found: Estimate, n: int, n_clusters: int) -> Estimate:
    return Estimate(found.value, found.low, found.high, n, n_clusters, found.dropped)


def _variance(n: FloatArray, total: FloatArray, squares: FloatArray) -> FloatArray:
    mean = tables.ratio(total, n)
    variance = tables.ratio(squares, n) - mean**2
    return np.where(variance > _NOTHING, variance, 0.0)


def _spread(rater: int, sums: FloatArray) -> FloatArray:
    n, own, own_squares, others, others_squares, _, _ = np.moveaxis(sums[:, rater], -1, 0)
    return tables.ratio(_variance(n, own, own_squares), _variance(n, others, others_squares))


def _correlation(rater: int, sums: FloatArray) -> FloatArray:
    n, own, own_squares, others, _, others_squares, products = np.moveaxis(sums[:, rater], -1, 0)
    together = tables.ratio(products, n) - tables.ratio(own, n) * tables.ratio(others, n)
    apart = _variance(n, own, own_squares) * _variance(n, others, others_squares)
    return tables.ratio(together, np.sqrt(apart))


def drift(
    table: RatingTable, effects: RaterEffects, *, level: float = 0.95
) -> list[Estimate | None]:
    """How far each rater moved, from the first to the last of the rater's own ratings.

    The slope of what a rating lies above the rater's own level and above what the item's other
    ratings say, times the time covered; its error is clustered by conversation. None for raters
    without two different times and three conversations.

    Notes
    -----
    In levels as they were given: near a scale's end a change of judgement shows less, by a quarter
    where the mean item lies one level below the top of 1-7. Relative to the other raters: beside
    one of ten who moves, each of the others seems to move a tenth as far the other way.
    """
    from scipy.special import stdtrit

    left = table.value - effects.mean - effects.effect[table.rater] - effects.without_own
    conversation = table.conversations[table.item]
    found: list[Estimate | None] = []
    for j in range(len(table.raters)):
        own = np.flatnonzero((table.rater == j) & ~np.isnan(table.time))
        time, rest = table.time[own], left[own]
        codes, n_clusters = cluster_codes(conversation[own])
        if n_clusters < 3 or np.ptp(time) <= 0:
            found.append(None)
            continue
        # Time from 0 at the first rating to 1 at the last: the slope is the change.
        share = (time - time.min()) / np.ptp(time)
        off = share - share.mean()
        slope = float((off * rest).sum() / (off**2).sum())
        scores = np.bincount(codes, weights=off * (rest - rest.mean() - slope * off))
        error = math.sqrt((scores**2).sum() * n_clusters / (n_clusters - 2)) / (off**2).sum()
        half = float(stdtrit(n_clusters - 2, (1 + level) / 2)) * error
        found.append(Estimate(slope, slope - half, slope + half, len(own), n_clusters))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """How often a rater answers "not applicable".

    Attributes
    ----------
    share : float
        Of the rater's answers.
    excess, excess_sd : float or None
        How much oftener than the average rater on the same items, shrunken; None where nobody, or
        everybody, answers so.
    unshrunken, unshrunken_sd : float or None
    """

    n_answers: int
    share: float
    excess: float | None = None
    excess_sd: float | None = None
    unshrunken: float | None = None
    unshrunken_sd: float | None = None


def not_applicable_habits(ratings: Iterable[Rating]) -> dict[str, Habit]:
    """Return each rater's habit; the same crossed model as severity, on answers of 0 and 1."""
    table = RatingTable.from_ratings(ratings, value=_not_applicable)
    n = table.n_per_rater
    share = np.bincount(table.rater, weights=table.value, minlength=len(n)) / np.maximum(n, 1)
    if len(table.value) < 4 or np.ptp(table.value) == 0 or min(len(n), len(table.keys)) < 2:
        return {
            name: Habit(n_answers=int(n[j]), share=float(share[j]))
            for j, name in enumerate(table.raters)
        }
    effects = fit_rater_effects(table)
    return {
        name: Habit(
            n_answers=int(n[j]),
            share=float(share[j]),
            excess=float(effects.effect[j]),
            excess_sd=float(effects.effect_sd[j]),
            unshrunken=float(effects.unshrunken[j]),
            unshrunken_sd=float(effects.unshrunken_sd[j]),
        )
        for j, name in enumerate(table.raters)
    }


def _not_applicable(rating: Rating) -> float | None:
    return float(rating.status is Status.NOT_APPLICABLE) if rating.status in ANSWERS else None
