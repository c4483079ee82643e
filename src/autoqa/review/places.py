"""Conversations and turns that somebody points to."""

from __future__ import annotations

from sqlalchemy import Connection, select

from autoqa.review.access import InvalidError, NotFoundError, User
from autoqa.review.database.schema import conversations


def require_turn(
    connection: Connection,
    user: User,
    conversation_id: str,
    turn: int | None,
    *,
    agent: str | None = None,
) -> None:
    """Check that the user may see a conversation (of this agent), and that it has the turn.

    Parameters
    ----------
    turn : int or None
        An index from 0; None for the whole conversation.

    Raises
    ------
    NotFoundError
        If there is no such conversation that the user may see.
    InvalidError
        If it has no such turn.
    """
    wanted = [conversations.c.id == conversation_id, user.sees()]
    if agent is not None:
        wanted.append(conversations.c.agent == agent)
    n_turns = connection.execute(select(conversations.c.n_turns).where(*wanted)).scalar()
    if n_turns is None:
        whose = f" of agent '{agent}'" if agent is not None else ""
        raise NotFoundError(f"there is no conversation '{conversation_id}'{whose}")
    if turn is not None and not 0 <= turn < n_turns:
        raise InvalidError(
            f"conversation '{conversation_id}' has no turn {turn + 1}; choose 1 to {n_turns}"
        )
