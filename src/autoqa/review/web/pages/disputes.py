"""Disputes: raise one, follow it, decide it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autoqa.review import disputes
from autoqa.review.access import InvalidError, User
from autoqa.review.database import Database
from autoqa.review.disputes import State
from autoqa.review.web.criterion_cards import answer_in
from autoqa.review.web.dependencies import Db, Id, Number, Signed, Text, redirect
from autoqa.review.web.labels import later
from autoqa.review.web.links import address, conversation_link
from autoqa.review.web.rendering import page

router = APIRouter()

Known = Annotated[int | None, Query(ge=1, le=2**31 - 1)]

STATES: Mapping[State, tuple[str, str]] = {
    State.OPEN: ("partly", later("to be decided")),
    State.UPHELD: ("good", later("the rating stays")),
    State.CHANGED: ("good", later("the rating was changed")),
    State.WITHDRAWN: ("unknown", later("withdrawn")),
}
"""Tone and (English) name of each state."""

_PER_PAGE = 30


@router.get("/disputes")
def show_disputes(
    request: Request, database: Db, user: Signed, state: str = "", after: Known = None
) -> Response:
    """List disputes, newest first."""
    chosen = State(state) if state in list(State) else None
    found = disputes.list_disputes(database, user, state=chosen, after=after, limit=_PER_PAGE + 1)
    shown = found[:_PER_PAGE]
    more = len(found) > _PER_PAGE
    return page(
        request,
        "disputes.html.j2",
        disputes=shown,
        withheld=disputes.count_withheld(database, user),
        states=STATES,
        chosen=chosen,
        first=address("/disputes", state=chosen) if after is not None else "",
        older=address("/disputes", state=chosen, after=shown[-1].id) if more else "",
    )


@router.get("/disputes/new")
def show_new(
    request: Request,
    database: Db,
    user: Signed,
    id: str = "",  # noqa: A002
    rating: Known = None,
    skip: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """Show the ratings of a conversation, to dispute one; or conversations to choose from."""
    if id or rating is not None:
        return _new(request, database, user, id, rating=rating)
    found = disputes.reviewed_conversations(database, user, skip=skip, limit=_PER_PAGE + 1)
    return page(
        request,
        "dispute_choose.html.j2",
        conversations=found[:_PER_PAGE],
        newer=address("/disputes/new", skip=max(skip - _PER_PAGE, 0)) if skip else "",
        older=address("/disputes/new", skip=skip + _PER_PAGE) if len(found) > _PER_PAGE else "",
        place=lambda one: address("/disputes/new", id=one),
        link=conversation_link,
    )


@router.post("/disputes/new")
def raise_dispute(
    request: Request, database: Db, user: Signed, rating: Number = 0, reason: Text = ""
) -> Response:
    """Dispute a rating."""
    try:
        raised = disputes.raise_dispute(database, user, rating, reason)
    except InvalidError as problem:
        return _new(request, database, user, "", rating=rating, reason=reason, problem=str(problem))
    return redirect(request, f"/disputes/{raised.id}", said=later("The dispute was raised."))


@router.get("/disputes/{number}")
def show_dispute(request: Request, database: Db, user: Signed, number: Id) -> Response:
    """Show the whole story of a dispute."""
    return _one(request, database, user, number)


@router.post("/disputes/{number}/decide")
def decide(
    request: Request,
    database: Db,
    user: Signed,
    number: Id,
    answer: Text = "",
    reason: Text = "",
    based_on: Number = 0,
) -> Response:
    """Decide a dispute."""
    try:
        status, level = answer_in(answer)
        disputes.decide(
            database,
            user,
            number,
            status=str(status),
            level=level,
            reason=reason,
            based_on=based_on,
        )
    except InvalidError as problem:
        typed = {"answer": answer, "reason": reason}
        return _one(request, database, user, number, typed=typed, problem=str(problem))
    return redirect(request, f"/disputes/{number}", said=later("The dispute is decided."))


@router.post("/disputes/{number}/withdraw")
def withdraw(
    request: Request, database: Db, user: Signed, number: Id, based_on: Number = 0
) -> Response:
    """Take a dispute back."""
    disputes.withdraw(database, user, number, based_on=based_on)
    return redirect(request, f"/disputes/{number}", said=later("The dispute was withdrawn."))


def _new(
    request: Request,
    database: Database,
    user: User,
    conversation_id: str,
    *,
    rating: int | None = None,
    reason: str = "",
    problem: str = "",
) -> Response:
    if rating is not None:
        conversation_id = disputes.conversation_of(database, user, rating)
    return page(
        request,
        "dispute_new.html.j2",
        status=422 if problem else 200,
        conversation_id=conversation_id,
        ratings=disputes.disputable(database, user, conversation_id),
        chosen=rating,
        reason=reason,
        problem=problem,
        link=conversation_link,
    )


def _one(
    request: Request,
    database: Database,
    user: User,
    number: int,
    *,
    typed: Mapping[str, str] | None = None,
    problem: str = "",
) -> Response:
    found = disputes.dispute(database, user, number)
    return page(
        request,
        "dispute.html.j2",
        status=422 if problem else 200,
        dispute=found,
        turns=sorted({one.turn for one in found.original.rating.evidence}),
        states=STATES,
        typed=typed or {"answer": "", "reason": ""},
        problem=problem,
        link=conversation_link,
    )
