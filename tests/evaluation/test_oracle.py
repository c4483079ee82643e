from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoqa.errors import DataError, ScaleError
from autoqa.evaluation.classification import CLASSIFICATION_METRICS
from autoqa.evaluation.oracle import (
    best_answers,
    class_probabilities,
    dirichlet_strength,
    oracle_macro_f1,
)

macro_f1 = CLASSIFICATION_METRICS["macro_f1"]
LEVELS = (1, 2, 3, 4, 5)
MEAN = np.array([0.05, 0.2, 0.4, 0.25, 0.1])
ALWAYS_THREE = np.eye(5, dtype=int)[[2]] * 3


def class_of(mean):
    """Below, at or above 3."""
    return 1 if abs(mean - 3) < 1e-9 else 2 * int(mean > 3)


def of_sum(n):
    """The class of n ratings by their sum as positions: 0 to 4 n, its middle 2 n."""
    return {n: np.eye(3)[[0] * (2 * n) + [1] + [2] * (2 * n)]}


def items(rng, n_items, n_ratings, strength):
    """Items with a known distribution each, and how they were rated: (distributions, counts)."""
    true = rng.dirichlet(strength * MEAN, n_items)
    return true, rng.multinomial(n_ratings, true)


def reached(true, n_ratings, rng):
    """Macro-F1 of answers that are best for the distributions, on classes drawn from them."""
    chances = class_probabilities(true, np.full(len(true), n_ratings), of_sum(n_ratings))
    truth = rng.multinomial(1, chances)
    return float(macro_f1(truth.T.astype(float) @ best_answers(chances)))


def estimated(counts, **options):
    return oracle_macro_f1(counts, LEVELS, class_of, **{"n_redraws": 40, **options})


def test_chances_of_classes_by_hand():
    # Two ratings of 2, 3 or 4, a quarter, a half and a quarter. The mean is at the middle for
    # 2 4, 4 2 and 3 3: 1/16 + 1/16 + 1/4.
    shares = np.array([[0, 0.25, 0.5, 0.25, 0]])
    found = class_probabilities(shares, np.array([2]), of_sum(2))
    assert found == pytest.approx(np.array([[5 / 16, 6 / 16, 5 / 16]]), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.01, 1), min_size=5, max_size=5), st.integers(1, 5))
def test_chances_of_classes_are_those_of_all_ways_to_rate(weights, n):
    shares = np.array(weights) / sum(weights)
    expected = np.zeros(3)
    for ratings in itertools.product(range(5), repeat=n):
        expected[class_of(1 + sum(ratings) / n)] += math.prod(shares[list(ratings)])
    found = class_probabilities(shares[None], np.array([n]), of_sum(n))[0]
    assert found == pytest.approx(expected, abs=1e-10)


