"""Figures as tables: how a figure with its interval is shown, and arms beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_ORACLE = (
    "*oracle*: an estimate of what no model could beat, by simulation from the raters' own counts: "
    "it knows how people in general would rate each item, but not who was asked."
)


def show_figure(figure: Mapping[str, Any] | None) -> str:
    """Return a figure with its interval, as tables show it."""
    if not figure or figure["value"] is None:
        return "-"
    if figure["low"] is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def table_row(cells: Sequence[str]) -> str:
    """Return one row of a Markdown table, whatever its cells hold."""
    said = (" ".join(cell.replace("|", "\\|").split()) for cell in cells)
    return f"| {' | '.join(said)} |"


def metrics_table(
    figures: Mapping[str, Any],
    *,
    people: Mapping[str, Any] | None,
    majority: Mapping[str, float | None],
    oracle: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return a Markdown table of one model: a row per figure, beside what it is held to."""
    floors = {name: {"value": value, "low": None} for name, value in majority.items()}
    columns: dict[str, Mapping[str, Any]] = {"model": figures, "people agree at": people or {}}
    if oracle:
        columns["oracle"] = oracle
    columns["always the commonest answer"] = floors
    return [
        table_row(["metric", *columns]),
        "|---" * (len(columns) + 1) + "|",
        *(
            table_row([name, *(show_figure(column.get(name)) for column in columns.values())])
            for name in figures
        ),
        *(["", _ORACLE] if oracle else []),
    ]


def arms_table(
    arms: Mapping[str, Mapping[str, Any]], *, metrics: Sequence[str] = (), counts: bool = False
) -> list[str]:
    """Return a Markdown table of one dataset: a row per arm, then people, and an oracle.

    Parameters
    ----------
    arms : mapping
        Arm name to ``{"n": ..., "metrics": {name: figure}, "human_ceiling": ..., "oracle": ...}``;
        the last two may be None or missing.
    metrics : sequence of str, optional
        Which figures to show; default, all.
    counts : bool
        Whether every arm has an n of its own to show.
    """
    first = next(iter(arms.values()))
    chosen = [name for name in first["metrics"] if not metrics or name in metrics]
    rows = [["arm", *(["n"] if counts else []), *chosen]]
    for name, one in arms.items():
        figures = [show_figure(one["metrics"].get(metric)) for metric in chosen]
        rows.append([name, *([str(one["n"])] if counts else []), *figures])
    beside = {
        "*people*": first.get("human_ceiling") or {},
        "*oracle*": first.get("oracle") or {},
    }
    shown = {name: reached for name, reached in beside.items() if {*chosen} & {*reached}}
    for name, reached in shown.items():
        figures = [show_figure(reached.get(metric)) for metric in chosen]
        rows.append([name, *(["-"] if counts else []), *figures])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    explained = ["", _ORACLE] if "*oracle*" in shown else []
    return [lines[0], "|---" * len(rows[0]) + "|", *lines[1:], *explained]


def table_rows(tables: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return figures by arm and dataset as rows, so that no name of an arm becomes a JSON key."""
    return [
        {"arm": arm, "dataset": dataset, **figures}
        for arm, of_arm in tables.items()
        for dataset, figures in of_arm.items()
    ]
