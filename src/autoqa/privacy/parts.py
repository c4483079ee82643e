"""Numbers given in parts, turn by turn: "four one one one" - "mm-hm" - "one one one one"."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from autoqa.privacy.announced import Announced, announced_as, asked_for, unanswered
from autoqa.privacy.detect import MAY_BE_SAID, without_overlap
from autoqa.privacy.digits import (
    MAX_DIGITS,
    Group,
    Run,
    luhn,
    number_words,
    spoken_runs,
    written_runs,
)
from autoqa.privacy.kinds import Finding, Kind
from autoqa.privacy.near_cards import mentions_card
from autoqa.privacy.numbers import card_lengths, numbers_in
from autoqa.privacy.phones import is_phone, regions_of, same_phone
from autoqa.records import Speaker, Turn

_MOST_BESIDE = 60  # characters of a turn beside the digits it gives
_MOST_PROMPT = 100  # characters of a turn between two parts: "and the next four, please"
_BETWEEN = 3  # turns between two parts
_LOOK_BACK = 6  # turns before the first part in which its announcement is looked for
_SHORTEST_CARD = 13
_TOLD_IN_PARTS = (Announced.PHONE, Announced.EITHER, Announced.SSN, Announced.ACCOUNT)
_HAN = re.compile("[\u3400-\u9fff]")
_WHOLE = 9  # digits of a number that may stand by itself
_FEW = 4  # digits: fewer come alone
_LITTLE_BESIDE = 20  # characters beside the digits, where no check digit helps


@dataclass(frozen=True, slots=True)
class _Part:
    """A run of digits in a turn that says little else."""

    turn: int
    run: Run
    beside: int  # characters


@dataclass
class _Chain:
    """Parts that one speaker gave one after the other, and what the other side said between."""

    parts: list[_Part] = field(default_factory=list)
    echoes: list[_Part] = field(default_factory=list)


def numbers_in_parts(
    turns: Sequence[Turn],
    masked: Sequence[str],
    worth: Sequence[int],
    language: str,
    *,
    at_first: bool = False,
) -> dict[int, list[Finding]]:
    """Return, by turn, the parts of cards and of other announced numbers that turns share.

    Each part is a finding of its own, with the whole number as its value. What the other side says
    back of it in between is found too, but for the last four digits of a card.

    Parameters
    ----------
    masked : sequence of str
        The turns' texts, with what each holds by itself masked.
    worth : sequence of int
        Turns that may hold digits, in order.
    at_first : bool
        Whether turns were not looked at one by one yet: then a card is told by fours, eights or
        twelves, and no part of another number may be a whole one.
    """
    found: dict[int, list[Finding]] = defaultdict(list)
    for chain in _chains(turns, masked, worth):
        if not _cards(chain, masked, found, at_first):
            _announced(chain, masked, language, found, at_first)
    return {turn: without_overlap(own) for turn, own in found.items()}


def _chains(turns: Sequence[Turn], masked: Sequence[str], worth: Sequence[int]) -> list[_Chain]:
    done: list[_Chain] = []
    going: dict[Speaker, _Chain] = {}
    runs = {index: run for index in worth if (run := _only_run(masked[index])) is not None}
    if len(runs) < 2:
        return []

    def end(speaker: Speaker) -> None:
        chain = going.pop(speaker, None)
        if chain is not None and len(chain.parts) > 1:
            done.append(chain)

    for index in range(min(runs), max(runs) + 1):
        turn, run = turns[index], runs.get(index)
        for speaker in list(going):
            chain = going[speaker]
            if index - chain.parts[-1].turn > _BETWEEN:
                end(speaker)
            elif speaker is not turn.speaker:
                if len(masked[index]) > _MOST_PROMPT or _asks_for_other(chain, masked, index):
                    end(speaker)
                elif run is not None:
                    chain.echoes.append(_part(index, run, masked))
        if run is not None:
            going.setdefault(turn.speaker, _Chain()).parts.append(_part(index, run, masked))
        elif len(masked[index]) > _MOST_BESIDE:
            end(turn.speaker)
    for speaker in list(going):
        end(speaker)
    return done


def _part(turn: int, run: Run, masked: Sequence[str]) -> _Part:
    return _Part(turn, run, _beside(masked[turn], run))


def _asks_for_other(chain: _Chain, masked: Sequence[str], index: int) -> bool:
    asked = asked_for(masked[index])
    return asked is not None and asked is not _asked_before(chain.parts[0], masked)


def _asked_before(part: _Part, masked: Sequence[str]) -> Announced | None:
    """Return what is announced with a part, or was asked for before it and not answered yet."""
    asked = asked_for(masked[part.turn][: part.run.start])
    index = part.turn - 1
    while asked is None and index >= max(part.turn - _LOOK_BACK, 0):
        said = masked[index][-_MOST_PROMPT:]
        left = unanswered(said)
        asked = asked_for(left)
        if left != said:
            break
        index -= 1
    return asked


def _only_run(text: str) -> Run | None:
    """Return the digits that a turn gives, if it says little else."""
    return None if len(text) > 3 * _MOST_PROMPT else _run_of_short(text)


@lru_cache(maxsize=128)  # turns are looked at before and after what each holds by itself is found
def _run_of_short(text: str) -> Run | None:
    words = number_words(text)
    if not words and not any(map(str.isdecimal, text)):
        return None
    spoken = [run for run in spoken_runs(text) if len(run.digits) > 1] if words else []
    runs = spoken or [run for run in written_runs(text) if len(run.digits) > 1]
    if len(runs) != 1:
        return None
    (run,) = runs
    beside = _beside(text, run)
    few = len(run.digits) < _FEW and beside > _LITTLE_BESIDE
    if beside > _MOST_BESIDE:
        return None
    other = announced_as(text, run.start) is Announced.OTHER
    return None if other or few else run


def _beside(text: str, run: Run) -> int:
    """Return how much else a turn says: characters, where a Chinese one is as much as three."""
    rest = text[: run.start] + text[run.end :]
    return len(rest) + 2 * len(_HAN.findall(rest))


def _cards(
    chain: _Chain, masked: Sequence[str], found: dict[int, list[Finding]], at_first: bool
) -> bool:
    """Find cards that begin with a part and end in a later one; the check digit must agree."""
    if sum(len(part.run.digits) for part in chain.parts) < _SHORTEST_CARD:
        return False
    mentioned = not at_first and _card_mentioned(chain, masked)
    any_found = False
    first = 0
    while first < len(chain.parts):
        card = _card_from(chain.parts[first:], mentioned)
        if card and _asked_before(chain.parts[first], masked) is not Announced.OTHER:
            value = "".join(group.digits for _, group in card)
            _add(found, card, Kind.CARD, value)
            _add_echoes(found, chain, Kind.CARD, value)
            any_found = True
            while first < len(chain.parts) and chain.parts[first].turn < card[-1][0]:
                first += 1
        first += 1
    return any_found


def _card_from(parts: Sequence[_Part], mentioned: bool) -> list[tuple[int, Group]]:
    """Return the groups of a card that begins with the first part, nothing where there is none."""
    groups: list[tuple[int, Group]] = []
    ends: dict[int, int] = {}  # offset to the number of groups so far
    whole: dict[int, int] = {}  # the same where a part ends, to the number of parts
    digits = ""
    for number, part in enumerate(parts, start=1):
        for group in part.run.groups:
            groups.append((part.turn, group))
            digits += group.digits
            ends[len(digits)] = len(groups)
        whole[len(digits)] = number
        if len(digits) >= MAX_DIGITS:
            break
    lengths = card_lengths(digits[:4])
    for length in sorted(lengths, key=lambda length: length not in whole):
        count = ends.get(length)
        if count is None or groups[count - 1][0] == parts[0].turn or not luhn(digits[:length]):
            continue
        if mentioned or (length in whole and _in_fours(parts[: whole[length]])):
            return groups[:count]
    return []


def _in_fours(parts: Sequence[_Part]) -> bool:
    """Whether turns give digits as cards are printed, and say little else."""
    sizes = [len(part.run.digits) for part in parts]
    fours = all(size % 4 == 0 for size in sizes) or sizes == [4, 6, 5]
    return fours and all(part.beside <= _LITTLE_BESIDE for part in parts)


def _card_mentioned(chain: _Chain, masked: Sequence[str]) -> bool:
    first, last = chain.parts[0].turn, chain.parts[-1].turn
    near = range(max(0, first - _LOOK_BACK), last + 1)
    return any(mentions_card(masked[index]) for index in near)


def _announced(
    chain: _Chain,
    masked: Sequence[str],
    language: str,
    found: dict[int, list[Finding]],
    at_first: bool,
) -> None:
    """Find a number that was asked for: a phone, a bank account, a social security number."""
    parts = chain.parts
    asked = None
    while parts and asked not in _TOLD_IN_PARTS:
        asked = _asked_before(parts[0], masked)
        parts = parts if asked in _TOLD_IN_PARTS else parts[1:]
    if len(parts) < 2 or any(part.beside > _LITTLE_BESIDE for part in parts):
        return
    if at_first and any(len(part.run.digits) >= _WHOLE for part in parts):
        return
    groups = [(part.turn, group) for part in parts for group in part.run.groups]
    run = Run(tuple(g for _, g in groups), (" ",) * (len(groups) - 1), spoken=True)
    regions = regions_of(language)
    if asked is Announced.EITHER:
        asked = Announced.PHONE if is_phone(run.digits, regions) else None
    for _, _, kind in numbers_in(run, asked):
        phone = kind is Kind.PHONE
        value = same_phone(run.digits, regions) if phone else run.digits
        _add(found, groups, kind, value)
        _add_echoes(found, chain, kind, run.digits)


def _add(
    found: dict[int, list[Finding]], groups: Sequence[tuple[int, Group]], kind: Kind, value: str
) -> None:
    by_turn: dict[int, list[Group]] = defaultdict(list)
    for turn, group in groups:
        by_turn[turn].append(group)
    for turn, own in by_turn.items():
        found[turn].append(Finding(own[0].start, own[-1].end, kind, value))


def _add_echoes(found: dict[int, list[Finding]], chain: _Chain, kind: Kind, digits: str) -> None:
    echoes = [echo for echo in chain.echoes if echo.run.digits in digits]
    said_back = sum(len(echo.run.digits) for echo in echoes)
    if kind is Kind.CARD and said_back <= MAY_BE_SAID:
        return
    for echo in echoes:
        found[echo.turn].append(Finding(echo.run.start, echo.run.end, kind, digits))
