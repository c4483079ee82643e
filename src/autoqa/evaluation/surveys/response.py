"""What everybody would have answered: CSAT corrected for who answers the survey.

A model of who answers gives each answer the weight of the customers like it who kept silent. That
corrects for what the model sees, such as channel or waiting time, and not for satisfaction itself;
`autoqa.evaluation.surveys.nonresponse_bounds` says how far that could move the result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.classification import auc
from autoqa.evaluation.intervals import Estimate, cluster_codes
from autoqa.evaluation.surveys.nonresponse_bounds import Bound, worst_cases
from autoqa.evaluation.tables import FloatArray

if TYPE_CHECKING:
    from pandas import DataFrame

ODDS_RATIOS = (1.0, 1.25, 1.5, 2.0, 3.0)
"""How strongly satisfaction itself may drive answering, in the default sensitivity table."""

WARNINGS = {
    "few_answers": "The weighted answers are worth fewer than 30 unweighted ones.",
    "heavy_weight": "A single answer carries more than 5 % of all weight.",
    "trimmed": "More than 2 % of the answers had their weight capped.",
    "imbalance": "After weighting, some feature still differs by more than 0.1 standard "
    "deviations between those who answered and everybody.",
}
"""What each warning of an `Overlap` means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Whether those who answered can speak for those who did not.

    Attributes
    ----------
    effective_n : float
        Unweighted answers that the weighted ones are worth (Kish).
    largest_share : float
        Share of all weight that the heaviest answer carries.
    n_trimmed : int
        Answers whose probability was raised to the least one allowed.
    smallest_probability : float
        Of answering, among all conversations and before trimming.
    imbalance : mapping of feature to (before, after)
        Mean of those who answered minus everybody's, in everybody's standard deviations.
    """

    n: int
    n_answered: int
    effective_n: float
    largest_share: float
    n_trimmed: int
    smallest_probability: float
    imbalance: Mapping[str, tuple[float, float]]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Keys of `WARNINGS`; none where the weights can be trusted as far as the model goes."""
        found = {
            "few_answers": self.effective_n < 30,
            "heavy_weight": self.largest_share > 0.05,
            "trimmed": self.n_trimmed > 0.02 * self.n_answered,
            "imbalance": any(abs(after) > 0.1 for _, after in self.imbalance.values()),
        }
        return tuple(name for name, holds in found.items() if holds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reweighted:
    """One figure of satisfaction, of those who answered and of everybody."""

    before: Estimate
    after: Estimate
    shift: Estimate  # after minus before
    sensitivity: tuple[Bound, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurveyTruth:
    """CSAT before and after weighting.

    Attributes
    ----------
    figures : mapping of name to Reweighted
        ``mean``, ``dissatisfied`` (below the middle), ``positive`` (above it), ``top_box``.
    probabilities : array of shape (n_conversations,)
        Of answering, trimmed.
    weights : array of shape (n_conversations,)
        One over the probability where there is an answer, 0 elsewhere.
    response_auc : float
        How well the features tell who answers: at 0.5 weighting changes nothing, near 1 the two
        groups hardly overlap.
    """

    figures: Mapping[str, Reweighted]
    overlap: Overlap
    probabilities: FloatArray
    weights: FloatArray
    response_auc: float


def _design(features: npt.ArrayLike | DataFrame) -> tuple[FloatArray, list[str]]:
    """Return standardised columns and their names; text columns become one column per value."""
    import pandas as pd

    given = features if isinstance(features, pd.DataFrame) else pd.DataFrame(np.asarray(features))
    missing = [str(name) for name in given.columns if given[name].isna().any()]
    if missing:
        raise DataError(
            f"Features with missing values: {', '.join(missing)}. Fill them, or add a column that "
            "says where they are missing."
        )
    wide = pd.get_dummies(given, drop_first=True, dtype=float)
    x = wide.to_numpy(dtype=float)
    spread = x.std(axis=0)
    varies = spread > 0
    names = [str(name) for name, keep in zip(wide.columns, varies, strict=True) if keep]
    return (x[:, varies] - x[:, varies].mean(axis=0)) / spread[varies], names


def response_probabilities(
    features: npt.ArrayLike | DataFrame, answered: npt.ArrayLike
) -> FloatArray:
    """Estimate how likely each customer was to answer, by logistic regression.

    Parameters
    ----------
    features : DataFrame or array of shape (n_conversations, n_features)
        What was known of every conversation before the survey went out; text columns of a
        data frame are taken as categories.
    answered : bool array of shape (n_conversations,)

    Returns
    -------
    array of shape (n_conversations,)
    """
    x, _ = _design(features)
    return _fitted(x, np.asarray(answered, dtype=bool))


def _fitted(x: FloatArray, answered: npt.NDArray[np.bool_]) -> FloatArray:
    from sklearn.linear_model import LogisticRegression

    if answered.shape != (len(x),):
        raise DataError(f"{answered.size} survey outcomes for features of {len(x)} conversations.")
    if answered.all() or not answered.any():
        raise DataError(
            f"{int(answered.sum())} of {answered.size} customers answered; a model of who answers "
            "needs some who did and some who did not."
        )
    if not x.shape[1]:
        return np.full(answered.size, answered.mean())
    # The faint penalty keeps coefficients finite where a feature tells who answers for certain.
    model = LogisticRegression(C=1e6, solver="newton-cholesky", tol=1e-8, max_iter=200)
    return np.asarray(model.fit(x, answered).predict_proba(x)[:, 1])


@dataclass(frozen=True, slots=True)
class _Response:
    """A fitted response model, and the sampling error of what is weighted with it."""

    x: FloatArray  # with an intercept
    answered: npt.NDArray[np.bool_]
    fitted: FloatArray
    p: FloatArray  # trimmed
    codes: npt.NDArray[np.int64] | None
    n_units: int
    level: float

    def unweighted(self, y: FloatArray) -> tuple[float, FloatArray]:
        """Return the mean of the answers, and each conversation's influence on it."""
        mean = float(y[self.answered].mean())
        return mean, self.answered * (y - mean) / self.answered.mean()

    def weighted(self, y: FloatArray, tilt: FloatArray | float = 1.0) -> tuple[float, FloatArray]:
        """Return the weighted mean and influences, which credit that the model was estimated.

        `tilt` multiplies the odds of not answering (Lunceford and Davidian 2004, section 3).
        """
        odds = tilt * (1 - self.p) / self.p
        weight = self.answered * (1 + odds)
        mean = float((weight * y).sum() / weight.sum())
        away = self.answered * (y - mean)
        moves = self.fitted == self.p  # a trimmed weight does not follow the model
        pull = (self.x.T @ (odds * away * moves)) / len(y)
        information = (self.x * (self.fitted * (1 - self.fitted))[:, None]).T @ self.x / len(y)
        score = self.x @ np.linalg.lstsq(information, pull, rcond=None)[0]
        influence = weight * away - score * (self.answered - self.fitted)
        return mean, influence / weight.mean()

    def error(self, influence: FloatArray) -> float:
        """Return the standard error, clustered where clusters were given."""
        by_unit = influence
        if self.codes is not None:
            by_unit = np.bincount(self.codes, influence, self.n_units).astype(np.float64)
        scale = self.n_units / max(self.n_units - 1, 1)
        return math.sqrt(scale * float(by_unit @ by_unit)) / len(self.answered)

    def quantile(self) -> float:
        from scipy.special import stdtrit

        return float(stdtrit(max(self.n_answering_units() - 1, 1), (1 + self.level) / 2))

    def n_answering_units(self) -> int:
        if self.codes is None:
            return int(self.answered.sum())
        return len(np.unique(self.codes[self.answered]))

    def estimate(self, value: float, influence: FloatArray) -> Estimate:
        units = self.n_answering_units()
        half = self.quantile() * self.error(influence) if units > 1 else float("nan")
        return Estimate(value, value - half, value + half, int(self.answered.sum()), units)


def survey_truth(
    csat: npt.ArrayLike,
    features: npt.ArrayLike | DataFrame,
    *,
    clusters: npt.ArrayLike | Sequence[Any] | None = None,
    least_probability: float = 0.01,
    odds_ratios: Sequence[float] = ODDS_RATIOS,
    level: float = 0.95,
) -> SurveyTruth:
    """Weight surveyed satisfaction by the inverse probability of answering.

    Parameters
    ----------
    csat : array of shape (n_conversations,)
        Shares of the CSAT scale, 0-1; nan where the customer did not answer.
    features : DataFrame or array of shape (n_conversations, n_features)
        See `response_probabilities`.
    clusters : array of shape (n_conversations,), optional
        Customers or agents, where they repeat.
    least_probability : float
        Smaller probabilities are raised to this: a little bias for much less variance.
    odds_ratios : sequence of float
        For the sensitivity table, each at least 1.

    Raises
    ------
    DataError
        If features are missing, or all or none of the customers answered.

    References
    ----------
    Hájek (1971) in Foundations of Statistical Inference, p. 236. Lunceford and Davidian (2004),
    Statistics in Medicine 23, 2937-2960. Zhao, Small and Bhattacharya (2019), Journal of the Royal
    Statistical Society B 81(4), 735-761.
    """
    said = np.asarray(csat, dtype=float)
    answered = np.isfinite(said)
    x, names = _design(features)
    fitted = _fitted(x, answered)
    p = np.maximum(fitted, least_probability)
    codes, n_units = (None, said.size) if clusters is None else cluster_codes(clusters)
    if codes is not None and codes.size != said.size:
        raise DataError(f"{codes.size} clusters for {said.size} conversations.")
    model = _Response(
        np.column_stack([np.ones(said.size), x]), answered, fitted, p, codes, n_units, level
    )
    columns = {
        "mean": np.nan_to_num(said),
        "dissatisfied": (answered & (said < 0.5)).astype(float),
        "positive": (answered & (said > 0.5)).astype(float),
        "top_box": (answered & (said >= 1.0)).astype(float),
    }
    weights = np.where(answered, 1 / p, 0.0)
    return SurveyTruth(
        figures={name: _reweighted(model, y, odds_ratios) for name, y in columns.items()},
        overlap=_overlap(x, names, answered, fitted, weights, least_probability),
        probabilities=p,
        weights=weights,
        response_auc=auc(answered, fitted),
    )


def _reweighted(model: _Response, y: FloatArray, odds_ratios: Sequence[float]) -> Reweighted:
    before, by_answer = model.unweighted(y)
    after, by_weight = model.weighted(y)
    bounds = []
    for odds_ratio in odds_ratios:
        low, high = worst_cases(y[model.answered], model.p[model.answered], odds_ratio)
        ends = []
        for tilts, side in ((low, -1), (high, 1)):
            tilt = np.ones(len(y))
            tilt[model.answered] = tilts
            value, influence = model.weighted(y, tilt)
            ends.append((value, value + side * model.quantile() * model.error(influence)))
        (least, outer_least), (most, outer_most) = ends
        bounds.append(
            Bound(
                odds_ratio=odds_ratio,
                low=least,
                high=most,
                outer_low=outer_least,
                outer_high=outer_most,
            )
        )
    return Reweighted(
        before=model.estimate(before, by_answer),
        after=model.estimate(after, by_weight),
        shift=model.estimate(after - before, by_weight - by_answer),
        sensitivity=tuple(bounds),
    )


def _overlap(
    x: FloatArray,
    names: Sequence[str],
    answered: npt.NDArray[np.bool_],
    fitted: FloatArray,
    weights: FloatArray,
    least_probability: float,
) -> Overlap:
    # The columns of x are standardised over everybody, so means are differences already.
    before = x[answered].mean(axis=0)
    after = weights @ x / weights.sum()
    return Overlap(
        n=answered.size,
        n_answered=int(answered.sum()),
        effective_n=float(weights.sum() ** 2 / (weights @ weights)),
        largest_share=float(weights.max() / weights.sum()),
        n_trimmed=int((fitted[answered] < least_probability).sum()),
        smallest_probability=float(fitted.min()),
        imbalance={
            name: (float(b), float(a)) for name, b, a in zip(names, before, after, strict=True)
        },
    )
