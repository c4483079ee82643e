"""The library of good and bad examples, by criterion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from autoqa.evaluation.wording import without_controls
from autoqa.review import examples
from autoqa.review.access import InvalidError, Permission, User
from autoqa.review.cards import asked, asked_in
from autoqa.review.database import Database
from autoqa.review.examples import Kind
from autoqa.review.web.dependencies import Db, Signed, redirect
from autoqa.review.web.labels import later
from autoqa.review.web.links import conversation_link
from autoqa.review.web.pages.coaching import turn_in
from autoqa.review.web.rendering import page

router = APIRouter()

Text = Annotated[str, Form()]
After = Annotated[int | None, Query(ge=1, le=2**31 - 1)]

KINDS: Mapping[Kind, tuple[str, str]] = {
    Kind.GOOD: ("good", later("good example")),
    Kind.BAD: ("bad", later("bad example")),
}
"""Tone and (English) name of each kind."""

_PER_PAGE = 20


@router.get("/examples")
def show_examples(
    request: Request,
    database: Db,
    user: Signed,
    criterion: str = "",
    kind: str = "",
    before: After = None,
) -> Response:
    """Show examples; ``conversation`` and ``turn`` fill in a new one."""
    return _library(
        request,
        database,
        user,
        criterion,
        kind,
        before=before,
        entered=dict(request.query_params),
    )


@router.post("/examples/add")
def add(
    request: Request,
    database: Db,
    user: Signed,
    conversation: Text = "",
    turn: Text = "",
    criterion: Text = "",
    kind: Text = "",
    title: Text = "",
) -> Response:
    """Put a turn into the library."""
    entered = {
        "conversation": conversation,
        "turn": turn,
        "criterion": criterion,
        "kind": kind,
        "title": title,
    }
    try:
        if kind not in list(Kind):
            raise InvalidError(f"kind: '{kind}' is none of {', '.join(Kind)}")
        examples.add_example(
            database,
            user,
            conversation.strip(),
            criterion=criterion,
            kind=Kind(kind),
            title=title,
            turn=turn_in(turn),
        )
    except InvalidError as problem:
        return _library(request, database, user, "", "", entered=entered, problem=str(problem))
    return redirect(request, _place(criterion=criterion), said=later("The example was added."))


@router.post("/examples/remove")
def remove(
    request: Request, database: Db, user: Signed, example: Annotated[int, Form(ge=1, le=2**31 - 1)]
) -> Response:
    """Take an example out of the library."""
    examples.remove_example(database, user, example)
    return redirect(request, _place(), said=later("The example was taken out."))


def _place(**query: str | int) -> str:
    given = {name: value for name, value in query.items() if value}
    return "/examples" + (f"?{urlencode(given)}" if given else "")


def _library(
    request: Request,
    database: Database,
    user: User,
    criterion: str,
    kind: str,
    *,
    before: int | None = None,
    entered: Mapping[str, str],
    problem: str = "",
) -> Response:
    found = examples.list_examples(
        database,
        user,
        criterion=criterion or None,
        kind=Kind(kind) if kind in list(Kind) else None,
        before=before,
        limit=_PER_PAGE + 1,
    )
    with database.reading() as connection:
        criteria, languages = asked(connection), asked_in(connection)
    shown = found[:_PER_PAGE]
    more = len(found) > _PER_PAGE
    return page(
        request,
        "examples.html.j2",
        status=422 if problem else 200,
        examples=shown,
        criteria=criteria,
        languages=languages,
        kinds=KINDS,
        criterion=criterion,
        kind=kind,
        entered=entered,
        problem=problem,
        removable={
            one.id for one in shown if one.author_id == user.id or user.may(Permission.COACH)
        },
        first=_place(criterion=criterion, kind=kind) if before is not None else "",
        older=_place(criterion=criterion, kind=kind, before=shown[-1].id) if more else "",
        conversation_link=conversation_link,
        printable=without_controls,
    )
