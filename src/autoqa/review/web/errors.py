"""What goes wrong, as a page for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.responses import Response

from autoqa.errors import AutoqaError, ReviewError
from autoqa.review.access import (
    ConflictError,
    InvalidError,
    LoginRefusedError,
    NotAllowedError,
    NotFoundError,
    TooManyAttemptsError,
)
from autoqa.review.database import BusyError
from autoqa.review.web.dependencies import by_htmx, for_api, own_address
from autoqa.review.web.labels import later
from autoqa.review.web.rendering import page

TITLES: Mapping[int, str] = {
    400: later("This request cannot be used"),
    401: later("You are not logged in"),
    403: later("You may not do this"),
    404: later("There is no such page"),
    405: later("This cannot be done here"),
    409: later("Somebody else was faster"),
    413: later("This is too long"),
    422: later("This cannot be saved"),
    429: later("Too many attempts"),
    500: later("Something broke on the server"),
    503: later("The database does not answer"),
}
"""Headings of error pages, in English to translate."""

_STATUS: Mapping[type[AutoqaError], int] = {
    NotAllowedError: 403,
    NotFoundError: 404,
    InvalidError: 422,
    TooManyAttemptsError: 429,
    LoginRefusedError: 401,
    BusyError: 503,
    ReviewError: 400,
}
_VERSIONS = ("based_on", "version")  # fields that say what a change started from
_HIDDEN = frozenset({"csrf", "password", "current", "new", "again", "token", "next", *_VERSIONS})


def add_handlers(app: FastAPI) -> None:
    """Turn errors of services and requests into answers."""
    for kind, status in _STATUS.items():
        app.add_exception_handler(kind, _answer_with(status))
    app.add_exception_handler(ConflictError, _conflict)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _unreadable)
    for lost in (InterfaceError, OperationalError):
        app.add_exception_handler(lost, _database)


def refusal(
    request: Request,
    status: int,
    detail: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    template: str = "error.html.j2",
    **values: Any,
) -> Response:
    """Return an error: JSON under ``/api/``, a notice for HTMX, a page for everybody else.

    `detail` is a sentence in English, as services raise it, without words of a conversation; a page
    translates it where the labels have it.
    """
    title = TITLES.get(status, TITLES[500 if status >= 500 else 400])
    if for_api(request):
        problem = {"title": title, "status": status, "detail": detail, **values}
        return JSONResponse(
            jsonable_encoder(problem),
            status,
            dict(headers or {}),
            media_type="application/problem+json",
        )
    own = dict(headers or {})
    if by_htmx(request):
        # Whatever part of the page was to change, a notice goes to the top of it.
        own |= {"HX-Retarget": "#notices", "HX-Reswap": "innerHTML"}
        template = template.replace(".html.j2", "_notice.html.j2")
    return page(
        request,
        template,
        status=status,
        headers=own,
        title=title,
        detail=detail,
        sent=_sent(request),
        **values,
    )


def _answer_with(status: int) -> Any:
    def answer(request: Request, error: Exception) -> Response:
        wait = (
            {"Retry-After": str(error.minutes * 60)}
            if isinstance(error, TooManyAttemptsError)
            else None
        )
        return refusal(request, status, str(error), headers=wait)

    return answer


def _conflict(request: Request, error: Exception) -> Response:
    assert isinstance(error, ConflictError)
    theirs, yours = dict(error.theirs), dict(error.yours)
    if for_api(request):
        return refusal(request, 409, str(error), theirs=theirs, yours=yours)
    return refusal(
        request,
        409,
        str(error),
        template="conflict.html.j2",
        rows=[(name, theirs.get(name), yours.get(name)) for name in {**theirs, **yours}],
        again=_again(request, theirs),
        back=own_address(request.headers.get("referer", "/")),
    )


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refusal(request, error.status_code, headers=error.headers)


def _unreadable(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    places = [
        f"{'.'.join(str(part) for part in one['loc'][1:])}: {one['msg']}" for one in error.errors()
    ]
    return refusal(request, 422, "; ".join(places[:20]))


def _database(request: Request, _: Exception) -> Response:
    return refusal(request, 503, headers={"Retry-After": "5"})


def _sent(request: Request) -> list[tuple[str, str]]:
    """What somebody typed, so that it is not lost with the page it was typed into."""
    form: FormData = request.state.form
    return [
        (name, value)
        for name, value in form.multi_items()
        if isinstance(value, str) and value.strip() and name not in _HIDDEN
    ]


def _again(request: Request, theirs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The form once more, based on what is stored now; empty where that cannot be said."""
    form: FormData = request.state.form
    if not any(name in form for name in _VERSIONS) or "version" not in theirs:
        return []
    return [
        (name, str(theirs["version"]) if name in _VERSIONS else value)
        for name, value in form.multi_items()
        if isinstance(value, str) and name != "csrf"
    ]
