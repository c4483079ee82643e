"""What people say about a simulated conversation: raters with habits, customers with surveys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random

from autoqa.records import RaterKind, Rating, Status, Survey
from autoqa.simulate.behaviour import Encounter
from autoqa.simulate.phrasing import Wording
from autoqa.simulate.settings import CRITERIA, SimulationSettings
from autoqa.simulate.truth import RaterTruth

_NA_AGREED = 0.93  # a rater sees that a criterion does not apply
_BINARY_SPREAD = 0.6  # severity and noise shrink on a scale half as wide


def draw_reviewers(
    settings: SimulationSettings, raters: tuple[RaterTruth, ...], rng: Random
) -> tuple[RaterTruth, ...]:
    """Choose nobody, one rater or two for a conversation."""
    reviewed, twice = rng.random() < settings.review_share, rng.random()
    if not reviewed:
        return ()
    return tuple(rng.sample(raters, 2 if twice < settings.double_review_share else 1))


def rate(
    conversation_id: str, levels: Mapping[str, int | None], rater: RaterTruth, rng: Random
) -> list[Rating]:
    """Return one rater's ratings of all criteria: truth - severity + noise, or a lapse."""
    ratings = []
    for name, criterion in CRITERIA.items():
        truth = levels[name]
        bottom, top = criterion.scale[0], criterion.scale[-1]
        graded = len(criterion.scale) > 2
        if truth is None:
            not_applicable = rng.random() < _NA_AGREED
        else:
            habit = rater.na_habit if truth == bottom and graded else rater.na_habit * 0.1
            not_applicable = rng.random() < habit
        spread = criterion.rater_noise * (1.0 if graded else _BINARY_SPREAD)
        lapsed, any_level = rng.random() < rater.lapse, rng.choice(criterion.scale)
        seen = (bottom if truth is None else truth) + spread * (
            rng.gauss(0, rater.noise) - rater.severity
        )
        level = any_level if lapsed else min(top, max(bottom, round(seen)))
        ratings.append(
            Rating(
                conversation_id=conversation_id,
                criterion=name,
                rater=rater.rater,
                kind=RaterKind.HUMAN,
                status=Status.NOT_APPLICABLE if not_applicable else Status.RATED,
                level=None if not_applicable else level,
            )
        )
    return ratings


def answer_survey(
    conversation_id: str,
    encounter: Encounter,
    wording: Wording,
    ended_at: datetime,
    rng: Random,
) -> Survey | None:
    """Return the customer's survey, or nothing where they do not answer."""
    answers, comments, delay = rng.random() < encounter.propensity, rng.random(), rng.random()
    if not answers:
        return None
    comment = wording.say(f"customer.comment.{encounter.csat - 1}", rng, {})
    return Survey(
        conversation_id=conversation_id,
        score=float(encounter.csat),
        scale=(1.0, 5.0),
        comment=comment if comments < 0.4 else None,
        answered_at=ended_at + timedelta(minutes=int(5 + delay * 2000)),
    )
