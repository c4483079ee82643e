"""National identity and tax numbers with their check digits, and IBANs, written and spelled out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from autoqa.privacy.announced import Announced, announced_as
from autoqa.privacy.digits import Run
from autoqa.privacy.kinds import Finding, Kind
from autoqa.privacy.number_words import CHINESE_DIGITS, LINKS, NUMBER_WORDS, Place

# Check letters of the Spanish NIF (Real Decreto 1065/2007): the number modulo 23.
_NIF_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_NIF = re.compile(
    r"(?<![A-Za-z0-9_])(?:(?P<nie>[XYZxyz])[ .\-]?)?(?P<number>\d{1,2}[. ]?\d{3}[. ]?\d{3})"
    r"(?P<gap>[ \-]{0,3})(?P<letter>[A-Za-z])(?![A-Za-z0-9_\u00c0-\u024f])"
)

# Italian codice fiscale (DM 12 March 1974): values of characters in odd places; letters stand for
# digits where two people's codes would be the same.
_AS_DIGIT = "[0-9LMNP-Vlmnp-v]"
_CODICE = re.compile(
    r"(?<![A-Za-z0-9_])[A-Za-z]{3}[ .\-]?[A-Za-z]{3}[ .\-]?"
    rf"{_AS_DIGIT}{{2}}[A-EHLMPRSTa-ehlmprst]{_AS_DIGIT}{{2}}[ .\-]?[A-Za-z]{_AS_DIGIT}{{3}}"
    r"[ .\-]?[A-Za-z](?![A-Za-z0-9_])"
)
_FEWEST_FIGURES = 4  # of the seven, so that no words are taken for a code
_ODD_LETTERS = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22,
                25, 24, 23)  # fmt: skip
_ODD_DIGITS = _ODD_LETTERS[:10]

# Chinese resident identity number (GB 11643-1999): check character by ISO 7064 MOD 11-2.
_RESIDENT = re.compile(
    r"(?<![A-Za-z0-9_])[1-9]\d{5}[ \-]?(?:19|20)\d\d[ \-]?\d\d[ \-]?\d\d[ \-]?\d{3}[ \-]?[\dXx]"
    r"(?![A-Za-z0-9_])"
)
_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_RESIDENT_X = re.compile(r"[ ,，]?(?:[xX](?![A-Za-z0-9])|叉|艾克斯|埃克斯)")

# A look-ahead, since words after a false start ("in AB12 and ...") may hide a true one.
_IBAN = re.compile(r"(?<![A-Za-z0-9_])(?=([A-Za-z]{2}[0-9]{2}(?:[ \-]?[A-Za-z0-9]){11,30}))")
_ALPHANUMERIC = re.compile(r"[A-Za-z0-9]")
_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FI FO GL NL",
    19: "MK SI",
    20: "AT BA EE KZ LT LU XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU",
    31: "MT SC",
    32: "LC",
}
_IBAN_LENGTHS = {
    country: length for length, countries in _COUNTRIES.items() for country in countries.split()
}
"""Characters of an IBAN by country (ISO 13616 registry)."""

# Letters by their names, as Spanish and Italian speakers spell.
_LETTER_NAMES = {
    "a": "a",
    "b": "be bi",
    "c": "ce ci",
    "d": "de di",
    "f": "efe effe",
    "g": "ge gi",
    "h": "hache acca",
    "i": "i",
    "j": "jota",
    "k": "ka kappa",
    "l": "ele elle",
    "m": "eme emme",
    "n": "ene enne",
    "p": "pe pi",
    "q": "cu qu",
    "r": "erre ere",
    "s": "ese esse",
    "t": "te ti",
    "u": "u",
    "v": "uve vu",
    "x": "equis ics",
    "y": "ye ipsilon",
    "z": "zeta ceta",
}
_LETTER_OF = {name: letter for letter, names in _LETTER_NAMES.items() for name in names.split()}
_SPELLED_GAP = re.compile(r"[ \t,.\-]{0,3}")
_SPELLED_TOKEN = re.compile(r"[A-Za-z\u00c0-\u024f]+|[0-9]+|[" + "".join(CHINESE_DIGITS) + "]")
_SPELLING_ANNOUNCED = re.compile(
    r"(?<![a-z])(?:d\.?n\.?i|n\.?i\.?f|n\.?i\.?e|de identidad|codice fiscale|iban)(?![a-z])",
    re.IGNORECASE,
)
_SPELLED_BEFORE = 320  # characters before the announcement: "..., that is my IBAN"
_SPELLED_WITHIN = 640
_SPELLED_APART = 160  # characters to the next announcement that is looked at
_AS_IN = re.compile(r"[ ]{1,2}(?:de|como|come|di)[ ]{1,2}(?P<name>[A-Za-z\u00c0-\u024f]+)")


def nif_valid(code: str) -> bool:
    """Whether a Spanish NIF (``12345678Z``) or NIE (``X1234567L``) has its check letter."""
    code = code.upper()
    if len(code) != 9 or not code[1:8].isdecimal():
        return False
    first = code[0] if code[0].isdecimal() else str("XYZ".find(code[0]))
    return first != "-1" and code[8] == _NIF_LETTERS[int(first + code[1:8]) % 23]


def codice_fiscale_valid(code: str) -> bool:
    """Whether an Italian codice fiscale has its check letter."""
    code = code.upper()
    if len(code) != 16 or not code.isascii() or not code.isalnum() or not code[15].isalpha():
        return False
    total = 0
    for place, sign in enumerate(code[:15], start=1):
        value = int(sign) if sign.isdecimal() else ord(sign) - ord("A")
        if place % 2:
            value = _ODD_DIGITS[value] if sign.isdecimal() else _ODD_LETTERS[value]
        total += value
    return code[15] == chr(ord("A") + total % 26)


def resident_id_valid(code: str) -> bool:
    """Whether a Chinese resident identity number has a birthday and its check character."""
    code = code.upper()
    if len(code) != 18 or not code[:17].isdecimal() or code[17] not in "0123456789X":
        return False
    try:
        date(int(code[6:10]), int(code[10:12]), int(code[12:14]))
    except ValueError:
        return False
    total = sum(int(c) * w for c, w in zip(code, _RESIDENT_WEIGHTS, strict=False))
    return code[17] == "10X98765432"[total % 11]


def iban_valid(code: str) -> bool:
    """Whether an IBAN has its country's length and checks (ISO 7064 MOD 97-10)."""
    code = code.upper()
    if _IBAN_LENGTHS.get(code[:2]) != len(code) or not code[2:4].isdecimal():
        return False
    return int("".join(str(int(c, 36)) for c in code[4:] + code[:4])) % 97 == 1


