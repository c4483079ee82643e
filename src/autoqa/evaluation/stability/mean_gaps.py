"""How far the mean of a group lies from that of the others, when items come in clusters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.intervals import Estimate, bootstrap_tables, cluster_codes
from autoqa.evaluation.tables import FloatArray, IntArray, ratio

MOST_UNITS = 10_000
"""Clusters beyond this many are drawn in random bundles; see `resampling_units`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanGap:
    """Mean of a group minus mean of its reference.

    Attributes
    ----------
    gap : Estimate
        Percentile bootstrap over clusters; ``n`` counts the items of both sides.
    p_value : float
        Of Welch's test on cluster sums; nan where a side has fewer than two clusters.
    n_group, n_reference, clusters_group, clusters_reference : int
        Items and clusters of each side; a cluster may be on both.
    """

    gap: Estimate
    p_value: float
    mean_group: float
    mean_reference: float
    n_group: int
    n_reference: int
    clusters_group: int
    clusters_reference: int


def resampling_units(codes: IntArray, n_clusters: int, *, seed: int = 7) -> IntArray:
    """Return which unit each item is resampled with: its cluster, or a bundle of clusters.

    Sums over bundles of independent clusters have the same variance as sums over the clusters, so
    10,000 bundles give the interval of a million clusters at a hundredth of the work.
    """
    if n_clusters <= MOST_UNITS:
        return codes
    bundle = np.random.default_rng(seed).permutation(n_clusters) % MOST_UNITS
    return np.asarray(bundle[codes], dtype=np.int64)


def mean_gaps(
    values: npt.ArrayLike,
    groups: IntArray,
    clusters: npt.ArrayLike | Sequence[str],
    *,
    n_groups: int,
    reference: int | None = None,
    n_resamples: int = 1000,
    seed: int = 7,
) -> list[MeanGap]:
    """Compare the mean of each group with that of a reference group, or of all others.

    Parameters
    ----------
    values : array of shape (n_items,)
    groups : int array of shape (n_items,)
        Group of each item, from 0 to ``n_groups - 1``; a group may be empty.
    clusters : array of shape (n_items,)
    reference : int, optional
        The group to compare with; all others together where absent.

    Returns
    -------
    list of MeanGap
        One per group in order, the reference group's compared with itself.

    References
    ----------
    Welch (1947), Biometrika 34, 28-35, applied to the sums of clusters.
    """
    value = np.asarray(values, dtype=float)
    codes, n_clusters = cluster_codes(clusters)
    # Centred, so that sums keep their digits.
    middle = float(value.mean()) if value.size else 0.0
    found = bootstrap_tables(
        {str(g): partial(_gap, group=g, reference=reference) for g in range(n_groups)},
        np.concatenate([2 * groups, 2 * groups + 1]),
        shape=(n_groups, 2),
        clusters=np.tile(resampling_units(codes, n_clusters, seed=seed), 2),
        weights=np.concatenate([np.ones(value.size), value - middle]),
        n=value.size,
        n_resamples=n_resamples,
        seed=seed,
    )
    gaps = []
    for g in range(n_groups):
        inside = groups == g
        outside = ~inside if reference is None else groups == reference
        sides = [_Side.of(value, side, codes, n_clusters) for side in (inside, outside)]
        either = int(((sides[0].sizes > 0) | (sides[1].sizes > 0)).sum())
        gaps.append(
            MeanGap(
                gap=replace(found[str(g)], n=sides[0].n + sides[1].n, n_clusters=either),
                p_value=_welch(*sides),
                mean_group=sides[0].mean,
                mean_reference=sides[1].mean,
                n_group=sides[0].n,
                n_reference=sides[1].n,
                clusters_group=sides[0].n_clusters,
                clusters_reference=sides[1].n_clusters,
            )
        )
    return gaps


