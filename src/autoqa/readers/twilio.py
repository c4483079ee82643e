"""Twilio Conversational Intelligence: the sentences of a transcript, times as text.

Which channel is the agent's depends on how a call was recorded: the transcript resource may say
(``channel.participants``), where it was saved in the same object.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from autoqa.readers import values
from autoqa.readers.base import Source
from autoqa.readers.documents import (
    detail,
    either,
    json_format,
    moment_of,
    objects,
    section,
    some,
    text_of,
)
from autoqa.readers.quarantine import Problem
from autoqa.readers.spoken import Said, in_seconds, language, turns_of
from autoqa.records import Channel, LabelledTranscript, Transcript

_TRANSCRIPT_ID = re.compile(r"GT[0-9a-f]{32}", re.IGNORECASE)


def _recognises(keys: frozenset[str]) -> bool:
    return "sentences" in keys and bool(keys & {"media_channel", "mediaChannel"})


def _convert(record: Mapping[str, Any], source: Source, notes: list[Problem]) -> LabelledTranscript:
    meta = section(record, "meta", notes)
    sentences = objects(record, "sentences")
    if _is_one_page(meta, len(sentences)):
        raise values.problem(
            "incomplete", "the file is one page of a conversation; put all its sentences into one"
        )
    roles = _roles(record, notes)
    order = [values.number(either(one, "sentence_index")) for one in sentences]
    numbered = [
        (place, one) for place, one in zip(order, sentences, strict=True) if place is not None
    ]
    if len(numbered) == len(sentences):
        sentences = [one for _, one in sorted(numbered, key=lambda pair: pair[0])]
    said = []
    for number, one in enumerate(sentences, start=1):
        heard = values.identifier(either(one, "media_channel"))
        said.append(
            Said(
                roles.get(heard or "", heard),
                text_of(one, "transcript", number),
                in_seconds(either(one, "start_time")),
                in_seconds(either(one, "end_time")),
            )
        )
    transcript = Transcript(
        conversation_id=_transcript_id(record, meta) or source.default_id,
        turns=turns_of(said, source.speakers, notes),
        channel=Channel.VOICE,
        language=language(detail(record, "language_code", notes), said, notes),
        started_at=moment_of(record, "media_start_time", notes),
        source="twilio",
    )
    return LabelledTranscript(transcript=transcript)


TWILIO = json_format("twilio", _recognises, _convert)


def _is_one_page(meta: Mapping[str, Any], sentences: int) -> bool:
    """Whether the API has more sentences than are here."""
    cut = either(meta, "next_page_url") is not None or values.number(meta.get("page")) not in (
        None,
        0,
    )
    whole = values.number(either(meta, "page_size"))
    return cut and (whole is None or sentences <= whole)


def _roles(record: Mapping[str, Any], notes: list[Problem]) -> dict[str, str]:
    """Return who is on which channel, where the transcript resource says so."""
    return {
        heard: role
        for one in some(section(record, "channel", notes), "participants", notes)
        if (heard := values.identifier(either(one, "channel_participant"))) is not None
        and (role := values.identifier(one.get("role"))) is not None
    }


def _transcript_id(record: Mapping[str, Any], meta: Mapping[str, Any]) -> str | None:
    for place in (record.get("sid"), either(record, "transcript_sid"), meta.get("url")):
        found = _TRANSCRIPT_ID.search(place) if isinstance(place, str) else None
        if found is not None:
            return found.group()
    return None
