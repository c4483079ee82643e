"""The level that imperfect raters' answers point to, and how good each rater is at finding it.

Nobody's rating is taken for the truth. A model is one more rater: with three raters or more per
item its quality can be estimated without a gold standard, as long as raters err independently.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.agreement import positions
from autoqa.evaluation.intervals import Estimate, bootstrap_many
from autoqa.evaluation.raters.confusion_models import FreeConfusion, OrdinalConfusion
from autoqa.evaluation.raters.rating_table import RatingTable
from autoqa.evaluation.tables import FloatArray, IntArray
from autoqa.records import Rating

if TYPE_CHECKING:
    import pandas as pd

TrueScoreMethod: TypeAlias = Literal["dawid_skene", "ordinal"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrueScores:
    """Posterior of every item's level, and every rater's errors.

    Attributes
    ----------
    table : RatingTable
        What was fitted.
    levels : int array of shape (n_levels,)
    posterior : array of shape (n_items, n_levels)
        Probability of each level, in the order of `table.keys`.
    prior : array of shape (n_levels,)
        How common each level is.
    confusion : array of shape (n_raters, n_levels, n_levels)
        Probability that a rater gives the column's level when the row's is true.
    severity, noise : array of shape (n_raters,) or None
        Of the ordinal method, in steps of the scale: how far below the truth a rater's reading
        lies, and its standard deviation. The average rater's severity is 0: a severity that all
        raters share cannot be told from lower true levels.
    objective : tuple of float
        Penalised log likelihood after every iteration; never falls.
    converged : bool
    """

    table: RatingTable
    levels: IntArray
    method: TrueScoreMethod
    smoothing: float
    posterior: FloatArray
    prior: FloatArray
    confusion: FloatArray
    severity: FloatArray | None
    noise: FloatArray | None
    objective: tuple[float, ...]
    converged: bool

    @property
    def n_iterations(self) -> int:
        """How often the parameters were updated."""
        return len(self.objective)

    @property
    def best(self) -> IntArray:
        """Most probable level of each item; the lower one of equals."""
        return np.asarray(self.levels[self.posterior.argmax(axis=1)])

    @property
    def expected(self) -> FloatArray:
        """Mean level of each item under its posterior."""
        return np.asarray(self.posterior @ self.levels.astype(float))

    @property
    def accuracy(self) -> FloatArray:
        """Probability that each rater gives an item's true level, shape (n_raters,)."""
        return _accuracy(self.prior, self.confusion)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per item: conversation, turn, probabilities, best and expected level."""
        import pandas as pd

        frame = pd.DataFrame(self.table.keys, columns=["conversation_id", "turn"])
        for i, level in enumerate(self.levels):
            frame[f"p_{level}"] = self.posterior[:, i]
        return frame.assign(
            level=self.best, expected=self.expected, n_ratings=self.table.n_per_item
        )


def estimate_true_levels(
    ratings: Iterable[Rating] | RatingTable,
    *,
    levels: Sequence[int],
    criterion: str | None = None,
    method: TrueScoreMethod = "dawid_skene",
    smoothing: float = 0.1,
    tolerance: float = 1e-8,
    max_iterations: int = 1000,
) -> TrueScores:
    """Estimate true levels and raters' errors together, by expectation-maximisation.

    Parameters
    ----------
    ratings : iterable of Rating, or RatingTable
        Of people and models alike. Items may lack raters, and a `RatingTable` may hold several
        ratings of one item by one rater.
    levels : sequence of int
        Every level of the scale.
    criterion : str, optional
        Which one; may be left out when all ratings are of the same criterion.
    method : {"dawid_skene", "ordinal"}
        Any confusion of levels, n_levels x (n_levels - 1) unknowns per rater; or a severity and a
        noise per rater around an ordered truth, for raters with few ratings.
    smoothing : float
        Ratings added to every cell of a confusion matrix, and items to every level; 0 is maximum
        likelihood. The ordinal method smooths the levels only; raters with few ratings are drawn
        towards the average rater instead.
    tolerance : float
        Stops when an iteration gains less than this share of the objective.
    max_iterations : int

    Raises
    ------
    DataError
        Without ratings, or with an unknown method or a negative smoothing.
    ScaleError
        If a rating is not one of `levels`.

    Notes
    -----
    It starts from the shares of raters for each level, so levels keep their meaning as long as
    raters do better than chance. Raters who copy each other look better than they are. Posteriors
    take the estimated errors as known, so they are a little too sure: by up to 2 points on average
    with four raters of 300 items.

    References
    ----------
    Dawid and Skene (1979), Journal of the Royal Statistical Society C 28(1), 20-28.
    Johnson (1996), Journal of the American Statistical Association 91(433), 42-51 (ordinal).
    """
    if method not in ("dawid_skene", "ordinal"):
        raise DataError(f"'{method}' is not a method. Known: dawid_skene ordinal.")
    if smoothing < 0:
        raise DataError(f"smoothing is {smoothing}; give 0 or more.")
    table = (
        ratings
        if isinstance(ratings, RatingTable)
        else RatingTable.from_ratings(ratings, criterion=criterion)
    )
    if not table.value.size:
        raise DataError("No ratings at a level: true levels cannot be estimated.")
    scale = np.unique(np.asarray(levels, dtype=np.int64))
    fitting = _Fitting(table, positions(table.value, levels), len(scale), method, smoothing)
    every_item = np.ones(len(table.keys))
    model, prior, posterior, objective, converged = fitting.run(
        every_item, fitting.start(), tolerance, max_iterations
    )
    ordinal = model if isinstance(model, OrdinalConfusion) else None
    return TrueScores(
        table=table,
        levels=scale,
        method=method,
        smoothing=smoothing,
        posterior=posterior,
        prior=prior,
        confusion=model.confusion(),
        severity=ordinal.severity if ordinal else None,
        noise=ordinal.noise if ordinal else None,
        objective=tuple(objective),
        converged=converged,
    )


def rater_accuracy(
    scores: TrueScores,
    *,
    clusters: npt.ArrayLike | Sequence[Any] | None = None,
    n_resamples: int = 200,
    seed: int = 7,
    level: float = 0.95,
) -> dict[str, Estimate]:
    """Return each rater's probability of giving the true level, with a bootstrap interval.

    Every resample is fitted anew, from where the whole data ended.

    Parameters
    ----------
    scores : TrueScores
    clusters : array of shape (n_items,), optional
        What is resampled; the conversations where absent.
    """
    table = scores.table
    place = np.searchsorted(scores.levels, table.value)
    fitting = _Fitting(table, place, len(scores.levels), scores.method, scores.smoothing)
    n_items = len(table.keys)
    units = table.conversations if clusters is None else np.asarray(clusters)
    whole = dict(zip(table.raters, scores.accuracy, strict=True))

    def again(drawn: IntArray) -> dict[str, float]:
        times = np.bincount(drawn, minlength=n_items).astype(float)
        if (times == 1).all():
            return {name: float(value) for name, value in whole.items()}
        model, prior, *_ = fitting.run(times, scores.posterior, 1e-6, 100)
        seen = np.bincount(table.rater, weights=times[table.item], minlength=len(table.raters)) > 0
        found = np.where(seen, _accuracy(prior, model.confusion()), np.nan)
        return {name: float(value) for name, value in zip(table.raters, found, strict=True)}

    found = bootstrap_many(
        again, np.arange(n_items), clusters=units, n_resamples=n_resamples, seed=seed, level=level
    )
    n = dict(zip(table.raters, table.n_per_rater, strict=True))
    return {
        name: Estimate(e.value, e.low, e.high, int(n[name]), e.n_clusters, e.dropped)
        for name, e in found.items()
    }


def _accuracy(prior: FloatArray, confusion: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("t,rtt->r", prior, confusion))


class _Fitting:
    """The EM iterations on one table; items may be weighted."""

    def __init__(
        self,
        table: RatingTable,
        place: IntArray,
        n_levels: int,
        method: TrueScoreMethod,
        smoothing: float,
    ) -> None:
        from scipy.sparse import csr_array

        n, self.n_raters, self.n_levels = len(place), len(table.raters), n_levels
        self.rater, self.place, self.item = table.rater, place, table.item
        self.method, self.smoothing = method, smoothing
        ones, rows = np.ones(n), np.arange(n)
        self.by_item = csr_array((ones, (table.item, rows)), shape=(len(table.keys), n))
        cells = table.rater * n_levels + place
        self.by_cell = csr_array((ones, (cells, rows)), shape=(self.n_raters * n_levels, n))

    def start(self) -> FloatArray:
        """Return the share of an item's ratings at each level, shape (n_items, n_levels)."""
        votes = self.by_item @ np.eye(self.n_levels)[self.place]
        return np.asarray(votes / votes.sum(axis=1, keepdims=True))

    def run(
        self, weights: FloatArray, posterior: FloatArray, tolerance: float, max_iterations: int
    ) -> tuple[FreeConfusion | OrdinalConfusion, FloatArray, FloatArray, list[float], bool]:
        """Alternate between parameters and posterior until the objective stands still."""
        model: FreeConfusion | OrdinalConfusion = (
            FreeConfusion(self.n_raters, self.n_levels, self.smoothing)
            if self.method == "dawid_skene"
            else OrdinalConfusion(self.n_raters, self.n_levels)
        )
        objective: list[float] = []
        prior = np.full(self.n_levels, 1.0 / self.n_levels)
        for _ in range(max_iterations):
            weighted = posterior * weights[:, None]
            prior = weighted.sum(axis=0) + self.smoothing
            prior = prior / prior.sum()
            counts = (self.by_cell @ weighted[self.item]).reshape(
                self.n_raters, self.n_levels, self.n_levels
            )
            model.update(np.asarray(np.swapaxes(counts, 1, 2)))
            log_prior = _log(prior)
            log_confusion = _log(model.confusion())
            joint = log_prior + self.by_item @ log_confusion[self.rater, :, self.place]
            peak = joint.max(axis=1, keepdims=True)
            likelihood = np.exp(joint - peak)
            total = likelihood.sum(axis=1, keepdims=True)
            posterior = likelihood / total
            fit = float(((np.log(total) + peak)[:, 0] * weights).sum())
            objective.append(fit + model.log_penalty() + self.smoothing * float(log_prior.sum()))
            if len(objective) > 1 and objective[-1] - objective[-2] < tolerance * (
                1.0 + abs(objective[-1])
            ):
                return model, prior, posterior, objective, True
        return model, prior, posterior, objective, False


def _log(probabilities: FloatArray) -> FloatArray:
    # A floor instead of minus infinity: an answer thought impossible must not erase all levels.
    return np.asarray(np.log(np.maximum(probabilities, 1e-300)))
