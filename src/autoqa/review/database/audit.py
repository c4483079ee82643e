"""The audit log: every change, by whom, each entry chained to the one before by its digest.

Whoever alters, drops or inserts an entry breaks the chain from there on; who rewrites all of it
cannot match a digest that was noted elsewhere (``autoqa review audit verify`` prints the last).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select

from autoqa.records import Json
from autoqa.review.database.schema import audit_log

BEGINNING = "0" * 64
"""What the first entry is chained to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of checking the chain: how far it holds."""

    entries: int
    last_digest: str
    broken_at: int | None = None  # number of the first entry that does not fit
    lacks: str | None = None  # a digest that was noted before and is in no entry

    @property
    def holds(self) -> bool:
        """Whether every entry is as it was written."""
        return self.broken_at is None and self.lacks is None


def append(
    connection: Connection, actor: str, action: str, subject: str, details: Mapping[str, Json]
) -> None:
    """Add an entry; the caller's transaction must already keep other writers out."""
    last = connection.execute(
        select(audit_log.c.number, audit_log.c.digest).order_by(audit_log.c.number.desc()).limit(1)
    ).one_or_none()
    number, previous = (last.number + 1, last.digest) if last else (1, BEGINNING)
    at = datetime.now(UTC)
    connection.execute(
        insert(audit_log).values(
            number=number,
            at=at,
            actor=actor,
            action=action,
            subject=subject,
            details=dict(details),
            previous=previous,
            digest=_digest(number, at, actor, action, subject, details, previous),
        )
    )


def verify(connection: Connection, *, noted: str | None = None) -> Verdict:
    """Check every entry against the one before it.

    Parameters
    ----------
    noted : str, optional
        The last digest that an earlier check gave. It has to be in the chain: who drops the last
        entries, or writes all of them anew, leaves a chain that fits but does not hold it.
    """
    previous, number, lacks = BEGINNING, 0, None if noted == BEGINNING else noted
    rows = connection.execution_options(yield_per=1000).execute(
        select(audit_log).order_by(audit_log.c.number)
    )
    for row in rows:
        digest = _digest(
            row.number, row.at, row.actor, row.action, row.subject, row.details, previous
        )
        if (row.number, row.previous, row.digest) != (number + 1, previous, digest):
            return Verdict(entries=number, last_digest=previous, broken_at=number + 1, lacks=lacks)
        previous, number = digest, row.number
        lacks = None if digest == lacks else lacks
    return Verdict(entries=number, last_digest=previous, lacks=lacks)


def _digest(
    number: int,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    details: Mapping[str, Json],
    previous: str,
) -> str:
    entry = [number, at.isoformat(), actor, action, subject, details, previous]
    content = json.dumps(
        entry, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )
    return hashlib.sha256(content.encode()).hexdigest()
