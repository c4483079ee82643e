"""Statistics of agreement and of rank correlation on stacked contingency tables.

Every function takes tables of shape (..., n_levels, n_levels) and returns one value per table, so
that a bootstrap of a thousand resamples is a handful of array operations. Cells may hold weights
instead of counts. A statistic that a table leaves undefined is nan, never an exception.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
Weighting: TypeAlias = Literal["linear", "quadratic"] | None
Measurement: TypeAlias = Literal["nominal", "ordinal", "interval"]

_NOTHING = 1e-12  # sums of rounded weights: anything below is zero


def disagreement(n_levels: int, weighting: Weighting) -> FloatArray:
    """Return what each miss costs, 0 on the diagonal and at most 1, shape (n_levels, n_levels)."""
    steps = np.abs(np.subtract.outer(np.arange(n_levels), np.arange(n_levels))).astype(float)
    if weighting is None:
        return (steps > 0).astype(float)
    farthest = max(n_levels - 1, 1)
    return (steps / farthest) ** (2 if weighting == "quadratic" else 1)


def ratio(numerator: Any, denominator: Any) -> FloatArray:
    """Divide, with nan where the denominator is nothing."""
    top, bottom = np.broadcast_arrays(
        np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    )
    out = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=out, where=np.abs(bottom) > _NOTHING)
    return out


def _shares(tables: FloatArray) -> FloatArray:
    return ratio(tables, tables.sum(axis=(-2, -1), keepdims=True))


def kappa(tables: FloatArray, weighting: Weighting = "quadratic") -> FloatArray:
    """Cohen's kappa; nan where both raters used one and the same level throughout."""
    cost = disagreement(tables.shape[-1], weighting)
    shares = _shares(tables)
    observed = (shares * cost).sum(axis=(-2, -1))
    rows, columns = shares.sum(axis=-1), shares.sum(axis=-2)
    expected = np.einsum("...i,ij,...j->...", rows, cost, columns)
    return 1.0 - ratio(observed, expected)


def exact(tables: FloatArray) -> FloatArray:
    """Share of pairs on the diagonal."""
    return ratio(np.trace(tables, axis1=-2, axis2=-1), tables.sum(axis=(-2, -1)))


def within_one(tables: FloatArray) -> FloatArray:
    """Share of pairs at most one level apart."""
    steps = np.abs(np.subtract.outer(np.arange(tables.shape[-1]), np.arange(tables.shape[-1])))
    return ratio((tables * (steps <= 1)).sum(axis=(-2, -1)), tables.sum(axis=(-2, -1)))


def gwet(
    tables: FloatArray, weighting: Weighting = None, used: FloatArray | None = None
) -> FloatArray:
    """Gwet's AC1 (no weighting) or AC2; 1 where everybody used one and the same level.

    `used`, shape (..., n_levels), is how often each level was used where single ratings count for
    that too; the tables' own margins where absent.
    """
    n_levels = tables.shape[-1]
    if n_levels < 2:
        return np.full(tables.shape[:-2], np.nan)
    credit = 1.0 - disagreement(n_levels, weighting)
    shares = _shares(tables)
    if used is None:
        used = (shares.sum(axis=-1) + shares.sum(axis=-2)) / 2
    else:
        used = ratio(used, used.sum(axis=-1, keepdims=True))
    by_chance = credit.sum() / (n_levels * (n_levels - 1)) * (used * (1 - used)).sum(axis=-1)
    agreed = (shares * credit).sum(axis=(-2, -1))
    return ratio(agreed - by_chance, 1.0 - by_chance)


def uniform_kappa(tables: FloatArray, weighting: Weighting = None) -> FloatArray:
    """Agreement beyond that of raters who pick every level equally often.

    With two levels PABAK, kappa adjusted for prevalence and bias; with more, Brennan and
    Prediger's coefficient.
    """
    cost = disagreement(tables.shape[-1], weighting)
    return 1.0 - ratio((_shares(tables) * cost).sum(axis=(-2, -1)), cost.mean())


def prevalence_index(tables: FloatArray) -> FloatArray:
    """How much likelier both raters give a level than both withhold it, shape (..., n_levels)."""
    shares = _shares(tables)
    both = np.diagonal(shares, axis1=-2, axis2=-1)
    neither = 1.0 - shares.sum(axis=-1) - shares.sum(axis=-2) + both
    return np.asarray(both - neither)


