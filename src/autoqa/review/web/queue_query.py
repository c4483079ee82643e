"""The queue's part of an address: filters, order, where to go on."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Path, Query

from autoqa.review.filters import Filters

Value = Annotated[str, Query(max_length=200)]
Item = Annotated[int, Path(ge=1, le=2**31 - 1, description="Id of the item")]


def filters_in(
    reason: Value = "",
    agent: Value = "",
    team: Value = "",
    channel: Value = "",
    language: Value = "",
    queue: Value = "",
    topic: Value = "",
    since: Annotated[str, Query(alias="from", max_length=10, description="First day")] = "",
    until: Annotated[str, Query(alias="to", max_length=10, description="Last day")] = "",
    low: Annotated[str, Query(alias="min", max_length=20, description="Least total")] = "",
    high: Annotated[str, Query(alias="max", max_length=20, description="Largest total")] = "",
    criterion: Value = "",
    failed: Annotated[str, Query(max_length=5, description="Earned nothing on criterion")] = "",
    state: Annotated[str, Query(max_length=10, description="open, mine, claimed, done, all")] = "",
    assigned: Annotated[str, Query(max_length=120, description="me, nobody, a user")] = "",
    text: Annotated[str, Query(alias="q", max_length=200, description="Words")] = "",
) -> Filters:
    """Return the filters that an address asks for."""
    return Filters.from_query(
        {
            "reason": reason,
            "agent": agent,
            "team": team,
            "channel": channel,
            "language": language,
            "queue": queue,
            "topic": topic,
            "from": since,
            "to": until,
            "min": low,
            "max": high,
            "criterion": criterion,
            "failed": failed,
            "state": state,
            "assigned": assigned,
            "q": text,
        }
    )


Filtered = Annotated[Filters, Depends(filters_in)]


def queue_address(filters: Filters, path: str = "/queue", **more: str | None) -> str:
    """Return the address of a page about the items that filters select.

    >>> queue_address(Filters(team="night"), sort="newest", after=None)
    '/queue?team=night&sort=newest'
    """
    query = {**filters.to_query(), **{name: value for name, value in more.items() if value}}
    return f"{path}?{urlencode(query)}" if query else path
