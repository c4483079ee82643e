"""Numbers as people write and say them: groups of digits, and number words in four languages.

Everything here takes time linear in the text: patterns are runs of disjoint character classes, and
what needs judgement is decided on the groups found, at most `MAX_DIGITS` of them at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import NamedTuple

from autoqa.privacy.number_words import (
    ANY,
    CHINESE_DIGITS,
    FILLERS,
    LINKS,
    NUMBER_WORDS,
    ZH,
    Place,
    Said,
)

MAX_DIGITS = 19  # the longest payment card
FEWEST_DIGITS = 3  # of a number that may be personal

# Spaces of any width, dashes of any kind, dots, slashes, brackets, and invisible characters that
# would otherwise let a number slip through.
_SEPARATORS = (
    r" \t\u00a0\u2009\u202f\u200b-\u200d\u2060\u00ad.,\-\u2010-\u2015\uff0d/()\uff08\uff09"
)
_RUN = re.compile(rf"(?<![A-Za-z0-9_])\d+(?:[{_SEPARATORS}]{{1,3}}\d+)*(?![A-Za-z0-9_])")
_GROUP = re.compile(r"\d+")
_AND = "&"  # between groups that are read aloud
_BREAK = re.compile(rf"[,/{_AND}]|\.\s|\s\.")

_DOUBLED = str.maketrans("0123456789", "0246813579")  # twice a digit, its own digits added up

_CHINESE = "".join(CHINESE_DIGITS)
_TOKEN = re.compile(
    rf"[A-Za-z\u00c0-\u024f]+|[{_CHINESE}]|(?<![A-Za-z0-9_])\d{{1,4}}(?![A-Za-z0-9_])"
)
_LATIN = re.compile(r"[a-z\u00c0-\u024f]+")
_SPOKEN_GAP = re.compile(r"[ \t,.\-\u2010-\u2015、，…]{0,3}")
_CLOSE_GAP = re.compile(r"[ \-]")  # between "forty" and "one"


class Group(NamedTuple):
    """One group of digits: characters [start, end) of the text."""

    start: int
    end: int
    digits: str


@dataclass(frozen=True)
class Run:
    """Groups of digits with nothing but separators between them."""

    groups: tuple[Group, ...]
    separators: tuple[str, ...]  # one fewer than groups
    spoken: bool = False

    @cached_property
    def digits(self) -> str:
        """All digits of the run."""
        return "".join(group.digits for group in self.groups)

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Where each group starts in `digits`."""
        return (0, *accumulate(self.shape))[:-1]

    @cached_property
    def ending(self) -> dict[int, int]:
        """Index of the group that ends at an offset of `digits`."""
        return {end: index for index, end in enumerate(accumulate(self.shape))}

    @property
    def start(self) -> int:
        """Index of the first character."""
        return self.groups[0].start

    @property
    def end(self) -> int:
        """Index after the last character."""
        return self.groups[-1].end

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Digits per group."""
        return tuple(len(group.digits) for group in self.groups)

    def part(self, first: int, end: int) -> Run:
        """Return groups [first, end) as a run."""
        return Run(
            self.groups[first:end], self.separators[first : max(first, end - 1)], self.spoken
        )

    def split(self) -> Iterator[Run]:
        """Yield the parts between commas, slashes, ends of sentences and a spoken "and"."""
        first = 0
        for index, separator in enumerate(self.separators):
            if _BREAK.search(separator):
                yield self.part(first, index + 1)
                first = index + 1
        if first < len(self.groups):
            yield self.part(first, len(self.groups))


def written_runs(text: str) -> Iterator[Run]:
    """Yield every maximal run of digit groups that is long enough, left to right."""
    for match in _RUN.finditer(text):
        if match.end() - match.start() < FEWEST_DIGITS:
            continue
        found = list(_GROUP.finditer(text, match.start(), match.end()))
        groups = tuple(Group(g.start(), g.end(), _ascii(g.group())) for g in found)
        between = pairwise(found)
        yield Run(groups, tuple(text[a.end() : b.start()] for a, b in between))


def number_words(text: str) -> int:
    """Return how many words (in Chinese, characters) of a text are numbers."""
    count = 0
    if not text.isascii() and not CHINESE_DIGITS.keys().isdisjoint(text):
        count = sum(character in CHINESE_DIGITS for character in text)
    words = _LATIN.findall(text.lower())
    if not NUMBER_WORDS.keys().isdisjoint(words):
        count += sum(word in NUMBER_WORDS for word in words)
    return count


def spoken_runs(text: str) -> Iterator[Run]:
    """Yield every run of numbers read aloud (``four one double one``), words or fillers needed.

    A run is in one language; digits that are written belong to any.
    """
    reader = _Reader()
    for match in _TOKEN.finditer(text):
        if reader.end < 0 and not _begins(match.group()):
            continue
        if not reader.follows(text, match.start()):
            yield from reader.finished()
        if not reader.take(text, match):
            yield from reader.finished()
            # What ends a run may begin the next, as where the language changes.
            reader.take(text, match)
    yield from reader.finished()


def _begins(token: str) -> bool:
    """Whether a run may begin with a token; most words of a text are told apart by this alone."""
    return token[0].isdecimal() or token.lower() in NUMBER_WORDS or token in CHINESE_DIGITS


class _Reader:
    """Puts number words together, one token at a time."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.groups: list[Group] = []
        self.separators: list[str] = []  # before each group
        self.separator = " "
        self.spoken = False  # whether a word was among them
        self.languages = ANY
        self.open: Place | None = None  # what the last group still takes in
        self.times: tuple[int, int] | None = None  # how often the next digit, said from where
        self.end = -1

    def follows(self, text: str, start: int) -> bool:
        """Whether nothing but a pause lies between the last token and the next."""
        return self.end < 0 or _SPOKEN_GAP.fullmatch(text, self.end, start) is not None

    def finished(self) -> Iterator[Run]:
        """Yield the run so far, if it was spoken, and begin anew."""
        if self.spoken and self.groups:
            yield Run(tuple(self.groups), tuple(self.separators[1:]), spoken=True)
        self._clear()

    def take(self, text: str, match: re.Match[str]) -> bool:
        """Add a token; return whether it belongs to the run."""
        token = match.group()
        if token[0].isdigit() and token not in CHINESE_DIGITS:
            self._add(match, _ascii(token), None)
            return True
        word = token.lower()
        said = _CHINESE_SAID.get(word) or NUMBER_WORDS.get(word)
        if said is None or not said.languages & self.languages or (word == "o" and self.end < 0):
            return self._between(word, match)
        if said.place in (Place.HUNDRED, Place.THOUSAND):
            return self._multiplied(match, said)
        self.languages &= said.languages
        if said.place is Place.TIMES:
            self.times = (int(said.digits), match.start())
            self.open, self.end = None, match.end()
            return True
        self.spoken = True
        if not self._joined(text, match, said):
            self._add(match, said.digits, said.place)
        return True

    def _between(self, word: str, match: re.Match[str]) -> bool:
        """Go on over "uh" and the "y" of "treinta y uno"."""
        if not self.groups or word not in FILLERS:
            return False
        if word in LINKS:
            self.separator = _AND
        if not LINKS.get(word, 0) & self.languages:
            self.open = None
        self.spoken = True
        self.end = match.end()
        return True

    def _multiplied(self, match: re.Match[str], said: Said) -> bool:
        if not self.groups or self.open is not Place.UNIT:
            return False
        last = self.groups.pop()
        self.groups.append(Group(last.start, match.end(), last.digits + said.digits))
        # After "eight hundred", further digits of a phone number follow one by one.
        self.open = Place.HUNDREDS if said.place is Place.THOUSAND else None
        self.end = match.end()
        return True

    def _joined(self, text: str, match: re.Match[str], said: Said) -> bool:
        """Take "one" into the "forty" before it."""
        if self.open not in (Place.TENS, Place.HUNDREDS) or self.times or said.digits == "0":
            return False
        last = self.groups[-1]
        room = len(last.digits) - len(last.digits.rstrip("0"))
        linked = self.end > last.end or _CLOSE_GAP.fullmatch(text, self.end, match.start())
        if not linked or len(said.digits) > room:
            return False
        digits = last.digits[: -len(said.digits)] + said.digits
        self.groups[-1] = Group(last.start, match.end(), digits)
        self.separator = " "
        self.open, self.end = said.place, match.end()
        return True

    def _add(self, match: re.Match[str], digits: str, place: Place | None) -> None:
        times, start = self.times or (1, match.start())
        self.groups.append(Group(start, match.end(), digits * times))
        self.separators.append(self.separator)
        self.separator = " "
        self.times, self.open, self.end = None, place, match.end()


_CHINESE_SAID = {sign: Said(digit, Place.WHOLE, ZH) for sign, digit in CHINESE_DIGITS.items()}


def luhn(digits: str) -> bool:
    """Whether the last digit checks the others, as on payment cards (ISO/IEC 7812)."""
    plain = sum(map(int, digits[-1::-2]))
    doubled = sum(map(int, digits[-2::-2].translate(_DOUBLED)))
    return (plain + doubled) % 10 == 0


def _ascii(digits: str) -> str:
    """Digits of any script as 0-9."""
    return digits if digits.isascii() else "".join(str(int(digit)) for digit in digits)
