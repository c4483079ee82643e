"""Weights that make a scorecard's totals go with CSAT: advice, never applied by itself.

A scorecard also carries what customers do not see, such as compliance; critical criteria keep
their weight unless floors are given.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from typing import Any

import numpy as np

from autoqa.errors import DataError
from autoqa.evaluation.classification import rank_codes, spearman
from autoqa.evaluation.drivers.table import BoolArray, DriverTable
from autoqa.evaluation.drivers.weight_fit import (
    Forms,
    choose_strength,
    constraints_on,
    folds_of,
    forms_of,
    held_out_totals,
    learnable_criteria,
    lowest_weights,
)
from autoqa.evaluation.drivers.weight_simulation import WeightSimulation, simulate_weights
from autoqa.evaluation.figures import FEW_CLUSTERS, SMALL_N, to_plain
from autoqa.evaluation.intervals import Estimate, bootstrap_many
from autoqa.evaluation.render import show
from autoqa.evaluation.tables import FloatArray, IntArray
from autoqa.notebook import html_table
from autoqa.records import SCHEMA_VERSION
from autoqa.scorecard.schema import Scorecard

MIN_GAIN = 0.02
"""A smaller rise of the rank correlation with CSAT is not worth retraining a team for."""

_N_FOLDS = 5
_PER_WEIGHT = 5  # fewest surveyed conversations per weight to be learned
_MIN_AGENTS = 5  # fewer cannot be held out
_ABOUT_THE_SAME = 0.5  # points of 100


class Advice(StrEnum):
    """Whether the data speak for other weights."""

    CHANGE = "worth a change"
    KEEP = "no gain worth a change"
    NOT_ENOUGH = "not enough data to say"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightChange:
    """One criterion's weight, out of 100.

    Attributes
    ----------
    alone : float
        Spearman of credit and CSAT over the surveyed conversations in which it was rated.
    beyond : float
        Partial correlation with CSAT, the other criteria held constant.
    n : int
        Surveyed conversations in which it was rated.
    """

    criterion: str
    old: float
    new: float
    floor: float
    why: str
    alone: float
    beyond: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Realignment:
    """Suggested weights, what they would gain, and what they would change.

    Attributes
    ----------
    scorecard : str
    advice : Advice
    suggested : mapping of criterion to weight
        Sums to 100. The data's best guess even where the advice is to keep the current weights.
    changes : tuple of WeightChange
        Every criterion, largest change first.
    before, after : Estimate
        Spearman of totals and CSAT: the current weights, and weights fitted without the agents (or
        conversations) that they are tried on.
    gain : Estimate
        `after` minus `before` on the same resamples. The interval is that of the held-out
        conversations; it does not include that other data would lead to other weights.
    strength : float
        How strongly the suggestion is held to the current weights, chosen by cross-validation;
        infinite where any move made held-out totals worse.
    simulation : WeightSimulation
    clustered_by : str
        ``agent`` or ``conversation``.
    caveats : tuple of str
    """

    scorecard: str
    advice: Advice
    suggested: Mapping[str, float]
    changes: tuple[WeightChange, ...]
    before: Estimate
    after: Estimate
    gain: Estimate
    strength: float
    simulation: WeightSimulation
    clustered_by: str
    min_gain: float
    caveats: tuple[str, ...]
    n_resamples: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON; undefined figures and an infinite strength are None."""
        return {"schema_version": SCHEMA_VERSION, **to_plain(self)}

    def summary(self) -> list[str]:
        """Return the advice in plain sentences."""
        return _sentences(self)

    def __repr__(self) -> str:
        return f"<Realignment of {self.scorecard}: {self.advice}, gain {self.gain}>"

    def _repr_html_(self) -> str:
        said = f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in self.summary())}</ul>"
        weights = [
            (c.criterion, f"{c.old:.1f}", f"{c.new:.1f}", f"{c.new - c.old:+.1f}", c.why)
            for c in self.changes
        ]
        moves = [
            (
                a.agent,
                a.n,
                f"{a.total_before:.1f}",
                f"{a.total_after:.1f}",
                f"{a.rank_before:g}",
                f"{a.rank_after:g}",
            )
            for a in self.simulation.agents
        ]
        head = ("criterion", "weight now", "suggested", "change", "why")
        out = said + html_table(head, weights, caption="Weights, out of 100", n_rows=len(weights))
        if moves:
            out += html_table(
                ("agent", "n", "mean total now", "after", "rank now", "after"),
                moves,
                caption="Agents on past conversations",
                n_rows=len(moves),
            )
        return out


