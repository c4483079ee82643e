"""Calibration sessions: several people answer the same conversations, blind, and then discuss."""

from __future__ import annotations

from autoqa.review.calibration.references import Reference, agree
from autoqa.review.calibration.results import (
    Cell,
    Given,
    PastSession,
    Results,
    close,
    history,
    results,
)
from autoqa.review.calibration.sessions import (
    Calibration,
    Seat,
    Stage,
    calibration,
    list_calibrations,
    open_discussion,
)
from autoqa.review.calibration.starting import (
    MOST_CONVERSATIONS,
    Candidate,
    begin,
    candidates,
    pick,
    possible_raters,
)

__all__ = [
    "MOST_CONVERSATIONS",
    "Calibration",
    "Candidate",
    "Cell",
    "Given",
    "PastSession",
    "Reference",
    "Results",
    "Seat",
    "Stage",
    "agree",
    "begin",
    "calibration",
    "candidates",
    "close",
    "history",
    "list_calibrations",
    "open_discussion",
    "pick",
    "possible_raters",
    "results",
]
