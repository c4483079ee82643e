"""The scorecard beside a conversation: what each criterion asks, and who answered what."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autoqa.records import Evidence, Rating, Speaker, Status, Transcript
from autoqa.review.access import InvalidError
from autoqa.review.web.turns import quoted, signed
from autoqa.scorecard.schema import Criterion

WITHOUT_LEVEL = (Status.NOT_APPLICABLE, Status.ABSTAINED)
"""What the form may send instead of a level."""

_NUMBERS = re.compile(r"[\s,;、，；]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One possible answer."""

    value: str  # a level, or one of `WITHOUT_LEVEL`
    label: str = ""  # of the scorecard
    description: str = ""
    key: str = ""  # the digit that chooses it


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Words that the model's answer rests on."""

    turn: int  # index from 0
    speaker: Speaker
    text: str
    contribution: float

    @property
    def amount(self) -> str:
        """The contribution as one reads it."""
        return signed(self.contribution)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer as a page shows it."""

    rating: Rating
    by: str = ""
    accepted: bool = False
    id: int = 0  # of the stored version, which disputes name
    version: int = 0

    @property
    def value(self) -> str:
        """Which choice it is; empty where a scorer failed."""
        if self.rating.status in WITHOUT_LEVEL:
            return str(self.rating.status)
        return "" if self.rating.level is None else str(self.rating.level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """What somebody typed that could not be saved, and why."""

    answer: str
    reason: str = ""
    turns: str = ""
    problem: str = ""  # an English sentence
    theirs: Mapping[str, Any] | None = None  # what is stored, where somebody was faster


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionCard:
    """One criterion with all that a user may know of its answers."""

    criterion: Criterion
    model: Answered | None = None
    quotes: Sequence[Quote] = ()
    mine: Answered | None = None
    peers: Sequence[Answered] = ()
    entered: Entered | None = None
    choices: Sequence[Choice] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "choices", _choices(self.criterion))

    @property
    def id(self) -> str:
        """The criterion's id."""
        return self.criterion.id

    @property
    def confidence(self) -> float | None:
        """The probability that the model gives its own answer."""
        if self.model is None or self.model.rating.level is None:
            return None
        chances = self.model.rating.probabilities
        scale = self.criterion.scale
        if len(chances) != len(scale):
            return None
        return chances[scale.index(self.model.rating.level)]

    @property
    def proposed(self) -> str:
        """The choice that accepting the model's answer makes; empty where it gave none."""
        if self.model is None or self.model.rating.status is Status.ABSTAINED:
            return ""
        return self.model.value

    @property
    def chosen(self) -> str:
        """The choice that is marked: what was just sent, else what is stored."""
        if self.entered is not None:
            return self.entered.answer
        return self.mine.value if self.mine is not None else ""

    @property
    def reason(self) -> str:
        """What stands in the field for a reason."""
        if self.entered is not None:
            return self.entered.reason
        return self.mine.rating.reason if self.mine is not None else ""

    @property
    def turns(self) -> str:
        """What stands in the field for turns, counted from 1."""
        if self.entered is not None:
            return self.entered.turns
        return "" if self.mine is None else numbers_of(self.mine.rating.evidence)

    @property
    def based_on(self) -> int:
        """The version that the next answer follows."""
        return self.mine.version if self.mine is not None else 0

    def named(self, level: int | None) -> str:
        """Return a level with its label, ``2 clearly``."""
        meaning = self.criterion.levels.get(level) if level is not None else None
        return str(level) if meaning is None else f"{level} {meaning.label}"


def quotes_of(transcript: Transcript, evidence: Sequence[Evidence]) -> tuple[Quote, ...]:
    """Return the words behind an answer, those that weigh most first.

    What points to no turn of the conversation is left out.
    """
    ordered = sorted(evidence, key=lambda one: (-abs(one.contribution), one.turn, one.start))
    return tuple(
        Quote(
            turn=one.turn,
            speaker=transcript.turns[one.turn].speaker,
            text=quoted(transcript, one),
            contribution=one.contribution,
        )
        for one in ordered
        if one.turn < len(transcript.turns)
    )


def numbers_of(evidence: Sequence[Evidence]) -> str:
    """Return the turns of evidence as one types them, counted from 1."""
    return ", ".join(str(turn + 1) for turn in sorted({one.turn for one in evidence}))


def evidence_in(typed: str, transcript: Transcript) -> tuple[Evidence, ...]:
    """Return whole turns as evidence, from their numbers as somebody typed them.

    Raises
    ------
    InvalidError
        If one is no number of a turn.
    """
    found: dict[int, Evidence] = {}
    for number in filter(None, _NUMBERS.split(typed)):
        sound = number.isascii() and number.isdecimal() and len(number) < 10
        turn = int(number) - 1 if sound else -1
        if not 0 <= turn < len(transcript.turns):
            raise InvalidError(
                f"there is no turn '{number[:40]}'; enter numbers from 1 to "
                f"{len(transcript.turns)} with commas between them"
            )
        found[turn] = Evidence(turn=turn, start=0, end=len(transcript.turns[turn].text))
    return tuple(found[turn] for turn in sorted(found))


def _choices(criterion: Criterion) -> tuple[Choice, ...]:
    # A digit is the level itself where every level is one digit, else its place on the scale.
    by_level = all(0 <= level <= 9 for level in criterion.scale)
    choices = [
        Choice(
            value=str(level),
            label=meaning.label,
            description=meaning.description,
            key=str(level) if by_level else (str(place) if place <= 9 else ""),
        )
        for place, (level, meaning) in enumerate(criterion.levels.items(), start=1)
    ]
    choices += [
        Choice(value=str(status))
        for status in WITHOUT_LEVEL
        if criterion.not_applicable or status is not Status.NOT_APPLICABLE
    ]
    return tuple(choices)


def answer_in(value: str) -> tuple[Status, int | None]:
    """Return status and level of what the form sent.

    Raises
    ------
    InvalidError
        If it is neither a level nor one of `WITHOUT_LEVEL`.
    """
    if value in WITHOUT_LEVEL:
        return Status(value), None
    digits = value.removeprefix("-")
    if digits.isascii() and digits.isdecimal() and len(digits) < 10:
        return Status.RATED, int(value)
    raise InvalidError("no answer was chosen; choose one of the levels")
