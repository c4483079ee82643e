"""What a claim is, what its test returns, and the figures that several tests share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from autoqa.evaluation.alignment import wilson
from autoqa.evaluation.claims.data import ClaimData, Mask
from autoqa.evaluation.claims.parts import SERVICE_PARTS, Part
from autoqa.evaluation.claims.verdict import (
    LEVEL,
    MIN_CONVERSATIONS,
    Finding,
    Plan,
    Verdict,
    conversations_needed,
    overall,
    stretched,
)
from autoqa.evaluation.intervals import Estimate, bootstrap_many, cluster_codes

Table: TypeAlias = tuple[Mapping[str, Any], ...]
"""Rows of a table beside a claim: column -> text, number or Estimate."""


class Need(StrEnum):
    """What a claim cannot be tested without, in the words that say it is missing."""

    TOTALS = "QA totals (ratings of whole conversations)"
    GRADED = "ratings on criteria with more than two levels"
    SOFT_SKILLS = "ratings of soft skills (name the criteria as part soft_skills)"
    SERVICE_PARTS = "ratings of at least two of reliability, competence, delivery and solutions"
    CSAT = "customers' answers to a survey"
    RESOLUTION = "whether contacts were resolved (outcome 'resolved', or a resolution criterion)"
    TOPICS = "topics of conversations, at least two"
    AGENTS = "agents of conversations, at least two"
    HANDLING = "times or turns of conversations"
    HANDLE_TIME = "handle times (turns with times, or an attribute handle_s)"
    LOYALTY_OR_TOTALS = "a sign of loyalty (outcome 'loyalty', 'nps', 'retained') or QA totals"
    FAILURES = "which contacts a service failure brought about (outcome or topics)"

    def met(self, data: ClaimData) -> bool:
        """Whether the data have any of it."""
        return _CHECKS[self](data)


def _any(values: npt.NDArray[np.float64]) -> bool:
    return bool(np.isfinite(values).any())


def _several(names: npt.NDArray[np.str_]) -> bool:
    return len(np.unique(names[names != ""])) > 1


_CHECKS: Mapping[Need, Callable[[ClaimData], bool]] = {
    Need.TOTALS: lambda data: _any(data.total),
    Need.GRADED: lambda data: any(
        n > 2 for name, n in data.n_levels.items() if name in data.shares
    ),
    Need.SOFT_SKILLS: lambda data: bool(data.parts.get(Part.SOFT_SKILLS)),
    Need.SERVICE_PARTS: lambda data: sum(bool(data.parts.get(p)) for p in SERVICE_PARTS) > 1,
    Need.CSAT: lambda data: _any(data.csat),
    Need.RESOLUTION: lambda data: _any(data.resolved),
    Need.TOPICS: lambda data: _several(data.topic),
    Need.AGENTS: lambda data: _several(data.agent),
    Need.HANDLING: lambda data: _any(data.handle_s) or _any(data.n_turns),
    Need.HANDLE_TIME: lambda data: _any(data.handle_s),
    Need.LOYALTY_OR_TOTALS: lambda data: _any(data.loyalty) or _any(data.total),
    Need.FAILURES: lambda data: bool((data.failure == 1).any()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Resamples behind each interval, and their seed."""

    n_resamples: int = 1000
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Lack:
    """Why a test could not be made."""

    reason: str
    n: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a test found: figures, the sentence that says them, tables beside it."""

    n: int
    findings: tuple[Finding, ...]
    says: str
    tables: Mapping[str, Table] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimResult:
    """The answer to one claim.

    Attributes
    ----------
    findings : tuple of Finding
        The claimed figures first; empty where nothing could be worked out.
    n : int
        Conversations behind it.
    needed : int or None
        Conversations that would bring a verdict (see `autoqa.evaluation.claims.NEEDED_RULE`).
    after_correction : Verdict
        The verdict that is left when intervals are widened for the number of claims tested.
    ratings : str
        Whose ratings were used: ``automated``, ``human``, or empty where none were.
    """

    claim: str
    question: str
    method: str
    verdict: Verdict
    after_correction: Verdict
    findings: tuple[Finding, ...]
    n: int
    needed: int | None
    sentence: str
    ratings: str = ""
    tables: Mapping[str, Table] = field(default_factory=dict)


Test: TypeAlias = Callable[[ClaimData, Settings], "Outcome | Lack"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim of practitioners, and the test of it.

    Attributes
    ----------
    id, question : str
    method : str
        One sentence: figure, range, source.
    needs : tuple of Need
    planned : Plan
        What to collect where there is no estimate yet.
    test : callable
    uses_ratings : bool
        Whether the answer may depend on whose ratings are used.
    """

    id: str
    question: str
    method: str
    needs: tuple[Need, ...]
    planned: Plan
    test: Test
    uses_ratings: bool = True

    def run(self, data: ClaimData, settings: Settings | None = None) -> ClaimResult:
        """Test the claim; what is missing makes it "not enough data", never an error."""
        missing = [need for need in self.needs if not need.met(data)]
        outcome = (
            Lack(f"Missing: {'; '.join(missing)}.")
            if missing
            else self.test(data, settings or Settings())
        )
        if isinstance(outcome, Lack):
            return self._result(
                Verdict.NOT_ENOUGH_DATA,
                n=outcome.n,
                needed=self.planned.n,
                sentence=(
                    f"Not enough data. {outcome.reason} Plan for {self.planned.n} conversations "
                    f"(assumes {self.planned.assumed})."
                ),
            )
        verdict = overall(outcome.findings)
        return replace(
            self._result(
                verdict,
                n=outcome.n,
                needed=conversations_needed(outcome.findings, outcome.n),
                sentence=f"{verdict.capitalize()}. {outcome.says}",
            ),
            findings=outcome.findings,
            tables=outcome.tables,
        )

    def _result(
        self, verdict: Verdict, *, n: int, needed: int | None, sentence: str
    ) -> ClaimResult:
        return ClaimResult(
            claim=self.id,
            question=self.question,
            method=self.method,
            verdict=verdict,
            after_correction=verdict,
            findings=(),
            n=n,
            needed=needed,
            sentence=sentence,
        )


