import numpy as np
import pytest

from autoqa.evaluation.claims.base import Settings
from autoqa.evaluation.claims.components import component_shares, variance_components


def test_a_balanced_table_gives_the_components_of_its_analysis_of_variance():
    # Two groups of two: means 1 and 5, deviations 1. Mean squares: between 2 * (2**2 + 2**2) = 16
    # on 1 degree of freedom, within 4 / 2 = 2. Component between: (16 - 2) / 2 = 7.
    found = variance_components([0, 2, 4, 6], {"group": ["a", "a", "b", "b"]})
    assert found == {"group": pytest.approx(7.0), "within": pytest.approx(2.0)}


def test_two_crossed_factors_give_the_components_of_the_two_way_table():
    rng = np.random.default_rng(1)
    a, b, k = 5, 4, 3
    y = rng.normal(size=(a, 1, 1)) * 2 + rng.normal(size=(1, b, 1)) + rng.normal(size=(a, b, k))
    rows, columns, _ = np.indices(y.shape)
    grand = y.mean()
    ss_a = b * k * ((y.mean(axis=(1, 2)) - grand) ** 2).sum()
    ss_b = a * k * ((y.mean(axis=(0, 2)) - grand) ** 2).sum()
    error = (((y - grand) ** 2).sum() - ss_a - ss_b) / (y.size - a - b + 1)
    found = variance_components(y.ravel(), {"a": rows.ravel(), "b": columns.ravel()})
    assert found["within"] == pytest.approx(error, abs=1e-10)
    assert found["a"] == pytest.approx((ss_a / (a - 1) - error) / (b * k), abs=1e-10)
    assert found["b"] == pytest.approx((ss_b / (b - 1) - error) / (a * k), abs=1e-10)


def test_the_mean_and_the_order_of_conversations_do_not_matter():
    rng = np.random.default_rng(3)
    group, y = rng.integers(6, size=80), rng.normal(size=80)
    mixed = rng.permutation(80)
    one = variance_components(y, {"g": group})
    other = variance_components(y[mixed] + 1e3, {"g": group[mixed]})
    assert one["g"] == pytest.approx(other["g"], abs=1e-9)


def test_factors_that_make_the_same_groups_cannot_be_told_apart():
    group = np.repeat([0, 1, 2], 10)
    found = variance_components(np.random.default_rng(0).normal(size=30), {"a": group, "b": group})
    assert np.isnan(list(found.values())).all()


def unbalanced(rng, n=600):
    """Topics, and agents nested in teams, met unevenly."""
    topic, agent = rng.integers(8, size=n), np.minimum(rng.geometric(0.08, size=n), 20) - 1
    return {"topic": topic, "team": agent % 4, "agent": agent}


def test_components_are_unbiased_on_unbalanced_nested_and_crossed_data():
    # 400 draws of effects on one layout: planted 0.5, 0.2, 0.3 and 1; a component's own standard
    # error is below 0.02 of bias.
    rng = np.random.default_rng(4)
    factors = unbalanced(rng)
    planted = {"topic": 0.5, "team": 0.2, "agent": 0.3}
    sums = dict.fromkeys((*planted, "within"), 0.0)
    for _ in range(400):
        y = rng.normal(size=600)
        for name, variance in planted.items():
            y = y + rng.normal(scale=variance**0.5, size=20)[factors[name]]
        for name, value in variance_components(y, factors).items():
            sums[name] += value / 400
    assert sums["topic"] == pytest.approx(0.5, abs=0.06)
    assert sums["team"] == pytest.approx(0.2, abs=0.06)
    assert sums["agent"] == pytest.approx(0.3, abs=0.06)
    assert sums["within"] == pytest.approx(1.0, abs=0.02)


@pytest.mark.slow
def test_intervals_cover_the_split_among_these_topics_and_agents():
    # The target is what the estimator says of the expected outcomes plus known noise; 120 samples
    # of conversations tell a coverage of 95 % to within 4 points.
    rng = np.random.default_rng(5)
    factors = unbalanced(rng, n=800)
    signal = rng.normal(scale=0.7, size=8)[factors["topic"]]
    signal = signal + rng.normal(scale=0.4, size=20)[factors["agent"]]
    two = {name: factors[name] for name in ("topic", "agent")}
    exact = variance_components(signal, two)
    whole = sum(exact.values()) + 1.0
    target = (exact["topic"] - exact["agent"]) / whole
    hits = 0
    for sample in range(120):
        found = component_shares(
            signal + rng.normal(size=800),
            two,
            contrasts={"system": {"topic": 1.0, "agent": -1.0}},
            settings=Settings(n_resamples=60, seed=sample),
        )["system"]
        hits += found.low < target < found.high
    assert 0.90 <= hits / 120 <= 0.99


def test_shares_add_up_to_one_and_the_same_seed_gives_the_same_interval():
    rng = np.random.default_rng(6)
    factors = {"g": rng.integers(5, size=100)}
    y = rng.normal(size=100)
    one = component_shares(y, factors, settings=Settings(n_resamples=20))
    assert one["g"].value + one["within"].value == pytest.approx(1.0)
    assert one == component_shares(y, factors, settings=Settings(n_resamples=20))
