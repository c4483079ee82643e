"""Text in the columns of a terminal, where Chinese characters take two."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator


def columns(text: str) -> int:
    """Return how many terminal columns a text takes."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def beside(text: str, worth: str, width: int) -> Iterator[str]:
    """Yield the lines of `text`, with `worth` at the right end of the first."""
    for i, line in enumerate(wrapped(text, width - columns(worth) - 2)):
        yield line if i else apart(line, worth, width)


def apart(left: str, right: str, width: int) -> str:
    """Return one line with a text at either end."""
    return left + " " * (width - columns(left) - columns(right)) + right


def hanging(head: str, text: str, width: int) -> Iterator[str]:
    """Yield the lines of `text` after `head`, further lines indented as far as `head` reaches."""
    for i, line in enumerate(wrapped(text, width - columns(head))):
        yield (head if i == 0 else " " * columns(head)) + line


def wrapped(text: str, width: int) -> Iterator[str]:
    """Yield lines of at most `width` columns, at least one, without control characters.

    Chinese text breaks between characters; its stops may hang over the margin.
    """
    line, used = "", 0
    for piece in _pieces(_printable(text)):
        size = columns(piece)
        if used and used + columns(piece.rstrip()) > width:
            yield line.rstrip()
            line, used = "", 0
        while size > width:  # a word longer than a line, for example a link
            cut = max(width // 2, 1) if size > len(piece) else width
            yield piece[:cut]
            piece = piece[cut:]
            size = columns(piece)
        line += piece
        used += size
    yield line.rstrip()


def _pieces(text: str) -> Iterator[str]:
    """Where a line may break: after a blank, and around wide characters but not before a stop."""
    piece = ""
    for char in text:
        wide = unicodedata.east_asian_width(char) in "WF"
        stop = unicodedata.category(char) in ("Pe", "Pf", "Po")
        if piece and not stop and (wide or piece[-1] == " " or _breaks_after(piece[-1])):
            yield piece
            piece = ""
        piece += char
    if piece:
        yield piece


def _breaks_after(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF" and unicodedata.category(char) not in (
        "Ps",
        "Pi",
    )


def _printable(text: str) -> str:
    """One line without control characters, which could move a terminal's cursor."""
    kept = (c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    return " ".join("".join(kept).split())
