"""What a task is: labelled items of a dataset, how to learn them, and how to judge predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoqa.evaluation.ceiling import Panel
from autoqa.evaluation.intervals import Estimate
from autoqa.experiments.tasks.dataset import Dataset
from autoqa.features.batch import Batch
from autoqa.features.views import Item
from autoqa.records import Evidence, LabelledTranscript, Rating
from autoqa.scorecard.schema import Criterion
from autoqa.scorers.linear import LinearScorer

Floats = NDArray[np.float64]
Metrics = Mapping[str, Estimate]

LONGEST_CLASSES = 7
"""Levels of the longest scale whose levels are hit or missed; longer ones measure, like a number.
"""


@dataclass(frozen=True)
class Examples:
    """Labelled items of one head.

    Attributes
    ----------
    items : list of Item
    raters : list of list of float
        What each person gave each item, in scale units.
    truth : array of shape (n_items,)
        The figure that ranks are compared with, usually the raters' mean.
    labels : array of shape (n_items,)
        The level that classes are compared with.
    shares : array of shape (n_items, n_levels)
        What models learn from.
    clusters : array of shape (n_items,)
        Items that belong together: resampled, and split, together.
    """

    items: list[Item]
    raters: list[list[float]]
    truth: Floats
    labels: NDArray[np.int_]
    shares: Floats
    clusters: NDArray[Any]
    communities: NDArray[Any]

    def __len__(self) -> int:
        return len(self.items)

    def take(self, rows: NDArray[Any]) -> Examples:
        """Return some of the examples, by index or mask."""
        index = np.flatnonzero(rows) if rows.dtype == bool else rows
        return Examples(
            [self.items[i] for i in index],
            [self.raters[i] for i in index],
            self.truth[index],
            self.labels[index],
            self.shares[index],
            self.clusters[index],
            self.communities[index],
        )

    def panel(self, rows: NDArray[Any] | None = None) -> Panel:
        """Return what people gave the items (or some of them, by index or mask) as a panel.

        Items are told apart by cluster and turn, so clusters have to be conversations.
        """
        chosen = self if rows is None else self.take(rows)
        keys = [
            (str(cluster), item.turn)
            for cluster, item in zip(chosen.clusters, chosen.items, strict=True)
        ]
        return Panel.from_items(dict(zip(keys, chosen.raters, strict=True)))


@dataclass(frozen=True)
class Predictions:
    """What a model says of a head's examples, in their order."""

    levels: NDArray[np.int_]
    expected: Floats
    probabilities: Floats
    evidence: list[tuple[Evidence, ...]] = field(default_factory=list)
    middle: float = 0.0  # the expected level of a typical item, where classes are cut
    unanswered: int = 0  # items that the model did not rate; see `from_ratings`


@dataclass(frozen=True)
class Judged:
    """Figures of one dataset.

    Attributes
    ----------
    ceiling : mapping or None
        What people reach on the same items.
    oracle : mapping or None
        What no model could beat, estimated by simulation; see `autoqa.evaluation.oracle`.
    """

    metrics: Metrics
    majority: Mapping[str, float]
    ceiling: Metrics | None
    n: int
    n_conversations: int
    oracle: Metrics | None = None


Labeller = Callable[[Dataset], dict[str, Examples]]
Judge = Callable[..., Judged]


@dataclass(frozen=True)
class Task:
    """One thing to measure.

    Attributes
    ----------
    name : str
    heads : tuple of Criterion
        What is learned, one model each.
    settings : mapping of str to mapping
        `TextModel` settings per head.
    examples : callable
        From a dataset to labelled items per head; raises DataError naming missing labels.
    judge : callable
        ``judge(dataset, examples, predictions, n_resamples=, seed=) -> Judged``.
    in_context : mapping of str to mapping
        Laid over `settings` where the encoder reads turns in their context already.
    """

    name: str
    heads: tuple[Criterion, ...]
    settings: Mapping[str, Mapping[str, Any]]
    examples: Labeller
    judge: Judge
    in_context: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def head(self, name: str) -> Criterion:
        """Return a head by its id."""
        return next(one for one in self.heads if one.id == name)


