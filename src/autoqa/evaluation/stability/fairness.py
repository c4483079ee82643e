"""Do scores treat groups of conversations alike?

A gap in scores alone says nothing about the scorer: one group's conversations may be better. What
tells is the gap in *error*, automated minus human score of the same conversations. It takes people
as the measure, and is blind to what the scorer and they get wrong alike; the swaps of
`autoqa.evaluation.stability.counterfactual` need no people.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from autoqa.errors import DataError, near_miss
from autoqa.evaluation.figures import SMALL_N, to_plain
from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.render import show
from autoqa.evaluation.stability.mean_gaps import MeanGap, adjusted, finite_scores, mean_gaps
from autoqa.notebook import html_table

MARGIN_POINTS = 5.0
"""Gaps inside plus and minus this many points of 100 are too small to matter, unless stated."""

MIN_CLUSTERS = 10
"""Fewest agents (or conversations) of a group from which an interval over them means something."""

MEASURES: Mapping[str, str] = {
    "automated": "the automated score",
    "human": "the human score",
    "error": "automated minus human score",
    "absolute_error": "the distance of automated and human score",
}
"""What is compared between groups, and what it is called in print."""


class GapVerdict(StrEnum):
    """What one gap says."""

    LOWER = "lower"
    HIGHER = "higher"
    WITHIN_MARGIN = "no gap that matters"
    UNCERTAIN = "too uncertain to say"
    NOT_ENOUGH = "not enough data"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupGap:
    """One measure in one group against its reference, in points of the score.

    Attributes
    ----------
    found : MeanGap
        The gap with its interval; undefined where it would rest on too little.
    adjusted_p_value : float
        Benjamini-Hochberg over the groups with enough data.
    """

    group: str
    measure: str
    found: MeanGap
    adjusted_p_value: float
    verdict: GapVerdict
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessReport:
    """Gaps between the groups of one attribute.

    Attributes
    ----------
    attribute : str
        What the groups are groups of: language, channel, ...
    reference : str or None
        The group that all others are compared with; None: each with all others together.
    gaps : tuple of GroupGap
        By measure (see `MEASURES`), then by group. Without human scores, ``automated`` only.
    ungrouped : int
        Scored conversations without a group, which are left out.
    clustered_by : str
        What the intervals resample: ``conversation`` or ``agent``.
    """

    attribute: str
    reference: str | None
    gaps: tuple[GroupGap, ...]
    ungrouped: int
    clustered_by: str
    margin: float
    false_discovery_rate: float

    def of(self, measure: str) -> tuple[GroupGap, ...]:
        """Return the gaps of one measure."""
        return tuple(gap for gap in self.gaps if gap.measure == measure)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; undefined figures are None."""
        return to_plain(self)  # type: ignore[no-any-return]

    def summary(self) -> list[str]:
        """Return one sentence per group: on the error where people scored, else on the score."""
        measured = self.of("error") or self.of("automated")
        said = [gap.sentence for gap in measured]
        if not self.of("error"):
            said.append(
                "Without human scores nobody can tell whether the scorer or the conversations "
                "differ between groups."
            )
        if self.ungrouped:
            said.append(f"{self.ungrouped} scored conversations have no {self.attribute}.")
        return said

    def _repr_html_(self) -> str:
        head = ("measure", self.attribute, "mean", "reference mean", "gap [95 %]", "n", "verdict")
        rows = [
            (
                gap.measure,
                gap.group,
                f"{gap.found.mean_group:.1f}",
                f"{gap.found.mean_reference:.1f}",
                show(gap.found.gap, digits=1),
                f"{gap.found.n_group} / {gap.found.n_reference}",
                str(gap.verdict),
            )
            for gap in self.gaps
        ]
        return html_table(
            head, rows, caption=f"Score gaps by {self.attribute}, in points", n_rows=len(rows)
        )


