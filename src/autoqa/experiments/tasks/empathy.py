"""Three mechanisms of empathy in a reply, 0-2, with the words that show them (Sharma 2020)."""

from __future__ import annotations

from typing import Any

import numpy as np

from autoqa.evaluation.agreement import quadratic_kappa
from autoqa.evaluation.ceiling import pairwise_ceiling
from autoqa.evaluation.classification import (
    classification_estimates,
    majority_metrics,
    token_f1,
    tokens_in_spans,
)
from autoqa.evaluation.intervals import Estimate, bootstrap
from autoqa.experiments.tasks.base import Examples, Judged, Predictions, Task, gather
from autoqa.experiments.tasks.dataset import Dataset, missing
from autoqa.records import Evidence
from autoqa.scorecard.schema import Criterion, Level

MECHANISMS = ("emotional_reaction", "interpretation", "exploration")
_LEVELS = (0, 1, 2)
_QUESTIONS = {
    "emotional_reaction": "Does the reply put warmth, compassion or concern into words?",
    "interpretation": "Does the reply say back what the other person's situation means to them?",
    "exploration": "Does the reply ask about what the other person has not yet said?",
}

CRITERIA = tuple(
    Criterion(
        id=name,
        question=question,
        levels={
            0: Level(label="no"),
            1: Level(label="weakly"),
            2: Level(label="strongly"),
        },
        unit="turn",
        not_applicable=False,
    )
    for name, question in _QUESTIONS.items()
)


def _examples(dataset: Dataset) -> dict[str, Examples]:
    found = {criterion.id: gather(dataset, criterion) for criterion in CRITERIA}
    for name, examples in found.items():
        if not len(examples):
            raise missing(dataset, f"{name} ratings")
    return found


def _judge(
    dataset: Dataset,
    examples: dict[str, Examples],
    predictions: dict[str, Predictions],
    *,
    n_resamples: int = 1000,
    seed: int = 7,
) -> Judged:
    metrics: dict[str, Estimate] = {}
    ceiling: dict[str, Estimate] = {}
    majority: dict[str, float] = {}
    overlaps: list[float] = []
    whole: list[float] = []
    quoted_in: list[str] = []
    options: dict[str, Any] = {"n_resamples": n_resamples, "seed": seed}

    def kappa(a: Any, b: Any) -> float:
        return quadratic_kappa(np.asarray(a, int), np.asarray(b, int), levels=_LEVELS)

    for name in MECHANISMS:
        one, said = examples[name], predictions[name]
        metrics[f"{name}_macro_f1"] = classification_estimates(
            one.labels, said.levels, _LEVELS, clusters=one.clusters, **options
        )["macro_f1"]
        metrics[f"{name}_quadratic_kappa"] = bootstrap(
            kappa, one.labels, said.levels, clusters=one.clusters, **options
        )
        majority[f"{name}_macro_f1"] = majority_metrics(one.labels, _LEVELS)["macro_f1"]
        majority[f"{name}_quadratic_kappa"] = 0.0
        panel = one.panel()
        if (panel.n_ratings > 1).any():
            ceiling[f"{name}_quadratic_kappa"] = pairwise_ceiling(panel, kappa, **options)
        for i, item in enumerate(one.items):
            turns = dataset.labelled[item.transcript].transcript.turns
            turn = len(turns) - 1 if item.turn is None else item.turn
            quoted = _rationale(dataset, name, item.transcript, turn)
            if not quoted:
                continue
            text = turns[turn].text
            truth = tokens_in_spans(text, quoted)
            evidence = said.evidence[i] if said.evidence else ()
            shown = [(e.start, e.end) for e in evidence if e.turn == turn]
            overlaps.append(token_f1(tokens_in_spans(text, shown), truth))
            whole.append(token_f1(tokens_in_spans(text, [(0, len(text))]), truth))
            quoted_in.append(str(one.clusters[i]))
    if overlaps:
        metrics["evidence_token_f1"] = bootstrap(
            np.mean, np.array(overlaps), clusters=np.array(quoted_in), **options
        )
        # What quoting the whole reply every time would reach.
        majority["evidence_token_f1"] = float(np.mean(whole))
    first = examples[MECHANISMS[0]]
    return Judged(metrics, majority, ceiling or None, len(first), len(set(first.clusters)))


def _rationale(dataset: Dataset, name: str, transcript: int, turn: int) -> list[tuple[int, int]]:
    """The spans of a turn that a person quoted for a level above 0."""
    quotes: list[Evidence] = [
        e
        for rating in dataset.labelled[transcript].ratings
        if rating.criterion == name and (rating.level or 0) > 0
        for e in rating.evidence
    ]
    return [(e.start, e.end) for e in quotes if e.turn == turn]


EMPATHY = Task(
    name="empathy",
    heads=CRITERIA,
    settings={
        name: {
            "embeddings": ("target", "reply_to"),
            "ngrams": ("target",),
            "link": "multinomial",
            "decision": "balanced",
            "dense_weight": 0.2,
            "penalty": 0.5,
            "speaker": "agent",
        }
        for name in MECHANISMS
    },
    examples=_examples,
    judge=_judge,
    # How long posts are says who writes, not how; the post before is the customer's.
    in_context={name: {"embeddings": ("target",), "statistics": False} for name in MECHANISMS},
)
