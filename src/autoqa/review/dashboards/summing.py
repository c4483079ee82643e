"""Sums that a database has made, by team or agent, as means with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.summed_means import ClusterSums
from autoqa.evaluation.tables import IntArray
from autoqa.review.dashboards.scope import MIN_N

By: TypeAlias = Literal["team", "agent"]
"""What conversations are grouped by."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A mean that may be shown, or how few conversations there are for one.

    Attributes
    ----------
    n : int
        Conversations.
    estimate : Estimate or None
        None below the least `n`.
    """

    n: int
    estimate: Estimate | None = None


NOTHING = Shown(0)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of sums: the group it belongs to, and whose conversations they are."""

    group: Any
    agent: str | None
    n: int
    total: float
    squares: float


def means(
    entries: Iterable[Entry], *, by: By, most: float, least_n: int = MIN_N
) -> dict[Any, Shown]:
    """Return the mean of each group, with its interval.

    Teams' intervals count agents and not conversations, which differ less within an agent; those
    of one agent, and of a team of which one agent is known, count conversations.

    Parameters
    ----------
    entries : iterable of Entry
    most : float
        Largest value; the smallest is 0.
    least_n : int
        Fewest conversations of a mean that is shown.
    """
    rows = list(entries)
    groups = list(dict.fromkeys(row.group for row in rows))
    if not groups:
        return {}
    place = {group: i for i, group in enumerate(groups)}
    rows = _merged(rows)
    cells: IntArray = np.asarray([place[row.group] for row in rows], dtype=np.int64)
    named = np.asarray([by == "team" and row.agent is not None for row in rows])
    several = np.bincount(cells, named, len(groups)) > 1
    sums = ClusterSums.of(
        cells,
        [row.n for row in rows],
        [row.total for row in rows],
        [row.squares for row in rows],
        n_groups=len(groups),
        together=named & several[cells],
    )
    return {
        group: Shown(found.n, found if found.n >= least_n else None)
        for group, found in zip(groups, sums.bounded(0.0, most), strict=True)
    }


def _merged(rows: Sequence[Entry]) -> list[Entry]:
    """Add up entries of one agent in one group: a cluster is one entry."""
    found: dict[tuple[Any, str | None], Entry] = {}
    for row in rows:
        key = row.group, row.agent
        before = found.get(key)
        found[key] = (
            row
            if before is None
            else Entry(
                row.group,
                row.agent,
                before.n + row.n,
                before.total + row.total,
                before.squares + row.squares,
            )
        )
    return list(found.values())
