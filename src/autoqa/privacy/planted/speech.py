"""Digits and addresses as people say them and speech recognition writes them down."""

from __future__ import annotations

import random
from functools import cache

from autoqa.privacy.number_words import CHINESE_DIGITS, EN, ES, IT, NUMBER_WORDS, Place

_LANGUAGE = {"en": EN, "es": ES, "it": IT}
_PREFERRED = {"1": {"es": "uno", "it": "uno"}, "0": {"en": "zero"}}
_DOUBLE = {"en": "double", "it": "doppio"}
_SIGNS = {
    "en": {"@": " at ", ".": " dot ", "_": " underscore ", "-": " dash "},
    "es": {"@": " arroba ", ".": " punto ", "_": " guion bajo ", "-": " guion "},
    "it": {"@": " chiocciola ", ".": " punto ", "_": " trattino basso ", "-": " trattino "},
    "zh": {"@": "艾特", ".": "点", "_": "下划线", "-": "减号"},
}


@cache
def _words(language: str) -> dict[str, str]:
    """Digits to the word that says them."""
    found: dict[str, str] = {}
    for word, said in NUMBER_WORDS.items():
        if said.languages & _LANGUAGE[language] and said.place in (
            Place.UNIT,
            Place.TENS,
            Place.WHOLE,
        ):
            found.setdefault(said.digits, word)
    found |= {digits: words[language] for digits, words in _PREFERRED.items() if language in words}
    return found


def digit_by_digit(digits: str, language: str, rng: random.Random) -> str:
    """Return ``four one double one``; in Chinese characters without spaces."""
    if language == "zh":
        signs = {digit: sign for sign, digit in reversed(CHINESE_DIGITS.items())}
        one = rng.choice("一幺")
        return "".join(one if d == "1" else "零" if d == "0" else signs[d] for d in digits)
    words = _words(language)
    said: list[str] = []
    index = 0
    while index < len(digits):
        twice = digits[index : index + 2] == 2 * digits[index]
        if twice and language in _DOUBLE and rng.random() < 0.3:
            said.append(f"{_DOUBLE[language]} {words[digits[index]]}")
            index += 2
        else:
            zero = language == "en" and digits[index] == "0" and rng.random() < 0.4
            said.append("oh" if zero else words[digits[index]])
            index += 1
    return " ".join(said)


def in_pairs(digits: str, language: str, rng: random.Random) -> str:
    """Return ``forty one eleven``; what no number word says is said digit by digit."""
    if language == "zh":
        return digit_by_digit(digits, language, rng)
    return " ".join(
        _pair(digits[start : start + 2], language, rng) for start in range(0, len(digits), 2)
    )


def _pair(pair: str, language: str, rng: random.Random) -> str:
    words = _words(language)
    if len(pair) < 2 or pair[0] == "0":
        return digit_by_digit(pair, language, rng)
    if pair in words:
        return words[pair]
    link = " y " if language == "es" else " "
    return f"{words[f'{pair[0]}0']}{link}{words[pair[1]]}"


def spelled(code: str, language: str, rng: random.Random) -> str:
    """Return letters one by one and digits as words."""
    return " ".join(
        digit_by_digit(sign, language, rng) if sign.isdecimal() else sign.lower() for sign in code
    )


def address(email: str, language: str) -> str:
    """Return ``john dot smith at example dot com``."""
    said = "".join(_SIGNS[language].get(sign, sign) for sign in email)
    # Digits come as a number of their own.
    spaced = "".join(f" {c}" if c.isdecimal() and not p.isdecimal() else c
                     for p, c in zip(" " + said, said, strict=False))  # fmt: skip
    return spaced if language == "zh" else " ".join(spaced.split())
