"""What an import or export could not carry over, and what to do about it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum

_LONGEST_TITLE = 60
_WIDTH = 100


class LossKind(StrEnum):
    """What a loss is about; losses are reported by kind, in this order."""

    LEFT_OUT = "left_out"
    SECTIONS = "sections"
    WEIGHTS = "weights"
    POINTS = "points"
    CRITICAL = "critical"
    NOT_APPLICABLE = "not_applicable"
    CONDITIONS = "conditions"
    RATED = "rated"
    AUTOMATION = "automation"
    TEXTS = "texts"
    LANGUAGES = "languages"
    IDS = "ids"
    SETTINGS = "settings"


_HEADINGS = {
    LossKind.LEFT_OUT: "Left out",
    LossKind.SECTIONS: "Sections",
    LossKind.WEIGHTS: "Weights",
    LossKind.POINTS: "Points of answers",
    LossKind.CRITICAL: "Critical questions",
    LossKind.NOT_APPLICABLE: "Not applicable",
    LossKind.CONDITIONS: "Conditions",
    LossKind.RATED: "What is rated",
    LossKind.AUTOMATION: "Automatic answers",
    LossKind.TEXTS: "Texts",
    LossKind.LANGUAGES: "Languages",
    LossKind.IDS: "Ids and versions",
    LossKind.SETTINGS: "Other settings",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One thing that does not map: where it is, what it is, what follows and what to do."""

    kind: LossKind
    place: str  # path of keys in an imported file, criterion or section id of an exported card
    what: str
    advice: str
    title: str = ""  # what a person calls the place: the text of a question, the title of a section

    def __str__(self) -> str:
        return f"{_named(self)}: {self.what}; {self.advice}"

    def as_dict(self) -> dict[str, str]:
        """Return plain text by field name, for JSON."""
        return {name: str(value) for name, value in asdict(self).items()}


class Losses:
    """Losses as they are found."""

    def __init__(self) -> None:
        self._found: list[Loss] = []

    def add(self, kind: LossKind, place: str, what: str, advice: str, *, title: str = "") -> None:
        """Note one loss."""
        self._found.append(Loss(kind=kind, place=place, what=what, advice=advice, title=title))

    def __iter__(self) -> Iterator[Loss]:
        return iter(self._found)


def loss_report(losses: Iterable[Loss]) -> str:
    """Return losses as a list to read, by kind; the same loss at many places is said once."""
    grouped: dict[LossKind, dict[tuple[str, str], list[str]]] = {kind: {} for kind in LossKind}
    for loss in losses:
        grouped[loss.kind].setdefault((loss.what, loss.advice), []).append(_named(loss))
    parts = []
    for kind, said in grouped.items():
        lines = [f"{_HEADINGS[kind]}:"]
        for (what, advice), places in said.items():
            lines += _wrapped(f"{what}; {advice}", "- ", "  ")
            lines += _listed(list(dict.fromkeys(places)))
        if said:
            parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _listed(places: list[str]) -> list[str]:
    """Places with titles one by one, bare ids in a row."""
    if any("'" in place for place in places):
        return [f"    {place}" for place in places]
    return _wrapped(", ".join(places), "    ", "    ")


def _wrapped(text: str, first: str, further: str) -> list[str]:
    return textwrap.wrap(
        text,
        width=_WIDTH,
        initial_indent=first,
        subsequent_indent=further,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _named(loss: Loss) -> str:
    if not loss.title:
        return loss.place
    title = " ".join(loss.title.split())
    short = title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 3]}..."
    return f"{loss.place} '{short}'"
