"""Who must not yet see what others answered: one rule for pages, API and exports.

Models' answers and the ratings of peers are kept from a reviewer until they have submitted their
own, where the item is to be reviewed blind, where they chose so (``settings["blind"]``), or where
their evaluation was begun so; and from everybody who sits in a calibration session until all of
its raters have submitted or it is opened for discussion.
"""

from __future__ import annotations

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    FromClause,
    and_,
    exists,
    false,
    not_,
    or_,
    select,
    union_all,
)

from autoqa.review.access import Permission, User
from autoqa.review.database import schema
from autoqa.review.database.schema import calibrations, conversations, evaluations

NEUTRAL_REASONS = frozenset({"random_audit", "new_agent", "instructs_scorer", "picked"})
"""Reasons to look at a conversation that do not tell what a model or a person answered."""

NEUTRAL_PRIORITY = 0.5
"""Where the queue puts an item that keeps scores from its reader: its own place would tell them."""

# Aliases, so that the conditions hold within any query; made once, since making them is slow.
_own = evaluations.alias("own")
_item = schema.items.alias("to_review")
_session = calibrations.alias("session")
_seat = schema.calibration_raters.alias("seat")
_rated_in = schema.calibration_conversations.alias("rated_in")
_rater = schema.calibration_raters.alias("rater")
_of_session = schema.calibration_conversations.alias("of_session")
_given = evaluations.alias("given")


def hides(user: User) -> ColumnElement[bool]:
    """Return the condition on `conversations` under which answers of others are kept from a user.

    What is hidden: models' answers, totals and predictions, flags other than `NEUTRAL_REASONS`,
    and ratings and comments of peers.
    """
    if not user.may(Permission.REVIEW):
        return false()
    mine = and_(_own.c.conversation_id == conversations.c.id, _own.c.user_id == user.id)
    begun_blind = exists().where(mine, _own.c.state == "draft", _own.c.blind)
    begun = exists().where(mine, _own.c.purpose == "review")
    to_review = and_(_item.c.conversation_id == conversations.c.id, _item.c.state == "open")
    if user.settings.get("blind") is not True:
        to_review = and_(to_review, _item.c.blind)
    sits = exists().where(
        _seat.c.user_id == user.id,
        _session.c.id == _seat.c.calibration_id,
        _rated_in.c.calibration_id == _seat.c.calibration_id,
        _rated_in.c.conversation_id == conversations.c.id,
        unopened(_session),
    )
    return or_(begun_blind, sits, and_(exists().where(to_review), not_(begun)))


def hidden_items(user: User) -> CompoundSelect[tuple[int]] | None:
    """Return the ids of the items of the queue whose conversations `hides` is true of.

    For queries about the whole queue, which `hides` would ask once per item. None where nothing is
    hidden from the user.
    """
    if not user.may(Permission.REVIEW):
        return None
    begun = select(_own.c.conversation_id).where(
        _own.c.user_id == user.id, _own.c.purpose == "review"
    )
    to_review = select(_item.c.id).where(
        _item.c.state == "open", _item.c.conversation_id.not_in(begun)
    )
    if user.settings.get("blind") is not True:
        to_review = to_review.where(_item.c.blind)
    begun_blind = (
        select(_item.c.id)
        .join(_own, _own.c.conversation_id == _item.c.conversation_id)
        .where(_own.c.user_id == user.id, _own.c.state == "draft", _own.c.blind)
    )
    sits = (
        select(_item.c.id)
        .join(_rated_in, _rated_in.c.conversation_id == _item.c.conversation_id)
        .join(_seat, _seat.c.calibration_id == _rated_in.c.calibration_id)
        .join(_session, _session.c.id == _rated_in.c.calibration_id)
        .where(_seat.c.user_id == user.id, unopened(_session))
    )
    return union_all(to_review, begun_blind, sits)


def still_blind() -> ColumnElement[bool]:
    """Return the condition on `evaluations` under which nobody may export them yet.

    Somebody is still to rate the conversation without knowing them.
    """
    awaited = exists().where(
        _item.c.conversation_id == evaluations.c.conversation_id,
        _item.c.state == "open",
        _item.c.blind,
    )
    in_session = exists().where(
        _rated_in.c.conversation_id == evaluations.c.conversation_id,
        _session.c.id == _rated_in.c.calibration_id,
        unopened(_session),
    )
    return or_(awaited, in_session)


def unopened(session: FromClause = calibrations) -> ColumnElement[bool]:
    """Return the condition on `calibrations` that raters may not see each other's answers yet."""
    submitted = select(_given.c.id).where(
        _given.c.calibration_id == _rater.c.calibration_id,
        _given.c.conversation_id == _of_session.c.conversation_id,
        _given.c.user_id == _rater.c.user_id,
        _given.c.state == "submitted",
    )
    awaited = select(_rater.c.user_id).where(
        _rater.c.calibration_id == session.c.id,
        _of_session.c.calibration_id == session.c.id,
        not_(exists(submitted)),
    )
    return and_(session.c.state == "rating", exists(awaited))
