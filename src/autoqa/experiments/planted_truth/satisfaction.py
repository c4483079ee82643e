"""Studies of QA against CSAT: association, quadrants, drivers, weights, survey truth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from autoqa.evaluation.alignment import (
    ASSOCIATIONS,
    associate,
    association_difference,
    positive_share_by_band,
)
from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.quadrants import QUADRANTS, place_agents
from autoqa.evaluation.surveys.distribution_matching import (
    distribution_error,
    level_shares,
    match_distribution,
)
from autoqa.evaluation.surveys.response import survey_truth
from autoqa.evaluation.tables import FloatArray, IntArray
from autoqa.experiments.planted_truth.recovery import Planted, Study, point

_AGENTS, _CALLS = 40, 15
N_RESAMPLES = 200


def _centre(
    rng: np.random.Generator, n_agents: int
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """Return agents, human totals, automated totals, CSAT; a fifth of it lies between agents."""
    agent = np.repeat(np.arange(n_agents), _CALLS)
    quality = math.sqrt(0.2) * rng.normal(size=n_agents)[agent]
    quality = quality + math.sqrt(0.8) * rng.normal(size=agent.size)
    human = np.clip(np.round(85 + 10 * (quality + 0.5 * rng.normal(size=agent.size))), 0, 100)
    automated = np.clip(85 + 10 * (quality + 1.0 * rng.normal(size=agent.size)), 0, 100)
    felt = 0.5 * quality + 0.87 * rng.normal(size=agent.size)
    csat = np.digitize(felt, [-1.3, -0.8, -0.2, 0.6]) / 4
    return agent, human, automated, csat


@lru_cache
def _true_associations() -> Mapping[str, float]:
    _, human, automated, csat = _centre(np.random.default_rng(1), 8_000)
    found: dict[str, float] = {}
    for side, totals in (("human", human), ("automated", automated)):
        for name, estimate in associate(totals, csat, n_resamples=0).items():
            found[f"{side} {name}"] = estimate.value
    bands = positive_share_by_band(human, csat, n_resamples=0)
    return found | {"bands": bands.difference.value}


def _association(seed: int) -> dict[str, list[Planted]]:
    agent, human, automated, csat = _centre(np.random.default_rng([seed, 30]), _AGENTS)
    how = {"clusters": agent, "n_resamples": N_RESAMPLES, "seed": seed}
    found = association_difference(automated, human, csat, **how)  # type: ignore[arg-type]
    true = _true_associations()
    bands = positive_share_by_band(human, csat, **how)  # type: ignore[arg-type]
    figures: dict[str, list[Planted]] = {}
    for name in ASSOCIATIONS:
        gap = true[f"automated {name}"] - true[f"human {name}"]
        figures[f"{name}, human QA"] = [(found["human"][name], true[f"human {name}"])]
        figures[f"{name}, automated minus human"] = [(found["difference"][name], gap)]
    return figures | {
        "positive CSAT, QA 95 and more minus less": [(bands.difference, true["bands"])]
    }


def _quadrants(seed: int) -> dict[str, list[Planted]]:
    """Agents' true means with standard deviations 4 points and 0.08; half of calls surveyed."""
    rng = np.random.default_rng([seed, 31])
    between = np.array([[16.0, 0.4 * 4 * 0.08], [0.4 * 4 * 0.08, 0.0064]])
    true = rng.multivariate_normal([80, 0.7], between, size=25)
    agent = np.repeat(np.arange(25), 5 + rng.poisson(25, 25))
    total = true[agent, 0] + 10 * rng.normal(size=agent.size)
    csat = true[agent, 1] + 0.3 * rng.normal(size=agent.size)
    csat[rng.random(agent.size) > 0.5] = np.nan
    found = place_agents(agent, total, csat, qa_line=80.0, csat_line=0.7)
    placed = [(one, true[int(one.agent)]) for one in found.agents]
    right = [
        (
            point(one.probability),
            float(one.quadrant == QUADRANTS[2 * bool(mean[1] < 0.7) + bool(mean[0] < 80)]),
        )
        for one, mean in placed
    ]
    return {
        "mean QA of an agent": [(one.qa, float(mean[0])) for one, mean in placed],
        "mean CSAT of an agent": [(one.csat, float(mean[1])) for one, mean in placed],
        "probability of the quadrant shown": right,
        "the same, where below 0.6": [pair for pair in right if pair[0].value < 0.6],
        "the same, where 0.6 or more": [pair for pair in right if pair[0].value >= 0.6],
    }


