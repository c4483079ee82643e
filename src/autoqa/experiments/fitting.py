"""Fitting and asking a task's heads: one recipe for experiments and for shipped models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autoqa.experiments.tasks.base import Dataset, Examples, Predictions, Task, predict
from autoqa.features.batch import Batch
from autoqa.scorers.linear import LinearScorer
from autoqa.scorers.routed import RoutedModel
from autoqa.scorers.sentences import sentence_evidence

SEED = 7


def pool(datasets: Sequence[Dataset]) -> Dataset:
    """Return several datasets as one to learn from."""
    labelled = tuple(one for dataset in datasets for one in dataset.labelled)
    points = {key: label for dataset in datasets for key, label in dataset.points.items()}
    name = "+".join(dataset.name for dataset in datasets)
    return Dataset(name, datasets[0].path, labelled, points, datasets[0].sha256)


def fit_head(
    task: Task,
    name: str,
    batch: Batch,
    examples: Examples,
    overrides: Mapping[str, Any] | None = None,
) -> RoutedModel:
    """Fit one head of a task on examples; `overrides` are laid over the task's settings."""
    criterion = task.head(name)
    raters = np.array([len(given) for given in examples.raters], float)
    return RoutedModel.fit(
        batch,
        examples.items,
        examples.shares,
        {
            "levels": criterion.scale,
            "speaker": str(criterion.speaker),
            "seed": SEED,
            **task.settings[name],
            **(overrides or {}),
        },
        weights=np.sqrt(raters / raters.mean()),
        groups=examples.clusters,
        in_context={**task.in_context.get(name, {}), **(overrides or {})},
    )


def predict_head(task: Task, scorer: LinearScorer, batch: Batch, examples: Examples) -> Predictions:
    """Return what a scorer of one head says of examples, with what it quotes as evidence."""
    (criterion,) = scorer.criteria
    found = predict(scorer, criterion, batch, examples)
    if task.name != "empathy":
        return found
    return replace(found, evidence=sentence_evidence(scorer, criterion, batch, examples.items))
