"""The `zero_shot` scorer: compares turns with what a criterion says, learning from nothing.

A cold start for criteria that nobody has rated yet, and a weak one: sentence vectors tell what a
turn is about better than what it does or how it is put, and no probability here was calibrated.
Read it as a way to sort conversations for the first evaluations; a few dozen of those make a
better scorer.

In a scorecard::

    scorer: {use: zero_shot}

or, better, with sentences that somebody at each level might say::

    scorer:
      use: zero_shot
      statements:
        1: [So it sounds as if you are worried about it., What I hear is that it was hard.]
        0: [You should do it every day., Let me tell you how it works.]
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoqa.errors import ScorerError, near_miss
from autoqa.features.batch import Batch
from autoqa.features.encoders import ConversationEncoder, Encoder
from autoqa.features.views import Item, same_side
from autoqa.records import Evidence, Rating, Speaker, Turn
from autoqa.scorecard.schema import Criterion
from autoqa.scorers.answers import abstained, or_abstained, rated
from autoqa.scorers.base import register_scorer
from autoqa.scorers.borrowed import scorer_settings

RATER = "zero_shot"

NEUTRAL: Mapping[str, tuple[str, ...]] = {
    "en": (
        "Okay.",
        "Yes, that is right.",
        "It is on the second page.",
        "I was there on Tuesday.",
        "One moment.",
        "The number ends in four.",
    ),
    "es": (
        "De acuerdo.",
        "Sí, así es.",
        "Está en la segunda página.",
        "Estuve allí el martes.",
        "Un momento.",
        "El número termina en cuatro.",
    ),
    "it": (
        "D'accordo.",
        "Sì, è così.",
        "È nella seconda pagina.",
        "Ero lì martedì.",
        "Un momento.",
        "Il numero finisce con quattro.",
    ),
    "zh": (
        "好的。",
        "对，是这样。",
        "在第二页。",
        "我星期二在那里。",
        "等一下。",
        "号码最后一位是四。",
    ),
}
"""Sentences that say little; other languages use the English ones.

