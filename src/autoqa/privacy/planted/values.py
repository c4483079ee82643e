"""Invented values: cards, phones, identity numbers with valid check digits, and what is none."""

from __future__ import annotations

import random
from collections.abc import Callable

from autoqa.privacy.digits import luhn
from autoqa.privacy.identity import (
    codice_fiscale_valid,
    iban_valid,
    nif_valid,
    resident_id_valid,
)
from autoqa.privacy.planted.speech import address, digit_by_digit, in_pairs, spelled

Maker = Callable[[random.Random, str, bool], str]
"""Takes a source of chance, a language, and whether it is read aloud; returns a text."""

_NETWORKS = (("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("37", 15), ("34", 15), ("6011", 16))
_UNION_PAY = (("62", 16), ("62", 19), ("4", 16), ("52", 16))
_US_AREAS = str.split("201 212 303 305 310 404 415 512 617 702 713 818")
_CN_MOBILE = str.split("135 136 138 139 150 158 186 188 199")
_NAMES = str.split(
    "ana ben carla dario elena franz greta hugo iris jonas karla leo mia nora otto paula"
)
_SURNAMES = str.split("archer bauer conti diaz evans fontana gomez hill ivanov jensen keller lopez")
_DOMAINS = str.split("example.com example.org mailbox.net gmail.com outlook.com post.example.net")
_OWN_DOMAINS = {"es": ["ejemplo.es", "yahoo.es"], "it": ["esempio.it", "libero.it"],
                "zh": ["qq.com", "163.com"], "en": ["example.co.uk", "yahoo.com"]}  # fmt: skip
_WORDS = str.split("River Sunny Garden Falcon Winter Copper Marble Velvet Orange Shadow")
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre "
    "diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre "
    "dicembre",
}


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def _said(digits: str, language: str, rng: random.Random) -> str:
    """Digits as recognition writes them: words, pairs, or figures in short groups."""
    way = rng.random()
    if way < 0.5 or (way < 0.75 and len(digits) % 2):  # "twenty, seven" would be 27
        return digit_by_digit(digits, language, rng)
    if way < 0.75:
        return in_pairs(digits, language, rng)
    return _grouped(digits, rng.choice((1, 2, 4)))


def _grouped(digits: str, size: int, separator: str = " ") -> str:
    return separator.join(digits[i : i + size] for i in range(0, len(digits), size))


def card_digits(rng: random.Random, language: str) -> str:
    """Return a card number with its check digit."""
    prefix, length = rng.choice(_UNION_PAY if language == "zh" else _NETWORKS)
    stem = prefix + _digits(rng, length - len(prefix) - 1)
    return next(stem + check for check in "0123456789" if luhn(stem + check))


def card(rng: random.Random, language: str, aloud: bool) -> str:
    """A payment card."""
    digits = card_digits(rng, language)
    if aloud:
        return _said(digits, language, rng)
    if len(digits) == 15:
        separator = rng.choice(" -")
        parts = (digits[:4], digits[4:10], digits[10:])
        return rng.choice((digits, separator.join(parts)))
    return rng.choice((digits, _grouped(digits, 4), _grouped(digits, 4, "-")))


def card_parts(rng: random.Random, language: str, aloud: bool) -> list[str]:
    """A payment card of 16 digits as it is told by parts."""
    digits = ""
    while len(digits) != 16:
        digits = card_digits(rng, language)
    size = rng.choice((4, 4, 8))
    parts = [digits[i : i + size] for i in range(0, 16, size)]
    return [_said(part, language, rng) if aloud else part for part in parts]


def cvv(rng: random.Random, language: str, aloud: bool) -> str:
    """Three digits."""
    digits = _digits(rng, 3)
    return digit_by_digit(digits, language, rng) if aloud and rng.random() < 0.7 else digits


def expiry(rng: random.Random, language: str, aloud: bool) -> str:
    """Month and year."""
    month, year = rng.randint(1, 12), rng.randint(26, 34)
    if language == "zh":
        written = rng.choice((f"{month:02}/{year}", f"20{year}年{month}月", f"{year}年{month}月"))
        return f"{year}年{month}月" if aloud else written
    name = _MONTHS[language].split()[month - 1]
    if aloud:
        said = in_pairs(str(year), language, rng)
        return f"{in_pairs(f'{month:02}', language, rng)} {said}"
    return rng.choice((f"{month:02}/{year}", f"{month:02}/20{year}", f"{name} 20{year}"))


def iban(rng: random.Random, language: str, aloud: bool) -> str:
    """An IBAN of Spain, Italy, Germany or Great Britain."""
    country = {"es": "ES", "it": "IT"}.get(language) or rng.choice(("DE", "GB"))
    bank = {
        "ES": lambda: _digits(rng, 20),
        "IT": lambda: f"X{_digits(rng, 22)}",
        "DE": lambda: _digits(rng, 18),
        "GB": lambda: f"NWBK{_digits(rng, 14)}",
    }[country]()
    code = next(c for n in range(2, 99) if iban_valid(c := f"{country}{n:02}{bank}"))
    if aloud:
        return spelled(code, language, rng)
    return rng.choice((code, _grouped(code, 4)))


def account(rng: random.Random, language: str, aloud: bool) -> str:
    """A bank account by its number."""
    digits = _digits(rng, {"es": 20, "it": 12, "zh": 17}.get(language, 9))
    return _said(digits, language, rng) if aloud else digits


def email(rng: random.Random, language: str, aloud: bool) -> str:
    """An e-mail address."""
    sign = rng.choice("._-") if language != "zh" else rng.choice("._")
    name = f"{rng.choice(_NAMES)}{sign}{rng.choice(_SURNAMES)}"
    if rng.random() < 0.3:
        name += _digits(rng, 2)
    found = f"{name}@{rng.choice(_DOMAINS + _OWN_DOMAINS[language])}"
    return address(found, language) if aloud else found


def _phone(rng: random.Random, language: str) -> tuple[str, list[str]]:
    """Return the national digits, and how they are written in groups."""
    if language == "es":
        d = rng.choice("679") + rng.choice("12345") + _digits(rng, 7)
        if d[0] == "7":
            d = "6" + d[1:]
        return d, [f"{d[:3]} {d[3:6]} {d[6:]}", f"{d[:3]} {d[3:5]} {d[5:7]} {d[7:]}",
                   f"+34 {d[:3]} {d[3:6]} {d[6:]}", f"{d[:3]}-{d[3:6]}-{d[6:]}"]  # fmt: skip
    if language == "it":
        d = f"3{rng.choice('234')}{rng.choice('0378')}{_digits(rng, 7)}"
        return d, [f"{d[:3]} {d[3:]}", f"{d[:3]} {d[3:6]} {d[6:]}", f"+39 {d[:3]} {d[3:]}"]
    if language == "zh":
        d = rng.choice(_CN_MOBILE) + _digits(rng, 8)
        return d, [f"{d[:3]} {d[3:7]} {d[7:]}", f"{d[:3]}-{d[3:7]}-{d[7:]}", f"+86 {d}", d]
    exchange = rng.choice("23456789") + rng.choice("02345678") + rng.choice("0123456789")
    d = rng.choice(_US_AREAS) + exchange + _digits(rng, 4)
    area, rest = d[:3], f"{d[3:6]}-{d[6:]}"
    return d, [
        f"({area}) {rest}",
        f"{area}-{rest}",
        f"{area}.{d[3:6]}.{d[6:]}",
        f"+1 {area} {rest}",
    ]


def phone(rng: random.Random, language: str, aloud: bool) -> str:
    """A phone number, perhaps unbroken."""
    digits, written = _phone(rng, language)
    return _said(digits, language, rng) if aloud else rng.choice([digits, *written])


def grouped_phone(rng: random.Random, language: str, aloud: bool) -> str:  # noqa: ARG001
    """A phone number that its grouping gives away."""
    return rng.choice(_phone(rng, language)[1])


def ssn(rng: random.Random, language: str, aloud: bool) -> str:
    """A United States social security number."""
    area = rng.choice([n for n in range(1, 900) if n != 666])
    parts = (f"{area:03}", f"{rng.randint(1, 99):02}", f"{rng.randint(1, 9999):04}")
    if aloud:
        return _said("".join(parts), language, rng)
    return rng.choice(("-", "", " ")).join(parts)


def identity(rng: random.Random, language: str, aloud: bool) -> str:
    """A NIF or NIE, a codice fiscale, or a Chinese resident identity number."""
    if language == "it":
        stem = "".join(rng.choice("BCDFGLMNPRSTV") for _ in range(6))
        stem += f"{rng.randint(40, 99)}{rng.choice('ABCDEHLMPRST')}{rng.randint(1, 31):02}"
        stem += f"{rng.choice('ABCDEFGHL')}{rng.randint(100, 999)}"
        code = next(c for x in _LETTERS if codice_fiscale_valid(c := stem + x))
        return spelled(code, language, rng) if aloud else rng.choice((code, code.lower()))
    if language == "zh":
        birth = f"{rng.randint(1950, 2004)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
        stem = f"{rng.choice(('110105', '310104', '440305'))}{birth}{_digits(rng, 3)}"
        code = next(c for x in "0123456789X" if resident_id_valid(c := stem + x))
        if not aloud:
            return code
        return digit_by_digit(code[:17], language, rng) + (
            "X" if code[17] == "X" else digit_by_digit(code[17], language, rng)
        )
    foreign = rng.random() < 0.3
    stem = rng.choice("XYZ") + _digits(rng, 7) if foreign else _digits(rng, 8)
    code = next(c for x in _LETTERS if nif_valid(c := stem + x))
    if aloud:
        return spelled(code, language, rng)
    return rng.choice((code, code if foreign else f"{code[:8]}-{code[8]}"))


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def password(rng: random.Random, language: str, aloud: bool) -> str:
    """A word and digits."""
    word, digits = rng.choice(_WORDS), _digits(rng, rng.choice((2, 4)))
    if aloud and language != "zh":
        return f"{word.lower()}{digits}"
    return f"{word}{digits}{rng.choice('!#*')}" if rng.random() < 0.4 else f"{word}{digits}"


def code(rng: random.Random, language: str, aloud: bool) -> str:
    """A one-time code."""
    digits = _digits(rng, 6)
    return _said(digits, language, rng) if aloud else digits


_FULL_NAMES = {
    "en": ("Alice Emma Frank George Helen Oliver", "Archer Barnes Clarke Foster Hughes Turner"),
    "es": ("Lucía Marta Javier Pablo Sergio Elena", "García Romero Ortega Molina Navarro Vidal"),
    "it": ("Giulia Marco Paolo Chiara Luca Sofia", "Rossi Ferrari Bianchi Greco Conti Marino"),
    "zh": ("王 李 张 刘 陈 杨", "伟 芳 秀英 建国 丽华 志强"),
}
_STREETS = {
    "en": "{n} Maple Street, Springfield {code}",
    "es": "calle Mayor {n}, {code} Valencia",
    "it": "via Garibaldi {n}, {code} Torino",
    "zh": "上海市南京路{n}号",
}


def full_name(rng: random.Random, language: str, aloud: bool) -> str:
    """A person's name."""
    first, last = (rng.choice(names.split()) for names in _FULL_NAMES[language])
    if language == "zh":
        return first + last
    return f"{first} {last}".lower() if aloud else f"{first} {last}"


def address_of(rng: random.Random, language: str, aloud: bool) -> str:
    """A postal address."""
    found = _STREETS[language].format(n=rng.randint(1, 200), code=_digits(rng, 5))
    return found.replace(",", "").lower() if aloud else found


# What is not personal.


def order(rng: random.Random, language: str, aloud: bool) -> str:
    """An order number."""
    digits = _digits(rng, rng.choice((5, 7, 8, 10)))
    if aloud:
        return _said(digits, language, rng)
    return rng.choice((digits, f"ORD-{digits}", f"#{digits}", f"{digits[:3]}-{digits[3:]}"))


def booking(rng: random.Random, language: str, aloud: bool) -> str:  # noqa: ARG001
    """A reservation code."""
    found = "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(6))
    return found.lower() if aloud else found


def case(rng: random.Random, language: str, aloud: bool) -> str:
    """A case number."""
    digits = _digits(rng, rng.choice((6, 8, 9)))
    return digit_by_digit(digits, language, rng) if aloud else rng.choice((digits, f"CS{digits}"))


def amount(rng: random.Random, language: str, aloud: bool) -> str:
    """An amount of money."""
    whole, cents = rng.randint(3, 4999), rng.randint(0, 99)
    unit = {"en": "dollars", "zh": "元"}.get(language, "euro")
    if aloud:
        return f"{in_pairs(str(rng.randint(10, 99)), language, rng)} {unit}"
    if language == "en":
        return f"${whole:,}.{cents:02}"
    return f"{whole}.{cents:02}{unit}" if language == "zh" else f"{whole},{cents:02} €"


def day(rng: random.Random, language: str, aloud: bool) -> str:
    """A date."""
    d, m, y = rng.randint(1, 28), rng.randint(1, 12), rng.randint(2019, 2026)
    if language == "zh":
        return rng.choice((f"{y}年{m}月{d}日", f"{y}-{m:02}-{d:02}", f"{m}月{d}号"))
    name = _MONTHS[language].split()[m - 1]
    spelled_out = f"{d} {name}" if language == "en" else f"{d} de {name}"
    if language == "it":
        spelled_out = f"{d} {name}"
    if aloud:
        return spelled_out
    return rng.choice((f"{d:02}/{m:02}/{y}", f"{y}-{m:02}-{d:02}", spelled_out, f"{d}.{m}.{y}"))


def clock(rng: random.Random, language: str, aloud: bool) -> str:
    """A time of day."""
    hour, minute = rng.randint(8, 20), rng.choice((0, 15, 30, 45))
    if language == "zh":
        return f"{hour}点{minute}分" if minute else f"{hour}点"
    if aloud:
        return in_pairs(f"{hour}{minute or 30}", language, rng)
    return f"{hour}:{minute:02}"


def version(rng: random.Random, language: str, aloud: bool) -> str:  # noqa: ARG001
    """A version number."""
    return ".".join(str(rng.randint(0, 30)) for _ in range(rng.choice((3, 4))))


def tracking(rng: random.Random, language: str, aloud: bool) -> str:
    """A parcel's number."""
    if aloud:
        return _said(_digits(rng, 12), language, rng)
    letters = (f"1Z{_digits(rng, 3)}AA{_digits(rng, 10)}", f"RR{_digits(rng, 9)}XY")
    return rng.choice((*letters, _grouped(f"94{_digits(rng, 20)}", 4), _digits(rng, 12)))


def flight(rng: random.Random, language: str, aloud: bool) -> str:  # noqa: ARG001
    """A flight."""
    found = f"{rng.choice(('HA', 'QX', 'ZZ'))}{rng.randint(100, 9999)}"
    return found.lower() if aloud else found


def people(rng: random.Random, language: str, aloud: bool) -> str:
    """A small number."""
    count = str(rng.randint(2, 19))
    return in_pairs(count, language, rng) if aloud else count


def year(rng: random.Random, language: str, aloud: bool) -> str:
    """A year."""
    found = str(rng.randint(2015, 2026))
    return in_pairs(found, language, rng) if aloud else found


def account_id(rng: random.Random, language: str, aloud: bool) -> str:
    """A customer's number at the company itself."""
    digits = _digits(rng, 8)
    return digit_by_digit(digits, language, rng) if aloud else digits


def promo(rng: random.Random, language: str, aloud: bool) -> str:  # noqa: ARG001
    """A voucher code."""
    found = f"{rng.choice(_WORDS).upper()}{rng.randint(5, 50)}"
    return found.lower() if aloud else found


PERSONAL: dict[str, Maker] = {
    "card": card, "cvv": cvv, "expiry": expiry, "iban": iban, "account": account,
    "email": email, "phone": phone, "grouped_phone": grouped_phone, "ssn": ssn, "id": identity,
    "password": password, "code": code, "name": full_name, "address": address_of,
}  # fmt: skip
OTHER: dict[str, Maker] = {
    "order": order, "booking": booking, "case": case, "amount": amount, "date": day,
    "time": clock, "version": version, "tracking": tracking, "flight": flight, "people": people,
    "year": year, "account_id": account_id, "promo": promo,
}  # fmt: skip
