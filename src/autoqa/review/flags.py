"""Flags: why a person should look at a conversation, in words and without its text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from autoqa.errors import some_of
from autoqa.records import Evaluation, Flag, Rating, Status
from autoqa.scorecard import Scorecard

if TYPE_CHECKING:
    from autoqa.evaluation.wording import Say

LOW_TOTAL = 60.0
"""Totals below this are worth a look."""

HIGH_TOTAL = 85.0
"""From here on a dissatisfied customer contradicts the scorecard."""

SURE_DISSATISFIED = 0.6
"""Probability of the lower end of the CSAT scale that counts as a prediction."""

LOW_COVERAGE = 0.7
"""Share of the applicable weight below which the total says little."""

REASONS: Mapping[str, str] = {
    "critical_failed": "Critical criterion failed",
    "predicted_dissatisfied": "Predicted dissatisfied",
    "qa_csat_disagree": "QA and CSAT disagree",
    "instructs_scorer": "Speaks to the scorer",
    "scorer_failed": "Scoring failed",
    "model_human_disagree": "Model and people disagreed before",
    "low_total": "Low total",
    "not_sure": "Model not sure",
    "new_agent": "New agent",
    "random_audit": "Random audit",
    "picked": "Picked by a person",
}
"""Every reason to look at a conversation, as one would name it in a list."""

MESSAGES: Mapping[str, str] = {
    "critical_failed": "Critical criterion failed: {question}",
    "predicted_dissatisfied": "The customer is probably dissatisfied ({share})",
    "qa_csat_disagree": "The scorecard gives {total} of 100, but the customer is probably "
    "dissatisfied ({share})",
    "instructs_scorer": "Somebody speaks to the scorer (turn {turns}); models did not read it",
    "scorer_failed": "'{name}' could not be scored: {why}",
    "model_human_disagree": "People changed {changed} of {compared} earlier automated answers "
    "here: {question}",
    "low_total": "The scorecard gives {total} of 100",
    "not_sure": "Only {share} of the scorecard could be scored",
    "new_agent": "One of the first conversations of an agent",
    "random_audit": "Drawn at random, to check the scores themselves",
    "picked": "Somebody chose to review this conversation",
}
"""What a flag says, by its reason: templates, so that they can be translated."""


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
        places = some_of(str(turn + 1) for turn in turns_to_scorer)
        flags.append(_flag(evaluation, "instructs_scorer", 0.8, turns=places))
    return sorted(flags, key=lambda f: (-f.priority, f.reason, f.criterion or ""))


def message_values(reason: str, message: str) -> dict[str, str]:
    """Return what was filled into a flag's message; nothing where it has other words.

    >>> message_values("low_total", "The scorecard gives 42 of 100")
    {'total': '42'}
    """
    found = _pattern(reason).fullmatch(message) if reason in MESSAGES else None
    return found.groupdict() if found else {}


def in_words(reason: str, message: str, values: Mapping[str, str], say: Say) -> str:
    """Return a flag's message in the reader's language, as it is where there is no template.

    Parameters
    ----------
    reason, message : str
    values : mapping
        As `message_values` found them.
    say : Say
    """
    template = MESSAGES.get(reason)
    if template is None or not (values or template == message):
        return message
    return say(template, **values)


@cache
def _pattern(reason: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", MESSAGES[reason])
    return re.compile(
        "".join(f"(?P<{part}>.*)" if i % 2 else re.escape(part) for i, part in enumerate(parts)),
        re.DOTALL,
    )


def _flag(
    evaluation: Evaluation, reason: str, priority: float, criterion: str | None = None, **said: str
) -> Flag:
    return Flag(
        conversation_id=evaluation.conversation_id,
        reason=reason,
        message=MESSAGES[reason].format(**said),
        priority=priority,
        criterion=criterion,
    )


def _about_criteria(evaluation: Evaluation, card: Scorecard) -> Iterator[Flag]:
    for name in evaluation.critical_failed:
        question = card.criterion(name).question
        yield _flag(evaluation, "critical_failed", 0.95, name, question=question)
    for rating in evaluation.ratings:
        if rating.status is Status.FAILED:
            name = rating.criterion
            yield _flag(evaluation, "scorer_failed", 0.7, name, name=name, why=rating.reason)


def _about_totals(evaluation: Evaluation, csat: Rating | None) -> Iterator[Flag]:
    total, coverage = evaluation.total, evaluation.coverage
    unhappy = dissatisfied(csat)
    if unhappy is not None and unhappy >= SURE_DISSATISFIED:
        share = f"{unhappy:.0%}"
        yield _flag(evaluation, "predicted_dissatisfied", 0.5 + 0.3 * unhappy, share=share)
        if total is not None and total >= HIGH_TOTAL:
            yield _flag(evaluation, "qa_csat_disagree", 0.85, total=f"{total:.0f}", share=share)
    if total is not None and total < LOW_TOTAL and not evaluation.critical_failed:
        priority = 0.4 + 0.4 * (1 - total / LOW_TOTAL)
        yield _flag(evaluation, "low_total", priority, total=f"{total:.0f}")
    if coverage < LOW_COVERAGE:
        yield _flag(evaluation, "not_sure", 0.3 + 0.3 * (1 - coverage), share=f"{coverage:.0%}")


def dissatisfied(csat: Rating | None) -> float | None:
    """Return the probability of the lower part of the scale: 1-2 of 1-5, 0 of 0-2."""
    if csat is None or not csat.probabilities:
        return None
    lower = len(csat.probabilities) // 2
    return float(sum(csat.probabilities[:lower]))
