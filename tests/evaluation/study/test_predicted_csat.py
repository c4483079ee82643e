"""Predicted CSAT matched to the answers of one half, and judged by the other."""

import json

import numpy as np
import pytest

from autoqa.evaluation.study import Part, conduct_study
from autoqa.evaluation.study.words import TITLES
from autoqa.records import CSAT, LabelledTranscript, RaterKind, Rating, Status, Survey, Transcript

LEVELS = (1.0, 2.0, 3.0, 4.0, 5.0)


def timid(n=600, *, agents=30, answering=None, scale=(1, 5), **more):
    """Study of predictions that rank customers well and keep to the middle of the scale."""
    rng = np.random.default_rng(4)
    felt = rng.normal(size=n)
    csat = np.digitize(felt, [-1.2, -0.7, -0.2, 0.4]) + 1
    expected = np.clip(3 + 0.5 * felt + 0.2 * rng.normal(size=n), 1, 5)
    said = rng.random(n) < (1.0 if answering is None else [answering(one) for one in csat])
    predictions = [
        Rating(
            conversation_id=f"c{i:03}", criterion=CSAT, rater="model", kind=RaterKind.MODEL,
            status=Status.RATED, level=round(expected[i]), expected=float(expected[i]), **more,
        )
        for i in range(n)
    ]  # fmt: skip
    low, high = scale
    surveys = [
        Survey(
            conversation_id=f"c{i:03}",
            score=low + (csat[i] - 1) / 4 * (high - low),
            scale=scale,
        )
        for i in np.flatnonzero(said)
    ]
    conversations = [
        LabelledTranscript(
            transcript=Transcript(conversation_id=f"c{i:03}", turns=(), agent=f"a{i % agents}")
        )
        for i in range(n)
    ]
    everybody = np.bincount(csat, minlength=6)[1:] / n
    return {
        "automated": predictions, "human": [], "surveys": surveys, "conversations": conversations,
        "n_resamples": 5,
    }, everybody  # fmt: skip


@pytest.fixture(scope="module")
def everybody_answers():
    given, _ = timid()
    return conduct_study(**given)


def test_matching_brings_shares_nearer_on_conversations_held_out(everybody_answers):
    found = everybody_answers.matched_csat
    assert found.levels == LEVELS
    assert max(found.predicted[0], found.predicted[4]) < 0.02  # next to nothing at the ends
    assert found.before.total_variation > 0.3
    assert found.after.total_variation < 0.12
    gain = found.before.total_variation - found.after.total_variation
    assert found.gain.value == pytest.approx(gain)
    assert 0 < found.gain.low < found.gain.value < found.gain.high
    assert found.before.shares[4].high < 0 < found.after.shares[4].high
    assert found.after.mean.low < 0 < found.after.mean.high
    for shares in (found.surveyed, found.predicted, found.matched):
        assert sum(shares) == pytest.approx(1)


def test_halves_share_no_agent_and_all_answers_count_alike_where_nobody_is_silent(
    everybody_answers,
):
    found = everybody_answers.matched_csat
    assert not found.weighted
    assert found.n_answers == found.n_predicted == found.n_fitted == 300  # 15 agents, 20 each
    assert found.before.mean.n_clusters == 15


def test_answers_are_weighted_for_silent_customers():
    # The unhappy answer three times as often, so plain shares of the lowest level are too high.
    given, everybody = timid(answering=lambda csat: 0.9 if csat < 3 else 0.3)
    found = conduct_study(**given).matched_csat
    plain = np.mean([one.score == 1 for one in given["surveys"]])
    assert found.weighted
    assert found.n_answers < found.n_predicted
    assert plain > everybody[0] + 0.08
    assert found.surveyed[0] == pytest.approx(everybody[0], abs=0.05)
    assert found.matched[0] == pytest.approx(everybody[0], abs=0.05)


def test_the_study_tells_both_errors_in_words_json_and_html(everybody_answers):
    found = everybody_answers.matched_csat
    (said,) = (line for line in everybody_answers.summary() if "matched to the answers" in line)
    assert "(n=300 answers)" in said
    assert "of 300 predictions would have to change level" in said
    stored = json.loads(json.dumps(everybody_answers.to_dict(), allow_nan=False))["matched_csat"]
    assert stored["levels"] == list(LEVELS)
    assert stored["after"]["mean"]["n"] == 300
    assert stored["before"]["total_variation"] == found.before.total_variation
    assert TITLES["matched_csat"] in everybody_answers._repr_html_()


@pytest.mark.parametrize(
    ("how", "changes", "said"),
    [
        ({"n": 59}, {}, "59 conversations have both"),
        ({"scale": (1, 9)}, {"scales": {CSAT: (1, 5)}}, "another scale than the surveys, 1 to 9"),
        ({"scale": (0, 4)}, {}, "the surveys' scale from 0 to 4"),
        ({"scale": (0, 100)}, {}, "0 to 100 have no levels"),
        ({"scale": (0, 1)}, {}, "have no levels"),
        ({"probabilities": (0.5, 0.5)}, {}, "another scale than the surveys"),
        ({"agents": 2}, {}, "too little (answers: 300, agents: 1)"),
    ],
)
def test_what_cannot_be_matched_says_what_to_bring(how, changes, said):
    given, _ = timid(**({"n": 600} | how))
    study = conduct_study(**(given | changes))
    assert said in study.missing[Part.MATCHED_CSAT]
    assert study.matched_csat is None


def test_without_whole_predictions_or_one_scale_nothing_is_matched():
    given, _ = timid(n=80)
    turned = [
        Rating(
            conversation_id=one.conversation_id, criterion="tone", rater="model",
            kind=RaterKind.MODEL, status=Status.RATED, level=one.level,
        )
        for one in given["automated"]
    ]  # fmt: skip
    found = conduct_study(**(given | {"automated": turned}))
    assert "no predictions of satisfaction" in found.missing[Part.MATCHED_CSAT]
    mixed = [*given["surveys"][1:], Survey(conversation_id="c000", score=7, scale=(0, 10))]
    found = conduct_study(**(given | {"surveys": mixed}))
    assert "2 scales (0 to 10, 1 to 5)" in found.missing[Part.MATCHED_CSAT]
