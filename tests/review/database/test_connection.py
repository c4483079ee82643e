"""Transactions of the review database, and what is said where it cannot be opened."""

from __future__ import annotations

import builtins
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, insert, make_url, select, text
from sqlalchemy.exc import DBAPIError

from autoqa.errors import ReviewError
from autoqa.review.database import BusyError, open_database, schema, verify
from autoqa.review.database import connection as connection_module


def add_failure(connection, address="192.0.2.7"):
    """Write some row: what it is does not matter here."""
    connection.execute(
        insert(schema.login_failures).values(
            name_sha256="0" * 64, address=address, at=schema.datetime.now(schema.UTC)
        )
    )


def count(database, table=schema.login_failures):
    with database.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_a_change_is_there_with_its_entry_when_the_block_ends(databases):
    with databases.writing("ana") as write:
        add_failure(write.connection)
        write.audit("test", "subject", level=2)
    assert count(databases) == 1
    with databases.reading() as connection:
        (entry,) = connection.execute(select(schema.audit_log)).all()
        assert verify(connection).holds
    assert (entry.number, entry.actor, entry.details) == (1, "ana", {"level": 2})


def test_a_change_without_an_entry_is_undone(databases):
    with (
        pytest.raises(ReviewError, match="a change without an entry in the audit log"),
        databases.writing("ana") as write,
    ):
        add_failure(write.connection)
    assert count(databases) == 0


@pytest.mark.parametrize("how", ["error", "entry"])
def test_a_change_that_breaks_off_leaves_neither_itself_nor_its_entry(databases, how):
    def change():
        with databases.writing("ana") as write:
            write.audit("test", "subject")
            add_failure(write.connection)
            if how == "error":
                raise KeyError
            write.audit("test", "subject", level=float("nan"))

    with pytest.raises((KeyError, ValueError)):
        change()
    assert count(databases) == count(databases, schema.audit_log) == 0
    with databases.writing("ana") as write:  # nothing is locked
        write.audit("test", "subject")


def test_reading_sees_one_state_whatever_is_written_meanwhile(databases):
    with databases.reading() as connection:
        before = connection.execute(select(func.count()).select_from(schema.login_failures))
        assert before.scalar_one() == 0
        with databases.housekeeping() as other:
            add_failure(other)
        again = connection.execute(select(func.count()).select_from(schema.login_failures))
        assert again.scalar_one() == 0
    assert count(databases) == 1


def test_reading_changes_nothing(databases):
    def change():
        with databases.reading() as connection:
            add_failure(connection)

    if databases.is_sqlite:
        change()
    else:
        with pytest.raises(DBAPIError, match="read-only"):
            change()
    assert count(databases) == 0


def test_writers_at_the_same_time_leave_an_unbroken_chain(databases):
    def change(number):
        with databases.writing(f"user{number % 8}") as write:
            seen = write.execute(select(func.count()).select_from(schema.login_failures))
            add_failure(write.connection, address=str(seen.scalar_one()))
            write.audit("test", f"subject:{number}")
            if number % 5 == 0:
                raise KeyError

    def attempt(number):
        try:
            change(number)
        except KeyError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        done = sum(pool.map(attempt, range(100)))
    assert done == 80
    with databases.reading() as connection:
        verdict = verify(connection)
        seen = connection.execute(select(schema.login_failures.c.address)).scalars()
        assert sorted(int(one) for one in seen) == list(range(80))  # no two saw the same state
    assert (verdict.entries, verdict.holds) == (80, True)


def test_writers_in_two_processes_leave_an_unbroken_chain(database, tmp_path):
    """Two `Database` objects share no lock of this process, as two processes would not."""
    with open_database(tmp_path / "review.db") as other:

        def change(number):
            with (database, other)[number % 2].writing("ana") as write:
                write.audit("test", f"subject:{number}")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(change, range(40)))
    with database.reading() as connection:
        assert verify(connection).entries == 40


def test_a_change_that_takes_too_long_lets_others_give_up(database, monkeypatch):
    monkeypatch.setattr(connection_module, "_WAIT_S", 0.05)
    begun, end = threading.Event(), threading.Event()

    def slow():
        with database.writing("ana") as write:
            begun.set()
            end.wait()
            write.audit("test", "subject")

    thread = threading.Thread(target=slow)
    thread.start()
    begun.wait()
    with pytest.raises(BusyError, match="The database is busy"), database.housekeeping():
        pass
    end.set()
    thread.join()
    assert count(database, schema.audit_log) == 1


