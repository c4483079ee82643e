"""Studies of practitioners' claims: false verdicts at the border of a claim, and power beyond it.

Every world comes at three settings: a claim that is clearly true, one whose figure lies exactly at
the border of what is claimed, and one that is clearly false. At the border either verdict is a
false alarm, each in 2.5 % of the samples at most if intervals cover as stated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from autoqa.evaluation.claims import CLAIMS, ClaimData, Part, Verdict
from autoqa.evaluation.claims.base import Settings
from autoqa.evaluation.claims.parts import SERVICE_PARTS
from autoqa.evaluation.classification import spearman
from autoqa.evaluation.tables import FloatArray
from autoqa.experiments.planted_truth.recovery import DecisionStudy

World: TypeAlias = Literal["true", "border", "false"]
Draw: TypeAlias = Callable[[np.random.Generator, World], ClaimData]

N_RESAMPLES = 200
_BY_ID = {claim.id: claim for claim in CLAIMS}


def _data(n: int, **known: Any) -> ClaimData:
    """Conversations of which only what is given is known."""
    texts = ("agent", "team", "topic")
    columns: dict[str, Any] = {name: np.full(n, "") for name in texts} | {
        name: np.full(n, np.nan)
        for name in ("total", "csat", "resolved", "failure", "loyalty", "handle_s", "n_turns")
    }
    for name, value in known.items():
        is_column = name in columns
        kind = np.str_ if name in texts else float
        columns[name] = np.asarray(value, dtype=kind) if is_column else value
    return ClaimData(conversations=np.char.mod("c%05d", np.arange(n)), **columns)


def _pair(rng: np.random.Generator, n: int, rank: float) -> tuple[FloatArray, FloatArray]:
    """Two normals with this Spearman correlation: 6 / pi asin(r / 2)."""
    r = 2 * math.sin(math.pi * rank / 6)
    x = rng.normal(size=n)
    return x, r * x + math.sqrt(1 - r**2) * rng.normal(size=n)


def _high_qa(rng: np.random.Generator, world: World) -> ClaimData:
    total, csat = _pair(rng, 500, {"true": 0.45, "border": 0.3, "false": 0.15}[world])
    return _data(500, total=total, csat=csat)


def _excellent(rng: np.random.Generator, world: World) -> ClaimData:
    high, low = {"true": (0.99, 0.92), "border": (0.97, 0.92), "false": (0.93, 0.92)}[world]
    total = np.repeat([97.0, 80.0], [1000, 3500])
    share = np.repeat([high, low], [1000, 3500])
    return _data(4500, total=total, csat=rng.random(4500) < share)


def _graded(rng: np.random.Generator, n: int, by_grade: float) -> tuple[FloatArray, FloatArray]:
    """One criterion on five levels; CSAT follows its grade, and beyond that whether it passed."""
    share = rng.integers(5, size=n) / 4
    felt = by_grade * share + (1 - by_grade) * (share > 0.5) + rng.normal(scale=0.3, size=n)
    return share, felt


@cache
def _graded_at_border() -> float:
    """How far CSAT follows the grade where pass/fail loses 0.02 of Spearman's correlation."""
    from scipy.optimize import brentq

    def beyond(by_grade: float) -> float:
        share, csat = _graded(np.random.default_rng(1), 200_000, by_grade)
        return spearman(share, csat) - spearman(share > 0.5, csat) - 0.02

    return float(brentq(beyond, 0.0, 1.0, xtol=1e-3))


def _nuance(rng: np.random.Generator, world: World) -> ClaimData:
    by_grade = {"true": 1.0, "false": 0.0}.get(world)
    share, csat = _graded(rng, 1500, _graded_at_border() if by_grade is None else by_grade)
    return _data(1500, csat=csat, shares={"tone": share}, n_levels={"tone": 5})


