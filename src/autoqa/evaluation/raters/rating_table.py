"""Ratings in long form: one row per rating, with the rater's name kept.

`autoqa.evaluation.ceiling.Panel` is for questions in which raters are interchangeable; this is for
questions about the raters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.ceiling import ItemKey, ValueOf, numbers_of, sortable
from autoqa.evaluation.tables import FloatArray, IntArray
from autoqa.records import Rating

WhenOf: TypeAlias = Callable[[Rating], "datetime | float | None"]


@dataclass(frozen=True, slots=True, eq=False)
class RatingTable:
    """Ratings of one criterion, one row each.

    Attributes
    ----------
    keys : tuple of (conversation_id, turn)
        One per item, sorted.
    raters : tuple of str
        Sorted.
    item, rater : int array of shape (n_ratings,)
        Indices of `keys` and `raters`.
    value : array of shape (n_ratings,)
    time : array of shape (n_ratings,)
        When each was given, in any unit (seconds for datetimes); nan where unknown.
    """

    keys: tuple[ItemKey, ...]
    raters: tuple[str, ...]
    item: IntArray
    rater: IntArray
    value: FloatArray
    time: FloatArray

    @classmethod
    def from_ratings(
        cls,
        ratings: Iterable[Rating],
        *,
        criterion: str | None = None,
        value: ValueOf | None = None,
        when: WhenOf | None = None,
    ) -> RatingTable:
        """Lay out the ratings of one criterion; of an item rated twice by one rater, the last.

        Parameters
        ----------
        ratings : iterable of Rating
        criterion : str, optional
            Which one; may be left out when all ratings are of the same criterion.
        value : callable, optional
            What to take of a rating, None to leave it out; its level where absent, for which only
            rated ones count.
        when : callable, optional
            When a rating was given: a datetime, or a number that grows with time.

        Raises
        ------
        DataError
            If `criterion` is left out and there are several.
        """
        said: dict[tuple[ItemKey, str], tuple[float, float]] = {}
        for rating, number in numbers_of(ratings, criterion, value):
            key = (rating.conversation_id, rating.turn)
            said[key, rating.rater] = (number, _seconds(when, rating))
        rows = sorted(said, key=lambda row: (sortable(row[0]), row[1]))
        keys = tuple(dict.fromkeys(key for key, _ in rows))
        raters = tuple(sorted({name for _, name in rows}))
        item_at = {key: i for i, key in enumerate(keys)}
        rater_at = {name: i for i, name in enumerate(raters)}
        return cls(
            keys,
            raters,
            np.asarray([item_at[key] for key, _ in rows], dtype=np.int64),
            np.asarray([rater_at[name] for _, name in rows], dtype=np.int64),
            np.asarray([said[row][0] for row in rows], dtype=float),
            np.asarray([said[row][1] for row in rows], dtype=float),
        )

    @classmethod
    def from_arrays(
        cls,
        items: npt.ArrayLike | Sequence[Any],
        raters: npt.ArrayLike | Sequence[Any],
        values: npt.ArrayLike,
        *,
        times: npt.ArrayLike | None = None,
    ) -> RatingTable:
        """Lay out columns of a data frame, one row per rating; nan values are left out.

        A rater may rate an item more than once. Every item counts as a conversation of its own.
        """
        value = np.asarray(values, dtype=float)
        names, who = np.asarray(items), np.asarray(raters)
        time = np.full(len(value), np.nan) if times is None else np.asarray(times, dtype=float)
        lengths = {len(value), len(names), len(who), len(time)}
        if len(lengths) > 1:
            raise DataError(f"Columns of ratings must have one length, not {sorted(lengths)}.")
        given = ~np.isnan(value)
        item_names, item = np.unique(names[given], return_inverse=True)
        rater_names, rater = np.unique(who[given], return_inverse=True)
        return cls(
            tuple((str(name), None) for name in item_names),
            tuple(str(name) for name in rater_names),
            np.asarray(item, dtype=np.int64).ravel(),
            np.asarray(rater, dtype=np.int64).ravel(),
            value[given],
            time[given],
        )

    @property
    def conversations(self) -> npt.NDArray[np.str_]:
        """Conversation of each item, shape (n_items,): the default clusters."""
        return np.asarray([key[0] for key in self.keys], dtype=np.str_)

    @property
    def n_per_item(self) -> IntArray:
        """Ratings of each item, shape (n_items,)."""
        return np.bincount(self.item, minlength=len(self.keys))

    @property
    def n_per_rater(self) -> IntArray:
        """Ratings by each rater, shape (n_raters,)."""
        return np.bincount(self.rater, minlength=len(self.raters))

    def matrix(self) -> FloatArray:
        """Return the values with shape (n_raters, n_items), nan where not rated."""
        out = np.full((len(self.raters), len(self.keys)), np.nan)
        out[self.rater, self.item] = self.value
        return out

    def pairs(self) -> tuple[IntArray, IntArray]:
        """Return the rows of every ordered pair of different ratings of one item."""
        by_item = np.argsort(self.item, kind="stable")
        size = self.n_per_item
        start = np.cumsum(size) - size
        partners = size[self.item[by_item]]
        first = np.repeat(by_item, partners)
        within = np.arange(len(first)) - np.repeat(np.cumsum(partners) - partners, partners)
        second = by_item[np.repeat(start[self.item[by_item]], partners) + within]
        apart = first != second
        return first[apart], second[apart]


def _seconds(when: WhenOf | None, rating: Rating) -> float:
    found = when(rating) if when else None
    if found is None:
        return math.nan
    return found.timestamp() if isinstance(found, datetime) else float(found)
