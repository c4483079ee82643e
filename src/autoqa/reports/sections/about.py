"""Sections on the report itself: what is missing, what to know, how it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autoqa.evaluation.study import Part, Study
from autoqa.evaluation.wording import Say
from autoqa.reports.answers.bring import bring
from autoqa.reports.content import Cell, Section, Table
from autoqa.reports.numbers import english_texts, texts


def part_names(say: Say) -> Mapping[Part, str]:
    """Return what each part of a study is called."""
    return {
        Part.REPLACEMENT: say("May the model stand in for a person?"),
        Part.RATERS: say("Do reviewers rate alike?"),
        Part.CLAIMS: say("Practitioners' claims, tested on these data"),
        Part.DRIVERS: say("What moves satisfaction"),
        Part.REALIGNMENT: say("Should the scorecard's weights change?"),
        Part.SURVEY_TRUTH: say("What all customers would have said"),
        Part.MATCHED_CSAT: say("Does predicted CSAT have the shares of the answers?"),
        Part.TEAM_MEANS: say("Mean QA by team"),
        Part.REVIEW_YIELD: say("Which conversations to listen to"),
        Part.CALIBRATION: say("Does the model know when it is unsure?"),
        Part.RISK_COVERAGE: say("What abstaining would gain"),
        Part.FAIRNESS: say("Are groups treated alike?"),
        Part.OVER_TIME: say("Agreement over time"),
        Part.SATISFACTION: say("Satisfaction turn by turn"),
    }


def missing(study: Study, say: Say) -> Section | None:
    """What the data could not answer, and what to bring."""
    names = part_names(say)
    absent = [part for part in Part if part in study.missing]
    rows = []
    for part in absent:
        advice, *reasons = bring(study, part, say)
        rows.append(
            (
                Cell(names[part]),
                Cell(advice.text),
                Cell(" ".join(reason.text for reason in reasons) or "–", english=True),
            )
        )
    if study.comparison.csat is None:
        rows.append(
            (
                Cell(say("QA scores and customer satisfaction")),
                Cell(
                    say("To answer this, bring customers' survey answers on scored conversations.")
                ),
                Cell("–"),
            )
        )
    if not rows:
        return None
    return Section(
        id="missing",
        title=say("What these data cannot answer"),
        lead=say("{n} questions need more data.", n=len(rows)),
        tables=(
            Table(
                caption=say("What is missing, and what to bring"),
                head=(say("question"), say("what to bring"), say("reason")),
                rows=tuple(rows),
            ),
        ),
    )


def caveats(study: Study, say: Say) -> Section | None:
    """What a reader must know before using the figures."""
    if not study.comparison.caveats:
        return None
    return Section(
        id="caveats",
        title=say("Before you use the figures"),
        lead=say("{n} remarks on the data.", n=len(study.comparison.caveats)),
        points=english_texts(study.comparison.caveats),
    )


def method(
    study: Study, say: Say, *, versions: Sequence[tuple[str, str]], simulated: bool
) -> Section:
    """How the report was made: methods, definitions, seeds, versions."""
    comparison = study.comparison
    clusters = say("agents") if comparison.clustered_by == "agent" else say("conversations")
    return Section(
        id="method",
        title=say("How this report was made"),
        lead=say(
            "Intervals hold the true value in 95 of 100 such studies; they come from redrawing "
            "{clusters} {n} times (bootstrap, seed {seed}).",
            clusters=clusters,
            n=comparison.n_resamples,
            seed=comparison.seed,
        ),
        points=texts(
            say("Simulated data: nothing here is about real people.") if simulated else "",
            say("Scorecard: {scorecard}.", scorecard=comparison.scorecard)
            if comparison.scorecard
            else say("No scorecard was given: criteria count alike, levels are from the data."),
        ),
        tables=(
            Table(
                caption=say("What the measures are"),
                head=(say("measure"), say("meaning"), say("source")),
                rows=tuple(
                    (Cell(name), Cell(meaning), Cell(source, english=True))
                    for name, meaning, source in _definitions(say)
                ),
            ),
            Table(
                caption=say("Versions"),
                head=(say("what"), say("version")),
                rows=tuple((Cell(name), Cell(version)) for name, version in versions),
            ),
        ),
    )


def _definitions(say: Say) -> Sequence[tuple[str, str, str]]:
    return (
        (
            say("Quadratic kappa"),
            say("Agreement of two raters beyond chance; a miss costs its squared distance."),
            "Cohen (1968), Psychological Bulletin 70(4), 213-220",
        ),
        (
            say("Krippendorff's alpha (ordinal)"),
            say("Agreement beyond chance for any number of raters, with missing ratings."),
            "Krippendorff (2018), Content Analysis, 4th edition, chapter 12",
        ),
        (
            say("Gwet's AC2"),
            say("Agreement beyond chance that holds up where nearly all ratings are alike."),
            "Gwet (2014), Handbook of Inter-Rater Reliability, 4th edition",
        ),
        (
            say("ICC(2,1)"),
            say("Share of the differences between totals that both raters see alike."),
            "Shrout and Fleiss (1979), Psychological Bulletin 86(2), 420-428",
        ),
        (
            say("Ceiling"),
            say("How well one person agrees with another on the same conversations."),
            "",
        ),
        (
            say("Stand-in test"),
            say("Alternative annotator test: the model takes each person's place in turn."),
            "Calderon, Reichart and Dror (2025), ACL, arXiv:2501.10970",
        ),
        (
            say("Rank correlation"),
            say("Spearman: whether the order by one figure is the order by the other."),
            "Spearman (1904), American Journal of Psychology 15(1), 72-101",
        ),
        (
            say("Drivers"),
            say("Ordinal regression of CSAT on all criteria, agents and circumstances at once."),
            "McCullagh (1980), Journal of the Royal Statistical Society B 42(2), 109-142",
        ),
        (
            say("Severity"),
            say("Effect of the reviewer where conversations and reviewers are crossed."),
            "Myford and Wolfe (2003), Journal of Applied Measurement 4(4), 386-422",
        ),
        (
            say("Means from few reviews"),
            say("Prediction-powered inference: reviews correct the mean of all scores."),
            "Angelopoulos, Duchi and Zrnic (2023), arXiv:2311.01453",
        ),
        (
            say("Weighting of surveys"),
            say("Each answer counts for the customers like it who did not answer."),
            "Lunceford and Davidian (2004), Statistics in Medicine 23, 2937-2960",
        ),
        (
            say("Matching of predicted CSAT"),
            say("Predictions are cut so that each level is as frequent as among the answers."),
            "Manderscheid and Lee (2024), arXiv:2411.12539",
        ),
        (
            say("Share kept and disagreement"),
            say("The surest answers first; the area under the curve is the average (AURC)."),
            "Geifman and El-Yaniv (2017), NeurIPS",
        ),
    )
