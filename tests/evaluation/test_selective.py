import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from autoqa.errors import DataError
from autoqa.evaluation.selective import (
    abstention_threshold,
    binomial_p_value,
    hoeffding_bentkus_p_value,
    risk_coverage,
    traced,
)

REPETITIONS = 300
SLACK = 2 * math.sqrt(0.1 * 0.9 / REPETITIONS)  # two standard errors of a share of 0.1


# risk against coverage


def test_the_curve_falls_out_of_the_most_confident_answers_first():
    curve = risk_coverage([0.9, 0.8, 0.8, 0.6], [0, 1, 0, 1], n_resamples=20)
    assert curve.thresholds.tolist() == [0.9, 0.8, 0.6]  # the two 0.8 go together
    assert curve.coverage.tolist() == [0.25, 0.75, 1.0]
    assert curve.risk.tolist() == pytest.approx([0, 1 / 3, 2 / 4])
    assert curve.aurc.value == pytest.approx(0.25 * 0 + 0.5 / 3 + 0.25 * 0.5)
    assert "| 75% | 0.80 | 0.333 |" in curve.to_markdown()
    assert json.loads(json.dumps(curve.to_dict()))["aurc"]["n"] == 4
    assert "&#91;" in curve._repr_markdown_()


def test_the_area_is_drawn_by_conversation():
    rng = np.random.default_rng(1)
    wrong = np.repeat(rng.random(20) < 0.3, 10).astype(float)  # ten turns share their fate
    confidence = rng.random(200)
    single = risk_coverage(confidence, wrong, n_resamples=200).aurc
    whole = risk_coverage(confidence, wrong, np.repeat(np.arange(20), 10), n_resamples=200).aurc
    assert whole.value == single.value
    assert whole.n_clusters == 20
    assert whole.high - whole.low > 1.5 * (single.high - single.low)


def test_no_items_have_no_curve_and_are_abstained_on():
    curve = risk_coverage([], [])
    assert math.isnan(curve.aurc.value)
    assert "undefined" in curve.to_markdown()
    for method in ("ltt", "crc"):
        nothing = abstention_threshold([], [], risk=0.1, method=method)
        assert (nothing.threshold, nothing.coverage, nothing.n) == (None, 0.0, 0)
        assert nothing.observed is None


# p-values


def test_the_binomial_p_value_counts_luckier_records():
    # none wrong of 22: 0.9 ** 22; one wrong of 2 or fewer: 1 - 0.1 ** 2
    assert binomial_p_value(0, 22, 0.1) == pytest.approx(0.9**22)
    assert binomial_p_value(1, 2, 0.1) == pytest.approx(0.99)
    assert binomial_p_value(0, 0, 0.1) == 1.0


def test_the_hoeffding_bentkus_p_value_is_the_smaller_bound():
    # without any loss, Hoeffding's bound is (1 - risk) ** n
    assert hoeffding_bentkus_p_value(0.0, 30, 0.1) == pytest.approx(0.9**30)
    # a mean at the risk or above says nothing against it
    assert hoeffding_bentkus_p_value(0.1, 50, 0.1) == 1.0
    assert hoeffding_bentkus_p_value(1.0, 50, 0.1) == 1.0
    # 2.5 of 100: h(0.025, 0.1) = 0.025 ln(0.25) + 0.975 ln(0.975 / 0.9) = 0.043384
    hoeffding, bentkus = math.exp(-100 * 0.0433842), math.e * binom.cdf(3, 100, 0.1)
    assert hoeffding < bentkus
    assert hoeffding_bentkus_p_value(0.025, 100, 0.1) == pytest.approx(hoeffding, rel=1e-4)
    # 80 of 1000: Bentkus is the smaller
    bentkus = math.e * binom.cdf(80, 1000, 0.1)
    assert hoeffding_bentkus_p_value(0.08, 1000, 0.1) == pytest.approx(bentkus)
    assert bentkus < math.exp(-1000 * (0.08 * math.log(0.8) + 0.92 * math.log(0.92 / 0.9)))


@given(st.integers(0, 80), st.floats(0.02, 0.5))
def test_losses_of_nothing_and_one_are_tested_no_laxer_by_the_general_bound(n_wrong, risk):
    exact = binomial_p_value(n_wrong, 80, risk)
    assert hoeffding_bentkus_p_value(n_wrong / 80, 80, risk) >= exact - 1e-9


# learn then test, by hand


