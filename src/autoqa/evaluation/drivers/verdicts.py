"""From an effect with its interval to a word: tests, equivalence, multiple testing."""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np

from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.tables import FloatArray

BAND = 0.05
"""An effect on expected CSAT within this share of the scale (0.2 points of 1-5) is no effect."""

ALPHA = 0.05
"""False discovery rate of the drivers and reversed criteria, and level of each equivalence test."""


class DriverVerdict(StrEnum):
    """What the data say about one criterion."""

    DRIVER = "moves CSAT"
    REVERSED = "reversed"
    DEAD = "no effect"
    NOT_ENOUGH = "not enough data"


class Asymmetry(StrEnum):
    """Which end of the CSAT scale a criterion works on."""

    PREVENTS = "prevents bad rather than lifts good"
    LIFTS = "lifts good rather than prevents bad"
    NOT_SHOWN = "no difference shown"
    NOT_ENOUGH = "not enough data"


def standard_error(estimate: Estimate) -> float:
    """Half the width of the 95 % interval in normal quantiles."""
    return (estimate.high - estimate.low) / (2 * 1.959964)


def p_value(estimate: Estimate) -> float:
    """Two-sided p of no effect; nan where undefined.

    With Student's t on the clusters: few agents say little about how far agents differ.
    """
    from scipy.special import stdtr

    spread = standard_error(estimate) if estimate.known else 0.0
    if spread <= 0:
        return math.nan
    return float(2 * stdtr(estimate.n_clusters - 1, -abs(estimate.value) / spread))


def adjusted(p: FloatArray) -> FloatArray:
    """Adjust for the number of criteria after Benjamini and Hochberg; nan stays nan."""
    from scipy.stats import false_discovery_control

    q = np.full(len(p), np.nan)
    known = np.isfinite(p)
    if known.any():
        q[known] = false_discovery_control(p[known], method="bh")
    return q


def verdict_on(effect: Estimate, q: float, band: float) -> DriverVerdict:
    """Judge an effect on expected CSAT, with its adjusted p; dead goes before all else."""
    from scipy.special import stdtrit

    if not effect.known or not math.isfinite(q):
        return DriverVerdict.NOT_ENOUGH
    reach = float(stdtrit(effect.n_clusters - 1, 1 - ALPHA)) * standard_error(effect)
    if abs(effect.value) + reach < band:
        return DriverVerdict.DEAD
    if q < ALPHA and effect.low > 0:
        return DriverVerdict.DRIVER
    if q < ALPHA and effect.high < 0:
        return DriverVerdict.REVERSED
    return DriverVerdict.NOT_ENOUGH


def asymmetry_of(tilt: Estimate, q: float) -> Asymmetry:
    """Judge the difference of the slopes at the two ends of the scale."""
    if not tilt.known or not math.isfinite(q):
        return Asymmetry.NOT_ENOUGH
    if q < ALPHA and tilt.low > 0:
        return Asymmetry.LIFTS
    if q < ALPHA and tilt.high < 0:
        return Asymmetry.PREVENTS
    return Asymmetry.NOT_SHOWN
