"""Telling payment cards, phone numbers and social security numbers from other numbers.

Order, case and reservation numbers must survive, since scorers and reviewers need them. So a number
is personal only if its check digit and grouping say so, or a word before it announces it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from autoqa.privacy.digits import MAX_DIGITS, Run, luhn

FEWEST_DIGITS = 7  # of a number that may be masked

# Words that announce a number; the last one before the number decides. Masks are not words.
_PHONE_WORD = (
    r"phones?|telephone|mobile|cell(?:phone)?|tel|whatsapp|fax|dial|callback|my number|"
    r"contact (?:number|no)|"
    r"(?:call|reach|text|ring|contact)(?: me| us| him| her| them)(?: back)?|"
    r"(?:call|reach|text|ring)(?: back)? (?:at|on)|"
    r"tel[eé]fono|m[oó]vil|celular|mi n[uú]mero|ll[aá]m[ae]\w{0,4} al|"
    r"cellulare|il mio numero|chiam\w{1,6} al"
)
_PHONE_CHARACTERS = r"电话|手机|联系方式|联系电话|致电"
_SSN_WORD = r"ssn|social security|social"
_OTHER_WORD = (
    r"order|reservation|booking|confirmation|reference|ref|ticket|case|invoice|account|tracking|"
    r"serial|version|item|product|sku|flight|policy|contract|id|pedido|reserva|"
    r"factura|contrato|ordine|prenotazione|fattura|contratto|pratica"
)
_OTHER_CHARACTERS = r"订单|单号|编号|工单|快递"
_ANNOUNCED = re.compile(
    rf"(?<!\[)(?:(?P<phone>(?<![a-z])(?:{_PHONE_WORD})(?![a-z])|{_PHONE_CHARACTERS})"
    rf"|(?P<ssn>(?<![a-z])(?:{_SSN_WORD})(?![a-z]))"
    rf"|(?P<other>(?<![a-z])(?:{_OTHER_WORD})(?![a-z])|{_OTHER_CHARACTERS}))",
    re.IGNORECASE,
)
_ANNOUNCED_WITHIN = 48  # characters
_CAMEL = re.compile(r"([a-z])([A-Z])")
_CARD_SHAPES = ((4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3))

# National phone numbers: first digits, then the groups they are written in.
_NATIONAL = (
    (re.compile(r"[2-9]\d{9}"), ((3, 3, 4),)),  # North America
    (re.compile(r"1[2-9]\d{9}"), ((1, 3, 3, 4),)),
    (re.compile(r"[6-9]\d{8}"), ((3, 3, 3), (3, 2, 2, 2), (2, 3, 2, 2))),  # Spain
    (re.compile(r"3\d{9}"), ((3, 7), (3, 3, 2, 2), (3, 2, 2, 3), (3, 4, 3))),  # Italy
    (re.compile(r"1[3-9]\d{9}"), ((3, 4, 4),)),  # China
)
_SHAPES = frozenset({(3, 2, 4)}.union(*(shapes for _, shapes in _NATIONAL)))
# Unbroken numbers that are phones unless something else is announced: Chinese mobiles, and eleven
# digits with the trunk prefix (Great Britain).
_UNBROKEN = re.compile(r"1[3-9]\d{9}|0[1-9]\d{9}")
_SSN = re.compile(r"(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}")
_DATE = re.compile(r"(?:19|20)\d\d[01]?\d[0-3]?\d|[0-3]?\d[0-3]?\d(?:19|20)\d\d")
_DATE_SHAPES = {
    (4, 2, 2),
    (4, 1, 2),
    (4, 2, 1),
    (4, 1, 1),
    (2, 2, 4),
    (1, 2, 4),
    (2, 1, 4),
    (1, 1, 4),
}
_INVISIBLE = re.compile(r"[\u200b-\u200d\u2060\u00ad]")
_BLANK = re.compile(r"[ \t\u00a0\u2009\u202f(]+")


def announced_as(text: str, start: int, before: str = "") -> str | None:
    """Return what the nearest word before a number announces: phone, ssn, other or nothing."""
    window = text[max(0, start - _ANNOUNCED_WITHIN) : start]
    if before and start < _ANNOUNCED_WITHIN:
        window = _CAMEL.sub(r"\1 \2", before) + " " + window
    words = list(_ANNOUNCED.finditer(window))
    return words[-1].lastgroup if words else None


def card_at(run: Run, index: int) -> int:
    """Return how many groups from `index` on are a payment card: 0 if none.

    The network's first digits, its lengths and the check digit must agree, and the groups must be
    such as people write: one, fours, 4-6-5, or read aloud in groups of at most four.
    """
    start = run.offsets[index]
    for length in _card_lengths(run.digits[start : start + 4]):
        last = run.ending.get(start + length)
        if last is None or not luhn(run.digits[start : start + length]):
            continue
        if _written_as_card(run, index, last):
            return last - index + 1
    return 0


def _card_lengths(digits: str) -> tuple[int, ...]:
    """Lengths that the network of the first four digits uses, the likeliest first."""
    if len(digits) < 4:
        return ()
    two, three, four = int(digits[:2]), int(digits[:3]), int(digits)
    if digits[0] == "4":
        return (16, 13, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return (16,)
    if two in (34, 37):
        return (15,)
    if 300 <= three <= 305 or two in (36, 38, 39):
        return (14, 16, 19)
    if 3528 <= four <= 3589 or four == 6011 or two in (62, 64, 65):
        return (16, 17, 18, 19)
    if two in (50, 56, 57, 58, 60, 63, 67):
        return (16, 19, 18, 17, 15, 14, 13)
    return ()


def _written_as_card(run: Run, first: int, last: int) -> bool:
    shape = run.shape[first : last + 1]
    if len(shape) == 1 or run.spoken:
        return True
    kinds = {_INVISIBLE.sub("", separator) for separator in run.separators[first:last]}
    if len(kinds - {""}) > 1:
        return False
    return max(shape) <= 4 or shape in _CARD_SHAPES


def phones_and_ssns(
    run: Run, announced: str | None, *, plus: bool = False
) -> Iterator[tuple[int, int, str]]:
    """Yield ``(first group, last group, "phone" or "ssn")`` for each number found in a run."""
    found = [] if run.spoken else list(_by_grouping(run, plus=plus))
    if found:
        yield from found
    elif kind := _as_a_whole(run, announced):
        yield 0, len(run.groups) - 1, kind


def _by_grouping(run: Run, *, plus: bool) -> Iterator[tuple[int, int, str]]:
    index = 0
    fresh = True  # nothing but found numbers so far, so that a prefix may start the next
    while index < len(run.groups):
        size, kind = 0, "phone"
        if fresh:
            size = _international_at(run, index, plus=plus and index == 0)
        if not size:
            size, kind = _number_at(run, index)
        if size:
            yield index, index + size - 1, kind
        fresh = size > 0
        index += size or 1


def _international_at(run: Run, index: int, *, plus: bool) -> int:
    """How many groups after a plus or 00 make 8 to 15 digits (ITU-T E.164), 0 if none."""
    if not plus and not run.groups[index].digits.startswith("00"):
        return 0
    if index and not _BLANK.fullmatch(run.separators[index - 1]):
        return 0
    total = 0 if plus else -2
    found = 0
    for size, length in enumerate(run.shape[index : index + MAX_DIGITS], start=1):
        total += length
        if total > 15:
            break
        # An unbroken 00123456 is more often an order; nine digits make it a number to dial.
        if total >= (8 if plus or size > 1 else 9):
            found = size
    return found


def _number_at(run: Run, index: int) -> tuple[int, str]:
    for size in (4, 3, 2):
        shape = run.shape[index : index + size]
        if len(shape) < size or shape not in _SHAPES:
            continue
        if not _stands_alone(run, index, index + size - 1):
            continue
        digits = run.part(index, index + size).digits
        separators = set(run.separators[index : index + size - 1])
        if shape == (3, 2, 4) and len(separators) == 1 and _SSN.fullmatch(digits):
            return size, "ssn"
        for pattern, shapes in _NATIONAL:
            # Dots between threes, and thousands that end in zeros, are amounts.
            amount = shape == (3, 3, 3) and (separators == {"."} or digits.endswith("000"))
            if shape in shapes and not amount and pattern.fullmatch(digits):
                return size, "phone"
    return 0, ""


def _stands_alone(run: Run, first: int, last: int) -> bool:
    """Whether nothing but blanks parts the groups from those around, and more parts them within."""
    outer = [run.separators[i] for i in (first - 1, last) if 0 <= i < len(run.separators)]
    if not outer:
        return True
    within = run.separators[first:last]
    return all(map(_BLANK.fullmatch, outer)) and not all(map(_BLANK.fullmatch, within))


def _as_a_whole(run: Run, announced: str | None) -> str:
    """What a run is that no grouping gives away: ``phone``, ``ssn`` or nothing."""
    digits, shape = run.digits, run.shape
    if shape[:3] in _DATE_SHAPES and _DATE.match("".join(g.digits for g in run.groups[:3])):
        return ""
    if announced == "ssn" and len(digits) == 9 and _SSN.fullmatch(digits):
        return "ssn"
    if announced == "phone" and 7 <= len(digits) <= 15:
        return "phone"
    if run.spoken or announced == "other":
        return ""
    if len(shape) == 1:
        return "phone" if _UNBROKEN.fullmatch(digits) else ""
    # With the trunk prefix 0, as in most of the world: 020 7946 0958, 06 1234 5678, 010-12345678.
    trunk = digits[0] == "0" and digits[1] != "0" and 9 <= len(digits) <= 12
    return "phone" if trunk and 2 <= shape[0] <= 5 and min(shape) >= 2 else ""
