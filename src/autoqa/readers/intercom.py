"""Intercom conversations: the message they begin with (``source``) and their parts.

Parts that carry no message (assignments, snoozing ...) are no turns; notes among teammates are left
out and counted. The customer's rating, from 1 to 5, is a survey answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from autoqa.readers.base import Source
from autoqa.readers.documents import detail, json_format, objects, section
from autoqa.readers.labels import surveys_of
from autoqa.readers.quarantine import Problem
from autoqa.readers.speakers import named
from autoqa.readers.values import identifier, problem
from autoqa.readers.written import Message, note_private, plain_text, time_of, transcript_of
from autoqa.records import Channel, LabelledTranscript, Speaker, Survey

_AUTHORS = {
    "user": Speaker.CUSTOMER,
    "lead": Speaker.CUSTOMER,
    "contact": Speaker.CUSTOMER,
    "visitor": Speaker.CUSTOMER,
    "admin": Speaker.AGENT,
    "team": Speaker.AGENT,
    "teammate": Speaker.AGENT,
    "bot": Speaker.BOT,
    "operator": Speaker.BOT,
}
# Opening and closing parts have a body where a message came with them.
_SEEN = frozenset({"comment", "open", "close", "quick_reply"})
_BY_SOFTWARE = ("from_ai_agent", "is_ai_answer")
_CHANNELS = {"email": Channel.EMAIL, "phone_call": Channel.VOICE, "phone_switch": Channel.VOICE}


def _conversation(
    record: Mapping[str, Any], source: Source, notes: list[Problem]
) -> LabelledTranscript:
    opening = section(record, "source", notes)
    began = time_of(record, "created_at", notes)
    messages: list[Message] = []
    first = plain_text(opening.get("body"), "body", 1)
    if first:
        messages.append(_message(opening, first, began, 1, source, notes))
    held = record.get("conversation_parts")
    parts = held if isinstance(held, Mapping) else record
    private = 0
    for number, part in enumerate(_parts(parts), start=2):
        text = plain_text(part.get("body"), "body", number)
        if not text or part.get("redacted") is True:
            continue
        if str(part.get("part_type")) not in _SEEN:
            private += 1
            continue
        sent_at = time_of(part, "created_at", notes)
        messages.append(_message(part, text, sent_at, number, source, notes))
    note_private(private, notes)
    key = detail(record, "id", notes) or source.default_id
    kind = opening.get("type")
    transcript = transcript_of(
        messages,
        notes,
        conversation_id=key,
        channel=_CHANNELS.get(kind, Channel.CHAT) if isinstance(kind, str) else Channel.CHAT,
        source="intercom",
        subject=plain_text(record.get("title") or opening.get("subject"), "title", 1),
        started_at=began,
        agent=detail(record, "admin_assignee_id", notes),
        team=detail(record, "team_assignee_id", notes),
    )
    return LabelledTranscript(transcript=transcript, surveys=_surveys(key, record, notes))


def _parts(holder: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the parts; a conversation with only its first message may have none."""
    given = holder.get("conversation_parts")
    return [] if given is None or given == [] else objects(holder, "conversation_parts")


def _message(
    part: Mapping[str, Any],
    text: str,
    sent_at: datetime | None,
    number: int,
    source: Source,
    notes: list[Problem],
) -> Message:
    author = section(part, "author", notes)
    key = identifier(author.get("id"))
    return Message(_speaker(part, author, number, source), text, sent_at, key)


def _speaker(
    part: Mapping[str, Any], author: Mapping[str, Any], number: int, source: Source
) -> Speaker:
    for name in ("id", "email", "name"):
        label = identifier(author.get(name))
        found = None if label is None else named(label, source.speakers)
        if found is not None:
            return found
    if any(holder.get(flag) is True for holder in (author, part) for flag in _BY_SOFTWARE):
        return Speaker.BOT
    kind = author.get("type")
    if isinstance(kind, str) and kind in _AUTHORS:
        return _AUTHORS[kind]
    raise problem("bad_speaker", f"message {number}: the author is of no known type")


def _surveys(key: str, record: Mapping[str, Any], notes: list[Problem]) -> tuple[Survey, ...]:
    rating = section(record, "conversation_rating", notes)
    if rating.get("rating") is None:
        return ()
    answered = time_of(rating, "updated_at", notes) or time_of(rating, "created_at", notes)
    item = {
        "score": rating["rating"],
        "scale": [1, 5],
        "comment": rating.get("remark"),
        "answered_at": answered,
    }
    return surveys_of(key, item, notes)[0]


INTERCOM = json_format(
    "intercom",
    lambda keys: "conversation_parts" in keys or keys >= {"delivered_as", "admin_assignee_id"},
    _conversation,
    inside=("conversations", "data"),
)
