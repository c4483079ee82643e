"""``/api/v1/queue``: what to review, and claiming it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from autoqa.review import queue
from autoqa.review.web.api.shapes import Reason, Shape
from autoqa.review.web.dependencies import Db, Signed
from autoqa.review.web.queue_query import Filtered, Item

router = APIRouter(prefix="/queue", tags=["queue"])

Sort = Literal["priority", "newest", "oldest", "due"]


class WorkingOn(Shape):
    """Who works on an item."""

    user_id: int
    shown_as: str
    until: datetime


class QueuedConversation(Shape):
    """A conversation that somebody should look at.

    Where `hidden` is true, what models said of it is kept from the user: `priority`, `total` and
    `csat` are null, and so are the reasons that would tell.
    """

    id: int
    conversation_id: str
    state: str
    priority: float | None
    reasons: list[Reason]
    hidden: bool
    agent: str | None
    team: str | None
    channel: str
    language: str
    topic: str | None
    started_at: datetime | None
    n_turns: int
    total: float | None
    csat: float | None
    reviews_wanted: int
    reviews_done: int
    blind: bool
    assigned_to: int | None
    assigned_name: str | None
    due_at: datetime | None
    holders: list[WorkingOn]
    mine_until: datetime | None
    claimable: bool


class QueuePage(Shape):
    """Some of the items that match; `after` asks for the next ones.

    `total` is null where nobody counted, and `more_than_counted` where there are more.
    """

    rows: list[QueuedConversation]
    after: str | None
    total: int | None
    more_than_counted: bool


class Claim(Shape):
    """An item that is the user's to review until it expires."""

    item_id: int
    conversation_id: str
    slot: int
    expires_at: datetime


class Work(Shape):
    """What one reviewer has to do, and did in the last 7 days."""

    user_id: int
    name: str
    shown_as: str
    assigned: int
    overdue: int
    held: int
    reviewed: int


@router.get("")
def listed(
    db: Db,
    user: Signed,
    filters: Filtered,
    sort: Sort = "priority",
    after: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=queue.MOST)] = 50,
) -> QueuePage:
    """Return items of the queue."""
    found = queue.list_items(db, user, filters, sort=sort, after=after, limit=limit)
    return QueuePage.model_validate(found)


@router.post("/next", responses={204: {"description": "Nothing is left"}}, response_model=Claim)
def claim_next(db: Db, user: Signed, filters: Filtered) -> Claim | Response:
    """Claim the most urgent item that is free, or return the one that the user holds already."""
    lease = queue.claim_next(db, user, filters)
    return Response(status_code=204) if lease is None else Claim.model_validate(lease)


@router.post("/{item}/claim")
def claim(db: Db, user: Signed, item: Item) -> Claim:
    """Claim an item; one that the user holds already is theirs for longer."""
    return Claim.model_validate(queue.claim(db, user, item))


@router.post("/{item}/renew")
def renew(db: Db, user: Signed, item: Item) -> Claim:
    """Hold an item for longer."""
    return Claim.model_validate(queue.renew(db, user, item))


@router.post("/{item}/release", status_code=204)
def release(db: Db, user: Signed, item: Item) -> None:
    """Give an item back."""
    queue.release(db, user, item)


@router.get("/workload")
def workload(db: Db, user: Signed) -> list[Work]:
    """Return what reviewers have to do: everybody for who assigns work, else the user alone."""
    return [Work.model_validate(one) for one in queue.workload(db, user)]
