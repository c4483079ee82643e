"""One database for the review page: SQLite in a file, or PostgreSQL by its URL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Self

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from autoqa.errors import ReviewError
from autoqa.records import Json
from autoqa.review.database import audit
from autoqa.review.database.migrate import is_current, upgrade
from autoqa.review.database.tls import tls_of

_WAIT_S = 30  # for another writer
_CONNECTIONS = {
    "pool_size": 10,
    "max_overflow": 50,  # more than threads that answer requests
    "hide_parameters": True,  # errors are logged, and what people typed is not
}
_AUDIT_LOCK = 0x6175746F7161  # 'autoqa': the key of PostgreSQL's advisory lock


class BusyError(ReviewError):
    """Somebody else's change takes too long to wait for."""


class Write:
    """A transaction that changes something, and says in the audit log what."""

    def __init__(self, connection: Connection, actor: str) -> None:
        self.connection = connection
        self.execute = connection.execute
        self.actor = actor
        self.entries = 0

    def audit(self, action: str, subject: str, /, **details: Json) -> None:
        """Say what was done, to what; details hold ids, levels and versions, never words said."""
        audit.append(self.connection, self.actor, action, subject, details)
        self.entries += 1


class Database:
    """The review database. Every change goes through `writing`, which keeps the audit log."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._turn = Lock()

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file on this machine."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the data and changes nothing."""
        with self.engine.connect() as connection:
            if not self.is_sqlite:
                connection.execute(
                    text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                )
            yield connection
            connection.rollback()

    @contextmanager
    def writing(self, actor: str) -> Iterator[Write]:
        """Open a transaction alone with the database; committed when the block ends well.

        Raises
        ------
        ReviewError
            If the block ends without an entry in the audit log: then nothing is changed.
        BusyError
            If another writer does not come to an end within 30 seconds.
        """
        with self._alone() as connection:
            write = Write(connection, actor)
            yield write
            if not write.entries:
                raise ReviewError("a change without an entry in the audit log")

    @contextmanager
    def housekeeping(self) -> Iterator[Connection]:
        """Open a transaction for what nobody did: sessions seen, leases prolonged or run out."""
        with self._alone() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        if not self.is_sqlite:
            with self.engine.begin() as connection:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _AUDIT_LOCK})
                yield connection
            return
        # SQLite makes writers ask again and again; threads of one process wait in line instead.
        if not self._turn.acquire(timeout=_WAIT_S):
            raise BusyError(f"The database is busy: another change takes more than {_WAIT_S} s")
        try:
            options = {"autoqa_writes": True}
            with self.engine.execution_options(**options).begin() as connection:
                yield connection
        finally:
            self._turn.release()


def open_database(url: str | Path, *, create: bool = True) -> Database:
    """Open, create or upgrade the review database.

    Parameters
    ----------
    url : str or Path
        ``postgresql://user@host/name``, with ``?sslmode=verify-full`` where the way there has to
        be encrypted and the server's certificate right, or the path of an SQLite file.
    create : bool
        Whether to make the file where there is none.

    Raises
    ------
    ReviewError
        If it cannot be opened, or was written by a newer autoqa or another program.
    """
    parsed = _parsed(str(url))
    if _is_sqlite(parsed):
        _prepare_place(Path(parsed.database or ""), create=create)
    named = parsed.render_as_string(hide_password=True) if parsed.host else parsed.database
    try:
        database = Database(_sqlite(parsed) if _is_sqlite(parsed) else _postgresql(parsed))
        _try_to_connect(database)
        with database.reading() as connection:
            current = is_current(connection)
        if not current:
            with database.housekeeping() as connection:
                upgrade(connection)
    except ModuleNotFoundError as error:
        raise ReviewError(
            f"{named}: needs {error.name}; for PostgreSQL: "
            'pip install "autoqa-transcripts[postgresql]"'
        ) from None
    except ReviewError as error:
        raise ReviewError(f"{named}: {error}") from None
    except DBAPIError as error:
        raise ReviewError(f"{named}: cannot be opened: {_said(error)}") from None
    return database


def _parsed(place: str) -> URL:
    if "://" not in place:
        return URL.create("sqlite", database=place)
    try:
        parsed = make_url(place)
    except (ArgumentError, ValueError):
        # Without repeating it: it may hold a password.
        raise ReviewError(
            "The database's URL cannot be read: expected postgresql://USER:PASSWORD@HOST/NAME, "
            "with special characters in the password as %40 for @"
        ) from None
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+pg8000")
    if parsed.drivername.partition("+")[0] not in ("sqlite", "postgresql"):
        raise ReviewError(
            f"{parsed.render_as_string(hide_password=True)}: reviews are kept in SQLite (a path) "
            "or PostgreSQL (postgresql://USER@HOST/NAME) only"
        )
    if not parsed.database:
        raise ReviewError(
            f"{parsed.render_as_string(hide_password=True)}: names no database; add it after "
            "the last slash"
        )
    return parsed


def _prepare_place(path: Path, *, create: bool) -> None:
    if path.exists():
        return
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # it will hold what people said
    else:
        raise ReviewError(
            f"{path}: there is no review database; `autoqa review serve` and "
            "`autoqa review user add` make one"
        )


def _is_sqlite(url: URL) -> bool:
    return url.drivername.startswith("sqlite")


def _try_to_connect(database: Database) -> None:
    try:
        database.engine.connect().close()
    except TypeError as error:  # a parameter of the URL that the driver does not take
        raise ReviewError(f"cannot be opened: {error}") from None


def _said(error: DBAPIError) -> str:
    """Return what the driver said: pg8000 gives the server's fields, M is the message."""
    first = error.orig.args[0] if error.orig and error.orig.args else error.orig
    return str(first.get("M", first) if isinstance(first, dict) else first)


def _postgresql(url: URL) -> Engine:
    url, context = tls_of(url)
    return create_engine(
        url,
        connect_args={} if context is None else {"ssl_context": context},
        pool_pre_ping=True,  # a connection that the server closed is noticed before it is used
        **_CONNECTIONS,
    )


def _sqlite(url: URL) -> Engine:
    engine = create_engine(
        url, connect_args={"timeout": _WAIT_S, "check_same_thread": False}, **_CONNECTIONS
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        cursor = connection.cursor()
        for setting in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "mmap_size = 1073741824",  # searching all words takes a third of the time
        ):
            cursor.execute(f"PRAGMA {setting}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options: Mapping[str, Any] = connection.get_execution_options()
        # Asking for the lock at once: who reads first and then writes would have to fail.
        writes = options.get("autoqa_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
