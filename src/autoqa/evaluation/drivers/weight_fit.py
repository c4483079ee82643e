"""Scorecard weights that make totals go with CSAT, under constraints and close to the present ones.

A total is renormalised over what was rated and set to 0 by a critical failure, so it is not linear
in the weights; the search works on the total itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autoqa.errors import DataError, near_miss
from autoqa.evaluation.classification import spearman
from autoqa.evaluation.drivers.table import FEW, BoolArray, DriverTable
from autoqa.evaluation.intervals import cluster_codes
from autoqa.evaluation.tables import FloatArray, IntArray, ratio
from autoqa.scorecard.schema import Scorecard

STRENGTHS = (math.inf, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03)
"""How strongly to hold on to the current weights: correlation given up per squared share moved.

Infinity keeps them as they are."""


@dataclass(frozen=True, slots=True, eq=False)
class Forms:
    """Filled-in forms as the scorecard counts them.

    Attributes
    ----------
    credit : float array of shape (n_conversations, n_criteria)
        0 where not rated, and where a criterion that is critical for the section was failed.
    rated : float array of the same shape
        1 where rated, 0 elsewhere.
    failed : bool array of shape (n_conversations,)
        Whether a critical criterion makes the total 0.
    """

    credit: FloatArray
    rated: FloatArray
    failed: BoolArray

    def where(self, rows: IntArray | BoolArray) -> Forms:
        """Return some of the conversations."""
        return Forms(self.credit[rows], self.rated[rows], self.failed[rows])

    def totals(self, weights: FloatArray) -> FloatArray:
        """Return each total, 0-100, shape (n_conversations,); nan where nothing rated has weight.

        The same as `autoqa.scorecard.evaluate` gives for one rater, but not rounded.
        """
        share = ratio(self.credit @ weights, self.rated @ weights)
        return np.where(self.failed & np.isfinite(share), 0.0, 100 * share)


def forms_of(table: DriverTable, card: Scorecard) -> Forms:
    """Lay a table's credits out in the card's order and apply its critical criteria.

    Where several raters were averaged, a criterion is failed when all of them gave it no points.
    """
    place = {name: j for j, name in enumerate(table.criteria)}
    credit = np.full((len(table.conversations), len(card.criteria)), np.nan)
    for j, criterion in enumerate(card.criteria):
        if criterion.id in place:
            credit[:, j] = table.credit[:, place[criterion.id]]
    rated, missed = np.isfinite(credit), credit == 0
    earned = np.where(rated, credit, 0.0)
    whole = np.array([criterion.critical is True for criterion in card.criteria], dtype=bool)
    first = 0
    for section in card.sections:
        columns = slice(first, first + len(section.criteria))
        critical = np.array([c.critical == "section" for c in section.criteria], dtype=bool)
        lost = (missed[:, columns] & critical).any(axis=1)
        earned[lost, columns] = 0.0
        first = columns.stop
    return Forms(earned, rated.astype(float), (missed & whole).any(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Constraints:
    """What weights may be, as shares of 1.

    Attributes
    ----------
    current : float array of shape (n_criteria,)
        Sums to 1.
    lowest, highest : float array of shape (n_criteria,)
        Equal where a weight cannot be learned.
    """

    current: FloatArray
    lowest: FloatArray
    highest: FloatArray


def lowest_weights(card: Scorecard, current: FloatArray, given: Mapping[str, float]) -> FloatArray:
    """Return each criterion's floor as a share of 1: given, or the current weight if critical."""
    names = [criterion.id for criterion in card.criteria]
    for name, floor in given.items():
        if name not in names:
            raise DataError(f"floors: {card.id} has no criterion '{name}'.{near_miss(name, names)}")
        if not 0 <= floor <= 100:
            raise DataError(f"floors: {name} is {floor}; give a weight out of 100.")
    lowest = np.array(
        [
            given[c.id] / 100 if c.id in given else (w if c.critical else 0.0)
            for c, w in zip(card.criteria, current, strict=True)
        ]
    )
    if lowest.sum() > 1 + 1e-9:
        raise DataError(f"floors: they sum to {100 * lowest.sum():.1f}, above 100; lower some.")
    return lowest


def learnable_criteria(forms: Forms) -> BoolArray:
    """Criteria of which at least `FEW` ratings differ from the commonest credit.

    Forms that a critical criterion failed do not count: their total is 0 whatever the weights. A
    criterion that fails the evaluation is met on all others, so its weight cannot be learned.
    """
    found = []
    decided = forms.where(~forms.failed)
    for j in range(decided.credit.shape[1]):
        _, counts = np.unique(decided.credit[decided.rated[:, j] > 0, j], return_counts=True)
        found.append(counts.size > 1 and int(counts.sum() - counts.max()) >= FEW)
    return np.array(found, dtype=bool)


def constraints_on(current: FloatArray, lowest: FloatArray, learnable: BoolArray) -> Constraints:
    """Hold what cannot be learned, as far as the floors of the others leave room for it."""
    held = np.where(learnable, 0.0, np.maximum(current - lowest, 0.0))
    room = 1 - float(lowest.sum())
    bottom = lowest + held * min(1.0, room / max(float(held.sum()), 1e-12))
    spare = np.where(learnable, np.maximum(current - bottom, 0.0), 0.0)
    if spare.sum() <= 0:
        spare = learnable.astype(float)
    left = max(0.0, 1 - float(bottom.sum()))
    return Constraints(
        current=bottom + left * spare / max(float(spare.sum()), 1e-12),
        lowest=bottom,
        highest=np.where(learnable, 1.0, bottom),
    )


