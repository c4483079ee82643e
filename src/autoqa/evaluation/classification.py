"""Figures for predicted classes, ranks, and quoted spans."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError, ScaleError
from autoqa.evaluation.intervals import Estimate, TableStatistic, bootstrap_tables
from autoqa.evaluation.tables import FloatArray, IntArray, ratio


def _label_codes(labels_given: npt.ArrayLike | Sequence[Any], labels: Sequence[Any]) -> IntArray:
    code = {label: i for i, label in enumerate(labels)}
    try:
        return np.asarray([code[y] for y in np.asarray(labels_given).tolist()], dtype=np.int64)
    except KeyError as unknown:
        shown = ", ".join(map(str, labels))
        raise ScaleError(f"Label {unknown} is not one of {shown}.") from None


def _cells(y_true: Any, y_pred: Any, labels: Sequence[Any]) -> IntArray:
    truth, predicted = _label_codes(y_true, labels), _label_codes(y_pred, labels)
    if truth.shape != predicted.shape:
        raise DataError(f"{len(truth)} true labels but {len(predicted)} predictions.")
    return truth * len(labels) + predicted


def _zero_for_nothing(values: FloatArray) -> FloatArray:
    return np.nan_to_num(values, nan=0.0)


def _macro_precision(tables: FloatArray) -> FloatArray:
    hits = np.diagonal(tables, axis1=-2, axis2=-1)
    return np.asarray(_zero_for_nothing(ratio(hits, tables.sum(axis=-2))).mean(axis=-1))


def _macro_recall(tables: FloatArray) -> FloatArray:
    hits = np.diagonal(tables, axis1=-2, axis2=-1)
    return np.asarray(_zero_for_nothing(ratio(hits, tables.sum(axis=-1))).mean(axis=-1))


def _macro_f1(tables: FloatArray) -> FloatArray:
    hits = np.diagonal(tables, axis1=-2, axis2=-1)
    given = tables.sum(axis=-2) + tables.sum(axis=-1)
    return np.asarray(_zero_for_nothing(ratio(2 * hits, given)).mean(axis=-1))


def _accuracy(tables: FloatArray) -> FloatArray:
    return ratio(np.trace(tables, axis1=-2, axis2=-1), tables.sum(axis=(-2, -1)))


CLASSIFICATION_METRICS: Mapping[str, TableStatistic] = {
    "accuracy": _accuracy,
    "macro_precision": _macro_precision,
    "macro_recall": _macro_recall,
    "macro_f1": _macro_f1,
}
"""Each takes confusion tables of shape (..., n_labels, n_labels), truth in rows."""


def classification_metrics(
    y_true: npt.ArrayLike | Sequence[Any],
    y_pred: npt.ArrayLike | Sequence[Any],
    labels: Sequence[Any],
) -> dict[str, float]:
    """Accuracy and macro-averaged precision, recall and F1.

    Parameters
    ----------
    y_true, y_pred : sequence of shape (n_items,)
    labels : sequence
        Every class; the macro average runs over all of them. A class that was never predicted has
        precision 0, one that never occurs recall 0, as with scikit-learn's ``zero_division=0``.

    Raises
    ------
    ScaleError
        If a label is not one of `labels`.
    """
    size = len(labels)
    counts = np.bincount(_cells(y_true, y_pred, labels), minlength=size**2).astype(float)
    table = counts.reshape(size, size)
    return {name: float(metric(table)) for name, metric in CLASSIFICATION_METRICS.items()}


def classification_estimates(
    y_true: npt.ArrayLike | Sequence[Any],
    y_pred: npt.ArrayLike | Sequence[Any],
    labels: Sequence[Any],
    *,
    clusters: npt.ArrayLike | Sequence[Any] | None = None,
    n_resamples: int = 1000,
    seed: int = 7,
    level: float = 0.95,
) -> dict[str, Estimate]:
    """Return `classification_metrics` with bootstrap intervals over clusters."""
    cells = _cells(y_true, y_pred, labels)
    return bootstrap_tables(
        CLASSIFICATION_METRICS,
        cells,
        shape=(len(labels), len(labels)),
        clusters=np.arange(len(cells)) if clusters is None else clusters,
        n_resamples=n_resamples,
        seed=seed,
        level=level,
    )


def majority_metrics(
    y_true: npt.ArrayLike | Sequence[Any], labels: Sequence[Any]
) -> dict[str, float]:
    """What always answering the most common label scores: the floor of every table."""
    codes = _label_codes(y_true, labels)
    if not codes.size:
        return dict.fromkeys(CLASSIFICATION_METRICS, float("nan"))
    common = labels[int(np.bincount(codes).argmax())]
    return classification_metrics(y_true, [common] * len(codes), labels)


def f1_binary(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> float:
    """F1 of the positive class; 0 where it was neither present nor predicted."""
    truth, predicted = np.asarray(y_true, dtype=bool), np.asarray(y_pred, dtype=bool)
    given = int(truth.sum()) + int(predicted.sum())
    return 2.0 * int((truth & predicted).sum()) / given if given else 0.0


def rank_codes(values: npt.ArrayLike) -> IntArray:
    """Return each value's place among the distinct ones, 0 for the lowest.

    Statistics of ranks are the same for values and for their codes, and ten times faster on codes:
    a bootstrap need not sort every resample.
    """
    given = np.asarray(values)
    place = np.unique(given, return_inverse=True)[1]
    return np.asarray(place, dtype=np.int64).reshape(given.shape)


def average_ranks(values: npt.ArrayLike) -> FloatArray:
    """Rank values from 1; equal values share the mean of their ranks."""
    given = np.asarray(values).ravel()
    if given.size and given.dtype.kind == "i" and np.ptp(given) < 20 * given.size:
        place = given - given.min()
        counts = np.bincount(place)  # sorts small integers
    else:
        _, place, counts = np.unique(given, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[place.ravel()], dtype=float)


def _numbers(values: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return an array of floats, or of integers where integers were given."""
    given = np.asarray(values)
    return given if given.dtype.kind == "i" else given.astype(float)


def spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Rank correlation; tied values share their mean rank.

    nan with fewer than two items, a nan among them, or no variance in one of the two.
    """
    x, y = _numbers(a), _numbers(b)
    if x.shape != y.shape:
        raise DataError(f"{x.size} values against {y.size}: rank correlation needs pairs.")
    if x.size < 2 or np.isnan(x).any() or np.isnan(y).any():
        return float("nan")
    p, q = average_ranks(x), average_ranks(y)
    p, q = p - p.mean(), q - q.mean()
    return float(ratio(p @ q, np.sqrt((p @ p) * (q @ q))))


def auc(y_true: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Chance that a positive item scores above a negative one; a tie counts half.

    nan where one of the two classes is missing, or a score is nan.

    References
    ----------
    Hanley and McNeil (1982), Radiology 143(1), 29-36.
    """
    positive, scores = np.asarray(y_true, dtype=bool), _numbers(score)
    if positive.shape != scores.shape:
        raise DataError(f"{positive.size} labels but {scores.size} scores.")
    n_positive = int(positive.sum())
    n_negative = positive.size - n_positive
    if not n_positive or not n_negative or np.isnan(scores).any():
        return float("nan")
    above = average_ranks(scores)[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * n_negative))


def characters(spans: Iterable[tuple[int, int]]) -> set[int]:
    """Return every character position that spans ``[start, end)`` cover."""
    return {i for start, end in spans for i in range(start, end)}


def tokens_in_spans(text: str, spans: Iterable[tuple[int, int]]) -> set[int]:
    """Return which whitespace-separated tokens of `text` (0, 1, ...) the spans touch."""
    covered = list(spans)
    return {
        i
        for i, token in enumerate(re.finditer(r"\S+", text))
        if any(start < token.end() and token.start() < end for start, end in covered)
    }


def token_f1(predicted: Collection[Hashable], truth: Collection[Hashable]) -> float:
    """F1 of two sets of tokens or characters of one item; 1 when both are empty."""
    found, wanted = set(predicted), set(truth)
    if not found and not wanted:
        return 1.0
    return 2.0 * len(found & wanted) / (len(found) + len(wanted))
