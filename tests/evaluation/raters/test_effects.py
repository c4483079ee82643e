import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from autoqa.errors import DataError
from autoqa.evaluation.raters.effects import fit_rater_effects
from autoqa.evaluation.raters.rating_table import RatingTable


def simulated(n_items, n_raters, per_item, *, seed, rater_sd=0.5, noise=0.7, severity=None):
    rng = np.random.default_rng(seed)
    item = np.repeat(np.arange(n_items), per_item)
    rater = np.concatenate([rng.choice(n_raters, per_item, replace=False) for _ in range(n_items)])
    own = rng.normal(0, rater_sd, n_raters) if severity is None else severity
    value = 3 + rng.normal(0, 1, n_items)[item] + own[rater] + rng.normal(0, noise, len(item))
    table = RatingTable.from_arrays(
        [f"i{i:05d}" for i in item], [f"r{j:03d}" for j in rater], value
    )
    return table, own


def test_variances_effects_and_likelihood_are_statsmodels():
    table, _ = simulated(40, 6, 3, seed=1)
    ours = fit_rater_effects(table)
    frame = pd.DataFrame({"y": table.value, "i": table.item, "r": table.rater, "g": 1})
    theirs = smf.mixedlm(
        "y ~ 1", frame, groups="g", vc_formula={"i": "0 + C(i)", "r": "0 + C(r)"}
    ).fit(reml=True)
    assert ours.mean == pytest.approx(theirs.params["Intercept"], abs=1e-5)
    assert (ours.item_sd, ours.rater_sd) == pytest.approx(np.sqrt(theirs.vcomp), abs=1e-4)
    assert ours.residual_sd == pytest.approx(np.sqrt(theirs.scale), abs=1e-4)
    assert ours.log_likelihood == pytest.approx(theirs.llf, abs=1e-6)
    assert ours.log_likelihood >= theirs.llf - 1e-9
    effects = [theirs.random_effects[1][f"r[C(r)[{j}]]"] for j in range(6)]
    np.testing.assert_allclose(ours.effect, effects, atol=1e-4)


def test_effects_solve_the_full_mixed_model_equations():
    table, _ = simulated(25, 5, 2, seed=2)
    fit = fit_rater_effects(table)
    n, n_items = len(table.value), len(table.keys)
    design = np.zeros((n, 1 + n_items + 5))
    design[:, 0] = 1
    design[np.arange(n), 1 + table.item] = 1
    design[np.arange(n), 1 + n_items + table.rater] = 1
    noise = fit.residual_sd**2
    prior = np.concatenate(
        [[0], np.full(n_items, noise / fit.item_sd**2), np.full(5, noise / fit.rater_sd**2)]
    )
    inverse = np.linalg.inv(design.T @ design + np.diag(prior))
    solved = inverse @ design.T @ table.value
    assert fit.mean == pytest.approx(solved[0], abs=1e-10)
    np.testing.assert_allclose(fit.item_effect, solved[1 : 1 + n_items], atol=1e-10)
    np.testing.assert_allclose(fit.effect, solved[1 + n_items :], atol=1e-10)
    left = np.sqrt(noise * np.diag(inverse)[1 + n_items :])
    np.testing.assert_allclose(fit.effect_sd, left, atol=1e-10)


def test_what_the_others_say_of_an_item_leaves_the_own_rating_out():
    table, _ = simulated(30, 5, 3, seed=3)
    fit = fit_rater_effects(table)
    ratio = fit.residual_sd**2 / fit.item_sd**2
    residual = table.value - fit.mean - fit.effect[table.rater]
    first = np.flatnonzero(table.item == table.item[0])
    expected = residual[first[1:]].sum() / (2 + ratio)
    assert fit.without_own[first[0]] == pytest.approx(expected, abs=1e-9)


def test_severity_is_free_of_which_items_a_rater_got():
    # ann rates the ten good items, bo the ten poor ones, cy all of them; nobody is severe
    good, poor = [f"g{i}" for i in range(10)], [f"p{i}" for i in range(10)]
    rng = np.random.default_rng(4)
    items = good + poor + good + poor
    raters = ["ann"] * 10 + ["bo"] * 10 + ["cy"] * 20
    values = np.array([5.0] * 10 + [1.0] * 10 + [5.0] * 10 + [1.0] * 10) + rng.normal(0, 0.1, 40)
    fit = fit_rater_effects(RatingTable.from_arrays(items, raters, values))
    assert np.abs(fit.effect).max() < 0.15


def test_planted_severity_is_recovered_without_bias_and_intervals_cover():
    """20 runs of 12 raters: no bias, and 95 % intervals cover 90-99 % of planted severities."""
    off, covered, sds = [], [], []
    for seed in range(20):
        table, own = simulated(150, 12, 3, seed=100 + seed)
        fit = fit_rater_effects(table)
        error = fit.effect - own
        off.append(error.mean())
        covered.append(np.abs(error) <= 1.96 * fit.effect_sd)
        sds.append(fit.rater_sd)
    assert (
        abs(np.mean(off)) < 0.06
    )  # the average rater of a run is not at 0: sd 0.5 / sqrt(12 * 20)
    assert 0.90 <= np.mean(covered) <= 0.99
    assert np.mean(sds) == pytest.approx(0.5, abs=0.06)


def test_unshrunken_severity_is_unbiased_beside_the_average_of_the_others():
    severity = np.array([-1.0, *[0.0] * 9])
    found = [
        fit_rater_effects(simulated(100, 10, 2, seed=s, severity=severity)[0]) for s in range(40)
    ]
    unshrunken = np.mean([f.unshrunken for f in found], axis=0)
    assert unshrunken[0] == pytest.approx(-1.0, abs=0.1)  # standard error 0.035
    assert unshrunken[1:].mean() == pytest.approx(1 / 9, abs=0.05)  # the others: eight 0, one -1
    assert unshrunken[0] < np.mean([f.effect[0] for f in found])


def test_without_differences_among_raters_severity_shrinks_to_nothing():
    table, _ = simulated(200, 8, 2, seed=5, rater_sd=0.0)
    fit = fit_rater_effects(table)
    assert fit.rater_sd < 0.12
    assert np.abs(fit.effect).max() < 0.1


def test_too_little_data_is_refused():
    with pytest.raises(DataError, match="2 ratings of 1 items by 2 raters"):
        fit_rater_effects(RatingTable.from_arrays(["a", "a"], ["x", "y"], [1, 2]))
    with pytest.raises(DataError, match="All ratings are the same"):
        fit_rater_effects(RatingTable.from_arrays(list("aabb"), list("xyxy"), [1, 1, 1, 1]))
