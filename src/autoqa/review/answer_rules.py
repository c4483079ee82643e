"""What an answer must be: of the scorecard, within the conversation, reasoned where need be."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sqlalchemy import Connection, select

from autoqa.errors import near_miss
from autoqa.records import Evidence, RaterKind, Rating, Status, Transcript
from autoqa.review.access import InvalidError, User
from autoqa.review.database.schema import conversations
from autoqa.review.forms import Form
from autoqa.review.texts import entered
from autoqa.scorecard import Criterion
from autoqa.store import from_dict

MOST_EVIDENCE = 100
"""Spans that one answer may rest on."""


def entered_rating(
    connection: Connection,
    user: User,
    form: Form,
    criterion_id: str,
    *,
    status: str,
    level: int | None,
    reason: str,
    evidence: Sequence[Evidence],
) -> Rating:
    """Return what was entered, checked against the scorecard and the transcript.

    Raises
    ------
    InvalidError
        If there is no such criterion, level or turn, or the reason is missing without which nobody
        knows why the rater could not tell.
    """
    known = {criterion.id: criterion for criterion in form.card.criteria}
    criterion = known.get(criterion_id)
    if criterion is None:
        raise InvalidError(
            f"{form.card.id} version {form.card.version} has no criterion "
            f"'{criterion_id}'.{near_miss(criterion_id, known)}"
        )
    said, why = _status(criterion, status), entered(reason, "the reason")
    if said is Status.RATED and level not in criterion.levels:
        scale = ", ".join(map(str, criterion.scale))
        raise InvalidError(f"'{criterion.id}': level {level} is not on the scale; choose {scale}")
    if said is not Status.RATED and level is not None:
        raise InvalidError(f"'{criterion.id}': level {level} with the status {said}; leave it out")
    if said is Status.ABSTAINED and not why:
        raise InvalidError(f"'{criterion.id}': a reason is missing; say why you cannot tell")
    _check_spans(connection, form.conversation_id, evidence)
    return Rating(
        conversation_id=form.conversation_id,
        criterion=criterion.id,
        rater=user.name,
        kind=RaterKind.HUMAN,
        status=said,
        level=level,
        evidence=tuple(evidence),
        reason=why,
    )


def require_reason(rating: Rating, model: Rating | None) -> None:
    """Raise `InvalidError` where a model's answer is changed without a word.

    Parameters
    ----------
    model : Rating or None
        What the user could see; None where it was hidden, since the question would tell it.
    """
    if model is not None and not same_answer(rating, model) and not rating.reason:
        raise InvalidError(
            f"'{rating.criterion}': a reason is missing; the model answered otherwise, say why "
            "you change it"
        )


def same_answer(a: Rating, b: Rating) -> bool:
    """Whether two ratings say the same."""
    return (a.status, a.level) == (b.status, b.level)


def _status(criterion: Criterion, given: str) -> Status:
    allowed = [Status.RATED, Status.NOT_APPLICABLE, Status.ABSTAINED]
    if not criterion.not_applicable:
        allowed.remove(Status.NOT_APPLICABLE)
    if given not in allowed:
        raise InvalidError(
            f"'{criterion.id}': '{given}' is no answer to it; choose {', '.join(allowed)}"
        )
    return Status(given)


def _check_spans(
    connection: Connection, conversation_id: str, evidence: Sequence[Evidence]
) -> None:
    if not evidence:
        return
    if len(evidence) > MOST_EVIDENCE:
        raise InvalidError(f"{len(evidence)} spans of evidence; name up to {MOST_EVIDENCE}")
    document = connection.execute(
        select(conversations.c.document).where(conversations.c.id == conversation_id)
    ).scalar_one()
    turns = from_dict(Transcript, document).turns
    for span in evidence:
        if not math.isfinite(span.contribution):
            raise InvalidError(f"evidence contributes {span.contribution}; give a number or 0")
        if span.turn >= len(turns):
            raise InvalidError(f"turn {span.turn + 1} is not one of the {len(turns)} turns")
        if span.end > len(turns[span.turn].text):
            raise InvalidError(
                f"turn {span.turn + 1} has {len(turns[span.turn].text)} characters; evidence ends "
                f"at {span.end}"
            )
