"""How much of the explained variation is each predictor's: Shapley (LMG) shares of R².

A predictor's share is what it adds to R², averaged over all orders in which predictors could
enter. The average is also called general dominance. Controls enter first, in every order.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.tables import FloatArray

EXACT_UP_TO = 14
"""Predictors up to which all subsets are worked out; beyond, orders are sampled."""

_NOTHING = 1e-10  # share of a predictor's variance below which the others determine it


def shapley_r2(
    predictors: npt.ArrayLike,
    outcome: npt.ArrayLike,
    *,
    controls: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    n_orders: int = 1000,
    seed: int = 7,
) -> tuple[FloatArray, float]:
    """Share out what predictors add to R² beyond the controls.

    A share is never negative: a predictor without any effect still gets about 1 / n_items.

    Parameters
    ----------
    predictors : array of shape (n_items, n_predictors)
    outcome : array of shape (n_items,)
    controls : array of shape (n_items, n_controls), optional
        A constant always is one.
    weights : array of shape (n_items,), optional
        How often each item counts.
    n_orders : int
        Orders to sample with more than `EXACT_UP_TO` predictors, half of them reversals of the
        other half.
    seed : int

    Returns
    -------
    shares : float array of shape (n_predictors,)
        In units of R²; nan where the outcome does not vary.
    total : float
        R² of everything minus R² of the controls; the sum of the shares.

    References
    ----------
    Lindeman, Merenda and Gold (1980), Introduction to Bivariate and Multivariate Analysis.
    Budescu (1993), Psychological Bulletin 114(3), 542-551.
    Grömping (2007), The American Statistician 61(2), 139-147.
    Mitchell, Cooper, Frank and Holmes (2022), Journal of Machine Learning Research 23(43), 1-46.
    """
    x, y = np.asarray(predictors, dtype=float), np.asarray(outcome, dtype=float)
    if x.ndim != 2 or len(x) != len(y):
        raise DataError(f"Predictors of shape {x.shape} do not go with {len(y)} outcomes.")
    n_predictors = x.shape[1]
    base = np.zeros((len(y), 0)) if controls is None else np.asarray(controls, dtype=float)
    cross, variation = _beyond_controls(x, y, base, weights)
    if variation <= 0:
        return np.full(n_predictors, np.nan), float("nan")
    cross = cross / variation
    if n_predictors <= EXACT_UP_TO:
        shares = _over_all_subsets(cross)
    else:
        shares = _over_sampled_orders(cross, n_orders, seed)
    return shares, float(shares.sum())


def _beyond_controls(
    x: FloatArray, y: FloatArray, base: FloatArray, weights: npt.ArrayLike | None
) -> tuple[FloatArray, float]:
    """Return cross products of [x, y] with controls taken out, and all variation of y."""
    w = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=float)
    n = w.sum()
    stacked = np.column_stack([x, y, base])
    centred = stacked - (w @ stacked) / n
    products = centred.T @ (w[:, None] * centred)
    kept = x.shape[1] + 1
    variation = float(products[kept - 1, kept - 1])
    if variation <= 1e-12 * n:
        return np.zeros((kept, kept)), 0.0
    outer, across = products[kept:, kept:], products[kept:, :kept]
    # Controls may say the same (an indicator twice), hence the pseudo-inverse.
    left = products[:kept, :kept] - across.T @ np.linalg.pinv(outer, hermitian=True) @ across
    scale = np.diag(products)[: kept - 1]
    determined = np.diag(left)[: kept - 1] <= _NOTHING * np.maximum(scale, 1e-12)
    left[:-1][determined] = 0.0
    left[:, :-1][:, determined] = 0.0
    return left, variation


def _gain(own: FloatArray, with_outcome: FloatArray, first: FloatArray) -> FloatArray:
    """Return what a predictor adds to R², nothing where the others determine it."""
    free = own > _NOTHING * np.maximum(first, 1e-300)
    return np.where(free, with_outcome**2 / np.where(free, own, 1.0), 0.0)


def _over_all_subsets(cross: FloatArray) -> FloatArray:
    """Take predictors in or leave them out one by one, for all subsets at once."""
    k = len(cross) - 1
    first = np.diag(cross)
    left = cross[None]  # (n_subsets, remaining + 1, remaining + 1): what the subset leaves
    worth = np.zeros(1)  # R² of each subset; bit j of its index says whether j is in it
    for j in range(k):
        own, rest = left[:, 0, 0], left[:, 0, 1:]
        gain = _gain(own, rest[:, -1], first[j])
        taken = own > _NOTHING * max(first[j], 1e-300)
        share = np.where(taken[:, None], rest / np.where(taken, own, 1.0)[:, None], 0.0)
        without = left[:, 1:, 1:]
        left = np.concatenate([without, without - rest[:, :, None] * share[:, None, :]])
        worth = np.concatenate([worth, worth + gain])
    index = np.arange(2**k)
    size = np.bitwise_count(index).astype(np.int64)
    chance = np.array([1 / (k * math.comb(k - 1, s)) for s in range(k)])  # of arriving just then
    shares = np.empty(k)
    for j in range(k):
        outside = index[(index >> j) & 1 == 0]
        shares[j] = chance[size[outside]] @ (worth[outside | 1 << j] - worth[outside])
    return shares


def _over_sampled_orders(cross: FloatArray, n_orders: int, seed: int) -> FloatArray:
    k = len(cross) - 1
    first = np.diag(cross)
    rng = np.random.default_rng(seed)
    forward = rng.permuted(np.tile(np.arange(k), (max(1, n_orders // 2), 1)), axis=1)
    orders = np.concatenate([forward, forward[:, ::-1]])
    places = np.column_stack([orders, np.full(len(orders), k)])
    left = cross[places[:, :, None], places[:, None, :]]
    shares = np.zeros(k)
    for j in range(k):
        own, rest = left[:, 0, 0], left[:, 0, 1:]
        entering = orders[:, j]
        gain = _gain(own, rest[:, -1], first[entering])
        np.add.at(shares, entering, gain)
        free = own > _NOTHING * np.maximum(first[entering], 1e-300)
        share = np.where(free[:, None], rest / np.where(free, own, 1.0)[:, None], 0.0)
        left = left[:, 1:, 1:] - rest[:, :, None] * share[:, None, :]
    return shares / len(orders)
