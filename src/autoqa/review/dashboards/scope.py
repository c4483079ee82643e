"""What a dashboard is about: one scorecard version, some days, perhaps one team or agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from sqlalchemy import ColumnElement, Connection, select

from autoqa.records import RaterKind
from autoqa.review.access import InvalidError, User
from autoqa.review.database.schema import conversations, evaluations, runs
from autoqa.scorecard import Scorecard

MIN_N = 10
"""Fewest conversations behind a figure; below it the number of conversations stands alone."""

N_RESAMPLES = 300
"""Bootstrap resamples: enough for two digits, and a page need not be waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Conversations under one scorecard version; empty fields do not matter.

    Attributes
    ----------
    scorecard, version
        Figures of different versions answer different questions, so a dashboard shows one.
    since, until : date, optional
        Days (UTC) between which conversations began, both included.
    """

    scorecard: str
    version: int
    since: date | None = None
    until: date | None = None
    team: str = ""
    agent: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str], cards: Sequence[Scorecard]) -> Scope | None:
        """Return what the parameters of an address ask for; None where nothing was loaded yet.

        Parameters
        ----------
        query : mapping
            ``card`` (as in `card_key`), ``from``, ``to``, ``team``, ``agent``; others are left
            alone.
        cards : sequence of Scorecard
            The newest first: it is the one shown unless another is named.

        Raises
        ------
        InvalidError
            If there is no such scorecard, or a date is none.
        """
        if not cards:
            return None
        by_key = {card_key(card): card for card in cards}
        wanted = query.get("card") or next(iter(by_key))
        if wanted not in by_key:
            raise InvalidError(f"card: there is no '{wanted}'; choose one of {', '.join(by_key)}")
        return cls(
            scorecard=by_key[wanted].id,
            version=by_key[wanted].version,
            since=_day(query, "from"),
            until=_day(query, "to"),
            team=query.get("team") or "",
            agent=query.get("agent") or "",
        )

    def to_query(self) -> dict[str, str]:
        """Return the parameters of an address that asks for the same."""
        given = {
            "card": f"{self.scorecard}@{self.version}",
            "from": self.since.isoformat() if self.since else "",
            "to": self.until.isoformat() if self.until else "",
            "team": self.team,
            "agent": self.agent,
        }
        return {name: value for name, value in given.items() if value}

    def held(self, user: User) -> list[ColumnElement[bool]]:
        """Return the conditions on `conversations`: of this scope, and seen by the user."""
        found = [user.sees()]
        if self.since:
            found.append(conversations.c.started_at >= datetime.combine(self.since, time(), UTC))
        if self.until:
            found.append(conversations.c.started_at <= datetime.combine(self.until, time.max, UTC))
        if self.team:
            found.append(conversations.c.team == self.team)
        if self.agent:
            found.append(conversations.c.agent == self.agent)
        return found

    def scored(self, user: User) -> list[ColumnElement[bool]]:
        """Return the conditions on `conversations` that models scored on this scorecard.

        A conversation counts once, as its newest run scored it.
        """
        of_card = select(runs.c.id).where(
            runs.c.scorecard == self.scorecard, runs.c.scorecard_version == self.version
        )
        return [*self.held(user), conversations.c.run_id.in_(of_card)]

    def by_people(self, *purposes: str) -> list[ColumnElement[bool]]:
        """Return the conditions on `evaluations` that people submitted on this scorecard."""
        return [
            evaluations.c.kind == str(RaterKind.HUMAN),
            evaluations.c.state == "submitted",
            evaluations.c.purpose.in_(purposes or ("review",)),
            evaluations.c.scorecard == self.scorecard,
            evaluations.c.scorecard_version == self.version,
        ]


def card_key(card: Scorecard) -> str:
    """Return how a scorecard version is named in an address: ``support-core@2``."""
    return f"{card.id}@{card.version}"


def teams_seen(connection: Connection, user: User) -> list[str]:
    """Return the teams of the conversations that the user may see."""
    return list(
        connection.execute(
            select(conversations.c.team)
            .where(conversations.c.team.is_not(None), user.sees())
            .distinct()
            .order_by(conversations.c.team)
        ).scalars()
    )


def _day(query: Mapping[str, str], name: str) -> date | None:
    given = (query.get(name) or "").strip()
    if not given:
        return None
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise InvalidError(f"{name}: '{given}' is no date; write it as 2026-03-09") from None
