"""People's answers, each beside the model's answer to the same question."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from sqlalchemy import Connection, and_, not_, or_, select

from autoqa.records import Status
from autoqa.review.access import User
from autoqa.review.blinding import still_blind
from autoqa.review.dashboards.scope import Scope
from autoqa.review.database.schema import conversations, evaluations, ratings, runs
from autoqa.review.stored_evaluations import newest

_STATUS = {str(status): status for status in Status}  # a look-up is faster than Status(text)


@dataclass(frozen=True, slots=True)
class Pair:
    """What a person and the model answered to one criterion of one conversation.

    ``blind`` says whether the person answered without knowing the model's answer.
    ``model_status`` is None where the model gave none.
    """

    criterion: str
    conversation_id: str
    agent: str | None
    rater: int | None
    blind: bool
    reviewed: bool  # in a review, and not in a calibration session
    status: Status
    level: int | None
    model_status: Status | None
    model_level: int | None

    @property
    def changed(self) -> bool:
        """Whether the person gave another answer than the model, which did give one."""
        answers = (Status.RATED, Status.NOT_APPLICABLE)
        return (
            self.model_status in answers
            and self.status in answers
            and (self.status, self.level) != (self.model_status, self.model_level)
        )

    @property
    def cluster(self) -> str:
        """What is resampled with this pair: all of an agent's, where the agent is known."""
        return f"agent {self.agent}" if self.agent else f"alone {self.conversation_id}"


def pairs(
    connection: Connection, user: User, scope: Scope, withheld: Set[str] = frozenset()
) -> tuple[Pair, ...]:
    """Return the newest answers of submitted reviews and opened calibration sessions.

    A rater who answered on several occasions counts once, with the blind answer if there is one.
    Conversations that are `withheld` are left out.
    """
    by_model = ratings.alias("by_model")
    rows = connection.execute(
        select(
            ratings.c.criterion,
            conversations.c.id,
            conversations.c.agent,
            evaluations.c.user_id,
            evaluations.c.blind,
            evaluations.c.purpose,
            ratings.c.status,
            ratings.c.level,
            by_model.c.status,
            by_model.c.level,
        )
        .join(evaluations, evaluations.c.id == ratings.c.evaluation_id)
        .join(conversations, conversations.c.id == evaluations.c.conversation_id)
        .join(runs, runs.c.id == conversations.c.run_id)
        .outerjoin(
            by_model,
            and_(
                by_model.c.evaluation_id == conversations.c.evaluation_id,
                by_model.c.criterion == ratings.c.criterion,
                runs.c.scorecard == scope.scorecard,
                runs.c.scorecard_version == scope.version,
            ),
        )
        .where(
            *scope.held(user),
            *scope.by_people("review", "calibration"),
            or_(evaluations.c.purpose == "review", not_(still_blind())),
            newest(),
            conversations.c.id.not_in(withheld),
        )
        .order_by(evaluations.c.id, ratings.c.id)
    )
    found: dict[tuple[str, str, int | None], Pair] = {}
    for criterion, conversation, agent, rater, blind, purpose, status, level, said, its in rows:
        pair = Pair(
            criterion,
            conversation,
            agent,
            rater,
            blind,
            purpose == "review",
            _STATUS[status],
            level,
            None if said is None else _STATUS[said],
            its,
        )
        key = criterion, conversation, rater
        if key not in found or (pair.blind, pair.reviewed) > (
            found[key].blind,
            found[key].reviewed,
        ):
            found[key] = pair
    return tuple(found.values())
