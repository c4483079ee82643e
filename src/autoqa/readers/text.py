"""Plain text: ``Agent: ...`` and ``Customer: ...`` on lines, in the languages of `speakers`.

::

    # call-17
    # queue: billing
    [00:00:03] Agent: Good morning, how can I help?
    [00:00:07] Customer: My last bill
    is wrong.
    ---
    # call-18
    ...

A line without a known label goes on with the turn above. A conversation ends at a line of three or
more dashes or equals signs, or where ``# id`` starts the next. Lines ``# name: value`` before the
first turn give details. Without ``# id`` the id is the file's name, with ``-2``, ``-3`` ... for
further conversations. Clock times (first one at an hour or more) count from the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from autoqa.errors import ReadError, RecordError
from autoqa.readers import values
from autoqa.readers.base import Format, Found, Source
from autoqa.readers.lines import MAX_RECORD, MAX_RECORD_BYTES, Line, lines
from autoqa.readers.quarantine import Place, Problem
from autoqa.readers.speakers import (
    CHINESE_LABELS,
    ITALIAN_LABELS,
    SHARED_LABELS,
    SPANISH_LABELS,
    SPEAKER_WORDS,
)
from autoqa.readers.uniform import turn_times
from autoqa.readers.values import problem
from autoqa.records import Channel, LabelledTranscript, Speaker, Transcript, Turn

_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,6})?"
_TIME = re.compile(
    rf"[\[(]?({_CLOCK})(?:[ ]?(?:-->|->|-|–)[ ]?({_CLOCK}))?[\])]?[ ]?[-–]?[ ]?(?=\D)"
)
# A label may carry a name or a number: "Agent (Ana):", "Customer 1:".
_LABEL = re.compile(
    r"\**([^\W\d_][\w' -]{0,30}?)"
    r"(?:[ ]?[(（][^()（）:：]{1,40}[)）]|[ ]\d{1,3})?\**[ ]?[:：]\**[ ]?"
)
_RULE = re.compile(r"-{3,}|={3,}")
_HEADER = re.compile(r"#+[ \t]*(.*)")
_DETAIL = re.compile(
    r"(id|conversation_id|channel|language|agent|team|queue|topic|customer|source|started_at)"
    r"[ \t]*[:：][ \t]*(.*)",
    re.IGNORECASE,
)
_ITALIAN_WORDS = frozenset(
    {"il", "gli", "che", "sono", "non", "è", "di", "per", "una", "buongiorno", "grazie", "posso"}
)
_SPANISH_WORDS = frozenset(
    {"el", "los", "que", "soy", "no", "es", "de", "por", "una", "buenos", "gracias", "puedo"}
)
_HOUR = 3600.0
_DAY = 24 * _HOUR
_PER_LINE = 128  # bytes that holding a line takes beyond its own


@dataclass(slots=True)
class _Spoken:
    label: str
    speaker: Speaker
    start: str | None
    end: str | None
    parts: list[str]


@dataclass(slots=True)
class _Block:
    """One conversation as it is being read."""

    place: Place | None = None
    details: dict[str, str] = field(default_factory=dict)
    turns: list[_Spoken] = field(default_factory=list)
    size: int = 0
    problem: Problem | None = None

    def fail(self, reason: str, message: str) -> None:
        self.problem = self.problem or Problem(reason, message)

    def add(self, line: Line, source: Source) -> None:
        if self.place is None:
            self.place = Place(source.name, line.number, line.offset)
        self.size += len(line.content) + _PER_LINE
        if line.problem is not None:
            self.fail(line.problem.reason, line.problem.message)
            return
        if self.size > MAX_RECORD_BYTES:
            self.fail("too_large", f"the conversation is over {MAX_RECORD}")
            self.turns.clear()
        if self.problem is not None:
            return
        try:
            text = line.content.decode("utf-8").strip()
        except UnicodeDecodeError:
            self.fail("not_utf8", f"line {line.number} is not UTF-8")
            return
        spoken = spoken_line(text, source.speakers)
        if spoken is not None:
            self.turns.append(spoken)
        elif self.turns and self.turns[0].start is not None and _starts_a_turn(text):
            self.fail("bad_speaker", f"line {line.number}: the speaker label is not known")
        elif self.turns:
            self.turns[-1].parts.append(text)
        elif text:
            self.fail("bad_speaker", "the first line does not start with a known speaker label")


def spoken_line(text: str, speakers: Mapping[str, Speaker]) -> _Spoken | None:
    """Return the turn that a line starts, or None where it starts none.

    `speakers` are labels of the user's own, in lower case.
    """
    start = end = None
    time = _TIME.match(text)
    if time is not None:
        start, end = time.groups()
        text = text[time.end() :]
    label = _LABEL.match(text)
    if label is None:
        return None
    word = label.group(1).strip().lower()
    speaker = speakers.get(word) or SPEAKER_WORDS.get(word)
    if speaker is None:
        return None
    return _Spoken(word, speaker, start, end, [text[label.end() :]])


def _starts_a_turn(text: str) -> bool:
    """Whether a time and some label begin the line: a turn, then, whoever speaks."""
    time = _TIME.match(text)
    return time is not None and _LABEL.match(text[time.end() :]) is not None


def _read(source: Source) -> Iterator[Found]:
    block = _Block()
    count = 0
    for line in lines(source):
        text = b"" if line.problem else line.content.strip()
        header = _HEADER.fullmatch(text.decode("utf-8", "replace")) if text[:1] == b"#" else None
        rule = _RULE.fullmatch(text.decode("ascii", "replace")) is not None
        detail = header and _DETAIL.fullmatch(header.group(1).strip())
        names_id = header is not None and (not detail or detail.group(1).lower().endswith("id"))
        if rule or (names_id and (block.turns or block.problem or "id" in block.details)):
            if block.place is not None:
                count += 1
                yield _found(block, source, count)
            block = _Block()
        if rule:
            continue
        if header is not None and not block.turns:
            if block.place is None:
                block.place = Place(source.name, line.number, line.offset)
            name = detail.group(1).lower().removeprefix("conversation_") if detail else "id"
            block.details[name] = (detail.group(2) if detail else header.group(1)).strip()
        elif text or line.problem or block.turns:
            block.add(line, source)
    if block.place is not None:
        yield _found(block, source, count + 1)


def _found(block: _Block, source: Source, count: int) -> Found:
    place = block.place or source.place
    notes: list[Problem] = []
    try:
        if block.problem is not None:
            raise problem(block.problem.reason, block.problem.message)
        if not block.turns:
            raise problem("no_turns", "the conversation has no turns")
        default_id = source.default_id if count == 1 else f"{source.default_id}-{count}"
        return Found(place, _labelled(block, default_id, notes), notes=tuple(notes))
    except ReadError as error:
        return Found(place, problem=Problem(error.reason, str(error)))
    except RecordError:
        return Found(place, problem=Problem("wrong_type", "a rule of transcripts is broken"))


def _labelled(block: _Block, default_id: str, notes: list[Problem]) -> LabelledTranscript:
    details = {
        name: found
        for name, value in block.details.items()
        if (found := values.identifier(value)) is not None
    }
    starts = [values.seconds(turn.start) for turn in block.turns]
    first = next((s for s in starts if s is not None), None)
    clock = first is not None and first >= _HOUR
    origin = first if first is not None and clock else 0.0
    turns = []
    for number, (spoken, start) in enumerate(zip(block.turns, starts, strict=True), start=1):
        end = values.seconds(spoken.end)
        begins, ends = turn_times(_after(origin, start), _after(origin, end), number, notes)
        text = "\n".join(spoken.parts).strip()
        turns.append(Turn(speaker=spoken.speaker, text=text, start_s=begins, end_s=ends))
    # Transcribed calls count from their start; a time of day is what chat logs show.
    heard = Channel.VOICE if first is not None and not clock else Channel.CHAT
    started = details.get("started_at")
    started_at = values.moment(started)
    if started is not None and started_at is None:
        notes.append(Problem("bad_time", "started_at is not an ISO 8601 time; dropped"))
    transcript = Transcript(
        conversation_id=details.get("id", default_id),
        turns=tuple(turns),
        channel=values.channel(details["channel"]) if "channel" in details else heard,
        language=details.get("language") or guess_language(block.turns),
        started_at=started_at,
        agent=details.get("agent"),
        team=details.get("team"),
        queue=details.get("queue"),
        topic=details.get("topic"),
        customer=details.get("customer"),
        source=details.get("source"),
    )
    return LabelledTranscript(transcript=transcript)


def _after(origin: float, clock: float | None) -> float | None:
    """Seconds from the first time to a later one, which may lie past midnight."""
    if clock is None:
        return None
    past = clock - origin
    return past + _DAY if past < -_DAY / 2 else past


def guess_language(turns: list[_Spoken]) -> str:
    """Return the language that the labels speak; common words decide between es and it."""
    labels = {turn.label for turn in turns}
    if labels & CHINESE_LABELS:
        return "zh"
    if labels & ITALIAN_LABELS:
        return "it"
    if labels & SPANISH_LABELS:
        return "es"
    if labels & SHARED_LABELS:
        words = " ".join(part for turn in turns[:40] for part in turn.parts).lower().split()
        italian = sum(word.strip(",.;:!?") in _ITALIAN_WORDS for word in words)
        spanish = sum(word.strip(",.;:!?¡¿") in _SPANISH_WORDS for word in words)
        return "it" if italian > spanish else "es"
    return "en"


def _recognises(source: Source) -> bool:
    """One of the first lines with words must start a turn."""
    said = (line.strip() for line in source.head_text.splitlines())
    words = [line for line in said if line and not line.startswith("#") and not _RULE.match(line)]
    return any(spoken_line(line, source.speakers) is not None for line in words[:5])


TEXT = Format("text", _recognises, _read)
