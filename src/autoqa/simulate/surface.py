"""From clean words to a transcript as systems record it: typing errors, ASR text, times."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from random import Random

from autoqa.records import Speaker, Turn
from autoqa.simulate.behaviour import Encounter
from autoqa.simulate.dialogue import CUSTOMER, Line
from autoqa.simulate.phrasing import Wording
from autoqa.simulate.streams import stream

# Punctuation inside a number (42.50) is what a recogniser writes too, so it stays.
_SPOKEN_AWAY = re.compile(r"(?<!\d)[^\w\s'’]|[^\w\s'’](?!\d)")
_SPACES = re.compile(r"\s+")
_SPACE_OUTSIDE_NUMBERS = re.compile(r"(?<!\d) | (?!\d)")
_CONFUSED_CHARACTERS: Mapping[str, str] = {
    "的": "得", "在": "再", "做": "作", "吗": "嘛", "已": "以",
}  # fmt: skip
_AGENT_TYPO_SHARE = 0.3  # agents type more carefully than customers
_WORDS_PER_SECOND, _CHARACTERS_PER_SECOND = 2.6, 4.5


def typed(text: str, speaker: str, wording: Wording, typos: float, rng: Random) -> str:
    """Return `text` as typed in a chat: swapped or lost letters, sloppy endings."""
    share = typos if speaker == CUSTOMER else typos * _AGENT_TYPO_SHARE
    if share and not wording.joiner:
        text = "".join(
            _CONFUSED_CHARACTERS.get(c, c) if rng.random() < 2 * share else c for c in text
        )
    elif share:
        words = text.split(" ")
        # Names, titles before them, and numbers stay readable: whether they were said is a
        # matter of record.
        text = " ".join(
            _mistyped(word, rng)
            if rng.random() < share and word.isalpha() and word.islower() and not then[:1].isupper()
            else word
            for word, then in zip(words, [*words[1:], ""], strict=True)
        )
    if speaker == CUSTOMER and typos:
        if rng.random() < 0.3:
            text = text.lower()
        if rng.random() < 0.4:
            text = text.rstrip(".。")
        elif rng.random() < 0.08:
            text = text.rstrip(".。!！") + rng.choice(("!!", "...", " :)", "!"))
    return text


def _mistyped(word: str, rng: Random) -> str:
    if len(word) < 4:
        return word
    at = rng.randrange(1, len(word) - 1)
    kind = rng.random()
    if kind < 0.4:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind < 0.75:
        return word[:at] + word[at + 1 :]
    return word[:at] + word[at] + word[at:]


def recognised(text: str, wording: Wording, rng: Random) -> str:
    """Return `text` as a speech recogniser writes it: lower case, no punctuation, lost words."""
    bare = _SPACES.sub(" ", _SPOKEN_AWAY.sub(" ", text)).strip()
    if not wording.joiner:
        return _SPACE_OUTSIDE_NUMBERS.sub("", bare).lower()
    heard = [w for w in bare.split(" ") if not _is_slight(w) or rng.random() > 0.03]
    return (" ".join(heard) or bare).lower()


def _is_slight(word: str) -> bool:
    """Tell whether a recogniser may miss the word without changing what was said."""
    return len(word) <= 2 and word.islower() and word != "no"


def hesitant(text: str, speaker: str, wording: Wording, rng: Random) -> str:
    """Return `text` with a filler where a speaker hesitates."""
    if rng.random() > (0.25 if speaker == CUSTOMER else 0.12):
        return text
    filler = rng.choice(wording.fillers)
    if not wording.joiner:
        return f"{filler}，{text}"
    words = text.split(" ")
    at = rng.randrange(len(words))
    if any(_is_number(word, wording) for word in words[max(0, at - 1) : at + 1]):
        at = 0  # people do not break up a number that they read out
    return " ".join([*words[:at], f"{filler},", *words[at:]])


def _is_number(word: str, wording: Wording) -> bool:
    return any(c.isdigit() for c in word) or word.strip(".,?!") in wording.digits


def transcribe(
    lines: list[Line], encounter: Encounter, wording: Wording, *, typos: float, seed: int
) -> tuple[tuple[Turn, ...], dict[str, int], float]:
    """Return the turns, the first turn of each realised criterion, and handle time in seconds.

    Calls carry times; a chat's handle time is estimated from reading and typing.
    """
    rng = stream(seed, "surface", encounter.number)
    voice = encounter.channel == "voice"
    pace = math.exp(encounter.slowness)
    turns: list[Turn] = []
    realised: dict[str, int] = {}
    clock = rng.uniform(0.2, 1.5)
    last_start = 0.0
    for number, line in enumerate(lines):
        text = line.text
        if voice:
            text = hesitant(text, line.speaker, wording, rng)
            if encounter.asr:
                text = recognised(text, wording, rng)
        else:
            text = typed(text, line.speaker, wording, typos, rng)
        for criterion in line.criteria:
            realised.setdefault(criterion, number)
        spoken_s = _spoken_seconds(text, wording) * rng.uniform(0.85, 1.2)
        gap = line.wait_s * pace + (rng.gauss(0.6, 0.4) if voice else 6 * pace)
        start = round(max(last_start, clock + gap), 2)
        clock = start + (spoken_s if voice else 2.5 * spoken_s)
        last_start = start
        end = round(clock, 2)
        turns.append(
            Turn(
                speaker=Speaker(line.speaker),
                text=text,
                start_s=start if voice else None,
                end_s=end if voice else None,
            )
        )
    return tuple(turns), realised, round(clock, 1)


def _spoken_seconds(text: str, wording: Wording) -> float:
    if wording.joiner:
        return 0.3 + (text.count(" ") + 1) / _WORDS_PER_SECOND
    return 0.3 + len(text) / _CHARACTERS_PER_SECOND
