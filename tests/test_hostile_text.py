"""Every pattern that ships answers within a second of processor time on 1 MB of hostile text.

A pattern that backtracks takes minutes there. So every compiled pattern of every module is run
over texts that such patterns stumble on: endless runs of one kind of character, starts of matches
that never end, and the pattern's own words over and over. The second is counted in rounds of a
search that is known to be fast, made just before, so that a slow machine changes nothing.
"""

from __future__ import annotations

import gc
import importlib
import inspect
import pkgutil
import re
import time
from collections.abc import Callable, Iterator, Mapping
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
A_SECOND = 25  # yardsticks: one takes .04 s where nothing else runs
AT_ONCE_S = 0.4  # on any machine: no yardstick is needed
LINEAR = 8  # times longer on four times the text: 4 for linear time, 16 for its square
ATTEMPTS = 3  # the fastest counts: work beside it slows a process down
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


def seconds_for(work: Callable[..., object], *args: object) -> float:
    """Processor time of some work, without what collecting others' garbage takes meanwhile."""
    collects = gc.isenabled()
    gc.disable()
    try:
        # Told afterwards: a signal that interrupts ends a process in which encoders have run.
        started = time.thread_time()
        work(*args)
        return time.thread_time() - started
    finally:
        if collects:
            gc.enable()


def yardstick_s() -> float:
    """Processor time of a search over 1 MB that is known to be fast."""
    plain, text = re.compile(r"\b(\w+)[ ,]+(?=\d)"), repeated("one two, 34 ", SIZE)
    return seconds_for(plain.findall, text)


def within_a_second(work: Callable[..., object], *args: object) -> float:
    """Processor time of some work, refused where it is more than a second, in yardsticks."""
    for _ in range(ATTEMPTS):
        taken = seconds_for(work, *args)
        if taken < AT_ONCE_S or taken < A_SECOND * yardstick_s():
            return taken
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


def search(shipped: Shipped, text: str) -> None:
    """Look for a match at the start of a text, one of all of it, and every match."""
    pattern = shipped.pattern
    content = text.encode() if isinstance(pattern.pattern, bytes) else text
    pattern.match(content)
    pattern.fullmatch(content)
    if not shipped.anchored:
        for _ in pattern.finditer(content):
            pass


def repeated(unit: str, size: int) -> str:
    return (unit * (size // len(unit) + 1))[:size]


def too_slow(shipped: Shipped) -> str | None:
    """A unit over which a pattern takes too long, if there is one.

    What takes the square of the length stands out on the small text already.
    """

    def seconds(unit: str, size: int) -> float:
        # The last character keeps what could match to the end from doing so.
        text = repeated(unit, size) + "\u0001"
        return within_a_second(search, shipped, text)

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

    def look_for_all(turns) -> None:
        for doc in turns:
            book.find(doc, book.events)

    look_for_all(docs("warm up: not one, two."))  # patterns are made once
    phrases = " ".join(book.events).replace("_", " ")
    for text in (*hostile(), repeated(phrases, SIZE)):
        within_a_second(look_for_all, docs(text))


@pytest.mark.slow
def test_redaction_takes_time_in_proportion_to_hostile_text():
    for unit in UNITS:
        redact_text(repeated(unit, 1_000))  # loads what it needs
        quarter, whole = (
            min(seconds_for(redact_text, repeated(unit, size)) for _ in range(ATTEMPTS))
            for size in (12_000, 48_000)
        )
        assert whole < LINEAR * quarter + yardstick_s(), unit


@pytest.mark.slow
def test_encodings_are_guessed_fast_on_hostile_text():
    for text in hostile():
        content = text.encode()
        within_a_second(western_text, content)


@pytest.mark.slow
def test_the_checks_of_a_conversation_are_fast_on_hostile_text():
    for text in hostile():
        turns = (Turn(speaker="agent", text=f"{text}."), Turn(speaker="customer", text=text))
        talk = LabelledTranscript(transcript=Transcript(conversation_id="c", turns=turns))
        within_a_second(checked, talk, [])
