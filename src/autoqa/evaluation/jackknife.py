"""Weighted means that lean on automated scores, and their jackknife, for many groups at once.

The estimates of `autoqa.evaluation.prediction_powered` depend on the data through ten sums, so
leaving out a review, or an agent with all of its reviews, is one subtraction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.intervals import Estimate, cluster_codes
from autoqa.evaluation.tables import FloatArray, IntArray, ratio

Target: TypeAlias = Literal["conversations", "process"]
Tuning: TypeAlias = Literal["own", "pooled"] | float

_SUSPICION = 1e-3  # chance of a false alarm that the reviews look selected
_MANY_ERRORS = 4.0  # standard errors by which the implied number of conversations may miss
_NO_SPREAD = 1e-12


@dataclass(frozen=True, slots=True)
class Sums:
    """Weighted sums per group, or per unit of resampling, from which an estimate follows."""

    w: FloatArray  # design weights, and with the centred automated (f) and human (y) scores
    wf: FloatArray
    wy: FloatArray
    q: FloatArray  # weights of the tuning, and the second moments under them
    qf: FloatArray
    qy: FloatArray
    qff: FloatArray
    qfy: FloatArray
    n: FloatArray  # all scored conversations, and their automated scores
    f: FloatArray

    def minus(self, units: Sums, group_of: IntArray) -> Sums:
        """Leave each unit out of its group."""
        names = self.__slots__
        return Sums(*(getattr(self, name)[group_of] - getattr(units, name) for name in names))

    def slope_parts(self) -> tuple[FloatArray, FloatArray]:
        """Return the slope's numerator and denominator."""
        f, y = ratio(self.wf, self.w), ratio(self.wy, self.w)
        return (
            self.qfy - f * self.qy - y * self.qf + self.q * f * y,
            self.qff - 2 * f * self.qf + self.q * f * f,
        )

    def estimate(self, slope: FloatArray) -> FloatArray:
        """Return the mean human score, less the centre, moved by the automated scores."""
        return np.asarray(
            ratio(self.wy, self.w) + slope * (ratio(self.f, self.n) - ratio(self.wf, self.w))
        )


def _slope(sums: Sums) -> FloatArray:
    """Least-squares slope; 0 where the automated scores do not vary."""
    top, bottom = sums.slope_parts()
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > _NO_SPREAD * sums.q)


@dataclass(frozen=True, slots=True)
class Intervals:
    """Estimates of all groups, arrays of shape (n_groups,)."""

    value: FloatArray
    variance: FloatArray
    half: FloatArray
    n: IntArray
    n_clusters: IntArray
    independent: FloatArray
    no_spread: npt.NDArray[np.bool_]

    def of(self, g: int) -> Estimate:
        """Return one group's."""
        value, half = float(self.value[g]), float(self.half[g])
        return Estimate(value, value - half, value + half, int(self.n[g]), int(self.n_clusters[g]))


