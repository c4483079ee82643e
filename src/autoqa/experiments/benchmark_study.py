"""A benchmark's model beside the people who rated the same items, as a study with its report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from autoqa.evaluation.study import Study, conduct_study
from autoqa.experiments.tasks import Dataset, Task
from autoqa.experiments.tasks.satisfaction import class_of_rating
from autoqa.features.batch import Batch
from autoqa.records import CSAT, Rating
from autoqa.reports import write_report

if TYPE_CHECKING:
    from autoqa.experiments.tasks.base import Examples
    from autoqa.scorers.linear import LinearScorer

SATISFACTION = "satisfaction"
"""What satisfaction is called here: readers judged it, and ``csat`` is the customer's own word."""


def study_benchmark(
    task: Task,
    scorers: Mapping[str, LinearScorer],
    dataset: Dataset,
    batch: Batch,
    examples: Mapping[str, Examples],
    *,
    n_resamples: int,
    seed: int,
) -> Study:
    """Compare what models say of a task's items with everybody who rated them.

    Parameters
    ----------
    scorers : mapping of head to LinearScorer
    dataset : Dataset
        The part that models were asked about; `batch` holds its conversations.
    examples : mapping of head to Examples
    """
    automated = [
        rating if rating.criterion != CSAT else replace(rating, criterion=SATISFACTION)
        for name, scorer in scorers.items()
        for rating in scorer.rate_items(scorer.criteria[0], batch, examples[name].items)
    ]
    heads = {head.id: head for head in task.heads}
    scales = {
        SATISFACTION if name == CSAT else name: (float(head.scale[0]), float(head.scale[-1]))
        for name, head in heads.items()
    }
    return conduct_study(
        automated,
        list(_by_people(heads, dataset)),
        conversations=dataset.labelled,
        scales=scales,
        n_resamples=n_resamples,
        seed=seed,
    )


def report_benchmark(study: Study, task: Task, dataset: Dataset, folder: Path) -> Path:
    """Write a study of a benchmark as a page; return where."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_report(
        study,
        folder / f"{task.name}_{dataset.name}.html",
        title=f"{task.name}: {dataset.name}",
        data_hashes={dataset.name: dataset.sha256},
    )


def _by_people(heads: Iterable[str], dataset: Dataset) -> Iterable[Rating]:
    for one in dataset.labelled:
        for rating in one.ratings:
            if rating.criterion in heads:
                yield rating
            elif CSAT in heads:
                level = class_of_rating(rating, one)
                if level is not None:
                    yield replace(
                        rating, criterion=SATISFACTION, level=level, probabilities=(), expected=None
                    )
