"""Writing notes, and following them up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

from sqlalchemy import Connection, insert, select, update

from autoqa.review.access import ConflictError, InvalidError, NotFoundError, Permission, User
from autoqa.review.cards import require_criterion
from autoqa.review.coaching.notes import Link, Note, NoteState, midnight, read_note
from autoqa.review.database import Database, Write
from autoqa.review.database.schema import coaching_links, coaching_notes, conversations
from autoqa.review.places import require_turn
from autoqa.review.texts import entered

MOST_LINKS = 50
"""Turns that one note may point to."""


def add_note(
    database: Database,
    user: User,
    agent: str,
    text: str,
    *,
    criterion: str | None = None,
    goal: str = "",
    follow_up_on: date | None = None,
    links: Sequence[Link] = (),
) -> Note:
    """Write a note for an agent.

    Raises
    ------
    NotAllowedError
        If the user may not coach.
    NotFoundError
        If no conversation of this agent may be seen by the user, or a link is to none of them.
    InvalidError
        If the text is empty or too long, or the criterion or a turn does not exist.
    """
    user.require(Permission.COACH)
    text, goal = entered(text, "the note", required=True), entered(goal, "the goal")
    with database.writing(user.name) as write:
        _require_agent(write.connection, user, agent)
        if criterion is not None:
            require_criterion(write.connection, criterion)
        note_id = write.execute(
            insert(coaching_notes)
            .values(
                agent=agent,
                criterion=criterion,
                text=text,
                goal=goal,
                follow_up_on=midnight(follow_up_on),
                state=NoteState.OPEN,
                author=user.id,
                created_at=datetime.now(UTC),
            )
            .returning(coaching_notes.c.id)
        ).scalar_one()
        _add_links(write, user, agent, note_id, links)
        write.audit(
            "coaching.add",
            f"note:{note_id}",
            agent=agent,
            criterion=criterion,
            follow_up_on=follow_up_on.isoformat() if follow_up_on else None,
            conversations=[link.conversation_id for link in links],
        )
        return read_note(write.connection, user, note_id)


def follow_up(
    database: Database,
    user: User,
    note_id: int,
    *,
    based_on: int,
    state: NoteState,
    follow_up_on: date | None,
) -> Note:
    """Say what became of a note, and when to look again.

    Parameters
    ----------
    based_on : int
        The version that the user saw.

    Raises
    ------
    NotAllowedError, NotFoundError
    ConflictError
        If somebody changed it since: both versions are in the error.
    """
    user.require(Permission.COACH)
    with database.writing(user.name) as write:
        note = read_note(write.connection, user, note_id)
        if note.version != based_on:
            raise ConflictError(
                "somebody else changed this note; look at it and decide again",
                theirs={"version": note.version, **_shown(note.state, note.follow_up_on)},
                yours={"version": based_on, **_shown(state, follow_up_on)},
            )
        write.execute(
            update(coaching_notes)
            .where(coaching_notes.c.id == note_id)
            .values(
                state=NoteState(state),
                follow_up_on=midnight(follow_up_on),
                version=based_on + 1,
            )
        )
        write.audit(
            "coaching.follow_up",
            f"note:{note_id}",
            version=based_on + 1,
            **_shown(state, follow_up_on),
        )
        return read_note(write.connection, user, note_id)


def link_turn(database: Database, user: User, note_id: int, link: Link) -> Note:
    """Let a note point to one more turn, or conversation, of its agent.

    Raises
    ------
    NotAllowedError, NotFoundError, InvalidError
    """
    user.require(Permission.COACH)
    with database.writing(user.name) as write:
        note = read_note(write.connection, user, note_id)
        if link not in note.links:
            _add_links(write, user, note.agent, note_id, [link])
        write.audit(
            "coaching.link",
            f"note:{note_id}",
            conversation=link.conversation_id,
            turn=link.turn,
        )
        return read_note(write.connection, user, note_id)


def _require_agent(connection: Connection, user: User, agent: str) -> None:
    seen = connection.execute(
        select(conversations.c.id).where(conversations.c.agent == agent, user.sees()).limit(1)
    ).one_or_none()
    if seen is None:
        raise NotFoundError(f"there is no agent '{agent}'")


def _add_links(write: Write, user: User, agent: str, note_id: int, links: Iterable[Link]) -> None:
    wanted = list(dict.fromkeys(links))
    if len(wanted) > MOST_LINKS:
        raise InvalidError(f"{len(wanted)} links; a note may point to {MOST_LINKS} turns")
    for link in wanted:
        require_turn(write.connection, user, link.conversation_id, link.turn, agent=agent)
        write.execute(
            insert(coaching_links).values(
                coaching_note_id=note_id,
                conversation_id=link.conversation_id,
                turn=link.turn,
            )
        )


def _shown(state: NoteState, follow_up_on: date | None) -> dict[str, str | None]:
    return {
        "state": str(state),
        "follow_up_on": follow_up_on.isoformat() if follow_up_on else None,
    }
