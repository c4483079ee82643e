"""Asking a head about changed conversations, and which of a dataset's items to ask about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from autoqa.experiments.tasks.base import Examples, Floats, Predictions, predict
from autoqa.experiments.tasks.dataset import Dataset
from autoqa.features.batch import Batch
from autoqa.features.encoders import Encoder
from autoqa.features.views import Item
from autoqa.records import Evidence, Transcript
from autoqa.scorecard.schema import Criterion
from autoqa.scorers.linear import LinearScorer
from autoqa.scorers.sentences import sentence_evidence

Ask: TypeAlias = Callable[[Batch, Examples], Predictions]
"""What a model says of the items of examples; of the examples, nothing else matters."""

Quote: TypeAlias = Callable[[Batch, Examples], list[tuple[Evidence, ...]]]
"""What it rests on, strongest first."""

MOST_ITEMS = 300
MOST_TURNS = 2500
"""Of each head that are tried, the turns in whole conversations: all are scored many times."""

_AT_ONCE = 256  # conversations in one batch: bounds memory


@dataclass(frozen=True)
class AskedHead:
    """A head, and how its model is asked.

    Attributes
    ----------
    criterion : Criterion
    ask, quote : callable
    encoders : mapping of str to Encoder
    """

    criterion: Criterion
    ask: Ask
    quote: Quote
    encoders: Mapping[str, Encoder]

    def predictions(self, transcripts: Sequence[Transcript], examples: Examples) -> Predictions:
        """Return what the model says of each example's conversation in a changed version.

        Parameters
        ----------
        transcripts : sequence of Transcript
            One per example, in order; only the turns of the examples' items matter.
        """
        return joined([self.ask(*part) for part in self._parts(transcripts, examples)])

    def evidence(
        self, transcripts: Sequence[Transcript], examples: Examples
    ) -> list[tuple[Evidence, ...]]:
        """Return what the model's word on each example rests on, strongest first."""
        parts = self._parts(transcripts, examples)
        return [quoted for part in parts for quoted in self.quote(*part)]

    def _parts(
        self, transcripts: Sequence[Transcript], examples: Examples
    ) -> Iterator[tuple[Batch, Examples]]:
        for start in range(0, len(transcripts), _AT_ONCE):
            some = transcripts[start : start + _AT_ONCE]
            part = examples.take(np.arange(start, start + len(some)))
            # Moments of one conversation share it, and all that is computed from it.
            distinct = {id(transcript): transcript for transcript in some}
            place = {key: i for i, key in enumerate(distinct)}
            items = [
                Item(place[id(transcript)], item.turn)
                for transcript, item in zip(some, part.items, strict=True)
            ]
            yield (
                Batch(list(distinct.values()), encoders=self.encoders),
                replace(part, items=items),
            )

    def points(self, expected: Floats) -> Floats:
        """Return expected levels in points of 100 of the criterion's scale."""
        low, high = self.criterion.scale[0], self.criterion.scale[-1]
        return np.asarray(100 * (expected - low) / (high - low), float)

    def rescore(self, transcripts: Sequence[Transcript], turns: Sequence[int | None]) -> Floats:
        """Return scores in points of 100 of conversations as they stood after a turn."""
        return self.points(self.predictions(transcripts, unlabelled(turns)).expected)


def asked_head(scorer: LinearScorer, encoders: Mapping[str, Encoder]) -> AskedHead:
    """Return how a scorer of one criterion is asked.

    Where single turns are rated, what it rests on are the sentences it would quote; see
    `autoqa.scorers.sentences`.
    """
    (criterion,) = scorer.criteria

    def ask(batch: Batch, examples: Examples) -> Predictions:
        return predict(scorer, criterion, batch, examples)

    def quote(batch: Batch, examples: Examples) -> list[tuple[Evidence, ...]]:
        if criterion.unit == "turn":
            return sentence_evidence(scorer, criterion, batch, examples.items)
        return predict(scorer, criterion, batch, examples).evidence

    return AskedHead(criterion, ask, quote, encoders)


def joined(parts: Sequence[Predictions]) -> Predictions:
    """Return predictions of one model on several batches as one, without their evidence."""
    return Predictions(
        np.concatenate([part.levels for part in parts]),
        np.concatenate([part.expected for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        middle=parts[0].middle,
        unanswered=sum(part.unanswered for part in parts),
    )


def unlabelled(turns: Sequence[int | None]) -> Examples:
    """Return items that nobody rated, one per conversation."""
    n = len(turns)
    return Examples(
        [Item(i, turn) for i, turn in enumerate(turns)],
        [[] for _ in turns],
        np.zeros(n),
        np.zeros(n, int),
        np.zeros((n, 0)),
        np.arange(n),
        np.zeros(n, str),
    )


def transcripts_of(dataset: Dataset, examples: Examples) -> list[Transcript]:
    """Return the conversation of every example, in order."""
    return [dataset.labelled[item.transcript].transcript for item in examples.items]


def sample(dataset: Dataset, examples: Examples, *, seed: int) -> Examples:
    """Return at most `MOST_ITEMS` examples, of conversations of some `MOST_TURNS` turns in all.

    Same seed, same items; they come in the dataset's order.
    """
    of_item = np.array([item.transcript for item in examples.items])
    chosen: list[int] = []
    n_turns = 0
    for conversation in shuffled(of_item, seed=seed):
        chosen.append(conversation)
        n_turns += len(dataset.labelled[conversation].transcript.turns)
        if n_turns >= MOST_TURNS:
            break
    rows = np.flatnonzero(np.isin(of_item, chosen))
    return examples.take(rows[some_of(len(rows), seed=seed)])


def shuffled(conversations: NDArray[np.int_], *, seed: int) -> list[int]:
    """Return the distinct conversations in an order drawn by the seed."""
    order = np.random.default_rng(seed).permutation(np.unique(conversations))
    return [int(conversation) for conversation in order]


def some_of(n: int, *, seed: int) -> NDArray[np.int_]:
    """Return at most `MOST_ITEMS` of the first `n` numbers, drawn by the seed, in order."""
    return np.sort(np.random.default_rng(seed).permutation(n)[:MOST_ITEMS])
