"""Phone numbers as the library `phonenumbers` knows them, by the language of the conversation."""

from __future__ import annotations

import re
from collections.abc import Sequence

from autoqa.privacy.kinds import Finding, Kind

_REGIONS = {
    "en": ("US", "GB"),
    "es": ("ES", "MX"),
    "it": ("IT",),
    "zh": ("CN",),
    "fr": ("FR",),
    "de": ("DE",),
    "pt": ("PT", "BR"),
    "nl": ("NL",),
}
_REGION = re.compile(r"[-_]([A-Za-z]{2})(?=$|[-_])")
_CONTEXT = 4  # characters around a number that tell whether it is part of something else


def regions_of(language: str) -> tuple[str, ...]:
    """Return where numbers without a country code are likely dialled: ``("MX", "ES")`` for es-MX.

    An empty language is any of English, Spanish, Italian and Chinese.
    """
    if not language:
        return tuple(_REGIONS[one][0] for one in ("en", "es", "it", "zh"))
    common = _REGIONS.get(language[:2].lower(), ("US",))
    own = _REGION.search(language)
    if own is None:
        return common
    region = own[1].upper()
    return (region, *(other for other in common if other != region))


def library_phones(text: str, start: int, end: int, regions: Sequence[str]) -> list[Finding]:
    """Return the valid phone numbers within [start, end), grouped as they are written there.

    Only a short stretch of text is looked at, so that the time it takes has a bound.
    """
    from phonenumbers import Leniency, PhoneNumberMatcher

    first = max(0, start - _CONTEXT)
    stretch = text[first : end + _CONTEXT]
    for region in regions:
        found = [
            Finding(first + match.start, first + match.end, Kind.PHONE, _value(match.number))
            for match in PhoneNumberMatcher(
                stretch, region, leniency=Leniency.STRICT_GROUPING, max_tries=4
            )
        ]
        if found:
            return found
    return []


def is_phone(digits: str, regions: Sequence[str]) -> bool:
    """Whether digits are a number that can be dialled in one of the regions."""
    return bool(_parsed(digits, regions))


def same_phone(digits: str, regions: Sequence[str]) -> str:
    """Return the digits with their country code, however the number was given."""
    plain = digits.lstrip("+")
    return _parsed(digits, regions) or (plain[2:] if plain.startswith("00") else plain)


def national_part(value: str) -> str:
    """Return a number with its country code, as `same_phone` gives it, without the code."""
    from phonenumbers import NumberParseException, national_significant_number, parse

    try:
        return str(national_significant_number(parse(f"+{value}")))
    except NumberParseException:
        return value


def _parsed(digits: str, regions: Sequence[str]) -> str:
    from phonenumbers import NumberParseException, is_valid_number, parse

    if not 7 <= len(digits.lstrip("+")) <= 17:
        return ""
    # In most of the world 00 stands for the plus.
    written = f"+{digits[2:]}" if digits.startswith("00") else digits
    for region in regions:
        try:
            number = parse(written, region)
        except NumberParseException:
            continue
        if is_valid_number(number):
            return _value(number)
    return ""


def _value(number: object) -> str:
    from phonenumbers import PhoneNumber, PhoneNumberFormat, format_number

    assert isinstance(number, PhoneNumber)
    return format_number(number, PhoneNumberFormat.E164).lstrip("+")
