import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoqa.errors import DataError
from autoqa.evaluation.agreement import icc
from autoqa.evaluation.stability.repeatability import REPEATABILITY, TOTAL, repeatability
from autoqa.records import RaterKind, Rating, Status
from autoqa.scorecard.schema import Scorecard

CARD = Scorecard.model_validate(
    {
        "id": "desk",
        "version": 1,
        "sections": [
            {
                "id": "all",
                "criteria": [
                    {
                        "id": "tone",
                        "question": "?",
                        "levels": {0: "a", 1: "b", 2: "c"},
                        "weight": 50,
                    },
                    {"id": "recap", "question": "?", "levels": {0: "no", 1: "yes"}, "weight": 50},
                ],
            }
        ],
    }
)


def rating(conversation, level, *, criterion="tone", turn=None, expected=None):
    """A level, or a status in its place."""
    status = Status.RATED if isinstance(level, int) else Status(level)
    return Rating(
        conversation_id=conversation,
        criterion=criterion,
        rater="model",
        kind=RaterKind.MODEL,
        status=status,
        level=level if isinstance(level, int) else None,
        turn=turn,
        expected=expected,
        reason="" if status in (Status.RATED, Status.NOT_APPLICABLE) else "unsure",
    )


def runs_of(matrix):
    """Runs in rows, conversations in columns; None where a run left one out."""
    return {
        f"run{i}": [rating(f"c{j}", v) for j, v in enumerate(row) if v is not None]
        for i, row in enumerate(matrix)
    }


def only(report):
    (found,) = report.criteria
    return found


def test_flips_agreement_and_spread_are_counted_per_conversation():
    found = only(repeatability(runs_of([[0, 1, 2, 1], [0, 1, 1, 1], [0, 1, 0, 2]])))
    assert (found.n_items, found.n_runs) == (4, 3)
    assert found.flip_rate.value == 2 / 4
    # of 3 pairs of runs: all, all, none, one
    assert found.pairwise_agreement.value == pytest.approx((1 + 1 + 0 + 1 / 3) / 4)
    # squares within: 0, 0, 2 and 2/3, on 4 x 2 degrees of freedom
    assert found.within_item_sd.value == pytest.approx(math.sqrt((2 + 2 / 3) / 8))
    assert found.repeatability_coefficient.value == pytest.approx(
        2.7718585823 * found.within_item_sd.value
    )
    assert found.expected_sd is None
    assert "on 50.0% of 4 items" in found.sentence


def test_the_reliability_is_the_icc_of_agreement():
    matrix = np.random.default_rng(0).integers(0, 3, (4, 30))
    matrix[1:] = np.where(np.random.default_rng(1).random((3, 30)) < 0.7, matrix[0], matrix[1:])
    found = only(repeatability(runs_of(matrix.tolist()), n_resamples=50))
    assert found.icc_1_1.value == pytest.approx(icc(matrix, form="1,1"), abs=1e-10)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.integers(0, 2), min_size=5, max_size=5), min_size=2, max_size=4))
def test_the_order_of_runs_does_not_matter(matrix):
    there = only(repeatability(runs_of(matrix), n_resamples=20))
    back = only(repeatability(runs_of(matrix[::-1]), n_resamples=20))
    assert there.flip_rate.value == back.flip_rate.value
    assert there.within_item_sd.value == pytest.approx(back.within_item_sd.value, abs=1e-12)


def test_a_status_that_comes_and_goes_is_a_flip_but_no_spread():
    found = only(repeatability(runs_of([[1, 2], ["abstained", 2], [1, 2]])))
    assert found.flip_rate.value == 0.5
    assert found.within_item_sd.value == 0.0
    # two ways of not answering are not the same answer
    apart = only(repeatability(runs_of([["abstained"], ["not_applicable"]])))
    assert apart.flip_rate.value == 1.0
    assert math.isnan(apart.within_item_sd.value)


