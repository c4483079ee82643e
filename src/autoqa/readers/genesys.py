"""Genesys Cloud transcripts: one file per communication, as its transcript URL gives them.

A phrase says only whether it is ``internal`` or ``external``. Where ``participants`` have times,
whoever was the only one of that side at that moment said it: an agent, or a machine such as the
voice menu. After a transfer several agents took part; a conversation is then nobody's alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autoqa.readers import values
from autoqa.readers.base import Source
from autoqa.readers.documents import detail, json_format, objects, section, some, text_of
from autoqa.readers.quarantine import Problem
from autoqa.readers.spoken import (
    Said,
    in_seconds,
    in_time_order,
    language,
    lasted,
    only_agent,
    since_start,
    turns_of,
)
from autoqa.records import Channel, LabelledTranscript, Speaker, Transcript

_PURPOSES = {
    Speaker.AGENT: "agent user internal group station",
    Speaker.CUSTOMER: "customer external",
    Speaker.BOT: "ivr botflow workflow voicesurveyflow inbound outbound",
    Speaker.SYSTEM: "acd voicemail fax api campaign dialer",
}
_WHO = {purpose: who for who, listed in _PURPOSES.items() for purpose in listed.split()}
_CHANNELS = {"message": Channel.CHAT, "chat": Channel.CHAT, "email": Channel.EMAIL}
_PEOPLE = ("agent", "user")


@dataclass(frozen=True, slots=True)
class _Participant:
    purpose: str
    user: str | None
    queue: str | None
    team: str | None
    start: Any
    end: Any

    def there_at(self, moment: float) -> bool:
        """Whether the participant is known to have been in the conversation."""
        return (
            isinstance(self.start, float)
            and isinstance(self.end, float)
            and self.start <= moment <= self.end
        )


def _recognises(keys: frozenset[str]) -> bool:
    return "phrases" in keys and bool(
        keys & {"participantPurpose", "startTimeMs", "conversationId"}
    )


def _convert(record: Mapping[str, Any], source: Source, notes: list[Problem]) -> LabelledTranscript:
    participants = _participants(record, notes)
    said: list[Said] = []
    # A file is one transcript, or holds a list of them: one per language or engine.
    parts = objects(record, "transcripts") if "transcripts" in record else [record]
    for part in parts:
        if part.get("phrases") != []:
            said += [_phrase(one, participants, n) for n, one in _numbered(part, len(said))]
    if not said:
        raise values.problem("no_turns", "the transcripts hold no phrase")
    said, started_at = since_start(in_time_order(said) if len(parts) > 1 else said, notes)
    attributes = lasted(section(record, "duration", notes).get("milliseconds"), 1000)
    people = [one.user for one in participants if one.purpose in _PEOPLE and one.user is not None]
    agent = only_agent(people, attributes, notes)
    if not people:
        message = "the export names no agent; after a transfer there may have been several"
        notes.append(Problem("agent_unknown", message))
    media = detail(record, "mediaType", notes)
    transcript = Transcript(
        conversation_id=detail(record, "conversationId", notes) or source.default_id,
        turns=turns_of(said, {**_WHO, **source.speakers}, notes),
        channel=_CHANNELS.get((media or "").lower(), Channel.VOICE),
        language=language(_language(parts, notes), said, notes),
        agent=agent,
        queue=_only(one.queue for one in participants),
        team=_only(one.team for one in participants),
        started_at=started_at,
        source="genesys",
        attributes=attributes,
    )
    return LabelledTranscript(transcript=transcript)


GENESYS = json_format("genesys", _recognises, _convert, inside=("conversations",))


def _numbered(part: Mapping[str, Any], before: int) -> list[tuple[int, Mapping[str, Any]]]:
    return list(enumerate(objects(part, "phrases"), start=before + 1))


def _phrase(item: Mapping[str, Any], participants: Sequence[_Participant], number: int) -> Said:
    start = in_seconds(item.get("startTimeMs"), 1000)
    lasted = item.get("duration")
    length = in_seconds(lasted.get("milliseconds") if isinstance(lasted, Mapping) else lasted, 1000)
    end = start + length if isinstance(start, float) and isinstance(length, float) else None
    # Punctuated and with figures, where there is such a version.
    written = "decoratedText" if item.get("decoratedText") else "text"
    purpose = values.identifier(item.get("participantPurpose"))
    return Said(_who(purpose, start, participants), text_of(item, written, number), start, end)


def _who(purpose: str | None, moment: Any, participants: Sequence[_Participant]) -> str | None:
    """Return the purpose of the only participant of a side at that moment, if there is one."""
    if purpose not in ("internal", "external") or not isinstance(moment, float):
        return purpose
    there = {
        one.purpose
        for one in participants
        if one.there_at(moment)
        and (_WHO.get(one.purpose) is Speaker.CUSTOMER) == (purpose == "external")
    }
    return there.pop() if len(there) == 1 else purpose


def _participants(record: Mapping[str, Any], notes: list[Problem]) -> list[_Participant]:
    return [
        _Participant(
            purpose=(detail(one, "participantPurpose", notes) or "").lower(),
            user=detail(one, "userId", notes),
            queue=detail(one, "queueId", notes),
            team=detail(one, "teamId", notes),
            start=in_seconds(one.get("startTimeMs"), 1000),
            end=in_seconds(one.get("endTimeMs"), 1000),
        )
        for one in some(record, "participants", notes)
    ]


def _only(ids: Iterable[str | None]) -> str | None:
    """Return an id that everybody who has one shares."""
    found = set(ids) - {None}
    return found.pop() if len(found) == 1 else None


def _language(parts: Sequence[Mapping[str, Any]], notes: list[Problem]) -> str | None:
    return next((found for part in parts if (found := detail(part, "language", notes))), None)
