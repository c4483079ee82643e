"""Whether predicted satisfaction has the distribution that customers report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.intervals import Estimate, bootstrap_tables, cluster_codes
from autoqa.evaluation.study.customers import features
from autoqa.evaluation.study.data import Found, StudyData
from autoqa.evaluation.surveys.distribution_matching import (
    DistributionError,
    distribution_error,
    level_shares,
    match_distribution,
)
from autoqa.evaluation.surveys.response import survey_truth
from autoqa.evaluation.tables import FloatArray
from autoqa.records import CSAT

LEAST_ANSWERS = 60
"""Surveyed and predicted conversations, so that each half has some at most levels."""

_LEAST_IN_HALF = 20
_LEAST_CLUSTERS = 5  # agents with answers in each half, for an interval
_MOST_LEVELS = 11  # 0 to 10: more levels have too few answers each


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedCsat:
    """Predicted CSAT at its nearest level and matched to the answers, on conversations held out.

    Matching cuts predictions such that every level gets its share of the answers. The cuts are
    made on one half of the agents (of the conversations where agents are unknown); everything here
    is of the other half.

    Attributes
    ----------
    levels : tuple of float, lowest first
    surveyed : tuple of float, one per level
        Shares of the answers.
    predicted, matched : tuple of float, one per level
        Shares of all predictions, before and after matching.
    before, after : DistributionError
        Predictions minus answers. Intervals take cuts and weights as given.
    gain : Estimate
        Share of predictions that need not change level any more to have the answers' shares: total
        variation before minus after, with a percentile bootstrap interval.
    weighted : bool
        Whether answers count by the inverse probability of answering, so that they stand for all
        predicted conversations; False where all of those are surveyed.
    n_answers, n_predicted : int
        Surveyed, and all, conversations of the half that is judged.
    n_fitted : int
        Answers that the cuts were made from.

    References
    ----------
    Manderscheid and Lee (2024), Predicting Customer Satisfaction by Replicating the Survey Response
    Distribution, arXiv 2411.12539.
    """

    levels: tuple[float, ...]
    surveyed: tuple[float, ...]
    predicted: tuple[float, ...]
    matched: tuple[float, ...]
    before: DistributionError
    after: DistributionError
    gain: Estimate
    weighted: bool
    n_answers: int
    n_predicted: int
    n_fitted: int


def matched_csat(data: StudyData) -> Found:
    """Match predictions to the answers of one half, and judge them by those of the other."""
    if not data.predicted_csat:
        raise DataError(
            "There are no predictions of satisfaction with whole conversations. Score with a model "
            "that predicts CSAT."
        )
    keys = sorted(data.predicted_csat)
    share = np.array([data.csat.get(key, math.nan) for key in keys])
    answered = np.isfinite(share)
    if answered.sum() < LEAST_ANSWERS:
        raise DataError(
            f"{answered.sum()} conversations have both a predicted CSAT and a survey answer; "
            f"{LEAST_ANSWERS} are needed. Bring more survey answers on scored conversations."
        )
    levels = _levels(data)
    scale = np.array(levels)
    # A customer who answered twice counts at the level nearest to the mean.
    said = np.where(answered, _nearest(scale[0] + share * (scale[-1] - scale[0]), scale), np.nan)
    scores = np.array([data.predicted_csat[key] for key in keys])
    weighted = not answered.all()
    weights = (
        survey_truth(share, features(data, keys), odds_ratios=()).weights
        if weighted
        else np.ones(len(keys))
    )
    clusters = np.array(data.clusters(keys))
    first = _half(clusters, answered, seed=data.seed)
    rest = ~first
    wanted = level_shares(said[first], levels, weights=weights[first])
    error = partial(
        distribution_error,
        surveyed=said[rest],
        levels=levels,
        weights=weights[rest],
        clusters=clusters[rest],
    )
    before = _nearest(scores[rest], scale)
    after = match_distribution(scores[first], levels, wanted).predict(scores[rest])
    found = MatchedCsat(
        levels=levels,
        surveyed=_shares(said[rest], levels, weights[rest]),
        predicted=_shares(before, levels),
        matched=_shares(after, levels),
        before=error(before),
        after=error(after),
        gain=_gain(before, after, said[rest], weights[rest], clusters[rest], scale, data),
        weighted=weighted,
        n_answers=int(answered[rest].sum()),
        n_predicted=int(rest.sum()),
        n_fitted=int(answered[first].sum()),
    )
    return Found({"matched_csat": found})


def _levels(data: StudyData) -> tuple[float, ...]:
    """Return the levels of the surveys; DataError where predictions are on another scale."""
    scales = {survey.scale for survey in data.surveys}
    if len(scales) > 1:
        raise DataError(
            f"Surveys are on {len(scales)} scales ({_listed(scales)}), so answers have no common "
            "levels. Bring surveys on one scale."
        )
    low, high = scales.pop()
    whole = float(low).is_integer() and all(float(one.score).is_integer() for one in data.surveys)
    if not whole or not float(high).is_integer() or high - low >= _MOST_LEVELS:
        raise DataError(
            f"Survey answers from {low:g} to {high:g} have no levels to match; whole numbers on a "
            f"scale of {_MOST_LEVELS} levels or fewer are needed."
        )
    levels = tuple(float(level) for level in range(round(low), round(high) + 1))
    stated = data.scales.get(CSAT, (low, high))
    predictions = [rating for (_, turn), rating in data.by_machine[CSAT].items() if turn is None]
    counts = {len(rating.probabilities) for rating in predictions if rating.probabilities}
    values = data.predicted_csat.values()
    if tuple(stated) != (low, high) or counts - {len(levels)}:
        raise DataError(
            f"Predictions of CSAT are on another scale than the surveys, {low:g} to {high:g}. "
            "Train the model on these surveys' scale."
        )
    if min(values) < low or max(values) > high:
        raise DataError(
            f"Predictions of CSAT go from {min(values):g} to {max(values):g}, the surveys' scale "
            f"from {low:g} to {high:g}. Train the model on these surveys' scale."
        )
    return levels


def _listed(scales: set[tuple[float, float]]) -> str:
    return ", ".join(f"{low:g} to {high:g}" for low, high in sorted(scales))


def _nearest(values: FloatArray, scale: FloatArray) -> FloatArray:
    return np.asarray(scale[np.digitize(values, (scale[1:] + scale[:-1]) / 2)])


def _shares(
    values: FloatArray, levels: Sequence[float], weights: FloatArray | None = None
) -> tuple[float, ...]:
    return tuple(level_shares(values, levels, weights=weights).tolist())


def _gain(
    before: FloatArray,
    after: FloatArray,
    said: FloatArray,
    weights: FloatArray,
    clusters: npt.NDArray[np.str_],
    scale: FloatArray,
    data: StudyData,
) -> Estimate:
    there = np.isfinite(said)
    columns = (said[there], before, after)
    cells = [
        row * scale.size + np.searchsorted(scale, levels) for row, levels in enumerate(columns)
    ]
    return bootstrap_tables(
        {"gain": _fewer_to_move},
        np.concatenate(cells),
        shape=(len(columns), scale.size),
        clusters=np.concatenate([clusters[there], clusters, clusters]),
        weights=np.concatenate([weights[there], np.ones(2 * said.size)]),
        n=int(there.sum()),
        **data.resampling,
    )["gain"]


def _fewer_to_move(tables: FloatArray) -> FloatArray:
    """Return the gain by table of (answered, before, after) by level; nan without answers."""
    with np.errstate(invalid="ignore"):
        answered, before, after = np.moveaxis(tables / tables.sum(axis=2, keepdims=True), 1, 0)
    return np.asarray((np.abs(before - answered) - np.abs(after - answered)).sum(axis=1) / 2)


def _half(
    clusters: npt.NDArray[np.str_], answered: npt.NDArray[np.bool_], *, seed: int
) -> npt.NDArray[np.bool_]:
    """Mark the half that cuts are made from: whole clusters, and about half of the answers."""
    codes, n_units = cluster_codes(clusters)
    answers = np.bincount(codes, answered, n_units)
    size = answers / answers.sum() + np.bincount(codes, minlength=n_units) / codes.size
    chance = np.random.default_rng(seed).permutation(n_units)
    in_first = np.zeros(n_units, dtype=bool)
    held = [0.0, 0.0]
    for unit in np.lexsort((chance, -size)):  # the largest first, so that halves come out alike
        in_first[unit] = held[0] <= held[1]
        held[not in_first[unit]] += size[unit]
    for half in (in_first, ~in_first):
        n, units = int(answers[half].sum()), int((answers[half] > 0).sum())
        if n < _LEAST_IN_HALF or units < _LEAST_CLUSTERS:
            raise DataError(
                "Cuts are made on half of the agents and judged on the others, and one half has "
                f"too little (answers: {n}, agents: {units}); {_LEAST_IN_HALF} answers and "
                f"{_LEAST_CLUSTERS} agents are needed. Bring surveyed conversations of more agents."
            )
    return np.asarray(in_first[codes])
