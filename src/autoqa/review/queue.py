"""The queue: what to review, in which order, who is at it, and how much everybody has to do.

Claiming is in `autoqa.review.leases`, from where it is offered here too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, func, select

from autoqa.review.access import MAY, Permission, Role, User
from autoqa.review.blinding import NEUTRAL_REASONS, hides
from autoqa.review.cards import asked
from autoqa.review.database import Database
from autoqa.review.database.schema import conversations, evaluations, flags, items, leases, users
from autoqa.review.filters import Filters
from autoqa.review.leases import (
    LEASE,
    Lease,
    available,
    claim,
    claim_conversation,
    claim_next,
    complete,
    hold,
    release,
    renew,
    take_back,
)
from autoqa.review.sorting import SORTS, cursor_of, in_order

__all__ = [
    "LEASE",
    "SORTS",
    "Choices",
    "Holder",
    "Lease",
    "Page",
    "Person",
    "QueueItem",
    "Reason",
    "Workload",
    "choices",
    "claim",
    "claim_conversation",
    "claim_next",
    "complete",
    "hold",
    "list_items",
    "release",
    "renew",
    "take_back",
    "workload",
]

One = TypeVar("One")

MOST = 200
"""Items of one page."""

COUNTED = 1000
"""Items that are counted; above, there are just more."""

REVIEWING = tuple(str(role) for role in Role if Permission.REVIEW in MAY[role])
"""Roles of those who review."""

_RECENT = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an item is in the queue; see `autoqa.review.flags.in_words`."""

    reason: str
    message: str
    values: Mapping[str, str]
    priority: float
    criterion: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who works on an item."""

    user_id: int
    shown_as: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueItem:
    """A conversation that somebody should look at.

    Where `hidden`, answers of others are kept from the user: `priority`, `total`, `csat`, and the
    reasons that would tell, are not there.
    """

    id: int
    conversation_id: str
    state: str  # open, done
    priority: float | None
    reasons: tuple[Reason, ...]
    hidden: bool
    agent: str | None
    team: str | None
    channel: str
    language: str
    topic: str | None
    started_at: datetime | None
    n_turns: int
    total: float | None  # of the automated evaluation
    csat: float | None  # predicted, on its scale
    reviews_wanted: int
    reviews_done: int
    blind: bool
    assigned_to: int | None
    assigned_name: str | None
    due_at: datetime | None
    holders: tuple[Holder, ...]
    mine_until: datetime | None  # until when the user themselves holds it
    claimable: bool  # by this user, now


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[One]):
    """Some of many, and where the next begin."""

    rows: tuple[One, ...]
    after: str | None  # cursor of the page after this one
    total: int | None  # that match, up to `COUNTED`; None where counting would search twice
    more_than_counted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the filters may be set to."""

    agents: tuple[str, ...]
    teams: tuple[str, ...]
    channels: tuple[str, ...]
    languages: tuple[str, ...]
    reasons: tuple[str, ...]
    criteria: Mapping[str, str]  # id -> question
    people: tuple[Person, ...]  # who reviews


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody whom items may be assigned to."""

    user_id: int
    name: str
    shown_as: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What one reviewer has to do, and did."""

    user_id: int
    name: str
    shown_as: str
    assigned: int  # open items
    overdue: int  # of these, past their day
    held: int  # claimed now
    reviewed: int  # submitted in the last 7 days


def list_items(
    database: Database,
    user: User,
    filters: Filters,
    *,
    sort: str = "priority",
    after: str | None = None,
    limit: int = 50,
) -> Page[QueueItem]:
    """Return one page of the queue.

    Parameters
    ----------
    database : Database
    user : User
    filters : Filters
    sort : str
        One of `SORTS`.
    after : str, optional
        The cursor that the page before gave: rows that come or go do not shift the others.
    limit : int
        At most `MOST`.

    Raises
    ------
    NotAllowedError
    InvalidError
        If the order or cursor is unknown.
    """
    user.require(Permission.SEE_QUEUE)
    limit = max(1, min(limit, MOST))
    where = filters.where(user)
    joined = items.join(conversations, conversations.c.id == items.c.conversation_id)
    with database.reading() as connection:
        wanted = (
            select(
                items,
                *(conversations.c[name] for name in _SHOWN),
                hides(user).label("hidden"),
                available(user).label("claimable"),
                users.c.display_name.label("assigned_name"),
            )
            .select_from(joined.outerjoin(users, users.c.id == items.c.assigned_to))
            .where(where)
        )
        rows = in_order(connection, user, wanted, sort, after=after, limit=limit + 1)
        total = None
        if after is None and len(rows) <= limit:
            total = len(rows)
        elif not filters.text:
            matching = select(items.c.id).select_from(joined).where(where).limit(COUNTED + 1)
            total = connection.execute(
                select(func.count()).select_from(matching.subquery())
            ).scalar_one()
        shown = rows[:limit]
        reasons = _reasons(connection, [row.conversation_id for row in shown])
        holders = _holders(connection, [row.id for row in shown])
    return Page(
        rows=tuple(
            _item(row, user, reasons.get(row.conversation_id, ()), holders.get(row.id, ()))
            for row in shown
        ),
        after=cursor_of(sort, shown[-1]) if len(rows) > limit else None,
        total=None if total is None else min(total, COUNTED),
        more_than_counted=total is not None and total > COUNTED,
    )


