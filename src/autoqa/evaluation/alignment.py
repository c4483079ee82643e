"""Do QA totals go with what customers say? By conversation and by agent.

CSAT enters as the share of its scale, 0 worst to 1 best: *dissatisfied* is below the middle,
*positive* above it, *top box* the best answer.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation import tables
from autoqa.evaluation.classification import auc, rank_codes, spearman
from autoqa.evaluation.intervals import (
    Estimate,
    TableStatistic,
    bootstrap_many,
    bootstrap_tables,
)
from autoqa.evaluation.tables import FloatArray, ratio
from autoqa.records import Survey

ASSOCIATIONS = ("spearman", "kendall_tau_b", "auc_dissatisfied", "auc_top_box")
"""What `associate` reports; both AUC are above 0.5 where higher totals go with happier people."""


_MOST_ANSWERS = 20  # different CSAT answers up to which resamples are worked out as tables


def csat_shares(surveys: Iterable[Survey]) -> dict[str, float]:
    """Return the answer to each conversation's survey as a share of its scale.

    The mean where a conversation was surveyed more than once.
    """
    answers: dict[str, list[float]] = defaultdict(list)
    for survey in surveys:
        answers[survey.conversation_id].append(survey.share)
    return {key: math.fsum(said) / len(said) for key, said in sorted(answers.items())}


def kendall_tau_b(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Rank correlation that counts concordant pairs and corrects for ties; nan without variance."""
    from scipy.stats import kendalltau

    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if x.size < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(kendalltau(x, y, method="asymptotic").statistic)


def _associations(totals: FloatArray, csat: FloatArray) -> dict[str, float]:
    return {
        "spearman": spearman(totals, csat),
        "kendall_tau_b": kendall_tau_b(totals, csat),
        "auc_dissatisfied": auc(csat < 0.5, -totals),
        "auc_top_box": auc(csat >= 1.0, totals),
    }


def associate(
    totals: npt.ArrayLike,
    csat: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | Sequence[Any] | None = None,
    n_resamples: int = 1000,
    seed: int = 7,
    level: float = 0.95,
) -> dict[str, Estimate]:
    """Association of QA totals with satisfaction.

    Parameters
    ----------
    totals : array of shape (n,)
        QA totals, or predicted satisfaction: higher is better.
    csat : array of shape (n,)
        Shares of the CSAT scale, 0-1, of the same conversations (or agents).
    clusters : array of shape (n,), optional

    Returns
    -------
    dict
        The `ASSOCIATIONS`: Spearman and Kendall's tau-b; how well a low total finds dissatisfied
        customers, and a high one top-box customers.
    """
    said = np.asarray(csat, dtype=float)
    found = _associated(
        {"": np.asarray(totals, dtype=float)},
        said,
        clusters=clusters,
        n_resamples=n_resamples,
        seed=seed,
        level=level,
    )
    return {name: found[f" {name}"] for name in ASSOCIATIONS}


def association_difference(
    automated: npt.ArrayLike,
    human: npt.ArrayLike,
    csat: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | Sequence[Any] | None = None,
    n_resamples: int = 1000,
    seed: int = 7,
    level: float = 0.95,
) -> dict[str, dict[str, Estimate]]:
    """Compare automated and human totals by their association with satisfaction.

    All arrays have shape (n,) and are about the same conversations, so the difference is paired.

    Returns
    -------
    dict
        ``automated``, ``human`` and ``difference`` (automated minus human), each with the
        `ASSOCIATIONS`.
    """
    found = _associated(
        {
            "automated": np.asarray(automated, dtype=float),
            "human": np.asarray(human, dtype=float),
        },
        np.asarray(csat, dtype=float),
        clusters=clusters,
        n_resamples=n_resamples,
        seed=seed,
        level=level,
    )
    return {
        side: {name: found[f"{side} {name}"] for name in ASSOCIATIONS}
        for side in ("automated", "human", "difference")
    }


def _associated(
    totals: Mapping[str, FloatArray],
    csat: FloatArray,
    *,
    clusters: npt.ArrayLike | Sequence[Any] | None,
    **settings: Any,
) -> dict[str, Estimate]:
    """Bootstrap ``side name`` of each side's totals, and of two sides also the difference."""
    lengths = {values.size for values in totals.values()} | {csat.size}
    if len(lengths) > 1:
        raise DataError(f"Totals and CSAT must have one length, not {sorted(lengths)}.")
    answers, answer = np.unique(csat, return_inverse=True)
    columns = (*totals.values(), csat)
    if answers.size > _MOST_ANSWERS or any(np.isnan(values).any() for values in columns):
        # Agents' means, for example: nearly as many answers as items.
        return bootstrap_many(
            partial(_of_items, tuple(totals)), *columns, clusters=clusters, **settings
        )
    # All figures follow from how often each total met each answer, so resamples are tables.
    places = [rank_codes(values) for values in totals.values()]
    shape = (len(places), max(int(p.max(initial=-1)) + 1 for p in places), answers.size)
    units = np.arange(csat.size) if clusters is None else np.asarray(clusters)
    of_table: dict[str, TableStatistic] = {
        "spearman": tables.spearman,
        "kendall_tau_b": tables.kendall_tau_b,
        "auc_dissatisfied": partial(_auc_of_low, positive=answers < 0.5),
        "auc_top_box": partial(tables.auc, positive=answers >= 1.0),
    }
    asked: dict[str, TableStatistic] = {}
    for name, statistic in of_table.items():
        for layer, side in enumerate(totals):
            asked[f"{side} {name}"] = partial(_on_layer, statistic=statistic, layer=layer)
        if len(places) == 2:
            asked[f"difference {name}"] = partial(_gap, statistic=statistic)
    return bootstrap_tables(
        asked,
        np.concatenate(
            [(i * shape[1] + place) * shape[2] + answer for i, place in enumerate(places)]
        ),
        shape=shape,
        clusters=np.tile(units, len(places)),
        n=csat.size,
        **settings,
    )


