"""Figures of the people who rate, and of a model among them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from autoqa.evaluation.plots.style import (
    BLUE,
    GREY,
    SMALL,
    VERMILLION,
    Mark,
    Rows,
    aside,
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
from autoqa.evaluation.wording import Say, english

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from autoqa.evaluation.raters import RaterReport, Replacement

_AS_OTHERS, _SESSION = Mark(BLUE, "o", filled=False), Mark(VERMILLION, "D")
_VERDICTS = {
    "may replace": Mark(BLUE, "o"),
    "may assist": Mark(BLUE, "o", filled=False),
    "not yet": Mark(VERMILLION, "X"),
    "not enough data": Mark(GREY, "o", filled=False),
}
_HALF = 50.0  # per cent of people against whom a model must win


def plot_rater_severity(report: RaterReport, *, say: Say = english) -> Figure:
    """Draw how severe each rater is, the most severe first, and who needs a session for what."""
    rows = Rows.of(report.raters)
    drawn = canvas(0.9 + rows.height)
    axes = drawn.subplots()
    if not report.raters:
        nothing(axes, say("Nobody rated this criterion."))
        return finished(drawn)
    panel(
        axes,
        title=short(report.criterion),
        x=say("severity: levels below the average rater on the same items, 95 % interval"),
    )
    for place, one in rows:
        mark = _SESSION if one.needs_session else _AS_OTHERS
        draw_estimate(axes, one.severity, place, mark, say=say)
        if one.needs_session:
            aside(axes, place, "; ".join(_finding(text, say) for text in one.findings))
    rows.label(
        axes, lambda p: say("{name} (n={n})", name=short(p.rater, 20), n=p.n_ratings), say=say
    )
    zero_line(axes)
    legend(
        drawn,
        [
            handle(_SESSION, say("needs a calibration session")),
            handle(_AS_OTHERS, say("nothing found")),
        ],
    )
    share = report.severity_share
    note(
        drawn,
        say(
            "{share:.0f} % of the variance of a single rating is owed to who gave it (n={n}).",
            share=100 * share,
            n=report.n_ratings,
        )
        if math.isfinite(share)
        else "",
    )
    return finished(drawn)


def _finding(found: str, say: Say) -> str:
    return {
        "severe": say("severe"),
        "lenient": say("lenient"),
        "became milder": say("became milder"),
        "became more severe": say("became more severe"),
        "uses the ends of the scale": say("uses the ends of the scale"),
        "keeps to the middle of the scale": say("keeps to the middle of the scale"),
        "agrees little with the others": say("agrees little with the others"),
        "answers 'not applicable' more often": say("answers 'not applicable' more often"),
        "answers 'not applicable' less often": say("answers 'not applicable' less often"),
    }.get(found, found)


def plot_replacement(replacement: Mapping[str, Replacement], *, say: Say = english) -> Figure:
    """Draw whether a model may stand in for a person, criterion by criterion.

    To the left the share of people whom the model wins against, with the half that replacing asks
    for; to the right how much oftener it is at least as close to the others as the person is, with
    the handicap that it is given.
    """
    rows = Rows.of(sorted(replacement.items(), key=lambda item: descending(item[1].difference)))
    drawn = canvas(0.9 + 1.1 * rows.height)
    wins, nearer = drawn.subplots(1, 2, sharey=True, width_ratios=(2, 3))
    if not replacement:
        nothing(wins, say("No model was compared with several people."))
        nearer.set_axis_off()
        return finished(drawn)
    panel(wins, x=say("wins against, % of people"), room=16)
    panel(
        nearer,
        x=say("nearer to the others, model minus person, % of items, 95 % interval"),
        room=38,
    )
    words = {
        "may replace": say("may replace"),
        "may assist": say("may assist"),
        "not yet": say("not yet"),
        "not enough data": say("not enough data"),
    }
    for place, (_, one) in rows:
        mark = _VERDICTS[one.verdict]
        if math.isfinite(one.winning_rate):
            axis_end = 100 * one.winning_rate
            wins.plot([0, axis_end], [place, place], color=mark.colour, linewidth=1.2, alpha=0.5)
            wins.plot(
                [axis_end], [place], mark.marker, color=mark.colour, mfc=mark.face, ms=6.5, mew=1.3
            )
        else:
            wins.text(2, place, say("not known"), fontsize=SMALL, va="center", style="italic")
        draw_estimate(nearer, percent(one.difference), place, mark, say=say)
        nearer.plot([-100 * one.epsilon], [place], "|", color=GREY, markersize=13, mew=1.6)
        aside(nearer, place, words[one.verdict])
    rows.label(
        wins,
        lambda item: say("{name} ({n} people)", name=short(item[0], 24), n=len(item[1].raters)),
        say=say,
    )
    guide_rows(nearer)
    wins.set_xlim(-4, 104)
    wins.axvline(_HALF, color=GREY, linewidth=0.9, linestyle="--")
    zero_line(nearer)
    legend(
        drawn,
        [
            handle(Mark(GREY, ""), say("half of the people: from here it may replace"), line="--"),
            handle(Mark(GREY, "|"), say("handicap: worse than this is not enough to assist")),
        ],
    )
    return finished(drawn)
