"""What pages and the API take from a request: the database, who asks, where to go on."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit

from fastapi import Depends, Form, Path, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from autoqa.review.access import User
from autoqa.review.database import Database
from autoqa.review.web.settings import Settings

# A path of this server: browsers take // and /\ for the beginning of another's address.
_OWN_PATH = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]*")

NOTICE = "notice"
"""Cookie that carries a sentence from a saved form to the page shown next."""


def database_of(request: Request) -> Database:
    """Return the review database."""
    database: Database = request.app.state.database
    return database


def settings_of(request: Request) -> Settings:
    """Return how the page is served."""
    settings: Settings = request.app.state.settings
    return settings


def signed_in(request: Request) -> User:
    """Return who asks. Others do not come this far; see `security`."""
    user: User | None = request.state.user
    if user is None:
        raise HTTPException(401)
    return user


Db = Annotated[Database, Depends(database_of)]
Signed = Annotated[User, Depends(signed_in)]

Text = Annotated[str, Form()]
"""A field of a form; empty where it was not sent."""

Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
"""Id of a row, in the path of a page."""

Number = Annotated[int, Form(ge=0, le=2**31 - 1)]
"""A field of a form with an id or version; 0 for none."""


def by_htmx(request: Request) -> bool:
    """Whether a script of ours asks for a part of a page."""
    return request.headers.get("hx-request") == "true"


def for_api(request: Request) -> bool:
    """Whether a program asks, which reads JSON."""
    path: str = request.scope["path"]
    return path.startswith("/api/")


def own_path(given: str | None, otherwise: str = "/") -> str:
    """Return a path on this server to go on to, whatever was given.

    >>> own_path("/queue?team=night"), own_path("//evil.example"), own_path("https://evil.example")
    ('/queue?team=night', '/', '/')
    """
    return given if given and _OWN_PATH.fullmatch(given) else otherwise


def own_address(given: str) -> str:
    """Return path and query of an address that a browser says it is or was at.

    >>> own_address("http://127.0.0.1:5002/queue?team=night"), own_address("http://[")
    ('/queue?team=night', '/')
    """
    try:
        parts = urlsplit(given)
    except ValueError:
        return "/"
    return own_path(f"{parts.path}?{parts.query}" if parts.query else parts.path)


def redirect(request: Request, to: str, *, said: str = "") -> RedirectResponse:
    """Go on to a page of ours after a form was handled.

    Parameters
    ----------
    request : Request
    to : str
        A path of this server, quoted.
    said : str
        A sentence that the next page shows in the reader's language, such as ``"Saved."``.
    """
    answer = RedirectResponse(own_path(to), status_code=303)
    if said:
        remember(request, answer, NOTICE, quote(said), max_age=60)
    return answer


def remember(
    request: Request,
    answer: Response,
    name: str,
    value: str,
    *,
    max_age: int | None = None,
    samesite: Literal["lax", "strict"] = "strict",
) -> None:
    """Set a cookie that no script can read and, where there is TLS, nobody on the way."""
    settings = settings_of(request)
    answer.set_cookie(
        settings.cookie(name),
        value,
        max_age=max_age,
        secure=settings.https,
        httponly=True,
        samesite=samesite,
    )


def forget(request: Request, answer: Response, name: str) -> None:
    """Take a cookie back."""
    settings = settings_of(request)
    answer.delete_cookie(settings.cookie(name), secure=settings.https, httponly=True)
