"""Conversations by period of time and scorecard version.

Figures of different scorecard versions answer different questions, so a window never holds two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from autoqa.errors import DataError
from autoqa.evaluation.tables import IntArray
from autoqa.records import Evaluation

WEEK = 7
"""Days of a window, unless stated."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The conversations of some days under one scorecard version.

    Attributes
    ----------
    version : str or None
        None where no versions were given.
    start : date
        The first day.
    rows : int array of shape (n,)
        Where they stand among the conversations that were given.
    """

    version: str | None
    start: date
    rows: IntArray


def windows(
    conversations: Sequence[str],
    dates: Mapping[str, date],
    *,
    days: int = WEEK,
    versions: Mapping[str, str] | None = None,
) -> tuple[list[Window], int]:
    """Sort conversations into windows.

    Parameters
    ----------
    conversations : sequence of str
        Ids, in any order, any number of times.
    dates : mapping of conversation id to date or datetime
        The calendar day counts as it was recorded.
    days : int
        Length of a window. Windows are counted from one fixed Monday, so that they stay the same
        when data are added: those of 7 days are weeks from Monday to Sunday.
    versions : mapping of conversation id to scorecard version, optional

    Returns
    -------
    found : list of Window
        By version in the order of their first day, then by day; only windows with conversations.
    left_out : int
        How many of `conversations` have no date, or no version where versions were given.

    Raises
    ------
    DataError
        If `days` is below 1, or no conversation has a date (and version).
    """
    if days < 1:
        raise DataError(f"A window of {days} days is empty; give 1 or more.")
    grouped: dict[tuple[str | None, int], list[int]] = {}
    left_out = 0
    for row, conversation in enumerate(conversations):
        day = dates.get(conversation)
        version = None if versions is None else versions.get(conversation)
        if day is None or (versions is not None and version is None):
            left_out += 1
            continue
        # Day 1 of the calendar is a Monday.
        start = (day.toordinal() - 1) // days * days + 1
        grouped.setdefault((version, start), []).append(row)
    if not grouped:
        needed = "date" if versions is None else "date and a scorecard version"
        raise DataError(
            f"None of {len(conversations)} conversations has a {needed}. "
            "Check how conversation ids are written."
        )
    first: dict[str | None, int] = {}
    for version, start in grouped:
        first[version] = min(start, first.get(version, start))
    ordered = sorted(grouped, key=lambda key: (first[key[0]], str(key[0]), key[1]))
    return [
        Window(
            version,
            date.fromordinal(start),
            np.asarray(grouped[version, start], dtype=np.int64),
        )
        for version, start in ordered
    ], left_out


def scorecard_versions(evaluations: Iterable[Evaluation]) -> dict[str, str]:
    """Return the scorecard version that each conversation was evaluated under.

    Raises
    ------
    DataError
        If a conversation was evaluated under two: look at one at a time.
    """
    found: dict[str, str] = {}
    for evaluation in evaluations:
        version = f"{evaluation.scorecard} version {evaluation.scorecard_version}"
        known = found.setdefault(evaluation.conversation_id, version)
        if known != version:
            raise DataError(
                f"{evaluation.conversation_id}: evaluated under {known} and {version}. "
                "Pass the evaluations of one version per conversation."
            )
    return found
