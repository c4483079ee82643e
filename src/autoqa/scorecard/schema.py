"""Criterion and Scorecard: what a scorecard file may say."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from autoqa.errors import ScorecardError
from autoqa.records import Speaker, Transcript

_ID = re.compile(r"[a-z][a-z0-9_.-]*")


def _readable_id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError(f"'{value}' is not an id; use lower-case letters, digits and _ - .")
    return value


Id = Annotated[str, AfterValidator(_readable_id)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Level(_Strict):
    """One step of a scale. In YAML ``2: clearly`` is short for ``2: {label: clearly}``."""

    label: str
    description: str = ""
    ref: str = ""  # the id that another system's form gives it
    # Share of the weight that this level earns.
    points: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)


class Condition(_Strict):
    """When a criterion applies. Every key that is given must hold.

    ``mentions`` names an event of the phrase books (see `autoqa.scorers.rules`), ``speaker`` who
    must have said it. ``channel``, ``queue`` and ``topic`` list the values that qualify, ``action``
    name patterns (``update_*``) of which one must have been used. One value needs no list. Case
    matters for actions alone. ``min_turns`` counts turns of people and bots, not of the system;
    ``speaker`` without ``mentions`` asks for a turn of that speaker.
    """

    mentions: str | None = None
    speaker: Speaker | None = None
    channel: tuple[str, ...] = ()
    queue: tuple[str, ...] = ()
    topic: tuple[str, ...] = ()
    action: tuple[str, ...] = ()
    min_turns: int | None = Field(default=None, ge=1)

    @field_validator("channel", "queue", "topic", "action", mode="before")
    @classmethod
    def _one_needs_no_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    def admits(self, transcript: Transcript) -> bool:
        """Whether all of it but ``mentions``, which needs a phrase book, holds."""
        named = (
            (self.channel, transcript.channel),
            (self.queue, transcript.queue),
            (self.topic, transcript.topic),
        )
        for wanted, found in named:
            if wanted and (found or "").casefold() not in {name.casefold() for name in wanted}:
                return False
        speakers = [turn.speaker for turn in transcript.turns]
        talk = sum(speaker is not Speaker.SYSTEM for speaker in speakers)
        if self.min_turns is not None and talk < self.min_turns:
            return False
        if self.mentions is None and self.speaker is not None and self.speaker not in speakers:
            return False
        return not self.action or self._used(transcript)

    def _used(self, transcript: Transcript) -> bool:
        used = [action.name for turn in transcript.turns for action in turn.actions]
        used += [action.name for action in transcript.closing_actions]
        return any(fnmatchcase(name, pattern) for name in used for pattern in self.action)


class ScorerSpec(BaseModel):
    """Which scorer answers, with that scorer's own settings as further keys.

    ``fallback`` is the scorer to use where this one's model is not at hand.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    use: str
    fallback: ScorerSpec | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The scorer's own keys: everything but ``use`` and ``fallback``."""
        return dict(self.model_extra or {})


class Criterion(_Strict):
    """One question of a scorecard."""

    id: Id
    question: str
    guidance: str = ""
    levels: dict[int, Level]
    weight: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    critical: bool | Literal["section"] = False  # True fails the evaluation, 'section' its section
    not_applicable: bool = True  # raters may answer N/A
    applies_when: Condition | None = None
    unit: Literal["conversation", "turn"] = "conversation"
    speaker: Speaker = Speaker.AGENT  # whose words are judged
    scorer: ScorerSpec | None = None
    ref: str = ""  # the id that another system's form gives it

    @field_validator("levels", mode="before")
    @classmethod
    def _short_levels(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            key: {"label": level} if not isinstance(level, dict | Level) else level
            for key, level in value.items()
        }

    @model_validator(mode="after")
    def _ordered_levels(self) -> Criterion:
        if len(self.levels) < 2:
            raise ValueError("a scale needs at least two levels; add one under levels")
        ordered = dict(sorted(self.levels.items()))
        object.__setattr__(self, "levels", ordered)
        earned = [self.points(level) for level in ordered]
        if any(b < a for a, b in pairwise(earned)):
            raise ValueError(
                "a higher level may not earn fewer points than a lower one; reorder the levels"
            )
        return self

    @property
    def scale(self) -> tuple[int, ...]:
        """Every level, lowest first."""
        return tuple(self.levels)

    def points(self, level: int) -> float:
        """Share of the weight that a level earns, 0-1; evenly spaced unless the file says."""
        stated = self.levels[level].points
        if stated is not None:
            return stated
        low, high = min(self.levels), max(self.levels)
        return (level - low) / (high - low)


class Section(_Strict):
    """Criteria that are reported together."""

    id: Id
    title: str = ""
    ref: str = ""  # the id that another system's form gives it
    criteria: tuple[Criterion, ...]


class Scorecard(_Strict):
    """Criteria in sections; one file drives forms, models, scoring and reports."""

    id: Id
    version: int = Field(ge=1)
    language: str = "en"
    title: str = ""
    description: str = ""
    sections: tuple[Section, ...]

    @model_validator(mode="after")
    def _unique_ids(self) -> Scorecard:
        repeated = _repeated(
            [(section.id, f"sections.{s}") for s, section in enumerate(self.sections)]
        ) + _repeated(
            [
                (criterion.id, f"sections.{s}.criteria.{c}")
                for s, section in enumerate(self.sections)
                for c, criterion in enumerate(section.criteria)
            ]
        )
        if repeated:
            raise ValueError("\n".join(repeated))
        return self

    @cached_property
    def criteria(self) -> tuple[Criterion, ...]:
        """Every criterion, in the order of the form."""
        return tuple(c for section in self.sections for c in section.criteria)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over everything the file says, whatever its layout or comments."""
        said = self.model_dump(mode="json", exclude_defaults=True)
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def criterion(self, criterion_id: str) -> Criterion:
        """Return one criterion, or raise ScorecardError naming the ones there are."""
        for criterion in self.criteria:
            if criterion.id == criterion_id:
                return criterion
        known = ", ".join(c.id for c in self.criteria)
        raise ScorecardError(f"{self.id}: no criterion '{criterion_id}'; it has {known}")

    def _repr_html_(self) -> str:
        from autoqa.scorecard.render import to_html

        return to_html(self)


def _repeated(named: Sequence[tuple[str, str]]) -> list[str]:
    """One line per id that an earlier entry has already."""
    first: dict[str, str] = {}
    lines = []
    for name, where in named:
        if name in first:
            lines.append(
                f"{where}.id: duplicate id '{name}' (also {first[name]}); give each its own id"
            )
        first.setdefault(name, where)
    return lines
