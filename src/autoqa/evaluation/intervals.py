"""Figures with their uncertainty: percentile bootstrap over clusters.

Conversations (or agents, where agents repeat) are drawn with replacement, and everything that
belongs to a drawn one comes along. Two bootstraps with the same clusters and seed use the same
resamples, so their differences are paired; the exception are tables of more clusters than
`autoqa.evaluation.resampling.MANY_CLUSTERS`.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.resampling import draws, resampled_tables
from autoqa.evaluation.tables import FloatArray, IntArray, ratio

Statistic: TypeAlias = Callable[..., float]
TableStatistic: TypeAlias = Callable[[FloatArray], FloatArray]

MAX_UNDEFINED = 0.2
"""Share of resamples that may leave a statistic undefined before its interval is nan."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One figure, its interval, and what it rests on.

    Attributes
    ----------
    value, low, high : float
        nan where the data leave them undefined.
    n : int
        Items.
    n_clusters : int
        Independent units that were resampled.
    dropped : int
        Resamples in which the statistic was undefined.
    """

    value: float
    low: float
    high: float
    n: int
    n_clusters: int
    dropped: int = 0

    def __neg__(self) -> Estimate:
        """The same with its sign turned, and the ends of its interval swapped."""
        return replace(self, value=-self.value, low=-self.high, high=-self.low)

    @property
    def known(self) -> bool:
        """Whether value and interval are all numbers."""
        return all(map(math.isfinite, (self.value, self.low, self.high)))

    def to_dict(self, *, counts: bool = False) -> dict[str, float | int | None]:
        """Return value, low and high (None where undefined), with `n` and `n_clusters` if asked."""
        out: dict[str, float | int | None] = {
            name: number if math.isfinite(number) else None
            for name, number in (("value", self.value), ("low", self.low), ("high", self.high))
        }
        if counts:
            out |= {"n": self.n, "n_clusters": self.n_clusters}
        return out

    def _repr_html_(self) -> str:
        return f"<span>{html.escape(str(self))}</span>"

    def __str__(self) -> str:
        if not math.isfinite(self.value):
            return f"undefined, n={self.n}"
        if not self.known:
            return f"{self.value:.2f} [no interval], n={self.n}"
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}], n={self.n}"


def cluster_codes(clusters: npt.ArrayLike | Sequence[Any]) -> tuple[IntArray, int]:
    """Return an int code per item, and how many clusters there are. Codes follow sorted names."""
    given = np.asarray(clusters).ravel()
    if given.size and given.dtype.kind == "i":
        low = int(given.min())
        if int(given.max()) - low < 2 * given.size:  # counting is much faster than sorting
            there = np.bincount(given - low) > 0
            return (np.cumsum(there) - 1)[given - low], int(there.sum())
    names, codes = np.unique(given, return_inverse=True)
    return np.asarray(codes, dtype=np.int64).ravel(), len(names)


def _estimate(
    value: float, resampled: FloatArray, *, n: int, n_clusters: int, level: float
) -> Estimate:
    defined = resampled[np.isfinite(resampled)]
    dropped = int(resampled.size - defined.size)
    low = high = float("nan")
    enough = defined.size > 0 and dropped <= MAX_UNDEFINED * resampled.size
    if n_clusters > 1 and enough and math.isfinite(value):
        tail = (1 - level) / 2
        low, high = (float(q) for q in np.quantile(defined, (tail, 1 - tail)))
    return Estimate(float(value), low, high, n, n_clusters, dropped)


def bootstrap_many(
    statistics: Callable[..., Mapping[str, float]],
    *arrays: npt.ArrayLike,
    clusters: npt.ArrayLike | Sequence[Any] | None = None,
    n_resamples: int = 1000,
    seed: int = 7,
    level: float = 0.95,
) -> dict[str, Estimate]:
    """Like `bootstrap`, for a function that returns several named figures at once."""
    columns = [np.asarray(array) for array in arrays]
    if not columns:
        raise DataError("The bootstrap needs at least one array of items.")
    n = len(columns[0])
    codes, n_clusters = (
        (np.arange(n, dtype=np.int64), n) if clusters is None else cluster_codes(clusters)
    )
    lengths = {len(column) for column in columns} | {len(codes)}
    if len(lengths) > 1:
        raise DataError(f"Arrays and clusters must have one length, not {sorted(lengths)}.")
    values = statistics(*columns)
    resampled: dict[str, list[float]] = {name: [] for name in values}
    if n_clusters > 1:
        by_cluster = np.argsort(codes, kind="stable")
        sizes = np.bincount(codes, minlength=n_clusters)
        starts = np.cumsum(sizes) - sizes
        for block in draws(np.random.default_rng(seed), n_clusters, n_resamples):
            for drawn in block:
                chosen = by_cluster[_spans(starts[drawn], sizes[drawn])]
                again = statistics(*(column[chosen] for column in columns))
                for name in resampled:
                    resampled[name].append(again[name])
    return {
        name: _estimate(
            value,
            np.asarray(resampled[name], dtype=float),
            n=n,
            n_clusters=n_clusters,
            level=level,
        )
        for name, value in values.items()
    }


def _spans(starts: IntArray, sizes: IntArray) -> IntArray:
    """Concatenate ``range(start, start + size)`` of every pair without a Python loop."""
    ends = np.cumsum(sizes)
    offsets = np.repeat(starts - (ends - sizes), sizes)
    return np.asarray(offsets + np.arange(ends[-1]), dtype=np.int64)


def bootstrap(
    statistic: Statistic,
    *arrays: npt.ArrayLike,
    clusters: npt.ArrayLike | Sequence[Any] | None = None,
    n_resamples: int = 1000,
    seed: int = 7,
    level: float = 0.95,
) -> Estimate:
    """Percentile bootstrap interval of ``statistic(*arrays)``.

    Parameters
    ----------
    statistic : callable
        Takes as many arrays as are given, returns one float; nan where it is undefined.
    *arrays : array of shape (n_items, ...)
        Resampled together along their first axis.
    clusters : array of shape (n_items,), optional
        What is drawn: conversation or agent of each item. Every item by itself where absent.
    n_resamples, seed : int
    level : float
        Coverage of the interval.

    Returns
    -------
    Estimate
        Without interval (nan) when there is only one cluster, or when more than 20 % of the
        resamples leave the statistic undefined.

    Raises
    ------
    DataError
        If the arrays differ in length.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    Field and Welsh (2007), Journal of the Royal Statistical Society B 69(3), 369-390.
    """
    return bootstrap_many(
        lambda *columns: {"value": statistic(*columns)},
        *arrays,
        clusters=clusters,
        n_resamples=n_resamples,
        seed=seed,
        level=level,
    )["value"]


def paired_difference(
    statistic: Statistic,
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    truth: npt.ArrayLike,
    clusters: npt.ArrayLike | Sequence[Any] | None = None,
    *,
    n_resamples: int = 1000,
    seed: int = 7,
    level: float = 0.95,
) -> Estimate:
    """How much better `a` does than `b` against the same truth, on the same resamples.

    The value is ``statistic(truth, a) - statistic(truth, b)``; see `bootstrap` for the rest.
    """
    return bootstrap(
        lambda x, y, t: statistic(t, x) - statistic(t, y),
        a,
        b,
        truth,
        clusters=clusters,
        n_resamples=n_resamples,
        seed=seed,
        level=level,
    )


def bootstrap_tables(
    statistics: Mapping[str, TableStatistic],
    cells: npt.ArrayLike,
    *,
    shape: tuple[int, ...],
    clusters: npt.ArrayLike | Sequence[Any],
    weights: npt.ArrayLike | None = None,
    n: int | None = None,
    n_resamples: int = 1000,
    seed: int = 7,
    level: float = 0.95,
) -> dict[str, Estimate]:
    """Bootstrap statistics of a table of counts, many resamples at once.

    Far faster than `bootstrap` wherever a figure follows from counts or sums, at a million
    clusters too: see `autoqa.evaluation.resampling`.

    Parameters
    ----------
    statistics : mapping of name to callable
        Each takes tables of shape (n_resamples, *shape) and returns shape (n_resamples,).
    cells : int array of shape (n_entries,)
        Flat index into a table of `shape` of what is counted.
    shape : tuple of int
    clusters : array of shape (n_entries,)
    weights : array of shape (n_entries,), optional
        What each entry adds; 1 where absent.
    n : int, optional
        Items to report, where several entries stand for one.
    n_resamples, seed, level
        As in `bootstrap`.
    """
    from scipy.sparse import coo_array

    where = np.asarray(cells, dtype=np.int64)
    codes, n_clusters = cluster_codes(clusters)
    added = np.ones(len(where)) if weights is None else np.asarray(weights, dtype=float)
    n_items = len(where) if n is None else n
    size = math.prod(shape)
    if n_clusters == 0:
        nan = float("nan")
        return {name: Estimate(nan, nan, nan, n_items, 0) for name in statistics}
    per_cluster = coo_array((added, (where, codes)), shape=(size, n_clusters)).tocsr()
    whole = np.asarray(per_cluster @ np.ones((n_clusters, 1))).T.reshape(1, *shape)
    resampled: dict[str, list[FloatArray]] = {name: [] for name in statistics}
    if n_clusters > 1:
        for tables in resampled_tables(per_cluster, n_resamples, seed):
            stacked = tables.reshape(-1, *shape)
            for name, statistic in statistics.items():
                resampled[name].append(statistic(stacked))
    empty = np.empty(0)
    return {
        name: _estimate(
            float(statistic(whole)[0]),
            np.concatenate(resampled[name]) if resampled[name] else empty,
            n=n_items,
            n_clusters=n_clusters,
            level=level,
        )
        for name, statistic in statistics.items()
    }


def bootstrap_mean(
    values: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | Sequence[Any] | None = None,
    n_resamples: int = 1000,
    seed: int = 7,
    level: float = 0.95,
) -> Estimate:
    """Return what `bootstrap` does for a plain mean, from each cluster's sum and size.

    Parameters
    ----------
    values : array of shape (n_items,)
    clusters, n_resamples, seed, level
        As in `bootstrap`.
    """
    added = np.asarray(values, dtype=float)
    n = len(added)
    codes = np.arange(n) if clusters is None else cluster_codes(clusters)[0]
    if len(codes) != n:
        raise DataError(f"Arrays and clusters must have one length, not {sorted((len(codes), n))}.")
    return bootstrap_tables(
        {"mean": lambda sums: ratio(sums[..., 1], sums[..., 0])},
        np.repeat((0, 1), n),
        shape=(2,),
        clusters=np.tile(codes, 2),
        weights=np.concatenate([np.ones(n), added]),
        n=n,
        n_resamples=n_resamples,
        seed=seed,
        level=level,
    )["mean"]
