"""``/api/v1/conversation/answers``: a reviewer's answers, saved one by one and submitted."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field, StrictInt

from autoqa.records import Evidence, Status
from autoqa.review.access import InvalidError
from autoqa.review.answers import reopen, save_answer, submit
from autoqa.review.web.api.conversations import Sent
from autoqa.review.web.api.shapes import Body, SavedAnswer, Totals
from autoqa.review.web.dependencies import Db, Signed

router = APIRouter(prefix="/conversation", tags=["answers"])


class Words(Body):
    """Characters [start, end) of a turn; turns count from 0."""

    turn: StrictInt = Field(ge=0)
    start: StrictInt = Field(ge=0)
    end: StrictInt = Field(ge=0)


class NewAnswer(Sent):
    """An answer to one criterion.

    `based_on` is the version that the answer started from, 0 where there was none: if another is
    stored by now, the answer is refused with both (409).
    """

    criterion: str
    status: Status
    level: StrictInt | None = None
    reason: str = ""
    evidence: list[Words] = Field(default_factory=list)
    based_on: StrictInt = Field(ge=0)


@router.post("/answers")
def save(db: Db, user: Signed, sent: NewAnswer) -> SavedAnswer:
    """Store a new version of the user's answer to one criterion."""
    for span in sent.evidence:
        if span.end < span.start:
            raise InvalidError(f"evidence ends at {span.end}, before it starts at {span.start}")
    saved = save_answer(
        db,
        user,
        sent.id,
        sent.criterion,
        status=sent.status,
        level=sent.level,
        reason=sent.reason,
        evidence=[Evidence(turn=one.turn, start=one.start, end=one.end) for one in sent.evidence],
        based_on=sent.based_on,
        occasion=sent.occasion,
    )
    return SavedAnswer.model_validate(saved)


@router.post("/submit")
def hand_in(db: Db, user: Signed, sent: Sent) -> Totals:
    """Submit the user's evaluation: from now on it counts."""
    return Totals.model_validate(submit(db, user, sent.id, occasion=sent.occasion))


@router.post("/reopen", status_code=204)
def take_back(db: Db, user: Signed, sent: Sent) -> None:
    """Take the user's submitted evaluation back, to change it."""
    reopen(db, user, sent.id, occasion=sent.occasion)
