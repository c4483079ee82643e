"""The layers of an evidence network. torch is imported here, and nowhere before it is needed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from autoqa.features.statistics import STATISTICS
from autoqa.scorers.evidence_inputs import N_PACE, N_SIDES, Spans, Turns, ranges
from autoqa.scorers.evidence_labels import EvidenceSettings, NetworkLink

_GATE_WIDTH = 64
_EXACT = 16  # distances told apart one by one; beyond them, by powers of two
_DISTANCES = _EXACT + 3
_LEAST_GAP = 0.02  # between thresholds, so that no level has a probability of 0


@dataclass(frozen=True)
class Columns:
    """Where the values of one head are among the columns of all heads."""

    place: int
    n_levels: int
    start: int
    width: int

    @property
    def part(self) -> slice:
        """The head's columns."""
        return slice(self.start, self.start + self.width)


def columns_of(heads: Mapping[str, int], link: NetworkLink) -> dict[str, Columns]:
    """Lay out the columns of heads, given their numbers of levels.

    An ordinal head has one score, a multinomial head one per level.
    """
    found: dict[str, Columns] = {}
    start = 0
    for place, (name, n_levels) in enumerate(heads.items()):
        width = 1 if link == "ordinal" else n_levels
        found[name] = Columns(place, n_levels, start, width)
        start += width
    return found


def banded_attention(query: Tensor, key: Tensor, value: Tensor, *, window: int) -> Tensor:
    """Attend from every turn to itself and the ``window - 1`` turns before it.

    Long conversations are cut into blocks of `window` turns, which see their own block and the one
    before: memory grows with ``n_turns * window``.

    Parameters
    ----------
    query, key, value : tensors of shape (n, n_heads, n_turns, width)
    """
    n_turns = query.shape[2]
    if n_turns <= window:
        return functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    blocks = math.ceil(n_turns / window)
    missing = blocks * window - n_turns
    q = functional.pad(query, (0, 0, 0, missing)).unflatten(2, (blocks, window))
    k, v = (
        functional.pad(x, (0, 0, window, missing)).unfold(2, 2 * window, window).transpose(-1, -2)
        for x in (key, value)
    )
    within = torch.arange(window)[:, None] + window - torch.arange(2 * window)[None, :]
    seen = ((within >= 0) & (within < window)).repeat(blocks, 1, 1)
    seen[0, :, :window] = False  # there is no block before the first
    found = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)
    return found.flatten(2, 3)[:, :, :n_turns]


