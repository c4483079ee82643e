"""The section on practitioners' claims, each with its verdict."""

from __future__ import annotations

import math

from autoqa.evaluation.claims import ClaimsReport, Verdict
from autoqa.evaluation.claims.base import ClaimResult
from autoqa.evaluation.study import Part, Study
from autoqa.evaluation.wording import Say
from autoqa.reports.content import Cell, Section, Table, Tone
from autoqa.reports.numbers import english_texts, estimate_cell, number_cell, texts

_TONES = {
    Verdict.SUPPORTED: Tone.GOOD,
    Verdict.NOT_SUPPORTED: Tone.BAD,
    Verdict.NOT_ENOUGH_DATA: Tone.UNKNOWN,
}


def claims(study: Study, say: Say) -> Section | None:
    """Question, verdict, figures and conversations needed, claim by claim."""
    found = study.claims
    if found is None:
        return None
    counts = {v: sum(one.verdict is v for one in found.results) for v in Verdict}
    return Section(
        id="claims",
        title=say("Practitioners' claims, tested on these data"),
        lead=say(
            "Supported: {yes}. Not supported: {no}. Not enough data: {unknown}.",
            yes=counts[Verdict.SUPPORTED],
            no=counts[Verdict.NOT_SUPPORTED],
            unknown=counts[Verdict.NOT_ENOUGH_DATA],
        ),
        tables=(_verdicts(found, say), _figures(found, say)),
        notes=(
            *texts(
                say(
                    "Supported: the 95 % interval of every claimed figure lies inside the claimed "
                    "range. Not supported: that of one figure lies outside."
                ),
                say(
                    "Conversations needed: with so many like these, a verdict would come in 80 % "
                    "of cases, if the estimate is right."
                ),
            ),
            *english_texts((found.about_multiplicity,)),
            *english_texts(study.caveats.get(Part.CLAIMS, ())),
        ),
    )


def _verdicts(found: ClaimsReport, say: Say) -> Table:
    return Table(
        caption=say("Claims and verdicts"),
        head=(
            say("claim"),
            say("ratings"),
            say("verdict"),
            say("answer"),
            say("n"),
            say("conversations needed"),
        ),
        rows=tuple(
            (
                Cell(say(one.question)),
                Cell(_side(one, say)),
                Cell(_verdict(one, say), tone=_TONES[one.verdict]),
                Cell(one.sentence, english=True),
                number_cell(one.n),
                _needed(one),
            )
            for one in found.results
        ),
    )


def _needed(one: ClaimResult) -> Cell:
    open_ = one.verdict is Verdict.NOT_ENOUGH_DATA and one.needed is not None
    return number_cell(float(one.needed or 0) if open_ else math.nan)


def _side(one: ClaimResult, say: Say) -> str:
    return {"automated": say("automated"), "human": say("people")}.get(one.ratings, "–")


def _verdict(one: ClaimResult, say: Say) -> str:
    if one.after_correction is one.verdict:
        return say(str(one.verdict))
    return say("{verdict} (not after correction)", verdict=say(str(one.verdict)))


def _figures(found: ClaimsReport, say: Say) -> Table:
    return Table(
        caption=say("The claimed figures"),
        head=(
            say("claim"),
            say("ratings"),
            say("claimed figure"),
            say("value"),
            say("n"),
            say("claimed range"),
        ),
        rows=tuple(
            (
                Cell(say(one.question)),
                Cell(_side(one, say)),
                Cell(finding.name, english=True),
                estimate_cell(
                    finding.estimate, percent=finding.percent, digits=3 if finding.percent else 2
                ),
                number_cell(finding.estimate.n),
                Cell(finding.claimed_in_words or "–", english=True),
            )
            for one in found.results
            for finding in one.findings
            if finding.claimed is not None
        ),
    )
