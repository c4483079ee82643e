"""Do QA totals go with what customers say? By conversation and by agent.

CSAT enters as the share of its scale, 0 worst to 1 best: *dissatisfied* is below the middle,
*positive* above it, *top box* the best answer.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.classification import auc, spearman
from autoqa.evaluation.intervals import Estimate, bootstrap, bootstrap_many
from autoqa.evaluation.tables import FloatArray
from autoqa.records import Survey

ASSOCIATIONS = ("spearman", "kendall_tau_b", "auc_dissatisfied", "auc_top_box")
"""What `associate` reports; both AUC are above 0.5 where higher totals go with happier people."""


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
    return bootstrap_many(
        _associations,
        np.asarray(totals, dtype=float),
        np.asarray(csat, dtype=float),
        clusters=clusters,
        n_resamples=n_resamples,
        seed=seed,
        level=level,
    )


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

    def both(a: FloatArray, h: FloatArray, c: FloatArray) -> dict[str, float]:
        by_machine, by_people = _associations(a, c), _associations(h, c)
        figures = {f"automated {name}": value for name, value in by_machine.items()}
        figures |= {f"human {name}": value for name, value in by_people.items()}
        return figures | {
            f"difference {name}": by_machine[name] - by_people[name] for name in ASSOCIATIONS
        }

    found = bootstrap_many(
        both,
        np.asarray(automated, dtype=float),
        np.asarray(human, dtype=float),
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

    def gap(is_high: npt.NDArray[np.bool_], is_positive: npt.NDArray[np.bool_]) -> float:
        n_high = int(is_high.sum())
        if n_high in (0, is_high.size):
            return float("nan")
        return float(is_positive[is_high].mean() - is_positive[~is_high].mean())

    return BandShares(
        cut=cut,
        excellent=wilson(int(positive[high].sum()), int(high.sum())),
        below=wilson(int(positive[~high].sum()), int((~high).sum())),
        difference=bootstrap(
            gap, high, positive, clusters=clusters, n_resamples=n_resamples, seed=seed
        ),
    )