def _surveyed(
    rng: np.random.Generator, n: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return answers (nan: silent), features, everybody's CSAT, and each one's chance to answer."""
    wait, queue = rng.normal(size=(2, n))
    csat = np.digitize(-0.8 * wait + rng.normal(size=n), [-1.5, -0.8, 0, 0.8]) / 4
    chance = 1 / (1 + np.exp(1.2 - 0.7 * wait - 0.3 * queue))
    said = np.where(rng.random(n) < chance, csat, np.nan)
    return said, np.column_stack([wait, queue]), csat, chance


@lru_cache
def _everybody() -> Mapping[str, float]:
    _, _, csat, _ = _surveyed(np.random.default_rng(1), 1_000_000)
    return {
        "mean": float(csat.mean()),
        "dissatisfied": float((csat < 0.5).mean()),
        "positive": float((csat > 0.5).mean()),
        "top_box": float((csat >= 1).mean()),
    }


def _survey_truth(seed: int, *, n: int) -> dict[str, list[Planted]]:
    said, features, _, _ = _surveyed(np.random.default_rng([seed, 32]), n)
    found = survey_truth(said, features, odds_ratios=()).figures
    true = _everybody()
    return {"mean, unweighted": [(found["mean"].before, true["mean"])]} | {
        f"{name}, weighted": [(found[name].after, true[name])] for name in true
    }


def _sensitivity(seed: int) -> dict[str, list[Planted]]:
    """The answer itself moves the odds of answering by 2.25: within 1.5 of their middle."""
    rng = np.random.default_rng([seed, 33])
    wait, n = rng.normal(size=2000), 2000
    csat = np.digitize(-0.8 * wait + rng.normal(size=n), [-1.5, -0.8, 0, 0.8]) / 4
    chance = 1 / (1 + np.exp(1.2 - 0.7 * wait + math.log(2.25) * (csat - 0.5)))
    said = np.where(rng.random(n) < chance, csat, np.nan)
    mean = survey_truth(said, wait[:, None], odds_ratios=(1.5,)).figures["mean"]
    bound = mean.sensitivity[0]
    outer = Estimate((bound.low + bound.high) / 2, bound.outer_low, bound.outer_high, n, n)
    true = _everybody()["mean"]
    return {
        "mean, weighted": [(mean.after, true)],
        "mean, bounds at odds ratio 1.5": [(outer, true)],
    }


LEVELS = (1, 2, 3, 4, 5)


def _matching(seed: int) -> dict[str, list[Planted]]:
    """Cuts made on one half, with weights for who answers; judged against the other half."""
    rng = np.random.default_rng([seed, 34])
    said, features, csat, _ = _surveyed(rng, 3000)
    score = csat + 0.5 * rng.normal(size=csat.size)
    first = np.arange(csat.size) < csat.size // 2
    answers, truth = 4 * said + 1, 4 * csat + 1
    weights = survey_truth(said, features, odds_ratios=()).weights
    shares = level_shares(answers[first], LEVELS, weights=weights[first])
    matched = match_distribution(score[first], LEVELS, shares).predict(score)
    plain = match_distribution(score[first], LEVELS, level_shares(answers[first], LEVELS))
    mean = matched[~first].mean() - truth[~first].mean()
    unweighted = plain.predict(score[~first]).mean() - truth[~first].mean()
    # Everybody of the second half answers here, so the error of the predictions is seen whole.
    fixed = np.digitize(score, [0.2, 0.45, 0.7, 0.95]) + 1.0
    judged = distribution_error(fixed[~first], answers[~first], LEVELS, weights=weights[~first])
    return {
        "mean level, matched to weighted answers": [(point(mean), 0.0)],
        "mean level, matched to plain answers": [(point(unweighted), 0.0)],
        "error of fixed cuts, mean": [(judged.mean, _true_error()[0])],
        "error of fixed cuts, shares": [
            (one, true) for one, true in zip(judged.shares, _true_error()[1:], strict=True)
        ],
    }


@lru_cache
def _true_error() -> tuple[float, ...]:
    rng = np.random.default_rng(2)
    _, _, csat, _ = _surveyed(rng, 1_000_000)
    fixed = np.digitize(csat + 0.5 * rng.normal(size=csat.size), [0.2, 0.45, 0.7, 0.95]) + 1.0
    truth = 4 * csat + 1
    gaps = level_shares(fixed, LEVELS) - level_shares(truth, LEVELS)
    return (float(fixed.mean() - truth.mean()), *map(float, gaps))


STUDIES: Sequence[Study] = (
    Study(
        name="association of totals and CSAT",
        planted="quality moves CSAT, a fifth of it the agent's; automated totals noisier",
        n="40 agents, 15 conversations each",
        simulate=_association,
        simulations=200,
    ),
    Study(
        name="agent quadrants",
        planted="true means with sd 4 points and 0.08, correlation 0.4",
        n="25 agents, about 30 conversations each",
        simulate=_quadrants,
        simulations=200,
    ),
    Study(
        name="survey truth",
        planted="those who waited are unhappier and answer more",
        n="1,500 conversations, 27 % surveyed",
        simulate=lambda seed: _survey_truth(seed, n=1500),
        simulations=1000,
    ),
    Study(
        name="survey truth, few answers",
        planted="the same",
        n="400 conversations, 27 % surveyed",
        simulate=lambda seed: _survey_truth(seed, n=400),
        simulations=1000,
    ),
    Study(
        name="survey truth, sensitivity bounds",
        planted="the answer itself moves the odds of answering by 2.25",
        n="2,000 conversations",
        simulate=_sensitivity,
        simulations=500,
    ),
    Study(
        name="distribution matching",
        planted="scores with error; those who waited answer more",
        n="3,000 conversations, half of them held out",
        simulate=_matching,
        simulations=300,
    ),
)
