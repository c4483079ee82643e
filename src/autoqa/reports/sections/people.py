"""Sections on people: how reviewers rate, and whether groups are treated alike."""

from __future__ import annotations

from autoqa.evaluation.plots import plot_gaps, plot_rater_severity
from autoqa.evaluation.raters import RaterReport
from autoqa.evaluation.stability.fairness import MEASURES, FairnessReport, GapVerdict
from autoqa.evaluation.study import Part, Study
from autoqa.evaluation.wording import Say
from autoqa.reports.charts import MOST_CHARTS, chart
from autoqa.reports.content import Cell, Chart, Section, Table, Text, Tone
from autoqa.reports.numbers import (
    english_texts,
    estimate_cell,
    listed,
    number_cell,
    share,
    share_cell,
    texts,
)

_APART = (GapVerdict.LOWER, GapVerdict.HIGHER)
_GAP_TONES = {
    GapVerdict.LOWER: Tone.BAD,
    GapVerdict.HIGHER: Tone.BAD,
    GapVerdict.WITHIN_MARGIN: Tone.GOOD,
    GapVerdict.UNCERTAIN: Tone.UNKNOWN,
    GapVerdict.NOT_ENOUGH: Tone.UNKNOWN,
}


def raters(study: Study, say: Say) -> Section | None:
    """Severity, spread, agreement and drift of every reviewer, and who needs a session."""
    found = study.raters
    if not found:
        return None
    needing = sorted({name for report in found.values() for name in report.need_session})
    lead = (
        say("A calibration session is due for {names}.", names=listed(needing, say))
        if needing
        else say("Nobody is shown to rate so differently that a calibration session is due.")
    )
    owed = max(found.values(), key=lambda report: _owed(report))
    first = sorted(found.values(), key=lambda report: -len(report.need_session))[:MOST_CHARTS]
    return Section(
        id="raters",
        title=say("Do reviewers rate alike?"),
        lead=lead,
        points=texts(
            say(
                "Who rates explains up to {share} of the differences between ratings ({criterion}, "
                "n={n}); the rest lies in the conversations and in chance.",
                share=share(_owed(owed)),
                criterion=owed.criterion,
                n=owed.n_ratings,
            )
        ),
        charts=tuple(_severity(number, report, say) for number, report in enumerate(first, 1)),
        tables=tuple(_raters(report, say) for report in found.values()),
        notes=(
            *texts(
                say(
                    "Severity: how many levels lower than the average reviewer on the same "
                    "conversations. Spread below 1: keeps to the middle of the scale; above 1: "
                    "uses its ends."
                )
            ),
            *english_texts((str(owed.rule),)),
            *english_texts(study.caveats.get(Part.RATERS, ())),
        ),
    )


def _owed(report: RaterReport) -> float:
    value = report.severity_share
    return value if value == value else 0.0


def _severity(number: int, report: RaterReport, say: Say) -> Chart:
    return chart(
        lambda: plot_rater_severity(report, say=say),
        id=f"severity-{number}",
        label=say("Severity of reviewers on {criterion}", criterion=report.criterion),
        caption=say(
            "{criterion}: severity of each reviewer; n={n} ratings.",
            criterion=report.criterion,
            n=report.n_ratings,
        ),
    )


def _raters(report: RaterReport, say: Say) -> Table:
    return Table(
        caption=say("Reviewers on {criterion}", criterion=report.criterion),
        head=(
            say("reviewer"),
            say("ratings"),
            say("severity"),
            say("spread"),
            say("agreement with others"),
            say("drift"),
            say("N/A"),
            say("session for"),
        ),
        rows=tuple(
            (
                Cell(one.rater),
                number_cell(one.n_ratings),
                estimate_cell(one.severity, sign=True),
                estimate_cell(one.spread),
                estimate_cell(one.agreement),
                estimate_cell(one.drift, sign=True),
                share_cell(one.not_applicable),
                Cell(listed([say(word) for word in one.findings], say)),
            )
            for one in report.raters
        ),
    )


def fairness(study: Study, say: Say) -> Section | None:
    """Gaps between groups of conversations."""
    found = study.fairness
    if not found:
        return None
    told = [(r, gap) for r in found for gap in r.of("error") or r.of("automated")]
    apart = [f"{r.attribute} {gap.group}" for r, gap in told if gap.verdict in _APART]
    if apart:
        lead = say("Scores miss people's more for some groups: {names}.", names=listed(apart, say))
    elif any(gap.verdict is GapVerdict.WITHIN_MARGIN for _, gap in told):
        lead = say("No group is shown to be scored differently from how people score it.")
    else:
        lead = say("The groups are too small, or differ too much within, to tell.")
    return Section(
        id="fairness",
        title=say("Are groups treated alike?"),
        lead=lead,
        charts=tuple(
            chart(
                lambda report=report: plot_gaps(report, say=say),  # type: ignore[misc]
                id=f"gaps-{number}",
                label=say("Gaps by {attribute}", attribute=report.attribute),
                caption=say(
                    "Gaps by {attribute} in points of 100; n={n} conversations.",
                    attribute=report.attribute,
                    n=sum(gap.found.n_group for gap in report.of(report.gaps[0].measure)),
                ),
            )
            for number, report in enumerate(found[:MOST_CHARTS], 1)
            if report.gaps
        ),
        tables=tuple(_gaps(report, say) for report in found),
        notes=(
            *texts(
                say(
                    "A gap in scores alone says nothing about the scorer: one group's "
                    "conversations may be better. What tells is the gap in automated minus human "
                    "score."
                )
            ),
            *(
                Text(line, english=True)
                for report in found
                for line in report.summary()
                if line in {gap.sentence for gap in report.gaps if gap.verdict in _APART}
            ),
            *english_texts(study.caveats.get(Part.FAIRNESS, ())),
        ),
    )


def _gaps(report: FairnessReport, say: Say) -> Table:
    return Table(
        caption=say("Gaps by {attribute}, in points of 100", attribute=report.attribute),
        head=(
            say("group"),
            say("measure"),
            say("n"),
            say("mean of the group"),
            say("mean of the others"),
            say("gap"),
            say("verdict"),
        ),
        rows=tuple(
            (
                Cell(gap.group),
                Cell(say(MEASURES[gap.measure])),
                number_cell(gap.found.n_group),
                number_cell(gap.found.mean_group, digits=1),
                number_cell(gap.found.mean_reference, digits=1),
                estimate_cell(gap.found.gap, digits=1, sign=True),
                Cell(say(str(gap.verdict)), tone=_GAP_TONES[gap.verdict]),
            )
            for gap in report.gaps
        ),
    )
