"""Calibration sessions: begin one, see how far it is, discuss the differences, look back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import isfinite
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from autoqa.evaluation.printed import shown
from autoqa.review import calibration as sessions
from autoqa.review.access import InvalidError, NotFoundError, User
from autoqa.review.calibration import PastSession, Stage
from autoqa.review.database import Database
from autoqa.review.filters import Filters
from autoqa.review.web.charts import interval
from autoqa.review.web.criterion_cards import answer_in
from autoqa.review.web.dependencies import Db, Id, Number, Signed, Text, redirect
from autoqa.review.web.labels import later
from autoqa.review.web.links import address, conversation_link
from autoqa.review.web.rendering import page

router = APIRouter()

Texts = Annotated[list[str] | None, Form()]
PageNumber = Annotated[int, Query(ge=1, le=1000)]

STAGES: Mapping[Stage, tuple[str, str]] = {
    Stage.RATING: ("partly", later("raters answer")),
    Stage.DISCUSSING: ("unknown", later("in discussion")),
    Stage.CLOSED: ("good", later("closed")),
}
"""Tone and (English) name of each stage."""

_PER_PAGE = 10
_FILTERS = ("agent", "team", "channel", "language", "topic")
_ALL = Filters(state="all")


@router.get("/calibrations")
def show_sessions(request: Request, database: Db, user: Signed) -> Response:
    """List sessions, those first in which the user still has to answer."""
    listed = sessions.list_calibrations(database, user)
    owed = [one for one in listed if _to_answer(one, user)]
    return page(
        request,
        "calibrations.html.j2",
        sessions=listed,
        owed=[(one, _to_answer(one, user)) for one in owed],
        stages=STAGES,
    )


@router.get("/calibrations/new")
def show_new(
    request: Request,
    database: Db,
    user: Signed,
    id: Annotated[list[str] | None, Query()] = None,  # noqa: A002
    n: Annotated[int, Query(ge=1, le=sessions.MOST_CONVERSATIONS)] = 5,
    seed: Annotated[int, Query(ge=0, le=2**31 - 1)] = 1,
    pick: str = "",
) -> Response:
    """Show a form for a session: conversations at random, or named; and who rates them."""
    chosen, problem = tuple(id or ()), ""
    try:
        filters = replace(Filters.from_query(request.query_params), state="all")
        if pick:
            chosen += sessions.pick(database, user, filters, n, seed=seed)
    except InvalidError as error:
        filters, problem = _ALL, str(error)
    return _new(
        request,
        database,
        user,
        chosen=chosen,
        filters=filters,
        n=n,
        seed=seed,
        picked=bool(pick),
        problem=problem,
    )


@router.post("/calibrations/new")
def begin(
    request: Request,
    database: Db,
    user: Signed,
    name: Text = "",
    conversation: Texts = None,
    more: Text = "",
    rater: Texts = None,
) -> Response:
    """Begin a session."""
    typed = [one.strip() for one in more.splitlines() if one.strip()]
    chosen, raters = (*(conversation or ()), *typed), tuple(rater or ())
    try:
        begun = sessions.begin(database, user, name, tuple(dict.fromkeys(chosen)), raters)
    except InvalidError as problem:
        return _new(
            request,
            database,
            user,
            chosen=tuple(conversation or ()),
            more=more,
            name=name,
            raters=raters,
            problem=str(problem),
        )
    return redirect(request, _place(begun.id), said=later("The session has begun."))


@router.get("/calibrations/history")
def show_history(request: Request, database: Db, user: Signed, criterion: str = "") -> Response:
    """Show how agreement went from session to session."""
    past = sessions.history(database, user)
    criteria = sorted({name for one in past for name in one.alpha})
    chosen = criterion if criterion in criteria else ""
    return page(
        request,
        "calibration_history.html.j2",
        past=past,
        criteria=criteria,
        chosen=chosen,
        lowest=min((end for one in past for end in _ends(one, chosen)), default=0.0),
        interval=partial(interval, kind="human"),
        figure=shown,
    )


@router.get("/calibrations/{number}")
def show_session(
    request: Request, database: Db, user: Signed, number: Id, at: PageNumber = 1
) -> Response:
    """Show a session: how far it is, or what came of it."""
    session = sessions.calibration(database, user, number)
    if not session.shows_answers:
        return _waiting(request, user, session)
    found = sessions.results(database, user, number)
    first = (at - 1) * _PER_PAGE
    differences = found.differences[first : first + _PER_PAGE]
    return page(
        request,
        "calibration_results.html.j2",
        found=found,
        session=found.calibration,
        stages=STAGES,
        differences=list(enumerate(differences, start=first + 1)),
        names={seat.rater: seat.display_name for seat in found.calibration.seats},
        newer=_place(number, at=at - 1) if at > 1 else "",
        older=_place(number, at=at + 1) if first + _PER_PAGE < len(found.differences) else "",
        at=at,
        figure=shown,
        **_cells(found),
    )


@router.get("/calibrations/{number}/answers")
def show_answers(request: Request, database: Db, user: Signed, number: Id) -> Response:
    """Show every answer of a session in one table."""
    found = sessions.results(database, user, number)
    return page(
        request,
        "calibration_answers.html.j2",
        found=found,
        session=found.calibration,
        **_cells(found),
    )


@router.get("/calibrations/{number}/answer")
def show_answer(
    request: Request,
    database: Db,
    user: Signed,
    number: Id,
    conversation: str = "",
    criterion: str = "",
) -> Response:
    """Show all answers to one criterion on one conversation."""
    return _one_cell(request, database, user, number, conversation, criterion)


@router.post("/calibrations/{number}/open")
def open_discussion(
    request: Request, database: Db, user: Signed, number: Id, early: Text = ""
) -> Response:
    """Open the discussion."""
    try:
        sessions.open_discussion(database, user, number, early=early == "on")
    except InvalidError as problem:
        session = sessions.calibration(database, user, number)
        return _waiting(request, user, session, problem=str(problem))
    return redirect(request, _place(number), said=later("The discussion is open."))


@router.post("/calibrations/{number}/agree")
def agree(
    request: Request,
    database: Db,
    user: Signed,
    number: Id,
    conversation: Text = "",
    criterion: Text = "",
    answer: Text = "",
    reason: Text = "",
    based_on: Number = 0,
    difference: Number = 0,
) -> Response:
    """Note what was agreed to be the right answer."""
    try:
        status, level = answer_in(answer)
        sessions.agree(
            database,
            user,
            number,
            conversation,
            criterion,
            status=str(status),
            level=level,
            reason=reason,
            based_on=based_on,
        )
    except InvalidError as problem:
        typed = {"answer": answer, "reason": reason}
        return _one_cell(
            request, database, user, number, conversation, criterion, typed, str(problem)
        )
    back = _place(number)
    if difference:  # its place among the differences, where the form stood
        back = f"{_place(number, at=(difference - 1) // _PER_PAGE + 1)}#difference-{difference}"
    return redirect(request, back, said=later("The reference was noted."))


@router.post("/calibrations/{number}/close")
def close(request: Request, database: Db, user: Signed, number: Id) -> Response:
    """Close a session; its agreement goes into the history."""
    sessions.close(database, user, number)
    return redirect(request, _place(number), said=later("The session is closed."))


def _place(number: int, at: int = 1) -> str:
    return address(f"/calibrations/{number}", at=at if at > 1 else None)


def _to_answer(session: sessions.Calibration, user: User) -> list[str]:
    """Conversations that the user still has to hand in, in the order of the session."""
    seat = session.seat_of(user)
    if seat is None or session.stage is not Stage.RATING:
        return []
    return [one for one in session.conversations if one not in seat.submitted]


def _new(
    request: Request,
    database: Database,
    user: User,
    *,
    chosen: Sequence[str],
    filters: Filters = _ALL,
    n: int = 5,
    seed: int = 1,
    picked: bool = False,
    more: str = "",
    name: str = "",
    raters: Sequence[str] = (),
    problem: str = "",
) -> Response:
    return page(
        request,
        "calibration_new.html.j2",
        status=422 if problem else 200,
        candidates=sessions.candidates(database, user, chosen),
        people=sessions.possible_raters(database, user),
        raters=raters,
        name=name,
        more=more,
        problem=problem,
        query={key: getattr(filters, key) for key in _FILTERS},
        since=filters.since,
        until=filters.until,
        most=sessions.MOST_CONVERSATIONS,
        n=n,
        seed=seed,
        picked=picked,
        link=conversation_link,
    )


def _waiting(
    request: Request, user: User, session: sessions.Calibration, problem: str = ""
) -> Response:
    seat = session.seat_of(user)
    return page(
        request,
        "calibration.html.j2",
        status=422 if problem else 200,
        session=session,
        seat=seat,
        stages=STAGES,
        to_answer=_to_answer(session, user),
        problem=problem,
        link=conversation_link,
    )


def _one_cell(
    request: Request,
    database: Database,
    user: User,
    number: int,
    conversation: str,
    criterion: str,
    typed: Mapping[str, str] | None = None,
    problem: str = "",
) -> Response:
    found = sessions.results(database, user, number)
    cell = found.cell(conversation, criterion)
    if cell is None:
        raise NotFoundError(f"nobody answered '{criterion}' on '{conversation}' in this session")
    return page(
        request,
        "calibration_answer.html.j2",
        status=422 if problem else 200,
        found=found,
        session=found.calibration,
        cell=cell,
        typed=typed,
        problem=problem,
        **_cells(found),
    )


def _cells(found: sessions.Results) -> dict[str, Any]:
    """What templates need to show answers."""
    occasion = found.calibration.occasion
    return {
        "may_agree": found.calibration.stage is Stage.DISCUSSING,
        "turns_of": lambda rating: sorted({one.turn for one in rating.evidence}),
        "place": lambda cell: address(
            f"{_place(found.calibration.id)}/answer",
            conversation=cell.conversation_id,
            criterion=cell.criterion,
        ),
        "link": lambda cell, turn=None: conversation_link(
            cell.conversation_id, criterion=cell.criterion, turn=turn, occasion=occasion
        ),
    }


def _ends(one: PastSession, criterion: str) -> tuple[float, ...]:
    """Where a figure and its interval begin, but at 0 at most, so that drawings share a scale."""
    measured = one.alpha.get(criterion) if criterion else one.exact
    known = () if measured is None else (measured.value, measured.low)
    return (0.0, *(end for end in known if isfinite(end)))
