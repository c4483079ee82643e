"""What came of a calibration session: differences first, then agreement, then the references."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, and_, select, update

from autoqa.evaluation.intervals import Estimate
from autoqa.records import Json, Rating, Status
from autoqa.review.access import NotAllowedError, Permission, User
from autoqa.review.blinding import hides
from autoqa.review.calibration.agreement import (
    Agreement,
    Distance,
    Key,
    Scales,
    agreement,
    apart,
    common_answer,
    distances,
)
from autoqa.review.calibration.references import Reference, references
from autoqa.review.calibration.sessions import (
    Calibration,
    Stage,
    calibration,
    list_calibrations,
    require_stage,
    session_in,
)
from autoqa.review.database import Database
from autoqa.review.database.schema import calibrations, conversations, evaluations
from autoqa.review.stored_evaluations import card_of, stored_evaluations
from autoqa.scorecard import Scorecard


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One rater's answer; None of all where they gave none."""

    rater: str
    display_name: str
    rating: Rating | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """All answers to one criterion on one conversation.

    Attributes
    ----------
    apart : float
        How far the answers lie apart, 0 to 1; see `autoqa.review.calibration.agreement.apart`.
    reference : Reference or None
        What was agreed in the discussion.
    """

    conversation_id: str
    criterion: str
    given: tuple[Given, ...]
    apart: float
    reference: Reference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A session with its answers and what they say.

    Attributes
    ----------
    differences, alike : tuple of Cell
        Differences farthest apart first, of two alike critical criteria and heavier ones first;
        `alike` in the order of the session.
    withheld : tuple of str
        Conversations that the user is still to rate blind elsewhere: neither lists nor figures have
        their answers.
    distances : tuple of Distance
        From what was agreed, or else what two raters or more all answered alike.
    n_common : int
        References that are such common answers.
    """

    calibration: Calibration
    card: Scorecard
    agreement: Agreement
    differences: tuple[Cell, ...]
    alike: tuple[Cell, ...]
    withheld: tuple[str, ...]
    distances: tuple[Distance, ...]
    n_agreed: int
    n_common: int

    def cell(self, conversation_id: str, criterion: str) -> Cell | None:
        """Return one cell, if it is there and may be seen."""
        return next(
            (
                one
                for one in (*self.differences, *self.alike)
                if (one.conversation_id, one.criterion) == (conversation_id, criterion)
            ),
            None,
        )

    @property
    def n_open(self) -> int:
        """Differences without a reference."""
        return sum(one.reference is None for one in self.differences)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSession:
    """Agreement in a closed session, as it was when it closed.

    Attributes
    ----------
    alpha, criteria_exact : mapping of criterion to Estimate
        Krippendorff's alpha (ordinal) and exact agreement of levels.
    """

    id: int
    name: str
    closed_at: datetime
    scorecard: str
    scorecard_version: int
    n_conversations: int
    n_raters: int
    opened_early: bool
    exact: Estimate
    applicability: Estimate
    alpha: Mapping[str, Estimate]
    criteria_exact: Mapping[str, Estimate]


def results(database: Database, user: User, calibration_id: int) -> Results:
    """Return what came of a session.

    Raises
    ------
    NotAllowedError
        While raters may not see each other's answers.
    """
    return _found(database, user, calibration_id)


def close(database: Database, user: User, calibration_id: int) -> Calibration:
    """Close a session: its agreement is kept as it is now, and references no longer change."""
    user.require(Permission.CALIBRATE)
    # Answers are fixed by now, so the figures need not be worked out while others wait.
    found = _found(database, user, calibration_id, everything=True)
    require_stage(found.calibration, Stage.DISCUSSING, wanted=Stage.CLOSED)
    with database.writing(user.name) as write:
        now = session_in(write.connection, user, calibration_id)
        require_stage(now, Stage.DISCUSSING, wanted=Stage.CLOSED)
        write.execute(
            update(calibrations)
            .where(calibrations.c.id == calibration_id)
            .values(state=Stage.CLOSED, closed_at=datetime.now(UTC), agreement=_kept(found))
        )
        write.audit(
            "calibration.close",
            f"calibration:{calibration_id}",
            differences=len(found.differences),
            agreed=found.n_agreed,
        )
    return calibration(database, user, calibration_id)


def history(database: Database, user: User) -> tuple[PastSession, ...]:
    """Return the closed sessions that the user may see, first closed first."""
    visible = {one.id: one for one in list_calibrations(database, user)}
    with database.reading() as connection:
        rows = connection.execute(
            select(calibrations)
            .where(calibrations.c.state == Stage.CLOSED, calibrations.c.id.in_(visible))
            .order_by(calibrations.c.closed_at, calibrations.c.id)
        ).all()
    return tuple(_past(visible[row.id], row.agreement) for row in rows)


def _found(
    database: Database, user: User, calibration_id: int, *, everything: bool = False
) -> Results:
    """Return what came of a session, with what the user must not see only for `everything`."""
    with database.reading() as connection:
        found = session_in(connection, user, calibration_id)
        if not found.shows_answers:
            raise NotAllowedError(
                f"answers in calibration session {calibration_id} are kept from everybody until "
                "all are handed in or the discussion is opened"
            )
        card = card_of(connection, found.scorecard, found.scorecard_version)
        stored = stored_evaluations(
            connection,
            and_(evaluations.c.calibration_id == found.id, evaluations.c.state == "submitted"),
        )
        agreed = references(connection, found.id)
        withheld = () if everything else _withheld(connection, user, found)
    # The figures take a second: nobody has to wait for this transaction meanwhile.
    ratings = tuple(
        answer.rating
        for one in stored
        if one.conversation_id not in withheld
        for answer in one.answers.values()
    )
    agreed = {key: one for key, one in agreed.items() if key[0] not in withheld}
    return _results(found, card, ratings, agreed, withheld)


def _results(
    found: Calibration,
    card: Scorecard,
    ratings: tuple[Rating, ...],
    agreed: Mapping[Key, Reference],
    withheld: tuple[str, ...],
) -> Results:
    scales: Scales = tuple((one.id, one.scale) for one in card.criteria)
    cells = _cells(found, card, ratings, agreed)
    common = _common(ratings)
    order = {one.id: place for place, one in enumerate(card.criteria)}
    differences = sorted(
        (cell for cell in cells if cell.apart > 0),
        key=lambda cell: (
            -cell.apart,
            not card.criterion(cell.criterion).critical,
            -card.criterion(cell.criterion).weight,
            order[cell.criterion],
        ),
    )
    reference = common | {key: (one.status, one.level) for key, one in agreed.items()}
    return Results(
        calibration=found,
        card=card,
        agreement=agreement(ratings, scales),
        differences=tuple(differences),
        alike=tuple(cell for cell in cells if cell.apart == 0),
        withheld=withheld,
        distances=distances(ratings, reference, scales),
        n_agreed=len(agreed),
        n_common=len(common.keys() - agreed.keys()),
    )


def _withheld(connection: Connection, user: User, found: Calibration) -> tuple[str, ...]:
    hidden = set(
        connection.scalars(
            select(conversations.c.id).where(
                conversations.c.id.in_(found.conversations), hides(user)
            )
        )
    )
    return tuple(one for one in found.conversations if one in hidden)


def _cells(
    found: Calibration,
    card: Scorecard,
    ratings: Sequence[Rating],
    agreed: Mapping[Key, Reference],
) -> list[Cell]:
    said = {(r.conversation_id, r.criterion, r.rater): r for r in ratings}
    cells = []
    for conversation in found.conversations:
        for criterion in card.criteria:
            given = tuple(
                Given(
                    rater=seat.rater,
                    display_name=seat.display_name,
                    rating=said.get((conversation, criterion.id, seat.rater)),
                )
                for seat in found.seats
            )
            there = [one.rating for one in given if one.rating is not None]
            if there:
                cells.append(
                    Cell(
                        conversation_id=conversation,
                        criterion=criterion.id,
                        given=given,
                        apart=apart(there, criterion.scale),
                        reference=agreed.get((conversation, criterion.id)),
                    )
                )
    return cells


def _common(ratings: Sequence[Rating]) -> dict[Key, tuple[Status, int | None]]:
    by_item: dict[Key, list[Rating]] = {}
    for rating in ratings:
        by_item.setdefault((rating.conversation_id, rating.criterion), []).append(rating)
    said = {key: common_answer(given) for key, given in by_item.items()}
    return {key: answer for key, answer in said.items() if answer is not None}


def _kept(found: Results) -> dict[str, Json]:
    """What the history needs of a session, as JSON."""
    return {
        "exact": found.agreement.exact.to_dict(counts=True),
        "applicability": found.agreement.applicability.to_dict(counts=True),
        "criteria": {
            one.criterion: {
                "alpha": one.alpha.to_dict(counts=True),
                "exact": one.exact.to_dict(counts=True),
            }
            for one in found.agreement.criteria
        },
    }


def _past(session: Calibration, kept: Mapping[str, Any]) -> PastSession:
    by_criterion: Mapping[str, Any] = kept["criteria"]
    return PastSession(
        id=session.id,
        name=session.name,
        closed_at=session.closed_at or session.created_at,
        scorecard=session.scorecard,
        scorecard_version=session.scorecard_version,
        n_conversations=len(session.conversations),
        n_raters=len(session.seats),
        opened_early=session.opened_early,
        exact=_estimate(kept["exact"]),
        applicability=_estimate(kept["applicability"]),
        alpha={name: _estimate(one["alpha"]) for name, one in by_criterion.items()},
        criteria_exact={name: _estimate(one["exact"]) for name, one in by_criterion.items()},
    )


def _estimate(kept: Mapping[str, Any]) -> Estimate:
    value, low, high = (
        math.nan if kept[name] is None else float(kept[name]) for name in ("value", "low", "high")
    )
    return Estimate(value, low, high, int(kept["n"]), int(kept["n_clusters"]))
