"""A Comparison in tables: Markdown for files, HTML for notebooks."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

from autoqa.evaluation.by_criterion import CriterionComparison
from autoqa.evaluation.by_total import CsatComparison, TotalComparison
from autoqa.evaluation.comparison import Comparison
from autoqa.evaluation.figures import Figure
from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.render import NAMES, show, summary
from autoqa.notebook import markdown_table, plain_line

_CRITERION_HEAD = (
    "criterion",
    "n",
    "automated with people",
    "same items",
    "people with people",
    "gap",
    "verdict",
)


def to_markdown(comparison: Comparison) -> str:
    """Write the whole comparison: summary, caveats, then tables with intervals.

    Intervals are 95 % percentile bootstrap intervals.
    """
    parts = ["# Automated against human ratings", ""]
    about = [f"Intervals: 95 %, bootstrap over {comparison.clustered_by}s"]
    about.append(f"{comparison.n_resamples} resamples, seed {comparison.seed}")
    if comparison.scorecard:
        about.insert(0, f"Scorecard: {comparison.scorecard}")
    parts += [f"{'; '.join(about)}. Human raters: {comparison.n_human_raters}.", ""]
    parts += ["## In short", "", *(f"- {plain_line(line)}" for line in summary(comparison)), ""]
    if comparison.caveats:
        parts += ["## Caveats", "", *(f"- {plain_line(line)}" for line in comparison.caveats), ""]
    if comparison.criteria:
        parts += _criteria_in_markdown(comparison.criteria)
    if comparison.totals is not None:
        parts += _totals_in_markdown(comparison.totals)
    if comparison.csat is not None:
        parts += _csat_in_markdown(comparison.csat)
    return "\n".join(parts).rstrip() + "\n"


def _criteria_in_markdown(criteria: Sequence[CriterionComparison]) -> list[str]:
    parts = [
        "## Agreement by criterion",
        "",
        (
            "Each figure is of pairs: the automated rating with that of each person; beside it, "
            "one person with another on the items that several people rated, and the automated "
            "rater on those same items."
        ),
        "",
    ]
    for name in ("quadratic_kappa", "krippendorff_alpha", "gwet_ac2", "exact", "within_one"):
        rows = [
            _figure_row(found.criterion, found.figures[name])
            for found in criteria
            if name in found.figures
        ]
        if rows:
            parts += [f"### {NAMES[name]}", "", *markdown_table(_CRITERION_HEAD, rows), ""]
    with_consensus = [f for f in criteria if f.consensus["quadratic_kappa"].ceiling is not None]
    if with_consensus:
        parts += [
            "### Quadratic kappa with what people agree on",
            "",
            (
                "The consensus is the level nearest to the mean of the ratings (half each of two "
                "that are equally near). On the same items, the automated rater and each person "
                "are held against the consensus of the others."
            ),
            "",
            *markdown_table(
                _CRITERION_HEAD,
                [_figure_row(f.criterion, f.consensus["quadratic_kappa"]) for f in with_consensus],
            ),
            "",
        ]
    parts += [
        "### Coverage and severity",
        "",
        *markdown_table(
            (
                "criterion",
                "looked at by people",
                "rated",
                "N/A",
                "abstained",
                "failed",
                "missing",
                "answered",
                "automated minus human level",
            ),
            [
                (
                    f.criterion,
                    *(
                        str(n)
                        for n in (
                            f.coverage.n_items,
                            f.coverage.rated,
                            f.coverage.not_applicable,
                            f.coverage.abstained,
                            f.coverage.failed,
                            f.coverage.missing,
                        )
                    ),
                    show(f.coverage.answered),
                    show(f.mean_difference),
                )
                for f in criteria
            ],
        ),
        "",
    ]
    in_context = [(f.criterion, f.context) for f in criteria if f.context is not None]
    if in_context:
        parts += [
            "### Where kappa misleads",
            "",
            (
                "Where one level dominates (prevalence), kappa is low however well the two sides "
                "agree: read PABAK, Gwet's AC1 and exact agreement. Where they use a level "
                "unequally often (bias), kappa is flattered. Unweighted figures."
            ),
            "",
            *markdown_table(
                ("criterion", "kappa", "PABAK", "AC1", "exact", "prevalence", "bias", "so"),
                [
                    (
                        name,
                        show(found.kappa),
                        show(found.pabak),
                        show(found.ac1),
                        show(found.exact),
                        show(found.largest_prevalence),
                        show(found.largest_bias),
                        str(found.distortion),
                    )
                    for name, found in in_context
                ],
            ),
            "",
        ]
    applicable = [(f.criterion, f.applicability) for f in criteria if f.applicability is not None]
    if applicable:
        parts += [
            "### Applicability (N/A), apart from the levels",
            "",
            *markdown_table(
                (
                    "criterion",
                    "n",
                    "N/A by people",
                    "N/A automated",
                    "exact",
                    "kappa",
                    "kappa, people with people",
                ),
                [
                    (
                        name,
                        str(found.n_items),
                        show(found.human_not_applicable),
                        show(found.automated_not_applicable),
                        show(found.figures["exact"].automated),
                        show(found.figures["quadratic_kappa"].automated),
                        show(found.figures["quadratic_kappa"].ceiling),
                    )
                    for name, found in applicable
                ],
            ),
            "",
        ]
    return parts


def _figure_row(name: str, figure: Figure) -> tuple[str, ...]:
    return (
        name,
        str(figure.automated.n),
        show(figure.automated),
        show(figure.automated_same_items),
        show(figure.ceiling, with_n=True),
        show(figure.gap),
        str(figure.verdict),
    )


def _totals_in_markdown(totals: TotalComparison) -> list[str]:
    return [
        "## Totals",
        "",
        (
            f"Over {plain_line(', '.join(totals.criteria))}. Automated minus human total: "
            f"{show(totals.mean_difference, digits=1)} points, n={totals.mean_difference.n}."
        ),
        "",
        *markdown_table(
            ("figure", *_CRITERION_HEAD[1:-1]),
            [_figure_row(NAMES[name], figure)[:-1] for name, figure in totals.figures.items()],
        ),
        "",
    ]


def _csat_in_markdown(csat: CsatComparison) -> list[str]:
    parts = ["## CSAT", ""]
    columns: dict[str, Mapping[str, Estimate] | None] = {
        "automated total": csat.automated,
        "human total": csat.human,
        "predicted CSAT": csat.predicted,
    }
    if csat.paired is not None:
        columns |= {
            "automated, where both": csat.paired["automated"],
            "human, where both": csat.paired["human"],
            "difference": csat.paired["difference"],
        }
    held = {name: figures for name, figures in columns.items() if figures is not None}
    names = ("spearman", "kendall_tau_b", "auc_dissatisfied", "auc_top_box")
    parts += markdown_table(
        ("association with CSAT", *held),
        [
            ("n", *(str(figures["spearman"].n) for figures in held.values())),
            *((NAMES[name], *(show(f[name]) for f in held.values())) for name in names),
        ],
    )
    parts.append("")
    if csat.predicted is not None and "mae" in csat.predicted:
        parts += [
            f"Predicted CSAT is off by {show(csat.predicted['mae'])} of the scale's units.",
            "",
        ]
    if csat.bands is not None:
        bands = csat.bands
        parts += [
            (
                f"Positive CSAT at automated totals of {bands.cut:g} and above: "
                f"{show(bands.excellent, with_n=True)}; below: {show(bands.below, with_n=True)}; "
                f"difference {show(bands.difference)}."
            ),
            "",
        ]
    if csat.agents is not None:
        between = csat.agents.associations
        parts += [
            (
                f"Between {csat.agents.n_agents} agents (means of total and CSAT): Spearman "
                f"{show(between['spearman'])}, Kendall's tau-b {show(between['kendall_tau_b'])}."
            ),
            "",
            *markdown_table(
                ("agent", "mean total", "n", "mean CSAT (share of scale)", "n", "quadrant", "sure"),
                [
                    (
                        a.agent,
                        show(a.qa, digits=1),
                        str(a.n_qa),
                        show(a.csat),
                        str(a.n_csat),
                        a.quadrant,
                        f"{a.probability:.0%}" if math.isfinite(a.probability) else "unknown",
                    )
                    for a in csat.agents.quadrants.agents
                ]
                + [
                    (a.agent, "", str(a.n_qa), "", str(a.n_csat), "not placed", "")
                    for a in csat.agents.quadrants.not_placed
                ],
            ),
            "",
            (
                "Agents' means are pulled towards the average agent, the more the fewer their "
                "conversations; *sure* is the probability that the agent's true means lie in the "
                "quadrant shown. Agents with fewer than "
                f"{csat.agents.quadrants.min_n} totals or surveys are not placed."
            ),
            "",
        ]
    return parts


def to_html_table(comparison: Comparison) -> str:
    """Return quadratic kappa by criterion beside its ceiling as one HTML table, all escaped."""
    rows = [
        _figure_row(found.criterion, found.figures["quadratic_kappa"])
        for found in comparison.criteria
    ]
    head = "".join(f"<th>{html.escape(name)}</th>" for name in _CRITERION_HEAD)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    said = "".join(f"<li>{html.escape(line)}</li>" for line in summary(comparison))
    return (
        f"<ul>{said}</ul><table><caption>{NAMES['quadratic_kappa']} [95 % interval]</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
