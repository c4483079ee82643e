"""The `linear` scorer: learns from human ratings, one calibrated ordinal model per criterion."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from autoqa.errors import DataError, ModelError
from autoqa.features.batch import Batch
from autoqa.features.ngrams import TurnNgrams, turn_text
from autoqa.features.views import Item, same_side
from autoqa.records import Evidence, Rating, Status
from autoqa.scorecard.schema import Criterion
from autoqa.scorers.answers import abstained, or_abstained, rated
from autoqa.scorers.base import register_scorer
from autoqa.scorers.routed import RoutedModel, training_routes
from autoqa.scorers.text_model import Floats

RATER = "linear"
_CODE_VERSION = 1
_MOST_EVIDENCE = 3  # turns shown per rating
_OF_STRONGEST = 0.1  # turns that move the score less than this share of the strongest are left out

CONVERSATION_SETTINGS: dict[str, Any] = {
    "embeddings": ("agent_opening", "agent_ending", "agent_mean", "customer_mean"),
    "ngrams": ("agent_mean",),
    "dense_weight": 0.2,
    "penalty": 0.1,
}
TURN_SETTINGS: dict[str, Any] = {
    "embeddings": ("target", "reply_to"),
    "ngrams": ("target",),
    "dense_weight": 0.3,
    "penalty": 0.3,
}
"""What a model reads, by the unit it rates; few reviews carry words further than vectors."""

TFIDF_SETTINGS: dict[str, Any] = {"embeddings": ()}
"""Laid over the settings above, this needs no encoder and works in any language."""


@register_scorer(RATER)
class LinearScorer:
    """Rates criteria by linear models over pooled embeddings, n-grams and statistics.

    Parameters
    ----------
    criteria : sequence of Criterion
    abstain_below : float
        Ratings whose chosen level is less probable than this are abstained on.
    settings : mapping, optional
        Laid over what `TextModel` gets for a criterion's unit, for example
        ``{"embeddings": ()}`` for a TF-IDF variant that needs no encoder.
    models : mapping of str to RoutedModel, optional
        Fitted models by criterion id.
    """

    def __init__(
        self,
        criteria: Sequence[Criterion],
        *,
        abstain_below: float = 0.0,
        settings: Mapping[str, Any] | None = None,
        models: Mapping[str, RoutedModel] | None = None,
    ) -> None:
        self.criteria = tuple(criteria)
        self.abstain_below = abstain_below
        self.settings = dict(settings or {})
        self.models = dict(models or {})

    @property
    def version(self) -> str:
        """Hash of settings and weights."""
        digest = hashlib.sha256(f"{_CODE_VERSION}/{self.abstain_below}".encode())
        for criterion in self.criteria:
            model = self.models.get(criterion.id)
            for route, one in sorted(model.models.items()) if model else ():
                meta, arrays = one.to_arrays()
                digest.update(json.dumps([criterion.id, route, meta], default=str).encode())
                for name in sorted(arrays):
                    digest.update(arrays[name].tobytes())
        return digest.hexdigest()[:12]

    def fit(
        self, batch: Batch, ratings: Sequence[Rating], groups: Sequence[str] | None = None
    ) -> Self:
        """Learn from people's ratings; those of several raters count in shares.

        Parameters
        ----------
        batch : Batch
        ratings : sequence of Rating
            Of any criteria; those not of this scorer, or not rated, are passed over.
        groups : sequence of str, optional
            Per transcript; calibration never splits a group. Default, the conversation.

        Raises
        ------
        DataError
            If no criterion has enough ratings (the message says what each one lacks), or a
            rating is of a turn that is not there.
        """
        labels = gather_labels(batch, ratings)
        vocabularies = self._vocabularies(batch, labels)
        problems = []
        for criterion in self.criteria:
            if criterion.id not in labels:
                problems.append(f"{criterion.id}: no ratings")
                continue
            items, targets, raters = labels[criterion.id]
            y = level_shares(targets, criterion.scale)
            of_item = (
                [i.transcript for i in items]
                if groups is None
                else [groups[i.transcript] for i in items]
            )
            try:
                self.models[criterion.id] = RoutedModel.fit(
                    batch,
                    items,
                    y,
                    self._settings(criterion),
                    weights=np.sqrt(raters),
                    groups=np.array(of_item),
                    ngrams=vocabularies,
                )
            except DataError as error:
                problems.append(f"{criterion.id}: {error}")
        self.problems_ = tuple(problems)
        if not self.models:
            raise DataError("no criterion could be learned: " + "; ".join(problems))
        return self

    def rate(self, batch: Batch) -> list[Rating]:
        """Return one rating per transcript and criterion, in that order.

        Criteria rated by turn give the conversation the mean of its turns.
        """
        columns = [self._rate_conversations(criterion, batch) for criterion in self.criteria]
        return [rating for row in zip(*columns, strict=True) for rating in row]

    def rate_items(self, criterion: Criterion, batch: Batch, items: Sequence[Item]) -> list[Rating]:
        """Return a rating per item: conversations as they stood after a turn, or single turns."""
        model = self._model(criterion)
        probabilities = model.probabilities(batch, items)
        levels = model.decide(batch, items, probabilities)
        contributions = model.contributions(batch, items)
        return [
            self._rating(criterion, batch, item, probabilities[i], int(levels[i]), contributions[i])
            for i, item in enumerate(items)
        ]

    def _rate_conversations(self, criterion: Criterion, batch: Batch) -> list[Rating]:
        if criterion.unit == "conversation":
            return self.rate_items(criterion, batch, [Item(i) for i in range(len(batch))])
        items = [
            Item(i, t)
            for i, transcript in enumerate(batch.transcripts)
            for t, turn in enumerate(transcript.turns)
            if same_side(turn.speaker, criterion.speaker)
        ]
        model = self._model(criterion)
        probabilities = model.probabilities(batch, items)
        members: dict[int, list[int]] = defaultdict(list)
        for place, item in enumerate(items):
            members[item.transcript].append(place)
        return [
            self._mean_rating(
                criterion, batch, i, [items[p] for p in members[i]], probabilities[members[i]]
            )
            for i in range(len(batch))
        ]

    def _mean_rating(
        self,
        criterion: Criterion,
        batch: Batch,
        index: int,
        items: Sequence[Item],
        probabilities: Floats,
    ) -> Rating:
        if not items:
            return self._unrated(criterion, batch, Item(index), f"no {criterion.speaker} turns")
        mean = probabilities.mean(axis=0)
        levels = np.array(criterion.scale)
        level = int(levels[np.abs(levels - mean @ levels).argmin()]) if not np.isnan(mean[0]) else 0
        above = (probabilities - mean) @ levels / len(items)
        shares = (np.array([item.turn for item in items]), above)
        return self._rating(criterion, batch, Item(index), mean, level, shares)

    def _rating(
        self,
        criterion: Criterion,
        batch: Batch,
        item: Item,
        probabilities: Floats,
        level: int,
        contributions: tuple[NDArray[np.int_], Floats],
    ) -> Rating:
        transcript = batch.transcripts[item.transcript]
        if not transcript.turns:
            return self._unrated(criterion, batch, item, "no turns")
        if np.isnan(probabilities).any():
            reason = f"no model for language '{transcript.primary_language}'"
            return self._unrated(criterion, batch, item, reason)
        evidence = turn_evidence(transcript.turns, contributions)
        rating = rated(
            transcript,
            criterion,
            level,
            probabilities,
            rater=RATER,
            turn=item.turn,
            evidence=evidence,
        )
        return or_abstained(rating, criterion, self.abstain_below)

    def _unrated(self, criterion: Criterion, batch: Batch, item: Item, reason: str) -> Rating:
        transcript = batch.transcripts[item.transcript]
        return abstained(transcript, criterion, reason, rater=RATER, turn=item.turn)

    def _model(self, criterion: Criterion) -> RoutedModel:
        try:
            return self.models[criterion.id]
        except KeyError:
            raise ModelError(
                f"the linear scorer has not learned '{criterion.id}'; train it first"
            ) from None

    def _settings(self, criterion: Criterion) -> dict[str, Any]:
        by_unit = TURN_SETTINGS if criterion.unit == "turn" else CONVERSATION_SETTINGS
        return {
            "levels": criterion.scale,
            "speaker": str(criterion.speaker),
            **by_unit,
            **self.settings,
        }

    def _vocabularies(self, batch: Batch, labels: Mapping[str, Labels]) -> dict[str, TurnNgrams]:
        """One vocabulary per route, so that all criteria count a turn's n-grams once."""
        if len(self.criteria) < 2 or self.settings.get("ngrams", (None,)) == ():
            return {}
        # Of rated conversations only: the others may be the ones to test on.
        used = sorted(
            {i.transcript for c in self.criteria if c.id in labels for i in labels[c.id][0]}
        )
        with_ratings = [batch.between_parties[i] for i in used]
        languages = np.array([t.primary_language for t in with_ratings])
        size = int(self.settings.get("vocabulary", 6000))
        return {
            route: TurnNgrams.learn(
                [turn_text(turn) for i in members for turn in with_ratings[i].turns], size=size
            )
            for route, members in training_routes(batch, languages).items()
        }

    # storage

    def save(self, folder: Path) -> None:
        """Write every model to ``folder/<criterion>``, vocabularies beside them."""
        for criterion_id, model in self.models.items():
            model.save(folder / criterion_id, folder / "vocabularies")


