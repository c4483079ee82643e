"""The five questions that a QA lead asks first, answered in words and numbers."""

from __future__ import annotations

from autoqa.evaluation.study import Study
from autoqa.evaluation.wording import Say
from autoqa.reports.answers.customers import high_scores, what_moves
from autoqa.reports.answers.reviews import alike, listening
from autoqa.reports.answers.scores import standing_in
from autoqa.reports.content import Answer

__all__ = ["five_answers"]


def five_answers(study: Study, say: Say) -> tuple[Answer, ...]:
    """Return the answers in the order in which they are asked."""
    return (
        standing_in(study, say),
        high_scores(study, say),
        what_moves(study, say),
        alike(study, say),
        listening(study, say),
    )
