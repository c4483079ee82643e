"""Figures of QA against CSAT: conversations, and agents in quadrants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.plots.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    MACHINE,
    PALE,
    PURPLE,
    SMALL,
    TEXT,
    VERMILLION,
    Mark,
    canvas,
    draw_estimate,
    finished,
    handle,
    legend,
    note,
    nothing,
    panel,
    short,
)
from autoqa.evaluation.wording import Say, english

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

    from autoqa.evaluation.quadrants import AgentPlacement, Quadrants

SURE = 0.8
"""Probability of a quadrant from which its agent's marker is filled."""

_MOST_ANSWERS = 11
_LABELS = 10
_CROWD = 60  # agents from which the crosses are faint
_STYLES = {
    "strong": (GREEN, "o"),
    "liked": (BLUE, "^"),
    "correct": (PURPLE, "s"),
    "struggling": (VERMILLION, "v"),
}
# Offsets in points, with the alignment of the label: right, left, above, below.
_SIDES = ((7, 0, "left"), (-7, 0, "right"), (0, 9, "center"), (0, -9, "center"))


def plot_totals_and_csat(
    totals: npt.ArrayLike,
    csat: npt.ArrayLike,
    *,
    name: str | None = None,
    say: Say = english,
) -> Figure:
    """Draw QA totals against CSAT.

    Means and the middle half of the totals per answer when there are few different answers, a
    scatter otherwise.

    Parameters
    ----------
    totals : array of shape (n,), 0-100
    csat : array of shape (n,), shares of the CSAT scale or answers on it
    name : str, optional
        What the totals are called; shown as it is.
    say : Say
    """
    total, said = np.asarray(totals, dtype=float), np.asarray(csat, dtype=float)
    drawn = canvas(3.6)
    axes = drawn.subplots()
    if not total.size:
        nothing(axes, say("No surveyed conversation has a total."))
        return finished(drawn)
    panel(axes, x=say("CSAT (n={n})", n=total.size), y=name or say("QA total"))
    answers = np.unique(said)
    if answers.size <= _MOST_ANSWERS:
        groups = [total[said == answer] for answer in answers]
        for place, group in enumerate(groups):
            lower, upper = np.quantile(group, (0.25, 0.75))
            axes.bar(place, upper - lower, bottom=lower, width=0.5, color=PALE)
            draw_estimate(axes, _mean(group), place, MACHINE, say=say, upright=True)
        axes.set_xticks(
            range(len(groups)),
            [f"{a:.2g}\n{say('n={n}', n=len(g))}" for a, g in zip(answers, groups, strict=True)],
        )
        note(
            drawn,
            say("Points: mean totals with 95 % intervals; bars: the middle half of the totals."),
        )
    else:
        axes.plot(said, total, "o", color=BLUE, alpha=0.4, markersize=4)
    return finished(drawn)


