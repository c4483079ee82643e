"""What other weights would have done to past conversations and to the agents' ranks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from autoqa.evaluation.classification import average_ranks, spearman
from autoqa.evaluation.drivers.table import DriverTable
from autoqa.evaluation.drivers.weight_fit import Forms
from autoqa.evaluation.tables import FloatArray

_MIN_PER_AGENT = 5  # conversations of an agent who is ranked


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentMove:
    """One agent's mean total and rank (1 is best, equal means share a rank), before and after."""

    agent: str
    n: int
    total_before: float
    total_after: float
    rank_before: float
    rank_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightSimulation:
    """What the suggested weights would have done to past conversations, surveyed or not.

    Attributes
    ----------
    n : int
        Conversations with a total before and after.
    without_total : int
        Conversations that would have no total, all their rated criteria having lost their weight.
    pass_mark : float
    passed_before, passed_after, newly_passed, newly_failed : int
    mean_before, mean_after : float
    agents : tuple of AgentMove
        With at least 5 conversations, best first after the change.
    agent_rank_correlation : float
        Spearman of the agents' mean totals before and after.
    """

    n: int
    without_total: int
    pass_mark: float
    passed_before: int
    passed_after: int
    newly_passed: int
    newly_failed: int
    mean_before: float
    mean_after: float
    agents: tuple[AgentMove, ...]
    agent_rank_correlation: float


def simulate_weights(
    table: DriverTable,
    forms: Forms,
    current: FloatArray,
    suggested: FloatArray,
    pass_mark: float,
) -> WeightSimulation:
    """Total every rated conversation with the current and with the suggested weights."""
    before, after = forms.totals(current), forms.totals(suggested)
    had, both = np.isfinite(before), np.isfinite(before) & np.isfinite(after)
    # A total that weights in fractions put a hair below the mark has reached it.
    was, now = before[both] >= pass_mark - 1e-9, after[both] >= pass_mark - 1e-9
    by_agent: dict[str, list[int]] = {}
    for row in np.flatnonzero(both).tolist():
        agent = table.agents[row]
        if agent is not None:
            by_agent.setdefault(agent, []).append(row)
    ranked = {a: rows for a, rows in sorted(by_agent.items()) if len(rows) >= _MIN_PER_AGENT}
    means = np.array([[before[r].mean(), after[r].mean()] for r in ranked.values()]).reshape(-1, 2)
    ranks = [average_ranks(-means[:, side]) for side in (0, 1)]
    moves = [
        AgentMove(
            agent=agent,
            n=len(rows),
            total_before=float(means[i, 0]),
            total_after=float(means[i, 1]),
            rank_before=float(ranks[0][i]),
            rank_after=float(ranks[1][i]),
        )
        for i, (agent, rows) in enumerate(ranked.items())
    ]
    return WeightSimulation(
        n=int(both.sum()),
        without_total=int((had & ~both).sum()),
        pass_mark=pass_mark,
        passed_before=int(was.sum()),
        passed_after=int(now.sum()),
        newly_passed=int((now & ~was).sum()),
        newly_failed=int((was & ~now).sum()),
        mean_before=float(before[both].mean()) if both.any() else math.nan,
        mean_after=float(after[both].mean()) if both.any() else math.nan,
        agents=tuple(sorted(moves, key=lambda move: (move.rank_after, move.agent))),
        agent_rank_correlation=spearman(means[:, 0], means[:, 1]),
    )
