"""Coming in, by name and password or by a one-time link, and going out."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from autoqa.review.access import LoginRefusedError, TooManyAttemptsError
from autoqa.review.logins import Session, log_in, log_out, redeem
from autoqa.review.web.dependencies import (
    Db,
    Text,
    forget,
    own_path,
    redirect,
    remember,
    settings_of,
)
from autoqa.review.web.rendering import page
from autoqa.review.web.security import SESSION

router = APIRouter()


@router.get("/login")
def show_login(request: Request, next: str = "/") -> Response:  # noqa: A002
    """Ask for name and password."""
    if request.state.user is not None:
        return redirect(request, own_path(next))
    return page(request, "login.html.j2", next=own_path(next), name="", problem="", minutes=0)


@router.post("/login")
def enter(
    request: Request,
    database: Db,
    name: Text = "",
    password: Text = "",
    next: Text = "/",  # noqa: A002
) -> Response:
    """Begin a session, or say that name and password do not fit."""
    address = request.client.host if request.client else ""
    try:
        session = log_in(database, name, password, address, instead_of=_held(request))
    except LoginRefusedError as refused:
        minutes = refused.minutes if isinstance(refused, TooManyAttemptsError) else 0
        return page(
            request,
            "login.html.j2",
            status=429 if minutes else 401,
            headers={"Retry-After": str(minutes * 60)} if minutes else None,
            next=own_path(next),
            name=name[:200],
            problem=str(refused),
            minutes=minutes,
        )
    return _enter(request, session, own_path(next))


@router.get("/login/link")
def show_link(request: Request, token: str = "") -> Response:
    """Show a button that uses the link: chat programs that look at links would use it up."""
    return page(request, "login_link.html.j2", token=token[:200], problem="")


@router.post("/login/link")
def enter_by_link(request: Request, database: Db, token: Text = "") -> Response:
    """Begin a session with a one-time link."""
    try:
        session = redeem(database, token, instead_of=_held(request))
    except LoginRefusedError as refused:
        return page(request, "login_link.html.j2", status=401, token="", problem=str(refused))
    return _enter(request, session, "/")


@router.post("/logout")
def leave(request: Request, database: Db) -> Response:
    """End the session."""
    held = _held(request)
    if held:
        log_out(database, held)
    answer = redirect(request, "/login", said="You are logged out.")
    forget(request, answer, SESSION)
    return answer


def _held(request: Request) -> str | None:
    return request.cookies.get(settings_of(request).cookie(SESSION))


def _enter(request: Request, session: Session, to: str) -> Response:
    answer = redirect(request, to)
    # A link in a mail leads to a conversation without a second login; changes need the token.
    remember(request, answer, SESSION, session.token, samesite="lax")
    return answer
