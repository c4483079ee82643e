"""Benchmarks: how well trained models do on labelled datasets that they may never have seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoqa.errors import DataError, ModelError
from autoqa.experiments.benchmark_study import report_benchmark, study_benchmark
from autoqa.experiments.fitting import predict_head
from autoqa.experiments.provenance import dataset_files, files_digest
from autoqa.experiments.stress.asking import asked_head
from autoqa.experiments.stress.deletion import deletion_of_heads
from autoqa.experiments.stress.robustness import robustness_of_heads
from autoqa.experiments.stress.tables import deletion_markdown, robustness_markdown
from autoqa.experiments.tables import metrics_table
from autoqa.experiments.tasks import TASKS, Dataset, Task, load_dataset, task_named
from autoqa.experiments.tasks.base import Examples, Judged, Metrics, Predictions
from autoqa.experiments.tasks.satisfaction import at_points
from autoqa.experiments.training import ALL_SPLITS
from autoqa.features.batch import Batch
from autoqa.features.encoders import Encoder
from autoqa.scorers.folder import Licence, ModelFolder
from autoqa.scorers.linear import LinearScorer

KINDS = tuple(TASKS)
"""Names that `run_benchmark` takes."""

_SEEN = (
    "**The models learned from these very conversations: this shows what they remember, not how "
    "good they are.** `autoqa experiment run` gives out-of-sample figures.",
    "",
)

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What models say of the part of a dataset that was held out.

    Attributes
    ----------
    held : Dataset
    batch : Batch
        Its conversations.
    scorers, examples, predictions : mapping by head
    """

    held: Dataset
    batch: Batch
    scorers: Mapping[str, LinearScorer]
    examples: Mapping[str, Examples]
    predictions: Mapping[str, Predictions]


