"""Dashboards: one page for each question, all with the same filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from autoqa.evaluation.figures import Verdict
from autoqa.evaluation.printed import decimal, shown
from autoqa.review import dashboards
from autoqa.review.access import Permission, User
from autoqa.review.cards import loaded_cards
from autoqa.review.dashboards import MIN_N, Scope, card_key, teams_seen
from autoqa.review.dashboards.periods import Period
from autoqa.review.dashboards.placing import MIN_EACH, Satisfaction, Totals
from autoqa.review.dashboards.summing import By
from autoqa.review.database import Database
from autoqa.review.flags import REASONS
from autoqa.review.web import charts
from autoqa.review.web.dependencies import Db, Signed
from autoqa.review.web.labels import later
from autoqa.review.web.rendering import page
from autoqa.scorecard import Scorecard

router = APIRouter()

At = Annotated[int, Query(ge=1, le=10_000)]

PARTS: Mapping[str, str] = {
    "/dashboards": later("Over time"),
    "/dashboards/criteria": later("Criteria"),
    "/dashboards/quadrants": later("QA and CSAT"),
    "/dashboards/agreement": later("Models and people"),
    "/dashboards/yield": later("Review yield"),
    "/dashboards/reviewers": later("Reviewers"),
}
"""Path and (English) name of each dashboard."""

VERDICTS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.AS_PEOPLE: ("good", later("as well as people")),
    Verdict.BELOW_PEOPLE: ("bad", later("less than people")),
    Verdict.UNCERTAIN: ("unknown", later("too uncertain to say")),
    Verdict.NO_CEILING: ("unknown", later("no second human to compare with")),
}
"""Tone and (English) words of what agreement says about a model."""

CORNERS = (
    ("strong", later("strong: QA and CSAT high")),
    ("liked", later("liked: only CSAT high")),
    ("correct", later("correct: only QA high")),
    ("struggling", later("struggling: neither high")),
)
"""Quadrants in the order of `autoqa.evaluation.quadrants.QUADRANTS`, and what each means."""

_LINES, _COLUMNS, _AGENTS = 12, 8, 50  # lines, columns of a heat map and agents on one page


@router.get("/dashboards")
def show_over_time(
    request: Request,
    database: Db,
    user: Signed,
    by: By = "team",
    period: Period = "week",
    at: At = 1,
) -> Response:
    """Show teams or agents over time."""

    def work(scope: Scope) -> dict[str, Any]:
        found = dashboards.over_time(database, user, scope, by=by, period=period)
        lines = _part(found.lines, at, _LINES)
        return {
            "found": found,
            "lines": [(line, _marks(line)) for line in lines],
            "chart": charts.over_time,
            **_pages(request, at, len(found.lines), _LINES),
        }

    return _dashboard(request, database, user, "dashboards_over_time.html.j2", work)


@router.get("/dashboards/criteria")
def show_heat_map(
    request: Request, database: Db, user: Signed, by: By = "team", at: At = 1
) -> Response:
    """Show where points are earned and lost."""

    def work(scope: Scope) -> dict[str, Any]:
        found = dashboards.heat_map(database, user, scope, by=by)
        return {
            "found": found,
            "names": _part(found.names, at, _COLUMNS),
            "shade": charts.shade,
            **_pages(request, at, len(found.names), _COLUMNS),
        }

    return _dashboard(request, database, user, "dashboards_criteria.html.j2", work)


@router.get("/dashboards/quadrants")
def show_quadrants(
    request: Request,
    database: Db,
    user: Signed,
    totals: Totals = "automated",
    csat: Satisfaction = "surveyed",
    at: At = 1,
) -> Response:
    """Show agents by QA and CSAT."""

    def work(scope: Scope) -> dict[str, Any]:
        found = dashboards.quadrants(database, user, scope, totals=totals, satisfaction=csat)
        return {
            "found": found,
            "agents": _part(found.agents, at, _AGENTS),
            "chart": charts.quadrant_chart,
            "sure": charts.SURE,
            "corners": CORNERS,
            "totals": totals,
            "csat": csat,
            "least": MIN_EACH,
            **_pages(request, at, len(found.agents), _AGENTS),
        }

    return _dashboard(request, database, user, "dashboards_quadrants.html.j2", work)


@router.get("/dashboards/agreement")
def show_agreement(request: Request, database: Db, user: Signed) -> Response:
    """Show how far models agree with people, and how much they answer."""

    def work(scope: Scope) -> dict[str, Any]:
        found = dashboards.model_agreement(database, user, scope)
        return {"found": found, "verdicts": VERDICTS}

    return _dashboard(request, database, user, "dashboards_agreement.html.j2", work)


@router.get("/dashboards/yield")
def show_yield(request: Request, database: Db, user: Signed) -> Response:
    """Show what reviews found, by reason."""

    def work(scope: Scope) -> dict[str, Any]:
        return {"found": dashboards.review_yield(database, user, scope), "reasons": REASONS}

    return _dashboard(request, database, user, "dashboards_yield.html.j2", work)


@router.get("/dashboards/reviewers")
def show_reviewers(request: Request, database: Db, user: Signed) -> Response:
    """Show who reviews how much."""
    found = dashboards.reviewer_workload(database, user)
    return page(
        request,
        "dashboards_reviewers.html.j2",
        found=found,
        bars=charts.bars,
        most=max((n for one in found.reviewers for n in one.by_week), default=0),
        dashboards=PARTS,
        query="",
        decimal=decimal,
    )


def _dashboard(
    request: Request,
    database: Database,
    user: User,
    template: str,
    work: Callable[[Scope], dict[str, Any]],
) -> Response:
    """Show what `work` finds for what is asked, with what every dashboard's template needs."""
    user.require(Permission.SEE_DASHBOARDS)
    with database.reading() as connection:
        cards = loaded_cards(connection)
        teams = teams_seen(connection, user)
    scope = Scope.from_query(request.query_params, cards)
    if scope is None:
        return page(request, "dashboards_empty.html.j2", dashboards=PARTS, query="")
    return page(
        request,
        template,
        scope=scope,
        cards=[(card_key(card), card) for card in cards],
        teams=teams,
        dashboards=PARTS,
        query=f"?{urlencode(scope.to_query())}",
        language=_language(scope, cards),
        min_n=MIN_N,
        shown=shown,
        decimal=decimal,
        interval=charts.interval,
        **work(scope),
    )


def _language(scope: Scope, cards: Sequence[Scorecard]) -> str:
    """Return the language that the criteria of a scope are asked in."""
    asked = (scope.scorecard, scope.version)
    return next(card.language for card in cards if (card.id, card.version) == asked)


def _part(rows: Any, at: int, size: int) -> Any:
    return rows[(at - 1) * size : at * size]


def _pages(request: Request, at: int, n: int, size: int) -> dict[str, Any]:
    """Return links to the pages before and after this one."""

    def place(number: int) -> str:
        query = {**request.query_params, "at": str(number)}
        return f"{request.url.path}?{urlencode(query)}"

    return {
        "newer": place(at - 1) if at > 1 else "",
        "older": place(at + 1) if at * size < n else "",
    }


_Series = list[tuple[Literal["automated", "human"], list[charts.Mark]]]


def _marks(line: Any) -> _Series:
    return [
        ("automated", [charts.Mark(p.start, p.means.automated.estimate) for p in line.points]),
        ("human", [charts.Mark(p.start, p.means.human.estimate) for p in line.points]),
    ]
