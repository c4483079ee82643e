"""Proportional-odds regression with shrunken group effects, fast enough to be bootstrapped.

P(level > k) = expit(x'b + u_group - threshold_k). Slopes and group effects carry ridge penalties,
that is, normal priors around 0: a slope stays finite where the data are separated, and a group
with few items stays near the others. With two levels this is logistic regression.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.tables import FloatArray, IntArray

_LEAST = 1e-300  # of a probability whose logarithm is taken
_HALVINGS = 30  # of a step that overshoots
_VARIANCE_STEPS = 25
_LEAST_VARIANCE = 1e-4  # of group effects; below, groups do not differ


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CumulativeLogit:
    """A fitted model.

    Attributes
    ----------
    thresholds : float array of shape (n_levels - 1,)
        Increasing.
    slopes : float array of shape (n_features,)
        Log odds of a higher level per unit.
    group_effects : float array of shape (n_groups,)
    log_likelihood : float
        Without the penalties.
    converged : bool
    slope_covariance : float array of shape (n_features, n_features)
        Inverse of the penalised information.
    group_uncertainty : float array of shape (n_groups,)
        Variance of each group effect given the data.
    """

    thresholds: FloatArray
    slopes: FloatArray
    group_effects: FloatArray
    log_likelihood: float
    converged: bool
    slope_covariance: FloatArray
    group_uncertainty: FloatArray

    def linear(self, features: FloatArray, groups: IntArray | None = None) -> FloatArray:
        """Return x'b + u of each item, shape (n_items,)."""
        eta = features @ self.slopes
        return eta if groups is None else eta + self.group_effects[groups]

    def above(self, linear: FloatArray) -> FloatArray:
        """Return P(level > k) for each threshold, shape (*linear.shape, n_levels - 1)."""
        from scipy.special import expit

        return np.asarray(expit(linear[..., None] - self.thresholds))


def fit_cumulative_logit(
    levels: npt.ArrayLike,
    features: npt.ArrayLike,
    *,
    n_levels: int,
    weights: npt.ArrayLike | None = None,
    penalty: float | FloatArray = 0.0,
    groups: IntArray | None = None,
    group_penalty: float | FloatArray = 1.0,
    start: CumulativeLogit | None = None,
    tolerance: float = 1e-12,
    max_steps: int = 100,
    uncertainty: bool = True,
) -> CumulativeLogit:
    """Fit by Newton's method; the log likelihood is concave.

    Parameters
    ----------
    levels : int array of shape (n_items,)
        Positions on the scale, 0 lowest.
    features : float array of shape (n_items, n_features)
        Without a constant: the thresholds stand for it.
    n_levels : int
    weights : float array of shape (n_items,), optional
        How often each item counts.
    penalty : float or array of shape (n_features,)
        Half of it times the squared slope is taken off the log likelihood; 1 / prior variance.
    groups : int array of shape (n_items,), optional
        Codes 0, 1, ... of what shares an effect, such as the agent.
    group_penalty : float or array of shape (n_groups,)
        1 / variance of the group effects; above 0.
    start : CumulativeLogit, optional
        Fit of similar data to begin with.
    tolerance : float
        Squared Newton decrement at which to stop, about the squared distance to the optimum in
        standard errors.
    uncertainty : bool
        False saves time and leaves the covariances nan.

    Returns
    -------
    CumulativeLogit
        With ``converged`` False where the optimum was not reached.

    Raises
    ------
    DataError
        If a level has no items: its thresholds cannot be estimated.

    References
    ----------
    McCullagh (1980), Journal of the Royal Statistical Society B 42(2), 109-142.
    Pratt (1981), Journal of the American Statistical Association 76(373), 103-106 (concavity).
    """
    problem = _Problem(levels, features, n_levels, weights, penalty, groups, group_penalty)
    return _newton(problem, start, tolerance, max_steps, uncertainty)


