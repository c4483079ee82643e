"""Saved views of the queue."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from autoqa.review import views
from autoqa.review.web.dependencies import Db, Signed, redirect
from autoqa.review.web.labels import later
from autoqa.review.web.queue_query import Filtered, queue_address
from autoqa.review.web.rendering import page

router = APIRouter()

Text = Annotated[str, Form()]


@router.get("/views")
def show(request: Request, database: Db, user: Signed) -> Response:
    """List the user's views and those that others share."""
    found = views.list_views(database, user)
    return page(request, "queue_views.html.j2", views=found, address=queue_address)


@router.post("/views/save")
def save(
    request: Request,
    database: Db,
    user: Signed,
    filters: Filtered,
    name: Text = "",
    shared: Text = "",
) -> Response:
    """Save the filters of the queue by a name."""
    saved = views.save_view(database, user, name, filters, shared=bool(shared))
    return redirect(request, queue_address(saved.filters), said=later("The view was saved."))


@router.post("/views/delete")
def delete(
    request: Request,
    database: Db,
    user: Signed,
    view: Annotated[int, Form(ge=1, le=2**31 - 1)],
) -> Response:
    """Delete one of the user's own views."""
    views.delete_view(database, user, view)
    return redirect(request, "/views", said=later("The view was deleted."))
