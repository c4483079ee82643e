"""What a task is: labelled items of a dataset, how to learn them, and how to judge predictions."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoqa.errors import DataError
from autoqa.evaluation.intervals import Estimate
from autoqa.features.batch import Batch
from autoqa.features.views import Item
from autoqa.readers import Quarantine, read
from autoqa.records import Evidence, LabelledTranscript, Rating, Transcript
from autoqa.scorecard.schema import Criterion
from autoqa.scorers.linear import LinearScorer

Floats = NDArray[np.float64]
Metrics = Mapping[str, Estimate]


@dataclass(frozen=True)
class Dataset:
    """A folder in the uniform schema: conversations, their labels, and points to predict at."""

    name: str
    path: Path
    labelled: tuple[LabelledTranscript, ...]
    points: Mapping[tuple[str, int | None], int] = field(default_factory=dict)  # -> label3
    sha256: str = ""

    @property
    def transcripts(self) -> list[Transcript]:
        """What models may see."""
        return [one.transcript for one in self.labelled]

    def where(self, keep: Callable[[LabelledTranscript], bool]) -> Dataset:
        """Return the dataset with some of its conversations."""
        kept = tuple(one for one in self.labelled if keep(one))
        return Dataset(self.name, self.path, kept, self.points, self.sha256)

    def held_out(self) -> Dataset:
        """Return what models were not meant to learn from.

        The conversations of ``eval_points*.csv`` where there is such a file, otherwise those of
        other splits than ``train``, otherwise all.
        """
        if self.points:
            named = {conversation for conversation, _ in self.points}
            return self.where(lambda one: one.transcript.conversation_id in named)
        held = self.where(lambda one: one.split != "train")
        return held if held.labelled else self


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


@dataclass(frozen=True)
class Predictions:
    """What a model says of a head's examples, in their order."""

    levels: NDArray[np.int_]
    expected: Floats
    probabilities: Floats
    evidence: list[tuple[Evidence, ...]] = field(default_factory=list)
    middle: float = 0.0  # the expected level of a typical item, where classes are cut


@dataclass(frozen=True)
class Judged:
    """Figures of one dataset."""

    metrics: Metrics
    majority: Mapping[str, float]
    ceiling: Metrics | None
    n: int
    n_conversations: int


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
    """

    name: str
    heads: tuple[Criterion, ...]
    settings: Mapping[str, Mapping[str, Any]]
    examples: Labeller
    judge: Judge

    def head(self, name: str) -> Criterion:
        """Return a head by its id."""
        return next(one for one in self.heads if one.id == name)


def load_dataset(path: str | Path) -> Dataset:
    """Read a dataset folder: ``transcripts.jsonl[.gz]`` and any ``eval_points*.csv``.

    Raises
    ------
    DataError
        If the folder holds no conversations, or a record or label of it cannot be used: figures
        over part of a dataset would not be figures of the dataset.
    """
    folder = Path(path)
    files = sorted(folder.glob("*.jsonl")) + sorted(folder.glob("*.jsonl.gz"))
    if not files:
        raise DataError(
            f"{folder}: no transcripts.jsonl or transcripts.jsonl.gz there; name a dataset folder "
            "in the uniform schema"
        )
    with Quarantine() as quarantine:
        labelled = tuple(read(files, format="uniform", quarantine=quarantine))
        if quarantine.records_quarantined or not labelled:
            reasons = ", ".join(f"{k} x {v}" for k, v in quarantine.counts.items()) or "no records"
            raise DataError(f"{folder}: {reasons}; `autoqa read {folder}` says where")
        dropped = {k: v for k, v in quarantine.notes.items() if k in ("bad_rating", "bad_csat")}
        if dropped:
            reasons = ", ".join(f"{k} x {v}" for k, v in sorted(dropped.items()))
            raise DataError(
                f"{folder}: labels that cannot be used ({reasons}); `autoqa read {folder}` says "
                "where"
            )
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    points = _points(folder, {one.transcript.conversation_id: one for one in labelled})
    return Dataset(folder.resolve().name, folder, labelled, points, digest.hexdigest())


def _points(
    folder: Path, labelled: Mapping[str, LabelledTranscript]
) -> dict[tuple[str, int | None], int]:
    points: dict[tuple[str, int | None], int] = {}
    for file in sorted(folder.glob("eval_points*.csv")):
        with file.open(encoding="utf-8", newline="") as stream:
            for number, row in enumerate(csv.DictReader(stream), start=2):
                try:
                    name = row["conversation_id"]
                    turn = int(row["turn"]) if row["turn"] else None
                    label = int(row["label3"])
                except (KeyError, TypeError, ValueError):
                    raise DataError(
                        f"{file}:{number}: needs conversation_id, turn (or empty) and label3"
                    ) from None
                if label not in (0, 1, 2):
                    raise DataError(f"{file}:{number}: label3 is {label}, not 0, 1 or 2")
                if name not in labelled:
                    raise DataError(f"{file}:{number}: conversation '{name}' is not in the folder")
                n_turns = len(labelled[name].transcript.turns)
                if turn is not None and not 0 <= turn < n_turns:
                    raise DataError(
                        f"{file}:{number}: turn {turn} is not one of the {n_turns} turns of "
                        f"'{name}'"
                    )
                before = points.setdefault((name, turn), label)
                if before != label:
                    raise DataError(
                        f"{file}:{number}: label3 is {label}, but {before} in another row of this "
                        "moment"
                    )
    return points


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
    return from_ratings(ratings, criterion, middle=float(model.base_rate_ @ criterion.scale))


def from_ratings(
    ratings: Sequence[Rating], criterion: Criterion, *, middle: float = 0.0
) -> Predictions:
    """Return ratings as arrays; what was not rated counts as an even spread over the levels."""
    even = (1 / len(criterion.scale),) * len(criterion.scale)
    probabilities = np.array([r.probabilities or even for r in ratings])
    levels = np.array([criterion.scale[0] if r.level is None else r.level for r in ratings])
    expected = probabilities @ np.array(criterion.scale, float)
    return Predictions(levels, expected, probabilities, [r.evidence for r in ratings], middle)


def missing(dataset: Dataset, what: str) -> DataError:
    """Return the error that names the label a dataset lacks, and the ones it has."""
    found = sorted({r.criterion for one in dataset.labelled for r in one.ratings})
    has = ", ".join(found) or "none"
    return DataError(f"{dataset.name}: no {what}; its rated criteria are: {has}")
