"""Logging in and out: sessions, one-time links, and a limit to guessing."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from autoqa.review import passwords
from autoqa.review.access import (
    InvalidError,
    LoginRefusedError,
    Permission,
    TooManyAttemptsError,
    User,
)
from autoqa.review.database import Database, Write
from autoqa.review.database.schema import login_failures, login_links, sessions, users
from autoqa.review.tokens import digest_of, new_token
from autoqa.review.users import CONSOLE, known_as, row_of, user_of

IDLE = timedelta(minutes=30)
"""A session that is not used for this long ends."""

ABSOLUTE = timedelta(hours=12)
"""A session ends after this long, however busy."""

LINK_LIFE = timedelta(minutes=15)

FAILURES_BY_NAME = 10
FAILURES_BY_ADDRESS = 50  # an office may share one
WINDOW = timedelta(minutes=15)
"""How many wrong passwords are answered in this time, for one name and from one address."""

_REFUSED = "The name or the password is wrong"
_STALE = "This link has been used or is too old: ask for a new one"
_SEEN_EVERY = timedelta(minutes=1)  # not a write for each request


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody's visit: the token is the cookie's value, `csrf` goes into each form."""

    token: str = field(repr=False)
    csrf: str = field(repr=False)
    expires_at: datetime


def log_in(
    database: Database,
    name: str,
    password: str,
    address: str,
    *,
    instead_of: str | None = None,
    absolute: timedelta = ABSOLUTE,
) -> Session:
    """Begin a session with a name and a password.

    Parameters
    ----------
    address : str
        Where the request came from; of an IPv6 address the network counts (/64).
    instead_of : str, optional
        The token that the browser held before: its session ends.

    Raises
    ------
    LoginRefusedError
        The same, in the same time, for an unknown name, a wrong password and a deactivated user.
    TooManyAttemptsError
        After `FAILURES_BY_NAME` or `FAILURES_BY_ADDRESS` wrong ones within `WINDOW`, known or not.
    """
    attempt = _count_attempt(database, name, _network(address))
    with database.reading() as connection:
        row = connection.execute(select(users).where(users.c.name == known_as(name))).one_or_none()
    hashed = row.password_hash if row is not None and row.active else None
    if not passwords.matches(password, hashed) or row is None or hashed is None:
        raise LoginRefusedError(_REFUSED)
    renewed = passwords.hash_of(password) if passwords.is_outdated(hashed) else hashed
    with database.writing(row.name) as write:
        still = write.execute(
            update(users)
            .where(users.c.id == row.id, users.c.active, users.c.password_hash == hashed)
            .values(password_hash=renewed)
        )
        if not still.rowcount:  # changed while the password was checked
            raise LoginRefusedError(_REFUSED)
        write.execute(delete(login_failures).where(attempt))
        write.audit("user.log_in", f"user:{row.name}", by="password")
        return _begin(write, row.id, instead_of, absolute)


def session_of(
    database: Database, token: str, *, idle: timedelta = IDLE
) -> tuple[User, Session] | None:
    """Return whose session it is, as they are now; nothing where it has ended."""
    now = datetime.now(UTC)
    mine = sessions.c.token_sha256 == digest_of(token)
    with database.reading() as connection:
        row = connection.execute(
            select(users, sessions.c.csrf, sessions.c.seen_at, sessions.c.expires_at)
            .join(sessions, sessions.c.user_id == users.c.id)
            .where(mine, _lives(now, idle), users.c.active)
        ).one_or_none()
    if row is None:
        return None
    if now - row.seen_at > _SEEN_EVERY:
        with database.housekeeping() as connection:
            connection.execute(update(sessions).where(mine).values(seen_at=now))
    return user_of(row), Session(token=token, csrf=row.csrf, expires_at=row.expires_at)


def log_out(database: Database, token: str) -> None:
    """End a session; nothing happens where it has ended."""
    mine = sessions.c.token_sha256 == digest_of(token)
    with database.reading() as connection:
        name = connection.execute(
            select(users.c.name).join(sessions, sessions.c.user_id == users.c.id).where(mine)
        ).scalar_one_or_none()
    if name is not None:
        with database.writing(name) as write:
            write.execute(delete(sessions).where(mine))
            write.audit("user.log_out", f"user:{name}")


