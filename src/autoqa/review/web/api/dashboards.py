"""``/api/v1/dashboards``: figures of the dashboards, automated and human ones apart."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from autoqa.evaluation.figures import to_plain
from autoqa.review import dashboards
from autoqa.review.access import NotFoundError
from autoqa.review.cards import loaded_cards
from autoqa.review.dashboards import Scope
from autoqa.review.dashboards.periods import Period
from autoqa.review.dashboards.placing import Satisfaction, Totals
from autoqa.review.dashboards.summing import NOTHING, By
from autoqa.review.web.dependencies import Db, Signed

Card = Annotated[str, Query(max_length=250, description="As support-core@2; the newest if absent")]
Day = Annotated[str, Query(max_length=10, description="As 2026-03-09, included")]
Name = Annotated[str, Query(max_length=200)]
FromDay = Annotated[str, Query(alias="from", max_length=10, description="As 2026-03-09, included")]

router = APIRouter(prefix="/dashboards", tags=["dashboards"])


def scope_in(
    db: Db,
    card: Card = "",
    since: FromDay = "",
    to: Day = "",
    team: Name = "",
    agent: Name = "",
) -> Scope:
    """Return what the parameters of a request ask for."""
    query = {"card": card, "from": since, "to": to, "team": team, "agent": agent}
    with db.reading() as connection:
        scope = Scope.from_query(query, loaded_cards(connection))
    if scope is None:
        raise NotFoundError("no run is loaded yet")
    return scope


Asked = Annotated[Scope, Depends(scope_in)]


@router.get("/over-time")
def over_time(
    db: Db, user: Signed, scope: Asked, by: By = "team", period: Period = "week"
) -> dict[str, Any]:
    """Return mean totals of teams or agents by week or month."""
    return _plain(dashboards.over_time(db, user, scope, by=by, period=period))


@router.get("/criteria")
def criteria(db: Db, user: Signed, scope: Asked, by: By = "team") -> dict[str, Any]:
    """Return the mean share of points by criterion and team or agent."""
    found = dashboards.heat_map(db, user, scope, by=by)
    return {
        "by": found.by,
        "criteria": dict(found.criteria),
        "cells": [
            {
                "criterion": criterion,
                "name": name,
                "automated": to_plain(found.automated.get((criterion, name), NOTHING)),
                "human": to_plain(found.human.get((criterion, name), NOTHING)),
            }
            for criterion in found.criteria
            for name in found.names
        ],
    }


@router.get("/quadrants")
def quadrants(
    db: Db,
    user: Signed,
    scope: Asked,
    totals: Totals = "automated",
    csat: Satisfaction = "surveyed",
) -> dict[str, Any]:
    """Return agents by one kind of totals and one kind of satisfaction."""
    found = dashboards.quadrants(db, user, scope, totals=totals, satisfaction=csat)
    return {"totals": totals, "csat": csat, **_plain(found)}


@router.get("/agreement")
def agreement(db: Db, user: Signed, scope: Asked) -> dict[str, Any]:
    """Return agreement of models with people, and coverage, by criterion."""
    return _plain(dashboards.model_agreement(db, user, scope))


@router.get("/yield")
def review_yield(db: Db, user: Signed, scope: Asked) -> dict[str, Any]:
    """Return what reviews found, by the reason to look and at random."""
    return _plain(dashboards.review_yield(db, user, scope))


@router.get("/reviewers")
def reviewers(db: Db, user: Signed) -> dict[str, Any]:
    """Return who reviews how much."""
    return _plain(dashboards.reviewer_workload(db, user))


def _plain(found: object) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(found)
    return plain
