"""Scoring one chunk of conversations: redact, encode once, rate, evaluate, flag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autoqa.csat import CsatModel
from autoqa.errors import EncoderError, ModelError, PrivacyError, ScorerError
from autoqa.features.batch import Batch
from autoqa.features.encoders import Encoder
from autoqa.features.routing import default_encoders
from autoqa.notebook import html_table
from autoqa.privacy import MASK, Redaction, redact
from autoqa.readers import Problem
from autoqa.records import CSAT, Evaluation, Flag, Rating, Status, Transcript
from autoqa.review import flag
from autoqa.scorecard import Scorecard, Section, evaluate
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

    def by_conversation(self) -> list[Scored]:
        """Return what was made of each conversation by itself; ids have to differ."""
        evaluations = {one.conversation_id: one for one in self.evaluations}
        csat: dict[str, list[Rating]] = {}
        flags: dict[str, list[Flag]] = {}
        for rating in self.csat:
            csat.setdefault(rating.conversation_id, []).append(rating)
        for flag_ in self.flags:
            flags.setdefault(flag_.conversation_id, []).append(flag_)
        return [
            Scored(
                (transcript,),
                (evaluations[name],) if name in evaluations else (),
                tuple(csat.get(name, ())),
                tuple(flags.get(name, ())),
            )
            for transcript in self.transcripts
            for name in (transcript.conversation_id,)
        ]

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
    redaction : Redaction
        How personal values are replaced before anything else looks at a conversation.
    """

    card: Scorecard
    models: Path | None = None
    curve: bool = False
    threads: int | None = None
    precision: str | None = None
    abstain_below: float = 0.0
    licence: Licence = "any"
    redaction: Redaction = MASK

    @property
    def settings(self) -> dict[str, object]:
        """What changes results besides scorecard and models, as JSON values without secrets."""
        return {
            "curve": self.curve,
            "abstain_below": self.abstain_below,
            "licence": self.licence,
            "redaction": self.redaction.to_dict(),
        }

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
        redacted = [redact(transcript, self.redaction) for transcript in transcripts]
        batch = Batch(redacted, encoders=encoders or self.encoders)
        ratings = self.panel.rate(batch)
        width = len(self.card.criteria)
        evaluations = [
            evaluate(ratings[start : start + width], self.card)
            for start in range(0, len(ratings), width or 1)
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


def score_each(
    setup: ScoringSetup,
    transcripts: Sequence[Transcript],
    *,
    encoders: Mapping[str, Encoder] | None = None,
) -> list[Scored | Problem]:
    """Score conversations, whose ids differ, each by itself; one that breaks costs no other.

    Raises
    ------
    EncoderError, ModelError, PrivacyError, ScorerError
        If the set-up cannot be used, whatever the conversations.
    """
    try:
        return [*setup.score(transcripts, encoders=encoders).by_conversation()]
    except (EncoderError, ModelError, PrivacyError, ScorerError):
        raise
    except Exception as error:
        if len(transcripts) == 1:
            return [Problem("scoring_failed", f"scoring broke: {type(error).__name__}")]
        return [one for t in transcripts for one in score_each(setup, [t], encoders=encoders)]


def setup_of(models: Path, card: Scorecard | None = None) -> ScoringSetup:
    """Return the set-up of a model folder: on `card`, or else on the folder's own scorecard.

    A folder without a scorecard answers with its heads, one criterion each, without weights.

    Raises
    ------
    ModelError
        If the folder is unusable, or has neither a scorecard nor a head.
    """
    folder = ModelFolder(models)
    card = card or folder.scorecard
    if card is None and not folder.heads:
        raise ModelError(
            f"{models}: the index names no scorecard and no head; train with `autoqa train`"
        )
    return ScoringSetup(card or _card_of_heads(folder), folder.path)


def _card_of_heads(folder: ModelFolder) -> Scorecard:
    asked = tuple(head.criterion for name, head in folder.heads.items() if name != CSAT)
    return Scorecard(id="heads", version=1, sections=(Section(id="heads", criteria=asked),))


def score_transcripts(
    models: Path,
    transcripts: Sequence[Transcript],
    *,
    encoders: Mapping[str, Encoder] | None = None,
) -> list[Rating]:
    """Rate conversations with a model folder, see `setup_of`.

    Parameters
    ----------
    encoders : mapping of str to Encoder, optional
        Text encoders by language; default, those of `default_encoders`.

    Returns
    -------
    list of Rating
        Per conversation, one rating per criterion in scorecard order; then all CSAT predictions.

    Raises
    ------
    ModelError
        If the folder is unusable, or has neither a scorecard nor a head.
    """
    scored = setup_of(models).score(transcripts, encoders=encoders)
    return [*scored.ratings, *scored.csat]
