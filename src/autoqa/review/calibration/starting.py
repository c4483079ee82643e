"""Beginning a calibration session: which conversations, and who rates them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select

from autoqa.review.access import InvalidError, Permission, Role, User
from autoqa.review.calibration.sessions import Calibration, Stage, calibration
from autoqa.review.database import Database
from autoqa.review.database.schema import (
    calibration_conversations,
    calibration_raters,
    calibrations,
    conversations,
    items,
    runs,
    users,
)
from autoqa.review.filters import Filters
from autoqa.review.queue import REVIEWING
from autoqa.review.texts import entered, storable
from autoqa.review.users import active_users, user_of

MOST_CONVERSATIONS = 200
"""A session is discussed in an hour or two; more than this is a slip of the hand."""

_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A conversation that may be rated in a session; nothing of how it was scored."""

    conversation_id: str
    agent: str | None
    topic: str | None
    language: str
    started_at: datetime | None
    n_turns: int


def pick(
    database: Database, user: User, filters: Filters, n: int, *, seed: int = 0
) -> tuple[str, ...]:
    """Return `n` conversations at random, or as many as there are, for a session.

    They are of the scorecard that was loaded last, and were in no session before: raters remember.

    Parameters
    ----------
    filters : Filters
        Of the queue; with the state ``all``, conversations that are in no queue count too.
    seed : int
        The same seed picks the same conversations, as long as no others are loaded.
    """
    user.require(Permission.CALIBRATE)
    if not 1 <= n <= MOST_CONVERSATIONS:
        raise InvalidError(f"{n} conversations: pick 1 to {MOST_CONVERSATIONS}")
    with database.reading() as connection:
        last = connection.execute(
            select(runs.c.scorecard, runs.c.scorecard_version).order_by(runs.c.id.desc()).limit(1)
        ).one_or_none()
        if last is None:
            return ()
        of_card = select(runs.c.id).where(
            runs.c.scorecard == last.scorecard, runs.c.scorecard_version == last.scorecard_version
        )
        known = select(calibration_conversations.c.conversation_id)
        found = connection.scalars(
            select(conversations.c.id)
            .outerjoin(items, items.c.conversation_id == conversations.c.id)
            .where(
                filters.where(user),
                user.sees(),
                conversations.c.run_id.in_(of_card),
                conversations.c.id.not_in(known),
            )
            .order_by(conversations.c.id)
        ).all()
    return tuple(sorted(random.Random(seed).sample(found, min(n, len(found)))))  # noqa: S311


def candidates(
    database: Database, user: User, conversation_ids: Sequence[str]
) -> tuple[Candidate, ...]:
    """Return what there is to know of conversations before they are rated, in the given order.

    Those that do not exist, or that the user may not see, are left out.
    """
    user.require(Permission.CALIBRATE)
    with database.reading() as connection:
        found = {
            row.id: Candidate(
                conversation_id=row.id,
                agent=row.agent,
                topic=row.topic,
                language=row.language,
                started_at=row.started_at,
                n_turns=row.n_turns,
            )
            for row in connection.execute(
                select(conversations).where(
                    conversations.c.id.in_(filter(storable, conversation_ids)), user.sees()
                )
            )
        }
    return tuple(found[one] for one in dict.fromkeys(conversation_ids) if one in found)


def possible_raters(database: Database, user: User) -> tuple[User, ...]:
    """Return the active users who may review, by name."""
    user.require(Permission.CALIBRATE)
    return tuple(active_users(database, map(Role, REVIEWING)))


def begin(
    database: Database,
    user: User,
    name: str,
    conversation_ids: Sequence[str],
    raters: Sequence[str],
) -> Calibration:
    """Begin a session.

    Parameters
    ----------
    conversation_ids : sequence of str
        In the order in which they are discussed; all scored with one version of one scorecard.
    raters : sequence of str
        Names of at least two users.

    Raises
    ------
    InvalidError
        If the name is empty, a conversation or a rater is unknown or given twice, a rater may not
        review or not see a conversation, or the conversations have several scorecards.
    """
    user.require(Permission.CALIBRATE)
    title = entered(name, "the name of the session", required=True, most=_LONGEST_NAME)
    _check(conversation_ids, raters)
    with database.writing(user.name) as write:
        _check_seen(write.connection, user, conversation_ids)
        scorecard, version = _one_scorecard(write.connection, conversation_ids)
        seated = [_rater(write.connection, one, conversation_ids) for one in raters]
        added = write.execute(
            insert(calibrations)
            .values(
                name=title,
                scorecard=scorecard,
                scorecard_version=version,
                state=Stage.RATING,
                created_by=user.id,
                created_at=datetime.now(UTC),
            )
            .returning(calibrations.c.id)
        ).scalar_one()
        write.execute(
            insert(calibration_conversations),
            [
                {"calibration_id": added, "conversation_id": one, "position": position}
                for position, one in enumerate(conversation_ids)
            ],
        )
        write.execute(
            insert(calibration_raters),
            [{"calibration_id": added, "user_id": rater.id} for rater in seated],
        )
        write.audit(
            "calibration.begin",
            f"calibration:{added}",
            conversations=list(conversation_ids),
            raters=[rater.name for rater in seated],
        )
    return calibration(database, user, added)


def _check(wanted: Sequence[str], raters: Sequence[str]) -> None:
    if not 1 <= len(wanted) <= MOST_CONVERSATIONS:
        raise InvalidError(
            f"{len(wanted)} conversations: a session needs 1 to {MOST_CONVERSATIONS}"
        )
    if len(raters) < 2:
        raise InvalidError(f"{len(raters)} raters: a session needs two or more")
    for kind, given in (("conversation", wanted), ("rater", raters)):
        twice = sorted(one for one, times in Counter(given).items() if times > 1)
        if twice:
            raise InvalidError(f"{kind} '{twice[0]}' is given twice")


def _check_seen(connection: Connection, user: User, wanted: Sequence[str]) -> None:
    seen = set(
        connection.scalars(
            select(conversations.c.id).where(
                conversations.c.id.in_(filter(storable, wanted)), user.sees()
            )
        )
    )
    missing = [one for one in wanted if one not in seen]
    if missing:
        raise InvalidError(f"there is no conversation '{missing[0]}' that '{user.name}' may see")


def _one_scorecard(connection: Connection, wanted: Sequence[str]) -> tuple[str, int]:
    found = connection.execute(
        select(runs.c.scorecard, runs.c.scorecard_version)
        .join(conversations, conversations.c.run_id == runs.c.id)
        .where(conversations.c.id.in_(wanted))
        .distinct()
        .order_by(runs.c.scorecard, runs.c.scorecard_version)
    ).all()
    if len(found) > 1:
        cards = ", ".join(f"{row.scorecard} version {row.scorecard_version}" for row in found)
        raise InvalidError(f"the conversations have several scorecards ({cards}); choose one")
    return found[0].scorecard, found[0].scorecard_version


def _rater(connection: Connection, name: str, wanted: Sequence[str]) -> User:
    named = select(users).where(users.c.name == name, users.c.active)
    row = connection.execute(named).one_or_none() if storable(name) else None
    rater = user_of(row) if row else None
    if rater is None or not rater.may(Permission.REVIEW):
        raise InvalidError(f"'{name}' is no active user who may review")
    _check_seen(connection, rater, wanted)
    return rater
