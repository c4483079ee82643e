"""Satisfaction in three classes, after each customer turn and overall.

The published task (Sun et al. 2021, SIGIR; Deng et al. 2022, WWW; Ye et al. 2023, ACL): one
example per customer turn from the fourth on, with everything said up to then, and one per
dialogue. The class is 0, 1 or 2 as the mean of all ratings is below, at or above the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autoqa.csat import CSAT_SETTINGS, csat_criterion
from autoqa.evaluation.classification import (
    CLASSIFICATION_METRICS,
    classification_estimates,
    majority_metrics,
    spearman,
)
from autoqa.evaluation.intervals import Estimate, bootstrap, bootstrap_tables
from autoqa.experiments.tasks.base import (
    Dataset,
    Examples,
    Judged,
    Predictions,
    Task,
    missing,
)
from autoqa.features.views import Item
from autoqa.records import CSAT, LabelledTranscript, Speaker

CLASSES = (0, 1, 2)
_FIRST_TURN = 3  # customer turns before the fourth have too little to go on
_TURN = ("satisfaction_turn", "satisfaction3_turn")
_OVERALL = ("satisfaction_overall", "satisfaction3_overall")
_HARD_WEIGHT = 0.7  # how much the published class counts beside the raters' own shares


def class_of(ratings: Sequence[float], middle: float) -> int:
    """Return 0, 1 or 2 as the mean is below, at or above the middle of the scale."""
    mean = float(np.mean(ratings))
    return 1 if abs(mean - middle) < 1e-9 else int(mean > middle) * 2


def _examples(dataset: Dataset) -> dict[str, Examples]:
    items: list[Item] = []
    raters: list[list[float]] = []
    middles: list[float] = []
    for place, one in enumerate(dataset.labelled):
        for turn, given, middle in _rated_moments(one):
            items.append(Item(place, turn))
            raters.append(given)
            middles.append(middle)
    if not items:
        raise missing(
            dataset, "satisfaction labels (satisfaction_turn, satisfaction_overall or csat)"
        )
    labels = np.array([class_of(g, m) for g, m in zip(raters, middles, strict=True)])
    names = [dataset.labelled[i.transcript].transcript.conversation_id for i in items]
    # The file of evaluation points has the last word on the published classes.
    keys = [(name, item.turn) for name, item in zip(names, items, strict=True)]
    labels = np.array([dataset.points.get(k, own) for k, own in zip(keys, labels, strict=True)])
    shares = np.zeros((len(items), len(CLASSES)))
    for row, (given, middle) in enumerate(zip(raters, middles, strict=True)):
        for value in given:
            shares[row, class_of([value], middle)] += 1 / len(given)
    shares = (shares + _HARD_WEIGHT * np.eye(3)[labels]) / (1 + _HARD_WEIGHT)
    truth = np.array([np.mean(given) for given in raters])
    return {
        CSAT: Examples(
            items,
            raters,
            truth,
            labels,
            shares,
            np.array(names),
            np.array([dataset.name] * len(items)),
        )
    }


def _rated_moments(
    one: LabelledTranscript,
) -> list[tuple[int | None, list[float], float]]:
    """Return the moments that were rated: turn (None, overall), ratings, middle of the scale."""
    by_turn: dict[int | None, list[float]] = {}
    middle = 1.0
    for rating in one.ratings:
        if rating.criterion in (*_TURN, *_OVERALL) and rating.level is not None:
            low, high = one.scales.get(rating.criterion, (1.0, 5.0))
            middle = (low + high) / 2
            given = rating.expected if rating.expected is not None else rating.level
            by_turn.setdefault(rating.turn, []).append(float(given))
    customer = [i for i, t in enumerate(one.transcript.turns) if t.speaker is Speaker.CUSTOMER]
    late = set(customer[_FIRST_TURN:])
    found: list[tuple[int | None, list[float], float]] = [
        (turn, given, middle) for turn, given in by_turn.items() if turn is None or turn in late
    ]
    if not by_turn and one.surveys:
        survey = one.surveys[0]
        found.append((None, [survey.score], sum(survey.scale) / 2))
    return found


def at_points(dataset: Dataset, examples: dict[str, Examples]) -> dict[str, Examples]:
    """Keep the examples that the dataset's evaluation points name, if it names any."""
    if not dataset.points:
        return examples
    one = examples[CSAT]
    keep = np.array(
        [
            (name, item.turn) in dataset.points
            for name, item in zip(one.clusters, one.items, strict=True)
        ]
    )
    return {CSAT: one.take(keep)}


def _judge(
    dataset: Dataset,
    examples: dict[str, Examples],
    predictions: dict[str, Predictions],
    *,
    n_resamples: int = 1000,
    seed: int = 7,
) -> Judged:
    one = at_points(dataset, examples)[CSAT]
    said = predictions[CSAT]
    options: dict[str, Any] = {"clusters": one.clusters, "n_resamples": n_resamples, "seed": seed}
    metrics: dict[str, Estimate] = dict(
        classification_estimates(one.labels, said.levels, CLASSES, **options)
    )
    metrics["spearman"] = bootstrap(spearman, one.truth, said.expected, **options)
    return Judged(
        metrics,
        majority_metrics(one.labels, CLASSES),
        _ceiling(one, **options),
        len(one),
        len(set(one.clusters)),
    )


def _ceiling(one: Examples, **options: Any) -> dict[str, Estimate] | None:
    """One rater's class against the class of all the others' mean, as the model's is judged."""
    several = [i for i, given in enumerate(one.raters) if len(given) > 1]
    if not several:
        return None
    cells, weights, clusters = [], [], []
    alone: list[float] = []
    others: list[float] = []
    for i in several:
        given = one.raters[i]
        for k, value in enumerate(given):
            rest = given[:k] + given[k + 1 :]
            cells.append(class_of(rest, 3.0) * 3 + class_of([value], 3.0))
            weights.append(1 / len(given))
            clusters.append(one.clusters[i])
            alone.append(value)
            others.append(float(np.mean(rest)))
    options = {**options, "clusters": np.array(clusters)}
    found = bootstrap_tables(
        CLASSIFICATION_METRICS,
        np.array(cells),
        shape=(3, 3),
        weights=np.array(weights),
        n=len(several),
        **options,
    )
    fewer = {**options, "n_resamples": min(int(options["n_resamples"]), 200)}
    rank = bootstrap(spearman, np.array(others), np.array(alone), **fewer)
    return {**found, "spearman": rank}


SATISFACTION = Task(
    name="satisfaction",
    heads=(csat_criterion(CLASSES),),
    settings={CSAT: CSAT_SETTINGS},
    examples=_examples,
    judge=_judge,
)
