"""A centre small enough for tests, with something to say in every section and hostile names."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from autoqa.evaluation.study import conduct_study
from autoqa.records import (
    CSAT,
    Evidence,
    LabelledTranscript,
    RaterKind,
    Rating,
    Status,
    Survey,
    Transcript,
    Turn,
)
from autoqa.reports import report_html
from autoqa.scorecard.schema import Scorecard

CARD = Scorecard.model_validate(
    {
        "id": "desk",
        "version": 2,
        "sections": [
            {
                "id": "all",
                "criteria": [
                    {
                        "id": name,
                        "question": f"Is there {name}?",
                        "levels": {0: "no", 1: "somewhat", 2: "clearly"},
                        "weight": weight,
                    }
                    for name, weight in (("resolution", 40), ("empathy", 30), ("greeting", 30))
                ],
            }
        ],
    }
)
CRITERIA = tuple(criterion.id for criterion in CARD.criteria)
HOSTILE = "<script>alert(1)</script>\"'&amp; $x_1$ {n} \x07\u202e"
REVIEWERS = {"ann": -1.2, "ben": 0.0, "cai": 0.1, "dee": 0.0}  # how much milder than others
LINES = (
    f"customer: My <b>order</b> never came {HOSTILE}",
    "agent: I am sorry, let me look",
    "customer: I have been waiting for weeks",
    "agent: It leaves today",
    "customer: Great, thank you so much",
)


@dataclass
class Material:
    """What `conduct_study` takes."""

    automated: list[Rating] = field(default_factory=list)
    human: list[Rating] = field(default_factory=list)
    surveys: list[Survey] = field(default_factory=list)
    conversations: list[LabelledTranscript] = field(default_factory=list)
    curves: list[Rating] = field(default_factory=list)


def rated(key, criterion, rater, level, **more):
    kind = RaterKind.MODEL if rater == "model" else RaterKind.HUMAN
    status = Status.RATED if level is not None else Status.NOT_APPLICABLE
    return Rating(
        conversation_id=key,
        criterion=criterion,
        rater=rater,
        kind=kind,
        status=status,
        level=level,
        **more,
    )


def _level(value):
    return int(np.clip(np.rint(value), 0, 2))


def make_material(n=140, *, seed=3):
    """Conversations of 14 agents: resolution moves CSAT, greeting does not, ann is severe."""
    rng = np.random.default_rng(seed)
    of_predictions = np.random.default_rng([seed, 1])
    made = Material()
    start = datetime(2026, 1, 5, 9, tzinfo=UTC)
    for i in range(n):
        key, agent = f"c{i:03d}", i % 14
        truth = {name: rng.normal(1.0 + 0.3 * (agent % 3 - 1), 0.8) for name in CRITERIA}
        reviewed = i % 4 != 0
        for name in CRITERIA:
            applies = name != "greeting" or i % 7 != 0
            level = _level(truth[name] + rng.normal(0, 0.45)) if applies else None
            sure = rng.uniform(0.5, 0.95)
            shares = np.full(3, (1 - sure) / 2)
            shares[0 if level is None else level] = sure
            made.automated.append(
                rated(
                    key,
                    name,
                    "model",
                    level,
                    probabilities=() if level is None else tuple(shares),
                )
            )
            if not reviewed:
                continue
            for place, (who, milder) in enumerate(REVIEWERS.items()):
                if place == i % 5:
                    continue
                given = _level(truth[name] + milder * (name == "empathy") + rng.normal(0, 0.5))
                made.human.append(rated(key, name, who, given if applies else None))
        happy = 3 + 1.2 * (truth["resolution"] - 1) + 0.4 * (truth["empathy"] - 1)
        answer = int(np.clip(np.rint(happy + rng.normal(0, 0.6)), 1, 5))
        if rng.random() < (0.8 if answer > 2 else 0.6):
            made.surveys.append(Survey(conversation_id=key, score=answer, scale=(1, 5)))
        made.automated.append(_predicted(key, happy + of_predictions.normal(0, 0.5)))
        made.conversations.append(
            LabelledTranscript(
                transcript=Transcript(
                    conversation_id=key,
                    turns=tuple(
                        Turn(
                            speaker=line.split(":")[0],
                            text=line.split(": ")[1],
                            start_s=20.0 * turn,
                            end_s=20.0 * turn + 5 + float(rng.integers(10)),
                        )
                        for turn, line in enumerate(LINES)
                    ),
                    agent=f"agent {agent:02d} {HOSTILE}",
                    team=f"team {agent % 2} {HOSTILE}",
                    topic=("parcel", "refund", "login")[i % 3],
                    channel="chat" if i % 2 else "voice",
                    started_at=start + timedelta(hours=9 * i),
                ),
                outcome={"resolved": bool(truth["resolution"] > 0.8)},
            )
        )
        if i < 12:
            made.curves += _course(key, happy, rng)
    return made


def _predicted(key, happy):
    """A prediction that keeps to the middle of its scale."""
    expected = float(np.clip(3 + 0.4 * (happy - 3), 1, 5))
    return rated(key, CSAT, "model", round(expected), expected=expected)


def _course(key, happy, rng):
    for turn in (0, 2, 4):
        expected = float(np.clip(happy + rng.normal(0, 0.8), 1, 5))
        yield rated(
            key,
            CSAT,
            "model",
            round(expected),
            turn=turn,
            expected=expected,
            evidence=(Evidence(turn=turn, start=3, end=9, contribution=expected - 3),),
        )


def study_of(material, *, card=CARD, n_resamples=20, **more):
    return conduct_study(
        material.automated,
        material.human,
        surveys=material.surveys,
        conversations=material.conversations,
        curves=material.curves,
        card=card,
        n_resamples=n_resamples,
        **more,
    )


@pytest.fixture(scope="session")
def material():
    return make_material()


@pytest.fixture(scope="session")
def full_study(material):
    return study_of(material)


@pytest.fixture(scope="session")
def agreement_only():
    """Two unnamed reviewers and the model on one criterion; nothing else is known."""
    rng = np.random.default_rng(1)
    automated, human = [], []
    for i in range(25):
        truth = int(rng.integers(3))
        noisy = np.clip(truth + rng.integers(-1, 2, 3), 0, 2)
        automated.append(rated(f"c{i}", HOSTILE, "model", int(noisy[0])))
        human += [
            rated(f"c{i}", HOSTILE, name, int(level))
            for name, level in zip(("first", "second"), noisy[1:], strict=True)
        ]
    return conduct_study(automated, human, n_resamples=20)


@pytest.fixture(scope="session")
def page(full_study):
    """The report of everything, in English."""
    return report_html(full_study, simulated=True, data_hashes={"calls.jsonl": "ab" * 32})


@pytest.fixture
def hostile():
    return HOSTILE
