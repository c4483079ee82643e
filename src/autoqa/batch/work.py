"""Scoring one chunk of conversations: redact, encode once, rate, evaluate, flag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autoqa.csat import CsatModel
from autoqa.errors import ModelError
from autoqa.features.batch import Batch
from autoqa.features.encoders import Encoder
from autoqa.features.routing import default_encoders
from autoqa.notebook import html_table
from autoqa.privacy import redact
from autoqa.records import CSAT, Evaluation, Flag, Rating, Status, Transcript
from autoqa.review import flag
from autoqa.scorecard import Scorecard, evaluate
from autoqa.scorers.folder import Licence, ModelFolder
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

    def __repr__(self) -> str:
        # The generated one prints every word of every conversation.
        return (
            f"<Scored: {len(self.transcripts)} conversations, {len(self.ratings)} ratings, "
            f"{len(self.csat)} CSAT predictions, {len(self.flags)} flags>"
        )

    def _repr_html_(self) -> str:
        whole = {r.conversation_id: r for r in self.csat if r.turn is None}
        flags: dict[str, list[str]] = {}
        for one in self.flags:
            flags.setdefault(one.conversation_id, []).append(one.reason)
        rows = (
            (
                evaluation.conversation_id,
                None if evaluation.total is None else f"{evaluation.total:.0f}",
                ", ".join(evaluation.critical_failed),
                f"{evaluation.coverage:.0%}",
                _expected(whole.get(evaluation.conversation_id)),
                ", ".join(dict.fromkeys(flags.get(evaluation.conversation_id, ()))),
            )
            for evaluation in self.evaluations
        )
        head = ("conversation", "total", "critical failed", "coverage", "CSAT", "flags")
        return html_table(head, rows, caption=repr(self)[1:-1], n_rows=len(self.evaluations))


def _expected(rating: Rating | None) -> str | None:
    """The predicted satisfaction, in units of its scale."""
    if rating is None or rating.level is None:
        return None
    return f"{rating.level if rating.expected is None else rating.expected:.1f}"


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
    licence : {"any", "permissive"}
        Which heads of the model folder answer; see `ModelFolder`.
    """

    card: Scorecard
    models: Path | None = None
    curve: bool = False
    threads: int | None = None
    precision: str | None = None
    abstain_below: float = 0.0
    licence: Licence = "any"

    @cached_property
    def folder(self) -> ModelFolder | None:
        """The model folder, if one was named."""
        return ModelFolder(self.models, licence=self.licence) if self.models else None

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
    def encoders(self) -> Mapping[str, Encoder]:
        """Text encoders by language."""
        load = self.folder.encoders if self.folder else default_encoders
        return load(precision=self.precision, threads=self.threads)

    def score(
        self,
        transcripts: Sequence[Transcript],
        *,
        encoders: Mapping[str, Encoder] | None = None,
    ) -> Scored:
        """Score conversations; the same ones give the same result in any company.

        `encoders` stand in for the set-up's own, where some are loaded already.
        """
        batch = _redacted(transcripts, encoders or self.encoders)
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
            for one in flag(
                evaluation,
                self.card,
                whole[i] if whole else None,
                turns_to_scorer=batch.turns_to_scorer(i),
            )
        ]
        sound = [i for i, rating in enumerate(whole) if rating.status is not Status.FAILED]
        curve = self.csat.curve(batch.subset(sound)) if self.csat and self.curve else []
        return Scored(batch.transcripts, tuple(evaluations), (*whole, *curve), tuple(flags))


def score_transcripts(
    models: Path,
    transcripts: Sequence[Transcript],
    *,
    encoders: Mapping[str, Encoder] | None = None,
) -> list[Rating]:
    """Rate conversations with a model folder and the scorecard that it was trained for.

    Parameters
    ----------
    encoders : mapping of str to Encoder, optional
        Text encoders by language; default, those of `default_encoders`.

    Returns
    -------
    list of Rating
        Per conversation, one rating per criterion in scorecard order; then all CSAT predictions.
        A folder without a scorecard answers with each of its heads in turn.

    Raises
    ------
    ModelError
        If the folder is unusable, or has neither a scorecard nor a head.
    """
    folder = ModelFolder(models)
    if folder.scorecard is not None:
        setup = ScoringSetup(folder.scorecard, folder.path)
        scored = setup.score(transcripts, encoders=encoders)
        return [*scored.ratings, *scored.csat]
    if not folder.heads:
        raise ModelError(
            f"{models}: the index names no scorecard and no head; train with `autoqa train`"
        )
    batch = _redacted(transcripts, encoders or folder.encoders())
    return [
        rating
        for name in folder.heads
        for rating in columns_of_ratings(folder.scorer(name), batch)[0]
    ]


def _redacted(transcripts: Sequence[Transcript], encoders: Mapping[str, Encoder]) -> Batch:
    return Batch([redact(transcript) for transcript in transcripts], encoders=encoders)
