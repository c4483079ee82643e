"""Which ratings may be set against CSAT: those that do not say it twice.

A rating of satisfaction itself, or one by whoever answered the survey of that conversation, would
make any figure that relates quality and satisfaction true by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from autoqa.records import CSAT, Rating, Survey


@cache
def is_quality(criterion: str) -> bool:
    """Whether a criterion is about quality, rather than satisfaction by another name."""
    return not criterion.startswith((CSAT, "satisfaction"))


def quality_ratings(ratings: Iterable[Rating], surveys: Iterable[Survey]) -> list[Rating]:
    """Return the ratings that are about quality and independent of the surveys, in their order.

    Parameters
    ----------
    ratings : iterable of Rating
    surveys : iterable of Survey
        `Survey.given_by` is held against the raters of the same conversation.
    """
    answered = {(survey.conversation_id, survey.given_by) for survey in surveys}
    respondents = {rater for _, rater in answered}  # few raters are, so most need no second look
    return [
        rating
        for rating in ratings
        if is_quality(rating.criterion)
        and (
            rating.rater not in respondents
            or (rating.conversation_id, rating.rater) not in answered
        )
    ]
