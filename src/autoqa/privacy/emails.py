"""E-mail addresses as written, and as speech recognition writes them: "john dot smith at ..."."""

from __future__ import annotations

import re
from collections.abc import Iterator

from autoqa.privacy.kinds import Finding, Kind
from autoqa.privacy.number_words import CHINESE_DIGITS, NUMBER_WORDS

_AT = re.compile("[@\uff20]")
# Matched against the text before the sign, read backwards: so it never has to start over.
_LOCAL_BACKWARDS = re.compile(r"[A-Za-z0-9._%+'\-\u00c0-\u024f]{1,64}")
_DOMAIN = re.compile(
    r"(?<=[@\uff20])[A-Za-z0-9\-\u00c0-\u024f]{1,63}(?:\.[A-Za-z0-9\-\u00c0-\u024f]{1,63}){1,8}"
)


def written_emails(text: str) -> Iterator[Finding]:
    """Yield ``ana@example.com``."""
    for at in _AT.finditer(text):
        local = _LOCAL_BACKWARDS.match(text[max(0, at.start() - 64) : at.start()][::-1])
        domain = _DOMAIN.match(text, at.end())
        if local is None or domain is None:
            continue
        labels = domain.group().split(".")
        while labels and not (labels[-1].isalpha() and len(labels[-1]) > 1):
            labels.pop()
        if len(labels) > 1:
            start, end = at.start() - local.end(), at.end() + len(".".join(labels))
            value = text[start:end].replace("\uff20", "@").lower()
            yield Finding(start, end, Kind.EMAIL, value)


# Spoken. What stands for the sign and for punctuation, in four languages.
_SIGNS = {
    "dot": ".",
    "period": ".",
    "point": ".",
    "punto": ".",
    "点": ".",
    "underscore": "_",
    "guion bajo": "_",
    "guión bajo": "_",
    "barra baja": "_",
    "sottolineato": "_",
    "下划线": "_",
    "dash": "-",
    "hyphen": "-",
    "minus": "-",
    "guion": "-",
    "guión": "-",
    "trattino": "-",
    "trattino basso": "_",
    "减号": "-",
    "横杠": "-",
    "plus": "+",
}
_TOP = str.split(
    "com net org edu gov info biz eu co uk us ca de fr es it mx ar cl pe cn io me ch at nl pt tv "
    "app dev mail"
)
_LATIN_SIGN, _CHINESE_SIGN = (
    "|".join(
        sorted((sign for sign in _SIGNS if sign.isascii() or "\u00f3" in sign), key=len)[::-1]
    ),
    "|".join(sign for sign in _SIGNS if not sign.isascii() and "\u00f3" not in sign),
)
_DOT = r"(?:\.|\s+(?:dot|point|period|punto)\s+|\s*点\s*)"
_WORD = r"[a-z0-9\u00c0-\u024f\-]{1,40}"
# "at example dot com", "at mail dot example dot co dot uk": at most five labels.
_SPOKEN_DOMAIN = re.compile(
    r"(?:(?<![a-z0-9])(?:at|arroba|chiocciola)(?:\s+sign)?\s+|(?:艾特|圈a|(?<=\s)[@\uff20])\s*|[@\uff20]\s+)"
    rf"(?P<domain>{_WORD}(?:\s{_WORD})?(?:{_DOT}{_WORD}){{0,3}}{_DOT}(?:{'|'.join(_TOP)}))"
    r"(?![a-z0-9\u00c0-\u024f])",
    re.IGNORECASE,
)
# One piece of what stands before the sign, read backwards from it.
_BEFORE = 64  # characters, as many as a written name may have
_PIECE = re.compile(
    rf"(?:{_LATIN_SIGN})(?![a-z])|{_CHINESE_SIGN}|[a-z\u00c0-\u024f'\u2019]+|[0-9]+"
    rf"|[{''.join(CHINESE_DIGITS)}]|[._+\-]",
    re.IGNORECASE,
)
_GAP = re.compile(r"[ \t]{0,2}")
_MOST_PIECES = 24
_MOST_WORDS = 2  # that no dot joins: "john smith at example dot com"
_PROVIDERS = frozenset(
    str.split(
        "gmail googlemail hotmail outlook yahoo ymail icloud aol live msn proton protonmail gmx "
        "qq 163 126 sina foxmail libero virgilio tiscali alice terra telefonica orange"
    )
)
_ANNOUNCES = re.compile(
    r"e ?-?mails?|correos?|mailto|\bmail\b|posta elettronica|indirizzo|邮箱|邮件|电邮|"
    r"\b(?:write|send|reach|contact|escr[ií]b\w{1,5}|env[ií]\w{1,5}|scriv\w{1,5}|mand\w{1,5}|"
    r"invi\w{1,5})\b",
    re.IGNORECASE,
)
_ANNOUNCED_WITHIN = 80
_ANNOUNCED_AFTER = 20
# Words before an address that are not part of it.
_LEAD_INS = frozenset(
    str.split(
        "is it its it's s was to at me my mine email e-mail mail address the and so yes yeah ok "
        "okay sure um uh well that's thats that for use try of on in a i reach contact write send "
        "us him her es el la mi su correo electronico electrónico direccion dirección y si sí "
        "vale pues escribanme escríbame escribirme al en enviarlo enviar mandarlo è e' il lo mia "
        "sua indirizzo posta elettronica allora certo ecco alla scrivermi scrivete mandare "
        "mandatemi ad"
    )
)
_SPELLED_SIGNS = frozenset(_SIGNS.values())


