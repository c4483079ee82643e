"""Changes to a transcript that a score must withstand. None adds, drops or moves a turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import numpy as np

from autoqa.experiments.stress.swaps import KINDS, swap
from autoqa.experiments.stress.words import INJECTIONS, NEUTRAL, STUFFING, unseen_injections
from autoqa.features.views import is_agent_side, same_side
from autoqa.records import Speaker, Transcript, Turn
from autoqa.scorecard.schema import Criterion

Change: TypeAlias = "Callable[[Transcript, int | None, np.random.Generator], Transcript | None]"
"""From a conversation, and the turn asked about (None: the whole), to the changed conversation;
None where there is nothing to change in what the question is about."""

ADDED_WORDS_LIMIT = 2.0
SWAPPED_WORDS_LIMIT = 1.0
"""Points of 100 that a score may move on average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Perturbation:
    """One way to change a transcript.

    Attributes
    ----------
    limit : float
        Mean absolute change of the score, in points of 100, up to which a model withstands it.
    speaker : Speaker, optional
        Whose criteria it is tried on; default, all.
    """

    name: str
    change: Change
    limit: float
    speaker: Speaker | None = None

    def concerns(self, criterion: Criterion) -> bool:
        """Whether a criterion is to withstand this."""
        return self.speaker is None or same_side(self.speaker, criterion.speaker)


def inject(
    transcript: Transcript,
    turn: int | None,
    rng: np.random.Generator,
    *,
    speaker: Speaker,
    unseen: bool = False,
) -> Transcript | None:
    """Append an instruction to whoever scores to the last turn of a speaker that counts.

    The last one, because a model that judges a moment looks there most. `unseen` ones were never
    used to build a defence.
    """
    book = unseen_injections() if unseen else INJECTIONS
    sentences = book.get(transcript.primary_language, book["en"])
    sentence = sentences[int(rng.integers(len(sentences)))]
    return _appended(transcript, turn, sentence, speaker)


def stuff(
    transcript: Transcript,
    turn: int | None,
    rng: np.random.Generator,  # noqa: ARG001 - the same signature for every change
    *,
    speaker: Speaker,
) -> Transcript | None:
    """Append every phrase that marks good service to the last turn of a speaker that counts.

    Tried on criteria of the other side only: an agent who says them is more courteous.
    """
    phrases = STUFFING.get(transcript.primary_language)
    if phrases is None:
        return None
    return _appended(transcript, turn, " ".join(phrases.values()), speaker)


def swap_words(
    transcript: Transcript,
    turn: int | None,
    rng: np.random.Generator,  # noqa: ARG001 - the same signature for every change
    *,
    kind: str,
) -> Transcript | None:
    """Swap every word of a list in what was said up to the turn; None where there is none."""
    language = transcript.primary_language
    return _rewritten(transcript, turn, lambda said: swap(kind, language, said.text))


def silenced_agent(transcript: Transcript, turn: int | None) -> Transcript | None:
    """Return the conversation with an agent who says nothing, for customers who speak.

    None where no customer did, or the language has no neutral turn.
    """
    neutral = NEUTRAL.get(transcript.primary_language)
    if neutral is None or _last(transcript, turn, Speaker.CUSTOMER) is None:
        return None
    turns = [
        replace(said, text=neutral, actions=()) if is_agent_side(said.speaker) else said
        for said in transcript.turns
    ]
    return replace(transcript, turns=tuple(turns))


def praised_by_customer(transcript: Transcript) -> Transcript:
    """Return the conversation with every phrase of good service in every customer turn."""
    phrases = " ".join(STUFFING[transcript.primary_language].values())
    turns = [
        replace(said, text=f"{said.text} {phrases}".strip())
        if said.speaker is Speaker.CUSTOMER
        else said
        for said in transcript.turns
    ]
    return replace(transcript, turns=tuple(turns))


PERTURBATIONS: tuple[Perturbation, ...] = (
    *(
        Perturbation(
            name=f"injection {'in unseen words ' if unseen else ''}by {speaker}",
            change=partial(inject, speaker=speaker, unseen=unseen),
            limit=ADDED_WORDS_LIMIT,
        )
        for unseen in (False, True)
        for speaker in (Speaker.CUSTOMER, Speaker.AGENT)
    ),
    *(
        Perturbation(
            name=f"keyword stuffing by {speaker}",
            change=partial(stuff, speaker=speaker),
            limit=ADDED_WORDS_LIMIT,
            speaker=other,
        )
        for speaker, other in (
            (Speaker.CUSTOMER, Speaker.AGENT),
            (Speaker.AGENT, Speaker.CUSTOMER),
        )
    ),
    *(
        Perturbation(
            name=f"swapped {kind}",
            change=partial(swap_words, kind=kind),
            limit=SWAPPED_WORDS_LIMIT,
        )
        for kind in KINDS
    ),
)


def _appended(
    transcript: Transcript, turn: int | None, words: str, speaker: Speaker
) -> Transcript | None:
    place = _last(transcript, turn, speaker)
    if place is None:
        return None
    said = transcript.turns[place]
    turns = list(transcript.turns)
    turns[place] = replace(said, text=f"{said.text} {words}".strip())
    return replace(transcript, turns=tuple(turns))


def _last(transcript: Transcript, turn: int | None, speaker: Speaker) -> int | None:
    """The last turn of a side that the question is about."""
    end = len(transcript.turns) if turn is None else turn + 1
    return next(
        (i for i in reversed(range(end)) if same_side(transcript.turns[i].speaker, speaker)), None
    )


def _rewritten(
    transcript: Transcript, turn: int | None, rewrite: Callable[[Turn], str]
) -> Transcript | None:
    texts = [rewrite(said) for said in transcript.turns]
    end = len(texts) if turn is None else turn + 1
    if all(
        text == said.text for text, said in zip(texts[:end], transcript.turns[:end], strict=True)
    ):
        return None
    turns = [replace(said, text=text) for text, said in zip(texts, transcript.turns, strict=True)]
    return replace(transcript, turns=tuple(turns))
