"""Comments on a conversation, on one of its turns, or on the answer to a criterion."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import insert

from autoqa.review.access import InvalidError, NotAllowedError, Permission, User
from autoqa.review.answers import begin_evaluation
from autoqa.review.database import Database
from autoqa.review.database.schema import comments
from autoqa.review.forms import form_of
from autoqa.review.places import require_turn
from autoqa.review.stored_comments import Comment, visible_comments
from autoqa.review.texts import entered


def add_comment(
    database: Database,
    user: User,
    conversation_id: str,
    text: str,
    *,
    criterion: str | None = None,
    turn: int | None = None,
    occasion: str = "",
) -> Comment:
    """Write a comment.

    It belongs to the user's evaluation, which is begun where they hold the conversation, and others
    read it once that is submitted. From somebody who rates nothing here it is read at once.

    Parameters
    ----------
    database : Database
    user : User
    conversation_id, text : str
    criterion : str, optional
        Which it is about.
    turn : int, optional
        Index from 0 of the turn that it is about.
    occasion : str
        ``calibration:ID`` in a calibration session.

    Raises
    ------
    NotAllowedError, NotFoundError
        If the user may not review or has no seat in the session, or may not see the conversation.
    InvalidError
        If the text is empty or too long, or there is no such turn or criterion.
    """
    user.require(Permission.REVIEW)
    clean, now = entered(text, "the comment", required=True), datetime.now(UTC)
    with database.writing(user.name) as write:
        form = form_of(write.connection, user, conversation_id, occasion=occasion)
        if form.session is not None and not form.session.has_seat:
            raise NotAllowedError(f"'{user.name}' is no rater of this calibration session")
        require_turn(write.connection, user, conversation_id, turn)
        known = [one.id for one in form.card.criteria]
        if criterion is not None and criterion not in known:
            raise InvalidError(f"there is no criterion '{criterion}'; choose {', '.join(known)}")
        evaluation_id = None
        if form.mine is not None or form.held:
            evaluation_id = begin_evaluation(write, user, form)
        comment_id = write.execute(
            insert(comments)
            .values(
                conversation_id=conversation_id,
                evaluation_id=evaluation_id,
                criterion=criterion,
                turn=turn,
                user_id=user.id,
                text=clean,
                at=now,
            )
            .returning(comments.c.id)
        ).scalar_one()
        write.audit("comment.add", f"conversation:{conversation_id}", comment=comment_id)
    return Comment(
        id=comment_id,
        by=user.name,
        shown_as=user.display_name,
        text=clean,
        criterion=criterion,
        turn=turn,
        at=now,
        mine=True,
    )


def comments_on(
    database: Database, user: User, conversation_id: str, *, occasion: str = ""
) -> tuple[Comment, ...]:
    """Return the comments that the user may read, oldest first.

    Raises
    ------
    NotFoundError
        If there is no such conversation that the user may see, or no such occasion.
    """
    with database.reading() as connection:
        form = form_of(connection, user, conversation_id, occasion=occasion)
        return visible_comments(
            connection, user, conversation_id, occasion=occasion, hidden=form.hidden
        )
