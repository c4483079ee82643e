"""Does a scorer go on agreeing with people as it did?

Agreement is worked out for each window of time and scorecard version. Windows differ by chance, so
beside their intervals stand two tests of the hypothesis that agreement never changed: one for any
change, one for a steady rise or fall.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

import numpy as np

from autoqa.errors import DataError
from autoqa.evaluation import tables
from autoqa.evaluation.agreement import positions
from autoqa.evaluation.by_criterion import index_automated, index_human, scales_of
from autoqa.evaluation.ceiling import Panel
from autoqa.evaluation.figures import SMALL_N, Figure, Paired, agreement_figures, to_plain
from autoqa.evaluation.intervals import cluster_codes
from autoqa.evaluation.render import show
from autoqa.evaluation.stability.mean_gaps import adjusted
from autoqa.evaluation.stability.time_windows import Window, windows
from autoqa.evaluation.tables import FloatArray
from autoqa.notebook import html_table
from autoqa.records import Rating, Status
from autoqa.scorecard.schema import Scorecard

MONTH = 28
"""Days of a window, unless stated: agreement needs many more items than a mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementWindow:
    """Quadratic kappa of one window, with its human ceiling; None on too few items."""

    start: date
    n_items: int
    kappa: Figure | None
    standard_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementHistory:
    """One criterion under one scorecard version.

    Attributes
    ----------
    p_change : float
        Of kappas as far apart without any change (chi-square test of homogeneity).
    p_trend, trend : float
        Change of kappa per window, weighted by precision, and the p-value of its being 0.
    adjusted_p_value : float
        Of the smaller of the two, doubled; Benjamini-Hochberg over criteria and versions.
    changed : bool or None
        None with fewer than two windows of enough items.
    """

    criterion: str
    version: str | None
    windows: tuple[AgreementWindow, ...]
    p_change: float
    p_trend: float
    trend: float
    adjusted_p_value: float
    changed: bool | None

    @property
    def sentence(self) -> str:
        """What was found."""
        about = self.criterion if self.version is None else f"{self.criterion}, {self.version}"
        used = [w for w in self.windows if w.kappa is not None]
        if self.changed is None or not used:
            return f"{about}: not enough data ({len(used)} windows with enough items)."
        ends = [show(w.kappa.automated, with_n=True) for w in (used[0], used[-1]) if w.kappa]
        figures = f"quadratic kappa {ends[0]} at first, {ends[1]} at last"
        if not self.changed:
            return f"{about}: no change of agreement can be shown ({figures})."
        way = "changed"
        if self.p_trend <= self.p_change:
            way = "fell" if self.trend < 0 else "rose"
        return f"{about}: agreement with people {way} ({figures})."


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementOverTime:
    """Agreement by criterion, scorecard version and window."""

    histories: tuple[AgreementHistory, ...]
    days: int
    left_out: int
    clustered_by: str

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; undefined figures are None, days are ISO dates."""
        stored: dict[str, Any] = to_plain(self)
        for history, row in zip(self.histories, stored["histories"], strict=True):
            for window, cell in zip(history.windows, row["windows"], strict=True):
                cell["start"] = window.start.isoformat()
        return stored

    def summary(self) -> list[str]:
        """Return one sentence per criterion and version."""
        return [history.sentence for history in self.histories]

    def _repr_html_(self) -> str:
        head = ("criterion", "version", "from", "n", "quadratic kappa [95 %]", "people with people")
        rows = [
            (
                history.criterion,
                history.version,
                window.start,
                window.n_items,
                show(window.kappa.automated) if window.kappa else None,
                show(window.kappa.ceiling) if window.kappa else None,
            )
            for history in self.histories
            for window in history.windows
        ]
        return html_table(head, rows, caption="Agreement over time", n_rows=len(rows))


def agreement_over_time(
    automated: Sequence[Rating],
    human: Sequence[Rating],
    dates: Mapping[str, date],
    *,
    days: int = MONTH,
    versions: Mapping[str, str] | None = None,
    card: Scorecard | None = None,
    scales: Mapping[str, tuple[float, float]] | None = None,
    agents: Mapping[str, str] | None = None,
    min_n: int = SMALL_N,
    false_discovery_rate: float = 0.05,
    n_resamples: int = 1000,
    seed: int = 7,
) -> AgreementOverTime:
    """Work out quadratic kappa window by window, and whether it changed.

    Parameters
    ----------
    automated, human : sequence of Rating
        As in `autoqa.evaluation.comparison.compare`.
    dates : mapping of conversation id to date or datetime
    days : int
        Length of a window.
    versions : mapping of conversation id to scorecard version, optional
        Windows are compared within a version only.
    card, scales : optional
        Where the levels of each criterion come from; the data where both are absent.
    agents : mapping of conversation id to agent, optional
        Resamples agents instead of conversations, within each window.
    min_n : int
        Fewest items that both sides rated, for a window to count.

    Raises
    ------
    DataError
        If no item was rated by both sides, or none has a date (and version).
    ScaleError
        If a level is not on its criterion's scale.

    References
    ----------
    Fleiss, Cohen and Everitt (1969), Psychological Bulletin 72(5), 323-327: the standard error,
    here of clustered items. Donner, Eliasziw and Klar (1996), Biometrics 52(1), 176-183: the test
    of equal kappas.
    """
    by_machine, _ = index_automated(automated)
    by_people, _ = index_human(human)
    shared = sorted(by_machine.keys() & by_people.keys())
    names = agents or {}
    found: list[tuple[str, str | None, list[AgreementWindow], tuple[float, float, float]]] = []
    left_out: set[str] = set()
    chosen, _ = scales_of(shared, by_machine, by_people, card, scales or {})
    for criterion in shared:
        machine = {key: r for key, r in by_machine[criterion].items() if r.status is Status.RATED}
        panel = Panel.from_items(
            {
                key: [float(r.level) for _, r in sorted(said.items()) if r.level is not None]
                for key, said in by_people[criterion].items()
                if key in machine and any(r.level is not None for r in said.values())
            }
        )
        dated = panel.where(
            np.asarray([_placed(key[0], dates, versions) for key in panel.keys], dtype=bool)
        )
        left_out |= {key[0] for key in panel.keys} - {key[0] for key in dated.keys}
        if not dated.keys:
            continue
        levels = chosen[criterion]
        paired = Paired(
            positions([machine[key].level or 0 for key in dated.keys], levels),
            positions(dated.values, levels, missing=True),
            np.asarray(
                [f"agent {names[c]}" if c in names else f"alone {c}" for c, _ in dated.keys]
            ),
        )
        cut, _ = windows([key[0] for key in dated.keys], dates, days=days, versions=versions)
        for version, held in groupby(cut, key=lambda window: window.version):
            measured = [
                _window(paired, window, levels, min_n, n_resamples, seed) for window in held
            ]
            found.append((criterion, version, measured, _tests(measured, days)))
    if not found:
        raise DataError(
            "No item was rated at a level by both sides on a conversation with a date (and "
            "version). Check how conversation ids are written."
        )
    p_values = adjusted([float(np.minimum(1.0, 2 * np.min(tests[:2]))) for *_, tests in found])
    return AgreementOverTime(
        histories=tuple(
            AgreementHistory(
                criterion=criterion,
                version=version,
                windows=tuple(measured),
                p_change=change,
                p_trend=trend_p,
                trend=trend,
                adjusted_p_value=p,
                changed=bool(p <= false_discovery_rate) if math.isfinite(p) else None,
            )
            for (criterion, version, measured, (change, trend_p, trend)), p in zip(
                found, p_values, strict=True
            )
        ),
        days=days,
        left_out=len(left_out),
        clustered_by="agent" if names else "conversation",
    )


def _placed(
    conversation: str, dates: Mapping[str, date], versions: Mapping[str, str] | None
) -> bool:
    return conversation in dates and (versions is None or conversation in versions)


def _window(
    paired: Paired,
    window: Window,
    levels: Sequence[int],
    min_n: int,
    n_resamples: int,
    seed: int,
) -> AgreementWindow:
    inside = np.zeros(len(paired.automated), dtype=bool)
    inside[window.rows] = True
    part = paired.where(inside)
    n_items = len(part.automated)
    if n_items < min_n:
        return AgreementWindow(
            start=window.start, n_items=n_items, kappa=None, standard_error=math.nan
        )
    return AgreementWindow(
        start=window.start,
        n_items=n_items,
        kappa=agreement_figures(part, levels, n_resamples=n_resamples, seed=seed)[
            "quadratic_kappa"
        ],
        standard_error=kappa_standard_error(part, len(levels)),
    )


def kappa_standard_error(paired: Paired, n_levels: int, *, pseudo_items: float = 1.0) -> float:
    """Standard error of quadratic kappa by the delta method, for clustered items.

    Parameters
    ----------
    paired : Paired
    n_levels : int
    pseudo_items : float
        Items added, spread over the table as chance would have them. Without any, a window of
        perfect agreement would claim to know kappa exactly.

    Returns
    -------
    float
        nan where kappa is undefined.
    """
    slots, items = np.nonzero(paired.people >= 0)
    cells = paired.automated[items] * n_levels + paired.people[slots, items]
    weights = 1.0 / paired.n_people[items]
    n_items = len(paired.automated)
    counts = np.bincount(cells, weights=weights, minlength=n_levels**2)
    counts = counts.reshape(n_levels, n_levels)
    by_chance = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / n_items**2
    shares = (counts + pseudo_items * by_chance) / (n_items + pseudo_items)
    influence = _influence(shares)
    if not np.isfinite(influence).all():
        return math.nan
    codes, n_clusters = cluster_codes(paired.clusters)
    sums = np.bincount(codes[items], weights=weights * influence[cells], minlength=n_clusters)
    variance = float((sums**2).sum()) + pseudo_items * float(
        (by_chance.ravel() * influence**2).sum()
    )
    return math.sqrt(variance) / (n_items + pseudo_items)


def _influence(shares: FloatArray) -> FloatArray:
    """How one more item in each cell moves quadratic kappa, shape (n_levels ** 2,)."""
    cost = tables.disagreement(shares.shape[0], "quadratic")
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    observed, expected = (shares * cost).sum(), rows @ cost @ columns
    if expected <= 0:
        return np.full(shares.size, np.nan)
    moved = (cost @ columns)[:, None] + (rows @ cost)[None, :]
    gradient = -cost / expected + observed / expected**2 * moved
    return np.asarray((gradient - (shares * gradient).sum()).ravel())


def _tests(measured: Sequence[AgreementWindow], days: int) -> tuple[float, float, float]:
    """Return p-values of no change and of no trend, and the trend per window."""
    from scipy.stats import chi2, norm

    used = [
        ((w.start - measured[0].start).days / days, w.kappa.automated.value, w.standard_error)
        for w in measured
        if w.kappa is not None
        and math.isfinite(w.kappa.automated.value)
        and math.isfinite(w.standard_error)
        and w.standard_error > 0
    ]
    if len(used) < 2:
        return math.nan, math.nan, math.nan
    at, kappas, errors = (np.asarray(column, dtype=float) for column in zip(*used, strict=True))
    weights = errors**-2
    apart = kappas - (weights * kappas).sum() / weights.sum()
    centred = at - (weights * at).sum() / weights.sum()
    spread = float((weights * centred**2).sum())
    trend = float((weights * centred * apart).sum()) / spread
    return (
        float(chi2.sf((weights * apart**2).sum(), len(used) - 1)),
        float(2 * norm.sf(abs(trend) * math.sqrt(spread))),
        trend,
    )
