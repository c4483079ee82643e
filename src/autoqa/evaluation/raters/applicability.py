"""Agreement on whether a criterion applies, apart from agreement on the level where it does.

Two raters who differ on "not applicable" disagree about the question, not about the answer; mixing
the two hides which one a team must settle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from autoqa.evaluation import tables
from autoqa.evaluation.agreement import pair_entries, positions
from autoqa.evaluation.agreement_intervals import agreement_estimates
from autoqa.evaluation.intervals import Estimate, bootstrap_tables
from autoqa.evaluation.raters.rating_table import RatingTable
from autoqa.evaluation.tables import FloatArray
from autoqa.records import Rating, Status

ANSWERS = (Status.RATED, Status.NOT_APPLICABLE)
"""Statuses by which a rater says whether a criterion applies; the others say nothing about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicabilityAgreement:
    """What raters agree on, in two parts.

    Attributes
    ----------
    not_applicable : Estimate
        Share of answers that are "not applicable".
    applicability : mapping of name to Estimate
        The coefficients of `autoqa.evaluation.agreement_intervals.agreement_estimates` on the two
        answers, applicable or not, over the items that two raters or more answered.
    specific : mapping of {"applicable", "not_applicable"} to Estimate
        Of the answers of that kind, the share that another rater of the same item shares.
    values : mapping of name to Estimate
        The same coefficients on the levels, over pairs of raters who both found the item
        applicable.
    """

    criterion: str
    n_items: int
    n_items_with_values: int
    not_applicable: Estimate
    applicability: Mapping[str, Estimate]
    specific: Mapping[str, Estimate]
    values: Mapping[str, Estimate]


def applicability_agreement(
    ratings: Iterable[Rating],
    *,
    levels: Sequence[int],
    criterion: str | None = None,
    agents: Mapping[str, str] | None = None,
    n_resamples: int = 1000,
    seed: int = 7,
    level: float = 0.95,
) -> ApplicabilityAgreement:
    """Compare raters on one criterion, applicability and level apart.

    Parameters
    ----------
    ratings : iterable of Rating
        Of people, models or both; abstained and failed ones count for neither part.
    levels : sequence of int
        Every level of the scale.
    criterion : str, optional
        Which one; may be left out when all ratings are of the same criterion.
    agents : mapping of conversation id to agent, optional
        Resample agents instead of conversations; a conversation that is not named stands alone.

    Raises
    ------
    DataError
        If `criterion` is left out and there are several.
    ScaleError
        If a level is not one of `levels`.
    """
    held = [r for r in ratings if criterion is None or r.criterion == criterion]
    answered = RatingTable.from_ratings(held, value=_applies)
    rated = RatingTable.from_ratings(held)
    settings = {"n_resamples": n_resamples, "seed": seed}
    cluster = agents or {}
    units = np.asarray([cluster.get(key[0], key[0]) for key in answered.keys], dtype=np.str_)
    value_units = np.asarray([cluster.get(key[0], key[0]) for key in rated.keys], dtype=np.str_)
    place = positions(answered.matrix(), (0, 1), missing=True)
    cells, weights, items = pair_entries(place, 2)
    specific = bootstrap_tables(
        {
            "not_applicable": partial(_specific, index=0),
            "applicable": partial(_specific, index=1),
        },
        cells,
        shape=(2, 2),
        weights=weights,
        clusters=units[items],
        n=int((answered.n_per_item >= 2).sum()),
        level=level,
        **settings,
    )
    share = bootstrap_tables(
        {"share": lambda counts: tables.ratio(counts[..., 0], counts.sum(axis=-1))},
        answered.value.astype(np.int64),
        shape=(2,),
        clusters=units[answered.item],
        level=level,
        **settings,
    )["share"]
    return ApplicabilityAgreement(
        criterion=held[0].criterion if held else criterion or "",
        n_items=int((answered.n_per_item >= 2).sum()),
        n_items_with_values=int((rated.n_per_item >= 2).sum()),
        not_applicable=share,
        applicability=agreement_estimates(
            answered.matrix(), levels=(0, 1), clusters=units, level=level, **settings
        ),
        specific=specific,
        values=agreement_estimates(
            rated.matrix(), levels=levels, clusters=value_units, level=level, **settings
        ),
    )


def _applies(rating: Rating) -> float | None:
    return float(rating.status is Status.RATED) if rating.status in ANSWERS else None


def _specific(counts: FloatArray, *, index: int) -> FloatArray:
    return np.asarray(tables.specific_agreement(counts)[..., index])
