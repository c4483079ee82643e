"""Running an experiment: spec, splits, arms, figures, all of it tracked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autoqa.errors import ExperimentError, near_miss
from autoqa.experiments.arms import answers
from autoqa.experiments.benchmark import judged_json, show_figure, table_rows
from autoqa.experiments.figures import plot_arms
from autoqa.experiments.qa_vs_csat import run_qa_vs_csat
from autoqa.experiments.spec import ArmSpec, ExperimentSpec, load_spec
from autoqa.experiments.tasks import Dataset, Examples, Predictions, Task, load_dataset, task_named
from autoqa.experiments.tasks.base import Judged
from autoqa.experiments.tracking import ExperimentRun, Tracker
from autoqa.features.batch import Batch
from autoqa.features.routing import default_encoders

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[str, int, int], None]

CACHE = Path("data/cache/embeddings.sqlite")
"""Vectors of turns, so that a second run encodes nothing."""

_BY = ("conversation", "conversation_id", "task", "community")


@dataclass(frozen=True)
class ExperimentResult:
    """What an experiment found, and where it is kept."""

    run_id: str
    title: str
    question: str
    tables: Mapping[str, Mapping[str, Any]]  # arm -> what `benchmark` reports
    report: str  # Markdown
    failed: tuple[str, ...] = ()

    def to_markdown(self) -> str:
        """Return the report."""
        return self.report

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "run_id": self.run_id,
            "title": self.title,
            "question": self.question,
            "arms": {name: dict(table) for name, table in self.tables.items()},
            "failed": list(self.failed),
        }


def run_experiment(
    spec: str | Path | ExperimentSpec,
    *,
    tracker: Tracker | None = None,
    progress: Progress | None = None,
) -> ExperimentResult:
    """Run every arm of a spec and track it: one parent run, one child run per arm.

    Raises
    ------
    MissingData
        If a data folder is not there.
    ExperimentError
        If an arm, a metric or the split cannot be used; found before any arm runs.
    """
    chosen = spec if isinstance(spec, ExperimentSpec) else load_spec(spec)
    tracker = tracker or Tracker()
    report = progress or (lambda *_: None)
    if chosen.task == "qa_vs_csat":
        return ExperimentResult(**run_qa_vs_csat(chosen, tracker, report))
    task = task_named(chosen.task)
    arms = {arm.name: answers(arm) for arm in chosen.arms}
    if chosen.split.group_by not in _BY:
        raise ExperimentError(
            f"split.group_by: '{chosen.split.group_by}' is none of {', '.join(_BY)}"
        )
    datasets = [load_dataset(folder) for folder in chosen.data_folders()]
    encoders = default_encoders(cache=CACHE)
    tables: dict[str, dict[str, Any]] = {name: {} for name in arms}
    params = {
        "question": chosen.question,
        "task": chosen.task,
        "split": chosen.split.model_dump(),
        "n_resamples": chosen.n_resamples,
    }
    tags = {"seed": str(chosen.seed), "spec.sha256": chosen.content_hash}
    steps = len(arms) * len(datasets)
    with tracker.experiment_run(chosen.title, params, tags) as parent:
        prepared = {}
        for dataset in datasets:
            parent.log_dataset(dataset.name, dataset.path, dataset.sha256, len(dataset.labelled))
            prepared[dataset.name] = _Prepared.of(task, dataset, chosen, encoders)
            _check_metrics(task, prepared[dataset.name], chosen)
        for number, (name, answer) in enumerate(arms.items()):
            settings = {"use": next(a for a in chosen.arms if a.name == name).use}
            with parent.arm(name, settings, on_error="continue") as arm:
                for place, data in enumerate(prepared.values()):
                    report(f"{name} on {data.dataset.name}", number * len(prepared) + place, steps)
                    predictions = data.out_of_sample(task, answer)
                    judged = data.judge(task, predictions, chosen)
                    tables[name][data.dataset.name] = {
                        **judged_json(judged),
                        "splits": data.splits,
                    }
                    prefix = f"{data.dataset.name}." if len(prepared) > 1 else ""
                    wanted = chosen.metrics or tuple(judged.metrics)
                    arm.log_metrics(
                        {f"{prefix}{k}": v for k, v in judged.metrics.items() if k in wanted}
                    )
                    arm.log_table(
                        data.table(predictions), f"predictions_{data.dataset.name}.parquet"
                    )
        done = {name: table for name, table in tables.items() if name not in parent.failed_arms}
        markdown = _report(chosen, done, parent.failed_arms)
        _log_summary(parent, chosen, done)
        failed = tuple(parent.failed_arms)
        run_id = parent.run_id
    report("done", steps, steps)
    return ExperimentResult(run_id, chosen.title, chosen.question, done, markdown, failed)


@dataclass(frozen=True)
class _Prepared:
    """A dataset with its items, and the parts to learn from and to predict."""

    dataset: Dataset
    batch: Batch
    examples: dict[str, Examples]
    parts: dict[str, list[tuple[NDArray[np.int_], NDArray[np.int_]]]]  # head -> train, test

    @classmethod
    def of(
        cls, task: Task, dataset: Dataset, spec: ExperimentSpec, encoders: Mapping[str, Any]
    ) -> _Prepared:
        examples = task.examples(dataset)
        batch = Batch(dataset.transcripts, encoders=encoders)
        parts = {
            name: list(_splits(dataset, one, spec)) for name, one in examples.items() if len(one)
        }
        return cls(dataset, batch, examples, parts)

    @property
    def splits(self) -> list[str]:
        return sorted({one.split or "unmarked" for one in self.dataset.labelled})

    def out_of_sample(self, task: Task, answer: Any) -> dict[str, Predictions]:
        """Every test item predicted by a model that did not learn from it."""
        found = {}
        for head, parts in self.parts.items():
            one = self.examples[head]
            said = [
                answer(task, head, self.batch, one.take(train), one.take(test))
                for train, test in parts
            ]
            found[head] = _joined(said)
        return found

    def tested(self) -> dict[str, Examples]:
        """The examples that were predicted, in the order of the predictions."""
        return {
            head: self.examples[head].take(np.concatenate([test for _, test in parts]))
            for head, parts in self.parts.items()
        }

    def judge(
        self, task: Task, predictions: dict[str, Predictions], spec: ExperimentSpec
    ) -> Judged:
        return task.judge(
            self.dataset,
            self.tested(),
            predictions,
            n_resamples=spec.n_resamples,
            seed=spec.seed,
        )

    def table(self, predictions: dict[str, Predictions]) -> pd.DataFrame:
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


def _splits(
    dataset: Dataset, one: Examples, spec: ExperimentSpec
) -> Iterator[tuple[NDArray[np.int_], NDArray[np.int_]]]:
    """Yield (train, test) indices; a group is never on both sides.

    Items that evaluation points leave out are learned from, but never asked.
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
    from sklearn.model_selection import GroupKFold

    groups = one.communities if spec.split.group_by == "community" else one.clusters
    n = min(spec.split.folds, len(set(groups)))
    if n < 2:
        raise ExperimentError(
            f"split.group_by: {dataset.name} has one {spec.split.group_by} only, nothing to split"
        )
    folds = GroupKFold(n_splits=n, shuffle=True, random_state=spec.split.seed)
    for train, test in folds.split(np.zeros(len(one)), groups=groups):
        asked = test[np.isin(test, keep)]
        if len(asked):
            yield train, asked


