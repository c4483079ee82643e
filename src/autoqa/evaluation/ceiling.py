"""How well people agree with each other: what an automated rater can be held to.

People's ratings of the same items are laid out in a `Panel`. Its rows are slots, not persons: the
first rating of an item, the second, and so on, so that data whose raters are anonymous positions,
or differ from item to item, work as well as data where everybody rated everything. When raters are
the same throughout, slots are raters.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.intervals import Estimate, bootstrap
from autoqa.evaluation.tables import FloatArray
from autoqa.records import Rating, Status

ItemKey: TypeAlias = tuple[str, int | None]
"""Conversation id and turn; turn None is the whole conversation."""

ValueOf: TypeAlias = Callable[[Rating], float | None]
"""What to take of a rating; None leaves it out."""

PairStatistic: TypeAlias = Callable[[FloatArray, FloatArray], float]
Consensus: TypeAlias = Literal["mean", "nearest", "majority"]


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Several raters' values on the same items.

    Attributes
    ----------
    keys : tuple of (conversation_id, turn)
        One per item, sorted.
    values : array of shape (n_slots, n_items)
        nan where an item has fewer ratings than slots.
    """

    keys: tuple[ItemKey, ...]
    values: FloatArray

    @classmethod
    def from_ratings(
        cls,
        ratings: Iterable[Rating],
        *,
        criterion: str | None = None,
        value: ValueOf | None = None,
    ) -> Panel:
        """Lay out the ratings of one criterion.

        Parameters
        ----------
        ratings : iterable of Rating
        criterion : str, optional
            Which one; may be left out when all ratings are of the same criterion.
        value : callable, optional
            What to take of a rating, None to leave it out; its level where absent, for which only
            rated ones count.

        Raises
        ------
        DataError
            If `criterion` is left out and there are several.
        """
        by_item: dict[ItemKey, dict[str, float]] = defaultdict(dict)
        for rating, number in numbers_of(ratings, criterion, value):
            by_item[rating.conversation_id, rating.turn][rating.rater] = number
        return cls.from_items(
            {key: [said[rater] for rater in sorted(said)] for key, said in by_item.items()}
        )

    @classmethod
    def from_items(cls, items: Mapping[ItemKey, Sequence[float]]) -> Panel:
        """Lay out a list of values per item."""
        keys = tuple(sorted(items, key=sortable))
        n_slots = max((len(items[key]) for key in keys), default=0)
        values = np.full((n_slots, len(keys)), np.nan)
        for column, key in enumerate(keys):
            values[: len(items[key]), column] = items[key]
        return cls(keys, values)

    @property
    def n_ratings(self) -> npt.NDArray[np.int64]:
        """How many ratings each item has, shape (n_items,)."""
        return np.asarray((~np.isnan(self.values)).sum(axis=0), dtype=np.int64)

    @property
    def conversations(self) -> npt.NDArray[np.str_]:
        """Conversation of each item, shape (n_items,): the default clusters."""
        return np.asarray([key[0] for key in self.keys], dtype=np.str_)

    def where(self, keep: npt.NDArray[np.bool_]) -> Panel:
        """Return the items for which `keep` is true."""
        keys = tuple(key for key, kept in zip(self.keys, keep, strict=True) if kept)
        return Panel(keys, self.values[:, keep])


def sortable(key: ItemKey) -> tuple[str, int]:
    """Order whole conversations before their turns."""
    return key[0], -1 if key[1] is None else key[1]


def level_of(rating: Rating) -> float | None:
    """Return the level of a rated rating, None of any other."""
    return rating.level if rating.status is Status.RATED else None


def numbers_of(
    ratings: Iterable[Rating], criterion: str | None = None, value: ValueOf | None = None
) -> list[tuple[Rating, float]]:
    """Return the ratings of one criterion that have a number, with it.

    Parameters
    ----------
    criterion : str, optional
        Which one; may be left out when all ratings are of the same criterion.
    value : callable, optional
        What to take of a rating, None to leave it out; `level_of` where absent.

    Raises
    ------
    DataError
        If `criterion` is left out and there are several.
    """
    kept = [r for r in ratings if criterion is None or r.criterion == criterion]
    several = sorted({r.criterion for r in kept})
    if len(several) > 1:
        raise DataError(
            f"Ratings of several criteria ({', '.join(several)}): say which one to compare."
        )
    take = value or level_of
    return [(rating, float(n)) for rating in kept if (n := take(rating)) is not None]


