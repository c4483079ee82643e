import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support, roc_auc_score

from autoqa.errors import DataError, ScaleError
from autoqa.evaluation.classification import (
    auc,
    average_ranks,
    characters,
    classification_estimates,
    classification_metrics,
    f1_binary,
    majority_metrics,
    spearman,
    token_f1,
    tokens_in_spans,
)

LABELS = ["bad", "fair", "good"]
labelled = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1)
tied = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3)


@given(labelled)
def test_metrics_are_scikit_learns_with_zero_for_nothing(pairs):
    truth, predicted = zip(*pairs, strict=True)
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, predicted, labels=LABELS, average="macro", zero_division=0
    )
    assert classification_metrics(truth, predicted, LABELS) == pytest.approx(
        {
            "accuracy": accuracy_score(truth, predicted),
            "macro_precision": precision,
            "macro_recall": recall,
            "macro_f1": f1,
        }
    )


def test_intervals_come_with_every_metric():
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 300)
    predicted = np.where(rng.random(300) < 0.5, truth, rng.integers(0, 3, 300))
    found = classification_estimates(
        truth, predicted, [0, 1, 2], clusters=np.arange(300) // 5, n_resamples=200
    )
    plain = classification_metrics(truth, predicted, [0, 1, 2])
    assert {name: e.value for name, e in found.items()} == pytest.approx(plain)
    assert all(e.low < e.value < e.high and e.n_clusters == 60 for e in found.values())


def test_the_majority_floor_gets_one_class_right():
    # 3 of 4 are good: accuracy 0.75, recall of good 1, mean over three classes 1/3
    floor = majority_metrics(["good", "good", "bad", "good"], LABELS)
    assert floor["accuracy"] == 0.75
    assert floor["macro_recall"] == pytest.approx(1 / 3)
    assert math.isnan(majority_metrics([], LABELS)["accuracy"])


def test_a_label_that_is_not_one_of_the_classes_is_named():
    with pytest.raises(ScaleError, match="'goood' is not one of bad, fair, good"):
        classification_metrics(["goood"], ["good"], LABELS)
    with pytest.raises(DataError, match="2 true labels but 1"):
        classification_metrics(["good", "bad"], ["good"], LABELS)


@given(tied)
def test_ranks_and_spearman_share_ties_as_scipy_does(pairs):
    a, b = np.array(pairs).T
    assert average_ranks(a) == pytest.approx(rankdata(a))
    if np.ptp(a) and np.ptp(b):
        assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)
    else:
        assert math.isnan(spearman(a, b))


def test_spearman_is_undefined_for_a_gap_or_a_single_item():
    assert math.isnan(spearman([1.0, math.nan, 2.0], [1, 2, 3]))
    assert math.isnan(spearman([1], [1]))
    with pytest.raises(DataError):
        spearman([1, 2], [1])


@given(tied)
def test_auc_counts_ties_half_as_scikit_learn_does(pairs):
    y, score = np.array([p[0] > 2 for p in pairs]), np.array([p[1] for p in pairs])
    if y.any() and not y.all():
        assert auc(y, score) == pytest.approx(roc_auc_score(y, score))
        assert auc(y, score) == pytest.approx(1 - auc(y, -score))
    else:
        assert math.isnan(auc(y, score))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1))
def test_binary_f1_is_scikit_learns(pairs):
    truth, predicted = zip(*pairs, strict=True)
    assert f1_binary(truth, predicted) == pytest.approx(f1_score(truth, predicted, zero_division=0))


def test_token_f1_compares_what_spans_cover():
    text = "I am so sorry to hear that"  # tokens 0-6; "so sorry" is characters 5-13
    found, wanted = tokens_in_spans(text, [(5, 13)]), tokens_in_spans(text, [(8, 21)])
    assert found == {2, 3}
    assert wanted == {3, 4, 5}
    assert token_f1(found, wanted) == pytest.approx(2 * 1 / (2 + 3))
    assert token_f1([], []) == 1.0
    assert token_f1([], wanted) == 0.0
    assert characters([(0, 2), (1, 4)]) == {0, 1, 2, 3}
    assert tokens_in_spans(text, [(4, 5)]) == set()  # the space between two tokens
