"""What people submitted on the review page, for training, experiments and comparisons.

Only what counts: the newest version of the answers in submitted evaluations. What somebody is
still to rate blind is left out, and so are answers that the decision of a dispute has replaced. Of
one person's answers to one criterion of one conversation, given in a review and in a calibration
session, the one submitted last counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, func, not_, select

from autoqa.readers.export import write_uniform
from autoqa.records import LabelledTranscript, RaterKind, Rating, Survey, Transcript
from autoqa.review.access import Permission, User
from autoqa.review.blinding import hides, still_blind
from autoqa.review.database import Database, schema
from autoqa.review.database.schema import conversations, evaluations, ratings
from autoqa.review.stored_evaluations import card_of, newest, rating_from
from autoqa.scorecard import Scorecard
from autoqa.store import from_dict, write_records

_AT_A_TIME = 200  # conversations

_disputed = ratings.alias("disputed")


def submitted_ratings(
    database: Database,
    user: User | None = None,
    *,
    scorecard: str | None = None,
    since: datetime | None = None,
) -> Iterator[Rating]:
    """Yield what people submitted, by conversation and rater.

    Parameters
    ----------
    database : Database
    user : User, optional
        Who asks on the page: gets what they may see. A command on this machine gets everything.
    scorecard : str, optional
        Id of the scorecard, whatever its version.
    since : datetime, optional
        Only evaluations submitted from then on.

    Raises
    ------
    NotAllowedError
        If the user may not export.
    """
    wanted = _wanted(user, scorecard, since)
    return (rating_from(row, row) for _, rows in _by_conversation(database, wanted) for row in rows)


def labelled_conversations(
    database: Database,
    user: User | None = None,
    *,
    scorecard: str | None = None,
    since: datetime | None = None,
) -> Iterator[LabelledTranscript]:
    """Yield the (redacted) conversations with what people submitted, and customers' answers.

    Parameters and errors as of `submitted_ratings`.
    """
    wanted = _wanted(user, scorecard, since)
    return _labelled(database, wanted)


def export_ratings(database: Database, path: str | Path, **selection: Any) -> int:
    """Write `submitted_ratings` to a file (.parquet, .jsonl or .jsonl.gz); return how many.

    Parameters
    ----------
    database : Database
    path : str or Path
    **selection
        As of `submitted_ratings`.
    """
    return write_records(path, submitted_ratings(database, **selection), Rating)


def export_conversations(database: Database, path: str | Path, **selection: Any) -> int:
    """Write `labelled_conversations` as uniform JSONL; return how many.

    ``autoqa train --data`` and experiments read it.
    """
    return write_uniform(path, labelled_conversations(database, **selection))


def _wanted(
    user: User | None, scorecard: str | None, since: datetime | None
) -> ColumnElement[bool]:
    """The condition on `evaluations` joined with `conversations`."""
    wanted = [
        evaluations.c.kind == str(RaterKind.HUMAN),
        evaluations.c.state == "submitted",
        not_(still_blind()),
    ]
    if user is not None:
        user.require(Permission.EXPORT)
        wanted += [user.sees(), not_(hides(user))]
    if scorecard is not None:
        wanted.append(evaluations.c.scorecard == scorecard)
    if since is not None:
        wanted.append(evaluations.c.submitted_at >= since)
    return and_(*wanted)


def _by_conversation(
    database: Database, wanted: ColumnElement[bool]
) -> Iterator[tuple[str, list[Row[Any]]]]:
    with database.reading() as connection:
        for some in _some_at_a_time(connection, wanted):
            yield from _rows(connection, wanted, some)


def _labelled(database: Database, wanted: ColumnElement[bool]) -> Iterator[LabelledTranscript]:
    cards: dict[tuple[str, int], Scorecard] = {}
    with database.reading() as connection:
        for some in _some_at_a_time(connection, wanted):
            told = connection.execute(
                select(
                    conversations.c.id, conversations.c.document, conversations.c.survey_answer
                ).where(conversations.c.id.in_(some))
            )
            by_id = {row.id: row for row in told}
            for name, rows in _rows(connection, wanted, some):
                scales: dict[str, tuple[float, float]] = {}
                for row in rows:
                    key = (row.scorecard, row.scorecard_version)
                    if key not in cards:
                        cards[key] = card_of(connection, *key)
                    levels = cards[key].criterion(row.criterion).scale
                    scales[row.criterion] = (float(levels[0]), float(levels[-1]))
                said = by_id[name].survey_answer
                yield LabelledTranscript(
                    transcript=from_dict(Transcript, by_id[name].document),
                    ratings=tuple(rating_from(row, row) for row in rows),
                    surveys=() if said is None else (from_dict(Survey, said),),
                    scales=scales,
                )


def _some_at_a_time(connection: Connection, wanted: ColumnElement[bool]) -> Iterator[Sequence[str]]:
    """Yield the ids of all conversations, as many together as are asked about at once."""
    ids = connection.scalars(
        select(conversations.c.id)
        .join(evaluations, evaluations.c.conversation_id == conversations.c.id)
        .where(wanted)
        .distinct()
        .order_by(conversations.c.id)
    ).all()
    for start in range(0, len(ids), _AT_A_TIME):
        yield ids[start : start + _AT_A_TIME]


def _rows(
    connection: Connection, wanted: ColumnElement[bool], ids: Sequence[str]
) -> Iterator[tuple[str, list[Row[Any]]]]:
    """Yield the answers that count, by conversation, each with the columns of its evaluation."""
    last_first = (evaluations.c.submitted_at.desc(), ratings.c.id.desc())
    who = (evaluations.c.conversation_id, evaluations.c.rater, ratings.c.criterion)
    place = func.row_number().over(partition_by=who, order_by=last_first).label("place")
    answers = (
        select(
            ratings,
            evaluations.c.conversation_id,
            evaluations.c.rater,
            evaluations.c.kind,
            evaluations.c.scorecard,
            evaluations.c.scorecard_version,
            place,
        )
        .join(evaluations, evaluations.c.id == ratings.c.evaluation_id)
        .join(conversations, conversations.c.id == evaluations.c.conversation_id)
        .where(wanted, newest(), not_(_replaced()), conversations.c.id.in_(ids))
        .subquery()
    )
    rows = connection.execute(
        select(answers)
        .where(answers.c.place == 1)
        .order_by(answers.c.conversation_id, answers.c.rater, answers.c.id)
    )
    for name, given in groupby(rows, key=lambda row: str(row.conversation_id)):
        yield name, list(given)


def _replaced() -> ColumnElement[bool]:
    """The condition on `ratings` that a dispute about the answer ended with another one."""
    return exists().where(
        schema.disputes.c.rating_id == _disputed.c.id,
        schema.disputes.c.state == "changed",
        _disputed.c.evaluation_id == ratings.c.evaluation_id,
        _disputed.c.criterion == ratings.c.criterion,
    )
