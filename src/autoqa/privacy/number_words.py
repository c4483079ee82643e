"""Numbers as words in English, Spanish, Italian and Chinese, as people read digits aloud."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

EN, ES, IT, ZH = 1, 2, 4, 8
ANY = EN | ES | IT | ZH


class Place(Enum):
    """How a number word goes together with the one after it."""

    WHOLE = "whole"  # stands for its digits
    UNIT = "unit"
    TENS = "tens"  # "forty" before "one" is 41
    HUNDREDS = "hundreds"  # "seiscientos" before "doce" is 612
    TIMES = "times"  # "double" before "four" is 44
    HUNDRED = "hundred"  # "eight" before "hundred" is 800
    THOUSAND = "thousand"  # "two" before "thousand" is 2000, and "two thousand twenty" 2020


@dataclass(frozen=True, slots=True)
class Said:
    """What a word stands for, and in which languages."""

    digits: str
    place: Place
    languages: int


_UNITS = {
    EN: "zero one two three four five six seven eight nine",
    ES: "cero uno dos tres cuatro cinco seis siete ocho nueve",
    IT: "zero uno due tre quattro cinque sei sette otto nove",
}
_MORE_UNITS = {
    EN: {"oh": "0", "o": "0", "nought": "0", "naught": "0", "niner": "9"},
    ES: {"una": "1", "un": "1"},
    IT: {"una": "1", "un": "1"},
}
_TEENS = {
    EN: "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen",
    ES: "diez once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve",
    IT: "dieci undici dodici tredici quattordici quindici sedici diciassette diciotto diciannove",
}
_TENS = {
    EN: "twenty thirty forty fifty sixty seventy eighty ninety",
    ES: "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    IT: "venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
}
_SPANISH_TWENTIES = (
    "veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete veintiocho "
    "veintinueve"
)
_HUNDREDS = {
    ES: "ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos "
    "ochocientos novecientos",
    IT: "cento duecento trecento quattrocento cinquecento seicento settecento ottocento novecento",
}
_TIMES = {
    EN: {"double": "2", "triple": "3", "treble": "3"},
    ES: {"doble": "2", "triple": "3"},
    IT: {"doppio": "2", "doppia": "2", "triplo": "3", "tripla": "3"},
}
CHINESE_DIGITS = dict(zip("零〇一幺二两三四五六七八九", "0011223456789", strict=True))

FILLERS = frozenset(
    str.split(
        "uh um uhm er erm ah eh ehm mm hmm then and dash hyphen space y e luego poi guion guión "
        "trattino spazio espacio"
    )
)
"""Words between digits that are none and end nothing."""

LINKS = {"y": ES, "e": IT, "and": EN}
"""Words between tens and units: ``treinta y uno``."""

_ACCENTS = str.maketrans("áéíóúàèìòù", "aeiouaeiou")


def _table() -> dict[str, Said]:
    found: dict[str, Said] = {}

    def add(word: str, digits: str, place: Place, language: int) -> None:
        for form in {word, word.translate(_ACCENTS)}:
            known = found.get(form)
            # "tres" is Spanish, "zero" English and Italian: the same digits, whoever says it.
            said = language | (known.languages if known and known.digits == digits else 0)
            found[form] = Said(digits, place, said)

    for language, words in _UNITS.items():
        for digit, word in enumerate(words.split()):
            add(word, str(digit), Place.UNIT, language)
        for word, own in _MORE_UNITS[language].items():
            add(word, own, Place.UNIT, language)
        for ten, word in enumerate(_TEENS[language].split(), start=10):
            add(word, str(ten), Place.WHOLE, language)
        for ten, word in enumerate(_TENS[language].split(), start=2):
            add(word, f"{ten}0", Place.TENS, language)
        for word, own in _TIMES[language].items():
            add(word, own, Place.TIMES, language)
    for number, word in enumerate(_SPANISH_TWENTIES.split(), start=21):
        add(word, str(number), Place.WHOLE, ES)
    for number, word in _italian_twenty_to_ninety_nine().items():
        add(word, str(number), Place.WHOLE, IT)
    for language, words in _HUNDREDS.items():
        for hundred, word in enumerate(words.split(), start=1):
            add(word, f"{hundred}00", Place.HUNDREDS, language)
    add("cien", "100", Place.WHOLE, ES)
    add("hundred", "00", Place.HUNDRED, EN)
    add("thousand", "000", Place.THOUSAND, EN)
    add("mil", "000", Place.THOUSAND, ES)
    add("duemila", "2000", Place.HUNDREDS, IT)
    return found


def _italian_twenty_to_ninety_nine() -> dict[int, str]:
    units = _UNITS[IT].split()
    found = {}
    for ten, word in enumerate(_TENS[IT].split(), start=2):
        for digit in range(1, 10):
            unit = "tré" if digit == 3 else units[digit]
            stem = word[:-1] if digit in (1, 8) else word
            found[10 * ten + digit] = stem + unit
    return found


NUMBER_WORDS = _table()
"""What every number word of the three languages with spaces stands for."""
