"""Deciding a dispute: never by who gave the rating, nor by who raised it.

A decision that changes the answer is an evaluation of its own (purpose ``decision``): its one
rating is the new answer, its total what the disputed form adds up to with it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, insert, update

from autoqa.records import Json, RaterKind, Rating, Status
from autoqa.review.access import NotAllowedError, Permission, User
from autoqa.review.database import Database, Write
from autoqa.review.database.schema import disputes, evaluations, ratings
from autoqa.review.disputes.stories import (
    OCCASION,
    Dispute,
    State,
    dispute,
    involved,
    require_open,
    row_of,
)
from autoqa.review.settled_answers import settled_answer
from autoqa.review.stored_evaluations import (
    StoredEvaluation,
    card_of,
    rating_values,
    stored_evaluations,
    total_values,
)
from autoqa.review.texts import entered
from autoqa.scorecard import Scorecard, evaluate


def decide(
    database: Database,
    user: User,
    dispute_id: int,
    *,
    status: str,
    level: int | None = None,
    reason: str,
    based_on: int,
) -> Dispute:
    """Say which answer is right; that may be the disputed one.

    Parameters
    ----------
    status : str
        ``rated`` with a level, or ``not_applicable``.
    based_on : int
        Version of the dispute that was on the screen.

    Raises
    ------
    NotAllowedError
        If the user may not decide, gave the rating, or raised the dispute.
    InvalidError
        If there is no reason, or the answer is not one that the criterion allows.
    ConflictError
        If it was decided or withdrawn meanwhile.
    """
    user.require(Permission.DECIDE)
    reason = entered(reason, "the reason", required=True)
    with database.writing(user.name) as write:
        row = row_of(write.connection, user, dispute_id)
        if involved(user, row):
            raise NotAllowedError(
                "who gave a rating or disputed it cannot decide about it; ask somebody else"
            )
        (disputed,) = stored_evaluations(write.connection, evaluations.c.id == row.evaluation_id)
        card = card_of(write.connection, disputed.scorecard, disputed.scorecard_version)
        settled, level = settled_answer(card, row.criterion, status, level)
        yours: dict[str, Json] = {"status": str(settled), "level": level, "reason": reason}
        require_open(row, based_on, yours)
        now = datetime.now(UTC)
        changed = (settled, level) != _disputed_answer(write, row)
        state = State.CHANGED if changed else State.UPHELD
        if changed:
            decided = Rating(
                conversation_id=row.conversation_id,
                criterion=row.criterion,
                rater=user.name,
                kind=RaterKind.HUMAN,
                status=settled,
                level=level,
                reason=reason,
            )
            _store(write, user, dispute_id, decided, disputed, card, now)
        write.execute(
            update(disputes)
            .where(disputes.c.id == dispute_id)
            .values(
                state=state,
                decided_by=user.id,
                decision_status=settled,
                decision_level=level,
                decision_reason=reason,
                decided_at=now,
                version=row.version + 1,
            )
        )
        write.audit(
            "dispute.decide",
            f"dispute:{dispute_id}",
            state=str(state),
            version=row.version + 1,
        )
    return dispute(database, user, dispute_id)


def _disputed_answer(write: Write, row: Row[Any]) -> tuple[Status, int | None]:
    given = write.execute(ratings.select().where(ratings.c.id == row.rating_id)).one()
    return Status(given.status), given.level


def _store(
    write: Write,
    user: User,
    dispute_id: int,
    decided: Rating,
    disputed: StoredEvaluation,
    card: Scorecard,
    now: datetime,
) -> None:
    """Store a decision beside the evaluation that it is about."""
    others = (one.rating for name, one in disputed.answers.items() if name != decided.criterion)
    form = [replace(one, rater=user.name, kind=RaterKind.HUMAN) for one in others]
    known = {criterion.id for criterion in card.criteria}
    total = evaluate([decided, *(one for one in form if one.criterion in known)], card)
    added = write.execute(
        insert(evaluations)
        .values(
            conversation_id=decided.conversation_id,
            rater=user.name,
            kind=str(RaterKind.HUMAN),
            user_id=user.id,
            scorecard=card.id,
            scorecard_version=card.version,
            purpose="decision",
            dispute_id=dispute_id,
            occasion=f"{OCCASION}{dispute_id}",
            state="submitted",
            blind=False,
            started_at=now,
            submitted_at=now,
            **total_values(total),
        )
        .returning(evaluations.c.id)
    ).scalar_one()
    write.execute(
        insert(ratings).values(
            evaluation_id=added,
            version=1,
            accepted=False,
            at=now,
            **rating_values(decided),
        )
    )
