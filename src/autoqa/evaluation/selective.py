"""Knowing when not to answer: what abstaining buys, and the threshold that a stated risk asks for.

An answer is accepted when its confidence is at least a threshold. `risk_coverage` shows the loss
among the accepted at every threshold; `abstention_threshold` chooses one threshold such that the
loss stays within a stated risk on further data too, not only on the items at hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.intervals import Estimate, bootstrap, cluster_codes
from autoqa.evaluation.tables import FloatArray, IntArray
from autoqa.notebook import safe_markdown

Method: TypeAlias = Literal["ltt", "crc"]

_GRID = np.arange(101) / 100
_ROUNDING = 1e-6  # by which probabilities may miss 0 and 1
_LEAST_START, _LATEST_START = 0.15, 0.45  # shares of the clusters that the first test may take
_FAULTS_AT_START = 2  # faults that the first test should bear, where there are clusters enough
_SHOWN = (1.0, 0.9, 0.75, 0.5, 0.25, 0.1)  # coverages of the table for people


@dataclass(frozen=True, slots=True, eq=False)
class RiskCoverageCurve:
    """What abstaining buys: at each threshold, the share answered and its mean loss.

    Attributes
    ----------
    thresholds, coverage, risk : array of shape (n_thresholds,)
        From the highest confidence found to the lowest; equal confidences are accepted together.
    aurc : Estimate
        Area under the curve: mean risk over coverage, lower is better.
    """

    thresholds: FloatArray
    coverage: FloatArray
    risk: FloatArray
    aurc: Estimate

    @property
    def in_short(self) -> str:
        """The area with its interval, to three places: good curves differ in the third."""
        area = self.aurc
        if not area.known:
            return f"AURC {area}"
        return f"AURC {area.value:.3f} [{area.low:.3f}, {area.high:.3f}], n={area.n}"

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as JSON values."""
        return {
            "thresholds": self.thresholds.tolist(),
            "coverage": self.coverage.tolist(),
            "risk": self.risk.tolist(),
            "aurc": self.aurc.to_dict(counts=True),
        }

    def to_markdown(self) -> str:
        """Return the curve at round coverages, as a table for people."""
        lines = ["| coverage | from confidence | risk |", "|---|---|---|"]
        for share in _SHOWN:
            (within,) = np.nonzero(self.coverage <= share + 1e-9)
            if within.size:
                i = within[-1]
                lines.append(
                    f"| {self.coverage[i]:.0%} | {self.thresholds[i]:.2f} | {self.risk[i]:.3f} |"
                )
        lines.append(f"\n{self.in_short}")
        return "\n".join(lines)

    def _repr_markdown_(self) -> str:
        return safe_markdown(self.to_markdown())


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """What abstaining buys: at each threshold, the share answered and its mean error.

    All arrays have shape (n_thresholds,), from the highest threshold to the lowest; an item is
    answered when its confidence is at least the threshold.
    """

    threshold: FloatArray
    coverage: FloatArray
    risk: FloatArray
    n: int

    @property
    def area(self) -> float:
        """Mean risk over coverage (AURC): lower is better, nan without items."""
        if not self.n:
            return float("nan")
        return float((self.risk * np.diff(self.coverage, prepend=0.0)).sum())


def traced(confidence: npt.ArrayLike, error: npt.ArrayLike) -> Trace:
    """Trace risk against coverage.

    Parameters
    ----------
    confidence : array of shape (n,)
    error : array of shape (n,)
        What each answer costs: 1 for wrong and 0 for right, or a distance.

    References
    ----------
    Geifman and El-Yaniv (2017), Selective Classification for Deep Neural Networks, NeurIPS.
    """
    sure, cost = np.asarray(confidence, dtype=float), np.asarray(error, dtype=float)
    if sure.shape != cost.shape or sure.ndim != 1:
        raise DataError(f"{sure.size} confidences but {cost.size} errors.")
    order = np.argsort(-sure, kind="stable")
    sure, cost = sure[order], cost[order]
    # Equal confidences are answered together or not at all.
    last = np.flatnonzero(np.append(sure[:-1] != sure[1:], True)) if sure.size else np.arange(0)
    answered = last + 1
    return Trace(
        sure[last], answered / max(sure.size, 1), np.cumsum(cost)[last] / answered, int(sure.size)
    )


