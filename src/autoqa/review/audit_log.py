"""The audit log, for those who may read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self

from sqlalchemy import ColumnElement, select

from autoqa.records import Json
from autoqa.review.access import InvalidError, Permission, User
from autoqa.review.database import Database, Verdict, verify
from autoqa.review.database.schema import audit_log


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One change: who did what to what, when."""

    number: int
    at: datetime
    actor: str
    action: str  # for example rating.save
    subject: str  # for example conversation:c-17/empathy
    details: Mapping[str, Json]
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilters:
    """Which entries to show; empty shows all."""

    actor: str = ""
    action: str = ""
    subject: str = ""  # a part of it
    since: date | None = None
    until: date | None = None  # the last day

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """Return the filters of an address.

        Raises
        ------
        InvalidError
            If a date is none.
        """
        return cls(
            actor=query.get("actor", "").strip(),
            action=query.get("action", "").strip(),
            subject=query.get("subject", "").strip(),
            since=_day(query.get("since", "")),
            until=_day(query.get("until", "")),
        )

    def to_query(self) -> dict[str, str]:
        """Return what `from_query` reads, without what is empty."""
        return {name: str(value) for name, value in asdict(self).items() if value}

    def _conditions(self) -> Iterator[ColumnElement[bool]]:
        if self.actor:
            yield audit_log.c.actor == self.actor
        if self.action:
            yield audit_log.c.action == self.action
        if self.subject:
            yield audit_log.c.subject.contains(self.subject, autoescape=True)
        if self.since:
            yield audit_log.c.at >= _midnight(self.since)
        if self.until:
            yield audit_log.c.at < _midnight(self.until) + timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPage:
    """Some entries, newest first, and the number below which the next ones are."""

    entries: tuple[Entry, ...]
    before: int | None


def list_entries(
    database: Database,
    user: User,
    filters: AuditFilters | None = None,
    *,
    before: int | None = None,
    limit: int = 100,
) -> EntryPage:
    """Return entries of the audit log, newest first.

    Raises
    ------
    NotAllowedError
    """
    user.require(Permission.SEE_AUDIT)
    wanted = select(audit_log).where(*(filters or AuditFilters())._conditions())
    if before is not None:
        wanted = wanted.where(audit_log.c.number < before)
    with database.reading() as connection:
        rows = connection.execute(wanted.order_by(audit_log.c.number.desc()).limit(limit + 1)).all()
    entries = tuple(
        Entry(
            number=row.number,
            at=row.at,
            actor=row.actor,
            action=row.action,
            subject=row.subject,
            details=row.details,
            digest=row.digest,
        )
        for row in rows[:limit]
    )
    return EntryPage(entries=entries, before=entries[-1].number if len(rows) > limit else None)


def list_actions(database: Database, user: User) -> list[str]:
    """Return the actions that the log has entries of, by name.

    Raises
    ------
    NotAllowedError
    """
    user.require(Permission.SEE_AUDIT)
    with database.reading() as connection:
        found = connection.execute(
            select(audit_log.c.action).distinct().order_by(audit_log.c.action)
        )
        return list(found.scalars())


def check(database: Database, user: User, *, noted: str | None = None) -> Verdict:
    """Check the whole chain of entries; see `autoqa.review.database.verify`.

    Raises
    ------
    NotAllowedError
    """
    user.require(Permission.SEE_AUDIT)
    with database.reading() as connection:
        return verify(connection, noted=noted)


def _day(given: str) -> date | None:
    try:
        return date.fromisoformat(given.strip()) if given.strip() else None
    except ValueError:
        raise InvalidError(f"'{given[:40]}' is no date: enter it as 2026-03-09") from None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
