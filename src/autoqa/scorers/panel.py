"""The panel: which scorer answers which criterion, and running all of them safely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import autoqa.scorers.rules
import autoqa.scorers.zero_shot  # noqa: F401 - both register themselves
from autoqa.errors import ModelError, ScorerError
from autoqa.features.batch import Batch
from autoqa.records import RaterKind, Rating, Status, Transcript
from autoqa.scorecard.schema import Criterion, Scorecard, ScorerSpec
from autoqa.scorers.applicability import applicability, check_condition
from autoqa.scorers.base import Scorer, scorer_factory
from autoqa.scorers.borrowed import BorrowedScorer, scorer_settings
from autoqa.scorers.folder import HeadCard, ModelFolder
from autoqa.scorers.linear import LinearScorer

PANEL_RATER = "autoqa"
"""Rater name of the panel as a whole: one automated rater per run, whoever answered inside."""


class Panel:
    """Rates all criteria of a scorecard, each by the scorer that suits it best.

    A head trained for the same criterion and scale comes first, unless training found that rules
    do better; then the scorer that the scorecard names, then that scorer's fallback. Criteria that
    nobody can rate are abstained on.

    Parameters
    ----------
    card : Scorecard
    models : ModelFolder, optional
    abstain_below : float
        Learned ratings less probable than this are abstained on. A criterion's own
        ``abstain_below`` in the scorecard comes first; where neither says anything (0), a head
        keeps within the risk that its training was asked for, if any.

    Raises
    ------
    ScorecardError
        If ``applies_when`` asks for a mention that no phrase book knows.
    ModelError, ScorerError
        If a scorer cannot be set up.
    """

    def __init__(
        self, card: Scorecard, models: ModelFolder | None = None, *, abstain_below: float = 0.0
    ) -> None:
        self.card = card
        self.abstain_below = abstain_below
        self.criteria = card.criteria
        by_rules: list[Criterion] = []
        self._scorers: list[Scorer] = []
        self.unserved: dict[str, str] = {}
        self._never_sure: dict[str, str] = {}
        for criterion in self.criteria:
            check_condition(criterion)
            if models is not None and _answers(criterion, models):
                head = models.model(criterion.id)
                limit = self._limit(criterion, models.heads[criterion.id])
                self._scorers.append(
                    LinearScorer([criterion], abstain_below=limit, models={criterion.id: head})
                )
                continue
            self._seat(criterion, criterion.scorer, models, by_rules)
        if by_rules:
            # One scorer for all rules, so that a phrase is looked for once.
            self._scorers.insert(0, scorer_factory("rules")(by_rules))

    @property
    def answered_by(self) -> dict[str, str]:
        """Which kind of scorer answers each criterion."""
        names = {c.id: type(s).__name__ for s in self._scorers for c in s.criteria}
        return {c.id: names.get(c.id, "nobody") for c in self.criteria}

    @property
    def version(self) -> str:
        """The versions of all scorers on the panel."""
        return "+".join(scorer.version for scorer in self._scorers)

    def rate(self, batch: Batch) -> list[Rating]:
        """Return one rating per transcript and criterion, in scorecard order.

        A scorer that breaks gives ``failed`` ratings for its criteria, with the reason.

        Raises
        ------
        ModelError, ScorerError
            If models or phrase books cannot be used.
        """
        by_criterion: dict[str, list[Rating]] = {}
        for scorer in self._scorers:
            columns = columns_of_ratings(scorer, batch)
            for criterion, column in zip(scorer.criteria, columns, strict=True):
                by_criterion[criterion.id] = self._explained(criterion, column)
        applicable = []
        for criterion in self.criteria:
            ratings = by_criterion.get(criterion.id)
            if ratings is None:
                reason = self.unserved.get(criterion.id, "no scorer")
                ratings = _blanks(criterion, batch, Status.ABSTAINED, reason)
            applicable.append(_where_it_applies(criterion, batch, ratings))
        return [rating for row in zip(*applicable, strict=True) for rating in row]

    def _limit(self, criterion: Criterion, head: HeadCard | None) -> float:
        own = scorer_settings(criterion).get("abstain_below")
        if own is not None:
            return float(own)
        if self.abstain_below > 0 or head is None:
            return self.abstain_below
        if head.abstain_below is not None:
            return head.abstain_below
        risk = (head.risk or {}).get("risk")
        asked = "the risk asked for" if risk is None else f"{risk:.0%} disagreement"
        self._never_sure[criterion.id] = f"no confidence reaches {asked}"
        return math.inf

    def _explained(self, criterion: Criterion, ratings: list[Rating]) -> list[Rating]:
        """Say of ratings that no confidence would have saved why; others have their reason."""
        reason = self._never_sure.get(criterion.id)
        if reason is None:
            return ratings
        return [
            replace(r, reason=reason) if r.status is Status.ABSTAINED and r.probabilities else r
            for r in ratings
        ]

    def _seat(
        self,
        criterion: Criterion,
        spec: ScorerSpec | None,
        models: ModelFolder | None,
        by_rules: list[Criterion],
    ) -> None:
        if spec is None:
            self.unserved[criterion.id] = "the scorecard names no scorer and no model was trained"
            return
        chosen = criterion.model_copy(update={"scorer": spec})
        if spec.use == "rules":
            by_rules.append(chosen)
            return
        if spec.use == "linear":
            name = str(spec.settings.get("model", criterion.id))
            head = models.heads.get(name) if models is not None else None
            # A head that lost against rules in training only answers where nothing else can.
            wanted = head is not None and (head.use == "linear" or spec.fallback is None)
            if models is not None and wanted:
                # Another scale's confidence is not the one that its risk was measured at.
                own_scale = head if not spec.settings.get("cuts") else None
                limit = self._limit(chosen, own_scale)
                self._scorers.append(BorrowedScorer([chosen], models=models, abstain_below=limit))
                return
            if spec.fallback is not None:
                self._seat(criterion, spec.fallback, models, by_rules)
                return
            self.unserved[criterion.id] = f"no model '{name}' in the model folder"
            return
        if spec.use == "zero_shot":
            limit = self._limit(chosen, None)
            self._scorers.append(scorer_factory(spec.use)([chosen], abstain_below=limit))
            return
        self._scorers.append(scorer_factory(spec.use)([chosen]))


def _answers(criterion: Criterion, models: ModelFolder) -> bool:
    """Whether the folder has a head for this very criterion, which training found fit to use."""
    card = models.heads.get(criterion.id)
    return card is not None and card.use == "linear" and card.criterion.scale == criterion.scale


def columns_of_ratings(scorer: Scorer, batch: Batch) -> list[list[Rating]]:
    """Return a scorer's ratings by criterion; one that breaks gives ``failed`` ratings instead.

    A transcript that breaks a scorer costs no other transcript its rating.

    Raises
    ------
    ModelError
        If a model cannot be used, whatever the transcript.
    """
    try:
        return _by_criterion(scorer, batch, scorer.rate(batch))
    except ModelError:
        raise  # a wrong set-up concerns every conversation: stop and say so
    except Exception as error:
        if len(batch) > 1:
            parts = [columns_of_ratings(scorer, batch.subset([i])) for i in range(len(batch))]
            return [[column[0] for column in columns] for columns in zip(*parts, strict=True)]
        reason = f"{type(scorer).__name__} broke: {type(error).__name__}"
        return [_blanks(c, batch, Status.FAILED, reason) for c in scorer.criteria]


def _by_criterion(scorer: Scorer, batch: Batch, ratings: Sequence[Rating]) -> list[list[Rating]]:
    width = len(scorer.criteria)
    if len(ratings) != width * len(batch):
        raise ScorerError(
            f"{type(scorer).__name__} gave {len(ratings)} ratings for {len(batch)} transcripts and "
            f"{width} criteria"
        )
    return [list(ratings[k::width]) for k in range(width)]


def _blanks(criterion: Criterion, batch: Batch, status: Status, reason: str) -> list[Rating]:
    return [_blank(criterion, transcript, status, reason) for transcript in batch.transcripts]


def _blank(criterion: Criterion, transcript: Transcript, status: Status, reason: str) -> Rating:
    return Rating(
        conversation_id=transcript.conversation_id,
        criterion=criterion.id,
        rater=PANEL_RATER,
        kind=RaterKind.MODEL,
        status=status,
        reason=reason,
    )


def _where_it_applies(
    criterion: Criterion, batch: Batch, ratings: Sequence[Rating]
) -> list[Rating]:
    """Sign ratings as the panel's; where the criterion may not apply, say so instead."""
    try:
        applies = applicability(criterion, batch)
    except (ModelError, ScorerError):
        raise
    except Exception as error:
        if len(batch) > 1:
            return [
                _where_it_applies(criterion, batch.subset([i]), [rating])[0]
                for i, rating in enumerate(ratings)
            ]
        reason = f"applies_when broke: {type(error).__name__}"
        return _blanks(criterion, batch, Status.FAILED, reason)
    signed = []
    for transcript, rating, (holds, reason) in zip(
        batch.transcripts, ratings, applies, strict=True
    ):
        # What was not rated has a reason of its own, which tells more.
        if holds or (holds is None and rating.status is not Status.RATED):
            signed.append(replace(rating, rater=PANEL_RATER))
        else:
            status = Status.ABSTAINED if holds is None else Status.NOT_APPLICABLE
            signed.append(_blank(criterion, transcript, status, reason))
    return signed
