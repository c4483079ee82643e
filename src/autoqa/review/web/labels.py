"""The words of the review page in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping

from autoqa.evaluation import wording
from autoqa.evaluation.wording import LANGUAGES, Say

__all__ = ["LANGUAGES", "catalogue", "labels", "later", "preferred"]

_PACKAGE = "autoqa.review.web"


def labels(language: str) -> Say:
    """Return what puts texts into a language.

    Raises
    ------
    DataError
        If there are no labels in it.
    """
    return wording.words_in(language, _PACKAGE)


def catalogue(language: str) -> Mapping[str, str]:
    """Return English templates and their translation."""
    return wording.catalogue(language, _PACKAGE)


def later(text: str, /) -> str:
    """Mark an English text in code that a page translates when it shows it."""
    return text


def preferred(accept_language: str, otherwise: str) -> str:
    """Return the first of our languages in an ``Accept-Language`` header.

    >>> preferred("de;q=0.9, es-MX, en;q=0.5", "en")
    'es'
    """
    wanted = []
    for part in accept_language[:500].split(","):
        tag, _, weight = part.partition(";")
        code = tag.strip().replace("_", "-").split("-")[0].lower()
        if code in LANGUAGES:
            wanted.append((_weight(weight), code))
    best = max(wanted, key=lambda one: one[0], default=(0.0, otherwise))
    return best[1] if best[0] > 0 else otherwise


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
