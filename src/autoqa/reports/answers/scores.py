"""The answer on automated scores in the place of a person's."""

from __future__ import annotations

from collections.abc import Mapping

from autoqa.evaluation.comparison import Comparison
from autoqa.evaluation.figures import Verdict
from autoqa.evaluation.raters import ReplacementVerdict
from autoqa.evaluation.study import Part, Study
from autoqa.evaluation.wording import Say
from autoqa.reports.answers.bring import bring
from autoqa.reports.content import Answer, Tone
from autoqa.reports.numbers import listed, shown, texts, together


def standing_in(study: Study, say: Say) -> Answer:
    """May automated scores stand in for a person's?"""
    question = say("May automated scores stand in for a person's?")
    by_verdict: dict[ReplacementVerdict, list[str]] = {v: [] for v in ReplacementVerdict}
    for criterion, found in study.replacement.items():
        by_verdict[found.verdict].append(criterion)
    may, help_, not_yet = (
        by_verdict[v]
        for v in (
            ReplacementVerdict.REPLACE,
            ReplacementVerdict.ASSIST,
            ReplacementVerdict.NOT_YET,
        )
    )
    tested = len(may) + len(help_) + len(not_yet)
    beside = _beside_people(study.comparison, say)
    if not tested:
        return _untested(study, question, beside, say)
    if len(may) == tested:
        verdict, tone = say("Yes, where it was tested"), Tone.GOOD
    elif may:
        verdict = say("On {n} of {total} criteria tested", n=len(may), total=tested)
        tone = Tone.PARTLY
    elif help_:
        verdict, tone = say("To assist, not to replace"), Tone.PARTLY
    else:
        verdict, tone = say("Not yet"), Tone.BAD
    unknown = by_verdict[ReplacementVerdict.NOT_ENOUGH_DATA]
    lists = (
        say("May replace a person: {names}.", names=listed(may, say)) if may else "",
        say("May assist: {names}.", names=listed(help_, say)) if help_ else "",
        say("Not yet: {names}.", names=listed(not_yet, say)) if not_yet else "",
        say("Not enough data: {names}.", names=listed(unknown, say)) if unknown else "",
    )
    return Answer(
        question=question,
        verdict=verdict,
        tone=tone,
        sentences=texts(together(lists, say), beside),
        section="stand-in",
    )


def _untested(study: Study, question: str, beside: str, say: Say) -> Answer:
    """Fall back on agreement beside the human ceiling, where nobody could be left out."""
    groups = criteria_by_verdict(study.comparison)
    alike, below = groups[Verdict.AS_PEOPLE], groups[Verdict.BELOW_PEOPLE]
    if alike:
        verdict, tone = say("Promising, but not tested"), Tone.PARTLY
    elif below:
        verdict, tone = say("Not yet"), Tone.BAD
    else:
        verdict, tone = say("Cannot be said yet"), Tone.UNKNOWN
    lists = (
        say(
            "Agrees with people as well as they do with each other: {names}.",
            names=listed(alike, say),
        )
        if alike
        else "",
        say("Agrees less than people do: {names}.", names=listed(below, say)) if below else "",
    )
    return Answer(
        question=question,
        verdict=verdict,
        tone=tone,
        sentences=(
            *texts(together(lists, say), beside),
            *bring(study, Part.REPLACEMENT, say),
        ),
        section="agreement" if study.comparison.criteria else "missing",
    )


def criteria_by_verdict(comparison: Comparison) -> Mapping[Verdict, list[str]]:
    """Return the criteria of each verdict on quadratic kappa."""
    groups: dict[Verdict, list[str]] = {verdict: [] for verdict in Verdict}
    for found in comparison.criteria:
        groups[found.figures["quadratic_kappa"].verdict].append(found.criterion)
    return groups


def _beside_people(comparison: Comparison, say: Say) -> str:
    """How far automated ratings lie from people's, beside how far people lie from each other."""
    if comparison.totals is not None:
        off = comparison.totals.figures["mae"]
        if off.ceiling is not None and off.ceiling.known:
            return say(
                "An automated total lies {machine} points of 100 from a person's on average; two "
                "people's lie {people} apart (n={n} conversations that several people rated).",
                machine=shown(off.automated_same_items or off.automated, digits=1),
                people=shown(off.ceiling, digits=1),
                n=off.ceiling.n,
            )
        return say(
            "An automated total lies {machine} points of 100 from a person's on average "
            "(n={n} conversations).",
            machine=shown(off.automated, digits=1),
            n=off.automated.n,
        )
    known = [c for c in comparison.criteria if c.figures["quadratic_kappa"].automated.known]
    if not known:
        return ""
    most = max(known, key=lambda c: c.n_items)
    return say(
        "On “{criterion}”, agreement with people beyond chance is {machine} (1 is perfect, 0 is "
        "chance; n={n}).",
        criterion=most.criterion,
        machine=shown(most.figures["quadratic_kappa"].automated),
        n=most.n_items,
    )
