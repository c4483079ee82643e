"""What a few reviews say: team means, and where listening pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autoqa.errors import DataError, some_of
from autoqa.evaluation.figures import SMALL_N
from autoqa.evaluation.prediction_powered import NOTES, prediction_powered_means
from autoqa.evaluation.review_policies import PolicyResult, compare_policies
from autoqa.evaluation.selection import review_yield
from autoqa.evaluation.study.data import Found, StudyData
from autoqa.evaluation.tables import FloatArray

LOWEST_SHARE = 0.2
"""Share of the reviews, those with the lowest totals, that count as bad conversations."""

BUDGET_SHARE = 0.1
"""Share of the conversations that a policy may review."""


def team_means(data: StudyData) -> Found:
    """Estimate the mean QA total of each team from reviews and all automated scores."""
    reviewed = data.human_totals.keys() & data.automated_totals.keys()
    if not reviewed:
        raise DataError(
            "No conversation has a total of both sides. Have people review some of the scored "
            "conversations, on criteria of the same scorecard."
        )
    if len(reviewed) == len(data.automated_totals):
        raise DataError(
            f"People reviewed all {len(reviewed)} scored conversations, so their means need no "
            "automated scores. Score the conversations that nobody reviewed too."
        )
    unit, groups = _groups(data)
    keys = sorted(data.automated_totals.keys() & groups.keys())
    if not reviewed & set(keys):
        raise DataError(f"No reviewed conversation has a known {unit}. Bring who handled them.")
    human = np.array([data.human_totals.get(key, np.nan) for key in keys])
    found = prediction_powered_means(
        human,
        [data.automated_totals[key] for key in keys],
        probabilities="equal",
        groups=[groups[key] for key in keys],
        # One agent has few reviews, so what the scores are worth is learned from all together.
        tuning="pooled" if unit == "agent" else "own",
    )
    caveats = [
        f"The means rest on the reviews of each {unit} being drawn at random; where people chose "
        "what to review, they do not hold."
    ]
    left_out = len(data.automated_totals) - len(keys)
    if left_out:
        caveats.append(f"{left_out} scored conversations have no known {unit} and are left out.")
    for note, meaning in NOTES.items():
        named = [one.group for one in found if note in one.notes]
        if named:
            caveats.append(f"{some_of(named, most=5)}: {meaning}")
    return Found({"team_means": found, "means_by": unit}, caveats)


def yields(data: StudyData) -> Found:
    """Count the bad conversations found by reviewing the lowest automated scores first."""
    bad, bad_is, order_by = _bad(data)
    keys = sorted(bad)
    priority = np.array([-order_by[key] for key in keys])
    is_bad = np.array([bad[key] for key in keys])
    caveats = [
        "Only labelled conversations are counted: a random sample of all speaks for all, a chosen "
        "one for itself."
    ]
    policies: tuple[PolicyResult, ...] = ()
    if len(keys) < len(data.automated_totals):
        caveats.append(
            "Ways of choosing reviews are not compared: "
            f"{len(data.automated_totals) - len(keys)} scored conversations have no label."
        )
    elif len(keys) < SMALL_N:
        caveats.append(
            f"Ways of choosing reviews are not compared: {len(keys)} conversations are too few."
        )
    else:
        policies = compare_policies(
            _ranks(priority),
            is_bad,
            budget=max(5, round(BUDGET_SHARE * len(keys))),
            values=_values(data, keys),
            seed=data.seed,
        )
    curve = review_yield(priority, is_bad, **data.resampling)
    return Found({"review_yield": curve, "review_policies": policies, "bad_is": bad_is}, caveats)


def _groups(data: StudyData) -> tuple[str, Mapping[str, str]]:
    for unit, groups in (("team", data.known("team")), ("agent", data.agents)):
        if groups.keys() & data.automated_totals.keys():
            return unit, groups
    return "centre", dict.fromkeys(data.automated_totals, "all")


def _bad(data: StudyData) -> tuple[dict[str, bool], str, Mapping[str, float]]:
    """Return which labelled conversations are bad, what that means, and what orders them."""
    totals = data.automated_totals
    reviewed = {key: value for key, value in data.human_totals.items() if key in totals}
    why = f"{len(reviewed)} scored conversations have a total by people; {SMALL_N} are the least."
    if len(reviewed) >= SMALL_N:
        cut = float(np.quantile(list(reviewed.values()), LOWEST_SHARE, method="inverted_cdf"))
        bad = {key: value <= cut for key, value in reviewed.items()}
        share = sum(bad.values()) / len(bad)
        if share <= 0.5:
            meaning = (
                f"total by people {cut:.1f} or less, the lowest {share:.0%} of {len(bad)} reviews"
            )
            return bad, meaning, totals
        why = f"{share:.0%} of the totals by people are the same lowest one."
    ordered = data.predicted_csat if len(data.predicted_csat) >= len(totals) else totals
    surveyed = {key: value < 0.5 for key, value in data.csat.items() if key in ordered}
    if len(surveyed) >= SMALL_N and any(surveyed.values()):
        by = "predicted CSAT" if ordered is data.predicted_csat else "automated total"
        meaning = (
            f"customer dissatisfied, {sum(surveyed.values())} of {len(surveyed)} surveyed; "
            f"lowest {by} first"
        )
        return surveyed, meaning, ordered
    raise DataError(
        f"What reviews would find is not known. {why} {len(surveyed)} have a survey answer. Have "
        f"people review {SMALL_N} random scored conversations or more."
    )


def _ranks(priority: FloatArray) -> FloatArray:
    """Return the place of each priority among all, 0-1, highest last; ties share the mean."""
    from scipy.stats import rankdata

    return np.asarray((rankdata(priority) - 0.5) / len(priority))


def _values(data: StudyData, keys: Sequence[str]) -> FloatArray | None:
    """Return people's totals where every conversation has one."""
    if all(key in data.human_totals for key in keys):
        return np.array([data.human_totals[key] for key in keys])
    return None
