"""A fitted head of an evidence network: what is known of it beside the network's weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autoqa.features.batch import Batch
from autoqa.features.views import Item
from autoqa.scorers.evidence_labels import Decision, EvidenceSettings, Floats
from autoqa.scorers.heads import Head
from autoqa.scorers.text_model import chosen_levels

if TYPE_CHECKING:
    from autoqa.scorers.evidence_reader import NetworkReader


@dataclass(frozen=True, eq=False)
class FittedHead:
    """One head's scale, its link, and how often it gives each level.

    Attributes
    ----------
    link : Head
        Turns logits into calibrated probabilities.
    base_rate : array of shape (n_levels,)
        Mean probabilities over what was learned from; `base_rates` has them by source.
    severities : dict of str to float
        How much stricter each rater is than the others, in units of the score.
    """

    levels: tuple[int, ...]
    decision: Decision
    link: Head
    base_rate: Floats
    base_rates: dict[str, Floats]
    severities: dict[str, float]

    def decide(
        self, batch: Batch, items: Sequence[Item], probabilities: Floats
    ) -> NDArray[np.int_]:
        """Return the chosen level per item; ties go to the lower level."""
        usual = [
            self.base_rates.get(batch.transcripts[item.transcript].source or "", self.base_rate)
            for item in items
        ]
        rates = np.array(usual).reshape(-1, len(self.levels))
        return chosen_levels(probabilities, self.levels, self.decision, rates)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` needs."""
        return {
            "levels": list(self.levels),
            "decision": self.decision,
            "temperature": self.link.temperature,
            "base_rate": self.base_rate.tolist(),
            "base_rates": {source: rates.tolist() for source, rates in self.base_rates.items()},
            "severities": self.severities,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], settings: EvidenceSettings) -> FittedHead:
        """Rebuild a head from `to_json`."""
        return cls(
            tuple(stored["levels"]),
            stored["decision"],
            link_of(settings, stored["levels"], stored["temperature"]),
            np.array(stored["base_rate"]),
            {source: np.array(rates) for source, rates in stored["base_rates"].items()},
            dict(stored["severities"]),
        )


def link_of(settings: EvidenceSettings, levels: Sequence[int], temperature: float = 1.0) -> Head:
    """Return what turns a head's logits into probabilities over its levels."""
    link = Head(settings.link, seed=settings.seed)
    link.levels, link.temperature = np.array(levels, float), temperature
    return link


def answers(
    reader: NetworkReader, head: str, link: Head, batch: Batch, items: Sequence[Item]
) -> Floats:
    """Return calibrated probabilities over a head's levels, shape (n_items, n_levels)."""
    if not items:
        return np.zeros((0, len(link.levels)))
    return link.probabilities(reader.logits(head, batch, reader.spans(batch, items)))
