"""The section on agreement of automated scores with people."""

from __future__ import annotations

from collections.abc import Sequence

from autoqa.evaluation.by_criterion import CriterionComparison
from autoqa.evaluation.figures import MARGIN, Figure, Verdict
from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.plots import plot_agreement
from autoqa.evaluation.study import Study
from autoqa.evaluation.wording import Say
from autoqa.reports.answers.scores import criteria_by_verdict
from autoqa.reports.charts import chart
from autoqa.reports.content import Cell, Section, Table, Tone
from autoqa.reports.names import figure_name
from autoqa.reports.numbers import (
    estimate_cell,
    listed,
    number_cell,
    shown,
    texts,
)

_FIGURES = ("quadratic_kappa", "krippendorff_alpha", "gwet_ac2", "exact", "within_one")

_TONES = {
    Verdict.AS_PEOPLE: Tone.GOOD,
    Verdict.BELOW_PEOPLE: Tone.BAD,
    Verdict.UNCERTAIN: Tone.UNKNOWN,
    Verdict.NO_CEILING: Tone.UNKNOWN,
}


def agreement(study: Study, say: Say) -> Section | None:
    """Agreement by criterion beside the human ceiling; N/A apart."""
    comparison = study.comparison
    if not comparison.criteria:
        return None
    groups = criteria_by_verdict(comparison)
    n = len(comparison.criteria)
    alike = groups[Verdict.AS_PEOPLE]
    if alike:
        lead = say(
            "On {k} of {n} criteria, automated scores agree with people as well as people agree "
            "with each other: {names}.",
            k=len(alike),
            n=n,
            names=listed(alike, say),
        )
    else:
        lead = say(
            "On none of {n} criteria is it shown that automated scores agree with people as well "
            "as people agree with each other.",
            n=n,
        )
    points = [
        say("Less than people: {names}.", names=listed(groups[verdict], say))
        if verdict is Verdict.BELOW_PEOPLE
        else say("Too uncertain to say: {names}.", names=listed(groups[verdict], say))
        if verdict is Verdict.UNCERTAIN
        else say("No second person to compare with: {names}.", names=listed(groups[verdict], say))
        for verdict in (Verdict.BELOW_PEOPLE, Verdict.UNCERTAIN, Verdict.NO_CEILING)
        if groups[verdict]
    ]
    return Section(
        id="agreement",
        title=say("Agreement with people"),
        lead=lead,
        points=texts(*points, _severity(study, say)),
        charts=(
            chart(
                lambda: plot_agreement(comparison, say=say),
                id="agreement",
                label=say("Agreement of automated scores with people, by criterion"),
                caption=say(
                    "Agreement beyond chance by criterion: automated scores with people, and "
                    "people with each other; n={n} ratings of people.",
                    n=sum(c.n_human_ratings for c in comparison.criteria),
                ),
            ),
        ),
        tables=tuple(
            table
            for table in (
                _by_criterion(comparison.criteria, say),
                _coefficients(comparison.criteria, say),
                _context(comparison.criteria, say),
                _totals(study, say),
                _coverage(comparison.criteria, say),
                _applicability(comparison.criteria, say),
            )
            if table.rows
        ),
        notes=texts(
            say(
                "Kappa is agreement beyond chance: 1 is perfect, 0 is what chance alone gives. A "
                "miss of two levels counts four times a miss of one."
            ),
            say(
                "Where one level dominates, kappa is low however well the two sides agree: read "
                "PABAK and Gwet's AC1 instead. Where they use a level unequally often, it is "
                "flattered."
            ),
            say(
                "As well as people: the range of the gap lies above -{margin:g}. Less than "
                "people: it lies below 0.",
                margin=MARGIN,
            ),
        ),
    )


def _severity(study: Study, say: Say) -> str:
    totals = study.comparison.totals
    if totals is None or not totals.mean_difference.known:
        return ""
    gap = totals.mean_difference
    if gap.low > 0:
        return say(
            "Automated totals are higher than people's, by {gap} points (n={n}).",
            gap=shown(gap, digits=1),
            n=gap.n,
        )
    if gap.high < 0:
        return say(
            "Automated totals are lower than people's, by {gap} points (n={n}).",
            gap=shown(gap, digits=1),
            n=gap.n,
        )
    return say(
        "Automated totals are neither higher nor lower than people's, as far as can be told: "
        "{gap} points (n={n}).",
        gap=shown(gap, digits=1, sign=True),
        n=gap.n,
    )


