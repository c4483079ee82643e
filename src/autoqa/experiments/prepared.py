"""A dataset made ready for an experiment: who learns from what, and who is asked what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from autoqa.errors import ExperimentError, near_miss
from autoqa.evaluation.selective import RiskCoverageCurve, risk_coverage
from autoqa.experiments.arms import Arm, Learned, Majority
from autoqa.experiments.spec import ExperimentSpec
from autoqa.experiments.tasks import Dataset, Examples, Predictions, Task
from autoqa.experiments.tasks.base import LONGEST_CLASSES, Judged
from autoqa.features.batch import Batch
from autoqa.features.encoders import Encoder
from autoqa.features.routing import default_encoders

if TYPE_CHECKING:
    import pandas as pd

CACHE = Path("data/cache")
"""What can be made again, under the working directory."""

EMBEDDINGS = CACHE / "embeddings.sqlite"
"""Vectors of turns, so that a second run encodes nothing."""


Part = tuple[NDArray[np.int_], NDArray[np.int_]]
"""Indices of examples to learn from, and of examples to predict."""


@dataclass(frozen=True)
class Prepared:
    """A dataset with its items, and the parts to learn from and to predict."""

    task: Task
    dataset: Dataset
    batch: Batch
    examples: dict[str, Examples]
    parts: dict[str, list[Part]]  # by head

    @classmethod
    def of(
        cls,
        task: Task,
        dataset: Dataset,
        spec: ExperimentSpec,
        encoders: Mapping[str, Encoder],
    ) -> Prepared:
        """Gather a dataset's items and split them as the spec says."""
        examples = task.examples(dataset)
        batch = Batch(dataset.transcripts, encoders=encoders)
        parts = {
            name: list(splits(dataset, one, spec)) for name, one in examples.items() if len(one)
        }
        return cls(task, dataset, batch, examples, parts)

    def through(self, encoders: str | None) -> Prepared:
        """Return the same questions, read through other encoders; see `ArmSpec`."""
        return replace(self, batch=read_through(self.batch, encoders))

    @property
    def split_names(self) -> list[str]:
        """The dataset's own marks of its parts."""
        return sorted({one.split or "unmarked" for one in self.dataset.labelled})

    def learning_from(self, conversations: NDArray[np.int_], size: int) -> Prepared:
        """Return the same questions with fewer examples to learn from.

        Parameters
        ----------
        conversations : array of int
            Places in the dataset, in the order in which people evaluate them.
        size : int
            Each part learns from the first `size` of those that its head's examples may be
            learned from.
        """
        parts = {}
        for head, own in self.parts.items():
            of_item = np.array([item.transcript for item in self.examples[head].items])
            parts[head] = [
                (train[np.isin(of_item[train], _first(conversations, of_item[train], size))], test)
                for train, test in own
            ]
        return replace(self, parts=parts)

    def answer(
        self, arm: Arm, *, keep: bool = True
    ) -> tuple[dict[str, Predictions], dict[str, Learned]]:
        """Predict every test item by what did not learn from it.

        Parameters
        ----------
        keep : bool
            Whether what is worth keeping is wanted.

        Returns
        -------
        predictions : dict of str to Predictions
            By head, in the order of `tested`.
        learned : dict of str to Learned
            What is worth keeping: of a holdout, what was measured; of folds, which differ in what
            they learned from, one more that learned from all.
        """
        found: dict[str, Predictions] = {}
        kept: dict[str, Learned] = {}
        for head, parts in self.parts.items():
            one = self.examples[head]
            said = []
            for train, test in parts:
                kept[head] = arm(self.task, head, self.batch, one.take(train))
                said.append(kept[head].predict(self.batch, one.take(test)))
            if len(parts) > 1 and keep:
                kept[head] = arm(self.task, head, self.batch, one)
            found[head] = _joined(said)
        return found, kept

    def tested(self) -> dict[str, Examples]:
        """The examples that were predicted, in the order of the predictions."""
        return {
            head: self.examples[head].take(np.concatenate([test for _, test in parts]))
            for head, parts in self.parts.items()
        }

    def judge(self, predictions: Mapping[str, Predictions], spec: ExperimentSpec) -> Judged:
        """Compare predictions with what people said."""
        return self.task.judge(
            self.dataset,
            self.tested(),
            predictions,
            n_resamples=spec.n_resamples,
            seed=spec.seed,
        )

    def check_metrics(self, spec: ExperimentSpec) -> None:
        """Raise ExperimentError where the spec asks for metrics that the task does not report."""
        if not spec.metrics:
            return
        anything, _ = self.answer(Majority.learn, keep=False)
        judged = self.judge(anything, spec.model_copy(update={"n_resamples": 1}))
        for name in spec.metrics:
            if name not in judged.metrics:
                raise ExperimentError(
                    f"metrics: {spec.task} reports no '{name}' of {self.dataset.name}."
                    f"{near_miss(name, judged.metrics)} Known: {', '.join(judged.metrics)}."
                )

    def risk_coverage(
        self, predictions: Mapping[str, Predictions], spec: ExperimentSpec
    ) -> dict[str, RiskCoverageCurve]:
        """Return what abstaining would buy, by head: the share of other levels among answers.

        Long scales are left out: hitting one level of many is not what they are for.
        """
        found = {}
        for head, one in self.tested().items():
            said, scale = predictions[head], self.task.head(head).scale
            if len(scale) > LONGEST_CLASSES:
                continue
            place = np.searchsorted(scale, said.levels)
            found[head] = risk_coverage(
                said.probabilities[np.arange(len(one)), place],
                (said.levels != one.labels).astype(float),
                clusters=one.clusters,
                n_resamples=min(spec.n_resamples, 200),
                seed=spec.seed,
            )
        return found

    def table(self, predictions: Mapping[str, Predictions]) -> pd.DataFrame:
        """Predictions with their labels, without a word of what was said."""
        import pandas as pd

        frames = []
        for head, one in self.tested().items():
            said = predictions[head]
            ids = [
                self.dataset.labelled[i.transcript].transcript.conversation_id for i in one.items
            ]
            frames.append(
                pd.DataFrame(
                    {
                        "conversation_id": ids,
                        "turn": pd.array([i.turn for i in one.items], dtype="Int64"),
                        "criterion": head,
                        "label": one.labels,
                        "truth": one.truth,
                        "level": said.levels,
                        "expected": said.expected,
                        "probabilities": list(said.probabilities),
                    }
                )
            )
        return pd.concat(frames, ignore_index=True)


