"""How far a weighted figure could be off when the answer itself decides who answers.

A response model sees what was known beforehand. Whether the delighted and the furious answer more
readily than their features tell, no data can say; these bounds take an assumed strength of that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.tables import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The range of a weighted figure when satisfaction itself drives answering.

    Attributes
    ----------
    odds_ratio : float
        By how much the odds of answering may differ from the model's, either way.
    low, high : float
        Lowest and highest value of the figure that this allows.
    outer_low, outer_high : float
        The same, with the sampling error on top: covers at least at the level asked for.
    """

    odds_ratio: float
    low: float
    high: float
    outer_low: float
    outer_high: float


def worst_cases(y: FloatArray, p: FloatArray, odds_ratio: float) -> tuple[FloatArray, FloatArray]:
    """Return the tilts that make the weighted mean of the answers lowest and highest.

    Both are cut in two along the answers: one side gets the odds ratio, the other its inverse.
    """
    if odds_ratio < 1:
        raise DataError(f"odds_ratio is {odds_ratio}; it says how far either way, so at least 1.")
    order = np.argsort(y, kind="stable")
    odds, values = ((1 - p) / p)[order], y[order]

    def sums(of: FloatArray) -> FloatArray:
        return np.concatenate([[0.0], np.cumsum(of)])

    found = []
    for first, rest in ((odds_ratio, 1 / odds_ratio), (1 / odds_ratio, odds_ratio)):
        bottom, top = sums(odds), sums(odds * values)
        weight = len(y) + first * bottom + rest * (bottom[-1] - bottom)
        mean = (values.sum() + first * top + rest * (top[-1] - top)) / weight
        cut = int(mean.argmin() if first >= rest else mean.argmax())
        tilt = np.empty(len(y))
        tilt[order[:cut]], tilt[order[cut:]] = first, rest
        found.append(tilt)
    return found[0], found[1]


def sensitivity_bounds(
    values: npt.ArrayLike, probabilities: npt.ArrayLike, odds_ratio: float
) -> tuple[float, float]:
    """Bound an inverse-probability weighted mean when answering depends on the answer itself.

    Parameters
    ----------
    values, probabilities : array of shape (n_answers,)
        The answers, and the modelled probability of each.
    odds_ratio : float
        The true odds of answering are within this factor of the model's, either way.

    References
    ----------
    Zhao, Small and Bhattacharya (2019), Journal of the Royal Statistical Society B 81(4), 735-761.
    """
    y, p = np.asarray(values, dtype=float), np.asarray(probabilities, dtype=float)
    low, high = worst_cases(y, p, odds_ratio)
    means = [float(np.average(y, weights=1 + tilt * (1 - p) / p)) for tilt in (low, high)]
    return means[0], means[1]


def odds_ratio_to_reach(
    reference: float, values: npt.ArrayLike, probabilities: npt.ArrayLike, *, most: float = 100.0
) -> float:
    """Find the smallest odds ratio at which the weighted mean could equal a reference.

    The answer to "how strongly would satisfaction have to drive answering for the truth to be
    `reference`?"; infinite where more than `most` would be needed.
    """
    low, high = 0.0, math.log(most)

    def reaches(log_ratio: float) -> bool:
        least, largest = sensitivity_bounds(values, probabilities, math.exp(log_ratio))
        return least <= reference <= largest

    if reaches(low):
        return 1.0
    if not reaches(high):
        return math.inf
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return math.exp(high)
