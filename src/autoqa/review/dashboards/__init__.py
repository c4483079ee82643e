"""Dashboards: automated and human figures side by side, each named, with n and interval.

Everything is worked out from conversations that the user may see, and nothing is shown that rests
on fewer than `MIN_N` of them.
"""

from __future__ import annotations

from autoqa.review.dashboards.agreement import ModelAgreement, model_agreement
from autoqa.review.dashboards.heat_map import HeatMap, heat_map
from autoqa.review.dashboards.over_time import OverTime, over_time
from autoqa.review.dashboards.placing import quadrants
from autoqa.review.dashboards.reviewers import ReviewerWorkload, reviewer_workload
from autoqa.review.dashboards.scope import MIN_N, Scope, card_key, teams_seen
from autoqa.review.dashboards.yields import ReviewYield, review_yield

__all__ = [
    "MIN_N",
    "HeatMap",
    "ModelAgreement",
    "OverTime",
    "ReviewYield",
    "ReviewerWorkload",
    "Scope",
    "card_key",
    "heat_map",
    "model_agreement",
    "over_time",
    "quadrants",
    "review_yield",
    "reviewer_workload",
    "teams_seen",
]
