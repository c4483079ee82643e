"""Ratings of learned scorers, put together from probabilities, or abstained on for a reason."""

from __future__ import annotations

import numpy as np

from autoqa.records import Evidence, RaterKind, Status
from autoqa.scorecard.schema import Criterion, Level
from autoqa.scorers.answers import abstained, rated

MOOD = Criterion(
    id="mood",
    question="How good?",
    levels={level: Level(label=str(level)) for level in (1, 3, 5)},
)


def test_the_expected_level_is_the_mean_of_the_scale_under_the_probabilities(transcript_of):
    evidence = [Evidence(turn=0, start=0, end=5)]
    answer = rated(
        transcript_of("a", "agent: hello"),
        MOOD,
        3,
        np.array([0.25, 0.5, 0.25]),
        rater="linear",
        turn=0,
        evidence=evidence,
    )
    assert (answer.conversation_id, answer.criterion, answer.turn) == ("a", "mood", 0)
    assert (answer.rater, answer.kind, answer.status) == ("linear", RaterKind.MODEL, Status.RATED)
    assert answer.level == 3
    assert answer.expected == 3.0  # 0.25 * 1 + 0.5 * 3 + 0.25 * 5
    assert answer.probabilities == (0.25, 0.5, 0.25)
    assert answer.evidence == tuple(evidence)


def test_an_abstention_says_why_and_nothing_else(transcript_of):
    answer = abstained(transcript_of("a"), MOOD, "no turns", rater="linear")
    assert (answer.status, answer.reason, answer.turn) == (Status.ABSTAINED, "no turns", None)
    assert (answer.level, answer.expected, answer.probabilities) == (None, None, ())
