"""The sections of a report, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from autoqa.evaluation.study import Study
from autoqa.evaluation.wording import Say
from autoqa.reports.content import Section
from autoqa.reports.sections import (
    about,
    agreement,
    claims,
    drivers,
    examples,
    over_time,
    people,
    reviews,
    satisfaction,
    stand_in,
    surveys,
)

_Writer: TypeAlias = Callable[[Study, Say], Section | None]

_WRITERS: tuple[_Writer, ...] = (
    agreement.agreement,
    stand_in.stand_in,
    satisfaction.qa_and_csat,
    drivers.drivers,
    drivers.realignment,
    claims.claims,
    reviews.reviews,
    reviews.team_means,
    reviews.confidence,
    people.raters,
    surveys.survey_truth,
    surveys.matched_csat,
    people.fairness,
    over_time.over_time,
    examples.satisfaction,
    about.missing,
    about.caveats,
)


def sections(
    study: Study, say: Say, *, versions: Sequence[tuple[str, str]], simulated: bool
) -> Iterator[Section]:
    """Yield what the study can say; what it cannot is one section of its own."""
    for write in _WRITERS:
        section = write(study, say)
        if section is not None:
            yield section
    yield about.method(study, say, versions=versions, simulated=simulated)
