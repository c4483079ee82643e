"""What an evidence network is asked to learn: its settings, and the labels of its heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from autoqa.errors import DataError
from autoqa.features.batch import Batch
from autoqa.features.views import Item
from autoqa.scorers.evidence_inputs import Ints, Spans

Floats = NDArray[np.float64]
NetworkLink = Literal["ordinal", "multinomial"]
Decision = Literal["likeliest", "balanced", "expected"]

NOT_APPLICABLE = " (not applicable)"
"""Added to the name of a head for the head that says whether it applies; ids have no spaces."""

_LEAST_RATINGS = 20  # of a rater, below which a severity would be noise


@dataclass(frozen=True)
class EvidenceSettings:
    """How an evidence network is built and trained.

    Attributes
    ----------
    link : {"ordinal", "multinomial"}
        ``ordinal``: one score per head and ordered thresholds. ``multinomial``: one score per
        level, which may give the middle of a scale evidence of its own.
    width, layers, attention_heads, window : int
        Of the transformer over turns; a turn sees itself and the ``window - 1`` turns before it.
    reach : int
        Turns up to an item's own that may carry weight. Whole conversations have no such bound.
    vocabulary : int
        Most n-grams to keep; 0 leaves words out.
    learning_rate, word_learning_rate, weight_decay, dropout, epochs
        Of the training; tables of words learn at a rate of their own.
    word_penalty : float
        L2 penalty on words, in items: the more items, the less it holds back.
    severity_penalty : float
        L2 penalty on raters' severities, in items.
    conversations_at_once, least_steps : int
        Size of a step, and how many there are at least, however few the conversations.
    calibrate : bool
        Whether to train a first time without a fifth of the groups, to set temperatures on them.
    seed : int
    """

    link: NetworkLink = "ordinal"
    width: int = 128
    layers: int = 1
    attention_heads: int = 4
    window: int = 64
    reach: int = 512
    vocabulary: int = 8000
    dropout: float = 0.4
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    word_learning_rate: float = 3e-2
    word_penalty: float = 5.0
    severity_penalty: float = 5.0
    epochs: int = 12
    conversations_at_once: int = 32
    least_steps: int = 300
    calibrate: bool = True
    seed: int = 7

    def __post_init__(self) -> None:
        if self.link not in ("ordinal", "multinomial"):
            raise DataError(f"link: '{self.link}' is none of ordinal, multinomial")
        counts = ("width", "layers", "attention_heads", "window", "reach", "epochs")
        for name in (*counts, "conversations_at_once"):
            if getattr(self, name) < 1:
                raise DataError(f"{name}: {getattr(self, name)}, needs at least 1")
        if self.width % self.attention_heads:
            raise DataError(
                f"width: {self.width} cannot be shared among {self.attention_heads} attention heads"
            )


@dataclass(frozen=True)
class HeadLabels:
    """What a network learns one head from.

    Attributes
    ----------
    items : sequence of Item
    shares : array of shape (n_items, n_levels)
        Raters at each level, rows summing to 1; a row of zeros where ``na`` says that all raters
        found the head not applicable.
    levels : tuple of int
        Every level of the scale, lowest first.
    weights : array of shape (n_items,), optional
    groups : array of shape (n_items,), optional
        Items of one group are never split between fitting and calibration; default, the
        conversation.
    raters : sequence of sequences of (rater, level), optional
        Who gave which level to each item. Where given, every rating is learned from as it is,
        less its rater's severity, a number that is learned too and dropped at prediction: what
        is predicted is what the average rater would say. Items without pairs fall back on
        ``shares``.
    na : array of shape (n_items,), optional
        Share of raters who found the head not applicable.
    decision : {"likeliest", "balanced", "expected"}
        As in `autoqa.scorers.text_model.TextModel`.
    """

    items: Sequence[Item]
    shares: NDArray[Any]
    levels: tuple[int, ...]
    weights: NDArray[Any] | None = None
    groups: NDArray[Any] | None = None
    raters: Sequence[Sequence[tuple[str, int]]] | None = None
    na: NDArray[Any] | None = None
    decision: Decision = "likeliest"

    def answer_weights(self) -> Floats:
        """Return how much each item's level counts: less where the head did not apply to all."""
        n = len(self.items)
        weights = np.ones(n) if self.weights is None else np.asarray(self.weights, float)
        silent = np.zeros(n) if self.na is None else np.asarray(self.na, float)
        return np.asarray(weights * (1 - silent), float)

    def check(self, name: str, batch: Batch) -> None:
        """Raise DataError where the parts do not fit each other, or the batch."""
        n = len(self.items)
        columns = {"weights": self.weights, "groups": self.groups, "na": self.na}
        for what, column in {**columns, "raters": self.raters}.items():
            if column is not None and len(column) != n:
                raise DataError(f"{name}: {n} items but {len(column)} {what}")
        shares = np.asarray(self.shares, float)
        if shares.shape != (n, len(self.levels)):
            raise DataError(
                f"{name}: shares are of shape {shares.shape}, needed ({n}, {len(self.levels)}): a "
                f"row per item and a column per level {self.levels}"
            )
        totals = shares.sum(axis=1)
        silent = np.zeros(n, bool) if self.na is None else np.asarray(self.na, float) >= 1
        if (shares < 0).any() or not (np.isclose(totals, 1, atol=1e-6) | silent).all():
            raise DataError(f"{name}: shares of raters need rows that sum to 1, none below 0")
        for item in self.items:
            n_turns = len(batch.transcripts[item.transcript].turns)
            if item.turn is not None and not 0 <= item.turn < n_turns:
                raise DataError(
                    f"{name}: turn index {item.turn} is not one of the conversation's {n_turns} "
                    "turns (counted from 0)"
                )
        for given in self.raters or ():
            for rater, level in given:
                if level not in self.levels:
                    raise DataError(
                        f"{name}: {rater} gave level {level}, not on the scale {self.levels}"
                    )


