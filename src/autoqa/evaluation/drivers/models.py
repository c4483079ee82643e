"""The models behind CSAT drivers, fitted once to the data and again to each resample.

One ordinal regression of CSAT on all criteria, two logistic ones of its ends (dissatisfied or not,
top box or not), and a linear one whose R² is shared out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.classification import rank_codes, spearman
from autoqa.evaluation.drivers.dominance import EXACT_UP_TO, shapley_r2
from autoqa.evaluation.drivers.ordinal_regression import (
    CumulativeLogit,
    fit_cumulative_logit,
    fit_group_variance,
)
from autoqa.evaluation.drivers.rating_error import expected_credit
from autoqa.evaluation.drivers.table import FEW, DriverTable
from autoqa.evaluation.intervals import cluster_codes
from autoqa.evaluation.tables import FloatArray, IntArray

PRIOR_SPREAD = 2.5
"""Standard deviation of the normal prior of a slope, in log odds from no credit to full credit.

Leaves well-determined slopes alone, and keeps one finite where all who missed a rare criterion
were dissatisfied (Gelman et al. 2008, Annals of Applied Statistics 2(4), 1360-1383)."""

MIN_AGENTS = 5
"""Fewer agents than this get no effects of their own."""

_STEPS = 10  # a finer CSAT scale is cut into so many
_RESAMPLE_TOLERANCE = 1e-3  # squared distance to the optimum, in standard errors
_RESAMPLE_ORDERS = 128

Figures: TypeAlias = dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class CsatLevels:
    """CSAT as an ordinal outcome."""

    codes: IntArray  # per item
    values: FloatArray  # mean share of the scale of each level
    merged: bool  # whether levels are coarser than the answers

    @property
    def positive_from(self) -> int | None:
        """The threshold above which customers are satisfied; None where all or none are."""
        above = int((self.values <= 0.5).sum())
        return above - 1 if 0 < above < len(self.values) else None


def csat_levels(csat: FloatArray) -> CsatLevels:
    """Turn shares of the scale into levels with at least `FEW` answers each.

    A scale with many answers is cut into tenths. Levels are merged with their smaller neighbour,
    satisfied (above the middle) never with the others, so one of these may stay rare.
    """
    answers = np.unique(csat)
    steps = csat
    if len(answers) > _STEPS + 1:
        # The best answer stays by itself, and the middle with the lower half.
        steps = np.where(csat >= 1.0, 1.0 + 1 / _STEPS, np.ceil(csat * _STEPS) / _STEPS)
    _, codes = np.unique(steps, return_inverse=True)
    codes = np.asarray(codes, dtype=np.int64)
    while True:
        counts = np.bincount(codes)
        values = np.bincount(codes, csat) / counts
        high = values > 0.5
        mergeable = [
            (int(counts[k]), k, other)
            for k in range(len(counts))
            for other in (k - 1, k + 1)
            if counts[k] < FEW and 0 <= other < len(counts) and high[k] == high[other]
        ]
        if not mergeable:
            return CsatLevels(codes, values, merged=len(values) < len(answers))
        _, k, other = min(mergeable, key=lambda m: (m[0], counts[m[2]]))
        codes = np.where(codes > min(k, other), codes - 1, codes)


class DriverModels:
    """Everything that depends on the data as a whole, so that a resample needs only weights.

    Parameters
    ----------
    table : DriverTable
        Surveyed conversations only.
    inside : int array of shape (n_modelled,)
        The criteria that vary enough to enter.
    agent_effects : bool
        Give each agent an effect of its own, shrunk towards 0.
    reliability : array of shape (n_modelled,), optional
        Of one rating of each criterion; effects are then those of the true credits.
    """

    def __init__(
        self,
        table: DriverTable,
        inside: IntArray,
        *,
        agent_effects: bool,
        reliability: FloatArray | None = None,
    ) -> None:
        self.names = tuple(table.criteria[j] for j in inside)
        self.csat, self.rated = table.csat, table.rated[:, inside]
        self.credit = table.filled_credit()[:, inside]
        self.raw = np.column_stack([rank_codes(column) for column in table.credit[:, inside].T])
        self.csat_codes = rank_codes(self.csat)
        controls, indicators = table.controls(), table.indicators()
        self.control_names = controls.names
        self.controls = np.hstack([controls.values, indicators.values])
        self.levels = csat_levels(self.csat)
        self.table_agents = table.n_agents
        self.groups: IntArray | None = None
        if agent_effects and table.agents_repeat and table.n_agents >= MIN_AGENTS:
            self.groups, _ = cluster_codes([agent or "" for agent in table.agents])
        self.expected = self.credit
        if reliability is not None:
            self.expected = expected_credit(
                self.credit, self.rated, self.controls, reliability, groups=self.groups
            )
        self.features = np.hstack([self.expected, self.controls])
        self.outcomes = self._outcomes()
        if "ordinal" not in self.outcomes:
            raise DataError("All customers answered nearly the same: nothing to explain.")
        self.variances: dict[str, float] = {}
        self.fits = {name: self._first_fit(name) for name in self.outcomes}

    @property
    def agent_spread(self) -> float:
        """Standard deviation of the agents' effects on CSAT, in log odds; nan without them."""
        return float(np.sqrt(self.variances.get("ordinal", np.nan)))

    def _outcomes(self) -> dict[str, tuple[IntArray, int]]:
        """Return each outcome's levels and how many there are; rare ends are left out."""
        found: dict[str, tuple[IntArray, int]] = {}
        n_levels = len(self.levels.values)
        if n_levels > 1 and np.bincount(self.levels.codes).min() >= 2:
            found["ordinal"] = (self.levels.codes, n_levels)
        for name, reached in (("spared", self.csat >= 0.5), ("top_box", self.csat >= 1.0)):
            n = int(reached.sum())
            if min(n, reached.size - n) >= FEW:
                found[name] = (reached.astype(np.int64), 2)
        if not {"spared", "top_box"} <= found.keys():
            found.pop("spared", None)
            found.pop("top_box", None)
        return found

    def _fit(
        self,
        name: str,
        variance: float,
        start: CumulativeLogit | None,
        weights: FloatArray | None = None,
        tolerance: float = 1e-8,
        uncertainty: bool = True,
    ) -> CumulativeLogit:
        codes, n_levels = self.outcomes[name]
        pull: float | FloatArray = 1 / variance
        if self.groups is not None and weights is not None:
            # An agent drawn twice is two agents with the same data, hence twice the prior.
            times = np.zeros(int(self.groups.max()) + 1)
            np.maximum.at(times, self.groups, weights)
            pull = np.maximum(times, 1.0) / variance
        return fit_cumulative_logit(
            codes,
            self.features,
            n_levels=n_levels,
            weights=weights,
            penalty=1 / PRIOR_SPREAD**2,
            groups=self.groups,
            group_penalty=pull,
            start=start,
            tolerance=tolerance,
            uncertainty=uncertainty,
        )

    def _first_fit(self, name: str) -> CumulativeLogit:
        if self.groups is None:
            return self._fit(name, 1.0, None)
        variance, model = fit_group_variance(lambda v, start: self._fit(name, v, start))
        self.variances[name] = variance
        return model

    def figures(self, rows: npt.NDArray[np.int64]) -> Figures:
        """Return every figure of a resample, named ``figure criterion``.

        Parameters
        ----------
        rows : int array of shape (n_drawn,)
            Items drawn, with repetition.
        """
        whole = len(rows) == len(self.csat) and bool((rows == np.arange(len(rows))).all())
        weights = np.bincount(rows, minlength=len(self.csat)).astype(float)
        found: Figures = {}
        fits = self.fits if whole else self._refit(weights)
        found |= self._effects(fits.get("ordinal"), weights)
        found |= self._ends(fits.get("spared"), fits.get("top_box"), weights)
        shares, total = shapley_r2(
            self.credit,
            self.csat,
            controls=self.controls,
            weights=weights,
            n_orders=_RESAMPLE_ORDERS if not whole and len(self.names) > EXACT_UP_TO else 2000,
        )
        found |= self._named("explained", shares)
        found["explained by criteria"] = total
        for j, name in enumerate(self.names):
            drawn = rows[self.rated[rows, j]]
            found[f"association {name}"] = spearman(self.raw[drawn, j], self.csat_codes[drawn])
        return found

    def _refit(self, weights: FloatArray) -> dict[str, CumulativeLogit]:
        """Fit again, beginning at the fit of all data; an outcome that lost a level is left out."""
        found = {}
        for name, (codes, n_levels) in self.outcomes.items():
            if np.bincount(codes, weights, minlength=n_levels).all():
                variance = self.variances.get(name, 1.0)
                found[name] = self._fit(
                    name, variance, self.fits[name], weights, _RESAMPLE_TOLERANCE, False
                )
        return {name: model for name, model in found.items() if model.converged}

    def _named(self, figure: str, values: FloatArray) -> Figures:
        return {f"{figure} {n}": float(v) for n, v in zip(self.names, values, strict=True)}

    def _missed_and_met(self, model: CumulativeLogit) -> tuple[FloatArray, FloatArray]:
        """Return the linear predictor with each criterion at credit 0 and at 1, (n, criteria)."""
        eta = model.linear(self.features, self.groups)[:, None]
        slopes = model.slopes[: len(self.names)]
        missed = eta - self.expected * slopes
        return missed, missed + slopes

    def _mean_where_rated(self, change: FloatArray, weights: FloatArray) -> FloatArray:
        counted = self.rated * weights[:, None]
        n = counted.sum(axis=0)
        summed = (counted * change).sum(axis=0)
        return np.where(n > 0, summed / np.maximum(n, 1e-12), np.nan)

    def _effects(self, model: CumulativeLogit | None, weights: FloatArray) -> Figures:
        nothing = np.full(len(self.names), np.nan)
        if model is None:
            return self._named("effect", nothing) | self._named("satisfied", nothing)
        missed, met = self._missed_and_met(model)
        change = model.above(met) - model.above(missed)
        effect = self._mean_where_rated(change @ np.diff(self.levels.values), weights)
        cut = self.levels.positive_from
        satisfied = nothing if cut is None else self._mean_where_rated(change[:, :, cut], weights)
        return self._named("effect", effect) | self._named("satisfied", satisfied)

    def _ends(
        self, spared: CumulativeLogit | None, top: CumulativeLogit | None, weights: FloatArray
    ) -> Figures:
        nothing = np.full(len(self.names), np.nan)
        found: dict[str, FloatArray] = {}
        for figure, model in (("prevents", spared), ("lifts", top)):
            if model is None:
                found[figure] = nothing
                continue
            missed, met = self._missed_and_met(model)
            change = model.above(met)[:, :, 0] - model.above(missed)[:, :, 0]
            found[figure] = self._mean_where_rated(change, weights)
        k = len(self.names)
        tilt = nothing if spared is None or top is None else top.slopes[:k] - spared.slopes[:k]
        found["tilt"] = tilt
        return {
            key: v
            for figure, values in found.items()
            for key, v in self._named(figure, values).items()
        }
