"""Figures for reports and notebooks, made without pyplot so that no window or state is left."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from autoqa.evaluation.calibration import ReliabilityBin
from autoqa.evaluation.comparison import Comparison
from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.render import NAMES
from autoqa.evaluation.selective import RiskCoverageCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MACHINE, _PEOPLE, _LINE = "#1f6f8b", "#c26a2d", "#888888"
_LEAST_COVERAGE = 0.05


def plot_agreement(comparison: Comparison, *, figure: str = "quadratic_kappa") -> Figure:
    """Draw one agreement figure per criterion beside its human ceiling, with intervals."""
    from matplotlib.figure import Figure as Canvas

    found = [c for c in comparison.criteria if figure in c.figures]
    canvas = Canvas(figsize=(7.5, 1.2 + 0.45 * max(len(found), 1)), layout="constrained")
    axes = canvas.subplots()
    for row, criterion in enumerate(found):
        shown = criterion.figures[figure]
        _interval(axes, shown.automated, row - 0.12, _MACHINE, "o")
        if shown.ceiling is not None:
            _interval(axes, shown.ceiling, row + 0.12, _PEOPLE, "s")
    axes.plot([], [], "o", color=_MACHINE, label="automated with people")
    axes.plot([], [], "s", color=_PEOPLE, label="people with people (ceiling)")
    axes.axvline(0, color=_LINE, linewidth=0.8)
    axes.set_yticks(range(len(found)), [f"{c.criterion} (n={c.n_items})" for c in found])
    axes.set_ylim(max(len(found), 1) - 0.5, -0.5)
    axes.set_xlabel(f"{NAMES[figure]}, 95 % interval")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return canvas


def _interval(axes: Axes, estimate: Estimate, row: float, colour: str, marker: str) -> None:
    if not math.isfinite(estimate.value):
        return
    if estimate.known:
        axes.plot([estimate.low, estimate.high], [row, row], color=colour, linewidth=1.5)
    axes.plot([estimate.value], [row], marker, color=colour)


def plot_totals_and_csat(
    totals: npt.ArrayLike, csat: npt.ArrayLike, *, name: str = "QA total"
) -> Figure:
    """Draw QA totals against CSAT.

    Boxes per answer when there are few different answers, a scatter otherwise.

    Parameters
    ----------
    totals : array of shape (n,), 0-100
    csat : array of shape (n,), shares of the CSAT scale or answers on it
    """
    from matplotlib.figure import Figure as Canvas

    total, said = np.asarray(totals, dtype=float), np.asarray(csat, dtype=float)
    canvas = Canvas(figsize=(6.0, 4.0), layout="constrained")
    axes = canvas.subplots()
    answers = np.unique(said)
    if 0 < answers.size <= 11:
        groups = [total[said == answer] for answer in answers]
        labels = [f"{a:.2g}\nn={len(g)}" for a, g in zip(answers, groups, strict=True)]
        axes.boxplot(groups, tick_labels=labels, medianprops={"color": _PEOPLE})
    else:
        axes.plot(said, total, "o", color=_MACHINE, alpha=0.4, markersize=4)
    axes.set_xlabel("CSAT")
    axes.set_ylabel(name)
    axes.set_title(f"n={total.size}", fontsize=9)
    return canvas


def plot_reliability(table: Sequence[ReliabilityBin], *, name: str = "") -> Figure:
    """Draw what predictions claim against how often they are right; size shows how many."""
    from matplotlib.figure import Figure as Canvas

    filled = [b for b in table if b.n]
    total = sum(b.n for b in filled)
    canvas = Canvas(figsize=(4.5, 4.5), layout="constrained")
    axes = canvas.subplots()
    axes.plot([0, 1], [0, 1], color=_LINE, linewidth=0.8)
    axes.scatter(
        [b.confidence for b in filled],
        [b.correct for b in filled],
        s=[20 + 300 * b.n / total for b in filled],
        color=_MACHINE,
        alpha=0.8,
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("claimed probability")
    axes.set_ylabel("share that came true")
    axes.set_title(f"{name + ', ' if name else ''}n={total}", fontsize=9)
    return canvas


def plot_risk_coverage(
    curves: Mapping[str, RiskCoverageCurve], *, risk: float | None = None, name: str = ""
) -> Figure:
    """Draw mean loss against the share answered, one line per arm, with AURC and its interval.

    Parameters
    ----------
    curves : mapping of arm to RiskCoverageCurve
    risk : float, optional
        A stated risk, drawn as a line across.
    name : str
        What is answered, for the title.
    """
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(6.5, 4.5), layout="constrained")
    axes = canvas.subplots()
    for arm, curve in curves.items():
        # Where only a few are answered, the mean loss is one answer's luck.
        shown = curve.coverage >= _LEAST_COVERAGE
        axes.plot(curve.coverage[shown], curve.risk[shown], label=f"{arm}: {curve.in_short}")
    if risk is not None:
        axes.axhline(risk, color=_LINE, linewidth=0.8, linestyle="--")
        axes.text(0.01, risk, f"stated risk {risk:.0%}", fontsize=8, va="bottom")
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("coverage: share answered, the most confident first")
    axes.set_ylabel("mean loss among answers")
    if name:
        axes.set_title(name, fontsize=9)
    if curves:
        axes.legend(frameon=False, fontsize=8)
    return canvas