def test_moments_come_back_in_utc_whatever_zone_they_were_given_in(databases):
    from datetime import datetime, timedelta, timezone

    there = datetime(2026, 3, 9, 1, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    with databases.housekeeping() as connection:
        connection.execute(
            insert(schema.login_failures).values(name_sha256="0" * 64, address="", at=there)
        )
    with databases.reading() as connection:
        back = connection.execute(select(schema.login_failures.c.at)).scalar_one()
    assert back == there
    assert back.isoformat() == "2026-03-08T20:00:00.123456+00:00"


def test_sqlite_keeps_what_is_acknowledged_and_the_links_between_tables(database):
    with database.reading() as connection:
        settings = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def said_about(place, **more):
    with pytest.raises(ReviewError) as refused:
        open_database(place, **more)
    return str(refused.value)


def test_a_folder_that_is_not_there_is_made(tmp_path):
    open_database(tmp_path / "new" / "folder" / "review.db").close()
    assert (tmp_path / "new" / "folder" / "review.db").exists()


def test_a_new_file_is_for_its_owner_alone(tmp_path):
    with open_database(tmp_path / "review.db") as database, database.writing("ana") as write:
        write.audit("test", "subject")
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"review.db": 0o600, "review.db-wal": 0o600, "review.db-shm": 0o600}


def test_no_file_is_made_where_none_is_wanted(tmp_path):
    path = tmp_path / "review.db"
    assert said_about(path, create=False) == (
        f"{path}: there is no review database; `autoqa review serve` and `autoqa review user add` "
        "make one"
    )
    assert not path.exists()


@pytest.mark.parametrize("place", ["path", "url"])
def test_a_file_that_is_no_database_is_named_and_left_as_it_is(tmp_path, place):
    path = tmp_path / "calls.jsonl"
    path.write_text('{"conversation_id": "c1"}\n' * 100)
    assert said_about(path if place == "path" else f"sqlite:///{path}") == (
        f"{path}: cannot be opened: file is not a database"
    )
    assert path.read_text() == '{"conversation_id": "c1"}\n' * 100


def test_a_folder_in_place_of_a_file_is_named(tmp_path):
    assert said_about(tmp_path) == f"{tmp_path}: cannot be opened: unable to open database file"


def test_a_database_of_somebody_else_is_left_as_it_is(tmp_path):
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE alembic_version (version_num TEXT)")
    other.execute("INSERT INTO alembic_version VALUES ('f5a4f2784254')")
    other.commit()
    assert said_about(path) == (
        f"{path}: written by a newer autoqa, or by another program (revision f5a4f2784254); "
        "upgrade autoqa-transcripts, or name another place"
    )
    assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("alembic_version",)]
    other.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "postgresql://ana:secret@host:port/review",
            "The database's URL cannot be read: expected postgresql://USER:PASSWORD@HOST/NAME, "
            "with special characters in the password as %40 for @",
        ),
        (
            "mysql://ana:secret@host/review",
            "mysql://ana:***@host/review: reviews are kept in SQLite (a path) or PostgreSQL "
            "(postgresql://USER@HOST/NAME) only",
        ),
        (
            "postgresql://ana:secret@host",
            "postgresql+pg8000://ana:***@host: names no database; add it after the last slash",
        ),
        ("sqlite://", "sqlite://: names no database; add it after the last slash"),
    ],
)
def test_a_url_that_cannot_be_used_is_answered_without_its_password(url, said):
    assert said_about(url) == said


def test_a_server_that_does_not_answer_is_named_without_the_password():
    said = said_about("postgresql://ana:secret@127.0.0.1:1/review")
    assert said.startswith("postgresql+pg8000://ana:***@127.0.0.1:1/review: cannot be opened: ")
    assert "Can't create a connection to host 127.0.0.1 and port 1" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"password": "wrong"}, 'password authentication failed for user "autoqa"'),
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
        ({"query": {"sslmod": "x"}}, "connect() got an unexpected keyword argument 'sslmod'"),
    ],
)
def test_what_the_server_refuses_is_passed_on_as_a_sentence(postgresql_url, change, said):
    url = make_url(postgresql_url).set(**change)
    answer = said_about(url.render_as_string(hide_password=False))
    assert answer == f"{url.render_as_string(hide_password=True)}: cannot be opened: {said}"


def test_a_driver_that_is_not_installed_is_named_with_how_to_get_it(monkeypatch):
    real = builtins.__import__

    def without_driver(name, *rest, **more):
        if name.partition(".")[0] == "pg8000":
            raise ModuleNotFoundError("No module named 'pg8000'", name="pg8000")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_driver)
    assert said_about("postgres://ana:secret@host/review") == (
        "postgresql+pg8000://ana:***@host/review: needs pg8000; for PostgreSQL: "
        'pip install "autoqa-transcripts[postgresql]"'
    )
