"""What people may settle on, in a discussion or a decision: a level, or that it does not apply."""

from __future__ import annotations

from autoqa.errors import near_miss
from autoqa.records import Status
from autoqa.review.access import InvalidError
from autoqa.scorecard import Scorecard


def settled_answer(
    card: Scorecard, criterion_id: str, status: str, level: int | None
) -> tuple[Status, int | None]:
    """Return an answer that the criterion allows.

    Raises
    ------
    InvalidError
        If there is no such criterion or level, or N/A where the criterion always applies.
    """
    known = {one.id: one for one in card.criteria}
    if criterion_id not in known:
        raise InvalidError(
            f"'{criterion_id}' is not on the scorecard.{near_miss(criterion_id, known)}"
        )
    criterion = known[criterion_id]
    if status == Status.RATED and level in criterion.levels:
        return Status.RATED, level
    if status == Status.NOT_APPLICABLE and level is None and criterion.not_applicable:
        return Status.NOT_APPLICABLE, None
    choices = [str(one) for one in criterion.scale] + ["N/A"] * criterion.not_applicable
    raise InvalidError(f"'{criterion_id}': choose one of {', '.join(choices)}")
