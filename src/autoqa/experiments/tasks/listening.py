"""Listening in counselling: what each agent turn does, and how good the conversation is.

Wu et al. (2022), "Anno-MI", ICASSP. Reflections mark good conversations, unasked advice bad ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autoqa.evaluation.agreement import cohen_kappa
from autoqa.evaluation.ceiling import pairwise_ceiling
from autoqa.evaluation.classification import auc, f1_binary
from autoqa.evaluation.intervals import Estimate, bootstrap
from autoqa.experiments.tasks.base import Examples, Judged, Predictions, Task, gather
from autoqa.experiments.tasks.dataset import Dataset, missing
from autoqa.scorecard.schema import Criterion, Level

BEHAVIOURS = ("reflection", "question", "therapist_input")
QUALITY = "mi_quality"
_QUESTIONS = {
    "reflection": "Does the agent say back what the customer said or meant?",
    "question": "Does the agent ask a question?",
    "therapist_input": "Does the agent give information, advice or options?",
}
_YES_NO = {0: Level(label="no"), 1: Level(label="yes")}

CRITERIA = (
    *(
        Criterion(id=name, question=question, levels=_YES_NO, unit="turn", not_applicable=False)
        for name, question in _QUESTIONS.items()
    ),
    Criterion(
        id=QUALITY,
        question="Does the agent listen more than tell?",
        levels={0: Level(label="low"), 1: Level(label="high")},
        not_applicable=False,
    ),
)


def _examples(dataset: Dataset) -> dict[str, Examples]:
    found = {criterion.id: gather(dataset, criterion) for criterion in CRITERIA}
    if not any(len(found[name]) for name in BEHAVIOURS):
        raise missing(dataset, "reflection, question or therapist_input ratings")
    return {name: examples for name, examples in found.items() if len(examples)}


def _judge(
    dataset: Dataset,  # noqa: ARG001 - the same signature for every task
    examples: dict[str, Examples],
    predictions: dict[str, Predictions],
    *,
    n_resamples: int = 1000,
    seed: int = 7,
) -> Judged:
    metrics: dict[str, Estimate] = {}
    ceiling: dict[str, Estimate] = {}
    majority: dict[str, float] = {}
    options: dict[str, Any] = {"n_resamples": n_resamples, "seed": seed}

    def kappa(a: Any, b: Any) -> float:
        return cohen_kappa(np.asarray(a, int), np.asarray(b, int), levels=(0, 1))

    behaviours = [name for name in BEHAVIOURS if name in examples]
    for name in behaviours:
        one, said = examples[name], predictions[name]
        metrics[f"{name}_kappa"] = bootstrap(
            kappa, one.labels, said.levels, clusters=one.clusters, **options
        )
        metrics[f"{name}_f1"] = bootstrap(
            f1_binary, one.labels, said.levels, clusters=one.clusters, **options
        )
        common = int(one.labels.mean() >= 0.5)
        majority[f"{name}_kappa"] = 0.0
        majority[f"{name}_f1"] = f1_binary(one.labels, np.full(len(one), common))
        panel = one.panel()
        if (panel.n_ratings > 1).any():
            ceiling[f"{name}_kappa"] = pairwise_ceiling(
                panel, kappa, n_resamples=min(n_resamples, 200), seed=seed
            )
    if QUALITY in examples:
        one = examples[QUALITY]
        metrics["quality_auc"] = bootstrap(
            auc, one.labels, predictions[QUALITY].expected, clusters=one.clusters, **options
        )
        majority["quality_auc"] = 0.5
    turns = examples[behaviours[0]]
    return Judged(metrics, majority, ceiling or None, len(turns), len(set(turns.clusters)))


LISTENING = Task(
    name="listening",
    heads=CRITERIA,
    settings={
        **{
            name: {
                "embeddings": ("target", "reply_to"),
                "ngrams": ("target",),
                "decision": "likeliest",
                "dense_weight": 0.5,
                "penalty": 0.3,
                "speaker": "agent",
            }
            for name in BEHAVIOURS
        },
        QUALITY: {
            "embeddings": ("agent_mean",),
            "ngrams": ("agent_mean",),
            "dense_weight": 0.5,
            "penalty": 0.3,
            "speaker": "agent",
        },
    },
    examples=_examples,
    judge=_judge,
    in_context={
        **{
            name: {"embeddings": ("target",), "dense_weight": 0.3, "penalty": 0.5}
            for name in BEHAVIOURS
        },
        QUALITY: {"statistics": False},
    },
)
