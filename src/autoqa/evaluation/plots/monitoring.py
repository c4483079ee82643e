"""Figures of fairness between groups, and of scores over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from autoqa.evaluation.plots.style import (
    BLUE,
    GREY,
    PALE,
    SMALL,
    VERMILLION,
    Mark,
    Rows,
    aside,
    canvas,
    draw_estimate,
    finished,
    handle,
    legend,
    note,
    nothing,
    panel,
    short,
    zero_line,
)
from autoqa.evaluation.wording import Say, english

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from autoqa.evaluation.stability.control_charts import ChartPoint, ControlChart
    from autoqa.evaluation.stability.fairness import FairnessReport

_GAP, _NO_GAP = Mark(VERMILLION, "D"), Mark(BLUE, "o", filled=False)
_REFERENCE, _WATCHED = Mark(BLUE, "o", filled=False), Mark(BLUE, "o")
_OUT = Mark(VERMILLION, "X")


def plot_gaps(report: FairnessReport, *, measure: str | None = None, say: Say = english) -> Figure:
    """Draw the gap of every group with its interval; the shaded band is too small to matter.

    Parameters
    ----------
    report : FairnessReport
    measure : str, optional
        One of `autoqa.evaluation.stability.fairness.MEASURES`; the error where people scored, else
        the automated score.
    say : Say
    """
    chosen = measure or ("error" if report.of("error") else "automated")
    gaps = report.of(chosen)
    rows = Rows.of(gaps)
    drawn = canvas(0.8 + rows.height)
    axes = drawn.subplots()
    if not gaps:
        nothing(axes, say("No group of {attribute} has scores.", attribute=report.attribute))
        return finished(drawn)
    measures = {
        "automated": say("the automated score"),
        "human": say("the human score"),
        "error": say("automated minus human score"),
        "absolute_error": say("the distance of automated and human score"),
    }
    against = say("all others") if report.reference is None else short(report.reference)
    panel(
        axes,
        title=report.attribute,
        x=say(
            "{measure}: gap to {reference} in points, 95 % interval",
            measure=measures[chosen],
            reference=against,
        ),
    )
    axes.axvspan(-report.margin, report.margin, color=PALE, linewidth=0)
    zero_line(axes)
    words = {
        "lower": say("lower"),
        "higher": say("higher"),
        "no gap that matters": say("no gap that matters"),
        "too uncertain to say": say("too uncertain to say"),
        "not enough data": say("not enough data"),
    }
    for place, one in rows:
        mark = _GAP if one.verdict in ("lower", "higher") else _NO_GAP
        draw_estimate(axes, one.found.gap, place, mark, say=say)
        aside(axes, place, words[one.verdict])
    rows.label(
        axes,
        lambda gap: say("{name} (n={n})", name=short(gap.group), n=gap.found.n_group),
        say=say,
    )
    note(
        drawn,
        say("Shaded: gaps too small to matter, up to {margin:g} points.", margin=report.margin),
        say("Conversations without a group, left out: {n}.", n=report.ungrouped)
        if report.ungrouped
        else "",
    )
    return finished(drawn)


def plot_control_chart(chart: ControlChart, *, say: Say = english) -> Figure:
    """Draw windows against their limits, each scorecard version with its own."""
    drawn = canvas(3.6)
    axes = drawn.subplots()
    if not chart.points:
        nothing(axes, say("No window has enough conversations."))
        return finished(drawn)
    average = chart.method == "ewma"
    panel(
        axes,
        x=say("windows of {days} days, n={n}", days=chart.days, n=sum(p.n for p in chart.points)),
        y=say("{name}, moving average", name=short(chart.name)) if average else short(chart.name),
    )
    limits_known = False
    for version, held in groupby(chart.points, key=lambda point: point.version):
        points = list(held)
        days = _days(points)
        axes.plot(days, [p.plotted for p in points], "-", color=BLUE, linewidth=1)
        for mark, part in (
            (_REFERENCE, [p for p in points if p.reference]),
            (_WATCHED, [p for p in points if not p.reference]),
        ):
            axes.plot(
                _days(part),
                [p.plotted for p in part],
                mark.marker,
                color=mark.colour,
                markerfacecolor=mark.face,
                markersize=4.5,
            )
        if math.isfinite(points[0].centre):
            limits_known = True
            axes.plot(days, [p.centre for p in points], color=GREY, linewidth=0.9)
            for edge in ("lower", "upper"):
                heights = [getattr(p, edge) for p in points]
                axes.step(days, heights, where="mid", color=GREY, linestyle="--", linewidth=1.1)
        out = [p for p in points if p.signal]
        axes.plot(_days(out), [p.plotted for p in out], _OUT.marker, color=VERMILLION, ms=9)
        if version is not None:
            axes.axvline(days[0], color=GREY, linewidth=0.8, linestyle=":")
            axes.annotate(
                short(version),
                (days[0], 1),
                xycoords=("data", "axes fraction"),
                xytext=(2, 2),
                textcoords="offset points",
                fontsize=SMALL,
                va="bottom",
            )
    legend(
        drawn,
        [
            handle(_REFERENCE, say("reference period")),
            handle(_WATCHED, say("after it")),
            handle(Mark(GREY, ""), say("limits"), line="--"),
            handle(_OUT, say("out of control")),
        ],
    )
    axes.xaxis_date()
    axes.tick_params(axis="x", rotation=30)
    note(
        drawn,
        "" if limits_known else say("Too few windows for limits."),
        say("Windows with too few conversations, not shown: {n}.", n=chart.too_small)
        if chart.too_small
        else "",
    )
    return finished(drawn)


def _days(points: Sequence[ChartPoint]) -> list[float]:
    from matplotlib.dates import date2num

    return [float(date2num(point.start)) for point in points]  # type: ignore[no-untyped-call]
