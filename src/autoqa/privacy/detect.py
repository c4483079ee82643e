"""Where personal values stand in one text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from autoqa.privacy.announced import Announced, announced_as, announcements
from autoqa.privacy.digits import FEWEST_DIGITS, Run, number_words, spoken_runs, written_runs
from autoqa.privacy.emails import spoken_emails, written_emails
from autoqa.privacy.identity import said_ids, spelled_codes, written_ibans, written_ids
from autoqa.privacy.kinds import PRIORITY, Finding, Kind, placeholders
from autoqa.privacy.near_cards import near_cards
from autoqa.privacy.numbers import FEWEST_UNANNOUNCED, card_at, may_be_dialled, numbers_in
from autoqa.privacy.passwords import (
    answered_passwords,
    stored_password,
    told_codes,
    told_passwords,
)
from autoqa.privacy.phones import is_phone, library_phones, regions_of, same_phone

PASSES = 8
"""Ordinary text needs two or three; hostile text must not have as many as it likes."""

_PLUS = ("+", "\uff0b")
_DIGIT = re.compile(r"\d")
# What a password or a spoken address cannot do without; looking for words is faster than a pattern.
_MAY_SPEAK = (
    *(
        "arroba",
        "chiocciola",
        " dot ",
        "艾特",
        "圈a",
        "password",
        "passphrase",
        "contrase",
        "clave",
    ),
    *("parola", "pass word", "pass phrase", "secret word", "code word", "codeword"),
    *("palabra secreta", "密码", "口令"),
)
_MAY_BE_PHONES = (None, Announced.PHONE, Announced.EITHER)
_CVV_DIGITS = 3
MAY_BE_SAID = 4
"""Digits of a card, the last ones, that may be said."""

_FEWEST_WORDS = 2  # of a number that is read aloud
_LIBRARY_CALLS = 64  # numbers of one text that the library is asked about: it is slow


@dataclass(frozen=True, slots=True)
class Clues:
    """What is known of a text from outside of it.

    Attributes
    ----------
    before : str
        What announces it: the key of a JSON value, or the question that a turn answers.
    language : str
        BCP 47; empty where it is not known.
    card_near : bool
        Whether a card was mentioned shortly before.
    answers : bool
        Whether `before` is a question.
    known : mapping of str to (kind, value)
        Numbers, as digits, and passwords found elsewhere in the conversation.
    """

    before: str = ""
    language: str = ""
    card_near: bool = False
    answers: bool = False
    known: Mapping[str, tuple[Kind, str]] = field(default_factory=dict)


NO_CLUES = Clues()


def may_hold(text: str) -> bool:
    """Whether to look closer, but for passwords; most turns are told apart by this alone."""
    return bool(
        _DIGIT.search(text)
        or "@" in text
        or "\uff20" in text
        or _may_be_address(text)
        or number_words(text) >= _FEWEST_WORDS
    )


def mentions_password(text: str) -> bool:
    """Whether a text may ask for a password, or hold one, or an address read aloud."""
    low = text.lower()
    return any(word in low for word in _MAY_SPEAK)


def _may_be_address(text: str) -> bool:
    """Whether a text may hold ``john.smith at example.com``."""
    return "." in text and " at " in text


def find_personal(text: str, clues: Clues = NO_CLUES) -> list[Finding]:
    """Return the findings in a text, left to right, without overlap.

    Placeholders that stand in it are left as they are. What a mask brings near enough to its
    announcement is found as well, so that masked text has no findings of its own.
    """
    if not clues.before and not may_hold(text) and not mentions_password(text):
        return []
    there = placeholders(text)
    found = there
    for _ in range(PASSES):
        more = find_once(mask(text, found), clues)
        if not more:
            break
        found = sorted([*found, *to_original(more, found)])
    return [finding for finding in found if finding.value]


def mask(text: str, findings: list[Finding]) -> str:
    """Return the text with its findings masked, without tags."""
    if not findings:
        return text
    parts = []
    end = 0
    for finding in findings:
        parts += [text[end : finding.start], finding.mask]
        end = finding.end
    return "".join((*parts, text[end:]))


def to_original(more: list[Finding], earlier: list[Finding]) -> Iterator[Finding]:
    """Move findings in masked text to where they stand in the text before masking."""
    shift = index = 0
    for finding in more:
        while index < len(earlier) and earlier[index].start < finding.start + shift:
            shift += earlier[index].end - earlier[index].start - len(earlier[index].mask)
            index += 1
        yield Finding(finding.start + shift, finding.end + shift, finding.kind, finding.value)


def without_overlap(found: list[Finding]) -> list[Finding]:
    """Return findings in order; where two overlap, the kind that comes first in `Kind`."""
    kept: list[Finding] = []
    for finding in sorted(found):
        if kept and finding.start < kept[-1].end:
            last = kept[-1]
            longer = finding.kind is last.kind and finding.start == last.start
            if longer or PRIORITY[finding.kind] < PRIORITY[last.kind]:
                kept[-1] = finding
        else:
            kept.append(finding)
    return kept


def find_once(text: str, clues: Clues) -> list[Finding]:
    """Return what one look at a text finds; it may hold placeholders without tags."""
    found: list[Finding] = []
    if "@" in text or "\uff20" in text:
        found.extend(written_emails(text))
    digits = _DIGIT.search(text) is not None
    words = number_words(text)
    if digits:
        found.extend(written_ibans(text))
        found.extend(written_ids(text))
        found.extend(_written(text, clues))
    if words >= _FEWEST_WORDS or (words and digits):
        found.extend(_spoken(text, clues))
    if digits or words >= _FEWEST_WORDS:
        found.extend(near_cards(text, clues.before, card_near=clues.card_near))
    if digits or words:
        found.extend(spelled_codes(text, clues.before))
        found.extend(told_codes(text, clues.before))
    if mentions_password(text) or "@" in text or _may_be_address(text):
        found.extend(spoken_emails(text, clues.before))
        found.extend(told_passwords(text))
    if clues.known:
        found.extend(_repeated(text, clues))
    if clues.before and not clues.answers:
        found.extend(stored_password(text, clues.before))
    if clues.answers:
        found.extend(answered_passwords(text, clues.before))
    return without_overlap(found)


def _written(text: str, clues: Clues) -> Iterator[Finding]:
    calls = _LIBRARY_CALLS
    # Short numbers are personal where something says so.
    told = bool(announcements(text) or clues.before or clues.known)
    fewest = FEWEST_DIGITS if told else FEWEST_UNANNOUNCED
    for run in written_runs(text):
        if len(run.digits) < fewest:
            continue
        found = list(_numbers(text, run, clues))
        yield from found
        if found or not calls or not may_be_dialled(run):
            continue
        if announced_as(text, run.start, clues.before) in _MAY_BE_PHONES:
            calls -= 1
            start = _with_prefix(text, run.start, run.end)
            yield from library_phones(text, start, run.end, regions_of(clues.language))


def _spoken(text: str, clues: Clues) -> Iterator[Finding]:
    told = bool(announcements(text) or clues.before or clues.known)
    fewest = FEWEST_DIGITS if told else FEWEST_UNANNOUNCED
    for run in spoken_runs(text):
        if len(run.digits) >= fewest:
            yield from said_ids(text, run, clues.before)
            yield from _numbers(text, run, clues)


def _numbers(text: str, run: Run, clues: Clues) -> Iterator[Finding]:
    """Find cards in a run of digit groups, then other numbers in what is left of it."""
    first = index = 0
    announced = announced_as(text, run.start, clues.before)
    while index < len(run.groups):
        count = card_at(run, index, announced)
        if count:
            card = run.part(index, index + count)
            yield Finding(card.start, card.end, Kind.CARD, card.digits)
            yield from _other_numbers(text, run.part(first, index), clues)
            first = index + count
        index += count or 1
    yield from _other_numbers(text, run.part(first, len(run.groups)), clues)


def _other_numbers(text: str, run: Run, clues: Clues) -> Iterator[Finding]:
    for part in run.split():
        if len(part.digits) < FEWEST_DIGITS:
            continue
        if known := clues.known.get(part.digits) or _part_of_card(part.digits, clues):
            start = _with_prefix(text, part.start, part.end)
            yield Finding(start, part.end, *known)
            continue
        announced = announced_as(text, part.start, clues.before)
        if announced is Announced.EITHER:
            regions = regions_of(clues.language)
            announced = Announced.PHONE if is_phone(part.digits, regions) else None
        if announced is Announced.CODE and len(part.digits) == _CVV_DIGITS and clues.card_near:
            announced = Announced.CVV  # "the security code"
        plus = text[max(0, part.start - 2) : part.start].strip(" (\uff08")[-1:] in _PLUS
        for first, last, kind in numbers_in(part, announced, plus=plus):
            start, end = part.groups[first].start, part.groups[last].end
            value = part.part(first, last + 1).digits
            if kind is Kind.PHONE:
                value = same_phone(f"{'+' * plus}{value}", regions_of(clues.language))
                start = _with_prefix(text, start, end)
            yield Finding(start, end, kind, value)


def _part_of_card(digits: str, clues: Clues) -> tuple[Kind, str] | None:
    """Return the known card that digits are a part of; its last four may be said."""
    if len(digits) <= MAY_BE_SAID:
        return None
    for known in clues.known.values():
        if known[0] is Kind.CARD and digits in known[1]:
            return known
    return None


def _repeated(text: str, clues: Clues) -> Iterator[Finding]:
    """Yield passwords that were found elsewhere."""
    for word, known in clues.known.items():
        if not word.isdecimal() and word in text:
            for match in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", text):
                yield Finding(match.start(), match.end(), *known)


def _with_prefix(text: str, start: int, end: int) -> int:
    """Take in the plus and the opening bracket before a phone number."""
    bracketed = re.search(r"[)\uff09]", text[start:end]) is not None
    while start and (text[start - 1] in _PLUS or (bracketed and text[start - 1] in "(\uff08")):
        start -= 1
    return start
