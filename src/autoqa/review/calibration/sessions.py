"""A calibration session: who rates what in it, and how far it is.

Answers are given as on any conversation, under the occasion ``calibration:ID``. They are kept from
each other until all are handed in, or until the discussion is opened (`autoqa.review.blinding`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, exists, select, update

from autoqa.review.access import ConflictError, InvalidError, NotFoundError, Permission, User
from autoqa.review.database import Database
from autoqa.review.database.schema import (
    calibration_conversations,
    calibration_raters,
    calibrations,
    conversations,
    evaluations,
    users,
)
from autoqa.review.stored_evaluations import CALIBRATION


class Stage(StrEnum):
    """How far a session is."""

    RATING = "rating"  # everybody for themselves
    DISCUSSING = "discussing"  # answers are fixed, references are agreed
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One rater's place in a session, and the conversations they began and handed in."""

    user_id: int
    rater: str
    display_name: str
    begun: frozenset[str] = frozenset()
    submitted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A session and how far it is; nothing of what was answered.

    Attributes
    ----------
    conversations : tuple of str
        Ids, in the order of the session.
    created_by : str
        Display name.
    """

    id: int
    name: str
    scorecard: str
    scorecard_version: int
    stage: Stage
    created_by: str
    created_at: datetime
    closed_at: datetime | None
    conversations: tuple[str, ...]
    seats: tuple[Seat, ...]

    @property
    def occasion(self) -> str:
        """Under which answers in this session are stored."""
        return f"{CALIBRATION}{self.id}"

    @property
    def n_wanted(self) -> int:
        """Forms that all raters together should hand in."""
        return len(self.conversations) * len(self.seats)

    @property
    def n_submitted(self) -> int:
        """Forms that were handed in."""
        return sum(len(seat.submitted) for seat in self.seats)

    @property
    def complete(self) -> bool:
        """Whether everybody handed in everything."""
        return self.n_submitted == self.n_wanted

    @property
    def opened_early(self) -> bool:
        """Whether the discussion was opened on purpose before everybody had handed in."""
        return self.stage is not Stage.RATING and not self.complete

    @property
    def shows_answers(self) -> bool:
        """Whether raters may see each other's answers."""
        return self.stage is not Stage.RATING or self.complete

    def seat_of(self, user: User) -> Seat | None:
        """Return the user's own place, if there is one."""
        return next((seat for seat in self.seats if seat.user_id == user.id), None)


def list_calibrations(database: Database, user: User) -> tuple[Calibration, ...]:
    """Return the sessions that the user may see, newest first."""
    with database.reading() as connection:
        return _calibrations(connection, user)


def calibration(database: Database, user: User, calibration_id: int) -> Calibration:
    """Return one session, or raise `NotFoundError`."""
    with database.reading() as connection:
        return session_in(connection, user, calibration_id)


def session_in(connection: Connection, user: User, calibration_id: int) -> Calibration:
    """Return one session in an open transaction, or raise `NotFoundError`."""
    found = _calibrations(connection, user, calibrations.c.id == calibration_id)
    if not found:
        raise NotFoundError(f"there is no calibration session {calibration_id}")
    return found[0]


def open_discussion(
    database: Database, user: User, calibration_id: int, *, early: bool = False
) -> Calibration:
    """Fix all answers and let everybody see them.

    Parameters
    ----------
    early : bool
        On purpose, although forms are missing: they stay out, and the results say so.

    Raises
    ------
    InvalidError
        If forms are missing and `early` is false.
    ConflictError
        If it is open already.
    """
    user.require(Permission.CALIBRATE)
    with database.writing(user.name) as write:
        found = session_in(write.connection, user, calibration_id)
        require_stage(found, Stage.RATING, wanted=Stage.DISCUSSING)
        missing = found.n_wanted - found.n_submitted
        if missing and not early:
            raise InvalidError(
                f"{missing} of {found.n_wanted} forms are not handed in; wait for them, or open "
                "the discussion early on purpose"
            )
        write.execute(
            update(calibrations)
            .where(calibrations.c.id == calibration_id)
            .values(state=Stage.DISCUSSING)
        )
        write.audit("calibration.open", f"calibration:{calibration_id}", missing=missing)
    return calibration(database, user, calibration_id)


def require_stage(found: Calibration, needed: Stage, *, wanted: Stage) -> None:
    """Raise `ConflictError` unless a session is at the stage that a change to `wanted` needs."""
    if found.stage is not needed:
        raise ConflictError(
            f"calibration session {found.id} is {found.stage}, not {needed}",
            theirs={"stage": str(found.stage)},
            yours={"stage": str(wanted)},
        )


def _visible(user: User) -> ColumnElement[bool]:
    """Select the sessions of which the user may see every conversation."""
    unseen = exists().where(
        calibration_conversations.c.calibration_id == calibrations.c.id,
        calibration_conversations.c.conversation_id.not_in(
            select(conversations.c.id).where(user.sees())
        ),
    )
    user.require(Permission.SEE_RATINGS)
    return ~unseen


def _calibrations(
    connection: Connection, user: User, *conditions: ColumnElement[bool]
) -> tuple[Calibration, ...]:
    rows = connection.execute(
        select(calibrations, users.c.display_name.label("began"))
        .join(users, users.c.id == calibrations.c.created_by)
        .where(_visible(user), *conditions)
        .order_by(calibrations.c.id.desc())
    ).all()
    ids = [row.id for row in rows]
    listed = _conversations(connection, ids)
    seated = _seats(connection, ids)
    return tuple(
        Calibration(
            id=row.id,
            name=row.name,
            scorecard=row.scorecard,
            scorecard_version=row.scorecard_version,
            stage=Stage(row.state),
            created_by=row.began,
            created_at=row.created_at,
            closed_at=row.closed_at,
            conversations=tuple(listed[row.id]),
            seats=tuple(seated[row.id]),
        )
        for row in rows
    )


def _conversations(connection: Connection, ids: Sequence[int]) -> Mapping[int, list[str]]:
    found: dict[int, list[str]] = {one: [] for one in ids}
    for row in connection.execute(
        select(calibration_conversations)
        .where(calibration_conversations.c.calibration_id.in_(ids))
        .order_by(calibration_conversations.c.position)
    ):
        found[row.calibration_id].append(row.conversation_id)
    return found


def _seats(connection: Connection, ids: Sequence[int]) -> Mapping[int, list[Seat]]:
    forms: dict[tuple[int, int, str], set[str]] = {}
    for row in connection.execute(
        select(
            evaluations.c.calibration_id,
            evaluations.c.user_id,
            evaluations.c.state,
            evaluations.c.conversation_id,
        ).where(evaluations.c.calibration_id.in_(ids))
    ):
        key = (row.calibration_id, row.user_id, row.state)
        forms.setdefault(key, set()).add(row.conversation_id)
    seats: dict[int, list[Seat]] = {one: [] for one in ids}
    for row in connection.execute(
        select(calibration_raters.c.calibration_id, users.c.id, users.c.name, users.c.display_name)
        .join(users, users.c.id == calibration_raters.c.user_id)
        .where(calibration_raters.c.calibration_id.in_(ids))
        .order_by(users.c.name)
    ):
        seats[row.calibration_id].append(
            Seat(
                user_id=row.id,
                rater=row.name,
                display_name=row.display_name,
                begun=frozenset(forms.get((row.calibration_id, row.id, "draft"), ())),
                submitted=frozenset(forms.get((row.calibration_id, row.id, "submitted"), ())),
            )
        )
    return seats
