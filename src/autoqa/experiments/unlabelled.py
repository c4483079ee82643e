"""Arms that need no labels: rules, and the comparison of turns with sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from autoqa.errors import ExperimentError, near_miss
from autoqa.experiments.tasks.base import Examples, Predictions, Task, from_ratings
from autoqa.features.batch import Batch
from autoqa.features.views import Item
from autoqa.records import Rating
from autoqa.scorecard.schema import Criterion, ScorerSpec
from autoqa.scorers.rules import RulesScorer
from autoqa.scorers.zero_shot import ZeroShotScorer


class ItemScorer(Protocol):
    """A scorer that can be asked about single moments of conversations."""

    def rate_items(self, criterion: Criterion, batch: Batch, items: Sequence[Item]) -> list[Rating]:
        """Return a rating per item."""


@dataclass(frozen=True)
class ByScorer:
    """A scorer that needs no labels."""

    criterion: Criterion
    scorer: ItemScorer
    model: None = None
    scorecard: None = None

    @classmethod
    def of_rules(cls, task: Task, head: str, rules: Mapping[str, Any]) -> ByScorer:
        """Answer a head by a rule in the words of scorecards, where turns are rated on each turn.

        Raises
        ------
        ExperimentError
            If there is no rule for the head, or one for a head that the task does not have.
        """
        _check_heads(task, rules)
        if head not in rules:
            raise ExperimentError(f"arm 'rules': no rule for '{head}'; give one under heads")
        criterion = _scored_by(task.head(head), {"use": "rules", **rules[head]})
        return cls(criterion, _RulesByItem(criterion))

    @classmethod
    def zero_shot(cls, task: Task, head: str, statements: Mapping[str, Any]) -> ByScorer:
        """Answer a head by how near turns are to its statements, or else to its question.

        Raises
        ------
        ExperimentError
            If there are statements for a head that the task does not have.
        """
        _check_heads(task, statements)
        own = {"statements": statements[head]} if head in statements else {}
        criterion = _scored_by(task.head(head), {"use": "zero_shot", **own})
        return cls(criterion, ZeroShotScorer([criterion]))

    def predict(self, batch: Batch, examples: Examples) -> Predictions:
        """Answer examples."""
        ratings = self.scorer.rate_items(self.criterion, batch, examples.items)
        n = len(self.criterion.scale)
        return from_ratings(ratings, self.criterion, np.full(n, 1 / n))


class _RulesByItem:
    """Rules asked about moments: single turns as if they were all that was said."""

    def __init__(self, criterion: Criterion) -> None:
        self._rules = RulesScorer([criterion.model_copy(update={"unit": "conversation"})])

    def rate_items(self, criterion: Criterion, batch: Batch, items: Sequence[Item]) -> list[Rating]:
        shown = []
        for item in items:
            whole = batch.transcripts[item.transcript]
            end = len(whole.turns) if item.turn is None else item.turn + 1
            start = end - 1 if criterion.unit == "turn" and item.turn is not None else 0
            shown.append(replace(whole, turns=whole.turns[start:end], closing_actions=()))
        return self._rules.rate(Batch(shown))


def _scored_by(head: Criterion, spec: Mapping[str, Any]) -> Criterion:
    return head.model_copy(update={"scorer": ScorerSpec.model_validate(spec)})


def _check_heads(task: Task, stated: Mapping[str, Any]) -> None:
    known = [head.id for head in task.heads]
    for name in stated:
        if name not in known:
            raise ExperimentError(
                f"arms: {task.name} has no head '{name}'.{near_miss(str(name), known)} Known: "
                f"{', '.join(known)}."
            )
