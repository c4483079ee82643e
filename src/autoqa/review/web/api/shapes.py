"""What the API says of conversations and ratings: the dataclasses of the services, as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from autoqa.records import RaterKind, Status
from autoqa.scorecard import Scorecard


class Shape(BaseModel):
    """Made from a dataclass with the same fields."""

    model_config = ConfigDict(from_attributes=True)


class Body(BaseModel):
    """What a request carries; fields that nobody knows are refused."""

    model_config = ConfigDict(extra="forbid")


class Span(Shape):
    """The words that a rating rests on."""

    turn: int
    start: int
    end: int
    contribution: float


class GivenRating(Shape):
    """One rater's answer to one criterion."""

    criterion: str
    rater: str
    kind: RaterKind
    status: Status
    level: int | None
    expected: float | None
    probabilities: list[float]
    evidence: list[Span]
    reason: str


class GivenAnswer(Shape):
    """A rating as it is stored: the version of it that counts."""

    id: int
    version: int
    rating: GivenRating
    accepted: bool
    at: datetime


class GivenEvaluation(Shape):
    """All answers of one rater; a person's and a model's are never merged."""

    id: int
    rater: str
    shown_as: str
    kind: RaterKind
    scorecard: str
    scorecard_version: int
    purpose: str
    occasion: str
    state: str
    blind: bool
    total: float | None
    coverage: float
    critical_failed: list[str]
    section_totals: dict[str, float | None]
    started_at: datetime
    submitted_at: datetime | None
    answers: dict[str, GivenAnswer]


class Totals(Shape):
    """What answers add up to."""

    total: float | None
    coverage: float
    critical_failed: list[str]
    section_totals: dict[str, float | None]


class SavedAnswer(Shape):
    """An answer that was stored, and what the evaluation adds up to with it."""

    answer: GivenAnswer
    evaluation: Totals
    unanswered: list[str]


class WrittenComment(Shape):
    """What somebody wrote beside a conversation; `turn` counts from 0."""

    id: int
    by: str
    shown_as: str
    text: str
    criterion: str | None
    turn: int | None
    at: datetime
    mine: bool


class Reason(Shape):
    """Why the conversation is in the queue."""

    reason: str
    message: str
    priority: float
    criterion: str | None


class Curve(Shape):
    """Predicted satisfaction after single turns, counted from 0."""

    points: list[tuple[int, float]]
    scale: tuple[float, float]


class CustomerAnswer(Shape):
    """The customer's own answer."""

    score: float
    scale: tuple[float, float]
    comment: str | None
    answered_at: datetime | None
    given_by: str


class QueuePlace(Shape):
    """Where the conversation stands in the queue."""

    item_id: int
    state: str
    blind: bool
    reviews_wanted: int
    reviews_done: int
    lease_until: datetime | None
    held_by: list[str]


class Conversation(Shape):
    """A conversation as the user may see it.

    Where `hidden` is true, answers of models and other people are kept from the user until they
    have submitted their own; they are then empty here.
    """

    conversation_id: str
    occasion: str
    hidden: bool
    may_answer: bool
    transcript: dict[str, Any]
    card: Scorecard
    mine: GivenEvaluation | None
    unanswered: list[str]
    automated: GivenEvaluation | None
    model: dict[str, GivenAnswer]
    csat: GivenAnswer | None
    curve: Curve | None
    survey: CustomerAnswer | None
    peers: list[GivenEvaluation]
    comments: list[WrittenComment]
    reasons: list[Reason]
    place: QueuePlace | None
