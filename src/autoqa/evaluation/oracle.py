"""What no model could beat: an oracle that knows how people would rate each item, simulated.

A class that is worked out from a few people's ratings is partly chance: other people would have
given another one. An oracle that knows every item's distribution of ratings, and nothing about the
chance, bounds what any model of the items can reach.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError, ScaleError
from autoqa.evaluation.classification import CLASSIFICATION_METRICS
from autoqa.evaluation.intervals import Estimate, bootstrap
from autoqa.evaluation.tables import FloatArray, IntArray, ratio

_macro_f1 = CLASSIFICATION_METRICS["macro_f1"]
_STEPS = np.linspace(0, 1, 11)[1:]  # of the way to the next answers
_MAX_ITERATIONS = 50
_ENOUGH = 1e-6  # of macro-F1: a step that gains less is the last one
_LOG_STRENGTH = (-7.0, 10.0)


def oracle_macro_f1(
    counts: npt.ArrayLike,
    levels: Sequence[float],
    class_of: Callable[[float], int],
    *,
    n_classes: int = 3,
    clusters: npt.ArrayLike | Sequence[str] | None = None,
    n_redraws: int = 300,
    seed: int = 7,
    level: float = 0.95,
) -> Estimate:
    """Estimate the macro-F1 of an oracle that knows every item's distribution of ratings.

    Every redraw takes one distribution per item that its ratings allow, makes a class of as many
    ratings from it as the item had, and holds it against the answers of an oracle that knows the
    distributions (so the exact chance of every class) but not the ratings, and answers for the
    highest macro-F1.

    Distributions are drawn from the item's posterior under a Dirichlet prior around the mean of
    all items, as strong as the ratings of all items make likeliest (`dirichlet_strength`). Simpler
    choices go wrong in known directions, because three ratings say little of an item: an item's
    own shares differ more between items than true distributions do, so that an oracle with them
    is far too sure and its score too high; posterior means differ less than true distributions
    do, so that one with them knows too little and its score is too low. Draws differ as much as
    true distributions do (Louis 1984), if the prior holds.

    It supposes that people rate an item independently of each other, that one Dirichlet fits all
    items, and that how many were asked says nothing of an item. Where people agree on the side of
    the middle more than one Dirichlet lets them (on a scale from 1 to 5, items rated 2 and 3 that
    never get a 4), the true ceiling may lie some points above this estimate.

    Parameters
    ----------
    counts : int array of shape (n_items, n_levels)
        How many people gave each item each level.
    levels : sequence of float
        Evenly spaced, ascending.
    class_of : callable
        From an item's mean rating to its class, 0 to `n_classes` - 1.
    clusters : array of shape (n_items,), optional
        What is resampled for the interval; every item by itself where absent.
    n_redraws, seed : int
    level : float
        Coverage of the interval.

    Returns
    -------
    Estimate
        The mean over redraws of the items as they are, and where redraws of resampled clusters
        lie. That holds the chance of a single redraw too, so that the range is on the wide side:
        98 % of simulated sets had their source's ceiling in it.

    Raises
    ------
    ScaleError
        If levels are not evenly spaced.
    DataError
        If an item has no ratings, or no item has two.

    References
    ----------
    Louis (1984), Journal of the American Statistical Association 79(386), 393-398.
    """
    table = np.asarray(counts, dtype=np.int64)
    scale = np.asarray(levels, dtype=float)
    steps = np.diff(scale)
    if not steps.size or steps[0] <= 0 or not np.allclose(steps, steps[0]):
        raise ScaleError(f"Levels must ascend in even steps, not {', '.join(map(str, levels))}.")
    if table.ndim != 2 or table.shape[1] != len(scale):
        raise DataError(f"{len(scale)} levels for counts of shape {table.shape}.")
    if not (table.sum(axis=1) > 0).all():
        raise DataError("Every item needs a rating: leave out those without.")
    prior = dirichlet_strength(table) * table.sum(axis=0) / table.sum()
    of_sum = {
        int(n): _class_of_sum(int(n), scale, class_of, n_classes)
        for n in np.unique(table.sum(axis=1))
    }
    redrawn = partial(_redrawn, prior=prior, of_sum=of_sum, rng=np.random.default_rng(seed))
    value = np.mean([redrawn(table) for _ in range(n_redraws)])
    spread = bootstrap(
        redrawn, table, clusters=clusters, n_resamples=n_redraws, seed=seed, level=level
    )
    return replace(spread, value=float(value))


def dirichlet_strength(counts: npt.ArrayLike) -> float:
    """How alike items are: the strength of a Dirichlet prior around the mean of all items.

    The likeliest one under the Dirichlet-multinomial, in ratings: two people agree on an item
    beyond chance by about 1 / (1 + strength).

    Parameters
    ----------
    counts : int array of shape (n_items, n_levels)

    Raises
    ------
    DataError
        If no item has two ratings, which is all that tells strengths apart.

    References
    ----------
    Mosimann (1962), Biometrika 49(1-2), 65-82.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import gammaln

    table = np.asarray(counts, dtype=float)
    table = table[table.sum(axis=1) >= 2]
    if not len(table):
        raise DataError("No item has two ratings, so nothing tells chance from items.")
    table = table[:, table.sum(axis=0) > 0]
    mean, n = table.sum(axis=0) / table.sum(), table.sum(axis=1)

    def cost(log_strength: float) -> float:
        strength = np.exp(log_strength)
        per_level = gammaln(table + strength * mean) - gammaln(strength * mean)
        whole = gammaln(strength + n) - gammaln(strength)
        return float(whole.sum() - per_level.sum())

    return float(np.exp(minimize_scalar(cost, bounds=_LOG_STRENGTH, method="bounded").x))


