"""Pictures of experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = ("#4c6a92", "#c9733f", "#5b8c5a", "#8a5a83", "#b59b3b", "#666666")


def plot_arms(
    arms: Mapping[str, Mapping[str, Any]], *, title: str, metrics: Sequence[str] = ()
) -> Figure:
    """Draw every arm's figures with their intervals, one panel per metric, people as a band.

    Parameters
    ----------
    arms : mapping
        Arm name to what a benchmark reports of one dataset.
    """
    from matplotlib.figure import Figure

    first = next(iter(arms.values()))
    chosen = [m for m in first["metrics"] if not metrics or m in metrics]
    figure = Figure(figsize=(3.0 * len(chosen) + 1, 0.45 * len(arms) + 1.8), layout="constrained")
    panels = figure.subplots(1, len(chosen), sharey=True, squeeze=False)[0]
    ceiling = first["human_ceiling"] or {}
    for axes, metric in zip(panels, chosen, strict=True):
        people = ceiling.get(metric)
        if people and people["value"] is not None:
            if people["low"] is not None:
                axes.axvspan(people["low"], people["high"], color="#dddddd", label="people")
            axes.axvline(people["value"], color="#888888", linewidth=1)
        for row, one in enumerate(arms.values()):
            value = one["metrics"].get(metric)
            if not value or value["value"] is None:
                continue
            colour = _COLOURS[row % len(_COLOURS)]
            if value["low"] is not None:
                axes.plot([value["low"], value["high"]], [row, row], color=colour, linewidth=2)
            axes.plot(value["value"], row, "o", color=colour)
        axes.set_title(metric.replace("_", " "), fontsize=9)
        axes.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(arms)), list(arms))
    panels[0].invert_yaxis()
    figure.suptitle(f"{title} (n = {first['n']}, 95 % intervals; grey: people)", fontsize=10)
    return figure
