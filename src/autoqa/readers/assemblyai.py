"""AssemblyAI: utterances with speaker letters or channels, times in milliseconds.

Without speaker labels or channels there are no utterances, and the words have no speaker. The
conversation is named after its file: ``id`` names the transcription alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autoqa.readers import values
from autoqa.readers.base import Source
from autoqa.readers.documents import detail, json_format, objects, text_of
from autoqa.readers.quarantine import Problem
from autoqa.readers.spoken import Said, in_seconds, joined, language, lasted, turns_of
from autoqa.records import Channel, LabelledTranscript, Transcript

_OWN = frozenset({"audio_url", "audio_duration", "language_code", "acoustic_model"})


def _recognises(keys: frozenset[str]) -> bool:
    told = {"utterances", "speaker", "text"} <= keys or ("words" in keys and len(keys & _OWN) > 1)
    return told and not keys & {"results", "segments"}


def _convert(record: Mapping[str, Any], source: Source, notes: list[Problem]) -> LabelledTranscript:
    status = record.get("status")
    if status is not None and status != "completed":
        raise values.problem("incomplete", "the transcription was not completed")
    spoken = bool(record.get("utterances"))
    items = objects(record, "utterances" if spoken else "words")
    said = [_said(one, number) for number, one in enumerate(items, start=1)]
    if not spoken:
        said = joined(said)
    attributes = lasted(record.get("audio_duration"))
    identity = detail(record, "id", notes)
    if identity is not None:
        attributes["transcript_id"] = identity
    transcript = Transcript(
        conversation_id=source.default_id,
        turns=turns_of(said, source.speakers, notes),
        channel=Channel.VOICE,
        language=language(detail(record, "language_code", notes), said, notes),
        source="assemblyai",
        attributes=attributes,
    )
    return LabelledTranscript(transcript=transcript)


ASSEMBLYAI = json_format("assemblyai", _recognises, _convert, inside=("transcripts",))


def _said(item: Mapping[str, Any], number: int) -> Said:
    return Said(
        values.identifier(item.get("speaker")) or values.identifier(item.get("channel")),
        text_of(item, "text", number),
        in_seconds(item.get("start"), 1000),
        in_seconds(item.get("end"), 1000),
    )
