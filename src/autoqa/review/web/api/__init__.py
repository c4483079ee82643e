"""The JSON API, described at /api/v1/openapi.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from autoqa.review.access import Role
from autoqa.review.web.api import (
    answers,
    calibration,
    conversations,
    dashboards,
    disputes,
    export,
    queue,
)
from autoqa.review.web.dependencies import Signed


class Problem(BaseModel):
    """Why a request was refused (RFC 9457); `theirs` and `yours` where somebody was faster."""

    title: str
    status: int
    detail: str
    theirs: dict[str, Any] | None = None
    yours: dict[str, Any] | None = None


class Me(BaseModel):
    """Who is logged in."""

    name: str
    display_name: str
    role: Role
    csrf: str


def _problem(said: str) -> dict[str, Any]:
    return {"model": Problem, "description": said, "content": {"application/problem+json": {}}}


PROBLEMS: Mapping[int | str, dict[str, Any]] = {
    400: _problem("The request cannot be read"),
    401: _problem("Nobody is logged in"),
    403: _problem("The role does not allow it, or the token is missing"),
    404: _problem("There is no such thing, or none that this user may see"),
    409: _problem("Somebody else was faster"),
    413: _problem("The request is too long"),
    422: _problem("What was sent cannot be saved"),
}
"""Answers that every route of the API can give."""

router = APIRouter(prefix="/api/v1", responses=dict(PROBLEMS))


@router.get("/me", tags=["session"])
def me(user: Signed, request: Request) -> Me:
    """Return who is logged in, and the token that requests which change something carry."""
    return Me(
        name=user.name,
        display_name=user.display_name,
        role=user.role,
        csrf=request.state.session.csrf,
    )


for part in (conversations, answers, export, queue, calibration, disputes, dashboards):
    router.include_router(part.router)