def _soft_skills(rng: np.random.Generator, world: World) -> ClaimData:
    """They lift resolved contacts by 0.4, unresolved ones by nothing, by half of it, by as much."""
    rescue = {"true": 0.0, "border": 0.2, "false": 0.4}[world]
    soft, resolved = rng.uniform(size=1500), rng.integers(2, size=1500)
    csat = np.where(resolved == 1, 0.4 + 0.4 * soft, 0.2 + rescue * soft)
    return _data(
        1500,
        csat=csat + rng.normal(scale=0.2, size=1500),
        resolved=resolved,
        shares={"tone": soft},
        parts={Part.SOFT_SKILLS: ("tone",)},
    )


def _resolution(rng: np.random.Generator, world: World) -> ClaimData:
    satisfied = {"true": 0.95, "border": 0.9, "false": 0.8}[world]
    resolved = rng.random(1200) < 0.7
    csat = rng.random(1200) < np.where(resolved, satisfied, 0.04)
    return _data(1200, resolved=resolved, csat=csat)


def _recovery(rng: np.random.Generator, world: World) -> ClaimData:
    gain = {"true": 0.06, "border": 0.0, "false": -0.06}[world]
    failure, resolved = rng.random(1200) < 0.3, rng.random(1200) < 0.7
    csat = 0.6 + gain * failure - 0.3 * ~resolved + rng.normal(scale=0.2, size=1200)
    return _data(1200, csat=csat, failure=failure, resolved=resolved)


def _longer(rng: np.random.Generator, world: World) -> ClaimData:
    """The longer issue type is also the less satisfying one."""
    skill, felt = _pair(rng, 900, {"true": 0.25, "border": 0.1, "false": -0.05}[world])
    hard = rng.integers(2, size=900)
    return _data(
        900,
        handle_s=np.exp(5 + hard + 0.4 * skill),
        csat=felt - hard,
        topic=np.where(hard == 1, "fault", "question"),
    )


def _long_tail(rng: np.random.Generator, world: World) -> ClaimData:
    """Log-normal times: the longest tenth takes Phi(sigma - 1.2816) of the time."""
    from scipy.special import ndtri

    share = {"true": 0.29, "border": 0.25, "false": 0.20}[world]
    sigma = float(ndtri(share)) + 1.2815516
    return _data(2500, handle_s=np.exp(rng.normal(5, sigma, size=2500)))


def _dissatisfied(rng: np.random.Generator, world: World) -> ClaimData:
    """Topics matter, agents do not; 16, 10 or 6 % are dissatisfied."""
    share = {"true": 0.16, "border": 0.10, "false": 0.06}[world]
    topic, agent = rng.integers(6, size=2400), rng.integers(40, size=2400)
    csat = rng.random(2400) >= share * np.array([0.2, 0.3, 0.5, 0.8, 1.4, 2.8])[topic]
    return _data(2400, csat=csat, topic=np.char.mod("t%d", topic), agent=np.char.mod("a%d", agent))


def _consistency(rng: np.random.Generator, world: World) -> ClaimData:
    """Agents within a topic differ by 12, 5 or 0 % of the variance of the outcome."""
    share = {"true": 0.12, "border": 0.05, "false": 0.0}[world]
    topic, agent = rng.integers(6, size=2400), rng.integers(40, size=2400)
    cell = math.sqrt(share) * rng.normal(size=(6, 40))
    y = cell[topic, agent] + math.sqrt(1 - share) * rng.normal(size=2400)
    return _data(2400, csat=y, topic=np.char.mod("t%d", topic), agent=np.char.mod("a%d", agent))


def _top_box(rng: np.random.Generator, world: World) -> ClaimData:
    """Loyalty of top-box customers is higher by what makes an AUC of 0.62, 0.55 or 0.50."""
    from scipy.special import ndtri

    area = {"true": 0.62, "border": 0.55, "false": 0.48}[world]
    csat = rng.choice([0.5, 0.75, 1.0], size=1200)
    gap = math.sqrt(2) * float(ndtri(area))
    return _data(1200, csat=csat, loyalty=rng.normal(size=1200) + gap * (csat == 1.0))