Labels = tuple[list[Item], list[list[int]], Floats]
"""Rated items, every rater's level of each, and how many raters."""


def gather_labels(batch: Batch, ratings: Sequence[Rating]) -> dict[str, Labels]:
    """Return, per criterion, the rated items, every rater's level of each, and how many raters.

    Raises
    ------
    DataError
        If a rating is of a turn that its conversation does not have.
    """
    place = {t.conversation_id: i for i, t in enumerate(batch.transcripts)}
    found: dict[str, dict[Item, list[int]]] = defaultdict(lambda: defaultdict(list))
    for rating in ratings:
        if rating.status is Status.RATED and rating.conversation_id in place:
            item = Item(place[rating.conversation_id], rating.turn)
            n_turns = len(batch.transcripts[item.transcript].turns)
            if item.turn is not None and not 0 <= item.turn < n_turns:
                raise DataError(
                    f"{rating.conversation_id}/{rating.criterion}: turn index {item.turn} is not "
                    f"one of the conversation's {n_turns} turns (counted from 0)"
                )
            found[rating.criterion][item].append(int(rating.level or 0))
    return {
        criterion: (
            list(of_item),
            list(of_item.values()),
            np.array([float(len(levels)) for levels in of_item.values()]),
        )
        for criterion, of_item in found.items()
    }


