"""Studies of fairness and stability: gaps, swaps, repeatability, drift, agreement over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.stability.agreement_over_time import agreement_over_time
from autoqa.evaluation.stability.control_charts import control_chart
from autoqa.evaluation.stability.counterfactual import SWAP_LIMIT, SwapVerdict, swap_changes
from autoqa.evaluation.stability.drift import input_drift, kolmogorov_smirnov
from autoqa.evaluation.stability.fairness import GapVerdict, group_gaps
from autoqa.evaluation.stability.population_stability import population_stability
from autoqa.evaluation.stability.repeatability import repeatability
from autoqa.evaluation.tables import FloatArray
from autoqa.experiments.planted_truth.rating_worlds import rating
from autoqa.experiments.planted_truth.recovery import DecisionStudy, Planted, Study, point
from autoqa.records import RaterKind, Rating

_MONDAY = date(2025, 1, 6)
_GAP = 4.0


def _named(values: FloatArray) -> dict[str, float]:
    return dict(zip((f"c{i:05d}" for i in range(values.size)), values.tolist(), strict=True))


def _fairness(seed: int, gap: float) -> tuple[Estimate, Estimate, GapVerdict]:
    """Two groups of 25 agents that differ in quality by 6; the scorer errs by `gap` in one."""
    rng = np.random.default_rng([seed, 60])
    agent = np.repeat(np.arange(50), 8)
    group = agent % 2
    human = 80 + 6 * group + 5 * rng.normal(size=50)[agent] + 8 * rng.normal(size=agent.size)
    own = 3 * rng.normal(size=50)[agent]
    automated = human + own + 4 * rng.normal(size=agent.size) - gap * group
    names = _named(automated)
    found = group_gaps(
        names,
        {key: "ab"[g] for key, g in zip(names, group, strict=True)},
        human=_named(human),
        agents={key: f"agent {a}" for key, a in zip(names, agent, strict=True)},
        reference="a",
        n_resamples=200,
        seed=seed,
    )
    (score,), (error,) = found.of("automated"), found.of("error")
    return score.found.gap, error.found.gap, error.verdict


def _gaps(seed: int) -> dict[str, list[Planted]]:
    score, error, _ = _fairness(seed, _GAP)
    return {"gap of scores": [(score, 6 - _GAP)], "gap of errors": [(error, -_GAP)]}


def _gap_verdicts(seed: int) -> dict[str, bool]:
    fair, unfair = _fairness(seed, 0.0)[2], _fairness(seed, _GAP)[2]
    return {
        "a gap of errors where there is none": fair in (GapVerdict.LOWER, GapVerdict.HIGHER),
        "a gap of errors of 4 points": unfair is GapVerdict.LOWER,
    }


def _swaps(seed: int) -> dict[str, list[Planted]]:
    rng = np.random.default_rng([seed, 61])
    before = rng.normal(70, 10, 80)
    change = rng.normal(0.5, 1.0, 80)
    (found,) = swap_changes(
        _named(before), {"names": _named(before + change)}, n_resamples=200, seed=seed
    ).changes
    # Mean of |N(0.5, 1)|: sqrt(2 / pi) exp(-1 / 8) + 0.5 (2 Phi(0.5) - 1).
    size = math.sqrt(2 / math.pi) * math.exp(-0.125) + 0.5 * math.erf(0.5 / math.sqrt(2))
    return {
        "mean change": [(found.mean_change, 0.5)],
        "mean absolute change": [(found.mean_absolute_change, size)],
    }


def _swap_verdicts(seed: int) -> dict[str, bool]:
    """Changes whose mean size is exactly the limit and half of it."""
    rng = np.random.default_rng([seed, 62])
    before = rng.normal(70, 10, 80)
    size = rng.normal(0, SWAP_LIMIT * math.sqrt(math.pi / 2), 80)  # mean of |x| is the limit
    found = {
        one.kind: one.verdict
        for one in swap_changes(
            _named(before),
            {"limit": _named(before + size), "half": _named(before + size / 2)},
            n_resamples=200,
            seed=seed,
        ).changes
    }
    return {
        "withstood, at the limit": found["limit"] is SwapVerdict.WITHSTANDS,
        "withstood, at half of it": found["half"] is SwapVerdict.WITHSTANDS,
    }


def _repeats(seed: int) -> dict[str, list[Planted]]:
    """Three runs on 80 conversations; each answer is redrawn with probability 0.2."""
    rng = np.random.default_rng([seed, 63])
    truth = rng.integers(0, 3, 80)
    runs: dict[str, list[Rating]] = {}
    for run in range(3):
        redrawn = rng.random(80) < 0.2
        level = np.where(redrawn, rng.integers(0, 3, 80), truth)
        runs[f"run {run}"] = [
            rating(f"c{i:05d}", "scorer", int(v), kind=RaterKind.MODEL) for i, v in enumerate(level)
        ]
    (found,) = repeatability(runs, n_resamples=200, seed=seed).criteria
    # An answer is the true level with 0.8 + 0.2 / 3, either other one with 0.2 / 3.
    same, other = 0.8 + 0.2 / 3, 0.2 / 3
    pair = same**2 + 2 * other**2
    return {
        "share of items whose answer flips": [(found.flip_rate, 1 - same**3 - 2 * other**3)],
        "agreement of two runs": [(found.pairwise_agreement, pair)],
    }


_BEFORE, _NOW = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.3, 0.3, 0.22, 0.18])


def _shift(seed: int) -> dict[str, list[Planted]]:
    """A categorical input shifts; a numeric one moves up by 0.3 standard deviations."""
    rng = np.random.default_rng([seed, 64])
    first, second = (rng.choice(4, size=400, p=p) for p in (_BEFORE, _NOW))
    psi = population_stability(first, second, null="chi-square", seed=seed)
    a, b = rng.normal(size=300), rng.normal(0.3, 1, 300)
    true_psi = float(((_NOW - _BEFORE) * np.log(_NOW / _BEFORE)).sum())
    (found,) = input_drift({"turns": a}, {"turns": b}, n_resamples=200, seed=seed).drifts
    assert found.mean_difference is not None
    # Two normals 0.3 apart differ most in the middle: 2 Phi(0.15) - 1.
    distance = math.erf(0.15 / math.sqrt(2))
    return {
        "PSI beyond noise": [(psi.beyond_noise, true_psi)],
        "Kolmogorov-Smirnov distance": [(kolmogorov_smirnov(a, b).distance, distance)],
        "mean difference": [(found.mean_difference, 0.3)],
    }


def _alarms(seed: int) -> dict[str, bool]:
    rng = np.random.default_rng([seed, 65])
    steady = {f"input {i}": rng.gamma(2, 3, 300) for i in range(4)}
    same = {name: rng.gamma(2, 3, 200) for name in steady}
    moved = same | {"input 0": rng.gamma(2, 3, 200) + 1.5}
    return {
        "any drift of four steady inputs": bool(input_drift(steady, same, seed=seed).drifted),
        "drift of 0.35 standard deviations": "input 0"
        in [one.name for one in input_drift(steady, moved, seed=seed).drifted],
    }


def _weekly(weeks: Sequence[FloatArray]) -> tuple[dict[str, float], dict[str, date]]:
    values: dict[str, float] = {}
    dates: dict[str, date] = {}
    for week, scores in enumerate(weeks):
        for i, score in enumerate(scores):
            values[f"w{week}-{i}"] = float(score)
            dates[f"w{week}-{i}"] = _MONDAY + timedelta(weeks=week, days=i % 7)
    return values, dates


def _charts(seed: int) -> dict[str, bool]:
    """32 weeks that differ by 2 of their own accord; in one world the last 10 lie 10 lower."""
    rng = np.random.default_rng([seed, 66])
    means = 70 + rng.normal(0, 2, 32)
    weeks = [rng.normal(mean, 10, 25) for mean in means]
    fallen = [week - 10 * (i >= 22) for i, week in enumerate(weeks)]
    steady, moved = control_chart(*_weekly(weeks)), control_chart(*_weekly(fallen))
    return {
        "any of 20 steady weeks signalled": bool(steady.signals),
        "a fall of 10 points signalled": any(
            point.start >= _MONDAY + timedelta(weeks=22) for point in moved.signals
        ),
    }


def _months(
    rng: np.random.Generator, errors: Sequence[float], n: int
) -> tuple[list[Rating], list[Rating], dict[str, date]]:
    """Months in which a share `errors` of the automated ratings are guesses."""
    machine, human, dates = [], [], {}
    for month, error in enumerate(errors):
        truth = rng.integers(0, 3, n)
        said = np.where(rng.random(n) < 0.2, rng.integers(0, 3, n), truth)
        given = np.where(rng.random(n) < error, rng.integers(0, 3, n), truth)
        for i in range(n):
            key = f"m{month}-{i}"
            dates[key] = _MONDAY + timedelta(weeks=4 * month, days=i % 28)
            machine.append(rating(key, "model", int(given[i]), kind=RaterKind.MODEL))
            human.append(rating(key, "person", int(said[i])))
    return machine, human, dates


_FALLING = (0.1, 0.2, 0.3, 0.4, 0.5)


def _trend(seed: int) -> dict[str, list[Planted]]:
    """Kappa is 0.8 (1 - error) every month, for every weighting: it falls by 0.08 a month."""
    rng = np.random.default_rng([seed, 67])
    machine, human, dates = _months(rng, _FALLING, 80)
    history = agreement_over_time(machine, human, dates, n_resamples=200, seed=seed).histories[0]
    windows = [
        (window.kappa.automated, 0.8 * (1 - error))
        for window, error in zip(history.windows, _FALLING, strict=True)
        if window.kappa is not None
    ]
    return {"kappa of a month": windows, "trend per month": [(point(history.trend), -0.08)]}


def _changes(seed: int) -> dict[str, bool]:
    rng = np.random.default_rng([seed, 68])
    steady = agreement_over_time(*_months(rng, [0.3] * 5, 150), n_resamples=2, seed=seed)
    falling = agreement_over_time(*_months(rng, _FALLING, 150), n_resamples=2, seed=seed)
    return {
        "a change where there is none": bool(steady.histories[0].changed),
        "a fall from 0.72 to 0.40": bool(falling.histories[0].changed),
    }


STUDIES: Sequence[Study] = (
    Study(
        name="fairness gaps",
        planted="groups 6 points apart in quality; the scorer 4 points too severe on one",
        n="2 groups of 25 agents, 8 conversations each",
        simulate=_gaps,
        simulations=100,
    ),
    Study(
        name="counterfactual swaps",
        planted="changes with mean 0.5 and standard deviation 1",
        n="80 conversations",
        simulate=_swaps,
    ),
    Study(
        name="repeatability",
        planted="a fifth of the answers redrawn among 3 levels",
        n="80 conversations, 3 runs",
        simulate=_repeats,
        simulations=100,
    ),
    Study(
        name="drift of inputs and scores",
        planted="PSI 0.078; a mean 0.3 standard deviations up",
        n="400 and 300 conversations in each period",
        simulate=_shift,
        simulations=100,
    ),
    Study(
        name="agreement over time",
        planted="kappa from 0.72 to 0.40 in five months",
        n="80 conversations a month",
        simulate=_trend,
        simulations=60,
    ),
)

DECISIONS: Sequence[DecisionStudy] = (
    DecisionStudy(
        name="fairness gaps",
        planted="errors alike in both groups; 4 points apart",
        n="2 groups of 25 agents, 8 conversations each",
        simulate=_gap_verdicts,
        simulations=100,
        wanted={
            "a gap of errors where there is none": ("at most", 0.05),
            "a gap of errors of 4 points": ("at least", 0.8),
        },
    ),
    DecisionStudy(
        name="counterfactual swaps",
        planted="mean size of changes at the limit; at half of it",
        n="80 conversations",
        simulate=_swap_verdicts,
        wanted={
            "withstood, at the limit": ("at most", 0.025),
            "withstood, at half of it": ("at least", 0.8),
        },
    ),
    DecisionStudy(
        name="drift of inputs",
        planted="four inputs as before; one of them 1.5 up",
        n="300 conversations before, 200 now",
        simulate=_alarms,
        wanted={
            "any drift of four steady inputs": ("at most", 0.05),
            "drift of 0.35 standard deviations": ("at least", 0.8),
        },
        simulations=60,
    ),
    DecisionStudy(
        name="control chart",
        planted="weeks that differ by 2; a fall of 10 in the last 10",
        n="12 weeks of reference, 20 watched, 25 conversations each",
        simulate=_charts,
        wanted={
            "any of 20 steady weeks signalled": ("at most", 0.053),
            "a fall of 10 points signalled": ("at least", 0.8),
        },
    ),
    DecisionStudy(
        name="agreement over time",
        planted="the same kappa for five months; from 0.72 to 0.40",
        n="150 conversations a month",
        simulate=_changes,
        wanted={
            "a change where there is none": ("at most", 0.05),
            "a fall from 0.72 to 0.40": ("at least", 0.8),
        },
        simulations=60,
    ),
)
