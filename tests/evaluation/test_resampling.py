import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array

from autoqa.evaluation import resampling, tables
from autoqa.evaluation.agreement_intervals import agreement_estimates
from autoqa.evaluation.intervals import (
    bootstrap,
    bootstrap_many,
    bootstrap_mean,
    bootstrap_tables,
    cluster_codes,
)
from autoqa.evaluation.resampling import MOST_CELLS, blocks, draws, kinds_of


def of_table(n=90, seed=1, **more):
    rng = np.random.default_rng(seed)
    return bootstrap_tables(
        {"kappa": tables.kappa, "exact": tables.exact},
        rng.integers(0, 9, n),
        shape=(3, 3),
        clusters=np.arange(n) // 3,
        weights=rng.random(n),
        n_resamples=200,
        **more,
    )


@pytest.mark.parametrize("cells", [1, 40, 1000, 2**30])
def test_how_much_is_drawn_at_a_time_does_not_change_figures(monkeypatch, cells):
    x, clusters = np.arange(60.0), np.arange(60) // 2
    usual = of_table(), bootstrap_many(lambda v: {"m": v.mean()}, x, clusters=clusters)
    monkeypatch.setattr(resampling, "MOST_CELLS", cells)
    assert (of_table(), bootstrap_many(lambda v: {"m": v.mean()}, x, clusters=clusters)) == usual


def test_draws_are_those_of_one_call_of_the_generator(monkeypatch):
    whole = np.random.default_rng(7).integers(11, size=(300, 11))
    monkeypatch.setattr(resampling, "MOST_CELLS", 50)
    found = list(draws(np.random.default_rng(7), 11, 300))
    assert {len(block) for block in found} == {4}  # 4 x 11 fit into 50
    np.testing.assert_array_equal(np.concatenate(found), whole)


@given(st.integers(1, 3000), st.integers(0, 5 * MOST_CELLS))
@settings(max_examples=60)
def test_no_more_is_worked_out_at_a_time_than_the_bound_allows(n_resamples, width):
    found = list(blocks(n_resamples, width))
    assert sum(found) == n_resamples
    assert all(rows == 1 or rows * width <= MOST_CELLS for rows in found)


def test_the_widest_array_drawn_stays_within_the_bound(monkeypatch):
    monkeypatch.setattr(resampling, "MOST_CELLS", 1000)
    sizes = []
    summed = resampling._summed

    def spy(per_cluster, times):
        sizes.append(times.size)
        return summed(per_cluster, times)

    monkeypatch.setattr(resampling, "_summed", spy)
    of_table(n=300)
    assert sum(sizes) == 200 * 100  # every resample draws as many clusters as there are
    assert max(sizes) <= 1000


def sparse(*columns):
    """Clusters as columns, each a mapping of cell to what it adds."""
    entries = [(v, cell, i) for i, column in enumerate(columns) for cell, v in column.items()]
    values, cells, at = zip(*entries, strict=True)
    return coo_array((np.array(values, dtype=float), (cells, at)), shape=(4, len(columns))).tocsr()


def test_clusters_that_add_the_same_are_one_kind():
    three = ({0: 1.0}, {0: 1.0, 3: 0.5}, {1: 1.0})
    per_kind, shares = kinds_of(sparse(*(three[i % 3] for i in range(60)), *[three[0]] * 20))
    columns = {tuple(column) for column in per_kind.toarray().T}
    assert columns == {(1, 0, 0, 0), (1, 0, 0, 0.5), (0, 1, 0, 0)}
    assert sorted(shares) == [0.25, 0.25, 0.5]


def test_clusters_that_hardly_repeat_are_left_alone():
    assert kinds_of(sparse(*({0: float(i)} for i in range(80)))) is None


@pytest.mark.parametrize("cell", [{0: 1.0}, {1: 2.0}, {0: 1.0, 1: 1.0}])
def test_kinds_are_not_trusted_to_a_hash(monkeypatch, cell):
    zero = np.uint64(0)
    monkeypatch.setattr(resampling, "_MIX", (zero, zero, zero))  # everything mixes to 0
    assert kinds_of(sparse(*[{0: 1.0}] * 40, *[cell] * 40)) is None or cell == {0: 1.0}


def test_kinds_give_the_law_of_the_plain_bootstrap(monkeypatch):
    rng = np.random.default_rng(3)
    panel = rng.integers(0, 3, (2, 3000)).astype(float)
    panel[1] = np.where(rng.random(3000) < 0.7, panel[0], panel[1])
    panel[1, rng.random(3000) < 0.1] = np.nan
    asked = {"levels": (0, 1, 2), "n_resamples": 4000}
    plain = agreement_estimates(panel, **asked)
    monkeypatch.setattr(resampling, "MANY_CLUSTERS", 0)
    by_kind = agreement_estimates(panel, **asked)
    assert by_kind != plain
    for name, found in plain.items():
        width = found.high - found.low
        assert by_kind[name].value == pytest.approx(found.value)
        # The ends of 4,000 resamples scatter by about 1.5 % of the width.
        assert by_kind[name].low == pytest.approx(found.low, abs=0.07 * width)
        assert by_kind[name].high == pytest.approx(found.high, abs=0.07 * width)
        assert (by_kind[name].n, by_kind[name].n_clusters) == (found.n, found.n_clusters)


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=40), st.integers(0, 10**6))
def test_cluster_codes_follow_sorted_names_counted_or_sorted(names, far):
    for given_names in (names, [*names, far], [str(name) for name in names]):
        codes, n = cluster_codes(given_names)
        expected = np.unique(given_names, return_inverse=True)
        assert n == len(expected[0])
        np.testing.assert_array_equal(codes, expected[1])


def test_the_bootstrap_of_a_mean_is_that_of_the_items():
    rng = np.random.default_rng(4)
    x, clusters = rng.normal(size=90), rng.integers(0, 30, 90).astype(str)
    for units in (clusters, None):
        slow, fast = bootstrap(np.mean, x, clusters=units), bootstrap_mean(x, clusters=units)
        assert (fast.value, fast.low, fast.high) == pytest.approx((slow.value, slow.low, slow.high))
        assert (fast.n, fast.n_clusters) == (slow.n, slow.n_clusters)
    assert np.isnan(bootstrap_mean([]).value)
