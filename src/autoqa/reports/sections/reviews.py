"""Sections on human reviews: where listening pays, what few reviews say, how sure scores are."""

from __future__ import annotations

import math

from autoqa.evaluation.plots import (
    plot_policies,
    plot_reliability,
    plot_review_yield,
    plot_risk_coverage,
    plot_team_means,
)
from autoqa.evaluation.prediction_powered import NOTES
from autoqa.evaluation.review_policies import PolicyResult
from autoqa.evaluation.selective import RiskCoverageCurve
from autoqa.evaluation.study import Part, Study
from autoqa.evaluation.wording import Say
from autoqa.reports.answers.reviews import told_yield, worth_of_reviews
from autoqa.reports.charts import chart
from autoqa.reports.content import Cell, Chart, Section, Table, Tone
from autoqa.reports.names import POLICY_NAMES
from autoqa.reports.numbers import (
    english_texts,
    estimate_cell,
    number_cell,
    share_cell,
    shown,
    texts,
)

_HALF = 0.5


def reviews(study: Study, say: Say) -> Section | None:
    """Bad conversations found per review, and ways of choosing reviews."""
    curve = study.review_yield
    if curve is None:
        return None
    at = told_yield(curve)
    policies = study.review_policies
    charts = [
        chart(
            lambda: plot_review_yield(curve, say=say),
            id="yield",
            label=say("Bad conversations found by number of reviews"),
            caption=say(
                "Share of the bad conversations found when the lowest scores are reviewed first; "
                "n={n} conversations, {n_bad} of them bad.",
                n=curve.n,
                n_bad=curve.n_bad,
            ),
        )
    ]
    if policies:
        charts.append(_policies(policies, say))
    return Section(
        id="reviews",
        title=say("Which conversations to listen to"),
        lead=say(
            "Reviewing the {reviews} lowest scores finds {gain} times as many bad conversations as "
            "{reviews} random ones: {found} instead of {random:.1f}.",
            reviews=at.reviews,
            gain=shown(at.enrichment, digits=1),
            found=shown(at.found, digits=0),
            random=at.random,
        ),
        charts=tuple(charts),
        tables=(
            Table(
                caption=say("What a number of reviews finds, of {n} bad ones", n=curve.n_bad),
                head=(
                    say("reviews"),
                    say("share of all"),
                    say("bad ones found"),
                    say("at random"),
                    say("times as many"),
                ),
                rows=tuple(
                    (
                        number_cell(one.reviews),
                        share_cell(one.reviews / curve.n),
                        estimate_cell(one.found, digits=0),
                        number_cell(one.random, digits=1),
                        estimate_cell(one.enrichment, digits=1),
                    )
                    for one in curve.at
                ),
            ),
            *((_policy_table(policies, say),) if policies else ()),
        ),
        notes=(
            *english_texts(
                (f"Bad means here: {study.bad_is}.",) if study.bad_is else (),
            ),
            *texts(
                say(
                    "Flagged conversations are worse than others, so their mean says nothing about "
                    "all: keep a share of the reviews random."
                )
            ),
            *english_texts(study.caveats.get(Part.REVIEW_YIELD, ())),
        ),
    )


def _policies(policies: tuple[PolicyResult, ...], say: Say) -> Chart:
    return chart(
        lambda: plot_policies(policies, say=say),
        id="policies",
        label=say("Ways of choosing reviews"),
        caption=say(
            "What each way of choosing {reviews} reviews finds, and how far its mean is off; n={n} "
            "draws each.",
            reviews=policies[0].n_reviews,
            n=policies[0].n_draws,
        ),
    )


def _policy_table(policies: tuple[PolicyResult, ...], say: Say) -> Table:
    return Table(
        caption=say("Ways of choosing reviews, drawn again and again from these data"),
        head=(
            say("way"),
            say("reviews"),
            say("bad ones found"),
            say("times as many as at random"),
            say("estimated minus true mean"),
            say("typical error"),
            say("fair estimate"),
        ),
        rows=tuple(
            (
                Cell(say(POLICY_NAMES[one.policy])),
                number_cell(one.n_reviews),
                estimate_cell(one.found, digits=1),
                number_cell(one.enrichment, digits=1),
                estimate_cell(one.bias, sign=True),
                number_cell(one.rmse, digits=2),
                Cell(say("yes"), tone=Tone.GOOD) if one.honest else Cell(say("no"), tone=Tone.BAD),
            )
            for one in policies
        ),
    )


