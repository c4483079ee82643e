"""Every agreement coefficient of a matrix of ratings, with its interval, and why kappa may mislead.

All coefficients are functions of sums over items, so that all resamples are worked out at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation import tables
from autoqa.evaluation.agreement import (
    IccForm,
    contingency,
    icc_of_sums,
    icc_sums,
    pair_entries,
    positions,
)
from autoqa.evaluation.intervals import Estimate, TableStatistic, bootstrap_tables
from autoqa.evaluation.tables import FloatArray

SKEWED = 0.6
"""A level with a prevalence index above this makes kappa hard to read."""


def agreement_estimates(
    ratings: npt.ArrayLike,
    *,
    levels: Sequence[int],
    clusters: npt.ArrayLike | Sequence[Any] | None = None,
    n_resamples: int = 1000,
    seed: int = 7,
    level: float = 0.95,
) -> dict[str, Estimate]:
    """Work out every agreement coefficient and its bootstrap interval.

    Parameters
    ----------
    ratings : array of shape (n_raters, n_items)
        nan where a rater did not rate an item.
    levels : sequence of int
        Every level of the scale, also those that nobody used.
    clusters : array of shape (n_items,), optional
        What is resampled, conversation or agent of each item; every item by itself where absent.
    n_resamples, seed, level
        As in `autoqa.evaluation.intervals.bootstrap`.

    Returns
    -------
    dict of name to Estimate
        ``exact``, ``within_one``, ``alpha_nominal``, ``alpha_ordinal``, ``alpha_interval``,
        ``ac1``, ``ac2_linear``, ``ac2_quadratic``; with two raters also ``kappa``,
        ``kappa_linear``, ``kappa_quadratic``; and ``icc(1,1)`` to ``icc(3,k)`` over the items that
        every rater rated, where there are such items. Shares and AC count every item once, however
        many raters it has; alpha counts it by its ratings. `n` is the number of items with two
        ratings or more.

    Raises
    ------
    ScaleError
        If a rating is not one of `levels`.
    DataError
        If the shapes do not fit.
    """
    matrix = np.asarray(ratings, dtype=float)
    if matrix.ndim != 2:
        raise DataError(
            f"Ratings must be a matrix of shape (n_raters, n_items), not of shape {matrix.shape}."
        )
    units = np.arange(matrix.shape[1]) if clusters is None else np.asarray(clusters)
    if len(units) != matrix.shape[1]:
        raise DataError(f"{len(units)} clusters for {matrix.shape[1]} items.")
    scale = np.unique(np.asarray(levels, dtype=float))
    place = positions(matrix, levels, missing=True)
    found = _of_tables(place, scale, units, n_resamples=n_resamples, seed=seed, level=level)
    complete = ~np.isnan(matrix).any(axis=0)
    if matrix.shape[0] > 1 and complete.any():
        found |= _of_sums(
            matrix[:, complete], units[complete], n_resamples=n_resamples, seed=seed, level=level
        )
    return found


def _of_tables(
    place: npt.NDArray[np.int64], scale: FloatArray, units: npt.NDArray[Any], **settings: Any
) -> dict[str, Estimate]:
    """Bootstrap what follows from pairs of ratings.

    Three tables side by side: pairs weighted by item, pairs weighted as alpha does, and on a
    diagonal how often each level was used, where single ratings count too.
    """
    n_levels = len(scale)
    cell, weight, item = pair_entries(place, n_levels)
    alpha_cell, alpha_weight, alpha_item = pair_entries(place, n_levels, weigh="values")
    slots, rated = np.nonzero(place >= 0)
    used = place[slots, rated] * (n_levels + 1)
    share = 1.0 / (place >= 0).sum(axis=0)[rated]
    layers = [(cell, weight, item), (alpha_cell, alpha_weight, alpha_item), (used, share, rated)]
    statistics: dict[str, TableStatistic] = {
        "exact": partial(_on, tables.exact),
        "within_one": partial(_on, tables.within_one),
        "ac1": partial(_gwet, weighting=None),
        "ac2_linear": partial(_gwet, weighting="linear"),
        "ac2_quadratic": partial(_gwet, weighting="quadratic"),
        "alpha_nominal": partial(_on, partial(tables.alpha, measurement="nominal"), layer=1),
        "alpha_ordinal": partial(_on, partial(tables.alpha, measurement="ordinal"), layer=1),
        "alpha_interval": partial(
            _on, partial(tables.alpha, measurement="interval", values=scale), layer=1
        ),
    }
    if place.shape[0] == 2:
        (both,) = np.nonzero((place >= 0).all(axis=0))
        # Kappa tells the two raters apart, so its table is not the symmetric one of the pairs.
        layers.append((place[0, both] * n_levels + place[1, both], np.ones(len(both)), both))
        weightings: dict[str, tables.Weighting] = {
            "kappa": None,
            "kappa_linear": "linear",
            "kappa_quadratic": "quadratic",
        }
        for name, weighting in weightings.items():
            statistics[name] = partial(_on, partial(tables.kappa, weighting=weighting), layer=3)
    at = np.concatenate([entries[2] for entries in layers])
    return bootstrap_tables(
        statistics,
        np.concatenate([entries[0] + i * n_levels**2 for i, entries in enumerate(layers)]),
        weights=np.concatenate([entries[1] for entries in layers]),
        shape=(len(layers), n_levels, n_levels),
        clusters=units[at],
        n=int(((place >= 0).sum(axis=0) >= 2).sum()),
        **settings,
    )


def _on(statistic: TableStatistic, stacked: FloatArray, layer: int = 0) -> FloatArray:
    return statistic(stacked[:, layer])


def _gwet(stacked: FloatArray, *, weighting: tables.Weighting) -> FloatArray:
    used = np.diagonal(stacked[:, 2], axis1=-2, axis2=-1)
    return tables.gwet(stacked[:, 0], weighting, used=used)


def _of_sums(matrix: FloatArray, units: npt.NDArray[Any], **settings: Any) -> dict[str, Estimate]:
    sums = icc_sums(matrix - matrix.mean())
    forms: tuple[IccForm, ...] = get_args(IccForm)
    return bootstrap_tables(
        {f"icc({form})": partial(icc_of_sums, form=form) for form in forms},
        np.repeat(np.arange(len(sums)), matrix.shape[1]),
        weights=sums.ravel(),
        shape=(len(sums),),
        clusters=np.tile(units, len(sums)),
        n=matrix.shape[1],
        **settings,
    )


BIASED = 0.2
"""Bias index from which two raters' use of a level raises kappa noticeably."""


