import math

import numpy as np
import pytest

from autoqa.errors import DataError, ScaleError
from autoqa.evaluation.agreement import (
    cohen_kappa,
    exact_agreement,
    gwet_ac1,
    gwet_ac2,
    icc,
    krippendorff_alpha,
    within_one,
)
from autoqa.evaluation.agreement_intervals import (
    Distortion,
    agreement_estimates,
    kappa_in_context,
)
from autoqa.evaluation.intervals import bootstrap

LEVELS = (1, 2, 3, 4)
NAN = math.nan


def ratings(n_raters, n_items, *, seed=0, gaps=0.0, noise=0.8):
    rng = np.random.default_rng(seed)
    truth = rng.normal(2.5, 1, size=n_items)
    given = np.clip(np.round(truth + rng.normal(0, noise, size=(n_raters, n_items))), 1, 4)
    given[rng.random(given.shape) < gaps] = NAN
    return given


def test_every_value_is_that_of_the_plain_coefficient():
    given = ratings(2, 80)
    found = agreement_estimates(given, levels=LEVELS, n_resamples=20)
    a, b = given
    expected = {
        "exact": exact_agreement(a, b, levels=LEVELS),
        "within_one": within_one(a, b, levels=LEVELS),
        "kappa": cohen_kappa(a, b, levels=LEVELS),
        "kappa_linear": cohen_kappa(a, b, levels=LEVELS, weights="linear"),
        "kappa_quadratic": cohen_kappa(a, b, levels=LEVELS, weights="quadratic"),
        "ac1": gwet_ac1(given, levels=LEVELS),
        "ac2_linear": gwet_ac2(given, levels=LEVELS, weights="linear"),
        "ac2_quadratic": gwet_ac2(given, levels=LEVELS),
    }
    expected |= {
        f"alpha_{level}": krippendorff_alpha(given, level=level)
        for level in ("nominal", "ordinal", "interval")
    }
    expected |= {
        f"icc({f})": icc(given, form=f) for f in ["1,1", "2,1", "3,1", "1,k", "2,k", "3,k"]
    }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-10), name


def test_values_with_gaps_are_those_of_the_plain_coefficients():
    given = ratings(4, 60, gaps=0.4)
    found = agreement_estimates(given, levels=LEVELS, n_resamples=5)
    assert "kappa" not in found  # of two raters only
    for name, value in {
        "ac1": gwet_ac1(given, levels=LEVELS),
        "ac2_quadratic": gwet_ac2(given, levels=LEVELS),
        "alpha_ordinal": krippendorff_alpha(given, level="ordinal"),
        "alpha_interval": krippendorff_alpha(given, level="interval"),
        "icc(2,1)": icc(given),
    }.items():
        assert found[name].value == pytest.approx(value, abs=1e-10), name
    assert found["exact"].n == int(((~np.isnan(given)).sum(axis=0) >= 2).sum())


def test_intervals_are_those_of_the_plain_bootstrap():
    given, clusters = ratings(2, 60), np.repeat(range(20), 3)
    found = agreement_estimates(given, levels=LEVELS, clusters=clusters, n_resamples=200)
    plain = bootstrap(lambda m: icc(m.T), given.T, clusters=clusters, n_resamples=200)
    assert found["icc(2,1)"].low == pytest.approx(plain.low, abs=1e-9)
    assert found["icc(2,1)"].high == pytest.approx(plain.high, abs=1e-9)
    assert found["icc(2,1)"].n_clusters == 20
    plain = bootstrap(
        lambda m: krippendorff_alpha(m.T, levels=LEVELS),
        given.T,
        clusters=clusters,
        n_resamples=200,
    )
    assert found["alpha_ordinal"].low == pytest.approx(plain.low, abs=1e-9)