def level_shares(ratings: Sequence[Sequence[int]], scale: Sequence[int]) -> Floats:
    """Return the share of raters at each level, shape (n_items, n_levels).

    Raises
    ------
    DataError
        If a rating is not one of the scale's levels.
    """
    column = {level: i for i, level in enumerate(scale)}
    shares = np.zeros((len(ratings), len(scale)))
    for row, levels in enumerate(ratings):
        for level in levels:
            if level not in column:
                raise DataError(f"level {level} is not on the scale {tuple(scale)}")
            shares[row, column[level]] += 1 / len(levels)
    return shares


def turn_evidence(
    turns: Sequence[Any], contributions: tuple[NDArray[np.int_], Floats]
) -> tuple[Evidence, ...]:
    """The turns that moved the score most, strongest first."""
    where = contributions[0]
    # Rounded: noise in the last digit, which batch mates may change, decides no order.
    shares = np.round(contributions[1], 6)
    strongest = np.argsort(-np.abs(shares), kind="stable")[:_MOST_EVIDENCE]
    # Relative: where the model is very sure, every contribution in scale units is small.
    least = _OF_STRONGEST * float(np.abs(shares).max(initial=0.0))
    return tuple(
        Evidence(
            turn=int(where[i]),
            start=0,
            end=len(turns[int(where[i])].text),
            contribution=float(shares[i]),
        )
        for i in strongest
        if shares[i] and abs(shares[i]) >= least and turns[int(where[i])].text
    )
