"""Who reviews how much: what is waiting, what was done, how long it took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import median

from sqlalchemy import select

from autoqa.review.access import Permission, User
from autoqa.review.dashboards.periods import day_from, start_of
from autoqa.review.dashboards.scope import MIN_N
from autoqa.review.database import Database
from autoqa.review.database.schema import conversations, evaluations
from autoqa.review.queue import Workload, workload

WEEKS = 8
"""Weeks, with the one that runs, that a reviewer's history goes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewerLoad:
    """One reviewer.

    Attributes
    ----------
    now : Workload
        Assigned, overdue, held.
    by_week : tuple of int
        Reviews submitted per week, in the order of `ReviewerWorkload.weeks`.
    median_minutes : float or None
        From the beginning of a review to its submission; None below `MIN_N` reviews. Breaks count:
        nobody is timed by the second.
    """

    now: Workload
    by_week: tuple[int, ...]
    median_minutes: float | None

    @property
    def submitted(self) -> int:
        """Reviews in all of these weeks."""
        return sum(self.by_week)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewerWorkload:
    """Every reviewer that the user may see: who assigns work sees all, others themselves."""

    weeks: tuple[date, ...]
    reviewers: tuple[ReviewerLoad, ...]
    min_n: int = MIN_N


def reviewer_workload(database: Database, user: User) -> ReviewerWorkload:
    """Return what reviewers have before them, and what they did in the last `WEEKS` weeks.

    Raises
    ------
    NotAllowedError
    """
    user.require(Permission.SEE_DASHBOARDS)
    now = workload(database, user)
    today = datetime.now(UTC).date()
    monday = today - timedelta(days=today.weekday())
    weeks = tuple(monday - timedelta(weeks=back) for back in reversed(range(WEEKS)))
    done = _submitted(database, user, weeks[0], [one.user_id for one in now])
    return ReviewerWorkload(
        weeks=weeks,
        reviewers=tuple(_load(one, done[one.user_id], weeks) for one in now),
    )


def _submitted(
    database: Database, user: User, since: date, people: Sequence[int]
) -> dict[int, list[tuple[date, float]]]:
    """Return week and minutes of each review, by reviewer."""
    week = start_of("week", evaluations.c.submitted_at)
    with database.reading() as connection:
        rows = connection.execute(
            select(
                evaluations.c.user_id, week, evaluations.c.started_at, evaluations.c.submitted_at
            )
            .join(conversations, conversations.c.id == evaluations.c.conversation_id)
            .where(
                user.sees(),
                evaluations.c.user_id.in_(people),
                evaluations.c.purpose == "review",
                evaluations.c.state == "submitted",
                evaluations.c.submitted_at
                >= datetime(since.year, since.month, since.day, tzinfo=UTC),
            )
        ).all()
    found: dict[int, list[tuple[date, float]]] = defaultdict(list)
    for person, start, began, ended in rows:
        found[person].append((day_from(start), (ended - began).total_seconds() / 60))
    return found


def _load(now: Workload, done: Sequence[tuple[date, float]], weeks: Sequence[date]) -> ReviewerLoad:
    return ReviewerLoad(
        now=now,
        by_week=tuple(sum(start == week for start, _ in done) for week in weeks),
        median_minutes=median(minutes for _, minutes in done) if len(done) >= MIN_N else None,
    )
