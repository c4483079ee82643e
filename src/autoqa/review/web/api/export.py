"""``/api/v1/ratings``: what people submitted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from starlette.responses import StreamingResponse

from autoqa.records import Rating
from autoqa.review.access import InvalidError
from autoqa.review.exporting import submitted_ratings
from autoqa.review.web.dependencies import Db, Signed
from autoqa.store import to_dict
from autoqa.store.columns import dump_json
from autoqa.store.tables import header_line

_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)

router = APIRouter(prefix="/ratings", tags=["export"])


@router.get(
    "",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}}, "description": "ratings.jsonl"}},
)
def ratings(
    db: Db,
    user: Signed,
    scorecard: Annotated[str | None, Query(max_length=200, description="Id of one")] = None,
    since: Annotated[AwareDatetime | None, Query(description="Submitted from then on")] = None,
) -> StreamingResponse:
    """Return submitted ratings of people as JSON lines, as `autoqa compare --human` reads them."""
    if since is not None and not _FIRST <= since <= _LAST:
        raise InvalidError(f"since {since.isoformat()}: give a time between 1970 and 9000")
    found = submitted_ratings(db, user, scorecard=scorecard, since=since)
    return StreamingResponse(
        _lines(found),
        media_type="application/x-ndjson",
        headers={"Content-Disposition": 'attachment; filename="ratings.jsonl"'},
    )


def _lines(found: Iterable[Rating]) -> Iterator[str]:
    yield header_line(Rating)
    for rating in found:
        yield dump_json(to_dict(rating)) + "\n"
