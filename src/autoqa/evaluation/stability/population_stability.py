"""Two samples of one variable: is the second drawn from what the first was drawn from?

The population stability index (PSI) is never 0 on samples, and the usual rules of thumb (0.1 and
0.25) ignore how large they are. Here it comes with what it would be without any drift: its mean,
its upper quantile and a p-value from permutations, and an interval of the PSI beyond that noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.figures import to_plain
from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.tables import FloatArray, IntArray

Null: TypeAlias = Literal["permutation", "chi-square"]

N_BINS = 10
"""Bins of a numeric variable; one with no more different values has a bin for each."""

MISSING, UNSEEN = "(missing)", "(not in the reference)"
"""Bins of nan or None, and of values that a categorical reference does not hold."""

_PSEUDO_COUNT = 0.5  # added to every bin, so that an empty one is not infinitely far
_PERMUTATIONS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationStability:
    """PSI of two samples over the same bins.

    Attributes
    ----------
    value : float
        As observed.
    beyond_noise : Estimate
        What is left after subtracting its mean without drift, never below 0, with an approximate
        95 % interval; ``low`` is 0 where it may all be noise.
    expected, critical : float
        Without drift: its mean, and the value that 5 % of samples exceed.
    p_value : float
        Of a PSI as large without drift.
    bins : tuple of (label, share in the reference, share now)
    """

    value: float
    beyond_noise: Estimate
    expected: float
    critical: float
    p_value: float
    n_reference: int
    n_current: int
    bins: tuple[tuple[str, float, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; undefined figures are None."""
        return to_plain(self)  # type: ignore[no-any-return]


def population_stability(
    reference: npt.ArrayLike,
    current: npt.ArrayLike,
    *,
    n_bins: int = N_BINS,
    null: Null = "permutation",
    seed: int = 7,
) -> PopulationStability:
    """Population stability index, with its distribution under no drift.

    Parameters
    ----------
    reference, current : array of shape (n,)
        Numbers or texts; nan or None is a bin of its own. Numbers fall into bins between the
        quantiles of the reference.
    n_bins : int
    null : {"permutation", "chi-square"}
        Values dealt anew to the two samples, or the approximation for large bins.

    Raises
    ------
    DataError
        If a sample is empty.

    References
    ----------
    Yurdakul and Naranjo (2020), Journal of Risk Model Validation 14(4), 89-100: without drift,
    PSI / (1/n + 1/m) is chi-square with (bins - 1) degrees of freedom.
    Steiger (1998), Structural Equation Modeling 5(4), 411-419: intervals by inverting the
    noncentral chi-square, as used here.
    """
    from scipy.stats import chi2

    labels, first, second = _binned(reference, current, n_bins)
    n, m = int(first.sum()), int(second.sum())
    noise, freedom = 1 / n + 1 / m, len(labels) - 1
    value = float(_psi(first[None], second[None])[0])
    if freedom == 0:
        none = Estimate(0.0, 0.0, 0.0, n + m, n + m)
        expected, critical, p_value, beyond = 0.0, 0.0, 1.0, none
    else:
        if null == "permutation":
            dealt = np.random.default_rng(seed).multivariate_hypergeometric(
                first + second, n, size=_PERMUTATIONS, method="marginals"
            )
            drawn = _psi(dealt, (first + second) - dealt)
            expected, critical = float(drawn.mean()), float(np.quantile(drawn, 0.95))
            p_value = float(1 + (drawn >= value - 1e-12).sum()) / (1 + _PERMUTATIONS)
        else:
            expected, critical = freedom * noise, float(chi2.isf(0.05, freedom)) * noise
            p_value = float(chi2.sf(value / noise, freedom))
        low, high = (bound * noise for bound in _noncentrality(value / noise, freedom))
        beyond = Estimate(max(value - expected, 0.0), low, high, n + m, n + m)
    return PopulationStability(
        value=value,
        beyond_noise=beyond,
        expected=expected,
        critical=critical,
        p_value=p_value,
        n_reference=n,
        n_current=m,
        bins=tuple(
            (label, float(a) / n, float(b) / m)
            for label, a, b in zip(labels, first, second, strict=True)
        ),
    )


