"""The SQLite file of tracked runs: created or brought up to date before MLflow opens it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from autoqa.errors import ExperimentError


def prepare_database(uri: str, database: Path) -> None:
    """Create the database, or bring an older one up to date. Call under the lock."""
    from mlflow.store.db import utils
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    current = _schema_revision(database)
    if current and current != utils._get_latest_schema_revision():
        _migrate(uri, database, current)
    # Opening the store creates missing tables; the default experiment then points beside the
    # database instead of into the working directory.
    SqlAlchemyStore(uri, str(database.parent / "mlruns"))


def _migrate(uri: str, database: Path, current: str) -> None:
    """Bring an older schema up to date, after a copy: failed migrations are not undone."""
    from alembic.script import ScriptDirectory
    from mlflow.store.db import utils

    known = ScriptDirectory.from_config(utils._get_alembic_config(uri)).walk_revisions()
    if current not in {script.revision for script in known}:
        raise ExperimentError(
            f"{database} has schema {current}, which this MLflow does not know; "
            "upgrade MLflow or set MLFLOW_TRACKING_URI to another database"
        )
    copy = database.with_name(f"{database.name}.before-{current}")
    with closing(sqlite3.connect(database)) as old, closing(sqlite3.connect(copy)) as new:
        old.backup(new)
    engine = utils.create_sqlalchemy_engine_with_retry(uri)
    try:
        utils._upgrade_db(engine)
    finally:
        engine.dispose()


def _schema_revision(database: Path) -> str | None:
    if not database.exists():
        return None
    try:
        with closing(sqlite3.connect(database)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:  # empty file: no tables yet
        return None
    except sqlite3.DatabaseError:
        raise ExperimentError(
            f"{database} is not an MLflow database; move it away or set MLFLOW_TRACKING_URI"
        ) from None
    return str(row[0]) if row else None
