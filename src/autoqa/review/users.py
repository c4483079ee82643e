"""Users: who may come in, in which role. Every change is in the audit log."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, exists, insert, select, update

from autoqa.errors import near_miss
from autoqa.records import Json
from autoqa.review import passwords
from autoqa.review.access import (
    ConflictError,
    InvalidError,
    NotFoundError,
    Permission,
    Role,
    User,
)
from autoqa.review.database import Database, Write
from autoqa.review.database.schema import evaluations, items, leases, login_links, sessions, users
from autoqa.review.tokens import digest_of

CONSOLE = User(id=0, name="(console)", display_name="Console", role=Role.ADMIN)
"""Whoever runs commands on the machine of the database; no user can have this name."""

LOCAL_ADMIN = "local"
"""Who comes in by the link that `autoqa review serve` prints."""

_NAME = re.compile(r"[\w.@+-]{1,120}")
_LONGEST_SETTINGS = 10_000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user, as those see it who manage users."""

    user: User
    active: bool
    has_password: bool
    created_at: datetime


def add_user(
    database: Database,
    by: User,
    name: str,
    *,
    role: Role | str,
    password: str | None = None,
    display_name: str = "",
    team: str | None = None,
    agent: str | None = None,
    language: str | None = None,
) -> User:
    """Add a user; without a password, they come in by one-time links alone.

    Parameters
    ----------
    by : User
        Who adds them: an admin, or `CONSOLE`.
    name : str
        What they log in with and the rater of their ratings, in lower case; never changes.
    team : str, optional
        For a lead, whose conversations they see (all, without); for others, where they belong.
    agent : str, optional
        For the role of agent, and needed there: the agent of the conversations that they see.

    Raises
    ------
    NotAllowedError, InvalidError
    ConflictError
        If there is a user of that name.
    """
    by.require(Permission.MANAGE_USERS)
    name = known_as(name)
    if not _NAME.fullmatch(name):
        raise InvalidError(
            f"'{name}' cannot be a user's name: use up to 120 letters, digits and . _ - + @"
        )
    values = _profile(name, role, display_name, team, agent)
    hashed = passwords.hash_new(password, name) if password is not None else None
    with database.writing(by.name) as write:
        there = write.execute(select(users).where(users.c.name == name)).one_or_none()
        if there is not None:
            state = "" if there.active else ", deactivated"
            raise ConflictError(
                f"There is a user '{name}' already ({there.role}{state})",
                theirs={"name": name, "role": there.role},
                yours={"name": name, "role": values["role"]},
            )
        _refuse_model(write.connection, name)
        write.execute(
            insert(users).values(
                name=name,
                **values,
                language=language,
                password_hash=hashed,
                settings={},
                active=True,
                created_at=datetime.now(UTC),
            )
        )
        write.audit("user.add", f"user:{name}", role=values["role"], password=hashed is not None)
        return user_of(row_of(write.connection, name))


def change_user(
    database: Database,
    by: User,
    name: str,
    *,
    role: Role | str,
    display_name: str = "",
    team: str | None = None,
    agent: str | None = None,
) -> User:
    """Change a user's role, shown name, team and agent; with another of these, sessions end.

    Raises
    ------
    NotAllowedError, NotFoundError, InvalidError
    """
    by.require(Permission.MANAGE_USERS)
    with database.writing(by.name) as write:
        row = row_of(write.connection, name)
        values = _profile(row.name, role, display_name, team, agent)
        if row.id == by.id and values["role"] != by.role:
            raise InvalidError("You cannot change your own role: ask another admin")
        write.execute(update(users).where(users.c.id == row.id).values(**values))
        if (values["role"], values["team"], values["agent"]) != (row.role, row.team, row.agent):
            _end_sessions(write, row.id)
        write.audit("user.change", f"user:{row.name}", role=values["role"], before=row.role)
        return user_of(row_of(write.connection, row.name))


