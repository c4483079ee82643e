"""Whether probabilities mean what they say, how to repair them, and when to abstain."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.tables import FloatArray

_SMALLEST = 1e-12  # probabilities below are treated as this, so that logarithms stay finite


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Predictions of similar confidence: what they claim and how often they are right."""

    low: float
    high: float
    confidence: float  # mean; nan where the bin is empty
    correct: float  # share; nan where the bin is empty
    n: int

    def to_dict(self) -> dict[str, float | int | None]:
        """Return the fields, None for nan."""
        return {k: None if isinstance(v, float) and v != v else v for k, v in asdict(self).items()}


def _probabilities(probabilities: npt.ArrayLike, y: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return (n, n_classes) probabilities and 0/1 outcomes of the same shape."""
    p, truth = np.asarray(probabilities, dtype=float), np.asarray(y)
    if p.ndim == 1:
        p = np.column_stack([1 - p, p])
    if p.ndim != 2 or truth.shape != (p.shape[0],):
        raise DataError(
            f"Probabilities of shape {p.shape} and outcomes of shape {truth.shape} do not fit: "
            "give (n, n_classes) or (n,) probabilities and (n,) class positions."
        )
    codes = truth.astype(np.int64)
    if codes.size and (codes.min() < 0 or codes.max() >= p.shape[1]):
        raise DataError(f"Outcomes must be positions 0-{p.shape[1] - 1} of the classes.")
    return p, np.eye(p.shape[1])[codes]


def confidence_and_correct(
    probabilities: npt.ArrayLike, y: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Return the largest probability of each item, and 1 where its class is the true one.

    Parameters
    ----------
    probabilities : array of shape (n, n_classes), or (n,) for the positive of two classes
    y : int array of shape (n,)
        Position of the true class.
    """
    p, outcome = _probabilities(probabilities, y)
    chosen = p.argmax(axis=1)
    rows = np.arange(len(p))
    return p[rows, chosen], outcome[rows, chosen]


def reliability_table(
    probabilities: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    n_bins: int = 10,
    bins: Literal["width", "count"] = "width",
) -> tuple[ReliabilityBin, ...]:
    """Group items by the confidence of their answer.

    Parameters
    ----------
    probabilities, y
        As for `confidence_and_correct`. For one probability per item (two classes) the bins are
        over the probability of the positive class, and ``correct`` is the share of positives.
    n_bins : int
    bins : {"width", "count"}
        Bins of equal width on 0-1, or with equally many items.
    """
    if np.ndim(probabilities) == 1:
        p, outcome = _probabilities(probabilities, y)
        claimed, correct = p[:, 1], outcome[:, 1]
    else:
        claimed, correct = confidence_and_correct(probabilities, y)
    if bins == "width" or claimed.size == 0:
        edges = np.linspace(0.0, 1.0, n_bins + 1)
    else:
        edges = np.unique(np.quantile(claimed, np.linspace(0, 1, n_bins + 1)))
        if edges.size < 2:
            edges = np.array([edges[0], edges[0]])
    place = np.searchsorted(edges[1:-1], claimed, side="left")
    table = []
    for i, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = place == i
        n = int(inside.sum())
        mean = (
            (float(claimed[inside].mean()), float(correct[inside].mean())) if n else (np.nan,) * 2
        )
        table.append(ReliabilityBin(float(low), float(high), mean[0], mean[1], n))
    return tuple(table)


def expected_calibration_error(
    probabilities: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    n_bins: int = 10,
    bins: Literal["width", "count"] = "width",
) -> float:
    """Mean gap between confidence and share correct over the bins of `reliability_table`.

    It is biased upwards in small samples: a perfectly calibrated model does not reach 0.

    References
    ----------
    Guo et al. (2017), On Calibration of Modern Neural Networks, ICML.
    """
    table = reliability_table(probabilities, y, n_bins=n_bins, bins=bins)
    total = sum(b.n for b in table)
    if not total:
        return float("nan")
    return sum(b.n * abs(b.confidence - b.correct) for b in table if b.n) / total


def brier(probabilities: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Mean squared distance between probabilities and outcome.

    Over all classes (0-2) for probabilities of shape (n, n_classes); of the positive class (0-1)
    for shape (n,).

    References
    ----------
    Brier (1950), Monthly Weather Review 78(1), 1-3.
    """
    p, outcome = _probabilities(probabilities, y)
    if not len(p):
        return float("nan")
    squared = ((p - outcome) ** 2).sum(axis=1)
    return float(squared.mean() / (2 if np.ndim(probabilities) == 1 else 1))


def log_loss(probabilities: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Mean negative log-probability of the true class, in nats."""
    p, outcome = _probabilities(probabilities, y)
    if not len(p):
        return float("nan")
    return float(-np.log(np.clip((p * outcome).sum(axis=1), _SMALLEST, None)).mean())


def _softmax(logits: FloatArray) -> FloatArray:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def fit_temperature(logits: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Find the temperature that makes held-out probabilities fit best.

    Parameters
    ----------
    logits : array of shape (n, n_classes)
        Logits or log-probabilities, of items that the model was not trained on.
    y : int array of shape (n,)
        Position of the true class.

    Returns
    -------
    float
        Between 0.05 and 20; above 1 the model was too sure of itself, below 1 not sure enough.
        1 where there is nothing to fit.

    References
    ----------
    Guo et al. (2017), On Calibration of Modern Neural Networks, ICML.
    """
    from scipy.optimize import minimize_scalar

    scores = np.asarray(logits, dtype=float)
    if scores.ndim != 2:
        raise DataError(f"Logits must have shape (n, n_classes), not {scores.shape}.")
    if not len(scores) or scores.shape[1] < 2:
        return 1.0
    finite = np.maximum(scores, np.log(_SMALLEST) + scores.max(axis=1, keepdims=True))
    found = minimize_scalar(
        lambda log_t: log_loss(_softmax(finite / np.exp(log_t)), y),
        bounds=(np.log(0.05), np.log(20.0)),
        method="bounded",
    )
    return float(np.exp(found.x))


def apply_temperature(probabilities: npt.ArrayLike, temperature: float) -> FloatArray:
    """Return probabilities of shape (n, n_classes) softened (above 1) or sharpened (below 1)."""
    if not temperature > 0:
        raise DataError(f"A temperature must be above 0, not {temperature}.")
    p = np.clip(np.asarray(probabilities, dtype=float), _SMALLEST, None)
    return _softmax(np.log(p) / temperature)


@dataclass(frozen=True, slots=True)
class IsotonicMap:
    """A monotone map from score to probability, kept as the points it runs through."""

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __call__(self, scores: npt.ArrayLike) -> FloatArray:
        """Return calibrated probabilities; scores outside the fitted range take its ends."""
        return np.asarray(
            np.interp(np.asarray(scores, dtype=float), self.scores, self.probabilities)
        )

    def to_dict(self) -> dict[str, list[float]]:
        """Return the points as JSON."""
        return {"scores": list(self.scores), "probabilities": list(self.probabilities)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Sequence[float]]) -> IsotonicMap:
        """Rebuild what `to_dict` stored."""
        return cls(tuple(stored["scores"]), tuple(stored["probabilities"]))


def fit_isotonic(scores: npt.ArrayLike, y: npt.ArrayLike) -> IsotonicMap:
    """Fit a monotone map from held-out scores, shape (n,), to the share of positives in `y`."""
    from sklearn.isotonic import IsotonicRegression

    x, outcome = np.asarray(scores, dtype=float), np.asarray(y, dtype=float)
    if not x.size:
        raise DataError("Isotonic calibration needs at least one held-out item.")
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(x, outcome)
    return IsotonicMap(
        tuple(float(v) for v in fitted.X_thresholds_), tuple(float(v) for v in fitted.y_thresholds_)
    )
