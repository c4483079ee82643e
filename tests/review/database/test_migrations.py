"""Migrations: from nothing to the tables that the code uses, and nothing beyond."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from autoqa.errors import ReviewError
from autoqa.review.database import migrate, open_database, schema


def difference(connection):
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    return compare_metadata(context, schema.metadata)


def test_migrated_tables_are_those_of_the_schema(databases):
    with databases.reading() as connection:
        assert difference(connection) == []


def test_checks_and_keys_of_the_schema_are_there_too(databases):
    """What Alembic does not compare: checks, primary keys, what foreign keys refer to."""
    with databases.reading() as connection:
        found = inspect(connection)
        for name, table in schema.metadata.tables.items():
            checks = {one["name"] for one in found.get_check_constraints(name)}
            wanted = {one.name for one in table.constraints if hasattr(one, "sqltext")}
            assert checks == wanted, name
            key = found.get_pk_constraint(name)["constrained_columns"]
            assert key == [column.name for column in table.primary_key], name


def test_opening_again_changes_nothing(databases):
    url = databases.engine.url.render_as_string(hide_password=False)
    with databases.writing("ana") as write:
        write.audit("test", "subject")
    with open_database(url) as again, again.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM audit_log")).scalar_one() == 1


def test_a_database_of_a_newer_revision_is_refused_and_left_as_it_is(databases):
    url = databases.engine.url
    with databases.housekeeping() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    named = url.database if databases.is_sqlite else url.render_as_string(hide_password=True)
    with pytest.raises(ReviewError) as refused:
        open_database(url.render_as_string(hide_password=False))
    assert str(refused.value) == (
        f"{named}: written by a newer autoqa, or by another program (revision 9999); upgrade "
        "autoqa-transcripts, or name another place"
    )


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_many_that_open_a_new_database_at_once_make_its_tables_once(kind, request, tmp_path):
    place = tmp_path / "new.db"
    if kind == "postgresql":
        place = request.getfixturevalue("postgresql_url")

    def open_it(_):
        with open_database(place) as database, database.reading() as connection:
            return difference(connection)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(open_it, range(6))) == [[]] * 6


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_migration_that_breaks_off_leaves_nothing(kind, request, tmp_path, monkeypatch):
    place = tmp_path / "new.db"
    if kind == "postgresql":
        place = request.getfixturevalue("postgresql_url")
    broken = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS, broken)
    first = next(broken.glob("versions/0001*.py"))
    first.write_text(
        first.read_text()
        + "\n\n_whole = upgrade\n\n\ndef upgrade():\n    _whole()\n    raise KeyError\n"
    )
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "MIGRATIONS", broken)
        with pytest.raises(KeyError):
            open_database(place)
    with open_database(place) as database, database.reading() as connection:
        assert difference(connection) == []