def _of_items(sides: Sequence[str], *columns: FloatArray) -> dict[str, float]:
    by_side = [_associations(values, columns[-1]) for values in columns[:-1]]
    figures = {
        f"{side} {name}": value
        for side, found in zip(sides, by_side, strict=True)
        for name, value in found.items()
    }
    if len(by_side) == 2:
        figures |= {f"difference {n}": by_side[0][n] - by_side[1][n] for n in ASSOCIATIONS}
    return figures


def _auc_of_low(counts: FloatArray, positive: npt.NDArray[np.bool_]) -> FloatArray:
    return tables.auc(counts[..., ::-1, :], positive)


def _on_layer(stacked: FloatArray, *, statistic: TableStatistic, layer: int) -> FloatArray:
    return statistic(stacked[:, layer])


def _gap(stacked: FloatArray, *, statistic: TableStatistic) -> FloatArray:
    return statistic(stacked[:, 0]) - statistic(stacked[:, 1])


def _by_agent(values: Mapping[str, float], agents: Mapping[str, str]) -> dict[str, list[float]]:
    grouped: dict[str, list[float]] = defaultdict(list)
    for conversation in sorted(values):
        if conversation in agents:
            grouped[agents[conversation]].append(values[conversation])
    return grouped


def agent_means(
    totals: Mapping[str, float],
    csat: Mapping[str, float],
    agents: Mapping[str, str],
    *,
    min_n: int = 5,
) -> tuple[list[tuple[str, float, float, int, int]], list[str]]:
    """Average totals and satisfaction per agent.

    Parameters
    ----------
    totals, csat : mapping of conversation id to value
        Not every conversation with a total needs a survey.
    agents : mapping of conversation id to agent
    min_n : int
        Fewest totals, and fewest surveys, an agent needs.

    Returns
    -------
    kept : list of (agent, mean total, mean csat, n totals, n surveys)
    left_out : list of agents with less
    """
    scored, surveyed = _by_agent(totals, agents), _by_agent(csat, agents)
    kept, left_out = [], []
    for agent in sorted(scored.keys() | surveyed.keys()):
        qa, said = scored.get(agent, []), surveyed.get(agent, [])
        if min(len(qa), len(said)) < min_n:
            left_out.append(agent)
        else:
            means = (float(np.mean(qa)), float(np.mean(said)))
            kept.append((agent, *means, len(qa), len(said)))
    return kept, left_out


def wilson(successes: int, n: int, *, level: float = 0.95) -> Estimate:
    """Share of successes with Wilson's score interval, which holds at 0 % and 100 % too.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22(158), 209-212.
    """
    if not n:
        return Estimate(float("nan"), float("nan"), float("nan"), 0, 0)
    from scipy.special import ndtri

    z = float(ndtri((1 + level) / 2))
    share = successes / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return Estimate(share, max(0.0, middle - half), min(1.0, middle + half), n, n)


@dataclass(frozen=True, slots=True)
class BandShares:
    """Share of positive CSAT where QA was excellent, and where it was not.

    The two shares have Wilson intervals, which treat conversations as independent; the difference
    has a bootstrap interval over clusters.
    """

    cut: float
    excellent: Estimate
    below: Estimate
    difference: Estimate


def positive_share_by_band(
    totals: npt.ArrayLike,
    csat: npt.ArrayLike,
    *,
    cut: float = 95.0,
    clusters: npt.ArrayLike | Sequence[Any] | None = None,
    n_resamples: int = 1000,
    seed: int = 7,
) -> BandShares:
    """Compare satisfaction at or above a QA total with satisfaction below it.

    Parameters
    ----------
    totals : array of shape (n,), 0-100
    csat : array of shape (n,), shares of the CSAT scale
    cut : float
        Total from which QA counts as excellent.
    """
    total, share = np.asarray(totals, dtype=float), np.asarray(csat, dtype=float)
    if total.shape != share.shape:
        raise DataError(f"{total.size} totals but {share.size} CSAT answers.")
    high, positive = total >= cut, share > 0.5
    return BandShares(
        cut=cut,
        excellent=wilson(int(positive[high].sum()), int(high.sum())),
        below=wilson(int(positive[~high].sum()), int((~high).sum())),
        difference=bootstrap_tables(
            {"gap": _gap_of_shares},
            high * 2 + positive,
            shape=(2, 2),
            clusters=np.arange(high.size) if clusters is None else clusters,
            n_resamples=n_resamples,
            seed=seed,
        )["gap"],
    )


def _gap_of_shares(counts: FloatArray) -> FloatArray:
    shares = ratio(counts[..., 1], counts.sum(axis=-1))
    return np.asarray(shares[..., 1] - shares[..., 0])
