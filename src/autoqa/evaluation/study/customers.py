"""What goes with satisfaction: claims, drivers, weights, and what silent customers would say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from autoqa.errors import DataError
from autoqa.evaluation.claims import claim_data, run_claims
from autoqa.evaluation.drivers import csat_drivers, realign
from autoqa.evaluation.drivers.table import FEW
from autoqa.evaluation.study.data import Found, StudyData
from autoqa.evaluation.surveys import survey_truth
from autoqa.evaluation.surveys.response import WARNINGS
from autoqa.records import Rating

if TYPE_CHECKING:
    import pandas as pd

_MOST_RESAMPLES = 300  # every resample fits several regressions
_MOST_CATEGORIES = 12


def claims(data: StudyData) -> Found:
    """Test practitioners' claims on each side's ratings."""
    sides = {name: held for name, held in _sides(data).items() if held}
    found = run_claims(
        {
            name: claim_data(
                held,
                data.surveys,
                data.conversations.values(),
                card=data.card,
                scales=data.scales,
                parts=data.parts,
                failure_topics=data.failure_topics,
            )
            for name, held in sides.items()
        },
        **data.resampling,
    )
    if not found.n_tested:
        raise DataError(
            "No claim has the data for a test. Bring customers' answers to a survey, and "
            "conversations with topics, agents, times and outcomes."
        )
    return Found({"claims": found})


def drivers(data: StudyData) -> Found:
    """Find the criteria that move CSAT."""
    side, table = data.csat_table
    found = csat_drivers(table, n_resamples=min(data.n_resamples, _MOST_RESAMPLES), seed=data.seed)
    if not any(one.effect.known for one in found.criteria):
        raise DataError(
            " ".join(found.caveats)
            or "No effect could be worked out; bring more surveyed conversations."
        )
    return Found({"drivers": found, "drivers_of": side})


def realignment(data: StudyData) -> Found:
    """Suggest scorecard weights that go with CSAT."""
    if data.card is None:
        raise DataError("Weights can be suggested for a scorecard only. Name the scorecard.")
    _, table = data.csat_table
    return Found({"realignment": realign(table, data.card, **data.resampling)})


def silent_customers(data: StudyData) -> Found:
    """Correct CSAT for who answers the survey."""
    if not data.csat:
        raise DataError("There are no survey answers. Bring what customers answered.")
    keys = sorted(data.automated_totals.keys() | data.predicted_csat.keys())
    csat = np.array([data.csat.get(key, math.nan) for key in keys])
    answered = int(np.isfinite(csat).sum())
    if answered in (0, len(keys)):
        raise DataError(
            f"{answered} of {len(keys)} scored conversations have a survey answer; who answers can "
            "be seen only where some customers did and some did not. Score the conversations of "
            "customers who kept silent too."
        )
    found = survey_truth(
        csat, features(data, keys), clusters=data.clusters(keys) if data.agents else None
    )
    return Found({"survey_truth": found}, [WARNINGS[name] for name in found.overlap.warnings])


def features(data: StudyData, keys: Sequence[str]) -> pd.DataFrame:
    """Return what is known of conversations whether or not the customer answered.

    Automated total, predicted CSAT, handle time, channel, language, team and topic, as far as
    they are known; rare categories are pooled and unknown numbers are the mean, with an indicator.
    """
    import pandas as pd

    numbers = {
        "automated total": data.automated_totals,
        "predicted CSAT": data.predicted_csat,
        "log handle time": data.log_handle_times,
    }
    columns: dict[str, object] = {}
    for name, values in numbers.items():
        columns |= _filled(name, values, keys)
    for name in ("channel", "language", "team", "topic"):
        known = data.known(name)
        labels = _pooled([known.get(key, "unknown") for key in keys])
        if len(set(labels)) > 1:
            columns[name] = labels
    return pd.DataFrame(columns, index=pd.Index(keys, name="conversation_id"))


def _sides(data: StudyData) -> dict[str, Sequence[Rating]]:
    return {"automated": data.automated, "human": data.human}


def _filled(name: str, values: Mapping[str, float], keys: Sequence[str]) -> dict[str, object]:
    column = np.array([values.get(key, math.nan) for key in keys])
    missing = np.isnan(column)
    if missing.all():
        return {}
    filled = {name: np.where(missing, np.nanmean(column), column)}
    return filled | ({f"{name} unknown": missing.astype(float)} if missing.any() else {})


def _pooled(labels: Sequence[str]) -> list[str]:
    """Bring rare categories together, so that each has enough customers to say who answers."""
    counts = Counter(labels).most_common(_MOST_CATEGORIES)
    common = {label for label, n in counts if n >= FEW}
    return [label if label in common else "other" for label in labels]
