from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
import pytest

from autoqa.evaluation.study import Study, conduct_study
from autoqa.records import (
    CSAT,
    Evidence,
    LabelledTranscript,
    RaterKind,
    Rating,
    Speaker,
    Status,
    Survey,
)
from autoqa.scorecard import load_scorecard
from autoqa.simulate import CRITERIA, simulate

RIGHT = 0.75
"""How often the simulated model gives the true level, and says so."""


@dataclass(frozen=True)
class Centre:
    """A simulated centre, scored by a model that errs as often as it says."""

    automated: list[Rating]
    curves: list[Rating]
    conversations: list[LabelledTranscript]

    @property
    def human(self) -> list[Rating]:
        return [rating for one in self.conversations for rating in one.ratings]

    @property
    def surveys(self) -> list[Survey]:
        return [survey for one in self.conversations for survey in one.surveys]

    @cached_property
    def card(self):
        return load_scorecard("support-core")

    def study(self, **changes) -> Study:
        given = {
            "automated": self.automated,
            "human": self.human,
            "surveys": self.surveys,
            "conversations": self.conversations,
            "card": self.card,
            "curves": self.curves,
            "n_resamples": 20,
            **changes,
        }
        return conduct_study(given.pop("automated"), given.pop("human"), **given)


def scored(conversation, levels, rng):
    """A model's ratings of all criteria."""
    for name, criterion in CRITERIA.items():
        about = {"conversation_id": conversation, "criterion": name, "rater": "model"}
        if levels[name] is None:
            yield Rating(**about, kind=RaterKind.MODEL, status=Status.NOT_APPLICABLE)
            continue
        scale = criterion.scale
        chances = np.full(len(scale), (1 - RIGHT) / (len(scale) - 1))
        chances[scale.index(levels[name])] = RIGHT
        given = int(rng.choice(len(scale), p=chances))
        chances = np.full(len(scale), (1 - RIGHT) / (len(scale) - 1))
        chances[given] = RIGHT
        yield Rating(
            **about,
            kind=RaterKind.MODEL,
            status=Status.RATED,
            level=scale[given],
            probabilities=tuple(chances),
        )


def predicted(conversation, satisfaction, turn=None):
    """A model's rating of ``csat``, 1 to 5; what it rests on are the turn's first letters."""
    chances = np.exp(-((np.arange(1, 6) - satisfaction) ** 2))
    chances /= chances.sum()
    return Rating(
        conversation_id=conversation,
        criterion=CSAT,
        rater="model",
        kind=RaterKind.MODEL,
        status=Status.RATED,
        turn=turn,
        level=int(chances.argmax()) + 1,
        expected=float(chances @ np.arange(1, 6)),
        probabilities=tuple(chances),
        evidence=() if turn is None else (Evidence(turn=turn, start=0, end=2, contribution=0.2),),
    )


@pytest.fixture(scope="session")
def centre() -> Centre:
    """Conversations over four months, some reviewed, most of those by two of four people."""
    made = simulate(
        conversations=360, seed=5, languages=("en", "es"), agents=24, raters=4,
        review_share=0.7, double_review_share=0.8,
    )  # fmt: skip
    rng = np.random.default_rng(1)
    automated, curves, conversations = [], [], []
    for i, (one, truth) in enumerate(
        zip(made.conversations, made.truth.conversations, strict=True)
    ):
        day = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=i // 3)
        transcript = replace(one.transcript, started_at=day)
        conversations.append(replace(one, transcript=transcript))
        name = transcript.conversation_id
        automated += scored(name, truth.levels, rng)
        satisfaction = truth.satisfaction + 0.5 * rng.normal()
        automated.append(predicted(name, satisfaction))
        curves += [
            predicted(name, satisfaction + rng.normal(), turn)
            for turn, said in enumerate(transcript.turns)
            if said.speaker is Speaker.CUSTOMER
        ]
    return Centre(automated, curves, conversations)


@pytest.fixture(scope="session")
def study(centre: Centre) -> Study:
    return centre.study()
