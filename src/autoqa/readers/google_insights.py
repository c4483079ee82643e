"""Google CCAI Insights (Customer Engagement Suite): files for upload, and what its API returns.

Uploads have ``entries`` with microseconds since 1970; the API has ``transcriptSegments`` whose
words have offsets such as ``1.200s``. Python clients write the API's names in snake_case. An
upload does not say how the conversation was held: it is read as a chat.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autoqa.readers import values
from autoqa.readers.base import Source
from autoqa.readers.documents import (
    camel,
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
from autoqa.readers.spoken import (
    Said,
    in_seconds,
    language,
    lasted,
    only_agent,
    since_1970,
    since_start,
    turns_of,
)
from autoqa.records import Channel, LabelledTranscript, Survey, Transcript

_AGENTS = ("AGENT", "HUMAN_AGENT")
_CUSTOMERS = ("CUSTOMER", "END_USER")
_UNSPECIFIED = "ROLE_UNSPECIFIED"
_SCALE = (1.0, 5.0)


def _recognises(keys: frozenset[str]) -> bool:
    upload = keys >= {"entries", "text", "role"} and bool(
        keys & {"user_id", "start_timestamp_usec"}
    )
    return upload or bool(keys & {"transcript_segments", camel("transcript_segments")})


def _convert(record: Mapping[str, Any], source: Source, notes: list[Problem]) -> LabelledTranscript:
    return _upload(record, source, notes) if "entries" in record else _api(record, source, notes)


GOOGLE_INSIGHTS = json_format("google_insights", _recognises, _convert, inside=("conversations",))


def _upload(record: Mapping[str, Any], source: Source, notes: list[Problem]) -> LabelledTranscript:
    entries = objects(record, "entries")
    said = [
        Said(
            values.identifier(entry.get("role")),
            text_of(entry, "text", number),
            in_seconds(entry.get("start_timestamp_usec"), 1e6),
        )
        for number, entry in enumerate(entries, start=1)
    ]
    said, started_at = since_start(said, notes)
    attributes: dict[str, Any] = {}

    def people(roles: tuple[str, ...]) -> list[str]:
        found = (
            values.identifier(one.get("user_id")) for one in entries if one.get("role") in roles
        )
        return list(dict.fromkeys(person for person in found if person is not None))

    customers = people(_CUSTOMERS)
    about = section(record, "conversation_info", notes)
    topics = [
        name
        for one in some(about, "categories", notes)
        if (name := detail(one, "display_name", notes)) is not None
    ]
    if len(topics) > 1:
        attributes["categories"] = topics
    transcript = Transcript(
        conversation_id=source.default_id,
        turns=turns_of(said, source.speakers, notes),
        channel=Channel.CHAT,
        language=language(None, said, notes),
        agent=only_agent(people(_AGENTS), attributes, notes),
        customer=customers[0] if len(customers) == 1 else None,
        topic=topics[0] if len(topics) == 1 else None,
        started_at=started_at,
        source="google_insights",
        attributes=attributes,
    )
    return LabelledTranscript(transcript=transcript)


def _api(record: Mapping[str, Any], source: Source, notes: list[Problem]) -> LabelledTranscript:
    inner = record.get("transcript")
    segments = objects(inner if isinstance(inner, Mapping) else record, "transcript_segments")
    channels = _channel_roles(section(record, "call_metadata", notes))
    said = [_segment(one, number, channels) for number, one in enumerate(segments, start=1)]
    said, started_at = since_start(said, notes)
    attributes = _labels(record, notes)
    quality = section(record, "quality_metadata", notes)
    agents = _human_agents(quality, notes)
    agent = only_agent((one for one, _ in agents if one is not None), attributes, notes)
    teams = {team for _, team in agents if team is not None}
    medium = either(record, "medium")
    conversation_id = (detail(record, "name", notes) or "").rpartition("/")[2] or source.default_id
    spoken = detail(record, "language_code", notes) or detail(segments[0], "language_code", notes)
    surveys, outcome = _survey(conversation_id, quality, notes)
    transcript = Transcript(
        conversation_id=conversation_id,
        turns=turns_of(said, source.speakers, notes),
        channel=Channel.CHAT if medium in ("CHAT", 2) else Channel.VOICE,
        language=language(spoken, said, notes),
        agent=agent if agents else detail(record, "agent_id", notes),
        team=teams.pop() if len(teams) == 1 else None,
        started_at=moment_of(record, "start_time", notes) or started_at,
        source="google_insights",
        attributes=attributes,
    )
    return LabelledTranscript(transcript=transcript, surveys=surveys, outcome=outcome)


def _segment(item: Mapping[str, Any], number: int, channels: Mapping[str, str]) -> Said:
    participant = either(item, "segment_participant")
    role = participant.get("role") if isinstance(participant, Mapping) else None
    if isinstance(role, int):
        # Enumerations as numbers, from the Python client.
        role = {1: "HUMAN_AGENT", 2: "AUTOMATED_AGENT", 3: "END_USER", 4: "ANY_AGENT"}.get(role)
    if not isinstance(role, str) or role == _UNSPECIFIED:
        tag = values.identifier(either(item, "channel_tag"))
        role = channels.get(tag or "", tag)
    words = some(item, "words", [])
    start = in_seconds(either(words[0], "start_offset")) if words else None
    end = in_seconds(either(words[-1], "end_offset")) if words else None
    sent = either(item, "message_time")
    if start is None and sent is not None:
        moment = values.moment(sent)
        start = sent if moment is None else since_1970(moment)
    return Said(role, text_of(item, "text", number), start, end)


def _channel_roles(call: Mapping[str, Any]) -> dict[str, str]:
    roles = {"agent_channel": "HUMAN_AGENT", "customer_channel": "END_USER"}
    found = ((values.identifier(either(call, name)), role) for name, role in roles.items())
    return {tag: role for tag, role in found if tag is not None}


def _labels(record: Mapping[str, Any], notes: list[Problem]) -> dict[str, Any]:
    labels = section(record, "labels", notes)
    found: dict[str, Any] = {
        name: value for name, value in labels.items() if isinstance(value, str)
    }
    return found | lasted(record.get("duration"))


def _human_agents(
    quality: Mapping[str, Any], notes: list[Problem]
) -> list[tuple[str | None, str | None]]:
    """Return id and team of each person who took part."""
    found = []
    for info in some(quality, "agent_info", notes):
        if either(info, "agent_type") in ("AUTOMATED_AGENT", 2):
            continue
        name = detail(info, "agent_id", notes) or detail(info, "display_name", notes)
        teams = info.get("teams")
        team = values.identifier(teams[0]) if isinstance(teams, list) and teams else None
        found.append((name, team or detail(info, "team", notes)))
    return found


def _survey(
    conversation_id: str, quality: Mapping[str, Any], notes: list[Problem]
) -> tuple[tuple[Survey, ...], dict[str, Any]]:
    """Return the customer's rating; the export does not say on which scale it is."""
    given = either(quality, "customer_satisfaction_rating")
    # Clients write 0 where nobody rated.
    if given is None or given == 0:
        return (), {}
    score = values.number_in_text(given)
    low, high = _SCALE
    if score is None or not low <= score <= high:
        message = f"the satisfaction rating is not on the scale {low:.0f}-{high:.0f}; dropped"
        notes.append(Problem("bad_csat", message))
        return (), {} if score is None else {"customer_satisfaction_rating": score}
    message = f"the satisfaction rating is taken to be on the scale {low:.0f}-{high:.0f}"
    notes.append(Problem("scale_assumed", message))
    return (Survey(conversation_id=conversation_id, score=score, scale=_SCALE),), {}