def test_a_steady_scorer_is_not_called_perfect_beyond_its_data():
    found = only(repeatability(runs_of([[1] * 59] * 2)))
    assert (found.flip_rate.value, found.flip_rate.low) == (0.0, 0.0)
    assert found.flip_rate.high == pytest.approx(1 - 0.05 ** (1 / 59))  # "rule of three": 3 / 59
    assert found.pairwise_agreement.low == 1 - found.flip_rate.high
    assert "a flip rate above 5.0% is unlikely" in found.sentence


def test_items_scored_once_are_left_out_and_counted():
    report = repeatability(runs_of([[0, 1, 2], [0, 1, None], [1, None, None]]))
    found = only(report)
    assert (found.n_items, report.scored_once) == (2, 1)
    assert "1 items were scored in one run only" in report.summary()[-1]
    nothing = only(repeatability({"a": [rating("c1", 1)], "b": [rating("c2", 1)]}))
    assert nothing.sentence == "tone: nothing was scored twice."


def test_expected_levels_show_spread_that_levels_hide():
    runs = {
        name: [rating(f"c{i}", 1, expected=1 + shift * (-1) ** i) for i in range(20)]
        for name, shift in (("a", 0.1), ("b", -0.1))
    }
    found = only(repeatability(runs))
    assert found.flip_rate.value == 0.0
    assert found.expected_sd.value == pytest.approx(math.sqrt(0.1**2 + 0.1**2))


def test_a_scorecard_adds_the_total():
    runs = {
        name: [rating("c1", tone), rating("c1", 1, criterion="recap")]
        for name, tone in (("a", 2), ("b", 1))
    }
    report = repeatability(runs, card=CARD)
    assert [found.criterion for found in report.criteria] == ["tone", "recap", TOTAL]
    # totals of 100 and 75
    assert report.criteria[-1].within_item_sd.value == pytest.approx(25 / math.sqrt(2))


def test_turns_and_agents_are_resampled_together():
    runs = {
        name: [rating(f"c{c}", (c + t + shift) % 2, turn=t) for c in range(6) for t in range(4)]
        for name, shift in (("a", 0), ("b", 1))
    }
    assert only(repeatability(runs)).flip_rate.n_clusters == 6
    agents = {f"c{c}": f"agent{c % 2}" for c in range(6)}
    report = repeatability(runs, agents=agents)
    assert only(report).flip_rate.n_clusters == 2
    assert report.clustered_by == "agent"


def test_one_run_or_two_ratings_of_an_item_are_refused():
    with pytest.raises(DataError, match="needs two runs or more, not 1"):
        repeatability({"a": [rating("c1", 1)]})
    with pytest.raises(DataError, match="Run 'b': 1 items were rated twice, for example c1/tone"):
        repeatability({"a": [rating("c1", 1)], "b": [rating("c1", 1), rating("c1", 2)]})


def test_the_report_is_json_and_escaped_html():
    runs = {name: [rating("c1", 1, criterion="<b>")] for name in ("a", "b")}
    report = repeatability(runs, n_resamples=20)
    assert json.loads(json.dumps(report.to_dict()))["criteria"][0]["n_items"] == 1
    assert "&lt;b&gt;" in report._repr_html_()


@pytest.mark.slow
def test_a_planted_spread_is_recovered_and_covered():
    """60 scorers whose expected levels scatter with a standard deviation of 0.25."""
    rng = np.random.default_rng(0)
    found, covered = [], 0
    for seed in range(60):
        truth = rng.normal(5, 2, 80)
        runs = {
            f"run{k}": [
                rating(f"c{i}", 5, expected=float(v))
                for i, v in enumerate(truth + rng.normal(0, 0.25, 80))
            ]
            for k in range(3)
        }
        sd = only(repeatability(runs, n_resamples=200, seed=seed)).expected_sd
        found.append(sd.value)
        covered += sd.low <= 0.25 <= sd.high
    # 160 degrees of freedom: standard error 0.25 / sqrt(2 x 160) = 0.014, of the mean 0.0018
    assert np.mean(found) == pytest.approx(0.25, abs=0.006)
    assert covered / 60 >= 0.95 - 2 * math.sqrt(0.05 * 0.95 / 60)
    assert pytest.approx(1.96 * math.sqrt(2)) == REPEATABILITY
