import math

import numpy as np
import pytest
from scipy.stats import ttest_1samp, ttest_ind
from statsmodels.stats.multitest import multipletests

from autoqa.errors import DataError
from autoqa.evaluation.stability import mean_gaps as module
from autoqa.evaluation.stability.mean_gaps import (
    adjusted,
    finite_scores,
    mean_change,
    mean_gaps,
    resampling_units,
)


def test_without_clusters_the_p_value_is_welchs():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(1e6, 3, 40), rng.normal(1e6 + 1, 1, 90)])
    groups = np.repeat([0, 1], [40, 90])
    first, second = mean_gaps(values, groups, np.arange(130), n_groups=2, n_resamples=50)
    oracle = ttest_ind(values[:40], values[40:], equal_var=False)
    assert first.gap.value == pytest.approx(values[:40].mean() - values[40:].mean(), abs=1e-8)
    assert first.p_value == pytest.approx(oracle.pvalue, abs=1e-9)
    assert second.p_value == pytest.approx(first.p_value, abs=1e-12)
    assert (first.gap.n, first.gap.n_clusters, first.n_group, first.n_reference) == (
        130,
        130,
        40,
        90,
    )


def test_clusters_of_one_size_count_as_one_value_each():
    rng = np.random.default_rng(1)
    means = rng.normal(size=30)  # 12 agents in the group, 18 in the other; 5 alike calls each
    values, groups = np.repeat(means, 5), np.repeat([0, 1], [60, 90])
    found = mean_gaps(values, groups, np.repeat(np.arange(30), 5), n_groups=2, n_resamples=50)
    oracle = ttest_ind(means[:12], means[12:], equal_var=False)
    assert found[0].p_value == pytest.approx(oracle.pvalue, abs=1e-10)
    assert (found[0].clusters_group, found[0].clusters_reference) == (12, 18)


def test_a_reference_group_replaces_all_the_others():
    values, groups = np.array([0.0, 2, 10, 12, 100, 104]), np.array([0, 0, 1, 1, 2, 2])
    to_first = mean_gaps(values, groups, np.arange(6), n_groups=3, reference=0, n_resamples=20)
    assert [one.gap.value for one in to_first] == pytest.approx([0, 10, 101])
    to_others = mean_gaps(values, groups, np.arange(6), n_groups=3, n_resamples=20)
    assert to_others[0].gap.value == pytest.approx(1 - (11 + 102) / 2)


def test_an_empty_group_and_no_items_are_undefined():
    one, empty = mean_gaps([1.0, 2.0], np.array([0, 0]), [0, 1], n_groups=2, n_resamples=20)
    assert empty.n_group == 0
    assert math.isnan(empty.gap.value)
    assert math.isnan(one.p_value)  # nothing to compare with
    nothing = mean_gaps([], np.empty(0, np.int64), [], n_groups=1)[0]
    assert math.isnan(nothing.gap.value)


def test_the_mean_change_is_a_t_test_on_clusters():
    rng = np.random.default_rng(2)
    means = rng.normal(0.3, 1, 25)
    estimate, p_value = mean_change(np.repeat(means, 4), np.repeat(np.arange(25), 4))
    assert estimate.value == pytest.approx(means.mean(), abs=1e-12)
    assert (estimate.n, estimate.n_clusters) == (100, 25)
    assert p_value == pytest.approx(ttest_1samp(means, 0).pvalue, abs=1e-10)


def test_no_change_at_all_is_no_evidence_of_change():
    assert mean_change(np.zeros(10), np.arange(10))[1] == 1.0


def test_bundles_of_clusters_give_the_same_interval(monkeypatch):
    rng = np.random.default_rng(3)
    values, groups = rng.normal(size=4000), rng.integers(0, 2, 4000)
    whole = mean_gaps(values, groups, np.arange(4000), n_groups=2)[0].gap
    monkeypatch.setattr(module, "MOST_UNITS", 400)
    bundled = mean_gaps(values, groups, np.arange(4000), n_groups=2)[0].gap
    assert np.unique(resampling_units(np.arange(4000), 4000)).size == 400
    assert bundled.value == pytest.approx(whole.value, abs=1e-12)
    assert bundled.n_clusters == 4000
    # the spread of 400 units is known to 1 / sqrt(2 * 400) = 3.5 %; three times that
    assert bundled.high - bundled.low == pytest.approx(whole.high - whole.low, rel=0.11)


def test_p_values_are_adjusted_as_benjamini_and_hochberg_do():
    p_values = [0.001, 0.04, 0.03, 0.5, 0.011]
    oracle = multipletests(p_values, method="fdr_bh")[1]
    assert adjusted(p_values) == pytest.approx(oracle, abs=1e-12)
    with_gap = adjusted([0.01, math.nan, 0.02])  # an undefined one counts for nothing
    assert with_gap[::2] == pytest.approx([0.02, 0.02])
    assert math.isnan(with_gap[1])
    assert adjusted([]) == []


def test_a_score_that_is_no_number_is_named():
    with pytest.raises(DataError, match="c7: the score is nan"):
        finite_scores({"c1": 1.0, "c7": math.nan}, ["c1", "c7"])