def read_through(batch: Batch, encoders: str | None) -> Batch:
    """Return the same conversations, read through an arm's own encoders; see `ArmSpec`.

    Batches of the same encoders are one, so that arms share its vectors.
    """
    if encoders is None:
        return batch

    def build() -> Batch:
        return Batch(batch.transcripts, encoders=default_encoders(encoders, cache=EMBEDDINGS))

    return batch.once(("through", encoders), build)


def splits(dataset: Dataset, one: Examples, spec: ExperimentSpec) -> Iterator[Part]:
    """Yield (train, test) indices; a group is never on both sides.

    Items that evaluation points leave out are learned from, but never asked.

    Raises
    ------
    ExperimentError
        If the dataset does not mark its parts, or has a single group.
    """
    keep = _positions(dataset, one)
    if spec.split.mode == "holdout":
        marked = np.array([dataset.labelled[i.transcript].split or "" for i in one.items])
        train, test = np.flatnonzero(marked == "train"), np.flatnonzero(marked != "train")
        test = test[np.isin(test, keep)]
        if not len(train) or not len(test):
            raise ExperimentError(
                f"split.mode: {dataset.name} does not mark a train part and another one; "
                "use mode: folds"
            )
        yield train, test
        return
    groups = one.communities if spec.split.group_by == "community" else one.clusters
    for train, test in group_folds(dataset.name, groups, spec):
        asked = test[np.isin(test, keep)]
        if len(asked):
            yield train, asked


def group_folds(name: str, groups: NDArray[np.object_], spec: ExperimentSpec) -> list[Part]:
    """Return the folds of a spec over groups, shape (n,); there are no more folds than groups.

    Raises
    ------
    ExperimentError
        If there is one group only.
    """
    from sklearn.model_selection import GroupKFold

    n = min(spec.split.folds, len(set(groups)))
    if n < 2:
        raise ExperimentError(
            f"split.group_by: {name} has one {spec.split.group_by} only, nothing to split"
        )
    folds = GroupKFold(n_splits=n, shuffle=True, random_state=spec.split.seed)
    return list(folds.split(np.zeros(len(groups)), groups=groups))


def _positions(dataset: Dataset, one: Examples) -> list[int]:
    """Items that the dataset's evaluation points name; all of them where there are no points."""
    if not dataset.points:
        return list(range(len(one)))
    ids = [dataset.labelled[i.transcript].transcript.conversation_id for i in one.items]
    keys = [(name, item.turn) for name, item in zip(ids, one.items, strict=True)]
    return [place for place, key in enumerate(keys) if key in dataset.points]


def _first(conversations: NDArray[np.int_], known: NDArray[np.int_], size: int) -> NDArray[np.int_]:
    return conversations[np.isin(conversations, known)][:size]


def _joined(said: Sequence[Predictions]) -> Predictions:
    return Predictions(
        np.concatenate([p.levels for p in said]),
        np.concatenate([p.expected for p in said]),
        np.concatenate([p.probabilities for p in said]),
        [e for p in said for e in p.evidence],
        float(np.mean([p.middle for p in said])),
        sum(p.unanswered for p in said),
    )
