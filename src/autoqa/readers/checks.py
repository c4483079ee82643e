"""What every conversation is checked for, whichever format it came in.

Control characters become spaces, one each, so that offsets into a text stay right. Everything else
that is odd is kept and noted: what was said is evidence.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from autoqa.readers.cues import lead
from autoqa.readers.quarantine import Problem
from autoqa.readers.values import CONTROL, is_deep, problem, sound_text, too_deep
from autoqa.records import Action, Json, LabelledTranscript, Speaker, Transcript, Turn

OVERLAP_S = 5.0
"""Seconds that a turn may overlap the one before it; people do talk at the same time."""

_UNSOUND = re.compile(CONTROL.pattern[:-1] + "\ud800-\udfff]")
_DETAILS = ("language", "agent", "team", "queue", "topic", "customer", "source")
# Not those that languages and emoji need: joiners, marks of one direction, soft hyphens.
_COMPANY = frozenset({Speaker.AGENT, Speaker.BOT})
_OPENING = 12  # turns that tell who is who
_OPENING_CHARACTERS = 200
_SWAPPED_BY = 3  # cues; of 1,700 conversations labelled rightly, none had more than 2
_INVISIBLE = re.compile("[\u200b\u2028-\u202e\u2060\u2066-\u2069\ufeff\U000e0000-\U000e007f]")
_HTML = re.compile(
    r"</?(?:a|b|body|br|blockquote|code|div|em|font|h[1-6]|head|hr|html|i|iframe|img|li|ol|p|pre"
    r"|script|span|strong|style|svg|table|tbody|td|th|tr|u|ul)\b[^<>]{0,500}>",
    re.IGNORECASE,
)
_JUDGED_FROM = 400  # bytes: shorter texts repeat themselves by chance
_JUDGED_TO = 2**16
_PACKS = 8  # times that a loop packs at least; speech packs 2 to 3 times
_SAME_TURNS = 16  # in a row
_MAX_INT_BITS = 10_000  # more cannot be stored


def checked(labelled: LabelledTranscript, notes: list[Problem]) -> LabelledTranscript:
    """Return the conversation with sound texts; what is odd about it is added to `notes`.

    Raises
    ------
    ReadError
        With reason ``no_turns`` where nobody says or does anything, or ``too_deep``.
    """
    said: dict[str, str] = {}  # each reason once a conversation
    transcript = _sound_transcript(labelled.transcript, said)
    _note_turns(transcript, said)
    _note_times(transcript.turns, said)
    notes.extend(Problem(reason, message) for reason, message in said.items())
    if transcript is labelled.transcript:
        return labelled
    # Labels name the conversation that they are about.
    key = transcript.conversation_id
    return replace(
        labelled,
        transcript=transcript,
        ratings=tuple(replace(rating, conversation_id=key) for rating in labelled.ratings),
        surveys=tuple(replace(survey, conversation_id=key) for survey in labelled.surveys),
    )


def _sound_transcript(transcript: Transcript, said: dict[str, str]) -> Transcript:
    changes: dict[str, Any] = {}
    turns = [_sound_turn(turn, n, said) for n, turn in enumerate(transcript.turns, start=1)]
    if any(new is not old for new, old in zip(turns, transcript.turns, strict=True)):
        changes["turns"] = tuple(turns)
    closing = _sound_actions(transcript.closing_actions, said)
    if closing != transcript.closing_actions:
        changes["closing_actions"] = closing
    attributes = _sound_map(transcript.attributes, said)
    if attributes != transcript.attributes:
        changes["attributes"] = attributes
    for name in ("conversation_id", *_DETAILS):
        given = getattr(transcript, name)
        if given is not None and _UNSOUND.search(given):
            changes[name] = _sound_text(given, name, said).strip()
    if not changes:
        return transcript
    if not changes.get("conversation_id", True):
        raise problem("missing_field", "conversation_id has no visible character")
    changes["language"] = changes.get("language", transcript.language) or "en"
    return replace(transcript, **changes)


def _sound_turn(turn: Turn, number: int, said: dict[str, str]) -> Turn:
    text = turn.text
    if _UNSOUND.search(text):
        text = _sound_text(text, f"turn {number}", said)
    if turn.actions or text is not turn.text:
        return replace(turn, text=text, actions=_sound_actions(turn.actions, said))
    return turn


def _sound_text(text: str, where: str, said: dict[str, str]) -> str:
    sound = CONTROL.sub(" ", text)
    if sound != text:
        message = f"{where} has control characters; they became spaces"
        said.setdefault("control_characters", message)
    return sound_text(sound)


def _sound_actions(actions: Sequence[Action], said: dict[str, str]) -> tuple[Action, ...]:
    return tuple(
        replace(
            action,
            name=_sound_value(action.name, said).strip() or "unnamed",
            arguments=_sound_map(action.arguments, said),
            result=_sound_value(action.result, said),
        )
        for action in actions
    )


def _sound_map(given: Mapping[str, Json], said: dict[str, str]) -> dict[str, Any]:
    if is_deep(given):
        raise too_deep()
    return {str(_sound_value(key, said)): _sound_value(value, said) for key, value in given.items()}


def _sound_value(value: Json, said: dict[str, str]) -> Any:
    if isinstance(value, str):
        return _sound_text(value, "a detail", said) if _UNSOUND.search(value) else value
    if isinstance(value, int) and value.bit_length() > _MAX_INT_BITS:
        said.setdefault("bad_metadata", "a whole number has thousands of digits; dropped")
        return None
    if isinstance(value, Mapping):
        return {_sound_value(key, said): _sound_value(inner, said) for key, inner in value.items()}
    if isinstance(value, Sequence):
        return [_sound_value(inner, said) for inner in value]
    return value


def _note_turns(transcript: Transcript, said: dict[str, str]) -> None:
    turns = transcript.turns
    if not turns:
        raise problem("no_turns", "the conversation has no turns")
    empty = [n for n, turn in enumerate(turns, start=1) if not (turn.text.strip() or turn.actions)]
    if len(empty) == len(turns) and not transcript.closing_actions:
        raise problem("no_turns", "no turn has words or actions")
    if empty:
        said["empty_turns"] = f"{len(empty)} turns have no words, the first is turn {empty[0]}"
    speakers = {turn.speaker for turn in turns}
    if Speaker.CUSTOMER not in speakers:
        said["one_sided"] = "no turn is the customer's"
    elif not speakers & _COMPANY:
        said["one_sided"] = "no turn is an agent's or a bot's"
    elif _look_swapped(turns[:_OPENING]):
        said["speakers_swapped"] = "the customer says what agents say; kept as labelled"
    for number, turn in enumerate(turns, start=1):
        _note_text(turn.text, number, said)
    number = 1
    for text, run in groupby(turn.text.strip() for turn in turns):
        length = sum(1 for _ in run)
        if text and length >= _SAME_TURNS:
            said.setdefault("repetition", f"turn {number} and the {length - 1} after it are equal")
        number += length


def _look_swapped(turns: Sequence[Turn]) -> bool:
    """Whether customer and agent talk like each other."""
    theirs = [t.text[:_OPENING_CHARACTERS] for t in turns if t.speaker is Speaker.CUSTOMER]
    ours = [t.text[:_OPENING_CHARACTERS] for t in turns if t.speaker in _COMPANY]
    return lead(theirs, ours) >= _SWAPPED_BY


def _note_text(text: str, number: int, said: dict[str, str]) -> None:
    if "<" in text and _HTML.search(text):
        said.setdefault("html", f"turn {number} has HTML tags; they are kept as text")
    if len(text) >= _JUDGED_FROM // 4 and _repeats(text):
        said.setdefault("repetition", f"turn {number} says the same over and over")
    if text.isascii():
        return
    if "\ufffd" in text:
        said.setdefault("broken_unicode", f"turn {number} has lost characters (U+FFFD)")
    if _INVISIBLE.search(text):
        message = f"turn {number} has zero-width or direction characters; they are kept"
        said.setdefault("invisible_characters", message)


def _repeats(text: str) -> bool:
    """Whether a text is a loop, in any script: it packs as no speech does."""
    content = text[:_JUDGED_TO].encode("utf-8", "replace")
    if len(content) < _JUDGED_FROM:
        return False
    return len(zlib.compress(content, 1)) * _PACKS < len(content)


def _note_times(turns: Sequence[Turn], said: dict[str, str]) -> None:
    latest: float | None = None
    for number, turn in enumerate(turns, start=1):
        if turn.start_s is None:
            continue
        if latest is not None and turn.start_s < latest - OVERLAP_S:
            message = (
                f"turn {number} starts {latest - turn.start_s:.1f} s before an earlier one ends"
            )
            said.setdefault("turns_overlap", message)
        end = turn.start_s if turn.end_s is None else turn.end_s
        latest = end if latest is None else max(latest, end)
