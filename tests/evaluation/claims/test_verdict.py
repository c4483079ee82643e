import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoqa.evaluation.claims.verdict import (
    Finding,
    Range,
    Verdict,
    at_level_of,
    conversations_needed,
    overall,
    planned_correlation,
    planned_difference,
    planned_share,
    planned_slope,
    show,
    stretched,
)
from autoqa.evaluation.intervals import Estimate

YES, NO, OPEN = Verdict.SUPPORTED, Verdict.NOT_SUPPORTED, Verdict.NOT_ENOUGH_DATA


def found(low, high, claimed, value=None, n=100):
    middle = (low + high) / 2 if value is None else value
    return Finding("figure", Estimate(middle, low, high, n, n), claimed)


@pytest.mark.parametrize(
    ("low", "high", "claimed", "verdict"),
    [
        (0.31, 0.5, Range(0.3), YES),
        (0.1, 0.29, Range(0.3), NO),
        (0.2, 0.4, Range(0.3), OPEN),
        (0.91, 0.93, Range(0.90, 0.94), YES),
        (0.95, 0.97, Range(0.90, 0.94), NO),
        (0.80, 0.89, Range(0.90, 0.94), NO),
        (0.89, 0.93, Range(0.90, 0.94), OPEN),
        (0.80, 0.99, Range(0.90, 0.94), OPEN),
        (-0.2, -0.1, Range(high=0.0), YES),
    ],
)
def test_the_whole_interval_decides(low, high, claimed, verdict):
    assert found(low, high, claimed).verdict is verdict


def test_few_conversations_few_agents_or_no_interval_decide_nothing():
    nan = float("nan")
    assert found(0.4, 0.5, Range(0.3), n=9).verdict is OPEN
    assert Range(0.3).verdict(Estimate(0.4, 0.35, 0.5, 500, 4)) is OPEN
    assert Range(0.3).verdict(Estimate(0.4, nan, nan, 500, 500)) is OPEN
    assert Finding("beside", Estimate(0.4, 0.35, 0.5, 500, 500)).verdict is None


def test_a_claim_is_the_conjunction_of_its_figures():
    yes, no, unknown = (
        found(0.4, 0.5, Range(0.3)),
        found(0.1, 0.2, Range(0.3)),
        found(0.2, 0.4, Range(0.3)),
    )
    beside = Finding("beside", Estimate(0, 0, 0, 100, 100))
    assert overall([yes, beside]) is YES
    assert overall([yes, unknown]) is OPEN
    assert overall([yes, unknown, no]) is NO
    assert overall([beside]) is OPEN
    assert overall([]) is OPEN


@given(
    st.floats(-1, 1), st.floats(0, 1), st.floats(-1, 1), st.floats(0.01, 2), st.integers(1, 1000)
)
def test_correction_never_decides_what_was_open_and_never_turns_a_verdict(
    middle, half, start, width, n_tests
):
    one = found(middle - half, middle + half, Range(start, start + width))
    corrected = at_level_of([one], n_tests)
    assert corrected in (overall([one]), OPEN)


def test_correction_for_eleven_claims_widens_intervals_by_the_ratio_of_quantiles():
    # z(1 - 0.05 / 22) / z(0.975) = 2.8376 / 1.9600 = 1.448
    just = found(0.31, 0.69, Range(0.3))
    assert at_level_of([just], 1) is YES
    assert at_level_of([just], 11) is OPEN  # 0.5 - 1.448 * 0.19 = 0.225
    assert at_level_of([found(0.36, 0.64, Range(0.29))], 11) is YES  # 0.5 - 1.448 * 0.14 = 0.297


def test_conversations_needed_follow_from_half_width_and_distance():
    # value 0.4, half-width 0.1 towards 0.3: 200 * (2.8016 / 1.9600 * 0.1 / 0.1) ** 2 = 408.6
    assert conversations_needed([found(0.3, 0.6, Range(0.3), value=0.4)], 200) == 409
    # from outside, the other half counts: 0.05 / 0.1, a quarter of it
    assert conversations_needed([found(0.1, 0.25, Range(0.3), value=0.2)], 200) == 103
    # both ends of a band: the nearer one is harder
    band = found(0.82, 0.98, Range(0.7, 0.95), value=0.9)
    assert conversations_needed([band], 100) == math.ceil(100 * (2.801585 / 1.959964 * 1.6) ** 2)