def _parts(rng: np.random.Generator, world: World) -> ClaimData:
    """Three parts go with CSAT (0.35); the fourth does at 0.35, 0.1 or -0.05."""
    ranks = [{"true": 0.35, "border": 0.1, "false": -0.05}[world], 0.35, 0.35, 0.35]
    csat = rng.normal(size=600)
    shares = {}
    for part, rank in zip(SERVICE_PARTS, ranks, strict=True):
        r = 2 * math.sin(math.pi * rank / 6)
        shares[part.value] = r * csat + math.sqrt(1 - r**2) * rng.normal(size=600)
    return _data(600, csat=csat, shares=shares, parts={p: (p.value,) for p in SERVICE_PARTS})


@cache
def _shift(share: float) -> float:
    """How far below totals of the dissatisfied fifth lie if this share is above the median."""
    from scipy.optimize import brentq
    from scipy.special import ndtr

    def beyond(shift: float) -> float:
        middle = brentq(lambda m: 0.2 * ndtr(m + shift) + 0.8 * ndtr(m) - 0.5, -5, 5)
        return float(1 - ndtr(middle + shift)) - share

    return float(brentq(beyond, 0, 5))


def _review(rng: np.random.Generator, world: World) -> ClaimData:
    """Of the dissatisfied 48 %, a third, or 20 % have a total above the median."""
    unhappy = rng.random(1200) < 0.2
    share = {"true": 0.48, "border": 1 / 3, "false": 0.20}[world]
    total = 85 + 5 * (rng.normal(size=1200) - _shift(share) * unhappy)
    return _data(1200, total=total, csat=np.where(unhappy, 0.0, 1.0))


_WORLDS: Mapping[str, tuple[Draw, str, int]] = {
    "high_qa_high_csat": (_high_qa, "Spearman 0.45, 0.30, 0.15", 500),
    "excellent_qa_99_positive": (_excellent, "99, 97, 93 % and 92 % positive", 4500),
    "pass_fail_loses_nuance": (_nuance, "loss clear, 0.02, none", 1500),
    "soft_skills_lift_not_rescue": (_soft_skills, "lift 0.4; left 0, 0.2, 0.4", 1500),
    "resolution_is_satisfaction": (_resolution, "95, 90, 80 % of resolved satisfied", 1200),
    "service_recovery_paradox": (_recovery, "difference 6, 0, -6 % of the scale", 1200),
    "longer_is_better": (_longer, "Spearman 0.25, 0.10, -0.05 within types", 900),
    "long_tail_of_talk_time": (_long_tail, "29, 25, 20 % of the time", 2500),
    "dissatisfaction_is_the_systems": (_dissatisfied, "16, 10, 6 % dissatisfied", 2400),
    "agents_answer_differently": (_consistency, "12, 5, 0 % between agents", 2400),
    "top_box_differs": (_top_box, "AUC 0.62, 0.55, 0.48", 1200),
    "parts_of_service_quality": (_parts, "Spearman of one part 0.35, 0.10, -0.05", 600),
    "ratings_need_review": (_review, "48, 33, 20 % above the median", 1200),
}


def _verdicts(seed: int, *, claim: str, draw: Draw) -> dict[str, bool]:
    found: dict[World, Verdict] = {}
    for i, world in enumerate(get_args(World)):
        rng = np.random.default_rng([seed, 70, i])
        settings = Settings(n_resamples=N_RESAMPLES, seed=seed)
        found[world] = _BY_ID[claim].run(draw(rng, world), settings).verdict
    return {
        "supported, at the border": found["border"] is Verdict.SUPPORTED,
        "not supported, at the border": found["border"] is Verdict.NOT_SUPPORTED,
        "supported, where true": found["true"] is Verdict.SUPPORTED,
        "not supported, where false": found["false"] is Verdict.NOT_SUPPORTED,
    }


WANTED: Mapping[str, tuple[str, float]] = {
    "supported, at the border": ("at most", 0.025),
    "not supported, at the border": ("at most", 0.025),
    "supported, where true": ("at least", 0.8),
    "not supported, where false": ("at least", 0.8),
}

DECISIONS: Sequence[DecisionStudy] = tuple(
    DecisionStudy(
        name=f"claim {claim}",
        planted=planted,
        n=f"{n:,} conversations",
        simulate=partial(_verdicts, claim=claim, draw=draw),
        wanted=WANTED,
        simulations=100,
    )
    for claim, (draw, planted, n) in _WORLDS.items()
)
