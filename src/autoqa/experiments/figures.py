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


def plot_learning_curves(
    arms: Mapping[str, Mapping[str, Any]], *, title: str, metrics: Sequence[str] = ()
) -> Figure:
    """Draw every arm's figures by the number of evaluations learned from, one panel per metric.

    Bands are where the draws lie; arms that learn nothing are dashed lines, people a grey band.

    Parameters
    ----------
    arms : mapping
        Arm name to what a learning curve reports of one dataset.
    """
    from matplotlib.figure import Figure

    first = next(iter(arms.values()))
    chosen = [m for m in first["curve"][0]["metrics"] if not metrics or m in metrics]
    sizes = sorted({row["evaluations"] for one in arms.values() for row in one["curve"]} - {0})
    figure = Figure(figsize=(3.6 * len(chosen) + 1, 3.6), layout="constrained")
    panels = figure.subplots(1, len(chosen), squeeze=False)[0]
    ceiling = first["human_ceiling"] or {}
    for axes, metric in zip(panels, chosen, strict=True):
        people = ceiling.get(metric)
        if people and people["low"] is not None:
            axes.axhspan(people["low"], people["high"], color="#dddddd", label="people")
        for number, (name, one) in enumerate(arms.items()):
            colour = _COLOURS[number % len(_COLOURS)]
            known = [
                (row["evaluations"], row["metrics"][metric])
                for row in one["curve"]
                if row["metrics"][metric]["value"] is not None
            ]
            if known and known[0][0] == 0:
                axes.axhline(known[0][1]["value"], color=colour, linestyle="--", label=name)
                continue
            x = [size for size, _ in known]
            axes.plot(x, [f["value"] for _, f in known], "o-", color=colour, label=name, ms=3)
            whole = [(size, f["low"], f["high"]) for size, f in known if f["low"] is not None]
            if whole:
                axes.fill_between(*zip(*whole, strict=True), color=colour, alpha=0.2, linewidth=0)
        axes.set_title(metric.replace("_", " "), fontsize=9)
        axes.set_xlabel("evaluations", fontsize=8)
        axes.grid(alpha=0.3)
        if sizes:
            axes.set_xscale("log")
            axes.set_xticks(sizes, list(map(str, sizes)), minor=False)
            axes.minorticks_off()
    panels[0].legend(fontsize=7)
    figure.suptitle(f"{title} (judged on n = {first['n']})", fontsize=10)
    return figure
