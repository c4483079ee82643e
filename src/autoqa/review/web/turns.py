"""Turns cut into the pieces that a page shows: evidence, placeholders of redaction, plain text.

The cutting is done here and not in the browser, because spans of evidence count characters as
Python does, and a browser counts UTF-16 units.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from autoqa.privacy.kinds import placeholders
from autoqa.records import Channel, Evidence, Speaker, Transcript, Turn
from autoqa.review.web.labels import later

SPEAKERS: Mapping[Speaker, str] = {
    Speaker.AGENT: later("agent"),
    Speaker.CUSTOMER: later("customer"),
    Speaker.BOT: later("bot"),
    Speaker.SYSTEM: later("system"),
}
"""Who speaks, in English to translate."""

CHANNELS: Mapping[Channel, str] = {
    Channel.VOICE: later("voice"),
    Channel.CHAT: later("chat"),
    Channel.EMAIL: later("email"),
}
"""How a conversation was held, in English to translate."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters of a turn that are shown alike."""

    text: str
    criteria: tuple[str, ...] = ()  # for which they are evidence
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """What a turn adds to the model's answer to one criterion."""

    criterion: str
    contribution: float  # in scale units; 0 where the scorer cannot say

    @property
    def amount(self) -> str:
        """The contribution as one reads it."""
        return signed(self.contribution)


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """One turn, ready to be shown."""

    number: int  # from 1
    speaker: Speaker
    who: str  # of `SPEAKERS`
    when: str  # 1:02:33 from the start; empty where not known
    pieces: tuple[Piece, ...]
    parts: tuple[Part, ...]
    actions: tuple[str, ...]


def shown_turns(
    transcript: Transcript, evidence: Mapping[str, Sequence[Evidence]]
) -> list[ShownTurn]:
    """Return the turns of a conversation, cut where evidence begins and ends.

    Parameters
    ----------
    transcript : Transcript
    evidence : mapping of criterion to sequence of Evidence
        Of the model's answers, each in any order; spans may overlap. What lies outside of the
        turn's text, or in no turn, is left out.
    """
    spans: dict[int, list[tuple[str, Evidence]]] = defaultdict(list)
    for criterion, found in evidence.items():
        for one in found:
            spans[one.turn].append((criterion, one))
    return [
        ShownTurn(
            number=index + 1,
            speaker=turn.speaker,
            who=SPEAKERS[turn.speaker],
            when=clock(turn.start_s),
            pieces=_pieces(turn, spans.get(index, ())),
            parts=_parts(spans.get(index, ())),
            actions=tuple(action.name for action in turn.actions),
        )
        for index, turn in enumerate(transcript.turns)
    ]


def quoted(transcript: Transcript, one: Evidence) -> str:
    """Return the words that a rating rests on; the whole turn where the span is empty."""
    if one.turn >= len(transcript.turns):
        return ""
    text = transcript.turns[one.turn].text
    return text[one.start : one.end] or text


def clock(seconds: float | None) -> str:
    """Return a time of the conversation as one reads it.

    >>> clock(3753.4), clock(7), clock(None)
    ('1:02:33', '0:07', '')
    """
    if seconds is None:
        return ""
    minutes, second = divmod(int(max(seconds, 0)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def signed(amount: float) -> str:
    """Return a contribution with its sign, and as many digits as say something; none of 0.

    >>> signed(0.254), signed(-0.0031), signed(0)
    ('+0.25', '−0.003', '')
    """
    if round(amount, 4) == 0:
        return ""
    digits = 2 if abs(amount) >= 0.01 else 3 if abs(amount) >= 0.001 else 4
    return f"{amount:+.{digits}f}".replace("-", "−")


def _pieces(turn: Turn, spans: Sequence[tuple[str, Evidence]]) -> tuple[Piece, ...]:
    text = turn.text
    hidden = [(found.start, found.end) for found in placeholders(text)]
    if not spans and not hidden:
        return (Piece(text),)
    cuts = {0, len(text)}
    for _, one in spans:
        cuts |= {min(one.start, len(text)), min(one.end, len(text))}
    for start, end in hidden:
        cuts |= {start, end}
    ordered = sorted(cuts)
    return tuple(
        Piece(
            text[start:end],
            criteria=tuple(
                dict.fromkeys(name for name, one in spans if one.start <= start < one.end)
            ),
            redacted=any(a <= start < b for a, b in hidden),
        )
        for start, end in pairwise(ordered)
    )


def _parts(spans: Sequence[tuple[str, Evidence]]) -> tuple[Part, ...]:
    shares: dict[str, float] = {}
    for criterion, one in spans:
        shares[criterion] = shares.get(criterion, 0.0) + one.contribution
    return tuple(Part(criterion, share) for criterion, share in shares.items())