def test_items_with_fewer_ratings_have_chances_of_their_own():
    shares = np.array([[0, 0.5, 0, 0.5, 0]] * 2)
    found = class_probabilities(shares, np.array([1, 2]), of_sum(1) | of_sum(2))
    assert found == pytest.approx(np.array([[0.5, 0, 0.5], [0.25, 0.5, 0.25]]), abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_answers_are_as_good_as_the_best_of_all_combinations(seed):
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(rng.choice([0.3, 1, 5]) * np.ones(3), 7)
    every = np.eye(3)[np.array(list(itertools.product(range(3), repeat=7)))]
    best = macro_f1(np.einsum("ik,aij->akj", chances, every)).max()
    assert macro_f1(chances.T @ best_answers(chances)) > best - 0.001


def test_a_rare_class_is_answered_although_it_is_never_likeliest():
    # Always 0 finds 80 of 80 with 100 answers: F1 of 160 / 180 and 0, on average .44.
    chances = np.array([[1.0, 0.0]] * 50 + [[0.6, 0.4]] * 50)
    answers = best_answers(chances)
    assert answers.argmax(axis=1).tolist() == [0] * 50 + [1] * 50
    # Here 0 finds 50 of 80 with 50 answers, and 1 finds 20 of 20 with 50: on average .67.
    assert macro_f1(chances.T @ answers) == pytest.approx((100 / 130 + 40 / 70) / 2)


def test_between_items_that_are_all_alike_a_coin_decides():
    chances = np.full((30, 3), 1 / 3)
    # One answer throughout has F1 of 1/2, 0 and 0; each answer a third of the time, 1/3 each.
    assert macro_f1(chances.T @ best_answers(chances)) == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize("strength", [1.0, 5.0, 20.0])
def test_strength_is_found_again(strength):
    rng = np.random.default_rng(3)
    found = [dirichlet_strength(items(rng, 1500, 4, strength)[1]) for _ in range(8)]
    assert np.mean(found) == pytest.approx(strength, rel=0.1)


def test_strength_is_that_of_the_likeliest_beta_binomial():
    # Two people agree on a level that either has half of with (strength / 2 + 1) / (strength + 1):
    # 3/4, as often as here, at a strength of 1.
    counts = [[2, 0]] * 3 + [[0, 2]] * 3 + [[1, 1]] * 2
    assert dirichlet_strength(counts) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("strength", [1.0, 4.0])
def test_the_estimate_is_right_on_average_where_its_model_holds(strength):
    rng = np.random.default_rng(5)
    known, found = [], []
    for _ in range(15):
        true, counts = items(rng, 600, 3, strength)
        known.append(reached(true, 3, rng))
        found.append(estimated(counts, n_redraws=5).value)
    assert np.mean(found) == pytest.approx(np.mean(known), abs=0.015)


def test_raters_own_shares_would_say_too_much_and_posterior_means_too_little():
    rng = np.random.default_rng(6)
    true, counts = items(rng, 3000, 3, 4.0)
    known = reached(true, 3, rng)
    means = (counts + 4.0 * MEAN) / 7
    assert reached(counts / 3, 3, rng) > known + 0.1
    assert reached(means, 3, rng) < known - 0.05
    assert estimated(counts, n_redraws=5).value == pytest.approx(known, abs=0.03)


def test_the_range_holds_the_ceiling_of_the_source():
    rng = np.random.default_rng(7)
    ceiling = reached(items(rng, 20_000, 3, 3.0)[0], 3, rng)
    found = [estimated(items(rng, 200, 3, 3.0)[1]) for _ in range(25)]
    assert np.mean([one.low <= ceiling <= one.high for one in found]) >= 0.9


def test_clusters_widen_the_range_where_items_of_one_are_alike():
    rng = np.random.default_rng(8)
    kinds = rng.dirichlet(0.5 * MEAN, 12)
    counts = np.concatenate([rng.multinomial(3, kind, size=30) for kind in kinds])
    alone, together = (
        estimated(counts, clusters=clusters, n_redraws=100)
        for clusters in (None, np.repeat(np.arange(12), 30))
    )
    assert together.high - together.low > alone.high - alone.low
    assert (alone.n, alone.n_clusters, together.n_clusters) == (360, 360, 12)
    assert alone.value == together.value


def test_the_same_seed_gives_the_same_figure():
    counts = items(np.random.default_rng(9), 50, 4, 3.0)[1]
    assert estimated(counts, seed=1) == estimated(counts, seed=1) != estimated(counts, seed=2)


def test_one_cluster_has_no_range():
    found = estimated(np.array([[1, 2, 0, 0, 0], [0, 0, 0, 1, 2]]), clusters=["a", "a"])
    assert math.isfinite(found.value)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


@pytest.mark.parametrize(
    ("counts", "levels", "error", "said"),
    [
        (ALWAYS_THREE, (1, 2, 3, 4, 6), ScaleError, "even steps, not 1, 2, 3, 4, 6"),
        (ALWAYS_THREE, (5, 4, 3, 2, 1), ScaleError, "ascend"),
        (ALWAYS_THREE, (1, 2, 3), DataError, r"3 levels for counts of shape \(1, 5\)"),
        (np.zeros((1, 5), int), LEVELS, DataError, "leave out those without"),
        (np.eye(5, dtype=int), LEVELS, DataError, "No item has two ratings"),
    ],
)
def test_counts_that_cannot_be_used_are_named(counts, levels, error, said):
    with pytest.raises(error, match=said):
        oracle_macro_f1(counts, levels, class_of)