@dataclass(frozen=True, eq=False)
class Lessons:
    """What one head learns from: items, and the answers that people gave to them.

    Attributes
    ----------
    spans : Spans
        Ordered by conversation.
    groups : array of shape (n_items,)
    item : array of shape (n_answers,)
        Which item each answer is to, in the order of the items.
    rater : array of shape (n_answers,)
        Index into `names`; 0 for raters without a severity of their own.
    target : array of shape (n_answers, n_levels)
    weight : array of shape (n_answers,)
    names : tuple of str
        Raters; the first stands for all others.
    """

    spans: Spans
    groups: NDArray[Any]
    item: Ints
    rater: Ints
    target: Floats
    weight: Floats
    names: tuple[str, ...] = ("",)

    def take(self, keep: NDArray[np.bool_]) -> Lessons:
        """Return the lessons of some items."""
        rows = np.flatnonzero(keep)
        answers = keep[self.item]
        place = np.cumsum(keep) - 1
        return Lessons(
            self.spans.take(rows),
            self.groups[rows],
            place[self.item[answers]],
            self.rater[answers],
            self.target[answers],
            self.weight[answers],
            self.names,
        )

    def base_rate(self) -> Floats:
        """Share of each level among the answers."""
        return np.asarray(np.average(self.target, axis=0, weights=self.weight))

    @property
    def n_levels(self) -> int:
        """Levels that somebody chose."""
        return int((self.target.sum(axis=0) > 0).sum())

    def item_targets(self) -> tuple[Floats, Floats]:
        """Return per item the mean answer, and the weight of all its answers."""
        n = len(self.groups)
        weight = np.bincount(self.item, self.weight, minlength=n).astype(float)
        columns = [
            np.bincount(self.item, self.weight * column, minlength=n) for column in self.target.T
        ]
        mean = np.column_stack(columns) / np.maximum(weight, 1e-12)[:, None]
        return mean, weight


