"""From another system's questions and answers to criteria and levels of a scorecard."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TypeVar

from autoqa.readers.evaluations.answers import Question, Said
from autoqa.readers.evaluations.fields import last_part
from autoqa.scorecard.schema import Criterion, Scorecard
from autoqa.scorecard.vendors.exchange import VENDORS, form_ids

_Found = TypeVar("_Found")

# Percentages are printed with a digit or two after the point, so 66.6 stands for two thirds.
_SAME_SHARE = 0.005

# Of a critical criterion, a level that fails and one that earns nothing differ by less than that.
TOLD_APART = 1e-6
"""Difference of two shares of points above which they are two."""

_RANGE = re.compile(r"(-?\d{1,15}) ?(?:-|–|—|to) ?(-?\d{1,15})")
_WHOLE = re.compile(r"-?\d{1,15}")


class CardMap:
    """Finds the criterion that a question is, and the level that an answer is.

    A question is known by the id that the other system's form gives it (`Criterion.ref`, else
    `form_ids`), by the criterion's own id, or by its wording, whatever case and spacing. An answer
    is known by the id of its option, by its text, by the number that it is, or by the points that
    it earns. What fits two criteria or two levels alike is not known.

    Parameters
    ----------
    card : Scorecard
    vendor : str
        The other system, which may be one that forms are not exchanged with.
    """

    def __init__(self, card: Scorecard, vendor: str) -> None:
        ids = form_ids(card, vendor) if vendor in VENDORS else None
        by_form = {} if ids is None else {ids.questions[c.id]: c for c in card.criteria}
        self._by_ref = by_form | _unique((c.ref, c) for c in card.criteria)
        self._by_last_part = _unique((last_part(c.ref), c) for c in card.criteria)
        self._by_id = {c.id: c for c in card.criteria}
        self._by_wording = _unique((_plain(c.question), c) for c in card.criteria)
        options = {} if ids is None else ids.options
        self._scales = {
            c.id: _Scale(c, {options[c.id, n]: n for n in c.levels} if options else {})
            for c in card.criteria
        }

    def criterion(self, question: Question) -> Criterion | None:
        """Return the criterion that a question is, if it is on the scorecard."""
        for ref in question.refs:
            # Resource names also say the revision of the form, which may be another one.
            found = self._by_ref.get(ref) or self._by_last_part.get(last_part(ref))
            if found is not None:
                return found
        for ref in question.refs:
            if ref in self._by_id:
                return self._by_id[ref]
        wording = _plain(question.wording)
        return self._by_wording.get(wording) or self._by_id.get(re.sub(r"[ -]", "_", wording))

    def level(self, criterion: Criterion, said: Said) -> int | None:
        """Return the level that an answer is; None where it is none, or nothing says which."""
        return self._scales[criterion.id].level(said)


class _Scale:
    """The levels of one criterion, by all that they can be known by."""

    def __init__(self, criterion: Criterion, by_form: dict[str, int]) -> None:
        self._criterion = criterion
        levels = criterion.levels.items()
        self._by_ref = by_form | _unique((level.ref, number) for number, level in levels)
        self._by_label = _unique((_plain(level.label), number) for number, level in levels)
        self._ranges = list(_ranges(criterion))

    def level(self, said: Said) -> int | None:
        for ref in said.refs:
            if ref in self._by_ref:
                return self._by_ref[ref]
        for label in said.labels:
            if _plain(label) in self._by_label:
                return self._by_label[_plain(label)]
        for number in _numbers(said):
            found = self._in_range(number) if self._ranges else self._numbered(number, said.share)
            if found is not None:
                return found
        return None if said.share is None else self._worth(said.share)

    def _in_range(self, number: float) -> int | None:
        fits = [level for level, low, high in self._ranges if low <= number <= high]
        return fits[0] if len(fits) == 1 else None

    def _numbered(self, number: float, share: float | None) -> int | None:
        """Return the level with this number, unless it earns something else than the answer."""
        level = int(number)
        if level != number or level not in self._criterion.levels:
            return None
        earned = self._criterion.points(level)
        return level if share is None or abs(earned - share) < _SAME_SHARE else None

    def _worth(self, share: float) -> int | None:
        criterion = self._criterion
        apart = sorted((abs(criterion.points(level) - share), level) for level in criterion.levels)
        (nearest, level), (second, _) = apart[:2]
        return level if nearest < _SAME_SHARE and second - nearest > TOLD_APART else None


def _numbers(said: Said) -> Iterator[float]:
    if said.number is not None:
        yield said.number
    for text in (*said.labels, *said.refs):
        if _WHOLE.fullmatch(text):
            yield int(text)


def _ranges(criterion: Criterion) -> Iterator[tuple[int, int, int]]:
    """Levels whose label is a range of numbers, as forms with numeric questions have them."""
    for number, level in criterion.levels.items():
        stated = _RANGE.fullmatch(level.label.strip())
        if stated is not None:
            yield number, int(stated[1]), int(stated[2])


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _unique(named: Iterable[tuple[str, _Found]]) -> dict[str, _Found]:
    """Return what has a name that nothing else has."""
    found: dict[str, _Found] = {}
    repeated: set[str] = set()
    for name, value in named:
        if name in found:
            repeated.add(name)
        found[name] = value
    return {name: value for name, value in found.items() if name and name not in repeated}
