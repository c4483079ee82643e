"""Studies of reviews: prediction-powered means, reviews needed, review yield, policies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from autoqa.evaluation.prediction_powered import prediction_powered_means
from autoqa.evaluation.review_policies import compare_policies
from autoqa.evaluation.reviews_needed import reviews_needed
from autoqa.evaluation.selection import plan_reviews, review_yield
from autoqa.evaluation.tables import FloatArray
from autoqa.experiments.planted_truth.recovery import DecisionStudy, Planted, Study, point

_TEAMS, _SCORED, _REVIEWED = 40, 120, 15
_CORRELATION = 0.7


def _totals(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Return human totals, in whole points with many at 100, and automated ones 5 points above."""
    read = rng.normal(size=shape)
    human = _CORRELATION * read + math.sqrt(1 - _CORRELATION**2) * rng.normal(size=shape)
    return np.clip(np.round(88 + 10 * human), 0, 100), 93 + 8 * read


def _powered(seed: int) -> dict[str, list[Planted]]:
    rng = np.random.default_rng([seed, 40])
    human, automated = _totals(rng, (_TEAMS, _SCORED))
    drawn = rng.random(human.shape).argsort(axis=1) < _REVIEWED
    groups = np.repeat(np.arange(_TEAMS), _SCORED)
    truth = human.mean(axis=1)
    seen = np.where(drawn, human, np.nan).ravel()
    figures = {}
    for name, tuning in (("own tuning", "own"), ("pooled tuning", "pooled"), ("people alone", 0.0)):
        found = prediction_powered_means(
            seen,
            automated.ravel(),
            probabilities="equal",
            groups=groups,
            tuning=tuning,  # type: ignore[arg-type]
        )
        figures[f"mean QA of a team, {name}"] = [
            (one.estimate, float(truth[int(one.group)])) for one in found
        ]
    return figures


def _flagged(seed: int) -> dict[str, list[Planted]]:
    """Most reviews go to the lowest automated scores, a fifth at random, with known chances."""
    rng = np.random.default_rng([seed, 41])
    human, automated = _totals(rng, (400,))
    plan = plan_reviews(-automated, budget=80, audit_share=0.3, seed=seed)
    seen = np.where(plan.chosen, human, np.nan)
    (found,) = prediction_powered_means(seen, automated, probabilities=plan.probabilities)
    (naive,) = prediction_powered_means(seen, automated, probabilities="equal", tuning=0.0)
    truth = float(human.mean())
    return {
        "mean QA, flags weighted by their chance": [(found.estimate, truth)],
        "mean QA, flags taken as random": [(naive.estimate, truth)],
    }


def _needed(seed: int) -> dict[str, list[Planted]]:
    """Half-width that the planned number of reviews brings, against the one planned for (2)."""
    rng = np.random.default_rng([seed, 42])
    read = rng.normal(size=1000)
    human = 85 + 10 * (0.7 * read + math.sqrt(0.51) * rng.normal(size=1000))
    plan = reviews_needed(2.0, spread=10.0, correlation=0.7, n_scored=1000)
    widths = []
    for n, tuning in ((plan.with_scores, "own"), (plan.human_only, 0.0)):
        seen = np.full(1000, np.nan)
        drawn = rng.permutation(1000)[:n]
        seen[drawn] = human[drawn]
        (found,) = prediction_powered_means(
            seen,
            read,
            probabilities="equal",
            tuning=tuning,  # type: ignore[arg-type]
        )
        widths.append((found.estimate.high - found.estimate.low) / 2)
    return {
        "half-width with scores": [(point(widths[0]), 2.0)],
        "half-width by people alone": [(point(widths[1]), 2.0)],
    }


def _flags(rng: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray]:
    """Return calibrated probabilities of being bad (10 % are), and which are."""
    chance = rng.beta(0.5, 4.5, size=n)
    return chance, (rng.random(n) < chance).astype(float)


@lru_cache
def _true_enrichment() -> float:
    """Of reviewing the likeliest 5 %."""
    chance, bad = _flags(np.random.default_rng(1), 2_000_000)
    return float(bad[chance >= np.quantile(chance, 0.95)].mean() / bad.mean())


def _yield(seed: int) -> dict[str, list[Planted]]:
    chance, bad = _flags(np.random.default_rng([seed, 43]), 1500)
    (at,) = review_yield(chance, bad, reviews=[75], n_resamples=200, seed=seed).at
    return {"enrichment of 75 reviews": [(at.enrichment, _true_enrichment())]}


def _policies(seed: int) -> dict[str, list[Planted]]:
    chance, bad = _flags(np.random.default_rng([seed, 44]), 1000)
    found = compare_policies(chance, bad, budget=100, n_draws=50, seed=seed)
    return {
        f"share of bad calls, {one.policy}": [(point(one.truth + one.bias.value), one.truth)]
        for one in found
    }


def _honest(seed: int) -> dict[str, bool]:
    chance, bad = _flags(np.random.default_rng([seed, 44]), 1000)
    found = {p.policy: p for p in compare_policies(chance, bad, budget=100, n_draws=50, seed=seed)}
    return {
        "flags find more than random": found["flagged"].enrichment > found["random"].enrichment,
        "stratified errs less than random": found["stratified"].rmse < found["random"].rmse,
        "uncertainty errs less than random": found["uncertainty"].rmse < found["random"].rmse,
    }


STUDIES: Sequence[Study] = (
    Study(
        name="prediction-powered means",
        planted="correlation 0.7, automated scores 5 points too high, many totals at 100",
        n="15 of 120 conversations reviewed, 40 teams",
        simulate=_powered,
        simulations=100,
    ),
    Study(
        name="prediction-powered mean, flagged reviews",
        planted="the lowest scores reviewed, and 24 of the others at random",
        n="80 of 400 conversations reviewed",
        simulate=_flagged,
        simulations=1000,
    ),
    Study(
        name="reviews needed",
        planted="a half-width of 2 points",
        n="1,000 conversations",
        simulate=_needed,
    ),
    Study(
        name="review yield",
        planted="calibrated flags, a tenth of the calls bad",
        n="75 of 1,500 conversations reviewed",
        simulate=_yield,
    ),
    Study(
        name="review policies",
        planted="the same flags",
        n="100 of 1,000 conversations reviewed, 50 draws",
        simulate=_policies,
        simulations=100,
    ),
)

DECISIONS: Sequence[DecisionStudy] = (
    DecisionStudy(
        name="review policies",
        planted="calibrated flags, a tenth of the calls bad",
        n="100 of 1,000 conversations reviewed, 50 draws",
        simulate=_honest,
        wanted={
            "flags find more than random": ("at least", 0.99),
            "stratified errs less than random": ("at least", 0.9),
            "uncertainty errs less than random": ("at least", 0.75),
        },
        simulations=100,
    ),
)
