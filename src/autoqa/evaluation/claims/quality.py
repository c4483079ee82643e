"""Claims about QA totals: what they say about satisfaction, and what grading adds."""

from __future__ import annotations

import numpy as np

from autoqa.evaluation.alignment import positive_share_by_band
from autoqa.evaluation.claims.base import (
    Claim,
    Lack,
    Need,
    Outcome,
    Settings,
    clustered_share,
    group_too_small,
    intervals,
    rows,
    too_few,
)
from autoqa.evaluation.claims.data import ClaimData, Names
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

MEDIUM = 0.3
"""A rank correlation of medium size (Cohen 1988): below it, one says little about the other."""

EXCELLENT = 95.0
"""QA total from which practitioners call a conversation excellent."""

BAND = 0.02
"""Distance from a claimed share that still counts as that share."""

NUANCE = 0.02
"""Loss of rank correlation from which pass/fail scoring costs something."""

_FEWEST_AGENTS = 5
_FEWEST_PER_AGENT = 5


def _high_qa_high_csat(data: ClaimData, settings: Settings) -> Outcome | Lack:
    keep = np.isfinite(data.total) & np.isfinite(data.csat)
    if lack := too_few(keep, "both a QA total and a survey answer"):
        return lack
    total, csat = data.total[keep], data.csat[keep]
    clusters = data.clusters[keep]
    found = intervals(
        lambda q, c: {"spearman": spearman(q, c)},
        rank_codes(total),
        rank_codes(csat),
        clusters=clusters,
        settings=settings,
        limits=(-1, 1),
    )
    upper = total >= np.median(total)
    unhappy = clustered_share(csat[upper] < 0.5, clusters[upper])
    findings = [
        Finding("Spearman, QA total and CSAT", found["spearman"], Range(MEDIUM)),
        Finding("dissatisfied among the better half by QA", unhappy, percent=True),
    ]
    agents = _agent_means(data.agent[keep], total, csat)
    if len(agents) >= _FEWEST_AGENTS:
        between = intervals(
            lambda means: {"spearman": spearman(means[:, 0], means[:, 1])},
            agents,
            clusters=np.arange(len(agents)),
            settings=settings,
            limits=(-1, 1),
        )
        findings.append(Finding("Spearman between agents' means", between["spearman"]))
    return Outcome(
        n=int(keep.sum()),
        findings=tuple(findings),
        says=(
            f"Over {int(keep.sum())} conversations, QA totals and CSAT have a Spearman "
            f"correlation of {findings[0]}; of the better half by QA, {findings[1]} were "
            "dissatisfied."
        ),
    )


def _agent_means(agent: Names, total: FloatArray, csat: FloatArray) -> FloatArray:
    """Mean total and mean CSAT of each agent with enough of both, shape (n_agents, 2)."""
    names, codes, counts = np.unique(agent, return_inverse=True, return_counts=True)
    sums = [np.bincount(codes.ravel(), weights=values) for values in (total, csat)]
    enough = (counts >= _FEWEST_PER_AGENT) & (names != "")
    return np.asarray(np.stack([of / counts for of in sums], axis=1)[enough])


def _excellent_is_99(data: ClaimData, settings: Settings) -> Outcome | Lack:
    keep = np.isfinite(data.total) & np.isfinite(data.csat)
    if lack := too_few(keep, "both a QA total and a survey answer"):
        return lack
    total, csat, clusters = data.total[keep], data.csat[keep], data.clusters[keep]
    high, positive = total >= EXCELLENT, csat > 0.5
    groups = {f"at {EXCELLENT:g} or above": high, f"below {EXCELLENT:g}": ~high}
    if lack := group_too_small(groups, total.size, least=MIN_GROUP):
        return lack
    bands = positive_share_by_band(
        total,
        csat,
        cut=EXCELLENT,
        clusters=clusters,
        n_resamples=settings.n_resamples,
        seed=settings.seed,
    )
    findings = (
        Finding(
            f"positive CSAT at QA {EXCELLENT:g} and above",
            clustered_share(positive[high], clusters[high]),
            Range(0.99 - BAND),
            percent=True,
        ),
        Finding(
            f"positive CSAT below {EXCELLENT:g}",
            clustered_share(positive[~high], clusters[~high]),
            Range(0.92 - BAND, 0.92 + BAND),
            percent=True,
        ),
        Finding("difference", bands.difference, percent=True),
    )
    return Outcome(
        n=total.size,
        findings=findings,
        says=(
            f"At QA {EXCELLENT:g} and above {findings[0]} gave a positive answer "
            f"({int(high.sum())} conversations), below {findings[1]} ({int((~high).sum())}); "
            f"the claim says 99 % and 92 %. The difference is {findings[2]}."
        ),
    )


