"""Reading conversations with trained layers: what every turn says, and the sums of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autoqa.errors import ModelError
from autoqa.features.batch import Batch
from autoqa.features.ngrams import TurnNgrams
from autoqa.features.views import Item
from autoqa.scorers.evidence_inputs import Ints, Spans, Turns, ranges, read_turns
from autoqa.scorers.evidence_labels import EvidenceSettings, Floats, Lessons
from autoqa.scorers.evidence_layers import (
    EvidenceLayers,
    columns_of,
    item_inputs,
    statistics_at,
    turn_inputs,
)
from autoqa.scorers.text_features import batch_encoder

_PAIRS_AT_ONCE = 2**18  # of an item and a turn: bounds memory
_READ_TOGETHER = 64  # conversations
_PADDED_AT_ONCE = 8192  # turns, padding among them


@dataclass(frozen=True, eq=False)
class Explanation:
    """The terms of one item's logits, which add up to them.

    Attributes
    ----------
    turns : int array of shape (n_turns,)
        The turns that the item may rest on.
    parts : array of shape (n_turns, n_outputs)
        What each adds to each output: one output per step of an ordinal scale (the same part for
        every step), one per level of a multinomial one.
    statistics, bias, logits : arrays of shape (n_outputs,)
        ``logits == bias + statistics + parts.sum(axis=0)``, before the temperature.
    """

    turns: NDArray[np.int_]
    parts: Floats
    statistics: Floats
    bias: Floats
    logits: Floats


@dataclass(frozen=True, eq=False)
class NetworkReader:
    """Layers, and what they need to read a batch.

    Attributes
    ----------
    levels : mapping of str to int
        Heads, and how many levels each has.
    encoder : str
        Whose vectors are read; see `autoqa.scorers.text_features.encoder_key`.
    sources : tuple of str
        Sources of conversations that have a bias of their own.
    """

    settings: EvidenceSettings
    levels: Mapping[str, int]
    encoder: str
    dimension: int
    ngrams: TurnNgrams
    sources: tuple[str, ...]
    layers: EvidenceLayers

    @classmethod
    def new(
        cls,
        settings: EvidenceSettings,
        levels: Mapping[str, int],
        *,
        encoder: str,
        dimension: int,
        ngrams: TurnNgrams,
        sources: tuple[str, ...],
        base_rates: Mapping[str, Floats] | None = None,
        recent: frozenset[str] = frozenset(),
    ) -> NetworkReader:
        """Return a reader whose layers have learned nothing; see `EvidenceLayers`."""
        layers = EvidenceLayers(
            settings,
            columns_of(levels, settings.link),
            dimension=dimension,
            n_words=len(ngrams.vocabulary),
            n_sources=len(sources),
            base_rates=base_rates,
            recent=recent,
        ).eval()
        return cls(settings, levels, encoder, dimension, ngrams, sources, layers)

    @cached_property
    def version(self) -> str:
        """Hash of settings and weights, which must not change after this was asked for."""
        about = [asdict(self.settings), dict(self.levels), self.encoder, list(self.sources)]
        digest = hashlib.sha256(json.dumps([*about, self.ngrams.key], sort_keys=True).encode())
        for name, array in sorted(self.arrays().items()):
            digest.update(f"{name}{array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()[:12]

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the weights by name."""
        return {
            name: np.ascontiguousarray(tensor.detach().numpy(), np.float32)
            for name, tensor in self.layers.state_dict().items()
        }

    def turns(self, batch: Batch) -> Turns:
        """Return a batch's turns as arrays.

        Raises
        ------
        ModelError
            If their vectors are of another encoder.
        """
        found = batch_encoder(batch) if batch.transcripts else self.encoder
        if found != self.encoder:
            raise ModelError(
                f"the network was trained on vectors of encoder {self.encoder}, but {found} is "
                "set up for this language; use that encoder, or train the network again"
            )
        return read_turns(batch, self.ngrams)

    def source_of(self, batch: Batch) -> Ints:
        """Every conversation's place among the known sources; 0 where it is none of them."""
        places = {name: place for place, name in enumerate(self.sources, start=1)}
        return np.array([places.get(t.source or "", 0) for t in batch.transcripts], np.int64)

    def spans(self, batch: Batch, items: Sequence[Item]) -> Spans:
        """Return the turns that items may rest on."""
        return Spans.of(self.turns(batch).starts, items, self.settings.reach)

    def scored(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return gates and values of all turns of a batch, in double precision.

        Computed once per batch, whatever the number of heads and items.
        """
        return batch.once(("evidence network", self.version), lambda: self._score(batch))

    def _score(self, batch: Batch) -> tuple[Tensor, Tensor]:
        turns, source = self.turns(batch), self.source_of(batch)
        n_turns = len(turns.side)
        gates = torch.zeros(n_turns, len(self.levels), dtype=torch.float64)
        values = torch.zeros(n_turns, self.layers.value.out_features, dtype=torch.float64)
        with torch.inference_mode():
            for members in _read_together(np.diff(turns.starts)):
                some = self.layers(turn_inputs(turns, members, source, self.layers.n_words))
                rows, _ = ranges(turns.starts[members], turns.starts[members + 1])
                gates[torch.from_numpy(rows)] = some[0].double()
                values[torch.from_numpy(rows)] = some[1].double()
        return gates, values

    def terms(
        self, head: str, batch: Batch, spans: Spans
    ) -> Iterator[tuple[slice, tuple[Floats, Floats, Floats, Floats]]]:
        """Yield some items with the terms of turns, of statistics, of bias, and their sums."""
        turns, source = self.turns(batch), self.source_of(batch)
        gates, values = self.scored(batch)
        for chunk in spans.chunks(_PAIRS_AT_ONCE):
            some = spans.take(chunk)
            with torch.inference_mode():
                items = item_inputs(some, statistics_at(turns, some), source[some.conversation])
                found = self.layers.terms(head, gates, values, items)
                parts = (found.turns, found.statistics, found.bias, found.logits())
            of_turns, statistics, bias, logits = (np.asarray(x.numpy(), float) for x in parts)
            yield chunk, (of_turns, statistics, bias, logits)

    def logits(self, head: str, batch: Batch, spans: Spans) -> Floats:
        """Return a head's logits, shape (n_items, n_outputs)."""
        return np.concatenate([logits for _, (*_, logits) in self.terms(head, batch, spans)])

    def explain(self, head: str, batch: Batch, items: Sequence[Item]) -> list[Explanation]:
        """Return the terms of every item's logits."""
        spans = self.spans(batch, items)
        first = spans.start - self.turns(batch).starts[spans.conversation]
        lengths = spans.stop - spans.start
        found: list[Explanation] = []
        for chunk, (of_turns, statistics, bias, logits) in self.terms(head, batch, spans):
            n_outputs = logits.shape[1]
            ends = np.cumsum(lengths[chunk])
            for row, end in enumerate(ends):
                place = chunk.start + row
                parts = of_turns[end - lengths[place] : end]
                found.append(
                    Explanation(
                        turns=first[place] + np.arange(lengths[place]),
                        # An ordinal head's one score goes to every step of its scale.
                        parts=np.tile(parts, (1, n_outputs // parts.shape[1])),
                        statistics=np.resize(statistics[row], n_outputs),
                        bias=bias[row],
                        logits=logits[row],
                    )
                )
        return found

    def usual_values(self, head: str, batch: Batch, lessons: Lessons) -> Floats:
        """Return what turns say to a head on average over items, by attention, per column."""
        total = np.zeros(self.layers.heads[head].width)
        for _, (of_turns, *_) in self.terms(head, batch, lessons.spans):
            total += of_turns.sum(axis=0)
        some = (lessons.spans.stop > lessons.spans.start).sum()
        return np.asarray(total / max(int(some), 1), float)


def _read_together(lengths: Ints) -> Iterator[Ints]:
    """Yield conversations that have turns, of similar lengths, within a bound on padding."""
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    begin = 0
    for place in range(1, len(order) + 1):
        size = place + 1 - begin
        if (
            place == len(order)
            or size > _READ_TOGETHER
            or size * lengths[order[place]] > _PADDED_AT_ONCE
        ):
            yield order[begin:place]
            begin = place
