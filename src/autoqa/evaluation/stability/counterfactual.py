"""Do scores stay put when something changes that must not matter: names, genders, spellings?

Scores of one conversation before and after a swap are compared with each other, so no people are
needed. What is swapped, and how, is for the caller to say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from autoqa.errors import DataError
from autoqa.evaluation.figures import SMALL_N, to_plain
from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.render import show
from autoqa.evaluation.stability.mean_gaps import adjusted, finite_scores, mean_change
from autoqa.notebook import html_table

SWAP_LIMIT = 1.0
"""Points of 100 that a score may move on average, unless stated."""


class SwapVerdict(StrEnum):
    """Whether scores withstand a swap."""

    WITHSTANDS = "withstands it"
    MOVES = "moves"
    UNCERTAIN = "too uncertain to say"
    NOT_ENOUGH = "not enough data"


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapChange:
    """What one kind of swap does to scores, in points.

    Attributes
    ----------
    mean_absolute_change, mean_change : Estimate
        Over the items that the swap changed; after minus before.
    adjusted_p_value : float
        Of the mean change being 0, Benjamini-Hochberg over kinds with enough data.
    """

    kind: str
    n: int
    mean_absolute_change: Estimate
    mean_change: Estimate
    adjusted_p_value: float
    limit: float
    verdict: SwapVerdict
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapReport:
    """Counterfactual swaps, one entry per kind."""

    changes: tuple[SwapChange, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; undefined figures are None."""
        return to_plain(self)  # type: ignore[no-any-return]

    def summary(self) -> list[str]:
        """Return one sentence per kind."""
        return [change.sentence for change in self.changes]

    def _repr_html_(self) -> str:
        rows = [
            (
                change.kind,
                change.n,
                show(change.mean_absolute_change),
                show(change.mean_change),
                str(change.verdict),
            )
            for change in self.changes
        ]
        head = ("swap", "n", "mean absolute change [95 %]", "mean change [95 %]", "verdict")
        return html_table(
            head, rows, caption="Change of scores when swapped, in points", n_rows=len(rows)
        )


def swap_changes(
    before: Mapping[str, float],
    after: Mapping[str, Mapping[str, float]],
    *,
    clusters: Mapping[str, str] | None = None,
    min_n: int = SMALL_N,
    limit: float = SWAP_LIMIT,
    false_discovery_rate: float = 0.05,
    n_resamples: int = 1000,
    seed: int = 7,
) -> SwapReport:
    """Measure how scores move when names, genders or spellings are swapped.

    Parameters
    ----------
    before : mapping of item to score
        In points; an item is a conversation, or one turn or criterion of it.
    after : mapping of kind to mapping of item to score
        Only of items whose text the swap changed: unchanged ones would dilute the figures.
    clusters : mapping of item to conversation or agent, optional
        What is resampled; every item by itself where absent.
    min_n : int
        Fewest items, and fewest clusters, for a verdict.
    limit : float
        Mean absolute change up to which scores withstand a swap.

    Raises
    ------
    DataError
        If an item was scored after but not before, or a score is not a number.
    """
    names = clusters or {}
    measured = []
    for kind, scores in sorted(after.items()):
        keys = sorted(scores)
        lost = [key for key in keys if key not in before]
        if lost:
            raise DataError(
                f"{kind}: {lost[0]} has a score after the swap but none before "
                f"({len(lost)} of {len(keys)} items). Score both versions of each."
            )
        change = finite_scores(scores, keys) - finite_scores(before, keys)
        units = [names.get(key, key) for key in keys]
        settings: dict[str, Any] = {"n_resamples": n_resamples, "seed": seed}
        size, _ = mean_change(np.abs(change), units, **settings)
        signed, p_value = mean_change(change, units, **settings)
        enough = min(change.size, signed.n_clusters) >= min_n
        measured.append((kind, size, signed, p_value if enough else math.nan, enough))
    p_values = adjusted([p for *_, p, _ in measured])
    return SwapReport(
        changes=tuple(
            _swap_change(kind, size, signed, p, enough, limit, false_discovery_rate)
            for (kind, size, signed, _, enough), p in zip(measured, p_values, strict=True)
        )
    )


def _swap_change(
    kind: str,
    size: Estimate,
    signed: Estimate,
    p_value: float,
    enough: bool,
    limit: float,
    rate: float,
) -> SwapChange:
    if not enough:
        verdict = SwapVerdict.NOT_ENOUGH
        sentence = f"{kind}: not enough data (n={size.n}, {size.n_clusters} independent)."
    else:
        if size.high <= limit:
            verdict, said = SwapVerdict.WITHSTANDS, f"by at most the {limit:g} allowed"
        elif size.low > limit:
            verdict, said = SwapVerdict.MOVES, f"by more than the {limit:g} allowed"
        else:
            verdict = SwapVerdict.UNCERTAIN
            said = f"and whether that is more than the {limit:g} allowed cannot be said"
        sentence = (
            f"{kind}: swapping them moves scores by {show(size)} points on average, {said} "
            f"(n={size.n})."
        )
        if p_value <= rate:
            way = "raises" if signed.value > 0 else "lowers"
            sentence += f" On the whole it {way} them ({show(signed)} points)."
    return SwapChange(
        kind=kind,
        n=size.n,
        mean_absolute_change=size,
        mean_change=signed,
        adjusted_p_value=p_value,
        limit=limit,
        verdict=verdict,
        sentence=sentence,
    )
