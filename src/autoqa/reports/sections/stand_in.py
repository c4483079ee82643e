"""The section on the stand-in test."""

from __future__ import annotations

from autoqa.evaluation.plots import plot_replacement
from autoqa.evaluation.raters import ReplacementVerdict
from autoqa.evaluation.study import Study
from autoqa.evaluation.wording import Say
from autoqa.reports.charts import chart
from autoqa.reports.content import Cell, Section, Table, Tone
from autoqa.reports.numbers import (
    estimate_cell,
    listed,
    number_cell,
    share,
    texts,
)

_MAY = {
    ReplacementVerdict.REPLACE: Tone.GOOD,
    ReplacementVerdict.ASSIST: Tone.PARTLY,
    ReplacementVerdict.NOT_YET: Tone.BAD,
    ReplacementVerdict.NOT_ENOUGH_DATA: Tone.UNKNOWN,
}


def stand_in(study: Study, say: Say) -> Section | None:
    """The alternative annotator test, criterion by criterion."""
    found = study.replacement
    if not found:
        return None
    named = {
        verdict: [name for name, one in found.items() if one.verdict is verdict]
        for verdict in ReplacementVerdict
    }
    may = named[ReplacementVerdict.REPLACE]
    lead = (
        say(
            "Held against the other reviewers, the model does at least as well as half of them or "
            "more on: {names}.",
            names=listed(may, say),
        )
        if may
        else say("On no criterion does the model do as well as half of the reviewers yet.")
    )
    first = next(iter(found.values()))
    return Section(
        id="stand-in",
        title=say("May the model stand in for a person?"),
        lead=lead,
        charts=(
            chart(
                lambda: plot_replacement(found, say=say),
                id="stand-in",
                label=say("The model against each reviewer, by criterion"),
                caption=say(
                    "Share of conversations on which the model is at least as close to the other "
                    "reviewers as a person is; n={n} comparisons.",
                    n=sum(one.advantage.n for one in found.values()),
                ),
            ),
        ),
        tables=(
            Table(
                caption=say("Each person is left out in turn, and the model takes their place"),
                head=(
                    say("criterion"),
                    say("n"),
                    say("reviewers won against"),
                    say("reviewers tested"),
                    say("model at least as close"),
                    say("model minus person"),
                    say("verdict"),
                ),
                rows=tuple(
                    (
                        Cell(name),
                        number_cell(one.advantage.n),
                        number_cell(sum(rater.rejected for rater in one.raters)),
                        number_cell(len(one.raters)),
                        estimate_cell(one.advantage, percent=True),
                        estimate_cell(one.difference, percent=True, sign=True),
                        Cell(say(str(one.verdict)), tone=_MAY[one.verdict]),
                    )
                    for name, one in found.items()
                ),
            ),
        ),
        notes=texts(
            say(
                "May replace: the model wins against half of the reviewers or more. May assist: "
                "it does not, but is not clearly worse than the average one. The model may be "
                "worse on {epsilon} of the conversations (epsilon), the price of its speed.",
                epsilon=share(first.epsilon),
            )
        ),
    )
