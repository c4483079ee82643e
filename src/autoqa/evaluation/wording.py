"""Words that figures, reports and the review page show, in the reader's language.

A catalogue maps English templates, as they stand in the code, to a translation with the same
placeholders. What has no translation stays English: nothing is refused for want of a word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Protocol

from autoqa.errors import DataError, near_miss

LANGUAGES: Mapping[str, str] = {
    "en": "English",
    "es": "español",
    "it": "italiano",
    "zh": "中文",
}
"""Languages that there are words in, each by its own name."""

_UNSAFE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"  # no HTML file may hold these
    r"\u202a-\u202e\u2066-\u2069]"  # and these turn the order of letters around
)


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


def words_in(language: str, package: str) -> Say:
    """Return what puts the texts of a package into a language.

    Parameters
    ----------
    language : str
        One of `LANGUAGES`.
    package : str
        Holds the catalogues, ``labels/es.yaml`` and so on.

    Raises
    ------
    DataError
        If there are no labels in the language.
    """
    if language not in LANGUAGES:
        raise DataError(
            f"There are no labels in '{language}'.{near_miss(language, LANGUAGES)} Languages: "
            f"{', '.join(f'{code} ({name})' for code, name in LANGUAGES.items())}."
        )
    if language == "en":
        return english
    translated = catalogue(language, package)

    def say(text: str, /, **values: object) -> str:
        return english(translated.get(text, text), **values)

    return say


@cache
def catalogue(language: str, package: str) -> Mapping[str, str]:
    """Return a package's English templates and their translation."""
    import yaml

    stored = files(package) / "labels" / f"{language}.yaml"
    found = yaml.safe_load(stored.read_text(encoding="utf-8")) or {}
    return {str(text): str(translation) for text, translation in found.items()}


def without_controls(html: str) -> str:
    """Replace characters that HTML may not hold, or that turn the order of letters around."""
    return _UNSAFE.sub("\ufffd", html)