def spoken_emails(text: str, before: str = "") -> Iterator[Finding]:
    """Yield ``john dot smith at example dot com`` and its like in four languages.

    "At example dot com" is also what people say of a web page: so it takes a spelled or dotted name
    before it, a mail provider, or a word such as "e-mail".
    """
    for match in _SPOKEN_DOMAIN.finditer(text):
        domain = _plain(match["domain"])
        pieces = _pieces_before(text, match.start())
        if not pieces:
            continue
        name = "".join(said for _, said in pieces)
        start = pieces[0][0]
        telling = (
            not text.startswith(("at", "AT", "At"), match.start())
            or any(
                said in _SPELLED_SIGNS or said.isdecimal() or len(said) == 1 for _, said in pieces
            )
            or domain.split(".")[0] in _PROVIDERS
            or _ANNOUNCES.search(text, max(0, start - _ANNOUNCED_WITHIN), start)
            or _ANNOUNCES.search(text, match.end(), match.end() + _ANNOUNCED_AFTER)
            or (before and _ANNOUNCES.search(before))
        )
        if telling:
            yield Finding(start, match.end("domain"), Kind.EMAIL, f"{name}@{domain}")


def _plain(domain: str) -> str:
    joined = re.sub(_DOT, ".", domain.lower())
    return re.sub(r"\s+", "", joined)


def _pieces_before(text: str, end: int) -> list[tuple[int, str]]:
    """Return the parts of the name before the sign, each with where it starts."""
    kept: list[tuple[int, str]] = []
    right = end
    joined = True  # the sign for "at", or a dot, asks for the word before it
    words = 0
    for match in reversed([*_PIECE.finditer(text, max(0, end - _BEFORE), end)][-_MOST_PIECES:]):
        if not _GAP.fullmatch(text, match.end(), right):
            break
        piece = match.group().lower()
        said = NUMBER_WORDS.get(piece) if len(piece) > 1 else None
        sign = _SIGNS.get(piece, piece)
        if sign in _SPELLED_SIGNS:
            kept.append((match.start(), sign))
            joined, right = True, match.start()
            continue
        short = len(piece) == 1 or piece.isdecimal() or said is not None
        if not joined or not kept:
            spelled = bool(kept) and len(kept[-1][1]) == 1 and short
            if piece in _LEAD_INS and not spelled:
                break
            words += not short
            if words > _MOST_WORDS:
                break
        plain = said.digits if said else CHINESE_DIGITS.get(piece, piece)
        kept.append((match.start(), plain))
        joined, right = False, match.start()
    while kept and kept[-1][1] in _SPELLED_SIGNS:
        kept.pop()
    return kept[::-1]
