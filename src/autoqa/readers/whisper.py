"""Whisper and WhisperX: segments, which have a speaker only where the recording was diarised.

A ``channel`` in the segments, for those who transcribe each channel by itself, does as well. The
conversation is named after its file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from autoqa.readers import values
from autoqa.readers.base import Source
from autoqa.readers.documents import detail, json_format, objects, text_of
from autoqa.readers.quarantine import Problem
from autoqa.readers.spoken import Said, in_seconds, language, lasted, turns_of
from autoqa.records import Channel, LabelledTranscript, Transcript

_OWN = frozenset({"no_speech_prob", "avg_logprob", "tokens", "word_segments", "words", "speaker"})
_OTHERS = frozenset({"results", "phrases", "utterances", "turns"})
# As the hosted API writes them.
_LANGUAGES = {"english": "en", "spanish": "es", "italian": "it", "chinese": "zh"}


def _recognises(keys: frozenset[str]) -> bool:
    told = keys >= {"segments", "start", "end", "text"} and bool(keys & _OWN)
    return told and not keys & _OTHERS


def _convert(record: Mapping[str, Any], source: Source, notes: list[Problem]) -> LabelledTranscript:
    segments = objects(record, "segments")
    said = [_said(one, number) for number, one in enumerate(segments, start=1)]
    stated = detail(record, "language", notes)
    transcript = Transcript(
        conversation_id=source.default_id,
        turns=turns_of(said, source.speakers, notes),
        channel=Channel.VOICE,
        language=language(_LANGUAGES.get(stated or "", stated), said, notes),
        source="whisper",
        attributes=lasted(record.get("duration")),
    )
    return LabelledTranscript(transcript=transcript)


WHISPER = json_format("whisper", _recognises, _convert)


def _said(segment: Mapping[str, Any], number: int) -> Said:
    words = segment.get("words")
    spoken = (
        [word for word in words if isinstance(word, Mapping)] if isinstance(words, list) else []
    )
    label = values.identifier(segment.get("speaker")) or values.identifier(segment.get("channel"))
    if label is None:
        # Diarisation may have found the words' speakers and missed the segment's.
        heard = Counter(map(values.identifier, (word.get("speaker") for word in spoken)))
        label = heard.most_common(1)[0][0] if heard else None
    text = text_of(segment, "text", number).strip()
    start, end = (in_seconds(segment.get(name)) for name in ("start", "end"))
    return Said(label, text, start, end)
