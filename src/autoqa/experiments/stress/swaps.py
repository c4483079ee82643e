"""Swapping names, genders and spellings in a text, each word for its counterpart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache

from autoqa.experiments.stress.words import GENDERS, NAMES, SPELLINGS

KINDS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "names": NAMES,
    "genders": GENDERS,
    "spellings": SPELLINGS,
}

# "her" and "his" answer to two words each, told apart by whether a noun follows.
_POSSESSIVE = re.compile(r"\b(?P<word>her|his|him|hers)\b(?P<noun>(?=\s+[a-z]))?", re.IGNORECASE)
_FUNCTION_WORD = re.compile(
    r"\s+(?:a|an|the|to|for|in|on|at|by|with|from|and|or|but|that|this|if|when|about|as|is|was|"
    r"how|what|why|where|again|back|out|up|now|today|tomorrow|please)\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=8192)
def swap(kind: str, language: str, text: str) -> str:
    """Return the text with every word of a list swapped for its counterpart, in the same case.

    Parameters
    ----------
    kind : {"names", "genders", "spellings"}
    language : str
        Primary language. Where the list has none for it, the text comes back as it was.
    text : str
    """
    pattern = _pattern(kind, language)
    if pattern is None:
        return text
    counterparts = KINDS[kind][language]

    def counterpart(match: re.Match[str]) -> str:
        return in_case_of(match.group(), counterparts[match.group().casefold()])

    swapped = pattern.sub(counterpart, text)
    if (kind, language) == ("genders", "en"):
        swapped = _POSSESSIVE.sub(_other_pronoun, swapped)
    return swapped


def in_case_of(model: str, word: str) -> str:
    """Return a word written as another one is: in lower case, in capitals or with one capital."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    if model[:1].isupper():
        return word[:1].upper() + word[1:]
    return word.lower()


def _other_pronoun(match: re.Match[str]) -> str:
    word = match["word"].casefold()
    noun = match["noun"] is not None and not _FUNCTION_WORD.match(match.string, match.end())
    other = {
        "him": "her",
        "hers": "his",
        "his": "her" if noun else "hers",
        "her": "his" if noun else "him",
    }[word]
    return in_case_of(match["word"], other)


@cache
def _pattern(kind: str, language: str) -> re.Pattern[str] | None:
    words = KINDS[kind].get(language)
    if not words:
        return None
    listed = "|".join(sorted(map(re.escape, words), key=lambda word: (-len(word), word)))
    if language == "zh":
        # No spaces to tell words apart; 其他 (other) and 吉他 (guitar) speak of no one.
        return re.compile(rf"(?<![其吉])(?:{listed})")
    return re.compile(rf"(?<!\w)(?:{listed})(?!\w)", re.IGNORECASE)
