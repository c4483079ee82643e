"""The arm `network`: an evidence network of one head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoqa.errors import DataError, ExperimentError
from autoqa.experiments.fitting import SEED
from autoqa.experiments.tasks.base import Examples, Predictions, Task
from autoqa.features.batch import Batch
from autoqa.scorers.evidence import EvidenceNetwork, EvidenceSettings, HeadLabels
from autoqa.scorers.linear import turn_evidence


def network_settings(arm: str, stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an arm of a spec states, as settings of `EvidenceSettings`.

    Raises
    ------
    ExperimentError
        If a value cannot be used.
    """
    settings = {"seed": SEED, **stated}
    try:
        EvidenceSettings(**settings)
    except (DataError, TypeError) as error:
        raise ExperimentError(f"arms.{arm}: {error}") from None
    return settings


@dataclass(frozen=True)
class ByNetwork:
    """A fitted network. Nothing of it is kept: only linear models are logged."""

    head: str
    network: EvidenceNetwork
    model: None = None
    scorecard: None = None

    @classmethod
    def learn(
        cls, settings: Mapping[str, Any], task: Task, head: str, batch: Batch, train: Examples
    ) -> ByNetwork:
        """Learn from the raters' shares, weighted as for linear models.

        Where decisions are balanced and no link is stated, it is multinomial: a level in the
        middle, which is to be found as often as the others, then has evidence of its own.
        """
        raters = np.array([len(given) for given in train.raters], float)
        decision = task.settings[head].get("decision", "likeliest")
        link = "multinomial" if decision == "balanced" else "ordinal"
        labels = HeadLabels(
            train.items,
            train.shares,
            task.head(head).scale,
            weights=np.sqrt(raters / raters.mean()),
            groups=train.clusters,
            decision=decision,
        )
        network = EvidenceNetwork(EvidenceSettings(**{"link": link, **settings}))
        return cls(head, network.fit(batch, {head: labels}))

    def predict(self, batch: Batch, examples: Examples) -> Predictions:
        """Answer with the network; the turns that add most are the evidence."""
        head, items = self.head, examples.items
        said = self.network.probabilities(head, batch, items)
        scale = np.array(self.network.levels(head), float)
        contributions = self.network.contributions(head, batch, items)
        return Predictions(
            self.network.decide(head, batch, items, said),
            said @ scale,
            said,
            [
                turn_evidence(batch.transcripts[item.transcript].turns, added)
                for item, added in zip(items, contributions, strict=True)
            ],
            float(self.network.base_rate(head) @ scale),
        )
