"""What a study rests on: ratings, surveys and conversations, indexed once for all its parts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from autoqa.errors import DataError
from autoqa.evaluation.alignment import csat_shares
from autoqa.evaluation.by_criterion import (
    Automated,
    Human,
    index_automated,
    index_human,
    scales_of,
)
from autoqa.evaluation.by_total import Totals, totals_of
from autoqa.evaluation.claims.data import handle_seconds
from autoqa.evaluation.comparison import Comparison
from autoqa.evaluation.drivers import DriverTable, conversation_covariates, driver_table
from autoqa.evaluation.drivers.table import Covariate
from autoqa.evaluation.quality_ratings import quality_ratings
from autoqa.records import CSAT, LabelledTranscript, Rating, Status, Survey
from autoqa.scorecard.schema import Scorecard

CIRCUMSTANCES = ("wait_s", "wait_time_s", "queue_s", "transferred", "transfers", "held", "holds")
"""Attributes of conversations that drivers are controlled for, beside topic, channel and handle
time. Whether the contact was resolved is not among them: it is what good service brings about."""

_PER_CRITERION = 10  # surveyed conversations, so that a regression has something to go by


@dataclass(frozen=True, slots=True)
class Found:
    """What one part of a study found: values of `Study`'s fields, and what to know about them."""

    fields: Mapping[str, Any]
    caveats: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class StudyData:
    """Everything that the parts of a study are worked out from.

    Attributes
    ----------
    comparison : Comparison
        Of the same ratings; says which criteria both sides rated, and on which levels.
    automated : sequence of Rating
        Without predictions after single turns, which are `curves`.
    conversations : mapping of id to LabelledTranscript
    """

    comparison: Comparison
    automated: Sequence[Rating]
    human: Sequence[Rating] = ()
    surveys: Sequence[Survey] = ()
    conversations: Mapping[str, LabelledTranscript] = field(default_factory=dict)
    curves: Sequence[Rating] = ()
    card: Scorecard | None = None
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    parts: Mapping[str, Sequence[str]] | None = None
    failure_topics: Sequence[str] = ()
    seed: int = 7
    n_resamples: int = 1000

    @property
    def resampling(self) -> dict[str, Any]:
        """Seed and number of resamples, as every bootstrap takes them."""
        return {"seed": self.seed, "n_resamples": self.n_resamples}

    @cached_property
    def levels(self) -> dict[str, tuple[int, ...]]:
        """The scale of each criterion that both sides rated, in the scorecard's order."""
        return {c.criterion: c.levels for c in self.comparison.criteria if c.criterion != CSAT}

    @cached_property
    def by_machine(self) -> Automated:
        """Automated ratings by criterion and item."""
        return index_automated(self.automated)[0]

    @cached_property
    def by_people(self) -> Human:
        """Human ratings by criterion, item and rater."""
        return index_human(self.human)[0]

    @cached_property
    def agents(self) -> dict[str, str]:
        """Agent of each conversation where known."""
        return self.known("agent")

    @cached_property
    def dates(self) -> dict[str, datetime]:
        """When each conversation began, where known."""
        return {
            key: one.transcript.started_at
            for key, one in self.conversations.items()
            if one.transcript.started_at is not None
        }

    @cached_property
    def csat(self) -> dict[str, float]:
        """Answer to each conversation's survey, as a share of its scale."""
        return csat_shares(self.surveys)

    @cached_property
    def automated_totals(self) -> dict[str, float]:
        """Automated total of each scored conversation, 0-100.

        Over the criteria that people rated too; over all where people rated nothing.
        """
        flat = (rating for items in self.by_machine.values() for rating in items.values())
        return _mean_by_conversation(self._totals(flat, self.by_machine, "automated"))

    @cached_property
    def human_totals(self) -> dict[str, float]:
        """Mean of people's totals of each reviewed conversation, over the same criteria."""
        flat = (
            rating
            for items in self.by_people.values()
            for by_rater in items.values()
            for rating in by_rater.values()
        )
        return _mean_by_conversation(self._totals(flat, self.by_people, None))

    @cached_property
    def predicted_csat(self) -> dict[str, float]:
        """Predicted satisfaction with whole conversations, on the prediction's scale."""
        return {
            conversation: float(rating.level if rating.expected is None else rating.expected)
            for (conversation, turn), rating in self.by_machine.get(CSAT, {}).items()
            if turn is None and rating.status is Status.RATED and rating.level is not None
        }

    @cached_property
    def log_handle_times(self) -> dict[str, float]:
        """Logarithm of one plus the handle time in seconds, where known."""
        return {
            key: math.log1p(seconds)
            for key, one in self.conversations.items()
            if math.isfinite(seconds := handle_seconds(one)) and seconds >= 0
        }

    @cached_property
    def csat_table(self) -> tuple[str, DriverTable]:
        """Whose ratings are set against CSAT, ``human`` or ``automated``, and the table of them.

        People's, where 10 surveyed conversations per criterion have them; else the side with more.
        DataError without surveyed conversations that were rated.
        """
        if not self.csat:
            raise DataError("There are no survey answers. Bring what customers answered.")
        sides = {
            "human": quality_ratings(self.human, self.surveys),
            "automated": quality_ratings(self.automated, self.surveys),
        }
        n = {
            side: len({rating.conversation_id for rating in held} & self.csat.keys())
            for side, held in sides.items()
        }
        if not any(n.values()):
            raise DataError(
                "No surveyed conversation has a rating. Check how conversation ids are written."
            )
        enough = _PER_CRITERION * max(1, len(self.levels))
        side = "human" if n["human"] >= min(enough, n["automated"]) else "automated"
        return side, driver_table(
            sides[side],
            self.surveys,
            card=self.card,
            scales=self.scales,
            agents=self.agents,
            covariates=self._covariates(),
        )

    def _covariates(self) -> dict[str, dict[str, Covariate]]:
        transcripts = [one.transcript for one in self.conversations.values()]
        recorded = {name for one in transcripts for name in one.attributes}
        found = conversation_covariates(
            transcripts, attributes=[name for name in CIRCUMSTANCES if name in recorded]
        )
        for key, handled in self.log_handle_times.items():
            found[key]["log_handle_time"] = handled
        return found

    def known(self, name: str) -> dict[str, str]:
        """Return what is known of conversations under a field of Transcript, as text."""
        found = ((key, getattr(one.transcript, name)) for key, one in self.conversations.items())
        return {key: str(value) for key, value in found if value}

    def clusters(self, conversations: Iterable[str]) -> list[str]:
        """Name what a bootstrap draws: the agent, or the conversation itself without one."""
        return [
            f"agent {self.agents[one]}" if one in self.agents else f"alone {one}"
            for one in conversations
        ]

    def _totals(self, flat: Iterable[Rating], rated: Iterable[str], rater: str | None) -> Totals:
        criteria = set(self.levels or rated) - {CSAT}
        scales = dict(self.levels) if self.levels else self._scales
        return totals_of(flat, criteria, card=self.card, scales=scales, one_rater=rater)

    @cached_property
    def _scales(self) -> dict[str, tuple[int, ...]]:
        return scales_of(self.by_machine, self.by_machine, self.by_people, self.card, self.scales)[
            0
        ]


def _mean_by_conversation(totals: Totals) -> dict[str, float]:
    return {key: math.fsum(said.values()) / len(said) for key, said in totals.items()}
