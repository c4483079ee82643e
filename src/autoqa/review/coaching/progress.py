"""What came after a coaching note: an agent's scores before and after it.

Notes are often written after a poor stretch, and a poor stretch tends to be followed by a better
one whatever is said. A difference is what happened after the note, not what the note did; the
conversations that a note points to were chosen for being poor, and are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, select

from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.summed_means import ClusterSums
from autoqa.records import Status
from autoqa.review.access import User
from autoqa.review.cards import loaded_cards
from autoqa.review.coaching.notes import Note, note_of
from autoqa.review.dashboards.scope import MIN_N, Scope
from autoqa.review.database import Database
from autoqa.review.database.schema import coaching_links, conversations, evaluations, ratings
from autoqa.review.stored_evaluations import newest
from autoqa.scorecard.schema import Criterion

DAYS = 90
"""Days before and after a note that are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One kind of score before and after a note, 0-1.

    Attributes
    ----------
    n_before, n_after : int
        Conversations.
    before, after : Estimate or None
        Mean share of the points; None below `MIN_N` conversations on that side.
    difference : Estimate or None
        After minus before; None unless both are there. Without interval where nothing varies.
    """

    n_before: int
    n_after: int
    before: Estimate | None
    after: Estimate | None
    difference: Estimate | None

    @property
    def enough(self) -> bool:
        """Whether there are enough conversations on both sides."""
        return self.difference is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What came after a note: of its criterion, or of the total where it has none.

    Attributes
    ----------
    scorecard, version
        The version that the scores are of: the newest that has the criterion.
    automated : Change
        What models scored.
    human : Change
        What people submitted; a conversation that several reviewed counts with their mean.
    """

    scorecard: str
    version: int
    automated: Change
    human: Change
    days: int = DAYS
    min_n: int = MIN_N


def progress(
    database: Database, user: User, note: Note | int, *, days: int = DAYS
) -> Progress | None:
    """Compare an agent's conversations in the days before and after a note.

    Returns
    -------
    Progress or None
        None where no scorecard has the note's criterion.

    Raises
    ------
    NotAllowedError, NotFoundError
    """
    note = note_of(database, user, note if isinstance(note, int) else note.id)
    with database.reading() as connection:
        card = next(
            (
                card
                for card in loaded_cards(connection)
                if note.criterion is None or note.criterion in {c.id for c in card.criteria}
            ),
            None,
        )
        if card is None:
            return None
        scope = Scope(scorecard=card.id, version=card.version, agent=note.agent)
        held = _near(note, timedelta(days=days))
        if note.criterion is None:
            automated, human = _totals(connection, user, scope, held)
        else:
            criterion = card.criterion(note.criterion)
            automated, human = _points(connection, user, scope, criterion, held)
    return Progress(
        scorecard=card.id,
        version=card.version,
        automated=_change(note.created_at, automated),
        human=_change(note.created_at, human),
        days=days,
    )


_Values = dict[tuple[str, datetime], list[float]]  # per conversation: shares of the points


def _near(note: Note, reach: timedelta) -> list[ColumnElement[bool]]:
    linked = select(coaching_links.c.conversation_id).where(
        coaching_links.c.coaching_note_id == note.id
    )
    return [
        conversations.c.started_at >= note.created_at - reach,
        conversations.c.started_at <= note.created_at + reach,
        conversations.c.id.not_in(linked),
    ]


def _totals(
    connection: Connection, user: User, scope: Scope, held: list[ColumnElement[bool]]
) -> tuple[_Values, _Values]:
    columns = select(conversations.c.id, conversations.c.started_at).where(*held)
    by_models = columns.add_columns(conversations.c.total).where(
        conversations.c.total.is_not(None), *scope.scored(user)
    )
    by_people = (
        columns.add_columns(evaluations.c.total)
        .join(evaluations, evaluations.c.conversation_id == conversations.c.id)
        .where(evaluations.c.total.is_not(None), *scope.by_people(), *scope.held(user))
    )
    return (
        _gathered(connection, by_models, lambda total: float(total) / 100),
        _gathered(connection, by_people, lambda total: float(total) / 100),
    )


def _points(
    connection: Connection,
    user: User,
    scope: Scope,
    criterion: Criterion,
    held: list[ColumnElement[bool]],
) -> tuple[_Values, _Values]:
    columns = select(conversations.c.id, conversations.c.started_at, ratings.c.level).where(
        ratings.c.criterion == criterion.id, ratings.c.status == str(Status.RATED), *held
    )
    by_models = columns.join(
        ratings, ratings.c.evaluation_id == conversations.c.evaluation_id
    ).where(*scope.scored(user))
    by_people = (
        columns.join(evaluations, evaluations.c.conversation_id == conversations.c.id)
        .join(ratings, ratings.c.evaluation_id == evaluations.c.id)
        .where(*scope.by_people(), *scope.held(user), newest())
    )
    return (
        _gathered(connection, by_models, criterion.points),
        _gathered(connection, by_people, criterion.points),
    )


def _gathered(connection: Connection, query: Select[Any], share: Callable[[Any], float]) -> _Values:
    found: _Values = defaultdict(list)
    for name, at, value in connection.execute(query):
        found[name, at].append(share(value))
    return found


def _change(moment: datetime, values: _Values) -> Change:
    after = np.asarray([at >= moment for _, at in values], dtype=np.int64)
    means = np.asarray([sum(found) / len(found) for found in values.values()], dtype=float)
    sums = ClusterSums.of(after, np.ones(len(means)), means, means**2, n_groups=2)
    sides = [one if one.n >= MIN_N else None for one in sums.bounded(0.0, 1.0)]
    return Change(
        n_before=int(sums.n[0]),
        n_after=int(sums.n[1]),
        before=sides[0],
        after=sides[1],
        difference=sums.difference(1, 0) if all(sides) else None,
    )
