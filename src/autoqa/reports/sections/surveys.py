"""The section on customers who did not answer the survey."""

from __future__ import annotations

from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.plots import (
    plot_survey_truth,
)
from autoqa.evaluation.study import Part, Study
from autoqa.evaluation.surveys.response import WARNINGS
from autoqa.evaluation.wording import Say
from autoqa.reports.charts import chart
from autoqa.reports.content import Cell, Section, Table
from autoqa.reports.names import SURVEY_FIGURES
from autoqa.reports.numbers import (
    english_texts,
    estimate_cell,
    number_cell,
    shown,
    texts,
)


def survey_truth(study: Study, say: Say) -> Section | None:
    """CSAT before and after weighting for who answers."""
    found = study.survey_truth
    if found is None:
        return None
    mean = found.figures["mean"]
    if not mean.shift.known or mean.shift.low <= 0 <= mean.shift.high:
        lead = say(
            "Weighting for who answers the survey does not change CSAT, as far as can be told "
            "(shift {shift}, n={n} answers).",
            shift=shown(mean.shift, percent=True, sign=True),
            n=mean.shift.n,
        )
    elif mean.shift.value < 0:
        lead = say(
            "Surveys flatter: weighted for who answers, mean CSAT is lower by {shift} of its scale "
            "(n={n} answers).",
            shift=shown(_flipped(mean.shift), percent=True),
            n=mean.shift.n,
        )
    else:
        lead = say(
            "Surveys look too dark: weighted for who answers, mean CSAT is higher by {shift} of "
            "its scale (n={n} answers).",
            shift=shown(mean.shift, percent=True),
            n=mean.shift.n,
        )
    overlap = found.overlap
    return Section(
        id="surveys",
        title=say("What all customers would have said"),
        lead=lead,
        points=texts(
            say(
                "{answered} of {n} customers answered; weighted, their answers are worth "
                "{worth:.0f}.",
                answered=overlap.n_answered,
                n=overlap.n,
                worth=overlap.effective_n,
            ),
            *(say(WARNINGS[name]) for name in overlap.warnings),
        ),
        charts=(
            chart(
                lambda: plot_survey_truth(found, say=say),
                id="surveys",
                label=say("CSAT before and after weighting for who answers"),
                caption=say(
                    "CSAT of those who answered, and weighted to stand for all; n={n} answers.",
                    n=overlap.n_answered,
                ),
            ),
        ),
        tables=(
            Table(
                caption=say("CSAT before and after weighting"),
                head=(
                    say("figure"),
                    say("n"),
                    say("those who answered"),
                    say("weighted"),
                    say("shift"),
                ),
                rows=tuple(
                    (
                        Cell(say(SURVEY_FIGURES.get(name, name))),
                        number_cell(one.before.n),
                        estimate_cell(one.before, digits=3, percent=True),
                        estimate_cell(one.after, digits=3, percent=True),
                        estimate_cell(one.shift, digits=3, percent=True, sign=True),
                    )
                    for name, one in found.figures.items()
                ),
            ),
        ),
        notes=(
            *texts(
                say(
                    "Weighting corrects for what is known of all customers, such as channel or "
                    "handle time. If satisfaction itself decides who answers, the chart shows how "
                    "far off the figures could be."
                )
            ),
            *english_texts(
                one
                for one in study.caveats.get(Part.SURVEY_TRUTH, ())
                if one not in WARNINGS.values()
            ),
        ),
    )


def _flipped(estimate: Estimate) -> Estimate:
    return Estimate(-estimate.value, -estimate.high, -estimate.low, estimate.n, estimate.n_clusters)
