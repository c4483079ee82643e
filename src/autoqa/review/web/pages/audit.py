"""The audit log: who did what, and whether it is as it was written; for admins."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autoqa.review.access import InvalidError
from autoqa.review.audit_log import AuditFilters, check, list_actions, list_entries
from autoqa.review.web.dependencies import Db, Signed
from autoqa.review.web.rendering import page

router = APIRouter()

Number = Annotated[int | None, Query(ge=1, le=2**31 - 1)]


@router.get("/audit")
def show_log(request: Request, database: Db, user: Signed, before: Number = None) -> Response:
    """List entries, newest first, as filtered."""
    query = request.query_params
    problem: InvalidError | None = None
    try:
        filters = AuditFilters.from_query(query)
    except InvalidError as unreadable:
        filters, problem = AuditFilters(), unreadable
    shown = list_entries(database, user, filters, before=before)
    kept = filters.to_query()
    return page(
        request,
        "audit.html.j2",
        status=422 if problem else 200,
        problem=problem,
        filters=filters,
        entries=shown.entries,
        actions=list_actions(database, user),
        first=_place(kept) if before is not None else "",
        older=_place({**kept, "before": str(shown.before)}) if shown.before else "",
    )


@router.get("/audit/check")
def check_log(request: Request, database: Db, user: Signed, noted: str = "") -> Response:
    """Check every entry against the one before it."""
    noted = noted.strip().lower()
    verdict = check(database, user, noted=noted or None)
    return page(request, "audit_check.html.j2", verdict=verdict, noted=noted)


def _place(query: dict[str, str]) -> str:
    return f"/audit?{urlencode(query)}" if query else "/audit"
