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

    def all_of(self, index: int) -> list[Mention]:
        """Return every mention found so far in transcript `index`, in order."""
        found = {
            mention
            for (transcript, _, _), known in self._found.items()
            if transcript == index
            for mentions in known.mentions.values()
            for mention in mentions
        }
        return sorted(found, key=lambda m: (m.turn, m.start, m.end, m.event))

    def carried_on(self) -> MentionTable:
        """Return a table for the same transcripts with more turns: only those are searched."""
        table = MentionTable()
        table._found = {
            key: _Known(dict(known.mentions), dict(known.looked_up))
            for key, known in self._found.items()
        }
        return table

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
        n_turns = len(batch.transcripts[index].turns)
        # By how many turns were looked through already: all or none, but while a conversation runs.
        missing: dict[int, dict[Speaker, set[str]]] = {}
        for event, speakers in asked.items():
            for speaker in speakers:
                done = known.looked_up.get((event, speaker), 0)
                if done < n_turns or (event, speaker) not in known.looked_up:
                    missing.setdefault(done, {}).setdefault(speaker, set()).add(event)
        for done, events in missing.items():
            _look_up(known, batch, index, book, done, {k: frozenset(v) for k, v in events.items()})
        return known.mentions


@dataclass(slots=True)
class _Known:
    mentions: dict[str, tuple[Mention, ...]] = field(default_factory=dict)
    looked_up: dict[tuple[str, Speaker], int] = field(default_factory=dict)  # turns, from the first


def _look_up(
    known: _Known,
    batch: Batch,
    index: int,
    book: PhraseBook,
    done: int,
    missing: Mapping[Speaker, frozenset[str]],
) -> None:
    found: dict[str, list[Mention]] = {}
    for event in frozenset().union(*missing.values()):
        book.require(event)
        found[event] = list(known.mentions.get(event, ()))
    turns = batch.transcripts[index].turns
    for turn in range(done, len(turns)):
        events = missing.get(turns[turn].speaker)
        if events is None:
            continue
        for span in book.find(batch.docs[index][turn], events):
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
    for speaker, events in missing.items():
        known.looked_up.update(((event, speaker), len(turns)) for event in events)


_TABLES: WeakKeyDictionary[Batch, MentionTable] = WeakKeyDictionary()


def mention_table(batch: Batch) -> MentionTable:
    """Return the table of a batch; it lives as long as the batch does."""
    return _TABLES.setdefault(batch, MentionTable())


def carry_on(before: Batch, after: Batch) -> None:
    """Let a batch of the same transcripts with more turns know what was found in `before`."""
    _TABLES[after] = mention_table(before).carried_on()
