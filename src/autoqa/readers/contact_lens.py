"""Amazon Connect Contact Lens: analysed calls and chats, raw or redacted by the vendor.

``ParticipantId`` of a turn is an id to be looked up in ``Participants``, or a role itself. Chats
have events and files between messages. A category that did not match is a "no" only where the
analysis was complete: what was skipped is kept in ``attributes``, see `_categories`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from autoqa.readers import values
from autoqa.readers.base import Source
from autoqa.readers.documents import detail, json_format, objects, section, some, text_of
from autoqa.readers.quarantine import Problem
from autoqa.readers.spoken import (
    Said,
    in_seconds,
    language,
    lasted,
    since_1970,
    since_start,
    turns_of,
)
from autoqa.records import Channel, LabelledTranscript, Transcript

_ABOUT = frozenset({"Categories", "ContentMetadata", "ConversationCharacteristics", "Transcript"})
_TEXT_TYPES = ("text/plain", "text/markdown")
_NAMED_AFTER = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_analysis_", re.IGNORECASE)
_SUMMARY = "SUMMARY"  # in the name of a skipped feature that has no bearing on categories


def _recognises(keys: frozenset[str]) -> bool:
    return (keys >= {"AccountId", "Channel"} and bool(keys & _ABOUT)) or keys >= {
        "Transcript",
        "ParticipantId",
        "Content",
    }


def _convert(record: Mapping[str, Any], source: Source, notes: list[Problem]) -> LabelledTranscript:
    said = _said(record, notes)
    said, started_at = since_start(said, notes)
    attributes = _categories(record, notes)
    content = section(record, "ContentMetadata", notes)
    if content.get("Output") == "Redacted":
        attributes["redacted"] = True
    characteristics = section(record, "ConversationCharacteristics", notes)
    attributes |= lasted(characteristics.get("TotalConversationDurationMillis"), 1000)
    transcript = Transcript(
        conversation_id=_contact_id(record, content, source, notes),
        turns=turns_of(said, source.speakers, notes),
        channel=_channel(record),
        language=language(detail(record, "LanguageCode", notes), said, notes),
        started_at=started_at,
        source="contact_lens",
        attributes=attributes,
    )
    return LabelledTranscript(transcript=transcript)


CONTACT_LENS = json_format("contact_lens", _recognises, _convert)


def _said(record: Mapping[str, Any], notes: list[Problem]) -> list[Said]:
    roles = {
        identity: role
        for one in some(record, "Participants", notes)
        if (identity := values.identifier(one.get("ParticipantId"))) is not None
        and (role := values.identifier(one.get("ParticipantRole"))) is not None
    }
    said: list[Said] = []
    left_out = 0
    for number, item in enumerate(objects(record, "Transcript"), start=1):
        if item.get("Type") == "EVENT":  # somebody joined or left
            continue
        kind = item.get("ContentType")
        if item.get("Type") == "ATTACHMENT" or (kind is not None and kind not in _TEXT_TYPES):
            left_out += 1
            continue
        given = values.identifier(item.get("ParticipantId"))
        role = values.identifier(item.get("ParticipantRole")) or roles.get(given or "", given)
        if role == "SYSTEM" and item.get("DisplayName") == "BOT":
            role = "CUSTOM_BOT"  # a dialogue bot speaks as the system, under this name
        start = in_seconds(item.get("BeginOffsetMillis"), 1000)
        if item.get("AbsoluteTime") is not None:
            moment = values.moment(item["AbsoluteTime"])
            start = item["AbsoluteTime"] if moment is None else since_1970(moment)
        end = in_seconds(item.get("EndOffsetMillis"), 1000)
        said.append(Said(role, text_of(item, "Content", number), start, end))
    if left_out:
        message = f"messages without plain text (files, menus) are left out: {left_out}"
        notes.append(Problem("part_left_out", message))
    if not said:
        raise values.problem("no_turns", "Transcript holds no message")
    return said


def _categories(record: Mapping[str, Any], notes: list[Problem]) -> dict[str, Any]:
    """Return what the vendor's rules found, and what they did not look at.

    ``categories`` are those that matched; ``categories_evaluated`` is true only where all the
    others are a "no"; ``analysis_skipped`` says what was left out and why.
    """
    matched = section(record, "Categories", notes).get("MatchedCategories")
    names = [name for name in matched if isinstance(name, str)] if isinstance(matched, list) else []
    skipped = [
        _skipped(item)
        for item in some(section(record, "JobDetails", notes), "SkippedAnalysis", notes)
    ]
    status = values.identifier(record.get("JobStatus"))
    if status not in (None, "COMPLETED"):
        skipped.append({"reason": status})
    evaluated = isinstance(matched, list) and all(
        _SUMMARY in one.get("feature", "").upper() for one in skipped
    )
    if not evaluated:
        message = "the vendor did not evaluate all categories; one that is absent is not a 'no'"
        notes.append(Problem("analysis_skipped", message))
    found = {"categories": names, "categories_evaluated": evaluated}
    return found | ({"analysis_skipped": skipped} if skipped else {})


def _skipped(item: Mapping[str, Any]) -> dict[str, str]:
    fields = {"feature": "Feature", "reason": "ReasonCode"}
    given = {name: values.identifier(item.get(key)) for name, key in fields.items()}
    return {name: value for name, value in given.items() if value is not None}


def _contact_id(
    record: Mapping[str, Any],
    content: Mapping[str, Any],
    source: Source,
    notes: list[Problem],
) -> str:
    customer = section(record, "CustomerMetadata", notes)
    stated = detail(content, "ContactId", notes) or detail(customer, "ContactId", notes)
    named = _NAMED_AFTER.match(source.path.name)
    return stated or (named.group(1) if named else source.default_id)


def _channel(record: Mapping[str, Any]) -> Channel:
    given = record.get("Channel")
    return Channel.VOICE if given is None else values.channel(given)
