"""How far raters agree, beyond chance and in plain shares.

All coefficients are symmetric in the raters, take the full list of levels, and return nan where
the data leave them undefined (nothing rated, no variance), so that a bootstrap never stops
half-way. Distances between levels count steps on the scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError, ScaleError
from autoqa.evaluation import tables
from autoqa.evaluation.tables import FloatArray, IntArray, Measurement, Weighting

IccForm = Literal["1,1", "2,1", "3,1", "1,k", "2,k", "3,k"]
_ICC_FORMS: tuple[str, ...] = ("1,1", "2,1", "3,1", "1,k", "2,k", "3,k")


def positions(ratings: npt.ArrayLike, levels: Sequence[int], *, missing: bool = False) -> IntArray:
    """Return where each rating stands on the scale, 0 for the lowest level.

    Parameters
    ----------
    ratings : array of any shape
    levels : sequence of int
        Every level of the scale, in any order.
    missing : bool
        Whether nan may stand for "not rated"; it becomes -1.

    Raises
    ------
    ScaleError
        If a rating is not one of `levels`.
    """
    values = np.asarray(ratings, dtype=float)
    scale = np.unique(np.asarray(levels, dtype=float))
    if scale.size == 0:
        raise ScaleError("The scale has no levels; give every level, also those nobody used.")
    place = np.searchsorted(scale, values).clip(max=scale.size - 1)
    known = scale[place] == values
    if missing:
        absent = np.isnan(values)
        place[absent] = -1
        known |= absent
    if not known.all():
        where = np.unravel_index(int(np.argmin(known)), values.shape)
        shown = ", ".join(f"{level:g}" for level in scale)
        place_name = where[0] if len(where) == 1 else tuple(int(i) for i in where)
        hint = " Leave out items that were not rated." if np.isnan(values[where]) else ""
        raise ScaleError(
            f"Rating {values[where]:g} at index {place_name} is not one of the levels "
            f"{shown}.{hint}"
        )
    return np.asarray(place, dtype=np.int64)


def contingency(a: npt.ArrayLike, b: npt.ArrayLike, *, levels: Sequence[int]) -> FloatArray:
    """Count how often each pair of levels was given, shape (n_levels, n_levels), `a` in rows."""
    rows, columns = positions(a, levels), positions(b, levels)
    if rows.shape != columns.shape or rows.ndim != 1:
        raise DataError(
            f"Paired ratings must be two 1-D arrays of one length, not of shapes {rows.shape} "
            f"and {columns.shape}."
        )
    n_levels = len(set(levels))
    counts = np.bincount(rows * n_levels + columns, minlength=n_levels**2)
    return counts.reshape(n_levels, n_levels).astype(float)


def exact_agreement(a: npt.ArrayLike, b: npt.ArrayLike, *, levels: Sequence[int]) -> float:
    """Share of items on which two raters gave the same level; nan without items."""
    return float(tables.exact(contingency(a, b, levels=levels)))


def within_one(a: npt.ArrayLike, b: npt.ArrayLike, *, levels: Sequence[int]) -> float:
    """Share of items on which two raters are at most one level apart; nan without items.

    On a scale of two levels it is always 1 and says nothing.
    """
    return float(tables.within_one(contingency(a, b, levels=levels)))


def cohen_kappa(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    *,
    levels: Sequence[int],
    weights: Weighting = None,
) -> float:
    """Agreement of two raters beyond chance.

    Parameters
    ----------
    a, b : int array of shape (n_items,)
        Ratings on one scale, paired; only items that both raters rated.
    levels : sequence of int
        Every level of the scale, also those that nobody used.
    weights : {None, "linear", "quadratic"}
        What a miss costs: the same for all, its distance, or its squared distance.

    Returns
    -------
    float
        1 for perfect agreement, 0 for chance, nan when both raters used only one and the same
        level.

    Raises
    ------
    ScaleError
        If a rating is not one of `levels`.

    References
    ----------
    Cohen (1960), Educational and Psychological Measurement 20(1), 37-46.
    Cohen (1968), Psychological Bulletin 70(4), 213-220.
    """
    return float(tables.kappa(contingency(a, b, levels=levels), weights))


def quadratic_kappa(a: npt.ArrayLike, b: npt.ArrayLike, *, levels: Sequence[int]) -> float:
    """Agreement beyond chance, where a miss costs its squared distance.

    Parameters
    ----------
    a, b : int array of shape (n_items,)
        Ratings on one scale, paired; only items that both raters rated.
    levels : sequence of int
        Every level of the scale, also those that nobody used.

    Returns
    -------
    float
        nan when both raters used only one and the same level.

    Raises
    ------
    ScaleError
        If a rating is not one of `levels`.

    References
    ----------
    Cohen (1968), Psychological Bulletin 70(4), 213-220.
    """
    return cohen_kappa(a, b, levels=levels, weights="quadratic")


def pabak(
    a: npt.ArrayLike, b: npt.ArrayLike, *, levels: Sequence[int], weights: Weighting = None
) -> float:
    """Kappa of two raters as it would be if every level were equally common for both.

    Beside a kappa it says how much of that is owed to prevalence and bias. On two levels it is
    twice the exact agreement minus 1; on more it is Brennan and Prediger's coefficient.

    Parameters
    ----------
    a, b, levels, weights
        As for `cohen_kappa`.

    References
    ----------
    Byrt, Bishop and Carlin (1993), Journal of Clinical Epidemiology 46(5), 423-429.
    Brennan and Prediger (1981), Educational and Psychological Measurement 41(3), 687-699.
    """
    return float(tables.uniform_kappa(contingency(a, b, levels=levels), weights))


def prevalence_index(
    a: npt.ArrayLike, b: npt.ArrayLike, *, levels: Sequence[int]
) -> dict[int, float]:
    """Per level, how much likelier both raters give it than both withhold it, -1 to 1.

    On two levels that of the upper one is Byrt, Bishop and Carlin's (1993) index. The farther from
    0, the lower kappa is at the same exact agreement.
    """
    return _by_level(tables.prevalence_index(contingency(a, b, levels=levels)), levels)


def bias_index(a: npt.ArrayLike, b: npt.ArrayLike, *, levels: Sequence[int]) -> dict[int, float]:
    """Per level, how much oftener `a` gives it than `b`, -1 to 1.

    On two levels that of the upper one is Byrt, Bishop and Carlin's (1993) index. The farther from
    0, the higher kappa is at the same exact agreement.
    """
    return _by_level(tables.bias_index(contingency(a, b, levels=levels)), levels)


def _by_level(values: FloatArray, levels: Sequence[int]) -> dict[int, float]:
    return {int(level): float(v) for level, v in zip(sorted(set(levels)), values, strict=True)}


def _matrix(ratings: npt.ArrayLike) -> FloatArray:
    matrix = np.asarray(ratings, dtype=float)
    if matrix.ndim != 2:
        raise DataError(
            f"Ratings must be a matrix of shape (n_raters, n_items), not of shape {matrix.shape}."
        )
    return matrix


def pair_table(
    place: IntArray, n_levels: int, *, weigh: Literal["values", "items"] = "items"
) -> FloatArray:
    """Add up all pairs of raters on the same item, shape (n_levels, n_levels).

    Parameters
    ----------
    place : int array of shape (n_raters, n_items)
        Positions on the scale, -1 for not rated.
    n_levels : int
    weigh : {"items", "values"}
        Every item counts 1 (for kappa, AC and shares), or half the number of its ratings (for
        Krippendorff's alpha).
    """
    cells, weights, _ = pair_entries(place, n_levels, weigh=weigh)
    counts = np.bincount(cells, weights=weights, minlength=n_levels**2)
    return np.asarray(counts.reshape(n_levels, n_levels), dtype=float)


def pair_entries(
    place: IntArray, n_levels: int, *, weigh: Literal["values", "items"] = "items"
) -> tuple[IntArray, FloatArray, IntArray]:
    """Return cell, weight and item of every ordered pair of ratings of one item."""
    rated = place >= 0
    n_raters = rated.sum(axis=0)
    cells, weights, items = [], [], []
    for first in range(place.shape[0]):
        for second in range(place.shape[0]):
            if first == second:
                continue
            (both,) = np.nonzero(rated[first] & rated[second])
            k = n_raters[both].astype(float)
            cells.append(place[first, both] * n_levels + place[second, both])
            weights.append(1 / (k * (k - 1)) if weigh == "items" else 1 / (2 * (k - 1)))
            items.append(both)
    if not cells:
        return np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64)
    return np.concatenate(cells), np.concatenate(weights), np.concatenate(items)


def krippendorff_alpha(
    ratings: npt.ArrayLike,
    *,
    level: Measurement = "ordinal",
    levels: Sequence[int] | None = None,
) -> float:
    """Agreement of any number of raters beyond chance, with missing ratings.

    Parameters
    ----------
    ratings : array of shape (n_raters, n_items)
        nan where a rater did not rate an item. Items with one rating are left out.
    level : {"nominal", "ordinal", "interval"}
        How far two levels are apart: all the same, by how many ratings lie between them, or by
        their difference.
    levels : sequence of int, optional
        The scale, to check the ratings against. Unused levels do not change alpha.

    Returns
    -------
    float
        nan when nothing can be paired or all paired ratings are the same.

    Raises
    ------
    ScaleError
        If `levels` is given and a rating is not one of them.

    References
    ----------
    Krippendorff (2019), Content Analysis, 4th edition, chapter 12.
    """
    matrix = _matrix(ratings)
    used = np.unique(matrix[~np.isnan(matrix)]) if levels is None else np.unique(levels)
    if used.size == 0:
        return float("nan")
    place = positions(matrix, list(used), missing=True)
    table = pair_table(place, used.size, weigh="values")
    return float(tables.alpha(table, level, used.astype(float)))


def gwet_ac1(ratings: npt.ArrayLike, *, levels: Sequence[int]) -> float:
    """Agreement beyond chance that stays meaningful when one level dominates.

    `gwet_ac2` without weights: every miss costs the same.
    """
    return gwet_ac2(ratings, levels=levels, weights=None)


def gwet_ac2(
    ratings: npt.ArrayLike, *, levels: Sequence[int], weights: Weighting = "quadratic"
) -> float:
    """Weighted agreement beyond chance that stays meaningful when one level dominates.

    Parameters
    ----------
    ratings : array of shape (n_raters, n_items)
        nan where a rater did not rate an item. Items with one rating count for how often a level
        is used, not for agreement.
    levels : sequence of int
        Every level of the scale, also those that nobody used.
    weights : {"quadratic", "linear", None}

    Returns
    -------
    float
        1 when everybody used one and the same level; nan when no item was rated twice or the
        scale has one level.

    Raises
    ------
    ScaleError
        If a rating is not one of `levels`.

    References
    ----------
    Gwet (2014), Handbook of Inter-Rater Reliability, 4th edition, chapters 2-5.
    """
    place = positions(_matrix(ratings), levels, missing=True)
    n_levels = len(set(levels))
    if n_levels < 2:
        return float("nan")
    counts = np.stack([(place == position).sum(axis=0) for position in range(n_levels)])
    n_raters = counts.sum(axis=0)
    credit = 1.0 - tables.disagreement(n_levels, weights)
    paired = n_raters >= 2
    if not paired.any():
        return float("nan")
    used = (counts[:, n_raters > 0] / n_raters[n_raters > 0]).mean(axis=1)
    given, k = counts[:, paired].astype(float), n_raters[paired].astype(float)
    agreed = ((given * (credit @ given - 1.0)).sum(axis=0) / (k * (k - 1))).mean()
    by_chance = credit.sum() / (n_levels * (n_levels - 1)) * (used * (1 - used)).sum()
    return float((agreed - by_chance) / (1.0 - by_chance))


def icc(ratings: npt.ArrayLike, *, form: IccForm = "2,1") -> float:
    """Intraclass correlation of numeric ratings.

    Parameters
    ----------
    ratings : array of shape (n_raters, n_items)
        Items with a missing rating (nan) are left out.
    form : {"1,1", "2,1", "3,1", "1,k", "2,k", "3,k"}
        Shrout and Fleiss's names. 1: every item has other raters; 2: the raters are a sample of
        raters, and their severity counts as disagreement; 3: these raters only, severity does not
        count. ``k``: of the mean of all raters instead of a single one.

    Returns
    -------
    float
        nan with fewer than two raters or items, or without any variance.

    References
    ----------
    Shrout and Fleiss (1979), Psychological Bulletin 86(2), 420-428.
    """
    if form not in _ICC_FORMS:
        raise DataError(f"'{form}' is not a form of the ICC. Known: {' '.join(_ICC_FORMS)}.")
    matrix = _matrix(ratings)
    matrix = matrix[:, ~np.isnan(matrix).any(axis=0)]
    k, n = matrix.shape
    if k < 2 or n < 2:
        return float("nan")
    # Centred, or large ratings would drown their differences in rounding.
    centred = matrix - matrix.mean()
    return float(icc_of_sums(icc_sums(centred).sum(axis=1), form))


def icc_sums(matrix: FloatArray) -> FloatArray:
    """Return what each item adds to the sums that `icc_of_sums` needs, shape (k + 3, n_items).

    `matrix` has shape (k raters, n_items) and no gaps: the count of items, the square of an item's
    mean, its sum of squares, and each rater's rating.
    """
    rows = (np.ones(matrix.shape[1]), matrix.mean(axis=0) ** 2, (matrix**2).sum(axis=0), *matrix)
    return np.stack(rows)


def icc_of_sums(sums: FloatArray, form: IccForm) -> FloatArray:
    """Return the ICC of stacked sums of `icc_sums`, shape (..., k + 3); nan where undefined."""
    n, means, squares = sums[..., 0], sums[..., 1], sums[..., 2]
    per_rater = tables.ratio(sums[..., 3:], n[..., None])
    k = per_rater.shape[-1]
    grand = per_rater.mean(axis=-1)
    between_items = k * (means - n * grand**2)
    between_raters = n * ((per_rater - grand[..., None]) ** 2).sum(axis=-1)
    rest = np.maximum(squares - n * k * grand**2 - between_items - between_raters, 0.0)
    items = tables.ratio(between_items, n - 1)
    raters = between_raters / (k - 1)
    error = tables.ratio(rest, (n - 1) * (k - 1))
    within = tables.ratio(between_raters + rest, n * (k - 1))
    noise = within if form[0] == "1" else error
    severity = tables.ratio(raters - error, n) if form[0] == "2" else np.zeros_like(error)
    if form.endswith("k"):
        return tables.ratio(items - noise, items + severity)
    return tables.ratio(items - noise, items + (k - 1) * noise + k * severity)
