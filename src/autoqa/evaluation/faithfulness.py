"""Whether the evidence of a score is what the score rests on: the deletion test.

Evidence is faithful if taking it out moves the score more than taking out as much of the same
speaker's other talk (comprehensiveness), and if it keeps the score nearer to where it was than as
much of that other talk would (sufficiency).

What is taken out depends on what was rated.

* A conversation, or a conversation as it stood after a turn: whole turns, with the actions that
  belong to them; what was said later is cut off first. The turn that the question is about is
  never taken out, as evidence or at random: without it the question would be another one. Turns
  that stay move up, and the question moves with its turn.
* A single turn (criteria with ``unit: turn``): sentences of it; the conversation around it stays.
  Evidence that quotes the turn as a whole names nothing that could be taken out of it.

References
----------
DeYoung et al. (2020), "ERASER: A Benchmark to Evaluate Rationalized NLP Models", ACL, whose two
figures these are, with a random baseline beside each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from autoqa.evaluation.intervals import Estimate, bootstrap_many
from autoqa.evaluation.tables import FloatArray
from autoqa.features.views import is_agent_side
from autoqa.records import Evidence, Transcript
from autoqa.scorers.sentences import sentence_spans

Rescore: TypeAlias = Callable[[Sequence[Transcript], Sequence[int | None]], FloatArray]
"""Scores conversations as they stood after a turn (None: as a whole), in points of 100."""

Kept: TypeAlias = tuple[Transcript, int | None]
"""A conversation of which something was taken out, and where the question now stands in it."""

SIZES = (1, 3)
"""How many of the strongest pieces of evidence are taken out; fewer where there are fewer."""

NO_EVIDENCE = "no_evidence"
TOO_SHORT = "too_short"
_AT_ONCE = 256  # conversations rescored together: bounds memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A question that was answered, with the evidence given for the answer.

    Attributes
    ----------
    turn : int or None
        The turn asked about; None, the conversation.
    evidence : tuple of Evidence
        Strongest first.
    cluster : str
        What is resampled together, usually the conversation.
    single_turn : bool
        Whether the turn was rated for itself, not the conversation up to it.
    """

    transcript: Transcript
    turn: int | None
    evidence: tuple[Evidence, ...]
    cluster: str
    single_turn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionFigures:
    """How far the score moved, in points of 100, means over items.

    Attributes
    ----------
    size : int
        At most so many pieces of evidence were taken out.
    figures : dict of str to Estimate
        ``removed_evidence`` and ``removed_random``: mean absolute change of the score without the
        evidence, and without as many random pieces of the same speaker; ``comprehensiveness``,
        the first minus the second. ``only_evidence`` and ``only_random``: the same with nothing
        but those pieces left; ``sufficiency``, the second minus the first. Positive differences
        speak for the evidence. Empty where nothing could be tested.
    words : dict of str to float
        Mean words in the ``evidence`` and in the ``random`` pieces: longer pieces move more.
    n, n_conversations : int
        Items tested, and the conversations they are of.
    left_out : dict of str to int
        Items that could not be tested: ``no_evidence`` (none that could be taken out) or
        ``too_short`` (fewer other pieces of that speaker than evidence).
    """

    size: int
    figures: dict[str, Estimate]
    words: dict[str, float]
    n: int
    n_conversations: int
    left_out: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {
            "size": self.size,
            "n": self.n,
            "n_conversations": self.n_conversations,
            "left_out": self.left_out,
            "figures": {name: one.to_dict() for name, one in self.figures.items()},
            "words": self.words,
        }


def deletion_test(
    questions: Sequence[Explained],
    rescore: Rescore,
    *,
    sizes: Sequence[int] = SIZES,
    draws: int = 3,
    n_resamples: int = 1000,
    seed: int = 7,
) -> list[DeletionFigures]:
    """Take evidence out of conversations, and random pieces, and see how far scores move.

    Parameters
    ----------
    questions : sequence of Explained
    rescore : callable
        The model that gave the scores. Must not depend on which other conversations it is given.
    sizes : sequence of int
    draws : int
        Random choices per item, which are averaged.
    n_resamples, seed : int
        Of the bootstrap over clusters; the seed also draws the random pieces.

    Returns
    -------
    list of DeletionFigures
        One per size.
    """
    materials = [_material(question) for question in questions]
    full = np.zeros(len(questions))
    tested = [place for place, one in enumerate(materials) if one.strongest]
    whole = [materials[place].keep(range(len(materials[place]))) for place in tested]
    full[tested] = _rescored(rescore, whole)
    return [
        _figures(
            questions,
            materials,
            full,
            rescore,
            size=size,
            draws=draws,
            n_resamples=n_resamples,
            seed=seed,
        )
        for size in sizes
    ]


@dataclass(frozen=True, slots=True)
class _Material:
    """What could be taken out of one item.

    Attributes
    ----------
    speakers : list
        Whose each piece is.
    words : list of int
        Per piece.
    strongest : list of int
        The pieces that are evidence, strongest first.
    keep : callable
        From the pieces that stay to the conversation without the others.
    """

    speakers: list[str]
    words: list[int]
    strongest: list[int]
    keep: Callable[[Collection[int]], Kept]

    def __len__(self) -> int:
        return len(self.words)

    def without(self, pieces: Collection[int]) -> Kept:
        return self.keep([piece for piece in range(len(self)) if piece not in pieces])

    def n_words(self, pieces: Collection[int]) -> int:
        return sum(self.words[piece] for piece in pieces)

    def others(self, pieces: Sequence[int], rng: np.random.Generator) -> list[int] | None:
        """Draw as many pieces of the same speakers; None where there are not enough."""
        drawn: list[int] = []
        for speaker, count in Counter(self.speakers[piece] for piece in pieces).items():
            pool = [
                piece
                for piece, whose in enumerate(self.speakers)
                if whose == speaker and piece not in pieces and self.words[piece]
            ]
            if len(pool) < count:
                return None
            drawn += [int(i) for i in rng.choice(pool, size=count, replace=False)]
        return drawn


