"""Claiming: who works on which item of the queue, until when, and that nobody else does.

An item has as many places as reviews are wanted. A claim takes one for `LEASE`; a claim that ran
out still holds until somebody else takes the place, so that a late answer is not lost for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    not_,
    select,
    update,
)

from autoqa.records import Flag
from autoqa.review.access import ConflictError, NotAllowedError, NotFoundError, Permission, User
from autoqa.review.blinding import hides
from autoqa.review.database import Database, Write
from autoqa.review.database.schema import conversations, evaluations, items, leases, users
from autoqa.review.disagreement import flag_after_review
from autoqa.review.entering import raise_flags
from autoqa.review.filters import Filters
from autoqa.review.flags import MESSAGES
from autoqa.review.sorting import BY_URGENCY, cursor_of, in_order

# Aliases, so that the conditions hold within any query; made once, since making them is slow.
_others, _theirs, _mine = (leases.alias(name) for name in ("others", "theirs", "mine"))
_assignee = users.alias("assignee")
_given = evaluations.alias("submitted")

PICKED = "picked"

# Why an item cannot be claimed: fixed sentences, so that they can be translated.
DONE = "This conversation has been reviewed."
REVIEWED = "You have reviewed this conversation; the next review is for somebody else."
HELD = "Somebody else works on this conversation."
KEPT = "This conversation is assigned to somebody else."

LEASE = timedelta(minutes=30)
"""How long a claim holds without anything being saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A claim on an item of the queue."""

    item_id: int
    conversation_id: str
    user_id: int
    slot: int  # 0, and 1 where two reviews are wanted
    expires_at: datetime


class _HeldAlready(Exception):
    """The user holds the item: there is nothing to change but the time."""

    def __init__(self, item_id: int) -> None:
        super().__init__(item_id)
        self.item_id = item_id


class _NothingLeftError(Exception):
    """There was nothing to claim, and nothing was changed."""


def claim(database: Database, user: User, item_id: int) -> Lease:
    """Claim an item; one that the user holds already is theirs for longer.

    Raises
    ------
    NotAllowedError, NotFoundError
    ConflictError
        If all places are taken, the item is reviewed, or kept for somebody else.
    """
    user.require(Permission.REVIEW)
    try:
        with database.writing(user.name) as write:
            item = _item(write.connection, user, items.c.id == item_id)
            return _take(write, user, item)
    except _HeldAlready:
        return renew(database, user, item_id)


def claim_conversation(database: Database, user: User, conversation_id: str) -> Lease:
    """Claim a conversation by its id; one that is not in the queue comes into it.

    Raises
    ------
    NotAllowedError, NotFoundError, ConflictError
        As `claim` does.
    """
    user.require(Permission.REVIEW)
    try:
        with database.writing(user.name) as write:
            seen = and_(conversations.c.id == conversation_id, user.sees())
            if write.execute(select(conversations.c.id).where(seen)).first() is None:
                raise NotFoundError(f"there is no conversation '{conversation_id}'")
            wanted = items.c.conversation_id == conversation_id
            if write.execute(select(items.c.id).where(wanted)).first() is None:
                picked = Flag(
                    conversation_id=conversation_id,
                    reason=PICKED,
                    message=MESSAGES[PICKED],
                    priority=0.5,
                )
                raise_flags(write.connection, [picked])
            return _take(write, user, _item(write.connection, user, wanted))
    except _HeldAlready as held:
        return renew(database, user, held.item_id)


def claim_next(
    database: Database, user: User, filters: Filters | None = None, *, after: int | None = None
) -> Lease | None:
    """Claim the most urgent item that is free: the user's own first, then what nobody is to do.

    An item that the user holds already comes before all, so that asking twice claims once.

    Parameters
    ----------
    database : Database
    user : User
    filters : Filters, optional
    after : int, optional
        An item to leave: given back if it is held, and what comes next is less urgent.

    Returns
    -------
    Lease or None
        None where nothing is left.

    Raises
    ------
    NotAllowedError, NotFoundError
    """
    user.require(Permission.REVIEW)
    while True:
        try:
            return _claim_next(database, user, filters or Filters(), after)
        except _HeldAlready as held:
            # Between the two transactions the same user may have submitted it elsewhere.
            with suppress(ConflictError, NotAllowedError):
                return renew(database, user, held.item_id)
        except _NothingLeftError:
            return None


def _claim_next(
    database: Database, user: User, filters: Filters, after: int | None
) -> Lease | None:
    with database.writing(user.name) as write:
        matching = filters.where(user) & (items.c.state == "open")
        left = None
        if after is not None:
            left = _item(write.connection, user, items.c.id == after)
            _give_back(write, left, user.id)
        held = _most_urgent(write.connection, user, matching & _held_by(user), left)
        if held is not None and not write.entries:
            raise _HeldAlready(held.id)
        if held is not None:  # beside the one that was given back
            return _prolong(write.connection, user, held)
        free = available(user)
        for condition in (and_(items.c.assigned_to == user.id, free), free):
            found = _most_urgent(write.connection, user, matching & condition, left)
            if found is not None:
                return _occupy(write, user, found)
        if not write.entries:
            raise _NothingLeftError
        return None


def renew(database: Database, user: User, item_id: int) -> Lease:
    """Hold an item for longer.

    Raises
    ------
    NotAllowedError, NotFoundError
    ConflictError
        If the user's claim ran out and somebody else has the place.
    """
    user.require(Permission.REVIEW)
    with database.housekeeping() as connection:
        return _prolong(connection, user, _item(connection, user, items.c.id == item_id))


def release(database: Database, user: User, item_id: int, *, of: int | None = None) -> None:
    """Give an item back to the queue; who assigns work may take one from another user too.

    Raises
    ------
    NotAllowedError, NotFoundError
        The latter also where there is no such claim.
    """
    user.require(Permission.REVIEW)
    holder = user.id if of is None else of
    if holder != user.id:
        user.require(Permission.ASSIGN)
    with database.writing(user.name) as write:
        item = _item(write.connection, user, items.c.id == item_id)
        if not _give_back(write, item, holder):
            raise NotFoundError(f"item {item_id} is not claimed by this user")


# For services that change something else at the same time.


def hold(write: Write, user: User, conversation_id: str) -> Lease:
    """Make sure that a user works on a conversation, and prolong their claim.

    Raises
    ------
    NotAllowedError
        If they never claimed it.
    NotFoundError
        If it is not in the queue.
    ConflictError
        If their claim ran out and somebody else has the place.
    """
    item = _item(write.connection, user, items.c.conversation_id == conversation_id)
    return _prolong(write.connection, user, item)


def complete(write: Write, user: User, conversation_id: str) -> None:
    """Count a review of a conversation as done, after its evaluation is stored as submitted.

    The user's claim ends, and the item is done when as many reviews as wanted are. The caller says
    in the audit log what happened.
    """
    item = write.execute(
        select(items).where(items.c.conversation_id == conversation_id)
    ).one_or_none()
    if item is None:
        return
    write.execute(delete(leases).where(leases.c.item_id == item.id, leases.c.user_id == user.id))
    _count_reviews(write, item, item.reviews_done + 1)
    flag_after_review(write.connection, conversation_id)


def take_back(write: Write, user: User, conversation_id: str) -> None:
    """Undo `complete`, for a review that is opened again; the user holds the item once more."""
    item = write.execute(
        select(items).where(items.c.conversation_id == conversation_id)
    ).one_or_none()
    if item is None:
        return
    _count_reviews(write, item, max(item.reviews_done - 1, 0))
    held = _leases(write.connection, item.id)
    if all(lease.user_id != user.id for lease in held):
        _insert(write, item, user, held)


def available(user: User) -> ColumnElement[bool]:
    """Return the condition on `items` under which a user may claim one that they do not hold.

    One place is kept for the user whom the item is assigned to.
    """
    now = datetime.now(UTC)
    taken = (
        select(func.count())
        .where(
            _others.c.item_id == items.c.id,
            _others.c.expires_at > now,
            _others.c.user_id != user.id,
        )
        .scalar_subquery()
    )
    to_come = and_(
        items.c.assigned_to != user.id,
        exists().where(_assignee.c.id == items.c.assigned_to, _assignee.c.active),
        not_(
            exists().where(
                _theirs.c.item_id == items.c.id,
                _theirs.c.user_id == items.c.assigned_to,
                _theirs.c.expires_at > now,
            )
        ),
        not_(_reviewed_by(items.c.assigned_to)),
    )
    return and_(
        items.c.state == "open",
        items.c.reviews_done + taken + case((to_come, 1), else_=0) < items.c.reviews_wanted,
        not_(_reviewed_by(user.id)),
    )


def _reviewed_by(user_id: Any) -> ColumnElement[bool]:
    return exists().where(
        _given.c.conversation_id == items.c.conversation_id,
        _given.c.user_id == user_id,
        _given.c.purpose == "review",
        _given.c.state == "submitted",
    )


def _item(connection: Connection, user: User, condition: ColumnElement[bool]) -> Row[Any]:
    row = connection.execute(
        select(items, hides(user).label("hidden"))
        .join(conversations, conversations.c.id == items.c.conversation_id)
        .where(condition, user.sees())
    ).one_or_none()
    if row is None:
        raise NotFoundError("there is no such item in the queue")
    return row


def _most_urgent(
    connection: Connection, user: User, condition: ColumnElement[bool], left: Row[Any] | None
) -> Row[Any] | None:
    """Return the first item of the queue that meets a condition, after the one that was left."""
    wanted = (
        select(items, hides(user).label("hidden"))
        .join(conversations, conversations.c.id == items.c.conversation_id)
        .where(condition)
    )
    after = None if left is None else cursor_of(BY_URGENCY, left)
    found = in_order(connection, user, wanted, BY_URGENCY, after=after, limit=1)
    return found[0] if found else None


def _held_by(user: User) -> ColumnElement[bool]:
    return exists().where(
        _mine.c.item_id == items.c.id,
        _mine.c.user_id == user.id,
        _mine.c.expires_at > datetime.now(UTC),
    )


def _take(write: Write, user: User, item: Row[Any]) -> Lease:
    this = items.c.id == item.id
    if write.execute(select(items.c.id).where(this, _held_by(user))).first():
        raise _HeldAlready(item.id)
    if write.execute(select(items.c.id).where(this, available(user))).first() is None:
        raise _why_not(write.connection, user, item)
    return _occupy(write, user, item)


def _occupy(write: Write, user: User, item: Row[Any]) -> Lease:
    lease = _insert(write, item, user, _leases(write.connection, item.id))
    write.audit("item.claim", item.conversation_id, item=item.id, slot=lease.slot)
    return lease


def _insert(write: Write, item: Row[Any], user: User, held: Sequence[Row[Any]]) -> Lease:
    """Take a place that is free, or else one whose claim ran out."""
    now = datetime.now(UTC)
    over = [one for one in held if one.user_id == user.id or one.expires_at <= now]
    unused = [n for n in range(item.reviews_wanted) if all(one.slot != n for one in held)]
    own = [one for one in over if one.user_id == user.id]
    stale = own or ([] if unused else over[:1])
    for one in stale:
        write.execute(delete(leases).where(leases.c.id == one.id))
    slot = min([*unused, *(one.slot for one in stale)])
    write.execute(
        insert(leases).values(
            item_id=item.id,
            slot=slot,
            user_id=user.id,
            claimed_at=now,
            expires_at=now + LEASE,
        )
    )
    return Lease(
        item_id=item.id,
        conversation_id=item.conversation_id,
        user_id=user.id,
        slot=slot,
        expires_at=now + LEASE,
    )


def _prolong(connection: Connection, user: User, item: Row[Any]) -> Lease:
    now = datetime.now(UTC)
    held = _leases(connection, item.id)
    mine = next((one for one in held if one.user_id == user.id), None)
    if mine is None:
        others = [one for one in held if one.expires_at > now]
        if len(others) + item.reviews_done >= item.reviews_wanted:
            raise _why_not(connection, user, item)
        raise NotAllowedError("claim the conversation first")
    if mine.expires_at <= now:
        taken = sum(one.expires_at > now for one in held)
        if item.state == "done" or item.reviews_done + taken >= item.reviews_wanted:
            raise _why_not(connection, user, item)
    until = now + LEASE
    connection.execute(update(leases).where(leases.c.id == mine.id).values(expires_at=until))
    return Lease(
        item_id=item.id,
        conversation_id=item.conversation_id,
        user_id=user.id,
        slot=mine.slot,
        expires_at=until,
    )


def _give_back(write: Write, item: Row[Any], user_id: int) -> bool:
    gone = write.execute(
        delete(leases).where(leases.c.item_id == item.id, leases.c.user_id == user_id)
    )
    if gone.rowcount:
        write.audit("item.release", item.conversation_id, item=item.id, user=user_id)
    return bool(gone.rowcount)


def _count_reviews(write: Write, item: Row[Any], done: int) -> None:
    finished = done >= item.reviews_wanted
    if finished:  # claims that ran out are over too
        write.execute(delete(leases).where(leases.c.item_id == item.id))
    write.execute(
        update(items)
        .where(items.c.id == item.id)
        .values(
            reviews_done=done,
            state="done" if finished else "open",
            done_at=datetime.now(UTC) if finished else None,
        )
    )


def _leases(connection: Connection, item_id: int) -> Sequence[Row[Any]]:
    return connection.execute(
        select(leases, users.c.display_name)
        .join(users, users.c.id == leases.c.user_id)
        .where(leases.c.item_id == item_id)
        .order_by(leases.c.slot)
    ).all()


def _why_not(connection: Connection, user: User, item: Row[Any]) -> ConflictError:
    """Say why a user may not claim an item."""
    now = datetime.now(UTC)
    others = [
        one
        for one in _leases(connection, item.id)
        if one.user_id != user.id and one.expires_at > now
    ]
    assigned = connection.execute(
        select(users.c.display_name).where(users.c.id == item.assigned_to)
    ).scalar_one_or_none()
    if item.state == "done":
        said = DONE
    elif connection.execute(
        select(items.c.id).where(items.c.id == item.id, _reviewed_by(user.id))
    ).first():
        said = REVIEWED
    else:
        said = HELD if others else KEPT
    theirs = {
        "state": item.state,
        "held_by": ", ".join(one.display_name for one in others) or None,
        "until": max((one.expires_at.isoformat() for one in others), default=None),
        "assigned_to": assigned,
    }
    return ConflictError(said, theirs=theirs, yours={})
