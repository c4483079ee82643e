import math

import numpy as np
import pytest
from scipy.stats import chi2

from autoqa.errors import DataError
from autoqa.evaluation.stability.population_stability import (
    MISSING,
    UNSEEN,
    population_stability,
)


def test_the_index_is_the_textbook_sum():
    found = population_stability(["a"] * 60 + ["b"] * 40, ["a"] * 30 + ["b"] * 70)
    # half a count is added to each bin
    before, now = np.array([60.5, 40.5]) / 101, np.array([30.5, 70.5]) / 101
    assert found.value == pytest.approx(((now - before) * np.log(now / before)).sum())
    assert found.bins == (("a", 0.6, 0.3), ("b", 0.4, 0.7))
    assert (found.n_reference, found.n_current) == (100, 100)
    assert found.p_value < 0.001
    assert found.beyond_noise.low > 0


def test_the_chi_square_approximation_is_the_published_one():
    before, now = ["a"] * 500 + ["b"] * 300 + ["c"] * 200, ["a"] * 240 + ["b"] * 150 + ["c"] * 110
    found = population_stability(before, now, null="chi-square")
    noise = 1 / 1000 + 1 / 500
    assert found.expected == pytest.approx(2 * noise)
    assert found.critical == pytest.approx(chi2.isf(0.05, 2) * noise)
    assert found.p_value == pytest.approx(chi2.sf(found.value / noise, 2))
    # dealing anew agrees with it where bins are large
    dealt = population_stability(before, now)
    assert dealt.expected == pytest.approx(found.expected, rel=0.1)
    assert dealt.critical == pytest.approx(found.critical, rel=0.1)
    assert dealt.p_value == pytest.approx(found.p_value, abs=0.04)


def test_numbers_fall_between_the_quantiles_of_the_reference():
    found = population_stability(np.arange(1, 101), np.arange(51, 151), n_bins=4)
    assert [label for label, *_ in found.bins] == ["up to 25", "25 to 50", "50 to 75", "above 75"]
    assert [before for _, before, _ in found.bins] == [0.25] * 4
    assert [now for *_, now in found.bins] == [0, 0, 0.25, 0.75]


def test_few_different_numbers_have_a_bin_each():
    found = population_stability([0, 1, 2, 2], [0, 0, 1, 10])
    assert [label for label, *_ in found.bins] == ["0", "1", "2", UNSEEN]
    assert found.bins[-1] == (UNSEEN, 0.0, 0.25)
    large = population_stability([1000001, 1000002], [1000001, 1000001])
    assert [label for label, *_ in large.bins] == ["1000001", "1000002"]


def test_missing_values_are_a_bin_of_their_own():
    found = population_stability([1.0, 2.0, math.nan, 2.0], [1.0, math.nan, math.nan, 2.0])
    assert found.bins[-1] == (MISSING, 0.25, 0.5)
    texts = population_stability(["en", None], ["en", "es"])
    assert [label for label, *_ in texts.bins] == ["en", MISSING, UNSEEN]
    many = population_stability([*range(50), None], [*range(50), None])
    assert many.bins[-1][0] == MISSING


def test_a_constant_cannot_drift():
    found = population_stability([3, 3, 3], [3, 3])
    assert (found.value, found.p_value, found.beyond_noise.high) == (0.0, 1.0, 0.0)


def test_empty_samples_and_tables_are_refused():
    with pytest.raises(DataError, match="current sample is empty"):
        population_stability([1, 2], [])
    with pytest.raises(DataError, match="reference sample is empty"):
        population_stability([], [1, 2])
    with pytest.raises(DataError, match="1-D"):
        population_stability([[1, 2]], [1, 2])


@pytest.mark.slow
def test_without_drift_one_test_in_twenty_is_false():
    """400 pairs of samples of one skewed distribution, the second half the size of the first."""
    rng = np.random.default_rng(0)
    found = [
        population_stability(rng.gamma(2, 3, 300), rng.gamma(2, 3, 150), seed=seed)
        for seed in range(400)
    ]
    false = np.mean([one.p_value <= 0.05 for one in found])
    assert 0.05 - 0.022 <= false <= 0.05 + 0.022  # two standard errors: 2 sqrt(0.05 x 0.95 / 400)
    # the mean without drift is as announced, although the rule of thumb would call it no change
    assert np.mean([one.value for one in found]) == pytest.approx(
        np.mean([one.expected for one in found]), rel=0.07
    )
    # 2.5 % of the intervals claim a drift beyond noise
    assert np.mean([one.beyond_noise.low > 0 for one in found]) <= 0.025 + 0.016


@pytest.mark.slow
def test_the_interval_covers_a_planted_index():
    """400 pairs of samples whose true index is known: 0.0811."""
    rng = np.random.default_rng(1)
    before, now = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.3, 0.3, 0.22, 0.18])
    true = float(((now - before) * np.log(now / before)).sum())
    covered, values = 0, []
    for seed in range(400):
        first, second = (rng.choice(4, size=400, p=p) for p in (before, now))
        found = population_stability(first, second, null="chi-square", seed=seed)
        covered += found.beyond_noise.low <= true <= found.beyond_noise.high
        values.append(found.beyond_noise.value)
    assert covered / 400 == pytest.approx(0.95, abs=0.03)
    assert np.mean(values) == pytest.approx(true, rel=0.08)  # the noise is taken away


def test_a_million_values_are_no_burden():
    rng = np.random.default_rng(2)
    found = population_stability(rng.normal(size=500_000), rng.normal(0.02, 1, 500_000))
    assert found.p_value < 0.01
    assert found.value < 0.002  # certain, and far too small to matter
