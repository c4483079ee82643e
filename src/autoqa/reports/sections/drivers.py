"""Sections on what moves satisfaction, and on weights that would follow from it."""

from __future__ import annotations

from collections.abc import Sequence

from autoqa.evaluation.drivers import Advice, CsatDrivers, Realignment
from autoqa.evaluation.drivers.verdicts import DriverVerdict
from autoqa.evaluation.plots import (
    plot_drivers,
    plot_weights,
)
from autoqa.evaluation.study import Part, Study
from autoqa.evaluation.wording import Say
from autoqa.reports.charts import chart
from autoqa.reports.content import Cell, Section, Table, Tone
from autoqa.reports.numbers import (
    english_texts,
    estimate_cell,
    listed,
    number_cell,
    share,
    shown,
    texts,
)

_DRIVER_TONES = {
    DriverVerdict.DRIVER: Tone.GOOD,
    DriverVerdict.REVERSED: Tone.BAD,
    DriverVerdict.DEAD: Tone.PARTLY,
    DriverVerdict.NOT_ENOUGH: Tone.UNKNOWN,
}


def drivers(study: Study, say: Say) -> Section | None:
    """Which criteria move CSAT, which do nothing, which go the wrong way."""
    found = study.drivers
    if found is None:
        return None
    moving = [c.criterion for c in found.criteria if c.verdict is DriverVerdict.DRIVER]
    lead = (
        say("Meeting these criteria goes with higher CSAT: {names}.", names=listed(moving, say))
        if moving
        else say("No criterion is shown to go with higher CSAT.")
    )
    return Section(
        id="drivers",
        title=say("What moves satisfaction"),
        lead=lead,
        points=texts(*_groups(found, say), _explained(found, say)),
        charts=(
            chart(
                lambda: plot_drivers(found, say=say),
                id="drivers",
                label=say("Effect of each criterion on CSAT"),
                caption=say(
                    "Change of CSAT from not meeting to meeting a criterion, the others held "
                    "constant; n={n} surveyed conversations.",
                    n=found.n,
                ),
            ),
        ),
        tables=(_driver_table(found, say),),
        notes=(
            *texts(
                say("The ratings used are those of people.")
                if study.drivers_of == "human"
                else say("The ratings used are the automated ones."),
                say(
                    "Held constant: {names}.",
                    names=listed(found.controls, say) if found.controls else say("nothing else"),
                ),
                say(
                    "These are associations: what a change would bring needs a trial. No effect "
                    "means within {band} of the CSAT scale.",
                    band=share(found.band),
                ),
            ),
            *english_texts(found.caveats),
            *english_texts(study.caveats.get(Part.DRIVERS, ())),
        ),
    )


def _groups(found: CsatDrivers, say: Say) -> tuple[str, ...]:
    named = {
        verdict: [c.criterion for c in found.criteria if c.verdict is verdict]
        for verdict in DriverVerdict
    }
    dead, reversed_ = named[DriverVerdict.DEAD], named[DriverVerdict.REVERSED]
    unknown = named[DriverVerdict.NOT_ENOUGH]
    return (
        say("No effect worth the name: {names}.", names=listed(dead, say)) if dead else "",
        say(
            "Reversed: meeting these goes with lower CSAT, so review the question and how it is "
            "rated: {names}.",
            names=listed(reversed_, say),
        )
        if reversed_
        else "",
        say("Not enough data: {names}.", names=listed(unknown, say)) if unknown else "",
    )


def _explained(found: CsatDrivers, say: Say) -> str:
    if not found.explained.known:
        return ""
    return say(
        "All criteria together explain {share} of the differences in CSAT (n={n}); the rest lies "
        "outside the scorecard.",
        share=shown(found.explained, percent=True),
        n=found.explained.n,
    )


