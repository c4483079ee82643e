"""Filters: which items of the queue to show, from the address of a page and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time
from typing import Any, Self

from sqlalchemy import ColumnElement, FromClause, and_, exists, func, not_, or_, select, true

from autoqa.review.access import InvalidError, User
from autoqa.review.blinding import NEUTRAL_REASONS, hides
from autoqa.review.database.schema import conversations, flags, items, leases, ratings, users

STATES = ("open", "mine", "claimed", "done", "all")
"""What an item may be: still to review, the user or anybody is at it, reviewed, or any of these."""

ME, NOBODY = "me", "nobody"
"""Whom items may be assigned to, besides a user's name."""

# Whoever asks may have joined the tables.
_named, _searched = users.alias("named"), conversations.alias("searched")

_LONGEST = 200
_MOST_TERMS = 8
_KEYS = {"since": "from", "until": "to", "low": "min", "high": "max", "text": "q"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What an item must be; whatever is empty does not matter.

    Attributes
    ----------
    reason : str
        A reason of `autoqa.review.flags.REASONS`, or one of a run's own.
    agent, team, channel, language, queue, topic : str
    since, until : date
        Days (UTC) between which the conversation began, both included.
    low, high : float
        Least and largest automated total, 0-100.
    criterion : str
        Models answered this criterion.
    failed : bool
        Their answer to `criterion` earns nothing.
    state : str
        One of `STATES`.
    assigned : str
        `ME`, `NOBODY`, or a user's name.
    text : str
        Words that the conversation or its id holds, all of them.
    """

    reason: str = ""
    agent: str = ""
    team: str = ""
    channel: str = ""
    language: str = ""
    queue: str = ""
    topic: str = ""
    since: date | None = None
    until: date | None = None
    low: float | None = None
    high: float | None = None
    criterion: str = ""
    failed: bool = False
    state: str = "open"
    assigned: str = ""
    text: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, Any]) -> Self:
        """Return what the parameters of an address ask for; unknown ones are left alone.

        Raises
        ------
        InvalidError
            If one has a value that it cannot have.
        """
        values: dict[str, Any] = {}
        for one in fields(cls):
            key = _KEYS.get(one.name, one.name)
            given = " ".join(str(query.get(key) or "").split())
            if given:
                values[one.name] = _value(one.name, key, given)
        return cls(**values)

    def to_query(self) -> dict[str, str]:
        """Return the parameters of an address that asks for the same."""
        return {
            _KEYS.get(one.name, one.name): _shown(value)
            for one in fields(self)
            if (value := getattr(self, one.name)) != one.default
        }

    def where(self, user: User | None) -> ColumnElement[bool]:
        """Return the condition on `items` joined with `conversations`; of all, without a user.

        An item that keeps scores from the user is not found by what the scores are.
        """
        told = self._about_scores()
        found = [*told, *self._about_items(user)]
        if self.text:
            # Apart, so that all words are read in the order in which they are stored.
            holds = select(_searched.c.id).where(*self._about_words(), *self._about(_searched))
            found.append(items.c.conversation_id.in_(holds))
        else:
            found += self._about(conversations)
        if self.reason in NEUTRAL_REASONS:
            found.append(_has_flag(self.reason))
        if user is not None:
            found.append(user.sees())
            if told:
                found.append(not_(hides(user)))
        return and_(true(), *found)

    def _about(self, table: FromClause) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = [
            table.c[name] == value
            for name in ("agent", "team", "channel", "language", "queue", "topic")
            if (value := getattr(self, name))
        ]
        if self.since:
            found.append(table.c.started_at >= datetime.combine(self.since, time(), UTC))
        if self.until:
            found.append(table.c.started_at <= datetime.combine(self.until, time.max, UTC))
        return found

    def _about_words(self) -> list[ColumnElement[bool]]:
        return [
            or_(
                _searched.c.words.contains(term.casefold(), autoescape=True),
                func.lower(_searched.c.id).contains(term.lower(), autoescape=True),
            )
            for term in self.text.split()
        ]

    def _about_scores(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.reason and self.reason not in NEUTRAL_REASONS:
            found.append(_has_flag(self.reason))
        if self.low is not None:
            found.append(conversations.c.total >= self.low)
        if self.high is not None:
            found.append(conversations.c.total <= self.high)
        if self.criterion:
            answered = and_(
                ratings.c.evaluation_id == conversations.c.evaluation_id,
                ratings.c.criterion == self.criterion,
                ratings.c.points <= (0 if self.failed else 1),
            )
            found.append(exists().where(answered))
        return found

    def _about_items(self, user: User | None) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.state != "all":
            found.append(items.c.state == ("done" if self.state == "done" else "open"))
        if self.state in ("mine", "claimed"):
            held = and_(leases.c.item_id == items.c.id, leases.c.expires_at > datetime.now(UTC))
            if self.state == "mine" and user is not None:
                held = and_(held, leases.c.user_id == user.id)
            found.append(exists().where(held))
        if self.assigned == ME and user is not None:
            found.append(items.c.assigned_to == user.id)
        elif self.assigned == NOBODY:
            found.append(items.c.assigned_to.is_(None))
        elif self.assigned:
            found.append(
                exists().where(_named.c.id == items.c.assigned_to, _named.c.name == self.assigned)
            )
        return found


def _has_flag(reason: str) -> ColumnElement[bool]:
    return exists().where(flags.c.conversation_id == conversations.c.id, flags.c.reason == reason)


def _value(name: str, key: str, given: str) -> Any:
    if len(given) > _LONGEST or not given.isprintable():
        raise InvalidError(f"{key}: not a value that anything can have")
    if name in ("since", "until"):
        try:
            return date.fromisoformat(given)
        except ValueError:
            raise InvalidError(f"{key}: '{given}' is no date; write it as 2026-03-09") from None
    if name in ("low", "high"):
        return _points(key, given)
    if name == "failed":
        return given in ("1", "true", "on", "yes")
    if name == "state" and given not in STATES:
        raise InvalidError(f"{key}: '{given}' is none of {', '.join(STATES)}")
    if name == "text" and len(given.split()) > _MOST_TERMS:
        raise InvalidError(f"{key}: search for at most {_MOST_TERMS} words at once")
    return given


def _points(key: str, given: str) -> float:
    try:
        points = float(given)
    except ValueError:
        points = math.nan
    if not 0 <= points <= 100:
        raise InvalidError(f"{key}: '{given}' is no number from 0 to 100")
    return points


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "1"
    return f"{value:.10g}" if isinstance(value, float) else str(value)
