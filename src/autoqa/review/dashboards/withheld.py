"""Conversations that dashboards leave out for who is still to rate them blind."""

from __future__ import annotations

from sqlalchemy import select

from autoqa.review.access import Permission, User
from autoqa.review.blinding import hides
from autoqa.review.dashboards.scope import MIN_N, Scope
from autoqa.review.database import Database
from autoqa.review.database.schema import conversations, evaluations


def withheld(database: Database, user: User, scope: Scope) -> frozenset[str]:
    """Return conversations whose answers counts without a least `n` would tell the user.

    Of those that answers are kept from the user of: what people reviewed; and all where the scope
    holds fewer than `MIN_N` conversations, so that a number of flags is a flag of one of them.
    """
    if not user.may(Permission.REVIEW):
        return frozenset()
    held = select(conversations.c.id).where(*scope.held(user))
    hidden = held.where(hides(user))
    with database.reading() as connection:
        if len(connection.scalars(held.limit(MIN_N)).all()) == MIN_N:
            hidden = hidden.join(
                evaluations, evaluations.c.conversation_id == conversations.c.id
            ).where(evaluations.c.user_id.is_not(None), evaluations.c.state == "submitted")
        return frozenset(connection.scalars(hidden))