def too_few(keep: Mask, what: str) -> Lack | None:
    """Return why there are too few conversations of a kind for any test, or None."""
    n = int(keep.sum())
    if n >= MIN_CONVERSATIONS:
        return None
    return Lack(f"{n} conversations have {what}; {MIN_CONVERSATIONS} are the least.", n)


def group_too_small(groups: Mapping[str, Mask], n: int, *, least: int) -> Lack | None:
    """Return which of the groups to be compared is too small, or None."""
    for name, members in groups.items():
        size = int(members.sum())
        if size < least:
            return Lack(f"{size} of {n} conversations are {name}; {least} are the least.", n)
    return None


def intervals(
    statistics: Callable[..., Mapping[str, float]],
    *arrays: npt.ArrayLike,
    clusters: npt.ArrayLike,
    settings: Settings,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> dict[str, Estimate]:
    """Bootstrap figures over clusters, with intervals expanded for few clusters.

    The percentile interval of `m` clusters is too narrow by about
    ``t(m-1) / z * sqrt(m / (m-1))``, which matters for a team of ten agents.

    References
    ----------
    Hesterberg (2015), The American Statistician 69(4), 371-386, section 5.
    """
    found = bootstrap_many(
        statistics,
        *arrays,
        clusters=clusters,
        n_resamples=settings.n_resamples,
        seed=settings.seed,
        level=LEVEL,
    )
    return {name: _expanded(estimate, limits) for name, estimate in found.items()}


def _expanded(estimate: Estimate, limits: tuple[float, float]) -> Estimate:
    m = estimate.n_clusters
    if m < 2 or not estimate.known:
        return estimate
    factor = _for_few(m) * math.sqrt(m / (m - 1))
    middle, half = (estimate.low + estimate.high) / 2, (estimate.high - estimate.low) / 2
    return replace(
        estimate,
        low=max(limits[0], middle - factor * half),
        high=min(limits[1], middle + factor * half),
    )


def _for_few(clusters: int) -> float:
    """How much wider Student's interval is than the normal one."""
    from scipy.special import stdtrit

    tail = (1 + LEVEL) / 2
    return float(stdtrit(clusters - 1, tail)) / NormalDist().inv_cdf(tail)


def clustered_share(hits: Mask, clusters: npt.ArrayLike) -> Estimate:
    """Share of hits: Wilson's interval, widened by the design effect of the clusters.

    Unlike a bootstrap it says something about 0 % and 100 %.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22(158), 209-212.
    Kish (1965), Survey Sampling, chapter 5.
    """
    n = hits.size
    found = wilson(int(hits.sum()), n)
    if not n:
        return found
    codes, m = cluster_codes(clusters)
    share = hits.mean()
    variance = share * (1 - share) / n
    factor = 1.0
    if m > 1 and variance > 0:
        sums = np.bincount(codes, weights=hits - share, minlength=m)
        effect = float(m / (m - 1) * (sums @ sums) / n**2 / variance)
        factor = math.sqrt(max(1.0, effect)) * _for_few(m)
    return replace(stretched(found, factor, limits=(0.0, 1.0)), n_clusters=m)


def rows(*columns: str, of: Sequence[Sequence[Any]]) -> Table:
    """Return a table from its columns and the rows' values."""
    return tuple(dict(zip(columns, row, strict=True)) for row in of)
