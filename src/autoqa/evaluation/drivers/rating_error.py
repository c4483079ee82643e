"""What errors of rating take away from the effects of criteria, given back.

A rating is taken as the true credit and an error that has nothing to do with it. Then the true
credits of a conversation are expected nearer to the middle than they were rated, the nearer the
less reliable the criterion, and a regression on those expectations has the slopes of the truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError, near_miss
from autoqa.evaluation.agreement import icc
from autoqa.evaluation.raters.rating_table import RatingTable
from autoqa.evaluation.tables import FloatArray, IntArray
from autoqa.records import Rating

_LEAST_TRUE = 0.05  # share of any direction's variance that is taken to be no error


def rating_reliability(ratings: Iterable[Rating]) -> dict[str, float]:
    """Return each criterion's reliability: how much of a rating's variance is not its rater's.

    ICC(1,1) of the first two ratings of each item that has two; criteria without such items, or
    without variance, are left out.
    """
    held: dict[str, list[Rating]] = {}
    for rating in ratings:
        held.setdefault(rating.criterion, []).append(rating)
    found = {}
    for criterion, given in sorted(held.items()):
        matrix = RatingTable.from_ratings(given).matrix()
        known = ~np.isnan(matrix)
        twice = known.sum(axis=0) >= 2
        if twice.sum() < 2:
            continue
        order = np.argsort(~known[:, twice], axis=0, kind="stable")
        pairs = np.take_along_axis(matrix[:, twice], order, axis=0)[:2]
        value = icc(pairs, form="1,1")
        if np.isfinite(value):
            found[criterion] = float(value)
    return found


def reliabilities(names: Sequence[str], given: Mapping[str, float]) -> FloatArray:
    """Return one reliability per name, 1 where none is given.

    Raises
    ------
    DataError
        If one is of no criterion, or not above 0 and at most 1.
    """
    for name, value in given.items():
        if name not in names:
            raise DataError(f"No criterion '{name}' was rated.{near_miss(name, names)}")
        if not 0 < value <= 1:
            raise DataError(
                f"The reliability of {name} is {value}; give a number above 0 and at most 1. "
                "A criterion on which raters do not agree at all cannot be corrected."
            )
    return np.array([given.get(name, 1.0) for name in names])


def expected_credit(
    credit: FloatArray,
    rated: npt.NDArray[np.bool_],
    controls: FloatArray,
    reliability: FloatArray,
    *,
    groups: IntArray | None = None,
) -> FloatArray:
    """Return the expected true credits, given the ratings, the controls and the agent.

    Parameters
    ----------
    credit : array of shape (n, n_criteria)
        The mean where not rated.
    rated : bool array of shape (n, n_criteria)
    controls : array of shape (n, n_controls)
    reliability : array of shape (n_criteria,)
        Of one rating, above 0 and at most 1.
    groups : int array of shape (n,), optional
        The agent of each conversation, where effects hold the agent constant.

    References
    ----------
    Carroll, Ruppert, Stefanski and Crainiceanu (2006), Measurement Error in Nonlinear Models,
    chapter 4 (regression calibration).
    """
    design = np.column_stack([np.ones(len(credit)), controls])
    if groups is not None:
        design = np.hstack([design, np.eye(int(groups.max()) + 1)[groups]])
    usual = design @ np.linalg.lstsq(design, credit, rcond=None)[0]
    away = credit - usual
    free = max(len(credit) - np.linalg.matrix_rank(design), 1)
    seen = away.T @ away / free
    error = (1 - reliability) * rated.mean(axis=0) * _variance(credit, rated)
    # In the directions of `seen`, so that no direction is left without any true variance.
    size, axes = np.linalg.eigh(seen)
    size = np.maximum(size, 1e-12)
    root = axes * np.sqrt(size)
    noise = np.linalg.solve(root, np.linalg.solve(root, np.diag(error)).T)
    share, turned = np.linalg.eigh((noise + noise.T) / 2)
    true = turned @ np.diag(np.maximum(1 - share, _LEAST_TRUE)) @ turned.T
    return np.asarray(usual + away @ np.linalg.inv(root).T @ true @ root.T)


def _variance(credit: FloatArray, rated: npt.NDArray[np.bool_]) -> FloatArray:
    pairs = zip(credit.T, rated.T, strict=True)
    return np.array([v[given].var(ddof=1) if given.sum() > 1 else 0.0 for v, given in pairs])
