"""``/api/v1/disputes``: ratings that an agent, or a lead for them, holds to be wrong."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field, StrictInt

from autoqa.records import Status
from autoqa.review import disputes
from autoqa.review.disputes import State
from autoqa.review.web.api.shapes import Body, GivenAnswer, GivenRating, Shape
from autoqa.review.web.dependencies import Db, Signed
from autoqa.scorecard import Criterion

router = APIRouter(prefix="/disputes", tags=["disputes"])

Id = Annotated[int, Path(ge=1, le=2**31 - 1, description="Id of the dispute")]
After = Annotated[int | None, Query(ge=1, le=2**31 - 1)]


class DisputedRating(Shape):
    """The rating as it was given; `replaced` where who gave it has since answered anew."""

    rating: GivenRating
    given_by: str
    at: datetime
    total: float | None
    replaced: bool


class DisputeDecision(Shape):
    """What somebody else decided; `total` is null where the rating stays."""

    decided_by: str
    status: Status
    level: int | None
    reason: str
    at: datetime
    total: float | None


class DisputeStory(Shape):
    """The rating, the dispute, and the decision where there is one."""

    id: int
    conversation_id: str
    agent: str
    criterion: Criterion
    state: State
    version: int
    raised_by: str
    raised_at: datetime
    reason: str
    original: DisputedRating
    decision: DisputeDecision | None
    may_decide: bool
    may_withdraw: bool


class DisputableRating(Shape):
    """A rating that may be disputed; `dispute_id` where it is already."""

    answer: GivenAnswer
    criterion: Criterion
    given_by: str
    dispute_id: int | None


class NewDispute(Body):
    """The id of a stored answer, and why it is wrong."""

    rating: StrictInt = Field(ge=1, le=2**31 - 1)
    reason: str


class NewDecision(Body):
    """The right answer, which may be the one that was given; `based_on` is the version seen."""

    status: Status
    level: StrictInt | None = None
    reason: str
    based_on: StrictInt


class Withdrawal(Body):
    """The version of the dispute that was seen."""

    based_on: StrictInt


@router.get("")
def listed(
    db: Db,
    user: Signed,
    state: State | None = None,
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[DisputeStory]:
    """Return disputes, newest first; `after` is the id of the last one before."""
    found = disputes.list_disputes(db, user, state=state, after=after, limit=limit)
    return [DisputeStory.model_validate(one) for one in found]


@router.post("", status_code=201)
def raise_dispute(db: Db, user: Signed, sent: NewDispute) -> DisputeStory:
    """Dispute a rating."""
    return DisputeStory.model_validate(disputes.raise_dispute(db, user, sent.rating, sent.reason))


@router.get("/ratings")
def disputable(
    db: Db,
    user: Signed,
    id: Annotated[str, Query(max_length=500)],  # noqa: A002
) -> list[DisputableRating]:
    """Return the ratings of a conversation that may be disputed."""
    found = disputes.disputable(db, user, id)
    return [DisputableRating.model_validate(one) for one in found]


@router.get("/{number}")
def one(db: Db, user: Signed, number: Id) -> DisputeStory:
    """Return the whole story of a dispute."""
    return DisputeStory.model_validate(disputes.dispute(db, user, number))


@router.post("/{number}/decide")
def decide(db: Db, user: Signed, number: Id, sent: NewDecision) -> DisputeStory:
    """Decide a dispute; refused to who gave the rating and who raised the dispute."""
    decided = disputes.decide(
        db,
        user,
        number,
        status=sent.status,
        level=sent.level,
        reason=sent.reason,
        based_on=sent.based_on,
    )
    return DisputeStory.model_validate(decided)


@router.post("/{number}/withdraw")
def withdraw(db: Db, user: Signed, number: Id, sent: Withdrawal) -> DisputeStory:
    """Take a dispute back; only who raised it may."""
    withdrawn = disputes.withdraw(db, user, number, based_on=sent.based_on)
    return DisputeStory.model_validate(withdrawn)
