"""Predicted satisfaction with the distribution that customers report.

A classifier that picks the likeliest level overuses the common ones. Levels cut at quantiles of the
predicted score keep its ranking and give every level the share it has among (weighted) answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError, ScaleError
from autoqa.evaluation.intervals import Estimate, cluster_codes
from autoqa.evaluation.tables import FloatArray


def expected_level(probabilities: npt.ArrayLike, levels: Sequence[float]) -> FloatArray:
    """Return the mean level under each item's probabilities, of shape (n, n_levels)."""
    return np.asarray(np.asarray(probabilities, dtype=float) @ np.asarray(levels, dtype=float))


def level_shares(
    values: npt.ArrayLike, levels: Sequence[float], *, weights: npt.ArrayLike | None = None
) -> FloatArray:
    """Return each level's (weighted) share of the answers, shape (n_levels,); nan is no answer."""
    said = np.asarray(values, dtype=float)
    weight = np.ones(said.size) if weights is None else np.asarray(weights, dtype=float)
    if weight.shape != said.shape:
        raise DataError(f"{weight.size} weights for {said.size} answers.")
    there = np.isfinite(said)
    counts = np.bincount(_positions(said[there], levels), weight[there], len(levels))
    if counts.sum() <= 0:
        raise DataError("No answers, so there is no distribution to match.")
    return np.asarray(counts / counts.sum())


def smoothed_shares(
    shares: npt.ArrayLike, n: float, *, towards: npt.ArrayLike, strength: float = 50.0
) -> FloatArray:
    """Pull the shares of a centre with few surveys towards those of all centres.

    Parameters
    ----------
    shares, towards : array of shape (n_levels,)
    n : float
        Answers behind `shares`; effective ones where they are weighted.
    strength : float
        Answers that `towards` is worth.
    """
    own, common = np.asarray(shares, dtype=float), np.asarray(towards, dtype=float)
    return np.asarray((n * own + strength * common) / (n + strength))


