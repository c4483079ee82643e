"""Whether an expression holds in one conversation, where, and why not."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from autoqa.records import Transcript
from autoqa.scorers.expressions import (
    SPEAKERS,
    Did,
    Every,
    Expression,
    InOrder,
    Never,
    Say,
    SayOptions,
    Some,
)
from autoqa.scorers.mentions import Mention

Position = tuple[int, int]
"""Turn index and the character where something ends; actions come before every character."""

START: Position = (-1, 0)

# Actions before a turn are numbered from here, so that they precede its text and keep their order.
_BEFORE_TEXT = -1_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """How an expression holds: from its first to its last position, with the words it rests on."""

    first: Position | None = None  # None: holds by absence, so nowhere in particular
    last: Position | None = None
    mentions: tuple[Mention, ...] = ()


class Conversation:
    """One transcript with its mentions, ready for expressions.

    Parameters
    ----------
    transcript : Transcript
    mentions : mapping of str to tuple of Mention
        Per event, in order.
    speaker : str
        Who is meant where an expression does not say.
    """

    def __init__(
        self,
        transcript: Transcript,
        mentions: Mapping[str, tuple[Mention, ...]],
        *,
        speaker: str = "agent",
    ) -> None:
        self.transcript = transcript
        self.mentions = mentions
        self.speaker = speaker

    @cached_property
    def _actions(self) -> list[tuple[str, Position]]:
        groups = [turn.actions for turn in self.transcript.turns]
        groups.append(self.transcript.closing_actions)
        return [
            (action.name, (turn, _BEFORE_TEXT + order))
            for turn, actions in enumerate(groups)
            for order, action in enumerate(actions)
        ]

    @cached_property
    def _times(self) -> list[tuple[float, float]] | None:
        """Start and end per turn, gaps filled from the turn before; None when there are none."""
        if all(turn.start_s is None for turn in self.transcript.turns):
            return None
        filled = []
        start = end = 0.0
        for turn in self.transcript.turns:
            start = end if turn.start_s is None else turn.start_s
            end = start if turn.end_s is None else turn.end_s
            filled.append((start, end))
        return filled

    def search(self, expression: Expression, *, after: Position = START) -> Found | None:
        """Return how the expression holds after a position, or None."""
        match expression:
            case Say():
                return self._said(expression, after)
            case Did():
                return self._did(expression, after)
            case Never(inner):
                return None if self.search(inner) else Found()
            case Every(parts):
                return self._every(parts, after)
            case Some(parts):
                found = [f for part in parts if (f := self.search(part, after=after))]
                return min(found, key=lambda f: f.first or START) if found else None
            case InOrder(parts):
                return self._in_order(parts, after)

    def _every(self, parts: tuple[Expression, ...], after: Position) -> Found | None:
        found = []
        for part in parts:
            one = self.search(part, after=after)
            if one is None:
                return None
            found.append(one)
        return _together(found)

    def _in_order(self, parts: tuple[Expression, ...], after: Position) -> Found | None:
        found: list[Found] = []
        for part in parts:
            one = self.search(part, after=after)
            if one is None:
                return None
            found.append(one)
            after = one.last or after
        return _together(found)

    def _said(self, say: Say, after: Position) -> Found | None:
        options = say.options
        said = self.mentions.get(options.say, ())
        if len(said) < options.times:
            return None
        turns = self.turns_looked_at(options)
        window = self._window(say, after)
        if window is None:
            return None
        hits = [
            mention
            for mention in said
            if mention.turn in turns
            and options.negated in ("any", mention.negated)
            and options.conditional in ("any", mention.conditional)
            and window.holds((mention.turn, mention.end))
        ]
        if len(hits) < options.times:
            return None
        counted = hits[options.times - 1]
        return Found((hits[0].turn, hits[0].end), (counted.turn, counted.end), tuple(hits))

    def _did(self, did: Did, after: Position) -> Found | None:
        window = self._window(did, after)
        if window is None:
            return None
        hits = [
            position
            for name, position in self._actions
            if fnmatch.fnmatchcase(name, did.options.action) and window.holds(position)
        ]
        if len(hits) < did.options.times:
            return None
        return Found(hits[0], hits[did.options.times - 1])

    def _window(self, leaf: Say | Did, after: Position) -> _Window | None:
        """Return between which positions a leaf counts; None when its neighbour is missing."""
        first = last = None
        if leaf.after is not None:
            found = self.search(leaf.after)
            if found is None or found.last is None:
                return None
            first = found.last
        if leaf.before is not None:
            found = self.search(leaf.before)
            if found is None or found.first is None:
                return None
            last = found.first
        return _Window(after, first, last, leaf.options.within_turns)

    def turns_looked_at(self, options: SayOptions) -> set[int]:
        """Return the turns in which an event would count."""
        speakers = SPEAKERS[options.speaker or self.speaker]
        turns = [i for i, turn in enumerate(self.transcript.turns) if turn.speaker in speakers]
        kept = set(turns)
        if options.first_turns is not None:
            kept &= set(turns[: options.first_turns])
        if options.last_turns is not None:
            kept &= set(turns[-options.last_turns :])
        times = self._times
        if times is not None and options.first_seconds is not None:
            kept = {i for i in kept if times[i][0] <= options.first_seconds}
        if times is not None and options.last_seconds is not None:
            end = max(stop for _, stop in times)
            kept = {i for i in kept if times[i][1] >= end - options.last_seconds}
        return kept

    def why_not(self, expression: Expression) -> str:
        """Return in words why an expression does not hold, without quoting the transcript."""
        match expression:
            case Say(options, after, before):
                for place, around in (("after", after), ("before", before)):
                    if around is not None and self.search(around) is None:
                        return f"nothing to come {place}: {self.why_not(around)}"
                return self._looked(expression)
            case Did(options):
                return f"no action '{options.action}' among {len(self._actions)}"
            case Never(inner):
                found = self.search(inner)
                turns = sorted({m.turn + 1 for m in found.mentions}) if found else []
                where = f" in turn {', '.join(map(str, turns))}" if turns else ""
                return f"{_named(inner)} found{where}"
            case Every(parts):
                return "; ".join(self.why_not(p) for p in parts if self.search(p) is None)
            case Some(parts):
                return "; ".join(self.why_not(p) for p in parts)
            case InOrder(parts):
                for n in range(1, len(parts) + 1):
                    if self._in_order(parts[:n], START) is None:
                        if n == 1 or self.search(parts[n - 1]) is None:
                            return self.why_not(parts[n - 1])
                        return f"{_named(parts[n - 1])} not found after {_named(parts[n - 2])}"
                return ""

    def why_absent(self, expression: Expression) -> str:
        """Return where something that was rightly never found was looked for."""
        match expression:
            case Never(inner):
                return self.why_not(inner)
            case Every(parts) | Some(parts):
                return "; ".join(filter(None, (self.why_absent(p) for p in parts)))
            case _:
                return ""

    def violations(self, expression: Expression) -> tuple[Mention, ...]:
        """Return what was said although it should never be."""
        match expression:
            case Never(inner):
                found = self.search(inner)
                return found.mentions if found else ()
            case Every(parts) | Some(parts):
                return tuple(m for part in parts for m in self.violations(part))
            case _:
                return ()

    def _looked(self, say: Say) -> str:
        options = say.options
        who = options.speaker or self.speaker
        count = len(self.turns_looked_at(options))
        speakers = SPEAKERS[who]
        total = sum(turn.speaker in speakers for turn in self.transcript.turns)
        of_total = f" of {total}" if count != total else ""
        by = "" if who == "any" else f"{who} "
        times = f" {options.times} times" if options.times > 1 else ""
        around = [
            f" {place} {_named(expression)}"
            for place, expression in (("after", say.after), ("before", say.before))
            if expression is not None
        ]
        negated = " negated" if options.negated is True else ""
        return (
            f"'{options.say}' not said{negated}{times}{''.join(around)}; "
            f"looked in {count}{of_total} {by}turns"
        )


@dataclass(frozen=True, slots=True)
class _Window:
    floor: Position
    after: Position | None
    before: Position | None
    within_turns: int | None

    def holds(self, position: Position) -> bool:
        if position <= self.floor:
            return False
        if self.after is not None and position <= self.after:
            return False
        if self.before is not None and position >= self.before:
            return False
        return self.within_turns is None or all(
            abs(position[0] - other[0]) <= self.within_turns
            for other in (self.after, self.before)
            if other is not None
        )


def _together(found: list[Found]) -> Found:
    firsts = [f.first for f in found if f.first is not None]
    lasts = [f.last for f in found if f.last is not None]
    return Found(
        min(firsts, default=None),
        max(lasts, default=None),
        tuple(m for f in found for m in f.mentions),
    )


def _named(expression: Expression) -> str:
    match expression:
        case Say(options):
            return f"'{options.say}'"
        case Did(options):
            return f"action '{options.action}'"
        case Never(inner):
            return f"no {_named(inner)}"
        case Every(parts):
            return " and ".join(map(_named, parts))
        case Some(parts):
            return " or ".join(map(_named, parts))
        case InOrder(parts):
            return " then ".join(map(_named, parts))