class _Problem:
    """Penalised log likelihood of one data set, with its derivatives."""

    def __init__(
        self,
        levels: npt.ArrayLike,
        features: npt.ArrayLike,
        n_levels: int,
        weights: npt.ArrayLike | None,
        penalty: float | FloatArray,
        groups: IntArray | None,
        group_penalty: float | FloatArray,
    ) -> None:
        from scipy.sparse import csr_array

        self.y = np.asarray(levels, dtype=np.int64)
        self.x = np.asarray(features, dtype=float)
        self.w = np.ones(len(self.y)) if weights is None else np.asarray(weights, dtype=float)
        if not len(self.y) == len(self.x) == len(self.w):
            raise DataError(
                f"{len(self.y)} levels, {len(self.x)} rows of features and {len(self.w)} weights; "
                "the regression needs one of each per item."
            )
        self.counts = np.bincount(self.y, self.w, minlength=n_levels)
        if len(self.counts) > n_levels or n_levels < 2 or not self.counts.all():
            empty = np.flatnonzero(self.counts == 0).tolist()
            raise DataError(
                f"The regression needs items at each of {n_levels} levels; there are none at "
                f"{empty}. Merge levels first."
            )
        self.n_cuts, self.n_slopes = n_levels - 1, self.x.shape[1]
        self.penalty = np.broadcast_to(np.asarray(penalty, dtype=float), (self.n_slopes,))
        self.groups, n_groups = groups, 0 if groups is None else int(groups.max()) + 1
        counted = self.w > 0
        if not counted.all():  # of a resample a third
            self.y, self.x, self.w = self.y[counted], self.x[counted], self.w[counted]
            self.groups = groups = None if groups is None else groups[counted]
        self.group_penalty = np.zeros(0)
        if groups is not None:
            self.group_penalty = np.broadcast_to(
                np.asarray(group_penalty, dtype=float), (n_groups,)
            )
            ones, items = np.ones(len(groups)), np.arange(len(groups))
            self.by_group = csr_array((ones, (groups, items)), shape=(n_groups, len(groups)))

    def _linear(self, slopes: FloatArray, effects: FloatArray) -> FloatArray:
        eta = self.x @ slopes
        return eta if self.groups is None else eta + effects[self.groups]

    def _tails(
        self, cuts: FloatArray, eta: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return P(level <= y), P(level < y) and P(level = y) of each item."""
        from scipy.special import expit

        padded = np.concatenate([[-np.inf], cuts, [np.inf]])
        upper, lower = padded[self.y + 1] - eta, padded[self.y] - eta
        at_most, below = expit(upper), expit(lower)
        # In the far tail both are nearly 1: subtract the complements there, which are small.
        exactly = np.where(lower > 0, expit(-lower) - expit(-upper), at_most - below)
        return at_most, below, np.maximum(exactly, _LEAST)

    def likelihood(self, cuts: FloatArray, slopes: FloatArray, effects: FloatArray) -> float:
        _, _, exactly = self._tails(cuts, self._linear(slopes, effects))
        return float(self.w @ np.log(exactly))

    def objective(self, cuts: FloatArray, slopes: FloatArray, effects: FloatArray) -> float:
        taken = self.penalty @ slopes**2 + self.group_penalty @ effects**2
        return self.likelihood(cuts, slopes, effects) - float(taken) / 2

    def derivatives(
        self, cuts: FloatArray, slopes: FloatArray, effects: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return gradient and information, in blocks: thresholds with slopes, and groups.

        The groups' own block is diagonal, which keeps thousands of agents cheap.

        Returns
        -------
        gradient : shape (n_cuts + n_slopes,)
        information : shape (n_cuts + n_slopes, n_cuts + n_slopes)
        group_gradient : shape (n_groups,)
        across : shape (n_groups, n_cuts + n_slopes)
        group_information : shape (n_groups,)
        """
        at_most, below, p = self._tails(cuts, self._linear(slopes, effects))
        f1, f0 = at_most * (1 - at_most), below * (1 - below)
        by_eta = self.w * (at_most + below - 1)
        curve = self.w * (f1 + f0)
        has_upper, has_lower = self.y < self.n_cuts, self.y > 0
        upper, lower = self.y[has_upper], self.y[has_lower] - 1

        def at_cuts(at_upper: FloatArray, at_lower: FloatArray) -> FloatArray:
            from_above = np.bincount(upper, (self.w * at_upper)[has_upper], minlength=self.n_cuts)
            from_below = np.bincount(lower, (self.w * at_lower)[has_lower], minlength=self.n_cuts)
            return np.asarray(from_above + from_below, dtype=float)

        gradient = np.concatenate(
            [at_cuts(f1 / p, -f0 / p), self.x.T @ by_eta - self.penalty * slopes]
        )
        own = at_cuts(
            (f1 / p) ** 2 - f1 * (1 - 2 * at_most) / p, (f0 / p) ** 2 + f0 * (1 - 2 * below) / p
        )
        inner = has_upper & has_lower
        neighbours = np.bincount(
            self.y[inner] - 1, (self.w * f1 * f0 / p**2)[inner], minlength=self.n_cuts
        )[: self.n_cuts - 1]
        n = self.n_cuts
        information = np.zeros((n + self.n_slopes,) * 2)
        information[:n, :n] = np.diag(own) - np.diag(neighbours, 1) - np.diag(neighbours, -1)
        onto_cuts = np.zeros((len(self.y), n))
        onto_cuts[np.flatnonzero(has_upper), upper] -= (self.w * f1)[has_upper]
        onto_cuts[np.flatnonzero(has_lower), lower] -= (self.w * f0)[has_lower]
        weighted = curve[:, None] * self.x
        information[n:, n:] = self.x.T @ weighted + np.diag(self.penalty)
        information[n:, :n] = self.x.T @ onto_cuts
        information[:n, n:] = information[n:, :n].T
        if self.groups is None:
            return gradient, information, np.zeros(0), np.zeros((0, len(gradient))), np.zeros(0)
        return (
            gradient,
            information,
            np.asarray(self.by_group @ by_eta) - self.group_penalty * effects,
            np.asarray(self.by_group @ np.hstack([onto_cuts, weighted])),
            np.asarray(self.by_group @ curve) + self.group_penalty,
        )


def _newton(
    problem: _Problem,
    start: CumulativeLogit | None,
    tolerance: float,
    max_steps: int,
    uncertainty: bool,
) -> CumulativeLogit:
    n = problem.n_cuts
    if start is None:
        share = np.cumsum(problem.counts)[:-1] / problem.counts.sum()
        cuts = np.log(share / (1 - share))
        slopes = np.zeros(problem.n_slopes)
        effects = np.zeros(len(problem.group_penalty))
    else:
        cuts, slopes, effects = start.thresholds, start.slopes, start.group_effects
    value, converged = problem.objective(cuts, slopes, effects), False
    for _ in range(max_steps):
        g, info, g_group, across, info_group = problem.derivatives(cuts, slopes, effects)
        scaled = across / info_group[:, None]
        reduced = info - across.T @ scaled
        step = _solve(reduced, g - scaled.T @ g_group)
        group_step = g_group / info_group - scaled @ step
        decrement = float(g @ step + g_group @ group_step)
        size = 1.0
        for _ in range(_HALVINGS):
            moved = cuts + size * step[:n], slopes + size * step[n:], effects + size * group_step
            ordered = bool((np.diff(moved[0]) > 0).all())
            new = problem.objective(*moved) if ordered else -np.inf
            if new >= value - 1e-12 * abs(value):
                break
            size /= 2
        else:
            break
        cuts, slopes, effects = moved
        value = new
        if abs(decrement) < tolerance:
            converged = True
            break
    covariance = np.full((n + problem.n_slopes,) * 2, np.nan)
    by_group = np.full(len(effects), np.nan)
    if uncertainty:
        _, info, _, across, info_group = problem.derivatives(cuts, slopes, effects)
        scaled = across / info_group[:, None]
        covariance = _solve(info - across.T @ scaled, np.eye(n + problem.n_slopes))
        by_group = 1 / info_group + ((scaled @ covariance) * scaled).sum(axis=1)
    return CumulativeLogit(
        thresholds=cuts,
        slopes=slopes,
        group_effects=effects,
        log_likelihood=problem.likelihood(cuts, slopes, effects),
        converged=converged,
        slope_covariance=covariance[n:, n:],
        group_uncertainty=by_group,
    )


def _solve(matrix: FloatArray, right: FloatArray) -> FloatArray:
    try:
        return np.asarray(np.linalg.solve(matrix, right))
    except np.linalg.LinAlgError:  # features that say the same, without a penalty
        return np.asarray(np.linalg.lstsq(matrix, right, rcond=None)[0])


def fit_group_variance(
    fit: Callable[[float, CumulativeLogit | None], CumulativeLogit],
    *,
    first: float = 0.25,
) -> tuple[float, CumulativeLogit]:
    """Find the variance of the group effects that the effects themselves bear out.

    Parameters
    ----------
    fit : callable
        Takes the variance and the previous fit (None at first), returns the fit.
    first : float
        Variance to begin with, in squared log odds.

    Returns
    -------
    variance : float
        At least 0.0001: groups that do not differ are shrunk to nearly nothing.
    model : CumulativeLogit

    References
    ----------
    Schall (1991), Biometrika 78(4), 719-727.
    """
    variance = first
    model = fit(variance, None)
    for _ in range(_VARIANCE_STEPS):
        free = len(model.group_effects) - float(model.group_uncertainty.sum()) / variance
        squares = float((model.group_effects**2).sum())
        found = max(_LEAST_VARIANCE, squares / max(free, 1e-6))
        settled = abs(np.log(found / variance)) < 0.01
        variance = found
        model = fit(variance, model)
        if settled:
            break
    return variance, model