def _positions(dataset: Dataset, one: Examples) -> list[int]:
    """Items that the dataset's evaluation points name; all of them where there are no points."""
    if not dataset.points:
        return list(range(len(one)))
    ids = [dataset.labelled[i.transcript].transcript.conversation_id for i in one.items]
    keys = [(name, item.turn) for name, item in zip(ids, one.items, strict=True)]
    return [place for place, key in enumerate(keys) if key in dataset.points]


def _check_metrics(task: Task, data: _Prepared, spec: ExperimentSpec) -> None:
    """Refuse metrics that the task does not report of this dataset."""
    if not spec.metrics:
        return
    anything = data.out_of_sample(task, answers(ArmSpec(name="majority", use="majority")))
    judged = data.judge(task, anything, spec.model_copy(update={"n_resamples": 1}))
    for name in spec.metrics:
        if name not in judged.metrics:
            raise ExperimentError(
                f"metrics: {spec.task} reports no '{name}' of {data.dataset.name}."
                f"{near_miss(name, judged.metrics)} Known: {', '.join(judged.metrics)}."
            )


def _joined(said: Sequence[Predictions]) -> Predictions:
    return Predictions(
        np.concatenate([p.levels for p in said]),
        np.concatenate([p.expected for p in said]),
        np.concatenate([p.probabilities for p in said]),
        [e for p in said for e in p.evidence],
        float(np.mean([p.middle for p in said])),
    )


def _report(
    spec: ExperimentSpec, tables: Mapping[str, Mapping[str, Any]], failed: Sequence[str]
) -> str:
    lines = [f"## {spec.title}", "", spec.question, ""]
    names = list(next(iter(tables.values()), {}))
    for dataset in names:
        of_arms = {arm: table[dataset] for arm, table in tables.items() if dataset in table}
        lines += [_arm_table(dataset, of_arms, spec.metrics), ""]
    lines += [f"Arm {name} failed; `autoqa experiment show` says why." for name in failed]
    return "\n".join(lines)


def _arm_table(dataset: str, arms: Mapping[str, Any], metrics: Sequence[str]) -> str:
    first = next(iter(arms.values()))
    chosen = [m for m in first["metrics"] if not metrics or m in metrics]
    ceiling = first["human_ceiling"] or {}
    head = " | ".join(chosen)
    lines = [
        f"**{dataset}**: n = {first['n']} items in {first['n_conversations']} conversations",
        "",
        f"| arm | {head} |",
        "|---" * (len(chosen) + 1) + "|",
    ]
    for name, one in arms.items():
        cells = " | ".join(show_figure(one["metrics"].get(m)) for m in chosen)
        lines.append(f"| {name} | {cells} |")
    if ceiling:
        lines.append(f"| *people* | {' | '.join(show_figure(ceiling.get(m)) for m in chosen)} |")
    return "\n".join(lines)


def _log_summary(
    parent: ExperimentRun, spec: ExperimentSpec, tables: Mapping[str, Mapping[str, Any]]
) -> None:
    parent.log_json(table_rows(tables), "arms.json")
    for dataset in next(iter(tables.values()), {}):
        of_arms = {arm: table[dataset] for arm, table in tables.items() if dataset in table}
        figure = plot_arms(of_arms, title=f"{spec.title}: {dataset}", metrics=spec.metrics)
        parent.log_figure(figure, f"arms_{dataset}.png")


__all__ = ["ExperimentResult", "run_experiment"]
