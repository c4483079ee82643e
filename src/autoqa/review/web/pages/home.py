"""Where one begins, and whether the server is there."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from autoqa.review.web.assets import asset
from autoqa.review.web.dependencies import Db, redirect
from autoqa.review.web.rendering import menu_of

router = APIRouter()


@router.get("/")
def home(request: Request) -> Response:
    """Go on to the first part of the page that the user's role opens."""
    menu = menu_of(request)
    return redirect(request, menu[0][0] if menu else "/account")


@router.get("/health")
def health(database: Db) -> PlainTextResponse:
    """Say that the server and its database are there."""
    with database.reading() as connection:
        connection.exec_driver_sql("SELECT 1")
    return PlainTextResponse("ok")


@router.get("/favicon.ico")
def favicon() -> RedirectResponse:
    """Return where the page's sign is, to browsers that ask without having read the page."""
    return RedirectResponse(asset("icon.svg"), status_code=301)