def fit_weights(
    forms: Forms,
    csat: FloatArray,
    limits: Constraints,
    *,
    strength: float,
    start: FloatArray | None = None,
) -> FloatArray:
    """Find the weights whose totals correlate best with CSAT.

    Maximises ``correlation - strength * squared distance from the current weights`` over weights
    that sum to 1 within their limits. Without N/A ratings and with no strength this is
    non-negative least squares, up to scale.

    Parameters
    ----------
    forms : Forms
        Failed ones are left out: no weights change their total.
    csat : float array of shape (n_conversations,)
    limits : Constraints
    strength : float
        0 or above.
    start : float array of shape (n_criteria,), optional

    Returns
    -------
    float array of shape (n_criteria,)
        The current weights where the data leave the correlation undefined.
    """
    from scipy.optimize import LinearConstraint, minimize

    usable = ~forms.failed & (forms.rated @ limits.current > 0)
    kept, y = forms.where(usable), csat[usable]
    free = limits.highest > limits.lowest
    if math.isinf(strength) or free.sum() < 2 or len(y) < 3 or np.ptp(y) == 0:
        return limits.current
    y = y - y.mean()
    y /= np.linalg.norm(y)

    def cost(free_weights: FloatArray) -> tuple[float, FloatArray]:
        weights = limits.lowest.copy()
        weights[free] = free_weights
        applied = np.maximum(kept.rated @ weights, 1e-9)
        share = (kept.credit @ weights) / applied
        centred = share - share.mean()
        norm = float(np.linalg.norm(centred))
        moved = free_weights - limits.current[free]
        lost = strength * float(moved @ moved)
        if norm < 1e-12:
            return lost, 2 * strength * moved
        unit = centred / norm
        r = float(y @ unit)
        by_share = (y - r * unit) / norm / applied
        slope = kept.credit.T @ by_share - kept.rated.T @ (by_share * share)
        return lost - r, 2 * strength * moved - slope[free]

    begin = (limits.current if start is None else start)[free]
    lowest, to_share = limits.lowest[free], 1 - float(limits.lowest[~free].sum())
    found = minimize(
        cost,
        begin,
        jac=True,
        method="SLSQP",
        bounds=list(zip(lowest, limits.highest[free], strict=True)),
        constraints=LinearConstraint(np.ones((1, len(begin))), to_share, to_share),
        options={"maxiter": 200, "ftol": 1e-9},
    )
    above = np.maximum(np.asarray(found.x, dtype=float) - lowest, 0.0)
    # The search may end a hair off the sum.
    above *= (to_share - lowest.sum()) / max(float(above.sum()), 1e-12)
    if not np.isfinite(above).all() or cost(lowest + above)[0] > cost(limits.current[free])[0]:
        return limits.current
    weights = limits.lowest.copy()
    weights[free] += above
    return weights


def folds_of(clusters: Sequence[str], n_folds: int, seed: int) -> IntArray:
    """Deal clusters out to folds at random, shape (n_items,)."""
    codes, n_clusters = cluster_codes(clusters)
    dealt = np.random.default_rng(seed).permutation(n_clusters) % min(n_folds, n_clusters)
    return np.asarray(dealt[codes], dtype=np.int64)


def _path(forms: Forms, csat: FloatArray, limits: Constraints) -> list[FloatArray]:
    """Fit with each strength, each beginning where the one before ended."""
    found: list[FloatArray] = []
    for strength in STRENGTHS:
        start = found[-1] if found else None
        found.append(fit_weights(forms, csat, limits, strength=strength, start=start))
    return found


def choose_strength(
    forms: Forms, csat: FloatArray, limits: Constraints, folds: IntArray
) -> tuple[float, FloatArray]:
    """Choose how far to move by cross-validation, and fit with that.

    Returns
    -------
    strength : float
        The one of `STRENGTHS` whose held-out totals rank customers best; the strongest of equals.
    weights : float array of shape (n_criteria,)
        Fitted to all of the data.
    """
    held_out = np.full((len(STRENGTHS), len(csat)), np.nan)
    for fold in np.unique(folds):
        out = folds == fold
        path = _path(forms.where(~out), csat[~out], limits)
        for i, weights in enumerate(path):
            held_out[i, out] = forms.where(out).totals(weights)
    known = np.isfinite(held_out).all(axis=0)
    scores = np.array([spearman(totals[known], csat[known]) for totals in held_out])
    best = 0 if np.isnan(scores).all() else int(np.nanargmax(scores))
    return STRENGTHS[best], _path(forms, csat, limits)[best]


def held_out_totals(
    forms: Forms,
    csat: FloatArray,
    limits: Constraints,
    clusters: Sequence[str],
    *,
    n_folds: int,
    seed: int,
) -> FloatArray:
    """Total each conversation with weights that were fitted without its fold.

    The strength is chosen within the other folds too, so that choosing does not flatter.
    """
    names = np.asarray(clusters)
    outer = folds_of(clusters, n_folds, seed)
    totals = np.full(len(csat), np.nan)
    for fold in np.unique(outer):
        out = outer == fold
        inner = folds_of(names[~out].tolist(), n_folds, seed + 1)
        _, weights = choose_strength(forms.where(~out), csat[~out], limits, inner)
        totals[out] = forms.where(out).totals(weights)
    return totals
