"""Where personal numbers and addresses stand in a text.

Kinds of numbers are told apart in `autoqa.privacy.numbers`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from autoqa.privacy.digits import Run, spoken_runs, written_runs
from autoqa.privacy.numbers import FEWEST_DIGITS, announced_as, card_at, phones_and_ssns


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Characters [start, end) of a text, and the mask they get."""

    start: int
    end: int
    mask: str


EMAIL, IBAN, CARD, SSN, PHONE = MASKS = ("[EMAIL]", "[IBAN]", "[CARD]", "[SSN]", "[PHONE]")
"""Every mask; where two findings overlap, the earlier kind wins."""

_AT = re.compile("[@\uff20]")
# Matched against the text before the sign, read backwards: so it never has to start over.
_LOCAL_BACKWARDS = re.compile(r"[A-Za-z0-9._%+'\-\u00c0-\u024f]{1,64}")
_DOMAIN = re.compile(r"[A-Za-z0-9\-\u00c0-\u024f]{1,63}(?:\.[A-Za-z0-9\-\u00c0-\u024f]{1,63}){1,8}")

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

# Ordinary text needs two; hostile text must not have as many as it likes.
_PASSES = 8
_PLUS = ("+", "\uff0b")


def find_personal(text: str, *, before: str = "") -> list[Finding]:
    """Return the findings in a text, left to right, without overlap.

    What a mask brings near enough to its announcement is found as well, so that masked text has
    no findings of its own.

    Parameters
    ----------
    text : str
    before : str
        What announces the text, such as the key of a JSON value.
    """
    found: list[Finding] = []
    masked = text
    for _ in range(_PASSES):
        more = _find_once(masked, before)
        if not more:
            break
        found = sorted([*found, *_to_original(more, found)])
        masked = mask(text, found)
    return found


def mask(text: str, findings: list[Finding]) -> str:
    """Return the text with its findings masked."""
    parts = []
    end = 0
    for finding in findings:
        parts += [text[end : finding.start], finding.mask]
        end = finding.end
    return "".join((*parts, text[end:]))


def _to_original(more: list[Finding], earlier: list[Finding]) -> Iterator[Finding]:
    """Move findings in masked text to where they stand in the text before masking."""
    shift = index = 0
    for finding in more:
        while index < len(earlier) and earlier[index].start < finding.start + shift:
            shift += earlier[index].end - earlier[index].start - len(earlier[index].mask)
            index += 1
        yield Finding(finding.start + shift, finding.end + shift, finding.mask)


def _find_once(text: str, before: str) -> list[Finding]:
    found = [*_emails(text), *_ibans(text)]
    for run in written_runs(text):
        if len(run.digits) >= FEWEST_DIGITS:
            found.extend(_numbers(text, run, before))
    for run in spoken_runs(text):
        if len(run.digits) >= FEWEST_DIGITS:
            found.extend(_numbers(text, run, before))
    return _without_overlap(found)


def _without_overlap(found: list[Finding]) -> list[Finding]:
    kept: list[Finding] = []
    for finding in sorted(found):
        if kept and finding.start < kept[-1].end:
            if MASKS.index(finding.mask) < MASKS.index(kept[-1].mask):
                kept[-1] = finding
        else:
            kept.append(finding)
    return kept


def _emails(text: str) -> Iterator[Finding]:
    for at in _AT.finditer(text):
        local = _LOCAL_BACKWARDS.match(text[max(0, at.start() - 64) : at.start()][::-1])
        domain = _DOMAIN.match(text, at.end())
        if local is None or domain is None:
            continue
        labels = domain.group().split(".")
        while labels and not (labels[-1].isalpha() and len(labels[-1]) > 1):
            labels.pop()
        if len(labels) > 1:
            yield Finding(at.start() - local.end(), at.end() + len(".".join(labels)), EMAIL)


def _ibans(text: str) -> Iterator[Finding]:
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
        if int("".join(str(int(c, 36)) for c in code[4:] + code[:4])) % 97 == 1:
            yield Finding(match.start(1), end, IBAN)


def _numbers(text: str, run: Run, before: str) -> Iterator[Finding]:
    """Find cards in a run of digit groups, then other numbers in what is left of it."""
    first = index = 0
    while index < len(run.groups):
        count = card_at(run, index)
        if count:
            yield Finding(run.groups[index].start, run.groups[index + count - 1].end, CARD)
            yield from _other_numbers(text, run.part(first, index), before)
            first = index + count
        index += count or 1
    yield from _other_numbers(text, run.part(first, len(run.groups)), before)


def _other_numbers(text: str, run: Run, before: str) -> Iterator[Finding]:
    for part in run.split():
        if len(part.digits) < FEWEST_DIGITS:
            continue
        announced = announced_as(text, part.start, before)
        plus = text[max(0, part.start - 2) : part.start].strip(" (\uff08")[-1:] in _PLUS
        for first, last, kind in phones_and_ssns(part, announced, plus=plus):
            start, end = part.groups[first].start, part.groups[last].end
            if kind == "ssn":
                yield Finding(start, end, SSN)
            else:
                yield Finding(_with_prefix(text, start, end), end, PHONE)


def _with_prefix(text: str, start: int, end: int) -> int:
    """Take in the plus and the opening bracket before a phone number."""
    bracketed = re.search(r"[)\uff09]", text[start:end]) is not None
    while start and (text[start - 1] in _PLUS or (bracketed and text[start - 1] in "(\uff08")):
        start -= 1
    return start
