"""Predicted CSAT: nothing from the future, one point per customer turn, surveys on any scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autoqa.csat import CsatModel, csat_criterion, survey_ratings
from autoqa.errors import DataError, RecordError
from autoqa.features.batch import Batch
from autoqa.features.views import Item
from autoqa.records import CSAT, Action, RaterKind, Status, Survey, Turn

SCALE = (1, 2, 3, 4, 5)


def surveys_of(transcripts, levels):
    return [
        Survey(conversation_id=t.conversation_id, score=float(level), scale=(1, 5))
        for t, level in zip(transcripts, levels, strict=True)
    ]


@pytest.fixture
def csat(talks, encoders):
    transcripts, levels = talks(150, seed=51, levels=SCALE)
    ratings = survey_ratings(surveys_of(transcripts, levels), SCALE)
    return CsatModel(SCALE).fit(Batch(transcripts, encoders=encoders), ratings)


@pytest.fixture
def unseen(talks):
    return talks(60, seed=52, levels=SCALE, start=500)


def test_it_tells_satisfied_customers_from_others(csat, unseen, encoders):
    transcripts, levels = unseen
    found = csat.rate(Batch(transcripts, encoders=encoders))
    expected = np.array([r.expected for r in found])
    assert expected[levels >= 4].mean() > expected[levels <= 2].mean() + 0.5
    assert {(r.criterion, r.kind, r.status) for r in found} == {
        (CSAT, RaterKind.MODEL, Status.RATED)
    }
    assert all(len(r.probabilities) == 5 and r.level in SCALE for r in found)


@pytest.mark.parametrize("turn", [0, 1])
def test_a_prediction_after_a_turn_sees_nothing_later(csat, unseen, encoders, turn):
    transcripts = [t for t in unseen[0] if len(t.turns) >= 4]
    rewritten = [
        replace(
            t,
            turns=(
                *t.turns[: turn + 1],
                Turn(speaker="agent", text="useless!", start_s=900.0, end_s=950.0),
                Turn(speaker="customer", text="great thanks?", actions=(Action(name="x"),)),
            ),
            closing_actions=(Action(name="refund"), Action(name="close")),
        )
        for t in transcripts
    ]
    cut = [t.upto(turn) for t in transcripts]
    ours, theirs, ended = (
        csat.rate(Batch(some, encoders=encoders), upto_turn=turn)
        for some in (transcripts, rewritten, cut)
    )
    for one, other, last in zip(ours, theirs, ended, strict=True):
        assert one.turn == turn
        assert other.level == one.level == last.level
        assert other.probabilities == pytest.approx(one.probabilities, abs=1e-6)
        assert last.probabilities == pytest.approx(one.probabilities, abs=1e-6)
        assert [e.turn for e in other.evidence] == [e.turn for e in one.evidence]


def test_conversations_that_ended_before_are_predicted_as_a_whole(csat, unseen, encoders):
    batch = Batch(unseen[0], encoders=encoders)
    whole, after = csat.rate(batch), csat.rate(batch, upto_turn=4)
    short = [i for i, t in enumerate(unseen[0]) if len(t.turns) <= 4]
    assert 0 < len(short) < len(whole)
    for i in short:
        assert after[i] == whole[i]
    assert {r.turn for r in after} == {None, 4}


def test_turns_are_counted_from_0(csat, unseen, encoders):
    with pytest.raises(RecordError, match="upto_turn is -1; turns are counted from 0"):
        csat.rate(Batch(unseen[0], encoders=encoders), upto_turn=-1)


def test_the_curve_has_one_prediction_per_customer_turn(csat, unseen, encoders, transcript_of):
    transcripts = [*unseen[0][:5], transcript_of("empty"), transcript_of("mute", "agent: hello")]
    found = csat.curve(Batch(transcripts, encoders=encoders))
    assert [(r.conversation_id, r.turn) for r in found] == [
        (t.conversation_id, i)
        for t in transcripts
        for i, turn in enumerate(t.turns)
        if turn.speaker == "customer"
    ]


def test_the_curve_agrees_with_predictions_after_each_turn(csat, unseen, encoders):
    batch = Batch(unseen[0][:8], encoders=encoders)
    first_turns = [r for r in csat.curve(batch) if r.turn == 0]
    for point, single in zip(first_turns, csat.rate(batch, upto_turn=0), strict=True):
        assert point.probabilities == pytest.approx(single.probabilities, abs=1e-6)


def test_it_learns_from_ratings_after_single_turns(talks, encoders):
    transcripts, levels = talks(80, seed=53, levels=(1, 2, 3))
    ratings = [
        replace(r, turn=turn)
        for r in survey_ratings(
            [
                Survey(conversation_id=t.conversation_id, score=float(level), scale=(1, 3))
                for t, level in zip(transcripts, levels, strict=True)
            ],
            (1, 2, 3),
        )
        for turn in (0, 1)
    ]
    batch = Batch(transcripts, encoders=encoders)
    model = CsatModel((1, 2, 3)).fit(batch, ratings)
    assert len(model.rate_items(batch, [Item(0, 0), Item(3, 1)])) == 2
    assert model.version == CsatModel((1, 2, 3), model=model.model).version


def test_without_surveys_there_is_nothing_to_learn(talks, encoders):
    with pytest.raises(DataError, match="csat: no ratings"):
        CsatModel().fit(Batch(talks(3)[0], encoders=encoders), [])


@pytest.mark.parametrize(
    ("score", "own_scale", "scale", "value", "level"),
    [
        (4, (1, 5), SCALE, 4.0, 4),
        (0, (0, 10), SCALE, 1.0, 1),
        (7.5, (0, 10), SCALE, 1 + 0.75 * 4, 4),
        (9, (0, 10), SCALE, 1 + 0.9 * 4, 5),  # 4.6
        (1, (0, 1), SCALE, 5.0, 5),
        (3.4, (1, 5), SCALE, 3.4, 3),  # a mean of several answers
        (3.5, (1, 5), SCALE, 3.5, 3),  # half-way: the lower level
        (4, (1, 5), (0, 1, 2), 0.75 * 2, 1),  # 1.5, half-way
        (-2, (-2, 2), SCALE, 1.0, 1),
    ],
)
def test_a_survey_keeps_its_share_of_the_scale(score, own_scale, scale, value, level):
    (found,) = survey_ratings([Survey(conversation_id="c", score=score, scale=own_scale)], scale)
    assert found.expected == pytest.approx(value)
    assert found.level == level
    assert (found.criterion, found.kind, found.rater) == (CSAT, RaterKind.HUMAN, "customer")


def test_csat_is_a_criterion_about_the_customer():
    criterion = csat_criterion((0, 1, 2))
    assert criterion.scale == (0, 1, 2)
    assert (criterion.id, criterion.speaker, criterion.not_applicable) == (CSAT, "customer", False)