def choices(database: Database, user: User) -> Choices:
    """Return what the filters of the queue may be set to, of what the user may see."""
    user.require(Permission.SEE_QUEUE)
    with database.reading() as connection:
        found = {
            name: tuple(
                connection.execute(
                    select(conversations.c[name])
                    .where(user.sees(), conversations.c[name].is_not(None))
                    .distinct()
                    .order_by(conversations.c[name])
                ).scalars()
            )
            for name in ("agent", "team", "channel", "language")
        }
        reasons = connection.execute(select(flags.c.reason).distinct()).scalars()
        people = connection.execute(
            select(users).where(users.c.active, users.c.role.in_(REVIEWING)).order_by(users.c.name)
        )
        return Choices(
            agents=found["agent"],
            teams=found["team"],
            channels=found["channel"],
            languages=found["language"],
            reasons=tuple(sorted(reasons)),
            criteria={name: one.question for name, one in asked(connection).items()},
            people=tuple(
                Person(user_id=row.id, name=row.name, shown_as=row.display_name) for row in people
            ),
        )


def workload(database: Database, user: User) -> tuple[Workload, ...]:
    """Return what reviewers have to do: everybody for who assigns work, else the user alone."""
    user.require(Permission.SEE_QUEUE)
    now = datetime.now(UTC)
    with database.reading() as connection:
        reviewing = select(users).where(users.c.active, users.c.role.in_(REVIEWING))
        if not user.may(Permission.ASSIGN):
            reviewing = reviewing.where(users.c.id == user.id)
        people = connection.execute(reviewing.order_by(users.c.name)).all()
        numbers = [row.id for row in people]

        def by_user(column: ColumnElement[Any], what: Any, *conditions: Any) -> dict[int, Any]:
            query = select(column, what).where(column.in_(numbers), *conditions).group_by(column)
            return dict(connection.execute(query).all())

        still = items.c.state == "open"
        assigned = by_user(items.c.assigned_to, func.count(), still)
        overdue = by_user(items.c.assigned_to, func.count(), still, items.c.due_at < now)
        held = by_user(leases.c.user_id, func.count(), leases.c.expires_at > now)
        reviewed = by_user(
            evaluations.c.user_id,
            func.count(),
            evaluations.c.purpose == "review",
            evaluations.c.submitted_at > now - _RECENT,
        )
    return tuple(
        Workload(
            user_id=row.id,
            name=row.name,
            shown_as=row.display_name,
            assigned=assigned.get(row.id, 0),
            overdue=overdue.get(row.id, 0),
            held=held.get(row.id, 0),
            reviewed=reviewed.get(row.id, 0),
        )
        for row in people
    )


_SHOWN = (
    "agent",
    "team",
    "channel",
    "language",
    "topic",
    "started_at",
    "n_turns",
    "total",
    "csat",
)


def _reasons(connection: Connection, names: Sequence[str]) -> dict[str, list[Reason]]:
    found: dict[str, list[Reason]] = {}
    for row in connection.execute(
        select(flags)
        .where(flags.c.conversation_id.in_(names))
        .order_by(flags.c.priority.desc(), flags.c.id)
    ):
        found.setdefault(row.conversation_id, []).append(
            Reason(
                reason=row.reason,
                message=row.message,
                values=row.values,
                priority=row.priority,
                criterion=row.criterion,
            )
        )
    return found


def _holders(connection: Connection, numbers: Sequence[int]) -> dict[int, list[Holder]]:
    found: dict[int, list[Holder]] = {}
    for row in connection.execute(
        select(leases, users.c.display_name)
        .join(users, users.c.id == leases.c.user_id)
        .where(leases.c.item_id.in_(numbers), leases.c.expires_at > datetime.now(UTC))
        .order_by(leases.c.slot)
    ):
        found.setdefault(row.item_id, []).append(
            Holder(user_id=row.user_id, shown_as=row.display_name, until=row.expires_at)
        )
    return found


def _item(
    row: Row[Any], user: User, reasons: Sequence[Reason], holders: Sequence[Holder]
) -> QueueItem:
    mine = next((one.until for one in holders if one.user_id == user.id), None)
    values = {name: getattr(row, name) for name in _SHOWN}
    if row.hidden:
        reasons = [one for one in reasons if one.reason in NEUTRAL_REASONS]
        values |= {"total": None, "csat": None}
    return QueueItem(
        id=row.id,
        conversation_id=row.conversation_id,
        state=row.state,
        priority=None if row.hidden else row.priority,
        reasons=tuple(reasons),
        hidden=row.hidden,
        reviews_wanted=row.reviews_wanted,
        reviews_done=row.reviews_done,
        blind=row.blind,
        assigned_to=row.assigned_to,
        assigned_name=row.assigned_name,
        due_at=row.due_at,
        holders=tuple(holders),
        mine_until=mine,
        claimable=user.may(Permission.REVIEW) and mine is None and row.claimable,
        **values,
    )
