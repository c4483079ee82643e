import math
from dataclasses import astuple

import numpy as np
import pytest
from scipy.stats import binomtest, kendalltau

from autoqa.errors import DataError
from autoqa.evaluation.alignment import (
    ASSOCIATIONS,
    agent_means,
    associate,
    association_difference,
    csat_shares,
    kendall_tau_b,
    positive_share_by_band,
    wilson,
)
from autoqa.records import Survey


def surveyed(conversation, score, scale=(1, 5)):
    return Survey(conversation_id=conversation, score=score, scale=scale)


def centre(n=400, seed=0):
    """Satisfaction 0-1 in quarters, a total that follows it closely, and one that hardly does."""
    rng = np.random.default_rng(seed)
    felt = rng.normal(size=n)
    csat = np.digitize(felt, [-1.5, -0.8, 0, 0.8]) / 4
    close = 80 + 5 * felt + 3 * rng.normal(size=n)
    loose = 80 + 1 * felt + 5 * rng.normal(size=n)
    return close, loose, csat


def test_answers_on_different_scales_become_shares():
    surveys = [surveyed("a", 4), surveyed("a", 2), surveyed("b", 10, (0, 10))]
    assert csat_shares(surveys) == {"a": 0.5, "b": 1.0}  # (0.75 + 0.25) / 2


def test_association_counts_dissatisfied_and_top_box_customers():
    # dissatisfied (below 0.5): totals 60, 90; the others 70, 80, 95: 60 is below all three and
    # 90 below one: (3 + 1) / 6. Top box: 95 is above all four others.
    found = associate([60, 90, 70, 80, 95], [0.0, 0.25, 0.5, 0.75, 1.0], n_resamples=20)
    assert tuple(found) == ASSOCIATIONS
    assert found["auc_dissatisfied"].value == pytest.approx(4 / 6)
    assert found["auc_top_box"].value == 1.0


@pytest.mark.parametrize("clustered", [False, True])
def test_tables_of_answers_give_the_bootstrap_of_the_items(monkeypatch, clustered):
    close, loose, csat = centre(150)
    answers = np.round(4 * np.clip(csat, 0, 1)) / 4
    units = np.arange(150) // 3 if clustered else None
    fast = association_difference(close, loose, answers, clusters=units, n_resamples=150)
    alone = associate(close, answers, clusters=units, n_resamples=150)
    monkeypatch.setattr("autoqa.evaluation.alignment._MOST_ANSWERS", 0)
    slow = association_difference(close, loose, answers, clusters=units, n_resamples=150)
    for side, figures in slow.items():
        for name, figure in figures.items():
            assert astuple(fast[side][name]) == pytest.approx(astuple(figure), nan_ok=True)
    for name in ASSOCIATIONS:
        assert astuple(alone[name]) == pytest.approx(astuple(slow["automated"][name]), nan_ok=True)


def test_tau_b_is_scipys_and_undefined_without_variance():
    close, _, csat = centre(50)
    assert kendall_tau_b(close, csat) == pytest.approx(kendalltau(close, csat).statistic)
    assert math.isnan(kendall_tau_b([1, 1, 1], [1, 2, 3]))
    assert math.isnan(kendall_tau_b([1], [1]))


def test_the_total_that_follows_satisfaction_wins_the_paired_comparison():
    close, loose, csat = centre()
    found = association_difference(close, loose, csat, n_resamples=200)
    gap = found["difference"]["spearman"]
    assert gap.value == pytest.approx(
        found["automated"]["spearman"].value - found["human"]["spearman"].value
    )
    assert gap.low > 0
    assert found["difference"]["auc_dissatisfied"].low > 0


def test_a_total_does_not_differ_from_itself():
    close, _, csat = centre(60)
    found = association_difference(close, close, csat, n_resamples=50)
    assert all((e.low, e.value, e.high) == (0, 0, 0) for e in found["difference"].values())


def test_agents_are_averaged_and_those_with_little_data_left_out():
    totals = {f"a{i}": 70 + i for i in range(5)} | {"b0": 50}
    agents = dict.fromkeys(totals, "ann") | {"b0": "bo"}
    kept, left_out = agent_means(totals, dict.fromkeys(totals, 0.5), agents)
    assert kept == [("ann", 72.0, 0.5, 5, 5)]
    assert left_out == ["bo"]


def test_excellent_qa_is_set_against_the_rest():
    # 4 of 4 positive at 95 and above, 1 of 2 below
    found = positive_share_by_band(
        [95, 96, 99, 100, 80, 90], [1, 1, 0.75, 1, 0.5, 1], n_resamples=100
    )
    assert (found.excellent.value, found.excellent.n) == (1.0, 4)
    assert found.excellent.low < 1.0  # four out of four is no proof of 100 %
    assert (found.below.value, found.below.n) == (0.5, 2)
    assert found.difference.value == 0.5
    assert math.isnan(positive_share_by_band([50, 60], [1, 0]).excellent.value)
    with pytest.raises(DataError):
        positive_share_by_band([50], [1, 0])


@pytest.mark.parametrize(("successes", "n"), [(0, 7), (3, 7), (7, 7), (92, 100)])
def test_wilsons_interval_is_scipys(successes, n):
    found, reference = wilson(successes, n), binomtest(successes, n).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=1e-9)
