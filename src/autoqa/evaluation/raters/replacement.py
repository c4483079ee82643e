"""May a model stand in for one of several people? The alternative annotator test.

Each person in turn is left out, and both the model and that person are compared with the people
that remain. The model need not beat the person: it may be worse on a share `epsilon` of the items,
the price at which its speed and cost are bought.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Literal, TypeAlias

import numpy as np

from autoqa.errors import DataError
from autoqa.evaluation import tables
from autoqa.evaluation.by_criterion import index_automated
from autoqa.evaluation.ceiling import ValueOf, level_of
from autoqa.evaluation.intervals import Estimate, bootstrap_tables, cluster_codes
from autoqa.evaluation.raters.rating_table import RatingTable
from autoqa.evaluation.tables import FloatArray, IntArray
from autoqa.records import Rating

Alignment: TypeAlias = Literal["accuracy", "rmse", "absolute"]
_ALIGNMENTS = ("accuracy", "rmse", "absolute")

_SAME = 1e-9  # alignments closer than this are a tie: they differ by rounding only


class ReplacementVerdict(StrEnum):
    """What the test says about the model."""

    REPLACE = "may replace"
    ASSIST = "may assist"
    NOT_YET = "not yet"
    NOT_ENOUGH_DATA = "not enough data"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutRater:
    """The model against one person, by the measure of the others.

    Attributes
    ----------
    model_at_least, rater_at_least : float
        Share of items on which the model (the person) is at least as close to the others as the
        person (the model). They add up to more than 1 by the share of ties.
    p_value : float
        Of the hypothesis that the model is worse by `epsilon` or more; not corrected.
    rejected : bool
        Whether that hypothesis is rejected after correction over all people: the model wins.
    test : {"t", "wilcoxon"}
    """

    rater: str
    n_items: int
    n_conversations: int
    model_at_least: float
    rater_at_least: float
    p_value: float
    rejected: bool
    test: Literal["t", "wilcoxon"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """The answer, and what it rests on.

    Attributes
    ----------
    winning_rate : float
        Share of people whom the model wins against; nan without enough data.
    advantage : Estimate
        Mean over people of `LeftOutRater.model_at_least`; compares models with each other.
    difference : Estimate
        Mean over people of `model_at_least` minus `rater_at_least`, -1 to 1.
    raters : tuple of LeftOutRater
        People with enough items.
    too_few : mapping of rater to n_items
        People left out for want of items.
    """

    model: str
    alignment: Alignment
    epsilon: float
    winning_rate: float
    advantage: Estimate
    difference: Estimate
    raters: tuple[LeftOutRater, ...]
    too_few: dict[str, int]
    verdict: ReplacementVerdict
    reason: str

    def __str__(self) -> str:
        return f"{self.model}: {self.verdict}. {self.reason}"


def replacement_test(
    human: Iterable[Rating],
    model: Iterable[Rating],
    *,
    criterion: str | None = None,
    alignment: Alignment = "absolute",
    epsilon: float = 0.15,
    value: ValueOf | None = None,
    min_raters: int = 3,
    min_items: int = 30,
    false_discovery_rate: float = 0.05,
    n_resamples: int = 1000,
    seed: int = 7,
    level: float = 0.95,
) -> Replacement:
    """Run the alternative annotator test on one criterion.

    Parameters
    ----------
    human : iterable of Rating
        Rater names must be persons: where "first" and "second" stand for whoever came first, the
        result is about positions, not people.
    model : iterable of Rating
        Of one model, at most one per item.
    criterion : str, optional
        Which one; may be left out when all ratings are of the same criterion.
    alignment : {"absolute", "rmse", "accuracy"}
        How close a rating is to those of the others: by mean absolute or root mean squared
        distance on ordered levels, by the share of equal ratings on unordered ones.
    epsilon : float
        How much worse the model may be. The paper's rule of thumb: 0.2 beside experts, 0.15 beside
        trained raters, 0.1 beside crowd workers; less where people agree poorly.
    value : callable, optional
        What to take of a rating, None to leave it out; the level of rated ones where absent.
    min_raters, min_items : int
        People needed, and items that each must share with the model and somebody else.
    false_discovery_rate : float
        Level of the Benjamini-Yekutieli correction over people.
    n_resamples, seed, level
        For the intervals, as in `autoqa.evaluation.intervals.bootstrap`, over conversations.

    Returns
    -------
    Replacement
        ``may replace``: the model wins against half of the people or more (the paper's test).
        ``may assist``: it does not, but averaged over people the interval of the difference lies
        above ``-epsilon``, so that it holds its own beside the average person, not beside most.
        ``not yet``: neither. ``not enough data``: fewer than `min_raters` people with `min_items`.

    Raises
    ------
    DataError
        If two models rated an item, `criterion` is left out and there are several, model and
        people share no item, or a setting is out of range.

    Notes
    -----
    Items of one conversation are not independent, so the t-test uses the standard error clustered
    by conversation, which is the usual one when every conversation has one item. With fewer than
    30 conversations the Wilcoxon signed-rank test on the conversations' means takes its place.

    References
    ----------
    Calderon, Reichart and Dror (2025), ACL, 16051-16081, arXiv:2501.10970.
    Benjamini and Yekutieli (2001), Annals of Statistics 29(4), 1165-1188.
    """
    if alignment not in _ALIGNMENTS:
        raise DataError(f"'{alignment}' is not an alignment. Known: {' '.join(_ALIGNMENTS)}.")
    if not 0 <= epsilon < 1:
        raise DataError(f"epsilon is {epsilon}; give a share of items from 0 to below 1.")
    if min_items < 2 or min_raters < 2:
        raise DataError("The test needs at least 2 raters with 2 items each.")
    people = RatingTable.from_ratings(human, criterion=criterion, value=value)
    by_model, name = _model_values(model, criterion, people, value)
    rows, model_wins, person_wins = _compare(people, by_model, alignment)
    if not rows.size:
        raise DataError(
            f"{name}: no item was rated by the model and by two people; the test needs such items."
        )
    rater, conversation = people.rater[rows], people.conversations[people.item[rows]]
    n_items = np.bincount(rater, minlength=len(people.raters))
    kept = np.flatnonzero(n_items >= min_items)
    few = {people.raters[j]: int(n_items[j]) for j in np.flatnonzero(n_items < min_items)}
    tested = [
        _test(conversation[rater == j], (person_wins - model_wins)[rater == j], epsilon)
        for j in kept
    ]
    rejected = _rejected([p for p, _, _ in tested], false_discovery_rate)
    raters = tuple(
        LeftOutRater(
            rater=people.raters[j],
            n_items=int(n_items[j]),
            n_conversations=n_conversations,
            model_at_least=float(model_wins[rater == j].mean()),
            rater_at_least=float(person_wins[rater == j].mean()),
            p_value=p,
            rejected=wins,
            test=test,
        )
        for j, (p, test, n_conversations), wins in zip(kept, tested, rejected, strict=True)
    )
    chosen = np.isin(rater, kept)
    advantage, difference = _averages(
        np.searchsorted(kept, rater[chosen]),
        model_wins[chosen],
        person_wins[chosen],
        conversation[chosen],
        n_raters=len(kept),
        n_resamples=n_resamples,
        seed=seed,
        level=level,
    )
    enough = len(kept) >= min_raters
    winning_rate = float(np.mean(rejected)) if enough else float("nan")
    verdict, reason = _answer(
        winning_rate, difference, raters, epsilon, enough, min_raters, min_items
    )
    return Replacement(
        model=name,
        alignment=alignment,
        epsilon=epsilon,
        winning_rate=winning_rate,
        advantage=advantage,
        difference=difference,
        raters=raters,
        too_few=few,
        verdict=verdict,
        reason=reason,
    )


def _model_values(
    model: Iterable[Rating], criterion: str | None, people: RatingTable, value: ValueOf | None
) -> tuple[FloatArray, str]:
    """Return the model's value on each of people's items, nan where it has none, and its name."""
    held = [r for r in model if criterion is None or r.criterion == criterion]
    indexed, _ = index_automated(held)
    if len(indexed) > 1:
        raise DataError(
            f"Model ratings of several criteria ({', '.join(sorted(indexed))}): say which one to "
            "look at."
        )
    items = next(iter(indexed.values()), {})
    names = sorted({rating.rater for rating in items.values()})
    if len(names) > 1:
        raise DataError(f"Ratings of several models ({', '.join(names)}): test one at a time.")
    take = value or level_of
    found = [take(items[key]) if key in items else None for key in people.keys]
    values = np.asarray([np.nan if v is None else float(v) for v in found])
    return values, names[0] if names else "model"


def _compare(
    people: RatingTable, by_model: FloatArray, alignment: Alignment
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return the ratings that can be compared, and who is at least as close to the others."""
    first, second = people.pairs()
    usable = ~np.isnan(by_model[people.item[first]])
    first, second = first[usable], second[usable]
    others, n = people.value[second], len(people.value)
    n_others = np.bincount(first, minlength=n)
    rows = np.flatnonzero(n_others)

    def mean_cost(given: FloatArray) -> FloatArray:
        if alignment == "accuracy":
            cost = (given != others).astype(float)
        else:
            cost = np.abs(given - others) ** (2 if alignment == "rmse" else 1)
        total = np.bincount(first, weights=cost, minlength=n)
        return np.asarray(total[rows] / n_others[rows])

    # The root of RMSE keeps the order, so which of the two is closer is known without it.
    model, person = mean_cost(by_model[people.item[first]]), mean_cost(people.value[first])
    return (
        rows,
        (model <= person + _SAME).astype(float),
        (person <= model + _SAME).astype(float),
    )


def _test(
    conversation: np.ndarray, difference: FloatArray, epsilon: float
) -> tuple[float, Literal["t", "wilcoxon"], int]:
    """One-sided p-value of "the person leads by epsilon or more", the test, and conversations."""
    from scipy.special import stdtr
    from scipy.stats import wilcoxon

    codes, n_clusters = cluster_codes(conversation)
    n = len(difference)
    excess = difference - epsilon
    if n_clusters < 30:
        means = np.bincount(codes, weights=excess) / np.bincount(codes)
        return float(wilcoxon(means, alternative="less").pvalue), "wilcoxon", n_clusters
    mean = excess.mean()
    off = np.bincount(codes, weights=excess - mean)
    error = np.sqrt((off**2).sum() * n_clusters / (n_clusters - 1)) / n
    if error < _SAME:
        return (0.0 if mean < 0 else 1.0), "t", n_clusters
    return float(stdtr(n_clusters - 1, mean / error)), "t", n_clusters


def _rejected(p_values: list[float], rate: float) -> list[bool]:
    from scipy.stats import false_discovery_control

    if not p_values:
        return []
    adjusted = false_discovery_control(np.asarray(p_values), method="by")
    return [bool(p <= rate) for p in adjusted]


def _averages(
    rater: IntArray,
    model_wins: FloatArray,
    person_wins: FloatArray,
    conversation: np.ndarray,
    *,
    n_raters: int,
    n_resamples: int,
    seed: int,
    level: float,
) -> tuple[Estimate, Estimate]:
    cells = np.concatenate([rater * 3 + i for i in range(3)])
    found = bootstrap_tables(
        {
            "advantage": partial(_mean_over_raters, plus=1),
            "difference": partial(_mean_over_raters, plus=1, minus=2),
        },
        cells,
        shape=(n_raters, 3),
        weights=np.concatenate([np.ones(len(rater)), model_wins, person_wins]),
        clusters=np.tile(conversation, 3),
        n=len(rater),
        n_resamples=n_resamples,
        seed=seed,
        level=level,
    )
    return found["advantage"], found["difference"]


def _mean_over_raters(sums: FloatArray, *, plus: int, minus: int | None = None) -> FloatArray:
    n = sums[..., 0]
    wins = sums[..., plus] - (0.0 if minus is None else sums[..., minus])
    per_rater = tables.ratio(wins, n)
    return tables.ratio(np.nansum(per_rater, axis=-1), (n > 0).sum(axis=-1))


def _answer(
    winning_rate: float,
    difference: Estimate,
    raters: tuple[LeftOutRater, ...],
    epsilon: float,
    enough: bool,
    min_raters: int,
    min_items: int,
) -> tuple[ReplacementVerdict, str]:
    if not enough:
        return ReplacementVerdict.NOT_ENOUGH_DATA, (
            f"{len(raters)} people rated {min_items} items or more together with the model and "
            f"another person; the test needs {min_raters}."
        )
    won = sum(rater.rejected for rater in raters)
    against = f"It wins against {won} of {len(raters)} people (epsilon {epsilon:g})"
    if winning_rate >= 0.5:
        return ReplacementVerdict.REPLACE, f"{against}, half or more."
    spread = (
        f"mean difference {difference.value:+.2f} [{difference.low:.2f}, {difference.high:.2f}]"
    )
    if difference.known and difference.low > -epsilon:
        return ReplacementVerdict.ASSIST, (
            f"{against}, less than half, but holds its own beside the average person: {spread} "
            f"lies above -{epsilon:g}."
        )
    return ReplacementVerdict.NOT_YET, (
        f"{against}, less than half, and {spread} does not lie above -{epsilon:g}."
    )
