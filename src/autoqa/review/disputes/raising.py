"""Disputing a rating, and taking that back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, insert, not_, select, update

from autoqa.records import CSAT, Json, RaterKind, Status
from autoqa.review.access import ConflictError, NotAllowedError, NotFoundError, Permission, User
from autoqa.review.blinding import hides
from autoqa.review.database import Database
from autoqa.review.database.schema import conversations, disputes, evaluations, ratings
from autoqa.review.disputes.stories import Dispute, State, dispute, require_open, row_of
from autoqa.review.stored_evaluations import Answer, card_of, stored_evaluations
from autoqa.review.texts import entered, storable
from autoqa.scorecard import Criterion

DISPUTABLE = ("review", "score")
"""Purposes of evaluations that may be disputed: not practice, and not a decision again."""

_ANSWERS = (Status.RATED, Status.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disputable:
    """A rating that may be disputed, or was.

    Attributes
    ----------
    given_by : str
        Display name, or a scorer.
    dispute_id : int or None
        Of the dispute about it that was not withdrawn.
    """

    answer: Answer
    criterion: Criterion
    language: str  # of the scorecard
    given_by: str
    dispute_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """A conversation with ratings that may be disputed."""

    conversation_id: str
    started_at: datetime | None
    agent: str | None
    topic: str | None
    by_people: bool  # not by models alone


def reviewed_conversations(
    database: Database, user: User, *, skip: int = 0, limit: int = 50
) -> tuple[Reviewed, ...]:
    """Return conversations with ratings that the user may dispute, newest first."""
    user.require(Permission.DISPUTE)
    given = (
        select(evaluations.c.id)
        .where(evaluations.c.conversation_id == conversations.c.id, _settled())
        .correlate(conversations)
    )
    by_people = given.where(evaluations.c.kind == str(RaterKind.HUMAN)).exists()
    with database.reading() as connection:
        rows = connection.execute(
            select(conversations, by_people.label("by_people"))
            .where(user.sees(), not_(hides(user)), given.exists())
            .order_by(conversations.c.started_at.desc().nulls_last(), conversations.c.id)
            .offset(skip)
            .limit(limit)
        ).all()
    return tuple(
        Reviewed(
            conversation_id=row.id,
            started_at=row.started_at,
            agent=row.agent,
            topic=row.topic,
            by_people=row.by_people,
        )
        for row in rows
    )


def conversation_of(database: Database, user: User, rating_id: int) -> str:
    """Return the conversation of a rating that the user may dispute, or raise `NotFoundError`."""
    user.require(Permission.DISPUTE)
    with database.reading() as connection:
        found: str = _rating(connection, user, rating_id).conversation_id
    return found


def disputable(database: Database, user: User, conversation_id: str) -> tuple[Disputable, ...]:
    """Return the ratings of a conversation that may be disputed, in the order of the scorecard.

    Those of people come before automated ones.

    Raises
    ------
    NotFoundError
        If there are none that the user may see.
    """
    user.require(Permission.DISPUTE)
    if not storable(conversation_id):
        raise NotFoundError(f"there is no conversation {conversation_id!a}")
    with database.reading() as connection:
        seen = connection.execute(
            select(conversations.c.id).where(
                conversations.c.id == conversation_id, user.sees(), not_(hides(user))
            )
        ).one_or_none()
        stored = stored_evaluations(
            connection, and_(evaluations.c.conversation_id == conversation_id, _settled())
        )
        if seen is None or not stored:
            raise NotFoundError(f"'{conversation_id}' has no ratings that you can dispute")
        disputed = _disputed(connection, conversation_id)
        found: list[tuple[tuple[int, bool, int], Disputable]] = []
        for one in stored:
            card = card_of(connection, one.scorecard, one.scorecard_version)
            for place, criterion in enumerate(card.criteria):
                answer = one.answers.get(criterion.id)
                if answer is not None and answer.rating.status in _ANSWERS:
                    entry = Disputable(
                        answer=answer,
                        criterion=criterion,
                        language=card.language,
                        given_by=one.shown_as,
                        dispute_id=disputed.get((one.id, criterion.id)),
                    )
                    found.append(((place, one.kind is RaterKind.MODEL, one.id), entry))
    return tuple(entry for _, entry in sorted(found, key=lambda pair: pair[0]))


def raise_dispute(database: Database, user: User, rating_id: int, reason: str) -> Dispute:
    """Dispute a rating.

    Parameters
    ----------
    rating_id : int
        Of the version of the answer that counts; see `autoqa.review.stored_evaluations.Answer`.
    reason : str
        Why it is wrong.

    Raises
    ------
    NotAllowedError, NotFoundError
        If the user may not dispute, or may not see the rating.
    InvalidError
        If there is no reason.
    ConflictError
        If the answer was changed meanwhile, or is disputed already.
    """
    user.require(Permission.DISPUTE)
    reason = entered(reason, "the reason", required=True)
    with database.writing(user.name) as write:
        row = _rating(write.connection, user, rating_id)
        yours: dict[str, Json] = {"rating": rating_id, "reason": reason}
        (evaluation,) = stored_evaluations(write.connection, evaluations.c.id == row.evaluation_id)
        newest = evaluation.answers[row.criterion]
        if newest.id != rating_id:
            raise ConflictError(
                "the answer was changed meanwhile; look at it again",
                theirs={"rating": newest.id, "version": newest.version},
                yours=yours | {"version": row.version},
            )
        disputed = _disputed(write.connection, row.conversation_id)
        earlier = disputed.get((row.evaluation_id, row.criterion))
        if earlier is not None:
            raise ConflictError(
                f"this rating is disputed already (dispute {earlier})",
                theirs={"dispute": earlier},
                yours=yours,
            )
        added = write.execute(
            insert(disputes)
            .values(
                conversation_id=row.conversation_id,
                rating_id=rating_id,
                criterion=row.criterion,
                agent=row.agent or "",
                raised_by=user.id,
                reason=reason,
                raised_at=datetime.now(UTC),
                state=State.OPEN,
                version=1,
            )
            .returning(disputes.c.id)
        ).scalar_one()
        write.audit(
            "dispute.raise",
            f"dispute:{added}",
            conversation=row.conversation_id,
            criterion=row.criterion,
            rating=rating_id,
        )
    return dispute(database, user, added)


def withdraw(database: Database, user: User, dispute_id: int, *, based_on: int) -> Dispute:
    """Take a dispute back; only who raised it may, as long as it is open.

    Raises
    ------
    NotAllowedError, NotFoundError
    ConflictError
        If it was decided meanwhile.
    """
    user.require(Permission.DISPUTE)
    with database.writing(user.name) as write:
        row = row_of(write.connection, user, dispute_id)
        if row.raised_by != user.id:
            raise NotAllowedError("only who raised a dispute may withdraw it")
        require_open(row, based_on, {"state": str(State.WITHDRAWN)})
        write.execute(
            update(disputes)
            .where(disputes.c.id == dispute_id)
            .values(state=State.WITHDRAWN, version=row.version + 1)
        )
        write.audit("dispute.withdraw", f"dispute:{dispute_id}", version=row.version + 1)
    return dispute(database, user, dispute_id)


def _rating(connection: Connection, user: User, rating_id: int) -> Any:
    """Return the row of a rating that the user may dispute."""
    row = connection.execute(
        select(
            ratings.c.criterion,
            ratings.c.version,
            ratings.c.evaluation_id,
            evaluations.c.conversation_id,
            conversations.c.agent,
        )
        .join(evaluations, evaluations.c.id == ratings.c.evaluation_id)
        .join(conversations, conversations.c.id == evaluations.c.conversation_id)
        .where(
            ratings.c.id == rating_id,
            ratings.c.criterion != CSAT,
            ratings.c.status.in_(_ANSWERS),
            _settled(),
            user.sees(),
            not_(hides(user)),
        )
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no rating {rating_id} that you can dispute")
    return row


def _settled() -> ColumnElement[bool]:
    """Select evaluations that may be disputed."""
    return and_(evaluations.c.state == "submitted", evaluations.c.purpose.in_(DISPUTABLE))


def _disputed(connection: Connection, conversation_id: str) -> dict[tuple[int, str], int]:
    """Return the disputes on a conversation, but the withdrawn, by evaluation and criterion."""
    rows = connection.execute(
        select(ratings.c.evaluation_id, disputes.c.criterion, disputes.c.id)
        .join(ratings, ratings.c.id == disputes.c.rating_id)
        .where(disputes.c.conversation_id == conversation_id, disputes.c.state != State.WITHDRAWN)
    )
    return {(row.evaluation_id, row.criterion): row.id for row in rows}
