"""Conversations made of written messages, as help desks keep them: JSON records to transcripts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from autoqa.readers import values
from autoqa.readers.html_text import is_html, text_of_html, unescaped
from autoqa.readers.quarantine import Problem
from autoqa.readers.spoken import Said, language, only_agent, since_1970
from autoqa.readers.values import problem
from autoqa.records import Channel, Speaker, Transcript, Turn

_MILLISECONDS = 1e11  # seconds since 1970 have fewer digits for another thousand years


@dataclass(frozen=True, slots=True)
class Message:
    """What one person wrote."""

    speaker: Speaker
    text: str
    sent_at: datetime | None = None
    author: str | None = None


def transcript_of(
    messages: Sequence[Message],
    notes: list[Problem],
    *,
    conversation_id: str,
    channel: Channel,
    source: str,
    subject: Any = None,
    started_at: datetime | None = None,
    agent: str | None = None,
    customer: str | None = None,
    team: str | None = None,
) -> Transcript:
    """Return the conversation of these messages, by their times where all have one.

    Parameters
    ----------
    messages : sequence of Message
    conversation_id : str
    channel : Channel
    source : str
        The system that the conversation was held in.
    subject : optional
        Becomes an attribute where it is text.
    started_at : datetime, optional
        Where no message has a time.
    agent, customer : str, optional
        Where no message of theirs says who wrote it: who has a conversation in the end may have
        said nothing in it.
    team : str, optional

    Raises
    ------
    ReadError
        With reason ``no_turns``.
    """
    said = [message for message in messages if message.text]
    if not said:
        raise problem("no_turns", "the conversation has no messages that customers can see")
    if all(message.sent_at is not None for message in said):
        said.sort(key=lambda message: _seconds(message) or 0.0)
    origin = next((found for found in map(_seconds, said) if found is not None), 0.0)
    turns = []
    for message in said:
        at = _seconds(message)
        start_s = None if at is None else at - origin
        turns.append(Turn(speaker=message.speaker, text=message.text, start_s=start_s))
    attributes: dict[str, Any] = {}
    if isinstance(subject, str) and subject.strip():
        attributes["subject"] = subject.strip()
    agents = [one.author for one in said if one.speaker is Speaker.AGENT and one.author]
    customers = [one.author for one in said if one.speaker is Speaker.CUSTOMER and one.author]
    first = next((message.sent_at for message in said if message.sent_at is not None), None)
    return Transcript(
        conversation_id=conversation_id,
        turns=tuple(turns),
        channel=channel,
        language=language(None, [Said(None, message.text) for message in said], notes),
        started_at=first or started_at,
        agent=only_agent(agents, attributes, notes) if agents else agent,
        customer=customers[0] if customers else customer,
        team=team,
        source=source,
        attributes=attributes,
    )


def _seconds(message: Message) -> float | None:
    return None if message.sent_at is None else since_1970(message.sent_at)


def time_of(record: Mapping[str, Any], name: str, notes: list[Problem]) -> datetime | None:
    """Return a time in ISO 8601, or in (milli)seconds since 1970; None, with a note, otherwise."""
    given = record.get(name)
    if isinstance(given, str):
        given = re.sub(" UTC$", "+00:00", given.strip())
    found = values.moment(given)
    seconds = values.number_in_text(given)
    try:
        if found is None and seconds is not None:
            seconds = seconds / 1000 if seconds > _MILLISECONDS else seconds
            found = datetime.fromtimestamp(seconds, UTC)
        if found is not None:
            found.timestamp()  # the first and the last years overflow
    except (OverflowError, OSError, ValueError):
        found = None
    if found is None and given not in (None, ""):
        notes.append(Problem("bad_time", f"{name} is not a time; dropped"))
    return found


def plain_text(given: Any, name: str, number: int) -> str:
    """Return the text of message `number`, from 1, that may be HTML; nothing given is empty."""
    if given is None:
        return ""
    if not isinstance(given, str):
        raise problem("wrong_type", f"message {number}: {name} is not text")
    if is_html(given):
        return text_of_html(given)
    return unescaped(given).replace("\u00a0", " ").strip()


def note_private(count: int, notes: list[Problem]) -> None:
    """Say how many messages customers do not see."""
    if count:
        message = f"{count} messages that the customer cannot see are left out"
        notes.append(Problem("private_dropped", message))
