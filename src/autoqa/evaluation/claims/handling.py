"""Claims about time: whether more of it helps, and who takes it."""

from __future__ import annotations

import math

import numpy as np

from autoqa.evaluation.ceiling import weighted_mean
from autoqa.evaluation.claims.base import (
    Claim,
    Lack,
    Need,
    Outcome,
    Settings,
    intervals,
    rows,
    too_few,
)
from autoqa.evaluation.claims.data import ClaimData
from autoqa.evaluation.claims.verdict import (
    MIN_CONVERSATIONS,
    Finding,
    Range,
    percent,
    planned_correlation,
    planned_share,
)
from autoqa.evaluation.classification import rank_codes, spearman
from autoqa.evaluation.intervals import Estimate, cluster_codes
from autoqa.evaluation.tables import FloatArray, IntArray

SMALL = 0.1
"""A small rank correlation (Cohen 1988)."""

TAIL = 0.1
"""Share of the conversations, the longest ones, that is called the long tail."""

CLAIMED_TAIL = (0.25, 0.33)
"""Share of talk time that practitioners say the long tail takes."""

_MOST_TOPICS = 15


def _longer_is_better(data: ClaimData, settings: Settings) -> Outcome | Lack:
    length, unit = _length(data)
    keep = np.isfinite(length) & np.isfinite(data.csat)
    if lack := too_few(keep, f"both {unit} and a survey answer"):
        return lack
    x, csat = rank_codes(length[keep]), rank_codes(data.csat[keep])
    clusters, _ = cluster_codes(data.clusters[keep])
    topics = data.topics[keep]
    codes, n_topics = cluster_codes(topics)

    def within(length: IntArray, said: IntArray, topic: IntArray) -> dict[str, float]:
        by_topic = [
            (spearman(length[mine], said[mine]), int(mine.sum()))
            for mine in (topic == code for code in range(n_topics))
        ]
        return {"within": weighted_mean(by_topic), "overall": spearman(length, said)}

    found = intervals(within, x, csat, codes, clusters=clusters, settings=settings, limits=(-1, 1))
    findings = (
        Finding(f"Spearman of {unit} and CSAT within issue types", found["within"], Range(SMALL)),
        Finding(f"Spearman of {unit} and CSAT overall", found["overall"]),
    )
    n = int(keep.sum())
    return Outcome(
        n=n,
        findings=findings,
        says=(
            f"Within {n_topics} issue types, {unit} and CSAT have a Spearman correlation of "
            f"{findings[0]} over {n} conversations."
        ),
        tables={
            "by issue type": rows(
                "issue type",
                "conversations",
                f"Spearman of {unit} and CSAT",
                of=[
                    (
                        name,
                        int(mine.sum()),
                        intervals(
                            lambda a, b: {"rho": spearman(a, b)},
                            x[mine],
                            csat[mine],
                            clusters=clusters[mine],
                            settings=settings,
                            limits=(-1, 1),
                        )["rho"],
                    )
                    for name, mine in _largest(topics)
                ],
            )
        },
    )


def _length(data: ClaimData) -> tuple[FloatArray, str]:
    """Seconds, unless most surveyed conversations lack them: then turns for all."""
    surveyed = np.isfinite(data.csat)
    timed = int((surveyed & np.isfinite(data.handle_s)).sum())
    if timed >= 0.5 * surveyed.sum() and timed:
        return data.handle_s, "handle time"
    return data.n_turns, "number of turns"


def _largest(topics: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Issue types with enough conversations for a figure of their own, largest first."""
    names, counts = np.unique(topics, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [(str(names[i]), topics == names[i]) for i in order if counts[i] >= MIN_CONVERSATIONS][
        :_MOST_TOPICS
    ]


def _long_tail(data: ClaimData, settings: Settings) -> Outcome | Lack:
    keep = np.isfinite(data.handle_s)
    if lack := too_few(keep, "a handle time"):
        return lack
    seconds, topics = data.handle_s[keep], data.topics[keep]
    clusters, _ = cluster_codes(data.clusters[keep])
    finding = Finding(
        f"share of time of the longest {percent(TAIL)}",
        _tail_estimate(seconds, clusters, settings),
        Range(*CLAIMED_TAIL),
        percent=True,
    )
    in_tail = seconds >= np.quantile(seconds, 1 - TAIL)
    return Outcome(
        n=seconds.size,
        findings=(finding,),
        says=(
            f"The longest {percent(TAIL)} of {seconds.size} conversations take {finding} of the "
            f"time; the claim says {percent(CLAIMED_TAIL[0])} to {percent(CLAIMED_TAIL[1])}."
        ),
        tables={
            "by issue type": rows(
                "issue type",
                "conversations",
                "median minutes",
                "share of time of its longest tenth",
                "share of its conversations in the overall tail",
                of=[
                    (
                        name,
                        int(mine.sum()),
                        round(float(np.median(seconds[mine])) / 60, 2),
                        _tail_estimate(seconds[mine], clusters[mine], settings),
                        round(float(in_tail[mine].mean()), 3),
                    )
                    for name, mine in _largest(topics)
                ],
            )
        },
    )


def _tail_estimate(seconds: FloatArray, clusters: IntArray, settings: Settings) -> Estimate:
    lengths, codes = np.unique(seconds, return_inverse=True)

    def share(drawn: IntArray) -> dict[str, float]:
        return {"share": _tail_share(lengths, np.bincount(drawn, minlength=lengths.size))}

    found = intervals(share, codes, clusters=clusters, settings=settings, limits=(0, 1))
    return found["share"]


def tail_share(seconds: FloatArray) -> float:
    """Return the share of all time that the longest tenth takes, rounded up to whole ones."""
    lengths, counts = np.unique(seconds, return_counts=True)
    return _tail_share(lengths, counts)


def _tail_share(lengths: FloatArray, counts: IntArray) -> float:
    """As `tail_share`, of increasing lengths and how often each occurs."""
    whole = float(lengths @ counts)
    longest = math.ceil(TAIL * int(counts.sum()))
    if whole <= 0:
        return float("nan")
    # All of the lengths that fit, and as many of the next as are left.
    reached = np.cumsum(counts[::-1])
    n = int(np.searchsorted(reached, longest))
    at = lengths.size - 1 - n
    left = longest - int(reached[n - 1]) if n else longest
    return (float(lengths[at + 1 :] @ counts[at + 1 :]) + left * float(lengths[at])) / whole


CLAIMS = (
    Claim(
        id="longer_is_better",
        question="Does longer handling go with a better experience?",
        method=(
            "Spearman correlation of handle time (turns where times are unknown) with CSAT within "
            "issue types, averaged by their size so that hard issues do not pose as slow agents; "
            f"the claim is above {SMALL:g}, a small effect (Cohen 1988; practitioners' articles)."
        ),
        needs=(Need.HANDLING, Need.CSAT),
        planned=planned_correlation(0.2, SMALL),
        test=_longer_is_better,
        uses_ratings=False,
    ),
    Claim(
        id="long_tail_of_talk_time",
        question="Does the long tail of conversations take a quarter to a third of talk time?",
        method=(
            f"Share of all handle time in the longest {percent(TAIL)} of conversations; the claim "
            f"is {percent(CLAIMED_TAIL[0])} to {percent(CLAIMED_TAIL[1])} (a Lorenz-curve share; "
            "practitioners' figures)."
        ),
        needs=(Need.HANDLE_TIME,),
        planned=planned_share(0.29, CLAIMED_TAIL[0]),
        test=_long_tail,
        uses_ratings=False,
    ),
)
