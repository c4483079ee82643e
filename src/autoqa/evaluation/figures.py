"""One agreement figure beside its human ceiling, and how it is worked out.

Several people may have rated an item. The automated rating is then paired with each of theirs, and
every item counts once, however many people looked at it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from autoqa.evaluation import tables
from autoqa.evaluation.agreement import pair_entries
from autoqa.evaluation.intervals import Estimate, TableStatistic, bootstrap_tables
from autoqa.evaluation.tables import FloatArray, IntArray

MARGIN = 0.1
"""Agreement at most this much below the human ceiling counts as agreeing as well as people do."""

SMALL_N = 30
"""Fewer items than this support no verdict."""


FEW_CLUSTERS = 20
"""Percentile intervals over fewer agents (or whatever is resampled) than this are too narrow."""


class Verdict(StrEnum):
    """What a figure says about the automated rater."""

    AS_PEOPLE = "as well as people"
    BELOW_PEOPLE = "less than people"
    UNCERTAIN = "too uncertain to say"
    NO_CEILING = "no second human to compare with"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Agreement of the automated rater with people, beside that of people with each other.

    Attributes
    ----------
    automated : Estimate
        On all items that both sides rated.
    ceiling : Estimate or None
        People with people, on the items with several human ratings; None where there are none.
    automated_same_items : Estimate or None
        `automated` on the ceiling's items only.
    gap : Estimate or None
        `automated_same_items` minus `ceiling`, on the same resamples.
    """

    automated: Estimate
    ceiling: Estimate | None = None
    automated_same_items: Estimate | None = None
    gap: Estimate | None = None
    higher_is_better: bool = True

    @property
    def verdict(self) -> Verdict:
        """Whether the gap's interval lies above -`MARGIN`, below 0, or decides nothing."""
        if self.gap is None:
            return Verdict.NO_CEILING
        if not self.gap.known or not self.higher_is_better:
            return Verdict.UNCERTAIN
        if self.gap.n < SMALL_N or self.gap.n_clusters < FEW_CLUSTERS:
            return Verdict.UNCERTAIN
        if self.gap.low > -MARGIN:
            return Verdict.AS_PEOPLE
        return Verdict.BELOW_PEOPLE if self.gap.high < 0 else Verdict.UNCERTAIN


def to_plain(value: Any) -> Any:
    """Turn results into what JSON can hold; nan becomes None, a day its ISO date.

    Each estimate carries its n.
    """
    if isinstance(value, Estimate):
        return value.to_dict(counts=True)
    if isinstance(value, Figure):
        stored = {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return stored | {"verdict": str(value.verdict)}
    if dataclasses.is_dataclass(value):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(held) for key, held in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(held) for held in value]
    if isinstance(value, np.ndarray):
        return to_plain(value.tolist())
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def _statistics(levels: Sequence[int]) -> dict[str, TableStatistic]:
    found: dict[str, TableStatistic] = {
        "quadratic_kappa": partial(tables.kappa, weighting="quadratic"),
        "krippendorff_alpha": partial(tables.alpha, measurement="ordinal"),
        "gwet_ac2": partial(tables.gwet, weighting="quadratic"),
        "exact": tables.exact,
    }
    if len(levels) > 2:  # with two levels everything is within one
        found["within_one"] = tables.within_one
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Paired:
    """Positions on one scale of the same items: the automated rater's and people's.

    Attributes
    ----------
    automated : int array of shape (n_items,)
    people : int array of shape (n_slots, n_items), -1 for not rated; one rating per item at least
    clusters : array of shape (n_items,)
    """

    automated: IntArray
    people: IntArray
    clusters: npt.NDArray[Any]

    @property
    def n_people(self) -> IntArray:
        """Human ratings per item, shape (n_items,)."""
        return np.asarray((self.people >= 0).sum(axis=0), dtype=np.int64)

    def where(self, keep: npt.NDArray[np.bool_]) -> Paired:
        """Return the items for which `keep` is true."""
        return Paired(self.automated[keep], self.people[:, keep], self.clusters[keep])


_Entries = tuple[IntArray, FloatArray, IntArray]  # cell, weight, item


def _with_each(paired: Paired, n_levels: int) -> _Entries:
    """Pair the automated rating with each person's."""
    slots, items = np.nonzero(paired.people >= 0)
    cells = paired.automated[items] * n_levels + paired.people[slots, items]
    return cells, 1.0 / paired.n_people[items], items


def _with_consensus(paired: Paired, n_levels: int) -> _Entries:
    """Pair the automated rating with what all people together make of an item."""
    everything = np.arange(len(paired.automated))
    weight = np.ones(len(everything))
    return _towards(paired.automated, paired.people, everything, weight, n_levels)


def _with_the_others(paired: Paired, n_levels: int) -> tuple[_Entries, _Entries]:
    """Pair the automated rating, and each person's, with the consensus of the other people."""
    by_machine: list[_Entries] = []
    by_people: list[_Entries] = []
    for slot, one in enumerate(paired.people):
        others = np.delete(paired.people, slot, axis=0)
        (items,) = np.nonzero(one >= 0)
        weight = 1.0 / paired.n_people[items]
        by_machine.append(_towards(paired.automated, others, items, weight, n_levels))
        by_people.append(_towards(one, others, items, weight, n_levels))
    return _joined(by_machine), _joined(by_people)


