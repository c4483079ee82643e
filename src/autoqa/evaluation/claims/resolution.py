"""Claims about resolution: what it does to satisfaction, and what makes up for its absence."""

from __future__ import annotations

import numpy as np

from autoqa.evaluation.agreement import cohen_kappa
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
from autoqa.evaluation.claims.data import ClaimData, Mask
from autoqa.evaluation.claims.parts import Part
from autoqa.evaluation.claims.verdict import (
    MIN_GROUP,
    Finding,
    Range,
    percent,
    planned_difference,
    planned_share,
    planned_slope,
)
from autoqa.evaluation.classification import auc
from autoqa.evaluation.tables import FloatArray

LIFT = 0.05
"""Rise of CSAT, as a share of its scale, from no to full soft skills that counts as a lift."""

LEFT = 0.5
"""Share of the lift that may be left after an unresolved contact, if soft skills do not rescue."""

ORDERED = 0.55
"""AUC from which soft skills tell two kinds of customers apart."""

EQUAL = 0.9
"""Share of each side (resolved, unresolved) that must agree if resolution equals satisfaction."""


def _soft_skills_lift(data: ClaimData, settings: Settings) -> Outcome | Lack:
    soft = data.part(Part.SOFT_SKILLS)
    keep = np.isfinite(soft) & np.isfinite(data.csat)
    if lack := too_few(keep, "both soft-skill ratings and a survey answer"):
        return lack
    with_outcome = keep & np.isfinite(data.resolved)
    resolved = data.resolved[with_outcome] == 1
    groups = {"resolved": resolved, "unresolved": ~resolved}
    if not group_too_small(groups, resolved.size, least=MIN_GROUP):
        return _by_resolution(data, soft, with_outcome, settings)
    return _by_threshold(data, soft, keep, settings)


def _slope(x: FloatArray, y: FloatArray) -> float:
    centred = x - x.mean() if x.size else x
    spread = float(centred @ centred)
    return float(centred @ y) / spread if spread > 1e-12 else float("nan")


def _by_resolution(data: ClaimData, soft: FloatArray, keep: Mask, settings: Settings) -> Outcome:
    """Two slopes of CSAT on soft skills, and how much of one is left in the other."""

    def slopes(s: FloatArray, c: FloatArray, r: FloatArray) -> dict[str, float]:
        lift, rescue = _slope(s[r == 1], c[r == 1]), _slope(s[r == 0], c[r == 0])
        return {"lift": lift, "rescue": rescue, "left": rescue - LEFT * lift}

    found = intervals(
        slopes,
        soft[keep],
        data.csat[keep],
        data.resolved[keep],
        clusters=data.clusters[keep],
        settings=settings,
    )
    findings = (
        Finding("lift of CSAT by soft skills, resolved", found["lift"], Range(LIFT), percent=True),
        Finding(
            f"lift when unresolved minus {percent(LEFT)} of lift when resolved",
            found["left"],
            Range(high=0.0),
            percent=True,
        ),
        Finding("lift of CSAT by soft skills, unresolved", found["rescue"], percent=True),
    )
    n = int(keep.sum())
    return Outcome(
        n=n,
        findings=findings,
        says=(
            f"From none to full soft skills CSAT rises by {findings[0]} of its scale in resolved "
            f"contacts and by {findings[2]} in unresolved ones ({n} conversations, resolved by "
            f"{data.resolved_by})."
        ),
    )


def _by_threshold(data: ClaimData, soft: FloatArray, keep: Mask, settings: Settings) -> Outcome:
    """Do soft skills tell delighted from pleased customers, but not pleased from dissatisfied?"""

    def orderings(s: FloatArray, c: FloatArray) -> dict[str, float]:
        happy = c > 0.5
        return {"lift": auc(c[happy] >= 1.0, s[happy]), "rescue": auc(c >= 0.5, s)}

    found = intervals(
        orderings,
        soft[keep],
        data.csat[keep],
        clusters=data.clusters[keep],
        settings=settings,
        limits=(0, 1),
    )
    findings = (
        Finding("AUC of soft skills, top box among positive", found["lift"], Range(ORDERED)),
        Finding(
            "AUC of soft skills, not dissatisfied among all", found["rescue"], Range(high=ORDERED)
        ),
    )
    return Outcome(
        n=int(keep.sum()),
        findings=findings,
        says=(
            "Without resolution, two thresholds of CSAT are compared: soft skills order top-box "
            f"before other positive customers with AUC {findings[0]}, and satisfied before "
            f"dissatisfied ones with AUC {findings[1]} ({int(keep.sum())} conversations)."
        ),
    )


