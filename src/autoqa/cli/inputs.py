"""Ratings, surveys and scorecards as several commands take them, and what was lost of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from autoqa.cli.console import counted, warn
from autoqa.errors import DataError

if TYPE_CHECKING:
    from autoqa.readers import Quarantine
    from autoqa.records import Rating, Survey
    from autoqa.scorecard import Scorecard

_GIVE = {
    "automated ratings": "give a folder that `autoqa score` wrote, or a table of ratings",
    "human ratings": "give a table of ratings, or conversations with `ratings`",
    "customer answers": "give a table of answers, or conversations with `csat`",
}
_COLUMNS = {
    "automated ratings": ("conversation_id", "criterion", "score"),
    "human ratings": ("conversation_id", "criterion", "score"),
    "customer answers": ("conversation_id", "score", "scale_lo", "scale_hi"),
}


@dataclass
class Lost:
    """Rows that could not be used, by what they should have been."""

    out: Path
    _taken: dict[str, Quarantine] = field(default_factory=dict)
    _added: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        """Say what else was not done."""
        self._added.append(sentence)

    def quarantine(self, what: str) -> Quarantine:
        """Return where rows of a kind go that cannot be used."""
        from autoqa.readers import Quarantine

        self._taken[what] = Quarantine(self.out / f"quarantine-{what}.jsonl")
        return self._taken[what]

    @property
    def sentences(self) -> list[str]:
        """What was lost, in words; empty quarantine files are removed."""
        said = [*self._added]
        for what, taken in self._taken.items():
            dropped = "bad_csat" if what == "surveys" else "bad_rating"
            counts = dict(taken.counts)
            if taken.notes[dropped]:
                counts[dropped] = counts.get(dropped, 0) + taken.notes[dropped]
            if counts and taken.path is not None:
                said.append(
                    f"{sum(counts.values())} {what} records could not be used "
                    f"({counted(counts)}); {taken.path} says where"
                )
            elif taken.path is not None:
                taken.path.unlink(missing_ok=True)
        return said


def none_there(what: str, path: Path, taken: Quarantine) -> str:
    """Say that a file has nothing of a kind, what was found in it, and what to do."""
    columns = _header(path)
    missing = [name for name in _COLUMNS[what] if name not in columns]
    if path.is_file() and not path.stat().st_size:
        found = "the file is empty"
    elif columns and missing:
        found = f"its columns are {', '.join(columns)}, without {', '.join(missing)}"
    elif columns and not taken.records_read:
        found = "there are no rows below its header"
    elif taken.records_quarantined:
        found = f"what it holds cannot be used ({counted(taken.counts)}; {taken.path} says where)"
    else:
        found = f"none of the {taken.records_read} records in it has any"
    needs = ", ".join(_COLUMNS[what])
    return f"{path}: no {what} there, {found}; {_GIVE[what]} (CSV columns {needs})"


def _header(path: Path) -> list[str]:
    """The columns of a CSV file; nothing for other files."""
    from autoqa.readers import Source
    from autoqa.readers.delimited import delimiter_and_header

    if not path.is_file() or ".csv" not in path.suffixes:
        return []
    _, header = delimiter_and_header(Source(path, str(path), path.stem))
    return [name.strip().lower() for name in header]


def refuse_other_card(
    given: str | None, card: Scorecard | None, ratings: Path, automated: Sequence[Rating]
) -> None:
    """A scorecard that was named must have something to say about the ratings."""
    from autoqa.records import CSAT

    if given is None or card is None:
        return
    rated = dict.fromkeys(r.criterion for r in automated if r.criterion != CSAT)
    known = [criterion.id for criterion in card.criteria]
    if rated and not rated.keys() & set(known):
        raise DataError(
            f"{ratings}: rates {some_names(list(rated))}, none of which is on {card.id} version "
            f"{card.version} ({some_names(known)}); give the scorecard of these ratings with "
            "--scorecard, or leave it out"
        )


def conversation_ids(answers: Sequence[Rating] | Sequence[Survey]) -> set[str]:
    """Return the conversations that answers are about."""
    return {answer.conversation_id for answer in answers}


def some_names(names: Sequence[str]) -> str:
    """Return the first few of many names, for a message."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def scorecard_of(given: str | None, ratings: Path) -> Scorecard | None:
    """The scorecard that was named, or the one of the library that the run was scored on."""
    from autoqa.scorecard import library_names, load_scorecard

    if given is not None:
        return load_scorecard(given)
    summary = ratings / "summary.json"
    if not summary.is_file():
        return None
    try:
        said = dict(json.loads(summary.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{summary}: damaged ({error}); score the conversations again, or give the scorecard "
            "with --scorecard"
        ) from None
    for name in library_names():
        card = load_scorecard(name)
        if card.content_hash == said.get("scorecard_sha256"):
            return card
    warn(
        f"The run was scored on {said.get('scorecard')}, which is not in the library as it was; "
        "give it with --scorecard to have its scales and weights."
    )
    return None
