"""Bring a review database to the tables of this version."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from autoqa.errors import ReviewError

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).with_name("migrations")
_ONE_AT_A_TIME = Lock()  # Alembic's context is one for the whole process


def is_current(connection: Connection) -> bool:
    """Whether the tables are those of this version.

    Raises
    ------
    ReviewError
        If a newer autoqa, or another program, wrote the database.
    """
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    known = ScriptDirectory.from_config(_config())
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in {one.revision for one in known.walk_revisions()}:
        raise ReviewError(
            f"written by a newer autoqa, or by another program (revision {current}); upgrade "
            "autoqa-transcripts, or name another place"
        )
    return current == known.get_current_head()


def upgrade(connection: Connection) -> None:
    """Create or upgrade the tables, in a transaction that keeps other writers out."""
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    with _ONE_AT_A_TIME:
        command.upgrade(config, "head")


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
