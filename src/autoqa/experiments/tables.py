"""Figures as tables: how a figure with its interval is shown, and arms beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def show_figure(figure: Mapping[str, Any] | None) -> str:
    """Return a figure with its interval, as tables show it."""
    if not figure or figure["value"] is None:
        return "-"
    if figure["low"] is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def arms_table(
    arms: Mapping[str, Mapping[str, Any]], *, metrics: Sequence[str] = (), counts: bool = False
) -> list[str]:
    """Return a Markdown table of one dataset: a row per arm, then one for people.

    Parameters
    ----------
    arms : mapping
        Arm name to ``{"n": ..., "metrics": {name: figure}, "human_ceiling": ...}``.
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
    ceiling = first.get("human_ceiling")
    if ceiling:
        rows.append(["*people*", *(show_figure(ceiling.get(metric)) for metric in chosen)])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]


def table_rows(tables: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return figures by arm and dataset as rows, so that no name of an arm becomes a JSON key."""
    return [
        {"arm": arm, "dataset": dataset, **figures}
        for arm, of_arm in tables.items()
        for dataset, figures in of_arm.items()
    ]
