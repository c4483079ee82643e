"""Deepgram: utterances, or else the paragraphs or words of each channel.

A recording with several channels has a speaker on each; of one channel, diarisation numbers the
speakers. The conversation is named after its file: ``request_id`` names the request alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autoqa.readers import values
from autoqa.readers.base import Source
from autoqa.readers.documents import detail, json_format, objects, section, some, text_of
from autoqa.readers.quarantine import Problem
from autoqa.readers.spoken import (
    Said,
    in_seconds,
    in_time_order,
    joined,
    language,
    lasted,
    turns_of,
)
from autoqa.records import Channel, LabelledTranscript, Transcript


def _recognises(keys: frozenset[str]) -> bool:
    # Another vendor's results have items.
    return keys >= {"results", "channels", "alternatives"} and "items" not in keys


def _convert(record: Mapping[str, Any], source: Source, notes: list[Problem]) -> LabelledTranscript:
    results = record.get("results")
    if not isinstance(results, Mapping):
        raise values.problem("missing_field", "results is missing or not a JSON object")
    utterances = some(results, "utterances", notes)
    channels = some(results, "channels", notes)
    said = _from_utterances(utterances) if utterances else _from_channels(channels, notes)
    metadata = section(record, "metadata", notes)
    attributes = lasted(metadata.get("duration"))
    request = detail(metadata, "request_id", notes)
    if request is not None:
        attributes["request_id"] = request
    detected = detail(channels[0], "detected_language", notes) if channels else None
    transcript = Transcript(
        conversation_id=source.default_id,
        turns=turns_of(said, source.speakers, notes),
        channel=Channel.VOICE,
        language=language(detected, said, notes),
        source="deepgram",
        attributes=attributes,
    )
    return LabelledTranscript(transcript=transcript)


DEEPGRAM = json_format("deepgram", _recognises, _convert)


def _from_utterances(utterances: list[Mapping[str, Any]]) -> list[Said]:
    heard = {values.identifier(one.get("channel")) for one in utterances}
    of = "channel" if len(heard) > 1 else "speaker"
    return [
        _said(values.identifier(one.get(of)), text_of(one, "transcript", number), one)
        for number, one in enumerate(utterances, start=1)
    ]


def _from_channels(channels: list[Mapping[str, Any]], notes: list[Problem]) -> list[Said]:
    """Return paragraphs where there are some, else runs of words; channels by their order."""
    if not channels:
        raise values.problem("missing_field", "results has neither utterances nor channels")
    paragraphs: list[Said] = []
    words: list[Said] = []
    for number, channel in enumerate(channels):
        only = None if len(channels) == 1 else str(number)
        best = objects(channel, "alternatives")[0]  # most likely first
        for one in some(section(best, "paragraphs", notes), "paragraphs", notes):
            sentences = enumerate(objects(one, "sentences"), start=1)
            text = " ".join(text_of(sentence, "text", at) for at, sentence in sentences)
            paragraphs.append(_said(only or values.identifier(one.get("speaker")), text, one))
        for at, word in enumerate(some(best, "words", notes), start=1):
            written = "punctuated_word" if word.get("punctuated_word") else "word"
            label = only or values.identifier(word.get("speaker"))
            words.append(_said(label, text_of(word, written, at), word))
    if not paragraphs and not words:
        raise values.problem("no_turns", "no channel holds a word")
    turns = paragraphs or joined(in_time_order(words) if len(channels) > 1 else words)
    return in_time_order(turns) if len(channels) > 1 else turns


def _said(label: str | None, text: str, item: Mapping[str, Any]) -> Said:
    return Said(label, text, in_seconds(item.get("start")), in_seconds(item.get("end")))