def test_the_hardest_figure_is_needed_for_support_the_easiest_for_refutation():
    easy, hard = found(0.45, 0.55, Range(0.3)), found(0.25, 0.45, Range(0.3))
    n = conversations_needed([easy, hard], 1000)
    assert n == conversations_needed([hard], 1000)
    far, near = found(0.0, 0.1, Range(0.3)), found(0.2, 0.3, Range(0.3))
    assert conversations_needed([easy, far, near], 1000) == conversations_needed([far], 1000)


def test_nothing_is_needed_of_an_estimate_on_the_edge_or_without_interval():
    nan = float("nan")
    assert conversations_needed([found(0.2, 0.4, Range(0.3), value=0.3)], 100) is None
    assert conversations_needed([found(0.2, 0.4, Range(0.3), value=0.30001)], 100) is None
    assert conversations_needed([Finding("x", Estimate(0.4, nan, nan, 9, 9), Range(0))], 9) is None
    assert conversations_needed([], 9) is None
    assert conversations_needed([found(0.6, 0.6, Range(0.3))], 100) == 30  # the least for a verdict


def test_with_the_number_that_is_needed_four_of_five_samples_bring_the_verdict():
    # mean 0.2, sd 1, claim above 0: from 50 conversations the formula is handed the truth
    half = 1.959964 / math.sqrt(50)
    n = conversations_needed([found(0.2 - half, 0.2 + half, Range(0.0))], 50)
    assert n == 197  # (2.8016 / 0.2) ** 2 = 196.2
    rng = np.random.default_rng(0)
    means = rng.normal(0.2, 1 / math.sqrt(n), size=20_000)
    assert (means - 1.959964 / math.sqrt(n) > 0).mean() == pytest.approx(0.8, abs=0.01)


def test_plans_are_textbook_sample_sizes():
    # Fisher z: (2.8016 / (atanh(0.3) - 0)) ** 2 + 3 = 84.9
    assert planned_correlation(0.3, 0.0).n == 85
    # 0.5 * 0.5 * (2.8016 / 0.1) ** 2 = 196.2; counted in a fifth of the conversations
    assert planned_share(0.5, 0.4).n == 197
    assert planned_share(0.5, 0.4, of=0.2).n == 982
    # two groups of half each, d = 0.5: 4 * (2.8016 / 0.5) ** 2 = 125.6
    assert planned_difference(0.5, 0.0, sd=1, smaller_group=0.5).n == 126
    # (0.25 / 0.2 * 2.8016 / 0.1) ** 2 = 1226.4
    assert planned_slope(0.1, 0.0, sd=0.25, sd_of_score=0.2).n == 1227
    assert "20 % of the conversations" in planned_share(0.5, 0.4, of=0.2).assumed


def test_figures_and_ranges_in_words():
    estimate = Estimate(0.421, 0.3, 0.5, 9, 9)
    assert show(estimate) == "0.42 [0.30, 0.50]"
    assert show(estimate, percent=True) == "42.1 % [30.0, 50.0]"
    assert show(Estimate(float("nan"), 0, 0, 0, 0)) == "–"
    assert Range(0.3).in_words() == "above 0.3"
    assert Range(high=0.1).in_words(as_percent=True) == "below 10 %"
    assert Range(0.9, 0.94).in_words(as_percent=True) == "90 % to 94 %"


def test_an_interval_is_stretched_on_each_side_up_to_its_limits():
    wide = stretched(Estimate(0.8, 0.7, 0.85, 50, 50), 3, limits=(0, 1))
    assert (wide.low, wide.high) == (pytest.approx(0.5), pytest.approx(0.95))
    assert stretched(Estimate(0.8, 0.7, 0.9, 50, 50), 3, limits=(0, 1)).high == 1