def test_twenty_two_faultless_answers_are_the_fewest_that_reach_ten_percent():
    # 0.9 ** 22 = 0.098 < 0.1 < 0.9 ** 21 = 0.109
    assert abstention_threshold(np.full(21, 0.9), np.zeros(21), risk=0.1).threshold is None
    found = abstention_threshold(np.full(22, 0.9), np.zeros(22), risk=0.1)
    assert (found.threshold, found.coverage, found.observed) == (0.0, 1.0, 0.0)
    assert abstention_threshold(np.full(22, 0.9), np.zeros(22), risk=0.1, delta=0.05).coverage == 0


def test_the_descent_ends_where_the_wrong_answers_begin():
    confidence = np.r_[np.full(40, 0.95), np.full(60, 0.55)]
    wrong = np.r_[np.zeros(40), np.ones(30), np.zeros(30)]
    found = abstention_threshold(confidence, wrong, risk=0.1)
    # all hundred: 30 wrong of 100; from 0.56 up only the first forty
    assert (found.threshold, found.coverage, found.observed) == (0.56, 0.4, 0.0)
    assert str(found) == (
        "answer from confidence 0.56: coverage 40%, risk found 0.0%, for a risk of 10% at 90% "
        "confidence, n=100"
    )
    assert json.loads(json.dumps(found.to_dict()))["threshold"] == 0.56


def test_wrong_answers_given_most_surely_end_the_descent_at_once():
    confidence, wrong = (
        np.r_[np.full(30, 0.99), np.full(120, 0.6)],
        np.r_[np.ones(30), np.zeros(120)],
    )
    # all 150: 30 wrong, 20 %, which is well within 30 %
    assert abstention_threshold(confidence, wrong, risk=0.3, grid=[0.5]).coverage == 1.0
    # but the thirty most confident are tested first
    found = abstention_threshold(confidence, wrong, risk=0.3, grid=[0.99, 0.5])
    assert found.threshold is None
    assert str(found).startswith("abstain always: no threshold reaches a risk of 30%")


def test_the_first_test_is_of_enough_answers_to_bear_a_fault():
    # one wrong of 38: 0.9 ** 38 + 38 * 0.1 * 0.9 ** 37 = 0.0955; of 22 it would be 0.34
    confidence, wrong = np.linspace(0.99, 0.5, 100), np.zeros(100)
    wrong[0] = 1
    assert abstention_threshold(confidence, wrong, risk=0.1).coverage == 1.0
    # of 80 answers 38 are more than 45 %: the first test is of 22, and one fault fails it
    assert abstention_threshold(confidence[:80], wrong[:80], risk=0.1).threshold is None
    wrong[:2] = 1  # two wrong of 52 would pass, but 52 are more than 45 % too
    assert abstention_threshold(confidence, wrong, risk=0.1).threshold is None


def test_a_conversation_counts_once():
    confidence, right = np.full(60, 0.9), np.zeros(60)
    assert abstention_threshold(confidence, right, risk=0.1).coverage == 1.0
    twenty = np.repeat(np.arange(20), 3)  # twenty conversations cannot show 10 %
    found = abstention_threshold(confidence, right, risk=0.1, clusters=twenty)
    assert (found.threshold, found.n, found.n_clusters) == (None, 60, 20)
    # forty conversations, ten of them with one wrong turn of two: mean loss 10 * 0.5 / 40
    half = np.zeros(80)
    half[:20:2] = 1
    found = abstention_threshold(
        np.full(80, 0.9), half, risk=0.3, clusters=np.repeat(np.arange(40), 2)
    )
    assert found.observed == pytest.approx(0.125)
    assert found.coverage == 1.0


def test_the_order_of_items_changes_nothing():
    rng = np.random.default_rng(5)
    confidence, wrong = rng.random(200), (rng.random(200) < 0.05).astype(float)
    turn = rng.permutation(200)
    found = abstention_threshold(confidence, wrong, risk=0.2)
    assert found.coverage > 0
    assert found == abstention_threshold(confidence[turn], wrong[turn], risk=0.2)


@pytest.mark.parametrize(
    ("confidence", "loss", "more", "message"),
    [
        ([0.5], [0, 1], {}, "1 confidences but 2 losses"),
        ([math.nan], [0], {}, "must be numbers"),
        ([0.5], [2], {}, "between 0 and 1"),
        ([0.5], [math.nan], {}, "between 0 and 1"),
        ([1.5], [0], {}, "need a `grid`"),
        ([0.5], [0], {"risk": 0.0}, "risk must be between 0 and 1, found 0.0"),
        ([0.5], [0], {"delta": 1.0}, "delta must be"),
        ([0.5], [0], {"clusters": [1, 2]}, "1 confidences but 2 clusters"),
    ],
)
def test_what_cannot_be_tested_is_refused(confidence, loss, more, message):
    with pytest.raises(DataError, match=message):
        abstention_threshold(confidence, loss, **{"risk": 0.1} | more)


