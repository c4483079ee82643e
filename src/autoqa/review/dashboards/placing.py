"""Agents in the four quadrants of QA and CSAT."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from sqlalchemy import ColumnElement, Connection, or_, select

from autoqa.evaluation.quadrants import Quadrants, place_agents
from autoqa.evaluation.threads import one_thread
from autoqa.review.access import Permission, User
from autoqa.review.dashboards.kept import ANSWERED, LOADED, kept
from autoqa.review.dashboards.over_time import human_totals
from autoqa.review.dashboards.scope import Scope
from autoqa.review.database import Database
from autoqa.review.database.schema import conversations

Totals: TypeAlias = Literal["automated", "human"]
"""Whose totals: models' on everything, or people's on what they reviewed."""

Satisfaction: TypeAlias = Literal["surveyed", "predicted"]
"""What customers answered, as a share of the scale; or the level that a model expects."""

MIN_EACH = 5
"""Fewest totals, and fewest answers, of an agent who is placed."""


def quadrants(
    database: Database,
    user: User,
    scope: Scope,
    *,
    totals: Totals = "automated",
    satisfaction: Satisfaction = "surveyed",
) -> Quadrants:
    """Place agents by one kind of totals and one kind of satisfaction.

    Means of few conversations are pulled towards the average agent; the lines between the
    quadrants are the averages of these agents. See `autoqa.evaluation.quadrants.place_agents`.

    Raises
    ------
    NotAllowedError
    """
    user.require(Permission.SEE_DASHBOARDS)
    return kept(
        database,
        user,
        ("quadrants", scope, totals, satisfaction),
        lambda connection: _placed(connection, user, scope, totals, satisfaction),
        until=LOADED if totals == "automated" else ANSWERED,
    )


def _placed(
    connection: Connection, user: User, scope: Scope, totals: Totals, satisfaction: Satisfaction
) -> Quadrants:
    csat = conversations.c.survey if satisfaction == "surveyed" else conversations.c.csat
    reviewed = human_totals(scope)
    total: ColumnElement[float] = conversations.c.total
    held = scope.scored(user)
    if totals == "human":
        total, held = reviewed.c.total, scope.held(user)
    query = select(conversations.c.agent, total, csat).where(*held)
    if totals == "human":
        query = query.outerjoin(reviewed, reviewed.c.conversation_id == conversations.c.id)
    rows = connection.execute(
        query.where(conversations.c.agent.is_not(None), or_(total.is_not(None), csat.is_not(None)))
    ).all()
    values = np.asarray([(row[1], row[2]) for row in rows], dtype=float).reshape(-1, 2)
    with one_thread():
        return place_agents([row[0] for row in rows], values[:, 0], values[:, 1], min_n=MIN_EACH)
