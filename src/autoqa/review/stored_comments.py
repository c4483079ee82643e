"""Comments as they lie in the review database, and who may read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, or_, select

from autoqa.review.access import User
from autoqa.review.database.schema import comments, evaluations, users


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """What somebody wrote beside a conversation."""

    id: int
    by: str  # the user's name
    shown_as: str
    text: str
    criterion: str | None
    turn: int | None  # index from 0; None: the whole conversation
    at: datetime
    mine: bool


def visible_comments(
    connection: Connection,
    user: User,
    conversation_id: str,
    *,
    occasion: str = "",
    hidden: bool,
) -> tuple[Comment, ...]:
    """Return the comments that a user may read, oldest first.

    A comment is read with the evaluation that it belongs to: by others once that is submitted, and
    not while answers of others are hidden from them.
    """
    of_occasion = evaluations.c.occasion == occasion
    if not occasion:
        loose = comments.c.evaluation_id.is_(None)
        of_occasion = or_(loose, of_occasion, evaluations.c.purpose != "calibration")
    readable = comments.c.user_id == user.id
    if not hidden:
        readable = or_(readable, evaluations.c.id.is_(None), evaluations.c.state == "submitted")
    rows = connection.execute(
        select(comments, users.c.name, users.c.display_name)
        .join(users, users.c.id == comments.c.user_id)
        .outerjoin(evaluations, evaluations.c.id == comments.c.evaluation_id)
        .where(and_(comments.c.conversation_id == conversation_id, of_occasion, readable))
        .order_by(comments.c.id)
    )
    return tuple(
        Comment(
            id=row.id,
            by=row.name,
            shown_as=row.display_name,
            text=row.text,
            criterion=row.criterion,
            turn=row.turn,
            at=row.at,
            mine=row.user_id == user.id,
        )
        for row in rows
    )
