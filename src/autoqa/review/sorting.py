"""Orders of the queue, and cursors: where a page ends, so that the next begins right after it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    UnaryExpression,
    and_,
    false,
    func,
    literal,
    not_,
    or_,
)

from autoqa.review.access import InvalidError, User
from autoqa.review.blinding import NEUTRAL_PRIORITY, hidden_items
from autoqa.review.database.schema import UtcTime, conversations, items

_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_LARGEST_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class _Order:
    column: ColumnElement[Any]
    name: str  # of the column in a row
    missing: Any  # what counts where a row has no value
    descending: bool
    read: Callable[[str], Any]


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _or_else(column: ColumnElement[Any], missing: datetime) -> ColumnElement[Any]:
    return func.coalesce(column, literal(missing, UtcTime))


_ORDERS = {
    "priority": _Order(items.c.priority, "priority", 0.0, True, _number),
    "newest": _Order(
        _or_else(conversations.c.started_at, _FIRST), "started_at", _FIRST, True, _moment
    ),
    "oldest": _Order(
        _or_else(conversations.c.started_at, _LAST), "started_at", _LAST, False, _moment
    ),
    "due": _Order(_or_else(items.c.due_at, _LAST), "due_at", _LAST, False, _moment),
}

SORTS = tuple(_ORDERS)
"""Orders of the queue: most urgent, newest or oldest conversation, soonest due; first each."""


BY_URGENCY = "priority"
"""The order that tells how urgent items are."""


def in_order(
    connection: Connection,
    user: User,
    wanted: Select[Any],
    sort: str,
    *,
    after: str | None,
    limit: int,
) -> list[Row[Any]]:
    """Return the first rows of a query of items, or those after a cursor.

    By urgency, items that hide scores from the user all count as `NEUTRAL_PRIORITY`: their own
    place between others would tell the total that they have it from.

    Parameters
    ----------
    wanted : Select
        Of items joined with conversations, with `hides` as the column ``hidden``.

    Raises
    ------
    InvalidError
        If the order or cursor is none that these pages gave.
    """
    by, start = _after_cursor(sort, after)
    hidden = hidden_items(user) if sort == BY_URGENCY else None
    if hidden is None:
        return list(connection.execute(wanted.where(*start).order_by(*by).limit(limit)))
    # Two walks that end early: one order of both would put the whole queue in order first.
    apart = items.c.id.in_(hidden)
    ids = wanted.with_only_columns(items.c.id, maintain_column_froms=True).limit(limit)
    ranked = ids.where(*start, not_(apart)).order_by(*by)
    neutral = ids.where(*_neutral_after(after), apart).order_by(items.c.id)
    first = [number for walk in (ranked, neutral) for number in connection.scalars(walk)]
    found = connection.execute(wanted.where(items.c.id.in_(first)))
    return sorted(found, key=lambda row: (-_urgency(row), row.id))[:limit]


def cursor_of(sort: str, row: Row[Any]) -> str:
    """Return the cursor of the page after the one that ends with a row."""
    order = _ORDERS[sort]
    value = _urgency(row) if sort == BY_URGENCY else getattr(row, order.name)
    value = order.missing if value is None else value
    shown = (
        value.astimezone(UTC).replace(tzinfo=None).isoformat()
        if isinstance(value, datetime)
        else repr(value)
    )
    return f"{shown}~{row.id}"


def _after_cursor(
    sort: str, cursor: str | None
) -> tuple[list[UnaryExpression[Any]], list[ColumnElement[bool]]]:
    """Return how to order items joined with conversations, and the conditions on what follows."""
    order = _order(sort)
    column = order.column
    by = [column.desc() if order.descending else column.asc(), items.c.id.asc()]
    if not cursor:
        return by, []
    last, last_id = _end(order, cursor)
    value = literal(last, UtcTime) if isinstance(last, datetime) else literal(last)
    beyond = column < value if order.descending else column > value
    # The first condition says nothing new, but lets an index begin there.
    upto = column <= value if order.descending else column >= value
    return by, [upto, or_(beyond, and_(column == value, items.c.id > last_id))]


def _neutral_after(cursor: str | None) -> list[ColumnElement[bool]]:
    """Return the conditions on what follows of items that are all as urgent, in order of ids."""
    if not cursor:
        return []
    last, last_id = _end(_order(BY_URGENCY), cursor)
    if last == NEUTRAL_PRIORITY:
        return [items.c.id > last_id]
    return [] if last > NEUTRAL_PRIORITY else [false()]


def _urgency(row: Row[Any]) -> float:
    return NEUTRAL_PRIORITY if row.hidden else float(row.priority)


def _order(sort: str) -> _Order:
    if sort not in _ORDERS:
        raise InvalidError(f"sort: '{sort}' is none of {', '.join(SORTS)}")
    return _ORDERS[sort]


def _end(order: _Order, cursor: str) -> tuple[Any, int]:
    """Return the value and the id that a page ended with."""
    said, _, number = cursor.rpartition("~")
    try:
        last, last_id = order.read(said), int(number)
    except ValueError:
        last_id = -1
    if not 0 <= last_id <= _LARGEST_ID:
        raise InvalidError("after: not where a page of this order ended")
    return last, last_id
