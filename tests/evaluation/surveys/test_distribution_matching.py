import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoqa.errors import DataError, ScaleError
from autoqa.evaluation.surveys.distribution_matching import (
    distribution_error,
    expected_level,
    level_shares,
    match_distribution,
    smoothed_shares,
)
from autoqa.evaluation.surveys.response import survey_truth

LEVELS = (1, 2, 3, 4, 5)


def test_cuts_give_every_level_its_share():
    # Ten scores, shares 20/0/30/10/40 %: two lowest 1, none 2, three 3, one 4, four 5.
    scores = np.arange(10) / 10
    matcher = match_distribution(scores, LEVELS, [0.2, 0.0, 0.3, 0.1, 0.4])
    assert matcher.predict(scores).tolist() == [1, 1, 3, 3, 3, 4, 5, 5, 5, 5]
    assert matcher.predict([-9, 9]).tolist() == [1, 5]


def test_equal_scores_stay_together():
    matcher = match_distribution([0, 0, 0, 1], (1, 2), [0.5, 0.5])
    assert matcher.predict([0, 0, 0, 1]).tolist() == [1, 1, 1, 2]  # 75/25 is as near as ties allow


@given(
    scores=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60, unique=True),
    parts=st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any),
)
def test_shares_match_to_one_item_and_order_is_kept(scores, parts):
    shares = np.array(parts) / sum(parts)
    levels = match_distribution(scores, (1, 2, 3), shares).predict(np.sort(scores))
    reached = np.cumsum(level_shares(levels, (1, 2, 3)))
    assert np.abs(reached - np.cumsum(shares)).max() <= 0.5 / len(scores) + 1e-9
    assert (np.diff(levels) >= 0).all()


def test_the_likeliest_level_overuses_the_common_one_and_matching_repairs_it():
    # Half of the centre sets the cuts, the other half is judged, where everybody's answer is known.
    rng = np.random.default_rng(0)
    n = 20_000
    wait = rng.normal(size=n)
    seen = -0.8 * wait + rng.normal(size=n)
    truth = np.digitize(seen + rng.normal(size=n), [-2, -1.2, -0.4, 0.4]) + 1
    edges = np.array([-np.inf, -2, -1.2, -0.4, 0.4, np.inf])
    from scipy.special import ndtr

    probabilities = np.diff(ndtr(edges - seen[:, None]), axis=1)
    answered = rng.random(n) < 1 / (1 + np.exp(1.5 - 0.8 * wait))  # those who waited answer more
    said = np.where(answered, truth, np.nan)
    weights = survey_truth((said - 1) / 4, wait[:, None], odds_ratios=()).weights
    scores = expected_level(probabilities, LEVELS)
    first = np.arange(n) < n // 2
    rest = ~first
    likeliest = probabilities.argmax(axis=1) + 1.0
    everybody = {"surveyed": truth[rest], "levels": LEVELS}
    raw = distribution_error(likeliest[rest], **everybody)
    assert raw.total_variation > 0.1

    def matched(weight):
        shares = level_shares(said[first], LEVELS, weights=weight)
        return match_distribution(scores[first], LEVELS, shares).predict(scores[rest])

    naive = distribution_error(matched(None), **everybody)
    honest = distribution_error(matched(weights[first]), **everybody)
    assert naive.mean.high < -0.2  # answers are unhappier than everybody, and so are the cuts
    assert abs(honest.mean.value) < 0.06
    assert honest.total_variation < 0.03
    assert max(abs(share.value) for share in honest.shares) < 0.03
    assert max(abs(share.value) for share in raw.shares) > 0.1


def test_errors_are_differences_of_shares_with_intervals():
    # Predicted 1, 1, 2, 2; answered 2, 2 (weights 1, 3) and 1 (weight 4): shares 0.5 and 0.5.
    found = distribution_error([1, 1, 2, 2], [2, 2, 1, math.nan], (1, 2), weights=[1, 3, 4, 9])
    assert [share.value for share in found.shares] == [0.0, 0.0]
    assert found.mean.value == 0.0
    assert found.total_variation == 0.0
    assert found.mean.n == 3
    assert found.mean.low < 0 < found.mean.high


def test_intervals_of_the_errors_cover():
    rng = np.random.default_rng(2)
    inside = []
    for _ in range(400):
        predicted = rng.choice([1, 2, 3], 600, p=[0.2, 0.5, 0.3])
        said = np.where(
            rng.random(600) < 0.25, rng.choice([1, 2, 3], 600, p=[0.3, 0.3, 0.4]), math.nan
        )
        found = distribution_error(predicted, said, (1, 2, 3))
        inside.append(
            [e.low <= t <= e.high for e, t in zip(found.shares, (-0.1, 0.2, -0.1), strict=True)]
            + [found.mean.low <= 0.0 <= found.mean.high]
        )
    assert np.all(np.abs(np.mean(inside, axis=0) - 0.95) < 0.035)


def test_clusters_of_conversations_widen_the_intervals():
    rng = np.random.default_rng(3)
    predicted, said = rng.integers(1, 4, 100), rng.integers(1, 4, 100).astype(float)
    alone = distribution_error(predicted, said, (1, 2, 3)).mean
    four = {"predicted": np.tile(predicted, 4), "surveyed": np.tile(said, 4), "levels": (1, 2, 3)}
    told = distribution_error(**four, clusters=np.tile(np.arange(100), 4)).mean
    assert told.high - told.low == pytest.approx(alone.high - alone.low, rel=1e-6)
    assert told.n_clusters == 100


def test_few_surveys_lean_on_all_centres():
    # 50 own answers and a strength of 50: halfway.
    assert smoothed_shares([1, 0], 50, towards=[0.5, 0.5]) == pytest.approx([0.75, 0.25])
    assert smoothed_shares([1, 0], 0, towards=[0.5, 0.5]) == pytest.approx([0.5, 0.5])


def test_what_cannot_be_matched_is_refused():
    with pytest.raises(ScaleError, match="6 is not one"):
        level_shares([1, 6], LEVELS)
    with pytest.raises(ScaleError, match="lowest first"):
        level_shares([1], (2, 1))
    with pytest.raises(DataError, match="No answers"):
        level_shares([math.nan], LEVELS)
    with pytest.raises(DataError, match="sum to 1"):
        match_distribution([1, 2], (1, 2), [0.5, 0.6])
    with pytest.raises(DataError, match="no missing"):
        match_distribution([1, math.nan], (1, 2), [0.5, 0.5])
    with pytest.raises(DataError, match="2 predictions"):
        distribution_error([1, 2], [1], (1, 2))
