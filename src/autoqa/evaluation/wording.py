"""Words that figures and reports show, in English unless somebody translates them."""

from __future__ import annotations

from typing import Protocol


class Say(Protocol):
    """Returns a text in the reader's language, with its values filled in."""

    def __call__(self, text: str, /, **values: object) -> str:
        """Return `text`, an English template such as ``"n={n}"``, translated and filled in."""


def english(text: str, /, **values: object) -> str:
    """Fill in an English text and leave it English.

    >>> english("{n} reviews", n=3)
    '3 reviews'
    """
    return text.format(**values) if values else text
