"""The section on agreement over time."""

from __future__ import annotations

from autoqa.evaluation.plots import plot_agreement_history
from autoqa.evaluation.stability.agreement_over_time import AgreementHistory
from autoqa.evaluation.study import Study
from autoqa.evaluation.wording import Say
from autoqa.reports.charts import MOST_CHARTS, chart
from autoqa.reports.content import Cell, Chart, Section, Table, Tone
from autoqa.reports.numbers import (
    estimate_cell,
    listed,
    number_cell,
)


def over_time(study: Study, say: Say) -> Section | None:
    """Agreement window by window."""
    found = study.over_time
    if not found:
        return None
    changed = [name for name, one in found.items() if one.changed]
    lead = (
        say("Agreement with people changed over time on: {names}.", names=listed(changed, say))
        if changed
        else say("No change of agreement over time can be shown.")
    )
    shown_first = sorted(found.items(), key=lambda pair: not pair[1].changed)[:MOST_CHARTS]
    return Section(
        id="over-time",
        title=say("Agreement over time"),
        lead=lead,
        charts=tuple(
            _history_chart(number, name, one, say)
            for number, (name, one) in enumerate(shown_first, start=1)
        ),
        tables=(
            Table(
                caption=say("Quadratic kappa in the first and in the last window"),
                head=(
                    say("criterion"),
                    say("n"),
                    say("at first"),
                    say("at last"),
                    say("change shown"),
                ),
                rows=tuple(_history_row(name, one, say) for name, one in found.items()),
            ),
        ),
    )


def _history_chart(number: int, name: str, one: AgreementHistory, say: Say) -> Chart:
    return chart(
        lambda: plot_agreement_history(one, say=say),
        id=f"over-time-{number}",
        label=say("Agreement on {criterion} over time", criterion=name),
        caption=say(
            "{criterion}: agreement by window of time; n={n}.",
            criterion=name,
            n=sum(window.n_items for window in one.windows),
        ),
    )


def _history_row(name: str, one: AgreementHistory, say: Say) -> tuple[Cell, ...]:
    used = [window for window in one.windows if window.kappa is not None]
    ends = (
        [window.kappa.automated for window in (used[0], used[-1]) if window.kappa] if used else []
    )
    first, last = ends if ends else (None, None)
    words = {True: say("yes"), False: say("no"), None: say("not enough data")}
    tones = {True: Tone.PARTLY, False: Tone.GOOD, None: Tone.UNKNOWN}
    return (
        Cell(name if one.version is None else f"{name}, {one.version}"),
        number_cell(sum(window.n_items for window in one.windows)),
        estimate_cell(first),
        estimate_cell(last),
        Cell(words[one.changed], tone=tones[one.changed]),
    )
