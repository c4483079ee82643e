"""How far the raters of a session agree, per criterion and per rater.

Which level is right and whether a criterion applies at all are two questions, and agreement on them
is worked out apart. Conversations are what is resampled for the intervals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from autoqa.evaluation.intervals import Estimate, bootstrap_mean
from autoqa.evaluation.raters import RatingTable, applicability_agreement
from autoqa.evaluation.raters.applicability import ANSWERS
from autoqa.evaluation.tables import FloatArray, IntArray
from autoqa.records import Rating, Status

Scales = tuple[tuple[str, tuple[int, ...]], ...]
"""Criteria of a scorecard in its order, each with its levels, lowest first."""

Key = tuple[str, str]
"""Conversation id and criterion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionAgreement:
    """Agreement of all raters on one criterion.

    Attributes
    ----------
    n_items : int
        Conversations on which two raters or more said whether the criterion applies.
    n_items_with_values : int
        Conversations on which two raters or more gave a level.
    exact, alpha, ac2 : Estimate
        Of levels: share of pairs of raters who gave the same one; Krippendorff's alpha (ordinal);
        Gwet's AC2 (quadratic weights), which holds up where nearly all gave the same level.
    not_applicable : Estimate
        Share of answers that are N/A.
    applicability, applicability_alpha, applicability_ac1 : Estimate
        Of "applies" against N/A: share of pairs of raters who said the same; Krippendorff's alpha
        (nominal); Gwet's AC1.
    """

    criterion: str
    n_items: int
    n_items_with_values: int
    exact: Estimate
    alpha: Estimate
    ac2: Estimate
    not_applicable: Estimate
    applicability: Estimate
    applicability_alpha: Estimate
    applicability_ac1: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterAgreement:
    """One rater among the others, over all criteria.

    Attributes
    ----------
    n_answers : int
        Answers that say a level or N/A.
    exact, applicability : Estimate
        Share of the others who gave the same level, and who said the same about whether the
        criterion applies.
    severity : Estimate
        How much lower than the others on the same answers, as a share of the scale.
    """

    rater: str
    n_answers: int
    exact: Estimate
    applicability: Estimate
    severity: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Agreement in one session.

    Attributes
    ----------
    exact, applicability : Estimate
        Over all criteria: share of pairs of raters who gave the same level, and who said the same
        about whether the criterion applies. Every item counts once.
    """

    exact: Estimate
    applicability: Estimate
    criteria: tuple[CriterionAgreement, ...]
    raters: tuple[RaterAgreement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """How far one rater's answers lie from the reference.

    Attributes
    ----------
    exact : Estimate
        Share of levels that equal the reference, where both gave one.
    distance, bias : Estimate
        Mean distance from the reference without and with its sign, as a share of the scale; a
        `bias` above 0 is milder than the reference.
    applicability : Estimate
        Share of answers that say the same as the reference about whether the criterion applies.
    """

    rater: str
    exact: Estimate
    distance: Estimate
    bias: Estimate
    applicability: Estimate


@lru_cache(maxsize=32)
def agreement(ratings: tuple[Rating, ...], scales: Scales) -> Agreement:
    """Compare the raters of a session.

    Parameters
    ----------
    ratings : tuple of Rating
        One per rater, conversation and criterion; abstained ones count for nothing.
    scales : tuple of (criterion, levels)
    """
    levels = dict(scales)
    known = [rating for rating in ratings if rating.criterion in levels]
    given = _table(known, levels, about_levels=True)
    applies = _table(known, levels, about_levels=False)
    return Agreement(
        exact=_alike(given),
        applicability=_alike(applies),
        criteria=tuple(_criterion(known, name, scale) for name, scale in scales),
        raters=tuple(
            RaterAgreement(
                rater=name,
                n_answers=int((applies.table.rater == place).sum()),
                exact=_alike(given, name),
                applicability=_alike(applies, name),
                severity=_severity(given, name),
            )
            for place, name in enumerate(applies.table.raters)
        ),
    )


def distances(
    ratings: Iterable[Rating], reference: Mapping[Key, tuple[Status, int | None]], scales: Scales
) -> tuple[Distance, ...]:
    """Set every rater against the reference, by name.

    Parameters
    ----------
    reference : mapping of (conversation, criterion) to (status, level)
        What was agreed; items without one are left out.
    """
    levels = dict(scales)
    by_rater: dict[str, list[Rating]] = {}
    for rating in ratings:
        known = (rating.conversation_id, rating.criterion) in reference
        if known and rating.criterion in levels and rating.status in ANSWERS:
            by_rater.setdefault(rating.rater, []).append(rating)
    return tuple(_distance(name, by_rater[name], reference, levels) for name in sorted(by_rater))


def common_answer(ratings: Iterable[Rating]) -> tuple[Status, int | None] | None:
    """Return what two raters or more all answered alike; None where they differ or are too few."""
    said = Counter((r.status, r.level) for r in ratings if r.status in ANSWERS)
    return next(iter(said)) if len(said) == 1 and said.total() > 1 else None


def apart(ratings: Sequence[Rating], scale: Sequence[int]) -> float:
    """Return how far answers to one criterion lie apart: 0 where alike, at most 1.

    Levels count by their distance as a share of the scale; N/A against a level counts as 1.
    """
    said = [rating for rating in ratings if rating.status in ANSWERS]
    if len({rating.status for rating in said}) > 1:
        return 1.0
    places = [scale.index(r.level) for r in said if r.level is not None and r.level in scale]
    return (max(places) - min(places)) / (len(scale) - 1) if places else 0.0


def _distance(
    rater: str,
    ratings: Sequence[Rating],
    reference: Mapping[Key, tuple[Status, int | None]],
    levels: Mapping[str, tuple[int, ...]],
) -> Distance:
    same: list[float] = []
    away: list[float] = []
    rated: list[str] = []
    for rating in ratings:
        status, level = reference[rating.conversation_id, rating.criterion]
        same.append(float(status is rating.status))
        if level is not None and rating.level is not None:
            scale = levels[rating.criterion]
            away.append(_share(rating.level, scale) - _share(level, scale))
            rated.append(rating.conversation_id)
    gap = np.asarray(away, dtype=float)
    return Distance(
        rater=rater,
        exact=bootstrap_mean((gap == 0).astype(float), clusters=rated),
        distance=bootstrap_mean(np.abs(gap), clusters=rated),
        bias=bootstrap_mean(gap, clusters=rated),
        applicability=bootstrap_mean(same, clusters=[r.conversation_id for r in ratings]),
    )


def _criterion(
    ratings: Sequence[Rating], criterion: str, scale: tuple[int, ...]
) -> CriterionAgreement:
    found = applicability_agreement(ratings, levels=scale, criterion=criterion)
    return CriterionAgreement(
        criterion=criterion,
        n_items=found.n_items,
        n_items_with_values=found.n_items_with_values,
        exact=found.values["exact"],
        alpha=found.values["alpha_ordinal"],
        ac2=found.values["ac2_quadratic"],
        not_applicable=found.not_applicable,
        applicability=found.applicability["exact"],
        applicability_alpha=found.applicability["alpha_nominal"],
        applicability_ac1=found.applicability["ac1"],
    )


class _Pooled:
    """Answers to all criteria in one table, whose items are (conversation, criterion)."""

    def __init__(self, keys: Sequence[Key], raters: Sequence[str], values: Sequence[float]) -> None:
        known = sorted(set(keys))
        at = {key: place for place, key in enumerate(known)}
        self.table = RatingTable.from_arrays([at[key] for key in keys], raters, values)
        self.conversations = np.asarray([known[int(key[0])][0] for key in self.table.keys])
        self.pairs = self.table.pairs()

    def pairs_of(self, rater: str | None) -> tuple[IntArray, IntArray]:
        """Return the rows of every ordered pair of ratings of one item; one rater's first."""
        first, second = self.pairs
        if rater is None:
            return first, second
        own = np.isin(np.asarray(self.table.raters)[self.table.rater[first]], rater)
        return first[own], second[own]

    def mean(self, first: IntArray, values: FloatArray) -> Estimate:
        """Return the mean of what pairs say, `first` being a row of each; items weigh alike."""
        items, at = np.unique(self.table.item[first], return_inverse=True)
        by_item = np.bincount(at, weights=values) / np.bincount(at)
        return bootstrap_mean(by_item, clusters=self.conversations[items])


