"""Which encoding bytes are in: UTF-16 and UTF-32 by their marks, Windows-1252 by its words."""

from __future__ import annotations

import codecs
import re

_MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNMARKED = 64  # bytes that tell UTF-16 without a mark

_UTF8_CHARACTER = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# Letters of western European words, and what stands between them.
_LETTERS = "A-Za-zÀ-ÏÑ-ÖØ-Ýß-ïñ-öø-ýŒœŠšŽžŸ"
_WORD = re.compile(rf"[{_LETTERS}]+|[^\x00-\x7f]")
_BETWEEN = frozenset("€‚„…‘’“”•–—™¡¿«»‹›°ºª·£§©®½¼¾´\u00a0")
# What is left of an accented letter in UTF-8 that lost its first byte: no mark stands there.
_MISPLACED = re.compile(rf"[{_LETTERS}][¡¿„‚©®§£½¼¾€]|[A-MO-Za-mo-z{_LETTERS[6:]}][°ºª]")
_ALONE = frozenset("àÀáÁâÂèÈéÉìÌíÍòÒóÓùÙúÚ")  # "ho scritto a lui e lui è", "siete ó ocho"
_FOREIGN_RUN = re.compile(r"[^\x00-\x7f]{3}")


def wide_encoding(head: bytes) -> str | None:
    """Return the codec of a file that starts as UTF-16 or UTF-32 does, otherwise None."""
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return codec
    low, high = head[:_UNMARKED:2], head[1:_UNMARKED:2]
    # The syntax of every text format is ASCII, of which UTF-16 makes every other byte zero.
    if len(high) > 3 and not any(high) and all(low):
        return "utf-16-le"
    if len(high) > 3 and not any(low) and all(high):
        return "utf-16-be"
    return None


def western_text(content: bytes) -> str | None:
    """Return bytes that are not UTF-8 as Windows-1252 text, or None where that makes no words.

    Latin-1 is read as well: the two differ in control characters only. The bytes make words if
    accented letters stand in words of otherwise plain letters, in the case of these letters, and
    marks where marks stand.
    """
    if _UTF8_CHARACTER.search(content):
        return None  # damaged UTF-8
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        return None
    if _CONTROL.search(text) or _MISPLACED.search(text):
        return None
    if not all(map(_is_sensible, _WORD.findall(text))):
        return None
    return text


def _is_sensible(word: str) -> bool:
    if word.isascii() or word in _BETWEEN or word in _ALONE:
        return True
    plain = any(letter.isascii() for letter in word)
    one_case = word[1:].islower() or word.isupper()
    return plain and one_case and _FOREIGN_RUN.search(word) is None
