"""Every pattern that ships answers within a second of processor time on 1 MB of hostile text.

A pattern that backtracks takes minutes there. So every compiled pattern of every module is run
over texts that such patterns stumble on: endless runs of one kind of character, starts of matches
that never end, and the pattern's own words over and over.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import NamedTuple

import pytest

import autoqa
from autoqa.features.batch import Batch
from autoqa.privacy import redact_text
from autoqa.readers.checks import checked
from autoqa.readers.encodings import western_text
from autoqa.records import LabelledTranscript, Transcript, Turn
from autoqa.scorers.phrasebook import phrase_book

SIZE = 1_000_000
SMALL = 8_000
LIMIT_S = 2.0  # a second where nothing else runs: work beside it slows a process down, too
LINEAR = 8  # times longer on four times the text: 4 for linear time, 16 for its square
SLOWEST = 2  # units that a pattern is tried on in full

UNITS = (
    *" 0aAé.-_@:\n\t<>\"\\([#¿'", "a ", "a@", "a.", "a-", "0 ", "0-", "0.", "0,", "A0", "a0",
    "0:00 ", "0:00:00.0 --> ", "[0:00] ", "agent: ", "Agent (a", "<a ", "</", "[(", "http://a.",
    "a@a.a,", "+1 ", "one two ", "four-four ", "not I did not ", "no, ", "don't ", "?! ", "> ",
    ">> On a wrote:\n", "===\n", "没有", "客服：", "一二", "** ", "&#", "\u200b", "\u202e",
    "🙏", "0\u200b", "\r\n", "x=", '{"a":', '"a', "IBAN ES00 ", "4111 1111 ", "ext. ", "word\n\n",
)  # fmt: skip

BOUNDED = {
    "autoqa.privacy.announced._ANNOUNCED": "searched in the few words before a number",
    "autoqa.readers.email_threads._ADDRESS": "searched in the one line above a quotation",
    "autoqa.reports.charts._DECIMALS": "replaced in charts that we drew",
}
"""Patterns that are run on short texts alone: by which one."""


class TooSlowError(Exception):
    """Raised where a pattern is at it for longer than the limit."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Refuse what takes more processor time."""
    # Told afterwards: a signal that interrupts ends a process in which encoders have run.
    started = time.thread_time()
    yield
    if time.thread_time() - started > seconds:
        raise TooSlowError


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(autoqa.__path__, "autoqa."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def patterns_in(value, depth: int = 3) -> Iterator[re.Pattern]:
    """The compiled patterns in a module's value, in containers too."""
    if isinstance(value, re.Pattern):
        yield value
    elif depth and isinstance(value, Mapping):
        for inner in (*value.keys(), *value.values()):
            yield from patterns_in(inner, depth - 1)
    elif depth and isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from patterns_in(inner, depth - 1)


class Shipped(NamedTuple):
    """A pattern, and whether it is only ever tried at one place of a text."""

    pattern: re.Pattern
    anchored: bool


def all_patterns() -> dict[str, Shipped]:
    """Every pattern by where it stands."""
    found: dict[re.Pattern, str] = {}
    sources: dict[str, str] = {}
    for module in modules():
        sources[module.__name__] = inspect.getsource(module)
        for name, value in vars(module).items():
            for n, pattern in enumerate(patterns_in(value)):
                found.setdefault(pattern, f"{module.__name__}.{name}" + (f"[{n}]" if n else ""))
    everything = "\n".join(sources.values())

    def is_anchored(place: str) -> bool:
        module, _, name = place.rpartition(".")
        text = sources[module] if name.startswith("_") else everything
        uses = re.findall(rf"\b{re.escape(name)}\b(?! =)(?:\.(\w+))?", text)
        return bool(uses) and set(uses) <= {"match", "fullmatch"}

    return {place: Shipped(pattern, is_anchored(place)) for pattern, place in found.items()}


def own_words(pattern: re.Pattern) -> str:
    """The words that a pattern looks for, one after the other: its matches begin everywhere."""
    source = pattern.pattern
    text = source.decode("latin-1") if isinstance(source, bytes) else source
    return " ".join(re.findall(r"[^\W_]{2,}", re.sub(r"\\.", " ", text))) or "x"


def seconds_for(shipped: Shipped, text: str) -> float:
    """Processor time for a match at the start of a text, one of all of it, and every match."""
    pattern = shipped.pattern
    content = text.encode() if isinstance(pattern.pattern, bytes) else text
    started = time.process_time()
    pattern.match(content)
    pattern.fullmatch(content)
    if not shipped.anchored:
        for _ in pattern.finditer(content):
            pass
    return time.process_time() - started


def repeated(unit: str, size: int) -> str:
    return (unit * (size // len(unit) + 1))[:size]


def too_slow(shipped: Shipped) -> str | None:
    """A unit over which a pattern takes too long, if there is one.

    What takes the square of the length stands out on the small text already.
    """

    def seconds(unit: str, size: int) -> float:
        with at_most(LIMIT_S):
            # The last character keeps what could match to the end from doing so.
            return seconds_for(shipped, repeated(unit, size) + "\u0001")

    words = own_words(shipped.pattern)
    unit = ""
    try:
        taken = {unit: seconds(unit, SMALL) for unit in (*UNITS, words, words.replace(" ", ""))}
        for unit in sorted(taken, key=lambda unit: -taken[unit])[:SLOWEST]:
            seconds(unit, SIZE)
    except TooSlowError:
        return unit[:40] or "already on the small text"
    return None


@pytest.mark.slow
def test_every_compiled_pattern_is_fast_on_hostile_text():
    found = all_patterns()
    assert len(found) > 100
    assert found.keys() >= BOUNDED.keys()
    tried = {place: p for place, p in found.items() if place not in BOUNDED}
    assert {place: unit for place, p in tried.items() if (unit := too_slow(p)) is not None} == {}


def hostile() -> list[str]:
    return [repeated(unit, SIZE) for unit in UNITS]


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "es", "it", "zh"])
def test_every_event_of_a_phrase_book_is_looked_for_fast_in_hostile_text(language):
    book = phrase_book(language)

    def docs(text: str):
        turn = Turn(speaker="agent", text=text)
        talk = Transcript(conversation_id="c", turns=(turn,), language=language)
        return Batch([talk]).docs[0]

    for doc in docs("warm up: not one, two."):
        book.find(doc, book.events)  # patterns are made once
    phrases = " ".join(book.events).replace("_", " ")
    for text in (*hostile(), repeated(phrases, SIZE)):
        found = docs(text)
        with at_most(LIMIT_S):
            for doc in found:
                book.find(doc, book.events)


@pytest.mark.slow
def test_redaction_takes_time_in_proportion_to_hostile_text():
    def seconds(text: str) -> float:
        started = time.process_time()
        with at_most(LIMIT_S):
            redact_text(text)
        return time.process_time() - started

    for unit in UNITS:
        seconds(repeated(unit, 1_000))  # loads what it needs
        quarter, whole = (
            min(seconds(repeated(unit, size)) for _ in range(3)) for size in (12_000, 48_000)
        )
        assert whole < max(LINEAR * quarter, LIMIT_S / 10), unit


@pytest.mark.slow
def test_encodings_are_guessed_fast_on_hostile_text():
    for text in hostile():
        content = text.encode()
        with at_most(LIMIT_S):
            western_text(content)


@pytest.mark.slow
def test_the_checks_of_a_conversation_are_fast_on_hostile_text():
    for text in hostile():
        turns = (Turn(speaker="agent", text=f"{text}."), Turn(speaker="customer", text=text))
        talk = LabelledTranscript(transcript=Transcript(conversation_id="c", turns=turns))
        with at_most(LIMIT_S):
            checked(talk, [])