def _mean(values: npt.NDArray[np.float64]) -> Estimate:
    from scipy.special import stdtrit

    n = values.size
    half = float(stdtrit(n - 1, 0.975) * values.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan
    mean = float(values.mean())
    return Estimate(mean, mean - half, mean + half, n, n)


def plot_quadrants(quadrants: Quadrants, *, say: Say = english) -> Figure:
    """Draw agents by QA and CSAT with intervals, and name those whose quadrant is most certain.

    A marker is filled where the agent's true means lie in the quadrant shown with a probability of
    `SURE` or more.
    """
    placed = quadrants.agents
    drawn = canvas(5.0)
    axes = drawn.subplots()
    apart = _not_placed(quadrants, say)
    if not placed:
        nothing(axes, apart or say("No agent has totals and surveys."))
        return finished(drawn)
    shaped = any(math.isfinite(one.probability) for one in placed)
    panel(axes, x=say("mean QA total"), y=say("mean CSAT, % of its scale"))
    faint = 0.45 if len(placed) <= _CROWD else 0.12
    for one in placed:
        mark = _mark(one)
        x, y = one.qa.value, 100 * one.csat.value
        if one.qa.known:
            axes.plot([one.qa.low, one.qa.high], [y, y], color=mark.colour, alpha=faint, lw=1)
        if one.csat.known:
            ends = [100 * one.csat.low, 100 * one.csat.high]
            axes.plot([x, x], ends, color=mark.colour, alpha=faint, lw=1)
        axes.plot(
            [x],
            [y],
            mark.marker,
            color=mark.colour,
            markerfacecolor=mark.face,
            markersize=6,
            zorder=3,
        )
    axes.axvline(quadrants.qa_line, color=GREY, linewidth=0.9, linestyle="--")
    axes.axhline(100 * quadrants.csat_line, color=GREY, linewidth=0.9, linestyle="--")
    axes.margins(0.1)
    _name_quadrants(axes, say)
    if shaped:
        sure = say("quadrant is certain at {share:.0f} % or more", share=100 * SURE)
        entries = ((True, sure), (False, say("less certain")))
        legend(drawn, [handle(Mark(INK, "o", filled), words) for filled, words in entries])
    note(
        drawn,
        say(
            "{n} agents, with 95 % intervals. Means are pulled towards the average agent, the "
            "more the fewer conversations there are.",
            n=len(placed),
        )
        if shaped
        else say("{n} agents are too few to estimate intervals: plain means.", n=len(placed)),
        apart,
    )
    finished(drawn)
    _name_agents(drawn, axes, placed)
    return finished(drawn)


def _not_placed(quadrants: Quadrants, say: Say) -> str:
    n = len(quadrants.not_placed)
    if not n:
        return ""
    least = quadrants.min_n
    return say("Not shown, with fewer than {least} totals or surveys: {n}.", n=n, least=least)


def _mark(one: AgentPlacement) -> Mark:
    colour, marker = _STYLES[one.quadrant]
    return Mark(colour, marker, filled=one.probability >= SURE)


def _name_quadrants(axes: Axes, say: Say) -> None:
    corners = (
        (1, 1, say("strong: QA and CSAT high"), "strong"),
        (0, 1, say("liked: only CSAT high"), "liked"),
        (1, 0, say("correct: only QA high"), "correct"),
        (0, 0, say("struggling: neither high"), "struggling"),
    )
    for right, top, words, quadrant in corners:
        axes.annotate(
            words,
            (right, top),
            xytext=(-4 if right else 4, -4 if top else 4),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right" if right else "left",
            va="top" if top else "bottom",
            fontsize=TEXT,
            fontweight="bold",
            color=_STYLES[quadrant][0],
        )


def _name_agents(drawn: Figure, axes: Axes, placed: Sequence[AgentPlacement]) -> None:
    """Label the most certain agents, each where its name covers no marker and no other text."""
    from matplotlib.transforms import Bbox

    surest = sorted(placed, key=lambda a: -a.probability if math.isfinite(a.probability) else 0.0)
    drawn.draw_without_rendering()  # places the panel, so that texts can be measured
    frame = axes.get_window_extent()
    centres = axes.transData.transform([(a.qa.value, 100 * a.csat.value) for a in placed])
    radius = 4 * drawn.dpi / 72
    taken: list[Bbox] = [
        Bbox.from_extents(x - radius, y - radius, x + radius, y + radius) for x, y in centres
    ]
    taken += [text.get_window_extent() for text in axes.texts]
    named = 0
    for one in surest[: 3 * _LABELS]:
        for right, up, side in _SIDES:
            label = axes.annotate(
                short(one.agent, 18),
                (one.qa.value, 100 * one.csat.value),
                xytext=(right, up),
                textcoords="offset points",
                ha=side,
                va="center",
                fontsize=SMALL,
                color=INK,
                bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.5},
            )
            box = label.get_window_extent()
            inside = frame.x0 < box.x0 and box.x1 < frame.x1 and frame.y0 < box.y0 < frame.y1
            if inside and box.y1 < frame.y1 and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                named += 1
                break
            label.remove()
        if named == _LABELS:
            break
