"""What each estimator recovers of a truth that was planted: bias, coverage, false alarms, power.

`STUDIES` and `DECISIONS` hold the simulations by group, `recover` and `decide` run one of them. The
tests run a few simulations of each, ``experiments/planted_truth.py`` prints the whole table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autoqa.experiments.planted_truth import (
    agreement,
    claims,
    drivers,
    raters,
    reviewing,
    satisfaction,
    stability,
)
from autoqa.experiments.planted_truth.recovery import (
    DecisionRate,
    DecisionStudy,
    Recovery,
    Study,
    decide,
    recover,
)

STUDIES: Mapping[str, Sequence[Study]] = {
    "agreement": agreement.STUDIES,
    "raters": raters.STUDIES,
    "satisfaction": satisfaction.STUDIES,
    "drivers": drivers.STUDIES,
    "reviewing": reviewing.STUDIES,
    "stability": stability.STUDIES,
}

DECISIONS: Mapping[str, Sequence[DecisionStudy]] = {
    "agreement": agreement.DECISIONS,
    "reviewing": reviewing.DECISIONS,
    "stability": stability.DECISIONS,
    "claims": claims.DECISIONS,
}

__all__ = [
    "DECISIONS",
    "STUDIES",
    "DecisionRate",
    "DecisionStudy",
    "Recovery",
    "Study",
    "decide",
    "recover",
]