# what is promised, on further data


def wrong_when(confidence):
    """Probability of being wrong at a confidence of 0.5-1, for a model that claims too much."""
    return np.minimum(1.3 * (1 - confidence), 1)


def true_risk(threshold):
    """Risk among accepted answers, for confidences spread evenly over 0.5-1."""
    grid = np.linspace(max(threshold, 0.5), 1, 20001)
    return float(wrong_when(grid).mean())


def broken_share(draw, risk_at, *, risk=0.1, **more):
    """Share of repetitions whose threshold has a true risk above the stated one."""
    rng = np.random.default_rng(11)
    broken = answered = 0
    for _ in range(REPETITIONS):
        confidence, loss, clusters = draw(rng)
        found = abstention_threshold(confidence, loss, risk=risk, clusters=clusters, **more)
        if found.threshold is not None:
            answered += 1
            broken += risk_at(found.threshold) > risk
    assert answered > 0.3 * REPETITIONS  # abstaining always would keep every promise
    return broken / REPETITIONS


def test_the_stated_risk_is_broken_in_a_tenth_of_repetitions_at_most():
    def draw(rng):
        confidence = rng.uniform(0.5, 1, 1000)
        return confidence, (rng.random(1000) < wrong_when(confidence)).astype(float), None

    assert broken_share(draw, true_risk) <= 0.1 + SLACK
    # stricter when asked
    assert broken_share(draw, true_risk, delta=0.02) <= 0.02 + SLACK


def test_the_promise_holds_where_every_threshold_is_just_too_risky():
    def draw(rng):
        return rng.random(120), (rng.random(120) < 0.105).astype(float), None

    rng = np.random.default_rng(2)
    broken = sum(
        abstention_threshold(*draw(rng)[:2], risk=0.1).threshold is not None
        for _ in range(REPETITIONS)
    )
    assert broken / REPETITIONS <= 0.1 + SLACK


def test_shares_of_raters_keep_the_promise():
    def draw(rng):
        confidence = rng.uniform(0.5, 1, 1500)
        return confidence, rng.binomial(3, wrong_when(confidence)) / 3, None

    assert broken_share(draw, true_risk) <= 0.1 + SLACK


def test_turns_that_share_the_fate_of_their_conversation_keep_the_promise():
    def draw(rng):
        confidence = np.repeat(rng.uniform(0.5, 1, 1500), 4)
        wrong = np.repeat(rng.random(1500), 4) < wrong_when(confidence)
        return confidence, wrong.astype(float), np.repeat(np.arange(1500), 4)

    def as_if_independent(rng):
        return *draw(rng)[:2], None

    assert broken_share(draw, true_risk) <= 0.1 + SLACK
    assert broken_share(as_if_independent, true_risk) > 0.1 + SLACK  # why clusters matter


def test_conformal_risk_control_limits_the_mean_share_of_accepted_and_wrong():
    # by hand: (n observed + 1) / (n + 1) <= 0.1 with n = 99 allows 9 wrong of all
    confidence = np.r_[np.full(50, 0.9), np.full(49, 0.4)]
    wrong = np.r_[np.ones(9), np.zeros(41), np.ones(1), np.zeros(48)]
    found = abstention_threshold(confidence, wrong, risk=0.1, method="crc")
    assert (found.threshold, found.delta) == (0.41, None)
    assert found.observed == pytest.approx(9 / 99)
    assert "in expectation" in str(found)
    assert abstention_threshold([0.9] * 8, [0] * 8, risk=0.1, method="crc").threshold is None
    assert abstention_threshold([0.9] * 9, [0] * 9, risk=0.1, method="crc").threshold == 0.0

    def accepted_and_wrong(threshold):
        return true_risk(threshold) * (1 - max(threshold, 0.5)) / 0.5

    rng = np.random.default_rng(3)
    reached = []
    for _ in range(REPETITIONS):
        confidence = rng.uniform(0.5, 1, 100)
        wrong = (rng.random(100) < wrong_when(confidence)).astype(float)
        found = abstention_threshold(confidence, wrong, risk=0.1, method="crc")
        reached.append(accepted_and_wrong(found.threshold))
    assert np.mean(reached) <= 0.1
    assert np.mean(reached) > 0.07  # and does not throw coverage away


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1))
def test_risk_at_full_coverage_is_the_overall_risk(items):
    confidence, wrong = zip(*items, strict=True)
    curve = traced(confidence, wrong)
    assert curve.coverage[-1] == 1.0
    assert curve.risk[-1] == pytest.approx(np.mean(wrong))
