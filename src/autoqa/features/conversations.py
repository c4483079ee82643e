"""Reads every turn in its context: one pass over a conversation, one vector per turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from autoqa.features.adapters import adapted_weights, read_adapter
from autoqa.features.encoders import FloatArray, GraphEncoder, token_batches
from autoqa.features.views import is_agent_side
from autoqa.records import Turn

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from autoqa.features.weights import EncoderWeights

_BEFORE_ALL = -1  # the turn of the first token, which every turn sees
_PADDING = 1_000_000  # later than every turn: real tokens never look at padding


class AdaptedEncoder(GraphEncoder):
    """A fine-tuned encoder of turns in context, from an adapter folder.

    A conversation is laid out as ``customer: ...``, ``agent: ...`` turn by turn, in windows of at
    most `Adapter.max_tokens` tokens. A turn is read once, in the first window that holds it; a
    later window begins with what was said just before. A turn of more than half a window loses
    its end.

    Parameters
    ----------
    folder : path
        See `autoqa.features.adapters`.
    precision, threads
        See `GraphEncoder`.
    """

    def __init__(
        self, folder: str | Path, *, precision: str | None = None, threads: int | None = None
    ) -> None:
        self.adapter = read_adapter(folder)
        super().__init__(self.adapter.name, precision=precision, threads=threads)
        self.folder = Path(folder)

    @cached_property
    def weights(self) -> EncoderWeights:
        """The base encoder with the adapter merged into it."""
        return adapted_weights(self.folder)

    def encode_conversations(self, conversations: Sequence[Sequence[Turn]]) -> list[FloatArray]:
        """Return per conversation float32 vectors of shape (n_turns, dimension).

        Raises
        ------
        EncoderError
            If the weights are missing, are not the expected ones, or cannot run here.
        """
        found = [np.zeros((len(turns), self.dimension), np.float32) for turns in conversations]
        with self._lock:
            tokenizer, session = self._load()
            tokenizer.no_truncation()
            windows = [
                (place, window)
                for place, turns in enumerate(conversations)
                for window in self._windows(tokenizer, turns)
            ]
            lengths = [len(window.ids) for _, window in windows]
            # A batch as large as that of single texts would hold two conversations.
            for members in token_batches(lengths, 2 * session.tokens_per_batch):
                some = [windows[i] for i in members]
                states = session.run(_padded([window for _, window in some]))
                for row, (place, window) in enumerate(some):
                    for turn, start, end in window.reads:
                        found[place][turn] = states[row, start:end].mean(axis=0)
        return found

    def _windows(self, tokenizer: Tokenizer, turns: Sequence[Turn]) -> Iterator[Window]:
        said = [f"{'agent' if is_agent_side(t.speaker) else 'customer'}: {t.text}" for t in turns]
        ids = self._tokenise(tokenizer, said)
        # Every turn comes as [CLS] ... [SEP]: the first is kept once, the last ends the turn.
        first = ids[0][0] if ids else 0
        half = self.adapter.max_tokens // 2
        return windows(
            [one[1:][: half - 1] + one[-1:] if len(one) > half else one[1:] for one in ids],
            first,
            self.adapter.max_tokens,
            self.adapter.context_tokens,
        )


@dataclass(frozen=True)
class Window:
    """Part of a conversation as tokens, and which turns are read in it."""

    ids: list[int]
    turns: list[int]
    reads: list[tuple[int, int, int]]  # turn, and where its tokens start and end


def windows(
    turns: Sequence[Sequence[int]], first: int, max_tokens: int, context_tokens: int
) -> Iterator[Window]:
    """Yield windows over a conversation, each turn being read in one of them.

    Where a window ends depends only on what came before: a turn is read alike however the
    conversation goes on.

    Parameters
    ----------
    turns : sequence of sequence of int
        Token ids of every turn, each at most half of `max_tokens`.
    first : int
        Token that opens a window.
    context_tokens : int
        Most tokens that a later window repeats of what was said before.
    """
    done = 0
    while done < len(turns):
        start, room = done, context_tokens
        while start and len(turns[start - 1]) <= room:
            start -= 1
            room -= len(turns[start])
        ids, places = [first], [_BEFORE_ALL]
        reads = []
        end = start
        while end < len(turns) and len(ids) + len(turns[end]) <= max_tokens:
            if end >= done:
                reads.append((end, len(ids), len(ids) + len(turns[end])))
            ids += turns[end]
            places += [end] * len(turns[end])
            end += 1
        yield Window(ids, places, reads)
        done = end


def _padded(members: Sequence[Window]) -> dict[str, NDArray[np.int64]]:
    shape = (len(members), max(len(window.ids) for window in members))
    ids, turns = np.zeros(shape, np.int64), np.full(shape, _PADDING, np.int64)
    for row, window in enumerate(members):
        ids[row, : len(window.ids)] = window.ids
        turns[row, : len(window.turns)] = window.turns
    return {"input_ids": ids, "turns": turns}
