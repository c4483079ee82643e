"""Arms: the ways to answer that an experiment compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from autoqa.errors import ExperimentError, near_miss
from autoqa.experiments.fitting import fit_head, predict_head
from autoqa.experiments.network_arm import ByNetwork, network_settings
from autoqa.experiments.spec import ArmSpec
from autoqa.experiments.tasks.base import Examples, Floats, Predictions, Task
from autoqa.experiments.unlabelled import ByScorer
from autoqa.features.batch import Batch
from autoqa.records import Rating
from autoqa.scorecard import Scorecard, evaluate, load_scorecard
from autoqa.scorers.evidence import EvidenceSettings
from autoqa.scorers.linear import LinearScorer
from autoqa.scorers.panel import Panel
from autoqa.scorers.routed import RoutedModel
from autoqa.scorers.text_model import TextModel


class Learned(Protocol):
    """What an arm made of its training examples.

    `model` and `scorecard` are what can be kept of it: None where there is nothing to keep.
    """

    @property
    def model(self) -> RoutedModel | None:
        """The fitted model."""

    @property
    def scorecard(self) -> Scorecard | None:
        """The scorecard whose rules answer."""

    def predict(self, batch: Batch, examples: Examples) -> Predictions:
        """Answer examples."""


Arm = Callable[[Task, str, Batch, Examples], Learned]
"""``(task, head, batch, training examples) -> learned``"""

LEARNED: Mapping[str, Mapping[str, Any]] = {
    "linear": {},
    "tfidf": {"embeddings": (), "statistics": False},
    "embeddings": {"ngrams": (), "statistics": False},
    "statistics": {"embeddings": (), "ngrams": (), "statistics": True},
}
"""`TextModel` settings laid over the task's own, by arm."""


def arm_of(spec: ArmSpec) -> Arm:
    """Return the function that an arm of a spec stands for.

    ``majority`` always gives what training items got on average; ``linear``, ``tfidf``,
    ``embeddings`` and ``statistics`` learn, and take settings of `TextModel`; ``network`` learns
    from all turns, and takes `EvidenceSettings`; ``rules`` scores a scorecard (setting
    ``scorecard``) and learns only from which total on to say yes. Two learn nothing
    (`needs_no_labels`): ``rules`` with a rule for every head (setting ``heads``), and
    ``zero_shot``, which compares turns with a head's question or, by head, its ``statements``.

    Raises
    ------
    ExperimentError
        If the arm or one of its settings is not known.
    """
    settings = dict(spec.settings)
    if spec.use == "majority":
        _refuse(spec, settings, ())
        return Majority.learn
    if spec.use == "rules":
        _refuse(spec, settings, ("heads",) if "heads" in settings else ("scorecard",))
        if "heads" in settings:
            rules = _by_head(spec, "heads")
            return lambda task, head, *_: ByScorer.of_rules(task, head, rules)
        card = load_scorecard(str(settings.get("scorecard", "support-core")))
        return lambda task, head, batch, train: ByRules.learn(card, task, head, batch, train)
    if spec.use == "zero_shot":
        _refuse(spec, settings, ("statements",))
        said = _by_head(spec, "statements") if settings else {}
        return lambda task, head, *_: ByScorer.zero_shot(task, head, said)
    if spec.use in LEARNED:
        _refuse(spec, settings, tuple(TextModel().get_params()))
        chosen = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
        overrides = {**LEARNED[spec.use], **chosen}
        return lambda task, head, batch, train: ByModel(
            task, head, fit_head(task, head, batch, train, overrides)
        )
    if spec.use == "network":
        _refuse(spec, settings, tuple(field.name for field in fields(EvidenceSettings)))
        stated = network_settings(spec.name, settings)
        return lambda task, head, batch, train: ByNetwork.learn(stated, task, head, batch, train)
    known = ("majority", "network", "rules", "zero_shot", *LEARNED)
    raise ExperimentError(
        f"arms.{spec.name}: no arm '{spec.use}'.{near_miss(spec.use, known)} Known: "
        f"{', '.join(sorted(known))}."
    )


