"""Coaching: what is due, and for one agent the notes, goals and what came after them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from autoqa.evaluation.printed import shown
from autoqa.review import coaching
from autoqa.review.access import InvalidError, Permission, Role, User
from autoqa.review.cards import asked, asked_in
from autoqa.review.coaching import Link, NoteState
from autoqa.review.database import Database
from autoqa.review.web.charts import interval
from autoqa.review.web.dependencies import Db, Signed, redirect
from autoqa.review.web.labels import later
from autoqa.review.web.links import conversation_link
from autoqa.review.web.rendering import page

router = APIRouter()

Text = Annotated[str, Form()]
Number = Annotated[int, Form(ge=1, le=2**31 - 1)]
After = Annotated[int | None, Query(ge=1, le=2**31 - 1)]

STATES: Mapping[NoteState, tuple[str, str]] = {
    NoteState.OPEN: ("partly", later("open")),
    NoteState.REACHED: ("good", later("reached")),
    NoteState.DROPPED: ("unknown", later("dropped")),
}
"""Tone and (English) name of what became of a note."""

_PER_PAGE = 10


@router.get("/coaching")
def show_coaching(request: Request, database: Db, user: Signed) -> Response:
    """Show what is due, and every agent with notes; agents go on to their own."""
    user.require(Permission.SEE_COACHING)
    if user.role is Role.AGENT:
        return redirect(request, _place(user.agent or ""))
    return page(
        request,
        "coaching.html.j2",
        due=coaching.due_follow_ups(database, user),
        agents=coaching.coached_agents(database, user),
        everybody=coaching.agents_seen(database, user) if user.may(Permission.COACH) else [],
        place=_place,
    )


@router.get("/coaching/agent")
def show_agent(
    request: Request, database: Db, user: Signed, name: str = "", before: After = None
) -> Response:
    """Show the notes for an agent; ``conversation``, ``turn``, ``criterion`` fill in a new one."""
    return _one(request, database, user, name, before=before, entered=dict(request.query_params))


@router.post("/coaching/add")
def add(
    request: Request,
    database: Db,
    user: Signed,
    agent: Text = "",
    text: Text = "",
    goal: Text = "",
    criterion: Text = "",
    follow_up_on: Text = "",
    conversation: Text = "",
    turn: Text = "",
) -> Response:
    """Write a note."""
    try:
        note = coaching.add_note(
            database,
            user,
            agent,
            text,
            criterion=criterion or None,
            goal=goal,
            follow_up_on=day_in(follow_up_on),
            links=link_in(conversation, turn),
        )
    except InvalidError as problem:
        entered = {
            "text": text,
            "goal": goal,
            "criterion": criterion,
            "follow_up_on": follow_up_on,
            "conversation": conversation,
            "turn": turn,
        }
        return _one(request, database, user, agent, entered=entered, problem=str(problem))
    return redirect(request, _place(agent, note.id), said=later("The note was saved."))


@router.post("/coaching/follow-up")
def follow_up(
    request: Request,
    database: Db,
    user: Signed,
    note: Number,
    based_on: Number,
    state: Text = "",
    follow_up_on: Text = "",
) -> Response:
    """Say what became of a note, and when to look again."""
    if state not in list(NoteState):
        raise InvalidError(f"state: '{state}' is none of {', '.join(NoteState)}")
    changed = coaching.follow_up(
        database,
        user,
        note,
        based_on=based_on,
        state=NoteState(state),
        follow_up_on=day_in(follow_up_on),
    )
    return redirect(request, _place(changed.agent, note), said=later("The note was changed."))


@router.post("/coaching/link")
def link(
    request: Request,
    database: Db,
    user: Signed,
    note: Number,
    conversation: Text = "",
    turn: Text = "",
) -> Response:
    """Let a note point to one more turn."""
    links = link_in(conversation, turn)
    if not links:
        raise InvalidError("conversation: enter the id of a conversation of this agent")
    changed = coaching.link_turn(database, user, note, links[0])
    return redirect(request, _place(changed.agent, note), said=later("The turn was added."))


def day_in(given: str) -> date | None:
    """Return the day that a form field names; None where it is empty.

    Raises
    ------
    InvalidError
        If it is no day.
    """
    if not given.strip():
        return None
    try:
        return date.fromisoformat(given.strip())
    except ValueError:
        raise InvalidError(f"'{given}' is no date; write it as 2026-03-09") from None


def turn_in(given: str) -> int | None:
    """Return the index, from 0, of a turn that a form field counts from 1; None where empty.

    Raises
    ------
    InvalidError
        If it is no number.
    """
    given = given.strip()
    if not given:
        return None
    if not (given.isascii() and given.isdecimal() and 0 < len(given) < 8):
        raise InvalidError(f"turn: '{given}' is no number; turns count from 1")
    return int(given) - 1


def link_in(conversation: str, turn: str) -> list[Link]:
    """Return the turn that two form fields name; nothing where both are empty."""
    at = turn_in(turn)
    if not conversation.strip():
        if at is not None:
            raise InvalidError("turn: say of which conversation")
        return []
    return [Link(conversation_id=conversation.strip(), turn=at)]


def _place(agent: str, note: int | None = None) -> str:
    anchor = "" if note is None else f"#note-{note}"
    return f"/coaching/agent?{urlencode({'name': agent})}{anchor}"


def _one(
    request: Request,
    database: Database,
    user: User,
    agent: str,
    *,
    before: int | None = None,
    entered: Mapping[str, str],
    problem: str = "",
) -> Response:
    notes = coaching.list_notes(database, user, agent=agent, before=before, limit=_PER_PAGE + 1)
    known = agent in coaching.agents_seen(database, user)
    if not known and not notes and agent != user.agent:
        return page(request, "coaching_nobody.html.j2", status=404, agent=agent)
    with database.reading() as connection:
        criteria, languages = asked(connection), asked_in(connection)
    more = len(notes) > _PER_PAGE
    notes = notes[:_PER_PAGE]
    return page(
        request,
        "coaching_agent.html.j2",
        status=422 if problem else 200,
        agent=agent,
        notes=[(note, coaching.progress(database, user, note)) for note in notes],
        criteria=criteria,
        languages=languages,
        states=STATES,
        today=coaching.today(),
        entered=entered,
        problem=problem,
        first=_place(agent) if before is not None else "",
        older=f"{_place(agent)}&before={notes[-1].id}" if more else "",
        conversation_link=conversation_link,
        **figures(),
    )


def figures() -> dict[str, Any]:
    """Return what templates print and draw figures with."""
    return {"shown": shown, "interval": interval}
