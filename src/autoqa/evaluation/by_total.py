"""Automated against human QA totals, and both against what customers said."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from autoqa.evaluation.agreement import icc
from autoqa.evaluation.alignment import (
    BandShares,
    agent_means,
    associate,
    association_difference,
    positive_share_by_band,
)
from autoqa.evaluation.ceiling import weighted_mean
from autoqa.evaluation.classification import rank_codes, spearman
from autoqa.evaluation.figures import Figure
from autoqa.evaluation.intervals import Estimate, bootstrap_many, bootstrap_mean, cluster_codes
from autoqa.evaluation.quadrants import Quadrants, agent_quadrants
from autoqa.evaluation.tables import FloatArray, IntArray
from autoqa.records import CSAT, Rating, Status
from autoqa.scorecard.schema import Scorecard
from autoqa.scorecard.totals import CardTotals, evaluate

MIN_AGENTS = 5
"""Fewest agents for an association between agents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalComparison:
    """Agreement of totals (0-100) over the criteria that both sides rated.

    Attributes
    ----------
    figures : mapping of name to Figure
        ``icc_2_1`` (absolute agreement of a single rater), ``mae`` (in points; lower is better)
        and ``spearman``.
    mean_difference : Estimate
        Automated minus human total, in points.
    """

    criteria: tuple[str, ...]
    n_conversations: int
    figures: Mapping[str, Figure]
    mean_difference: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAlignment:
    """Association between agents' mean totals and mean CSAT; the agents are resampled."""

    n_agents: int
    associations: Mapping[str, Estimate]
    quadrants: Quadrants


@dataclass(frozen=True, slots=True, kw_only=True)
class CsatComparison:
    """QA totals and predicted satisfaction against the customers' own answers.

    Attributes
    ----------
    automated, human : mapping of name to Estimate, or None
        Association of each side's own totals with CSAT, on every surveyed conversation it scored.
    paired : mapping, or None
        ``automated``, ``human`` and ``difference`` on the conversations that both scored, with
        totals over the criteria that both rated. Where several people rated a conversation, the
        human total is their mean, which is steadier than one person's.
    predicted : mapping of name to Estimate, or None
        Predicted against surveyed satisfaction; ``mae`` in units of the survey's scale.
    bands : BandShares or None
        Positive CSAT at automated totals of 95 and above, and below.
    agents : AgentAlignment or None
    """

    n_surveyed: int
    automated: Mapping[str, Estimate] | None
    human: Mapping[str, Estimate] | None
    paired: Mapping[str, Mapping[str, Estimate]] | None
    predicted: Mapping[str, Estimate] | None
    bands: BandShares | None
    agents: AgentAlignment | None


Totals = dict[str, dict[str, float]]
"""Conversation -> rater -> total, 0-100."""

_Form: TypeAlias = list[Rating]


def totals_of(
    ratings: Iterable[Rating],
    criteria: Collection[str],
    *,
    card: Scorecard | None,
    scales: Mapping[str, Sequence[int]],
    one_rater: str | None = None,
) -> Totals:
    """Sum up each rater's ratings of each conversation.

    Parameters
    ----------
    ratings : iterable of Rating
        At most one per item, criterion and rater.
    criteria : collection of str
        What enters the total; predicted satisfaction never does.
    card : Scorecard or None
        Gives weights, points and critical criteria. Without one, the total is the mean share of
        the scale over criteria (of the mean over turns, for criteria rated by turn).
    scales : mapping of criterion to levels
    one_rater : str, optional
        Treat all ratings as this rater's, where several scorers answer one form together.
    """
    counted = {name for name in criteria if name != CSAT}
    total: Callable[[_Form], float | None]
    if card is None:
        total = partial(_mean_share, scales=scales)
    else:
        counted &= {c.id for c in card.criteria}
        total = partial(_on_card, card=card, sums=CardTotals(card))
    forms: dict[str, dict[str, _Form]] = defaultdict(lambda: defaultdict(list))
    for rating in ratings:
        if rating.criterion in counted:
            name = rating.rater if one_rater is None else one_rater
            forms[rating.conversation_id][name].append(rating)
    found = {
        conversation: {
            rater: value
            for rater, form in sorted(by_rater.items())
            if (value := total(form)) is not None
        }
        for conversation, by_rater in sorted(forms.items())
    }
    return {conversation: by_rater for conversation, by_rater in found.items() if by_rater}


