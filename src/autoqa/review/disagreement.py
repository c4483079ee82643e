"""Where people changed a model's answers before, people look again.

For an agent (a team, where the agent is not known) and a criterion, the answers that people
submitted are compared with the model's of the same conversations. Where many differ, the newest
conversations that nobody has reviewed come into the queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, exists, func, not_, or_, select

from autoqa.records import Flag, RaterKind, Status
from autoqa.review.cards import asked
from autoqa.review.database.schema import conversations, evaluations, flags, ratings
from autoqa.review.entering import raise_flags
from autoqa.review.flags import MESSAGES
from autoqa.review.stored_evaluations import newest

REASON = "model_human_disagree"

LEAST_COMPARED = 3
"""Answers to one criterion, below which nothing is said about an agent or team."""

LEAST_CHANGED = 0.5
"""Share of these that people changed."""

LOOKS = 3
"""Conversations that are worth a look, per agent or team and criterion."""

_by_model = ratings.alias("by_model")

_SAID = (str(Status.RATED), str(Status.NOT_APPLICABLE))


def flag_after_review(connection: Connection, conversation_id: str) -> int:
    """Flag conversations like one that was reviewed now; return how many are new in the queue."""
    here = conversations.c.id == conversation_id
    changed = [row.criterion for row in _compared(connection, here) if row.changed]
    if not changed:
        return 0
    where = connection.execute(select(conversations.c.agent, conversations.c.team).where(here))
    agent, team = where.one()
    return _flag(connection, [_of(agent, team), ratings.c.criterion.in_(changed)])


def flag_everywhere(connection: Connection) -> int:
    """Flag conversations of all agents and teams; return how many are new in the queue."""
    return _flag(connection, [])


def _flag(connection: Connection, conditions: list[ColumnElement[bool]]) -> int:
    questions = {name: criterion.question for name, criterion in asked(connection).items()}
    return raise_flags(
        connection,
        [
            flag
            for row in _compared(connection, *conditions)
            if row.compared >= LEAST_COMPARED and row.changed >= LEAST_CHANGED * row.compared
            for flag in _flags(connection, row, questions.get(row.criterion, row.criterion))
        ],
    )


def _compared(connection: Connection, *conditions: ColumnElement[bool]) -> Iterable[Row[Any]]:
    """Agent, team, criterion, answers compared, answers changed."""
    team = case((conversations.c.agent.is_(None), conversations.c.team))
    differs = or_(
        _by_model.c.status != ratings.c.status,
        func.coalesce(_by_model.c.level, 0) != func.coalesce(ratings.c.level, 0),
    )
    return connection.execute(
        select(
            conversations.c.agent,
            team.label("team"),
            ratings.c.criterion,
            func.count().label("compared"),
            func.sum(case((differs, 1), else_=0)).label("changed"),
        )
        .select_from(ratings)
        .join(evaluations, evaluations.c.id == ratings.c.evaluation_id)
        .join(conversations, conversations.c.id == evaluations.c.conversation_id)
        .join(
            _by_model,
            and_(
                _by_model.c.evaluation_id == conversations.c.evaluation_id,
                _by_model.c.criterion == ratings.c.criterion,
            ),
        )
        .where(
            evaluations.c.kind == str(RaterKind.HUMAN),
            evaluations.c.purpose == "review",
            evaluations.c.state == "submitted",
            ratings.c.status.in_(_SAID),
            _by_model.c.status.in_(_SAID),
            newest(),
            *conditions,
        )
        .group_by(conversations.c.agent, team, ratings.c.criterion)
    ).all()


def _of(agent: str | None, team: str | None) -> ColumnElement[bool]:
    if agent is not None:
        return conversations.c.agent == agent
    return and_(conversations.c.agent.is_(None), conversations.c.team == team)


def _flags(connection: Connection, row: Row[Any], question: str) -> Iterator[Flag]:
    by_people = and_(
        evaluations.c.conversation_id == conversations.c.id,
        evaluations.c.kind == str(RaterKind.HUMAN),
        evaluations.c.state == "submitted",
    )
    already = and_(
        flags.c.conversation_id == conversations.c.id,
        flags.c.reason == REASON,
        flags.c.criterion == row.criterion,
    )
    answered = and_(
        ratings.c.evaluation_id == conversations.c.evaluation_id,
        ratings.c.criterion == row.criterion,
        ratings.c.status == str(Status.RATED),
    )
    found = connection.execute(
        select(conversations.c.id, exists().where(already).label("already"))
        .where(
            _of(row.agent, row.team),
            not_(exists().where(by_people)),
            exists().where(answered),
        )
        .order_by(conversations.c.started_at.desc(), conversations.c.id)
        .limit(LOOKS)
    )
    for name, there in found:
        if not there:
            yield Flag(
                conversation_id=name,
                reason=REASON,
                message=MESSAGES[REASON].format(
                    changed=row.changed, compared=row.compared, question=question
                ),
                priority=0.4 + 0.4 * row.changed / row.compared,
                criterion=row.criterion,
            )
