"""Satisfaction in three classes, after each customer turn and overall.

The published task (Sun et al. 2021, SIGIR; Deng et al. 2022, WWW; Ye et al. 2023, ACL): one
example per customer turn from the fourth on, with everything said up to then, and one per
dialogue. The class is 0, 1 or 2 as the mean of all ratings is below, at or above the middle.
``eval_points*.csv`` has the last word on which moments count, and on their classes.
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
from autoqa.evaluation.oracle import oracle_macro_f1
from autoqa.experiments.tasks.base import Examples, Judged, Predictions, Task
from autoqa.experiments.tasks.dataset import Dataset, missing
from autoqa.features.views import Item
from autoqa.records import CSAT, LabelledTranscript, Rating, Speaker

CLASSES = (0, 1, 2)
_SCALE = (1.0, 5.0)  # of ratings that do not say theirs
_FIRST_TURN = 3  # customer turns before the fourth have too little to go on
_TURN = ("satisfaction_turn", "satisfaction3_turn")
_OVERALL = ("satisfaction_overall", "satisfaction3_overall")
_MAX_REDRAWS = 300  # of people's ratings, for the oracle
_HARD_WEIGHT = 0.7  # how much the published class counts beside the raters' own shares

Scale = tuple[float, float]


def class_of(ratings: Sequence[float], middle: float) -> int:
    """Return 0, 1 or 2 as the mean is below, at or above the middle of the scale."""
    mean = float(np.mean(ratings))
    return 1 if abs(mean - middle) < 1e-9 else int(mean > middle) * 2


def class_of_rating(rating: Rating, one: LabelledTranscript) -> int | None:
    """Return the class of one person's rating; None where it is not of satisfaction."""
    if rating.criterion not in (*_TURN, *_OVERALL) or rating.level is None:
        return None
    low, high = one.scales.get(rating.criterion, _SCALE)
    return class_of(
        [rating.level if rating.expected is None else rating.expected], (low + high) / 2
    )


def _examples(dataset: Dataset) -> dict[str, Examples]:
    pointed: dict[str, list[int | None]] = {}
    for conversation, turn in dataset.points:
        pointed.setdefault(conversation, []).append(turn)
    items: list[Item] = []
    raters: list[list[float]] = []
    scales: list[Scale] = []
    for place, one in enumerate(dataset.labelled):
        given, scale = _given(one)
        late = _late_turns(one)
        named = pointed.get(one.transcript.conversation_id, [])
        counted = [turn for turn in given if turn is None or turn in late]
        # A point without ratings is an example all the same: the file says its class.
        for turn in dict.fromkeys([*counted, *named]):
            items.append(Item(place, turn))
            raters.append(given.get(turn, []))
            scales.append(scale)
    if not items:
        raise missing(
            dataset, "satisfaction labels (satisfaction_turn, satisfaction_overall or csat)"
        )
    middles = [(low + high) / 2 for low, high in scales]
    names = [dataset.labelled[i.transcript].transcript.conversation_id for i in items]
    labels = np.zeros(len(items), int)
    truth = np.zeros(len(items))
    shares = np.zeros((len(items), len(CLASSES)))
    for row, (name, item) in enumerate(zip(names, items, strict=True)):
        point = dataset.points.get((name, item.turn))
        labels[row] = class_of(raters[row], middles[row]) if point is None else point
        truth[row] = np.mean(raters[row]) if raters[row] else _typical(labels[row], scales[row])
        for value in raters[row] or [truth[row]]:
            shares[row, class_of([value], middles[row])] += 1 / max(len(raters[row]), 1)
    shares = (shares + _HARD_WEIGHT * np.eye(3)[labels]) / (1 + _HARD_WEIGHT)
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


