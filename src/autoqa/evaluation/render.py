"""What a Comparison says, in words."""

from __future__ import annotations

import math
from collections.abc import Iterable

from autoqa.evaluation.by_total import CsatComparison, TotalComparison
from autoqa.evaluation.comparison import Comparison
from autoqa.evaluation.figures import MARGIN, Verdict
from autoqa.evaluation.intervals import Estimate

NAMES = {
    "quadratic_kappa": "Quadratic kappa",
    "krippendorff_alpha": "Krippendorff's alpha (ordinal)",
    "gwet_ac2": "Gwet's AC2",
    "exact": "Exact agreement",
    "within_one": "Within one level",
    "icc_2_1": "ICC(2,1)",
    "mae": "Mean absolute error (points)",
    "spearman": "Spearman",
    "kendall_tau_b": "Kendall's tau-b",
    "auc_dissatisfied": "AUC, dissatisfied",
    "auc_top_box": "AUC, top box",
}
"""What a figure is called in print."""

_NOTHING = "–"


def show(estimate: Estimate | None, *, with_n: bool = False, digits: int = 2) -> str:
    """Return ``0.61 [0.55, 0.67]``, with ``, n=952`` if asked; a dash where there is nothing."""
    if estimate is None or not math.isfinite(estimate.value):
        return _NOTHING
    text = f"{estimate.value:.{digits}f}"
    if estimate.known:
        text += f" [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"
    return f"{text}, n={estimate.n}" if with_n else text


def summary(comparison: Comparison) -> list[str]:
    """Return what the comparison says in plain sentences, the most useful ones first."""
    verdicts: dict[Verdict, list[str]] = {v: [] for v in Verdict}
    for found in comparison.criteria:
        verdicts[found.figures["quadratic_kappa"].verdict].append(found.criterion)
    said = []
    if verdicts[Verdict.AS_PEOPLE]:
        said.append(
            f"Agrees with people as well as they agree with each other (at most {MARGIN:.2f} "
            f"below, in quadratic kappa): {', '.join(verdicts[Verdict.AS_PEOPLE])}."
        )
    if verdicts[Verdict.BELOW_PEOPLE]:
        said.append(
            "Agrees with people less than they agree with each other: "
            f"{', '.join(verdicts[Verdict.BELOW_PEOPLE])}."
        )
    if verdicts[Verdict.UNCERTAIN]:
        said.append(
            "Cannot be said, the intervals are too wide (few conversations or agents, or ratings "
            "nearly all alike): "
            f"{', '.join(verdicts[Verdict.UNCERTAIN])}."
        )
    if verdicts[Verdict.NO_CEILING]:
        said.append(
            "Cannot be said, nobody rated these twice, so how far people agree is unknown: "
            f"{', '.join(verdicts[Verdict.NO_CEILING])}."
        )
    if comparison.totals is not None:
        said.append(_about_totals(comparison.totals))
    if comparison.csat is not None:
        said.extend(_about_csat(comparison.csat))
    return said


def _about_totals(totals: TotalComparison) -> str:
    mae, severity = totals.figures["mae"], totals.mean_difference
    text = (
        f"QA totals of the two sides differ by {show(mae.automated, digits=1)} points on average "
        f"(n={totals.n_conversations})"
    )
    if mae.ceiling is not None and mae.ceiling.known:
        text += f"; those of two people by {show(mae.ceiling, digits=1)} (n={mae.ceiling.n})"
    if severity.known and severity.low > 0:
        text += f". The automated totals are higher, by {show(severity, digits=1)} points"
    elif severity.known and severity.high < 0:
        text += f". The automated totals are lower, by {show(-severity, digits=1)} points"
    return text + "."


def _about_csat(csat: CsatComparison) -> Iterable[str]:
    if csat.automated is not None:
        yield (
            "Automated totals and CSAT: "
            + _association(csat.automated["spearman"], "higher totals go with happier customers")
        )
    if csat.human is not None:
        yield (
            "Human totals and CSAT: "
            + _association(csat.human["spearman"], "higher totals go with happier customers")
        )
    if csat.paired is not None:
        gap = csat.paired["difference"]["spearman"]
        if not gap.known:
            yield "Whether automated or human totals go with CSAT more closely cannot be said."
        elif gap.low > 0 or gap.high < 0:
            nearer = "Automated" if gap.low > 0 else "Human"
            yield (
                f"{nearer} totals go with CSAT more closely (difference in Spearman "
                f"{show(gap, with_n=True)}, automated minus human)."
            )
        else:
            yield (
                "Which totals go with CSAT more closely cannot be said (difference in Spearman "
                f"{show(gap, with_n=True)}, automated minus human)."
            )
    if csat.predicted is not None:
        yield (
            "Predicted and surveyed CSAT: "
            + _association(csat.predicted["spearman"], "the prediction orders customers rightly")
        )


def _association(spearman: Estimate, meaning: str) -> str:
    if not spearman.known:
        return f"no association can be computed (n={spearman.n})."
    figures = f"Spearman {show(spearman, with_n=True)}"
    if spearman.low > 0:
        return f"{meaning} ({figures})."
    if spearman.high < 0:
        return f"the association is the wrong way round ({figures})."
    return f"no association can be shown ({figures})."
