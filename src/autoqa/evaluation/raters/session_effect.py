"""Did a calibration session bring raters together?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from autoqa.errors import DataError
from autoqa.evaluation import tables
from autoqa.evaluation.agreement import pair_entries, positions
from autoqa.evaluation.intervals import Estimate, TableStatistic, bootstrap_tables
from autoqa.evaluation.raters.rating_table import RatingTable
from autoqa.evaluation.tables import FloatArray
from autoqa.records import Rating


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One coefficient before and after, and after minus before on the same resamples."""

    before: Estimate
    after: Estimate
    change: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEffect:
    """Agreement of the same raters before and after a session.

    Attributes
    ----------
    n_items_before, n_items_after : int
        Items with two ratings or more.
    n_conversations_both : int
        Conversations rated on both sides; their part of the change is paired.
    raters : tuple of str
    coefficients : mapping of name to Change
        ``exact``, ``within_one``, ``alpha_ordinal`` and ``ac2_quadratic``.
    """

    criterion: str
    n_items_before: int
    n_items_after: int
    n_conversations_both: int
    raters: tuple[str, ...]
    coefficients: Mapping[str, Change]

    def __str__(self) -> str:
        alpha = self.coefficients["alpha_ordinal"]
        if not alpha.change.known:
            said = "whether agreement changed cannot be said"
        elif alpha.change.low > 0:
            said = "agreement rose"
        elif alpha.change.high < 0:
            said = "agreement fell"
        else:
            said = "no change of agreement is shown"
        return (
            f"{self.criterion}, {len(self.raters)} raters: {said}. Alpha {alpha.before} before, "
            f"{alpha.after} after, change {alpha.change}."
        )


def session_effect(
    before: Iterable[Rating],
    after: Iterable[Rating],
    *,
    levels: Sequence[int],
    criterion: str | None = None,
    agents: Mapping[str, str] | None = None,
    same_raters: bool = True,
    n_resamples: int = 1000,
    seed: int = 7,
    level: float = 0.95,
) -> SessionEffect:
    """Compare agreement before and after a calibration session.

    Conversations are resampled, those rated on both sides once for both, so that the change is
    paired where the item sets overlap and unpaired where they do not.

    Parameters
    ----------
    before, after : iterable of Rating
    levels : sequence of int
        Every level of the scale.
    criterion : str, optional
        Which one; may be left out when all ratings are of the same criterion.
    agents : mapping of conversation id to agent, optional
        Resample agents instead; a conversation that is not named stands alone.
    same_raters : bool
        Keep only raters who rated on both sides, so that a change of staff is not a change of
        agreement.

    Raises
    ------
    DataError
        If fewer than two raters remain, or `criterion` is left out and there are several.
    ScaleError
        If a level is not one of `levels`.
    """
    sides = [list(before), list(after)]
    laid_out = [RatingTable.from_ratings(side, criterion=criterion) for side in sides]
    raters = set(laid_out[0].raters)
    raters = raters & set(laid_out[1].raters) if same_raters else raters | set(laid_out[1].raters)
    if len(raters) < 2:
        raise DataError(
            f"{len(raters)} raters rated before and after the session; agreement needs two. "
            "Are raters named alike on both sides?"
        )
    n_levels = len(set(levels))
    names = agents or {}
    cells, weights, clusters, n_items, conversations = [], [], [], [], []
    for i, side in enumerate(sides):
        table = RatingTable.from_ratings(
            (r for r in side if r.rater in raters), criterion=criterion
        )
        place = positions(table.matrix(), levels, missing=True)
        units = np.asarray([names.get(key[0], key[0]) for key in table.keys], dtype=np.str_)
        # Per side two tables: pairs that count by item, and pairs as alpha weighs them.
        for j, entries in enumerate(
            (pair_entries(place, n_levels), pair_entries(place, n_levels, weigh="values"))
        ):
            cells.append(entries[0] + (2 * i + j) * n_levels**2)
            weights.append(entries[1])
            clusters.append(units[entries[2]])
        several = table.n_per_item >= 2
        n_items.append(int(several.sum()))
        conversations.append(set(table.conversations[several]))
    statistics: dict[str, tuple[TableStatistic, int]] = {
        "exact": (tables.exact, 0),
        "within_one": (tables.within_one, 0),
        "ac2_quadratic": (partial(tables.gwet, weighting="quadratic"), 0),
        "alpha_ordinal": (partial(tables.alpha, measurement="ordinal"), 1),
    }
    asked: dict[str, TableStatistic] = {}
    for name, (statistic, layer) in statistics.items():
        asked[f"{name} before"] = partial(_side, statistic, layer)
        asked[f"{name} after"] = partial(_side, statistic, 2 + layer)
        asked[f"{name} change"] = partial(_change, statistic, layer)
    found = bootstrap_tables(
        asked,
        np.concatenate(cells),
        shape=(4, n_levels, n_levels),
        weights=np.concatenate(weights),
        clusters=np.concatenate(clusters),
        n=sum(n_items),
        n_resamples=n_resamples,
        seed=seed,
        level=level,
    )
    return SessionEffect(
        criterion=criterion or next(rating.criterion for rating in sides[0]),
        n_items_before=n_items[0],
        n_items_after=n_items[1],
        n_conversations_both=len(conversations[0] & conversations[1]),
        raters=tuple(sorted(raters)),
        coefficients={
            name: Change(
                before=_with_n(found[f"{name} before"], n_items[0]),
                after=_with_n(found[f"{name} after"], n_items[1]),
                change=found[f"{name} change"],
            )
            for name in statistics
        },
    )


def _side(statistic: TableStatistic, layer: int, stacked: FloatArray) -> FloatArray:
    return statistic(stacked[:, layer])


def _change(statistic: TableStatistic, layer: int, stacked: FloatArray) -> FloatArray:
    return statistic(stacked[:, 2 + layer]) - statistic(stacked[:, layer])


def _with_n(found: Estimate, n: int) -> Estimate:
    return Estimate(found.value, found.low, found.high, n, found.n_clusters, found.dropped)
