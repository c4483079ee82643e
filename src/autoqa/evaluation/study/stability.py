"""Whether scores treat groups alike, and go on agreeing with people."""

from __future__ import annotations

from collections.abc import Mapping

from autoqa.errors import DataError
from autoqa.evaluation.stability import FairnessReport, agreement_over_time, group_gaps
from autoqa.evaluation.study.data import Found, StudyData
from autoqa.records import CSAT

AGENT_GROUPS = ("agent_group", "agent_site", "agent_region", "site", "accent", "asr_quality")
"""Attributes of conversations that name groups, beside team, language and channel."""


def fairness(data: StudyData) -> Found:
    """Compare scores, and their distance from people's, between groups of conversations."""
    scored = data.automated_totals
    found: list[FairnessReport] = []
    for name, groups in _attributes(data).items():
        if len({groups[key] for key in scored.keys() & groups.keys()}) < 2:
            continue
        found.append(
            group_gaps(
                scored,
                groups,
                human=data.human_totals or None,
                agents=data.agents or None,
                attribute=name,
                **data.resampling,
            )
        )
    if not found:
        raise DataError(
            "No groups to compare: scored conversations do not differ in team, language, channel "
            "or agent group, or nothing is known of them. Bring the conversations with these."
        )
    return Found({"fairness": tuple(found)})


def over_time(data: StudyData) -> Found:
    """Follow the agreement with people from month to month."""
    if not data.levels:
        raise DataError("There are no human ratings to agree with. Bring reviews.")
    if not data.dates:
        raise DataError(
            "It is not known when conversations took place. Bring conversations with `started_at`."
        )
    shown = {name: data.by_people[name] for name in data.levels}
    found = agreement_over_time(
        [r for r in data.automated if r.criterion in shown and r.criterion != CSAT],
        [r for r in data.human if r.criterion in shown and r.criterion != CSAT],
        data.dates,
        card=data.card,
        scales=data.scales,
        agents=data.agents or None,
        **data.resampling,
    )
    by_criterion = {one.criterion: one for one in found.histories}
    told = {
        name: by_criterion[name]
        for name in data.levels
        if name in by_criterion and by_criterion[name].changed is not None
    }
    if not told:
        raise DataError(
            f"No criterion has two spans of {found.days} days with enough conversations that both "
            "sides rated. Bring reviews of several months."
        )
    caveats = []
    untold = [name for name in data.levels if name not in told]
    if untold:
        caveats.append(f"Not enough reviews over time: {', '.join(untold)}.")
    if found.left_out:
        caveats.append(f"{found.left_out} conversations rated by both sides have no date.")
    return Found({"over_time": told}, caveats)


def _attributes(data: StudyData) -> Mapping[str, Mapping[str, str]]:
    """Return group by conversation, for every attribute that names groups."""
    found = {name: data.known(name) for name in ("team", "language", "channel")}
    for name in AGENT_GROUPS:
        found[name.replace("_", " ")] = {
            key: str(one.transcript.attributes[name])
            for key, one in data.conversations.items()
            if one.transcript.attributes.get(name) not in (None, "")
        }
    return found
