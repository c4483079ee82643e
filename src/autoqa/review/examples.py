"""The library of good and bad examples: turns that show what a criterion asks for, or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, not_, select

from autoqa.records import Speaker
from autoqa.review.access import NotAllowedError, NotFoundError, Permission, User
from autoqa.review.blinding import hides
from autoqa.review.cards import require_criterion
from autoqa.review.database import Database
from autoqa.review.database.schema import conversations, examples, users
from autoqa.review.places import require_turn
from autoqa.review.texts import entered

MOST_TITLE = 300
"""Characters of a title."""

_EXCERPT = 400  # characters of a turn that the library shows


class Kind(StrEnum):
    """What an example shows."""

    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A conversation, or a turn of it (an index from 0), that shows how a criterion is met or not.

    ``speaker`` and ``excerpt`` are the turn's, cut where it is long.
    """

    id: int
    conversation_id: str
    turn: int | None
    criterion: str
    kind: Kind
    title: str
    agent: str | None
    author: str
    author_id: int
    at: datetime
    speaker: Speaker | None = None
    excerpt: str = ""


def add_example(
    database: Database,
    user: User,
    conversation_id: str,
    *,
    criterion: str,
    kind: Kind,
    title: str,
    turn: int | None = None,
) -> Example:
    """Put a conversation or turn into the library.

    Raises
    ------
    NotAllowedError
        If the user may not review.
    NotFoundError
        If there is no such conversation that the user may see.
    InvalidError
        If there is no such turn or criterion, or the title is missing or too long.
    """
    user.require(Permission.REVIEW)
    title = entered(title, "the title", required=True, most=MOST_TITLE)
    with database.writing(user.name) as write:
        require_turn(write.connection, user, conversation_id, turn)
        require_criterion(write.connection, criterion)
        example_id = write.execute(
            insert(examples)
            .values(
                conversation_id=conversation_id,
                criterion=criterion,
                turn=turn,
                kind=Kind(kind),
                title=title,
                author=user.id,
                at=datetime.now(UTC),
            )
            .returning(examples.c.id)
        ).scalar_one()
        write.audit(
            "example.add",
            f"example:{example_id}",
            conversation=conversation_id,
            criterion=criterion,
            turn=turn,
            kind=str(kind),
        )
        return _read(write.connection, examples.c.id == example_id)[0]


def remove_example(database: Database, user: User, example_id: int) -> None:
    """Take an example out of the library: one's own, or any for whoever may coach.

    Raises
    ------
    NotAllowedError, NotFoundError
    """
    with database.writing(user.name) as write:
        found = _read(write.connection, examples.c.id == example_id, _shown_to(user))
        if not found:
            raise NotFoundError(f"there is no example {example_id}")
        if found[0].author_id != user.id and not user.may(Permission.COACH):
            raise NotAllowedError(f"{user.role} '{user.name}' may take out their own examples only")
        write.execute(delete(examples).where(examples.c.id == example_id))
        write.audit(
            "example.remove",
            f"example:{example_id}",
            conversation=found[0].conversation_id,
            criterion=found[0].criterion,
            turn=found[0].turn,
            kind=str(found[0].kind),
        )


def list_examples(
    database: Database,
    user: User,
    *,
    criterion: str | None = None,
    kind: Kind | None = None,
    conversation_id: str | None = None,
    before: int | None = None,
    limit: int = 20,
) -> list[Example]:
    """Return examples from conversations that the user may see, the newest first.

    Left out are those from conversations that the user is still to rate blind.

    Parameters
    ----------
    before : int, optional
        Id of the last example of the page before.

    Raises
    ------
    NotAllowedError
    """
    user.require(Permission.SEE_COACHING)
    wanted = [_shown_to(user)]
    for column, value in (
        (examples.c.criterion, criterion),
        (examples.c.kind, kind),
        (examples.c.conversation_id, conversation_id),
    ):
        if value is not None:
            wanted.append(column == value)
    if before is not None:
        wanted.append(examples.c.id < before)
    with database.reading() as connection:
        return _read(connection, *wanted, limit=limit)


def _shown_to(user: User) -> ColumnElement[bool]:
    return and_(user.sees(), not_(hides(user)))


def _read(connection: Connection, *wanted: ColumnElement[bool], limit: int = 1) -> list[Example]:
    rows = connection.execute(
        select(
            examples,
            conversations.c.agent,
            conversations.c.document,
            users.c.display_name.label("shown_as"),
        )
        .join(conversations, conversations.c.id == examples.c.conversation_id)
        .join(users, users.c.id == examples.c.author)
        .where(*wanted)
        .order_by(examples.c.id.desc())
        .limit(limit)
    )
    return [_example(row) for row in rows]


def _example(row: Row[Any]) -> Example:
    turns: Sequence[Any] = row.document["turns"]
    turn = turns[row.turn] if row.turn is not None and row.turn < len(turns) else None
    text = "" if turn is None else str(turn["text"])
    return Example(
        id=row.id,
        conversation_id=row.conversation_id,
        turn=row.turn,
        criterion=row.criterion,
        kind=Kind(row.kind),
        title=row.title,
        agent=row.agent,
        author=row.shown_as,
        author_id=row.author,
        at=row.at,
        speaker=None if turn is None else Speaker(turn["speaker"]),
        excerpt=text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…",
    )
