"""Heads: from a feature vector to probabilities over the ordered levels of a scale."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr, softmax

Floats = NDArray[np.float64]
Link = Literal["ordinal", "multinomial", "gaussian"]

_NEVER = 1000.0  # a logit that no temperature brings back


class Head:
    """A linear map with a link: ``z = X @ weights + intercept``, then probabilities.

    Links
    -----
    ordinal
        One logistic regression per step of the scale, for P(level > k), as in Frank & Hall
        (2001), "A simple approach to ordinal classification", ECML. Steps that cross are sorted.
    multinomial
        Softmax regression, which may give the middle of a scale words of its own.
    gaussian
        Ridge regression of the level; the residual's spread gives the probabilities. For long
        scales, where most levels are rare.

    Targets are distributions over levels, so raters who disagree are all learned from.

    Parameters
    ----------
    link : {"ordinal", "multinomial", "gaussian"}
    penalty : float
        L2 penalty; larger is smoother.
    seed : int
    """

    def __init__(self, link: Link = "ordinal", *, penalty: float = 1.0, seed: int = 7) -> None:
        self.link = link
        self.penalty = penalty
        self.seed = seed
        self.levels: Floats = np.zeros(0)
        self.weights: Floats = np.zeros((0, 0))
        self.intercept: Floats = np.zeros(0)
        self.spread = 1.0
        self.temperature = 1.0

    def fit(self, X: Floats, targets: Floats, levels: Floats, weights: Floats) -> Head:
        """Learn from targets of shape (n, n_levels) and row weights of shape (n,)."""
        self.levels = np.asarray(levels, float)
        if self.link == "gaussian":
            self._fit_gaussian(X, targets, weights)
        elif self.link == "multinomial":
            self._fit_multinomial(X, targets, weights)
        else:
            self._fit_ordinal(X, targets, weights)
        return self

    def linear(self, X: Floats) -> Floats:
        """Return the linear part, shape (n, n_outputs)."""
        return np.asarray(X @ self.weights + self.intercept, float)

    def probabilities(self, z: Floats) -> Floats:
        """Return calibrated probabilities over the levels, shape (n, n_levels)."""
        if self.link == "gaussian":
            edges = (self.levels[1:] + self.levels[:-1]) / 2
            above = 1 - ndtr((edges - z) / (self.spread * self.temperature))
        elif self.link == "multinomial":
            return np.asarray(softmax(z / self.temperature, axis=1))
        else:
            # Separate regressions may cross; sorted, each step is at most as likely as the last.
            above = np.sort(expit(z / self.temperature), axis=1)[:, ::-1]
        ends = np.ones((len(z), 1)), np.zeros((len(z), 1))
        return np.asarray(-np.diff(np.hstack([ends[0], above, ends[1]]), axis=1))

    def sensitivity(self, z: Floats) -> Floats:
        """Derivative of the expected level by the linear part, shape (n, n_outputs)."""
        if self.link == "gaussian":
            return np.ones_like(z)
        if self.link == "multinomial":
            p = self.probabilities(z)
            expected = p @ self.levels
            return np.asarray(p * (self.levels - expected[:, None]) / self.temperature)
        p = expit(z / self.temperature)
        return np.asarray(p * (1 - p) * np.diff(self.levels) / self.temperature)

    def _fit_gaussian(self, X: Floats, targets: Floats, weights: Floats) -> None:
        from sklearn.linear_model import Ridge

        y = targets @ self.levels
        model = Ridge(alpha=self.penalty, random_state=self.seed).fit(X, y, sample_weight=weights)
        self.weights = model.coef_.reshape(-1, 1).astype(float)
        self.intercept = np.atleast_1d(np.asarray(model.intercept_, float))
        within = targets @ self.levels**2 - y**2  # disagreement between raters of one item
        residual = (y - self.linear(X)[:, 0]) ** 2
        self.spread = float(np.sqrt(np.average(residual + within, weights=weights)) or 1.0)

    def _fit_multinomial(self, X: Floats, targets: Floats, weights: Floats) -> None:
        levels = np.arange(targets.shape[1])
        rows, labels, shares = _unfold(targets, weights)
        coefficients, intercepts = self._logistic(X, rows, labels, shares)
        if len(coefficients) == 1:  # two levels seen, of however many there are
            coefficients = np.vstack([-coefficients / 2, coefficients / 2])
            intercepts = np.array([-intercepts[0] / 2, intercepts[0] / 2])
        present = np.unique(labels)
        self.weights = np.zeros((X.shape[1], len(levels)))
        self.intercept = np.full(len(levels), -_NEVER)  # a level never seen is never predicted
        self.weights[:, present] = coefficients.T
        self.intercept[present] = intercepts

    def _fit_ordinal(self, X: Floats, targets: Floats, weights: Floats) -> None:
        outputs, intercepts = [], []
        for step in range(targets.shape[1] - 1):
            above = targets[:, step + 1 :].sum(1)
            rows, labels, shares = _unfold(np.column_stack([1 - above, above]), weights)
            if len(np.unique(labels)) < 2:
                outputs.append(np.zeros(X.shape[1]))
                intercepts.append(_NEVER if labels[0] else -_NEVER)
                continue
            coefficients, intercept = self._logistic(X, rows, labels, shares)
            outputs.append(coefficients[0])
            intercepts.append(float(intercept[0]))
        self.weights = np.column_stack(outputs)
        self.intercept = np.array(intercepts)

    def _logistic(
        self, X: Floats, rows: NDArray[np.int_], labels: NDArray[np.int_], shares: Floats
    ) -> tuple[Floats, Floats]:
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=1 / self.penalty, max_iter=500, random_state=self.seed)
        model.fit(X[rows], labels, sample_weight=shares)
        return np.asarray(model.coef_, float), np.asarray(model.intercept_, float)


def _unfold(targets: Floats, weights: Floats) -> tuple[NDArray[np.int_], NDArray[np.int_], Floats]:
    """Turn soft targets into weighted rows: one per item and level that somebody chose."""
    rows, labels = np.nonzero(targets > 1e-9)  # shares that sum to nearly 1 leave a speck behind
    return rows, labels, targets[rows, labels] * weights[rows]


def best_temperature(head: Head, z: Floats, targets: Floats) -> float:
    """Return the temperature with the least negative log-likelihood on held-out items.

    Guo et al. (2017), "On Calibration of Modern Neural Networks", ICML.
    """
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        head.temperature = float(np.exp(log_temperature))
        p = np.clip(head.probabilities(z), 1e-9, 1.0)
        return float(-(targets * np.log(p)).sum(axis=1).mean())

    found = minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded")
    head.temperature = 1.0
    return float(np.exp(found.x))
