"""What model cards say about how good a head is: figures on parts that it did not learn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from autoqa.evaluation.calibration import expected_calibration_error
from autoqa.evaluation.intervals import Estimate, bootstrap
from autoqa.experiments.benchmark import ask_models, judged_json
from autoqa.experiments.tasks import Dataset, Examples, Predictions, Task
from autoqa.features.encoders import Encoder
from autoqa.records import CSAT
from autoqa.scorecard.schema import Criterion
from autoqa.scorers.folder import ModelFolder

CALIBRATION = "expected_calibration_error"
"""Mean gap between how sure a head is and how often people agree, over ten equally full bins."""

NOT_HELD_OUT = "no part was held back; out-of-fold figures: experiments/RESULTS.md"

_DECIMALS = 3
_ABOUT = {"quality_auc": "mi_quality"}  # figures that do not begin with their head's name


def has_held_out(dataset: Dataset) -> bool:
    """Whether a dataset marks a part to learn from and another one."""
    marks = {one.split == "train" for one in dataset.labelled}
    return marks == {True, False}


def measure(
    task: Task,
    folder: ModelFolder,
    dataset: Dataset,
    encoders: Mapping[str, Encoder],
    *,
    n_resamples: int = 1000,
    seed: int = 7,
) -> dict[str, dict[str, Any]]:
    """Measure a task's heads on the part of a dataset that is not marked ``train``.

    Returns
    -------
    dict
        By head ``{"n", "n_conversations", "splits", "figures", "people", "oracle", "majority"}``;
        figures as of `autoqa benchmark` and `CALIBRATION`, ``{"value", "low", "high"}`` each.
        ``people`` has what people reach on the same items, ``oracle`` what no model could.
        Where nothing was held out, ``{"not_measured": why}``.
    """
    if not has_held_out(dataset):
        return {head.id: {"not_measured": NOT_HELD_OUT} for head in task.heads}
    asked = ask_models(task, folder, dataset, encoders)
    held, examples, predictions = asked.held, asked.examples, asked.predictions
    options = {"n_resamples": n_resamples, "seed": seed}
    judged = judged_json(task.judge(held, examples, predictions, **options))
    splits = sorted({one.split or "unmarked" for one in held.labelled})
    found: dict[str, dict[str, Any]] = {}
    for name, one in examples.items():
        chosen = list(_about(name, judged["metrics"], list(examples)))
        error = calibration(task.head(name), one, predictions[name], **options)
        figures = {metric: judged["metrics"][metric] for metric in chosen}
        beside = {
            "people": judged["human_ceiling"] or {},
            "oracle": judged["oracle"] or {},
            "majority": judged["majority"],
        }
        found[name] = {
            "n": len(one),
            "n_conversations": len({item.transcript for item in one.items}),
            "splits": splits,
            "figures": _rounded({**figures, CALIBRATION: error.to_dict()}),
            **{
                whose: _rounded({m: reached[m] for m in chosen if m in reached})
                for whose, reached in beside.items()
            },
        }
    return found


def calibration(
    criterion: Criterion,
    examples: Examples,
    said: Predictions,
    *,
    n_resamples: int = 1000,
    seed: int = 7,
) -> Estimate:
    """Return `CALIBRATION` of a head with its interval.

    What it claims is the probability of the level it finds likeliest; that is held against each
    person's own answer. Satisfaction is held against the published class: its people answer on
    another scale.
    """
    scale = np.array(criterion.scale, float)
    if criterion.id == CSAT:
        rows, given = np.arange(len(examples)), examples.labels.astype(float)
    else:
        rows = np.repeat(np.arange(len(examples)), [len(one) for one in examples.raters])
        given = np.array([value for one in examples.raters for value in one], float)
    nearest = np.abs(given[:, None] - scale).argmin(axis=1)
    return bootstrap(
        partial(expected_calibration_error, bins="count"),
        said.probabilities[rows],
        nearest,
        clusters=examples.clusters[rows],
        n_resamples=n_resamples,
        seed=seed,
    )


def _about(head: str, metrics: Mapping[str, Any], heads: list[str]) -> Iterator[str]:
    """The figures of a task that are about one head, or about all of them together."""
    for metric in metrics:
        owner = _ABOUT.get(metric) or next((h for h in heads if metric.startswith(f"{h}_")), head)
        if owner == head:
            yield metric


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(one) for key, one in value.items()}
    return round(value, _DECIMALS) if isinstance(value, float) else value
