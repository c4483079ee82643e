"""Zendesk: tickets with their comments, and conversations in the import format of Zendesk QA.

A ticket says who asked (``requester_id``) and who works on it (``assignee_id``). Another author
is a colleague of the latter, which is a guess, unless ``users`` or ``author`` says who it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autoqa.readers.base import Source
from autoqa.readers.documents import detail, json_format, objects, section, some
from autoqa.readers.email_bodies import own_words
from autoqa.readers.labels import surveys_of
from autoqa.readers.quarantine import Problem
from autoqa.readers.speakers import assign_speakers, named
from autoqa.readers.text import spoken_line
from autoqa.readers.values import identifier
from autoqa.readers.written import Message, note_private, plain_text, time_of, transcript_of
from autoqa.records import Channel, LabelledTranscript, Speaker, Survey

_ROLES = {"end-user": Speaker.CUSTOMER, "agent": Speaker.AGENT, "admin": Speaker.AGENT}
_SYSTEM = "-1"  # the id under which Zendesk itself writes
_CHATS = frozenset(
    {"chat", "chat_transcript", "messaging", "native_messaging", "whatsapp", "sms", "line"}
    | {"facebook", "instagram_dm", "twitter", "twitter_dm", "telegram", "wechat", "any_channel"}
)


def _ticket(record: Mapping[str, Any], source: Source, notes: list[Problem]) -> LabelledTranscript:
    ticket = {**record, **section(record, "ticket", notes)}
    seen: list[Mapping[str, Any]] = []
    private = 0
    for comment in objects(ticket, "comments"):
        if comment.get("public") is False:
            private += 1
        else:
            seen.append(comment)
    channel = _channel(ticket, seen, notes)
    texts = [_text(comment, number, channel) for number, comment in enumerate(seen, start=1)]
    authors = [_author(comment) for comment in seen]
    speakers = _speakers(ticket, seen, authors, texts, source, notes)
    messages: list[Message] = []
    silent = 0
    for comment, text, author, speaker in zip(seen, texts, authors, speakers, strict=True):
        sent_at = time_of(comment, "created_at", notes)
        if _is_call(comment):
            silent += not text
            spoken = [spoken_line(line, source.speakers) for line in text.splitlines()]
            if spoken and all(one is not None for one in spoken):
                messages += [
                    Message(one.speaker, "\n".join(one.parts).strip(), sent_at, author)
                    for one in spoken
                    if one is not None
                ]
                continue
        messages.append(Message(speaker, text, sent_at, author))
    note_private(private, notes)
    if silent:
        message = f"{silent} calls without a transcript are left out"
        notes.append(Problem("call_dropped", message))
    key = detail(ticket, "id", notes) or source.default_id
    transcript = transcript_of(
        messages,
        notes,
        conversation_id=key,
        channel=channel,
        source="zendesk",
        subject=ticket.get("subject"),
        started_at=time_of(ticket, "created_at", notes),
        agent=detail(ticket, "assignee_id", notes),
        customer=detail(ticket, "requester_id", notes),
        team=detail(ticket, "group_id", notes),
    )
    return LabelledTranscript(transcript=transcript, surveys=_surveys(key, ticket, notes))


def _channel(
    ticket: Mapping[str, Any], comments: Sequence[Mapping[str, Any]], notes: list[Problem]
) -> Channel:
    if comments and all(map(_is_call, comments)):
        return Channel.VOICE
    via = section(ticket, "via", notes).get("channel")
    return Channel.CHAT if isinstance(via, str) and via in _CHATS else Channel.EMAIL


def _is_call(comment: Mapping[str, Any]) -> bool:
    return comment.get("type") in ("VoiceComment", "TpeVoiceComment")


def _text(comment: Mapping[str, Any], number: int, channel: Channel) -> str:
    if _is_call(comment):
        # The body of a call lists numbers and durations; nobody said that.
        data = comment.get("data")
        given = data.get("transcription_text") if isinstance(data, Mapping) else None
        return plain_text(given, "transcription_text", number)
    for name in ("plain_body", "body", "html_body"):
        text = plain_text(comment.get(name), name, number)
        if text:
            return own_words(text) if channel is Channel.EMAIL else text
    return ""


def _author(comment: Mapping[str, Any]) -> str | None:
    found = identifier(comment.get("author_id"))
    author = comment.get("author")
    if found is None and isinstance(author, Mapping):
        found = identifier(author.get("id"))
    return found


def _speakers(
    ticket: Mapping[str, Any],
    comments: Sequence[Mapping[str, Any]],
    authors: Sequence[str | None],
    texts: Sequence[str],
    source: Source,
    notes: list[Problem],
) -> list[Speaker]:
    known = {_SYSTEM: Speaker.SYSTEM}
    requester, assignee, submitter = (
        identifier(ticket.get(name)) for name in ("requester_id", "assignee_id", "submitter_id")
    )
    for agent in (submitter, assignee):
        # Most customers submit their tickets themselves.
        if agent is not None and requester not in (None, agent):
            known[agent] = Speaker.AGENT
    if requester is not None:
        known[requester] = Speaker.CUSTOMER
    elif assignee is not None:
        known[assignee] = Speaker.AGENT
    users = some(ticket, "users", notes)
    users += [one for comment in comments if isinstance(one := comment.get("author"), Mapping)]
    for user in users:
        key, role = identifier(user.get("id")), user.get("role")
        if key is not None and isinstance(role, str) and role in _ROLES:
            known[key] = _ROLES[role]
    for author in dict.fromkeys(authors):
        said = None if author is None else named(author, source.speakers)
        if author is not None and said is not None:
            known[author] = said
    strangers = {author for author in authors if author not in known}
    if not strangers:
        return [known[author] for author in authors if author is not None]
    if requester is None and assignee is None:
        return assign_speakers(authors, texts, source.speakers, notes)
    side = Speaker.CUSTOMER if requester is None else Speaker.AGENT
    message = (
        f"{len(strangers)} authors that the ticket does not name are taken as the {side}'s side"
    )
    notes.append(Problem("speakers_guessed", message))
    return [side if author is None else known.get(author, side) for author in authors]


def _surveys(key: str, ticket: Mapping[str, Any], notes: list[Problem]) -> tuple[Survey, ...]:
    rating = section(ticket, "satisfaction_rating", notes)
    score = good_or_bad(rating.get("score"))
    if score is None:
        return ()
    answered = time_of(rating, "updated_at", notes) or time_of(rating, "created_at", notes)
    item = {**rating, "score": score, "scale": [0, 1], "answered_at": answered}
    return surveys_of(key, item, notes)[0]


def good_or_bad(score: Any) -> int | None:
    """Return 1 for ``good``, 0 for ``bad``; None for ``offered``, which nobody answered."""
    word = score.lower() if isinstance(score, str) else ""
    return 1 if word.startswith("good") else 0 if word.startswith("bad") else None


ZENDESK = json_format(
    "zendesk",
    lambda keys: keys >= {"comments", "author_id"},
    _ticket,
    inside=("tickets", "results"),
)


def _qa_import(
    record: Mapping[str, Any], source: Source, notes: list[Problem]
) -> LabelledTranscript:
    comments = objects(record, "comments")
    assignee = detail(record, "assigneeEmail", notes)
    created = time_of(record, "created", notes)
    messages: list[Message] = []
    private = 0
    for number, comment in enumerate(comments, start=1):
        if comment.get("public") is False or comment.get("isPublic") is False:
            private += 1
            continue
        given = next(
            (comment[name] for name in ("comment", "body") if comment.get(name) is not None), None
        )
        author = identifier(comment.get("authorEmail"))
        ours = comment.get("authorIsNotClient") is True or author == assignee is not None
        speaker = None if author is None else named(author, source.speakers)
        messages.append(
            Message(
                speaker or (Speaker.AGENT if ours else Speaker.CUSTOMER),
                plain_text(given, "comment", number),
                time_of(comment, "created", notes),
                author,
            )
        )
    description = plain_text(record.get("description"), "description", 0)
    if description and all(one.speaker is not Speaker.CUSTOMER for one in messages[:1]):
        # What was asked stands in the description where no comment says it.
        messages.insert(0, Message(Speaker.CUSTOMER, description, created))
    note_private(private, notes)
    transcript = transcript_of(
        messages,
        notes,
        conversation_id=detail(record, "id", notes) or source.default_id,
        channel=Channel.EMAIL,
        source="zendesk",
        subject=record.get("subject"),
        started_at=created,
        agent=assignee,
    )
    return LabelledTranscript(transcript=transcript)


ZENDESK_QA = json_format(
    "zendesk_qa",
    lambda keys: "comments" in keys and bool(keys & {"authorEmail", "authorIsNotClient"}),
    _qa_import,
    inside=("data",),
)
