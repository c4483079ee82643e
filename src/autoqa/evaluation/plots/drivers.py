"""Figures of what moves CSAT, and of the weights that would follow it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoqa.evaluation.plots.style import (
    BLUE,
    GREEN,
    GREY,
    PALE,
    PURPLE,
    VERMILLION,
    Mark,
    Rows,
    aside,
    aside_head,
    canvas,
    descending,
    draw_estimate,
    finished,
    guide_rows,
    handle,
    legend,
    note,
    nothing,
    panel,
    percent,
    short,
    zero_line,
)
from autoqa.evaluation.render import show
from autoqa.evaluation.wording import Say, english

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from autoqa.evaluation.drivers import CsatDrivers, Realignment

_VERDICTS = {
    "moves CSAT": Mark(BLUE, "o"),
    "reversed": Mark(VERMILLION, "v"),
    "no effect": Mark(GREY, "D", filled=False),
    "not enough data": Mark(GREY, "o", filled=False),
}
_PREVENTS, _LIFTS = Mark(PURPLE, "v", filled=False), Mark(GREEN, "^")


def plot_drivers(drivers: CsatDrivers, *, say: Say = english) -> Figure:
    """Draw the effect of meeting each criterion on CSAT, and on which end of its scale it works.

    The shaded band is too small to matter. The words to the right are there where a difference
    between the two ends is shown.
    """
    rows = Rows.of(drivers.criteria)
    drawn = canvas(0.8 + 1.1 * rows.height)
    left, right = drawn.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    if not drivers.criteria:
        nothing(left, say("No criterion was rated."))
        right.set_axis_off()
        return finished(drawn)
    panel(left, x=say("change of expected CSAT, % of its scale"), room=26)
    panel(right, x=say("change of the share of customers, points"), room=22)
    band = 100 * drivers.band
    left.axvspan(-band, band, color=PALE, linewidth=0)
    words = {
        "moves CSAT": say("moves CSAT"),
        "reversed": say("reversed: lower CSAT where met"),
        "no effect": say("no effect (inside the band)"),
        "not enough data": say("not enough data"),
    }
    ends = {
        "prevents bad rather than lifts good": say("prevents bad"),
        "lifts good rather than prevents bad": say("lifts good"),
    }
    for place, one in rows:
        draw_estimate(left, percent(one.effect), place, _VERDICTS[one.verdict], say=say)
        if one.prevents.known or one.lifts.known:
            draw_estimate(right, percent(one.prevents), place - 0.16, _PREVENTS, say=say)
            draw_estimate(right, percent(one.lifts), place + 0.16, _LIFTS, say=say)
        else:
            draw_estimate(right, one.prevents, place, _VERDICTS["not enough data"], say=say)
        if one.asymmetry in ends:
            aside(right, place, ends[one.asymmetry], bold=True)
    rows.label(
        left, lambda c: say("{name} (n={n})", name=short(c.criterion, 24), n=c.n_rated), say=say
    )
    guide_rows(right)
    for axes in (left, right):
        zero_line(axes)
    present = {str(one.verdict) for one in drivers.criteria}
    legend(
        drawn,
        [
            *(handle(_VERDICTS[key], text) for key, text in words.items() if key in present),
            handle(_PREVENTS, say("right: fewer dissatisfied")),
            handle(_LIFTS, say("right: more top box")),
        ],
    )
    note(
        drawn,
        say(
            "From not meeting to meeting a criterion, the others held constant, with 95 % "
            "intervals; {n} surveyed conversations. Associations: what a change would do needs "
            "an experiment.",
            n=drivers.n,
        ),
    )
    return finished(drawn)


def plot_dominance(drivers: CsatDrivers, *, say: Say = english) -> Figure:
    """Draw each criterion's share of the variation of CSAT that all criteria explain."""
    rows = Rows.of(sorted(drivers.criteria, key=lambda c: descending(c.explained)))
    drawn = canvas(0.7 + rows.height)
    axes = drawn.subplots()
    if not drivers.criteria:
        nothing(axes, say("No criterion was rated."))
        return finished(drawn)
    panel(axes, x=say("share of the variation of CSAT (R²), %, 95 % interval"))
    mark = Mark(BLUE, "o")
    for place, one in rows:
        axes.barh(place, 100 * one.explained.value, height=0.55, color=PALE)
        draw_estimate(axes, percent(one.explained), place, mark, say=say)
    rows.label(axes, lambda c: say("{name} (n={n})", name=short(c.criterion), n=c.n_rated), say=say)
    axes.set_xlim(left=0)
    note(
        drawn,
        say(
            "All criteria together explain {share} % beyond the controls (n={n}). A criterion "
            "without any effect still gets about {floor:.2g} %.",
            share=show(percent(drivers.explained), digits=1),
            n=drivers.n,
            floor=100 / max(drivers.n, 1),
        ),
    )
    return finished(drawn)


def plot_weights(realignment: Realignment, *, say: Say = english) -> Figure:
    """Draw each criterion's weight now and as suggested, with the lowest one allowed."""
    rows = Rows.of(realignment.changes)
    drawn = canvas(0.8 + rows.height)
    axes = drawn.subplots()
    if not realignment.changes:
        nothing(axes, say("No criterion has a weight."))
        return finished(drawn)
    panel(axes, x=say("weight, of 100 in all"))
    worth = realignment.advice == "worth a change"
    now, suggested = Mark(GREY, "o", filled=False), Mark(BLUE, "D", filled=worth)
    floor = Mark(VERMILLION, "|")
    for place, one in rows:
        axes.plot([one.old, one.new], [place, place], color=BLUE, linewidth=1.6)
        if one.floor > 0:
            axes.plot([one.floor], [place], floor.marker, color=floor.colour, ms=13, mew=2.2)
        for mark, value in ((now, one.old), (suggested, one.new)):
            axes.plot([value], [place], mark.marker, color=mark.colour, mfc=mark.face, ms=6.5)
        aside(axes, place, f"{one.new - one.old:+.1f}".replace("-", "−").replace("+0.0", "0.0"))
    rows.label(axes, lambda c: say("{name} (n={n})", name=short(c.criterion), n=c.n), say=say)
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    aside_head(axes, say("change"))
    entries = [handle(now, say("now")), handle(suggested, say("suggested"), line="-")]
    if any(one.floor > 0 for one in realignment.changes):
        entries.append(handle(floor, say("lowest weight allowed")))
    legend(drawn, entries)
    advice = {
        "worth a change": say("Worth a change."),
        "no gain worth a change": say("No gain worth a change."),
        "not enough data to say": say("Not enough data to say whether a change is worth it."),
    }[realignment.advice]
    note(
        drawn,
        advice,
        say(
            "Rank correlation of totals with CSAT: {before} now, {after} with such weights, gain "
            "{gain}, n={n}.",
            before=show(realignment.before),
            after=show(realignment.after),
            gain=show(realignment.gain),
            n=realignment.gain.n,
        ),
    )
    return finished(drawn)
