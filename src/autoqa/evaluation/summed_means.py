"""Means of many groups at once from sums alone, with intervals in closed form.

What a database has added up need not be read row by row. The standard errors are those of a ratio
of cluster sums (Cochran 1977, chapter 6), so that items of one conversation or agent count as
little as they are worth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.tables import FloatArray, IntArray, ratio

_NO_SPREAD = 1e-9  # variance of a mean, in squared units of the scale


@dataclass(frozen=True, slots=True, eq=False)
class ClusterSums:
    """What the clusters of each group add up to, arrays of shape (n_groups,).

    Attributes
    ----------
    n, total : array
        Items, and the sum of their values.
    n_clusters : array
    n_squared, n_total, total_squared : array
        Sums over clusters of the squared number of items, of that number times the cluster's sum,
        and of the squared sum.
    """

    n: FloatArray
    total: FloatArray
    n_clusters: FloatArray
    n_squared: FloatArray
    n_total: FloatArray
    total_squared: FloatArray

    @classmethod
    def of(
        cls,
        groups: npt.ArrayLike,
        n: npt.ArrayLike,
        total: npt.ArrayLike,
        squares: npt.ArrayLike,
        *,
        n_groups: int,
        together: npt.ArrayLike = False,
    ) -> Self:
        """Add up entries, such as the rows of a grouped query.

        Parameters
        ----------
        groups : int array of shape (n_entries,)
            The group of each entry, from 0.
        n, total, squares : array of shape (n_entries,)
            The entry's items, the sum of their values, and of their squared values.
        together : bool array of shape (n_entries,)
            Whether an entry is one cluster of its group; else its items are independent.
        """
        where: IntArray = np.asarray(groups, dtype=np.int64)
        count, added = np.asarray(n, dtype=float), np.asarray(total, dtype=float)
        one = np.asarray(together, dtype=bool)
        columns = (
            count,
            added,
            np.where(one, count > 0, count),
            np.where(one, count**2, count),
            np.where(one, count * added, added),
            np.where(one, added**2, np.asarray(squares, dtype=float)),
        )
        return cls(*(np.bincount(where, column, n_groups).astype(float) for column in columns))

    @property
    def mean(self) -> FloatArray:
        """Mean of each group; nan without items."""
        return ratio(self.total, self.n)

    @property
    def variance(self) -> FloatArray:
        """Variance of each mean; nan with fewer than two clusters."""
        mean, m = self.mean, self.n_clusters
        squares = self.total_squared - 2 * mean * self.n_total + mean**2 * self.n_squared
        return ratio(np.maximum(squares, 0.0) * ratio(m, m - 1), self.n**2)

    def bounded(self, low: float, high: float, *, level: float = 0.95) -> list[Estimate]:
        """Return the mean of each group where values lie between `low` and `high`.

        Wilson's interval with the effective number of items and Student's quantile: it stays inside
        the bounds, and says something where all values are the same. Without interval with fewer
        than two clusters.

        References
        ----------
        Wilson (1927), Journal of the American Statistical Association 22(158), 209-212.
        Franco et al. (2019), Journal of Survey Statistics and Methodology 7(3), 334-364.
        """
        width = high - low
        share = np.clip((self.mean - low) / width, 0.0, 1.0)
        variance = self.variance / width**2
        # Where nothing varies, the items are worth as many yes-or-no answers as there are clusters.
        effective = np.where(
            variance > _NO_SPREAD, ratio(share * (1 - share), variance), self.n_clusters
        )
        quantile = _student(self.n_clusters - 1, level)
        squared = quantile**2 / np.maximum(effective, 1.0)
        middle = (share + squared / 2) / (1 + squared)
        half = np.sqrt(squared * share * (1 - share) + squared**2 / 4) / (1 + squared)
        low_end = low + width * np.clip(middle - half, 0.0, share)
        high_end = low + width * np.clip(middle + half, share, 1.0)
        return [
            Estimate(float(value), float(start), float(end), int(n), int(m))
            for value, start, end, n, m in zip(
                self.mean, low_end, high_end, self.n, self.n_clusters, strict=True
            )
        ]

    def difference(self, a: int, b: int, *, level: float = 0.95) -> Estimate:
        """Return the mean of group `a` minus that of group `b`, which share no cluster.

        Welch's interval; without one where a side has fewer than two clusters, or nothing varies.

        References
        ----------
        Welch (1947), Biometrika 34, 28-35.
        """
        mean, variance, freedom = self.mean, self.variance, self.n_clusters - 1
        parts = np.asarray([variance[a], variance[b]])
        both = float(parts.sum())
        value, half = float(mean[a] - mean[b]), math.nan
        if both > 0:
            shared = both**2 / float((parts**2 / freedom[[a, b]]).sum())
            half = float(_student(np.asarray([shared]), level)[0]) * math.sqrt(both)
        n, clusters = (int(count[a] + count[b]) for count in (self.n, self.n_clusters))
        return Estimate(value, value - half, value + half, n, clusters)


def _student(freedom: FloatArray, level: float) -> FloatArray:
    from scipy.special import stdtrit

    enough = np.isfinite(freedom) & (freedom > 0)
    return np.where(enough, stdtrit(np.where(enough, freedom, 1.0), (1 + level) / 2), np.nan)