def realign(
    table: DriverTable,
    card: Scorecard,
    *,
    floors: Mapping[str, float] | None = None,
    pass_mark: float = 80.0,
    min_gain: float = MIN_GAIN,
    n_resamples: int = 1000,
    seed: int = 7,
) -> Realignment:
    """Suggest scorecard weights that go with CSAT better than the current ones.

    Weights are 0 or more, sum to 100, and keep their floors. They maximise the correlation of
    totals with CSAT less a penalty for moving away from the current weights, whose strength is
    chosen by cross-validation over agents (conversations, where agents do not repeat or are fewer
    than 5). What is gained is measured by nested cross-validation.

    Parameters
    ----------
    table : DriverTable
        Of ratings on this card. Weights are learned from the surveyed conversations, and tried on
        all of them.
    card : Scorecard
    floors : mapping of criterion to weight out of 100, optional
        Lowest weight; the current one for critical criteria that are not named.
    pass_mark : float
        Total from which a conversation passes, for the simulation.
    min_gain : float
        Smallest rise of Spearman's correlation that is worth a change.
    n_resamples, seed : int

    Raises
    ------
    DataError
        If the card has no weights, a floor is of no criterion or negative, or the floors exceed
        100 together.
    """
    names = [criterion.id for criterion in card.criteria]
    weights = np.array([criterion.weight for criterion in card.criteria])
    if weights.sum() <= 0:
        raise DataError(f"{card.id}: no criterion has a weight, so there is nothing to realign.")
    current = weights / weights.sum()
    lowest = lowest_weights(card, current, floors or {})
    forms = forms_of(table, card)
    surveyed = table.surveyed & np.isfinite(forms.totals(current))
    learnable = learnable_criteria(forms.where(surveyed))
    limits = constraints_on(current, lowest, learnable)
    seen, csat = forms.where(surveyed), table.csat[surveyed]
    used = table.where(surveyed)
    by = "agent" if used.agents_repeat and used.n_agents >= _MIN_AGENTS else "conversation"
    clusters = (used.clusters if by == "agent" else np.asarray(used.conversations)).tolist()
    strength, suggested = math.inf, limits.current
    old = seen.totals(current)
    new = old
    needed = max(SMALL_N, _PER_WEIGHT * int(learnable.sum()))
    enough = len(csat) >= needed and len(set(clusters)) >= _N_FOLDS and bool(np.ptp(csat) > 0)
    if enough:
        folds = folds_of(clusters, _N_FOLDS, seed)
        strength, suggested = choose_strength(seen, csat, limits, folds)
        new = held_out_totals(seen, csat, limits, clusters, n_folds=_N_FOLDS, seed=seed)
    figures = _gain(old, new, csat, clusters, n_resamples, seed)
    changes = _changes(card, current, suggested, lowest, learnable, seen, csat)
    return Realignment(
        scorecard=f"{card.id} version {card.version}",
        advice=_advice(figures["gain"], min_gain) if enough else Advice.NOT_ENOUGH,
        suggested={name: float(100 * w) for name, w in zip(names, suggested, strict=True)},
        changes=changes,
        before=figures["before"],
        after=figures["after"],
        gain=figures["gain"],
        strength=strength,
        simulation=simulate_weights(table, forms, current, suggested, pass_mark),
        clustered_by=by,
        min_gain=min_gain,
        caveats=(*table.caveats, *_caveats(table, csat, clusters, by, enough, new)),
        n_resamples=n_resamples,
        seed=seed,
    )


def _gain(
    old: FloatArray,
    new: FloatArray,
    csat: FloatArray,
    clusters: Sequence[str],
    n_resamples: int,
    seed: int,
) -> dict[str, Estimate]:
    known = np.isfinite(new) & np.isfinite(old)

    def figures(a: IntArray, b: IntArray, y: IntArray) -> dict[str, float]:
        before, after = spearman(a, y), spearman(b, y)
        return {"before": before, "after": after, "gain": after - before}

    return bootstrap_many(
        figures,
        rank_codes(old[known]),
        rank_codes(new[known]),
        rank_codes(csat[known]),
        clusters=np.asarray(clusters, dtype=np.str_)[known],
        n_resamples=n_resamples,
        seed=seed,
    )


def _advice(gain: Estimate, min_gain: float) -> Advice:
    if not gain.known:
        return Advice.NOT_ENOUGH
    if gain.low > 0 and gain.value >= min_gain:
        return Advice.CHANGE
    return Advice.KEEP if gain.high < min_gain or gain.value <= 0 else Advice.NOT_ENOUGH


