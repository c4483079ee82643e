"""Whether a bot agent followed its procedure, judged by the state of the database at the end."""

from __future__ import annotations

from typing import Any

import numpy as np

from autoqa.evaluation.classification import auc
from autoqa.evaluation.intervals import bootstrap
from autoqa.experiments.tasks.base import Examples, Judged, Predictions, Task, gather
from autoqa.experiments.tasks.dataset import Dataset, missing
from autoqa.records import LabelledTranscript
from autoqa.scorecard.schema import Criterion, Level

HEAD = "procedure_outcome"

CRITERION = Criterion(
    id=HEAD,
    question="Did the agent's actions end as the procedure demands?",
    levels={0: Level(label="no"), 1: Level(label="yes")},
    not_applicable=False,
)


def task_of(one: LabelledTranscript) -> str:
    """Trials of one task belong together: what is hard about it is hard in all of them."""
    task = one.outcome.get("task_id")
    return one.transcript.conversation_id if task is None else f"task {task}"


def _examples(dataset: Dataset) -> dict[str, Examples]:
    found = gather(dataset, CRITERION, cluster=task_of)
    if not len(found):
        raise missing(dataset, "procedure_outcome")
    return {HEAD: found}


def _judge(
    dataset: Dataset,  # noqa: ARG001 - the same signature for every task
    examples: dict[str, Examples],
    predictions: dict[str, Predictions],
    *,
    n_resamples: int = 1000,
    seed: int = 7,
) -> Judged:
    one, said = examples[HEAD], predictions[HEAD]
    options: dict[str, Any] = {
        "clusters": one.clusters,
        "n_resamples": n_resamples,
        "seed": seed,
    }
    hits = (said.levels == one.labels).astype(float)
    share = float(one.labels.mean())
    return Judged(
        {
            "auc": bootstrap(auc, one.labels, said.expected, **options),
            "accuracy": bootstrap(np.mean, hits, **options),
        },
        {"auc": 0.5, "accuracy": max(share, 1 - share)},
        None,
        len(one),
        len({item.transcript for item in one.items}),
    )


PROCEDURE = Task(
    name="procedure",
    heads=(CRITERION,),
    settings={
        HEAD: {
            "embeddings": (),
            "ngrams": ("agent_mean", "agent_ending"),
            "dense_weight": 0.2,
            "penalty": 0.1,
            "speaker": "agent",
        }
    },
    examples=_examples,
    judge=_judge,
)
