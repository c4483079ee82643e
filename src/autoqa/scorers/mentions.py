"""Where events are mentioned in the transcripts of a batch, each looked up at most once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from weakref import WeakKeyDictionary

from autoqa.features.batch import Batch
from autoqa.records import Speaker
from autoqa.scorers.phrasebook import PhraseBook


@dataclass(frozen=True, slots=True)
class Mention:
    """One event said in characters [start, end) of a turn."""

    event: str
    turn: int
    start: int
    end: int
    negated: bool
    conditional: bool


Asked: TypeAlias = Mapping[str, frozenset[Speaker]]
"""Which events are asked for, and in whose turns."""


class MentionTable:
    """The mentions of one batch, filled as they are asked for.

    Criteria that ask for the same event, and conditions of when a criterion applies, share it.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[int, str, str], _Known] = {}

    def of(
        self, batch: Batch, index: int, book: PhraseBook, asked: Asked
    ) -> Mapping[str, tuple[Mention, ...]]:
        """Return the mentions of at least what is asked for in transcript `index`, in order.

        Raises
        ------
        ScorerError
            If the book has no such event.
        """
        key = (index, book.language, book.version)
        known = self._found.get(key) or self._found.setdefault(key, _Known())
        missing: dict[Speaker, frozenset[str]] = {}
        for speaker in Speaker:
            events = frozenset(
                event
                for event, speakers in asked.items()
                if speaker in speakers and (event, speaker) not in known.looked_up
            )
            if events:
                missing[speaker] = events
        if missing:
            _look_up(known, batch, index, book, missing)
        return known.mentions


@dataclass(slots=True)
class _Known:
    mentions: dict[str, tuple[Mention, ...]] = field(default_factory=dict)
    looked_up: set[tuple[str, Speaker]] = field(default_factory=set)


def _look_up(
    known: _Known,
    batch: Batch,
    index: int,
    book: PhraseBook,
    missing: Mapping[Speaker, frozenset[str]],
) -> None:
    found: dict[str, list[Mention]] = {}
    for event in frozenset().union(*missing.values()):
        book.require(event)
        found[event] = list(known.mentions.get(event, ()))
    turns = batch.transcripts[index].turns
    for turn, doc in enumerate(batch.docs[index]):
        events = missing.get(turns[turn].speaker)
        if events is None:
            continue
        for span in book.find(doc, events):
            found[span.event].append(
                Mention(
                    span.event,
                    turn,
                    span.start_char,
                    span.end_char,
                    span.negated,
                    span.conditional,
                )
            )
    for event, mentions in found.items():
        known.mentions[event] = tuple(sorted(mentions, key=lambda m: (m.turn, m.start)))
    known.looked_up.update((e, speaker) for speaker, events in missing.items() for e in events)


_TABLES: WeakKeyDictionary[Batch, MentionTable] = WeakKeyDictionary()


def mention_table(batch: Batch) -> MentionTable:
    """Return the table of a batch; it lives as long as the batch does."""
    return _TABLES.setdefault(batch, MentionTable())
