"""What a study says, in plain sentences and as HTML for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from autoqa.errors import some_of
from autoqa.evaluation import render
from autoqa.evaluation.claims import Verdict
from autoqa.evaluation.raters import RaterReport, Replacement, ReplacementVerdict
from autoqa.evaluation.render import show
from autoqa.notebook import html_table

if TYPE_CHECKING:
    from autoqa.evaluation.study.study import Study

TITLES: Mapping[str, str] = {
    "replacement": "May the model stand in for a person?",
    "raters": "Do people rate alike?",
    "claims": "Practitioners' claims",
    "drivers": "What moves CSAT",
    "realignment": "Weights that go with CSAT",
    "survey_truth": "What silent customers would say",
    "matched_csat": "Does predicted CSAT have the shares of the answers?",
    "team_means": "Means from few reviews",
    "review_yield": "What reviews find",
    "calibration": "Are probabilities right?",
    "risk_coverage": "What abstaining buys",
    "fairness": "Gaps between groups",
    "over_time": "Agreement over time",
    "satisfaction": "Predicted satisfaction by turn",
}
"""What each part of a study is called in print."""

_MOST_NAMES = 8


def summary(study: Study, *, unanswered: bool = True) -> list[str]:
    """Return what was found, the comparison first, and what could not be answered last."""
    said = [*render.summary(study.comparison)]
    said += _replacements(study.replacement)
    said += _rater_sessions(study.raters)
    said += _claims(study)
    if study.drivers is not None:
        said += [f"By {study.drivers_of} ratings. {line}" for line in study.drivers.summary()[:2]]
    if study.realignment is not None:
        found = study.realignment
        said.append(
            f"Other scorecard weights: {found.advice} (Spearman with CSAT rises by "
            f"{show(found.gain, with_n=True)})."
        )
    said += _silent_customers(study)
    said += _matched_csat(study)
    said += _means(study)
    said += _reviews(study)
    said += _sureness(study)
    for report in study.fairness:
        said += [gap.sentence for gap in report.of("error") if gap.verdict in ("lower", "higher")]
    changed = [one.sentence for one in study.over_time.values() if one.changed]
    if study.over_time:
        said += changed or ["No change of agreement over time can be shown for any criterion."]
    if unanswered:
        said += [f"Not answered ({TITLES[part]}): {why}" for part, why in study.missing.items()]
    return said


def _replacements(found: Mapping[str, Replacement]) -> Iterable[str]:
    for verdict in ReplacementVerdict:
        names = [name for name, one in found.items() if one.verdict is verdict]
        if names:
            yield f"Beside people, the model {_VERBS[verdict]}: {some_of(names, most=_MOST_NAMES)}."


_VERBS = {
    ReplacementVerdict.REPLACE: "may replace one of several raters on",
    ReplacementVerdict.ASSIST: "may assist, not replace, on",
    ReplacementVerdict.NOT_YET: "may not yet stand in on",
    ReplacementVerdict.NOT_ENOUGH_DATA: "was rated with too few people to tell on",
}


def _rater_sessions(found: Mapping[str, RaterReport]) -> Iterable[str]:
    needed = {name: report.need_session for name, report in found.items() if report.need_session}
    for name, raters in needed.items():
        yield f"A calibration session on {name} would help {some_of(raters, most=_MOST_NAMES)}."
    if found and not needed:
        yield "Nobody is found to need a calibration session."


def _claims(study: Study) -> Iterable[str]:
    if study.claims is None:
        return
    counts = dict.fromkeys(Verdict, 0)
    for result in study.claims.results:
        counts[result.verdict] += 1
    yield (
        f"Practitioners' claims: {counts[Verdict.SUPPORTED]} supported, "
        f"{counts[Verdict.NOT_SUPPORTED]} not supported, {counts[Verdict.NOT_ENOUGH_DATA]} without "
        "enough data."
    )


def _silent_customers(study: Study) -> Iterable[str]:
    if study.survey_truth is None:
        return
    mean = study.survey_truth.figures["mean"]
    yield (
        f"CSAT as a share of its scale: {show(mean.before, with_n=True)} among those who answered, "
        f"{show(mean.after)} weighted to all {study.survey_truth.overlap.n} conversations."
    )


def _matched_csat(study: Study) -> Iterable[str]:
    found = study.matched_csat
    if found is None:
        return
    before, after = found.before, found.after
    yield (
        "Mean predicted CSAT minus mean answer on conversations held out, in levels: "
        f"{show(before.mean)} at the nearest level, {show(after.mean)} matched to the answers "
        f"(n={found.n_answers} answers). To have the answers' shares of levels, "
        f"{before.total_variation:.0%} of {found.n_predicted} predictions would have to change "
        f"level, {after.total_variation:.0%} after matching (gain {show(found.gain)})."
    )


def _means(study: Study) -> Iterable[str]:
    known = [one for one in study.team_means if one.estimate.known]
    if not known:
        return
    if study.means_by == "centre":
        yield f"Mean total of all conversations: {show(known[0].estimate, digits=1, with_n=True)}."
    else:
        ordered = sorted(known, key=lambda one: one.estimate.value)
        ends = ordered[:1] if len(ordered) == 1 else [ordered[0], ordered[-1]]
        shown = "; ".join(
            f"{one.group} {show(one.estimate, digits=1, with_n=True)}" for one in ends
        )
        yield f"Mean totals of {len(known)} {study.means_by}s, lowest and highest: {shown}."
    reviews = sum(one.estimate.n for one in known)
    saved = sum(one.saved_reviews for one in known)
    if saved == saved and saved >= 1:
        yield (
            f"For these means, automated scores save {saved:.0f} reviews beside the {reviews} made."
        )


def _reviews(study: Study) -> Iterable[str]:
    curve = study.review_yield
    if curve is None:
        return
    n = curve.n
    tenth = min(curve.at, key=lambda one: abs(one.reviews / n - 0.1))
    yield (
        f"Of {n} conversations, reviewing the {tenth.reviews} with the lowest scores finds "
        f"{show(tenth.found, digits=1)} bad ones ({study.bad_is}), "
        f"{show(tenth.enrichment, digits=1)} times as many as random listening."
    )


def _sureness(study: Study) -> Iterable[str]:
    if not study.calibration:
        return
    off = {
        name: sum(b.n * (b.confidence - b.correct) for b in table if b.n) / sum(b.n for b in table)
        for name, table in study.calibration.items()
    }
    sure = [f"{name} ({gap:+.2f})" for name, gap in off.items() if gap > _TOO_SURE]
    if sure:
        yield (
            "The model is surer than people's ratings bear out (mean probability minus share "
            f"agreeing): {some_of(sure, most=_MOST_NAMES)}."
        )
    else:
        yield "On no criterion is the model much surer than people's ratings bear out."


_TOO_SURE = 0.1


def to_html(study: Study) -> str:
    """Return the answers and the tables of every part that has one, all escaped."""
    said = "".join(f"<li>{escape(line)}</li>" for line in study.summary())
    blocks = [f"<p>{escape(repr(study)[1:-1])}</p><ul>{said}</ul>"]
    blocks.append(study.comparison._repr_html_())
    blocks += _tables(study)
    if study.missing:
        rows = [(TITLES[part], why) for part, why in study.missing.items()]
        blocks.append(_table(("question", "what is missing"), rows, "Not answered"))
    return "".join(blocks)


def _tables(study: Study) -> Iterable[str]:
    if study.replacement:
        yield _table(
            ("criterion", "verdict", "why"),
            [(name, one.verdict, one.reason) for name, one in study.replacement.items()],
            TITLES["replacement"],
        )
    for part in (study.claims, study.drivers, study.realignment):
        if part is not None:
            yield part._repr_html_()
    yield from (report._repr_html_() for report in study.raters.values())
    if study.survey_truth is not None:
        figures = study.survey_truth.figures.items()
        yield _table(
            ("share of the scale", "answered", "weighted", "shift"),
            [(name, show(f.before), show(f.after), show(f.shift)) for name, f in figures],
            TITLES["survey_truth"],
        )
    if study.matched_csat is not None:
        matched = study.matched_csat
        yield _table(
            ("level", "answers", "nearest level", "matched", "error before", "error after"),
            [
                (
                    f"{level:g}",
                    f"{matched.surveyed[k]:.1%}",
                    f"{matched.predicted[k]:.1%}",
                    f"{matched.matched[k]:.1%}",
                    show(matched.before.shares[k]),
                    show(matched.after.shares[k]),
                )
                for k, level in enumerate(matched.levels)
            ],
            TITLES["matched_csat"],
        )
    if study.team_means:
        yield _table(
            (study.means_by, "mean total [95 %]", "by people alone", "reviews", "scored"),
            [
                (
                    one.group,
                    show(one.estimate, digits=1),
                    show(one.human_only, digits=1),
                    one.estimate.n,
                    one.n_scored,
                )
                for one in study.team_means
            ],
            TITLES["team_means"],
        )
    if study.review_yield is not None:
        yield _table(
            ("reviews", "bad ones found", "by chance", "times chance"),
            [
                (one.reviews, show(one.found, digits=1), f"{one.random:.1f}", show(one.enrichment))
                for one in study.review_yield.at
            ],
            f"{TITLES['review_yield']} (bad: {study.bad_is})",
        )
    if study.risk_coverage:
        yield _table(
            ("criterion", "area under risk and coverage"),
            [(name, one.in_short) for name, one in study.risk_coverage.items()],
            TITLES["risk_coverage"],
        )
    yield from (report._repr_html_() for report in study.fairness)
    if study.over_time:
        yield _table(
            ("criterion", "what was found"),
            [(name, one.sentence) for name, one in study.over_time.items()],
            TITLES["over_time"],
        )
    for path in study.satisfaction:
        yield _table(
            ("turn", "expected", "said"),
            [(step.turn + 1, f"{step.expected:.2f}", step.text) for step in path.steps],
            f"{path.conversation_id}: {path.why_shown}",
        )


def _table(head: Sequence[str], rows: Sequence[Sequence[object]], caption: str) -> str:
    return html_table(head, rows, caption=caption, n_rows=len(rows))
