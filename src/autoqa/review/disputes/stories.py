"""Disputes as they are read: what was given, what was said against it, what was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, not_, select

from autoqa.records import Json, Rating, Status
from autoqa.review.access import ConflictError, NotFoundError, Permission, User
from autoqa.review.blinding import hides
from autoqa.review.database import Database
from autoqa.review.database.schema import conversations, disputes, evaluations, ratings, users
from autoqa.review.stored_evaluations import card_of, rating_from
from autoqa.scorecard import Criterion, Scorecard

OCCASION = "dispute:"
"""How the occasion of an evaluation begins that is a decision."""


class State(StrEnum):
    """What became of a dispute."""

    OPEN = "open"
    UPHELD = "upheld"  # the rating stays
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The disputed rating.

    Attributes
    ----------
    given_by : str
        Display name, or a scorer.
    total : float or None
        Of the evaluation that it is of.
    replaced : bool
        Whether who gave it has since answered anew.
    """

    rating: Rating
    given_by: str
    at: datetime
    total: float | None
    replaced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What somebody else decided.

    Attributes
    ----------
    total : float or None
        What the evaluation adds up to with a new answer; None where the rating stays.
    """

    decided_by: str  # display name
    status: Status
    level: int | None
    reason: str
    at: datetime
    total: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """The whole story of a disputed rating.

    Attributes
    ----------
    may_decide, may_withdraw : bool
        Of the user who asks, now.
    """

    id: int
    conversation_id: str
    agent: str
    criterion: Criterion
    language: str  # of the scorecard
    state: State
    version: int
    raised_by: str  # display name
    raised_at: datetime
    reason: str
    original: Original
    decision: Decision | None
    may_decide: bool
    may_withdraw: bool


def dispute(database: Database, user: User, dispute_id: int) -> Dispute:
    """Return one dispute with its whole story, or raise `NotFoundError`."""
    with database.reading() as connection:
        row = row_of(connection, user, dispute_id)
        return _stories(connection, user, [row])[0]


def list_disputes(
    database: Database,
    user: User,
    *,
    state: State | None = None,
    after: int | None = None,
    limit: int = 50,
) -> tuple[Dispute, ...]:
    """Return disputes that the user may see, newest first.

    Parameters
    ----------
    state : State, optional
    after : int, optional
        Id of the last one on the page before.
    """
    wanted = [] if state is None else [disputes.c.state == state]
    if after is not None:
        wanted.append(disputes.c.id < after)
    with database.reading() as connection:
        rows = connection.execute(
            _selected(user).where(*wanted).order_by(disputes.c.id.desc()).limit(limit)
        ).all()
        return tuple(_stories(connection, user, rows))


def count_withheld(database: Database, user: User) -> int:
    """Return how many disputes are about conversations that the user is still to rate blind.

    They would tell what somebody else answered, and so are in no list until then.
    """
    _may_look(user)
    with database.reading() as connection:
        return connection.execute(
            select(func.count(disputes.c.id))
            .join(conversations, conversations.c.id == disputes.c.conversation_id)
            .where(user.sees(), hides(user))
        ).scalar_one()


def row_of(connection: Connection, user: User, dispute_id: int) -> Row[Any]:
    """Return a dispute with the evaluation it is about, or raise `NotFoundError`."""
    row = connection.execute(_selected(user).where(disputes.c.id == dispute_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no dispute {dispute_id}")
    return row


def involved(user: User, row: Row[Any]) -> bool:
    """Whether the user gave the rating or raised the dispute, and so cannot decide it."""
    return user.id in (row.rater_id, row.raised_by)


def require_open(row: Row[Any], based_on: int, yours: Mapping[str, Json]) -> None:
    """Raise `ConflictError` unless a dispute is open and as it was on the screen."""
    if row.state != State.OPEN or row.version != based_on:
        raise ConflictError(
            f"dispute {row.id} is {row.state} meanwhile",
            theirs={
                "state": row.state,
                "status": row.decision_status,
                "level": row.decision_level,
                "reason": row.decision_reason,
            },
            yours=yours,
        )


def _may_look(user: User) -> None:
    if not user.may(Permission.DISPUTE) and not user.may(Permission.DECIDE):
        user.require(Permission.SEE_RATINGS)


def _selected(user: User) -> Select[Any]:
    """Disputes that the user may see, with the evaluation they are about and people's names."""
    _may_look(user)
    raiser, decider, rater = (users.alias(name) for name in ("raiser", "decider", "rater_user"))
    decided = evaluations.alias("decided")
    return (
        select(
            disputes,
            evaluations.c.id.label("evaluation_id"),
            evaluations.c.rater,
            evaluations.c.kind,
            evaluations.c.user_id.label("rater_id"),
            evaluations.c.scorecard,
            evaluations.c.scorecard_version,
            evaluations.c.total,
            raiser.c.display_name.label("raiser"),
            decider.c.display_name.label("decider"),
            func.coalesce(rater.c.display_name, evaluations.c.rater).label("given_by"),
            decided.c.total.label("decided_total"),
        )
        .join(conversations, conversations.c.id == disputes.c.conversation_id)
        .join(ratings, ratings.c.id == disputes.c.rating_id)
        .join(evaluations, evaluations.c.id == ratings.c.evaluation_id)
        .join(raiser, raiser.c.id == disputes.c.raised_by)
        .outerjoin(decider, decider.c.id == disputes.c.decided_by)
        .outerjoin(rater, rater.c.id == evaluations.c.user_id)
        .outerjoin(decided, decided.c.dispute_id == disputes.c.id)
        .where(user.sees(), not_(hides(user)))
    )