def _resolution_is_satisfaction(data: ClaimData, settings: Settings) -> Outcome | Lack:
    keep = np.isfinite(data.resolved) & np.isfinite(data.csat)
    if lack := too_few(keep, "both a resolution and a survey answer"):
        return lack
    resolved, positive = data.resolved[keep] == 1, data.csat[keep] > 0.5
    clusters = data.clusters[keep]
    groups = {"resolved": resolved, "unresolved": ~resolved}
    if lack := group_too_small(groups, resolved.size, least=MIN_GROUP):
        return lack
    kappa = intervals(
        lambda r, p: {"kappa": cohen_kappa(r, p, levels=(0, 1))},
        resolved.astype(int),
        positive.astype(int),
        clusters=clusters,
        settings=settings,
        limits=(-1, 1),
    )["kappa"]
    findings = (
        Finding(
            "satisfied among resolved",
            clustered_share(positive[resolved], clusters[resolved]),
            Range(EQUAL),
            percent=True,
        ),
        Finding(
            "satisfied among unresolved",
            clustered_share(positive[~resolved], clusters[~resolved]),
            Range(high=1 - EQUAL),
            percent=True,
        ),
        Finding("kappa of resolved and satisfied", kappa),
    )
    n = resolved.size
    cells = [
        (f"{left}, {right}", int((a & b).sum()), clustered_share(a & b, clusters))
        for left, a in (("resolved", resolved), ("unresolved", ~resolved))
        for right, b in (("satisfied", positive), ("not satisfied", ~positive))
    ]
    counts = "; ".join(f"{name} {count}" for name, count, _ in cells)
    return Outcome(
        n=n,
        findings=findings,
        says=(
            f"Of {n} contacts: {counts}. Satisfied were {findings[0]} of the resolved and "
            f"{findings[1]} of the unresolved (resolved by {data.resolved_by})."
        ),
        tables={"four cells": rows("cell", "conversations", "share", of=cells)},
    )


def _service_recovery(data: ClaimData, settings: Settings) -> Outcome | Lack:
    keep = np.isfinite(data.resolved) & np.isfinite(data.csat) & np.isfinite(data.failure)
    if lack := too_few(keep, "a known failure or none, a resolution, and a survey answer"):
        return lack
    csat, clusters = data.csat[keep], data.clusters[keep]
    resolved, failed = data.resolved[keep] == 1, data.failure[keep] == 1
    recovered, smooth = failed & resolved, ~failed & resolved
    groups = {"recovered from a failure": recovered, "resolved without a failure": smooth}
    if lack := group_too_small(groups, csat.size, least=MIN_GROUP):
        return lack

    def gap(c: FloatArray, after: Mask, without: Mask) -> dict[str, float]:
        if not after.any() or not without.any():
            return dict.fromkeys(("gap", "after", "without"), float("nan"))
        a, b = float(c[after].mean()), float(c[without].mean())
        return {"gap": a - b, "after": a, "without": b}

    found = intervals(gap, csat, recovered, smooth, clusters=clusters, settings=settings)
    findings = (
        Finding(
            "CSAT after recovery minus CSAT without failure", found["gap"], Range(0.0), percent=True
        ),
        Finding("mean CSAT after recovery", found["after"], percent=True),
        Finding("mean CSAT without failure", found["without"], percent=True),
    )
    return Outcome(
        n=csat.size,
        findings=findings,
        says=(
            f"After a failure that was put right CSAT is {findings[1]} of its scale "
            f"({int(recovered.sum())} conversations), where nothing had failed {findings[2]} "
            f"({int(smooth.sum())}); the difference is {findings[0]}."
        ),
    )


CLAIMS = (
    Claim(
        id="soft_skills_lift_not_rescue",
        question="Do soft skills lift good conversations but not rescue bad ones?",
        method=(
            "Least-squares slope of CSAT on the soft-skill score in resolved and in unresolved "
            f"contacts; the claim is a slope above {percent(LIFT)} of the scale when resolved, and "
            f"less than {percent(LEFT)} of it when not (interaction; Aiken and West 1991, Multiple "
            "Regression, chapter 7); without resolution, AUC of soft skills for top box above "
            f"{ORDERED:g} and for not being dissatisfied below it."
        ),
        needs=(Need.SOFT_SKILLS, Need.CSAT),
        planned=planned_slope(0.15, LIFT, sd=0.25, sd_of_score=0.2),
        test=_soft_skills_lift,
    ),
    Claim(
        id="resolution_is_satisfaction",
        question="Is a resolved problem the same as a satisfied customer?",
        method=(
            "Share of positive answers among resolved and unresolved contacts, with Wilson "
            "intervals widened by the design effect of agents; the claim is above "
            f"{percent(EQUAL)} and below {percent(1 - EQUAL)} (four cells; practitioners' "
            "articles)."
        ),
        needs=(Need.RESOLUTION, Need.CSAT),
        planned=planned_share(0.8, EQUAL, of=0.3),
        test=_resolution_is_satisfaction,
    ),
    Claim(
        id="service_recovery_paradox",
        question="Are customers more satisfied after a failure put right than without a failure?",
        method=(
            "Mean CSAT of resolved contacts after a service failure minus that of resolved "
            "contacts without one; the claim is a difference above 0 (McCollough and Bharadwaj "
            "1992; de Matos, Henrique and Rossi 2007, Journal of Service Research 10(1), 60-77)."
        ),
        needs=(Need.FAILURES, Need.RESOLUTION, Need.CSAT),
        planned=planned_difference(0.05, 0.0, sd=0.25, smaller_group=0.2),
        test=_service_recovery,
    ),
)
