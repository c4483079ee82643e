"""Zendesk QA: reviews by people, and rows of ratings by AutoQA.

A rating is a percentage of its category's scale, whatever the scale; one without a score is N/A.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from autoqa.readers.evaluations.answers import (
    Answer,
    Importer,
    Names,
    Question,
    Said,
    VendorEvaluation,
)
from autoqa.readers.evaluations.fields import Key, Time, checked, percent, required, some
from autoqa.records import RaterKind, Status
from autoqa.scorecard.vendors.files import CamelPart, Number

SYSTEM = "zendesk-autoqa"

_CONVERSATION = "conversation"


class _User(CamelPart):
    email: str = ""
    name: str = ""


def _user(value: Any) -> Any:
    """Older exports name a user by text alone."""
    return {"name": value} if isinstance(value, str) else value


class _Rating(CamelPart):
    category_id: Key = ""
    category_name: str = ""
    score: Number | None = None
    cause: str = ""
    causes: list[str] = Field(default_factory=list)


class _Review(CamelPart):
    id: Key = ""
    reviewer: Annotated[_User, BeforeValidator(_user)] = Field(default_factory=_User)
    ratings: list[_Rating]
    updated_iso: Time = Field(default=None, alias="updatedISO")
    created_iso: Time = Field(default=None, alias="createdISO")
    updated: Time = None
    created: Time = None
    conversation: Key = ""


class _AutoQARow(CamelPart):
    autoqa_rating_id: Key = ""
    external_ticket_id: Key
    rating_category_id: Key = ""
    rating_category_name: str = ""
    category_display_name: str = ""
    score: Number | None = None
    evaluated: bool = True
    root_causes: list[str] = Field(default_factory=list)
    updated_at: Time = None
    created_at: Time = None


def _recognises(given: Mapping[str, Any]) -> bool:
    """Whether an object is a conversation with reviews, or a row of AutoQA."""
    return {"externalId", "reviews"} <= given.keys() or _is_row(given)


def _is_row(given: Mapping[str, Any]) -> bool:
    return "externalTicketId" in given and "ratingCategoryName" in given


def _split(given: Mapping[str, Any]) -> Iterator[Any]:
    """Yield each review of a conversation with the conversation's id, or the row."""
    if _is_row(given):
        yield given
        return
    reviews = given["reviews"]
    for review in reviews if isinstance(reviews, list) else [reviews]:
        known = isinstance(review, Mapping)
        yield {**review, _CONVERSATION: given["externalId"]} if known else review


def _read(given: Mapping[str, Any], names: Names) -> VendorEvaluation:
    """Return one review, or what AutoQA says of one category; see the module."""
    if _is_row(given):
        return _read_row(checked(_AutoQARow, given), names)
    review = checked(_Review, given)
    conversation = required(review.conversation, "externalId")
    person = review.reviewer.email or review.reviewer.name or names.person or "unknown"
    return VendorEvaluation(
        key=f"{conversation} {review.id or person}",
        conversation_id=conversation,
        answers=tuple(_answer(one).by(person, RaterKind.HUMAN) for one in review.ratings),
        submitted=review.updated_iso or review.updated or review.created_iso or review.created,
    )


def _answer(given: _Rating) -> Answer:
    question = Question(some(given.category_id), given.category_name)
    causes = "; ".join(dict.fromkeys(some(given.cause, *given.causes)))
    if given.score is None:
        return Answer(question=question, status=Status.NOT_APPLICABLE, reason=causes)
    return Answer(question=question, said=Said(share=percent(given.score)), reason=causes)


def _read_row(given: _AutoQARow, names: Names) -> VendorEvaluation:
    category = given.rating_category_name or given.category_display_name
    question = Question(some(given.rating_category_id), category)
    causes = "; ".join(given.root_causes)
    if given.score is not None:
        answer = Answer(question=question, said=Said(share=percent(given.score)), reason=causes)
    elif given.evaluated:
        answer = Answer(question=question, status=Status.NOT_APPLICABLE, reason=causes)
    else:
        reason = causes or "AutoQA did not evaluate the category"
        answer = Answer(question=question, status=Status.ABSTAINED, reason=reason)
    ticket = required(given.external_ticket_id, "externalTicketId")
    return VendorEvaluation(
        key=given.autoqa_rating_id or f"{ticket} {category}",
        conversation_id=ticket,
        answers=(answer.by(names.system or SYSTEM, RaterKind.MODEL),),
        submitted=given.updated_at or given.created_at,
    )


ZENDESK = Importer(_recognises, _read, _split)