def _on_card(form: _Form, *, card: Scorecard, sums: CardTotals) -> float | None:
    levels = {r.criterion: r.level for r in form if r.turn is None and r.level is not None}
    try:
        return sums.total(levels)
    except KeyError:  # `evaluate` says which level is not on which scale
        whole = [replace(r, rater=form[0].rater) for r in form if r.turn is None]
        return evaluate(whole, card).total


def _mean_share(form: _Form, *, scales: Mapping[str, Sequence[int]]) -> float | None:
    shares: dict[str, list[float]] = defaultdict(list)
    for rating in form:
        scale = scales[rating.criterion]
        if rating.status is Status.RATED and rating.level is not None and len(scale) > 1:
            low, high = min(scale), max(scale)
            shares[rating.criterion].append((rating.level - low) / (high - low))
    if not shares:
        return None
    means = [math.fsum(said) / len(said) for said in shares.values()]
    return 100.0 * math.fsum(means) / len(means)


def compare_totals(
    automated: Totals,
    human: Totals,
    criteria: Sequence[str],
    *,
    cluster: Callable[[str], str],
    n_resamples: int,
    seed: int,
) -> TotalComparison | None:
    """Compare totals, beside the agreement of people's totals; None where none can be paired."""
    shared = sorted(automated.keys() & human.keys())
    if not shared:
        return None
    n_slots = max(len(human[key]) for key in shared)
    values = np.full((len(shared), 1 + n_slots), np.nan)
    for row, key in enumerate(shared):
        values[row, 0] = next(iter(automated[key].values()))
        values[row, 1 : 1 + len(human[key])] = [human[key][name] for name in sorted(human[key])]
    clusters, _ = cluster_codes([cluster(key) for key in shared])
    settings: dict[str, Any] = {"n_resamples": n_resamples, "seed": seed}
    columns = (values, _ranked(values))
    overall = bootstrap_many(_machine_with_people, *columns, clusters=clusters, **settings)
    several = (~np.isnan(values[:, 1:])).sum(axis=1) >= 2
    beside = (
        bootstrap_many(
            _machine_beside_people,
            *(column[several] for column in columns),
            clusters=clusters[several],
            **settings,
        )
        if several.any()
        else {}
    )
    return TotalComparison(
        criteria=tuple(criteria),
        n_conversations=len(shared),
        figures={
            name: Figure(
                automated=overall[name],
                automated_same_items=beside.get(f"same {name}"),
                ceiling=beside.get(f"ceiling {name}"),
                gap=beside.get(f"gap {name}"),
                higher_is_better=name != "mae",
            )
            for name in _PAIR_FIGURES
        },
        mean_difference=overall["mean_difference"],
    )


def _ranked(values: FloatArray) -> IntArray:
    """Return codes with the order of each column's values, for rank correlations."""
    return np.stack([rank_codes(column) for column in values.T], axis=1)


_PAIR_FIGURES = ("icc_2_1", "mae", "spearman")


def _over_pairs(
    values: FloatArray, codes: IntArray, pairs: Iterable[tuple[int, int]]
) -> dict[str, float]:
    """Average each figure over pairs of columns, weighted by the rows that they share."""
    found: dict[str, list[tuple[float, int]]] = {name: [] for name in _PAIR_FIGURES}
    for first, second in pairs:
        a, b = values[:, first], values[:, second]
        ranked_a, ranked_b = codes[:, first], codes[:, second]
        both = ~(np.isnan(a) | np.isnan(b))
        n = int(both.sum())
        if not n:
            continue
        if n < both.size:
            a, b, ranked_a, ranked_b = a[both], b[both], ranked_a[both], ranked_b[both]
        found["icc_2_1"].append((icc(np.stack([a, b]), form="2,1"), n))
        found["mae"].append((float(np.abs(a - b).mean()), n))
        found["spearman"].append((spearman(ranked_a, ranked_b), n))
    return {name: weighted_mean(values_and_n) for name, values_and_n in found.items()}


def _machine_with_people(values: FloatArray, codes: IntArray) -> dict[str, float]:
    figures = _over_pairs(values, codes, ((0, slot) for slot in range(1, values.shape[1])))
    gap = values[:, 0] - np.nanmean(values[:, 1:], axis=1)
    return figures | {"mean_difference": float(gap.mean())}


