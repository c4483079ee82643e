"""The queue: what to review, claiming it, and who is to do it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from autoqa.review import assignment, queue
from autoqa.review.access import ConflictError, InvalidError, Permission, User
from autoqa.review.database import Database
from autoqa.review.filters import ME, Filters
from autoqa.review.flags import REASONS, in_words
from autoqa.review.views import list_views
from autoqa.review.web.dependencies import Db, Signed, own_path, redirect
from autoqa.review.web.labels import labels, later
from autoqa.review.web.links import conversation_link
from autoqa.review.web.queue_options import filter_options
from autoqa.review.web.queue_query import Filtered, Item, queue_address
from autoqa.review.web.rendering import language_of, page

router = APIRouter()

Text = Annotated[str, Form()]

URGENCY: tuple[tuple[float, str, str], ...] = (
    (0.8, "bad", later("urgent")),
    (0.5, "partly", later("soon")),
    (0.0, "unknown", later("when there is time")),
)
"""Least priority, tone and name of what is shown instead of a number."""


@router.get("/queue")
def show(
    request: Request,
    database: Db,
    user: Signed,
    filters: Filtered,
    sort: Annotated[str, Query(max_length=20)] = "priority",
    after: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """Show what is to review."""
    return _page(request, database, user, filters, sort=sort or "priority", after=after)


@router.post("/queue/next")
def claim_next(
    request: Request,
    database: Db,
    user: Signed,
    filters: Filtered,
    after: Annotated[int | None, Form(ge=1, le=2**31 - 1)] = None,
) -> Response:
    """Claim the most urgent item that is free, and open it."""
    lease = queue.claim_next(database, user, filters, after=after)
    if lease is None:
        return redirect(
            request, queue_address(filters), said=later("Nothing is left to claim here.")
        )
    return redirect(request, conversation_link(lease.conversation_id))


@router.post("/queue/pick")
def pick(
    request: Request,
    database: Db,
    user: Signed,
    id: Text = "",  # noqa: A002
) -> Response:
    """Claim a conversation, whether it is in the queue or not, and open it."""
    lease = queue.claim_conversation(database, user, id)
    return redirect(request, conversation_link(lease.conversation_id))


@router.post("/queue/assign")
def assign(
    request: Request,
    database: Db,
    user: Signed,
    item: Annotated[list[int] | None, Form()] = None,
    to: Text = "",
    due: Text = "",
    reviews: Text = "",
    blind: Text = "",
    back: Text = "",
) -> Response:
    """Assign the chosen items to somebody."""
    assignment.assign(
        database,
        user,
        item or [],
        to=_number(to, "to"),
        due_at=_end_of(due),
        reviews_wanted=_number(reviews, "reviews"),
        blind={"": None, "yes": True}.get(blind, False),
    )
    return redirect(request, own_path(back, "/queue"), said=later("Assigned."))


@router.get("/queue/rules")
def show_rules(request: Request, database: Db, user: Signed) -> Response:
    """Show the rules that decide who reviews what comes into the queue."""
    return _rules(request, database, user)


@router.post("/queue/rules/add")
def add_rule(
    request: Request,
    database: Db,
    user: Signed,
    name: Text = "",
    assignee: Annotated[list[int] | None, Form()] = None,
    reviews: Text = "1",
    blind: Text = "",
    reason: Text = "",
    agent: Text = "",
    team: Text = "",
    channel: Text = "",
    language: Text = "",
) -> Response:
    """Add a rule."""
    asked = {
        "reason": reason,
        "agent": agent,
        "team": team,
        "channel": channel,
        "language": language,
    }
    try:
        assignment.add_rule(
            database,
            user,
            name,
            Filters.from_query(asked),
            assignee or [],
            reviews_wanted=_number(reviews, "reviews") or 1,
            blind=bool(blind),
        )
    except InvalidError as problem:
        entered = {"name": name, "reviews": reviews, "blind": blind, **asked}
        return _rules(request, database, user, problem=problem, entered=entered)
    return redirect(request, "/queue/rules", said=later("The rule was added."))


@router.post("/queue/rules/switch")
def switch_rule(
    request: Request,
    database: Db,
    user: Signed,
    rule: Annotated[int, Form(ge=1, le=2**31 - 1)],
    active: Text = "",
) -> Response:
    """Let a rule decide, or not."""
    assignment.switch_rule(database, user, rule, active=bool(active))
    return redirect(request, "/queue/rules", said=later("Saved."))


@router.post("/queue/rules/delete")
def delete_rule(
    request: Request,
    database: Db,
    user: Signed,
    rule: Annotated[int, Form(ge=1, le=2**31 - 1)],
) -> Response:
    """Remove a rule."""
    assignment.delete_rule(database, user, rule)
    return redirect(request, "/queue/rules", said=later("The rule was deleted."))


@router.post("/queue/rules/apply")
def apply_rules(request: Request, database: Db, user: Signed) -> Response:
    """Let the rules decide about everything that nobody is assigned to."""
    assignment.apply_now(database, user)
    return redirect(request, "/queue/rules", said=later("The rules were applied."))


@router.post("/queue/{item}/claim")
def claim(request: Request, database: Db, user: Signed, item: Item) -> Response:
    """Claim an item and open it; show the queue where somebody was faster."""
    try:
        lease = queue.claim(database, user, item)
    except ConflictError as conflict:
        return _page(request, database, user, Filters(), problem=str(conflict), status=409)
    return redirect(request, conversation_link(lease.conversation_id))


@router.post("/queue/{item}/release")
def release(
    request: Request,
    database: Db,
    user: Signed,
    item: Item,
    of: Annotated[int | None, Form(ge=1, le=2**31 - 1)] = None,
    back: Text = "",
) -> Response:
    """Give an item back to the queue."""
    queue.release(database, user, item, of=of)
    return redirect(request, own_path(back, "/queue"), said=later("Given back to the queue."))


def _page(
    request: Request,
    database: Database,
    user: User,
    filters: Filters,
    *,
    sort: str = "priority",
    after: str | None = None,
    problem: str = "",
    status: int = 200,
) -> Response:
    found = queue.list_items(database, user, filters, sort=sort, after=after)
    work = queue.workload(database, user)
    choices = queue.choices(database, user)
    order = "" if sort == "priority" else sort
    return page(
        request,
        "queue.html.j2",
        status=status,
        found=found,
        filters=filters,
        query=filters.to_query(),
        sort=sort,
        options=filter_options(choices, labels(language_of(request))),
        agents=choices.agents,
        views=list_views(database, user),
        work=work,
        mine=next((one for one in work if one.user_id == user.id), None),
        problem=problem,
        here=queue_address(filters, sort=order, after=after),
        first=queue_address(filters, sort=order) if after else "",
        older=queue_address(filters, sort=order, after=found.after) if found.after else "",
        next_action=queue_address(filters, "/queue/next"),
        to_me=queue_address(Filters(assigned=ME)),
        held=queue_address(Filters(state="mine")),
        conversation_link=conversation_link,
        address=queue_address,
        in_words=in_words,
        urgency=_urgency,
        now=datetime.now(UTC),
        reviews=user.may(Permission.REVIEW),
        assigns=user.may(Permission.ASSIGN),
    )


def _rules(
    request: Request,
    database: Database,
    user: User,
    *,
    problem: InvalidError | None = None,
    entered: Mapping[str, str] | None = None,
) -> Response:
    rules = assignment.list_rules(database, user)
    choices = queue.choices(database, user)
    return page(
        request,
        "queue_rules.html.j2",
        status=200 if problem is None else 422,
        rules=rules,
        options=filter_options(choices, labels(language_of(request))),
        agents=choices.agents,
        people={one.user_id: one.shown_as for one in choices.people},
        reasons=REASONS,
        address=queue_address,
        problem=str(problem) if problem else "",
        entered=entered or {},
        most_reviews=assignment.MOST_REVIEWS,
    )


def _urgency(priority: float) -> tuple[str, str]:
    """Return tone and (English) name of a priority."""
    return next((tone, name) for least, tone, name in URGENCY if priority >= least)


def _number(typed: str, what: str) -> int | None:
    """Return a whole number that a form sent; None where it is empty."""
    text = typed.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InvalidError(f"{what}: '{text[:20]}' is no number; choose one of the list")
    return int(text)


def _end_of(typed: str) -> datetime | None:
    """Return the last moment (UTC) of a day that a form sent."""
    if not typed.strip():
        return None
    try:
        return datetime.combine(date.fromisoformat(typed.strip()), time.max, UTC)
    except ValueError:
        raise InvalidError("due: no date; write it as 2026-03-09") from None
