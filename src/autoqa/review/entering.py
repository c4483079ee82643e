"""How conversations enter the queue and leave it: by their flags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    not_,
    select,
    update,
)

from autoqa.records import Flag, RaterKind
from autoqa.review.database.schema import evaluations, flags, items, leases
from autoqa.review.flags import message_values


def raise_flags(connection: Connection, raised: Iterable[Flag]) -> int:
    """Store flags that are not there yet, and put their conversations into the queue.

    Returns
    -------
    int
        How many conversations are new in the queue.
    """
    wanted = list(raised)
    store_flags(connection, wanted)
    return enqueue(connection, list(dict.fromkeys(one.conversation_id for one in wanted)))


def store_flags(connection: Connection, wanted: Sequence[Flag]) -> None:
    """Store flags that are not there yet; `enqueue` has to follow."""
    names = {one.conversation_id for one in wanted}
    there = {
        (row.conversation_id, row.reason, row.criterion)
        for row in connection.execute(
            select(flags.c.conversation_id, flags.c.reason, flags.c.criterion).where(
                flags.c.conversation_id.in_(names)
            )
        )
    }
    new = [
        {
            "conversation_id": one.conversation_id,
            "reason": one.reason[:60],
            "message": one.message.replace("\0", " "),
            "values": message_values(one.reason, one.message),
            "priority": one.priority,
            "criterion": one.criterion,
        }
        for one in wanted
        if (one.conversation_id, one.reason, one.criterion) not in there
    ]
    if new:
        connection.execute(insert(flags), new)


def enqueue(connection: Connection, conversation_ids: Sequence[str]) -> int:
    """Bring items in line with the flags of some conversations; return how many are new.

    Flagged conversations get an item, open items the priority of their most urgent flag. An item
    whose flags are gone leaves, unless somebody has to do with it.
    """
    if not conversation_ids:
        return 0
    urgency = select(flags.c.conversation_id, func.max(flags.c.priority).label("priority"))
    wanted = {
        row.conversation_id: row.priority
        for row in connection.execute(
            urgency.where(flags.c.conversation_id.in_(conversation_ids)).group_by(
                flags.c.conversation_id
            )
        )
    }
    known = {
        row.conversation_id: row
        for row in connection.execute(
            select(items).where(items.c.conversation_id.in_(conversation_ids))
        )
    }
    now = datetime.now(UTC)
    new = [
        {"conversation_id": name, "priority": wanted[name], "state": "open", "created_at": now}
        for name in conversation_ids
        if name in wanted and name not in known
    ]
    if new:
        connection.execute(insert(items), new)
    changed = [
        {"item": row.id, "now": wanted[name]}
        for name, row in known.items()
        if row.state == "open" and wanted.get(name, row.priority) != row.priority
    ]
    if changed:
        one = update(items).where(items.c.id == bindparam("item"))
        connection.execute(one.values(priority=bindparam("now")), changed)
    gone = [row.id for name, row in known.items() if name not in wanted]
    if gone:
        connection.execute(delete(items).where(items.c.id.in_(gone), _untouched()))
    return len(new)


def _untouched() -> ColumnElement[bool]:
    """The condition on `items` that nobody has, or had, to do with one."""
    given = and_(
        evaluations.c.conversation_id == items.c.conversation_id,
        evaluations.c.kind == str(RaterKind.HUMAN),
    )
    return and_(
        items.c.state == "open",
        items.c.assigned_to.is_(None),
        not_(exists().where(leases.c.item_id == items.c.id)),
        not_(exists().where(given)),
    )
