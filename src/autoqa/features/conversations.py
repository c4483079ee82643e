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
from autoqa.features.encoders import FloatArray, GraphEncoder, token_batches, token_ids
from autoqa.features.views import is_agent_side
from autoqa.records import Turn

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from autoqa.features.weights import EncoderWeights

_BEFORE_ALL = -1  # the turn of the first token, which every turn of both sides sees
_ROUNDED_TO = 32  # tokens
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

    def encode_conversations(
        self, conversations: Sequence[Sequence[Turn]], *, known: Sequence[int] | None = None
    ) -> list[FloatArray]:
        """Return per conversation float32 vectors of shape (n_turns, dimension).

        Parameters
        ----------
        known : sequence of int, optional
            Per conversation, how many turns from its start need no vector and may stay zero.

        Raises
        ------
        EncoderError
            If the weights are missing, are not the expected ones, or cannot run here.
        """
        known = known or [0] * len(conversations)
        found = [np.zeros((len(turns), self.dimension), np.float32) for turns in conversations]
        with self._lock:
            tokenizer, session = self._load()
            reader = WindowReader(
                tokenizer, self.adapter.max_tokens, self.adapter.context_tokens, self.threads
            )
            windows = [
                (place, window)
                for place, turns in enumerate(conversations)
                for window in reader.windows(turns)
                if any(turn >= known[place] for turn, _, _ in window.reads)
            ]
            lengths = [len(window.ids) for _, window in windows]
            # A batch as large as that of single texts would hold two conversations.
            for members in token_batches(lengths, 2 * session.tokens_per_batch):
                some = [windows[i] for i in members]
                states = session.run(padded([window for _, window in some]))
                for row, (place, window) in enumerate(some):
                    for turn, start, end in window.reads:
                        found[place][turn] = states[row, start:end].mean(axis=0)
        return found


@dataclass(frozen=True)
class Window:
    """Part of a conversation as tokens, and which turns are read in it."""

    ids: list[int]
    turns: list[int]
    agent: list[int]  # whether the agent's side speaks, 0 or 1
    reads: list[tuple[int, int, int]]  # turn, and where its tokens start and end


class WindowReader:
    """Lays conversations out as windows of tokens.

    Parameters
    ----------
    tokenizer : Tokenizer
        Puts a text between a first and a last special token.
    max_tokens, context_tokens : int
        See `Adapter`.
    threads : int, optional
        1: all work stays in this thread.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        max_tokens: int,
        context_tokens: int,
        threads: int | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.context_tokens = context_tokens
        self.threads = threads
        tokenizer.no_truncation()

    def windows(self, turns: Sequence[Turn]) -> Iterator[Window]:
        """Yield windows over a conversation; a turn of over half a window loses its end."""
        longest = self.max_tokens // 2
        agent = [is_agent_side(turn.speaker) for turn in turns]
        said = [
            f"{'agent' if own_side else 'customer'}: {turn.text}"
            for own_side, turn in zip(agent, turns, strict=True)
        ]
        ids = token_ids(self.tokenizer, said, longest, self.threads)
        # Every turn comes between two special tokens: the first opens the window, once; the last
        # ends the turn.
        own = [one[1:] if len(one) <= longest else [*one[1 : longest - 1], one[-1]] for one in ids]
        first = ids[0][0] if ids else 0
        return windows(own, agent, first, self.max_tokens, self.context_tokens)


def windows(
    turns: Sequence[Sequence[int]],
    agent: Sequence[bool],
    first: int,
    max_tokens: int,
    context_tokens: int,
) -> Iterator[Window]:
    """Yield windows over a conversation, each turn being read in one of them.

    Where a window ends depends only on what came before: a turn is read alike however the
    conversation goes on.

    Parameters
    ----------
    turns : sequence of sequence of int
        Token ids of every turn, each at most half of `max_tokens`.
    agent : sequence of bool
        Whether the agent's side said them.
    first : int
        Token that opens a window.
    context_tokens : int
        Most tokens that a later window repeats of what was said before.
    """
    done = 0
    while done < len(turns):
        # However little room there is, the next turn has to fit, or no window would ever end.
        start, room = done, min(context_tokens, max_tokens - 1 - len(turns[done]))
        while start and len(turns[start - 1]) <= room:
            start -= 1
            room -= len(turns[start])
        ids, places, sides = [first], [_BEFORE_ALL], [1]
        reads = []
        end = start
        while end < len(turns) and len(ids) + len(turns[end]) <= max_tokens:
            if end >= done:
                reads.append((end, len(ids), len(ids) + len(turns[end])))
            ids += turns[end]
            places += [end] * len(turns[end])
            sides += [int(agent[end])] * len(turns[end])
            end += 1
        yield Window(ids, places, sides, reads)
        done = end


def padded(members: Sequence[Window]) -> dict[str, NDArray[np.int64]]:
    """Return windows as the graph's inputs, of shape (n_windows, longest, rounded up)."""
    longest = max(len(window.ids) for window in members)
    # A runtime keeps what it prepared for every shape it met: few shapes, little memory.
    shape = (len(members), -(-longest // _ROUNDED_TO) * _ROUNDED_TO)
    ids, agent = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    turns = np.full(shape, _PADDING, np.int64)
    for row, window in enumerate(members):
        ids[row, : len(window.ids)] = window.ids
        turns[row, : len(window.turns)] = window.turns
        agent[row, : len(window.agent)] = window.agent
    return {"input_ids": ids, "turns": turns, "agent": agent}
