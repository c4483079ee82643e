"""A simulated contact centre as ratings, surveys and circumstances, without any text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autoqa.records import (
    CSAT,
    LabelledTranscript,
    RaterKind,
    Rating,
    Status,
    Survey,
    Transcript,
)
from autoqa.scorecard.load import load_scorecard
from autoqa.scorecard.schema import Scorecard

N_AGENTS, N_TEAMS, N_TOPICS, N_PEOPLE = 500, 25, 12, 20
SURVEYED = 0.10
RATERS_PER_REVIEW = 2
NOT_APPLICABLE = 0.08


@dataclass(frozen=True, slots=True, kw_only=True)
class Centre:
    """What the statistics get."""

    card: Scorecard
    automated: list[Rating]
    human: list[Rating]
    surveys: list[Survey]
    conversations: list[LabelledTranscript]
    agents: dict[str, str]
    reviewed: tuple[str, ...]

    @property
    def n_ratings(self) -> int:
        """Ratings of both sides."""
        return len(self.automated) + len(self.human)


def centre_of(n_ratings: int, *, reviewed: float, seed: int = 7) -> Centre:
    """Simulate a centre with about `n_ratings` ratings.

    Models rate all conversations on 17 criteria and predict satisfaction; two of twenty people
    rate a share `reviewed` of the conversations; a tenth of the customers answer a survey.
    """
    card = load_scorecard("support-core")
    criteria = card.criteria
    per_conversation = len(criteria) + 1 + reviewed * RATERS_PER_REVIEW * len(criteria)
    n = max(40, round(n_ratings / per_conversation))
    rng = np.random.default_rng(seed)
    names = [f"call-{i:07d}" for i in range(n)]
    agent = rng.integers(N_AGENTS, size=n)
    topic = rng.integers(N_TOPICS, size=n)
    quality = 0.6 * rng.normal(size=N_AGENTS)[agent] + rng.normal(size=n)
    mood = 0.6 * quality + 0.4 * rng.normal(size=N_TOPICS)[topic] + rng.normal(size=n)
    seconds = np.exp(5.5 + 0.2 * topic / N_TOPICS + 0.7 * rng.normal(size=n))
    automated: list[Rating] = []
    human: list[Rating] = []
    looked_at = np.sort(rng.choice(n, round(reviewed * n), replace=False))
    first = rng.integers(N_PEOPLE, size=looked_at.size)
    second = (first + rng.integers(1, N_PEOPLE, size=looked_at.size)) % N_PEOPLE
    severity = 0.3 * rng.normal(size=N_PEOPLE)
    for criterion in criteria:
        scale = criterion.scale
        truth = quality + rng.normal(size=n)
        applies = rng.random(n) > NOT_APPLICABLE
        machine = _levels(truth + 0.7 * rng.normal(size=n), len(scale))
        about: dict[str, Any] = {"criterion": criterion.id}
        automated += _ratings(names, machine, applies, scale, "model", RaterKind.MODEL, about)
        for who in (first, second):
            noise = 0.7 * rng.normal(size=looked_at.size)
            levels = _levels(truth[looked_at] + noise - severity[who], len(scale))
            chosen = [names[i] for i in looked_at]
            raters = [f"person-{j:02d}" for j in who]
            human += _ratings(
                chosen, levels, applies[looked_at], scale, raters, RaterKind.HUMAN, about
            )
    predicted = np.clip(3.2 + mood + 0.8 * rng.normal(size=n), 1, 5)
    automated += [
        Rating(
            conversation_id=name,
            criterion=CSAT,
            rater="model",
            kind=RaterKind.MODEL,
            status=Status.RATED,
            level=round(value),
            expected=value,
        )
        for name, value in zip(names, predicted.tolist(), strict=True)
    ]
    said = 1 + _levels(mood + 0.6, 5)
    answers = rng.random(n) < SURVEYED * (0.6 + 0.8 * (topic % 2))
    surveys = [
        Survey(conversation_id=names[i], score=float(said[i]), scale=(1.0, 5.0))
        for i in np.flatnonzero(answers)
    ]
    resolved = mood + 0.5 * rng.normal(size=n) > -0.5
    conversations = [
        LabelledTranscript(
            transcript=Transcript(
                conversation_id=name,
                turns=(),
                agent=f"agent-{agent[i]:03d}",
                team=f"team-{agent[i] % N_TEAMS:02d}",
                topic=f"topic-{topic[i]:02d}",
                attributes={"handle_s": float(seconds[i])},
            ),
            outcome={"resolved": bool(resolved[i])},
        )
        for i, name in enumerate(names)
    ]
    return Centre(
        card=card,
        automated=automated,
        human=human,
        surveys=surveys,
        conversations=conversations,
        agents={one.transcript.conversation_id: one.transcript.agent for one in conversations},
        reviewed=tuple(names[i] for i in looked_at),
    )


def _levels(values: np.ndarray, n_levels: int) -> np.ndarray:
    """Cut normal values into levels, the upper ones commoner, as QA forms are."""
    cuts = np.linspace(-1.2, 0.6, n_levels - 1) if n_levels > 2 else np.array([-0.6])
    return np.searchsorted(cuts, values)


def _ratings(
    names: list[str],
    levels: np.ndarray,
    applies: np.ndarray,
    scale: tuple[int, ...],
    rater: str | list[str],
    kind: RaterKind,
    about: dict[str, Any],
) -> list[Rating]:
    raters = [rater] * len(names) if isinstance(rater, str) else rater
    given = [scale[i] for i in levels.tolist()]
    return [
        Rating(
            conversation_id=name,
            rater=who,
            kind=kind,
            status=Status.RATED if counts else Status.NOT_APPLICABLE,
            level=level if counts else None,
            **about,
        )
        for name, who, level, counts in zip(names, raters, given, applies.tolist(), strict=True)
    ]
