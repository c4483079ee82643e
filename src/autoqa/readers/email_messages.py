"""Single e-mails of ``.eml`` and ``.mbox`` files: where they lie, their headers and bodies.

The library's older policy (``compat32``) is used: the newer one parses every header as it is
touched, and on malformed ones raises a dozen kinds of errors or takes quadratic time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32
from email.utils import getaddresses, parsedate_to_datetime

from autoqa.errors import ReadError
from autoqa.readers.base import Source
from autoqa.readers.html_text import text_of_html
from autoqa.readers.lines import BOM, MAX_RECORD, MAX_RECORD_BYTES
from autoqa.readers.quarantine import Place, Problem
from autoqa.readers.streams import DAMAGE
from autoqa.readers.values import problem, sound_text

# "From - Mon Mar 03 10:12:00 2025"; a sentence that starts with From has no time of day.
_SEPARATOR = re.compile(rb"From \S{1,200} .{0,40}\d\d?:\d\d.{0,40}\s*")
_ESCAPED = re.compile(rb">+From ")
_HEADER = re.compile(rb"[!-9;-~]{1,80}[ \t]*:")
_FROM = re.compile(rb"^(?:from|sender)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_TELLING = re.compile(
    rb"^(?:message-id|date|subject|to|received|return-path|delivered-to|mime-version)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,500})>")
_FOLD = re.compile(r"[ \t\r\n]+")
_MOST_HEADER = 20_000  # characters
_MOST_DECODED = 4000  # characters; encoded words and addresses take quadratic time
_MOST_REFERENCES = 200
_MOST_PARTS = 1000

# Codecs of Python that are no character sets (punycode, zlib ...) are not among these.
_CHARSET = re.compile(
    r"(?:us-)?ascii|utf-?(?:7|8|16|32)(?:-?[bl]e)?|(?:iso-?8859|windows|cp|latin|koi8|mac|euc|big5|"
    r"gb|hz|shift|iso-?2022|ks_c|johab|tis|viscii)[\w.-]{0,20}",
    re.IGNORECASE,
)
_SUPERSETS = {"gb2312": "gb18030", "gbk": "gb18030", "iso-8859-1": "cp1252", "latin-1": "cp1252"}

_BROKEN = (
    AssertionError, AttributeError, LookupError, MessageError, OverflowError, RecursionError,
    TypeError, ValueError,
)  # fmt: skip
"""What the library raises on malformed messages."""


class _ShortHeaders(Compat32):
    """Cuts headers, of parts as well: the library takes quadratic time on their parameters."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """Return name and value of a header."""
        name, value = super().header_source_parse(sourcelines)
        return name, value[:_MOST_HEADER]


_POLICY = _ShortHeaders()


@dataclass(frozen=True, slots=True)
class Address:
    """Somebody who sends or gets mail; the address is in lower case."""

    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        """What follows the at sign."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Raw:
    """One message as bytes, or what is wrong with it."""

    place: Place
    content: bytes = b""
    cut: bool = False  # whether more followed than is read
    in_mailbox: bool = False
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the headers of a message say."""

    sender: Address
    recipients: tuple[Address, ...]
    subject: str
    sent_at: datetime | None
    message_id: str | None
    references: tuple[str, ...]  # oldest first
    automatic: bool  # written by software: out-of-office notes, acknowledgements
    language: str | None
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Mail:
    """A message: headers and text."""

    place: Place
    envelope: Envelope
    body: str
    attachments: int = 0


@dataclass(slots=True)
class _Gathered:
    place: Place
    in_mailbox: bool
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    cut: bool = False

    def add(self, line: bytes) -> None:
        self.size += len(line)
        if self.size > MAX_RECORD_BYTES:
            self.cut = True
        else:
            self.lines.append(line)

    def raw(self) -> Raw:
        return Raw(self.place, b"".join(self.lines), self.cut, self.in_mailbox)


def holds_mail(source: Source) -> bool:
    """Whether a file starts as an e-mail or a mailbox does."""
    head = source.head.removeprefix(BOM).lstrip(b"\r\n")
    if head.startswith(b"From "):
        separator, _, head = head.partition(b"\n")
        if not _SEPARATOR.fullmatch(separator):
            return False
    headers = head.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    if not _HEADER.match(headers):
        return False
    return _FROM.search(headers) is not None and _TELLING.search(headers) is not None


def messages(source: Source, *, headers_only: bool = False) -> Iterator[Raw]:
    """Yield every message of a file: one of an ``.eml``, all of an ``.mbox``.

    Parameters
    ----------
    source : Source
    headers_only : bool
        Leave out what follows the headers.
    """
    gathered: _Gathered | None = None
    mailbox = in_headers = after_blank = True
    number, offset = 0, 0
    try:
        with source.open() as stream:
            while line := stream.readline(MAX_RECORD_BYTES + 1):
                number += 1
                if number == 1:
                    mailbox = _SEPARATOR.fullmatch(line.removeprefix(BOM)) is not None
                if mailbox and after_blank and _SEPARATOR.fullmatch(line.removeprefix(BOM)):
                    if gathered is not None:
                        yield gathered.raw()
                    place = Place(source.name, number, offset)
                    gathered, in_headers = _Gathered(place, in_mailbox=True), True
                else:
                    if gathered is None:
                        gathered = _Gathered(Place(source.name, number, offset), in_mailbox=mailbox)
                        line = line.removeprefix(BOM)
                    # Blank lines before the first header are not the end of the headers.
                    in_headers = in_headers and (bool(line.strip()) or not gathered.lines)
                    if in_headers or not headers_only:
                        escaped = mailbox and _ESCAPED.match(line)
                        if line.strip() or gathered.lines:
                            gathered.add(line[1:] if escaped else line)
                after_blank = not line.strip()
                offset += len(line)
    except DAMAGE as error:
        message = f"the file is damaged from here on ({type(error).__name__})"
        yield Raw(_at(gathered, source), problem=Problem("damaged_file", message))
    except ReadError as error:
        yield Raw(_at(gathered, source), problem=Problem(error.reason, str(error)))
    else:
        if gathered is not None:
            yield gathered.raw()


def _at(gathered: _Gathered | None, source: Source) -> Place:
    return source.place if gathered is None else gathered.place


def envelope_of(raw: Raw) -> Envelope:
    """Return what the headers of a message say.

    Raises
    ------
    ReadError
        With the reason why the message cannot be used.
    """
    return _envelope(_parsed(raw, headers_only=True))


def mail_of(raw: Raw) -> Mail:
    """Return a message; see `envelope_of`."""
    message = _parsed(raw, headers_only=False)
    try:
        body, attachments = _body(message)
    except _BROKEN as error:
        raise _malformed(error) from None
    if raw.cut and not message.is_multipart():
        raise problem("too_large", f"the message is larger than {MAX_RECORD}")
    # Attachments come last: what is beyond the limit are theirs.
    return Mail(raw.place, _envelope(message), sound_text(body), attachments + raw.cut)


def _parsed(raw: Raw, *, headers_only: bool) -> Message:
    if raw.problem is not None:
        raise problem(raw.problem.reason, raw.problem.message)
    try:
        return BytesParser(policy=_POLICY).parsebytes(raw.content, headersonly=headers_only)
    except _BROKEN as error:
        raise _malformed(error) from None


def _malformed(error: Exception) -> ReadError:
    return problem("bad_email", f"the message cannot be parsed ({type(error).__name__})")


def _envelope(message: Message) -> Envelope:
    notes: list[Problem] = []
    sender = next(iter(_addresses(message, "From") or _addresses(message, "Sender")), None)
    if sender is None:
        raise problem("missing_field", "the message does not say who it is from")
    date = _raw_header(message, "Date")
    sent_at = _moment(date)
    if date and sent_at is None:
        notes.append(Problem("bad_time", "the date of a message cannot be understood; dropped"))
    ids = _MESSAGE_ID.findall(_raw_header(message, "Message-ID"))
    referred = " ".join(_raw_header(message, name) for name in ("References", "In-Reply-To"))
    references = tuple(dict.fromkeys(_MESSAGE_ID.findall(referred)))[-_MOST_REFERENCES:]
    automatic = _raw_header(message, "Auto-Submitted").strip().lower()
    language = _raw_header(message, "Content-Language").partition(",")[0].strip()
    return Envelope(
        sender=sender,
        recipients=tuple(dict.fromkeys(_addresses(message, "To") + _addresses(message, "Cc"))),
        subject=header_text(_raw_header(message, "Subject")),
        sent_at=sent_at,
        message_id=ids[0] if ids else None,
        references=tuple(one for one in references if one != (ids[0] if ids else None)),
        automatic=automatic.startswith("auto-") or bool(_raw_header(message, "X-Autoreply")),
        language=language if re.fullmatch(r"[a-zA-Z]{2,3}(-\w{2,8}){0,3}", language) else None,
        notes=tuple(notes),
    )


def _raw_header(message: Message, name: str) -> str:
    """Return a header unfolded, as it stands; bytes beyond ASCII are read as UTF-8."""
    wanted = name.lower()
    for key, value in message.raw_items():
        if key.lower() == wanted:
            raw = str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            return _FOLD.sub(" ", raw).strip()
    return ""


def header_text(raw: str) -> str:
    """Return a header with its encoded words (``=?utf-8?q?caf=C3=A9?=``) decoded."""
    if "=?" not in raw:
        return sound_text(raw)
    try:
        parts = decode_header(raw[:_MOST_DECODED])
    except _BROKEN:
        return sound_text(raw)
    words = (part if isinstance(part, str) else decoded(part, charset) for part, charset in parts)
    return sound_text(_FOLD.sub(" ", "".join(words)).strip())


def _addresses(message: Message, name: str) -> list[Address]:
    raw = _raw_header(message, name)[:_MOST_DECODED]
    try:
        pairs = getaddresses([raw])
    except _BROKEN:
        pairs = []
    # A name that is not quoted as it should be hides the address from the library.
    if not any("@" in address for _, address in pairs):
        pairs = [("", address) for address in re.findall(r"[^\s<>,;\"]+@[^\s<>,;\"]+", raw)]
    return [
        Address(sound_text(address.strip().lower()), header_text(name))
        for name, address in pairs
        if "@" in address
    ]


def _moment(date: str) -> datetime | None:
    """Return a point in time; one that does not name its zone is taken for UTC."""
    try:
        found = parsedate_to_datetime(date)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
        found.timestamp()  # the first and the last years overflow
    except _BROKEN:
        return None
    return found


def _body(message: Message) -> tuple[str, int]:
    """Return the text of a message, and how many attachments it has."""
    plain: list[str] = []
    rich: list[str] = []
    attachments = 0
    waiting = [message]
    for _ in range(_MOST_PARTS):
        if not waiting:
            break
        part = waiting.pop()
        kind = part.get_content_type()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            # In reading order: parts of a part before what follows it.
            held = part.get_payload()
            inner = held if isinstance(held, list) else []
            waiting.extend(one for one in reversed(inner) if isinstance(one, Message))
        elif part.get_content_disposition() == "attachment" or kind not in (
            "text/plain",
            "text/html",
        ):
            attachments += 1
        else:
            payload = part.get_payload(decode=True)
            text = (
                decoded(payload, part.get_content_charset()) if isinstance(payload, bytes) else ""
            )
            (plain if kind == "text/plain" else rich).append(text)
    said = "\n".join(plain)
    if not said.strip():
        said = "\n".join(text_of_html(page, mark_quotes=True) for page in rich)
    return said, attachments


def decoded(content: bytes, charset: str | None) -> str:
    """Return bytes as text: by the named character set, else as UTF-8, else as Windows-1252."""
    named = (charset or "utf-8").strip().lower()
    tried = [_SUPERSETS.get(named, named)] if _CHARSET.fullmatch(named) else []
    for codec in (*tried, "utf-8"):
        try:
            return content.decode(codec)
        except (LookupError, ValueError):
            continue
    return content.decode("cp1252", "replace")