class Distortion(StrEnum):
    """What makes a kappa hard to read."""

    PREVALENCE = "one level dominates"
    BIAS = "one level is used unequally"
    NONE = "hardly distorted"


@dataclass(frozen=True, slots=True, kw_only=True)
class KappaContext:
    """A kappa beside what lowers or raises it at the same exact agreement.

    Attributes
    ----------
    kappa, pabak, ac1, exact : Estimate
        Unweighted.
    prevalence, bias, specific : mapping of level to Estimate
        Prevalence and bias index, and specific agreement: of the ratings at a level, the share
        that the other rater shares.
    """

    kappa: Estimate
    pabak: Estimate
    ac1: Estimate
    exact: Estimate
    prevalence: Mapping[int, Estimate]
    bias: Mapping[int, Estimate]
    specific: Mapping[int, Estimate]

    @property
    def largest_prevalence(self) -> Estimate:
        """Prevalence index of the commonest level."""
        return self.prevalence[self._commonest]

    @property
    def largest_bias(self) -> Estimate:
        """Bias index of the level that the two raters use most unequally."""
        return self.bias[self._disputed]

    @property
    def distortion(self) -> Distortion:
        """What makes kappa hard to read, prevalence before bias."""
        if self.largest_prevalence.value > SKEWED:
            return Distortion.PREVALENCE
        return Distortion.BIAS if abs(self.largest_bias.value) > BIASED else Distortion.NONE

    @property
    def skewed(self) -> bool:
        """Whether one level is so common that kappa is hard to read."""
        return self.distortion is Distortion.PREVALENCE

    @property
    def _commonest(self) -> int:
        return max(self.prevalence, key=lambda level: self.prevalence[level].value)

    @property
    def _disputed(self) -> int:
        return max(self.bias, key=lambda level: abs(self.bias[level].value))

    def __str__(self) -> str:
        said = f"kappa {self.kappa}; exact agreement {self.exact}; PABAK {self.pabak}. "
        if self.distortion is Distortion.PREVALENCE:
            return said + (
                f"Level {self._commonest} dominates (prevalence index "
                f"{self.largest_prevalence.value:.2f}), which lowers kappa at the same exact "
                "agreement: read AC1 and the specific agreement per level."
            )
        if self.distortion is Distortion.BIAS:
            return said + (
                f"The raters use level {self._disputed} unequally often (bias index "
                f"{self.largest_bias.value:.2f}), which raises kappa at the same exact agreement: "
                "settle what the level means first."
            )
        return said + "Neither prevalence nor bias distorts kappa much."