def set_password(database: Database, by: User, name: str, password: str) -> None:
    """Give a user a new password; their sessions and links end.

    Raises
    ------
    NotAllowedError, NotFoundError, InvalidError
    """
    by.require(Permission.MANAGE_USERS)
    hashed = passwords.hash_new(password, known_as(name))
    with database.writing(by.name) as write:
        row = row_of(write.connection, name)
        _store_password(write, row.id, row.name, hashed)


def change_password(
    database: Database, user: User, *, current: str, new: str, token: str | None = None
) -> None:
    """Change one's own password; all of one's sessions end but that of `token`.

    Raises
    ------
    InvalidError
        If `current` is not the password (where there is one), or `new` is too easy to guess.
    """
    with database.reading() as connection:
        before = row_of(connection, user.name).password_hash
    if before is not None and not passwords.matches(current, before):
        raise InvalidError("The current password is not the one that was entered")
    hashed = passwords.hash_new(new, user.name)
    with database.writing(user.name) as write:
        if row_of(write.connection, user.name).password_hash != before:
            raise InvalidError("The current password is not the one that was entered")
        _store_password(write, user.id, user.name, hashed, keep=token)


def save_settings(
    database: Database, user: User, settings: Mapping[str, Json], *, language: str | None
) -> User:
    """Replace one's own settings (shortcuts, theme, blind by choice) and language.

    Raises
    ------
    InvalidError
        If they are too long to be settings.
    """
    if len(json.dumps(settings)) > _LONGEST_SETTINGS or len(language or "") > 20:
        raise InvalidError("These settings are too long to be saved")
    with database.writing(user.name) as write:
        write.execute(
            update(users)
            .where(users.c.id == user.id)
            .values(settings=dict(settings), language=language)
        )
        write.audit("user.settings", f"user:{user.name}", names=sorted(settings), language=language)
        return user_of(row_of(write.connection, user.name))


def deactivate(database: Database, by: User, name: str) -> None:
    """Let a user come in no more; what they did stays, what they held is free for others.

    Raises
    ------
    NotAllowedError, NotFoundError, InvalidError
    """
    by.require(Permission.MANAGE_USERS)
    with database.writing(by.name) as write:
        row = row_of(write.connection, name)
        if row.id == by.id:
            raise InvalidError("You cannot deactivate yourself: ask another admin")
        write.execute(update(users).where(users.c.id == row.id).values(active=False))
        _end_sessions(write, row.id)
        write.execute(delete(leases).where(leases.c.user_id == row.id))
        write.execute(
            update(items)
            .where(items.c.assigned_to == row.id, items.c.state == "open")
            .values(assigned_to=None)
        )
        write.audit("user.deactivate", f"user:{row.name}")


def activate(database: Database, by: User, name: str) -> None:
    """Let a user who was deactivated come in again.

    Raises
    ------
    NotAllowedError, NotFoundError
    """
    by.require(Permission.MANAGE_USERS)
    with database.writing(by.name) as write:
        row = row_of(write.connection, name)
        write.execute(update(users).where(users.c.id == row.id).values(active=True))
        write.audit("user.activate", f"user:{row.name}")


def list_users(database: Database, by: User) -> list[Account]:
    """Return all users by name, those who were deactivated last.

    Raises
    ------
    NotAllowedError
    """
    by.require(Permission.MANAGE_USERS)
    with database.reading() as connection:
        rows = connection.execute(select(users).order_by(users.c.active.desc(), users.c.name))
        return [_account(row) for row in rows]


def account_of(database: Database, by: User, name: str) -> Account:
    """Return one user, active or not.

    Raises
    ------
    NotAllowedError, NotFoundError
    """
    by.require(Permission.MANAGE_USERS)
    with database.reading() as connection:
        return _account(row_of(connection, name))


