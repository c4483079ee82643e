"""The answers on customers: does QA go with satisfaction, and what moves it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autoqa.evaluation.drivers.report import CriterionDriver
from autoqa.evaluation.drivers.verdicts import DriverVerdict
from autoqa.evaluation.figures import SMALL_N
from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.study import Part, Study
from autoqa.evaluation.wording import Say
from autoqa.reports.answers.bring import bring
from autoqa.reports.content import Answer, Tone
from autoqa.reports.numbers import listed, shown, texts, together

CLOSE, FAIR = 0.5, 0.3
"""Rank correlations that count as close and as fair (Cohen 1988, chapter 3)."""


def high_scores(study: Study, say: Say) -> Answer:
    """Does a high QA score mean a satisfied customer?"""
    question = say("Does a high QA score mean a satisfied customer?")
    csat = study.comparison.csat
    machine = csat.automated if csat else None
    people = csat.human if csat else None
    told = machine or people
    if told is None:
        return Answer(
            question=question,
            verdict=say("Cannot be said yet"),
            tone=Tone.UNKNOWN,
            sentences=texts(
                say("To answer this, bring customers' survey answers on scored conversations.")
            ),
            section="missing",
        )
    verdict, tone = link(told["spearman"], say)
    return Answer(
        question=question,
        verdict=verdict,
        tone=tone,
        sentences=texts(
            _linked(machine, say, automated=True) if machine else "",
            _linked(people, say, automated=False) if people else "",
        ),
        section="qa-and-csat",
    )


def link(spearman: Estimate, say: Say) -> tuple[str, Tone]:
    """Judge how closely totals go with satisfaction."""
    if not spearman.known or spearman.n < SMALL_N:
        return say("Cannot be said yet"), Tone.UNKNOWN
    if spearman.high < 0:
        return say("No, the other way round"), Tone.BAD
    if spearman.low > 0:
        if spearman.value >= CLOSE:
            return say("Yes, closely linked"), Tone.GOOD
        if spearman.value >= FAIR:
            return say("On the whole, with many exceptions"), Tone.PARTLY
        return say("Hardly: a weak link"), Tone.BAD
    if spearman.high < FAIR:
        return say("No link can be shown"), Tone.BAD
    return say("Cannot be said yet"), Tone.UNKNOWN


def _linked(figures: Mapping[str, Estimate], say: Say, *, automated: bool) -> str:
    pairs, ranks = figures["auc_dissatisfied"], figures["spearman"]
    if not pairs.known:
        told = {"ranks": shown(ranks), "n": ranks.n}
        if automated:
            return say(
                "Automated totals and CSAT: rank correlation {ranks} (1 is perfect, 0 is none), "
                "n={n}.",
                **told,
            )
        return say(
            "People's totals and CSAT: rank correlation {ranks} (1 is perfect, 0 is none), n={n}.",
            **told,
        )
    told = {"pairs": shown(pairs, percent=True), "ranks": shown(ranks), "n": ranks.n}
    if automated:
        return say(
            "Dissatisfied customers had a lower automated total than other customers in {pairs} of "
            "pairs (50 % is chance; rank correlation {ranks}, n={n}).",
            **told,
        )
    return say(
        "With people's totals: in {pairs} of pairs (rank correlation {ranks}, n={n}).", **told
    )


def what_moves(study: Study, say: Say) -> Answer:
    """What moves satisfaction?"""
    question = say("What moves satisfaction?")
    found = study.drivers
    if found is None:
        return Answer(
            question=question,
            verdict=say("Cannot be said yet"),
            tone=Tone.UNKNOWN,
            sentences=bring(study, Part.DRIVERS, say),
            section="missing",
        )
    drivers, reversed_, dead, unknown = (
        [one for one in found.criteria if one.verdict is verdict]
        for verdict in (
            DriverVerdict.DRIVER,
            DriverVerdict.REVERSED,
            DriverVerdict.DEAD,
            DriverVerdict.NOT_ENOUGH,
        )
    )
    if drivers:
        strongest = max(drivers, key=lambda one: one.effect.value)
        verdict = say("Above all: {criterion}", criterion=strongest.criterion)
        tone = Tone.GOOD
        first = say(
            "Where “{criterion}” is met, CSAT is higher by {effect} of its scale than where it is "
            "not, all else equal (n={n}).",
            criterion=strongest.criterion,
            effect=shown(strongest.effect, percent=True),
            n=strongest.n_rated,
        )
    elif reversed_ or dead:
        verdict, tone, first = say("No criterion shown to raise it"), Tone.BAD, ""
    else:
        verdict, tone = say("Cannot be said yet"), Tone.UNKNOWN
        first = say(
            "No effect of a criterion stands out from chance (n={n} surveyed conversations).",
            n=found.n,
        )
    others = sorted(drivers, key=lambda one: -one.effect.value)[1:]
    lists = (
        say("Also: {names}.", names=_effects(others, say)) if others else "",
        say("No effect worth the name: {names}.", names=_effects(dead, say)) if dead else "",
        say("Reversed, so review the question: {names}.", names=_effects(reversed_, say))
        if reversed_
        else "",
        say("Not enough data: {names}.", names=listed([o.criterion for o in unknown], say))
        if unknown
        else "",
    )
    return Answer(
        question=question,
        verdict=verdict,
        tone=tone,
        sentences=texts(first, together(lists, say)),
        section="drivers",
    )


def _effects(criteria: Sequence[CriterionDriver], say: Say) -> str:
    return listed(
        [
            say(
                "{name} ({detail})",
                name=one.criterion,
                detail=shown(one.effect, percent=True, sign=True),
            )
            for one in criteria
        ],
        say,
    )