def consensus(values: FloatArray, how: Consensus = "mean") -> FloatArray:
    """Return one value per item of several raters' values.

    Parameters
    ----------
    values : array of shape (n_slots, n_items)
        nan where not rated.
    how : {"mean", "nearest", "majority"}
        The mean; the given value nearest to the mean; the value given most often. Ties go to the
        lower value.

    Returns
    -------
    array of shape (n_items,), nan for items without ratings
    """
    rated = ~np.isnan(values)
    n = rated.sum(axis=0)
    total = np.where(rated, values, 0.0).sum(axis=0)
    mean = np.divide(total, n, out=np.full(n.shape, np.nan), where=n > 0)
    if how == "mean" or values.shape[0] == 0:
        return np.asarray(mean)
    ordered = np.sort(values, axis=0)  # nan last, so that ties find the lower value first
    if how == "nearest":
        # Rounded, or the mean of 0 and 1 could lie nearer to either by a rounding error.
        cost = np.round(np.abs(ordered - mean), 9)
    else:
        cost = -(ordered[:, None, :] == ordered[None, :, :]).sum(axis=1).astype(float)
    cost[np.isnan(ordered)] = np.inf
    chosen = ordered[np.argmin(cost, axis=0), np.arange(values.shape[1])]
    return np.asarray(np.where(n > 0, chosen, np.nan))


def pairwise_ceiling(
    panel: Panel,
    statistic: PairStatistic,
    *,
    clusters: npt.ArrayLike | Sequence[str] | None = None,
    symmetric: bool = True,
    n_resamples: int = 1000,
    seed: int = 7,
    level: float = 0.95,
) -> Estimate:
    """How well one person agrees with another on the same items.

    Parameters
    ----------
    panel : Panel
        Items with one rating are left out.
    statistic : callable
        ``statistic(a, b) -> float`` of two paired arrays.
    clusters : array of shape (n_items,), optional
        What is resampled; the conversations where absent.
    symmetric : bool
        False takes the mean of both orders, for a statistic such as macro precision.

    Returns
    -------
    Estimate
        The mean over pairs of slots, weighted by the items they share; `n` counts items with two
        ratings or more.
    """

    def mean_over_pairs(values: FloatArray) -> float:
        found: list[tuple[float, int]] = []
        for first in range(values.shape[1]):
            for second in range(first + 1, values.shape[1]):
                a, b = values[:, first], values[:, second]
                both = ~(np.isnan(a) | np.isnan(b))
                n = int(both.sum())
                if n:
                    found.append((statistic(a[both], b[both]), n))
                    if not symmetric:
                        found.append((statistic(b[both], a[both]), n))
        return weighted_mean(found)

    return _over_items(
        panel, mean_over_pairs, clusters, n_resamples=n_resamples, seed=seed, level=level
    )


def leave_one_out_ceiling(
    panel: Panel,
    statistic: PairStatistic,
    *,
    how: Consensus = "mean",
    clusters: npt.ArrayLike | Sequence[str] | None = None,
    n_resamples: int = 1000,
    seed: int = 7,
    level: float = 0.95,
) -> Estimate:
    """How well one person agrees with what all the others make of the same items.

    ``statistic(others, one)`` of each slot against the `consensus` of the other slots, averaged
    over slots weighted by their items. The rest is as for `pairwise_ceiling`. A consensus is
    steadier than one person, so this ceiling is usually the higher one.
    """

    def mean_over_slots(values: FloatArray) -> float:
        found: list[tuple[float, int]] = []
        for slot in range(values.shape[1]):
            one = values[:, slot]
            others = consensus(np.delete(values, slot, axis=1).T, how)
            both = ~(np.isnan(one) | np.isnan(others))
            n = int(both.sum())
            if n:
                found.append((statistic(others[both], one[both]), n))
        return weighted_mean(found)

    return _over_items(
        panel, mean_over_slots, clusters, n_resamples=n_resamples, seed=seed, level=level
    )


def weighted_mean(found: Sequence[tuple[float, int]]) -> float:
    """Mean of (value, n) pairs weighted by n, without undefined values; nan without any."""
    kept = [(value, n) for value, n in found if math.isfinite(value)]
    total = sum(n for _, n in kept)
    return sum(value * n for value, n in kept) / total if total else float("nan")


def _over_items(
    panel: Panel,
    statistic: Callable[[FloatArray], float],
    clusters: npt.ArrayLike | Sequence[str] | None,
    *,
    n_resamples: int,
    seed: int,
    level: float,
) -> Estimate:
    several = panel.n_ratings >= 2
    units = panel.conversations if clusters is None else np.asarray(clusters)
    if units.shape[0] != len(panel.keys):
        raise DataError(f"{units.shape[0]} clusters for {len(panel.keys)} items.")
    return bootstrap(
        statistic,
        panel.values[:, several].T,
        clusters=units[several],
        n_resamples=n_resamples,
        seed=seed,
        level=level,
    )
