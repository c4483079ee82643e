"""Figures of customers' answers: of all as against those who answered, and turn by turn."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from autoqa.evaluation.plots.style import (
    BLUE,
    GREEN,
    GREY,
    MACHINE,
    PALE,
    PEOPLE,
    VERMILLION,
    Mark,
    canvas,
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
)
from autoqa.evaluation.wording import Say, english

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from autoqa.evaluation.study.satisfaction import SatisfactionPath, SatisfactionStep
    from autoqa.evaluation.surveys import SurveyTruth
    from autoqa.evaluation.surveys.response import Reweighted

_MARKED = 3  # turns whose words stand below the figure
_QUOTED = 80  # characters of them
_RISE, _FALL = Mark(GREEN, "^"), Mark(VERMILLION, "v")


def plot_survey_truth(truth: SurveyTruth, *, say: Say = english) -> Figure:
    """Draw CSAT figures before and after weighting, and where they could lie.

    The bars below each pair hold if satisfaction itself drives who answers, by odds up to the
    ratio beside them; thin ends add the sampling error.
    """
    names = {
        "mean": say("mean CSAT, % of its scale"),
        "dissatisfied": say("dissatisfied, % of customers"),
        "positive": say("positive, % of customers"),
        "top_box": say("top box, % of customers"),
    }
    if not truth.figures:
        drawn = canvas(2.0)
        nothing(drawn.subplots(), say("No customer answered."))
        return finished(drawn)
    n_bounds = max(sum(b.odds_ratio > 1 for b in f.sensitivity) for f in truth.figures.values())
    n_rows = math.ceil(len(truth.figures) / 2)
    drawn = canvas(0.1 + n_rows * (0.8 + 0.24 * (2 + n_bounds)))
    panels = drawn.subplots(n_rows, 2, sharey=True, squeeze=False)
    every = [axes for row in panels for axes in row]
    for axes, (name, found) in zip(every, truth.figures.items(), strict=False):
        panel(axes, title=names.get(name, name), room=46)
        _survey_panel(axes, found, say)
    for axes in every[len(truth.figures) :]:
        axes.set_axis_off()
    drawn.set_layout_engine("constrained", hspace=0.06)
    overlap = truth.overlap
    note(
        drawn,
        say(
            "{answered} of {n} customers answered; weighted, their answers are worth {worth:.0f}. "
            "Lines are 95 % intervals; bars: where the figure lies if satisfaction itself raises "
            "or lowers the odds of answering by the factor beside them, thin ends with sampling "
            "error.",
            answered=overlap.n_answered,
            n=overlap.n,
            worth=overlap.effective_n,
        ),
        *(_warning(key, say) for key in overlap.warnings),
    )
    return finished(drawn)


def _survey_panel(axes: Axes, found: Reweighted, say: Say) -> None:
    draw_estimate(axes, percent(found.before), 0, PEOPLE, say=say)
    draw_estimate(axes, percent(found.after), 1, MACHINE, say=say)
    bounds = [bound for bound in found.sensitivity if bound.odds_ratio > 1]
    labels = [say("those who answered"), say("everybody, weighted")]
    for place, bound in enumerate(bounds, start=2):
        axes.plot(
            [100 * bound.outer_low, 100 * bound.outer_high], [place] * 2, color=GREY, linewidth=1
        )
        width = 100 * (bound.high - bound.low)
        axes.barh(
            place,
            width,
            left=100 * bound.low,
            height=0.5,
            color=PALE,
            edgecolor=GREY,
            linewidth=0.8,
        )
        labels.append(say("odds up to × {ratio:g}", ratio=bound.odds_ratio))
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    guide_rows(axes)
    if math.isfinite(found.before.value):
        axes.axvline(
            100 * found.before.value, color=VERMILLION, linewidth=0.8, linestyle=":", zorder=0
        )


def _warning(key: str, say: Say) -> str:
    return {
        "few_answers": say("The weighted answers are worth fewer than 30 unweighted ones."),
        "heavy_weight": say("A single answer carries more than 5 % of all weight."),
        "trimmed": say("More than 2 % of the answers had their weight capped."),
        "imbalance": say(
            "After weighting, those who answered still differ from everybody in what is known."
        ),
    }.get(key, key)


def plot_satisfaction(path: SatisfactionPath, *, say: Say = english) -> Figure:
    """Draw predicted CSAT after each turn, with the words of the turns that moved it most."""
    from matplotlib.ticker import MaxNLocator

    drawn = canvas(3.0)
    axes = drawn.subplots()
    if not path.steps:
        nothing(axes, say("No turn of this conversation has a prediction."))
        return finished(drawn)
    low, high = path.scale
    panel(
        axes,
        title=short(path.conversation_id, 60),
        x=say("turn"),
        y=say("predicted CSAT, {low:g} to {high:g}", low=low, high=high),
    )
    turns = [step.turn + 1 for step in path.steps]
    values = [step.expected for step in path.steps]
    axes.step(turns, values, where="post", color=BLUE, linewidth=1.3, alpha=0.6)
    axes.plot(turns, values, "o", color=BLUE, markersize=5)
    room = high - low
    axes.set_ylim(low - 0.06 * room, high + 0.06 * room)
    axes.set_xlim(turns[0] - 0.5, turns[-1] + 0.5)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    entries = [handle(MACHINE, say("predicted from the turns so far"), line="-")]
    largest = _largest(path.steps)
    for mark, part, words in (
        (_RISE, [m for m in largest if m[1] > 0], say("largest rises")),
        (_FALL, [m for m in largest if m[1] < 0], say("largest falls")),
    ):
        if part:
            places = [step.turn + 1 for step, _ in part], [step.expected for step, _ in part]
            axes.plot(*places, mark.marker, color=mark.colour, markersize=10)
            entries.append(handle(mark, words))
    if path.surveyed is not None:
        axes.axhline(path.surveyed, color=GREY, linewidth=1.2, linestyle="--")
        text = say("the customer's own answer: {answer:g}", answer=path.surveyed)
        entries.append(handle(Mark(GREY, ""), text, line="--"))
    legend(drawn, entries)
    note(
        drawn,
        *(
            say(
                "Turn {turn} ({change:+.1f}): {words}",
                turn=step.turn + 1,
                change=change,
                words=_words(step),
            )
            for step, change in largest
        ),
        "" if path.surveyed is not None else say("This customer gave no answer."),
    )
    return finished(drawn)


def _words(step: SatisfactionStep) -> str:
    """Return the span that moved the prediction, the beginning of the turn where none is known."""
    said = step.text if step.quote is None else step.text[slice(*step.quote)]
    plain = short(said, len(said) + 1)
    return f"“{plain if len(plain) <= _QUOTED else plain[:_QUOTED] + '…'}”"


def _largest(steps: tuple[SatisfactionStep, ...]) -> list[tuple[SatisfactionStep, float]]:
    """Return the turns after which the prediction moved most, in their order, and by how much."""
    moves = [(step, step.expected - before.expected) for before, step in pairwise(steps)]
    largest = sorted((m for m in moves if m[1]), key=lambda move: -abs(move[1]))[:_MARKED]
    return sorted(largest, key=lambda move: move[0].turn)