def group_gaps(
    automated: Mapping[str, float],
    groups: Mapping[str, str],
    *,
    human: Mapping[str, float] | None = None,
    agents: Mapping[str, str] | None = None,
    attribute: str = "group",
    reference: str | None = None,
    min_n: int = SMALL_N,
    min_clusters: int = MIN_CLUSTERS,
    margin: float = MARGIN_POINTS,
    false_discovery_rate: float = 0.05,
    n_resamples: int = 1000,
    seed: int = 7,
) -> FairnessReport:
    """Compare scores, and how far they miss people's, between groups of conversations.

    Parameters
    ----------
    automated, human : mapping of conversation id to score
        On one scale, points of 100 by default. The error is taken where both scored.
    groups : mapping of conversation id to group
        Language, channel, agent group, bin of recognition quality: anything known beforehand.
    agents : mapping of conversation id to agent, optional
        Resamples agents instead of conversations; one without agent stands by itself.
    attribute : str
        What to call the groups.
    reference : str, optional
        Compare every group with this one instead of with all others together.
    min_n, min_clusters : int
        Fewest conversations, and fewest agents (or conversations), on each side of a comparison.
    margin : float
        Gap from which on it matters, in points.
    false_discovery_rate : float
        Expected share of false ones among the gaps that are called a gap, for each measure.

    Raises
    ------
    DataError
        If no scored conversation has a group, a score is not a number, or `reference` is unknown.
    """
    grouped = sorted(groups[key] for key in automated.keys() & groups.keys())
    if not grouped:
        raise DataError(
            f"No scored conversation has a {attribute}. Check how conversation ids are written."
        )
    if reference is not None and reference not in grouped:
        raise DataError(
            f"No scored conversation is in the reference group '{reference}'."
            f"{near_miss(reference, sorted(set(grouped)))}"
        )
    measured = {"automated": dict(automated)}
    if human is not None:
        error = {key: automated[key] - human[key] for key in automated.keys() & human.keys()}
        measured |= {
            "human": dict(human),
            "error": error,
            "absolute_error": {key: abs(value) for key, value in error.items()},
        }
    names = sorted(set(grouped))
    gaps: list[GroupGap] = []
    for measure, scores in measured.items():
        keys = sorted(scores.keys() & groups.keys())
        found = mean_gaps(
            finite_scores(scores, keys),
            np.searchsorted(names, [groups[key] for key in keys]).astype(np.int64),
            [f"agent {agents[key]}" if key in agents else f"alone {key}" for key in keys]
            if agents
            else keys,
            n_groups=len(names),
            reference=None if reference is None else names.index(reference),
            n_resamples=n_resamples,
            seed=seed,
        )
        named = {
            name: _where_enough(one, min_n, min_clusters)
            for name, one in zip(names, found, strict=True)
            if name != reference
        }
        p_values = adjusted([one.p_value for one in named.values()])
        for (name, one), p in zip(named.items(), p_values, strict=True):
            verdict = _verdict(one.gap, p, margin, false_discovery_rate)
            wanted = f"{min_n} conversations" + (f" of {min_clusters} agents" if agents else "")
            against = "the others" if reference is None else reference
            gaps.append(
                GroupGap(
                    group=name,
                    measure=measure,
                    found=one,
                    adjusted_p_value=p,
                    verdict=verdict,
                    sentence=_sentence(
                        f"{attribute} {name}", against, measure, one, verdict, wanted
                    ),
                )
            )
    return FairnessReport(
        attribute=attribute,
        reference=reference,
        gaps=tuple(gaps),
        ungrouped=len(automated) - len(grouped),
        clustered_by="agent" if agents else "conversation",
        margin=margin,
        false_discovery_rate=false_discovery_rate,
    )


def _where_enough(one: MeanGap, min_n: int, min_clusters: int) -> MeanGap:
    """Take the gap away where it rests on too little."""
    if (
        min(one.n_group, one.n_reference) >= min_n
        and min(one.clusters_group, one.clusters_reference) >= min_clusters
    ):
        return one
    nothing = replace(one.gap, value=math.nan, low=math.nan, high=math.nan)
    return replace(one, gap=nothing, p_value=math.nan)


def _verdict(gap: Estimate, p_value: float, margin: float, rate: float) -> GapVerdict:
    if not (gap.known and math.isfinite(p_value)):
        return GapVerdict.NOT_ENOUGH
    if p_value <= rate:
        return GapVerdict.LOWER if gap.value < 0 else GapVerdict.HIGHER
    inside = gap.low > -margin and gap.high < margin
    return GapVerdict.WITHIN_MARGIN if inside else GapVerdict.UNCERTAIN


def _sentence(
    group: str, against: str, measure: str, one: MeanGap, verdict: GapVerdict, wanted: str
) -> str:
    counts = f"n={one.n_group} against {one.n_reference}"
    if verdict is GapVerdict.NOT_ENOUGH:
        return f"{group}: not enough data ({counts}; each side needs {wanted})."
    figures = f"{show(one.gap, digits=1)} points, {counts}"
    what = MEASURES[measure]
    if verdict is GapVerdict.WITHIN_MARGIN:
        return f"{group}: no gap that matters in {what} against {against} ({figures})."
    if verdict is GapVerdict.UNCERTAIN:
        return f"{group}: whether {what} differs from that of {against} cannot be said ({figures})."
    meaning = ""
    if measure == "error":
        milder = "milder" if verdict is GapVerdict.HIGHER else "more severe"
        meaning = f": held against people, the scorer is {milder} here"
    return f"{group}: {what} is {verdict} than for {against} ({figures}){meaning}."
