"""Severity of raters: items and raters as crossed random effects, fitted by REML.

A rating is the overall mean, plus what is particular to the item, plus what is particular to the
rater, plus noise. Severity is then corrected for which items a rater happened to get, and shrunken
towards 0 the less a rater rated. Items are eliminated from the equations analytically, so that
the work grows with the number of ratings and the cube of the number of raters only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autoqa.errors import DataError
from autoqa.evaluation.raters.rating_table import RatingTable
from autoqa.evaluation.tables import FloatArray
from autoqa.evaluation.threads import one_thread

_FLATTEST = 12.0  # log variance ratio at which an effect counts as absent
_NO_SPREAD = 1e-12
_FEW_RATERS = 200


@dataclass(frozen=True, slots=True, eq=False)
class RaterEffects:
    """A fitted model of crossed item and rater effects.

    Attributes
    ----------
    mean : float
    item_sd, rater_sd, residual_sd : float
        Standard deviations in units of the scale.
    effect, effect_sd : array of shape (n_raters,)
        How much higher a rater rates than the average rater, shrunken, and the standard deviation
        of what is left unknown about it.
    unshrunken, unshrunken_sd : array of shape (n_raters,)
        How much higher a rater rates than the average of the other raters, as the ratings alone
        say it, and its standard error; for tests. Infinite error where they say nothing.
    item_effect : array of shape (n_items,)
        How much higher an item lies than the average item, shrunken.
    without_own : array of shape (n_ratings,)
        `item_effect` of each rating's item as the item's other ratings alone have it.
    log_likelihood : float
        Restricted, at the optimum.
    """

    mean: float
    item_sd: float
    rater_sd: float
    residual_sd: float
    effect: FloatArray
    effect_sd: FloatArray
    unshrunken: FloatArray
    unshrunken_sd: FloatArray
    item_effect: FloatArray
    without_own: FloatArray
    log_likelihood: float


def fit_rater_effects(table: RatingTable) -> RaterEffects:
    """Estimate severity of every rater and the variance among items, raters and ratings.

    Parameters
    ----------
    table : RatingTable
        Items rated once say something too, as long as items reach raters by chance. Where some
        raters get harder items by design, keep items with several ratings only.

    Raises
    ------
    DataError
        With fewer than 2 raters, 2 items or 4 ratings, or when all ratings are the same.

    Notes
    -----
    Ratings count as numbers with equal noise. Near the ends of a scale that holds only roughly,
    and severity is then a little understated.

    References
    ----------
    Patterson and Thompson (1971), Biometrika 58(3), 545-554 (REML).
    Henderson (1975), Biometrics 31(2), 423-447 (best linear unbiased prediction).
    Linacre (1989), Many-Facet Rasch Measurement (the facets of a rating).
    """
    if len(table.raters) < 2 or len(table.keys) < 2 or len(table.value) < 4:
        raise DataError(
            f"{len(table.value)} ratings of {len(table.keys)} items by {len(table.raters)} raters: "
            "severity needs at least 2 raters, 2 items and 4 ratings."
        )
    spread = float(table.value.std())
    if spread < _NO_SPREAD:
        raise DataError("All ratings are the same, so raters cannot be told apart.")
    with one_thread():
        equations = _Equations(table, spread)
        item_ratio, rater_ratio = equations.best_ratios()
        return equations.solution(item_ratio, rater_ratio)


class _Equations:
    """Henderson's mixed-model equations with the items eliminated.

    A *ratio* is the noise variance over an effect's variance.
    """

    def __init__(self, table: RatingTable, spread: float) -> None:
        from scipy.sparse import csr_array

        self.table, self.spread = table, spread
        self.centre = float(table.value.mean())
        self.y = (table.value - self.centre) / spread
        n_items, n_raters = len(table.keys), len(table.raters)
        self.n_items, self.n_raters = n_items, n_raters
        self.squares = float((self.y**2).sum())
        rater_sum = np.bincount(table.rater, weights=self.y, minlength=n_raters)
        self.right = np.concatenate([[self.y.sum()], rater_sum])
        # Items enter only by how many ratings they have, so sums per size hold all that is needed
        # of them: whatever the number of items, trying a variance ratio costs the same.
        sizes, size_of = np.unique(table.n_per_item, return_inverse=True)
        self.sizes, n_sizes = sizes.astype(float), len(sizes)
        self.items_of_size = np.bincount(size_of, minlength=n_sizes).astype(float)
        item_sum = np.bincount(table.item, weights=self.y, minlength=n_items)
        self.sum_of_size = np.bincount(size_of, weights=item_sum, minlength=n_sizes)
        self.squares_of_size = np.bincount(size_of, weights=item_sum**2, minlength=n_sizes)
        cell = size_of[table.item] * n_raters + table.rater
        shape = (n_sizes, n_raters)
        size = n_sizes * n_raters
        self.rater_of_size = np.bincount(cell, minlength=size).reshape(shape).astype(float)
        self.met_of_size = np.bincount(cell, weights=item_sum[table.item], minlength=size).reshape(
            shape
        )
        ones = np.ones(len(self.y))
        who = csr_array((ones, (table.item, table.rater)), shape=(n_items, n_raters))
        blocks = [who[size_of == s] for s in range(n_sizes)]
        self.together = [(block.T @ block).tocsr() for block in blocks]
        # Where raters are few, handling sparse matrices costs more than their zeros.
        few = n_raters <= _FEW_RATERS
        self.together_dense = np.stack([b.toarray() for b in self.together]) if few else None

    def _reduced(self, item_ratio: float, rater_ratio: float) -> tuple[FloatArray, FloatArray]:
        """Return matrix and right side for intercept and raters."""
        share = 1.0 / (self.sizes + item_ratio)
        matrix = np.empty((self.n_raters + 1, self.n_raters + 1))
        per_rater = self.rater_of_size.sum(axis=0)
        matrix[0, 0] = (self.items_of_size * self.sizes * (1.0 - self.sizes * share)).sum()
        matrix[0, 1:] = matrix[1:, 0] = (1.0 - self.sizes * share) @ self.rater_of_size
        if self.together_dense is not None:
            matrix[1:, 1:] = -np.tensordot(share, self.together_dense, axes=1)
        else:
            matrix[1:, 1:] = -sum(
                s * block for s, block in zip(share, self.together, strict=True)
            ).toarray()
        matrix[1:, 1:] += np.diag(per_rater + rater_ratio)
        right = self.right - np.concatenate(
            [[(self.sizes * share * self.sum_of_size).sum()], share @ self.met_of_size]
        )
        return matrix, right

    def _criterion(self, item_ratio: float, rater_ratio: float) -> tuple[float, float]:
        """Return -2 restricted log likelihood, without its constant, and the noise variance."""
        matrix, right = self._reduced(item_ratio, rater_ratio)
        lower = np.linalg.cholesky(matrix)
        half = np.linalg.solve(lower, right)
        size = self.sizes + item_ratio
        unexplained = self.squares - (self.squares_of_size / size).sum() - float(half @ half)
        free = len(self.y) - 1
        noise = max(unexplained, 1e-12) / free
        found = (
            free * np.log(noise)
            + (self.items_of_size * np.log(size)).sum()
            + 2.0 * np.log(np.diag(lower)).sum()
            - self.n_items * np.log(item_ratio)
            - self.n_raters * np.log(rater_ratio)
        )
        return float(found), noise

    def best_ratios(self) -> tuple[float, float]:
        from scipy.optimize import minimize

        def cost(logs: FloatArray) -> float:
            low, high = np.clip(logs, -_FLATTEST, _FLATTEST)
            # A gentle slope outside keeps the search inside where the criterion is flat.
            outside = float(np.abs(logs - np.clip(logs, -_FLATTEST, _FLATTEST)).sum())
            return self._criterion(float(np.exp(low)), float(np.exp(high)))[0] + outside

        found = minimize(
            cost,
            np.array([0.0, 2.0]),
            method="Nelder-Mead",
            options={"xatol": 1e-5, "fatol": 1e-7, "maxiter": 400},
        )
        item, rater = np.exp(np.clip(found.x, -_FLATTEST, _FLATTEST))
        return float(item), float(rater)

    def solution(self, item_ratio: float, rater_ratio: float) -> RaterEffects:
        table = self.table
        criterion, noise = self._criterion(item_ratio, rater_ratio)
        matrix, right = self._reduced(item_ratio, rater_ratio)
        inverse = np.linalg.inv(matrix)
        solved = inverse @ right
        mean, effect = float(solved[0]), solved[1:]
        rater_variance = noise / rater_ratio
        left = noise * np.diag(inverse)[1:]
        # What the ratings say, freed of the prior: posterior precision less prior precision.
        known = np.clip(1.0 - left / rater_variance, 0.0, 1.0)
        says = known > 1e-9
        unshrunken = np.divide(effect, known, out=np.zeros_like(effect), where=says)
        error = np.divide(left, known, out=np.full_like(left, np.inf), where=says)
        residual = self.y - mean - effect[table.rater]
        total = np.bincount(table.item, weights=residual, minlength=len(table.keys))
        per_item = table.n_per_item + item_ratio
        unit, free = self.spread, len(self.y) - 1
        return RaterEffects(
            mean=self.centre + unit * mean,
            item_sd=unit * float(np.sqrt(noise / item_ratio)),
            rater_sd=unit * float(np.sqrt(rater_variance)),
            residual_sd=unit * float(np.sqrt(noise)),
            effect=unit * effect,
            effect_sd=unit * np.sqrt(np.clip(left, 0.0, None)),
            unshrunken=unit * unshrunken,
            unshrunken_sd=unit * np.sqrt(error),
            item_effect=unit * total / per_item,
            without_own=unit * (total[table.item] - residual) / (per_item[table.item] - 1.0),
            log_likelihood=-0.5 * criterion
            - free * (float(np.log(unit * np.sqrt(2 * np.pi))) + 0.5),
        )