def _changes(
    card: Scorecard,
    current: FloatArray,
    suggested: FloatArray,
    lowest: FloatArray,
    learnable: BoolArray,
    seen: Forms,
    csat: FloatArray,
) -> tuple[WeightChange, ...]:
    beyond = _partial_correlations(seen, csat, learnable)
    found = []
    for j, criterion in enumerate(card.criteria):
        rated = seen.rated[:, j] > 0
        old, new, floor = 100 * current[j], 100 * suggested[j], 100 * lowest[j]
        alone = spearman(seen.credit[rated, j], csat[rated])
        shown = f"partial correlation {beyond[j]:.2f}, alone {alone:.2f}, n={int(rated.sum())}"
        if not learnable[j] and criterion.critical is True:
            why = "fails the evaluation whatever its weight, so the weight is kept"
        elif not learnable[j]:
            why = "too few ratings differ to learn from"
        elif floor > 0 and new - floor < 0.05 and new <= old + _ABOUT_THE_SAME:
            why = f"at its floor ({shown})"
        elif abs(new - old) < _ABOUT_THE_SAME:
            why = f"about right ({shown})"
        elif new > old:
            why = f"goes with CSAT more than its weight says ({shown})"
        else:
            why = f"goes with CSAT less than its weight says ({shown})"
        found.append(
            WeightChange(
                criterion=criterion.id,
                old=float(old),
                new=float(new),
                floor=float(floor),
                why=why,
                alone=alone,
                beyond=float(beyond[j]),
                n=int(rated.sum()),
            )
        )
    return tuple(sorted(found, key=lambda c: -abs(c.new - c.old)))


def _partial_correlations(seen: Forms, csat: FloatArray, learnable: BoolArray) -> FloatArray:
    """Correlate each criterion with CSAT, the others held constant; nan where not learnable."""
    out = np.full(len(learnable), np.nan)
    if not learnable.any() or np.ptp(csat) == 0:
        return out
    n = seen.rated.sum(axis=0)
    means = seen.credit.sum(axis=0) / np.maximum(n, 1)
    filled = np.where(seen.rated > 0, seen.credit, means)[:, learnable]
    precision = np.linalg.pinv(np.corrcoef(np.column_stack([filled, csat]).T), hermitian=True)
    own = np.sqrt(np.abs(np.diag(precision)))
    out[learnable] = -precision[-1, :-1] / np.maximum(own[:-1] * own[-1], 1e-12)
    return out


def _caveats(
    table: DriverTable,
    csat: FloatArray,
    clusters: Sequence[str],
    by: str,
    enough: bool,
    new: FloatArray,
) -> list[str]:
    said = []
    n_clusters = len(set(clusters))
    if not enough:
        said.append(
            f"{len(csat)} surveyed conversations with a total (or answers all alike) are too few "
            "to learn weights from."
        )
    elif by == "agent" and n_clusters < FEW_CLUSTERS:
        said.append(
            f"Intervals resample {n_clusters} agents: with fewer than {FEW_CLUSTERS} they are "
            "too narrow."
        )
    lost = int((~np.isfinite(new)).sum())
    if lost:
        said.append(f"{lost} surveyed conversations would have no total and are not in the gain.")
    share = len(csat) / max(1, len(table.conversations))
    if share < 0.5:
        said.append(
            f"Weights are learned from the {share:.0%} of conversations with a survey; customers "
            "who answer differ from those who do not."
        )
    return said


def _sentences(found: Realignment) -> list[str]:
    gained = f"{show(found.before)} now, {show(found.after)} held out, gain {show(found.gain)}"
    opening = {
        Advice.CHANGE: "Other weights would make totals go with CSAT more closely",
        Advice.KEEP: f"No gain worth a change (of {found.min_gain:g} or more); keep the weights",
        Advice.NOT_ENOUGH: "Not enough data to say whether other weights would do better",
    }
    said = [f"{opening[found.advice]} (Spearman {gained}, n={found.gain.n})."]
    past = found.simulation
    if found.advice is Advice.CHANGE:
        moved = [c for c in found.changes if abs(c.new - c.old) >= _ABOUT_THE_SAME]
        said.append(
            "Largest changes: "
            + ", ".join(f"{c.criterion} {c.old:.1f} to {c.new:.1f}" for c in moved[:3])
            + "."
        )
    said.append(
        f"With the suggested weights, {past.newly_passed} of {past.n} past conversations would "
        f"newly reach {past.pass_mark:g} and {past.newly_failed} would fall below it; mean total "
        f"{past.mean_before:.1f} before, {past.mean_after:.1f} after."
    )
    if len(past.agents) > 1:
        said.append(
            f"Agents' ranks before and after: Spearman {past.agent_rank_correlation:.2f}, "
            f"n={len(past.agents)}."
        )
    said.append("Nothing was changed: the weights of a scorecard are for people to decide.")
    return [*said, *found.caveats]
