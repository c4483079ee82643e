"""One row per conversation: all that claims are tested on."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from autoqa.evaluation.alignment import csat_shares
from autoqa.evaluation.by_criterion import Automated, Human, index_automated, index_human, scales_of
from autoqa.evaluation.by_total import totals_of
from autoqa.evaluation.claims.parts import (
    HANDLE_SECONDS,
    OUTCOME_DISLOYALTY,
    OUTCOME_FAILURE,
    OUTCOME_LOYALTY,
    OUTCOME_RESOLVED,
    Part,
    parts_of,
)
from autoqa.evaluation.quality_ratings import quality_ratings
from autoqa.evaluation.tables import FloatArray
from autoqa.records import Json, LabelledTranscript, RaterKind, Rating, Survey, Transcript
from autoqa.scorecard.schema import Scorecard

Names = npt.NDArray[np.str_]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClaimData:
    """What is known of each conversation; nan, or an empty name, where nothing is.

    Attributes
    ----------
    conversations : array of str, shape (n,)
    total : float array of shape (n,)
        QA total, 0-100; the mean over raters.
    csat : float array of shape (n,)
        Answer to the survey as a share of its scale, 0-1.
    shares : mapping of criterion to float array of shape (n,)
        Share of the criterion's points, 0-1; the mean over raters and turns.
    weights : mapping of criterion to weight
    n_levels : mapping of criterion to the number of its levels
    parts : mapping of Part to criteria
    resolved, failure : float array of shape (n,)
        1 or 0. Failure: the customer came because the service had failed.
    loyalty : float array of shape (n,)
        Any number that grows with loyalty.
    handle_s, n_turns : float array of shape (n,)
    agent, team, topic : array of str, shape (n,)
    resolved_by : str
        Where `resolved` comes from, in words.
    """

    conversations: Names
    total: FloatArray
    csat: FloatArray
    shares: Mapping[str, FloatArray] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    n_levels: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[Part, tuple[str, ...]] = field(default_factory=dict)
    resolved: FloatArray
    failure: FloatArray
    loyalty: FloatArray
    handle_s: FloatArray
    n_turns: FloatArray
    agent: Names
    team: Names
    topic: Names
    resolved_by: str = "the recorded outcome"

    @property
    def clusters(self) -> Names:
        """What the bootstrap draws, shape (n,): the agent, or the conversation without one."""
        alone = np.char.add("alone ", self.conversations)
        return np.where(self.agent != "", np.char.add("agent ", self.agent), alone)

    @property
    def topics(self) -> Names:
        """The topic of each conversation; one and the same where no topic is known."""
        return np.where(self.topic != "", self.topic, "no topic")

    def part(self, part: Part) -> FloatArray:
        """Weighted mean share of a part's criteria, shape (n,), 0-1, over those rated."""
        return self.mean_share(self.parts.get(part, ()))

    def mean_share(self, criteria: Sequence[str], *, passed: bool = False) -> FloatArray:
        """Weighted mean share of criteria; with `passed`, each counts 1 above half, else 0."""
        n = len(self.conversations)
        earned, weight = np.zeros(n), np.zeros(n)
        weights = {name: self.weights.get(name, 1.0) for name in criteria}
        if not any(weights.values()):
            weights = dict.fromkeys(weights, 1.0)
        for name in criteria:
            share = self.shares[name]
            rated = np.isfinite(share)
            value = np.where(rated, share, 0.0)
            earned += weights[name] * (value > 0.5 if passed else value)
            weight += weights[name] * rated
        out = np.full(n, np.nan)
        np.divide(earned, weight, out=out, where=weight > 0)
        return out


