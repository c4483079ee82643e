"""Sections on customers who did not answer the survey, and on what is predicted for them."""

from __future__ import annotations

from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.plots import plot_survey_truth
from autoqa.evaluation.study import MatchedCsat, Part, Study
from autoqa.evaluation.surveys.response import WARNINGS
from autoqa.evaluation.wording import Say
from autoqa.reports.charts import chart
from autoqa.reports.content import Cell, Section, Table
from autoqa.reports.names import SURVEY_FIGURES
from autoqa.reports.numbers import (
    english_texts,
    estimate_cell,
    number_cell,
    share,
    share_cell,
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
    overlap, matched = found.overlap, study.matched_csat
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
            *(() if matched is None else (_nearer(matched, say), _off(matched, say))),
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
            *(() if matched is None else (_by_level(matched, say),)),
        ),
        notes=(
            *texts(
                say(
                    "Weighting corrects for what is known of all customers, such as channel or "
                    "handle time. If satisfaction itself decides who answers, the chart shows how "
                    "far off the figures could be."
                ),
                "" if matched is None else _how_matched(matched, say),
            ),
            *english_texts(
                one
                for one in study.caveats.get(Part.SURVEY_TRUTH, ())
                if one not in WARNINGS.values()
            ),
        ),
    )


def matched_csat(study: Study, say: Say) -> Section | None:
    """Shares of levels, surveyed and predicted, where no section on surveys holds them."""
    found = study.matched_csat
    if found is None or study.survey_truth is not None:
        return None
    return Section(
        id="matched-csat",
        title=say("Does predicted CSAT have the shares of the answers?"),
        lead=_nearer(found, say),
        points=texts(_off(found, say)),
        tables=(_by_level(found, say),),
        notes=texts(_how_matched(found, say)),
    )


def _nearer(found: MatchedCsat, say: Say) -> str:
    figures = {
        "before": share(found.before.total_variation),
        "after": share(found.after.total_variation),
        "gain": shown(found.gain, percent=True),
    }
    if found.gain.known and found.gain.low > 0:
        return say(
            "Matching brings predicted CSAT nearer to what customers report: {before} of "
            "predictions would have to change level to have the shares of the answers, {after} "
            "after matching (fewer by {gain}).",
            **figures,
        )
    if found.gain.known and found.gain.high < 0:
        return say(
            "Matching takes predicted CSAT away from what customers report: {before} of "
            "predictions would have to change level to have the shares of the answers, {after} "
            "after matching (fewer by {gain}).",
            **figures,
        )
    return say(
        "Whether matching brings predicted CSAT nearer to what customers report cannot be said: "
        "{before} of predictions would have to change level to have the shares of the answers, "
        "{after} after matching (fewer by {gain}).",
        **figures,
    )


def _off(found: MatchedCsat, say: Say) -> str:
    return say(
        "Mean predicted CSAT minus mean answer, in levels: {before} at the nearest level, {after} "
        "matched to the answers (n={n} answers, {predicted} predictions).",
        before=shown(found.before.mean, sign=True),
        after=shown(found.after.mean, sign=True),
        n=found.n_answers,
        predicted=found.n_predicted,
    )


def _how_matched(found: MatchedCsat, say: Say) -> str:
    return say(
        "Matching keeps the order of predictions and cuts it so that each level gets its share of "
        "the answers. The cuts are from {fitted} answers of one half of the data; the figures are "
        "of the other half.",
        fitted=found.n_fitted,
    )


def _by_level(found: MatchedCsat, say: Say) -> Table:
    columns = (found.surveyed, found.predicted, found.matched)
    return Table(
        caption=say("Shares of CSAT levels: answered, predicted and matched"),
        head=(
            say("CSAT level"),
            say("answers, weighted") if found.weighted else say("answers"),
            say("predicted, nearest level"),
            say("predicted, matched"),
            say("nearest level minus answers"),
            say("matched minus answers"),
        ),
        rows=tuple(
            (
                number_cell(level),
                *(share_cell(one[k]) for one in columns),
                estimate_cell(found.before.shares[k], percent=True, sign=True),
                estimate_cell(found.after.shares[k], percent=True, sign=True),
            )
            for k, level in enumerate(found.levels)
        ),
    )


def _flipped(estimate: Estimate) -> Estimate:
    return Estimate(-estimate.value, -estimate.high, -estimate.low, estimate.n, estimate.n_clusters)
