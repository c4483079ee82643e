"""Saved views: filters of the queue by a name, for oneself or for everybody."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, or_, select, update

from autoqa.review.access import InvalidError, NotFoundError, Permission, User
from autoqa.review.database import Database
from autoqa.review.database.schema import users, views
from autoqa.review.filters import Filters
from autoqa.review.texts import entered

MOST_VIEWS = 50
"""Views that one user may save."""

_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedView:
    """Filters by a name."""

    id: int
    name: str
    filters: Filters
    shared: bool
    mine: bool
    owner: str  # the name to show


def list_views(database: Database, user: User) -> tuple[SavedView, ...]:
    """Return the user's views and those that others share, by name."""
    user.require(Permission.SEE_QUEUE)
    with database.reading() as connection:
        return _views(connection, user)


def save_view(
    database: Database, user: User, name: str, filters: Filters, *, shared: bool = False
) -> SavedView:
    """Save filters by a name; of two views of a user by one name, the later stays.

    Raises
    ------
    NotAllowedError
        If the user may not look at the queue, or share views: who assigns work may.
    InvalidError
        If the name is missing, or the user has `MOST_VIEWS`.
    """
    user.require(Permission.SEE_QUEUE)
    if shared:
        user.require(Permission.ASSIGN)
    name = entered(name, "the name of the view", required=True, most=_LONGEST_NAME)
    with database.writing(user.name) as write:
        mine = {one.name: one for one in _views(write.connection, user) if one.mine}
        values = {"filters": filters.to_query(), "shared": shared}
        if name in mine:
            this = views.c.id == mine[name].id
            write.execute(update(views).where(this).values(**values))
        elif len(mine) >= MOST_VIEWS:
            raise InvalidError(f"you have {len(mine)} views; delete one first")
        else:
            write.execute(insert(views).values(user_id=user.id, name=name, **values))
        saved = next(one for one in _views(write.connection, user) if one.mine and one.name == name)
        write.audit("view.save", f"view:{saved.id}", shared=shared)
        return saved


def delete_view(database: Database, user: User, view_id: int) -> None:
    """Delete one of the user's own views.

    Raises
    ------
    NotAllowedError, NotFoundError
    """
    user.require(Permission.SEE_QUEUE)
    with database.writing(user.name) as write:
        gone = write.execute(delete(views).where(views.c.id == view_id, views.c.user_id == user.id))
        if not gone.rowcount:
            raise NotFoundError(f"there is no view {view_id} of yours")
        write.audit("view.delete", f"view:{view_id}")


def _views(connection: Connection, user: User) -> tuple[SavedView, ...]:
    rows = connection.execute(
        select(views, users.c.display_name)
        .join(users, users.c.id == views.c.user_id)
        .where(or_(views.c.user_id == user.id, views.c.shared))
        .order_by(views.c.name, views.c.id)
    )
    return tuple(
        SavedView(
            id=row.id,
            name=row.name,
            filters=Filters.from_query(row.filters),
            shared=row.shared,
            mine=row.user_id == user.id,
            owner=row.display_name,
        )
        for row in rows
    )