def lessons_of(labels: HeadLabels, starts: Ints, reach: int, names: Sequence[str]) -> Lessons:
    """Bring labels into the order of conversations, one answer per item, or per rating.

    Parameters
    ----------
    names : sequence of str
        Conversation ids, which are the groups where none are given.
    """
    order = np.argsort([item.transcript for item in labels.items], kind="stable")
    items = [labels.items[i] for i in order]
    weights = labels.answer_weights()
    groups = labels.groups
    if groups is None:
        groups = np.array([names[item.transcript] for item in labels.items], dtype=object)
    shares = np.asarray(labels.shares, float)
    known = _known_raters(labels.raters)
    answers: list[tuple[int, int, Floats, float]] = []
    ones = np.eye(len(labels.levels))
    for place, row in enumerate(order):
        given = labels.raters[row] if labels.raters is not None else ()
        for rater, level in given:
            target = ones[labels.levels.index(level)]
            answers.append((place, known.get(rater, 0), target, weights[row] / len(given)))
        if not given:
            answers.append((place, 0, shares[row], weights[row]))
    kept = [answer for answer in answers if answer[3] > 0]
    return Lessons(
        spans=Spans.of(starts, items, reach),
        groups=np.asarray(groups, dtype=object)[order],
        item=np.array([a[0] for a in kept], np.int64),
        rater=np.array([a[1] for a in kept], np.int64),
        target=np.array([a[2] for a in kept], float).reshape(-1, len(labels.levels)),
        weight=np.array([a[3] for a in kept], float),
        names=("", *known),
    )


def _known_raters(raters: Sequence[Sequence[tuple[str, int]]] | None) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for given in raters or ():
        for rater, _ in given:
            counts[rater] = counts.get(rater, 0) + 1
    names = sorted(rater for rater, count in counts.items() if count >= _LEAST_RATINGS)
    return {rater: place for place, rater in enumerate(names, start=1)}


def with_applicability(labels: Mapping[str, HeadLabels]) -> dict[str, HeadLabels]:
    """Add a head of its own for every one that was ever found not applicable."""
    found = dict(labels)
    for name, one in labels.items():
        if one.na is None or not np.any(np.asarray(one.na, float) > 0):
            continue
        silent = np.asarray(one.na, float)
        found[name + NOT_APPLICABLE] = HeadLabels(
            items=one.items,
            shares=np.column_stack([1 - silent, silent]),
            levels=(0, 1),
            weights=one.weights,
            groups=one.groups,
        )
    return found


def set_apart(
    lessons: Mapping[str, Lessons], share: float, seed: int
) -> tuple[dict[str, Lessons], dict[str, Lessons]]:
    """Set a share of all groups apart, and return what is left, and what was taken, by head."""
    groups = sorted({str(group) for one in lessons.values() for group in one.groups})
    chosen = np.random.default_rng(seed).permutation(groups)
    unseen = set(chosen[: int(len(groups) * share)].tolist())
    apart = {
        name: np.array([str(group) in unseen for group in one.groups], bool)
        for name, one in lessons.items()
    }
    # A conversation may be of an unseen group for one head, and of a seen one for another.
    hidden = np.concatenate([one.spans.conversation[apart[n]] for n, one in lessons.items()])
    rest = {
        name: one.take(~apart[name] & ~np.isin(one.spans.conversation, hidden))
        for name, one in lessons.items()
    }
    return rest, {name: one.take(apart[name]) for name, one in lessons.items()}


def common_sources(batch: Batch, lessons: Mapping[str, Lessons], least: int) -> tuple[str, ...]:
    """Return the sources that have at least so many labels."""
    counts: dict[str, int] = {}
    for one in lessons.values():
        for conversation in one.spans.conversation:
            source = batch.transcripts[conversation].source or ""
            counts[source] = counts.get(source, 0) + 1
    return tuple(sorted(k for k, count in counts.items() if k and count >= least))
