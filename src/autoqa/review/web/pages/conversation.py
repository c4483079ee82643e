"""One conversation: what was said, the scorecard beside it, and the answers of its reviewer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from autoqa.records import Evidence
from autoqa.review import answers
from autoqa.review.access import ConflictError, InvalidError, Permission, User
from autoqa.review.comments import add_comment
from autoqa.review.conversations import ConversationView, see
from autoqa.review.database import Database
from autoqa.review.flags import in_words
from autoqa.review.queue import claim_next, renew
from autoqa.review.stored_evaluations import Answer, StoredEvaluation
from autoqa.review.web.criterion_cards import (
    Answered,
    CriterionCard,
    Entered,
    answer_in,
    evidence_in,
    numbers_of,
    quotes_of,
)
from autoqa.review.web.curve import Curve, ticks
from autoqa.review.web.dependencies import Db, Signed, redirect
from autoqa.review.web.labels import later
from autoqa.review.web.links import conversation_link
from autoqa.review.web.rendering import page
from autoqa.review.web.shortcuts import SHORTCUTS, shortcuts_of
from autoqa.review.web.turns import CHANNELS, shown_turns

router = APIRouter()

Text = Annotated[str, Form()]

_WHY_CHANGED = later("Say why you answer otherwise than the model, then save.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Typed:
    """What a form sent that could not be saved."""

    entered: Mapping[str, Entered]  # by criterion
    comment: Mapping[str, str]
    problem: str = ""  # of the comment, or of submitting; an English sentence
    missing: bool = False  # answers, when submitting


_NOTHING = _Typed(entered={}, comment={})


@router.get("/conversation")
def show(
    request: Request,
    user: Signed,
    database: Db,
    id: str = "",  # noqa: A002
    criterion: str = "",
    occasion: str = "",
    turn: str = "",
) -> Response:
    """Show a conversation, with the evidence of one criterion highlighted."""
    view = see(database, user, id, occasion=occasion)
    typed = replace(_NOTHING, comment={"turn": turn[:9]}) if turn else _NOTHING
    return _page(request, view, criterion, typed)


@router.post("/conversation/answer")
def answer(
    request: Request,
    user: Signed,
    database: Db,
    id: Text = "",  # noqa: A002
    criterion: Text = "",
    answer: Text = "",
    reason: Text = "",
    turns: Text = "",
    based_on: Annotated[int, Form()] = 0,
    occasion: Text = "",
) -> Response:
    """Save the answer to one criterion; show it again where that is not possible."""
    entered = Entered(answer=answer, reason=reason, turns=turns)
    try:
        status, level = answer_in(answer)
        answers.save_answer(
            database,
            user,
            id,
            criterion,
            status=status,
            level=level,
            reason=reason,
            evidence=_evidence(database, user, id, occasion, turns),
            based_on=based_on,
            occasion=occasion,
        )
    except (InvalidError, ConflictError) as error:
        view = see(database, user, id, occasion=occasion)
        if criterion not in {one.id for one in view.card.criteria}:
            raise
        entered = replace(entered, problem=str(error))
        code = 422
        if isinstance(error, ConflictError):
            entered, code = replace(entered, theirs=error.theirs), 409
        elif _changes_unsaid(view, criterion, entered):
            entered = replace(entered, problem=_WHY_CHANGED)
        typed = replace(_NOTHING, entered={criterion: entered})
        return _answered(request, view, criterion, typed, status=code)
    view = see(database, user, id, occasion=occasion)
    if _by_htmx(request):
        return _answered(request, view, criterion)
    return redirect(
        request,
        conversation_link(id, criterion=_after(view, criterion), occasion=occasion),
        said=later("Saved."),
    )


@router.post("/conversation/comment")
def comment(
    request: Request,
    user: Signed,
    database: Db,
    id: Text = "",  # noqa: A002
    text: Text = "",
    turn: Text = "",
    criterion: Text = "",
    occasion: Text = "",
) -> Response:
    """Save a comment on a conversation, one of its turns or the answer to a criterion."""
    try:
        added = add_comment(
            database,
            user,
            id,
            text,
            criterion=criterion or None,
            turn=_turn(turn),
            occasion=occasion,
        )
    except InvalidError as error:
        view = see(database, user, id, occasion=occasion)
        sent = {"text": text, "turn": turn, "criterion": criterion}
        typed = replace(_NOTHING, comment=sent, problem=str(error))
        template = "conversation_comments.html.j2" if _by_htmx(request) else ""
        return _page(request, view, criterion, typed, template=template, status=422)
    if _by_htmx(request):
        view = see(database, user, id, occasion=occasion)
        return _page(
            request, view, criterion, template="conversation_comments.html.j2", added=added
        )
    to = conversation_link(id, criterion=criterion, occasion=occasion).partition("#")[0]
    return redirect(request, f"{to}#comment-{added.id}", said=later("Saved."))


@router.post("/conversation/submit")
def submit(
    request: Request,
    user: Signed,
    database: Db,
    id: Text = "",  # noqa: A002
    then: Text = "",
    occasion: Text = "",
) -> Response:
    """Submit the user's evaluation, and go on to the next conversation if asked for."""
    try:
        answers.submit(database, user, id, occasion=occasion)
    except InvalidError as error:
        view = see(database, user, id, occasion=occasion)
        typed = replace(_NOTHING, problem=str(error), missing=bool(view.unanswered))
        return _page(request, view, next(iter(view.unanswered), ""), typed, status=422)
    if then != "next":
        return redirect(request, conversation_link(id, occasion=occasion))
    lease = claim_next(database, user)
    if lease is None:
        return redirect(request, "/queue", said=later("Submitted. Nothing is left in the queue."))
    return redirect(
        request,
        conversation_link(lease.conversation_id),
        said=later("Submitted. This is the next."),
    )


