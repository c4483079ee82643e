"""Claims about where dissatisfaction and inconsistency come from: the system or the agents."""

from __future__ import annotations

import numpy as np

from autoqa.evaluation.claims.base import (
    Claim,
    Lack,
    Need,
    Outcome,
    Settings,
    clustered_share,
    rows,
    too_few,
)
from autoqa.evaluation.claims.components import component_shares
from autoqa.evaluation.claims.data import ClaimData, Mask, Names
from autoqa.evaluation.claims.parts import Part
from autoqa.evaluation.claims.verdict import (
    Finding,
    Range,
    percent,
    planned_correlation,
    planned_share,
)
from autoqa.evaluation.intervals import Estimate, cluster_codes
from autoqa.evaluation.tables import FloatArray

DISSATISFIED = 0.10
"""Share of dissatisfied customers from which practitioners suspect the system."""

INCONSISTENT = 0.05
"""Share of the variation within a topic, between agents, from which answers are inconsistent."""

_MOST_ROWS = 15


def _dissatisfaction_is_the_systems(data: ClaimData, settings: Settings) -> Outcome | Lack:
    surveyed = np.isfinite(data.csat)
    if lack := too_few(surveyed, "a survey answer"):
        return lack
    keep = surveyed & (data.topic != "") & (data.agent != "")
    if lack := too_few(keep, "a survey answer, a topic and an agent"):
        return lack
    unhappy = data.csat[keep] < 0.5
    topic, agent, team = data.topic[keep], data.agent[keep], data.team[keep]
    clusters = data.clusters[keep]
    factors = {"topic": topic, "agent": agent}
    if 1 < len(np.unique(team)) < len(np.unique(agent)):
        factors = {"topic": topic, "team": team, "agent": agent}
    people = {name: -1.0 for name in factors if name != "topic"}
    found = component_shares(
        unhappy.astype(float),
        factors,
        contrasts={"system": {"topic": 1.0, **people}},
        settings=settings,
    )
    findings = (
        Finding(
            "dissatisfied", clustered_share(unhappy, clusters), Range(DISSATISFIED), percent=True
        ),
        Finding(
            "share of variance between topics minus between agents and teams",
            found["system"],
            Range(0.0),
            percent=True,
        ),
        *(Finding(f"variance between {name}s", found[name], percent=True) for name in factors),
    )
    split = ", ".join(f"{name} {percent(found[name].value)}" for name in factors)
    n = unhappy.size
    return Outcome(
        n=n,
        findings=findings,
        says=(
            f"{findings[0]} of {n} customers were dissatisfied. Of that variation: {split}; "
            f"topics minus people {findings[1]}."
        ),
        tables={
            "dissatisfied by topic": rows(
                "topic", "surveyed", "dissatisfied", of=_by_name(topic, unhappy, clusters)
            ),
            "variance": rows("between", "share", of=[(f, found[f]) for f in (*factors, "within")]),
        },
    )


def _by_name(names: Names, hits: Mask, clusters: Names) -> list[tuple[str, int, Estimate]]:
    """Share of hits by name, highest first."""
    found = []
    for name in np.unique(names):
        mine = names == name
        found.append((str(name), int(mine.sum()), clustered_share(hits[mine], clusters[mine])))
    return sorted(found, key=lambda row: -row[2].value)[:_MOST_ROWS]


def _answers_differ_by_agent(data: ClaimData, settings: Settings) -> Outcome | Lack:
    about, outcome = _outcome(data)
    keep = np.isfinite(outcome) & (data.topic != "") & (data.agent != "")
    if lack := too_few(keep, f"{about}, a topic and an agent"):
        return lack
    cell = np.char.add(np.char.add(data.topic[keep], "\x1f"), data.agent[keep])
    names, where, sizes = np.unique(cell, return_inverse=True, return_counts=True)
    # An agent who met a topic once says nothing about consistency.
    repeated = sizes[where.ravel()] > 1
    if lack := too_few(repeated, f"{about}, and an agent who met the topic more than once"):
        return lack
    y, topic, cell = outcome[keep][repeated], data.topic[keep][repeated], cell[repeated]
    if np.ptp(y) == 0:
        return Lack(f"All {y.size} conversations are alike in {about}.", int(y.size))
    found = component_shares(
        y,
        {"topic": topic, "agent within topic": cell},
        contrasts={"between": {"agent within topic": 1.0}},
        settings=settings,
    )
    ranges = [
        (str(name), int(mine.sum()), len(np.unique(cell[mine])), *_spread(y[mine], cell[mine]))
        for name in np.unique(topic)
        for mine in [topic == name]
    ]
    finding = Finding(
        "variation between agents within a topic",
        found["between"],
        Range(INCONSISTENT),
        percent=True,
    )
    return Outcome(
        n=y.size,
        findings=(
            finding,
            Finding("variation between topics", found["topic"], percent=True),
        ),
        says=(
            f"Of the variation of {about}, {finding} lies between agents who met the same topic, "
            f"beyond what chance makes ({y.size} conversations, {len(names)} pairs of topic and "
            "agent)."
        ),
        tables={
            "by topic": rows(
                "topic",
                "conversations",
                "agents",
                "lowest agent's mean",
                "highest agent's mean",
                of=sorted(ranges, key=lambda row: -row[1])[:_MOST_ROWS],
            )
        },
    )


def _spread(y: FloatArray, cell: Names) -> tuple[float, float]:
    codes, _ = cluster_codes(cell)
    means = np.bincount(codes, y) / np.bincount(codes)
    return round(float(means.min()), 3), round(float(means.max()), 3)


def _outcome(data: ClaimData) -> tuple[str, FloatArray]:
    """What should be alike for alike questions: the answer, else resolution, else CSAT."""
    criteria = data.parts.get(Part.RESOLUTION, ())
    if criteria:
        return f"the rating of {criteria[0]}", data.shares[criteria[0]]
    if np.isfinite(data.resolved).any():
        return "resolution", data.resolved
    return "CSAT", data.csat


CLAIMS = (
    Claim(
        id="dissatisfaction_is_the_systems",
        question=(
            "Are more than 10 % dissatisfied, and does it lie with the system rather than agents?"
        ),
        method=(
            f"Share of dissatisfied customers, claimed above {percent(DISSATISFIED)}, and variance "
            "components of being dissatisfied for topic, team and agent, claimed larger for topics "
            "than for teams and agents together (Henderson 1953, method 1; practitioners' "
            "articles)."
        ),
        needs=(Need.CSAT, Need.TOPICS, Need.AGENTS),
        planned=planned_share(0.13, DISSATISFIED),
        test=_dissatisfaction_is_the_systems,
        uses_ratings=False,
    ),
    Claim(
        id="agents_answer_differently",
        question="Do different agents answer the same question differently?",
        method=(
            "Variance between agents within a topic, beyond chance, as a share of all variance of "
            "the rated answer (else of resolution, else of CSAT); the claim is a share above "
            f"{percent(INCONSISTENT)} (Henderson 1953, method 1, agents nested in topics)."
        ),
        needs=(Need.TOPICS, Need.AGENTS),
        planned=planned_correlation(0.316, 0.224),  # square roots of shares of 10 % and 5 %
        test=_answers_differ_by_agent,
    ),
)
