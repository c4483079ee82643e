"""Agents in the four quadrants of QA and CSAT, and how sure each place is.

Means of few conversations scatter, so each agent's pair of means is pulled towards the centre's, as
far as the scatter within agents and the differences between them ask for (a bivariate normal-normal
model). What is not known of those differences is averaged over, not fixed at its best guess: with
few agents that is most of the uncertainty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.shrinkage import Posterior, shrink_pairs
from autoqa.evaluation.tables import FloatArray, IntArray, ratio

Quadrant: TypeAlias = Literal["strong", "liked", "correct", "struggling"]
"""strong: QA and CSAT high; liked: CSAT only; correct: QA only; struggling: neither."""

QUADRANTS: tuple[Quadrant, ...] = ("strong", "liked", "correct", "struggling")

MIN_TO_SHRINK = 4
"""Fewer agents than this say nothing about how much agents differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPlacement:
    """Where one agent stands.

    Attributes
    ----------
    qa, csat : Estimate
        Shrunken means (QA total; share of the CSAT scale) with 95 % credible intervals. The
        observed means, without interval, where there are fewer than `MIN_TO_SHRINK` agents.
    observed_qa, observed_csat : float
        Plain means.
    n_qa, n_csat : int
        Totals and surveys behind them.
    quadrant : Quadrant
        Where the shrunken means lie; on a line counts as high.
    probability : float
        That the agent's true means lie in that quadrant; nan where nothing could be shrunk.
    probabilities : mapping of Quadrant to float
        Of all four; they sum to 1.
    """

    agent: str
    qa: Estimate
    csat: Estimate
    observed_qa: float
    observed_csat: float
    n_qa: int
    n_csat: int
    quadrant: Quadrant
    probability: float
    probabilities: Mapping[Quadrant, float]


@dataclass(frozen=True, slots=True)
class NotPlaced:
    """An agent with too few totals or surveys to be shown in a quadrant."""

    agent: str
    n_qa: int
    n_csat: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quadrants:
    """All agents, and the lines between the quadrants.

    Attributes
    ----------
    qa_reliability, csat_reliability : float
        Share of the variance of agents' observed means that is true difference between agents, 0-1,
        averaged over agents; nan where nothing could be shrunk.
    """

    qa_line: float
    csat_line: float
    agents: tuple[AgentPlacement, ...]
    not_placed: tuple[NotPlaced, ...]
    min_n: int
    qa_reliability: float
    csat_reliability: float


@dataclass(frozen=True, slots=True)
class _AgentSums:
    """Per-agent counts and means (agents x 2: QA, CSAT), and pooled scatter within agents."""

    names: tuple[str, ...]
    n: IntArray
    mean: FloatArray
    n_both: IntArray
    within: FloatArray  # covariance matrix of one conversation's total and answer

    def errors(self, keep: npt.NDArray[np.bool_]) -> FloatArray:
        """Return the sampling covariance of each kept agent's two means, (n_kept, 2, 2)."""
        n = self.n[keep].astype(float)
        out = np.empty((len(n), 2, 2))
        out[:, 0, 0], out[:, 1, 1] = self.within[0, 0] / n[:, 0], self.within[1, 1] / n[:, 1]
        # Only conversations with both a total and an answer tie the two errors together.
        shared = self.within[0, 1] * self.n_both[keep] / (n[:, 0] * n[:, 1])
        out[:, 0, 1] = out[:, 1, 0] = shared
        return out


def _summed(agents: Sequence[Any] | npt.ArrayLike, values: FloatArray) -> _AgentSums:
    names, codes = np.unique(np.asarray(agents), return_inverse=True)
    size, there = len(names), np.isfinite(values)
    n = np.column_stack([np.bincount(codes[there[:, d]], minlength=size) for d in (0, 1)])
    filled = np.where(there, values, 0.0)
    totals = np.column_stack([np.bincount(codes, filled[:, d], size) for d in (0, 1)])
    mean = ratio(totals, n)
    away = np.where(there, values - mean[codes], 0.0)
    within = np.zeros((2, 2))
    for d in (0, 1):
        within[d, d] = float(away[:, d] @ away[:, d]) / max(int((n[:, d] - 1).clip(0).sum()), 1)
    both = there.all(axis=1)
    n_both = np.bincount(codes[both], minlength=size)
    pairs, pair_codes = values[both], codes[both]
    centre = ratio(
        np.column_stack([np.bincount(pair_codes, pairs[:, d], size) for d in (0, 1)]),
        n_both[:, None],
    )
    apart = pairs - centre[pair_codes]
    free = max(int((n_both - 1).clip(0).sum()), 1)
    most = 0.99 * np.sqrt(within[0, 0] * within[1, 1])
    within[0, 1] = within[1, 0] = np.clip(float(apart[:, 0] @ apart[:, 1]) / free, -most, most)
    return _AgentSums(tuple(map(str, names)), n.astype(np.int64), mean, n_both, within)


