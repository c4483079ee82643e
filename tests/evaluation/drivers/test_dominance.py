import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoqa.errors import DataError
from autoqa.evaluation.drivers import dominance
from autoqa.evaluation.drivers.dominance import shapley_r2


def data(seed=0, n=120, k=5):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, k)) @ rng.normal(size=(k, k))
    y = x @ rng.normal(size=k) + 3 * rng.normal(size=n)
    return x, y, rng.normal(size=(n, 2))


def r2(y, *columns):
    z = np.column_stack([np.ones(len(y)), *columns])
    left = y - z @ np.linalg.lstsq(z, y, rcond=None)[0]
    return 1 - left @ left / ((y - y.mean()) @ (y - y.mean()))


def over_all_orders(x, y, controls):
    k = x.shape[1]
    shares = np.zeros(k)
    orders = list(itertools.permutations(range(k)))
    for order in orders:
        for i, j in enumerate(order):
            before = r2(y, controls, x[:, order[:i]])
            shares[j] += r2(y, controls, x[:, order[: i + 1]]) - before
    return shares / len(orders)


def test_the_shares_are_the_mean_gains_over_all_orders():
    x, y, controls = data(k=4)
    shares, total = shapley_r2(x, y, controls=controls)
    np.testing.assert_allclose(shares, over_all_orders(x, y, controls), atol=1e-10)
    assert total == pytest.approx(r2(y, controls, x) - r2(y, controls), abs=1e-10)


def test_unrelated_predictors_get_their_own_r2():
    # Orthogonal columns: y = 2a + b, so 4 of 5 parts of the variation are a's.
    a, b = np.array([1, 1, -1, -1.0]), np.array([1, -1, 1, -1.0])
    shares, total = shapley_r2(np.column_stack([a, b]), 2 * a + b)
    np.testing.assert_allclose(shares, [0.8, 0.2], atol=1e-12)
    assert total == pytest.approx(1.0)


def test_twins_share_alike():
    x, y, _ = data(k=3)
    shares, total = shapley_r2(np.column_stack([x, x[:, 0]]), y)
    assert shares[0] == pytest.approx(shares[3], abs=1e-10)
    assert total == pytest.approx(r2(y, x), abs=1e-10)


def test_what_a_control_says_already_gets_nothing():
    x, y, controls = data(k=2)
    shares, _ = shapley_r2(np.column_stack([x, controls[:, 0]]), y, controls=controls)
    assert shares[2] == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 7))
def test_shares_are_not_negative_and_sum_to_the_models_total(seed, k):
    x, y, controls = data(seed, 40, k)
    shares, total = shapley_r2(x, y, controls=controls)
    assert shares.min() >= 0
    assert shares.sum() == pytest.approx(total)
    assert total == pytest.approx(r2(y, controls, x) - r2(y, controls), abs=1e-8)


def test_sampled_orders_come_near_and_sum_exactly(monkeypatch):
    x, y, controls = data(k=6)
    exact, total = shapley_r2(x, y, controls=controls)
    monkeypatch.setattr(dominance, "EXACT_UP_TO", 2)
    sampled, same = shapley_r2(x, y, controls=controls, n_orders=4000)
    assert same == pytest.approx(total, abs=1e-10)
    np.testing.assert_allclose(sampled, exact, atol=0.01)


def test_an_item_of_weight_two_is_two_items():
    x, y, controls = data()
    times = 1 + np.arange(len(y)) % 2
    repeated = shapley_r2(
        np.repeat(x, times, axis=0),
        np.repeat(y, times),
        controls=np.repeat(controls, times, axis=0),
    )
    np.testing.assert_allclose(
        shapley_r2(x, y, controls=controls, weights=times)[0], repeated[0], atol=1e-10
    )


def test_an_outcome_that_does_not_vary_has_nothing_to_share():
    shares, total = shapley_r2(np.eye(4)[:, :2], np.ones(4))
    assert np.isnan(shares).all()
    assert np.isnan(total)


def test_lengths_must_agree():
    with pytest.raises(DataError, match="do not go with 3 outcomes"):
        shapley_r2(np.ones((4, 2)), np.ones(3))
