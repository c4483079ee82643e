"""Numbers as people write and say them: groups of digits, and digit words in four languages.

Everything here takes time linear in the text: patterns are runs of disjoint character classes, and
what needs judgement is decided on the groups found, at most `MAX_DIGITS` of them at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

MAX_DIGITS = 19  # the longest payment card

# Spaces of any width, dashes of any kind, dots, slashes, brackets, and invisible characters that
# would otherwise let a number slip through.
_SEPARATORS = (
    r" \t\u00a0\u2009\u202f\u200b-\u200d\u2060\u00ad.,\-\u2010-\u2015\uff0d/()\uff08\uff09"
)
_RUN = re.compile(rf"(?<![A-Za-z0-9_])\d+(?:[{_SEPARATORS}]{{1,3}}\d+)*(?![A-Za-z0-9_])")
_GROUP = re.compile(r"\d+")
_BREAK = re.compile(r"[,/]|\.\s|\s\.")

_WORDS = {
    "0": "zero oh nought cero",
    "1": "one uno una",
    "2": "two dos due",
    "3": "three tres tre",
    "4": "four cuatro quattro",
    "5": "five cinco cinque",
    "6": "six seis sei",
    "7": "seven siete sette",
    "8": "eight ocho otto",
    "9": "nine nueve nove",
}
_CHINESE = dict(zip("零〇一幺二两三四五六七八九", "0011223456789", strict=True))
_DIGIT_OF = {word: digit for digit, words in _WORDS.items() for word in words.split()} | _CHINESE
_TIMES = {"double": 2, "triple": 3, "doble": 2, "doppio": 2, "triplo": 3}
_SPOKEN = re.compile(
    rf"\b(?:{'|'.join((*_TIMES, *(w for w in _DIGIT_OF if w not in _CHINESE)))})\b"
    rf"|[{''.join(_CHINESE)}]|(?<![A-Za-z0-9_])\d{{1,4}}(?![A-Za-z0-9_])",
    re.IGNORECASE,
)
_DOUBLED = str.maketrans("0123456789", "0246813579")  # twice a digit, its own digits added up
_SPOKEN_GAP = re.compile(r"[ \t,.\-]{0,3}")


@dataclass(frozen=True)
class Group:
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
        """Yield the parts between commas, slashes and ends of sentences."""
        first = 0
        for index, separator in enumerate(self.separators):
            if _BREAK.search(separator):
                yield self.part(first, index + 1)
                first = index + 1
        if first < len(self.groups):
            yield self.part(first, len(self.groups))


def written_runs(text: str) -> Iterator[Run]:
    """Yield every maximal run of digit groups, left to right."""
    for match in _RUN.finditer(text):
        found = list(_GROUP.finditer(text, match.start(), match.end()))
        groups = tuple(Group(g.start(), g.end(), _ascii(g.group())) for g in found)
        between = pairwise(found)
        yield Run(groups, tuple(text[a.end() : b.start()] for a, b in between))


def spoken_runs(text: str) -> Iterator[Run]:
    """Yield every run of digits read aloud (``four one double one``), words needed."""
    pending: list[Group] = []
    words = 0
    times, times_start = 1, 0
    previous_end = -1
    for match in _SPOKEN.finditer(text):
        near = previous_end >= 0 and _SPOKEN_GAP.fullmatch(text, previous_end, match.start())
        if not near:
            if words:
                yield Run(tuple(pending), (" ",) * (len(pending) - 1), spoken=True)
            pending, words, times = [], 0, 1
        previous_end = match.end()
        token = match.group().lower()
        if token in _TIMES:
            times, times_start = _TIMES[token], match.start()
            continue
        said = _DIGIT_OF.get(token)
        words += said is not None
        digits = (said or _ascii(token)) * times
        pending.append(Group(times_start if times > 1 else match.start(), match.end(), digits))
        times = 1
    if words:
        yield Run(tuple(pending), (" ",) * (len(pending) - 1), spoken=True)


def luhn(digits: str) -> bool:
    """Whether the last digit checks the others, as on payment cards (ISO/IEC 7812)."""
    plain = sum(map(int, digits[-1::-2]))
    doubled = sum(map(int, digits[-2::-2].translate(_DOUBLED)))
    return (plain + doubled) % 10 == 0


def _ascii(digits: str) -> str:
    """Digits of any script as 0-9."""
    return digits if digits.isascii() else "".join(str(int(digit)) for digit in digits)
