"""What tests of imported scorecards share."""

from __future__ import annotations

import pytest

from autoqa.records import RaterKind, Rating, Status
from autoqa.scorecard import evaluate


@pytest.fixture(scope="session")
def total():
    """The total of a card for levels by criterion; None stands for N/A."""

    def total(card, **levels):
        ratings = [
            Rating(
                conversation_id="c1",
                criterion=name,
                rater="ann",
                kind=RaterKind.HUMAN,
                status=Status.NOT_APPLICABLE if level is None else Status.RATED,
                level=level,
            )
            for name, level in levels.items()
        ]
        return evaluate(ratings, card).total

    return total
