"""Where events are mentioned in the transcripts of a batch, each looked up at most once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from autoqa.features.batch import Batch
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


class MentionTable:
    """The mentions of one batch, filled as they are asked for.

    Criteria that ask for the same event, and conditions of when a criterion applies, share it.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[int, str, str], dict[str, tuple[Mention, ...]]] = {}

    def of(
        self, batch: Batch, index: int, book: PhraseBook, events: Iterable[str]
    ) -> Mapping[str, tuple[Mention, ...]]:
        """Return the mentions of at least `events` in transcript `index`, in order.

        Raises
        ------
        ScorerError
            If the book has no such event.
        """
        known = self._found.setdefault((index, book.language, book.version), {})
        missing = frozenset(events) - known.keys()
        if missing:
            for event in missing:
                book.require(event)
            found: dict[str, list[Mention]] = {event: [] for event in missing}
            for turn, doc in enumerate(batch.docs[index]):
                for span in book.find(doc, missing):
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
            known.update({event: tuple(mentions) for event, mentions in found.items()})
        return known


_TABLES: WeakKeyDictionary[Batch, MentionTable] = WeakKeyDictionary()


def mention_table(batch: Batch) -> MentionTable:
    """Return the table of a batch; it lives as long as the batch does."""
    return _TABLES.setdefault(batch, MentionTable())
