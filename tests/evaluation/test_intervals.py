import math
from functools import partial

import numpy as np
import pytest

from autoqa.errors import DataError
from autoqa.evaluation.agreement import quadratic_kappa
from autoqa.evaluation.intervals import (
    Estimate,
    bootstrap,
    bootstrap_many,
    bootstrap_tables,
    paired_difference,
)
from autoqa.evaluation.tables import kappa


def test_an_estimate_reads_well_and_stores_without_nan():
    estimate = Estimate(0.612, 0.55, 0.67, 952, 100)
    assert str(estimate) == "0.61 [0.55, 0.67], n=952"
    assert estimate.to_dict() == {"value": 0.612, "low": 0.55, "high": 0.67}
    assert estimate.to_dict(counts=True) == estimate.to_dict() | {"n": 952, "n_clusters": 100}
    alone = Estimate(0.5, math.nan, math.nan, 3, 1)
    assert str(alone) == "0.50 [no interval], n=3"
    assert alone.to_dict() == {"value": 0.5, "low": None, "high": None}
    assert str(Estimate(math.nan, math.nan, math.nan, 0, 0)) == "undefined, n=0"


def test_same_seed_same_interval():
    x = np.random.default_rng(1).normal(size=80)
    assert bootstrap(np.mean, x, seed=3) == bootstrap(np.mean, x, seed=3)
    assert bootstrap(np.mean, x, seed=3) != bootstrap(np.mean, x, seed=4)


def test_the_interval_of_a_mean_is_about_two_standard_errors_wide():
    x = np.random.default_rng(1).normal(size=400)
    found = bootstrap(np.mean, x)
    standard_error = x.std() / 20
    assert found.value == pytest.approx(x.mean())
    assert found.low == pytest.approx(x.mean() - 1.96 * standard_error, abs=0.02)
    assert found.high == pytest.approx(x.mean() + 1.96 * standard_error, abs=0.02)


def test_a_cluster_is_drawn_whole():
    # Two clusters with one value each: a resample's mean is 0, 1, or their mix by size.
    x, clusters = np.array([0.0, 1, 1, 1]), ["a", "b", "b", "b"]
    seen = set()
    bootstrap(lambda v: seen.add(round(float(v.mean()), 2)) or 0.0, x, clusters=clusters)
    assert seen == {0.0, 0.75, 1.0}


def test_repeated_items_do_not_narrow_a_clustered_interval():
    x = np.random.default_rng(2).normal(size=50)
    ten_times, clusters = np.repeat(x, 10), np.repeat(np.arange(50), 10)
    single, repeated = bootstrap(np.mean, x), bootstrap(np.mean, ten_times, clusters=clusters)
    assert (repeated.low, repeated.high) == pytest.approx((single.low, single.high))
    assert (repeated.n, repeated.n_clusters) == (500, 50)
    naive = bootstrap(np.mean, ten_times)
    assert naive.high - naive.low < 0.5 * (repeated.high - repeated.low)


def test_one_cluster_gives_a_value_without_interval():
    found = bootstrap(np.mean, [1.0, 2.0], clusters=["a", "a"])
    assert found.value == 1.5
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_undefined_resamples_are_dropped_and_counted_until_there_are_too_many():
    def undefined_below(share, values):
        return math.nan if values.mean() < share else float(values.mean())

    x = np.r_[np.zeros(50), np.ones(50)]
    few = bootstrap(partial(undefined_below, 0.42), x)
    assert 0 < few.dropped < 200
    assert few.known
    many = bootstrap(partial(undefined_below, 0.5), x)
    assert many.value == 0.5
    assert many.dropped > 200
    assert not many.known


def test_arrays_of_different_length_are_refused():
    with pytest.raises(DataError, match="one length"):
        bootstrap(np.dot, [1, 2], [1])
    with pytest.raises(DataError, match="one length"):
        bootstrap(np.mean, [1, 2], clusters=["a"])
    with pytest.raises(DataError, match="at least one array"):
        bootstrap(lambda: 0.0)


def test_several_figures_share_their_resamples():
    x = np.random.default_rng(5).normal(size=60)
    found = bootstrap_many(lambda v: {"mean": v.mean(), "twice": 2 * v.mean()}, x)
    assert found["twice"].low == pytest.approx(2 * found["mean"].low)


def test_tables_give_the_bootstrap_of_the_items():
    rng = np.random.default_rng(6)
    a, clusters = rng.integers(0, 3, 120), rng.integers(0, 30, 120)
    b = np.where(rng.random(120) < 0.6, a, rng.integers(0, 3, 120))
    slow = bootstrap(
        partial(quadratic_kappa, levels=(0, 1, 2)), a, b, clusters=clusters, n_resamples=300
    )
    fast = bootstrap_tables(
        {"kappa": kappa}, a * 3 + b, shape=(3, 3), clusters=clusters, n_resamples=300
    )["kappa"]
    assert (fast.value, fast.low, fast.high) == pytest.approx((slow.value, slow.low, slow.high))
    assert (fast.n, fast.n_clusters) == (slow.n, slow.n_clusters)


def test_a_table_without_entries_is_undefined():
    found = bootstrap_tables({"kappa": kappa}, [], shape=(2, 2), clusters=[])["kappa"]
    assert found.n == 0
    assert math.isnan(found.value)


def test_a_paired_difference_is_tighter_than_two_intervals():
    rng = np.random.default_rng(8)
    truth = rng.normal(size=200)
    shared = rng.normal(size=200)  # an error that both raters make
    a, b = truth + shared, truth + shared + 0.2 * rng.normal(size=200)

    def correlation(t, x):
        return float(np.corrcoef(t, x)[0, 1])

    gap = paired_difference(correlation, a, b, truth)
    of_a, of_b = bootstrap(correlation, truth, a), bootstrap(correlation, truth, b)
    assert gap.value == pytest.approx(of_a.value - of_b.value)
    assert gap.high - gap.low < 0.5 * (of_a.high - of_a.low)
    assert paired_difference(correlation, a, a, truth).high == 0.0


@pytest.mark.slow
def test_95_percent_intervals_of_kappa_hold_the_truth_about_95_percent_of_the_time():
    rng = np.random.default_rng(11)
    # b repeats a with chance 0.6, otherwise it is drawn anew: kappa is 0.6 for every weighting.
    # Items come in conversations of four that share whether b repeats.
    held = 0
    for _ in range(300):
        clusters = np.repeat(np.arange(60), 4)
        a, fresh = rng.integers(0, 3, 240), rng.integers(0, 3, 240)
        b = np.where((rng.random(60) < 0.6)[clusters], a, fresh)
        found = bootstrap_tables(
            {"kappa": kappa}, a * 3 + b, shape=(3, 3), clusters=clusters, n_resamples=400
        )["kappa"]
        held += found.low <= 0.6 <= found.high
    assert 0.90 <= held / 300 <= 0.98


def test_a_turned_estimate_swaps_the_ends_of_its_interval():
    assert -Estimate(-3.1, -6.3, -0.1, 100, 24) == Estimate(3.1, 0.1, 6.3, 100, 24)
