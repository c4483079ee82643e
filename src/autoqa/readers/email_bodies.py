"""What one e-mail says, apart from what it repeats: quoted history, signatures, legal notices.

Found are lines marked with ``>``, attribution lines of mail programs ("On ... wrote:") and blocks
of headers as Outlook writes them ("From: ... Sent: ..."), in English, Spanish, Italian and Chinese.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

MOST_LAYERS = 50
"""How deep a quoted history is followed."""

_LONGEST_HEADING = 500

# "On Mon, 3 Mar 2025 at 10:12, Ana <ana@example.com> wrote:", which may run over three lines.
_ATTRIBUTION = re.compile(
    r"(?:On\b.*\bwrote|El\b.*\bescribió|Il\b.*\bha scritto|.*写道)[ ]?[:：]", re.DOTALL
)
_STARTS_ATTRIBUTION = re.compile(r"(?:On|El|Il)\b|在|.{0,100}(?:[<＜]|于[ ]?\d)")
_TELLS_WHEN_OR_WHO = re.compile(r"\d{4}|\d:\d\d|@")

_FIRST_HEADER = re.compile(r"[* ]*(?:From|De|Da|发件人|寄件者)[* ]*[:：][* ]*(.+)", re.IGNORECASE)
_OTHER_HEADER = re.compile(
    r"[* ]*(?:Sent|Date|To|Cc|Subject|Reply-To"
    r"|Enviado(?: el)?|Fecha|Para|Asunto"
    r"|Inviato|Data|A|Oggetto"
    r"|发送时间|发送日期|日期|时间|收件人|抄送|主题)[* ]*[:：]",
    re.IGNORECASE,
)
_MOST_HEADERS = 10
_RULE = re.compile(
    r"[-_ ]{5,}|-{2,}[ ]?(?:original message|forwarded message|mensaje original|mensaje reenviado"
    r"|messaggio originale|messaggio inoltrato|begin forwarded message|原始邮件|邮件原件|转发邮件)"
    r"[ ]?-*",
    re.IGNORECASE,
)
_HELP_DESK_RULE = re.compile(r"##-.{1,200}-##")
_SIGNATURE = re.compile(r"--[ ]?")
_SENT_FROM = re.compile(
    r"(?:Sent from my|Sent from (?:Mail|Outlook|Yahoo)|Get Outlook for|Enviado desde mi|Obtener "
    r"Outlook para|Inviato da(?:l mio)?|Scarica Outlook per|发自我的|从我的).{0,60}",
    re.IGNORECASE,
)
_LEGAL = re.compile(
    r"(?:confidentiality notice|disclaimer:|legal notice|aviso (?:legal|de confidencialidad)"
    r"|avviso (?:legale|di riservatezza)"
    r"|(?:this|the information in this) (?:e-?mail|message|communication)\b.{0,200}"
    r"(?:confidential|intended (?:only|solely)|privileged)"
    r"|este (?:mensaje|correo)\b.{0,200}confidencial"
    r"|quest[ao] (?:messaggio|e-?mail|comunicazione)\b.{0,200}(?:riservat|confidenzial)"
    r"|(?:本邮件|此邮件|本电子邮件).{0,100}(?:保密|机密))",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Layer:
    """One message inside a body.

    Attributes
    ----------
    text : str
        Its own words.
    author : str or None
        What the line above it says about who wrote it; None for the message itself.
    """

    text: str
    author: str | None = None


def layers(body: str) -> list[Layer]:
    """Return the message and the messages it quotes below its own words, newest first.

    A quotation that is answered between its lines, or below it, is no history but what the answer
    refers to: it is dropped.
    """
    found: list[Layer] = []
    author: str | None = None
    lines = body.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for _ in range(MOST_LAYERS):
        own, heading, history = _split(lines)
        found.append(Layer(_without_tail(own), author))
        if heading is None:
            break
        lines, author = history, heading
    return found


def own_words(body: str) -> str:
    """Return what a message says itself; all of it where it only quotes."""
    return layers(body)[0].text or body.strip()


def fingerprint(text: str) -> str:
    """Return what stays of a text when mail programs wrap, mark and sign it their way."""
    return "".join(filter(str.isalnum, text[:2000].casefold()))[:120]


def _split(lines: Sequence[str]) -> tuple[list[str], str | None, list[str]]:
    """Return own lines, the heading of the history below them, and the history."""
    own: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        if _HELP_DESK_RULE.fullmatch(line):
            break
        if line.startswith((">", "＞")):
            at += 1
            continue
        header_block = _header_block(lines, at)
        if header_block is not None:
            heading, beyond = header_block
            return own, heading, _unquoted(lines[beyond:])
        attribution = _attribution(lines, at)
        if attribution is None:
            own.append(lines[at])
            at += 1
            continue
        heading, beyond = attribution
        history, after = _quotation(lines, beyond)
        if not any(text.strip() for text in after):
            return own, heading, history
        at = len(lines) - len(after)
    return own, None, []


def _attribution(lines: Sequence[str], at: int) -> tuple[str, int] | None:
    """Return an attribution that starts at a line, and the line after it."""
    heading = lines[at].strip()
    if len(heading) > _LONGEST_HEADING or not _STARTS_ATTRIBUTION.match(heading):
        return None
    for beyond in range(at + 1, min(at + 4, len(lines) + 1)):
        if _ATTRIBUTION.fullmatch(heading) and _TELLS_WHEN_OR_WHO.search(heading):
            return heading, beyond
        if beyond == len(lines) or not lines[beyond].strip() or len(heading) > _LONGEST_HEADING:
            return None
        heading = f"{heading} {lines[beyond].strip()}"
    return None


def _header_block(lines: Sequence[str], at: int) -> tuple[str, int] | None:
    """Return who a block of headers names as its sender, and the line after the block."""
    first = _FIRST_HEADER.fullmatch(lines[at].strip()[:_LONGEST_HEADING])
    if first is None:
        return None
    beyond, count = at + 1, 0
    while beyond < min(len(lines), at + 1 + _MOST_HEADERS) and lines[beyond].strip():
        count += _OTHER_HEADER.match(lines[beyond].strip()) is not None
        beyond += 1
    return (first.group(1), beyond) if count >= 2 else None


def _quotation(lines: Sequence[str], at: int) -> tuple[list[str], list[str]]:
    """Return what is quoted below an attribution, and the lines after it."""
    while at < len(lines) and not lines[at].strip():
        at += 1
    if at < len(lines) and not lines[at].lstrip().startswith((">", "＞")):
        return list(lines[at:]), []  # some programs quote without marks
    beyond = at
    while beyond < len(lines) and (
        not lines[beyond].strip() or lines[beyond].lstrip().startswith((">", "＞"))
    ):
        beyond += 1
    return _unquoted(lines[at:beyond]), list(lines[beyond:])


def _unquoted(lines: Sequence[str]) -> list[str]:
    """Take one level of marks off lines that all have one; blank lines aside."""
    stripped = [line.lstrip() for line in lines]
    if not all(line.startswith((">", "＞")) for line in stripped if line):
        return list(lines)
    return [line[1:].removeprefix(" ") for line in stripped]


def _without_tail(lines: Sequence[str]) -> str:
    """Return lines as text without signature, rules at the end and legal notices."""
    kept: list[str] = []
    for line in lines:
        if _SIGNATURE.fullmatch(line.strip("\r\n")):
            break
        kept.append(line.rstrip())
    while kept and (not kept[-1].strip() or _is_tail(kept[-1].strip())):
        kept.pop()
    paragraphs = re.split(r"\n{2,}", "\n".join(kept))
    said = (part for part in paragraphs if not _LEGAL.match(part.strip(" \n*")))
    return "\n\n".join(said).strip()


def _is_tail(line: str) -> bool:
    return _RULE.fullmatch(line) is not None or _SENT_FROM.fullmatch(line) is not None
