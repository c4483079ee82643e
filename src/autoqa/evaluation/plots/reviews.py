"""Figures of which conversations to review, and of what few reviews say about all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from autoqa.evaluation.plots.style import (
    BLUE,
    GREY,
    INK,
    MACHINE,
    SMALL,
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
    short,
    wrapped,
    zero_line,
)
from autoqa.evaluation.wording import Say, english

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from autoqa.evaluation.prediction_powered import PoweredMean
    from autoqa.evaluation.review_policies import PolicyResult
    from autoqa.evaluation.selection import YieldCurve

_SHARE = 0.1  # reviewed, at which the figure says in words what is found
_HONEST, _NOT_HONEST = MACHINE, Mark(VERMILLION, "X")
_REVIEWS_ALONE = Mark(VERMILLION, "s", filled=False)
_SCORES_ALONE = Mark(GREY, "x")
_LOWEST_TOTAL, _HIGHEST_TOTAL = -2.0, 102.0


def plot_review_yield(curve: YieldCurve, *, say: Say = english) -> Figure:
    """Draw the bad conversations found against the share reviewed, beside random listening.

    The band is the 95 % interval of how many such a number of reviews finds.
    """
    drawn = canvas(3.8)
    axes = drawn.subplots()
    if not curve.n_bad:
        nothing(axes, say("None of {n} conversations is bad: nothing to find.", n=curve.n))
        return finished(drawn)
    panel(
        axes,
        x=say("reviewed, % of {n} conversations", n=curve.n),
        y=say("bad conversations found ({n} in all)", n=curve.n_bad),
    )
    reviewed = 100 * curve.reviews / curve.n
    axes.fill_between(reviewed, curve.low, curve.high, color=BLUE, alpha=0.18, linewidth=0)
    axes.plot(reviewed, curve.found, color=BLUE, linewidth=1.8)
    axes.plot(reviewed, curve.random, color=GREY, linewidth=1.2, linestyle="--")
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 1.02 * max(curve.n_bad, float(curve.high.max())))
    legend(
        drawn,
        [
            handle(Mark(BLUE, ""), say("lowest scores first, 95 % interval"), line="-"),
            handle(Mark(GREY, ""), say("at random"), line="--"),
        ],
    )
    if curve.at:
        near = min(curve.at, key=lambda asked: abs(asked.reviews - _SHARE * curve.n))
        place = (100 * near.reviews / curve.n, near.found.value)
        axes.plot(*([value] for value in place), "o", color=BLUE, markersize=6)
        axes.annotate(
            wrapped(
                say(
                    "reviewing {share:.0f} % finds {found:.0f} of {n}: {times:.1f} [{low:.1f}, "
                    "{high:.1f}] times as many as at random",
                    share=place[0],
                    found=place[1],
                    n=curve.n_bad,
                    times=near.enrichment.value,
                    low=near.enrichment.low,
                    high=near.enrichment.high,
                ),
                44,
            ),
            place,
            xytext=(0.97, 0.08),
            textcoords="axes fraction",
            ha="right",
            va="bottom",
            fontsize=SMALL,
            color=INK,
            arrowprops={
                "arrowstyle": "-",
                "color": GREY,
                "linewidth": 0.8,
                "relpos": (0, 0.5),
            },
        )
    note(
        drawn,
        say(
            "The interval is for another sample of as many conversations, which would hold more "
            "or fewer bad ones."
        ),
    )
    return finished(drawn)


def plot_policies(results: Sequence[PolicyResult], *, say: Say = english) -> Figure:
    """Draw what each way of choosing reviews finds, and how far off its estimate of the mean is."""
    rows = Rows.of(results)
    drawn = canvas(1.1 + 1.2 * rows.height)
    found, bias = drawn.subplots(1, 2, sharey=True)
    if not results:
        nothing(found, say("No ways of choosing reviews were compared."))
        bias.set_axis_off()
        return finished(drawn)
    panel(found, x=say("bad conversations found, mean and range of 95 % of the draws"), room=32)
    panel(bias, x=say("estimated minus true mean, 95 % interval of the average error"), room=32)
    names = {
        "random": say("at random"),
        "flagged": say("flagged only"),
        "flagged_and_audit": say("flagged, and some at random"),
        "stratified": say("stratified by score"),
        "uncertainty": say("uncertain ones more often"),
    }
    for place, one in rows:
        mark = _HONEST if one.honest else _NOT_HONEST
        draw_estimate(found, one.found, place, mark, say=say)
        draw_estimate(bias, one.bias, place, mark, say=say)
        aside(bias, place, f"{one.rmse:.3g}" if math.isfinite(one.rmse) else say("not known"))
    rows.label(found, lambda one: names[one.policy], say=say)
    guide_rows(bias)
    found.set_xlim(left=0)
    zero_line(bias)
    aside_head(bias, say("typical error"))
    entries = [handle(_HONEST, say("known chance of review: its errors average out"))]
    if not all(one.honest for one in results):
        entries.append(handle(_NOT_HONEST, say("no known chance of review: always off")))
    legend(drawn, entries)
    note(
        drawn,
        say(
            "{reviews} reviews, drawn {draws} times; true mean {truth:.3g}.",
            reviews=results[0].n_reviews,
            draws=results[0].n_draws,
            truth=results[0].truth,
        ),
    )
    return finished(drawn)


def plot_team_means(means: Sequence[PoweredMean], *, say: Say = english) -> Figure:
    """Draw each team's mean from reviews and all scores, beside that of its reviews alone."""
    rows = Rows.of(sorted(means, key=lambda one: descending(one.estimate)))
    drawn = canvas(0.8 + 1.25 * rows.height)
    axes = drawn.subplots()
    if not means:
        nothing(axes, say("No team has reviews and scores."))
        return finished(drawn)
    panel(axes, x=say("mean QA total, 95 % interval"))
    for place, one in rows:
        draw_estimate(axes, one.estimate, place - 0.17, MACHINE, say=say)
        draw_estimate(axes, one.human_only, place + 0.17, _REVIEWS_ALONE, say=say)
        if math.isfinite(one.automated_mean):
            axes.plot([one.automated_mean], [place], _SCORES_ALONE.marker, color=GREY, ms=6)
        if one.estimate.known and math.isfinite(one.saved_reviews):
            aside(axes, place, say("{n:+d} reviews", n=round(one.saved_reviews)))
    rows.label(
        axes,
        lambda one: say(
            "{name} ({reviews} of {n} reviewed)",
            name=short(one.group, 20),
            reviews=one.estimate.n,
            n=one.n_scored,
        ),
        say=say,
    )
    # An interval of two reviews reaches far beyond any total, and would flatten all others.
    low, high = axes.get_xlim()
    axes.set_xlim(max(low, _LOWEST_TOTAL), min(high, _HIGHEST_TOTAL))
    aside_head(axes, say("worth"))
    legend(
        drawn,
        [
            handle(MACHINE, say("reviews and all scores"), line="-"),
            handle(_REVIEWS_ALONE, say("reviews alone"), line="-"),
            handle(_SCORES_ALONE, say("automated scores alone")),
        ],
    )
    noted = sorted({text for one in means for text in one.notes})
    note(
        drawn,
        say("Worth: how many further reviews people alone would need for an interval as narrow."),
        *(_note(text, [one.group for one in means if text in one.notes], say) for text in noted),
    )
    return finished(drawn)


def _note(key: str, groups: Sequence[str], say: Say) -> str:
    about = {
        "few_reviews": say("Fewer than 10 reviews, a rough interval"),
        "no_spread": say("All reviews gave the same score, so there is no interval"),
        "reviews_look_selected": say("Reviewed conversations look selected; check how"),
        "probabilities_do_not_add_up": say("Probabilities of review do not add up; check them"),
    }.get(key, key)
    shown = ", ".join(short(group, 20) for group in groups[:4])
    if len(groups) <= 4:
        return say("{about}: {groups}.", about=about, groups=shown)
    return say("{about}: {groups} and {n} more.", about=about, groups=shown, n=len(groups) - 4)