They are fixed, so that how near turns of a batch happen to be changes no rating in it.
"""

_SETTINGS = ("statements", "abstain_below")
_CODE_VERSION = 1
_SHARPNESS = 20.0  # a cosine difference of 0.05 makes odds of e to 1
_TELLING_TURNS = 3  # turns that a rating of a conversation rests on
_DECIMALS = 6  # of a cosine: noise in the last digit, which batch mates may change, decides nothing

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Statements:
    """What turns are compared with: sentences by level; None stands for `NEUTRAL`."""

    by_level: Mapping[int, tuple[str, ...] | None]

    @classmethod
    def of(cls, criterion: Criterion) -> Statements:
        """Return what a criterion gives to compare with.

        That is the setting ``statements``; without it, the levels' descriptions, if every level
        has one; otherwise the question stands for the highest level. Where a single level is
        described, neutral sentences stand for the other end of the scale.

        Raises
        ------
        ScorerError
            If the setting is not one; the message names the criterion.
        """
        stated = scorer_settings(criterion).get("statements")
        if stated is not None:
            found = _checked(stated, criterion)
        elif all(level.description for level in criterion.levels.values()):
            found = {key: (level.description,) for key, level in criterion.levels.items()}
        else:
            found = {criterion.scale[-1]: (criterion.question,)}
        if len(found) > 1:
            return cls(dict(sorted(found.items())))
        (level,) = found
        low, high = criterion.scale[0], criterion.scale[-1]
        other = high if level == low else low
        return cls(dict(sorted({**found, other: None}.items())))

    def texts(self, language: str) -> list[tuple[str, ...]]:
        """Return the sentences of each level, in order of the levels."""
        neutral = NEUTRAL.get(language, NEUTRAL["en"])
        return [neutral if said is None else said for said in self.by_level.values()]


@register_scorer(RATER)
class ZeroShotScorer:
    """Rates criteria by how near turns are to sentences that stand for the levels.

    The nearness of a turn to a level is the mean cosine between their vectors; a softmax over the
    levels that have sentences gives the turn's place on the scale, and, where other levels lie
    between them, a binomial around that place. A conversation gets the mean of the three turns
    of the judged speaker that lean most to the highest level (of all turns where the criterion's
    unit is the turn). Those are the evidence: their contributions add up to how far the expected
    level lies from the middle of the scale.

    Parameters
    ----------
    criteria : sequence of Criterion
        Settings of their ``scorer``: ``statements``, one or several sentences per level, as
        somebody would say them; ``abstain_below``.
    abstain_below : float
        Ratings whose chosen level is less probable than this are abstained on, where a criterion
        does not say so itself. Nothing was calibrated: it is no promise of how often people agree.

    Raises
    ------
    ScorerError
        If a setting is not known or cannot be used.

    References
    ----------
    Veeranna et al. (2016), "Using semantic similarity for multi-label zero-shot classification of
    text documents", ESANN.
    """

    def __init__(self, criteria: Sequence[Criterion], *, abstain_below: float = 0.0) -> None:
        self.criteria = tuple(criteria)
        self.abstain_below = abstain_below
        self._statements = {}
        for criterion in self.criteria:
            for key in scorer_settings(criterion):
                if key not in _SETTINGS:
                    raise ScorerError(
                        f"criterion '{criterion.id}': scorer.{key}: unknown setting of "
                        f"'{RATER}'.{near_miss(key, _SETTINGS)}"
                    )
            self._statements[criterion.id] = Statements.of(criterion)

    @cached_property
    def version(self) -> str:
        """Hash of code, criteria and sentences; vectors are those of the batch's encoders."""
        said = [
            _CODE_VERSION,
            self.abstain_below,
            {language: list(sentences) for language, sentences in NEUTRAL.items()},
            [
                [c.id, c.scale, c.unit, c.speaker, self._limit(c)]
                + [[k, v] for k, v in self._statements[c.id].by_level.items()]
                for c in self.criteria
            ],
        ]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]

    def rate(self, batch: Batch) -> list[Rating]:
        """Return one rating per transcript and criterion, in that order."""
        items = [Item(i) for i in range(len(batch))]
        columns = [self.rate_items(criterion, batch, items) for criterion in self.criteria]
        return [rating for row in zip(*columns, strict=True) for rating in row]

    def rate_items(self, criterion: Criterion, batch: Batch, items: Sequence[Item]) -> list[Rating]:
        """Return a rating per item: conversations as they stood after a turn, or single turns."""
        return [self._rate(criterion, batch, item) for item in items]

    def _rate(self, criterion: Criterion, batch: Batch, item: Item) -> Rating:
        transcript = batch.transcripts[item.transcript]
        end = len(transcript.turns) if item.turn is None else item.turn + 1
        own = [
            t
            for t, turn in enumerate(batch.between_parties[item.transcript].turns[:end])
            if same_side(turn.speaker, criterion.speaker) and turn.text.strip()
        ]
        if item.turn is not None and criterion.unit == "turn":
            own = own[-1:]
        if not own:
            reason = f"no words of the {criterion.speaker}"
            return abstained(transcript, criterion, reason, rater=RATER, turn=item.turn)
        anchors = self._vectors(criterion, batch, item.transcript)
        turns = _unit_length(batch.embeddings[item.transcript][own])
        leaning = self._leaning(criterion, turns, anchors)
        scale = np.array(criterion.scale, float)
        levels = leaning @ scale
        chosen = np.arange(len(own))
        if criterion.unit != "turn":
            chosen = np.argsort(-levels, kind="stable")[:_TELLING_TURNS]
        mean = leaning[chosen].mean(axis=0)
        rating = rated(
            transcript,
            criterion,
            criterion.scale[int(np.abs(scale - mean @ scale).argmin())],
            mean,
            rater=RATER,
            turn=item.turn,
            evidence=_evidence(
                transcript.turns,
                [own[place] for place in chosen],
                (levels[chosen] - (scale[0] + scale[-1]) / 2) / len(chosen),
            ),
        )
        return or_abstained(rating, criterion, self._limit(criterion))

    def _leaning(self, criterion: Criterion, turns: Floats, anchors: Sequence[Floats]) -> Floats:
        """Return probabilities over the scale per turn, shape (n_turns, n_levels)."""
        near = np.column_stack([(turns @ one.T).mean(axis=1) for one in anchors])
        near = np.round(near, _DECIMALS)
        odds = np.exp(_SHARPNESS * (near - near.max(axis=1, keepdims=True)))
        shares: Floats = odds / odds.sum(axis=1, keepdims=True)
        stated = list(self._statements[criterion.id].by_level)
        if stated == list(criterion.scale):
            return shares
        places = np.array([criterion.scale.index(level) for level in stated])
        last = len(criterion.scale) - 1
        return _binomial(shares @ places / last, last)

    def _vectors(self, criterion: Criterion, batch: Batch, index: int) -> list[Floats]:
        """Return the sentences' vectors by level, as the transcript's own encoder reads them."""
        transcript = batch.transcripts[index]
        encoder = batch.encoder_of(transcript)
        statements = self._statements[criterion.id].texts(transcript.primary_language)
        key = (RATER, encoder.version, criterion.speaker, tuple(statements))
        return batch.once(key, lambda: _encoded(encoder, statements, criterion.speaker))

    def _limit(self, criterion: Criterion) -> float:
        own = scorer_settings(criterion).get("abstain_below")
        return self.abstain_below if own is None else float(own)


