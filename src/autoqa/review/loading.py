"""Loading: a finished scoring run into the review database, beside what people did there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, insert, select, text, update

from autoqa.errors import ReviewError
from autoqa.privacy import redact_survey
from autoqa.records import Flag, RaterKind, Survey
from autoqa.review.assignment import apply_rules
from autoqa.review.database import Database, Write
from autoqa.review.database.schema import conversations, evaluations, runs, scorecards
from autoqa.review.disagreement import flag_everywhere
from autoqa.review.entering import raise_flags
from autoqa.review.run_folder import RunFolder
from autoqa.review.run_rows import NEW_AGENT, RunRows, raised_for
from autoqa.scorecard import Scorecard
from autoqa.store import to_dict

FIRST_LOOKS = 3
"""Conversations of a new agent that come into the queue."""

_SURVEYS_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What loading a run changed.

    Attributes
    ----------
    run_id : int
    added : int
        Conversations that are new.
    rescored : int
        Conversations that were there, and have newer scores now.
    kept : int
        Conversations whose words are others than those that people reviewed: they stay as they
        are, without the newer scores.
    queued : int
        Conversations that are new in the queue.
    assigned : int
        Items of the queue that a rule gave to somebody.
    surveys : int
        Conversations whose survey is new or changed.
    """

    run_id: int
    added: int = 0
    rescored: int = 0
    kept: int = 0
    queued: int = 0
    assigned: int = 0
    surveys: int = 0


def load_run(
    database: Database,
    folder: str | Path,
    card: Scorecard,
    *,
    surveys: Iterable[Survey] = (),
    audit_share: float = 0.05,
    seed: int = 0,
    actor: str = "autoqa",
) -> Loaded:
    """Load a finished scoring run; the same one a second time changes nothing.

    A newer run of the same conversations adds its evaluations and replaces the flags; what people
    did stays. Loading that was interrupted goes on where it was.

    Parameters
    ----------
    database : Database
    folder : path
        As `autoqa score` wrote it.
    card : Scorecard
        That the run was scored on.
    surveys : iterable of Survey
        Of conversations of this run or earlier ones; of two of one conversation the later counts.
        Comments are redacted.
    audit_share : float
        Share of all conversations, flagged or not, that come into the queue at random (0-1).
    seed : int
        Of that draw: the same conversations are drawn again.
    actor : str
        Who loads, for the audit log.

    Raises
    ------
    ReviewError
        If the folder holds no finished run, or one on another scorecard.
    StoreError
        If a table cannot be read.
    """
    run = RunFolder(folder)
    if run.scorecard != (card.id, card.version):
        raise ReviewError(
            f"{run.folder}: scored on {run.scorecard[0]} version {run.scorecard[1]}, not on "
            f"{card.id} version {card.version}; name that scorecard"
        )
    if not 0 <= audit_share <= 1:
        raise ReviewError(f"audit_share is {audit_share}; it has to be from 0 to 1")
    begun = _begin(database, run, card, actor)
    counts = {"added": 0, "rescored": 0, "kept": 0, "queued": 0, "assigned": 0}
    if begun.finished_at is None:
        for chunk in run.chunks():
            with database.writing(actor) as write:
                rows = RunRows(write, begun.id, card)
                done = rows.load(chunk, lambda name: _drawn(name, audit_share, seed))
                for name, count in done.items():
                    counts[name] += count
                write.audit("run.load", f"run:{begun.id}", **done)
    counts["surveys"] = _keep_surveys(database, surveys, actor)
    if begun.finished_at is None:
        with database.writing(actor) as write:
            counts["queued"] += raise_flags(
                write.connection, _first_of_new_agents(write.connection, begun.id)
            )
            counts["queued"] += flag_everywhere(write.connection)
            counts["assigned"] += sum(apply_rules(write, since=begun.loaded_at).values())
            write.execute(
                update(runs).where(runs.c.id == begun.id).values(finished_at=datetime.now(UTC))
            )
            write.audit("run.finish", f"run:{begun.id}", **counts)
        _know_sizes(database)
    return Loaded(run_id=begun.id, **counts)


