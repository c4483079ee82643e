import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import expit

from autoqa.errors import DataError
from autoqa.evaluation.drivers.ordinal_regression import (
    _Problem,
    fit_cumulative_logit,
    fit_group_variance,
)


def answers(n=500, seed=0, groups=None, spread=0.0):
    """Four levels, slopes 1, -0.5 and 0."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    latent = x @ [1.0, -0.5, 0.0] + rng.logistic(size=n)
    if groups is not None:
        latent += spread * rng.normal(size=groups.max() + 1)[groups]
    return np.digitize(latent, [-1.0, 0.0, 1.5]), x


@pytest.mark.filterwarnings("ignore:Maximum Likelihood optimization failed to converge")
def test_the_fit_is_that_of_statsmodels():
    # The oracle stops a little short: its own gradient is numerical.
    ordinal_model = pytest.importorskip("statsmodels.miscmodels.ordinal_model")
    y, x = answers()
    mine = fit_cumulative_logit(y, x, n_levels=4)
    model = ordinal_model.OrderedModel(y, x, distr="logit")
    oracle = model.fit(method="newton", disp=0, tol=1e-12, maxiter=100)
    assert mine.converged
    assert mine.log_likelihood == pytest.approx(oracle.llf, abs=1e-9)
    np.testing.assert_allclose(mine.slopes, oracle.params[:3], atol=1e-6)
    np.testing.assert_allclose(
        mine.thresholds, model.transform_threshold_params(oracle.params[3:])[1:-1], atol=1e-6
    )
    np.testing.assert_allclose(np.sqrt(np.diag(mine.slope_covariance)), oracle.bse[:3], rtol=1e-4)


def test_the_score_is_zero_at_the_fit():
    y, x = answers()
    groups = np.arange(len(y)) % 9
    fit = fit_cumulative_logit(y, x, n_levels=4, penalty=0.5, groups=groups, group_penalty=2.0)
    problem = _Problem(y, x, 4, None, 0.5, groups, 2.0)
    gradient, _, by_group, _, _ = problem.derivatives(fit.thresholds, fit.slopes, fit.group_effects)
    assert max(abs(gradient).max(), abs(by_group).max()) < 1e-10


def test_the_derivatives_are_those_of_the_objective():
    y, x = answers(80)
    weights = np.random.default_rng(1).integers(1, 4, size=80)
    problem = _Problem(y, x, 4, weights, 0.3, None, 1.0)
    at = np.array([-1.2, 0.1, 1.0, 0.4, -0.2, 0.1])
    gradient, information, *_ = problem.derivatives(at[:3], at[3:], np.zeros(0))

    def score(point):
        return problem.derivatives(point[:3], point[3:], np.zeros(0))[0]

    by_differences = approx_fprime(at, lambda p: problem.objective(p[:3], p[3:], np.zeros(0)), 1e-7)
    np.testing.assert_allclose(gradient, by_differences, atol=2e-4)
    np.testing.assert_allclose(-information, approx_fprime(at, score, 1e-7), atol=2e-4)


def test_two_levels_are_logistic_regression():
    y, x = answers()
    fit = fit_cumulative_logit(y > 1, x, n_levels=2)
    p = expit(x @ fit.slopes - fit.thresholds[0])
    residual = (y > 1) - p
    assert abs(residual.sum()) < 1e-9  # the score equations of logistic regression
    np.testing.assert_allclose(x.T @ residual, 0, atol=1e-9)


def test_group_effects_are_those_of_penalised_dummies():
    y, x = answers(300)
    groups = np.random.default_rng(2).integers(12, size=300)
    grouped = fit_cumulative_logit(y, x, n_levels=4, groups=groups, group_penalty=3.0)
    dummies = np.hstack([x, np.eye(12)[groups]])
    dense = fit_cumulative_logit(
        y, dummies, n_levels=4, penalty=np.concatenate([np.zeros(3), np.full(12, 3.0)])
    )
    np.testing.assert_allclose(grouped.slopes, dense.slopes[:3], atol=1e-10)
    np.testing.assert_allclose(grouped.group_effects, dense.slopes[3:], atol=1e-10)
    np.testing.assert_allclose(
        grouped.group_uncertainty, np.diag(dense.slope_covariance)[3:], atol=1e-10
    )
    np.testing.assert_allclose(grouped.linear(x, groups), dense.linear(dummies), atol=1e-9)


def test_an_item_of_weight_two_is_two_items():
    y, x = answers(100)
    times = 1 + np.arange(100) % 2
    weighted = fit_cumulative_logit(y, x, n_levels=4, weights=times)
    repeated = fit_cumulative_logit(np.repeat(y, times), np.repeat(x, times, axis=0), n_levels=4)
    np.testing.assert_allclose(weighted.slopes, repeated.slopes, atol=1e-10)


def test_a_penalty_keeps_separated_data_finite():
    fit = fit_cumulative_logit([0, 0, 1, 1], [[0.0], [0.0], [1.0], [1.0]], n_levels=2, penalty=0.16)
    assert fit.converged
    assert 1 < fit.slopes[0] < 10


def test_a_level_that_nobody_used_is_refused():
    with pytest.raises(DataError, match=r"none at \[1\]"):
        fit_cumulative_logit([0, 2, 2], np.zeros((3, 1)), n_levels=3)


def test_a_far_tail_keeps_its_digits():
    # P(level 1) = expit(40) - expit(39) is 0 by plain subtraction, but log p is about -39.5.
    problem = _Problem([0, 1, 2], np.array([[0.0], [-39.0], [0.0]]), 3, None, 0.0, None, 1.0)
    found = problem.likelihood(np.array([0.0, 1.0]), np.array([1.0]), np.zeros(0))
    middle = np.log(np.exp(-39.0) - np.exp(-40.0))
    assert found == pytest.approx(np.log(0.5) + middle + np.log(expit(-1.0)), rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.0, 0.8])
def test_the_variance_of_the_groups_is_found(spread):
    # Mean of 10 simulations of 50 groups with 20 items each: bias below 0.1 of 0 and 0.64.
    groups = np.repeat(np.arange(50), 20)
    found = []
    for seed in range(10):
        y, x = answers(1000, seed, groups, spread)

        def fit(variance, start, y=y, x=x):
            return fit_cumulative_logit(
                y, x, n_levels=4, groups=groups, group_penalty=1 / variance, start=start
            )

        found.append(fit_group_variance(fit)[0])
    assert np.mean(found) == pytest.approx(spread**2, abs=0.1)