def risk_coverage(
    confidence: npt.ArrayLike,
    loss: npt.ArrayLike,
    clusters: npt.ArrayLike | Sequence[Any] | None = None,
    *,
    n_resamples: int = 1000,
    seed: int = 7,
) -> RiskCoverageCurve:
    """Trace risk against coverage, with an interval of the area.

    Parameters
    ----------
    confidence : array of shape (n,)
    loss : array of shape (n,), 0-1
        What each answer costs: 1 for wrong and 0 for right, or the share of raters who disagree.
    clusters : array of shape (n,), optional
        Conversation of each item; the interval draws whole ones.
    n_resamples, seed : int
        As in `bootstrap`.

    Raises
    ------
    DataError
        If the arrays do not fit together or hold no usable numbers.

    References
    ----------
    Geifman and El-Yaniv (2017), Selective Classification for Deep Neural Networks, NeurIPS.
    """
    sure, cost = _checked(confidence, loss)
    curve = traced(sure, cost)
    aurc = bootstrap(
        lambda a, b: traced(a, b).area,
        sure,
        cost,
        clusters=clusters,
        n_resamples=n_resamples,
        seed=seed,
    )
    return RiskCoverageCurve(curve.threshold, curve.coverage, curve.risk, aurc)


@dataclass(frozen=True, slots=True)
class AbstentionThreshold:
    """The confidence from which answers are given, and what was found there.

    Attributes
    ----------
    threshold : float or None
        Lowest confidence to accept; None where no threshold keeps within the risk, so that
        everything is abstained on.
    coverage : float
        Share of the items that are accepted.
    observed : float or None
        The risk found at the threshold; None where nothing is accepted.
    risk : float
        The risk stated.
    delta : float or None
        Largest probability that the true risk is above the one stated; None for ``crc``, which
        limits its expectation only.
    method : {"ltt", "crc"}
    n, n_clusters : int
        Items, and independent units.
    """

    threshold: float | None
    coverage: float
    observed: float | None
    risk: float
    delta: float | None
    method: Method
    n: int
    n_clusters: int

    def to_dict(self) -> dict[str, float | int | str | None]:
        """Return the fields as JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        stated = f"a risk of {self.risk:.0%}"
        stated += (
            " in expectation" if self.delta is None else f" at {1 - self.delta:.0%} confidence"
        )
        if self.threshold is None:
            return f"abstain always: no threshold reaches {stated}, n={self.n}"
        return (
            f"answer from confidence {self.threshold:.2f}: coverage {self.coverage:.0%}, "
            f"risk found {self.observed:.1%}, for {stated}, n={self.n}"
        )

    def _repr_markdown_(self) -> str:
        return safe_markdown(str(self))


def abstention_threshold(
    confidence: npt.ArrayLike,
    loss: npt.ArrayLike,
    *,
    risk: float,
    delta: float = 0.1,
    clusters: npt.ArrayLike | Sequence[Any] | None = None,
    method: Method = "ltt",
    grid: npt.ArrayLike | None = None,
) -> AbstentionThreshold:
    """Find the lowest confidence at which answers keep within a stated risk on further data.

    ``ltt`` (Learn then Test) limits the risk *among accepted answers*. Each threshold of the grid
    has the null hypothesis that its risk is above the one stated. They are tested from the
    strictest down, each at level `delta`, until the first that cannot be rejected (fixed-sequence
    testing); so the chosen threshold breaks the stated risk with probability `delta` at most.
    P-values are exact binomial where every cluster has one item and losses are 0 or 1, otherwise
    Hoeffding-Bentkus. A test of a handful of answers would end the sequence whatever they are
    worth, so the first one takes 15 % of the clusters at least, and enough to bear two faults (one
    or none where that would take more than 45 %). That start looks at no loss. With it the bound
    is exact where risk does not rise with the threshold; where the most confident answers are the
    worst, chance has a say in how many of them the first test sees.

    ``crc`` (conformal risk control) limits the expected share of *all* items that are accepted and
    wrong. It cannot limit the risk among the accepted: it needs a loss that never grows as the
    threshold rises, and a mean over fewer answers may grow (dropping a right one raises it).

    Parameters
    ----------
    confidence : array of shape (n,)
        Of items that the model has not learned from.
    loss : array of shape (n,), 0-1
        1 for wrong and 0 for right, or the share of raters who disagree.
    risk : float
        Largest acceptable mean loss, 0.1 for 10 % disagreement.
    delta : float
        Largest acceptable probability that the risk is broken; ``crc`` has no use for it.
    clusters : array of shape (n,), optional
        Conversation of each item, where it has several. Items of one cluster are dependent, so the
        cluster counts once, with the mean loss of its accepted items: the risk is then that of
        one conversation, and conversations (not items) must be exchangeable.
    method : {"ltt", "crc"}
    grid : array of shape (n_thresholds,), optional
        Thresholds to choose from, not derived from these losses. Default: 0, 0.01 ... 1, for
        confidences that are probabilities.

    Raises
    ------
    DataError
        If the arrays do not fit together or hold no usable numbers, or `risk` or `delta` is not
        between 0 and 1.

    References
    ----------
    Angelopoulos, Bates, Candès, Jordan and Lei (2021), Learn then Test, arXiv:2110.01052.
    Angelopoulos, Bates, Fisch, Lei and Schuster (2024), Conformal Risk Control, ICLR.
    Bates, Angelopoulos, Lei, Malik and Jordan (2021), Distribution-Free, Risk-Controlling
    Prediction Sets, Journal of the ACM 68(6) (the Hoeffding-Bentkus inequality).
    """
    sure, cost = _checked(confidence, loss)
    for name, value in (("risk", risk), ("delta", delta)):
        if not 0 < value < 1:
            raise DataError(f"{name} must be between 0 and 1, found {value}.")
    if grid is None and ((sure < -_ROUNDING) | (sure > 1 + _ROUNDING)).any():
        raise DataError("Confidences outside 0-1 need a `grid` of thresholds of their own.")
    thresholds = np.unique(_GRID if grid is None else np.asarray(grid, dtype=float))[::-1]
    codes, n_clusters = (
        (np.arange(sure.size), sure.size) if clusters is None else cluster_codes(clusters)
    )
    if codes.shape != sure.shape:
        raise DataError(f"{sure.size} confidences but {codes.size} clusters.")
    found = (
        _learn_then_test(sure, cost, codes, n_clusters, thresholds, risk, delta)
        if method == "ltt"
        else _conformal(sure, cost, codes, n_clusters, thresholds, risk)
    )
    threshold, observed = found if found is not None else (None, None)
    accepted = np.zeros(sure.size, dtype=bool) if threshold is None else sure >= threshold
    return AbstentionThreshold(
        threshold=threshold,
        coverage=float(accepted.mean()) if sure.size else 0.0,
        observed=observed,
        risk=risk,
        delta=delta if method == "ltt" else None,
        method=method,
        n=int(sure.size),
        n_clusters=n_clusters,
    )


def binomial_p_value(n_wrong: int, n: int, risk: float) -> float:
    """Probability of at most `n_wrong` wrong answers of `n`, were each wrong with `risk`."""
    from scipy.special import bdtr

    return float(bdtr(n_wrong, n, risk)) if n else 1.0


def hoeffding_bentkus_p_value(mean: float, n: int, risk: float) -> float:
    """P-value of "the expected loss is above `risk`" from the mean of `n` losses in 0-1.

    The smaller of Hoeffding's bound, ``exp(-n h(mean, risk))`` with the relative entropy h, and
    Bentkus' bound, e times the binomial probability of ``ceil(n mean)`` or fewer.
    """
    if not n:
        return 1.0
    low = min(mean, risk)
    entropy = low * math.log(low / risk) if low else 0.0
    if low < 1:
        entropy += (1 - low) * math.log((1 - low) / (1 - risk))
    # A sum of shares may miss its whole number by rounding.
    bentkus = math.e * binomial_p_value(math.ceil(n * mean - 1e-9), n, risk)
    return min(1.0, math.exp(-n * entropy), bentkus)


Chosen: TypeAlias = tuple[float, float]
"""A threshold and the risk found there."""


def _learn_then_test(
    sure: FloatArray,
    cost: FloatArray,
    codes: IntArray,
    n_clusters: int,
    thresholds: FloatArray,
    risk: float,
    delta: float,
) -> Chosen | None:
    # Decided by how the data are made up, the same at every threshold.
    binary = n_clusters == sure.size and bool(np.isin(cost, (0.0, 1.0)).all())

    def p_value(total: float, n: int) -> float:
        if binary:
            return binomial_p_value(round(total), n, risk)
        return hoeffding_bentkus_p_value(total / n, n, risk)

    start = _start(n_clusters, lambda faults, n: p_value(faults, n) <= delta)
    chosen: Chosen | None = None
    for threshold in thresholds:
        means = _accepted_means(sure, cost, codes, n_clusters, threshold)
        if len(means) < start:
            continue
        if p_value(float(means.sum()), len(means)) > delta:
            break
        chosen = float(threshold), float(means.mean())
    return chosen


def _start(n_clusters: int, passes: Callable[[int, int], bool]) -> float:
    """How many clusters the first test takes; infinite where not even all of them would do."""
    start = math.inf
    for faults in range(_FAULTS_AT_START + 1):
        needed = next((n for n in range(faults + 1, n_clusters + 1) if passes(faults, n)), math.inf)
        if faults and needed > _LATEST_START * n_clusters:
            break
        start = needed
    return max(start, _LEAST_START * n_clusters)


def _accepted_means(
    sure: FloatArray, cost: FloatArray, codes: IntArray, n_clusters: int, threshold: float
) -> FloatArray:
    """Mean loss of the accepted items of each cluster that has any."""
    accepted = sure >= threshold
    size = np.bincount(codes[accepted], minlength=n_clusters)
    total = np.bincount(codes[accepted], weights=cost[accepted], minlength=n_clusters)
    return np.asarray(total[size > 0] / size[size > 0])


def _conformal(
    sure: FloatArray,
    cost: FloatArray,
    codes: IntArray,
    n_clusters: int,
    thresholds: FloatArray,
    risk: float,
) -> Chosen | None:
    if not n_clusters:
        return None
    size = np.bincount(codes, minlength=n_clusters)
    chosen: Chosen | None = None
    for threshold in thresholds:
        total = np.bincount(codes, weights=cost * (sure >= threshold), minlength=n_clusters)
        observed = float((total / size).mean())
        # One more conversation may come, and its loss may be 1.
        if (n_clusters * observed + 1) / (n_clusters + 1) > risk:
            break
        chosen = float(threshold), observed
    return chosen


def _checked(confidence: npt.ArrayLike, loss: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    sure, cost = np.asarray(confidence, dtype=float), np.asarray(loss, dtype=float)
    if sure.shape != cost.shape or sure.ndim != 1:
        raise DataError(f"{sure.size} confidences but {cost.size} losses.")
    if not np.isfinite(sure).all():
        raise DataError("Confidences must be numbers; leave out items that were not answered.")
    if not ((cost >= 0) & (cost <= 1)).all():
        raise DataError("Losses must be between 0 and 1.")
    return sure, cost
