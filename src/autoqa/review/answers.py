"""Answers of people: saved one by one, each a new version, and submitted together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, update

from autoqa.records import Evaluation, Evidence, RaterKind, Rating, Status
from autoqa.review.access import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
    Permission,
    User,
)
from autoqa.review.answer_rules import entered_rating, require_reason, same_answer
from autoqa.review.database import Database, Write
from autoqa.review.database.schema import evaluations, ratings
from autoqa.review.forms import Form, form_of, model_answers
from autoqa.review.leases import complete, hold, take_back
from autoqa.review.stored_evaluations import Answer, rating_values, total_values
from autoqa.scorecard import evaluate


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """An answer that was stored, and what the evaluation adds up to with it."""

    answer: Answer
    evaluation: Evaluation  # of all answers so far
    unanswered: tuple[str, ...]  # criteria to be answered before one can submit


def save_answer(
    database: Database,
    user: User,
    conversation_id: str,
    criterion: str,
    *,
    status: Status | str,
    level: int | None = None,
    reason: str = "",
    evidence: Sequence[Evidence] = (),
    based_on: int,
    occasion: str = "",
) -> Saved:
    """Store a new version of the user's answer to one criterion.

    Saving once more what was just stored, as a second click does, changes nothing.

    Parameters
    ----------
    database : Database
    user : User
    conversation_id, criterion : str
    status : Status
        ``rated``; ``not_applicable`` where the criterion allows it; ``abstained`` with a reason.
    level : int, optional
        Of the criterion's scale, where the status is ``rated``.
    reason : str
        Why. Required where the answer changes that of a model which the user could see.
    evidence : sequence of Evidence
        What the answer rests on.
    based_on : int
        The version that the user saw when they answered; 0 where there was none.
    occasion : str
        ``calibration:ID`` for the evaluation in a calibration session.

    Raises
    ------
    NotAllowedError, NotFoundError
        If the user may not review, or may not see the conversation.
    InvalidError
        If there is no such criterion, level or turn, or a reason is missing.
    ConflictError
        If another version is stored, the evaluation is submitted, or the user does not hold the
        conversation. It has what is stored and what was to be saved.
    """
    user.require(Permission.REVIEW)
    yours: dict[str, Any] = {
        "version": based_on + 1,
        "status": str(status),
        "level": level,
        "reason": reason,
        "evidence": [asdict(span) for span in evidence],
    }
    try:
        with database.writing(user.name) as write:
            form = form_of(write.connection, user, conversation_id, occasion=occasion)
            rating = entered_rating(
                write.connection,
                user,
                form,
                criterion,
                status=str(status),
                level=level,
                reason=reason,
                evidence=evidence,
            )
            stored = form.answers.get(criterion)
            version = 0 if stored is None else stored.version
            if stored is not None and version == based_on + 1 and _repeats(stored.rating, rating):
                raise _StoredAlready(
                    Saved(answer=stored, evaluation=_evaluation(form), unanswered=form.unanswered)
                )
            _require_draft(form, yours)
            if version != based_on:
                raise ConflictError(
                    f"'{criterion}' was answered elsewhere since you opened it (version {version}; "
                    f"yours started from {based_on})",
                    theirs=_plain(stored),
                    yours=yours,
                )
            model = None if form.hidden else _by_model(write.connection, form, criterion)
            require_reason(rating, model)
            _hold(write, user, form, yours)
            return _store(write, user, form, rating, version + 1, model)
    except _StoredAlready as found:
        return found.saved


def submit(
    database: Database, user: User, conversation_id: str, *, occasion: str = ""
) -> Evaluation:
    """Submit the user's evaluation: from now on it counts, and others may see it.

    Submitting what is submitted already changes nothing.

    Raises
    ------
    NotAllowedError, NotFoundError
        If the user may not review, or may not see the conversation.
    InvalidError
        If criteria have no answer; the message names them.
    ConflictError
        If the user does not hold the conversation any more.
    """
    user.require(Permission.REVIEW)
    try:
        with database.writing(user.name) as write:
            form = form_of(write.connection, user, conversation_id, occasion=occasion)
            if form.mine is not None and form.mine.submitted:
                raise _SubmittedAlready(form.mine.to_record())
            if form.mine is None or form.unanswered:
                missing = ", ".join(form.unanswered) or "nothing was answered"
                raise InvalidError(f"criteria have no answer yet: {missing}")
            _hold(write, user, form, {"submit": form.mine.id})
            found = _evaluation(form)
            write.execute(
                update(evaluations)
                .where(evaluations.c.id == form.mine.id)
                .values(state="submitted", submitted_at=datetime.now(UTC), **total_values(found))
            )
            if form.session is None:
                complete(write, user, conversation_id)
            write.audit(
                "evaluation.submit",
                _subject(form),
                evaluation=form.mine.id,
                versions={name: answer.version for name, answer in form.answers.items()},
            )
            return found
    except _SubmittedAlready as done:
        return done.evaluation


def reopen(database: Database, user: User, conversation_id: str, *, occasion: str = "") -> None:
    """Take the user's submitted evaluation back, to change it; until submitted it does not count.

    Every version of its answers stays. One that was given blind is not blind any more.

    Raises
    ------
    NotAllowedError, NotFoundError
        If the user may not review, or has submitted nothing here.
    ConflictError
        If the calibration session that it belongs to is open for discussion.
    """
    user.require(Permission.REVIEW)
    with database.writing(user.name) as write:
        form = form_of(write.connection, user, conversation_id, occasion=occasion)
        mine, session = form.mine, form.session
        if mine is None or not mine.submitted:
            raise NotFoundError(f"you have submitted no evaluation of '{conversation_id}'")
        if session is not None and not (session.unopened and session.has_seat):
            raise ConflictError(
                "raters of this session may see each other's answers; they no longer change",
                theirs={"state": session.state},
                yours={"reopen": mine.id},
            )
        write.execute(
            update(evaluations)
            .where(evaluations.c.id == mine.id)
            .values(state="draft", blind=mine.blind and form.hidden)
        )
        if session is None:
            take_back(write, user, conversation_id)
        write.audit("evaluation.reopen", _subject(form), evaluation=mine.id)


class _StoredAlready(Exception):
    """The newest version is what was to be saved."""

    def __init__(self, saved: Saved) -> None:
        super().__init__()
        self.saved = saved


class _SubmittedAlready(Exception):
    """The evaluation was submitted before."""

    def __init__(self, evaluation: Evaluation) -> None:
        super().__init__()
        self.evaluation = evaluation


def _require_draft(form: Form, yours: Mapping[str, Any]) -> None:
    if form.mine is not None and form.mine.submitted:
        raise ConflictError(
            "the evaluation is submitted; open it again to change it",
            theirs={"state": form.mine.state, "submitted_at": _moment(form.mine.submitted_at)},
            yours=yours,
        )


def _by_model(connection: Connection, form: Form, criterion: str) -> Rating | None:
    """What the model answered, where it did."""
    answers, _ = model_answers(connection, form.conversation_id, form.card)
    found = answers.get(criterion)
    # A model that was not sure, or broke, said nothing that could be accepted or changed.
    if found is None or found.rating.status not in (Status.RATED, Status.NOT_APPLICABLE):
        return None
    return found.rating


def _repeats(stored: Rating, rating: Rating) -> bool:
    """Whether an answer says what is stored already."""
    return same_answer(stored, rating) and (stored.reason, stored.evidence) == (
        rating.reason,
        rating.evidence,
    )


def _hold(write: Write, user: User, form: Form, yours: Mapping[str, Any]) -> None:
    """Make sure that the user holds the conversation, or a seat in the session."""
    if form.session is not None:
        if not form.session.has_seat:
            raise NotAllowedError(f"'{user.name}' is no rater of this calibration session")
        if form.session.state != "rating":
            raise ConflictError(
                f"this calibration session is {form.session.state}; answers no longer change",
                theirs={"state": form.session.state},
                yours=yours,
            )
        return
    try:
        hold(write, user, form.conversation_id)
    except ConflictError as error:
        raise ConflictError(str(error), theirs=error.theirs, yours=yours) from None
    except (NotAllowedError, NotFoundError):  # given back, or never claimed
        raise ConflictError(
            "you do not hold this conversation; claim it first",
            theirs={"held_by": []},
            yours=yours,
        ) from None


def begin_evaluation(write: Write, user: User, form: Form) -> int:
    """Return the id of the user's evaluation, which is begun where there is none."""
    if form.mine is not None:
        return form.mine.id
    return int(
        write.execute(
            insert(evaluations)
            .values(
                conversation_id=form.conversation_id,
                rater=user.name,
                kind=str(RaterKind.HUMAN),
                user_id=user.id,
                scorecard=form.card.id,
                scorecard_version=form.card.version,
                purpose="review" if form.session is None else "calibration",
                calibration_id=None if form.session is None else form.session.id,
                state="draft",
                blind=form.hidden,
                critical_failed=[],
                section_totals={},
                started_at=datetime.now(UTC),
                occasion=form.occasion,
            )
            .returning(evaluations.c.id)
        ).scalar_one()
    )