def place_agents(
    agents: npt.ArrayLike | Sequence[Any],
    totals: npt.ArrayLike,
    csat: npt.ArrayLike,
    *,
    min_n: int = 5,
    qa_line: float | None = None,
    csat_line: float | None = None,
) -> Quadrants:
    """Place agents in the four quadrants of QA and CSAT.

    Parameters
    ----------
    agents : array of shape (n_conversations,)
    totals, csat : array of shape (n_conversations,)
        QA total, and answer as a share of the CSAT scale; nan where there is none.
    min_n : int
        Fewest totals, and fewest surveys, an agent needs to be placed.
    qa_line, csat_line : float, optional
        Where a quadrant begins. Where absent, at the average of these agents: then about half lie
        below whatever they do, and a quadrant is a place among colleagues, not a verdict.

    Notes
    -----
    True means of agents are taken to be bivariate normal, and conversations to scatter about them
    with one covariance for all agents. Priors are flat over the two variances between agents, whose
    intervals hold the truth about as often as stated (Morris and Tang 2011), their correlation, and
    the centre's means. With 25 agents the probability of the quadrant shown is 2 points too high on
    average.

    References
    ----------
    Efron and Morris (1975), Journal of the American Statistical Association 70, 311-319.
    Morris (1983), Journal of the American Statistical Association 78, 47-55.
    Morris and Tang (2011), Statistical Science 26(2), 271-287.
    """
    values = np.column_stack([np.asarray(totals, dtype=float), np.asarray(csat, dtype=float)])
    if len(np.asarray(agents)) != len(values):
        raise DataError(f"{len(np.asarray(agents))} agents for {len(values)} conversations.")
    sums = _summed(agents, values)
    keep = sums.n.min(axis=1) >= min_n if len(sums.n) else np.zeros(0, dtype=bool)
    not_placed = tuple(
        NotPlaced(name, int(n[0]), int(n[1]))
        for name, n, kept in zip(sums.names, sums.n, keep, strict=True)
        if not kept
    )
    names = [name for name, kept in zip(sums.names, keep, strict=True) if kept]
    means, counts = sums.mean[keep], sums.n[keep]
    lines = (qa_line, csat_line)
    found = None
    if len(names) >= MIN_TO_SHRINK:
        found = shrink_pairs(means, sums.errors(keep), lines)
    shown = means if found is None else found.mean
    centre = shown.mean(axis=0) if len(names) else np.full(2, np.nan)
    drawn = [float(centre[d]) if line is None else line for d, line in enumerate(lines)]
    return Quadrants(
        qa_line=drawn[0],
        csat_line=drawn[1],
        agents=tuple(
            _placement(name, i, shown, means, counts, drawn, found) for i, name in enumerate(names)
        ),
        not_placed=not_placed,
        min_n=min_n,
        qa_reliability=float("nan") if found is None else float(found.reliability[0]),
        csat_reliability=float("nan") if found is None else float(found.reliability[1]),
    )


def _placement(
    name: str,
    i: int,
    shown: FloatArray,
    observed: FloatArray,
    counts: IntArray,
    lines: Sequence[float],
    found: Posterior | None,
) -> AgentPlacement:
    nan = float("nan")
    high_qa, high_csat = (bool(shown[i, d] >= lines[d]) for d in (0, 1))
    quadrant = QUADRANTS[2 * (not high_csat) + (not high_qa)]
    half = np.full(2, nan) if found is None else 1.96 * found.sd[i]
    chances = np.full(4, nan) if found is None else found.quadrants[i]
    estimates = [
        Estimate(
            float(shown[i, d]),
            float(shown[i, d] - half[d]),
            float(shown[i, d] + half[d]),
            int(counts[i, d]),
            int(counts[i, d]),
        )
        for d in (0, 1)
    ]
    probabilities = dict(zip(QUADRANTS, map(float, chances), strict=True))
    return AgentPlacement(
        agent=name,
        qa=estimates[0],
        csat=estimates[1],
        observed_qa=float(observed[i, 0]),
        observed_csat=float(observed[i, 1]),
        n_qa=int(counts[i, 0]),
        n_csat=int(counts[i, 1]),
        quadrant=quadrant,
        probability=probabilities[quadrant],
        probabilities=probabilities,
    )


def agent_quadrants(
    totals: Mapping[str, float],
    csat: Mapping[str, float],
    agents: Mapping[str, str],
    *,
    min_n: int = 5,
    qa_line: float | None = None,
    csat_line: float | None = None,
) -> Quadrants:
    """Place agents by conversation id; see `place_agents`.

    Parameters
    ----------
    totals, csat : mapping of conversation id to value
        Not every conversation with a total needs a survey.
    agents : mapping of conversation id to agent
    min_n, qa_line, csat_line
        As for `place_agents`.
    """
    nan = float("nan")
    keys = sorted((totals.keys() | csat.keys()) & agents.keys())
    return place_agents(
        [agents[key] for key in keys],
        [totals.get(key, nan) for key in keys],
        [csat.get(key, nan) for key in keys],
        min_n=min_n,
        qa_line=qa_line,
        csat_line=csat_line,
    )