def one_time_link(
    database: Database, user: User, *, by: User = CONSOLE, life: timedelta = LINK_LIFE
) -> str:
    """Return a token with which `user` can come in once, soon, without a password.

    Raises
    ------
    NotAllowedError
    InvalidError
        If the user is deactivated.
    """
    by.require(Permission.MANAGE_USERS)
    token, now = new_token(), datetime.now(UTC)
    with database.writing(by.name) as write:
        if not row_of(write.connection, user.name).active:
            raise InvalidError(f"The user '{user.name}' is deactivated: activate them first")
        write.execute(delete(login_links).where(login_links.c.expires_at <= now))
        write.execute(
            insert(login_links).values(
                token_sha256=digest_of(token), user_id=user.id, expires_at=now + life
            )
        )
        write.audit("user.link", f"user:{user.name}")
    return token


def redeem(
    database: Database,
    token: str,
    *,
    instead_of: str | None = None,
    absolute: timedelta = ABSOLUTE,
) -> Session:
    """Begin a session with a one-time link, which is used up by that.

    Raises
    ------
    LoginRefusedError
        If it was used, is too old, or never was.
    """
    now = datetime.now(UTC)
    link = login_links.c.token_sha256 == digest_of(token)
    good = (link, login_links.c.used_at.is_(None), login_links.c.expires_at > now, users.c.active)
    with database.reading() as connection:
        row = connection.execute(
            select(users).join(login_links, login_links.c.user_id == users.c.id).where(*good)
        ).one_or_none()
    if row is None:
        raise LoginRefusedError(_STALE)
    with database.writing(row.name) as write:
        unused = update(login_links).where(link, login_links.c.used_at.is_(None))
        if not write.execute(unused.values(used_at=now)).rowcount:  # by somebody faster
            raise LoginRefusedError(_STALE)
        write.audit("user.log_in", f"user:{row.name}", by="link")
        return _begin(write, row.id, instead_of, absolute)


def _begin(write: Write, user_id: int, instead_of: str | None, absolute: timedelta) -> Session:
    now = datetime.now(UTC)
    session = Session(token=new_token(), csrf=new_token(), expires_at=now + absolute)
    ended = sessions.c.expires_at <= now
    if instead_of is not None:
        ended |= sessions.c.token_sha256 == digest_of(instead_of)
    write.execute(delete(sessions).where(ended))
    write.execute(
        insert(sessions).values(
            token_sha256=digest_of(session.token),
            user_id=user_id,
            csrf=session.csrf,
            created_at=now,
            seen_at=now,
            expires_at=session.expires_at,
        )
    )
    return session


def _lives(now: datetime, idle: timedelta) -> ColumnElement[bool]:
    return (sessions.c.expires_at > now) & (sessions.c.seen_at > now - idle)


def _count_attempt(database: Database, name: str, address: str) -> ColumnElement[bool]:
    """Count an attempt as failed until it is not; return what to forget where it is not."""
    hashed = digest_of(known_as(name))
    now = datetime.now(UTC)
    by_name, by_address = (
        login_failures.c.name_sha256 == hashed,
        login_failures.c.address == address,
    )
    with database.housekeeping() as connection:
        # Counted before the password is looked at: many attempts at once are as many.
        connection.execute(delete(login_failures).where(login_failures.c.at <= now - WINDOW))
        for theirs, most in ((by_name, FAILURES_BY_NAME), (by_address, FAILURES_BY_ADDRESS)):
            _refuse_beyond(connection, theirs, most, now)
        connection.execute(
            insert(login_failures).values(name_sha256=hashed, address=address, at=now)
        )
    return by_name & by_address


def _refuse_beyond(
    connection: Connection, theirs: ColumnElement[bool], most: int, now: datetime
) -> None:
    times = select(login_failures.c.at).where(theirs).order_by(login_failures.c.at.desc())
    earliest = connection.execute(times.offset(most - 1).limit(1)).scalar_one_or_none()
    if earliest is not None:
        wait = earliest + WINDOW - now
        raise TooManyAttemptsError(max(1, math.ceil(wait / timedelta(minutes=1))))


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
