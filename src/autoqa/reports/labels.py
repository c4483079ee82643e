"""The words of a report in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping

from autoqa.evaluation import wording
from autoqa.evaluation.wording import LANGUAGES, Say

__all__ = ["LANGUAGES", "catalogue", "labels"]

_PACKAGE = "autoqa.reports"


def labels(language: str) -> Say:
    """Return what puts texts into a language.

    Raises
    ------
    DataError
        If there are no labels in it.

    >>> labels("es")("people")
    'personas'
    """
    return wording.words_in(language, _PACKAGE)


def catalogue(language: str) -> Mapping[str, str]:
    """Return English templates and their translation."""
    return wording.catalogue(language, _PACKAGE)
