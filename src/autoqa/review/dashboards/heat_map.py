"""Where points are earned and lost: criteria by team or agent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection, func, select

from autoqa.records import Status
from autoqa.review.access import Permission, User
from autoqa.review.dashboards.kept import LOADED, kept
from autoqa.review.dashboards.scope import Scope
from autoqa.review.dashboards.summing import By, Entry, Shown, means
from autoqa.review.database import Database
from autoqa.review.database.schema import conversations, evaluations, ratings
from autoqa.review.stored_evaluations import card_of, newest
from autoqa.scorecard import Scorecard

_Cells: TypeAlias = Mapping[tuple[str, str], Shown]  # by criterion, and team or agent


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """Mean share of a criterion's points, 0-1, by criterion and team or agent.

    ``automated`` rests on all conversations that models scored, ``human`` on those that people
    reviewed. Both map (criterion, name) to what may be shown; criteria that were not rated, or did
    not apply, do not count.
    """

    by: By
    names: tuple[str, ...]
    criteria: Mapping[str, str]  # id -> question, in the order of the scorecard
    automated: _Cells
    human: _Cells


@dataclass(frozen=True, slots=True)
class AnswerSums:
    """What models answered to a criterion, of one agent's conversations."""

    criterion: str
    team: str | None
    agent: str | None
    status: Status
    n: int
    points: float
    squares: float


def heat_map(database: Database, user: User, scope: Scope, *, by: By = "team") -> HeatMap:
    """Return the share of points by criterion and team or agent, with intervals and n.

    Raises
    ------
    NotAllowedError
    """
    user.require(Permission.SEE_DASHBOARDS)
    automated = _by_models(database, user, scope, by)
    return kept(
        database,
        user,
        ("heat_map", scope, by),
        lambda connection: _worked_out(connection, user, scope, by, automated),
    )


def _by_models(database: Database, user: User, scope: Scope, by: By) -> _Cells:
    answers = automated_answers(database, user, scope)
    entries = (
        Entry((one.criterion, name), one.agent, one.n, one.points, one.squares)
        for one in answers
        if one.status is Status.RATED
        for name in [one.team if by == "team" else one.agent]
        if name
    )
    return kept(
        database,
        user,
        ("automated points", scope, by),
        lambda _: means(entries, by=by, most=1.0),
        until=LOADED,
    )


def automated_answers(database: Database, user: User, scope: Scope) -> tuple[AnswerSums, ...]:
    """Add up what models answered, by criterion, team, agent and status."""
    return kept(
        database,
        user,
        ("automated_answers", scope),
        lambda connection: _answers(connection, user, scope),
        until=LOADED,
    )


def _answers(connection: Connection, user: User, scope: Scope) -> tuple[AnswerSums, ...]:
    columns = (
        ratings.c.criterion,
        conversations.c.team,
        conversations.c.agent,
        ratings.c.status,
    )
    rows = connection.execute(
        select(
            *columns,
            func.count().label("n"),
            func.coalesce(func.sum(ratings.c.points), 0.0).label("points"),
            func.coalesce(func.sum(ratings.c.points * ratings.c.points), 0.0).label("squares"),
        )
        .join(ratings, ratings.c.evaluation_id == conversations.c.evaluation_id)
        .where(*scope.scored(user))
        .group_by(*columns)
    )
    return tuple(
        AnswerSums(
            row.criterion,
            row.team,
            row.agent,
            Status(row.status),
            row.n,
            row.points,
            row.squares,
        )
        for row in rows
    )


def _worked_out(
    connection: Connection, user: User, scope: Scope, by: By, automated: _Cells
) -> HeatMap:
    card = card_of(connection, scope.scorecard, scope.version)
    asked = {criterion.id for criterion in card.criteria}
    automated = {cell: found for cell, found in automated.items() if cell[0] in asked}
    human = means(_by_people(connection, user, scope, by, card), by=by, most=1.0)
    found = {*automated, *human}
    rated = {criterion for criterion, _ in found}
    return HeatMap(
        by=by,
        names=tuple(sorted({name for _, name in found})),
        criteria={c.id: c.question for c in card.criteria if c.id in rated},
        automated=automated,
        human=human,
    )


def _by_people(
    connection: Connection, user: User, scope: Scope, by: By, card: Scorecard
) -> list[Entry]:
    """Sum up people's answers; a conversation that several reviewed counts with their mean."""
    rows = connection.execute(
        select(
            ratings.c.criterion,
            ratings.c.level,
            conversations.c.id,
            conversations.c[by].label("name"),
            conversations.c.agent,
        )
        .join(evaluations, evaluations.c.conversation_id == conversations.c.id)
        .join(ratings, ratings.c.evaluation_id == evaluations.c.id)
        .where(
            *scope.held(user),
            *scope.by_people(),
            conversations.c[by].is_not(None),
            ratings.c.status == str(Status.RATED),
            newest(),
        )
    )
    worth = {c.id: {level: c.points(level) for level in c.levels} for c in card.criteria}
    given: dict[tuple[str, str, str | None, str], list[float]] = defaultdict(list)
    for row in rows:
        points = worth.get(row.criterion, {}).get(row.level)
        if points is not None:
            given[row.criterion, row.name, row.agent, row.id].append(points)
    sums: dict[tuple[str, str, str | None], list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    for (criterion, name, agent, _), found in given.items():
        mean, total = sum(found) / len(found), sums[criterion, name, agent]
        total[0] += 1
        total[1] += mean
        total[2] += mean**2
    return [
        Entry((criterion, name), agent, int(n), total, squares)
        for (criterion, name, agent), (n, total, squares) in sums.items()
    ]
