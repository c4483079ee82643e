"""Figures of agreement with people: by criterion, and over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoqa.evaluation.plots.style import (
    MACHINE,
    PEOPLE,
    SMALL,
    Rows,
    aside,
    canvas,
    descending,
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
    from matplotlib.lines import Line2D

    from autoqa.evaluation.comparison import Comparison
    from autoqa.evaluation.stability.agreement_over_time import AgreementHistory

_MOST_WINDOWS = 24


def plot_agreement(
    comparison: Comparison, *, figure: str = "quadratic_kappa", say: Say = english
) -> Figure:
    """Draw one agreement figure per criterion beside its human ceiling, the closest first.

    Parameters
    ----------
    comparison : Comparison
    figure : str
        A key of `autoqa.evaluation.by_criterion.CriterionComparison.figures`.
    say : Say
        Translates what is written.
    """
    found = sorted(
        (c for c in comparison.criteria if figure in c.figures),
        key=lambda c: descending(c.figures[figure].automated),
    )
    rows = Rows.of(found)
    drawn = canvas(0.65 + 1.2 * rows.height)
    axes = drawn.subplots()
    if not found:
        nothing(axes, say("No criterion was rated by both sides."))
        return finished(drawn)
    panel(axes, x=say("{figure}, 95 % interval", figure=_figure_name(figure, say)))
    for place, one in rows:
        shown = one.figures[figure]
        draw_estimate(axes, shown.automated, place - 0.16, MACHINE, say=say)
        if shown.ceiling is not None:
            draw_estimate(axes, shown.ceiling, place + 0.16, PEOPLE, say=say)
        aside(axes, place, _verdict(shown.verdict, say))
    rows.label(axes, lambda c: say("{name} (n={n})", name=short(c.criterion), n=c.n_items), say=say)
    zero_line(axes)
    legend(drawn, _both_sides(say))
    without = [c.criterion for c in comparison.criteria if figure not in c.figures]
    note(drawn, say("Not defined for: {names}.", names=", ".join(without)) if without else "")
    return finished(drawn)


def _both_sides(say: Say) -> list[Line2D]:
    return [
        handle(MACHINE, say("automated with people"), line="-"),
        handle(PEOPLE, say("people with people (ceiling)"), line="-"),
    ]


def _figure_name(figure: str, say: Say) -> str:
    return {
        "quadratic_kappa": say("Quadratic kappa"),
        "krippendorff_alpha": say("Krippendorff's alpha (ordinal)"),
        "gwet_ac2": say("Gwet's AC2"),
        "exact": say("Exact agreement"),
        "within_one": say("Within one level"),
    }.get(figure, figure)


def _verdict(verdict: str, say: Say) -> str:
    return {
        "as well as people": say("as well as people"),
        "less than people": say("less than people"),
        "too uncertain to say": say("too uncertain to say"),
        "no second human to compare with": say("no second human to compare with"),
    }[verdict]


def plot_agreement_history(history: AgreementHistory, *, say: Say = english) -> Figure:
    """Draw quadratic kappa window by window with its interval, beside that of people.

    Of more than 24 windows the latest are drawn.
    """
    drawn = canvas(3.4)
    axes = drawn.subplots()
    windows = history.windows[-_MOST_WINDOWS:]
    if not windows:
        nothing(axes, say("No conversation of this criterion has a date."))
        return finished(drawn)
    title = ", ".join(filter(None, (short(history.criterion), history.version)))
    panel(axes, title=title, y=say("quadratic kappa, 95 % interval"))
    for place, window in enumerate(windows):
        if window.kappa is None:
            axes.text(
                place,
                0.02,
                say("too few items"),
                transform=axes.get_xaxis_transform(),
                rotation=90,
                ha="center",
                va="bottom",
                fontsize=SMALL,
                style="italic",
            )
            continue
        beside = window.kappa.ceiling
        aside_of = 0.0 if beside is None else 0.1
        draw_estimate(
            axes, window.kappa.automated, place - aside_of, MACHINE, say=say, upright=True
        )
        if beside is not None:
            draw_estimate(axes, beside, place + aside_of, PEOPLE, say=say, upright=True)
    axes.set_xticks(
        range(len(windows)),
        [f"{window.start}\n{say('n={n}', n=window.n_items)}" for window in windows],
        fontsize=SMALL,
        rotation=0 if len(windows) <= 8 else 90,
    )
    axes.set_xlim(-0.5, max(len(windows), 1) - 0.5)
    legend(drawn, _both_sides(say))
    earlier = len(history.windows) - len(windows)
    note(drawn, say("Earlier windows, not shown: {n}.", n=earlier) if earlier else "")
    return finished(drawn)
