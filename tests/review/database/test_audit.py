"""The chain of the audit log: what it keeps, and what becomes of tampering."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from autoqa.review.database import schema, verify
from autoqa.review.database.audit import BEGINNING

LOG = schema.audit_log


@pytest.fixture
def written(databases):
    """Five entries."""
    for i in range(5):
        with databases.writing("ana") as write:
            write.audit("rating.save", f"conversation:c{i}/empathy", level=i, version=1)
    return databases


def verdict(database, **more):
    with database.reading() as connection:
        return verify(connection, **more)


def drop_triggers(connection):
    """What somebody with all rights on the database could do."""
    if connection.dialect.name == "sqlite":
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        for name in names.scalars().all():
            connection.execute(text(f"DROP TRIGGER {name}"))
    else:
        connection.execute(text("ALTER TABLE audit_log DISABLE TRIGGER ALL"))


TAMPERING = {
    "altered": (update(LOG).where(LOG.c.number == 3).values(actor="bo"), 3),
    "moved in time": (update(LOG).where(LOG.c.number == 2).values(at=func.now()), 2),
    "another level": (update(LOG).where(LOG.c.number == 4).values(details={"level": 9}), 4),
    "dropped": (delete(LOG).where(LOG.c.number == 3), 3),
    "first dropped": (delete(LOG).where(LOG.c.number == 1), 1),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_the_log_refuses_to_be_changed(written, what):
    change, _ = TAMPERING[what]
    with (
        pytest.raises(DBAPIError, match="audit log is append-only"),
        written.housekeeping() as connection,
    ):
        connection.execute(change)
    assert verdict(written).entries == 5


def test_an_entry_cannot_be_replaced_by_another_of_its_number(written):
    new = {"number": 3, "at": "2026-01-01 00:00:00", "actor": "bo", "rest": "x"}
    insertion = (
        "INTO audit_log (number, at, actor, action, subject, details, previous, digest) "
        "VALUES (:number, :at, :actor, :rest, :rest, '{}', :rest, :rest)"
    )
    how = "INSERT OR REPLACE " if written.is_sqlite else "INSERT "
    with pytest.raises(DBAPIError), written.housekeeping() as connection:
        connection.execute(text(how + insertion), new)
    assert verdict(written).entries == 5


def test_postgresql_does_not_let_the_log_be_emptied_at_once(written):
    if written.is_sqlite:
        pytest.skip("SQLite has no TRUNCATE")
    with (
        pytest.raises(DBAPIError, match="audit log is append-only"),
        written.housekeeping() as connection,
    ):
        connection.execute(text("TRUNCATE audit_log"))


@pytest.mark.parametrize("what", TAMPERING)
def test_who_gets_around_that_breaks_the_chain(written, what):
    change, broken_at = TAMPERING[what]
    with written.housekeeping() as connection:
        drop_triggers(connection)
        connection.execute(change)
    found = verdict(written)
    assert not found.holds
    assert found.broken_at == broken_at
    assert found.entries == broken_at - 1


def test_an_entry_in_between_breaks_the_chain(written):
    with written.housekeeping() as connection:
        drop_triggers(connection)
        rows = connection.execute(select(LOG).where(LOG.c.number == 5)).mappings().one()
        connection.execute(insert(LOG).values({**rows, "number": 6}))
    assert verdict(written).broken_at == 6


def test_a_log_without_its_end_fits_but_lacks_the_digest_that_was_noted(written):
    noted = verdict(written).last_digest
    with written.writing("ana") as write:
        write.audit("test", "subject")
    assert verdict(written, noted=noted).holds
    with written.housekeeping() as connection:
        drop_triggers(connection)
        connection.execute(delete(LOG).where(LOG.c.number >= 5))
    assert verdict(written).holds
    found = verdict(written, noted=noted)
    assert (found.entries, found.broken_at, found.lacks) == (4, None, noted)
    assert not found.holds


def test_an_empty_log_holds(databases):
    found = verdict(databases)
    assert (found.entries, found.last_digest, found.holds) == (0, BEGINNING, True)
    assert verdict(databases, noted=BEGINNING).holds


TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None
)
@given(actor=TEXT, subject=TEXT, details=st.dictionaries(TEXT, JSON, max_size=4))
def test_whatever_an_entry_says_the_chain_holds_and_gives_it_back(
    databases, actor, subject, details
):
    with databases.writing(actor) as write:
        write.audit("test", subject, **details)
    assert verdict(databases).holds
    with databases.reading() as connection:
        last = connection.execute(select(LOG).order_by(LOG.c.number.desc()).limit(1)).one()
    assert (last.actor, last.subject, last.details) == (actor, subject, details)