def _psi(first: IntArray, second: IntArray) -> FloatArray:
    """PSI of counts of shape (..., n_bins)."""
    shares = [counts + _PSEUDO_COUNT for counts in (first, second)]
    a, b = (share / share.sum(axis=-1, keepdims=True) for share in shares)
    return np.asarray(((b - a) * np.log(b / a)).sum(axis=-1))


def _noncentrality(statistic: float, freedom: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of the noncentrality of a chi-square statistic."""
    from scipy.optimize import brentq
    from scipy.special import chdtr, chndtr

    def bound(share: float) -> float:
        if chdtr(freedom, statistic) <= share:
            return 0.0
        # Twelve standard errors up, the statistic is certain to be larger.
        most = statistic + 12 * math.sqrt(2 * statistic + 2 * freedom) + 100
        return float(brentq(lambda at: float(chndtr(statistic, freedom, at)) - share, 1e-12, most))

    tail = (1 - level) / 2
    return bound(1 - tail), bound(tail)


def as_numbers(values: npt.ArrayLike) -> FloatArray | None:
    """Return values as numbers, or None where they are texts."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"A sample is a 1-D array, not one of shape {array.shape}.")
    if array.dtype.kind in "biuf":
        return array.astype(float)
    if array.dtype.kind == "O" and all(
        value is None or isinstance(value, int | float | np.number) for value in array
    ):
        return np.asarray([math.nan if v is None else float(v) for v in array])
    return None


def _binned(
    reference: npt.ArrayLike, current: npt.ArrayLike, n_bins: int
) -> tuple[list[str], IntArray, IntArray]:
    """Count both samples in bins that the reference alone decides; bins without values go."""
    first, second = as_numbers(reference), as_numbers(current)
    if first is not None and second is not None:
        if np.unique(first[~np.isnan(first)]).size > n_bins:
            return _in_quantiles(first, second, n_bins)
        samples = [[_text(float(value)) for value in side] for side in (first, second)]
    else:
        raw = (np.asarray(reference, dtype=object), np.asarray(current, dtype=object))
        samples = [[_text(value) for value in side] for side in raw]
    labels = sorted({value for value in samples[0] if value != MISSING}, key=_by_size)
    place = {label: i for i, label in enumerate([*labels, MISSING, UNSEEN])}
    counts = [
        np.bincount([place.get(v, place[UNSEEN]) for v in sample], minlength=len(place))
        if sample
        else np.zeros(len(place), dtype=np.int64)
        for sample in samples
    ]
    return _filled(list(place), *counts)


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _by_size(label: str) -> tuple[float, str]:
    try:
        return float(label), label
    except ValueError:
        return math.inf, label


def _in_quantiles(
    first: FloatArray, second: FloatArray, n_bins: int
) -> tuple[list[str], IntArray, IntArray]:
    known = first[~np.isnan(first)]
    edges = np.unique(np.quantile(known, np.arange(1, n_bins) / n_bins, method="inverted_cdf"))
    edges = edges[edges < known.max()]  # or the last bin would be empty in the reference
    shown = [f"{edge:.4g}" for edge in edges]
    labels = [f"up to {shown[0]}"] if shown else ["any"]
    labels += [f"{a} to {b}" for a, b in pairwise(shown)]
    labels += [f"above {shown[-1]}"] if shown else []
    counts = []
    for values in (first, second):
        absent = np.isnan(values)
        place = np.searchsorted(edges, values[~absent], side="left")
        counts.append(np.append(np.bincount(place, minlength=len(labels)), absent.sum()))
    return _filled([*labels, MISSING], *counts)


def _filled(
    labels: list[str], first: npt.NDArray[Any], second: npt.NDArray[Any]
) -> tuple[list[str], IntArray, IntArray]:
    for name, counts in (("reference", first), ("current", second)):
        if not counts.sum():
            raise DataError(f"The {name} sample is empty; compare periods that both hold data.")
    keep = (first + second) > 0
    return (
        [label for label, kept in zip(labels, keep, strict=True) if kept],
        np.asarray(first[keep], dtype=np.int64),
        np.asarray(second[keep], dtype=np.int64),
    )
