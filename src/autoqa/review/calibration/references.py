"""What a team agreed to be the right answer, noted while a session is discussed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select

from autoqa.records import Json, Status
from autoqa.review.access import ConflictError, NotFoundError, Permission, User
from autoqa.review.calibration.sessions import Stage, require_stage, session_in
from autoqa.review.database import Database
from autoqa.review.database.schema import reference_ratings, users
from autoqa.review.settled_answers import settled_answer
from autoqa.review.stored_evaluations import card_of
from autoqa.review.texts import entered


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What a team agreed to be the right answer; a later agreement has a higher version."""

    conversation_id: str
    criterion: str
    version: int
    status: Status
    level: int | None
    reason: str
    agreed_by: str  # display name of who noted it
    at: datetime


def agree(
    database: Database,
    user: User,
    calibration_id: int,
    conversation_id: str,
    criterion: str,
    *,
    status: str,
    level: int | None = None,
    reason: str = "",
    based_on: int = 0,
) -> Reference:
    """Note what the team agreed to be the right answer.

    Parameters
    ----------
    status : str
        ``rated`` with a level, or ``not_applicable``.
    based_on : int
        Version of the reference that was on the screen; 0 where there was none.

    Raises
    ------
    ConflictError
        If somebody else noted another answer meanwhile, or the session is not being discussed.
    InvalidError
        If the answer is not one that the criterion allows.
    """
    user.require(Permission.CALIBRATE)
    with database.writing(user.name) as write:
        found = session_in(write.connection, user, calibration_id)
        require_stage(found, Stage.DISCUSSING, wanted=Stage.DISCUSSING)
        if conversation_id not in found.conversations:
            raise NotFoundError(
                f"conversation '{conversation_id}' is not in calibration session {calibration_id}"
            )
        card = card_of(write.connection, found.scorecard, found.scorecard_version)
        settled, level = settled_answer(card, criterion, status, level)
        now = references(write.connection, calibration_id).get((conversation_id, criterion))
        reason = entered(reason, "the reason")
        version = now.version if now else 0
        if version != based_on:
            raise ConflictError(
                "somebody else noted a reference meanwhile",
                theirs=_stated(now.status, now.level, now.reason, version) if now else {},
                yours=_stated(settled, level, reason, based_on + 1),
            )
        added = Reference(
            conversation_id=conversation_id,
            criterion=criterion,
            version=version + 1,
            status=settled,
            level=level,
            reason=reason,
            agreed_by=user.display_name,
            at=datetime.now(UTC),
        )
        write.execute(
            insert(reference_ratings).values(
                calibration_id=calibration_id,
                conversation_id=conversation_id,
                criterion=criterion,
                version=added.version,
                status=added.status,
                level=level,
                reason=reason,
                agreed_by=user.id,
                at=added.at,
            )
        )
        write.audit(
            "calibration.agree",
            f"calibration:{calibration_id}/{conversation_id}/{criterion}",
            version=added.version,
        )
    return added


def references(connection: Connection, calibration_id: int) -> Mapping[tuple[str, str], Reference]:
    """Return the latest reference of each conversation and criterion that has one."""
    rows = connection.execute(
        select(reference_ratings, users.c.display_name)
        .join(users, users.c.id == reference_ratings.c.agreed_by)
        .where(reference_ratings.c.calibration_id == calibration_id)
        .order_by(reference_ratings.c.version)
    )
    return {
        (row.conversation_id, row.criterion): Reference(
            conversation_id=row.conversation_id,
            criterion=row.criterion,
            version=row.version,
            status=Status(row.status),
            level=row.level,
            reason=row.reason,
            agreed_by=row.display_name,
            at=row.at,
        )
        for row in rows
    }


def _stated(status: Status, level: int | None, reason: str, version: int) -> dict[str, Json]:
    return {"status": str(status), "level": level, "reason": reason, "version": version}
