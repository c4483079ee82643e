import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import kendalltau, spearmanr

from autoqa.evaluation import tables
from autoqa.evaluation.classification import auc, average_ranks, rank_codes, spearman

paired = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), min_size=3, max_size=60)


def counted(pairs):
    a, b = np.array(pairs).T
    table = np.zeros((7, 4))
    np.add.at(table, (a, b), 1)
    return a, b, table


@given(paired)
def test_rank_correlations_of_a_table_are_those_of_its_items(pairs):
    a, b, table = counted(pairs)
    assume(np.ptp(a) and np.ptp(b))
    assert tables.spearman(table) == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)
    assert tables.kendall_tau_b(table) == pytest.approx(kendalltau(a, b).statistic, abs=1e-12)


@given(paired)
def test_auc_of_a_table_is_that_of_its_items(pairs):
    a, b, table = counted(pairs)
    positive = np.arange(4) >= 2
    np.testing.assert_equal(float(tables.auc(table, positive)), auc(b >= 2, a))
    np.testing.assert_equal(float(tables.auc(table[::-1], positive)), auc(b >= 2, -a))


def test_tables_are_worked_out_one_by_one_in_a_stack():
    stack = np.random.default_rng(1).integers(0, 5, (4, 7, 4)).astype(float)
    for statistic in (tables.spearman, tables.kendall_tau_b):
        np.testing.assert_allclose(statistic(stack), [statistic(one) for one in stack])


def test_without_variance_rank_correlations_are_undefined():
    table = np.zeros((3, 2))
    table[1] = 4
    assert np.isnan(tables.spearman(table))
    assert np.isnan(tables.kendall_tau_b(table))
    assert np.isnan(tables.auc(table, np.array([True, True])))


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=30))
def test_codes_rank_as_their_values_do(values):
    codes = rank_codes(values)
    np.testing.assert_array_equal(average_ranks(codes), average_ranks(values))
    other = np.arange(len(values))[::-1] // 2
    np.testing.assert_equal(spearman(codes, other), spearman(values, other.astype(float)))