def _driver_table(found: CsatDrivers, say: Say) -> Table:
    return Table(
        caption=say("From not meeting to meeting each criterion, the others held constant"),
        head=(
            say("criterion"),
            say("n"),
            say("expected CSAT"),
            say("chance of a satisfied customer"),
            say("fewer dissatisfied"),
            say("more best answers"),
            say("share of R²"),
            say("verdict"),
            say("which end of the scale"),
        ),
        rows=tuple(
            (
                Cell(one.criterion),
                number_cell(one.n_rated),
                estimate_cell(one.effect, percent=True, sign=True),
                estimate_cell(one.satisfied, percent=True, sign=True),
                estimate_cell(one.prevents, percent=True, sign=True),
                estimate_cell(one.lifts, percent=True, sign=True),
                estimate_cell(one.explained, percent=True),
                Cell(say(str(one.verdict)), tone=_DRIVER_TONES[one.verdict]),
                Cell(say(str(one.asymmetry))),
            )
            for one in found.criteria
        ),
    )


def realignment(study: Study, say: Say) -> Section | None:
    """Weights that would go with CSAT better: advice, with what it would change."""
    found = study.realignment
    if found is None:
        return None
    lead = {
        Advice.CHANGE: say("Other weights would make QA totals follow CSAT more closely."),
        Advice.KEEP: say("Other weights would gain nothing worth a change: keep them."),
        Advice.NOT_ENOUGH: say("Whether other weights would do better cannot be said yet."),
    }[found.advice]
    past = found.simulation
    return Section(
        id="realignment",
        title=say("Should the scorecard's weights change?"),
        lead=lead,
        points=texts(
            say(
                "Rank correlation of totals with CSAT: {before} now, {after} with other weights on "
                "conversations they were not learned from; gain {gain}, n={n}.",
                before=shown(found.before),
                after=shown(found.after),
                gain=shown(found.gain, sign=True),
                n=found.gain.n,
            )
            if found.gain.known
            else "",
            say(
                "On {n} past conversations, {up} would newly reach {mark:g} points and {down} "
                "would fall below; the mean total would go from {before:.1f} to {after:.1f}.",
                n=past.n,
                up=past.newly_passed,
                mark=past.pass_mark,
                down=past.newly_failed,
                before=past.mean_before,
                after=past.mean_after,
            )
            if past.n
            else "",
        ),
        charts=(
            chart(
                lambda: plot_weights(found, say=say),
                id="weights",
                label=say("Weights now and as suggested"),
                caption=say(
                    "Weight of each criterion, out of 100; n={n} surveyed conversations.",
                    n=found.gain.n,
                ),
            ),
        ),
        tables=(_changes(found, say), *_moves(found, say)),
        notes=(
            *texts(
                say("This is advice. Nothing was changed: people decide on a scorecard's weights.")
            ),
            *english_texts(found.caveats),
            *english_texts(study.caveats.get(Part.REALIGNMENT, ())),
        ),
    )


def _changes(found: Realignment, say: Say) -> Table:
    return Table(
        caption=say("Weights of {scorecard}, out of 100", scorecard=found.scorecard),
        head=(
            say("criterion"),
            say("now"),
            say("suggested"),
            say("change"),
            say("lowest allowed"),
            say("goes with CSAT alone"),
            say("beyond the others"),
            say("n"),
        ),
        rows=tuple(
            (
                Cell(one.criterion),
                number_cell(one.old, digits=1),
                number_cell(one.new, digits=1),
                number_cell(one.new - one.old, digits=1, sign=True),
                number_cell(one.floor, digits=1),
                number_cell(one.alone, digits=2),
                number_cell(one.beyond, digits=2),
                number_cell(one.n),
            )
            for one in found.changes
        ),
    )


def _moves(found: Realignment, say: Say) -> Sequence[Table]:
    agents = found.simulation.agents
    if not agents:
        return ()
    return (
        Table(
            caption=say("Agents on past conversations, before and after"),
            head=(
                say("agent"),
                say("n"),
                say("mean total now"),
                say("mean total after"),
                say("rank now"),
                say("rank after"),
            ),
            rows=tuple(
                (
                    Cell(one.agent),
                    number_cell(one.n),
                    number_cell(one.total_before, digits=1),
                    number_cell(one.total_after, digits=1),
                    Cell(f"{one.rank_before:g}", sort=one.rank_before, number=True),
                    Cell(f"{one.rank_after:g}", sort=one.rank_after, number=True),
                )
                for one in agents
            ),
        ),
    )