@pytest.mark.slow
def test_intervals_of_alpha_and_icc_cover_their_value_in_the_population():
    population = ratings(3, 100_000, seed=1)
    alpha = krippendorff_alpha(population, level="interval")
    single = icc(population)
    covered, off = np.zeros(2), []
    for seed in range(150):
        found = agreement_estimates(
            ratings(3, 120, seed=100 + seed), levels=LEVELS, n_resamples=200, seed=seed
        )
        a, i = found["alpha_interval"], found["icc(2,1)"]
        covered += (a.low <= alpha <= a.high, i.low <= single <= i.high)
        off.append(a.value - alpha)
    assert (covered / 150 >= 0.90).all()  # 95 % nominal; 150 runs have a standard error of 1.8 %
    assert abs(np.mean(off)) < 0.01


def test_nothing_rated_twice_leaves_agreement_undefined():
    found = agreement_estimates([[1, NAN], [NAN, 2]], levels=LEVELS, n_resamples=5)
    assert math.isnan(found["exact"].value)
    assert found["exact"].n == 0


def test_wrong_shapes_and_levels_are_refused():
    with pytest.raises(DataError, match="matrix of shape"):
        agreement_estimates([1, 2], levels=LEVELS)
    with pytest.raises(DataError, match="1 clusters for 2 items"):
        agreement_estimates([[1, 2], [1, 2]], levels=LEVELS, clusters=["a"])
    with pytest.raises(ScaleError, match="Rating 9"):
        agreement_estimates([[1, 9], [1, 2]], levels=LEVELS)


def test_a_common_level_is_named_as_what_lowers_kappa():
    # Feinstein and Cicchetti (1990): 80 both, 10 and 5 apart, 5 neither; kappa .32, 85 % agree
    a = [1] * 90 + [0] * 10
    b = [1] * 80 + [0] * 10 + [1] * 5 + [0] * 5
    found = kappa_in_context(a, b, levels=(0, 1), n_resamples=100)
    assert found.kappa.value == pytest.approx(0.32, abs=0.005)
    assert found.pabak.value == pytest.approx(0.70)
    assert found.prevalence[1].value == pytest.approx(0.75)
    assert found.specific[1].value == pytest.approx(2 * 80 / (2 * 80 + 15))
    assert found.specific[0].value == pytest.approx(2 * 5 / (2 * 5 + 15))
    assert found.skewed
    assert "Level 1 dominates (prevalence index 0.75)" in str(found)


def test_unequal_use_of_a_level_is_named_as_what_raises_kappa():
    a = [1] * 60 + [0] * 40  # 25 both, 35 + 5 apart, 35 neither
    b = [1] * 25 + [0] * 35 + [1] * 5 + [0] * 35
    found = kappa_in_context(a, b, levels=(0, 1), n_resamples=50)
    assert not found.skewed
    assert "bias index" in str(found)
    even = kappa_in_context([0, 1] * 20, [0, 1] * 20, levels=(0, 1), n_resamples=50)
    assert "Neither prevalence nor bias" in str(even)


def test_pairs_with_weights_count_as_items():
    # Item 2 was rated by two people, who count half each: 2 items, not 3.
    found = kappa_in_context([0, 1, 1], [0, 1, 0], levels=(0, 1), weights=[1, 0.5, 0.5])
    assert found.exact.value == pytest.approx((1 + 0.5) / 2)
    assert found.exact.n == 2


@pytest.mark.parametrize(
    ("a", "b", "distortion"),
    [
        ([0] * 19 + [1], [0] * 18 + [1, 0], Distortion.PREVALENCE),
        ([0] * 10 + [1] * 10, [0] * 5 + [1] * 15, Distortion.BIAS),  # 5 of 20 more: 0.25
        ([0] * 10 + [1] * 10, [0] * 9 + [1] * 11, Distortion.NONE),
    ],
)
def test_what_distorts_kappa_is_named(a, b, distortion):
    assert kappa_in_context(a, b, levels=(0, 1), n_resamples=20).distortion is distortion