def team_means(study: Study, say: Say) -> Section | None:
    """Means from few reviews and all scores."""
    means = study.team_means
    if not means:
        return None
    made, alone = worth_of_reviews(means)
    lead = (
        say(
            "{made} reviews together with automated scores are as precise as {alone:.0f} reviews "
            "alone.",
            made=made,
            alone=alone,
        )
        if alone > made
        else say("Automated scores add little to what the reviews alone say of the means.")
    )
    titles = {
        "team": say("Mean QA by team"),
        "agent": say("Mean QA by agent"),
        "centre": say("Mean QA of the centre"),
    }
    return Section(
        id="means",
        title=titles.get(study.means_by, titles["team"]),
        lead=lead,
        charts=(
            chart(
                lambda: plot_team_means(means, say=say),
                id="means",
                label=say("Mean QA totals with intervals, with and without automated scores"),
                caption=say(
                    "Mean total as if people had reviewed everything; n={n} reviews.",
                    n=sum(one.estimate.n for one in means),
                ),
            ),
        ),
        tables=(
            Table(
                caption=say("Mean QA totals"),
                head=(
                    say("group"),
                    say("reviews"),
                    say("scored"),
                    say("mean, reviews and scores"),
                    say("mean, reviews alone"),
                    say("mean of automated scores"),
                    say("reviews saved"),
                ),
                rows=tuple(
                    (
                        Cell(one.group),
                        number_cell(one.estimate.n),
                        number_cell(one.n_scored),
                        estimate_cell(one.estimate, digits=1),
                        estimate_cell(one.human_only, digits=1),
                        number_cell(one.automated_mean, digits=1),
                        number_cell(one.saved_reviews),
                    )
                    for one in means
                ),
            ),
        ),
        notes=(
            *texts(*(say(NOTES[name]) for name in NOTES if any(name in m.notes for m in means))),
            *english_texts(study.caveats.get(Part.TEAM_MEANS, ())),
        ),
    )


def confidence(study: Study, say: Say) -> Section | None:
    """Calibration, and what abstaining buys."""
    tables, curves = study.calibration, study.risk_coverage
    if not tables and not curves:
        return None
    charts = []
    if tables:
        charts.append(
            chart(
                lambda: plot_reliability(tables, say=say),
                id="calibration",
                label=say("How sure the model said it was, and how often people agreed"),
                caption=say(
                    "On the line, what the model claims comes true; n={n} ratings of people.",
                    n=sum(one.n for table in tables.values() for one in table),
                ),
            )
        )
    if curves:
        charts.append(
            chart(
                lambda: plot_risk_coverage(curves, say=say),
                id="risk",
                label=say("Share of people who disagree, by share of answers kept"),
                caption=say(
                    "The surest answers first: how often people gave another level; n={n} answers.",
                    n=sum(curve.aurc.n for curve in curves.values()),
                ),
            )
        )
    gained = [
        name for name, curve in curves.items() if _risk_at(curve, _HALF) < _risk_at(curve, 1.0)
    ]
    lead = (
        say(
            "Keeping only the surer half of the answers lowers disagreement with people on {k} of "
            "{n} criteria.",
            k=len(gained),
            n=len(curves),
        )
        if curves
        else say("How sure the model says it is, against how often people agree.")
    )
    return Section(
        id="confidence",
        title=say("Does the model know when it is unsure?"),
        lead=lead,
        charts=tuple(charts),
        tables=(
            Table(
                caption=say("Disagreement with people by share of answers kept"),
                head=(
                    say("criterion"),
                    say("n"),
                    say("all answers"),
                    say("surest half"),
                    say("average over all shares"),
                    say("claimed, on average"),
                    say("came true"),
                ),
                rows=tuple(_confidence_row(name, study) for name in {**curves, **tables}),
            ),
        ),
        notes=(
            *texts(
                say(
                    "Where the claimed share lies above the one that came true, the model is too "
                    "sure of itself. Reliable scores know when they are not."
                )
            ),
            *english_texts(
                dict.fromkeys(
                    (
                        *study.caveats.get(Part.CALIBRATION, ()),
                        *study.caveats.get(Part.RISK_COVERAGE, ()),
                    )
                )
            ),
        ),
    )


def _confidence_row(name: str, study: Study) -> tuple[Cell, ...]:
    curve = study.risk_coverage.get(name)
    bins = [one for one in study.calibration.get(name, ()) if one.n]
    n = sum(one.n for one in bins)
    nan = math.nan
    claimed = sum(one.n * one.confidence for one in bins) / n if n else nan
    correct = sum(one.n * one.correct for one in bins) / n if n else nan
    risks = [_risk_at(curve, kept) if curve else nan for kept in (1.0, _HALF)]
    return (
        Cell(name),
        number_cell(curve.aurc.n if curve else n),
        *(share_cell(risk, digits=1) for risk in risks),
        estimate_cell(curve.aurc if curve else None, digits=3, percent=True),
        share_cell(claimed, digits=1),
        share_cell(correct, digits=1),
    )


def _risk_at(curve: RiskCoverageCurve, kept: float) -> float:
    """Return the risk at the largest coverage that is at most the share kept."""
    within = [i for i, covered in enumerate(curve.coverage) if covered <= kept + 1e-9]
    return float(curve.risk[within[-1]]) if within else math.nan
