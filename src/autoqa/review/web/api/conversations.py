"""``/api/v1/conversation``: one conversation, and comments on it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field, StrictInt

from autoqa.review.comments import add_comment, comments_on
from autoqa.review.conversations import see
from autoqa.review.web.api.shapes import Body, Conversation, WrittenComment
from autoqa.review.web.dependencies import Db, Signed
from autoqa.store import to_dict

Id = Annotated[str, Query(min_length=1, max_length=500, description="Id of the conversation")]
Occasion = Annotated[
    str, Query(max_length=60, description="calibration:ID in a calibration session")
]

router = APIRouter(prefix="/conversation", tags=["conversations"])


class Sent(Body):
    """What requests about one conversation say: which, and on which occasion."""

    id: str = Field(min_length=1, max_length=500)
    occasion: str = Field("", max_length=60)


class NewComment(Sent):
    """A comment to write; `turn` counts from 0."""

    text: str
    criterion: str | None = None
    turn: StrictInt | None = None


@router.get("")
def one_conversation(db: Db, user: Signed, id: Id, occasion: Occasion = "") -> Conversation:  # noqa: A002
    """Return a conversation with what the user may see of it."""
    found = see(db, user, id, occasion=occasion)
    shown = {name: getattr(found, name) for name in Conversation.model_fields}
    return Conversation.model_validate(shown | {"transcript": to_dict(found.transcript)})


@router.get("/comments")
def comments(db: Db, user: Signed, id: Id, occasion: Occasion = "") -> list[WrittenComment]:  # noqa: A002
    """Return the comments that the user may read, oldest first."""
    found = comments_on(db, user, id, occasion=occasion)
    return [WrittenComment.model_validate(one) for one in found]


@router.post("/comments", status_code=201)
def write_comment(db: Db, user: Signed, sent: NewComment) -> WrittenComment:
    """Write a comment."""
    written = add_comment(
        db,
        user,
        sent.id,
        sent.text,
        criterion=sent.criterion,
        turn=sent.turn,
        occasion=sent.occasion,
    )
    return WrittenComment.model_validate(written)
