"""Heads: links, soft targets, and levels that nobody used."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_matrix

from autoqa.scorers.heads import Head

LINKS = ("ordinal", "multinomial", "gaussian")


def planted(n=400, *, levels=(0, 1, 2), seed=0):
    """One informative column of three; levels rise with it."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    latent = 2 * X[:, 0] + rng.logistic(size=n)
    cuts = np.quantile(latent, np.linspace(0, 1, len(levels) + 1)[1:-1])
    place = np.searchsorted(cuts, latent)
    return X, np.eye(len(levels))[place], np.array(levels, float)


def fitted(link, **planted_like):
    X, targets, levels = planted(**planted_like)
    return Head(link).fit(X, targets, levels, np.ones(len(X))), X, targets


@pytest.mark.parametrize("link", LINKS)
def test_probabilities_are_a_distribution_that_follows_the_planted_column(link):
    head, X, targets = fitted(link)
    p = head.probabilities(head.linear(X))
    assert p.shape == targets.shape
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)
    expected = p @ head.levels
    assert np.corrcoef(expected, X[:, 0])[0, 1] > 0.9
    assert (p.argmax(1) == targets.argmax(1)).mean() > 0.55  # a third by chance


@settings(max_examples=100, deadline=None)
@given(
    arrays(float, (4, 3), elements=st.floats(-20, 20)),
    st.floats(0.2, 7),
)
def test_ordinal_steps_never_cross_whatever_the_regressions_say(z, temperature):
    head = Head("ordinal")
    head.levels = np.arange(4.0)
    head.temperature = temperature
    p = head.probabilities(z)
    above = 1 - np.cumsum(p, axis=1)[:, :-1]
    assert (np.diff(above, axis=1) <= 1e-12).all()
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)


@pytest.mark.parametrize("link", LINKS)
def test_the_expected_level_rises_with_the_planted_column(link):
    head, _, _ = fitted(link)
    X = np.column_stack([np.linspace(-3, 3, 30), np.zeros(30), np.zeros(30)])
    expected = head.probabilities(head.linear(X)) @ head.levels
    assert (np.diff(expected) >= -1e-9).all()


@pytest.mark.parametrize("temperature", [1.0, 7.0])
@pytest.mark.parametrize("link", ["ordinal", "multinomial"])
@pytest.mark.parametrize("unused", [0, 1, 2])
def test_a_level_that_nobody_used_is_never_given(link, unused, temperature):
    X, two, _ = planted(levels=(0, 1))
    targets = np.insert(two, unused, 0.0, axis=1)
    head = Head(link).fit(X, targets, np.arange(3.0), np.ones(len(X)))
    head.temperature = temperature
    p = head.probabilities(head.linear(X))
    assert p[:, unused].max() < 1e-9
    assert (p.argmax(1) == targets.argmax(1)).mean() > 0.7


@pytest.mark.parametrize("link", LINKS)
def test_soft_targets_count_as_that_many_raters(link):
    """Three items rated 1, 1, 0 are one item with shares 1/3 and 2/3 and weight 3."""
    X, _, _ = planted(60)
    shares = np.tile([[1 / 3, 2 / 3], [1.0, 0.0]], (30, 1))
    soft = Head(link).fit(X, shares, np.arange(2.0), np.full(60, 3.0))
    single = np.concatenate(
        [np.eye(2)[[0, 1, 1]] if i % 2 == 0 else np.eye(2)[[0, 0, 0]] for i in range(60)]
    )
    hard = Head(link).fit(np.repeat(X, 3, axis=0), single, np.arange(2.0), np.ones(180))
    np.testing.assert_allclose(soft.weights, hard.weights, atol=1e-3)
    np.testing.assert_allclose(soft.intercept, hard.intercept, atol=1e-3)
    assert soft.spread == pytest.approx(hard.spread, abs=1e-6)


@pytest.mark.parametrize("link", ["ordinal", "multinomial"])
def test_the_sensitivity_is_the_slope_of_the_expected_level(link):
    head, X, _ = fitted(link)
    head.temperature = 1.5
    z = head.linear(X[:20])
    slope = head.sensitivity(z)
    for output in range(z.shape[1]):
        up, down = z.copy(), z.copy()
        up[:, output] += 1e-5
        down[:, output] -= 1e-5
        rise = (head.probabilities(up) - head.probabilities(down)) @ head.levels / 2e-5
        np.testing.assert_allclose(slope[:, output], rise, atol=1e-5)


def test_the_linear_part_of_the_gaussian_link_is_in_scale_units():
    head, X, _ = fitted("gaussian")
    assert head.sensitivity(head.linear(X)).tolist() == [[1.0]] * len(X)


@pytest.mark.parametrize("link", LINKS)
def test_sparse_features_give_the_same_head(link):
    X, targets, levels = planted(200)
    weights = np.ones(200)
    dense = Head(link).fit(X, targets, levels, weights)
    sparse = Head(link).fit(csr_matrix(X), targets, levels, weights)
    np.testing.assert_allclose(dense.weights, sparse.weights, atol=2e-2)


def test_unevenly_spaced_levels_are_distances_for_the_gaussian_link():
    head, X, targets = fitted("gaussian", levels=(0, 1, 10))
    assert head.linear(X)[:, 0].mean() == pytest.approx((targets @ [0, 1, 10]).mean())
