from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoqa.evaluation.alignment import wilson
from autoqa.evaluation.summed_means import ClusterSums


def of_items(values):
    x = np.asarray(values, dtype=float)
    return ClusterSums.of([0], [len(x)], [x.sum()], [(x**2).sum()], n_groups=1)


def test_a_mean_of_independent_items_has_the_usual_standard_error():
    sums = of_items([60, 80, 100])
    assert sums.mean[0] == 80
    # Sample variance 400, of three items: 400 / 3.
    assert sums.variance[0] == pytest.approx(400 / 3)


def test_items_of_one_cluster_count_as_little_as_they_are_worth():
    # Two agents whose conversations are all alike: 2 values, however many conversations.
    sums = ClusterSums.of(
        [0, 0], [50, 50], [50 * 60, 50 * 80], [50 * 3600, 50 * 6400], n_groups=1, together=True
    )
    assert (sums.n[0], sums.n_clusters[0], sums.mean[0]) == (100, 2, 70)
    # Of two clusters of one size: (10 ** 2 + 10 ** 2) * 2 / (2 ** 2).
    assert sums.variance[0] == pytest.approx(100)
    apart = ClusterSums.of([0, 0], [50, 50], [3000, 4000], [180_000, 320_000], n_groups=1)
    assert apart.variance[0] == pytest.approx(100 / 99)


def test_a_mean_where_nothing_varies_has_an_interval_all_the_same():
    (found,) = of_items([1.0] * 10).bounded(0.0, 1.0)
    assert found.value == found.high == 1.0
    t = 2.262  # Student's, 9 degrees of freedom
    assert found.low == pytest.approx(1 / (1 + t**2 / 10), abs=1e-3)


def test_one_cluster_has_no_interval():
    (found,) = of_items([80.0]).bounded(0.0, 100.0)
    assert found.value == 80
    assert not found.known
    assert not of_items([]).bounded(0.0, 1.0)[0].known


def test_a_share_of_many_has_wilsons_interval():
    n, hits = 2000, 300
    (found,) = of_items([1.0] * hits + [0.0] * (n - hits)).bounded(0.0, 1.0)
    known = wilson(hits, n)
    assert found.value == known.value
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=2e-4)


@given(
    values=st.lists(st.floats(0, 1), min_size=2, max_size=40),
    low=st.floats(-10, 10),
    width=st.floats(0.5, 100),
)
@settings(deadline=None, max_examples=60)
def test_an_interval_holds_its_mean_stays_inside_the_bounds_and_scales_with_them(
    values, low, width
):
    (unit,) = of_items(values).bounded(0.0, 1.0)
    assert 0 <= unit.low <= unit.value + 1e-12
    assert unit.value - 1e-12 <= unit.high <= 1
    (scaled,) = of_items([low + width * v for v in values]).bounded(low, low + width)
    assert scaled.value == pytest.approx(low + width * unit.value)
    # Nearly equal values lose digits in sums of squares; those of totals have two decimals.
    if np.var(values) > 1e-4:
        assert scaled.low == pytest.approx(low + width * unit.low, abs=0.01 * width)


def test_intervals_hold_the_truth_about_as_often_as_stated():
    rng = np.random.default_rng(3)
    n_groups, per_group = 2000, 12
    x = rng.beta(4, 2, size=(n_groups, per_group))
    sums = ClusterSums.of(
        np.arange(n_groups),
        np.full(n_groups, per_group),
        x.sum(axis=1),
        (x**2).sum(axis=1),
        n_groups=n_groups,
    )
    truth = 4 / 6
    held = np.mean([one.low <= truth <= one.high for one in sums.bounded(0.0, 1.0)])
    assert 0.93 < held < 0.97


def test_intervals_of_clustered_items_hold_the_truth_about_as_often_as_stated():
    rng = np.random.default_rng(4)
    n_groups, agents, calls = 1500, 15, 20
    centre = rng.beta(8, 4, size=(n_groups, agents))
    hits = rng.binomial(calls, centre).astype(float)
    sums = ClusterSums.of(
        np.repeat(np.arange(n_groups), agents),
        np.full(n_groups * agents, calls),
        hits.ravel(),
        hits.ravel(),
        n_groups=n_groups,
        together=True,
    )
    held = np.mean([one.low <= 8 / 12 <= one.high for one in sums.bounded(0.0, 1.0)])
    assert 0.92 < held < 0.97


def test_a_difference_of_means_is_welchs():
    from scipy.stats import ttest_ind

    rng = np.random.default_rng(5)
    a, b = rng.normal(0.6, 0.1, 14), rng.normal(0.5, 0.2, 25)
    sums = ClusterSums.of(
        [0, 1], [14, 25], [a.sum(), b.sum()], [(a**2).sum(), (b**2).sum()], n_groups=2
    )
    found = sums.difference(0, 1)
    known = ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert found.value == pytest.approx(a.mean() - b.mean())
    assert (found.low, found.high) == pytest.approx((known.low, known.high))
    assert found.n == 39


def test_a_difference_where_nothing_varies_has_no_interval():
    sums = ClusterSums.of([0, 1], [5, 5], [5, 0], [5, 0], n_groups=2)
    found = sums.difference(0, 1)
    assert found.value == 1
    assert math.isnan(found.low)
