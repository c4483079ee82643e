"""Bias and coverage of an estimator over repeated simulations, each with its Monte-Carlo error."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from autoqa.evaluation.intervals import Estimate

Planted: TypeAlias = tuple[Estimate, float]
"""What was estimated, and what was planted."""

Simulation: TypeAlias = Callable[[int], Mapping[str, Sequence[Planted]]]
"""From a seed to the estimates of one simulation, by figure; several where raters repeat."""

Trial: TypeAlias = Callable[[int], Mapping[str, bool]]
"""From a seed to what was decided in one simulation, by decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """An estimator, and how data with its truth planted are drawn.

    Attributes
    ----------
    name : str
    planted : str
        What is planted, in words.
    n : str
        Size of one simulation, in words.
    simulate : callable
    simulations : int
        How many the printed table rests on.
    """

    name: str
    planted: str
    n: str
    simulate: Simulation
    simulations: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How one figure came out over the simulations of a study.

    Attributes
    ----------
    truth : float
        Mean planted value.
    bias, bias_error : float
        Mean of estimate minus truth, and its Monte-Carlo standard error.
    spread : float
        Standard deviation of estimate minus truth: the error that a single study has.
    coverage, coverage_error : float
        Share of the intervals that hold the truth, and its Monte-Carlo standard error; nan where
        the estimator gives no interval.
    simulations, estimates : int
    """

    study: str
    figure: str
    truth: float
    bias: float
    bias_error: float
    spread: float
    coverage: float
    coverage_error: float
    simulations: int
    estimates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionStudy:
    """A decision, how the data are drawn, and how often it may (or should) fall.

    Attributes
    ----------
    wanted : mapping of decision to (kind, share)
        ``("at most", 0.025)`` of a false alarm, ``("at least", 0.8)`` of a discovery.
    """

    name: str
    planted: str
    n: str
    simulate: Trial
    wanted: Mapping[str, tuple[str, float]]
    simulations: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRate:
    """How often a decision fell, with the Monte-Carlo standard error of that share."""

    study: str
    decision: str
    share: float
    error: float
    simulations: int


def recover(study: Study, simulations: int | None = None, *, first: int = 0) -> list[Recovery]:
    """Run a study with the seeds `first`, `first` + 1 ... and return one entry per figure.

    Estimates of one simulation depend on each other, so Monte-Carlo errors are those of the means
    per simulation.
    """
    n = study.simulations if simulations is None else simulations
    errors: dict[str, list[list[float]]] = defaultdict(list)
    held: dict[str, list[list[float]]] = defaultdict(list)
    truths: dict[str, list[float]] = defaultdict(list)
    for seed in range(first, first + n):
        for figure, found in study.simulate(seed).items():
            errors[figure].append([estimate.value - truth for estimate, truth in found])
            held[figure].append([_holds(estimate, truth) for estimate, truth in found])
            truths[figure] += [truth for _, truth in found]
    return [
        Recovery(
            study=study.name,
            figure=figure,
            truth=float(np.mean(truths[figure])),
            **dict(zip(("bias", "bias_error"), _mean(errors[figure]), strict=True)),
            spread=float(np.std([e for once in errors[figure] for e in once])),
            **dict(zip(("coverage", "coverage_error"), _mean(held[figure]), strict=True)),
            simulations=n,
            estimates=sum(map(len, errors[figure])),
        )
        for figure in errors
    ]


def decide(
    study: DecisionStudy, simulations: int | None = None, *, first: int = 0
) -> list[DecisionRate]:
    """Run a study of decisions with the seeds `first`, `first` + 1 ..."""
    n = study.simulations if simulations is None else simulations
    fell: dict[str, list[bool]] = defaultdict(list)
    for seed in range(first, first + n):
        for decision, yes in study.simulate(seed).items():
            fell[decision].append(yes)
    return [
        DecisionRate(
            study=study.name,
            decision=decision,
            share=float(np.mean(yes)),
            error=math.sqrt(np.mean(yes) * (1 - np.mean(yes)) / n),
            simulations=n,
        )
        for decision, yes in fell.items()
    ]


def point(value: float) -> Estimate:
    """Return an estimate without interval."""
    return Estimate(float(value), math.nan, math.nan, 0, 0)


def _holds(estimate: Estimate, truth: float) -> float:
    return float(estimate.low <= truth <= estimate.high) if estimate.known else math.nan


def _mean(by_simulation: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Mean over everything, and its error from the means of the simulations."""
    means = np.array([np.mean(once) for once in by_simulation])
    error = means.std(ddof=1) / math.sqrt(len(means)) if len(means) > 1 else math.nan
    return float(np.mean([one for once in by_simulation for one in once])), float(error)
