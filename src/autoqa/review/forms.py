"""What a user fills in for a conversation: scorecard, own answers, and the right to answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, select

from autoqa.records import CSAT, RaterKind
from autoqa.review.access import NotFoundError, Permission, Role, User
from autoqa.review.blinding import hides, unopened
from autoqa.review.database import schema
from autoqa.review.database.schema import conversations, evaluations
from autoqa.review.stored_evaluations import (
    CALIBRATION,
    Answer,
    StoredEvaluation,
    card_of,
    stored_evaluations,
)
from autoqa.review.texts import storable
from autoqa.scorecard import Scorecard


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a conversation stands in the queue."""

    item_id: int
    state: str  # open, done
    blind: bool
    reviews_wanted: int
    reviews_done: int
    lease_until: datetime | None  # the user's own, where they hold one
    held_by: tuple[str, ...]  # others who work on it now; empty where hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The calibration session that a conversation is rated in."""

    id: int
    scorecard: str
    scorecard_version: int
    state: str  # rating, discussing, closed
    unopened: bool  # raters may not see each other's answers yet
    has_seat: bool  # the user is one of its raters


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A user's form for one conversation on one occasion.

    Attributes
    ----------
    hidden : bool
        Whether answers of others are kept from the user.
    mine : StoredEvaluation or None
        What the user answered so far.
    """

    conversation_id: str
    card: Scorecard
    occasion: str
    hidden: bool
    mine: StoredEvaluation | None
    place: Place | None
    session: Session | None

    @property
    def answers(self) -> Mapping[str, Answer]:
        """The user's own answers, by criterion."""
        return self.mine.answers if self.mine is not None else {}

    @property
    def unanswered(self) -> tuple[str, ...]:
        """Criteria of whole conversations that have no answer yet."""
        return tuple(
            criterion.id
            for criterion in self.card.criteria
            if criterion.unit == "conversation" and criterion.id not in self.answers
        )

    @property
    def held(self) -> bool:
        """Whether the user holds the conversation or a seat in the session."""
        if self.session is not None:
            return self.session.has_seat and self.session.state == "rating"
        # A lease that ran out still holds until somebody else takes the place.
        return self.place is not None and self.place.lease_until is not None


def form_of(
    connection: Connection, user: User, conversation_id: str, *, occasion: str = ""
) -> Form:
    """Return a user's form.

    Raises
    ------
    NotFoundError
        If there is no such conversation that the user may see, or no such occasion.
    """
    row = (
        storable(conversation_id)
        and connection.execute(
            select(conversations.c.run_id, hides(user).label("hidden")).where(
                conversations.c.id == conversation_id, user.sees()
            )
        ).one_or_none()
    )
    if not row:
        raise NotFoundError(f"there is no conversation '{conversation_id}'")
    session = _session(connection, user, conversation_id, occasion)
    mine = _own(connection, user, conversation_id, occasion)
    hidden = row.hidden or (session is not None and session.unopened)
    # Who has begun stays with the version of the scorecard that they began with.
    asked = mine or session or _run(connection, row.run_id)
    return Form(
        conversation_id=conversation_id,
        card=card_of(connection, asked.scorecard, asked.scorecard_version),
        occasion=occasion,
        hidden=hidden,
        mine=mine,
        place=_place(connection, user, conversation_id, hidden=hidden),
        session=session,
    )


def model_answers(
    connection: Connection, conversation_id: str, card: Scorecard
) -> tuple[dict[str, Answer], list[StoredEvaluation]]:
    """Return the newest automated answer to each criterion, and the evaluations, oldest first.

    An answer at a level that the scorecard does not have, from a run on another version of it, is
    left out. Predicted satisfaction is among the answers, as the criterion `autoqa.records.CSAT`.
    """
    by_models = stored_evaluations(
        connection,
        and_(
            evaluations.c.conversation_id == conversation_id,
            evaluations.c.kind == str(RaterKind.MODEL),
            evaluations.c.scorecard == card.id,
            evaluations.c.state == "submitted",
        ),
    )
    levels = {criterion.id: criterion.levels for criterion in card.criteria}
    answers: dict[str, Answer] = {}
    for evaluation in by_models:
        for name, answer in evaluation.answers.items():
            level, known = answer.rating.level, levels.get(name)
            if name == CSAT or (known is not None and (level is None or level in known)):
                answers[name] = answer
    return answers, by_models


def _run(connection: Connection, run_id: int) -> Row[Any]:
    return connection.execute(select(schema.runs).where(schema.runs.c.id == run_id)).one()


def _session(
    connection: Connection, user: User, conversation_id: str, occasion: str
) -> Session | None:
    if not occasion:
        return None
    table, rated_in = schema.calibrations, schema.calibration_conversations
    seat = schema.calibration_raters
    row = connection.execute(
        select(table, unopened().label("unopened"), seat.c.user_id.label("seat"))
        .join(rated_in, rated_in.c.calibration_id == table.c.id)
        .outerjoin(seat, and_(seat.c.calibration_id == table.c.id, seat.c.user_id == user.id))
        .where(table.c.id == _number(occasion), rated_in.c.conversation_id == conversation_id)
    ).one_or_none()
    if row is None or (row.seat is None and not user.may(Permission.SEE_RATINGS)):
        raise NotFoundError(f"'{conversation_id}' is not rated on the occasion '{occasion}'")
    return Session(
        id=row.id,
        scorecard=row.scorecard,
        scorecard_version=row.scorecard_version,
        state=row.state,
        unopened=row.unopened,
        has_seat=row.seat is not None,
    )


def _number(occasion: str) -> int:
    """The id of a session; -1, which none has, where the occasion is something else."""
    number = occasion.removeprefix(CALIBRATION)
    sound = number.isascii() and number.isdecimal() and len(number) < 10
    return int(number) if sound and occasion == f"{CALIBRATION}{int(number)}" else -1


def _own(
    connection: Connection, user: User, conversation_id: str, occasion: str
) -> StoredEvaluation | None:
    own = stored_evaluations(
        connection,
        and_(
            evaluations.c.conversation_id == conversation_id,
            evaluations.c.user_id == user.id,
            evaluations.c.occasion == occasion,
            evaluations.c.purpose.in_(("review", "calibration")),
        ),
    )
    return own[-1] if own else None


def _place(
    connection: Connection, user: User, conversation_id: str, *, hidden: bool
) -> Place | None:
    if user.role is Role.AGENT:
        return None
    item = connection.execute(
        select(schema.items).where(schema.items.c.conversation_id == conversation_id)
    ).one_or_none()
    if item is None:
        return None
    leases = connection.execute(
        select(schema.leases.c.user_id, schema.leases.c.expires_at, schema.users.c.display_name)
        .join(schema.users, schema.users.c.id == schema.leases.c.user_id)
        .where(schema.leases.c.item_id == item.id)
        .order_by(schema.leases.c.slot)
    ).all()
    now = datetime.now(UTC)
    others = (row.display_name for row in leases if row.user_id != user.id and row.expires_at > now)
    return Place(
        item_id=item.id,
        state=item.state,
        blind=item.blind,
        reviews_wanted=item.reviews_wanted,
        reviews_done=item.reviews_done,
        lease_until=next((row.expires_at for row in leases if row.user_id == user.id), None),
        held_by=() if hidden else tuple(others),
    )