def _checked(stated: Any, criterion: Criterion) -> dict[int, tuple[str, ...]]:
    where = f"criterion '{criterion.id}': scorer.statements"
    if not isinstance(stated, Mapping) or not stated:
        raise ScorerError(f"{where}: give sentences by level, for example {{1: [I see why.]}}")
    found = {}
    for key, said in stated.items():
        level = int(key) if str(key).lstrip("-").isdigit() else None
        if level not in criterion.scale:
            scale = ", ".join(map(str, criterion.scale))
            raise ScorerError(f"{where}: level {key!r} is not one of its scale ({scale})")
        sentences = (said,) if isinstance(said, str) else said
        if (
            not isinstance(sentences, list | tuple)
            or not sentences
            or not all(isinstance(one, str) and one.strip() for one in sentences)
        ):
            raise ScorerError(f"{where}.{key}: give a sentence or a list of sentences")
        found[level] = tuple(sentences)
    return found


def _encoded(
    encoder: Encoder, statements: Sequence[Sequence[str]], speaker: Speaker
) -> list[Floats]:
    flat = [text for texts in statements for text in texts]
    if isinstance(encoder, ConversationEncoder):
        # Each sentence as a conversation of its own: they are no context of one another.
        whole = encoder.encode_conversations([[Turn(speaker=speaker, text=t)] for t in flat])
        vectors = np.concatenate(whole)
    else:
        vectors = encoder.encode(flat)
    ends = np.cumsum([len(texts) for texts in statements])
    return [_unit_length(part) for part in np.split(vectors, ends[:-1])]


def _unit_length(vectors: NDArray[Any]) -> Floats:
    wide: Floats = np.asarray(vectors, float)
    lengths: Floats = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(wide / np.maximum(lengths, 1e-12))


def _binomial(places: Floats, last: int) -> Floats:
    """Return probabilities of 0 to `last` whose mean is at a place from 0 to 1, row by row."""
    from scipy.stats import binom

    return np.asarray(binom.pmf(np.arange(last + 1), last, places[:, None]), float)


def _evidence(
    turns: Sequence[Turn], where: Sequence[int], contributions: Floats
) -> tuple[Evidence, ...]:
    """The turns that count most, strongest first."""
    shares = np.round(contributions, _DECIMALS)
    strongest = np.argsort(-np.abs(shares), kind="stable")[:_TELLING_TURNS]
    return tuple(
        Evidence(
            turn=where[i], start=0, end=len(turns[where[i]].text), contribution=float(shares[i])
        )
        for i in strongest
        if shares[i]
    )