def _positions(values: FloatArray, levels: Sequence[float]) -> npt.NDArray[np.int64]:
    scale = np.asarray(levels, dtype=float)
    if scale.size < 2 or (np.diff(scale) <= 0).any():
        raise ScaleError(f"levels are {list(levels)}; give at least two, lowest first.")
    at = np.clip(np.searchsorted(scale, values), 0, scale.size - 1)
    wrong = scale[at] != values
    if wrong.any():
        raise ScaleError(f"{values[wrong][0]:g} is not one of the levels {list(levels)}.")
    return np.asarray(at, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class DistributionMatcher:
    """Cuts that turn predicted scores into levels.

    Attributes
    ----------
    levels : tuple of float, lowest first
    thresholds : array of shape (n_levels - 1,)
        A score at or above ``thresholds[k]`` is above ``levels[k]``.
    """

    levels: tuple[float, ...]
    thresholds: FloatArray

    def predict(self, scores: npt.ArrayLike) -> FloatArray:
        """Return one level per score."""
        at = np.searchsorted(self.thresholds, np.asarray(scores, dtype=float), side="right")
        return np.asarray(self.levels, dtype=float)[at]


def match_distribution(
    scores: npt.ArrayLike, levels: Sequence[float], shares: npt.ArrayLike
) -> DistributionMatcher:
    """Cut predicted scores such that each level gets its share.

    Parameters
    ----------
    scores : array of shape (n,)
        Predicted satisfaction of all conversations, surveyed or not, such as `expected_level`.
    levels : sequence of float, lowest first
    shares : array of shape (n_levels,)
        Wanted shares: `level_shares` of the answers, weighted for who answers.

    Returns
    -------
    DistributionMatcher
        Its shares on `scores` equal those wanted, to within the largest group of equal scores.

    References
    ----------
    Manderscheid and Lee (2024), Predicting Customer Satisfaction by Replicating the Survey Response
    Distribution, arXiv 2411.12539.
    """
    found = np.asarray(scores, dtype=float)
    wanted = np.asarray(shares, dtype=float)
    if not found.size or not np.isfinite(found).all():
        raise DataError("Matching needs at least one score, and no missing ones.")
    if wanted.shape != (len(levels),) or (wanted < 0).any() or abs(wanted.sum() - 1) > 1e-6:
        raise DataError(f"Shares {wanted.tolist()} must be one per level and sum to 1.")
    values, counts = np.unique(found, return_counts=True)
    reached = np.concatenate([[0.0], np.cumsum(counts) / found.size])
    # Equal scores get one level, so a cut goes to the nearest gap between different scores.
    target = np.cumsum(wanted)[:-1]
    after = np.clip(np.searchsorted(reached, target), 1, reached.size - 1)
    nearest = after - (target - reached[after - 1] <= reached[after] - target)
    gaps = np.concatenate([[-np.inf], (values[1:] + values[:-1]) / 2, [np.inf]])
    # Halfway between neighbouring floats may round down to the lower one.
    gaps[1:-1] = np.maximum(gaps[1:-1], np.nextafter(values[:-1], np.inf))
    return DistributionMatcher(tuple(float(level) for level in levels), gaps[nearest])


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionError:
    """How far predicted levels are from the answers, as a distribution.

    Attributes
    ----------
    mean : Estimate
        Mean predicted level minus mean answer, in levels.
    shares : tuple of Estimate, one per level
        Predicted share minus (weighted) share of the answers.
    total_variation : float
        Half the sum of the absolute share errors: the share of predictions to move.
    """

    mean: Estimate
    shares: tuple[Estimate, ...]
    total_variation: float


def distribution_error(
    predicted: npt.ArrayLike,
    surveyed: npt.ArrayLike,
    levels: Sequence[float],
    *,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | Sequence[Any] | None = None,
    level: float = 0.95,
) -> DistributionError:
    """Compare predictions on all conversations with the answers of some.

    Call it with the levels before and after matching. On the conversations that the cuts were made
    from, errors after matching are zero by construction: judge on others.

    Parameters
    ----------
    predicted : array of shape (n,)
        A level for every conversation.
    surveyed : array of shape (n,)
        The answers; nan where there is none.
    weights : array of shape (n,), optional
        Inverse probabilities of answering, taken as known.
    clusters : array of shape (n,), optional

    Returns
    -------
    DistributionError
        With intervals from the linearised differences.
    """
    from scipy.special import stdtrit

    guess, said = np.asarray(predicted, dtype=float), np.asarray(surveyed, dtype=float)
    if guess.shape != said.shape:
        raise DataError(f"{guess.size} predictions but {said.size} answers (nan where none).")
    there = np.isfinite(said)
    weight = np.where(there, 1.0 if weights is None else np.asarray(weights, dtype=float), 0.0)
    wanted = level_shares(said, levels, weights=weight)
    scale = np.asarray(levels, dtype=float)
    guessed, answered = _positions(guess, levels), np.full(said.size, -1)
    answered[there] = _positions(said[there], levels)
    codes, n_units = (None, said.size) if clusters is None else cluster_codes(clusters)
    if codes is not None and codes.size != said.size:
        raise DataError(f"{codes.size} clusters for {said.size} conversations.")
    n_answers = int(there.sum())
    answering = n_answers if codes is None else len(np.unique(codes[there]))
    quantile = float(stdtrit(max(answering - 1, 1), (1 + level) / 2))

    def estimate(of_guess: FloatArray, of_answer: FloatArray) -> Estimate:
        mean_guess = float(of_guess.mean())
        mean_answer = float((weight * of_answer).sum() / weight.sum())
        influence = (of_guess - mean_guess) / said.size
        influence = influence - weight * (of_answer - mean_answer) / weight.sum()
        if codes is not None:
            influence = np.bincount(codes, influence, n_units).astype(np.float64)
        error = float(np.sqrt(influence @ influence * n_units / max(n_units - 1, 1)))
        half = quantile * error if answering > 1 else float("nan")
        value = mean_guess - mean_answer
        return Estimate(value, value - half, value + half, n_answers, answering)

    shares = tuple(
        estimate((guessed == k).astype(float), (answered == k).astype(float))
        for k in range(scale.size)
    )
    found = np.bincount(guessed, minlength=scale.size) / said.size
    return DistributionError(
        mean=estimate(guess, np.where(there, said, 0.0)),
        shares=shares,
        total_variation=float(np.abs(found - wanted).sum() / 2),
    )
