"""The review page as a FastAPI app: what is mounted where, and what guards it."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from autoqa.review.database import Database
from autoqa.review.web import api, assets
from autoqa.review.web.errors import add_handlers
from autoqa.review.web.pages import (
    account,
    audit,
    calibration,
    coaching,
    conversation,
    dashboards,
    disputes,
    examples,
    home,
    login,
    queue,
    users,
    views,
)
from autoqa.review.web.security import Guard
from autoqa.review.web.settings import Settings

ROUTERS: tuple[APIRouter, ...] = (
    assets.router,
    home.router,
    login.router,
    account.router,
    users.router,
    audit.router,
    conversation.router,
    queue.router,
    views.router,
    calibration.router,
    disputes.router,
    coaching.router,
    examples.router,
    dashboards.router,
)
"""Everything that answers with pages; the JSON API is `autoqa.review.web.api`."""


def create_app(database: Database, settings: Settings | None = None) -> FastAPI:
    """Return the review page on a database.

    Parameters
    ----------
    database : Database
    settings : Settings, optional
        Default: for browsers on this machine alone.
    """
    settings = settings or Settings()
    app = FastAPI(
        title="autoqa review",
        version="1",  # of the API; /api/v2 would stand beside it
        description="Flagged conversations, what models and people answered, and why. Log in at "
        "/login; requests that change something carry the session's token as X-CSRF-Token.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    for router in ROUTERS:
        app.include_router(router, include_in_schema=False)
    app.include_router(api.router)
    add_handlers(app)
    app.add_middleware(Guard, database=database, settings=settings)
    app.state.database = database
    app.state.settings = settings
    app.state.pages = frozenset(
        str(getattr(route, "path", "")) for router in ROUTERS for route in router.routes
    )
    return app