def kappa_in_context(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    *,
    levels: Sequence[int],
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | Sequence[Any] | None = None,
    n_resamples: int = 1000,
    seed: int = 7,
    level: float = 0.95,
) -> KappaContext:
    """Show two raters' kappa with prevalence, bias and agreement per level, all with intervals.

    Parameters
    ----------
    a, b : int array of shape (n_items,)
        Ratings on one scale, paired; only items that both raters rated.
    levels : sequence of int
        Every level of the scale.
    weights : array of shape (n_items,), optional
        What each pair counts, where items stand here once per person who rated them.
    clusters : array of shape (n_items,), optional

    References
    ----------
    Feinstein and Cicchetti (1990), Journal of Clinical Epidemiology 43(6), 543-549.
    Byrt, Bishop and Carlin (1993), Journal of Clinical Epidemiology 46(5), 423-429.
    """
    contingency(a, b, levels=levels)  # checks shapes and scale
    scale = sorted(set(levels))
    n_levels = len(scale)
    place_a, place_b = positions(a, levels), positions(b, levels)
    single: dict[str, TableStatistic] = {
        "kappa": partial(tables.kappa, weighting=None),
        "pabak": tables.uniform_kappa,
        "ac1": tables.gwet,
        "exact": tables.exact,
    }
    per_level = {
        "prevalence": tables.prevalence_index,
        "bias": tables.bias_index,
        "specific": tables.specific_agreement,
    }
    split: dict[str, TableStatistic] = {
        f"{name} {i}": partial(_of_level, statistic, i)
        for name, statistic in per_level.items()
        for i in range(n_levels)
    }
    found = bootstrap_tables(
        single | split,
        place_a * n_levels + place_b,
        shape=(n_levels, n_levels),
        weights=None if weights is None else np.asarray(weights, dtype=float),
        n=len(place_a) if weights is None else round(float(np.sum(weights))),
        clusters=np.arange(len(place_a)) if clusters is None else clusters,
        n_resamples=n_resamples,
        seed=seed,
        level=level,
    )
    levels_of = {
        name: {scale[i]: found[f"{name} {i}"] for i in range(n_levels)} for name in per_level
    }
    return KappaContext(
        kappa=found["kappa"],
        pabak=found["pabak"],
        ac1=found["ac1"],
        exact=found["exact"],
        prevalence=levels_of["prevalence"],
        bias=levels_of["bias"],
        specific=levels_of["specific"],
    )


def _of_level(statistic: TableStatistic, index: int, stacked: FloatArray) -> FloatArray:
    return np.asarray(statistic(stacked)[..., index])
