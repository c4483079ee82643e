"""One conversation as a user may see it: what was said, what was asked, who answered what.

What a user must not see is not in the `ConversationView` at all: see `autoqa.review.blinding`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, and_, select

from autoqa.records import CSAT, Json, RaterKind, Survey, Transcript
from autoqa.review.access import Permission, Role, User
from autoqa.review.blinding import NEUTRAL_REASONS
from autoqa.review.database import Database, schema
from autoqa.review.database.schema import conversations, evaluations
from autoqa.review.forms import Form, Place, form_of, model_answers
from autoqa.review.stored_comments import Comment, visible_comments
from autoqa.review.stored_evaluations import Answer, StoredEvaluation, stored_evaluations
from autoqa.scorecard import Scorecard
from autoqa.store import from_dict


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonToLook:
    """Why the conversation is in the queue; see `autoqa.records.Flag`."""

    reason: str
    message: str
    values: Mapping[str, Json]  # what the message says, to translate it
    priority: float
    criterion: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SatisfactionCurve:
    """Predicted satisfaction as it stood after single turns."""

    points: tuple[tuple[int, float], ...]  # turn index, expected level
    scale: tuple[float, float]  # lowest and highest level


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationView:
    """What one user may see of one conversation on one occasion.

    Attributes
    ----------
    hidden : bool
        Whether answers of others are kept from the user until they have submitted their own.
        `automated`, `model`, `csat`, `curve`, `survey` and `peers` are then empty, and so are the
        reasons and comments that would tell.
    may_answer : bool
        Whether a save would be taken: the user holds the conversation or a seat in the session,
        and has not submitted.
    mine : StoredEvaluation or None
        What the user answered, begun or submitted.
    automated : StoredEvaluation or None
        Of the newest run.
    model : mapping of criterion to Answer
        The automated answers to the criteria of `card`.
    peers : tuple of StoredEvaluation
        What other people submitted, and decisions of disputes.
    place : Place or None
        Where it stands in the queue; None for agents, and where it is not in the queue.
    """

    transcript: Transcript
    card: Scorecard
    occasion: str
    hidden: bool
    may_answer: bool
    mine: StoredEvaluation | None
    answers: Mapping[str, Answer]  # the user's own, by criterion
    unanswered: tuple[str, ...]  # criteria to be answered before one can submit
    automated: StoredEvaluation | None = None
    model: Mapping[str, Answer] = field(default_factory=dict)
    csat: Answer | None = None
    curve: SatisfactionCurve | None = None
    survey: Survey | None = None
    peers: tuple[StoredEvaluation, ...] = ()
    comments: tuple[Comment, ...] = ()
    reasons: tuple[ReasonToLook, ...] = ()
    place: Place | None = None

    @property
    def conversation_id(self) -> str:
        """Its id."""
        return self.transcript.conversation_id


def see(
    database: Database, user: User, conversation_id: str, *, occasion: str = ""
) -> ConversationView:
    """Return a conversation as a user may see it.

    Parameters
    ----------
    database : Database
    user : User
    conversation_id : str
    occasion : str
        ``calibration:ID`` for the evaluation in a calibration session.

    Raises
    ------
    NotFoundError
        If there is none that this user may see, or no such session with this conversation in it.
    """
    with database.reading() as connection:
        form = form_of(connection, user, conversation_id, occasion=occasion)
        row = connection.execute(
            select(conversations).where(conversations.c.id == conversation_id)
        ).one()
        others = {} if form.hidden else _others(connection, user, row, form)
        return ConversationView(
            transcript=from_dict(Transcript, row.document),
            card=form.card,
            occasion=occasion,
            hidden=form.hidden,
            may_answer=form.held
            and user.may(Permission.REVIEW)
            and not (form.mine is not None and form.mine.submitted),
            mine=form.mine,
            answers=form.answers,
            unanswered=form.unanswered,
            comments=visible_comments(
                connection, user, conversation_id, occasion=occasion, hidden=form.hidden
            ),
            reasons=_reasons(connection, user, form),
            place=form.place,
            **others,
        )


def _others(connection: Connection, user: User, row: Row[Any], form: Form) -> dict[str, Any]:
    """What models, customers and peers said, by the name of the field."""
    answers, by_models = model_answers(connection, row.id, form.card)
    csat = answers.pop(CSAT, None)
    curve = connection.execute(
        select(schema.curves).where(schema.curves.c.conversation_id == row.id)
    ).one_or_none()
    found: dict[str, Any] = {
        "automated": by_models[-1] if by_models else None,
        "model": answers,
        "csat": csat,
        "survey": None if row.survey_answer is None else from_dict(Survey, row.survey_answer),
    }
    if curve is not None:
        low, high = curve.scale
        points = tuple((int(turn), float(level)) for turn, level in curve.points)
        found["curve"] = SatisfactionCurve(points=points, scale=(float(low), float(high)))
    # Agents see what was said of them.
    if user.may(Permission.SEE_RATINGS) or user.role is Role.AGENT:
        found["peers"] = _peers(connection, form)
    return found


def _peers(connection: Connection, form: Form) -> tuple[StoredEvaluation, ...]:
    submitted = stored_evaluations(
        connection,
        and_(
            evaluations.c.conversation_id == form.conversation_id,
            evaluations.c.kind == str(RaterKind.HUMAN),
            evaluations.c.state == "submitted",
            evaluations.c.occasion == form.occasion
            if form.occasion
            else evaluations.c.purpose != "calibration",
        ),
    )
    own = form.mine.id if form.mine is not None else None
    return tuple(one for one in submitted if one.id != own)


def _reasons(connection: Connection, user: User, form: Form) -> tuple[ReasonToLook, ...]:
    if user.role is Role.AGENT:
        return ()
    flags = schema.flags
    rows = connection.execute(
        select(flags)
        .where(flags.c.conversation_id == form.conversation_id)
        .order_by(flags.c.priority.desc(), flags.c.id)
    )
    return tuple(
        ReasonToLook(
            reason=row["reason"],
            message=row["message"],
            values=row["values"],
            priority=row["priority"],
            criterion=row["criterion"],
        )
        for row in rows.mappings()
        if not form.hidden or row["reason"] in NEUTRAL_REASONS
    )