class Block(nn.Module):  # type: ignore[misc]  # torch is not type-checked
    """One pre-norm transformer layer over turns, causal and windowed."""

    def __init__(self, settings: EvidenceSettings) -> None:
        super().__init__()
        width = settings.width
        self.heads, self.window = settings.attention_heads, settings.window
        self.before_attention, self.before_mixing = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inward, self.outward = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mixing = nn.Sequential(
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Dropout(settings.dropout / 2),
            nn.Linear(2 * width, width),
        )
        self.drop = nn.Dropout(settings.dropout / 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return turns in context, of the same shape (n, n_turns, width)."""
        inward = self.inward(self.before_attention(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = inward.permute(2, 0, 3, 1, 4)
        seen = banded_attention(query, key, value, window=self.window)
        x = x + self.drop(self.outward(seen.transpose(1, 2).flatten(2)))
        return x + self.drop(self.mixing(self.before_mixing(x)))


@dataclass(frozen=True, eq=False)
class TurnInputs:
    """Some conversations as tensors; turns one after the other, and where they go when padded."""

    places: Tensor  # (n_turns,) in the padded table, row by row
    shape: tuple[int, int]  # conversations, and turns of the longest
    conversation: Tensor  # (n_turns,)
    vectors: Tensor
    side: Tensor
    pace: Tensor
    words: tuple[Tensor, Tensor, Tensor]  # n-grams of all turns, where each turn's begin, weights
    source: Tensor  # (n_conversations,)


def turn_inputs(
    turns: Turns, conversations: NDArray[Any], source: NDArray[Any], n_words: int
) -> TurnInputs:
    """Gather the turns of some conversations that have any."""
    starts, stops = turns.starts[conversations], turns.starts[conversations + 1]
    rows, owner = ranges(starts, stops)
    longest = int((stops - starts).max())
    words = turns.words[rows]
    side = turns.side[rows]
    tables = np.repeat(side, np.diff(words.indptr)) * n_words + words.indices
    return TurnInputs(
        places=torch.from_numpy(owner * longest + rows - starts[owner]),
        shape=(len(conversations), longest),
        conversation=torch.from_numpy(owner),
        vectors=torch.from_numpy(np.ascontiguousarray(turns.vectors[rows], np.float32)),
        side=torch.from_numpy(side),
        pace=torch.from_numpy(turns.pace[rows]),
        words=(
            torch.from_numpy(tables.astype(np.int64)),
            torch.from_numpy(words.indptr[:-1].astype(np.int64)),
            torch.from_numpy(words.data.astype(np.float32)),
        ),
        source=torch.from_numpy(np.asarray(source[conversations], np.int64)),
    )


@dataclass(frozen=True, eq=False)
class ItemInputs:
    """Some items as tensors: pairs of an item and a turn that it may rest on."""

    turn: Tensor  # (n_pairs,)
    owner: Tensor  # (n_pairs,) item
    distance: Tensor  # (n_pairs,) class of the distance to the item's own turn
    whole: Tensor  # (n_items,) 1 where the item is a whole conversation
    statistics: Tensor  # (n_items, n_statistics)
    source: Tensor  # (n_items,)


def item_inputs(spans: Spans, statistics: NDArray[np.float32], source: NDArray[Any]) -> ItemInputs:
    """Gather items.

    Parameters
    ----------
    spans : Spans
        In terms of the turns that were read together.
    statistics : array of shape (n_items, n_statistics)
    source : array of shape (n_items,)
    """
    turn, owner = ranges(spans.start, spans.stop)
    distance = spans.stop[owner] - 1 - turn
    far = _EXACT + np.log2(np.maximum(distance, _EXACT) / _EXACT).astype(np.int64)
    kind = np.where(distance < _EXACT, distance, np.minimum(far, _DISTANCES - 1))
    return ItemInputs(
        turn=torch.from_numpy(turn),
        owner=torch.from_numpy(owner),
        distance=torch.from_numpy(kind),
        whole=torch.from_numpy(spans.whole.astype(np.int64)),
        statistics=torch.from_numpy(statistics),
        source=torch.from_numpy(np.asarray(source, np.int64)),
    )


def statistics_at(turns: Turns, spans: Spans) -> NDArray[np.float32]:
    """Statistics as they stood at the end of each span; zeros before the first turn."""
    n_turns = len(turns.side)
    if not n_turns:
        return np.zeros((len(spans.stop), len(STATISTICS)), np.float32)
    rows = turns.statistics[np.maximum(spans.stop - 1, 0)]
    return np.where((spans.stop > spans.start)[:, None], rows, np.float32(0))


@dataclass(frozen=True, eq=False)
class Terms:
    """The terms of some items' scores; their sum is the score.

    Attributes
    ----------
    turns : tensor of shape (n_pairs, width)
    statistics, bias : tensors of shape (n_items, width), (n_items, n_outputs)
    owner : tensor of shape (n_pairs,)
    """

    turns: Tensor
    statistics: Tensor
    bias: Tensor
    owner: Tensor

    def logits(self) -> Tensor:
        """Return the sums, shape (n_items, n_outputs)."""
        # Ordinal heads have one score, and a bias per threshold that it is compared with.
        return self.statistics.index_add(0, self.owner, self.turns) + self.bias


class EvidenceLayers(nn.Module):  # type: ignore[misc]  # torch is not type-checked
    """Turns in context, what each says to each head, and how much weight it carries.

    Parameters
    ----------
    heads : mapping of str to Columns
    base_rates : mapping of str to array of shape (n_levels,)
        Where each head's bias begins.
    recent : set of str
        Heads whose labels are of moments, where the latest turns weigh most to begin with.
    """

    def __init__(
        self,
        settings: EvidenceSettings,
        heads: Mapping[str, Columns],
        *,
        dimension: int,
        n_words: int,
        n_sources: int,
        base_rates: Mapping[str, NDArray[Any]] | None = None,
        recent: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__()
        self.heads, self.n_words, self.link = dict(heads), n_words, settings.link
        width, n_columns = settings.width, sum(one.width for one in heads.values())
        self.vectors = nn.Linear(dimension, width)
        self.sides = nn.Embedding(N_SIDES, width)
        self.pace = nn.Linear(N_PACE, width)
        self.sources = nn.Embedding(n_sources + 1, width)  # the first stands for all others
        self.blocks = nn.ModuleList([Block(settings) for _ in range(settings.layers)])
        self.norm = nn.LayerNorm(width)
        self.look, self.admit = nn.Linear(width, _GATE_WIDTH), nn.Linear(width, _GATE_WIDTH)
        self.gate = nn.Linear(_GATE_WIDTH, len(heads), bias=False)
        self.value = nn.Linear(width, n_columns)
        self.words = nn.EmbeddingBag(max(N_SIDES * n_words, 1), n_columns, mode="sum")
        nn.init.zeros_(self.words.weight)
        self.near = nn.Parameter(_nearness(heads, recent))  # kind of item, head, distance
        self.side_weight = nn.Parameter(torch.zeros(len(heads), N_SIDES))
        self.statistics = nn.Linear(len(STATISTICS), n_columns, bias=False)
        self.bias = nn.Embedding(n_sources + 1, n_columns)
        self.whole = nn.Parameter(torch.zeros(n_columns))
        nn.init.zeros_(self.bias.weight)
        self.steps = nn.ParameterDict()
        for name, one in heads.items():
            rates = (base_rates or {}).get(name, np.full(one.n_levels, 1 / one.n_levels))
            self._begin(one, np.asarray(rates, float))
        self.register_buffer("statistics_mean", torch.zeros(len(STATISTICS)))
        self.register_buffer("statistics_scale", torch.ones(len(STATISTICS)))
        self.drop = nn.Dropout(settings.dropout)

    def _begin(self, one: Columns, rates: NDArray[Any]) -> None:
        """Let a head begin with the shares of its levels."""
        rates = np.clip(rates, 1e-3, None)
        rates = rates / rates.sum()
        if self.link == "multinomial":
            with torch.no_grad():
                self.bias.weight[:, one.part] = torch.from_numpy(np.log(rates)).float()
            return
        above = np.clip(np.cumsum(rates[::-1])[::-1][1:], 1e-3, 1 - 1e-3)
        thresholds = -np.log(above / (1 - above))
        gaps = np.maximum(np.diff(thresholds) - _LEAST_GAP, 1e-3)
        raw = np.concatenate([thresholds[:1], np.log(np.expm1(gaps))])
        self.steps[str(one.place)] = nn.Parameter(torch.from_numpy(raw).float())

    def forward(self, inputs: TurnInputs) -> tuple[Tensor, Tensor]:
        """Return gates (n_turns, n_heads) and values (n_turns, n_columns) of turns."""
        x = self.vectors(self.drop(inputs.vectors)) + self.sides(inputs.side)
        x = x + self.pace(inputs.pace) + self.sources(inputs.source)[inputs.conversation]
        n, longest = inputs.shape
        # Padding comes after the turns, where causal attention does not look.
        table = x.new_zeros(n * longest, x.shape[-1]).index_copy(0, inputs.places, x)
        table = table.unflatten(0, (n, longest))
        for block in self.blocks:
            table = block(table)
        x = self.norm(table.flatten(0, 1).index_select(0, inputs.places))
        values = self.value(self.drop(x))
        if self.n_words:
            grams, offsets, weights = inputs.words
            values = values + self.words(grams, offsets, per_sample_weights=weights)
        gates = self.gate(torch.tanh(self.look(x)) * torch.sigmoid(self.admit(x)))
        by_side = self.side_weight.T.index_select(0, inputs.side)
        return gates + by_side, values

    def terms(self, head: str, gates: Tensor, values: Tensor, items: ItemInputs) -> Terms:
        """Return the terms of a head's scores of items, given its gates and values of turns.

        Runs in the precision of `values`.
        """
        one = self.heads[head]
        kind = items.whole.index_select(0, items.owner)
        near = self.near[:, one.place].flatten().to(values.dtype)
        scores = gates[:, one.place].index_select(0, items.turn)
        scores = scores + near.index_select(0, kind * _DISTANCES + items.distance)
        said = values[:, one.part].index_select(0, items.turn)
        share = attention_shares(scores, items.owner, len(items.whole))
        standard = (items.statistics - self.statistics_mean) / self.statistics_scale
        weights = self.statistics.weight[one.part].to(values.dtype)
        bias = self.bias.weight[:, one.part].index_select(0, items.source)
        bias = (bias + items.whole[:, None] * self.whole[one.part]).to(values.dtype)
        if self.link == "ordinal":
            bias = bias - self.thresholds(head).to(values.dtype)
        return Terms(
            turns=share[:, None] * said,
            statistics=standard.to(values.dtype) @ weights.T,
            bias=bias,
            owner=items.owner,
        )

    def thresholds(self, head: str) -> Tensor:
        """Return an ordinal head's thresholds, rising, shape (n_levels - 1,)."""
        raw = self.steps[str(self.heads[head].place)]
        gaps = functional.softplus(raw[1:]) + _LEAST_GAP
        return raw[0] + torch.cat([raw.new_zeros(1), gaps.cumsum(0)])

    def set_statistics(self, seen: NDArray[np.float32]) -> None:
        """Bring statistics to the scale of those seen, shape (n_turns, n_statistics)."""
        spread = seen.std(axis=0)
        spread[spread < 1e-6] = 1.0
        self.statistics_mean.copy_(torch.from_numpy(seen.mean(axis=0)))
        self.statistics_scale.copy_(torch.from_numpy(spread))

    def shift(self, head: str, by: NDArray[Any]) -> None:
        """Take a constant from what every turn says, and give it to the bias.

        Attention shares sum to 1, so no score changes where there are turns; what turns say is then
        told apart from what is usual.
        """
        part = self.heads[head].part
        with torch.no_grad():
            moved = torch.from_numpy(by).float()
            self.value.bias[part] -= moved
            self.bias.weight[:, part] += moved


def attention_shares(scores: Tensor, owner: Tensor, n: int) -> Tensor:
    """Softmax of scores within each owner."""
    top = scores.new_full((n,), -torch.inf)
    top = top.scatter_reduce(0, owner, scores.detach(), "amax", include_self=False)
    weight = torch.exp(scores - top.index_select(0, owner))
    total = scores.new_zeros(n).index_add(0, owner, weight)
    return weight / total.index_select(0, owner)


def _nearness(heads: Mapping[str, Columns], recent: frozenset[str]) -> Tensor:
    """Attention by distance to begin with: the latest turns of moments, all turns alike else."""
    fading = np.array([2.0, 1.5, *(-0.3 * np.minimum(np.arange(_DISTANCES - 2), _EXACT - 3))])
    table = np.zeros((2, len(heads), _DISTANCES), np.float32)
    for name, one in heads.items():
        if name in recent:
            table[:, one.place] = fading
    return torch.from_numpy(table)
