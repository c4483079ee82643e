"""The nouns that flow through autoqa: frozen, validated, without files or models.

Every record keeps its own rules in ``__post_init__``, so one that exists is valid. Reading and
writing them is `autoqa.store`'s business.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from autoqa.errors import RecordError

SCHEMA_VERSION = 1
"""Version of the stored form of every record; written into each file."""

CSAT = "csat"
"""Criterion id of predicted satisfaction: a prediction is a model's Rating of this criterion."""

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


class Speaker(StrEnum):
    """Who said a turn. Bots speak for the company, `system` is the software's own notices."""

    AGENT = "agent"
    CUSTOMER = "customer"
    BOT = "bot"
    SYSTEM = "system"


class Channel(StrEnum):
    """How the conversation was held."""

    VOICE = "voice"
    CHAT = "chat"
    EMAIL = "email"


class Status(StrEnum):
    """What became of a rater's look at a criterion; never NaN, never -1, never a missing row."""

    RATED = "rated"
    NOT_APPLICABLE = "not_applicable"
    ABSTAINED = "abstained"
    FAILED = "failed"


class RaterKind(StrEnum):
    """Whether a person or a model rated."""

    HUMAN = "human"
    MODEL = "model"


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise RecordError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A button pressed or a tool called between turns."""

    name: str
    arguments: Mapping[str, Json] = field(default_factory=dict)
    result: str | None = None

    def __post_init__(self) -> None:
        _require(bool(self.name), "an action needs a name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One utterance. Times are seconds from the start of the conversation."""

    speaker: Speaker
    text: str
    start_s: float | None = None
    end_s: float | None = None
    actions: tuple[Action, ...] = ()  # what happened immediately before this turn

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "speaker", Speaker(self.speaker))
        except ValueError:
            known = ", ".join(Speaker)
            raise RecordError(f"speaker '{self.speaker}' is none of {known}") from None
        for name, seconds in (("start_s", self.start_s), ("end_s", self.end_s)):
            _require(
                seconds is None or math.isfinite(seconds), f"{name} is {seconds}, not a finite time"
            )
        if self.start_s is not None and self.end_s is not None:
            _require(
                self.end_s >= self.start_s,
                f"turn ends ({self.end_s} s) before it starts ({self.start_s} s)",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """One conversation."""

    conversation_id: str
    turns: tuple[Turn, ...]
    channel: Channel = Channel.CHAT
    language: str = "en"  # BCP 47
    agent: str | None = None
    team: str | None = None
    queue: str | None = None
    topic: str | None = None
    customer: str | None = None
    source: str | None = None  # where the conversation was recorded
    started_at: datetime | None = None
    closing_actions: tuple[Action, ...] = ()  # what happened after the last turn
    attributes: Mapping[str, Json] = field(default_factory=dict)  # anything else known beforehand

    def __post_init__(self) -> None:
        _require(bool(self.conversation_id), "conversation_id is empty")
        _require(bool(self.language), f"{self.conversation_id}: language is empty")
        try:
            object.__setattr__(self, "channel", Channel(self.channel))
        except ValueError:
            known = ", ".join(Channel)
            raise RecordError(
                f"{self.conversation_id}: channel '{self.channel}' is none of {known}"
            ) from None
        object.__setattr__(self, "turns", tuple(self.turns))

    @property
    def primary_language(self) -> str:
        """The language without script or region: ``es`` for ``es-MX``."""
        return self.language.replace("_", "-").split("-")[0].lower()

    def _repr_html_(self) -> str:
        from autoqa.notebook import html_table

        about = (self.conversation_id, self.channel, self.language, self.agent, self.topic)
        turns = ((n, turn.speaker, turn.text) for n, turn in enumerate(self.turns, start=1))
        caption = " · ".join(str(part) for part in about if part)
        head = ("turn", "speaker", "text")
        return html_table(head, turns, caption=caption, n_rows=len(self.turns))

    def upto(self, turn: int) -> Transcript:
        """Return the conversation as it stood right after turn index `turn`."""
        _require(
            0 <= turn < len(self.turns),
            f"{self.conversation_id}: turn index {turn} is not one of its {len(self.turns)} turns "
            "(counted from 0)",
        )
        last = turn == len(self.turns) - 1
        return replace(
            self,
            turns=self.turns[: turn + 1],
            closing_actions=self.closing_actions if last else (),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The words a rating rests on: characters [start, end) of one turn.

    ``turn`` is an index of `Transcript.turns`, from 0. Texts for people, such as `Rating.reason`,
    count turns from 1: evidence at index 2 is "turn 3".
    """

    turn: int
    start: int
    end: int
    contribution: float = 0.0  # share of the score, in scale units; 0 where the scorer cannot say

    def __post_init__(self) -> None:
        _require(self.turn >= 0, f"evidence points at turn index {self.turn}")
        _require(
            0 <= self.start <= self.end, f"evidence span [{self.start}, {self.end}) is not a span"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One rater's answer to one criterion on one conversation, or on one turn of it.

    ``turn`` is an index from 0, as in `Evidence`; ``reason`` is a text and counts turns from 1.
    """

    conversation_id: str
    criterion: str
    rater: str
    kind: RaterKind
    status: Status
    turn: int | None = None  # None: the whole conversation
    level: int | None = None
    expected: float | None = None  # mean level under the rater's probabilities, in scale units
    probabilities: tuple[float, ...] = ()  # over the criterion's levels, in order
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""  # why it was not rated, or what the rater wrote

    def __post_init__(self) -> None:
        where = f"{self.conversation_id}/{self.criterion}"
        object.__setattr__(self, "kind", RaterKind(self.kind))
        object.__setattr__(self, "status", Status(self.status))
        object.__setattr__(self, "probabilities", tuple(self.probabilities))
        object.__setattr__(self, "evidence", tuple(self.evidence))
        if self.status is Status.RATED:
            _require(self.level is not None, f"{where}: status is rated but there is no level")
        else:
            _require(
                self.level is None, f"{where}: status is {self.status} but level is {self.level}"
            )
        if self.status in (Status.ABSTAINED, Status.FAILED):
            _require(bool(self.reason), f"{where}: {self.status} ratings must carry a reason")
        if self.probabilities:
            total = math.fsum(self.probabilities)
            _require(
                all(-1e-6 <= p <= 1 + 1e-6 for p in self.probabilities) and abs(total - 1) < 1e-3,
                f"{where}: probabilities sum to {total:.4f}, not to 1",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All ratings of one rater on one conversation under one scorecard version."""

    conversation_id: str
    rater: str
    kind: RaterKind
    scorecard: str
    scorecard_version: int
    total: float | None  # 0-100 of the points that applied; None when nothing could be scored
    critical_failed: tuple[str, ...]  # critical criteria rated at a failing level
    coverage: float  # share of the applicable weight that was rated, 0-1
    ratings: tuple[Rating, ...]
    section_totals: Mapping[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", RaterKind(self.kind))
        _require(
            self.total is None or 0 <= self.total <= 100,
            f"{self.conversation_id}: total {self.total} is outside 0-100",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The customer's own answer."""

    conversation_id: str
    score: float
    scale: tuple[float, float]
    comment: str | None = None
    answered_at: datetime | None = None
    given_by: str = "customer"

    def __post_init__(self) -> None:
        low, high = self.scale
        _require(low < high, f"{self.conversation_id}: survey scale {self.scale} is empty")
        _require(
            low <= self.score <= high,
            f"{self.conversation_id}: survey score {self.score} is outside its scale {low}-{high}",
        )

    @property
    def share(self) -> float:
        """The score as a share of its scale, 0 worst to 1 best."""
        low, high = self.scale
        return (self.score - low) / (high - low)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """Why a person should look at a conversation."""

    conversation_id: str
    reason: str  # short code, for example critical_failed
    message: str  # the reason in words, without transcript text
    priority: float  # 0-1, higher first
    criterion: str | None = None

    def __post_init__(self) -> None:
        _require(
            0 <= self.priority <= 1,
            f"{self.conversation_id}: priority {self.priority} is outside 0-1",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledTranscript:
    """A transcript with what people and customers said about it; scorers see none of that."""

    transcript: Transcript
    ratings: tuple[Rating, ...] = ()
    surveys: tuple[Survey, ...] = ()
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # criterion -> lo, hi
    outcome: Mapping[str, Json] = field(default_factory=dict)  # objective outcomes, never scored on
    split: str | None = None
