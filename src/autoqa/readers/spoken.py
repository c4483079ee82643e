"""Transcribed speech of other systems: what its readers share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from math import inf
from typing import Any

from autoqa.readers.cues import language_of
from autoqa.readers.quarantine import Problem
from autoqa.readers.speakers import assign_speakers
from autoqa.readers.uniform import turn_times
from autoqa.readers.values import number_in_text
from autoqa.records import Speaker, Turn

_TIME_OF_DAY_S = 1e9  # seconds since 1970 from here on; no conversation lasts 30 years
_FAR_FUTURE_S = 1e10
_BETWEEN_CHINESE = re.compile(r"(?<=[㐀-鿿，。？！、]) (?=[㐀-鿿，。？！、])")


@dataclass(frozen=True, slots=True)
class Said:
    """Something that one speaker said: a turn, or a word of one.

    Times are seconds, or whatever else the export holds in their place: `turns_of` drops that.
    """

    label: str | None
    text: str
    start: Any = None
    end: Any = None


def turns_of(
    said: Sequence[Said], given: Mapping[str, Speaker], notes: list[Problem]
) -> tuple[Turn, ...]:
    """Return the turns of a conversation.

    Raises
    ------
    ReadError
        With reason ``unknown_speakers``; see `assign_speakers`.
    """
    speakers = assign_speakers(
        [one.label for one in said], [one.text for one in said], given, notes
    )
    turns = []
    for number, (one, speaker) in enumerate(zip(said, speakers, strict=True), start=1):
        start, end = turn_times(one.start, one.end, number, notes)
        turns.append(Turn(speaker=speaker, text=one.text, start_s=start, end_s=end))
    return tuple(turns)


def in_seconds(value: Any, per_second: float = 1.0) -> Any:
    """Return seconds from a number or from text such as ``61.5`` or ``61.5s``, else the value."""
    bare = value.strip().removesuffix("s") if isinstance(value, str) else value
    found = number_in_text(bare)
    return value if found is None else found / per_second


def since_start(said: Sequence[Said], notes: list[Problem]) -> tuple[list[Said], datetime | None]:
    """Return turns with times from the first one on, and when that was.

    Times that are not seconds since 1970 are taken to count from the start already; where some are
    and some are not, the rarer sort is dropped, with a note.
    """
    stamps = [one.start for one in said if isinstance(one.start, float)]
    dated = [stamp for stamp in stamps if stamp >= _TIME_OF_DAY_S]
    low, high = (-inf, _TIME_OF_DAY_S)
    if 2 * len(dated) > len(stamps):
        low, high = _TIME_OF_DAY_S, _FAR_FUTURE_S
    fitting = [stamp for stamp in stamps if low <= stamp < high]
    if len(fitting) < len(stamps):
        message = f"{len(stamps) - len(fitting)} times do not fit the others; dropped"
        notes.append(Problem("bad_time", message))
    if not dated:
        return list(said), None
    origin = min(fitting, default=0.0) if low > 0 else 0.0
    moved = []
    for one in said:
        start, end = one.start, one.end
        if isinstance(start, float):
            known = low <= start < high
            start = round(start - origin, 6) if known else None
            end = round(end - origin, 6) if known and isinstance(end, float) else None
        moved.append(replace(one, start=start, end=end))
    return moved, datetime.fromtimestamp(origin, UTC) if origin else None


def since_1970(moment: datetime) -> float:
    """Return seconds since 1970; a time without a zone is taken as UTC."""
    zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (zoned - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


def in_time_order(said: Sequence[Said]) -> list[Said]:
    """Return lists that were put together in the order of time, where all times are known."""
    known = all(isinstance(one.start, float) for one in said)
    return sorted(said, key=lambda one: one.start) if known else list(said)


def joined(words: Sequence[Said]) -> list[Said]:
    """Return one turn for each run of words of one speaker."""
    turns = []
    for label, group in groupby(words, key=lambda word: word.label):
        run = list(group)
        text = _BETWEEN_CHINESE.sub("", " ".join(word.text for word in run))
        turns.append(Said(label, text, run[0].start, run[-1].end))
    return turns


def language(stated: str | None, said: Iterable[Said], notes: list[Problem]) -> str:
    """Return the language that an export states, else the one that the words show, else English."""
    if stated is not None:
        return stated.replace("_", "-")
    found = language_of(one.text for one in said)
    if found is not None and found != "en":
        notes.append(Problem("language_guessed", f"the words show that the language is {found}"))
    return found or "en"


def only_agent(ids: Iterable[str], attributes: dict[str, Any], notes: list[Problem]) -> str | None:
    """Return the agent's id where one took part; note it where there were several."""
    agents = list(dict.fromkeys(ids))
    if len(agents) > 1:
        attributes["agents"] = agents
        message = f"{len(agents)} agents took part; which of them said a turn is not kept"
        notes.append(Problem("several_agents", message))
        return None
    return agents[0] if agents else None


def lasted(value: Any, per_second: float = 1.0) -> dict[str, Any]:
    """Return the attribute for the length of a recording; none where that is not known."""
    found = in_seconds(value, per_second)
    return {"duration_s": found} if isinstance(found, float) else {}
