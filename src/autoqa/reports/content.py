"""What a report is made of, before it is a page: sections, tables, charts, answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """How a verdict reads; a symbol and words always say the same."""

    GOOD = "good"
    PARTLY = "partly"
    BAD = "bad"
    UNKNOWN = "unknown"

    @property
    def symbol(self) -> str:
        """The sign beside the words, for those who do not see colours."""
        return _SYMBOLS[self]


_SYMBOLS = {Tone.GOOD: "✓", Tone.PARTLY: "◐", Tone.BAD: "✗", Tone.UNKNOWN: "?"}


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence; `english` where it exists in English only, whatever the page's language."""

    text: str
    english: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table.

    Attributes
    ----------
    sort : float or None
        What the cell is sorted by; its text where None.
    number : bool
        Whether it is set as a number.
    """

    text: str
    sort: float | None = None
    number: bool = False
    tone: Tone | None = None
    english: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose first cells name their rows."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure as inline SVG, and the same in words."""

    svg: str
    caption: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a turn; the marked one moved the prediction."""

    text: str
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One turn of an example, and where the prediction stood after it."""

    who: str
    passages: tuple[Passage, ...]
    expected: str
    moved: str
    tone: Tone | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """One conversation, turn by turn."""

    title: str
    about: tuple[Text, ...]
    chart: Chart | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of the report: first what it means, then what it rests on."""

    id: str
    title: str
    lead: str
    points: tuple[Text, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    examples: tuple[Example, ...] = ()
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One of the five answers of the first screen.

    Attributes
    ----------
    verdict : str
        A few words.
    sentences : tuple of Text
        What it rests on, with n and interval.
    section : str
        Id of the section that says more.
    """

    question: str
    verdict: str
    tone: Tone
    sentences: tuple[Text, ...]
    section: str