def _by_criterion(criteria: Sequence[CriterionComparison], say: Say) -> Table:
    return Table(
        caption=say("Quadratic kappa by criterion, with 95 % intervals"),
        head=(
            say("criterion"),
            say("n"),
            say("automated with people"),
            say("people with people"),
            say("gap on the same items"),
            say("verdict"),
        ),
        rows=tuple(
            (
                Cell(found.criterion),
                number_cell(found.n_items),
                estimate_cell(kappa.automated),
                estimate_cell(kappa.ceiling),
                estimate_cell(kappa.gap, sign=True),
                Cell(say(str(kappa.verdict)), tone=_TONES[kappa.verdict]),
            )
            for found, kappa in ((c, c.figures["quadratic_kappa"]) for c in criteria)
        ),
    )


def _coefficients(criteria: Sequence[CriterionComparison], say: Say) -> Table:
    names = [name for name in _FIGURES if any(name in c.figures for c in criteria)]
    return Table(
        caption=say("Automated with people by several measures of agreement"),
        head=(say("criterion"), *(figure_name(name, say) for name in names)),
        rows=tuple(
            (Cell(c.criterion), *(estimate_cell(_automated(c.figures.get(name))) for name in names))
            for c in criteria
        ),
    )


def _context(criteria: Sequence[CriterionComparison], say: Say) -> Table:
    return Table(
        caption=say("Where kappa misleads: how common levels are, and how unequally they are used"),
        head=(
            say("criterion"),
            say("kappa, unweighted"),
            say("PABAK"),
            say("Gwet's AC1"),
            say("exact agreement"),
            say("prevalence index"),
            say("bias index"),
            say("so"),
        ),
        rows=tuple(
            (
                Cell(c.criterion),
                estimate_cell(found.kappa),
                estimate_cell(found.pabak),
                estimate_cell(found.ac1),
                estimate_cell(found.exact, percent=True),
                estimate_cell(found.largest_prevalence),
                estimate_cell(found.largest_bias, sign=True),
                Cell(say(str(found.distortion))),
            )
            for c in criteria
            if (found := c.context) is not None
        ),
    )


def _automated(figure: Figure | None) -> Estimate | None:
    return None if figure is None else figure.automated


def _totals(study: Study, say: Say) -> Table:
    totals = study.comparison.totals
    return Table(
        caption=say("QA totals (0-100): automated with people"),
        head=(
            say("measure"),
            say("n"),
            say("automated with people"),
            say("people with people"),
            say("gap on the same items"),
        ),
        rows=tuple(
            (
                Cell(figure_name(name, say)),
                number_cell(found.automated.n),
                estimate_cell(found.automated),
                estimate_cell(found.ceiling),
                estimate_cell(found.gap, sign=True),
            )
            for name, found in (totals.figures.items() if totals else ())
        ),
    )


def _coverage(criteria: Sequence[CriterionComparison], say: Say) -> Table:
    return Table(
        caption=say("What became of the conversations that people looked at"),
        head=(
            say("criterion"),
            say("looked at by people"),
            say("rated"),
            say("N/A"),
            say("not sure"),
            say("failed"),
            say("missing"),
            say("automated minus human level"),
        ),
        rows=tuple(
            (
                Cell(c.criterion),
                *(
                    number_cell(n)
                    for n in (
                        c.coverage.n_items,
                        c.coverage.rated,
                        c.coverage.not_applicable,
                        c.coverage.abstained,
                        c.coverage.failed,
                        c.coverage.missing,
                    )
                ),
                estimate_cell(c.mean_difference, sign=True),
            )
            for c in criteria
        ),
    )


def _applicability(criteria: Sequence[CriterionComparison], say: Say) -> Table:
    return Table(
        caption=say("Whether a criterion applies at all (N/A), apart from its level"),
        head=(
            say("criterion"),
            say("n"),
            say("N/A by people"),
            say("N/A automated"),
            say("exact agreement"),
            say("kappa"),
            say("kappa, people with people"),
        ),
        rows=tuple(
            (
                Cell(c.criterion),
                number_cell(found.n_items),
                estimate_cell(found.human_not_applicable, percent=True),
                estimate_cell(found.automated_not_applicable, percent=True),
                estimate_cell(found.figures["exact"].automated, percent=True),
                estimate_cell(found.figures["quadratic_kappa"].automated),
                estimate_cell(found.figures["quadratic_kappa"].ceiling),
            )
            for c in criteria
            if (found := c.applicability) is not None
        ),
    )
