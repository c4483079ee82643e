"""Teams and agents over time: automated totals, people's totals, never one of both."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from sqlalchemy import ColumnElement, Connection, Subquery, func, select

from autoqa.review.access import Permission, User
from autoqa.review.dashboards.kept import LOADED, kept
from autoqa.review.dashboards.periods import Period, day_from, start_of
from autoqa.review.dashboards.scope import Scope
from autoqa.review.dashboards.summing import NOTHING, By, Entry, Shown, means
from autoqa.review.database import Database
from autoqa.review.database.schema import conversations, evaluations

_Means: TypeAlias = dict[tuple[str, str | None], Shown]  # by name and first day

MOST_PERIODS = 60
"""Weeks or months of a line: the last ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Mean totals, 0-100, of the same conversations or not.

    Attributes
    ----------
    automated : Shown
        Of all conversations that models scored.
    human : Shown
        Of the conversations that people reviewed, which were mostly chosen for being flagged.
    automated_of_reviewed : Shown
        Automated totals of those reviewed conversations alone.
    """

    automated: Shown = NOTHING
    human: Shown = NOTHING
    automated_of_reviewed: Shown = NOTHING


@dataclass(frozen=True, slots=True)
class Point:
    """One week or month."""

    start: date
    means: Means


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One team or agent."""

    name: str
    overall: Means
    points: tuple[Point, ...]  # in order of time; only periods with conversations


@dataclass(frozen=True, slots=True, kw_only=True)
class OverTime:
    """Every team, or every agent, by name."""

    by: By
    period: Period
    lines: tuple[Line, ...]


def over_time(
    database: Database, user: User, scope: Scope, *, by: By = "team", period: Period = "week"
) -> OverTime:
    """Return mean totals of teams or agents by week or month, with intervals and n.

    Raises
    ------
    NotAllowedError
    """
    user.require(Permission.SEE_DASHBOARDS)
    automated = kept(
        database,
        user,
        ("automated totals", scope, by, period),
        lambda connection: _means(
            connection, by, period, conversations.c.total, scope.scored(user)
        ),
        until=LOADED,
    )
    return kept(
        database,
        user,
        ("over_time", scope, by, period),
        lambda connection: _worked_out(connection, user, scope, by, period, automated),
    )


def _worked_out(
    connection: Connection, user: User, scope: Scope, by: By, period: Period, automated: _Means
) -> OverTime:
    reviewed = human_totals(scope)
    series = {
        "automated": automated,
        "human": _means(connection, by, period, reviewed.c.total, scope.held(user), reviewed),
        "automated_of_reviewed": _means(
            connection, by, period, conversations.c.total, scope.scored(user), reviewed
        ),
    }
    names = sorted({name for found in series.values() for name, _ in found})
    days: dict[str, set[str]] = defaultdict(set)
    for found in series.values():
        for name, day in found:
            if day is not None:
                days[name].add(day)

    def at(name: str, day: str | None) -> Means:
        return Means(**{key: found.get((name, day), NOTHING) for key, found in series.items()})

    return OverTime(
        by=by,
        period=period,
        lines=tuple(
            Line(
                name=name,
                overall=at(name, None),
                points=tuple(
                    Point(day_from(day), at(name, day))
                    for day in sorted(days[name])[-MOST_PERIODS:]
                ),
            )
            for name in names
        ),
    )


def human_totals(scope: Scope) -> Subquery:
    """Return people's total of each conversation: the mean where several reviewed it."""
    return (
        select(evaluations.c.conversation_id, func.avg(evaluations.c.total).label("total"))
        .where(*scope.by_people(), evaluations.c.total.is_not(None))
        .group_by(evaluations.c.conversation_id)
        .subquery("reviewed")
    )


def _means(
    connection: Connection,
    by: By,
    period: Period,
    total: ColumnElement[float],
    conditions: list[ColumnElement[bool]],
    reviewed: Subquery | None = None,
) -> _Means:
    """Return means by name and first day; under the day None those over all time."""
    group, start = conversations.c[by], start_of(period, conversations.c.started_at)
    query = select(
        group.label("name"),
        start.label("day"),
        conversations.c.agent,
        func.count(total).label("n"),
        func.sum(total).label("total"),
        func.sum(total * total).label("squares"),
    ).where(group.is_not(None), total.is_not(None), *conditions)
    if reviewed is not None:
        query = query.join(reviewed, reviewed.c.conversation_id == conversations.c.id)
    entries = []
    for row in connection.execute(query.group_by(group, start, conversations.c.agent)):
        sums = (row.agent, row.n, row.total, row.squares)
        entries.append(Entry((row.name, None), *sums))
        if row.day is not None:
            entries.append(Entry((row.name, row.day), *sums))
    return means(entries, by=by, most=100.0)
