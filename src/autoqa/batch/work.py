"""Scoring one chunk of conversations: redact, encode once, rate, evaluate, flag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autoqa.csat import CsatModel
from autoqa.errors import ModelError
from autoqa.features.batch import Batch
from autoqa.features.routing import default_encoders
from autoqa.privacy import redact
from autoqa.records import CSAT, Evaluation, Flag, Rating, Status, Transcript
from autoqa.review import flag
from autoqa.scorecard import Scorecard, evaluate
from autoqa.scorers.folder import ModelFolder
from autoqa.scorers.panel import Panel, columns_of_ratings


@dataclass(frozen=True)
class Scored:
    """What scoring made of some conversations, in their order."""

    transcripts: tuple[Transcript, ...]  # redacted, as the evidence's offsets count
    evaluations: tuple[Evaluation, ...]
    csat: tuple[Rating, ...]
    flags: tuple[Flag, ...]

    @property
    def ratings(self) -> list[Rating]:
        """The ratings of all evaluations, in order."""
        return [rating for evaluation in self.evaluations for rating in evaluation.ratings]


@dataclass(frozen=True)
class ScoringSetup:
    """Everything a worker needs to score; cheap to send, models load at first use.

    Parameters
    ----------
    card : Scorecard
    models : path, optional
        Model folder; without one, only scorers that need no training answer.
    curve : bool
        Whether CSAT is predicted after every customer turn too.
    threads : int, optional
        Processor threads of the encoder.
    precision : str, optional
        See `autoqa.features.routing.default_encoders`.
    abstain_below : float
        Learned ratings less probable than this are abstained on.
    """

    card: Scorecard
    models: Path | None = None
    curve: bool = False
    threads: int | None = None
    precision: str | None = None
    abstain_below: float = 0.0

    @cached_property
    def folder(self) -> ModelFolder | None:
        """The model folder, if one was named."""
        return ModelFolder(self.models) if self.models else None

    @cached_property
    def panel(self) -> Panel:
        """The scorers, by criterion."""
        return Panel(self.card, self.folder, abstain_below=self.abstain_below)

    @cached_property
    def csat(self) -> CsatModel | None:
        """The CSAT model, if the folder has one."""
        if self.folder is None or CSAT not in self.folder.heads:
            return None
        head = self.folder.heads[CSAT]
        return CsatModel(head.criterion.scale, model=self.folder.model(CSAT))

    @cached_property
    def encoders(self) -> dict[str, object]:
        """Text encoders by language."""
        return dict(default_encoders(precision=self.precision, threads=self.threads))

    def score(self, transcripts: Sequence[Transcript]) -> Scored:
        """Score conversations; the same ones give the same result in any company."""
        batch = Batch([redact(t) for t in transcripts], encoders=self.encoders)  # type: ignore[arg-type]
        ratings = self.panel.rate(batch)
        width = len(self.card.criteria)
        evaluations = [
            evaluate(ratings[start : start + width], self.card)
            for start in range(0, len(ratings), width)
        ]
        whole = columns_of_ratings(self.csat, batch)[0] if self.csat else []
        flags = [
            one
            for i, evaluation in enumerate(evaluations)
            for one in flag(evaluation, self.card, whole[i] if whole else None)
        ]
        sound = [i for i, rating in enumerate(whole) if rating.status is not Status.FAILED]
        curve = self.csat.curve(batch.subset(sound)) if self.csat and self.curve else []
        return Scored(batch.transcripts, tuple(evaluations), (*whole, *curve), tuple(flags))


def score_transcripts(models: Path, transcripts: Sequence[Transcript]) -> list[Rating]:
    """Rate conversations with a model folder and the scorecard that it was trained for.

    Returns
    -------
    list of Rating
        Per conversation, one rating per criterion in scorecard order; then all CSAT predictions.

    Raises
    ------
    ModelError
        If the folder is unusable or was not trained for a scorecard.
    """
    card = ModelFolder(models).scorecard
    if card is None:
        raise ModelError(
            f"{models}: the index names no scorecard; train with `autoqa train --scorecard`"
        )
    scored = ScoringSetup(card, Path(models)).score(transcripts)
    return [*scored.ratings, *scored.csat]
