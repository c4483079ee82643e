"""Ways of choosing reviews, compared: what each finds and how well it estimates.

Drawn again and again from conversations whose labels are known, simulated or fully reviewed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.selection import checked_labels, likeliest_first
from autoqa.evaluation.tables import FloatArray, IntArray

Policy: TypeAlias = Literal["random", "flagged", "flagged_and_audit", "stratified", "uncertainty"]

POLICIES: tuple[Policy, ...] = get_args(Policy)

# Positions drawn, and the weight of each in a mean.
Draw: TypeAlias = Callable[[np.random.Generator], tuple[IntArray, FloatArray]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyResult:
    """What one way of choosing reviews finds, and how well it estimates the mean.

    Attributes
    ----------
    honest : bool
        Whether every conversation had a known chance of review; if not, `bias` does not go away
        with more reviews.
    found : Estimate
        Bad conversations found: mean, and the range of 95 % of the draws.
    enrichment : float
        `found` over what random reviews find on average.
    truth : float
        Mean over all conversations.
    bias : Estimate
        Mean of the estimates minus the truth, with the interval that the number of draws allows.
    rmse : float
        Root mean squared error of the estimates.
    """

    policy: Policy
    honest: bool
    n_reviews: int
    n_draws: int
    found: Estimate
    enrichment: float
    truth: float
    bias: Estimate
    rmse: float


def compare_policies(
    probability: npt.ArrayLike,
    bad: npt.ArrayLike,
    *,
    budget: int,
    values: npt.ArrayLike | None = None,
    policies: Sequence[Policy] = POLICIES,
    audit_share: float = 0.2,
    n_strata: int = 10,
    n_draws: int = 200,
    seed: int = 7,
) -> tuple[PolicyResult, ...]:
    """Draw reviews again and again under each policy, on conversations whose labels are known.

    ``random`` listens at random; ``flagged`` takes the likeliest bad ones; ``flagged_and_audit`` is
    `plan_reviews`; ``stratified`` draws from ranges of the probability, more where it is uncertain
    (Neyman allocation); ``uncertainty`` draws each with a probability that follows the standard
    deviation of its label, on top of an even share. Means are weighted by the inverse of the known
    probabilities (Hájek); ``flagged`` has none and takes the plain mean.

    Parameters
    ----------
    probability : array of shape (n_conversations,)
        Predicted probability of being bad.
    bad : bool array of shape (n_conversations,)
    budget : int
        Reviews per draw.
    values : array of shape (n_conversations,), optional
        What the mean is estimated of, such as QA totals; the share of bad ones where absent.
    policies : sequence of str
    audit_share : float
        Share of reviews that ``flagged_and_audit`` and ``uncertainty`` spread evenly.
    n_strata, n_draws, seed : int

    References
    ----------
    Cochran (1977), Sampling Techniques, chapters 5 and 9A. Zrnic and Candès (2024), Active
    Statistical Inference, arXiv 2403.03208.
    """
    chance, is_bad = checked_labels(probability, bad)
    wanted = is_bad.astype(float) if values is None else np.asarray(values, dtype=float)
    n = chance.size
    if ((chance < 0) | (chance > 1)).any():
        raise DataError("probability must lie in 0-1; calibrate scores first, or use their ranks.")
    if wanted.shape != chance.shape or not np.isfinite(wanted).all():
        raise DataError("values must be one number per conversation.")
    if not 2 <= budget <= n:
        raise DataError(f"A budget of {budget} for {n} conversations: review 2 to all of them.")
    order = likeliest_first(chance, np.random.default_rng(seed))
    draws: dict[str, Draw] = {
        "random": _random(n, budget),
        "flagged": _flagged(order, budget),
        "flagged_and_audit": _audited(order, budget, audit_share),
        "stratified": _stratified(chance, budget, n_strata),
        "uncertainty": _uncertain(chance, budget, audit_share),
    }
    truth, expected = float(wanted.mean()), budget * float(is_bad.mean())
    results = []
    for policy in policies:
        if policy not in draws:
            raise DataError(f"No policy '{policy}'; use {', '.join(POLICIES)}.")
        rng = np.random.default_rng(seed)
        found, estimates = np.empty(n_draws), np.empty(n_draws)
        for i in range(n_draws):
            chosen, weight = draws[policy](rng)
            found[i] = is_bad[chosen].sum()
            estimates[i] = np.average(wanted[chosen], weights=weight)
        low, high = np.quantile(found, (0.025, 0.975))
        bias = float(estimates.mean() - truth)
        half = 1.96 * float(estimates.std(ddof=1)) / math.sqrt(n_draws)
        results.append(
            PolicyResult(
                policy=policy,
                honest=policy != "flagged",
                n_reviews=budget,
                n_draws=n_draws,
                found=Estimate(float(found.mean()), float(low), float(high), n, n),
                enrichment=float(found.mean()) / expected if expected else math.nan,
                truth=truth,
                bias=Estimate(bias, bias - half, bias + half, n, n),
                rmse=float(np.sqrt(np.mean((estimates - truth) ** 2))),
            )
        )
    return tuple(results)


def _random(n: int, budget: int) -> Draw:
    even = np.ones(budget)
    return lambda rng: (rng.choice(n, budget, replace=False, shuffle=False), even)


def _flagged(order: IntArray, budget: int) -> Draw:
    chosen, even = order[:budget], np.ones(budget)
    return lambda _: (chosen, even)


def _audited(order: IntArray, budget: int, audit_share: float) -> Draw:
    audits = max(2, round(audit_share * budget))
    flagged, rest = order[: budget - audits], order[budget - audits :]
    weight = np.repeat([1.0, rest.size / audits], [flagged.size, audits])

    def draw(rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        drawn = rest[rng.choice(rest.size, audits, replace=False, shuffle=False)]
        return np.concatenate([flagged, drawn]), weight

    return draw


def _stratified(chance: FloatArray, budget: int, n_strata: int) -> Draw:
    strata = np.array_split(np.argsort(chance, kind="stable"), max(1, min(n_strata, budget // 2)))
    sizes = np.array([len(stratum) for stratum in strata])
    spread = np.array([math.sqrt(p * (1 - p)) for p in (chance[s].mean() for s in strata)])
    counts = _allocated(sizes, sizes * np.maximum(spread, 1e-3), budget)
    weight = np.repeat(sizes / counts, counts)

    def draw(rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        chosen = [
            stratum[rng.choice(len(stratum), count, replace=False, shuffle=False)]
            for stratum, count in zip(strata, counts, strict=True)
        ]
        return np.concatenate(chosen), weight

    return draw


def _allocated(sizes: IntArray, wish: FloatArray, budget: int) -> IntArray:
    """Share out the reviews by `wish`: two per stratum at least, and none twice."""
    counts = np.minimum(sizes, 2)
    while (left := budget - int(counts.sum())) > 0:
        room = counts < sizes
        ideal = np.where(room, wish / wish[room].sum() * budget, 0.0)
        # One at a time to the stratum furthest below its wish, or in bulk while there are many.
        short = np.clip(ideal - counts, 0, None) + np.where(room, 1e-9, 0.0)
        step = np.minimum(np.floor(short / short.sum() * left).astype(np.int64), sizes - counts)
        if not step.any():
            step = (np.arange(len(sizes)) == int(short.argmax())).astype(np.int64)
        counts = counts + step
    return np.asarray(counts, dtype=np.int64)


def _uncertain(chance: FloatArray, budget: int, even_share: float) -> Draw:
    spread = np.sqrt(chance * (1 - chance))
    total = float(spread.sum())
    uneven = spread / total if total > 0 else np.full(chance.size, 1 / chance.size)
    wish = (1 - even_share) * uneven + even_share / chance.size
    inclusion, certain = np.minimum(budget * wish, 1.0), np.zeros(chance.size, dtype=bool)
    while ((inclusion >= 1) & ~certain).any():
        certain |= inclusion >= 1
        rest = (budget - certain.sum()) * wish / max(float(wish[~certain].sum()), 1e-300)
        inclusion = np.where(certain, 1.0, np.minimum(rest, 1.0))

    def draw(rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        # Systematic sampling along a random order: exact probabilities and a fixed number.
        order = rng.permutation(chance.size)
        steps = np.floor(np.cumsum(inclusion[order]) + rng.random() + 1e-9)
        chosen = order[np.diff(steps, prepend=0.0) > 0]
        return chosen, 1 / inclusion[chosen]

    return draw
