"""Figures of dashboards are kept until what they rest on changes.

Nobody waits twice for sums over all conversations. What was loaded and what was submitted are in
the audit log, whose last numbers say whether a kept figure still holds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, func, select

from autoqa.review.access import User
from autoqa.review.database import Database
from autoqa.review.database.schema import audit_log

MOST_FIGURES = 100
"""Figures kept per database, the ones used last."""

LOADED = ("run.load", "surveys.load")
"""Actions in the audit log after which what models said is another."""

ANSWERED = (
    *LOADED,
    "evaluation.submit",
    "evaluation.reopen",
    "calibration.open",
    "calibration.close",
)
"""Actions after which what models and people said is another."""

T = TypeVar("T")


class _Figures:
    """Figures of one database, the one used last at the end."""

    def __init__(self) -> None:
        self.working = Lock()  # one works, the others wait for what it finds
        self._lock = Lock()
        self._held: OrderedDict[Hashable, tuple[Hashable, Any]] = OrderedDict()

    def get(self, key: Hashable, stamp: Hashable) -> tuple[Hashable, Any] | None:
        with self._lock:
            found = self._held.get(key)
            if found is None or found[0] != stamp:
                return None
            self._held.move_to_end(key)
            return found

    def put(self, key: Hashable, found: tuple[Hashable, Any]) -> None:
        with self._lock:
            self._held[key] = found
            self._held.move_to_end(key)
            while len(self._held) > MOST_FIGURES:
                self._held.popitem(last=False)


_BY_DATABASE: WeakKeyDictionary[Database, _Figures] = WeakKeyDictionary()


def kept(
    database: Database,
    user: User,
    key: Hashable,
    work: Callable[[Connection], T],
    *,
    until: Sequence[str] = ANSWERED,
) -> T:
    """Return what `work` finds, from memory where nothing has changed since.

    Parameters
    ----------
    key : hashable
        What is asked for. Users who see the same conversations share what is kept.
    work : callable
        Must not change anything, and must depend on nothing but `key`, the conversations that the
        user sees, and what `until` is about.
    until : sequence of str
        Actions in the audit log after which it is worked out anew.
    """
    seen = str(user.sees().compile(compile_kwargs={"literal_binds": True}))
    figures = _BY_DATABASE.setdefault(database, _Figures())
    with database.reading() as connection:
        stamp = _stamp(connection, until)
        found = figures.get((seen, key), stamp)
        if found is None:
            with figures.working:
                found = figures.get((seen, key), stamp)
                if found is None:
                    found = stamp, work(connection)
                    figures.put((seen, key), found)
    result: T = found[1]
    return result


def _stamp(connection: Connection, actions: Sequence[str]) -> tuple[int | None, ...]:
    last = [
        select(func.max(audit_log.c.number)).where(audit_log.c.action == action).scalar_subquery()
        for action in actions
    ]
    return tuple(connection.execute(select(*last)).one())
