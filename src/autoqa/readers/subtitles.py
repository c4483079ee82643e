"""WebVTT and SubRip (SRT): captions of calls, one file a conversation.

Speakers are WebVTT's voices (``<v Ana>``) or, in both formats, a "Name:" that begins a line. Cues
cut speech by the second, so cues of one speaker make one turn unless two seconds of silence lie
between them; each turn has the start of its first cue and the end of its last.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autoqa.errors import ReadError
from autoqa.readers.base import Format, Found, Source
from autoqa.readers.html_text import unescaped
from autoqa.readers.lines import MAX_RECORD, MAX_RECORD_BYTES, lines
from autoqa.readers.quarantine import Problem
from autoqa.readers.speakers import SPEAKER_WORDS, named
from autoqa.readers.spoken import Said, language, only_agent, turns_of
from autoqa.readers.values import problem
from autoqa.records import Channel, LabelledTranscript, Speaker, Transcript

PAUSE_S = 2.0
"""Seconds of silence that end a turn."""

_CLOCK = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2}[.,]\d{1,3})"
_TIMING = re.compile(rf"{_CLOCK}[ \t]*-->[ \t]*{_CLOCK}(?:[ \t].*)?")
_VOICE = re.compile(r"<v(?:\.[^ \t>]{0,80})?[ \t]+([^<>\n]{1,200})>|</v>")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>|<[\d:.]{1,20}>|\{\\[^{}]{0,80}\}")
_NAME = re.compile(r"[-–>*\[( \t]{0,4}([^\W\d_][\w .'’-]{0,40})[\])*]{0,3}[ ]?[:：](?!\d|//)")
_LANGUAGE = re.compile(r"language[ ]?:[ ]?([a-z]{2,3}(?:-\w{2,8}){0,3})", re.IGNORECASE)
_BESIDE_CUES = ("NOTE", "STYLE", "REGION")
_FEW = 10  # cues in which a name that comes once can be told from any other word


@dataclass(slots=True)
class _Cue:
    start_s: float
    end_s: float
    lines: list[str] = field(default_factory=list)


def _is_webvtt(source: Source) -> bool:
    return re.match(r"WEBVTT(?:\s|$)", source.head_text) is not None


def _is_srt(source: Source) -> bool:
    said = (line.strip() for line in source.head_text[:4000].splitlines())
    first = [line for line in said if line][:3]
    return any(_TIMING.fullmatch(line) for line in first)


def _read(source: Source) -> Iterator[Found]:
    notes: list[Problem] = []
    try:
        labelled = _conversation(source, notes)
    except ReadError as error:
        yield Found(source.place, problem=Problem(error.reason, str(error)))
    else:
        yield Found(source.place, labelled, notes=tuple(notes))


WEBVTT = Format("webvtt", _is_webvtt, _read)
SRT = Format("srt", _is_srt, _read)


def _conversation(source: Source, notes: list[Problem]) -> LabelledTranscript:
    cues, stated = _cues(source)
    said = _merged(_pieces(cues, source.speakers, notes))
    if not said:
        raise problem("no_turns", "the file has no cue with words")
    turns = turns_of(said, source.speakers, notes)
    agents = {
        one.label
        for one, turn in zip(said, turns, strict=True)
        if one.label and turn.speaker is Speaker.AGENT and one.label.lower() not in SPEAKER_WORDS
    }
    attributes: dict[str, Any] = {}
    transcript = Transcript(
        conversation_id=source.default_id,
        turns=turns,
        channel=Channel.VOICE,
        language=language(stated, said, notes),
        agent=only_agent(sorted(agents), attributes, notes),
        attributes=attributes,
    )
    return LabelledTranscript(transcript=transcript)


def _cues(source: Source) -> tuple[list[_Cue], str | None]:
    """Return the cues of a file, and the language that its header names."""
    cues: list[_Cue] = []
    stated: str | None = None
    webvtt = _is_webvtt(source)
    beside = after_blank = False
    above: str | None = None  # the line above, where it may be the number of the next cue
    size = 0
    for line in _texts(source):
        size += len(line)
        if size > MAX_RECORD_BYTES:
            raise problem("too_large", f"the conversation is over {MAX_RECORD}")
        timing = _TIMING.fullmatch(line)
        if timing is not None:
            hours, minutes, seconds, *end = timing.groups(default="0")
            cues.append(_Cue(_seconds(hours, minutes, seconds), _seconds(*end)))
            beside, above = False, None
        elif not line:
            beside = False
        elif beside or (webvtt and after_blank and line.startswith(_BESIDE_CUES)):
            beside = True
        elif not cues:
            header = _LANGUAGE.fullmatch(line)
            stated = stated or (header.group(1) if header else None)
        else:
            if above is not None:
                cues[-1].lines.append(above)
            above = None
            # A number, or after a blank line any name, belongs to the cue below if one follows.
            if line.isdecimal() or (webvtt and after_blank):
                above = line
            else:
                cues[-1].lines.append(line)
        after_blank = not line
    if above is not None and not webvtt:
        cues[-1].lines.append(above)
    return cues, stated


def _texts(source: Source) -> Iterator[str]:
    for line in lines(source):
        if line.problem is not None:
            raise problem(line.problem.reason, line.problem.message)
        try:
            yield line.content.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise problem("not_utf8", f"line {line.number} is not UTF-8") from None


def _seconds(hours: str, minutes: str, seconds: str) -> float:
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))


def _pieces(cues: Sequence[_Cue], given: Mapping[str, Speaker], notes: list[Problem]) -> list[Said]:
    """Return what each speaker says in each cue."""
    voiced = [list(_voices("\n".join(cue.lines))) for cue in cues]
    if any(label for voices in voiced for label, _ in voices):
        names: frozenset[str] | None = None
    else:
        names = _names([text for voices in voiced for _, text in voices], given, notes)
    found: list[Said] = []
    speaking: str | None = None
    for cue, voices in zip(cues, voiced, strict=True):
        for voice, text in voices:
            parts = [(voice, text)] if names is None else _split(text, speaking, names)
            for label, said in parts:
                speaking = label
                words = " ".join(said.split())
                if words:
                    found.append(Said(label, words, cue.start_s, cue.end_s))
    return found


def _voices(text: str) -> Iterator[tuple[str | None, str]]:
    """Yield the voices of a cue, without other tags; None is nobody named."""
    label: str | None = None
    at = 0
    for tag in _VOICE.finditer(text):
        yield label, _plain(text[at : tag.start()])
        label, at = tag.group(1), tag.end()
        label = unescaped(label).strip() if label else None
    yield label, _plain(text[at:])


def _plain(text: str) -> str:
    return unescaped(_TAG.sub("", text)).strip()


def _names(
    texts: Iterable[str], given: Mapping[str, Speaker], notes: list[Problem]
) -> frozenset[str]:
    """Return the words before a colon that name speakers: those that are known or come again."""
    said = [text for text in texts if text]
    counts = Counter(
        found.group(1).strip().lower()
        for text in said
        for line in text.splitlines()
        if (found := _NAME.match(line)) is not None
    )
    short = (
        len(said) <= _FEW and sum(_NAME.match(text) is not None for text in said) > len(said) / 2
    )
    names = frozenset(
        word
        for word, count in counts.items()
        if count > 1 or short or word in SPEAKER_WORDS or named(word, given) is not None
    )
    once = len(counts) - len(names)
    if names and once:
        message = f"{once} words before a colon that come once are read as text, not as speakers"
        notes.append(Problem("speakers_guessed", message))
    return names


def _split(
    text: str, speaking: str | None, names: frozenset[str]
) -> Iterator[tuple[str | None, str]]:
    """Yield who says what in a cue; without a name, whoever spoke before goes on."""
    said: list[str] = []
    for line in text.splitlines():
        name = _NAME.match(line)
        if name is not None and name.group(1).strip().lower() in names:
            if said:
                yield speaking, "\n".join(said)
            speaking, said = name.group(1).strip(), [line[name.end() :]]
        else:
            said.append(line)
    yield speaking, "\n".join(said)


def _merged(pieces: Iterable[Said]) -> list[Said]:
    """Join what one speaker says without a pause."""
    found: list[Said] = []
    for piece in pieces:
        last = found[-1] if found else None
        if (
            last is not None
            and last.label == piece.label
            and last.start <= piece.start <= last.end + PAUSE_S
        ):
            end = max(last.end, piece.end)
            found[-1] = replace(last, text=f"{last.text} {piece.text}", end=end)
        else:
            found.append(piece)
    return found