def written_ids(text: str) -> Iterator[Finding]:
    """Yield NIF, NIE, codice fiscale and resident identity numbers whose check digits agree."""
    for match in _NIF.finditer(text):
        code = f"{match['nie'] or ''}{re.sub('[^0-9]', '', match['number'])}{match['letter']}"
        # After a space, a small letter is more often a word, such as the Spanish "y".
        apart = match["gap"].isspace() and match["letter"].islower()
        if not apart and nif_valid(code):
            yield Finding(match.start(), match.end(), Kind.ID, code.upper())
    for match in _CODICE.finditer(text):
        code = re.sub(r"[ .\-]", "", match.group()).upper()
        if sum(map(str.isdecimal, code)) >= _FEWEST_FIGURES and codice_fiscale_valid(code):
            yield Finding(match.start(), match.end(), Kind.ID, code)
    for match in _RESIDENT.finditer(text):
        code = re.sub(r"[ \-]", "", match.group()).upper()
        if resident_id_valid(code):
            yield Finding(match.start(), match.end(), Kind.ID, code)


def written_ibans(text: str) -> Iterator[Finding]:
    """Yield IBANs whose check digits agree."""
    for match in _IBAN.finditer(text):
        candidate = match.group(1)
        length = _IBAN_LENGTHS.get(candidate[:2].upper())
        places = [m.start() for m in _ALPHANUMERIC.finditer(candidate)]
        if length is None or len(places) < length:
            continue
        end = match.start(1) + places[length - 1] + 1
        if _ALPHANUMERIC.match(text, end):
            continue
        code = "".join(candidate[place] for place in places[:length]).upper()
        if iban_valid(code):
            yield Finding(match.start(1), end, Kind.IBAN, code)