def _store(
    write: Write, user: User, form: Form, rating: Rating, version: int, model: Rating | None
) -> Saved:
    evaluation_id, now = begin_evaluation(write, user, form), datetime.now(UTC)
    accepted = model is not None and same_answer(rating, model)
    stored_id = write.execute(
        insert(ratings)
        .values(
            evaluation_id=evaluation_id,
            version=version,
            accepted=accepted,
            at=now,
            **rating_values(rating),
        )
        .returning(ratings.c.id)
    ).scalar_one()
    found = _evaluation(form, rating)
    write.execute(
        update(evaluations).where(evaluations.c.id == evaluation_id).values(**total_values(found))
    )
    # Levels stay out of the log: who reads it may still have to rate the conversation blind.
    write.audit(
        "rating.save",
        f"{_subject(form)}/{rating.criterion}",
        evaluation=evaluation_id,
        rating=stored_id,
        version=version,
    )
    return Saved(
        answer=Answer(id=stored_id, version=version, rating=rating, accepted=accepted, at=now),
        evaluation=found,
        unanswered=tuple(name for name in form.unanswered if name != rating.criterion),
    )


def _evaluation(form: Form, *newer: Rating) -> Evaluation:
    """What the user's answers add up to, the newer ones in the place of older ones."""
    given = {name: answer.rating for name, answer in form.answers.items()}
    return evaluate([*(given | {rating.criterion: rating for rating in newer}).values()], form.card)


def _subject(form: Form) -> str:
    return f"conversation:{form.conversation_id}"


def _plain(stored: Answer | None) -> dict[str, Any]:
    if stored is None:
        return {"version": 0}
    return {
        "version": stored.version,
        "status": str(stored.rating.status),
        "level": stored.rating.level,
        "reason": stored.rating.reason,
        "evidence": [asdict(span) for span in stored.rating.evidence],
        "at": _moment(stored.at),
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