class ReviewedGroups:
    """Reviewed and scored conversations of some groups, and what follows from their sums.

    Parameters
    ----------
    y, f : array of shape (n_conversations,)
        Human scores, nan where there is none, and automated ones.
    seen : bool array of shape (n_conversations,)
        Which were reviewed.
    weight : array of shape (n_reviewed,)
        One over the probability of each review.
    group : int array of shape (n_conversations,), 0 to `n_groups` - 1
    clusters : array of shape (n_conversations,), optional
    target : {"conversations", "process"}
    """

    def __init__(
        self,
        y: FloatArray,
        f: FloatArray,
        seen: npt.NDArray[np.bool_],
        weight: FloatArray,
        group: IntArray,
        n_groups: int,
        clusters: npt.ArrayLike | Sequence[Any] | None,
        target: Target,
    ) -> None:
        if target not in ("conversations", "process"):
            raise DataError(f"target is '{target}'; use 'conversations' or 'process'.")
        self.n_groups = n_groups
        self.clustered, self.process = clusters is not None, target == "process"
        self.n_scored = np.bincount(group, minlength=n_groups)
        self.mean_f = ratio(np.bincount(group, f, n_groups), self.n_scored)
        self.variance_f = ratio(
            np.bincount(group, (f - self.mean_f[group]) ** 2, n_groups), self.n_scored - 1
        )
        seen_group = group[seen]
        self.n: IntArray = np.bincount(seen_group, minlength=n_groups).astype(np.int64)
        self.weight, self.seen_group = weight, seen_group
        # Centred, so that leaving a unit out of a sum loses no digits.
        self.mean_y = ratio(np.bincount(seen_group, y[seen], n_groups), self.n)
        centred_f = f - self.mean_f[group]
        centred_y = y[seen] - self.mean_y[seen_group]
        # What was certain to be drawn adds no sampling variance, so it has no say in lambda.
        credit = not (self.process or self.clustered)
        tune = weight * (weight - 1) if credit else weight**2
        self.rows = (weight, centred_f[seen], centred_y, tune)
        self.sums = self._summed(seen_group, n_groups, group, centred_f)
        if clusters is None:
            self.unit = np.arange(seen_group.size, dtype=np.int64)
            self.unit_group: IntArray = seen_group
            self.left_in: FloatArray = 1 - 1 / weight if credit else np.ones(seen_group.size)
            self.units = self._summed(self.unit, seen_group.size, None, centred_f)
        else:
            codes, n_clusters = cluster_codes(clusters)
            if codes.size != y.size:
                raise DataError(f"{codes.size} clusters for {y.size} conversations.")
            pairs, unit = np.unique(group * n_clusters + codes, return_inverse=True)
            self.unit, self.unit_group = unit[seen], pairs // n_clusters
            self.left_in = np.ones(pairs.size)
            all_units = unit if self.process else None
            self.units = self._summed(self.unit, pairs.size, all_units, centred_f)

    def _summed(
        self, by: IntArray, size: int, everything: IntArray | None, centred_f: FloatArray
    ) -> Sums:
        w, f, y, q = self.rows

        def total(values: FloatArray) -> FloatArray:
            return np.bincount(by, values, size).astype(np.float64)

        n = scored = np.zeros(size)
        if everything is not None:
            n = np.bincount(everything, minlength=size).astype(np.float64)
            scored = np.bincount(everything, centred_f, size).astype(np.float64)
        return Sums(
            total(w),
            total(w * f),
            total(w * y),
            total(q),
            total(q * f),
            total(q * y),
            total(q * f * f),
            total(q * f * y),
            n,
            scored,
        )

    def tuned(self, tuning: Tuning) -> tuple[FloatArray, bool]:
        """Return lambda per group, and whether each comes from its group's own reviews."""
        if not isinstance(tuning, str):
            return np.full(self.n_groups, float(tuning)), False
        if tuning not in ("own", "pooled"):
            raise DataError(f"tuning is '{tuning}'; use 'own', 'pooled' or a number.")
        if tuning == "own" or self.n_groups == 1:
            return np.where(self.n > 2, _slope(self.sums), 0.0), True
        top, bottom = (np.nansum(part) for part in self.sums.slope_parts())
        return np.full(self.n_groups, top / bottom if bottom > _NO_SPREAD else 0.0), False

    def interval(self, slope: FloatArray, estimated: bool, level: float) -> Intervals:
        """Return estimates with a jackknife over units, given lambda per group."""
        from scipy.special import stdtrit

        without = self.sums.minus(self.units, self.unit_group)
        slopes = _slope(without) if estimated else slope[self.unit_group]
        whole = self.sums.estimate(slope)
        shift = without.estimate(slopes) - whole[self.unit_group]
        squares = np.bincount(self.unit_group, self.left_in * shift**2, self.n_groups)
        independent, n_units = self._independent()
        taken = 1.0 + estimated  # the mean, and lambda
        left = np.clip(ratio(independent - taken, independent), 0, None)
        variance: FloatArray = np.asarray(squares * left, dtype=float)
        if self.process and not self.clustered:
            variance = variance + slope**2 * ratio(self.variance_f, self.n_scored)
        all_reviewed = (self.n == self.n_scored) & ~(self.process or self.clustered)
        no_spread = (variance <= _NO_SPREAD * (1 + np.abs(self.mean_y))) & ~all_reviewed
        freedom = independent - taken
        usable = (freedom > 0) & ~no_spread
        half = np.where(
            usable, stdtrit(np.maximum(freedom, 1e-9), (1 + level) / 2) * np.sqrt(variance), np.nan
        )
        half = np.where(all_reviewed, 0.0, half)
        value = self.mean_y + whole
        return Intervals(
            value, variance, half, self.n, n_units, independent, no_spread & (self.n > 0)
        )

    def _independent(self) -> tuple[FloatArray, IntArray]:
        """Return the effective number of units per group (Satterthwaite), and their count."""
        per_unit = self.left_in * self.units.w**2
        first = np.bincount(self.unit_group, per_unit, self.n_groups)
        second = np.bincount(self.unit_group, per_unit**2, self.n_groups)
        used = self.units.w > 0
        count = np.bincount(self.unit_group[used], minlength=self.n_groups)
        # Everything reviewed: no unit is left to chance, and all of them count.
        return np.where(second > 0, ratio(first**2, second), count.astype(float)), count

    def suspicions(self) -> npt.NDArray[np.bool_]:
        """Whether the automated scores of the reviewed miss everybody's by more than chance."""
        from scipy.special import stdtr

        without = self.sums.minus(self.units, self.unit_group)
        here = ratio(self.sums.wf, self.sums.w)
        shift = ratio(without.wf, without.w) - here[self.unit_group]
        independent, _ = self._independent()
        squares = self.left_in * np.nan_to_num(shift) ** 2
        spread = np.bincount(self.unit_group, squares, self.n_groups)
        error = np.sqrt(spread * ratio(independent - 1, independent))
        away = np.abs(ratio(here, error))
        tail = 2 * stdtr(np.maximum(independent - 1, 1), -np.nan_to_num(away))
        return np.asarray(tail < _SUSPICION)

    def implied_misses(self) -> npt.NDArray[np.bool_]:
        """Whether the weights sum to another number of conversations than there are."""
        if self.clustered:  # conversations drawn together make the sum vary by more than this
            return np.zeros(self.n_groups, dtype=bool)
        variance = np.bincount(self.seen_group, self.weight * (self.weight - 1), self.n_groups)
        miss = np.abs(self.sums.w - self.n_scored)
        return np.asarray(self.n > 0) & (
            miss > _MANY_ERRORS * np.sqrt(variance) + 1e-6 * self.n_scored
        )

    def equivalent(self, powered: FloatArray, alone: FloatArray) -> FloatArray:
        """Reviews that people alone need for the standard error reached with the scores."""
        n, whole = self.n.astype(float), self.n_scored.astype(float)
        gained = ratio(powered, alone)
        if self.process or self.clustered:
            return ratio(n, gained)
        return ratio(1.0, gained * (ratio(1.0, n) - ratio(1.0, whole)) + ratio(1.0, whole))