def _stories(connection: Connection, user: User, rows: Sequence[Row[Any]]) -> list[Dispute]:
    given = {
        row.id: row
        for row in connection.execute(
            select(ratings).where(ratings.c.id.in_([row.rating_id for row in rows]))
        )
    }
    newest = _newest_versions(
        connection, ratings.c.evaluation_id.in_([row.evaluation_id for row in rows])
    )
    cards = {
        key: card_of(connection, *key)
        for key in {(row.scorecard, row.scorecard_version) for row in rows}
    }
    return [
        _story(
            user,
            row,
            given[row.rating_id],
            cards[row.scorecard, row.scorecard_version],
            replaced=newest[row.evaluation_id, row.criterion] > given[row.rating_id].version,
        )
        for row in rows
    ]


def _newest_versions(
    connection: Connection, condition: ColumnElement[bool]
) -> dict[tuple[int, str], int]:
    rows = connection.execute(
        select(ratings.c.evaluation_id, ratings.c.criterion, func.max(ratings.c.version))
        .where(condition)
        .group_by(ratings.c.evaluation_id, ratings.c.criterion)
    )
    return {(evaluation, criterion): version for evaluation, criterion, version in rows}


def _story(
    user: User, row: Row[Any], given: Row[Any], card: Scorecard, *, replaced: bool
) -> Dispute:
    is_open = row.state == State.OPEN
    return Dispute(
        id=row.id,
        conversation_id=row.conversation_id,
        agent=row.agent,
        criterion=card.criterion(row.criterion),
        language=card.language,
        state=State(row.state),
        version=row.version,
        raised_by=row.raiser,
        raised_at=row.raised_at,
        reason=row.reason,
        original=Original(
            rating=rating_from(given, row),
            given_by=row.given_by,
            at=given.at,
            total=row.total,
            replaced=replaced,
        ),
        decision=None
        if row.decided_at is None
        else Decision(
            decided_by=row.decider,
            status=Status(row.decision_status),
            level=row.decision_level,
            reason=row.decision_reason,
            at=row.decided_at,
            total=row.decided_total,
        ),
        may_decide=is_open and user.may(Permission.DECIDE) and not involved(user, row),
        may_withdraw=is_open and row.raised_by == user.id,
    )
