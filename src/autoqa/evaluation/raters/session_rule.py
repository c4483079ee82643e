"""The stated rule by which a rater needs a calibration session."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autoqa.evaluation.intervals import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRule:
    """When a rater needs a calibration session.

    A rater is named when the data show, beyond chance, that a trait lies further from the other
    raters than tolerated: each trait of each rater is tested against its tolerance, not against 0,
    and Benjamini and Hochberg's procedure bounds the share of wrong findings among all of them.

    Attributes
    ----------
    severity : float
        Tolerated distance from the average rater, as a share of the scale's range.
    spread : float
        Tolerated ratio of a rater's variance to that of the others on the same items, either way.
    drift : float
        Tolerated change between a rater's first and last rating, as a share of the scale's range.
    not_applicable : float
        Tolerated difference in the share of "not applicable".
    agreement : float
        Tolerated correlation with the others, as a share of the median rater's.
    min_items : int
        Raters with fewer ratings are described, not tested.
    false_discovery_rate : float

    References
    ----------
    Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57(1), 289-300.
    """

    severity: float = 0.05
    spread: float = 1.5
    drift: float = 0.1
    not_applicable: float = 0.05
    agreement: float = 0.5
    min_items: int = 20
    false_discovery_rate: float = 0.05

    def __str__(self) -> str:
        return (
            f"With {self.min_items} ratings or more: severity beyond {self.severity:.0%} of the "
            f"scale, variance beyond {self.spread:g} times (or below 1/{self.spread:g} of) the "
            f"others', drift beyond {self.drift:.0%} of the scale, 'not applicable' beyond "
            f"{100 * self.not_applicable:g} points more or less often, or correlation with the "
            f"others below {self.agreement:.0%} of the median rater's, each shown at a false "
            f"discovery rate of {self.false_discovery_rate:.0%}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitTest:
    """One trait of one rater against its tolerance.

    Attributes
    ----------
    p_value : float
        One-sided: chance of lying this far beyond the tolerance when it is just reached.
    words : str
        What is the matter, if it is.
    """

    rater: str
    trait: str
    p_value: float
    words: str


def trait_test(
    rater: str,
    trait: str,
    value: float,
    error: float,
    *,
    tolerance: float,
    above: str,
    below: str,
) -> TraitTest | None:
    """Test whether a trait lies further from 0 than tolerated; None where it is not known."""
    from scipy.special import ndtr

    if not (math.isfinite(value) and math.isfinite(error) and error > 0):
        return None
    p_value = float(ndtr((tolerance - abs(value)) / error))
    return TraitTest(rater=rater, trait=trait, p_value=p_value, words=above if value > 0 else below)


def spread_test(rater: str, spread: Estimate, rule: SessionRule, level: float) -> TraitTest | None:
    """Test a variance ratio, on the log scale, with the error that its interval implies."""
    if not spread.known or spread.low <= 0:
        return None
    error = math.log(spread.high / spread.low) / (2 * _quantile(level))
    return trait_test(
        rater,
        "spread",
        math.log(spread.value),
        error,
        tolerance=math.log(rule.spread),
        above="uses the ends of the scale",
        below="keeps to the middle of the scale",
    )


def agreement_test(
    rater: str, agreement: Estimate, median: float, rule: SessionRule, level: float
) -> TraitTest | None:
    """Test a correlation against a share of the median rater's, on Fisher's scale."""
    from scipy.special import ndtr

    bounds = np.asarray((agreement.value, agreement.low, agreement.high, rule.agreement * median))
    if not (np.abs(bounds) < 1).all():  # nan too
        return None
    value, low, high, tolerated = (float(z) for z in np.arctanh(bounds))
    if high <= low:
        return None
    error = (high - low) / (2 * _quantile(level))
    return TraitTest(
        rater=rater,
        trait="agreement",
        p_value=float(ndtr((value - tolerated) / error)),
        words="agrees little with the others",
    )


def drift_test(
    rater: str, drift: Estimate, width: float, rule: SessionRule, level: float
) -> TraitTest | None:
    """Test a change with the error that its interval implies."""
    return trait_test(
        rater,
        "drift",
        drift.value,
        (drift.high - drift.low) / (2 * _quantile(level)),
        tolerance=rule.drift * width,
        above="became milder",
        below="became more severe",
    )


def _quantile(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))


def findings(
    tests: Iterable[TraitTest | None], rule: SessionRule
) -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, Mapping[str, float]]]:
    """Correct all tests together.

    Returns
    -------
    words : mapping of rater to tuple of str
        What was found, most certain first.
    p_values : mapping of rater to {trait: p-value, not corrected}
    """
    from scipy.stats import false_discovery_control

    done: Sequence[TraitTest] = [test for test in tests if test is not None]
    words: dict[str, tuple[str, ...]] = {}
    p_values: dict[str, dict[str, float]] = {}
    if not done:
        return words, p_values
    adjusted = false_discovery_control(np.asarray([test.p_value for test in done]), method="bh")
    for i in np.argsort(adjusted, kind="stable"):
        test = done[i]
        p_values.setdefault(test.rater, {})[test.trait] = test.p_value
        if adjusted[i] <= rule.false_discovery_rate:
            words[test.rater] = (*words.get(test.rater, ()), test.words)
    return words, p_values
