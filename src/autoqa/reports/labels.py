"""The words of a report in the reader's language.

A catalogue maps English templates, as they stand in the code, to a translation with the same
placeholders. What has no translation stays English: a report is never refused for want of a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from autoqa.errors import DataError, near_miss
from autoqa.evaluation.wording import Say, english

LANGUAGES: Mapping[str, str] = {
    "en": "English",
    "es": "español",
    "it": "italiano",
    "zh": "中文",
}
"""Languages of a report, each by its own name."""


def labels(language: str) -> Say:
    """Return what puts texts into a language.

    Raises
    ------
    DataError
        If there are no labels in it.

    >>> labels("es")("people")
    'personas'
    """
    if language not in LANGUAGES:
        raise DataError(
            f"There are no labels in '{language}'.{near_miss(language, LANGUAGES)} Languages: "
            f"{', '.join(f'{code} ({name})' for code, name in LANGUAGES.items())}."
        )
    if language == "en":
        return english
    translated = catalogue(language)

    def say(text: str, /, **values: object) -> str:
        return english(translated.get(text, text), **values)

    return say


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return English templates and their translation."""
    import yaml

    stored = files("autoqa.reports") / "labels" / f"{language}.yaml"
    found = yaml.safe_load(stored.read_text(encoding="utf-8"))
    return {str(text): str(translation) for text, translation in found.items()}
