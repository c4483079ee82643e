"""Flags: why a person should look at a conversation, in words and without its text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autoqa.errors import some_of
from autoqa.records import Evaluation, Flag, Rating, Status
from autoqa.scorecard import Scorecard

LOW_TOTAL = 60.0
"""Totals below this are worth a look."""

HIGH_TOTAL = 85.0
"""From here on a dissatisfied customer contradicts the scorecard."""

SURE_DISSATISFIED = 0.6
"""Probability of the lower end of the CSAT scale that counts as a prediction."""

LOW_COVERAGE = 0.7
"""Share of the applicable weight below which the total says little."""


def flag(
    evaluation: Evaluation,
    card: Scorecard,
    csat: Rating | None = None,
    *,
    turns_to_scorer: Sequence[int] = (),
) -> list[Flag]:
    """Return the flags of one automated evaluation, most urgent first.

    Parameters
    ----------
    evaluation : Evaluation
    card : Scorecard
    csat : Rating, optional
        The predicted CSAT of the whole conversation.
    turns_to_scorer : sequence of int
        Turns, from 0, that speak to whoever scores; see `autoqa.features.instructions`.
    """
    flags = [*_about_criteria(evaluation, card), *_about_totals(evaluation, csat)]
    if turns_to_scorer:
        flags.append(_about_instructions(evaluation.conversation_id, turns_to_scorer))
    return sorted(flags, key=lambda f: (-f.priority, f.reason, f.criterion or ""))


def _about_criteria(evaluation: Evaluation, card: Scorecard) -> Iterator[Flag]:
    for criterion_id in evaluation.critical_failed:
        yield Flag(
            conversation_id=evaluation.conversation_id,
            reason="critical_failed",
            message=f"Critical criterion failed: {card.criterion(criterion_id).question}",
            priority=0.95,
            criterion=criterion_id,
        )
    for rating in evaluation.ratings:
        if rating.status is Status.FAILED:
            yield Flag(
                conversation_id=evaluation.conversation_id,
                reason="scorer_failed",
                message=f"'{rating.criterion}' could not be scored: {rating.reason}",
                priority=0.7,
                criterion=rating.criterion,
            )


def _about_instructions(conversation: str, turns: Sequence[int]) -> Flag:
    places = some_of(str(turn + 1) for turn in turns)
    return Flag(
        conversation_id=conversation,
        reason="instructs_scorer",
        message=f"Somebody speaks to the scorer (turn {places}); models did not read it",
        priority=0.8,
    )


def _about_totals(evaluation: Evaluation, csat: Rating | None) -> Iterator[Flag]:
    where, total = evaluation.conversation_id, evaluation.total
    unhappy = dissatisfied(csat)
    if unhappy is not None and unhappy >= SURE_DISSATISFIED:
        yield Flag(
            conversation_id=where,
            reason="predicted_dissatisfied",
            message=f"The customer is probably dissatisfied ({unhappy:.0%})",
            priority=0.5 + 0.3 * unhappy,
        )
        if total is not None and total >= HIGH_TOTAL:
            yield Flag(
                conversation_id=where,
                reason="qa_csat_disagree",
                message=f"The scorecard gives {total:.0f} of 100, but the customer is probably "
                f"dissatisfied ({unhappy:.0%})",
                priority=0.85,
            )
    if total is not None and total < LOW_TOTAL and not evaluation.critical_failed:
        yield Flag(
            conversation_id=where,
            reason="low_total",
            message=f"The scorecard gives {total:.0f} of 100",
            priority=0.4 + 0.4 * (1 - total / LOW_TOTAL),
        )
    if evaluation.coverage < LOW_COVERAGE:
        yield Flag(
            conversation_id=where,
            reason="not_sure",
            message=f"Only {evaluation.coverage:.0%} of the scorecard could be scored",
            priority=0.3 + 0.3 * (1 - evaluation.coverage),
        )


def dissatisfied(csat: Rating | None) -> float | None:
    """Return the probability of the lower part of the scale: 1-2 of 1-5, 0 of 0-2."""
    if csat is None or not csat.probabilities:
        return None
    lower = len(csat.probabilities) // 2
    return float(sum(csat.probabilities[:lower]))