def class_probabilities(
    shares: FloatArray, n_ratings: IntArray, of_sum: Mapping[int, FloatArray]
) -> FloatArray:
    """Return the exact chance of every class, shape (n_items, n_classes).

    Parameters
    ----------
    shares : array of shape (n_items, n_levels)
        How likely one rating of an item is each level.
    n_ratings : int array of shape (n_items,)
    of_sum : mapping
        By number of ratings, the class of each sum of them (as positions on the scale, from 0),
        one-hot: shape (n_sums, n_classes).
    """
    chances = np.empty((len(shares), next(iter(of_sum.values())).shape[1]))
    for n, classes in of_sum.items():
        rows = n_ratings == n
        n_sums = len(classes)
        # The distribution of a sum is a convolution, which is a product of spectra.
        sums = np.fft.irfft(np.fft.rfft(shares[rows], n_sums, axis=1) ** n, n_sums, axis=1)
        chances[rows] = np.clip(sums, 0, None) @ classes
    return np.asarray(chances / chances.sum(axis=1, keepdims=True))


def best_answers(probabilities: FloatArray) -> FloatArray:
    """Return the answers with the highest macro-F1 of the expected confusion table.

    Found by Frank-Wolfe steps: near a table, macro-F1 is linear in its cells, so that every item
    has an answer of its own that gains most. Where they end, no single item's answer has more to
    give; that it is the best of all is not certain, but in small sets, where every combination
    could be tried, at most 0.001 was missing.

    Parameters
    ----------
    probabilities : array of shape (n_items, n_classes)
        The chance of every class.

    Returns
    -------
    array of shape (n_items, n_classes)
        How likely to give each answer: nearly always 0 or 1, in between where tossing a coin does
        better, as between items that are all alike.

    References
    ----------
    Narasimhan, Ramaswamy, Saket and Agarwal (2015), ICML, PMLR 37, 2398-2407.
    """
    one_hot = np.eye(probabilities.shape[1])
    # A start halfway between what is likeliest and what makes up for rare classes.
    gains = np.nan_to_num(ratio(probabilities, np.sqrt(probabilities.mean(axis=0))))
    answers = one_hot[gains.argmax(axis=1)]
    table = probabilities.T @ answers
    reached = float(_macro_f1(table))
    for _ in range(_MAX_ITERATIONS):
        used = table.sum(axis=0) + table.sum(axis=1)
        f1 = np.nan_to_num(ratio(2 * np.diagonal(table), used))
        gains = np.nan_to_num(ratio(2 * probabilities - f1, used))
        target = one_hot[gains.argmax(axis=1)]
        way = probabilities.T @ target - table
        along = _macro_f1(table + _STEPS[:, None, None] * way)
        furthest = int(along.argmax())
        if along[furthest] < reached + _ENOUGH:
            break
        reached = float(along[furthest])
        answers = answers + _STEPS[furthest] * (target - answers)
        table = table + _STEPS[furthest] * way
    return np.asarray(answers)


def _class_of_sum(
    n: int, scale: FloatArray, class_of: Callable[[float], int], n_classes: int
) -> FloatArray:
    means = scale[0] + (scale[1] - scale[0]) * np.arange(n * (len(scale) - 1) + 1) / n
    return np.asarray(np.eye(n_classes)[[class_of(float(mean)) for mean in means]])


def _redrawn(
    counts: IntArray,
    *,
    prior: FloatArray,
    of_sum: Mapping[int, FloatArray],
    rng: np.random.Generator,
) -> float:
    """Macro-F1 of the oracle on one redraw of every item's distribution and class."""
    drawn = rng.standard_gamma(counts + prior)  # divided by their sum, a draw of a Dirichlet
    chances = class_probabilities(
        drawn / drawn.sum(axis=1, keepdims=True), counts.sum(axis=1), of_sum
    )
    below = rng.random((len(chances), 1)) > chances.cumsum(axis=1)[:, :-1]
    truth = np.eye(chances.shape[1])[below.sum(axis=1)]
    return float(_macro_f1(truth.T @ best_answers(chances)))
