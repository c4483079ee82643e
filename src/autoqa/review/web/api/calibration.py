"""``/api/v1/calibrations``: sessions in which several people answer the same conversations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import StrictBool, StrictInt

from autoqa.records import Status
from autoqa.review import calibration as sessions
from autoqa.review.calibration import Stage
from autoqa.review.web.api.shapes import Body, GivenRating, Shape
from autoqa.review.web.dependencies import Db, Signed

router = APIRouter(prefix="/calibrations", tags=["calibration"])

Id = Annotated[int, Path(ge=1, le=2**31 - 1, description="Id of the session")]


class Figure(Shape):
    """An estimate with its 95 % interval over conversations; null where undefined."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    n_clusters: int


class RaterSeat(Shape):
    """One rater's place, and the conversations that they began and handed in."""

    rater: str
    display_name: str
    begun: list[str]
    submitted: list[str]


class Session(Shape):
    """A session and how far it is; nothing of what was answered."""

    id: int
    name: str
    scorecard: str
    scorecard_version: int
    stage: Stage
    created_by: str
    created_at: datetime
    closed_at: datetime | None
    occasion: str
    conversations: list[str]
    seats: list[RaterSeat]
    n_wanted: int
    n_submitted: int
    opened_early: bool
    shows_answers: bool


class CriterionFigures(Shape):
    """Agreement on one criterion: which level, and apart from it whether it applies.

    `alpha` is Krippendorff's (ordinal), `ac2` Gwet's (quadratic), `applicability_alpha`
    Krippendorff's (nominal), `applicability_ac1` Gwet's.
    """

    criterion: str
    n_items: int
    n_items_with_values: int
    exact: Figure
    alpha: Figure
    ac2: Figure
    not_applicable: Figure
    applicability: Figure
    applicability_alpha: Figure
    applicability_ac1: Figure


class RaterFigures(Shape):
    """One rater among the others; `severity` is a share of the scale, above 0 more severe."""

    rater: str
    n_answers: int
    exact: Figure
    applicability: Figure
    severity: Figure


class SessionAgreement(Shape):
    """Agreement over all criteria, on each, and of each rater."""

    exact: Figure
    applicability: Figure
    criteria: list[CriterionFigures]
    raters: list[RaterFigures]


class ReferenceDistance(Shape):
    """How far one rater lies from the reference, as shares of the scale."""

    rater: str
    exact: Figure
    distance: Figure
    bias: Figure
    applicability: Figure


class ReferenceRating(Shape):
    """What was agreed to be the right answer."""

    conversation_id: str
    criterion: str
    version: int
    status: Status
    level: int | None
    reason: str
    agreed_by: str
    at: datetime


class GivenInSession(Shape):
    """One rater's answer; null where none was handed in."""

    rater: str
    display_name: str
    rating: GivenRating | None


class AnswersToOne(Shape):
    """All answers to one criterion on one conversation; `apart` is 0 where they are alike."""

    conversation_id: str
    criterion: str
    apart: float
    given: list[GivenInSession]
    reference: ReferenceRating | None


class SessionResults(Shape):
    """What came of a session, differences farthest apart first."""

    calibration: Session
    agreement: SessionAgreement
    differences: list[AnswersToOne]
    alike: list[AnswersToOne]
    withheld: list[str]
    distances: list[ReferenceDistance]
    n_agreed: int
    n_common: int


class ClosedSession(Shape):
    """Agreement in a closed session, as it was when it closed."""

    id: int
    name: str
    closed_at: datetime
    scorecard: str
    scorecard_version: int
    n_conversations: int
    n_raters: int
    opened_early: bool
    exact: Figure
    applicability: Figure
    alpha: dict[str, Figure]
    criteria_exact: dict[str, Figure]


class NewSession(Body):
    """A session to begin: ids of conversations, and names of at least two users."""

    name: str
    conversations: list[str]
    raters: list[str]


class Opening(Body):
    """Whether to open the discussion although forms are missing."""

    early: StrictBool = False


class NewReference(Body):
    """What was agreed; `based_on` is the version it follows, 0 where there was none."""

    conversation: str
    criterion: str
    status: Status
    level: StrictInt | None = None
    reason: str = ""
    based_on: StrictInt = 0


@router.get("")
def listed(db: Db, user: Signed) -> list[Session]:
    """Return the sessions that the user may see, newest first."""
    return [Session.model_validate(one) for one in sessions.list_calibrations(db, user)]


@router.post("", status_code=201)
def begin(db: Db, user: Signed, sent: NewSession) -> Session:
    """Begin a session."""
    begun = sessions.begin(db, user, sent.name, sent.conversations, sent.raters)
    return Session.model_validate(begun)


@router.get("/history")
def history(db: Db, user: Signed) -> list[ClosedSession]:
    """Return closed sessions with their agreement, first closed first."""
    return [ClosedSession.model_validate(one) for one in sessions.history(db, user)]


@router.get("/{number}")
def one(db: Db, user: Signed, number: Id) -> Session:
    """Return one session."""
    return Session.model_validate(sessions.calibration(db, user, number))


@router.get("/{number}/results")
def results(db: Db, user: Signed, number: Id) -> SessionResults:
    """Return what came of a session; refused while raters may not see each other's answers."""
    return SessionResults.model_validate(sessions.results(db, user, number))


@router.post("/{number}/open")
def open_discussion(db: Db, user: Signed, number: Id, sent: Opening) -> Session:
    """Fix all answers and let everybody see them."""
    opened = sessions.open_discussion(db, user, number, early=sent.early)
    return Session.model_validate(opened)


@router.post("/{number}/references", status_code=201)
def agree(db: Db, user: Signed, number: Id, sent: NewReference) -> ReferenceRating:
    """Note what was agreed to be the right answer."""
    added = sessions.agree(
        db,
        user,
        number,
        sent.conversation,
        sent.criterion,
        status=sent.status,
        level=sent.level,
        reason=sent.reason,
        based_on=sent.based_on,
    )
    return ReferenceRating.model_validate(added)


@router.post("/{number}/close")
def close(db: Db, user: Signed, number: Id) -> Session:
    """Close a session; its agreement goes into the history."""
    return Session.model_validate(sessions.close(db, user, number))
