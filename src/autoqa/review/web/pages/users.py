"""Users: who may come in, in which role; for admins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import Response

from autoqa.review import users
from autoqa.review.access import ConflictError, InvalidError, Role, User
from autoqa.review.database import Database
from autoqa.review.logins import LINK_LIFE, one_time_link
from autoqa.review.passwords import SHORTEST
from autoqa.review.web.dependencies import Db, Signed, redirect, settings_of
from autoqa.review.web.labels import later
from autoqa.review.web.rendering import page

router = APIRouter()

Text = Annotated[str, Form()]


def _profile(
    role: Text = "", display_name: Text = "", team: Text = "", agent: Text = ""
) -> dict[str, str]:
    return {"role": role, "display_name": display_name, "team": team, "agent": agent}


Profile = Annotated[dict[str, str], Depends(_profile)]

ROLES: Mapping[Role, tuple[str, str]] = {
    Role.REVIEWER: (later("Reviewer"), later("Reviews conversations and decides disputes.")),
    Role.LEAD: (
        later("Lead"),
        later(
            "A reviewer who also assigns, calibrates, coaches and exports; with a team, for that "
            "team."
        ),
    ),
    Role.AGENT: (
        later("Agent"),
        later("Sees their own conversations and coaching, and may dispute ratings."),
    ),
    Role.ANALYST: (
        later("Analyst"),
        later("Reads the queue, ratings and dashboards, and exports."),
    ),
    Role.ADMIN: (later("Admin"), later("May do everything, and manages users.")),
}
"""Name and meaning of each role, in English to translate."""


@router.get("/users")
def show_users(request: Request, database: Db, user: Signed) -> Response:
    """List everybody, with a form to add somebody."""
    return _everybody(request, database, user)


@router.post("/users/add")
def add(
    request: Request,
    database: Db,
    user: Signed,
    profile: Profile,
    name: Text = "",
    password: Text = "",
) -> Response:
    """Add a user; without a password, they come in by one-time links."""
    try:
        added = users.add_user(database, user, name, password=password or None, **profile)
    except (InvalidError, ConflictError) as problem:
        entered = {"name": name, **profile}
        return _everybody(request, database, user, problem=problem, entered=entered)
    return redirect(request, _place(added.name), said="The user was added.")


@router.get("/users/edit")
def show_user(request: Request, database: Db, user: Signed, name: str = "") -> Response:
    """Show a user, with what can be changed."""
    return _one(request, database, user, name)


@router.post("/users/change")
def change(
    request: Request, database: Db, user: Signed, profile: Profile, name: Text = ""
) -> Response:
    """Change role, shown name, team and agent."""
    try:
        users.change_user(database, user, name, **profile)
    except InvalidError as problem:
        return _one(request, database, user, name, problem=problem, entered=profile)
    return redirect(request, _place(name), said="The user was changed.")


@router.post("/users/password")
def set_password(
    request: Request, database: Db, user: Signed, name: Text = "", password: Text = ""
) -> Response:
    """Set a password."""
    try:
        users.set_password(database, user, name, password)
    except InvalidError as problem:
        return _one(request, database, user, name, problem=problem)
    return redirect(request, _place(name), said="The password was changed.")


@router.post("/users/link")
def make_link(request: Request, database: Db, user: Signed, name: Text = "") -> Response:
    """Make a one-time link and show it, once."""
    account = users.account_of(database, user, name)
    token = one_time_link(database, account.user, by=user)
    here = f"{settings_of(request).scheme}://{request.url.netloc}"
    link = f"{here}/login/link?{urlencode({'token': token})}"
    return _one(request, database, user, name, link=link)


@router.post("/users/deactivate")
def deactivate(request: Request, database: Db, user: Signed, name: Text = "") -> Response:
    """Let a user come in no more."""
    users.deactivate(database, user, name)
    return redirect(request, _place(name), said="The user was deactivated.")


@router.post("/users/activate")
def activate(request: Request, database: Db, user: Signed, name: Text = "") -> Response:
    """Let a user come in again."""
    users.activate(database, user, name)
    return redirect(request, _place(name), said="The user was activated.")


def _place(name: str) -> str:
    return f"/users/edit?{urlencode({'name': name})}"


def _everybody(
    request: Request,
    database: Database,
    user: User,
    *,
    problem: Exception | None = None,
    entered: Mapping[str, str] | None = None,
) -> Response:
    return page(
        request,
        "users.html.j2",
        status=_status(problem),
        accounts=users.list_users(database, user),
        roles=ROLES,
        shortest=SHORTEST,
        problem=problem,
        entered=entered or {"role": Role.REVIEWER},
    )


def _one(
    request: Request,
    database: Database,
    user: User,
    name: str,
    *,
    problem: Exception | None = None,
    entered: Mapping[str, str] | None = None,
    link: str = "",
) -> Response:
    account = users.account_of(database, user, name)
    its = account.user
    stored = {
        "role": its.role,
        "display_name": its.display_name,
        "team": its.team,
        "agent": its.agent,
    }
    return page(
        request,
        "user.html.j2",
        status=_status(problem),
        account=account,
        roles=ROLES,
        shortest=SHORTEST,
        problem=problem,
        entered=entered or stored,
        link=link,
        minutes=int(LINK_LIFE.total_seconds()) // 60,
    )


def _status(problem: Exception | None) -> int:
    if problem is None:
        return 200
    return 409 if isinstance(problem, ConflictError) else 422
