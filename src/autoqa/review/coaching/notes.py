"""Notes as they are stored: who may read which, what is due, about whom there are any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, func, not_, select

from autoqa.review.access import NotFoundError, Permission, Role, User
from autoqa.review.blinding import hides
from autoqa.review.database import Database
from autoqa.review.database.schema import coaching_links, coaching_notes, conversations, users


class NoteState(StrEnum):
    """What became of a note."""

    OPEN = "open"
    REACHED = "reached"  # the goal is reached
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A conversation, or one turn of it (an index from 0), that a note is about."""

    conversation_id: str
    turn: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What somebody wrote for an agent.

    ``links`` leaves out conversations that the reader may not see, or must still rate blind.
    """

    id: int
    agent: str
    criterion: str | None
    text: str
    goal: str
    follow_up_on: date | None
    state: NoteState
    author: str
    created_at: datetime
    version: int
    links: tuple[Link, ...] = ()

    def is_due(self, today: date) -> bool:
        """Whether it is time to look again."""
        return (
            self.state is NoteState.OPEN
            and self.follow_up_on is not None
            and self.follow_up_on <= today
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CoachedAgent:
    """How many notes there are about an agent."""

    agent: str
    notes: int
    open: int
    due: int
    last: datetime


def today() -> date:
    """Return the day it is, in UTC like all that is stored."""
    return datetime.now(UTC).date()


def note_of(database: Database, user: User, note_id: int) -> Note:
    """Return one note.

    Raises
    ------
    NotAllowedError, NotFoundError
    """
    user.require(Permission.SEE_COACHING)
    with database.reading() as connection:
        return read_note(connection, user, note_id)


def list_notes(
    database: Database,
    user: User,
    *,
    agent: str | None = None,
    criterion: str | None = None,
    state: NoteState | None = None,
    due_by: date | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Note]:
    """Return notes that the user may see: the longest due first, else the newest first.

    Parameters
    ----------
    due_by : date, optional
        Open notes to be followed up by then only.
    before : int, optional
        Id of the last note of the page before; not with `due_by`.

    Raises
    ------
    NotAllowedError
    """
    user.require(Permission.SEE_COACHING)
    wanted = [
        coaching_notes.c[name] == value
        for name, value in (("agent", agent), ("criterion", criterion), ("state", state))
        if value is not None
    ]
    order = [coaching_notes.c.id.desc()]
    if due_by is not None:
        wanted.append(_due(due_by))
        order = [coaching_notes.c.follow_up_on.asc(), coaching_notes.c.id.asc()]
    if before is not None:
        wanted.append(coaching_notes.c.id < before)
    with database.reading() as connection:
        rows = connection.execute(
            _notes().where(_about_seen(user), *wanted).order_by(*order).limit(limit)
        ).all()
        return _with_links(connection, user, rows)


def due_follow_ups(database: Database, user: User, *, limit: int = 50) -> list[Note]:
    """Return the open notes whose day has come, the longest due first."""
    return list_notes(database, user, due_by=today(), limit=limit)


def coached_agents(database: Database, user: User) -> list[CoachedAgent]:
    """Count the notes about each agent, for those agents that the user may see.

    Raises
    ------
    NotAllowedError
    """
    user.require(Permission.SEE_COACHING)
    is_open = coaching_notes.c.state == NoteState.OPEN
    with database.reading() as connection:
        rows = connection.execute(
            select(
                coaching_notes.c.agent,
                func.count().label("notes"),
                func.count().filter(is_open).label("open"),
                func.count().filter(_due(today())).label("due"),
                func.max(coaching_notes.c.created_at).label("last"),
            )
            .where(_about_seen(user))
            .group_by(coaching_notes.c.agent)
            .order_by(coaching_notes.c.agent)
        )
        return [CoachedAgent(**row._mapping) for row in rows]


def agents_seen(database: Database, user: User) -> list[str]:
    """Return every agent of whom the user may see a conversation, by name."""
    user.require(Permission.SEE_COACHING)
    with database.reading() as connection:
        return list(
            connection.execute(
                select(conversations.c.agent)
                .where(conversations.c.agent.is_not(None), user.sees())
                .distinct()
                .order_by(conversations.c.agent)
            ).scalars()
        )


def _notes() -> Select[Any]:
    return select(coaching_notes, users.c.display_name.label("shown_as")).join(
        users, users.c.id == coaching_notes.c.author
    )


def _about_seen(user: User) -> ColumnElement[bool]:
    """Select notes about agents of whom the user sees conversations; agents see their own."""
    if user.role is Role.AGENT:
        return coaching_notes.c.agent == user.agent
    return exists().where(conversations.c.agent == coaching_notes.c.agent, user.sees())


def _due(by: date) -> ColumnElement[bool]:
    return and_(
        coaching_notes.c.state == NoteState.OPEN, coaching_notes.c.follow_up_on <= midnight(by)
    )


def read_note(connection: Connection, user: User, note_id: int) -> Note:
    """Return one note, or raise `NotFoundError` where the user may not see it."""
    rows = connection.execute(
        _notes().where(coaching_notes.c.id == note_id, _about_seen(user))
    ).all()
    if not rows:
        raise NotFoundError(f"there is no coaching note {note_id}")
    return _with_links(connection, user, rows)[0]


def _with_links(connection: Connection, user: User, rows: Sequence[Row[Any]]) -> list[Note]:
    links: Mapping[int, list[Link]] = {row.id: [] for row in rows}
    if rows:
        found = connection.execute(
            select(coaching_links)
            .join(conversations, conversations.c.id == coaching_links.c.conversation_id)
            .where(
                coaching_links.c.coaching_note_id.in_(links),
                user.sees(),
                not_(hides(user)),
            )
            .order_by(coaching_links.c.id)
        )
        for link in found:
            links[link.coaching_note_id].append(
                Link(conversation_id=link.conversation_id, turn=link.turn)
            )
    return [
        Note(
            id=row.id,
            agent=row.agent,
            criterion=row.criterion,
            text=row.text,
            goal=row.goal,
            follow_up_on=row.follow_up_on.date() if row.follow_up_on else None,
            state=NoteState(row.state),
            author=row.shown_as,
            created_at=row.created_at,
            version=row.version,
            links=tuple(links[row.id]),
        )
        for row in rows
    ]


def midnight(day: date | None) -> datetime | None:
    """Return a day as it is stored."""
    return None if day is None else datetime.combine(day, time(), tzinfo=UTC)
