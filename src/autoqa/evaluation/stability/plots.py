"""Figures of fairness and stability, made without pyplot so that no window or state is left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from autoqa.evaluation.stability.agreement_over_time import AgreementHistory
from autoqa.evaluation.stability.control_charts import ChartPoint, ControlChart
from autoqa.evaluation.stability.fairness import MEASURES, FairnessReport, GapVerdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MACHINE, _PEOPLE, _LINE, _ALARM = "#1f6f8b", "#c26a2d", "#888888", "#a4133c"


def plot_gaps(report: FairnessReport, *, measure: str | None = None) -> Figure:
    """Draw the gap of every group with its interval; the shaded band is too small to matter.

    Parameters
    ----------
    report : FairnessReport
    measure : str, optional
        One of `autoqa.evaluation.stability.fairness.MEASURES`; the error where people scored, else
        the automated score.
    """
    from matplotlib.figure import Figure as Canvas

    shown = measure or ("error" if report.of("error") else "automated")
    gaps = report.of(shown)
    canvas = Canvas(figsize=(7.5, 1.2 + 0.45 * max(len(gaps), 1)), layout="constrained")
    axes = canvas.subplots()
    axes.axvspan(-report.margin, report.margin, color=_LINE, alpha=0.15, linewidth=0)
    axes.axvline(0, color=_LINE, linewidth=0.8)
    for row, gap in enumerate(gaps):
        found = gap.found.gap
        # Filled where the verdict is a gap, so that colour is not needed to see it.
        sure = gap.verdict in (GapVerdict.LOWER, GapVerdict.HIGHER)
        colour = _ALARM if sure else _MACHINE
        if found.known:
            axes.plot([found.low, found.high], [row, row], color=colour, linewidth=1.5)
            face = colour if sure else "white"
            axes.plot([found.value], [row], "o", color=colour, markerfacecolor=face)
        else:
            axes.text(0, row, "not enough data", fontsize=8, ha="center", va="center")
    axes.set_yticks(range(len(gaps)), [f"{gap.group} (n={gap.found.n_group})" for gap in gaps])
    axes.set_ylim(max(len(gaps), 1) - 0.5, -0.5)
    against = "all others" if report.reference is None else report.reference
    axes.set_xlabel(f"{MEASURES[shown]}: gap to {against} in points, 95 % interval")
    axes.set_title(report.attribute, fontsize=9)
    return canvas


def plot_control_chart(chart: ControlChart) -> Figure:
    """Draw windows against their limits, each scorecard version with its own."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(8.0, 3.8), layout="constrained")
    axes = canvas.subplots()
    for version, held in groupby(chart.points, key=lambda point: point.version):
        points = list(held)
        days = _days(points)
        axes.plot(days, [p.plotted for p in points], "-", color=_MACHINE, linewidth=1)
        for reference, face in ((True, "white"), (False, _MACHINE)):
            part = [p for p in points if p.reference is reference]
            axes.plot(
                _days(part),
                [p.plotted for p in part],
                "o",
                color=_MACHINE,
                markerfacecolor=face,
                markersize=4,
            )
        if math.isfinite(points[0].centre):
            axes.plot(days, [p.centre for p in points], color=_LINE, linewidth=0.8)
            for edge in ("lower", "upper"):
                heights = [getattr(p, edge) for p in points]
                axes.step(days, heights, where="mid", color=_PEOPLE, linestyle="--", linewidth=1)
        out = [p for p in points if p.signal]
        axes.plot(_days(out), [p.plotted for p in out], "X", color=_ALARM, markersize=9)
        if version is not None:
            axes.axvline(days[0], color=_LINE, linewidth=0.8, linestyle=":")
            axes.annotate(
                version, (days[0], 1), xycoords=("data", "axes fraction"), fontsize=8, va="bottom"
            )
    axes.plot([], [], "o", color=_MACHINE, markerfacecolor="white", label="reference period")
    axes.plot([], [], "o", color=_MACHINE, label="after it")
    axes.plot([], [], "--", color=_PEOPLE, label="limits")
    axes.plot([], [], "X", color=_ALARM, label="out of control")
    average = ", moving average" if chart.method == "ewma" else ""
    axes.set_ylabel(f"{chart.name}{average}")
    axes.set_xlabel(f"windows of {chart.days} days, n={sum(p.n for p in chart.points)}")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.05), ncols=4, frameon=False, fontsize=8)
    axes.xaxis_date()
    canvas.autofmt_xdate()
    return canvas


def _days(points: Sequence[ChartPoint]) -> list[float]:
    from matplotlib.dates import date2num

    return [float(date2num(point.start)) for point in points]  # type: ignore[no-untyped-call]


def plot_agreement_history(history: AgreementHistory) -> Figure:
    """Draw quadratic kappa window by window with its interval, beside that of people."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(7.5, 3.8), layout="constrained")
    axes = canvas.subplots()
    for i, window in enumerate(history.windows):
        if window.kappa is None:
            continue
        both = {"o": (window.kappa.automated, -0.08, _MACHINE)}
        if window.kappa.ceiling is not None:
            both["s"] = (window.kappa.ceiling, 0.08, _PEOPLE)
        for marker, (estimate, aside, colour) in both.items():
            if estimate.known:
                ends = [estimate.low, estimate.high]
                axes.plot([i + aside] * 2, ends, color=colour, linewidth=1.5)
            if math.isfinite(estimate.value):
                axes.plot([i + aside], [estimate.value], marker, color=colour)
    axes.plot([], [], "o", color=_MACHINE, label="automated with people")
    axes.plot([], [], "s", color=_PEOPLE, label="people with people (ceiling)")
    axes.set_xticks(
        range(len(history.windows)),
        [f"{window.start}\nn={window.n_items}" for window in history.windows],
        fontsize=8,
    )
    axes.set_ylabel("quadratic kappa, 95 % interval")
    axes.set_title(", ".join(filter(None, (history.criterion, history.version))), fontsize=9)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.05), ncols=2, frameon=False, fontsize=8)
    return canvas
