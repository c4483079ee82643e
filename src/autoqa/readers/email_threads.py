"""E-mail: ``.eml`` files (one message each) and ``.mbox`` mailboxes; a thread is a conversation.

Messages belong together that refer to each other (References, In-Reply-To), whichever files of a
run they lie in; a reply without references joins the latest message with its subject between the
same people. A turn is what a message says itself (`email_bodies`). Messages that are only there as
quotations in others, because the mailbox lacks them, are turns without times.

Two passes are made: one over the headers, to find the threads, and one over the messages. Memory
holds a few hundred bytes per message, and the threads that are not complete yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autoqa.errors import ReadError
from autoqa.readers.base import Format, Found, Source
from autoqa.readers.email_bodies import fingerprint, layers
from autoqa.readers.email_grouping import ThreadIndex, subject_of
from autoqa.readers.email_messages import (
    Address,
    Mail,
    Raw,
    envelope_of,
    holds_mail,
    mail_of,
    messages,
)
from autoqa.readers.email_speakers import is_shared, sides_of
from autoqa.readers.quarantine import Place, Problem
from autoqa.readers.speakers import assign_speakers
from autoqa.readers.spoken import Said, language, only_agent
from autoqa.readers.values import identifier, problem
from autoqa.records import Channel, LabelledTranscript, Speaker, Transcript, Turn

_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:＜＞]{1,100}@[^\s<>()\[\]\"',;:＜＞]{1,100}")
_OPPOSITE = {Speaker.AGENT: Speaker.CUSTOMER, Speaker.CUSTOMER: Speaker.AGENT}


def read_threads(sources: Iterable[Source]) -> Iterator[Found]:
    """Yield every thread in files of e-mail, and every message that cannot be used."""
    files = list(sources)
    index = ThreadIndex()
    for raw, _ in _raw_messages(files, headers_only=True):
        index.add(raw)
    index.join_by_subject()
    left = index.sizes()
    threads: dict[int, _Thread] = {}
    for position, (raw, source) in enumerate(_raw_messages(files, headers_only=False)):
        key = index.thread_of(position)
        try:
            if key is None:
                envelope_of(raw)
                raise problem("bad_email", "the message changed while it was read")
            thread = threads.setdefault(key, _Thread(source, raw.place))
            if index.is_copy(position):
                thread.copies += 1
            else:
                mail = mail_of(raw)
                own_id = mail.envelope.message_id if index.has_own_id(position) else None
                thread.add(mail, _conversation_id(raw, source, own_id, position))
        except ReadError as error:
            wrong = Problem(error.reason, str(error))
            if key is None:
                yield Found(raw.place, problem=wrong)
                continue
            # A thread is not scored without one of its messages.
            threads[key].problem = threads[key].problem or (raw.place, wrong)
        left[key] -= 1
        if not left[key]:
            yield _found(threads.pop(key))
    for thread in threads.values():
        yield Found(
            thread.place, problem=Problem("bad_email", "the file changed while it was read")
        )


def _read(source: Source) -> Iterator[Found]:
    return read_threads([source, *source.others])


EMAIL = Format("email", holds_mail, _read, across_files=True)


def _raw_messages(sources: Iterable[Source], *, headers_only: bool) -> Iterator[tuple[Raw, Source]]:
    for planned in sources:
        source = replace(planned)  # one that was opened holds on to the head of its file
        try:
            for raw in messages(source, headers_only=headers_only):
                yield raw, source
        except OSError as error:
            said = f"reading stopped: {error.strerror or type(error).__name__}"
            yield Raw(source.place, problem=Problem("unreadable_file", said)), source


@dataclass(slots=True)
class _Thread:
    """The messages of a thread as they are read."""

    source: Source
    place: Place
    mails: list[Mail] = field(default_factory=list)
    ids: dict[Place, str] = field(default_factory=dict)
    copies: int = 0
    problem: tuple[Place, Problem] | None = None

    def add(self, mail: Mail, conversation_id: str) -> None:
        """Add a message, and what the conversation is called if that one is its first."""
        self.mails.append(mail)
        self.ids[mail.place] = conversation_id


@dataclass(frozen=True, slots=True)
class _Message:
    """One turn to be: who wrote it, or what a quotation says about that."""

    text: str
    author: Address | None = None
    heading: str | None = None
    start_s: float | None = None
    automatic: bool = False


def _found(thread: _Thread) -> Found:
    if thread.problem is not None:
        place, wrong = thread.problem
        return Found(place, problem=wrong)
    mails = _in_order(thread.mails)
    notes = list({note: None for mail in mails for note in mail.envelope.notes})
    try:
        labelled = _conversation(thread, mails, notes)
    except ReadError as error:
        return Found(thread.place, problem=Problem(error.reason, str(error)))
    attachments = sum(mail.attachments for mail in mails)
    if attachments:
        message = f"{attachments} attachments are not read"
        notes.append(Problem("attachments_dropped", message))
    if thread.copies:
        message = f"{thread.copies} messages came more than once; one copy is kept"
        notes.append(Problem("duplicate_message", message))
    return Found(thread.place, labelled, notes=tuple(notes))


def _in_order(mails: Sequence[Mail]) -> list[Mail]:
    """Sort by date; a message without one stays behind the message before it in the file."""
    keys: list[tuple[float, int]] = []
    latest = float("-inf")
    for position, mail in enumerate(mails):
        sent_at = mail.envelope.sent_at
        latest = latest if sent_at is None else sent_at.timestamp()
        keys.append((latest, position))
    return [mails[position] for _, position in sorted(keys)]


def _conversation(
    thread: _Thread, mails: Sequence[Mail], notes: list[Problem]
) -> LabelledTranscript:
    first = mails[0].envelope
    started_at = next((m.envelope.sent_at for m in mails if m.envelope.sent_at), None)
    said = _turns_to_be(mails)
    if not said:
        raise problem("no_turns", "no message of the thread has text")
    speakers, authors = _speakers(said, mails, thread.source, notes)
    writers: dict[Speaker, list[str]] = {speaker: [] for speaker in Speaker}
    for speaker, author in zip(speakers, authors, strict=True):
        if author is not None:
            writers[speaker].append(author.address)
    # A desk's address says less than that of a person who wrote from it or beside it.
    agents = writers[Speaker.AGENT]
    people = [address for address in agents if not is_shared(address)]
    attributes: dict[str, Any] = {"subject": first.subject} if first.subject else {}
    stated = next((mail.envelope.language for mail in mails if mail.envelope.language), None)
    transcript = Transcript(
        conversation_id=thread.ids[mails[0].place],
        turns=tuple(
            Turn(speaker=speaker, text=one.text, start_s=one.start_s)
            for speaker, one in zip(speakers, said, strict=True)
        ),
        channel=Channel.EMAIL,
        language=language(stated, [Said(None, one.text) for one in said], notes),
        agent=only_agent(people or agents, attributes, notes),
        customer=next(iter(writers[Speaker.CUSTOMER]), None),
        started_at=started_at,
        attributes=attributes,
    )
    return LabelledTranscript(transcript=transcript)


def _conversation_id(raw: Raw, source: Source, message_id: str | None, position: int) -> str:
    """An ``.eml`` file's name may be a ticket's number; a mailbox has only the messages' ids."""
    if not raw.in_mailbox:
        return source.default_id
    return identifier(message_id) or f"{source.default_id}-{position + 1}"


