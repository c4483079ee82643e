"""Predicted CSAT: calibrated probabilities over an ordered scale, after any turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from autoqa.errors import RecordError
from autoqa.features.batch import Batch
from autoqa.features.views import Item
from autoqa.records import CSAT, RaterKind, Rating, Speaker, Status, Survey
from autoqa.scorecard.schema import Criterion, Level
from autoqa.scorers.linear import LinearScorer
from autoqa.scorers.routed import RoutedModel

CSAT_SETTINGS: dict[str, Any] = {
    "embeddings": ("target", "reply_to", "customer_recent", "agent_recent"),
    "ngrams": ("target", "customer_mean", "agent_mean"),
    "decision": "balanced",
    "dense_weight": 0.3,
    "penalty": 0.3,
}
"""What the model reads: the customer's last words, what they answer, and the past; set up for the
few hundred surveys that a centre has."""


def csat_criterion(scale: Sequence[int]) -> Criterion:
    """Return CSAT as a criterion: the same Rating for a survey, a person and a model."""
    return Criterion(
        id=CSAT,
        question="How satisfied is the customer?",
        levels={level: Level(label=str(level)) for level in scale},
        speaker=Speaker.CUSTOMER,
        not_applicable=False,
    )


class CsatModel:
    """Predicts satisfaction from a conversation as it stood after any turn.

    Parameters
    ----------
    scale : sequence of int
        The levels of the survey's scale, lowest first.
    settings : mapping, optional
        Laid over `CSAT_SETTINGS`.
    model : RoutedModel, optional
        A fitted model.
    """

    def __init__(
        self,
        scale: Sequence[int] = (1, 2, 3, 4, 5),
        *,
        settings: Mapping[str, Any] | None = None,
        model: RoutedModel | None = None,
    ) -> None:
        self.criterion = csat_criterion(scale)
        self.criteria: tuple[Criterion, ...] = (self.criterion,)
        self._scorer = LinearScorer(
            self.criteria,
            settings={**CSAT_SETTINGS, **(settings or {})},
            models={CSAT: model} if model else None,
        )

    @property
    def version(self) -> str:
        """Hash of settings and weights."""
        return self._scorer.version

    @property
    def model(self) -> RoutedModel:
        """The fitted model."""
        return self._scorer.models[CSAT]

    def fit(
        self, batch: Batch, ratings: Sequence[Rating], groups: Sequence[str] | None = None
    ) -> Self:
        """Learn from ratings of the criterion ``csat``, of whole conversations or after turns."""
        self._scorer.fit(batch, ratings, groups)
        return self

    def rate(self, batch: Batch, *, upto_turn: int | None = None) -> list[Rating]:
        """Return one prediction per transcript, of the whole or after turn index `upto_turn`.

        Conversations that end before `upto_turn` are predicted as a whole.

        Raises
        ------
        RecordError
            If `upto_turn` is negative.
        """
        if upto_turn is not None and upto_turn < 0:
            raise RecordError(f"upto_turn is {upto_turn}; turns are counted from 0")
        return self._scorer.rate_items(
            self.criterion,
            batch,
            [
                Item(i, upto_turn if upto_turn is not None and upto_turn < len(t.turns) else None)
                for i, t in enumerate(batch.transcripts)
            ],
        )

    def rate_items(self, batch: Batch, items: Sequence[Item]) -> list[Rating]:
        """Return one prediction per item."""
        return self._scorer.rate_items(self.criterion, batch, items)

    def curve(self, batch: Batch) -> list[Rating]:
        """Return a prediction after every customer turn, so that satisfaction can be followed."""
        return self.rate_items(
            batch,
            [
                Item(i, turn)
                for i, transcript in enumerate(batch.transcripts)
                for turn, said in enumerate(transcript.turns)
                if said.speaker is Speaker.CUSTOMER
            ],
        )


def survey_ratings(surveys: Sequence[Survey], scale: Sequence[int]) -> list[Rating]:
    """Return surveys as ratings of ``csat``, carried to `scale` by their share of their own.

    A survey on the same scale keeps its score; averages go to the nearest level.
    """
    low, high = min(scale), max(scale)
    ratings = []
    for survey in surveys:
        value = low + survey.share * (high - low)
        level = min(scale, key=lambda one: (abs(one - value), one))
        ratings.append(
            Rating(
                conversation_id=survey.conversation_id,
                criterion=CSAT,
                rater=survey.given_by,
                kind=RaterKind.HUMAN,
                status=Status.RATED,
                level=level,
                expected=value,
            )
        )
    return ratings
