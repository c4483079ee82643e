"""The section on QA scores against what customers said."""

from __future__ import annotations

import math
from collections.abc import Mapping

from autoqa.evaluation.by_total import AgentAlignment, CsatComparison
from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.plots import (
    plot_quadrants,
)
from autoqa.evaluation.study import Study
from autoqa.evaluation.wording import Say
from autoqa.reports.answers.customers import link
from autoqa.reports.charts import chart
from autoqa.reports.content import Cell, Chart, Section, Table
from autoqa.reports.names import figure_name
from autoqa.reports.numbers import (
    estimate_cell,
    number_cell,
    share_cell,
    shown,
    texts,
    together,
)

_ASSOCIATIONS = ("spearman", "kendall_tau_b", "auc_dissatisfied", "auc_top_box", "mae")


def qa_and_csat(study: Study, say: Say) -> Section | None:
    """Association of totals with CSAT, automated and human, and agents in four quadrants."""
    csat = study.comparison.csat
    if csat is None:
        return None
    agents = csat.agents
    return Section(
        id="qa-and-csat",
        title=say("QA scores and customer satisfaction"),
        lead=together((_verdicts(csat, say), _which_is_closer(csat, say)), say),
        points=texts(_bands(csat, say), _predicted(csat, say), _between_agents(agents, say)),
        charts=() if agents is None else (_quadrants(agents, say),),
        tables=(_associations(csat, say), *(() if agents is None else (_placed(agents, say),))),
        notes=texts(
            say(
                "AUC: of two customers, how often the one with the worse (or best) answer also has "
                "the lower (or higher) total; 0.50 is chance. Correlations: 1 is perfect, 0 none."
            ),
            _about_agents(agents, say),
        ),
    )


def _verdicts(csat: CsatComparison, say: Say) -> str:
    said = []
    if csat.automated is not None:
        verdict, _ = link(csat.automated["spearman"], say)
        said.append(say("Automated QA and CSAT: {verdict}.", verdict=verdict))
    if csat.human is not None:
        verdict, _ = link(csat.human["spearman"], say)
        said.append(say("People's QA and CSAT: {verdict}.", verdict=verdict))
    return together(said, say) or say("Predicted satisfaction is held against what customers said.")


def _which_is_closer(csat: CsatComparison, say: Say) -> str:
    if csat.paired is None:
        return ""
    gap = csat.paired["difference"]["spearman"]
    if not gap.known:
        return ""
    figures = {"gap": shown(gap, sign=True), "n": gap.n}
    if gap.low > 0:
        return say(
            "Automated totals follow CSAT more closely than people's (difference {gap}, n={n}).",
            **figures,
        )
    if gap.high < 0:
        return say(
            "People's totals follow CSAT more closely than automated ones (difference {gap}, "
            "n={n}).",
            **figures,
        )
    return say(
        "Which of the two follows CSAT more closely cannot be said (difference {gap}, n={n}).",
        **figures,
    )


def _bands(csat: CsatComparison, say: Say) -> str:
    bands = csat.bands
    if bands is None or not (bands.excellent.n and bands.below.n):
        return ""
    return say(
        "At automated totals of {cut:g} and above, {high} of customers were satisfied "
        "(n={n_high}); below, {low} (n={n_low}).",
        cut=bands.cut,
        high=shown(bands.excellent, percent=True),
        n_high=bands.excellent.n,
        low=shown(bands.below, percent=True),
        n_low=bands.below.n,
    )


def _predicted(csat: CsatComparison, say: Say) -> str:
    if csat.predicted is None:
        return ""
    found = say(
        "Predicted and surveyed satisfaction: rank correlation {ranks}, n={n}.",
        ranks=shown(csat.predicted["spearman"]),
        n=csat.predicted["spearman"].n,
    )
    if "mae" not in csat.predicted:
        return found
    off = say("It is off by {mae} on average.", mae=shown(csat.predicted["mae"]))
    return together((found, off), say)


def _between_agents(agents: AgentAlignment | None, say: Say) -> str:
    if agents is None:
        return ""
    return say(
        "Between agents' mean totals and mean CSAT: rank correlation {ranks}, n={n} agents.",
        ranks=shown(agents.associations["spearman"]),
        n=agents.n_agents,
    )


def _about_agents(agents: AgentAlignment | None, say: Say) -> str:
    if agents is None:
        return ""
    return say(
        "Means of agents are pulled towards the average, the more the fewer conversations they "
        "rest on. Agents with fewer than {n} totals or surveys are not placed.",
        n=agents.quadrants.min_n,
    )


def _quadrants(agents: AgentAlignment, say: Say) -> Chart:
    return chart(
        lambda: plot_quadrants(agents.quadrants, say=say),
        id="quadrants",
        label=say("Agents by QA and CSAT, in four quadrants"),
        caption=say(
            "Agents by mean automated QA total and mean CSAT; n={n} agents placed.",
            n=len(agents.quadrants.agents),
        ),
    )


def _associations(csat: CsatComparison, say: Say) -> Table:
    held: dict[str, Mapping[str, Estimate] | None] = {
        say("automated total"): csat.automated,
        say("people's total"): csat.human,
        say("predicted CSAT"): csat.predicted,
    }
    if csat.paired is not None:
        held |= {
            say("automated, where both rated"): csat.paired["automated"],
            say("people, where both rated"): csat.paired["human"],
            say("difference"): csat.paired["difference"],
        }
    columns = {name: figures for name, figures in held.items() if figures is not None}
    names = [name for name in _ASSOCIATIONS if any(name in f for f in columns.values())]
    return Table(
        caption=say("How QA totals go with CSAT"),
        head=(say("measure"), *columns),
        rows=(
            (Cell(say("n")), *(number_cell(f["spearman"].n) for f in columns.values())),
            *(
                (
                    Cell(figure_name(name, say)),
                    *(estimate_cell(figures.get(name)) for figures in columns.values()),
                )
                for name in names
            ),
        ),
    )


def _placed(agents: AgentAlignment, say: Say) -> Table:
    placed = agents.quadrants
    return Table(
        caption=say("Agents in the quadrants"),
        head=(
            say("agent"),
            say("mean QA total"),
            say("totals"),
            say("mean CSAT, share of its scale"),
            say("surveys"),
            say("quadrant"),
            say("how sure"),
        ),
        rows=(
            *(
                (
                    Cell(one.agent),
                    estimate_cell(one.qa, digits=1),
                    number_cell(one.n_qa),
                    estimate_cell(one.csat, percent=True),
                    number_cell(one.n_csat),
                    Cell(say(one.quadrant)),
                    share_cell(one.probability),
                )
                for one in placed.agents
            ),
            *(
                (
                    Cell(one.agent),
                    estimate_cell(None),
                    number_cell(one.n_qa),
                    estimate_cell(None),
                    number_cell(one.n_csat),
                    Cell(say("not placed")),
                    share_cell(math.nan),
                )
                for one in placed.not_placed
            ),
        ),
    )
