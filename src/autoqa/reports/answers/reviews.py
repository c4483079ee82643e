"""The answers on reviews: do reviewers rate alike, and what should they listen to?"""

from __future__ import annotations

import math
from collections.abc import Sequence

from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.prediction_powered import PoweredMean
from autoqa.evaluation.raters.report import RaterProfile
from autoqa.evaluation.selection import YieldAt, YieldCurve
from autoqa.evaluation.study import Part, Study
from autoqa.evaluation.wording import Say
from autoqa.reports.answers.bring import bring
from autoqa.reports.content import Answer, Tone
from autoqa.reports.numbers import english_texts, listed, shown, texts

FEW_SEVERE = 1 / 3
"""Up to this share of reviewers with findings, reviewers still rate mostly alike."""

_EXAMPLE_SHARE = 0.1  # of the conversations, for the number of reviews that is told


def alike(study: Study, say: Say) -> Answer:
    """Do reviewers rate alike?"""
    question = say("Do reviewers rate alike?")
    profiles = [
        (criterion, profile)
        for criterion, report in study.raters.items()
        for profile in report.raters
    ]
    tested = {profile.rater for _, profile in profiles if profile.p_values}
    if not tested:
        return Answer(
            question=question,
            verdict=say("Cannot be said yet"),
            tone=Tone.UNKNOWN,
            sentences=bring(study, Part.RATERS, say),
            section="raters" if study.raters else "missing",
        )
    needing: dict[str, list[str]] = {}
    for criterion, profile in profiles:
        if profile.needs_session:
            words = listed([say(word) for word in profile.findings], say)
            told = say("{name}: {detail}", name=criterion, detail=words)
            needing.setdefault(profile.rater, []).append(told)
    if not needing:
        verdict, tone = say("Yes, as far as can be told"), Tone.GOOD
    elif len(needing) <= FEW_SEVERE * len(tested):
        verdict = say("Mostly: {n} of {total} need a session", n=len(needing), total=len(tested))
        tone = Tone.PARTLY
    else:
        verdict = say("No: {n} of {total} need a session", n=len(needing), total=len(tested))
        tone = Tone.BAD
    sessions = [
        say("{name} ({detail})", name=rater, detail="; ".join(words))
        for rater, words in sorted(needing.items())
    ]
    return Answer(
        question=question,
        verdict=verdict,
        tone=tone,
        sentences=texts(
            _furthest(profiles, say),
            say("Calibration session for {names}.", names=listed(sessions, say))
            if sessions
            else "",
        ),
        section="raters",
    )


def _furthest(profiles: Sequence[tuple[str, RaterProfile]], say: Say) -> str:
    known = [(c, p) for c, p in profiles if p.p_values and math.isfinite(p.severity.value)]
    if not known:
        return ""
    criterion, furthest = max(known, key=lambda pair: abs(pair[1].severity.value))
    severity = furthest.severity
    about = {"rater": furthest.rater, "criterion": criterion, "n": furthest.n_ratings}
    if severity.value > 0:
        return say(
            "Furthest from the others: {rater} on “{criterion}”, {levels} levels lower on the same "
            "conversations (n={n} ratings).",
            levels=shown(severity),
            **about,
        )
    return say(
        "Furthest from the others: {rater} on “{criterion}”, {levels} levels higher on the same "
        "conversations (n={n} ratings).",
        levels=shown(
            Estimate(-severity.value, -severity.high, -severity.low, severity.n, severity.n)
        ),
        **about,
    )


def told_yield(curve: YieldCurve) -> YieldAt:
    """Return the number of reviews that is nearest to a tenth of the conversations."""
    return min(curve.at, key=lambda at: (abs(at.reviews - _EXAMPLE_SHARE * curve.n), at.reviews))


def listening(study: Study, say: Say) -> Answer:
    """Which conversations should be listened to, and how many?"""
    question = say("Which conversations should be listened to, and how many?")
    curve = study.review_yield
    if curve is None or not curve.at:
        return Answer(
            question=question,
            verdict=say("Cannot be said yet"),
            tone=Tone.UNKNOWN,
            sentences=(*bring(study, Part.REVIEW_YIELD, say), *texts(_saved(study, say))),
            section="missing",
        )
    at = told_yield(curve)
    gain = at.enrichment
    if gain.known and gain.low > 1:
        verdict, tone = say("The lowest automated scores first"), Tone.GOOD
    elif gain.known and gain.high < 1.5:
        verdict, tone = say("Low scores find no more than chance"), Tone.BAD
    else:
        verdict, tone = say("Cannot be said yet"), Tone.UNKNOWN
    return Answer(
        question=question,
        verdict=verdict,
        tone=tone,
        sentences=(
            *texts(
                say(
                    "The {reviews} lowest of {n} scores hold {found} bad conversations, {reviews} "
                    "random ones {random:.1f}: {gain} times as many.",
                    reviews=at.reviews,
                    n=curve.n,
                    found=shown(at.found, digits=0),
                    random=at.random,
                    gain=shown(gain, digits=1),
                )
            ),
            *english_texts([f"Bad: {study.bad_is}."] if study.bad_is else []),
            *texts(_saved(study, say)),
        ),
        section="reviews",
    )


def _saved(study: Study, say: Say) -> str:
    if not study.team_means:
        return ""
    made, alone = worth_of_reviews(study.team_means)
    if not made:
        return ""
    if alone <= made:
        return say(
            "For mean scores, {made} random reviews with automated scores on everything tell no "
            "more than the reviews alone.",
            made=made,
        )
    return say(
        "For mean scores, {made} random reviews with automated scores on everything are as "
        "precise as {alone:.0f} reviews alone: {saved:.0f} saved.",
        made=made,
        alone=alone,
        saved=alone - made,
    )


def worth_of_reviews(means: Sequence[PoweredMean]) -> tuple[int, float]:
    """Return the reviews made, and how many reviews alone would be as precise.

    Of groups whose precision is known.
    """
    known = [mean for mean in means if math.isfinite(mean.equivalent_reviews)]
    return sum(m.estimate.n for m in known), math.fsum(m.equivalent_reviews for m in known)
