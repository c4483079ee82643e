"""Claims about the parts of service quality, and about ratings that customers contradict."""

from __future__ import annotations

import numpy as np

from autoqa.evaluation.claims.base import (
    Claim,
    Lack,
    Need,
    Outcome,
    Settings,
    clustered_share,
    intervals,
    rows,
    too_few,
)
from autoqa.evaluation.claims.data import ClaimData
from autoqa.evaluation.claims.parts import SERVICE_PARTS, Part
from autoqa.evaluation.claims.verdict import (
    MIN_GROUP,
    Finding,
    Range,
    percent,
    planned_correlation,
    planned_share,
)
from autoqa.evaluation.classification import rank_codes, spearman
from autoqa.evaluation.tables import FloatArray, IntArray

SMALL = 0.1
"""A small rank correlation (Cohen 1988)."""

DISCREPANT = 1 / 3
"""Share of dissatisfied customers whose conversation is in the better half by QA.

One half where ratings say nothing about satisfaction; about a third where their correlation is
medium (0.3).
"""

_MOST_LISTED = 25


def _parts_of_service(data: ClaimData, settings: Settings) -> Outcome | Lack:
    scores = {part: data.part(part) for part in SERVICE_PARTS if data.parts.get(part)}
    keep = np.isfinite(data.csat)
    for score in scores.values():
        keep &= np.isfinite(score)
    if lack := too_few(keep, f"a survey answer and ratings of {', '.join(scores)}"):
        return lack
    names = list(scores)
    stacked = np.stack([scores[name][keep] for name in names], axis=1)

    def related(by_part: IntArray, said: IntArray) -> dict[str, float]:
        return {str(name): spearman(by_part[:, i], said) for i, name in enumerate(names)}

    found = intervals(
        related,
        np.stack([rank_codes(column) for column in stacked.T], axis=1),
        rank_codes(data.csat[keep]),
        clusters=data.clusters[keep],
        settings=settings,
        limits=(-1, 1),
    )
    findings = tuple(Finding(f"Spearman of {name}", found[name], Range(SMALL)) for name in names)
    absent = [part for part in SERVICE_PARTS if part not in scores]
    n = int(keep.sum())
    return Outcome(
        n=n,
        findings=findings,
        says=(
            f"Spearman correlations with CSAT over {n} conversations: "
            + ", ".join(f"{name} {one}" for name, one in zip(names, findings, strict=True))
            + (f". Not rated: {', '.join(absent)}." if absent else ".")
        ),
        tables={
            "parts": rows(
                "part",
                "criteria",
                "mean score, share of points",
                of=[
                    (str(name), ", ".join(data.parts[name]), float(stacked[:, i].mean()))
                    for i, name in enumerate(names)
                ],
            )
        },
    )


def _ratings_need_review(data: ClaimData, settings: Settings) -> Outcome | Lack:  # noqa: ARG001
    keep = np.isfinite(data.total) & np.isfinite(data.csat)
    if lack := too_few(keep, "both a QA total and a survey answer"):
        return lack
    total, csat = data.total[keep], data.csat[keep]
    unhappy = csat < 0.5
    n_unhappy = int(unhappy.sum())
    if n_unhappy < MIN_GROUP:
        return Lack(
            f"{n_unhappy} of {csat.size} customers were dissatisfied; {MIN_GROUP} are the least.",
            csat.size,
        )
    middle = float(np.median(total))
    high = total > middle
    clusters = data.clusters[keep]
    findings = (
        Finding(
            "dissatisfied customers' conversations in the better half by QA",
            clustered_share(high[unhappy], clusters[unhappy]),
            Range(DISCREPANT),
            percent=True,
        ),
        Finding("all conversations in it", clustered_share(high, clusters), percent=True),
        Finding("dissatisfied", clustered_share(unhappy, clusters), percent=True),
    )
    scores = {str(part): data.part(part)[keep] for part in Part if data.parts.get(part)}
    by_part = [
        (name, _upper_half_of(score, unhappy))
        for name, score in scores.items()
        if np.isfinite(score[unhappy]).sum() >= MIN_GROUP
    ]
    # Farthest apart first: the worst answer, then the highest total.
    order = np.lexsort((-total, csat))
    listed = [i for i in order if unhappy[i] and high[i]][:_MOST_LISTED]
    ids = data.conversations[keep]
    return Outcome(
        n=csat.size,
        findings=findings,
        says=(
            f"Of {n_unhappy} dissatisfied customers, {findings[0]} had a conversation that is "
            f"rated above the median total ({middle:.1f}); chance alone gives about "
            f"{percent(findings[1].estimate.value)}. Such conversations go to a second rater."
        ),
        tables={
            "dissatisfied above the median, by part": rows("part", "share", of=by_part),
            "ratings to review first": rows(
                "conversation",
                "QA total",
                "CSAT, share of scale",
                of=[
                    (str(ids[i]), round(float(total[i]), 1), round(float(csat[i]), 3))
                    for i in listed
                ],
            ),
        },
    )


def _upper_half_of(score: FloatArray, unhappy: np.ndarray) -> float:
    """Share of dissatisfied customers above a part's median; half of those at the median count."""
    known = np.isfinite(score)
    middle = np.median(score[known])
    mine = score[known & unhappy]
    return round(float((mine > middle).mean() + (mine == middle).mean() / 2), 3)


CLAIMS = (
    Claim(
        id="parts_of_service_quality",
        question=("Do reliability, competence, delivery and solutions each go with satisfaction?"),
        method=(
            "Spearman correlation of each part's score (weighted mean of its criteria) with CSAT; "
            f"the claim is above {SMALL:g} for every part that is rated (after Parasuraman, "
            "Zeithaml and Berry 1988, Journal of Retailing 64(1), 12-40)."
        ),
        needs=(Need.SERVICE_PARTS, Need.CSAT),
        planned=planned_correlation(0.2, SMALL),
        test=_parts_of_service,
    ),
    Claim(
        id="ratings_need_review",
        question=(
            "Are scores high where satisfaction is low, so that the ratings themselves need review?"
        ),
        method=(
            "Share of dissatisfied customers whose conversation has a QA total above the median; "
            f"the claim is above {percent(DISCREPANT)}, what a medium correlation would leave "
            "(practitioners' articles)."
        ),
        needs=(Need.TOTALS, Need.CSAT),
        planned=planned_share(0.5, DISCREPANT, of=0.15),
        test=_ratings_need_review,
    ),
)