def claim_data(
    ratings: Sequence[Rating] = (),
    surveys: Sequence[Survey] = (),
    conversations: Iterable[LabelledTranscript] = (),
    *,
    card: Scorecard | None = None,
    scales: Mapping[str, tuple[float, float]] | None = None,
    parts: Mapping[str, Sequence[str]] | None = None,
    failure_topics: Sequence[str] = (),
) -> ClaimData:
    """Bring ratings, surveys and what is known about conversations into one table.

    Parameters
    ----------
    ratings : sequence of Rating
        By people, or by models: not of both kinds at once. Those of satisfaction itself, and those
        by whoever answered the conversation's survey, are left out.
    surveys : sequence of Survey
    conversations : iterable of LabelledTranscript
        Agent, team, topic, times; `outcome` says what became of them. Their own ratings and
        surveys are not used.
    card : Scorecard, optional
        Gives weights and points; without it criteria count alike.
    scales : mapping of criterion to (lowest, highest) level, optional
        For criteria that no scorecard describes.
    parts : mapping, optional
        Criteria of a `Part`, instead of those that `parts_of` finds.
    failure_topics : sequence of str
        Topics that a failure of the service brings about.

    Raises
    ------
    DataError
        If `parts` cannot be used, or two models rated the same item.
    ScaleError
        If a level is not on its criterion's scale.
    """
    kept, machine, people = _indexed(ratings, surveys)
    scales_used, _ = scales_of(machine.keys() | people.keys(), machine, people, card, scales or {})
    one_rater = "automated" if machine else None
    totals = totals_of(kept, scales_used, card=card, scales=scales_used, one_rater=one_rater)
    shares = _shares(kept, scales_used, card)
    csat = csat_shares(surveys)
    known = {one.transcript.conversation_id: one for one in conversations}
    keys = sorted(totals.keys() | csat.keys() | known.keys() | {r.conversation_id for r in kept})
    place = {key: i for i, key in enumerate(keys)}

    def column(values: Mapping[str, float]) -> FloatArray:
        out = np.full(len(keys), np.nan)
        for key, value in values.items():
            out[place[key]] = value
        return out

    def looked_up(names: Sequence[str]) -> FloatArray:
        return column({key: _first_number(one, names) for key, one in known.items()})

    def named(name: str) -> Names:
        found = (getattr(known[key].transcript, name) if key in known else None for key in keys)
        return np.asarray([text or "" for text in found], dtype=np.str_)

    columns = {name: column(values) for name, values in sorted(shares.items())}
    criteria = parts_of(columns, card, parts)
    resolved, resolved_by = _resolved(looked_up(OUTCOME_RESOLVED), criteria, columns)
    loyalty = looked_up(OUTCOME_LOYALTY)
    seconds = {key: handle_seconds(one) for key, one in known.items()}
    topic = named("topic")
    failure = looked_up(OUTCOME_FAILURE)
    if failure_topics:
        failure = np.where(topic == "", failure, np.isin(topic, list(failure_topics)).astype(float))
    return ClaimData(
        conversations=np.asarray(keys, dtype=np.str_),
        total=column({key: math.fsum(by.values()) / len(by) for key, by in totals.items()}),
        csat=column(csat),
        shares=columns,
        weights={c.id: c.weight for c in card.criteria} if card else {},
        n_levels={name: len(scale) for name, scale in scales_used.items()},
        parts=criteria,
        resolved=resolved,
        failure=failure,
        loyalty=np.where(np.isnan(loyalty), -looked_up(OUTCOME_DISLOYALTY), loyalty),
        handle_s=column(seconds),
        n_turns=column({k: len(one.transcript.turns) or math.nan for k, one in known.items()}),
        agent=named("agent"),
        team=named("team"),
        topic=topic,
        resolved_by=resolved_by,
    )


def _indexed(
    ratings: Sequence[Rating], surveys: Sequence[Survey]
) -> tuple[list[Rating], Automated, Human]:
    """Keep each rater's last rating of an item, as far as it is about quality."""
    about_quality = quality_ratings(ratings, surveys)
    if any(rating.kind is RaterKind.MODEL for rating in about_quality):
        machine, _ = index_automated(about_quality)
        return [r for items in machine.values() for r in items.values()], machine, {}
    people, _ = index_human(about_quality)
    kept = [r for items in people.values() for by in items.values() for r in by.values()]
    return kept, {}, people


def _shares(
    ratings: Iterable[Rating], scales: Mapping[str, Sequence[int]], card: Scorecard | None
) -> dict[str, dict[str, float]]:
    """Criterion -> conversation -> mean share of the points."""
    worth = {
        name: {level: (level - min(scale)) / (max(scale) - min(scale)) for level in scale}
        for name, scale in scales.items()
        if len(scale) > 1
    }
    for criterion in card.criteria if card else ():
        if criterion.id in worth:
            worth[criterion.id] = {level: criterion.points(level) for level in criterion.levels}
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for rating in ratings:
        if rating.level is not None and rating.criterion in worth:
            share = worth[rating.criterion][rating.level]
            found[rating.criterion][rating.conversation_id].append(share)
    return {
        name: {key: math.fsum(given) / len(given) for key, given in by.items()}
        for name, by in found.items()
    }


def _resolved(
    outcome: FloatArray,
    parts: Mapping[Part, Sequence[str]],
    shares: Mapping[str, FloatArray],
) -> tuple[FloatArray, str]:
    """Use recorded outcomes; where there are none, the first resolution criterion's top level."""
    criteria = parts[Part.RESOLUTION]
    if np.isfinite(outcome).any() or not criteria:
        return np.where(np.isnan(outcome), np.nan, (outcome > 0.5).astype(float)), (
            "the recorded outcome"
        )
    share = shares[criteria[0]]
    # Several raters who differ make a mean below 1; most of them decide.
    resolved = np.where(np.isnan(share), np.nan, (share > 0.75).astype(float))
    return resolved, f"the top level of {criteria[0]}"


def handle_seconds(one: LabelledTranscript) -> float:
    """Return the handle time as it was recorded, else as the turns' times have it; nan unknown."""
    stated = _first_number(one, HANDLE_SECONDS)
    return stated if math.isfinite(stated) else _spoken_seconds(one.transcript)


def _spoken_seconds(transcript: Transcript) -> float:
    starts = [turn.start_s for turn in transcript.turns if turn.start_s is not None]
    ends = [turn.end_s for turn in transcript.turns if turn.end_s is not None]
    last = max([*ends, *starts], default=math.nan)
    return last - min(starts) if starts and last > min(starts) else math.nan


def _first_number(one: LabelledTranscript, names: Sequence[str]) -> float:
    """Return the first of some fields that the outcome, or else the attributes, hold."""
    for held in (one.outcome, one.transcript.attributes):
        for name in names:
            value = _number(held.get(name))
            if math.isfinite(value):
                return value
    return math.nan


_WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}


def _number(value: Json) -> float:
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower(), math.nan)
    return float(value) if isinstance(value, bool | int | float) else math.nan
