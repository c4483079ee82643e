"""Which e-mails belong to one thread, told by their headers alone."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field

from autoqa.errors import ReadError
from autoqa.readers.email_messages import Envelope, Raw, envelope_of

_PREFIX = re.compile(
    r"(?:(?P<reply>re|aw|sv|r|rif|res|回复|答复|回覆)|fwd?|rv|i|enc|wg|转发|轉寄)"
    r"(?:\[\d{1,3}\])?[ ]?[:：][ ]*|\[(?:external|ext)\][ ]*",
    re.IGNORECASE,
)
_MOST_RECIPIENTS = 20


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject without what replying and forwarding put before it."""

    text: str
    is_reply: bool = False
    is_forward: bool = False


def subject_of(subject: str) -> Subject:
    """Return the subject as threads are told by it; the outermost prefix says what a message is."""
    text, outermost = subject.strip(), None
    while (found := _PREFIX.match(text)) is not None:
        if outermost is None and not found.group().startswith("["):
            outermost = found
        text = text[found.end() :]
    is_reply = outermost is not None and outermost.group("reply") is not None
    return Subject(
        " ".join(text.casefold().split()), is_reply, outermost is not None and not is_reply
    )


@dataclass
class ThreadIndex:
    """Which thread each message belongs to, by its position among all."""

    _nodes: list[int | None] = field(default_factory=list)  # position -> node
    _parents: list[int] = field(default_factory=list)  # node -> another of its thread
    _by_id: dict[int, int] = field(default_factory=dict)  # Message-ID, also of absent ones -> node
    _contents: dict[int, int] = field(default_factory=dict)  # Message-ID -> who, when, what
    _copies: set[int] = field(default_factory=set)
    _without_id: set[int] = field(default_factory=set)
    _subjects: list[tuple[float, int, tuple[int, ...], bool]] = field(default_factory=list)
    _latest: float = 0.0

    def add(self, raw: Raw) -> None:
        """Place the next message by its references."""
        position = len(self._nodes)
        try:
            envelope = envelope_of(raw)
        except ReadError:
            self._nodes.append(None)
            return
        content = _hashed(f"{envelope.sender.address}\n{envelope.sent_at}\n{envelope.subject}")
        key = None if envelope.message_id is None else _hashed(envelope.message_id)
        if key in self._contents and self._contents[key] != content:
            key = None  # programs exist that give all their messages one id
            self._without_id.add(position)
        elif key in self._contents:
            self._copies.add(position)
        node = self._node(key)
        for reference in envelope.references:
            self._join(node, self._node(_hashed(reference)))
        self._nodes.append(node)
        if key is not None:
            self._contents[key] = content
        if envelope.sent_at is not None:
            self._latest = envelope.sent_at.timestamp()
        self._remember_subject(envelope, node)

    def _remember_subject(self, envelope: Envelope, node: int) -> None:
        subject = subject_of(envelope.subject)
        if not subject.text:
            return
        keys = tuple(
            _hashed("\n".join((subject.text, *sorted((envelope.sender.address, one.address)))))
            for one in envelope.recipients[:_MOST_RECIPIENTS]
        )
        lost = subject.is_reply and not envelope.references
        self._subjects.append((self._latest, node, keys, lost))

    def join_by_subject(self) -> None:
        """Let replies without references join the latest message that they can answer."""
        latest: dict[int, int] = {}
        for _, node, keys, lost in sorted(self._subjects, key=lambda one: one[0]):
            if lost:
                before = next((latest[key] for key in keys if key in latest), None)
                if before is not None:
                    self._join(node, before)
            latest.update(dict.fromkeys(keys, node))
        self._subjects.clear()

    def thread_of(self, position: int) -> int | None:
        """Return the thread of a message, or None for one that cannot be used."""
        node = self._nodes[position] if position < len(self._nodes) else None
        return None if node is None else self._root(node)

    def is_copy(self, position: int) -> bool:
        """Whether the same message came before."""
        return position in self._copies

    def has_own_id(self, position: int) -> bool:
        """Whether no other message before had the Message-ID of this one."""
        return position not in self._without_id

    def sizes(self) -> Counter[int]:
        """Return how many messages each thread has, copies counted."""
        return Counter(self._root(node) for node in self._nodes if node is not None)

    def _node(self, key: int | None) -> int:
        if key is not None and key in self._by_id:
            return self._by_id[key]
        node = len(self._parents)
        self._parents.append(node)
        if key is not None:
            self._by_id[key] = node
        return node

    def _root(self, node: int) -> int:
        while self._parents[node] != node:
            self._parents[node] = self._parents[self._parents[node]]
            node = self._parents[node]
        return node

    def _join(self, one: int, other: int) -> None:
        self._parents[self._root(one)] = self._root(other)


def _hashed(text: str) -> int:
    """64 bits stand for a text of any length."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
