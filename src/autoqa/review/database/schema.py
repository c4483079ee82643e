"""The tables of the review database, the same in SQLite and PostgreSQL.

What models and people said is kept as rows that are added and never changed: a later answer is a
row with a higher ``version``. Queries live beside the service that asks them.

A change here needs one in ``migrations/versions`` as well, or a test fails.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class UtcTime(TypeDecorator[datetime]):
    """Moments with a time zone, stored in UTC: SQLite would drop the zone."""

    impl = DateTime(timezone=False)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the moment in UTC without its zone."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the moment with its zone."""
        return None if value is None else value.replace(tzinfo=UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _key() -> Column[int]:
    return Column("id", Integer, primary_key=True)


def _of(table: str, name: str | None = None, *, nullable: bool = False) -> Column[int]:
    name = name or f"{table.removesuffix('s')}_id"
    return Column(name, ForeignKey(f"{table}.id"), nullable=nullable, index=True)


def _conversation() -> Column[str]:
    return Column("conversation_id", ForeignKey("conversations.id"), nullable=False, index=True)


# People, and how they come in.

users = Table(
    "users",
    metadata,
    _key(),
    Column("name", String(120), nullable=False, unique=True),  # what one logs in with; the rater
    Column("display_name", String(200), nullable=False),
    Column("role", String(20), nullable=False),
    Column("team", String(200)),  # whom a lead leads, where a reviewer belongs
    Column("agent", String(200)),  # whose conversations a user in the role of agent may see
    Column("password_hash", Text),  # none: one-time links alone
    Column("language", String(20)),
    Column("settings", JSON, nullable=False, default=dict),  # shortcuts, theme, blind by choice
    Column("active", Boolean, nullable=False, default=True),
    Column("created_at", UtcTime, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    _of("users"),
    Column("csrf", String(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),  # however busy
)

login_links = Table(
    "login_links",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    _of("users"),
    Column("expires_at", UtcTime, nullable=False),
    Column("used_at", UtcTime),
)

login_failures = Table(
    "login_failures",
    metadata,
    _key(),
    # Not the name itself: people type their password there by mistake.
    Column("name_sha256", String(64), nullable=False, index=True),
    Column("address", String(64), nullable=False, index=True),
    Column("at", UtcTime, nullable=False, index=True),
)

# What was scored.

scorecards = Table(
    "scorecards",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("document", JSON, nullable=False),
    Column("loaded_at", UtcTime, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    _key(),
    Column("name", String(500), nullable=False),
    Column("scorecard", String(200), nullable=False),
    Column("scorecard_version", Integer, nullable=False),
    Column("fingerprint", String(64), nullable=False, unique=True),  # the same run loads once
    Column("scorers", JSON, nullable=False, default=dict),
    Column("loaded_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),  # none while it is being loaded
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", String(500), primary_key=True),
    _of("runs"),
    Column("language", String(40), nullable=False, index=True),
    Column("channel", String(20), nullable=False, index=True),
    Column("agent", String(200), index=True),
    Column("team", String(200), index=True),
    Column("queue", String(200), index=True),
    Column("topic", String(200), index=True),
    Column("started_at", UtcTime, index=True),
    Column("n_turns", Integer, nullable=False),
    # Of the automated evaluation and prediction, to filter and sort by; never shown as one number.
    Column("total", Float, index=True),
    Column("coverage", Float),
    Column("csat", Float, index=True),  # expected level
    Column("evaluation_id", Integer),  # the automated evaluation that they are of: the newest
    Column("survey", Float),  # share of the survey's scale, where the customer answered
    Column("survey_answer", JSON(none_as_null=True)),  # the Survey as it is stored
    # Last, since SQLite reads a row up to the column it is asked for.
    Column("words", Text, nullable=False),  # case-folded, for search
    Column("document", JSON, nullable=False),  # the redacted Transcript
)

curves = Table(
    "curves",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id"), primary_key=True),
    Column("points", JSON, nullable=False),  # [[turn index, expected level], ...]
    Column("scale", JSON, nullable=False),  # [lowest, highest] level
)

flags = Table(
    "flags",
    metadata,
    _key(),
    _conversation(),
    Column("reason", String(60), nullable=False, index=True),
    Column("message", Text, nullable=False),
    Column("values", JSON, nullable=False, default=dict),  # what the message says, to translate it
    Column("priority", Float, nullable=False),
    Column("criterion", String(200), index=True),
)

# The queue: one item for each conversation that somebody should look at.

items = Table(
    "items",
    metadata,
    _key(),
    Column("conversation_id", ForeignKey("conversations.id"), nullable=False, unique=True),
    Column("priority", Float, nullable=False),
    Column("state", String(20), nullable=False),  # open, done
    Column("reviews_wanted", Integer, nullable=False, default=1),  # 2: double review
    Column("reviews_done", Integer, nullable=False, default=0),
    Column("blind", Boolean, nullable=False, default=False),
    _of("users", "assigned_to", nullable=True),
    Column("due_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("done_at", UtcTime),
    CheckConstraint("reviews_wanted >= 1", name="reviews_wanted"),
    CheckConstraint("state IN ('open', 'done')", name="state"),
)
Index("ix_items_state_priority", items.c.state, items.c.priority.desc(), items.c.id)
# Of people's own rows alone: by the full indexes, planners expect to find half of the table.
_assigned = items.c.assigned_to.is_not(None)
Index(
    "ix_items_of_people",
    items.c.assigned_to,
    items.c.state,
    items.c.due_at,
    sqlite_where=_assigned,
    postgresql_where=_assigned,
)

leases = Table(
    "leases",
    metadata,
    _key(),
    _of("items"),
    Column("slot", Integer, nullable=False),  # 0, and 1 where double review is asked for
    _of("users"),
    Column("claimed_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False, index=True),
    # Two people can never hold the same place, whatever the code does.
    UniqueConstraint("item_id", "slot"),
    UniqueConstraint("item_id", "user_id"),
)

views = Table(
    "views",
    metadata,
    _key(),
    _of("users"),
    Column("name", String(200), nullable=False),
    Column("filters", JSON, nullable=False),
    Column("shared", Boolean, nullable=False, default=False),
    UniqueConstraint("user_id", "name"),
)

assignment_rules = Table(
    "assignment_rules",
    metadata,
    _key(),
    Column("position", Integer, nullable=False),
    Column("name", String(200), nullable=False),
    Column("filters", JSON, nullable=False),
    Column("assignees", JSON, nullable=False),  # ids of users, in turn
    Column("reviews_wanted", Integer, nullable=False, default=1),
    Column("blind", Boolean, nullable=False, default=False),
    Column("active", Boolean, nullable=False, default=True),
)

# What models and people answered.

evaluations = Table(
    "evaluations",
    metadata,
    _key(),
    _conversation(),
    Column("rater", String(200), nullable=False, index=True),  # a user's name, or a scorer
    Column("kind", String(10), nullable=False),  # human, model
    _of("users", nullable=True),
    Column("scorecard", String(200), nullable=False),
    Column("scorecard_version", Integer, nullable=False),
    Column("purpose", String(20), nullable=False),  # score, review, calibration, decision
    _of("calibrations", nullable=True),
    # Not a key of `disputes`, which refer to ratings of evaluations: tables would go in circles.
    Column("dispute_id", Integer, index=True),
    Column("state", String(20), nullable=False),  # draft, submitted
    Column("blind", Boolean, nullable=False, default=False),
    Column("total", Float),
    Column("coverage", Float),
    Column("critical_failed", JSON, nullable=False, default=list),
    Column("section_totals", JSON, nullable=False, default=dict),
    Column("started_at", UtcTime, nullable=False),
    Column("submitted_at", UtcTime, index=True),
    CheckConstraint("state IN ('draft', 'submitted')", name="state"),
    # '' where it belongs to no calibration or dispute: NULLs would not count as the same.
    Column("occasion", String(60), nullable=False, default=""),
    UniqueConstraint("conversation_id", "rater", "scorecard", "occasion"),
)

_by_people = evaluations.c.user_id.is_not(None)
Index(
    "ix_evaluations_of_people",
    evaluations.c.user_id,
    evaluations.c.purpose,
    evaluations.c.submitted_at,
    sqlite_where=_by_people,
    postgresql_where=_by_people,
)

ratings = Table(
    "ratings",
    metadata,
    _key(),
    _of("evaluations"),
    Column("criterion", String(200), nullable=False, index=True),
    Column("version", Integer, nullable=False),  # from 1; the highest is the answer that counts
    Column("status", String(20), nullable=False),
    Column("level", Integer),
    Column("expected", Float),
    Column("points", Float),  # share of the weight that a model's level earns, to filter by
    Column("probabilities", JSON, nullable=False, default=list),
    Column("evidence", JSON, nullable=False, default=list),
    Column("reason", Text, nullable=False, default=""),
    Column("accepted", Boolean, nullable=False, default=False),  # took the model's answer
    Column("at", UtcTime, nullable=False),
    # A save that started from an older version than the newest fails here, and nothing is lost.
    UniqueConstraint("evaluation_id", "criterion", "version"),
)

comments = Table(
    "comments",
    metadata,
    _key(),
    _conversation(),
    _of("evaluations", nullable=True),  # seen with it: not before it is submitted, where blind
    Column("criterion", String(200)),
    Column("turn", Integer),
    _of("users"),
    Column("text", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)

# Calibration sessions.

calibrations = Table(
    "calibrations",
    metadata,
    _key(),
    Column("name", String(200), nullable=False),
    Column("scorecard", String(200), nullable=False),
    Column("scorecard_version", Integer, nullable=False),
    Column("state", String(20), nullable=False),  # rating, discussing, closed
    _of("users", "created_by"),
    Column("created_at", UtcTime, nullable=False),
    Column("closed_at", UtcTime),
    Column("agreement", JSON),  # as it was when the session closed
)

calibration_conversations = Table(
    "calibration_conversations",
    metadata,
    Column("calibration_id", ForeignKey("calibrations.id"), primary_key=True),
    Column("conversation_id", ForeignKey("conversations.id"), primary_key=True),
    Column("position", Integer, nullable=False),
)

calibration_raters = Table(
    "calibration_raters",
    metadata,
    Column("calibration_id", ForeignKey("calibrations.id"), primary_key=True),
    Column("user_id", ForeignKey("users.id"), primary_key=True),
)

reference_ratings = Table(
    "reference_ratings",
    metadata,
    _key(),
    _of("calibrations"),
    _conversation(),
    Column("criterion", String(200), nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", String(20), nullable=False),
    Column("level", Integer),
    Column("reason", Text, nullable=False, default=""),
    _of("users", "agreed_by"),
    Column("at", UtcTime, nullable=False),
    UniqueConstraint("calibration_id", "conversation_id", "criterion", "version"),
)

# Disputes: the original, the dispute and the decision all stay.

disputes = Table(
    "disputes",
    metadata,
    _key(),
    _conversation(),
    _of("ratings"),  # the answer that is disputed
    Column("criterion", String(200), nullable=False),
    Column("agent", String(200), nullable=False),
    _of("users", "raised_by"),
    Column("reason", Text, nullable=False),
    Column("raised_at", UtcTime, nullable=False),
    Column("state", String(20), nullable=False),  # open, upheld, changed, withdrawn
    _of("users", "decided_by", nullable=True),
    Column("decision_status", String(20)),
    Column("decision_level", Integer),
    Column("decision_reason", Text),
    Column("decided_at", UtcTime),
    Column("version", Integer, nullable=False, default=1),
)

# Coaching.

coaching_notes = Table(
    "coaching_notes",
    metadata,
    _key(),
    Column("agent", String(200), nullable=False, index=True),
    Column("criterion", String(200)),
    Column("text", Text, nullable=False),
    Column("goal", Text, nullable=False, default=""),
    Column("follow_up_on", UtcTime, index=True),
    Column("state", String(20), nullable=False, default="open"),  # open, reached, dropped
    _of("users", "author"),
    Column("created_at", UtcTime, nullable=False),
    Column("version", Integer, nullable=False, default=1),
)

coaching_links = Table(
    "coaching_links",
    metadata,
    _key(),
    _of("coaching_notes"),
    _conversation(),
    Column("turn", Integer),
)

examples = Table(
    "examples",
    metadata,
    _key(),
    _conversation(),
    Column("criterion", String(200), nullable=False, index=True),
    Column("turn", Integer),
    Column("kind", String(10), nullable=False),  # good, bad
    Column("title", String(300), nullable=False),
    _of("users", "author"),
    Column("at", UtcTime, nullable=False),
)

# What was done, by whom: rows are added and never changed.

audit_log = Table(
    "audit_log",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),  # 1, 2, 3: no gaps
    Column("at", UtcTime, nullable=False),
    Column("actor", String(200), nullable=False, index=True),
    Column("action", String(60), nullable=False, index=True),
    Column("subject", String(1000), nullable=False, index=True),
    Column("details", JSON, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
)