def _gap(tables: FloatArray, *, group: int, reference: int | None) -> FloatArray:
    own = tables[:, group]
    other = tables.sum(axis=1) - own if reference is None else tables[:, reference]
    return ratio(own[:, 1], own[:, 0]) - ratio(other[:, 1], other[:, 0])


def mean_change(
    values: npt.ArrayLike,
    clusters: npt.ArrayLike | Sequence[str],
    *,
    n_resamples: int = 1000,
    seed: int = 7,
) -> tuple[Estimate, float]:
    """Return the mean with its interval, and the p-value of its being 0 (t-test on clusters)."""
    value = np.asarray(values, dtype=float)
    codes, n_clusters = cluster_codes(clusters)
    found = bootstrap_tables(
        {"mean": lambda tables: ratio(tables[:, 1], tables[:, 0])},
        np.repeat([0, 1], value.size),
        shape=(2,),
        clusters=np.tile(resampling_units(codes, n_clusters, seed=seed), 2),
        weights=np.concatenate([np.ones(value.size), value]),
        n=value.size,
        n_resamples=n_resamples,
        seed=seed,
    )["mean"]
    side = _Side.of(value, np.ones(value.size, dtype=bool), codes, n_clusters)
    return replace(found, n_clusters=n_clusters), _t_test(
        side.mean, float((side.influence**2).sum()), n_clusters - 1
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """The mean of one side, and what each cluster does to it, shape (n_clusters,)."""

    mean: float
    n: int
    n_clusters: int
    sizes: FloatArray
    influence: FloatArray

    @classmethod
    def of(
        cls, value: FloatArray, member: npt.NDArray[np.bool_], codes: IntArray, n_clusters: int
    ) -> _Side:
        own = codes[member]
        sizes = np.bincount(own, minlength=n_clusters).astype(float)
        n, m = own.size, int((sizes > 0).sum())
        if not n:
            nothing = np.full(n_clusters, math.nan)
            return cls(math.nan, 0, 0, sizes, nothing)
        mean = float(value[member].mean())
        sums = np.bincount(own, weights=value[member] - mean, minlength=n_clusters)
        few = m / (m - 1) if m > 1 else math.nan
        return cls(mean, n, m, sizes, sums / n * math.sqrt(few))


def _welch(group: _Side, other: _Side) -> float:
    """Two-sided p-value; a cluster on both sides enters with the difference it makes."""
    if min(group.n_clusters, other.n_clusters) < 2:
        return math.nan
    own, rest = float((group.influence**2).sum()), float((other.influence**2).sum())
    variance = float(((group.influence - other.influence) ** 2).sum())
    weight = own**2 / (group.n_clusters - 1) + rest**2 / (other.n_clusters - 1)
    freedom = (own + rest) ** 2 / weight if weight > 0 else 1.0
    return _t_test(group.mean - other.mean, variance, freedom)


def _t_test(difference: float, variance: float, freedom: float) -> float:
    from scipy.stats import t

    if not (freedom > 0 and math.isfinite(variance)):
        return math.nan
    if variance <= 0:
        return 1.0 if abs(difference) < 1e-12 else 0.0
    return float(2 * t.sf(abs(difference) / math.sqrt(variance), freedom))


def finite_scores(scores: Mapping[str, float], keys: Iterable[str]) -> FloatArray:
    """Return the scores of `keys` in order; DataError names the first that is not a number."""
    ordered = list(keys)
    values = np.asarray([scores[key] for key in ordered], dtype=float)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise DataError(
            f"{ordered[int(wrong[0])]}: the score is {values[wrong[0]]}, not a number. "
            "Leave out conversations that could not be scored."
        )
    return values


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Benjamini-Hochberg adjusted p-values; undefined ones stay nan and are not counted.

    References
    ----------
    Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57(1), 289-300.
    """
    from scipy.stats import false_discovery_control

    values = np.asarray(p_values, dtype=float)
    defined = np.isfinite(values)
    if defined.any():
        values[defined] = false_discovery_control(values[defined])
    return [float(value) for value in values]
