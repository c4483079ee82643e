"""Deletion tests and robustness as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autoqa.experiments.stress.robustness import ENOUGH
from autoqa.experiments.tables import show_figure

_LEFT_OUT = {
    "no_evidence": "nothing quoted that could be taken out",
    "too_short": "too short for random pieces",
}


def deletion_markdown(result: Mapping[str, Any]) -> list[str]:
    """Return the lines of a deletion test's table."""
    lines = [
        "#### Deletion test",
        "",
        "Points of 100 that the score moves when the strongest k pieces of evidence are taken out "
        "(or alone are left), and the same for random pieces of that speaker. Comprehensiveness "
        "and sufficiency above 0 speak for the evidence.",
        "",
        "| head | k | n | without evidence | without random | comprehensiveness | only evidence "
        "| only random | sufficiency | left out |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for head, one in result.items():
        for row in one["sizes"]:
            figures = row["figures"]
            left = "; ".join(f"{n} {_LEFT_OUT[why]}" for why, n in row["left_out"].items() if n)
            cells = [
                _mean(figures.get("removed_evidence")),
                _mean(figures.get("removed_random")),
                _points(figures.get("comprehensiveness")),
                _mean(figures.get("only_evidence")),
                _mean(figures.get("only_random")),
                _points(figures.get("sufficiency")),
                left or "-",
            ]
            lines.append(f"| {head} | {row['size']} | {row['n']} | {' | '.join(cells)} |")
    return [*lines, ""]


def robustness_markdown(result: Mapping[str, Any]) -> list[str]:
    """Return the lines of the tables of changes and of the stress curve."""
    lines = [
        "#### Robustness",
        "",
        "Mean absolute change of the score in points of 100; no verdict on fewer than "
        f"{ENOUGH} conversations.",
        "",
        "| head | change | n | conversations | change | moved over 2 | limit | holds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for head, one in result["heads"].items():
        lines += [
            _row(head, name, row, format(row["limit"], "g"), _verdict(row["holds"]))
            for name, row in one["changes"].items()
        ]
        alone = one["customer_alone"]
        if alone is not None:
            verdict = _verdict(alone["holds"])
            if alone["raised"]:
                verdict = f"**no**: {alone['raised']:.0%} raised"
            lines.append(
                _row(head, "praise by customer, silent agent", alone, "no level rises", verdict)
            )
    return [*lines, "", *_curve(result["stress"])]


def _curve(stress: list[Mapping[str, Any]]) -> list[str]:
    metrics = list(stress[0]["metrics"])
    heads = list(stress[-1]["changes"])
    columns = ["word error rate", *metrics, *(f"{head}: mean absolute change" for head in heads)]
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for row in stress:
        rate = row["word_error_rate"]
        name = (
            "as it is"
            if rate is None
            else f"{rate:.0%}" + (" (no capitals, no punctuation)" if rate == 0 else "")
        )
        cells = [show_figure(row["metrics"].get(metric)) for metric in metrics]
        cells += [
            _points(row["changes"].get(head, {}).get("mean_absolute_change")) for head in heads
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, ""]


def _points(figure: Mapping[str, Any] | None) -> str:
    if not figure or figure["value"] is None:
        return "-"
    if figure["low"] is None:
        return f"{figure['value']:.2f}"
    return f"{figure['value']:.2f} [{figure['low']:.2f}, {figure['high']:.2f}]"


def _mean(figure: Mapping[str, Any] | None) -> str:
    return "-" if not figure or figure["value"] is None else f"{figure['value']:.2f}"


def _share(figure: Mapping[str, Any] | None) -> str:
    return "-" if not figure or figure["value"] is None else f"{figure['value']:.0%}"


def _verdict(holds: bool | None) -> str:
    return {None: "-", True: "yes", False: "**no**"}[holds]


def _row(head: str, name: str, row: Mapping[str, Any], limit: str, verdict: str) -> str:
    cells = [
        head,
        name,
        str(row["n"]),
        str(row["n_conversations"]),
        _points(row["mean_absolute_change"]),
        _share(row["moved"]),
        limit,
        verdict,
    ]
    return f"| {' | '.join(cells)} |"
