import math

import numpy as np
import pandas as pd
import pytest

from autoqa.errors import DataError
from autoqa.evaluation.surveys.nonresponse_bounds import odds_ratio_to_reach, sensitivity_bounds
from autoqa.evaluation.surveys.response import WARNINGS, response_probabilities, survey_truth

CUTS = [-1.5, -0.8, 0, 0.8]


def surveyed(n=1500, seed=0, pull=0.7, own_pull=0.0):
    """Conversations whose wait makes people unhappier and likelier to answer.

    `own_pull` lets satisfaction itself decide too, which no feature shows.
    """
    rng = np.random.default_rng(seed)
    wait, queue = rng.normal(size=n), rng.normal(size=n)
    felt = -0.8 * wait + rng.normal(size=n)
    csat = np.digitize(felt, CUTS) / 4
    chance = 1 / (1 + np.exp(1.2 - pull * wait - 0.3 * queue + own_pull * (csat - 0.5)))
    answered = rng.random(n) < chance
    return np.where(answered, csat, np.nan), np.column_stack([wait, queue]), csat, chance


def test_the_response_model_is_plain_logistic_regression():
    sm = pytest.importorskip("statsmodels.api")
    said, features, _, _ = surveyed(400)
    answered = np.isfinite(said)
    expected = sm.Logit(answered, sm.add_constant(features)).fit(disp=0).predict()
    assert response_probabilities(features, answered) == pytest.approx(expected, abs=1e-5)


def test_weights_undo_who_answers_by_hand():
    # Voice: 1 of 2 answered (1.0); chat: 2 of 8 answered (0.0, 0.5). Weights 2 and 4, 4:
    # (2 * 1 + 4 * 0 + 4 * 0.5) / 10 = 0.4; unweighted 0.5.
    nan = math.nan
    csat = [1.0, nan, 0.0, 0.5] + [nan] * 6
    features = pd.DataFrame({"channel": ["voice"] * 2 + ["chat"] * 8})
    found = survey_truth(csat, features)
    assert found.figures["mean"].before.value == pytest.approx(0.5)
    assert found.figures["mean"].after.value == pytest.approx(0.4, abs=1e-5)
    assert found.figures["mean"].shift.value == pytest.approx(-0.1, abs=1e-5)
    assert found.figures["dissatisfied"].after.value == pytest.approx(0.4, abs=1e-5)
    assert found.figures["top_box"].after.value == pytest.approx(0.2, abs=1e-5)
    assert found.overlap.effective_n == pytest.approx(100 / 36, rel=1e-4)  # 10^2 / (4 + 16 + 16)
    assert found.overlap.largest_share == pytest.approx(0.4, abs=1e-4)
    (before, after) = found.overlap.imbalance["channel_voice"]
    assert before == pytest.approx((1 / 3 - 0.2) / 0.4)
    assert after == pytest.approx(0.0, abs=1e-5)


def test_weighting_removes_the_bias_and_its_intervals_cover():
    everybody = np.mean([surveyed(20_000, seed=1000 + s)[2].mean() for s in range(8)])
    before, after, inside, widths = [], [], [], []
    for seed in range(150):
        said, features, _, _ = surveyed(seed=seed)
        mean = survey_truth(said, features, odds_ratios=()).figures["mean"]
        before.append(mean.before.value)
        after.append(mean.after.value)
        inside.append(mean.after.low <= everybody <= mean.after.high)
        widths.append(mean.after.high - mean.after.low)
    assert np.mean(before) - everybody < -0.07
    assert abs(np.mean(after) - everybody) < 0.006
    assert 0.9 <= np.mean(inside) <= 0.99
    assert np.mean(widths) / (2 * 1.96) == pytest.approx(np.std(after), rel=0.15)