def _towards(
    rater: IntArray, people: IntArray, items: IntArray, weight: FloatArray, n_levels: int
) -> _Entries:
    """Pair one rater with the level nearest to the mean of `people` on some items.

    Where the mean lies half-way between two levels each gets half the weight: always taking the
    lower one would make people look more severe than they are.
    """
    given = people[:, items]
    total, n = np.where(given >= 0, given, 0).sum(axis=0), (given >= 0).sum(axis=0)
    lower, upper = (2 * total + n - 1) // (2 * n), (2 * total + n) // (2 * n)
    start = rater[items] * n_levels
    return _joined([(start + lower, weight / 2, items), (start + upper, weight / 2, items)])


def _joined(entries: Sequence[_Entries]) -> _Entries:
    return (
        np.concatenate([e[0] for e in entries]),
        np.concatenate([e[1] for e in entries]),
        np.concatenate([e[2] for e in entries]),
    )


def agreement_figures(
    paired: Paired,
    levels: Sequence[int],
    *,
    against: Literal["each", "consensus"] = "each",
    n_resamples: int = 1000,
    seed: int = 7,
) -> dict[str, Figure]:
    """Work out every agreement figure of one criterion.

    Parameters
    ----------
    paired : Paired
    levels : sequence of int
        The full scale.
    against : {"each", "consensus"}
        Every person by themselves, where the ceiling is one person with another; or what all
        people make of an item, where the ceiling is one person with all the others, and the
        automated rater on those items is held against the very same others.

    Returns
    -------
    dict of name to Figure
        ``quadratic_kappa``, ``krippendorff_alpha`` (ordinal), ``gwet_ac2`` (quadratic weights; AC1
        on two levels), ``exact``, and on more than two levels ``within_one``.
    """
    n_levels = len(levels)
    statistics = _statistics(levels)
    settings: dict[str, int] = {"n_resamples": n_resamples, "seed": seed}
    pair_up = _with_each if against == "each" else _with_consensus
    cells, weights, items = pair_up(paired, n_levels)
    automated = bootstrap_tables(
        statistics,
        cells,
        weights=weights,
        shape=(n_levels, n_levels),
        clusters=paired.clusters[items],
        n=len(paired.automated),
        **settings,
    )
    # With two people, "the others" is one person, and the consensus adds nothing to the pairs.
    several = paired.n_people >= (2 if against == "each" else 3)
    if not several.any():
        return {name: Figure(automated=automated[name]) for name in statistics}
    beside = _beside_ceiling(paired.where(several), n_levels, statistics, against, settings)
    return {
        name: Figure(
            automated=automated[name],
            automated_same_items=beside[f"same {name}"],
            ceiling=beside[f"ceiling {name}"],
            gap=beside[f"gap {name}"],
        )
        for name in statistics
    }


def _beside_ceiling(
    paired: Paired,
    n_levels: int,
    statistics: Mapping[str, TableStatistic],
    against: Literal["each", "consensus"],
    settings: Mapping[str, int],
) -> dict[str, Estimate]:
    """Bootstrap the automated rater and the people together, so that their gap is paired."""
    if against == "each":
        by_machine = _with_each(paired, n_levels)
        by_people = pair_entries(paired.people, n_levels)
        for_alpha = pair_entries(paired.people, n_levels, weigh="values")
    else:
        by_machine, by_people = _with_the_others(paired, n_levels)
        for_alpha = by_people
    # Three tables side by side: machine, people, and people as Krippendorff weighs them.
    layers = (by_machine, by_people, for_alpha)
    cells, weights, items = _joined(
        [(c + i * n_levels**2, w, at) for i, (c, w, at) in enumerate(layers)]
    )
    asked: dict[str, TableStatistic] = {}
    for name, statistic in statistics.items():
        layer = 2 if name == "krippendorff_alpha" else 1
        asked[f"same {name}"] = partial(_on_layer, statistic=statistic, layer=0)
        asked[f"ceiling {name}"] = partial(_on_layer, statistic=statistic, layer=layer)
        asked[f"gap {name}"] = partial(_gap, statistic=statistic, layer=layer)
    return bootstrap_tables(
        asked,
        cells,
        weights=weights,
        shape=(len(layers), n_levels, n_levels),
        clusters=paired.clusters[items],
        n=len(paired.automated),
        **settings,
    )


def _on_layer(
    stacked: FloatArray, *, statistic: Callable[[FloatArray], FloatArray], layer: int
) -> FloatArray:
    return statistic(stacked[:, layer])


def _gap(
    stacked: FloatArray, *, statistic: Callable[[FloatArray], FloatArray], layer: int
) -> FloatArray:
    return statistic(stacked[:, 0]) - statistic(stacked[:, layer])
