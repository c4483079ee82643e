"""When a claim holds: the interval of a figure against the range that the claim puts it in.

*Supported*: the whole 95 % interval lies inside the range. *Not supported*: the whole interval
lies outside. Anything else is *not enough data*. A range open at one end is a test against a
smallest effect that matters, one closed at both ends is a test of equivalence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import NormalDist

from autoqa.evaluation.intervals import Estimate

MIN_CONVERSATIONS = 30
"""Fewer conversations than this support no verdict."""

MIN_GROUP = 10
"""Fewest conversations of a kind that a figure compares."""

MIN_CLUSTERS = 5
"""Fewest agents that can be resampled."""

MOST_NEEDED = 10_000_000
"""An estimate so near to the end of its range that more than this is needed says nothing."""

LEVEL = 0.95
POWER = 0.8
_NORMAL = NormalDist()
_Z_LEVEL = _NORMAL.inv_cdf((1 + LEVEL) / 2)
_Z_BOTH = _Z_LEVEL + _NORMAL.inv_cdf(POWER)

NEEDED_RULE = (
    "Conversations needed: n × ((z₀.₉₇₅ + z₀.₈₀) / z₀.₉₇₅ × half-width / distance)², where "
    "half-width is that of the interval towards the nearest end of the claimed range, and distance "
    "is from the estimate to that end: with so many conversations like these the interval clears "
    "the end in 80 % of samples, if the estimate is right; a verdict may come with fewer. Where "
    "there is no estimate, the number is for an assumed true effect, by the same two quantiles."
)


class Verdict(StrEnum):
    """What the data say about a claim."""

    SUPPORTED = "supported"
    NOT_SUPPORTED = "not supported"
    NOT_ENOUGH_DATA = "not enough data"


@dataclass(frozen=True, slots=True)
class Range:
    """Where a claim says that a figure lies, ends excluded."""

    low: float = -math.inf
    high: float = math.inf

    def in_words(self, *, as_percent: bool = False) -> str:
        """Return ``above 0.3``, ``below 10 %`` or ``90 % to 94 %``."""
        low, high = (
            f"{100 * end:.3g} %" if as_percent else f"{end:.3g}" for end in (self.low, self.high)
        )
        if math.isinf(self.high):
            return f"above {low}"
        return f"below {high}" if math.isinf(self.low) else f"{low} to {high}"

    def verdict(self, estimate: Estimate) -> Verdict:
        """Hold the interval against the range."""
        if (
            not estimate.known
            or estimate.n < MIN_GROUP
            or estimate.n_clusters < min(MIN_CLUSTERS, estimate.n)
        ):
            return Verdict.NOT_ENOUGH_DATA
        if estimate.low > self.low and estimate.high < self.high:
            return Verdict.SUPPORTED
        if estimate.high < self.low or estimate.low > self.high:
            return Verdict.NOT_SUPPORTED
        return Verdict.NOT_ENOUGH_DATA


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure of a claim.

    Attributes
    ----------
    name : str
    estimate : Estimate
    claimed : Range or None
        None for a figure that stands beside the test.
    percent : bool
        Whether the figure is a share, to be printed in per cent.
    """

    name: str
    estimate: Estimate
    claimed: Range | None = None
    percent: bool = False

    @property
    def verdict(self) -> Verdict | None:
        """None for a figure that claims nothing."""
        return None if self.claimed is None else self.claimed.verdict(self.estimate)

    @property
    def claimed_in_words(self) -> str:
        """The claimed range, empty where the figure claims nothing."""
        return "" if self.claimed is None else self.claimed.in_words(as_percent=self.percent)

    def __str__(self) -> str:
        return show(self.estimate, percent=self.percent)


def show(estimate: Estimate, *, percent: bool = False) -> str:
    """Return ``0.42 [0.31, 0.53]`` or ``42 % [31, 53]``; a dash where there is nothing."""
    if not math.isfinite(estimate.value):
        return "–"
    scale, digits = (100, 1) if percent else (1, 2)
    text = f"{scale * estimate.value:.{digits}f}" + (" %" if percent else "")
    if not estimate.known:
        return f"{text} [no interval]"
    return f"{text} [{scale * estimate.low:.{digits}f}, {scale * estimate.high:.{digits}f}]"


def percent(share: float) -> str:
    """Return ``10 %``."""
    return f"{100 * share:.3g} %"


def overall(findings: Sequence[Finding]) -> Verdict:
    """Supported if every claimed figure is, not supported if one is not.

    The claim is the conjunction of its figures, so support needs no correction for their number.

    References
    ----------
    Berger (1982), Technometrics 24(4), 295-300.
    """
    verdicts = [finding.verdict for finding in findings if finding.claimed is not None]
    if Verdict.NOT_SUPPORTED in verdicts:
        return Verdict.NOT_SUPPORTED
    if verdicts and all(verdict is Verdict.SUPPORTED for verdict in verdicts):
        return Verdict.SUPPORTED
    return Verdict.NOT_ENOUGH_DATA


