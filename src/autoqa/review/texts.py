"""What people type: cleaned of what no database or page can hold, and of a bearable length."""

from __future__ import annotations

import re

from autoqa.review.access import InvalidError

MOST_CHARACTERS = 4000
"""Of a comment, reason or note."""

# PostgreSQL takes no NUL, and UTF-8 no lone surrogates; the other controls disguise texts.
_IMPOSSIBLE = re.compile(r"[\x00\ud800-\udfff]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def storable(text: str) -> bool:
    """Whether a text can be in a database at all: what cannot, is the id of nothing."""
    return not _IMPOSSIBLE.search(text)


def entered(text: str, what: str, *, required: bool = False, most: int = MOST_CHARACTERS) -> str:
    """Return a text as it is stored: without surrounding space and control characters.

    Parameters
    ----------
    text : str
    what : str
        What it is, for the message: ``"the comment"``.
    required : bool
        Whether it must say something.
    most : int
        Characters that it may have.

    Raises
    ------
    InvalidError
        If it is missing or too long.
    """
    clean = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if required and not clean:
        raise InvalidError(f"{what} is missing; enter it")
    if len(clean) > most:
        raise InvalidError(f"{what} has {len(clean):,} characters; shorten it to {most:,}")
    return clean