def said_ids(text: str, run: Run, before: str) -> Iterator[Finding]:
    """Yield identity numbers that begin with a run of digits read aloud.

    A resident identity number may end in X, a NIF ends in a letter or its name.
    """
    digits = run.digits
    if len(digits) == 18 and resident_id_valid(digits):
        yield Finding(run.start, run.end, Kind.ID, digits)
    elif len(digits) == 17 and (ending := _RESIDENT_X.match(text, run.end)):
        if resident_id_valid(f"{digits}X"):
            yield Finding(run.start, ending.end(), Kind.ID, f"{digits}X")
    elif len(digits) in (7, 8) and announced_as(text, run.start, before) is Announced.ID:
        letter, end = _letter_after(text, run.end)
        yield Finding(run.start, end, Kind.ID, f"{digits}{letter}".upper())


def _letter_after(text: str, end: int) -> tuple[str, int]:
    """Return the letter that ends a NIF, said by its name or alone, and where it ends."""
    token = _SPELLED_TOKEN.search(text, end, end + 12)
    if token is None or not _SPELLED_GAP.fullmatch(text, end, token.start()):
        return "", end
    word = token.group().lower()
    letter = word if len(word) == 1 and word.isalpha() else _LETTER_OF.get(word, "")
    if not letter:
        return "", end
    as_in = _AS_IN.match(text, token.end())
    return letter, as_in.end() if as_in and as_in["name"][0].lower() == letter else token.end()


def spelled_codes(text: str, before: str = "") -> Iterator[Finding]:
    """Yield NIF, NIE, codice fiscale and IBAN spelled letter by letter near their announcement."""
    starts = [
        max(0, match.start() - _SPELLED_BEFORE) for match in _SPELLING_ANNOUNCED.finditer(text)
    ]
    if before and _SPELLING_ANNOUNCED.search(before):
        starts.insert(0, 0)
    next_start = 0
    for start in starts:
        if start >= next_start:
            next_start = start + _SPELLED_APART
            for finding in _spelled_from(text, start):
                yield finding
                next_start = finding.end


def _spelled_from(text: str, start: int) -> Iterator[Finding]:
    """Yield the first code in the stretch of text from `start` on."""
    signs: list[tuple[str, int, int]] = []
    end = start
    times = 1
    tens = False  # whether "treinta" may go on with "y tres"
    for token in _SPELLED_TOKEN.finditer(text, start, start + _SPELLED_WITHIN):
        word = token.group().lower()
        number = NUMBER_WORDS.get(word)
        near = not signs or _SPELLED_GAP.fullmatch(text, end, token.start())
        if near and signs and number is not None and number.place is Place.TIMES:
            times, end = int(number.digits), token.end()
            continue
        if near and tens and word in LINKS:
            end = token.end()
            continue
        said = _spelled(word) * times
        times = 1
        if not said or not near:
            if finding := _code_in(signs):
                yield finding
                return
            signs = []
        elif tens and number is not None and number.place is Place.UNIT and said != "0":
            signs.pop()
        signs.extend((sign, token.start(), token.end()) for sign in said)
        tens = number is not None and number.place is Place.TENS
        end = token.end()
    if finding := _code_in(signs):
        yield finding


def _spelled(token: str) -> str:
    """What a token of a spelled code stands for; nothing if it is an ordinary word."""
    if token.isdecimal() and token.isascii():
        return token
    if len(token) == 1 and token.isascii():
        return token
    if token in CHINESE_DIGITS:
        return CHINESE_DIGITS[token]
    if token in _LETTER_OF:
        return _LETTER_OF[token]
    said = NUMBER_WORDS.get(token)
    return said.digits if said else ""


def _code_in(signs: list[tuple[str, int, int]]) -> Finding | None:
    """Return the first valid code among spelled signs."""
    text = "".join(sign for sign, _, _ in signs)
    for first in range(len(text) - 8):  # the shortest code has nine
        country = _IBAN_LENGTHS.get(text[first : first + 2].upper(), 0)
        for length, valid, kind in (
            (9, nif_valid, Kind.ID),
            (16, codice_fiscale_valid, Kind.ID),
            (country, iban_valid, Kind.IBAN),
        ):
            code = text[first : first + length].upper()
            if length and len(code) == length and valid(code):
                return Finding(signs[first][1], signs[first + length - 1][2], kind, code)
    return None