def gather(
    dataset: Dataset,
    criterion: Criterion,
    *,
    label: Callable[[Sequence[float]], int] | None = None,
    names: Sequence[str] = (),
    cluster: Callable[[LabelledTranscript], str] | None = None,
) -> Examples:
    """Collect people's ratings of a criterion as examples.

    Parameters
    ----------
    names : sequence of str, optional
        What the dataset calls the criterion; default, its id.
    label : callable, optional
        From all ratings of an item to its level; default, the level nearest to their mean (ties
        up, so that half the raters are enough for a yes).
    cluster : callable, optional
        Default, the conversation.
    """
    wanted = set(names or (criterion.id,))
    low, high = criterion.scale[0], criterion.scale[-1]
    items: list[Item] = []
    raters: list[list[float]] = []
    clusters: list[str] = []
    communities: list[str] = []
    for place, one in enumerate(dataset.labelled):
        by_turn: dict[int | None, list[float]] = {}
        for rating in one.ratings:
            if rating.criterion in wanted and rating.level is not None:
                value = rating.level if rating.expected is None else rating.expected
                by_turn.setdefault(rating.turn, []).append(float(value))
        for turn, given in by_turn.items():
            items.append(Item(place, turn))
            raters.append(given)
            clusters.append(cluster(one) if cluster else one.transcript.conversation_id)
            communities.append((one.transcript.source or dataset.name).rsplit("/", 1)[-1])
    truth = np.array([np.mean(given) for given in raters])
    if label is None:
        labels = np.clip(np.floor(truth + 0.5), low, high).astype(int)
    else:
        labels = np.array([label(given) for given in raters], int)
    return Examples(
        items,
        raters,
        truth,
        labels,
        _shares(raters, criterion.scale),
        np.array(clusters),
        np.array(communities),
    )


def _shares(raters: Sequence[Sequence[float]], scale: Sequence[int]) -> Floats:
    levels = np.array(scale, float)
    shares = np.zeros((len(raters), len(levels)))
    for row, given in enumerate(raters):
        for value in given:
            shares[row, np.abs(levels - value).argmin()] += 1 / len(given)
    return shares


def predict(
    scorer: LinearScorer, criterion: Criterion, batch: Batch, examples: Examples
) -> Predictions:
    """Return a scorer's word on examples."""
    ratings = scorer.rate_items(criterion, batch, examples.items)
    model = next(iter(scorer.models[criterion.id].models.values()))
    return from_ratings(ratings, criterion, model.base_rate_)


def from_ratings(ratings: Sequence[Rating], criterion: Criterion, base_rate: Floats) -> Predictions:
    """Return ratings as arrays, with an answer for every item.

    Whoever asks about every item counts silence as an answer too: an item that was not rated gets
    what can be said without reading it, the level that is commonest by `base_rate` (of equally
    common ones the lowest). Its probabilities are those of the rating, if it has any, so that
    ranks use what a hesitant model knew; otherwise they are `base_rate`.

    Parameters
    ----------
    base_rate : array of shape (n_levels,)
        How often the model gives each level.
    """
    scale = np.array(criterion.scale)
    commonest = int(scale[np.argmax(base_rate)])
    probabilities = np.array(
        [rating.probabilities or base_rate for rating in ratings], float
    ).reshape(-1, len(scale))
    return Predictions(
        np.array([commonest if r.level is None else r.level for r in ratings], int),
        probabilities @ scale.astype(float),
        probabilities,
        [rating.evidence for rating in ratings],
        middle=float(base_rate @ scale),
        unanswered=sum(rating.level is None for rating in ratings),
    )


__all__ = [
    "Dataset",
    "Examples",
    "Floats",
    "Judge",
    "Judged",
    "Labeller",
    "Metrics",
    "Predictions",
    "Task",
    "from_ratings",
    "gather",
    "predict",
]
