"""The claim that delighted customers are another kind than satisfied ones."""

from __future__ import annotations

import numpy as np

from autoqa.evaluation.claims.base import (
    Claim,
    Lack,
    Need,
    Outcome,
    Settings,
    group_too_small,
    intervals,
    rows,
    too_few,
)
from autoqa.evaluation.claims.data import ClaimData
from autoqa.evaluation.claims.verdict import MIN_GROUP, Finding, Range, planned_share
from autoqa.evaluation.classification import auc

APART = 0.55
"""Chance of ordering a top-box before a second-box customer from which the two are apart."""


def _top_box_differs(data: ClaimData, settings: Settings) -> Outcome | Lack:
    known = np.isfinite(data.csat) & np.isfinite(data.loyalty)
    by_loyalty = bool(known.any())
    proxy, what = (data.loyalty, "loyalty") if by_loyalty else (data.total, "QA total")
    keep = np.isfinite(data.csat) & np.isfinite(proxy) & (data.csat > 0.5)
    if lack := too_few(keep, f"a positive survey answer and a {what}"):
        return lack
    csat, value, clusters = data.csat[keep], proxy[keep], data.clusters[keep]
    top = csat >= 1.0
    if lack := group_too_small({"top box": top, "second box": ~top}, csat.size, least=MIN_GROUP):
        return lack

    def apart(is_top: np.ndarray, v: np.ndarray) -> dict[str, float]:
        if is_top.all() or not is_top.any():
            return dict.fromkeys(("auc", "difference"), float("nan"))
        return {
            "auc": auc(is_top, v),
            "difference": float(v[is_top].mean() - v[~is_top].mean()),
        }

    found = intervals(apart, top, value, clusters=clusters, settings=settings)
    findings = (
        Finding(f"AUC of {what}, top box against second", found["auc"], Range(APART)),
        Finding(f"mean {what}, top box minus second", found["difference"]),
    )
    no_loyalty = "" if by_loyalty else " No sign of loyalty is known, so QA stands in for it."
    return Outcome(
        n=csat.size,
        findings=findings,
        says=(
            f"A top-box customer has the higher {what} than a merely satisfied one with "
            f"probability {findings[0]}; the means differ by {findings[1]} "
            f"({int(top.sum())} top-box, {int((~top).sum())} other positive answers).{no_loyalty}"
        ),
        tables={
            f"mean {what}": rows(
                "answer",
                "conversations",
                "mean",
                of=[
                    ("top box", int(top.sum()), float(value[top].mean())),
                    ("second box", int((~top).sum()), float(value[~top].mean())),
                ],
            )
        },
    )


CLAIMS = (
    Claim(
        id="top_box_differs",
        question="Are top-box customers different from merely satisfied ones?",
        method=(
            "Chance that a customer with the best answer has a higher sign of loyalty (QA total "
            "where none is known) than one with another positive answer; the claim is an AUC above "
            f"{APART:g} (Jones and Sasser 1995, Harvard Business Review 73(6), 88-99)."
        ),
        needs=(Need.CSAT, Need.LOYALTY_OR_TOTALS),
        planned=planned_share(0.6, APART, of=0.6),
        test=_top_box_differs,
    ),
)