@router.post("/conversation/reopen")
def reopen(
    request: Request,
    user: Signed,
    database: Db,
    id: Text = "",  # noqa: A002
    occasion: Text = "",
) -> Response:
    """Take the user's submitted evaluation back."""
    answers.reopen(database, user, id, occasion=occasion)
    return redirect(request, conversation_link(id, occasion=occasion))


@router.post("/conversation/hold")
def hold(user: Signed, database: Db, item: Annotated[int, Form(ge=1, le=2**31 - 1)]) -> Response:
    """Hold a conversation for longer, while somebody reads it."""
    renew(database, user, item)
    return Response(status_code=204)


def _page(
    request: Request,
    view: ConversationView,
    criterion: str,
    typed: _Typed = _NOTHING,
    *,
    template: str = "",
    status: int = 200,
    **values: Any,
) -> Response:
    """Return the page, or a part of it, with one criterion selected."""
    user: User = request.state.user
    evidence = {name: one.rating.evidence for name, one in view.model.items()}
    cards = {one.id: _card(view, one.id, typed) for one in view.card.criteria}
    return page(
        request,
        template or "conversation.html.j2",
        status=status,
        view=view,
        channels=CHANNELS,
        cards=cards,
        turns=() if template else shown_turns(view.transcript, evidence),
        selected=criterion if criterion in cards else "",
        curve=_curve(view),
        ticks=ticks(evidence),
        notes=_notes(view),
        typed=typed,
        in_words=in_words,
        numbers_of=numbers_of,
        keys=_keys(user),
        link=lambda name, turn=None: conversation_link(
            view.conversation_id, criterion=name, turn=turn, occasion=view.occasion
        ),
        reviews=user.may(Permission.REVIEW),
        disputes=user.may(Permission.DISPUTE),
        session=quote(view.occasion.removeprefix("calibration:"), safe=""),
        **values,
    )


def _answered(
    request: Request,
    view: ConversationView,
    criterion: str,
    typed: _Typed = _NOTHING,
    *,
    status: int = 200,
) -> Response:
    """Return one card with the totals, or the whole page to a browser without scripts."""
    if not _by_htmx(request):
        return _page(request, view, criterion, typed, status=status)
    return _page(
        request,
        view,
        criterion,
        typed,
        template="conversation_answered.html.j2",
        status=status,
        card=_card(view, criterion, typed),
    )


def _card(view: ConversationView, name: str, typed: _Typed) -> CriterionCard:
    model = view.model.get(name)
    mine = view.answers.get(name)
    return CriterionCard(
        criterion=view.card.criterion(name),
        model=None if model is None else _shown(model),
        quotes=() if model is None else quotes_of(view.transcript, model.rating.evidence),
        mine=None if mine is None else _shown(mine),
        peers=tuple(_shown(one.answers[name], one) for one in view.peers if name in one.answers),
        entered=typed.entered.get(name),
    )


def _shown(answer: Answer, of: StoredEvaluation | None = None) -> Answered:
    return Answered(
        rating=answer.rating,
        by=of.shown_as if of is not None else "",
        accepted=answer.accepted,
        id=answer.id,
        version=answer.version,
    )


def _curve(view: ConversationView) -> Curve | None:
    if view.curve is None or not view.curve.points:
        return None
    return Curve(
        points=view.curve.points, scale=view.curve.scale, n_turns=len(view.transcript.turns)
    )


def _notes(view: ConversationView) -> dict[int, list[int]]:
    """Ids of the comments on each turn, counted from 1."""
    found: dict[int, list[int]] = {}
    for one in view.comments:
        if one.turn is not None:
            found.setdefault(one.turn + 1, []).append(one.id)
    return found


def _keys(user: User) -> list[tuple[str, str, str]]:
    """Action, key and (English) text of each key that the user has."""
    return [
        (action, key, SHORTCUTS[action][1]) for action, key in shortcuts_of(user.settings).items()
    ]


def _after(view: ConversationView, criterion: str) -> str:
    """The next criterion on the scorecard, or the same one where it is the last."""
    names = [one.id for one in view.card.criteria]
    place = names.index(criterion)
    return names[min(place + 1, len(names) - 1)]


def _changes_unsaid(view: ConversationView, criterion: str, entered: Entered) -> bool:
    """Whether an answer other than the model's came without a reason."""
    model = view.model.get(criterion)
    return (
        model is not None and _shown(model).value != entered.answer and not entered.reason.strip()
    )


def _evidence(
    database: Database, user: User, conversation_id: str, occasion: str, typed: str
) -> tuple[Evidence, ...]:
    if not typed.strip():
        return ()
    view = see(database, user, conversation_id, occasion=occasion)
    return evidence_in(typed, view.transcript)


def _turn(typed: str) -> int | None:
    """Return the index of a turn from its number; -1, which none has, where it is no number."""
    number = typed.strip()
    if not number:
        return None
    sound = number.isascii() and number.isdecimal() and len(number) < 10
    return int(number) - 1 if sound else -1


def _by_htmx(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"
