"""Politeness of single turns, 1-25, in two online communities (Danescu-Niculescu-Mizil 2013)."""

from __future__ import annotations

from typing import Any

import numpy as np

from autoqa.evaluation.ceiling import leave_one_out_ceiling
from autoqa.evaluation.classification import spearman
from autoqa.evaluation.intervals import Estimate, bootstrap
from autoqa.experiments.tasks.base import Examples, Judged, Predictions, Task, gather
from autoqa.experiments.tasks.dataset import Dataset, missing
from autoqa.scorecard.schema import Criterion, Level

HEAD = "politeness"
_SCALE = range(1, 26)

CRITERION = Criterion(
    id=HEAD,
    question="How polite is the wording of this turn?",
    levels={level: Level(label=str(level)) for level in _SCALE},
    unit="turn",
    not_applicable=False,
)


def _examples(dataset: Dataset) -> dict[str, Examples]:
    found = gather(dataset, CRITERION)
    if not len(found):
        raise missing(dataset, "politeness ratings")
    return {HEAD: found}


def _judge(
    dataset: Dataset,
    examples: dict[str, Examples],
    predictions: dict[str, Predictions],
    *,
    n_resamples: int = 1000,
    seed: int = 7,
) -> Judged:
    one, said = examples[HEAD], predictions[HEAD]
    options: dict[str, Any] = {"n_resamples": n_resamples, "seed": seed}
    quartile = _quartile_classes(dataset, one)
    polite = np.array([q == "polite" for q in quartile])
    extreme = np.array([q in ("polite", "impolite") for q in quartile])
    metrics: dict[str, Estimate] = {}
    ceiling: dict[str, Estimate] = {}
    majority: dict[str, float] = {}
    communities = sorted(set(one.communities))
    for community in ("", *(communities if len(communities) > 1 else ())):
        chosen = one.communities == community if community else np.ones(len(one), bool)
        suffix = f"_{community.replace('-', '_')}" if community else ""
        clusters = one.clusters[chosen]
        metrics[f"spearman{suffix}"] = bootstrap(
            spearman, one.truth[chosen], said.expected[chosen], clusters=clusters, **options
        )
        majority[f"spearman{suffix}"] = 0.0
        ceiling[f"spearman{suffix}"] = leave_one_out_ceiling(
            one.panel(chosen), spearman, n_resamples=min(n_resamples, 200), seed=seed
        )
        ends = chosen & extreme
        if ends.any():
            hit = (said.expected > said.middle) == polite
            metrics[f"quartile_accuracy{suffix}"] = bootstrap(
                np.mean, hit[ends].astype(float), clusters=one.clusters[ends], **options
            )
            share = float(polite[ends].mean())
            majority[f"quartile_accuracy{suffix}"] = max(share, 1 - share)
    return Judged(metrics, majority, ceiling, len(one), len(set(one.clusters)))


def _quartile_classes(dataset: Dataset, one: Examples) -> list[str]:
    """The dataset's own classes, or else the outer quarters of each community's means."""
    given = [
        str(dataset.labelled[item.transcript].outcome.get("quartile_class") or "")
        for item in one.items
    ]
    if any(given):
        return given
    for community in set(one.communities):
        members = np.flatnonzero(one.communities == community)
        low, high = np.quantile(one.truth[members], (0.25, 0.75))
        for i in members:
            value = one.truth[i]
            given[i] = "polite" if value >= high else "impolite" if value <= low else ""
    return given


POLITENESS = Task(
    name="politeness",
    heads=(CRITERION,),
    settings={
        HEAD: {
            "embeddings": ("target",),
            "ngrams": ("target",),
            "statistics": False,
            "link": "gaussian",
            "decision": "expected",
            "dense_weight": 0.2,
            "penalty": 5.0,
            "vocabulary": 20000,
        }
    },
    examples=_examples,
    judge=_judge,
)
