"""How sure a learned model must be so that its answers keep within a stated disagreement."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from autoqa.errors import DataError
from autoqa.evaluation.selective import AbstentionThreshold, abstention_threshold
from autoqa.features.batch import Batch
from autoqa.records import Rating, Status
from autoqa.scorecard.schema import Criterion
from autoqa.scorers.linear import LinearScorer, gather_labels

N_FOLDS = 5


@dataclass(frozen=True, slots=True)
class StatedRisk:
    """How much disagreement with people is accepted among the answers given.

    Attributes
    ----------
    max_disagreement : float
        Largest share of answers at another level than a person's, 0.1 for 10 %.
    confidence_level : float
        Probability that the share is kept within, over the data that the limit is set from.
    """

    max_disagreement: float
    confidence_level: float = 0.9

    def __post_init__(self) -> None:
        for name in ("max_disagreement", "confidence_level"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise DataError(f"{name} must be between 0 and 1, found {value}.")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model that had not seen a conversation said of it, and how far people disagree."""

    transcript: int
    confidence: float
    disagreement: float  # share of people at another level


def limit_for(
    criterion: Criterion,
    batch: Batch,
    ratings: Sequence[Rating],
    groups: Sequence[str],
    stated: StatedRisk,
    *,
    settings: Mapping[str, Any] | None = None,
    seed: int = 7,
) -> AbstentionThreshold:
    """Find the confidence below which a learned model had better abstain.

    Takes cross-validated answers (`answers_out_of_fold`) through the Learn-then-Test bound; a
    conversation with several rated moments counts once. The model that is kept has learned from
    all conversations, and each fold's from four fifths: the bound holds for it as far as it is no
    worse than they are, and for conversations like these, by agents like these.
    """
    answers = answers_out_of_fold(criterion, batch, ratings, groups, settings=settings, seed=seed)
    return abstention_threshold(
        [a.confidence for a in answers],
        [a.disagreement for a in answers],
        risk=stated.max_disagreement,
        delta=round(1 - stated.confidence_level, 12),  # 0.1, not 0.09999999999999998
        clusters=[a.transcript for a in answers],
    )


def limits_markdown(
    limits: Mapping[str, AbstentionThreshold], stated: StatedRisk, by_rules: Collection[str] = ()
) -> str:
    """Return what limits criteria got, as a table for people; rules' answers have none."""
    lines = [
        f"At most {stated.max_disagreement:.0%} disagreement with people among the answers given, "
        f"at a confidence level of {stated.confidence_level:.0%}:",
        "",
        "| criterion | answers from | coverage | disagreement | conversations |",
        "|---|---|---|---|---|",
    ]
    for name, one in limits.items():
        start = "never sure enough" if one.threshold is None else f"{one.threshold:.2f}"
        found = "-" if one.observed is None else f"{one.observed:.1%}"
        lines.append(f"| {name} | {start} | {one.coverage:.0%} | {found} | {one.n_clusters} |")
    lines.append(
        f"\nLearn-then-Test limits from {N_FOLDS}-fold cross-validated answers; the models kept "
        "have learned from all conversations."
    )
    silent = [name for name in limits if name in by_rules]
    if silent:
        lines.append(
            f"\nNo limit on {', '.join(silent)} where rules answer: they state no confidence."
        )
    return "\n".join(lines)


def answers_out_of_fold(
    criterion: Criterion,
    batch: Batch,
    ratings: Sequence[Rating],
    groups: Sequence[str],
    *,
    settings: Mapping[str, Any] | None = None,
    seed: int = 7,
) -> list[Answer]:
    """Let models answer for conversations of groups that they have not learned from.

    They answer as they do when scoring. A criterion rated by turn is answered for the conversation
    as a whole, so a person's ratings of its turns count by their mean, brought to the nearest
    level as the model's is.

    Parameters
    ----------
    ratings : sequence of Rating
        People's, of this criterion.
    groups : sequence of str
        Per transcript of the batch; a group is in one fold.

    Returns
    -------
    list of Answer
        Fewer than were rated where a fold leaves too little to learn from, or the model has no
        answer.
    """
    place = {t.conversation_id: i for i, t in enumerate(batch.transcripts)}
    own = [r for r in ratings if r.status is Status.RATED and r.conversation_id in place]
    rated = sorted({place[r.conversation_id] for r in own})
    fold_of = _folds([groups[i] for i in rated], seed)
    found: list[Answer] = []
    for fold in range(N_FOLDS):
        held = {i for i in rated if fold_of[groups[i]] == fold}
        if not held:
            continue  # fewer groups than folds
        rest = [r for r in own if place[r.conversation_id] not in held]
        try:
            scorer = LinearScorer([criterion], settings=settings).fit(batch, rest)
        except DataError:
            continue  # too little is left: nothing is known of this fold
        people = [r for r in own if place[r.conversation_id] in held]
        found += _compared(criterion, _answers(scorer, batch, people))
    return found


def _folds(groups: Sequence[str], seed: int) -> dict[str, int]:
    """Spread groups over folds of about the same size, the largest groups first."""
    size = Counter(groups)
    shuffled = np.random.default_rng(seed).permutation(sorted(size))
    filled = [0] * N_FOLDS
    fold_of: dict[str, int] = {}
    for name in sorted(map(str, shuffled), key=lambda one: -size[one]):
        fold = filled.index(min(filled))
        fold_of[name] = fold
        filled[fold] += size[name]
    return fold_of


Answered: TypeAlias = list[tuple[int, Rating, list[int]]]
"""A transcript, the model's rating, and people's levels."""


def _answers(scorer: LinearScorer, batch: Batch, people: Sequence[Rating]) -> Answered:
    if not people:
        return []
    (criterion,) = scorer.criteria
    if criterion.unit == "conversation":
        items, levels, _ = gather_labels(batch, people)[criterion.id]
        said = scorer.rate_items(criterion, batch, items)
        return [(i.transcript, r, given) for i, r, given in zip(items, said, levels, strict=True)]
    place = {t.conversation_id: i for i, t in enumerate(batch.transcripts)}
    by_rater: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for rating in people:
        if rating.level is not None:
            by_rater[place[rating.conversation_id]][rating.rater].append(rating.level)
    where = sorted(by_rater)
    scale = np.array(criterion.scale)
    return [
        (i, r, [int(scale[np.abs(scale - np.mean(g)).argmin()]) for g in by_rater[i].values()])
        for i, r in zip(where, scorer.rate(batch.subset(where)), strict=True)
    ]


def _compared(criterion: Criterion, answers: Answered) -> list[Answer]:
    return [
        Answer(
            transcript,
            rating.probabilities[criterion.scale.index(rating.level)],
            float(np.mean([level != rating.level for level in given])),
        )
        for transcript, rating, given in answers
        if rating.level is not None and rating.probabilities
    ]