def _turns_to_be(mails: Sequence[Mail]) -> list[_Message]:
    """Return what was said, in order, each message once."""
    there = {mail.envelope.message_id for mail in mails}
    origin: float | None = None
    found: list[_Message] = []
    known: set[str] = set()

    def add(text: str, **about: Any) -> None:
        if text:
            known.add(fingerprint(text))
            found.append(_Message(text, **about))

    for position, mail in enumerate(mails):
        envelope = mail.envelope
        newest, *history = layers(mail.body)
        text = newest.text
        if position == 0 and subject_of(envelope.subject).is_forward:
            # What somebody passes on is what they have to say.
            text = "\n\n".join(layer.text for layer in (newest, *history) if layer.text)
            history = []
        answers = envelope.references[-1] if envelope.references else None
        # Only what is quoted from messages that are not there is new.
        if position == 0 or (answers is not None and answers not in there):
            for layer in reversed(history):
                if fingerprint(layer.text) not in known:
                    add(layer.text, heading=layer.author)
        start_s = None
        if envelope.sent_at is not None:
            moment = envelope.sent_at.timestamp()
            origin = moment if origin is None else origin
            start_s = moment - origin
        add(text, author=envelope.sender, start_s=start_s, automatic=envelope.automatic)
    return found


def _speakers(
    said: Sequence[_Message], mails: Sequence[Mail], source: Source, notes: list[Problem]
) -> tuple[list[Speaker], list[Address | None]]:
    """Return who said each turn, as a side and as an address where that is known."""
    people = [mail.envelope.sender for mail in mails]
    others = [one for mail in mails for one in mail.envelope.recipients]
    names = {one.name.casefold(): one for one in (*others, *people) if len(one.name) > 2}
    authors = [one.author or _quoted(one.heading or "", names) for one in said]
    writers = [author for author in authors if author is not None]
    sides = sides_of(writers, [*people, *others], source.speakers)
    if sides is None:
        labels = [None if author is None else author.address for author in authors]
        texts = [one.text for one in said]
        return assign_speakers(labels, texts, source.speakers, notes), authors
    guessed = sides.guessed
    found: list[Speaker] = []
    following = Speaker.CUSTOMER
    for author, one in zip(reversed(authors), reversed(said), strict=True):
        if author is not None:
            speaker = sides.speakers[author.address]
        else:
            # Nobody answers themselves, as a rule.
            speaker, guessed = _OPPOSITE.get(following, Speaker.CUSTOMER), True
        following = speaker
        if one.automatic:
            speaker = Speaker.SYSTEM if speaker is Speaker.CUSTOMER else Speaker.BOT
        found.append(speaker)
    if guessed:
        message = "who wrote first is taken as the customer, or who is quoted as the other side"
        notes.append(Problem("speakers_guessed", message))
    return found[::-1], authors


def _quoted(heading: str, names: Mapping[str, Address]) -> Address | None:
    """Return whom the line above a quotation names, by an address or by a name of the thread."""
    address = _ADDRESS.search(heading)
    if address is not None:
        return Address(address.group().lower())
    folded = heading.casefold()
    return next((one for name, one in names.items() if name in folded), None)
