"""Telling payment cards, phone numbers and other personal numbers from the rest.

Order, case and reservation numbers must survive, since scorers and reviewers need them. So a number
is personal only if its check digit and grouping say so, or a word before it announces it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from autoqa.privacy.announced import Announced
from autoqa.privacy.digits import MAX_DIGITS, Run, luhn
from autoqa.privacy.kinds import Kind

FEWEST_UNANNOUNCED = 7
"""Digits of a number that its own look can give away."""

_MOST_OF_A_PHONE = 15  # ITU-T E.164

# What a number is whose announcement is all there is to tell: kind, fewest and most digits.
_AS_ANNOUNCED = {
    Announced.CVV: (Kind.CVV, 3, 4),
    Announced.CODE: (Kind.CODE, 4, 10),
    Announced.ACCOUNT: (Kind.ACCOUNT, 6, 24),
    Announced.IBAN: (Kind.ACCOUNT, 10, 30),
    Announced.ID: (Kind.ID, 7, 9),
}

# A card among these digits would be chance.
_NOT_CARDS = (Announced.OTHER, Announced.ACCOUNT, Announced.IBAN, Announced.ID, Announced.PHONE)
_USUAL_LENGTHS = (15, 16, 19)
_WITH_EXPIRY = 9  # digits after a card that is read aloud: month, year and security code
_SURE_LENGTH = 15  # digits from which an announcement alone makes a card
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
_SURE_SHAPES = frozenset({(3, 2, 4), (3, 3, 4), (1, 3, 3, 4), (3, 4, 4)})  # whatever is announced
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
_PLAIN = re.compile(r"[ \t\u00a0\u2009\u202f\-\u2010-\u2015]+")
_BLANK = re.compile(r"[ \t\u00a0\u2009\u202f(]+")


def card_at(run: Run, index: int, announced: Announced | None = None) -> int:
    """Return how many groups from `index` on are a payment card: 0 if none.

    The network's first digits, its lengths and the check digit must agree, and the groups must be
    such as people write: one, fours, 4-6-5, or read aloud in groups of at most four. A number that
    is announced as a card may have a rare length and need not check, since people and speech
    recognition mistake digits. Within other digits that are read aloud, or announced as something
    else, one in ten would check by chance: such a run is a card as a whole, or begins with one that
    little follows.
    """
    start = run.offsets[index]
    left = len(run.digits) - start
    is_card = announced is Announced.CARD
    lengths = card_lengths(run.digits[start : start + 4], rare=is_card)
    for length in sorted(lengths, key=lambda length: length != left):  # all that is said, first
        last = run.ending.get(start + length)
        if last is None or not _written_as_card(run, index, last):
            continue
        if not luhn(run.digits[start : start + length]):
            continue
        whole = index == 0 and length == left
        if announced in _NOT_CARDS:
            may_be = whole and length in _USUAL_LENGTHS
        else:
            may_be = is_card or not run.spoken or (index == 0 and left - length <= _WITH_EXPIRY)
        if may_be:
            return last - index + 1
    whole = index == 0 and left in lengths and left >= _SURE_LENGTH
    if whole and is_card and _written_as_card(run, 0, len(run.groups) - 1):
        return len(run.groups)
    return 0


def card_lengths(digits: str, *, rare: bool = True) -> tuple[int, ...]:
    """Lengths that the network of the first four digits uses, the likeliest first."""
    if len(digits) < 4:
        return ()
    two, three, four = int(digits[:2]), int(digits[:3]), int(digits)
    if digits[0] == "4":
        return (16, 13, 19) if rare else (16,)
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return (16,)
    if two in (34, 37):
        return (15,)
    if 300 <= three <= 305 or two in (36, 38, 39):
        return (14, 16, 19) if rare else (14, 16)
    if 3528 <= four <= 3589 or four == 6011 or two in (62, 64, 65):
        return (16, 17, 18, 19) if rare else (16, 19)
    if two in (50, 56, 57, 58, 60, 63, 67):
        return (16, 19, 18, 17, 15, 14, 13) if rare else (16, 19)
    return ()


def _written_as_card(run: Run, first: int, last: int) -> bool:
    shape = run.shape[first : last + 1]
    if len(shape) == 1 or run.spoken:
        return True
    kinds = {_INVISIBLE.sub("", separator) for separator in run.separators[first:last]}
    if len(kinds - {""}) > 1:
        return False
    return max(shape) <= 4 or shape in _CARD_SHAPES


def numbers_in(
    run: Run, announced: Announced | None, *, plus: bool = False
) -> Iterator[tuple[int, int, Kind]]:
    """Yield ``(first group, last group, kind)`` for each number found in a run."""
    stays = announced is Announced.OTHER
    found = [] if run.spoken else list(_by_grouping(run, plus=plus, stays=stays))
    if announced in _AS_ANNOUNCED:
        kind, fewest, most = _AS_ANNOUNCED[announced]
        whole = fewest <= len(run.digits) <= most
        if whole and not (announced is Announced.CODE and found) and not _is_figure(run):
            yield 0, len(run.groups) - 1, kind
            return
    unbroken = None if found else _as_a_whole(run, announced)
    if unbroken is not None:
        yield 0, len(run.groups) - 1, unbroken
    yield from found


def _by_grouping(run: Run, *, plus: bool, stays: bool) -> Iterator[tuple[int, int, Kind]]:
    index = 0
    fresh = True  # nothing but found numbers so far, so that a prefix may start the next
    while index < len(run.groups):
        size, kind = 0, Kind.PHONE
        if fresh:
            signed = plus and index == 0
            size = _international_at(run, index, plus=signed)
            # Order numbers begin with zeros, too.
            size = size if signed or not stays else 0
        if not size:
            size, kind = _number_at(run, index, stays=stays)
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


def _number_at(run: Run, index: int, *, stays: bool) -> tuple[int, Kind]:
    for size in (4, 3, 2):
        shape = run.shape[index : index + size]
        if len(shape) < size or shape not in (_SURE_SHAPES if stays else _SHAPES):
            continue
        if not _stands_alone(run, index, index + size - 1):
            continue
        part = run.part(index, index + size)
        digits, separators = part.digits, set(part.separators)
        if shape == (3, 2, 4) and len(separators) == 1 and _SSN.fullmatch(digits):
            return size, Kind.SSN
        for pattern, shapes in _NATIONAL:
            if shape in shapes and pattern.fullmatch(digits) and not _is_amount(part):
                return size, Kind.PHONE
    return 0, Kind.PHONE


def _stands_alone(run: Run, first: int, last: int) -> bool:
    """Whether nothing but blanks parts the groups from those around, and more parts them within."""
    outer = [run.separators[i] for i in (first - 1, last) if 0 <= i < len(run.separators)]
    if not outer:
        return True
    within = run.separators[first:last]
    return all(map(_BLANK.fullmatch, outer)) and not all(map(_BLANK.fullmatch, within))


def _as_a_whole(run: Run, announced: Announced | None) -> Kind | None:
    """What a run is that no grouping gives away."""
    digits, shape = run.digits, run.shape
    if len(digits) < FEWEST_UNANNOUNCED or _is_date(run) or _is_version(run):
        return None
    if announced is Announced.SSN and len(digits) == 9 and _SSN.fullmatch(digits):
        return Kind.SSN
    if announced is Announced.PHONE and len(digits) <= _MOST_OF_A_PHONE:
        return Kind.PHONE
    if run.spoken or announced is Announced.OTHER:
        return None
    if len(shape) == 1:
        return Kind.PHONE if _UNBROKEN.fullmatch(digits) else None
    # With the trunk prefix 0, as in most of the world: 020 7946 0958, 06 1234 5678, 010-12345678.
    trunk = digits[0] == "0" and digits[1] != "0" and 9 <= len(digits) <= 12
    return Kind.PHONE if trunk and 2 <= shape[0] <= 5 and min(shape) >= 2 else None


def may_be_dialled(run: Run) -> bool:
    """Whether to ask a library of phone numbers about groups of digits."""
    return (
        len(run.groups) > 1
        and FEWEST_UNANNOUNCED <= len(run.digits) <= _MOST_OF_A_PHONE
        and not _is_date(run)
        and not _is_amount(run)
        and not _is_version(run)
    )


def _is_amount(run: Run) -> bool:
    """Dots between threes, and thousands that end in zeros, are amounts."""
    thousands = set(run.shape[1:]) == {3}
    return thousands and (set(run.separators) == {"."} or run.digits.endswith("000"))


def _is_version(run: Run) -> bool:
    """Whether groups are a version or a network address: 10.15.7.2, 192.168.100.200."""
    dotted = len(run.groups) in (3, 4) and set(run.separators) == {"."}
    return dotted and max(run.shape) <= 3 and run.shape != (3, 3, 3)


def _is_figure(run: Run) -> bool:
    """Whether groups are a date, a time, an amount or a version: not parted by blanks or dashes."""
    return _is_date(run) or not all(map(_PLAIN.fullmatch, run.separators))


def _is_date(run: Run) -> bool:
    return run.shape[:3] in _DATE_SHAPES and bool(
        _DATE.match("".join(group.digits for group in run.groups[:3]))
    )
