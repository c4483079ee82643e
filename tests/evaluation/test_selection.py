import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoqa.errors import DataError
from autoqa.evaluation.prediction_powered import prediction_powered_means
from autoqa.evaluation.selection import plan_reviews, review_yield


def flagged_centre(n=2000, seed=0):
    """Predicted probabilities that mean what they say, 6 % bad."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(0.4, 6, n)
    return chance, rng.random(n) < chance


def test_flags_are_set_against_random_listening():
    # Ranked: bad, good, bad, good, bad, then five good. Two reviews find 1; random 2 * 0.3 = 0.6.
    bad = [1, 0, 1, 0, 1, 0, 0, 0, 0, 0]
    found = review_yield(np.arange(10, 0, -1), bad, reviews=[2, 5], n_resamples=200)
    two, five = found.at
    assert (two.found.value, two.random, two.enrichment.value) == (1, 0.6, pytest.approx(1 / 0.6))
    assert (five.found.value, five.enrichment.value) == (3, 2.0)
    assert found.reviews.tolist() == list(range(1, 11))
    assert found.found.tolist() == [1, 1, 2, 2, 3, 3, 3, 3, 3, 3]
    assert found.random[-1] == 3
    assert five.found.low <= 3 <= five.found.high


def test_equal_priorities_count_as_random_order():
    # Four equal flags, two of them bad: one review finds 0.5, two find 1.
    found = review_yield([1, 1, 1, 1, 0, 0], [1, 0, 1, 0, 0, 0], reviews=[1, 2, 4], n_resamples=50)
    assert [at.found.value for at in found.at] == [0.5, 1.0, 2.0]
    flat = review_yield(np.ones(50), np.arange(50) < 10, n_resamples=200)
    assert all(at.enrichment.value == pytest.approx(1) for at in flat.at)
    assert all(at.enrichment.low == pytest.approx(1) for at in flat.at)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_the_curve_rises_to_all_bad_conversations(items):
    priority, bad = zip(*items, strict=True)
    found = review_yield(priority, bad, n_resamples=10)
    assert (np.diff(found.found) >= -1e-12).all()
    assert found.found[-1] == sum(bad)
    assert (found.low <= found.high).all()


def test_intervals_of_the_enrichment_cover():
    chance, bad = flagged_centre(300_000, seed=1)
    top = np.sort(chance)[-15_000:].min()
    truth = bad[chance >= top].mean() / bad.mean()  # reviewing the top 5 %
    inside = []
    for seed in range(80):
        chance, bad = flagged_centre(1500, seed=100 + seed)
        (at,) = review_yield(chance, bad, reviews=[75], n_resamples=200).at
        inside.append(at.enrichment.low <= truth <= at.enrichment.high)
    assert 0.89 <= np.mean(inside) <= 0.99


def test_the_grouped_bootstrap_agrees_with_resampling_conversations():
    chance, bad = flagged_centre(3000, seed=2)  # more than the ranks that are kept apart
    (at,) = review_yield(chance, bad, reviews=[900], n_resamples=1000).at
    rng = np.random.default_rng(0)
    again = []
    for _ in range(400):
        drawn = rng.integers(3000, size=3000)
        order = np.argsort(-chance[drawn], kind="stable")[:900]
        again.append(bad[drawn][order].sum())
    low, high = np.quantile(again, (0.025, 0.975))
    assert at.found.low == pytest.approx(low, abs=4)
    assert at.found.high == pytest.approx(high, abs=4)


def test_a_plan_takes_the_flagged_and_audits_the_rest():
    chance, _ = flagged_centre(1000)
    plan = plan_reviews(chance, budget=100, audit_share=0.3)
    assert (plan.flagged.sum(), plan.audited.sum(), plan.chosen.sum()) == (70, 30, 100)
    assert chance[plan.flagged].min() >= chance[~plan.flagged].max()
    assert plan.probabilities[plan.flagged].tolist() == [1.0] * 70
    assert np.unique(plan.probabilities[~plan.flagged]).tolist() == [30 / 930]
    assert plan.probabilities.sum() == pytest.approx(100)
    assert (
        plan_reviews(chance, budget=100, seed=7).chosen == plan_reviews(chance, budget=100).chosen
    ).all()
    assert plan_reviews(chance, budget=10, audit_share=0.01).audited.sum() == 2


def test_a_plan_keeps_the_estimate_honest():
    chance, bad = flagged_centre(800, seed=3)
    inside, errors = [], []
    for seed in range(100):
        plan = plan_reviews(chance, budget=160, audit_share=0.5, seed=seed)
        (found,) = prediction_powered_means(
            np.where(plan.chosen, bad, np.nan), chance, probabilities=plan.probabilities
        )
        errors.append(found.estimate.value - bad.mean())
        inside.append(found.estimate.low <= bad.mean() <= found.estimate.high)
    assert abs(np.mean(errors)) < 0.006  # 3 standard errors
    assert np.mean(inside) > 0.85  # few bad conversations are left to the audit, so a little low


@pytest.mark.parametrize(
    ("priority", "bad", "more", "said"),
    [
        ([1, 2], [1], {}, "2 priorities but 1 labels"),
        ([1, np.nan], [1, 0], {}, "finite priority"),
        ([1, 2], [1, 2], {}, "0/1"),
        ([], [], {}, "No conversations"),
        ([1, 2], [1, 0], {"reviews": [3]}, "between 1 and 2"),
    ],
)
def test_what_cannot_be_ranked_is_refused(priority, bad, more, said):
    with pytest.raises(DataError, match=said):
        review_yield(priority, bad, **more)


def test_a_budget_must_fit():
    with pytest.raises(DataError, match="budget of 9"):
        plan_reviews([1, 2, 3], budget=9)