def _table(
    ratings: Sequence[Rating], levels: Mapping[str, tuple[int, ...]], *, about_levels: bool
) -> _Pooled:
    kept = [
        rating
        for rating in ratings
        if rating.status in ANSWERS and (rating.level is not None or not about_levels)
    ]
    values = [
        _share(r.level, levels[r.criterion])
        if about_levels and r.level is not None
        else float(r.status is Status.RATED)
        for r in kept
    ]
    return _Pooled(
        [(r.conversation_id, r.criterion) for r in kept], [r.rater for r in kept], values
    )


def _share(level: int, scale: Sequence[int]) -> float:
    """Where a level stands on its scale, 0 lowest to 1 highest; steps are alike."""
    return scale.index(level) / (len(scale) - 1)


def _alike(pooled: _Pooled, rater: str | None = None) -> Estimate:
    """Share of pairs of raters who said the same; of one rater with the others, where named."""
    first, second = pooled.pairs_of(rater)
    value = pooled.table.value
    return pooled.mean(first, (value[first] == value[second]).astype(float))


def _severity(pooled: _Pooled, rater: str) -> Estimate:
    """How much lower than the others on the same items, as a share of the scale."""
    first, second = pooled.pairs_of(rater)
    return pooled.mean(first, pooled.table.value[second] - pooled.table.value[first])