def _begin(database: Database, run: RunFolder, card: Scorecard, actor: str) -> Row[Any]:
    fingerprint = run.fingerprint()
    wanted = select(runs).where(runs.c.fingerprint == fingerprint)
    with database.reading() as connection:
        known = connection.execute(wanted).one_or_none()
    if known is not None:
        return known
    with database.writing(actor) as write:
        _keep_card(write, card)
        write.execute(
            insert(runs).values(
                name=run.name[:500],
                scorecard=card.id,
                scorecard_version=card.version,
                fingerprint=fingerprint,
                scorers=run.scorers,
                loaded_at=datetime.now(UTC),
            )
        )
        begun = write.execute(wanted).one()
        write.audit(
            "run.begin", f"run:{begun.id}", scorecard=card.id, scorecard_version=card.version
        )
        return begun


def _keep_card(write: Write, card: Scorecard) -> None:
    stored = write.execute(
        select(scorecards.c.document).where(
            scorecards.c.id == card.id, scorecards.c.version == card.version
        )
    ).scalar_one_or_none()
    if stored is None:
        write.execute(
            insert(scorecards).values(
                id=card.id,
                version=card.version,
                document=card.model_dump(mode="json", exclude_defaults=True),
                loaded_at=datetime.now(UTC),
            )
        )
    elif _structure(Scorecard.model_validate(stored)) != _structure(card):
        raise ReviewError(
            f"{card.id} version {card.version} is loaded already with other criteria, levels or "
            "weights; give the changed scorecard a version of its own, and score on that"
        )


def _structure(card: Scorecard) -> list[Any]:
    """What decides totals, whatever the language of the texts."""
    return [
        (section.id, c.id, c.weight, c.critical, [(level, c.points(level)) for level in c.levels])
        for section in card.sections
        for c in section.criteria
    ]


def _drawn(conversation_id: str, share: float, seed: int) -> bool:
    """Whether a conversation is drawn at random: by its id, so that it stays so in newer runs."""
    digest = hashlib.sha256(f"{seed}/{conversation_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def _first_of_new_agents(connection: Connection, run_id: int) -> Iterator[Flag]:
    """Yield flags of the first conversations of agents that only this run knows.

    In the first run all are new, and nobody is.
    """

    def agents(*conditions: ColumnElement[bool]) -> set[str]:
        found = connection.execute(
            select(conversations.c.agent)
            .join(evaluations, evaluations.c.conversation_id == conversations.c.id)
            .where(evaluations.c.kind == str(RaterKind.MODEL), *conditions)
            .distinct()
        )
        return {agent for agent in found.scalars() if agent is not None}

    of_it = evaluations.c.occasion == f"run:{run_id}"
    before = agents(~of_it)
    if not before:
        return
    for agent in sorted(agents(of_it) - before):
        first = connection.execute(
            select(conversations.c.id)
            .where(conversations.c.agent == agent)
            .order_by(conversations.c.started_at, conversations.c.id)
            .limit(FIRST_LOOKS)
        )
        for name in first.scalars():
            yield raised_for(name, NEW_AGENT, 0.35)


def _keep_surveys(database: Database, surveys: Iterable[Survey], actor: str) -> int:
    """Store what customers answered; return of how many conversations that changed something."""
    latest: dict[str, Survey] = {}
    for one in surveys:
        known = latest.get(one.conversation_id)
        if known is None or _when(one) >= _when(known):
            latest[one.conversation_id] = redact_survey(one)
    answers = {name: to_dict(one) for name, one in latest.items()}
    names = list(answers)
    changed: list[str] = []
    with database.reading() as connection:
        for start in range(0, len(names), _SURVEYS_AT_ONCE):
            some = conversations.c.id.in_(names[start : start + _SURVEYS_AT_ONCE])
            changed += [
                row.id
                for row in connection.execute(
                    select(conversations.c.id, conversations.c.survey_answer).where(some)
                )
                if row.survey_answer != answers[row.id]
            ]
    if changed:
        with database.writing(actor) as write:
            write.execute(
                update(conversations)
                .where(conversations.c.id == bindparam("conversation"))
                .values(survey=bindparam("share"), survey_answer=bindparam("answer")),
                [
                    {"conversation": name, "share": latest[name].share, "answer": answers[name]}
                    for name in changed
                ],
            )
            write.audit("surveys.load", "surveys", conversations=len(changed))
    return len(changed)


def _when(survey: Survey) -> datetime:
    when = survey.answered_at or datetime(1, 1, 1, tzinfo=UTC)
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def _know_sizes(database: Database) -> None:
    """Let the database plan its queries by what is there now."""
    with database.housekeeping() as connection:
        connection.execute(text("ANALYZE"))