def test_bounds_hold_the_truth_when_satisfaction_itself_drives_answering():
    # Odds of answering fall by a factor of 3 from the least to the most satisfied: within 3 of
    # their geometric middle either way, so the bounds at an odds ratio of 3 hold the truth.
    said, features, csat, _ = surveyed(20_000, seed=3, own_pull=math.log(3))
    mean = survey_truth(said, features).figures["mean"]
    assert mean.after.high < csat.mean()  # weighting alone is not enough
    at_three = mean.sensitivity[-1]
    assert at_three.odds_ratio == 3.0
    assert at_three.low < csat.mean() < at_three.high
    widths = [bound.high - bound.low for bound in mean.sensitivity]
    assert widths == sorted(widths)
    assert widths[0] == pytest.approx(0, abs=1e-12)
    first = mean.sensitivity[0]
    assert (first.outer_low, first.outer_high) == pytest.approx((mean.after.low, mean.after.high))
    assert at_three.outer_low < at_three.low < at_three.high < at_three.outer_high


def test_bounds_are_those_of_trying_every_assignment():
    rng = np.random.default_rng(0)
    y, p, ratio = rng.random(9), rng.uniform(0.1, 0.9, 9), 2.0
    signs = (np.arange(2**9)[:, None] >> np.arange(9)) & 1
    weight = 1 + np.where(signs, ratio, 1 / ratio) * (1 - p) / p
    every = (weight * y).sum(axis=1) / weight.sum(axis=1)
    assert sensitivity_bounds(y, p, ratio) == pytest.approx((every.min(), every.max()), abs=1e-12)
    reach = odds_ratio_to_reach(every.max(), y, p)
    assert reach == pytest.approx(ratio, abs=1e-5)
    assert odds_ratio_to_reach(float(np.average(y, weights=1 / p)), y, p) in (
        1.0,
        pytest.approx(1.0, abs=1e-4),
    )
    assert odds_ratio_to_reach(2.0, y, p) == math.inf
    with pytest.raises(DataError, match="at least 1"):
        sensitivity_bounds(y, p, 0.5)


def test_poor_overlap_is_said():
    rng = np.random.default_rng(1)
    x = rng.normal(size=400)
    answered = x + 0.2 * rng.normal(size=400) > 0.5  # hardly anybody below answers
    found = survey_truth(np.where(answered, 0.5, np.nan), x[:, None])
    assert found.response_auc > 0.95
    assert "imbalance" in found.overlap.warnings
    assert set(found.overlap.warnings) <= set(WARNINGS)
    said, features, _, _ = surveyed()
    assert survey_truth(said, features).overlap.warnings == ()


def test_repeated_customers_widen_the_interval():
    said, features, _, _ = surveyed(300)
    customers = np.tile(np.arange(300), 4)
    many = survey_truth(np.tile(said, 4), np.tile(features, (4, 1)))
    told = survey_truth(np.tile(said, 4), np.tile(features, (4, 1)), clusters=customers)
    alone = survey_truth(said, features)

    def width(found):
        return found.figures["mean"].after.high - found.figures["mean"].after.low

    assert width(told) == pytest.approx(width(alone), rel=1e-3)
    assert width(many) == pytest.approx(width(alone) / 2, rel=0.03)
    assert told.figures["mean"].after.n_clusters == np.isfinite(said).sum()


@pytest.mark.parametrize(
    ("csat", "features", "said"),
    [
        ([1.0, 0.5], [[1], [2]], "2 of 2 customers answered"),
        ([math.nan, math.nan], [[1], [2]], "0 of 2"),
        ([1.0, math.nan], pd.DataFrame({"wait": [1, None]}), "missing values: wait"),
        ([1.0, math.nan], [[1], [2], [3]], "2 survey outcomes"),
    ],
)
def test_what_cannot_be_weighted_is_refused(csat, features, said):
    with pytest.raises(DataError, match=said):
        survey_truth(csat, features)


def test_without_informative_features_nothing_changes():
    said, _, _, _ = surveyed(200)
    mean = survey_truth(said, np.ones((200, 1))).figures["mean"]
    assert mean.after.value == pytest.approx(mean.before.value)
    assert mean.after.high == pytest.approx(mean.before.high)