def _given(one: LabelledTranscript) -> tuple[dict[int | None, list[float]], Scale]:
    """Return the ratings of each moment (turn; None, overall), and their scale.

    What the customer answered stands for an overall rating where nobody else gave one.
    """
    by_turn: dict[int | None, list[float]] = {}
    scale: Scale | None = None
    for rating in one.ratings:
        if rating.criterion in (*_TURN, *_OVERALL) and rating.level is not None:
            own = one.scales.get(rating.criterion, _SCALE)
            scale = scale or own
            given = float(rating.expected if rating.expected is not None else rating.level)
            by_turn.setdefault(rating.turn, []).append(_carried(given, own, scale))
    if None not in by_turn and one.surveys:
        survey = one.surveys[0]
        scale = scale or survey.scale
        by_turn[None] = [_carried(survey.score, survey.scale, scale)]
    return by_turn, scale or _SCALE


def _carried(value: float, own: Scale, scale: Scale) -> float:
    """Return a value of one scale on another, by its share of its own."""
    if own == scale:
        return value
    return scale[0] + (value - own[0]) / (own[1] - own[0]) * (scale[1] - scale[0])


def _late_turns(one: LabelledTranscript) -> set[int]:
    """The customer's turns from the fourth on."""
    customer = [i for i, t in enumerate(one.transcript.turns) if t.speaker is Speaker.CUSTOMER]
    return set(customer[_FIRST_TURN:])


def _typical(label: int, scale: Scale) -> float:
    """The middle of what a class covers of the scale: 2, 3 or 4 of 1-5."""
    low, high = scale
    return low + (high - low) * (label + 1) / 4


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
    one = examples[CSAT]
    said = predictions[CSAT]
    options: dict[str, Any] = {"clusters": one.clusters, "n_resamples": n_resamples, "seed": seed}
    metrics: dict[str, Estimate] = dict(
        classification_estimates(one.labels, said.levels, CLASSES, **options)
    )
    metrics["spearman"] = bootstrap(spearman, one.truth, said.expected, **options)
    scales = _scales(dataset, one)
    return Judged(
        metrics,
        majority_metrics(one.labels, CLASSES),
        _ceiling(one, [sum(scale) / 2 for scale in scales], **options),
        len(one),
        len(set(one.clusters)),
        _oracle(one, scales, **options),
    )


def _scales(dataset: Dataset, one: Examples) -> list[Scale]:
    """The scale that each item was rated on."""
    scales = [_given(labelled)[1] for labelled in dataset.labelled]
    return [scales[item.transcript] for item in one.items]


def _ceiling(one: Examples, middles: Sequence[float], **options: Any) -> dict[str, Estimate] | None:
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
            cells.append(class_of(rest, middles[i]) * 3 + class_of([value], middles[i]))
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


def _oracle(one: Examples, scales: Sequence[Scale], **options: Any) -> dict[str, Estimate] | None:
    """What an oracle reaches on items with several ratings, all at levels of one scale."""
    several = [i for i, given in enumerate(one.raters) if len(given) > 1]
    if len({scales[i] for i in several}) != 1:
        return None
    low, high = scales[several[0]]
    levels = np.arange(low, high + 1)
    at_level = [np.asarray(one.raters[i])[:, None] == levels for i in several]
    if not all(given.any(axis=1).all() for given in at_level):
        return None
    found = oracle_macro_f1(
        np.array([given.sum(axis=0) for given in at_level]),
        levels.tolist(),
        lambda mean: class_of([mean], (low + high) / 2),
        n_classes=len(CLASSES),
        clusters=one.clusters[several],
        n_redraws=min(int(options["n_resamples"]), _MAX_REDRAWS),
        seed=int(options["seed"]),
    )
    return {"macro_f1": found}


SATISFACTION = Task(
    name="satisfaction",
    heads=(csat_criterion(CLASSES),),
    # Labels by the thousand, one per turn: smoother, and closer to the last exchange.
    settings={
        CSAT: {
            **CSAT_SETTINGS,
            "ngrams": ("target", "reply_to"),
            "dense_weight": 0.5,
            "penalty": 6.0,
        }
    },
    examples=_examples,
    judge=_judge,
    # The turn's own vector holds the past; and it has seen these labels in training, so it is
    # trusted less than words than its fit to them would suggest.
    in_context={
        CSAT: {
            "embeddings": ("target",),
            "statistics": False,
            "dense_weight": 0.3,
            "penalty": 12.0,
            "link": "multinomial",
        }
    },
)