def bias_index(tables: FloatArray) -> FloatArray:
    """How much oftener the rows' rater gives a level than the columns', shape (..., n_levels)."""
    shares = _shares(tables)
    return np.asarray(shares.sum(axis=-1) - shares.sum(axis=-2))


def specific_agreement(tables: FloatArray) -> FloatArray:
    """Of the ratings at a level, the share that the other rater shares, shape (..., n_levels)."""
    both = np.diagonal(tables, axis1=-2, axis2=-1)
    return ratio(2.0 * both, tables.sum(axis=-1) + tables.sum(axis=-2))


def alpha(
    tables: FloatArray, measurement: Measurement = "ordinal", values: FloatArray | None = None
) -> FloatArray:
    """Krippendorff's alpha of pair tables; nan where all values are the same.

    A table and its transpose are added to make the coincidence matrix, whose total is the number
    of values: one pair of two raters adds 1 to the table and 2 to that total.

    Parameters
    ----------
    tables : array of shape (..., n_levels, n_levels)
    measurement : {"nominal", "ordinal", "interval"}
    values : array of shape (n_levels,), optional
        Levels as numbers, for ``interval``; their positions where absent.
    """
    together = tables + np.swapaxes(tables, -1, -2)
    used = together.sum(axis=-1)
    n_values = used.sum(axis=-1)
    if measurement == "nominal":
        distance = np.broadcast_to(disagreement(tables.shape[-1], None), together.shape)
    else:
        if measurement == "ordinal":
            place = np.cumsum(used, axis=-1) - used / 2
        else:
            numbers = np.arange(tables.shape[-1], dtype=float) if values is None else values
            place = np.broadcast_to(numbers, used.shape)
        distance = (place[..., :, None] - place[..., None, :]) ** 2
    observed = (together * distance).sum(axis=(-2, -1))
    expected = (used[..., :, None] * used[..., None, :] * distance).sum(axis=(-2, -1))
    return 1.0 - ratio((n_values - 1.0) * observed, expected)


def spearman(tables: FloatArray) -> FloatArray:
    """Rank correlation of rows and columns, whose levels are ordered; (..., n_rows, n_columns).

    Ties share their mean rank. nan without variance in one of the two.
    """
    rows, columns = tables.sum(axis=-1), tables.sum(axis=-2)
    x, y = _centred_ranks(rows), _centred_ranks(columns)
    together = (x * (tables @ y[..., None])[..., 0]).sum(axis=-1)
    return ratio(together, np.sqrt((rows * x**2).sum(axis=-1) * (columns * y**2).sum(axis=-1)))


def _centred_ranks(counts: FloatArray) -> FloatArray:
    return np.asarray(
        np.cumsum(counts, axis=-1) - (counts + counts.sum(axis=-1, keepdims=True)) / 2
    )


def kendall_tau_b(tables: FloatArray) -> FloatArray:
    """Concordant less discordant pairs of items, corrected for ties; (..., n_rows, n_columns)."""
    before = np.cumsum(tables, axis=-2) - tables  # items in the rows before
    up_to = np.cumsum(before, axis=-1)
    # Pairs with an item to the left before are concordant, with one to the right discordant.
    balance = (tables * (2 * up_to - before - up_to[..., -1:])).sum(axis=(-2, -1))
    n = tables.sum(axis=(-2, -1))
    pairs = n * (n - 1)
    untied = [
        pairs - (margin * (margin - 1)).sum(axis=-1)
        for margin in (tables.sum(axis=-1), tables.sum(axis=-2))
    ]
    return 2 * ratio(balance, np.sqrt(untied[0]) * np.sqrt(untied[1]))


def auc(tables: FloatArray, positive: npt.NDArray[np.bool_]) -> FloatArray:
    """Chance that an item of a positive column is in a higher row than one of another column.

    A tie counts half; nan where one of the two is missing.
    """
    yes, no = tables[..., positive].sum(axis=-1), tables[..., ~positive].sum(axis=-1)
    above = (yes * (np.cumsum(no, axis=-1) - no / 2)).sum(axis=-1)
    return ratio(above, yes.sum(axis=-1) * no.sum(axis=-1))