def active_users(database: Database, roles: Iterable[Role]) -> list[User]:
    """Return who can be asked to do something in these roles, by name."""
    with database.reading() as connection:
        rows = connection.execute(
            select(users)
            .where(users.c.active, users.c.role.in_([str(role) for role in roles]))
            .order_by(users.c.name)
        )
        return [user_of(row) for row in rows]


def somebody_has_a_password(database: Database) -> bool:
    """Whether anyone can log in from another machine."""
    found = exists().where(users.c.active, users.c.password_hash.is_not(None))
    with database.reading() as connection:
        return bool(connection.execute(select(found)).scalar_one())


def local_admin(database: Database) -> User:
    """Return the admin of this machine, who has no password; added when first asked for."""
    with database.reading() as connection:
        row = connection.execute(select(users).where(users.c.name == LOCAL_ADMIN)).one_or_none()
    if row is None:
        return add_user(database, CONSOLE, LOCAL_ADMIN, role=Role.ADMIN, display_name="Local admin")
    if not row.active:
        activate(database, CONSOLE, LOCAL_ADMIN)
    return user_of(row)


def known_as(name: str) -> str:
    """Return a name as it is stored: Ana and ana are one user."""
    sendable = name.encode(errors="replace").decode()
    return unicodedata.normalize("NFKC", sendable).strip().casefold()


def row_of(connection: Connection, name: str) -> Any:
    """Return the row of a user, active or not.

    Raises
    ------
    NotFoundError
    """
    name = known_as(name)
    row = connection.execute(select(users).where(users.c.name == name)).one_or_none()
    if row is None:
        known = connection.execute(select(users.c.name)).scalars()
        raise NotFoundError(f"There is no user '{name}'.{near_miss(name, known)}")
    return row


def user_of(row: Any) -> User:
    """Return the user of a row of the table of users."""
    return User(
        id=row.id,
        name=row.name,
        display_name=row.display_name,
        role=Role(row.role),
        team=row.team,
        agent=row.agent,
        language=row.language,
        settings=row.settings,
    )


def _account(row: Any) -> Account:
    return Account(
        user=user_of(row),
        active=row.active,
        has_password=row.password_hash is not None,
        created_at=row.created_at,
    )


def _profile(
    name: str, role: Role | str, display_name: str, team: str | None, agent: str | None
) -> dict[str, str | None]:
    try:
        role = Role(role)
    except ValueError:
        raise InvalidError(
            f"'{role}' is no role: choose one of {', '.join(Role)}.{near_miss(role, Role)}"
        ) from None
    display_name, team, agent = display_name.strip() or name, _given(team), _given(agent)
    if role is Role.AGENT and agent is None:
        raise InvalidError(
            "A user in the role of agent sees one agent's conversations: name the agent as "
            "the conversations do"
        )
    for text in (display_name, team or "", agent or ""):
        if len(text) > 200 or not text.isprintable():
            raise InvalidError(
                f"{text[:40]!r} cannot be a name: use up to 200 printable characters"
            )
    return {"role": str(role), "display_name": display_name, "team": team, "agent": agent}


def _given(text: str | None) -> str | None:
    return (text or "").strip() or None


def _refuse_model(connection: Connection, name: str) -> None:
    rated = exists().where(evaluations.c.rater == name, evaluations.c.kind == "model")
    if connection.execute(select(rated)).scalar_one():
        raise InvalidError(f"'{name}' is the name of a model's ratings: choose another")


def _store_password(
    write: Write, user_id: int, name: str, hashed: str, *, keep: str | None = None
) -> None:
    write.execute(update(users).where(users.c.id == user_id).values(password_hash=hashed))
    _end_sessions(write, user_id, keep=keep)
    write.audit("user.password", f"user:{name}")


def _end_sessions(write: Write, user_id: int, *, keep: str | None = None) -> None:
    kept = sessions.c.token_sha256 != digest_of(keep or "")
    write.execute(delete(sessions).where(sessions.c.user_id == user_id, kept))
    write.execute(delete(login_links).where(login_links.c.user_id == user_id))
