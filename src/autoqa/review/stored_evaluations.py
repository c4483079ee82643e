"""What people and models answered, as it lies in the review database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from autoqa.records import Evaluation, Evidence, RaterKind, Rating, Status
from autoqa.review.access import NotFoundError
from autoqa.review.database.schema import evaluations, ratings, scorecards, users
from autoqa.scorecard import Scorecard

CALIBRATION = "calibration:"
"""How the occasion of an evaluation begins that is made in a calibration session."""

_later = ratings.alias("later")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A Rating as it is stored: the version of it that counts."""

    id: int  # of this version, which disputes name
    version: int  # from 1
    rating: Rating
    accepted: bool  # the model's answer, taken by a person who saw it
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvaluation:
    """One rater's evaluation of one conversation, begun or submitted, with its answers."""

    id: int
    conversation_id: str
    rater: str  # a user's name, or a scorer
    shown_as: str  # the user's name for others to read
    kind: RaterKind
    user_id: int | None
    scorecard: str
    scorecard_version: int
    purpose: str  # score, review, calibration, decision
    occasion: str
    state: str  # draft, submitted
    blind: bool
    total: float | None
    coverage: float
    critical_failed: tuple[str, ...]
    section_totals: Mapping[str, float | None]
    started_at: datetime
    submitted_at: datetime | None  # a draft that was submitted before has been reopened
    answers: Mapping[str, Answer]  # by criterion

    @property
    def submitted(self) -> bool:
        """Whether it counts."""
        return self.state == "submitted"

    def to_record(self) -> Evaluation:
        """Return it as the record that scoring makes too."""
        return Evaluation(
            conversation_id=self.conversation_id,
            rater=self.rater,
            kind=self.kind,
            scorecard=self.scorecard,
            scorecard_version=self.scorecard_version,
            total=self.total,
            critical_failed=self.critical_failed,
            coverage=self.coverage,
            ratings=tuple(answer.rating for answer in self.answers.values()),
            section_totals=dict(self.section_totals),
        )


def newest() -> ColumnElement[bool]:
    """Return the condition on `ratings` that leaves the version of each answer that counts."""
    return ratings.c.version == (
        select(func.max(_later.c.version))
        .where(
            _later.c.evaluation_id == ratings.c.evaluation_id,
            _later.c.criterion == ratings.c.criterion,
        )
        .scalar_subquery()
    )


def stored_evaluations(
    connection: Connection, condition: ColumnElement[bool]
) -> list[StoredEvaluation]:
    """Return the evaluations that meet a condition on `evaluations`, first begun first."""
    found = connection.execute(
        select(evaluations, users.c.display_name)
        .outerjoin(users, users.c.id == evaluations.c.user_id)
        .where(condition)
        .order_by(evaluations.c.id)
    ).all()
    answers: dict[int, dict[str, Answer]] = {row.id: {} for row in found}
    if found:
        by_id = {row.id: row for row in found}
        given = connection.execute(
            select(ratings)
            .join(evaluations, evaluations.c.id == ratings.c.evaluation_id)
            .where(condition, newest())
            .order_by(ratings.c.id)
        )
        for row in given:
            if row.evaluation_id in by_id:  # PostgreSQL sees what was committed in between
                answers[row.evaluation_id][row.criterion] = _answer(row, by_id[row.evaluation_id])
    return [_evaluation(row, answers[row.id]) for row in found]


def _answer(row: Row[Any], evaluation: Row[Any]) -> Answer:
    return Answer(
        id=row.id,
        version=row.version,
        rating=rating_from(row, evaluation),
        accepted=row.accepted,
        at=row.at,
    )


def rating_from(row: Row[Any], evaluation: Row[Any]) -> Rating:
    """Return the Rating in a row of `ratings`."""
    return Rating(
        conversation_id=evaluation.conversation_id,
        criterion=row.criterion,
        rater=evaluation.rater,
        kind=RaterKind(evaluation.kind),
        status=Status(row.status),
        level=row.level,
        expected=row.expected,
        probabilities=tuple(row.probabilities),
        evidence=tuple(Evidence(**span) for span in row.evidence),
        reason=row.reason,
    )


def rating_values(rating: Rating) -> dict[str, Any]:
    """Return the columns of `ratings` that hold what a person answered."""
    return {
        "criterion": rating.criterion,
        "status": str(rating.status),
        "level": rating.level,
        "probabilities": list(rating.probabilities),
        "evidence": [asdict(span) for span in rating.evidence],
        "reason": rating.reason,
    }


def total_values(evaluation: Evaluation) -> dict[str, Any]:
    """Return the columns of `evaluations` that hold what ratings add up to."""
    return {
        "total": evaluation.total,
        "coverage": evaluation.coverage,
        "critical_failed": list(evaluation.critical_failed),
        "section_totals": dict(evaluation.section_totals),
    }


def card_of(connection: Connection, scorecard: str, version: int) -> Scorecard:
    """Return a scorecard as it was loaded.

    Raises
    ------
    NotFoundError
        If this version of it was never loaded.
    """
    document = connection.execute(
        select(scorecards.c.document).where(
            scorecards.c.id == scorecard, scorecards.c.version == version
        )
    ).scalar_one_or_none()
    if document is None:
        raise NotFoundError(f"there is no scorecard '{scorecard}' version {version}")
    return Scorecard.model_validate(document)


def _evaluation(row: Row[Any], answers: Mapping[str, Answer]) -> StoredEvaluation:
    return StoredEvaluation(
        id=row.id,
        conversation_id=row.conversation_id,
        rater=row.rater,
        shown_as=row.display_name or row.rater,
        kind=RaterKind(row.kind),
        user_id=row.user_id,
        scorecard=row.scorecard,
        scorecard_version=row.scorecard_version,
        purpose=row.purpose,
        occasion=row.occasion,
        state=row.state,
        blind=row.blind,
        total=row.total,
        coverage=row.coverage or 0.0,
        critical_failed=tuple(row.critical_failed),
        section_totals=row.section_totals,
        started_at=row.started_at,
        submitted_at=row.submitted_at,
        answers=answers,
    )