def _grading_keeps_information(data: ClaimData, settings: Settings) -> Outcome | Lack:
    criteria = list(data.shares)
    graded, passed = data.mean_share(criteria), data.mean_share(criteria, passed=True)
    keep = np.isfinite(graded) & np.isfinite(data.csat)
    if lack := too_few(keep, "both ratings and a survey answer"):
        return lack

    def both(g: IntArray, p: IntArray, c: IntArray) -> dict[str, float]:
        with_grades, with_passes = spearman(g, c), spearman(p, c)
        return {
            "graded": with_grades,
            "binary": with_passes,
            "lost": with_grades - with_passes,
        }

    found = intervals(
        both,
        rank_codes(graded[keep]),
        rank_codes(passed[keep]),
        rank_codes(data.csat[keep]),
        clusters=data.clusters[keep],
        settings=settings,
    )
    findings = (
        Finding("Spearman lost by pass/fail", found["lost"], Range(NUANCE)),
        Finding("Spearman, graded", found["graded"]),
        Finding("Spearman, pass/fail", found["binary"]),
    )
    several = [name for name in criteria if data.n_levels.get(name, 0) > 2]
    return Outcome(
        n=int(keep.sum()),
        findings=findings,
        says=(
            f"Graded scores have a Spearman correlation of {findings[1]} with CSAT, the same "
            f"ratings as pass/fail one of {findings[2]}; the loss is {findings[0]} over "
            f"{int(keep.sum())} conversations ({len(several)} of {len(criteria)} criteria have "
            "more than two levels)."
        ),
        tables={
            "distinct scores": rows(
                "scoring",
                "different values",
                of=[
                    ("graded", len(np.unique(np.round(graded[keep], 9)))),
                    ("pass/fail", len(np.unique(np.round(passed[keep], 9)))),
                ],
            )
        },
    )


CLAIMS = (
    Claim(
        id="high_qa_high_csat",
        question="Does high QA imply high CSAT?",
        method=(
            f"Spearman correlation of QA total and CSAT by conversation; the claim is that it lies "
            f"above {MEDIUM:g}, a medium effect (Cohen 1988, Statistical Power Analysis, "
            "chapter 3)."
        ),
        needs=(Need.TOTALS, Need.CSAT),
        planned=planned_correlation(0.4, MEDIUM),
        test=_high_qa_high_csat,
    ),
    Claim(
        id="excellent_qa_99_positive",
        question="Does QA of 95 and more go with 99 % positive CSAT, and lower QA with 92 %?",
        method=(
            f"Share of positive answers at QA {EXCELLENT:g} and above and below it, with Wilson "
            "intervals widened by the design effect of agents; the claim is that the first lies "
            f"above {percent(0.99 - BAND)} and the second within {100 * BAND:g} points of 92 % "
            "(equivalence, Schuirmann 1987; practitioners' figures)."
        ),
        needs=(Need.TOTALS, Need.CSAT),
        planned=planned_share(0.92, 0.92 - BAND),
        test=_excellent_is_99,
    ),
    Claim(
        id="pass_fail_loses_nuance",
        question="Does pass/fail scoring lose information that graded scoring keeps?",
        method=(
            "Spearman correlation with CSAT of the weighted mean of graded criteria minus that of "
            "the same ratings cut to pass (above half of the points) or fail, paired bootstrap; "
            f"the claim is a loss above {NUANCE:g} (Cohen 1983, Applied Psychological Measurement "
            "7(3), 249-253, on the cost of dichotomising)."
        ),
        needs=(Need.GRADED, Need.CSAT),
        planned=planned_correlation(0.4, 0.35),
        test=_grading_keeps_information,
    ),
)