def at_level_of(findings: Sequence[Finding], n_tests: int) -> Verdict:
    """Return the verdict with intervals widened to Bonferroni's level for `n_tests` claims.

    Each side of an interval is stretched by the ratio of the two normal quantiles: a bootstrap of
    a thousand resamples says little about the extreme quantiles themselves.
    """
    z = _NORMAL.inv_cdf(1 - (1 - LEVEL) / (2 * max(n_tests, 1)))
    return overall(
        [replace(one, estimate=stretched(one.estimate, z / _Z_LEVEL)) for one in findings]
    )


def stretched(
    estimate: Estimate, factor: float, *, limits: tuple[float, float] = (-math.inf, math.inf)
) -> Estimate:
    """Move both ends of an interval away from the estimate, by a factor, as far as `limits`."""
    value = estimate.value
    return replace(
        estimate,
        low=max(limits[0], value - factor * (value - estimate.low)),
        high=min(limits[1], value + factor * (estimate.high - value)),
    )


def conversations_needed(findings: Sequence[Finding], n: int) -> int | None:
    """Return how many conversations like these would bring a verdict; see `NEEDED_RULE`.

    Parameters
    ----------
    findings : sequence of Finding
    n : int
        Conversations behind the findings.

    Returns
    -------
    int or None
        Where every estimate is in its range, as many as the hardest figure needs; else as many as
        the easiest refutation needs. None where the estimates allow no answer.
    """
    inside: list[float] = []
    outside: list[float] = []
    for one in findings:
        estimate, claimed = one.estimate, one.claimed
        if claimed is None:
            continue
        if not estimate.known:
            return None
        value, down, up = estimate.value, estimate.value - estimate.low, estimate.high
        up -= value
        if value > claimed.high:
            outside.append(_ratio(down, value - claimed.high))
        elif value < claimed.low:
            outside.append(_ratio(up, claimed.low - value))
        else:
            inside.append(max(_ratio(down, value - claimed.low), _ratio(up, claimed.high - value)))
    ratios = [min(outside)] if outside else inside
    if not ratios or not math.isfinite(max(ratios)):
        return None
    needed = math.ceil(n * (_Z_BOTH / _Z_LEVEL * max(ratios)) ** 2)
    return max(MIN_CONVERSATIONS, needed) if needed <= MOST_NEEDED else None


def _ratio(half_width: float, distance: float) -> float:
    if math.isinf(distance):
        return 0.0
    return max(half_width, 0.0) / distance if distance > 0 else math.inf


@dataclass(frozen=True, slots=True)
class Plan:
    """How many conversations to plan for before there is an estimate, and what that assumes."""

    n: int
    assumed: str


def planned_correlation(planned: float, bound: float) -> Plan:
    """Conversations for a rank correlation to clear a bound (Fisher's z, 80 % power)."""
    distance = math.atanh(planned) - math.atanh(bound)
    n = math.ceil((_Z_BOTH / distance) ** 2 + 3)
    return Plan(n, f"a true correlation of {planned:g}")


def planned_share(planned: float, bound: float, *, of: float = 1.0) -> Plan:
    """Conversations for a share to clear a bound (normal approximation, 80 % power).

    `of` is the share of conversations that count, such as the dissatisfied ones.
    """
    counted = planned * (1 - planned) * (_Z_BOTH / (planned - bound)) ** 2
    among = "" if of == 1 else f", taken over {percent(of)} of the conversations"
    return Plan(math.ceil(counted / of), f"a true figure of {percent(planned)}{among}")


def planned_difference(planned: float, bound: float, *, sd: float, smaller_group: float) -> Plan:
    """Conversations for a difference of two means to clear a bound (80 % power).

    Parameters
    ----------
    planned, bound, sd : float
        As shares of the CSAT scale.
    smaller_group : float
        Share of the conversations in the smaller group.
    """
    variance = sd**2 / (smaller_group * (1 - smaller_group))
    n = math.ceil(variance * (_Z_BOTH / (planned - bound)) ** 2)
    return Plan(
        n,
        f"a true difference of {percent(planned)} of the scale, a standard deviation of "
        f"{percent(sd)}, and {percent(smaller_group)} of the conversations in the smaller group",
    )


def planned_slope(planned: float, bound: float, *, sd: float, sd_of_score: float) -> Plan:
    """Conversations for a least-squares slope to clear a bound (80 % power).

    `sd` is that of the residuals, as a share of the CSAT scale; the score runs from 0 to 1.
    """
    n = math.ceil((sd / sd_of_score * _Z_BOTH / (planned - bound)) ** 2)
    return Plan(n, f"a true lift of {percent(planned)} of the scale")
