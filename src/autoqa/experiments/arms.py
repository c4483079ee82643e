"""Arms: the ways to answer that an experiment compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autoqa.errors import ExperimentError, near_miss
from autoqa.experiments.fitting import fit_head
from autoqa.experiments.spec import ArmSpec
from autoqa.experiments.tasks.base import Examples, Predictions, Task, predict
from autoqa.features.batch import Batch
from autoqa.records import Rating
from autoqa.scorecard import evaluate, load_scorecard
from autoqa.scorers.linear import LinearScorer
from autoqa.scorers.panel import Panel
from autoqa.scorers.sentences import sentence_evidence
from autoqa.scorers.text_model import TextModel

Answers = Callable[[Task, str, Batch, Examples, Examples], Predictions]
"""``(task, head, batch, training examples, examples to predict) -> predictions``"""

LEARNED: Mapping[str, Mapping[str, Any]] = {
    "linear": {},
    "tfidf": {"embeddings": (), "statistics": False},
    "embeddings": {"ngrams": (), "statistics": False},
    "statistics": {"embeddings": (), "ngrams": (), "statistics": True},
}
"""`TextModel` settings laid over the task's own, by arm."""


def answers(arm: ArmSpec) -> Answers:
    """Return the function that an arm of a spec stands for.

    ``majority`` always gives what training items got on average; ``linear``, ``tfidf``,
    ``embeddings`` and ``statistics`` learn, and take settings of `TextModel`; ``rules`` scores a
    scorecard (setting ``scorecard``) and learns only from which total on to say yes.

    Raises
    ------
    ExperimentError
        If the arm or one of its settings is not known.
    """
    settings = dict(arm.settings)
    if arm.use == "majority":
        _refuse(arm, settings, ())
        return _majority
    if arm.use == "rules":
        _refuse(arm, settings, ("scorecard",))
        return _by_rules(str(settings.get("scorecard", "support-core")))
    if arm.use in LEARNED:
        _refuse(arm, settings, tuple(TextModel().get_params()))
        chosen = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
        return _learned({**LEARNED[arm.use], **chosen})
    known = ("majority", "rules", *LEARNED)
    raise ExperimentError(
        f"arms.{arm.name}: no arm '{arm.use}'.{near_miss(arm.use, known)} Known: "
        f"{', '.join(sorted(known))}."
    )


def _refuse(arm: ArmSpec, settings: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in settings:
        if key not in known:
            raise ExperimentError(
                f"arms.{arm.name}.{key}: unknown setting of '{arm.use}'.{near_miss(key, known)}"
            )


def _majority(
    task: Task,
    head: str,
    batch: Batch,  # noqa: ARG001 - the same signature for every arm
    train: Examples,
    test: Examples,
) -> Predictions:
    scale = np.array(task.head(head).scale)
    shares = train.shares.mean(axis=0)
    commonest = np.bincount(np.searchsorted(scale, train.labels), minlength=len(scale)).argmax()
    return Predictions(
        np.full(len(test), scale[commonest]),
        # The same for all folds: their different averages would rank items by their fold.
        np.full(len(test), float(scale.mean())),
        np.tile(shares, (len(test), 1)),
        [() for _ in test.items],
        float(shares @ scale),
    )


def _learned(overrides: Mapping[str, Any]) -> Answers:
    def answer(task: Task, head: str, batch: Batch, train: Examples, test: Examples) -> Predictions:
        model = fit_head(task, head, batch, train, overrides)
        criterion = task.head(head)
        scorer = LinearScorer([criterion], models={head: model})
        found = predict(scorer, criterion, batch, test)
        if task.name != "empathy":
            return found
        evidence = sentence_evidence(scorer, criterion, batch, test.items)
        return Predictions(
            found.levels, found.expected, found.probabilities, evidence, found.middle
        )

    return answer


def _by_rules(scorecard: str) -> Answers:
    def answer(task: Task, head: str, batch: Batch, train: Examples, test: Examples) -> Predictions:
        scale = np.array(task.head(head).scale)
        if len(scale) != 2:
            raise ExperimentError(f"arm 'rules' answers yes-or-no heads, '{head}' has {len(scale)}")
        totals = _totals(scorecard, batch)
        seen = totals[[i.transcript for i in train.items]]
        asked = totals[[i.transcript for i in test.items]]
        # As many conversations pass as did among those that were learned from.
        cut = np.quantile(seen, np.mean(train.labels != scale[-1]))
        return Predictions(
            scale[(asked > cut).astype(int)],
            scale[0] + asked * (scale[1] - scale[0]),
            np.column_stack([1 - asked, asked]),
            [() for _ in test.items],
            float(cut),
        )

    return answer


def _totals(scorecard: str, batch: Batch) -> np.ndarray:
    """The scorecard's total of every conversation as a share; one half where nothing applied."""
    card = load_scorecard(scorecard)

    def compute() -> np.ndarray:
        ratings: list[Rating] = Panel(card).rate(batch)
        width = len(card.criteria)
        totals = [
            evaluate(ratings[start : start + width], card).total
            for start in range(0, len(ratings), width)
        ]
        return np.array([0.5 if total is None else total / 100 for total in totals])

    return batch.once(("totals", card.content_hash), compute)
