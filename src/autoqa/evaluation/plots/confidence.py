"""Figures of how far a model's certainty can be trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from autoqa.evaluation.plots.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    PURPLE,
    SMALL,
    VERMILLION,
    WIDTH,
    canvas,
    descending,
    finished,
    note,
    nothing,
    panel,
    short,
)
from autoqa.evaluation.wording import Say, english

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from autoqa.evaluation.calibration import ReliabilityBin
    from autoqa.evaluation.selective import RiskCoverageCurve

_LEAST_COVERAGE = 0.05  # where only a few are answered, the mean loss is one answer's luck
_MOST_PANELS, _COLUMNS = 12, 3
_MOST_CURVES = 8
_LINES = tuple(
    (colour, style, marker)
    for style, markers in (("-", "os^D"), ("--", "vPX*"))
    for colour, marker in zip((BLUE, VERMILLION, GREEN, PURPLE), markers, strict=True)
)


def plot_reliability(
    table: Sequence[ReliabilityBin] | Mapping[str, Sequence[ReliabilityBin]],
    *,
    name: str = "",
    say: Say = english,
) -> Figure:
    """Draw what predictions claim against how often they come true; size shows how many.

    Parameters
    ----------
    table : sequence of ReliabilityBin, or mapping of criterion to such
        Several criteria become small panels, the worst calibrated of more than 12.
    name : str
        What was predicted, where there is one table.
    say : Say

    Notes
    -----
    The intervals are Wilson's for independent predictions.
    """
    tables = table if isinstance(table, Mapping) else {name: table}
    shown = list(tables)
    if len(shown) > _MOST_PANELS:
        shown = sorted(shown, key=lambda one: -_error(tables[one]))[:_MOST_PANELS]
    columns = min(_COLUMNS, max(len(shown), 1))
    n_rows = max(1, math.ceil(len(shown) / columns))
    drawn = canvas(0.45 + 2.4 * n_rows if columns > 1 else 4.6)
    if columns == 1:
        drawn.set_figwidth(min(WIDTH, 4.8))
    panels = drawn.subplots(n_rows, columns, sharex=True, sharey=True, squeeze=False)
    every = [axes for row in panels for axes in row]
    for axes, one in zip(every, shown, strict=False):
        _reliability_panel(axes, tables[one], one, say)
    for axes in every[len(shown) :]:
        axes.set_axis_off()
    if not shown:
        nothing(every[0], say("No predictions with probabilities were compared."))
        return finished(drawn)
    drawn.supylabel(say("share that came true, %"), fontsize=SMALL, color=INK)
    left_out = len(tables) - len(shown)
    drawn.supxlabel(
        "\n".join(
            filter(
                None,
                (
                    say("claimed probability, %; bars are 95 % intervals"),
                    say("Better calibrated criteria, not shown: {n}.", n=left_out)
                    if left_out
                    else "",
                ),
            )
        ),
        fontsize=SMALL,
        color=INK,
    )
    return finished(drawn)


def _error(table: Sequence[ReliabilityBin]) -> float:
    filled = [b for b in table if b.n]
    total = sum(b.n for b in filled)
    return sum(b.n * abs(b.correct - b.confidence) for b in filled) / total if total else 0.0


def _reliability_panel(axes: Axes, table: Sequence[ReliabilityBin], name: str, say: Say) -> None:
    from autoqa.evaluation.alignment import wilson

    filled = [b for b in table if b.n]
    total = sum(b.n for b in filled)
    panel(
        axes,
        title=say("{name}, n={n}", name=short(name, 24), n=total)
        if name
        else say("n={n}", n=total),
    )
    axes.plot([0, 100], [0, 100], color=GREY, linewidth=0.9, linestyle="--")
    for one in filled:
        about = wilson(round(one.correct * one.n), one.n)
        axes.plot(
            [100 * one.confidence] * 2,
            [100 * about.low, 100 * about.high],
            color=BLUE,
            linewidth=1.3,
        )
    axes.scatter(
        [100 * b.confidence for b in filled],
        [100 * b.correct for b in filled],
        s=[14 + 130 * b.n / total for b in filled],
        color=BLUE,
        alpha=0.85,
        linewidths=0,
        zorder=3,
        clip_on=False,
    )
    if not filled:
        axes.text(50, 50, say("no predictions"), ha="center", fontsize=SMALL, style="italic")
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.set_box_aspect(1)


def plot_risk_coverage(
    curves: Mapping[str, RiskCoverageCurve],
    *,
    risk: float | None = None,
    name: str = "",
    say: Say = english,
) -> Figure:
    """Draw mean loss against the share answered, one line per arm, with AURC and its interval.

    Parameters
    ----------
    curves : mapping of arm, or criterion, to RiskCoverageCurve
        Of more than 8 the four with the smallest and the four with the largest area are drawn.
    risk : float, optional
        A stated risk, drawn as a line across.
    name : str
        What is answered, for the title.
    say : Say
    """
    best_first = sorted(curves, key=lambda arm: descending(curves[arm].aurc), reverse=True)
    shown = list(curves)
    if len(shown) > _MOST_CURVES:
        half = _MOST_CURVES // 2
        shown = [*best_first[:half], *best_first[-half:]]
    drawn = canvas(4.2 + 0.17 * len(shown))
    axes = drawn.subplots()
    if not shown:
        nothing(axes, say("No answers with a confidence were compared."))
        return finished(drawn)
    panel(
        axes,
        title=name,
        x=say("coverage: share answered, the most confident first, %"),
        y=say("mean loss among answers, %"),
    )
    for arm, (colour, style, marker) in zip(shown, _LINES, strict=False):
        curve = curves[arm]
        kept = curve.coverage >= _LEAST_COVERAGE
        axes.plot(
            100 * curve.coverage[kept],
            100 * curve.risk[kept],
            color=colour,
            linestyle=style,
            linewidth=1.6,
            marker=marker,
            markevery=[-1],  # where everything is answered, be it the only point
            clip_on=False,
            label=_area(arm, curve, say),
        )
    if risk is not None:
        words = say("stated risk {risk:.0f} %", risk=100 * risk)
        axes.axhline(100 * risk, color=GREY, linewidth=1.1, linestyle=":", label=words)
    axes.set_xlim(0, 100)
    axes.set_ylim(bottom=0)
    drawn.legend(loc="outside upper left", frameon=False, fontsize=SMALL, labelcolor=INK)
    left_out = len(curves) - len(shown)
    note(
        drawn,
        say("AURC: area under the curve, smaller is better."),
        say("Not shown, between the best and the worst: {n}.", n=left_out) if left_out else "",
    )
    return finished(drawn)


def _area(arm: str, curve: RiskCoverageCurve, say: Say) -> str:
    area = curve.aurc
    if not area.known:
        return say("{name}: AURC not known, n={n}", name=short(arm), n=area.n)
    return say(
        "{name}: AURC {area:.3f} [{low:.3f}, {high:.3f}], n={n}",
        name=short(arm),
        area=area.value,
        low=area.low,
        high=area.high,
        n=area.n,
    )