def _machine_beside_people(values: FloatArray, codes: IntArray) -> dict[str, float]:
    slots = range(1, values.shape[1])
    machine = _over_pairs(values, codes, ((0, slot) for slot in slots))
    people = _over_pairs(values, codes, ((a, b) for a in slots for b in slots if a < b))
    return (
        {f"same {name}": value for name, value in machine.items()}
        | {f"ceiling {name}": value for name, value in people.items()}
        | {f"gap {name}": machine[name] - people[name] for name in machine}
    )


def compare_with_csat(
    csat: Mapping[str, float],
    *,
    automated: Totals,
    human: Totals,
    automated_shared: Totals,
    human_shared: Totals,
    predicted: Mapping[str, float],
    survey_scale: tuple[float, float] | None,
    agents: Mapping[str, str],
    cluster: Callable[[str], str],
    n_resamples: int,
    seed: int,
) -> CsatComparison | None:
    """Relate totals and predictions to survey answers; None where no surveyed one was scored.

    Parameters
    ----------
    csat : mapping of conversation to share of the CSAT scale
    automated, human : Totals
        Each over its own criteria.
    automated_shared, human_shared : Totals
        Over the criteria that both sides rated.
    predicted : mapping of conversation to predicted satisfaction, on any increasing scale
    survey_scale : tuple or None
        The one scale of all surveys, when the predictions are on it too.
    agents : mapping of conversation to agent
    """
    settings: dict[str, Any] = {"n_resamples": n_resamples, "seed": seed}
    machine, people = _per_conversation(automated), _per_conversation(human)
    machine_shared, people_shared = (
        _per_conversation(automated_shared),
        _per_conversation(human_shared),
    )
    surveyed = csat.keys() & (machine.keys() | people.keys() | predicted.keys())
    if not surveyed:
        return None

    def related(totals: Mapping[str, float]) -> dict[str, Estimate] | None:
        keys = sorted(totals.keys() & csat.keys())
        if not keys:
            return None
        return associate(
            [totals[key] for key in keys],
            [csat[key] for key in keys],
            clusters=[cluster(key) for key in keys],
            **settings,
        )

    both = sorted(machine_shared.keys() & people_shared.keys() & csat.keys())
    scored = sorted(machine.keys() & csat.keys())
    return CsatComparison(
        n_surveyed=len(surveyed),
        automated=related(machine),
        human=related(people),
        paired=association_difference(
            [machine_shared[key] for key in both],
            [people_shared[key] for key in both],
            [csat[key] for key in both],
            clusters=[cluster(key) for key in both],
            **settings,
        )
        if both
        else None,
        predicted=_predicted(predicted, csat, survey_scale, related, cluster, settings),
        bands=positive_share_by_band(
            [machine[key] for key in scored],
            [csat[key] for key in scored],
            clusters=[cluster(key) for key in scored],
            **settings,
        )
        if scored
        else None,
        agents=_between_agents(machine, csat, agents, settings),
    )


def _per_conversation(totals: Totals) -> dict[str, float]:
    """Average the raters of each conversation."""
    return {key: float(np.mean(list(said.values()))) for key, said in totals.items()}


def _predicted(
    predicted: Mapping[str, float],
    csat: Mapping[str, float],
    scale: tuple[float, float] | None,
    related: Callable[[Mapping[str, float]], dict[str, Estimate] | None],
    cluster: Callable[[str], str],
    settings: Mapping[str, Any],
) -> dict[str, Estimate] | None:
    figures = related(predicted)
    if figures is None or scale is None:
        return figures
    low, high = scale
    keys = sorted(predicted.keys() & csat.keys())
    error = bootstrap_mean(
        [abs(predicted[key] - (low + csat[key] * (high - low))) for key in keys],
        clusters=[cluster(key) for key in keys],
        **settings,
    )
    return figures | {"mae": error}


def _between_agents(
    totals: Mapping[str, float],
    csat: Mapping[str, float],
    agents: Mapping[str, str],
    settings: Mapping[str, Any],
) -> AgentAlignment | None:
    kept, _ = agent_means(totals, csat, agents)
    if len(kept) < MIN_AGENTS:
        return None
    found = associate([row[1] for row in kept], [row[2] for row in kept], **settings)
    return AgentAlignment(
        n_agents=len(kept),
        # Means of agents fill no box of the survey's scale, so only the ranks say something.
        associations={name: found[name] for name in ("spearman", "kendall_tau_b")},
        quadrants=agent_quadrants(totals, csat, agents),
    )