def needs_no_labels(spec: ArmSpec) -> bool:
    """Whether an arm answers without having seen a rated conversation."""
    return spec.use == "zero_shot" or (spec.use == "rules" and "heads" in spec.settings)


def _by_head(spec: ArmSpec, key: str) -> Mapping[str, Any]:
    stated = spec.settings[key]
    if not isinstance(stated, Mapping) or not stated:
        raise ExperimentError(f"arms.{spec.name}.{key}: give a mapping with a key per head")
    return stated


def _refuse(spec: ArmSpec, settings: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in settings:
        if key not in known:
            raise ExperimentError(
                f"arms.{spec.name}.{key}: unknown setting of '{spec.use}'.{near_miss(key, known)}"
            )


@dataclass(frozen=True)
class Majority:
    """Always the commonest answer; the bar that everything else has to clear."""

    scale: tuple[int, ...]
    shares: Floats  # of raters at each level
    commonest: int
    model: None = None
    scorecard: None = None

    @classmethod
    def learn(
        cls,
        task: Task,
        head: str,
        batch: Batch,  # noqa: ARG003 - the same signature for every arm
        train: Examples,
    ) -> Majority:
        """Count the training labels."""
        scale = task.head(head).scale
        counts = np.bincount(np.searchsorted(scale, train.labels), minlength=len(scale))
        return cls(scale, train.shares.mean(axis=0), scale[counts.argmax()])

    def predict(
        self,
        batch: Batch,  # noqa: ARG002 - the same signature for every arm
        examples: Examples,
    ) -> Predictions:
        """Give every example the commonest answer."""
        n = len(examples)
        return Predictions(
            np.full(n, self.commonest),
            # The same for all folds: their different averages would rank items by their fold.
            np.full(n, float(np.mean(self.scale))),
            np.tile(self.shares, (n, 1)),
            [() for _ in examples.items],
            float(self.shares @ self.scale),
        )


@dataclass(frozen=True)
class ByModel:
    """A fitted model of one head."""

    task: Task
    head: str
    model: RoutedModel
    scorecard: None = None

    def predict(self, batch: Batch, examples: Examples) -> Predictions:
        """Answer with the model."""
        criterion = self.task.head(self.head)
        scorer = LinearScorer([criterion], models={self.head: self.model})
        return predict_head(self.task, scorer, batch, examples)


@dataclass(frozen=True)
class ByRules:
    """A scorecard's total, and from which total on the answer is yes."""

    scorecard: Scorecard
    scale: tuple[int, int]
    cut: float
    model: None = None

    @classmethod
    def learn(
        cls, card: Scorecard, task: Task, head: str, batch: Batch, train: Examples
    ) -> ByRules:
        """Let as many conversations pass as did among those that were learned from."""
        scale = task.head(head).scale
        if len(scale) != 2:
            raise ExperimentError(f"arm 'rules' answers yes-or-no heads, '{head}' has {len(scale)}")
        seen = _totals(card, batch)[[i.transcript for i in train.items]]
        cut = float(np.quantile(seen, np.mean(train.labels != scale[-1])))
        return cls(card, (scale[0], scale[1]), cut)

    def predict(self, batch: Batch, examples: Examples) -> Predictions:
        """Answer by the total."""
        asked = _totals(self.scorecard, batch)[[i.transcript for i in examples.items]]
        no, yes = self.scale
        return Predictions(
            np.array(self.scale)[(asked > self.cut).astype(int)],
            no + asked * (yes - no),
            np.column_stack([1 - asked, asked]),
            [() for _ in examples.items],
            self.cut,
        )


def _totals(card: Scorecard, batch: Batch) -> Floats:
    """The scorecard's total of every conversation as a share; one half where nothing applied."""

    def compute() -> Floats:
        ratings: list[Rating] = Panel(card).rate(batch)
        width = len(card.criteria)
        totals = [
            evaluate(ratings[start : start + width], card).total
            for start in range(0, len(ratings), width)
        ]
        return np.array([0.5 if total is None else total / 100 for total in totals])

    return batch.once(("totals", card.content_hash), compute)