def run_benchmark(
    kind: str,
    models: str | Path,
    datasets: Sequence[str | Path],
    *,
    n_resamples: int = 1000,
    seed: int = 7,
    licence: Licence = "any",
    deletion: bool = False,
    robustness: bool = False,
    reports: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure a model folder on dataset folders in the uniform schema.

    Models see transcripts only, never labels. Where a dataset marks its splits, what is marked
    ``train`` is left out (see `Dataset.held_out`).

    Parameters
    ----------
    deletion : bool
        Whether to test also that scores rest on their evidence; see
        `autoqa.experiments.stress.deletion`.
    robustness : bool
        Whether to test also what changed transcripts do to scores; see
        `autoqa.experiments.stress.robustness`.
    reports : path, optional
        Folder for a page per dataset that sets the models beside every person who rated.

    Returns
    -------
    dict
        ``{"benchmark": kind, "datasets": {NAME: {"n", "n_conversations", "metrics", ...}}}``, with
        every metric as ``{"value", "low", "high"}`` (95 % bootstrap over conversations). With
        ``deletion`` and ``robustness`` where they were asked for.

    Raises
    ------
    DataError
        If the benchmark is unknown, or a dataset lacks its labels.
    ModelError
        If the folder lacks one of the benchmark's heads, or `licence` leaves it out.
    """
    task = task_named(kind)
    folder = ModelFolder(models, licence=licence)
    encoders = folder.encoders()
    found: dict[str, Any] = {}
    names = [Path(path).resolve().name for path in datasets]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"two dataset folders are named '{twice}'; figures are kept by that name")
    for number, path in enumerate(datasets):
        if progress is not None:
            progress(f"{kind}: {Path(path).name}", number, len(datasets))
        dataset = load_dataset(path)
        found[dataset.name] = judge_models(
            task,
            folder,
            dataset,
            encoders,
            n_resamples=n_resamples,
            seed=seed,
            deletion=deletion,
            robustness=robustness,
            reports=reports,
        )
    if progress is not None:
        progress(kind, len(datasets), len(datasets))
    return {"benchmark": kind, "models": folder.version, "datasets": found}


def judge_models(
    task: Task,
    folder: ModelFolder,
    dataset: Dataset,
    encoders: Mapping[str, Encoder],
    *,
    n_resamples: int,
    seed: int,
    deletion: bool = False,
    robustness: bool = False,
    reports: Path | None = None,
) -> dict[str, Any]:
    """Return one dataset's figures as JSON values."""
    asked = ask_models(task, folder, dataset, encoders)
    held, examples = asked.held, asked.examples
    judged = task.judge(held, examples, asked.predictions, n_resamples=n_resamples, seed=seed)
    splits = sorted({one.split or "unmarked" for one in held.labelled})
    options = {"n_resamples": n_resamples, "seed": seed}
    checks: dict[str, Any] = {}
    if deletion or robustness:
        heads = {name: asked_head(one, encoders) for name, one in asked.scorers.items()}
        if deletion:
            checks["deletion"] = deletion_of_heads(heads, held, examples, **options)
        if robustness:
            checks["robustness"] = robustness_of_heads(task, heads, held, examples, **options)
    if reports is not None:
        study = study_benchmark(task, asked.scorers, held, asked.batch, examples, **options)
        checks |= {
            "study": study.summary(unanswered=False),
            "report": str(report_benchmark(study, task, dataset, reports)),
        }
    return {
        **judged_json(judged),
        **checks,
        "unanswered": {name: said.unanswered for name, said in asked.predictions.items()},
        "splits": splits,
        "sha256": dataset.sha256,
        "learned_from": _learned_from(task, folder, dataset, splits),
    }


def ask_models(
    task: Task, folder: ModelFolder, dataset: Dataset, encoders: Mapping[str, Encoder]
) -> Asked:
    """Ask a folder's models about a dataset's held-out part."""
    held = dataset.held_out()
    examples = task.examples(held)
    if task.name == "satisfaction":
        examples = at_points(held, examples)
    batch = Batch(held.transcripts, encoders=encoders)
    scorers = {name: _scorer(task, folder, name) for name in examples}
    predictions = {
        name: predict_head(task, scorers[name], batch, one) for name, one in examples.items()
    }
    return Asked(held, batch, scorers, examples, predictions)


def _learned_from(task: Task, folder: ModelFolder, dataset: Dataset, splits: Sequence[str]) -> bool:
    """Whether the task's heads saw these very conversations in training."""
    heads = {head.id for head in task.heads}
    sources = {s for name, card in folder.heads.items() if name in heads for s in card.trained_on}
    files = dataset_files(dataset.path)
    digests = {dataset.sha256, *(files_digest([file]) for file in files if len(files) > 1)}
    own = {s for s in sources for digest in digests if s.endswith(f"sha256:{digest[:16]}")}
    # `autoqa train` learns from every split; `make models` keeps to what is marked ``train``.
    whole = any(ALL_SPLITS in source for source in own)
    marked = {one.split for one in dataset.labelled}
    return bool(own) and (whole or "train" in splits or "train" not in marked)


def _scorer(task: Task, folder: ModelFolder, name: str) -> LinearScorer:
    """Return the scorer of a head, if the folder has it as the task asks for it."""
    if name in folder.left_out:
        raise ModelError(folder.no_head(name))
    if name not in folder.heads:
        known = ", ".join(sorted(folder.heads)) or "none"
        raise ModelError(
            f"{folder.path}: the {task.name} benchmark needs head '{name}'; the folder has {known}"
        )
    scorer = folder.scorer(name)
    criterion = scorer.criteria[0]
    if criterion.scale != task.head(name).scale:
        raise DataError(
            f"{folder.path}: head '{name}' answers on {criterion.scale[0]}-{criterion.scale[-1]}, "
            f"the {task.name} benchmark on {task.head(name).scale[0]}-{task.head(name).scale[-1]}"
        )
    return scorer


def judged_json(judged: Judged) -> dict[str, Any]:
    """Return figures as the JSON that benchmarks write."""
    return {
        "n": judged.n,
        "n_conversations": judged.n_conversations,
        "metrics": _figures(judged.metrics),
        "human_ceiling": _figures(judged.ceiling) if judged.ceiling else None,
        "oracle": _figures(judged.oracle) if judged.oracle else None,
        "majority": {
            name: value if math.isfinite(value) else None for name, value in judged.majority.items()
        },
    }


def _figures(metrics: Metrics) -> dict[str, Any]:
    return {name: one.to_dict() for name, one in metrics.items()}


def to_markdown(result: Mapping[str, Any]) -> str:
    """Return the figures as one table per dataset."""
    lines: list[str] = []
    for name, one in result["datasets"].items():
        lines += [
            f"### {result['benchmark']}: {name}",
            "",
            f"n = {one['n']} items in {one['n_conversations']} conversations "
            f"(split: {', '.join(one['splits'])}); 95 % bootstrap intervals over conversations",
            "",
            *(_SEEN if one["learned_from"] else ()),
            *metrics_table(
                one["metrics"],
                people=one["human_ceiling"],
                majority=one["majority"],
                oracle=one["oracle"],
            ),
            "",
            *(
                f"{count} items of {head} were not rated; they count at the commonest level.\n"
                for head, count in one["unanswered"].items()
                if count
            ),
        ]
        if "study" in one:
            lines += [f"Beside every person who rated ({one['report']}):", ""]
            lines += [*(f"* {said}" for said in one["study"]), ""]
        if "deletion" in one:
            lines += deletion_markdown(one["deletion"])
        if "robustness" in one:
            lines += robustness_markdown(one["robustness"])
    return "\n".join(lines)


__all__ = [
    "KINDS",
    "Asked",
    "ask_models",
    "judge_models",
    "judged_json",
    "run_benchmark",
    "to_markdown",
]
