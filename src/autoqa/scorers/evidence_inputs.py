"""The turns of a batch as arrays, and which of them an item may rest on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from autoqa.features.batch import Batch
from autoqa.features.ngrams import TurnNgrams, turn_text, unit_rows
from autoqa.features.statistics import STATISTICS
from autoqa.features.views import Item, is_agent_side
from autoqa.records import Speaker, Transcript

Ints = NDArray[np.int64]

N_SIDES = 3  # the company's, the customer's, and the software's own notices
N_PACE = 4  # numbers that say where and when a turn was said


@dataclass(frozen=True, eq=False)
class Turns:
    """All turns of a batch, one after the other.

    Attributes
    ----------
    starts : array of shape (n_conversations + 1,)
        Where each conversation begins.
    vectors : array of shape (n_turns, dimension)
    side : array of shape (n_turns,)
        0 the company's, 1 the customer's, 2 neither's.
    pace : array of shape (n_turns, 4)
        Position (as log, and as inverse), log seconds since the previous turn ended, and whether
        that is known.
    statistics : array of shape (n_turns, n_statistics)
        As they stood after each turn.
    words : sparse matrix of shape (n_turns, n_ngrams)
        Rows of length 1.
    """

    starts: Ints
    vectors: NDArray[np.float32]
    side: Ints
    pace: NDArray[np.float32]
    statistics: NDArray[np.float32]
    words: csr_matrix


def read_turns(batch: Batch, vocabulary: TurnNgrams) -> Turns:
    """Return a batch's turns as arrays, computed once per batch and vocabulary."""

    def compute() -> Turns:
        transcripts = batch.between_parties
        lengths = [len(t.turns) for t in transcripts]
        turns = [turn for t in transcripts for turn in t.turns]
        # Lists that are empty in a batch without turns still need their width.
        rows = [np.zeros((0, len(STATISTICS))), *batch.statistics]
        pace = [np.zeros((0, N_PACE), np.float32), *(_pace(t) for t in transcripts)]
        return Turns(
            starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            vectors=batch.turn_vectors,
            side=np.array([_side(turn.speaker) for turn in turns], np.int64),
            pace=np.concatenate(pace),
            statistics=np.concatenate(rows).astype(np.float32),
            words=unit_rows(vocabulary.count([turn_text(turn) for turn in turns]))[0],
        )

    return batch.once(("turns", vocabulary.key), compute)


@dataclass(frozen=True, eq=False)
class Spans:
    """The turns that each of some items may rest on: [start, stop) among all turns.

    Attributes
    ----------
    conversation, start, stop : int arrays of shape (n_items,)
    whole : bool array of shape (n_items,)
        Whether the item is the whole conversation.
    """

    conversation: Ints
    start: Ints
    stop: Ints
    whole: NDArray[np.bool_]

    @classmethod
    def of(cls, starts: Ints, items: Sequence[Item], reach: int) -> Spans:
        """Find the spans of items of a batch whose conversations begin at `starts`."""
        conversation = np.array([item.transcript for item in items], np.int64)
        whole = np.array([item.turn is None for item in items], bool)
        first = starts[conversation]
        until = np.array([-1 if item.turn is None else item.turn for item in items], np.int64)
        stop = np.where(whole, starts[conversation + 1], first + until + 1)
        return cls(
            conversation, np.where(whole, first, np.maximum(first, stop - reach)), stop, whole
        )

    def take(self, rows: Any) -> Spans:
        """Return some of the spans."""
        return Spans(self.conversation[rows], self.start[rows], self.stop[rows], self.whole[rows])

    def chunks(self, most: int) -> Iterator[slice]:
        """Yield slices of items with at most `most` turns in all, or of a single item."""
        lengths = self.stop - self.start
        begin, total = 0, 0
        for place, length in enumerate(lengths):
            if place > begin and total + length > most:
                yield slice(begin, place)
                begin, total = place, 0
            total += int(length)
        if begin < len(lengths):
            yield slice(begin, len(lengths))


def ranges(starts: Ints, stops: Ints) -> tuple[Ints, Ints]:
    """Return the integers of every [start, stop) one after the other, and whose each one is."""
    lengths = stops - starts
    owner = np.repeat(np.arange(len(starts)), lengths)
    before = np.cumsum(lengths) - lengths
    return np.arange(int(lengths.sum())) + (starts - before)[owner], owner


def _side(speaker: Speaker) -> int:
    if is_agent_side(speaker):
        return 0
    return 1 if speaker is Speaker.CUSTOMER else 2


def _pace(transcript: Transcript) -> NDArray[np.float32]:
    turns = transcript.turns
    found = np.zeros((len(turns), N_PACE), np.float32)
    position = np.arange(len(turns))
    found[:, 0], found[:, 1] = np.log1p(position) / 3, 1 / (1 + position)
    ended: float | None = None
    for place, turn in enumerate(turns):
        if turn.start_s is not None:
            if ended is not None:
                found[place, 2:] = math.log1p(max(turn.start_s - ended, 0.0)) / 3, 1
            # Without its end, a turn's own talk would count as waiting.
            ended = turn.end_s
    return found
