"""How Alembic reaches the review database: through the connection that it is given."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from autoqa.review.database.schema import UtcTime, metadata


def _render(kind: str, item: Any, _: AutogenContext) -> str | Literal[False]:
    """Write our type as what it is in the database, so that migrations outlive our code."""
    return "sa.DateTime()" if kind == "type" and isinstance(item, UtcTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    render_item=_render,
)
with context.begin_transaction():
    context.run_migrations()
