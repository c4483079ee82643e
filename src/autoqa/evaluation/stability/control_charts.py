"""Control charts: does a score, or a share, stay where it was in a reference period?

The first windows of each scorecard version are its reference period; their mean is the centre line,
and the limits say how far a window may lie from it by chance. Two charts: Shewhart's judges every
window by itself and sees large, sudden shifts; the exponentially weighted moving average (EWMA)
adds windows up and sees small ones that last.

The textbook limits know only the spread within windows. In a contact centre weeks differ for many
harmless reasons, and with thousands of conversations a week such limits are so tight that nearly
every window is out. The limits used unless stated otherwise are therefore widened to what the
reference windows show (Laney's overdispersion, never below 1), and for the reference period being
short (Student's t, and the centre's own error). They may give fewer false alarms than stated, not
more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.figures import to_plain
from autoqa.evaluation.stability.mean_gaps import finite_scores
from autoqa.evaluation.stability.time_windows import WEEK, Window, windows
from autoqa.evaluation.tables import FloatArray
from autoqa.notebook import html_table

Kind: TypeAlias = Literal["xbar", "p"]
Method: TypeAlias = Literal["shewhart", "ewma"]
Spread: TypeAlias = Literal["between", "within"]

N_REFERENCE = 12
"""Windows of the reference period, unless stated."""

MIN_WINDOW = 10
"""Fewest conversations of a window that is charted, unless stated."""

SMOOTHING = 0.2
"""Weight of the newest window in an EWMA."""

WIDTHS: Mapping[str, float] = {"shewhart": 3.0, "ewma": 2.86}
"""Standard errors from centre to limit; with either, the first false alarm comes after about 370
windows on average. An average that is out tends to stay out for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartPoint:
    """One window of a chart.

    Attributes
    ----------
    value : float
        Mean of the window.
    plotted : float
        What is held against the limits: the mean, or the moving average up to here.
    centre, lower, upper : float
        nan where the version has too few windows for limits.
    reference : bool
        Whether the limits rest on it.
    """

    version: str | None
    start: date
    n: int
    value: float
    plotted: float
    centre: float
    lower: float
    upper: float
    reference: bool

    @property
    def signal(self) -> bool:
        """Whether it lies outside its limits."""
        return bool(self.plotted < self.lower or self.plotted > self.upper)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlChart:
    """Windows in order of time, with limits of their own for each scorecard version.

    Attributes
    ----------
    left_out : int
        Conversations without date or version.
    too_small : int
        Windows left out for having too few conversations.
    """

    name: str
    kind: Kind
    method: Method
    spread: Spread
    width: float
    days: int
    n_reference: int
    points: tuple[ChartPoint, ...]
    left_out: int
    too_small: int

    @property
    def signals(self) -> tuple[ChartPoint, ...]:
        """The windows after a reference period that lie outside their limits."""
        return tuple(p for p in self.points if p.signal and not p.reference)

    def summary(self) -> list[str]:
        """Return what the chart says, one sentence or more per scorecard version."""
        said = []
        for version, held in groupby(self.points, key=lambda point: point.version):
            points = list(held)
            about = self.name if version is None else f"{self.name}, {version}"
            watched = [p for p in points if not p.reference]
            if not math.isfinite(points[0].centre) or not watched:
                said.append(
                    f"{about}: not enough data ({len(points)} windows; limits rest on the first "
                    f"{self.n_reference}, and there must be more)."
                )
                continue
            out = [p for p in watched if p.signal]
            unruly = sum(p.signal for p in points if p.reference)
            text = f"{about}: {len(out)} of {len(watched)} windows are out of control"
            if out:
                way = "below" if out[0].plotted < out[0].lower else "above"
                text += f", the first from {out[0].start} ({way} its limits)"
            said.append(
                f"{text}. By chance alone about {self._by_chance(len(watched)):.2g} would be."
            )
            if unruly:
                said.append(
                    f"{about}: {unruly} windows of the reference period itself are out; find out "
                    "why before trusting the limits."
                )
        return said

    def _by_chance(self, n: int) -> float:
        from scipy.stats import norm

        return float(n * 2 * norm.sf(self.width))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; undefined figures are None, days are ISO dates."""
        stored: dict[str, Any] = to_plain(self)
        for point, row in zip(self.points, stored["points"], strict=True):
            row |= {"start": point.start.isoformat(), "signal": point.signal}
        return stored

    def _repr_html_(self) -> str:
        head = ("version", "from", "n", "value", "plotted", "limits", "")
        rows = [
            (
                p.version,
                p.start,
                p.n,
                f"{p.value:.3g}",
                f"{p.plotted:.3g}",
                f"{p.lower:.3g} – {p.upper:.3g}" if math.isfinite(p.centre) else None,
                "out of control" if p.signal else ("reference" if p.reference else ""),
            )
            for p in self.points
        ]
        return html_table(head, rows, caption=" ".join(self.summary()), n_rows=len(rows))


def control_chart(
    values: Mapping[str, float],
    dates: Mapping[str, date],
    *,
    kind: Kind = "xbar",
    method: Method = "shewhart",
    spread: Spread = "between",
    versions: Mapping[str, str] | None = None,
    days: int = WEEK,
    n_reference: int = N_REFERENCE,
    min_n: int = MIN_WINDOW,
    width: float | None = None,
    smoothing: float = SMOOTHING,
    name: str = "score",
) -> ControlChart:
    """Chart the mean of windows of time against limits from a reference period.

    Parameters
    ----------
    values : mapping of conversation id to value
        A score or any input; 0 or 1 for a share (``kind="p"``).
    dates : mapping of conversation id to date or datetime
    kind : {"xbar", "p"}
        Means of numbers, or shares.
    method : {"shewhart", "ewma"}
    spread : {"between", "within"}
        Limits as wide as reference windows really differ, or the textbook limits, which know only
        the spread within windows.
    versions : mapping of conversation id to scorecard version, optional
        Every version has a reference period and limits of its own.
    days, n_reference, min_n : int
        Length of a window, windows of the reference period (2 or more), and fewest conversations
        of a window; smaller ones are left out.
    width : float, optional
        Standard errors from centre to limit.
    smoothing : float
        Weight of the newest window in an EWMA, above 0, at most 1.

    Raises
    ------
    DataError
        If no conversation has a date, a value is not a number, or not 0 or 1 for a share.

    References
    ----------
    Montgomery (2019), Introduction to Statistical Quality Control, 8th edition, chapters 6, 7, 9.
    Laney (2002), Quality Engineering 14(4), 531-537.
    Lucas and Saccucci (1990), Technometrics 32(1), 1-12.
    """
    if n_reference < 2 or not 0 < smoothing <= 1:
        raise DataError(
            f"A chart needs 2 reference windows or more (not {n_reference}) and a smoothing above "
            f"0 and at most 1 (not {smoothing:g})."
        )
    conversations = sorted(values)
    numbers = finite_scores(values, conversations)
    if kind == "p" and not np.isin(numbers, (0.0, 1.0)).all():
        raise DataError(f"{name}: a share is of values 0 and 1; chart other numbers with 'xbar'.")
    found, left_out = windows(conversations, dates, days=days, versions=versions)
    large = [window for window in found if window.rows.size >= min_n]
    used = WIDTHS[method] if width is None else width
    points: list[ChartPoint] = []
    for _, held in groupby(large, key=lambda window: window.version):
        of_version = list(held)
        plotted, centre, half = _chart(
            [numbers[window.rows] for window in of_version],
            n_reference,
            kind=kind,
            method=method,
            spread=spread,
            width=used,
            smoothing=smoothing,
        )
        lowest, highest = (0.0, 1.0) if kind == "p" else (-math.inf, math.inf)
        points += [
            _point(
                window,
                float(numbers[window.rows].mean()),
                float(plotted[i]),
                (
                    centre,
                    max(centre - float(half[i]), lowest),
                    min(centre + float(half[i]), highest),
                ),
                i < n_reference,
            )
            for i, window in enumerate(of_version)
        ]
    return ControlChart(
        name=name,
        kind=kind,
        method=method,
        spread=spread,
        width=used,
        days=days,
        n_reference=n_reference,
        points=tuple(points),
        left_out=left_out,
        too_small=len(found) - len(large),
    )


def _point(
    window: Window,
    value: float,
    plotted: float,
    limits: tuple[float, float, float],
    reference: bool,
) -> ChartPoint:
    known = math.isfinite(limits[0])
    centre, lower, upper = limits if known else (math.nan,) * 3
    return ChartPoint(
        version=window.version,
        start=window.start,
        n=int(window.rows.size),
        value=value,
        plotted=plotted,
        centre=centre,
        lower=lower,
        upper=upper,
        reference=reference,
    )


def _chart(
    samples: list[FloatArray],
    n_reference: int,
    *,
    kind: Kind,
    method: Method,
    spread: Spread,
    width: float,
    smoothing: float,
) -> tuple[FloatArray, float, FloatArray]:
    """Return what is plotted, the centre, and the distance of the limits from it.

    The centre is nan where the reference period is not complete.
    """
    means = np.asarray([sample.mean() for sample in samples])
    sizes = np.asarray([sample.size for sample in samples], dtype=float)
    if len(samples) < n_reference:
        return means, math.nan, np.full(means.shape, math.nan)
    reference = np.arange(means.size) < n_reference
    n_in_reference = float(sizes[reference].sum())
    centre = float((means * sizes)[reference].sum() / n_in_reference)
    variance = _variance_within(samples[:n_reference], kind, centre, spread)
    quantile, error_of_centre = width, 0.0
    if spread == "between":
        from scipy.stats import norm, t

        standardised = (means - centre) ** 2 * sizes
        observed = float(standardised[reference].sum()) / (n_reference - 1)
        variance = max(variance, observed)
        quantile = float(t.isf(norm.sf(width), n_reference - 1))
        error_of_centre = variance / n_in_reference
    if method == "shewhart":
        sign = np.where(reference, -1.0, 1.0)
        spread_of_mean = np.maximum(variance / sizes + sign * error_of_centre, 0.0)
        return means, centre, quantile * np.sqrt(spread_of_mean)
    plotted, spread_of_average = np.empty_like(means), np.empty_like(means)
    for part in (reference, ~reference):  # the average starts anew where the watch begins
        plotted[part], own = ewma(
            means[part], np.sqrt(variance / sizes[part]), centre=centre, smoothing=smoothing
        )
        weight = 1 - (1 - smoothing) ** np.arange(1, own.size + 1)
        spread_of_average[part] = own**2 + error_of_centre * weight**2
    return plotted, centre, quantile * np.sqrt(spread_of_average)


def _variance_within(samples: list[FloatArray], kind: Kind, centre: float, spread: Spread) -> float:
    """Variance of one conversation around its window's mean, in the reference period."""
    n = sum(sample.size for sample in samples)
    if kind == "p":
        share = centre
        if spread == "between" or share in (0.0, 1.0):
            # Agresti and Coull's share: what was rare or unseen in the reference may still happen.
            share = (centre * n + 2) / (n + 4)
        return share * (1 - share)
    freedom = n - len(samples)
    if freedom == 0:
        return 0.0
    return float(sum(((s - s.mean()) ** 2).sum() for s in samples)) / freedom


def ewma(
    values: npt.ArrayLike,
    standard_errors: npt.ArrayLike,
    *,
    centre: float,
    smoothing: float = SMOOTHING,
) -> tuple[FloatArray, FloatArray]:
    """Exponentially weighted moving average, starting at the centre, and its standard errors.

    Parameters
    ----------
    values, standard_errors : array of shape (n,)
        In order of time; independent of each other.
    centre : float
        Where the average starts.
    smoothing : float
        Weight of the newest value.

    Returns
    -------
    averages, standard_errors : array of shape (n,)

    References
    ----------
    Roberts (1959), Technometrics 1(3), 239-250.
    """
    value = np.asarray(values, dtype=float)
    error = np.broadcast_to(np.asarray(standard_errors, dtype=float), value.shape)
    averages, variances = np.empty_like(value), np.empty_like(value)
    average, variance = centre, 0.0
    for i in range(value.size):
        average = smoothing * float(value[i]) + (1 - smoothing) * average
        variance = smoothing**2 * float(error[i]) ** 2 + (1 - smoothing) ** 2 * variance
        averages[i], variances[i] = average, variance
    return averages, np.sqrt(variances)
