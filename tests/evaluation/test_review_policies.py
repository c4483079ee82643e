import numpy as np
import pytest

from autoqa.errors import DataError
from autoqa.evaluation.review_policies import POLICIES, compare_policies


@pytest.fixture(scope="module")
def compared():
    rng = np.random.default_rng(0)
    chance = rng.beta(0.4, 6, 4000)
    bad = rng.random(4000) < chance
    results = compare_policies(chance, bad, budget=200, n_draws=300)
    return {result.policy: result for result in results}


def test_flags_find_most_and_every_policy_beats_random(compared):
    assert tuple(compared) == POLICIES
    assert compared["random"].enrichment == pytest.approx(1, abs=0.1)
    assert compared["flagged"].enrichment > compared["flagged_and_audit"].enrichment > 3
    for policy in ("stratified", "uncertainty"):
        assert 1.3 < compared[policy].enrichment < compared["flagged_and_audit"].enrichment


def test_known_probabilities_make_estimates_honest(compared):
    for policy, result in compared.items():
        assert result.honest is (policy != "flagged")
        if result.honest:
            assert abs(result.bias.value) < 3.5 / 1.96 * (result.bias.high - result.bias.value)
    assert compared["flagged"].bias.value > 0.2


def test_stratified_and_uncertain_draws_estimate_better_than_random(compared):
    assert compared["stratified"].rmse < 0.85 * compared["random"].rmse
    assert compared["uncertainty"].rmse < 0.95 * compared["random"].rmse


def test_the_mean_of_any_score_can_be_the_target():
    rng = np.random.default_rng(1)
    chance = rng.random(500)
    bad, totals = rng.random(500) < chance, 100 - 30 * chance + rng.normal(size=500)
    for result in compare_policies(chance, bad, budget=100, values=totals, n_draws=100):
        assert result.truth == pytest.approx(totals.mean())
        if result.honest:
            assert abs(result.bias.value) < 1.0
        else:
            assert result.bias.value < -5


def test_reviewing_everything_leaves_no_error():
    chance, bad = np.linspace(0.01, 0.9, 40), np.arange(40) % 3 == 0
    for result in compare_policies(chance, bad, budget=40, n_draws=3):
        assert result.rmse == pytest.approx(0, abs=1e-12)
        assert result.found.value == bad.sum()


@pytest.mark.parametrize(
    ("chance", "more", "said"),
    [
        ([0.1, 1.2], {}, "0-1"),
        ([0.1, 0.2], {"values": [1]}, "one number per"),
        ([0.1, 0.2], {"budget": 5}, "budget of 5"),
        ([0.1, 0.2], {"policies": ["best"]}, "No policy 'best'"),
    ],
)
def test_what_cannot_be_compared_is_refused(chance, more, said):
    with pytest.raises(DataError, match=said):
        compare_policies(chance, [1, 0], **({"budget": 2} | more))