def _material(question: Explained) -> _Material:
    return (_sentences if question.single_turn else _turns)(question)


def _turns(question: Explained) -> _Material:
    asked = question.turn
    whole = question.transcript if asked is None else question.transcript.upto(asked)
    turns = whole.turns
    pieces = [i for i in range(len(turns)) if i != asked]
    place = {turn: piece for piece, turn in enumerate(pieces)}

    def keep(kept: Collection[int]) -> Kept:
        stay = {pieces[piece] for piece in kept} | ({asked} if asked is not None else set())
        left = tuple(turn for i, turn in enumerate(turns) if i in stay)
        return replace(whole, turns=left), None if asked is None else len(left) - 1

    return _Material(
        ["agent" if is_agent_side(turns[i].speaker) else turns[i].speaker for i in pieces],
        [_n_words(turns[i].text) for i in pieces],
        list(dict.fromkeys(place[e.turn] for e in question.evidence if e.turn in place)),
        keep,
    )


def _sentences(question: Explained) -> _Material:
    whole = question.transcript
    asked = len(whole.turns) - 1 if question.turn is None else question.turn
    text = whole.turns[asked].text
    spans = sentence_spans(text)
    quoted: dict[int, None] = {}
    for e in question.evidence:
        within = [i for i, (start, end) in enumerate(spans) if start < e.end and e.start < end]
        if e.turn == asked and len(within) < len(spans):
            quoted |= dict.fromkeys(within)

    def keep(kept: Collection[int]) -> Kept:
        if len(kept) == len(spans):
            return whole, question.turn
        left, end_of_last = [], 0
        for piece, (start, end) in enumerate(spans):
            if piece not in kept:
                left.append(text[end_of_last:start])
                end_of_last = end
        rest = "".join([*left, text[end_of_last:]])
        said = replace(whole.turns[asked], text=" ".join(rest.split()))
        turns = (*whole.turns[:asked], said, *whole.turns[asked + 1 :])
        return replace(whole, turns=turns), question.turn

    return _Material(
        [whole.turns[asked].speaker] * len(spans),
        [_n_words(text[start:end]) for start, end in spans],
        list(quoted),
        keep,
    )


def _n_words(text: str) -> int:
    """Words, or Han characters where there are no spaces to split at."""
    return max(len(text.split()), sum("\u3400" <= c <= "\u9fff" for c in text))


def _figures(
    questions: Sequence[Explained],
    materials: Sequence[_Material],
    full: FloatArray,
    rescore: Rescore,
    *,
    size: int,
    draws: int,
    n_resamples: int,
    seed: int,
) -> DeletionFigures:
    rng = np.random.default_rng([seed, size])
    left_out = {NO_EVIDENCE: 0, TOO_SHORT: 0}
    tested: list[int] = []
    variants: list[Kept] = []  # per item: without and only the evidence, then of each draw
    words: list[tuple[float, float]] = []
    for place, one in enumerate(materials):
        chosen = one.strongest[:size]
        if not chosen:
            left_out[NO_EVIDENCE] += 1
            continue
        drawn = [found for _ in range(draws) if (found := one.others(chosen, rng)) is not None]
        if not drawn:
            left_out[TOO_SHORT] += 1
            continue
        tested.append(place)
        for pieces in (chosen, *drawn):
            variants += [one.without(pieces), one.keep(pieces)]
        random_words = float(np.mean([one.n_words(pieces) for pieces in drawn]))
        words.append((float(one.n_words(chosen)), random_words))
    clusters = [questions[place].cluster for place in tested]
    figures: dict[str, Estimate] = {}
    if tested:
        moved = _rescored(rescore, variants).reshape(len(tested), 1 + draws, 2)
        moved = np.abs(moved - full[tested][:, None, None])
        figures = bootstrap_many(
            _means,
            moved[:, 0, 0],
            moved[:, 1:, 0].mean(axis=1),
            moved[:, 0, 1],
            moved[:, 1:, 1].mean(axis=1),
            clusters=clusters,
            n_resamples=n_resamples,
            seed=seed,
        )
    means = np.mean(words, axis=0) if words else (0.0, 0.0)
    return DeletionFigures(
        size=size,
        figures=figures,
        words={"evidence": float(means[0]), "random": float(means[1])} if words else {},
        n=len(tested),
        n_conversations=len({questions[i].transcript.conversation_id for i in tested}),
        left_out=left_out,
    )


def _means(
    removed: FloatArray, removed_random: FloatArray, only: FloatArray, only_random: FloatArray
) -> dict[str, float]:
    return {
        "removed_evidence": float(removed.mean()),
        "removed_random": float(removed_random.mean()),
        "comprehensiveness": float((removed - removed_random).mean()),
        "only_evidence": float(only.mean()),
        "only_random": float(only_random.mean()),
        "sufficiency": float((only_random - only).mean()),
    }


def _rescored(rescore: Rescore, variants: Sequence[Kept]) -> npt.NDArray[np.float64]:
    scores = [
        rescore([transcript for transcript, _ in part], [turn for _, turn in part])
        for part in _parts(variants)
    ]
    return np.concatenate(scores) if scores else np.zeros(0)


def _parts(variants: Sequence[Kept]) -> Iterator[Sequence[Kept]]:
    for start in range(0, len(variants), _AT_ONCE):
        yield variants[start : start + _AT_ONCE]


__all__ = ["SIZES", "DeletionFigures", "Explained", "Rescore", "deletion_test"]
