"""Ids: ours from the titles and ids of a form, a form's from ours."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from autoqa.records import CSAT
from autoqa.scorecard.schema import Scorecard
from autoqa.scorecard.vendors.files import plain

_LONGEST_ID = 48
_LONGEST_REF = 40  # what Amazon Connect takes; the others take more
_READABLE = re.compile(r"[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*")
_DRAWN = re.compile(r"(?=[a-z0-9]{7})[a-z0-9]*\d[a-z]")  # s1a1b58d6: letters amid digits


def slug(text: str, *, joined_by: str = "_") -> str:
    """Return an id made of the words of a text, or nothing where it has no Latin letters.

    >>> slug("Did the agent say «¡Buenos días!»?")
    'did_the_agent_say_buenos_dias'
    """
    plain = unicodedata.normalize("NFKD", text.casefold().replace("ı", "i"))
    words = re.findall(r"[a-z0-9]+", "".join(c for c in plain if not unicodedata.combining(c)))
    while words and not words[0][0].isalpha():
        words.pop(0)
    name = ""
    for word in words:
        longer = f"{name}{joined_by}{word}" if name else word[:_LONGEST_ID]
        if len(longer) > _LONGEST_ID:
            break
        name = longer
    return name


class Namer:
    """Gives every question, or every section, an id of its own."""

    def __init__(self, letter: str) -> None:
        self._letter = letter
        self._taken = {CSAT}  # names predicted satisfaction
        self._given = 0

    def name(self, ref: str, *titles: str) -> str:
        """Return the form's own id where people can read it, else a slug of the first title."""
        self._given += 1
        readable = _READABLE.fullmatch(ref) and not any(map(_DRAWN.match, re.split("[._-]", ref)))
        wanted = ref if readable else ""
        wanted = next(filter(None, (wanted, *map(slug, titles))), f"{self._letter}{self._given}")
        name, again = wanted, 1
        while name in self._taken:
            again += 1
            name = f"{wanted}_{again}"
        self._taken.add(name)
        return name


@dataclass(frozen=True, slots=True)
class VendorIds:
    """The ids that a scorecard's parts have in a vendor's form.

    They are what `ref` says where it says something the vendor accepts, and made from our own ids
    where it does not; the same for the same scorecard, always.
    """

    sections: dict[str, str]  # by section id
    questions: dict[str, str]  # by criterion id
    options: dict[tuple[str, int], str]  # by criterion id and level


def vendor_ids(card: Scorecard, accepts: re.Pattern[str] | None = None) -> VendorIds:
    """Return the ids of sections, questions and answer options, each used once in the form.

    Parameters
    ----------
    card : Scorecard
    accepts : pattern, optional
        What the vendor accepts as an id; anything that is not empty by default.
    """
    fits = accepts.fullmatch if accepts else bool
    parts = [(criterion.id, criterion.ref) for criterion in card.criteria]
    together = distinct([*parts, *((s.id, s.ref) for s in card.sections)], fits)
    questions, sections = together[: len(parts)], together[len(parts) :]
    options: dict[tuple[str, int], str] = {}
    for criterion in card.criteria:
        wanted = [(f"{criterion.id}.{n}", level.ref) for n, level in criterion.levels.items()]
        given = distinct(wanted, fits)
        options |= {(criterion.id, n): ref for n, ref in zip(criterion.levels, given, strict=True)}
    return VendorIds(
        sections=dict(zip((s.id for s in card.sections), sections, strict=True)),
        questions=dict(zip((name for name, _ in parts), questions, strict=True)),
        options=options,
    )


def distinct(wanted: Iterable[tuple[str, str]], fits: Callable[[str], object] = bool) -> list[str]:
    """Return for pairs of id and ref the refs that fit, first come first served.

    Where one does not fit, or is taken, it is the id, numbered where that is taken, too.
    """
    pairs = [(name, plain(ref) if fits(plain(ref)) else "") for name, ref in wanted]
    taken = {ref for _, ref in pairs if ref}
    used: set[str] = set()
    given = []
    for name, ref in pairs:
        if not ref or ref in used:
            short, again = _short(name), 1
            ref = short
            while ref in taken or ref in used:
                again += 1
                ref = _short(f"{short}-{again}")
        used.add(ref)
        given.append(ref)
    return given


def _short(name: str) -> str:
    if len(name) <= _LONGEST_REF:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST_REF - 9]}-{digest}"
