"""Drift between two periods: of what goes in (inputs) and of what comes out (scores).

Differences between periods are tested, not judged by a rule of thumb, and corrected for the number
of things looked at. That a difference is certain does not make it matter: its size stands beside
it. The tests take conversations as independent; where agents differ much and each takes part in one
period only, look at the interval of the mean, which can be drawn by agent.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.figures import SMALL_N, to_plain
from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.render import show
from autoqa.evaluation.stability.mean_gaps import adjusted, mean_gaps
from autoqa.evaluation.stability.population_stability import (
    PopulationStability,
    as_numbers,
    population_stability,
)
from autoqa.evaluation.tables import FloatArray
from autoqa.notebook import html_table
from autoqa.records import Rating, Status

_MANY = 500  # values of a sample from which the asymptotic distribution of KS is exact enough


@dataclass(frozen=True, slots=True, kw_only=True)
class KolmogorovSmirnov:
    """Largest difference of two samples' distribution functions.

    ``distance`` has a conservative 95 % interval; with many ties the p-value is conservative too.
    """

    distance: Estimate
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One variable in two periods.

    Attributes
    ----------
    version : str or None
        Scorecard version; periods are never compared across versions.
    ks, mean_difference : KolmogorovSmirnov, Estimate; None where values are no numbers
        The mean now minus that of the reference.
    p_value, adjusted_p_value : float
        The test behind the verdict: PSI's, for numbers doubled and with that of KS where that one
        is smaller; Benjamini-Hochberg over all that was compared.
    drifted : bool or None
        None where data are too few to say.
    """

    name: str
    version: str | None
    n_reference: int
    n_current: int
    psi: PopulationStability | None
    ks: KolmogorovSmirnov | None
    mean_difference: Estimate | None
    p_value: float
    adjusted_p_value: float
    drifted: bool | None

    @property
    def sentence(self) -> str:
        """What was found."""
        about = self.name if self.version is None else f"{self.name}, {self.version}"
        counts = f"n={self.n_reference} before, {self.n_current} now"
        if self.psi is None or self.drifted is None:
            return f"{about}: not enough data ({counts})."
        size = f"PSI {self.psi.value:.3f}, by chance up to {self.psi.critical:.3f}; {counts}"
        if self.mean_difference is not None and self.mean_difference.known:
            size += f"; mean changed by {show(self.mean_difference)}"
        if self.drifted:
            return f"{about}: it drifted ({size})."
        return f"{about}: no drift can be shown ({size})."


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """Everything that was compared between two periods.

    Attributes
    ----------
    left_out : int
        Conversations without date or version.
    """

    what: str
    drifts: tuple[Drift, ...]
    false_discovery_rate: float
    left_out: int = 0

    @property
    def drifted(self) -> tuple[Drift, ...]:
        """The ones that drifted, the farthest first."""
        found = [d for d in self.drifts if d.drifted and d.psi is not None]
        return tuple(sorted(found, key=lambda d: -d.psi.value if d.psi else 0.0))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; undefined figures are None."""
        return to_plain(self)  # type: ignore[no-any-return]

    def summary(self) -> list[str]:
        """Return one sentence per variable, those that drifted first."""
        first = self.drifted
        others = [drift for drift in self.drifts if drift not in first]
        said = [drift.sentence for drift in (*first, *others)]
        if self.left_out:
            said.append(f"{self.left_out} conversations without date or version are left out.")
        return said

    def _repr_html_(self) -> str:
        head = ("name", "version", "n", "PSI", "by chance up to", "KS", "mean change [95 %]", "")
        marks = {True: "drifted", False: "", None: "not enough data"}
        rows = [
            (
                d.name,
                d.version,
                f"{d.n_reference} / {d.n_current}",
                f"{d.psi.value:.3f}" if d.psi else None,
                f"{d.psi.critical:.3f}" if d.psi else None,
                show(d.ks.distance) if d.ks else None,
                show(d.mean_difference),
                marks[d.drifted],
            )
            for d in self.drifts
        ]
        return html_table(head, rows, caption=f"Drift of {self.what}", n_rows=len(rows))


def kolmogorov_smirnov(reference: npt.ArrayLike, current: npt.ArrayLike) -> KolmogorovSmirnov:
    """Two-sample Kolmogorov-Smirnov test, with an interval of the distance.

    Parameters
    ----------
    reference, current : array of shape (n,)
        Numbers; nan is left out.

    References
    ----------
    Massart (1990), Annals of Probability 18(3), 1269-1283: the bound behind the interval.
    """
    from scipy.stats import ks_2samp

    first, second = (np.asarray(values, dtype=float) for values in (reference, current))
    first, second = first[~np.isnan(first)], second[~np.isnan(second)]
    n, m = first.size, second.size
    if not (n and m):
        nothing = Estimate(math.nan, math.nan, math.nan, n + m, n + m)
        return KolmogorovSmirnov(distance=nothing, p_value=math.nan)
    test = ks_2samp(first, second, method="asymp" if max(n, m) > _MANY else "exact")
    # Each empirical distribution function misses its own with probability 2.5 % at most.
    error = sum(math.sqrt(math.log(2 / 0.025) / (2 * size)) for size in (n, m))
    value = float(test.statistic)
    return KolmogorovSmirnov(
        distance=Estimate(value, max(value - error, 0.0), min(value + error, 1.0), n + m, n + m),
        p_value=float(test.pvalue),
    )


def input_drift(
    reference: Mapping[str, npt.ArrayLike],
    current: Mapping[str, npt.ArrayLike],
    *,
    min_n: int = SMALL_N,
    false_discovery_rate: float = 0.05,
    n_resamples: int = 1000,
    seed: int = 7,
) -> DriftReport:
    """Compare inputs of two periods: turns, handle time, language, words per turn ...

    Parameters
    ----------
    reference, current : mapping of name to array of shape (n_conversations,)
        Numbers or texts; nan or None where a conversation has no value.
    min_n : int
        Fewest conversations of either period.
    false_discovery_rate : float

    Raises
    ------
    DataError
        If the periods do not hold the same inputs, or one is numbers now and texts before.
    """
    apart = sorted(reference.keys() ^ current.keys())
    if apart:
        raise DataError(
            f"Input '{apart[0]}' is in one period only; compare the same inputs of both."
        )
    pairs = []
    for name in sorted(reference):
        first, second = as_numbers(reference[name]), as_numbers(current[name])
        if (first is None) != (second is None):
            raise DataError(f"Input '{name}' is numbers in one period and texts in the other.")
        numbers = None if first is None or second is None else (first, second)
        labels = (np.asarray(reference[name]), np.asarray(current[name]))
        pairs.append(_Pair(name, None, labels, numbers, None))
    return _report(
        "inputs",
        pairs,
        min_n=min_n,
        rate=false_discovery_rate,
        settings={"n_resamples": n_resamples, "seed": seed},
    )


def score_drift(
    ratings: Iterable[Rating],
    dates: Mapping[str, date],
    *,
    since: date,
    versions: Mapping[str, str] | None = None,
    agents: Mapping[str, str] | None = None,
    min_n: int = SMALL_N,
    false_discovery_rate: float = 0.05,
    n_resamples: int = 1000,
    seed: int = 7,
) -> DriftReport:
    """Compare a rater's answers before a day with those from that day on, by criterion.

    An answer is a level or, where none was given, the status: a scorer that abstains more has
    drifted too.

    Parameters
    ----------
    ratings : iterable of Rating
        By one scorer, or one group of people.
    dates : mapping of conversation id to date or datetime
        The calendar day counts as it was recorded.
    since : date
        First day of what is compared with the days before.
    versions : mapping of conversation id to scorecard version, optional
        Each version is compared with itself only; see
        `autoqa.evaluation.stability.time_windows.scorecard_versions`.
    agents : mapping of conversation id to agent, optional
        Resamples agents for the interval of the mean level.

    Raises
    ------
    DataError
        If no rating has a date (and version).
    """
    held: dict[tuple[str, str], tuple[list[Rating], list[Rating]]] = defaultdict(lambda: ([], []))
    lost = set()
    for rating in ratings:
        day = dates.get(rating.conversation_id)
        version = "" if versions is None else versions.get(rating.conversation_id)
        if day is None or version is None:
            lost.add(rating.conversation_id)
            continue
        held[version, rating.criterion][day.toordinal() >= since.toordinal()].append(rating)
    if not held:
        raise DataError(
            "No rating has a date (and version). Check how conversation ids are written."
        )
    names = agents or {}
    return _report(
        "scores",
        [
            _pair_of_ratings(criterion, version or None, before, now, names)
            for (version, criterion), (before, now) in sorted(held.items())
        ],
        min_n=min_n,
        rate=false_discovery_rate,
        settings={"n_resamples": n_resamples, "seed": seed},
        left_out=len(lost),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """One variable in both periods: what is binned, the numbers in it, and who they belong to."""

    name: str
    version: str | None
    labels: tuple[npt.NDArray[Any], npt.NDArray[Any]]
    numbers: tuple[FloatArray, FloatArray] | None
    clusters: tuple[Sequence[str], Sequence[str]] | None
    with_ks: bool = True


def _pair_of_ratings(
    criterion: str,
    version: str | None,
    before: Sequence[Rating],
    now: Sequence[Rating],
    agents: Mapping[str, str],
) -> _Pair:
    sides = (before, now)
    answers = [
        [str(r.level) if r.status is Status.RATED else str(r.status) for r in side]
        for side in sides
    ]
    levels = [[math.nan if r.level is None else float(r.level) for r in side] for side in sides]
    units = [
        [
            f"agent {agents[r.conversation_id]}"
            if r.conversation_id in agents
            else f"alone {r.conversation_id}"
            for r in side
        ]
        for side in sides
    ]
    # The distance of distribution functions says little on the few levels of a scale.
    return _Pair(
        criterion,
        version,
        (np.asarray(answers[0], dtype=object), np.asarray(answers[1], dtype=object)),
        (np.asarray(levels[0], dtype=float), np.asarray(levels[1], dtype=float)),
        (units[0], units[1]),
        with_ks=False,
    )


def _report(
    what: str,
    pairs: Sequence[_Pair],
    *,
    min_n: int,
    rate: float,
    settings: Mapping[str, Any],
    left_out: int = 0,
) -> DriftReport:
    compared = [_compared(pair, min_n, settings) for pair in pairs]
    p_values = adjusted([found["p_value"] for found in compared])
    return DriftReport(
        what=what,
        drifts=tuple(
            Drift(
                **found,
                adjusted_p_value=p,
                drifted=bool(p <= rate) if math.isfinite(p) else None,
            )
            for found, p in zip(compared, p_values, strict=True)
        ),
        false_discovery_rate=rate,
        left_out=left_out,
    )


def _compared(pair: _Pair, min_n: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    n, m = (len(side) for side in pair.labels)
    found: dict[str, Any] = {
        "name": pair.name,
        "version": pair.version,
        "n_reference": n,
        "n_current": m,
        "psi": None,
        "ks": None,
        "mean_difference": None,
        "p_value": math.nan,
    }
    if min(n, m) < max(min_n, 1):
        return found
    psi = population_stability(*pair.labels, seed=settings["seed"])
    found |= {"psi": psi, "p_value": psi.p_value}
    if pair.numbers is not None:
        found["mean_difference"] = _mean_difference(pair, settings)
        if pair.with_ks:
            ks = kolmogorov_smirnov(*pair.numbers)
            found["ks"] = ks
            if math.isfinite(ks.p_value):  # the smaller of two, doubled: Bonferroni
                found["p_value"] = min(1.0, 2 * min(psi.p_value, ks.p_value))
    return found


def _mean_difference(pair: _Pair, settings: Mapping[str, Any]) -> Estimate | None:
    assert pair.numbers is not None
    values = np.concatenate(pair.numbers)
    given = ~np.isnan(values)
    side = np.repeat([0, 1], [len(one) for one in pair.numbers])[given]
    if len(np.unique(side)) < 2:
        return None
    units = np.arange(values.size) if pair.clusters is None else np.concatenate(pair.clusters)
    return mean_gaps(values[given], side, units[given], n_groups=2, **settings)[1].gap
