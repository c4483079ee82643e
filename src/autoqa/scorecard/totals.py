"""From ratings to a total: weights, N/A, critical criteria, coverage."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from autoqa.errors import RecordError, ScaleError, ScorecardError, near_miss
from autoqa.records import Evaluation, Rating, Status
from autoqa.scorecard.schema import Criterion, Scorecard, Section


def evaluate(ratings: Sequence[Rating], card: Scorecard) -> Evaluation:
    """Sum one rater's ratings of one conversation.

    The total is the share, out of 100, of the points of the criteria that were rated. A criterion
    that does not apply leaves the total and the coverage. One that the rater abstained from, that
    failed, or that has no rating leaves the total and lowers the coverage: it is never counted as
    zero. A critical criterion at a level worth no points makes the total 0; one that is critical
    for its section makes that section earn nothing, while its weight stays in the total.

    Ratings of single turns are kept in the evaluation but do not enter the total, and a criterion
    whose unit is the turn is only counted where the whole conversation was rated on it.

    Parameters
    ----------
    ratings : sequence of Rating
        All by one rater on one conversation, in any order, at least one.
    card : Scorecard

    Returns
    -------
    Evaluation
        ``total`` and ``section_totals`` are in 0-100, rounded to 2 decimals, and None where nothing
        could be scored. ``coverage`` is the share of the applicable weight that was rated, 1.0
        where no weight applied. A critical failure of the whole evaluation leaves the section
        totals as they were earned, so that they still say where points were lost.

    Raises
    ------
    RecordError
        If there is no rating, if they mix conversations or raters, or if two are of one criterion.
    ScorecardError
        If a rating is of a criterion that the scorecard does not have.
    ScaleError
        If a level is not on its criterion's scale.
    """
    if not ratings:
        raise RecordError("no ratings to evaluate; pass at least one rating of the conversation")
    first = ratings[0]
    for rating in ratings:
        if (rating.conversation_id, rating.rater, rating.kind) != (
            first.conversation_id,
            first.rater,
            first.kind,
        ):
            raise RecordError(
                f"ratings of {_of(first)} and of {_of(rating)} in one evaluation; "
                "group them by conversation and rater first"
            )
    ordered = _in_card_order(ratings, card)
    whole = {rating.criterion: rating for rating in ordered if rating.turn is None}
    rated = {name: r.level for name, r in whole.items() if r.level is not None}
    failed = tuple(
        c.id for c in card.criteria if c.critical and c.id in rated and not c.points(rated[c.id])
    )

    earned_by_section = {s.id: _earned(s, rated, failed) for s in card.sections}
    weight_by_section = {
        s.id: _weight(c for c in s.criteria if c.id in rated) for s in card.sections
    }
    total = _share(math.fsum(earned_by_section.values()), math.fsum(weight_by_section.values()))
    if any(card.criterion(name).critical is True for name in failed):
        total = 0.0
    return Evaluation(
        conversation_id=first.conversation_id,
        rater=first.rater,
        kind=first.kind,
        scorecard=card.id,
        scorecard_version=card.version,
        total=total,
        critical_failed=failed,
        coverage=_coverage(whole, card),
        ratings=tuple(ordered),
        section_totals={
            s.id: _share(earned_by_section[s.id], weight_by_section[s.id]) for s in card.sections
        },
    )


class CardTotals:
    """The totals of many forms on one scorecard: what `evaluate` gives, ten times as fast.

    Weights and points are looked up once for all forms, and nothing but the total is worked out.
    """

    def __init__(self, card: Scorecard) -> None:
        self._n_sections = len(card.sections)
        # Per criterion and level: section, earned points, weight, and what a failure costs.
        self._worth: dict[str, dict[int, tuple[int, float, float, bool | str]]] = {
            criterion.id: {
                level: (
                    place,
                    criterion.weight * criterion.points(level),
                    criterion.weight,
                    criterion.critical if not criterion.points(level) else False,
                )
                for level in criterion.levels
            }
            for place, section in enumerate(card.sections)
            for criterion in section.criteria
        }

    def total(self, levels: Mapping[str, int]) -> float | None:
        """Return one rater's total, 0-100; None where no rated criterion has a weight.

        Parameters
        ----------
        levels : mapping of criterion to level
            Rated criteria of one conversation only.

        Raises
        ------
        KeyError
            If a criterion is not on the scorecard, or a level not on its scale.
        """
        earned: list[list[float]] = [[] for _ in range(self._n_sections)]
        weights: list[list[float]] = [[] for _ in range(self._n_sections)]
        lost: set[int] = set()
        failed = False
        for criterion, level in levels.items():
            section, points, weight, costs = self._worth[criterion][level]
            earned[section].append(points)
            weights[section].append(weight)
            if costs == "section":
                lost.add(section)
            elif costs:
                failed = True
        total = _share(
            math.fsum(0.0 if i in lost else math.fsum(one) for i, one in enumerate(earned)),
            math.fsum(map(math.fsum, weights)),
        )
        return 0.0 if failed else total


def _in_card_order(ratings: Iterable[Rating], card: Scorecard) -> list[Rating]:
    """Ratings in the order of the form, each checked against its criterion."""
    place = {criterion.id: i for i, criterion in enumerate(card.criteria)}
    levels = {criterion.id: criterion.levels for criterion in card.criteria}
    seen: dict[tuple[int, int], Rating] = {}
    for rating in ratings:
        where = f"{rating.conversation_id}/{rating.criterion}"
        if rating.criterion not in place:
            raise ScorecardError(
                f"{where}: {card.id} version {card.version} has no criterion "
                f"'{rating.criterion}'.{near_miss(rating.criterion, place)}"
            )
        if rating.level is not None and rating.level not in levels[rating.criterion]:
            scale = ", ".join(str(level) for level in levels[rating.criterion])
            raise ScaleError(
                f"{where}: level {rating.level} is not on the scale {scale}; "
                f"was it rated with another version of {card.id}?"
            )
        key = (place[rating.criterion], -1 if rating.turn is None else rating.turn)
        if key in seen:
            turn = "" if rating.turn is None else f", turn {rating.turn + 1}"
            raise RecordError(
                f"{where}{turn}: two ratings by {rating.rater}; keep the one that counts"
            )
        seen[key] = rating
    return [seen[key] for key in sorted(seen)]


def _earned(section: Section, rated: Mapping[str, int], failed: Sequence[str]) -> float:
    if any(c.critical == "section" and c.id in failed for c in section.criteria):
        return 0.0
    return math.fsum(c.weight * c.points(rated[c.id]) for c in section.criteria if c.id in rated)


def _coverage(whole: Mapping[str, Rating], card: Scorecard) -> float:
    applicable = [
        c
        for c in card.criteria
        if (c.id in whole and whole[c.id].status is not Status.NOT_APPLICABLE)
        or (c.id not in whole and c.unit == "conversation")
    ]
    weight = _weight(applicable)
    if not weight:
        return 1.0
    rated = _weight(c for c in applicable if c.id in whole and whole[c.id].status is Status.RATED)
    return rated / weight


def _weight(criteria: Iterable[Criterion]) -> float:
    return math.fsum(criterion.weight for criterion in criteria)


def _share(earned: float, weight: float) -> float | None:
    # Rounding may lift a sum of shares a hair above its weight.
    return round(min(100.0, 100 * earned / weight), 2) if weight else None


def _of(rating: Rating) -> str:
    return f"{rating.conversation_id} by {rating.kind} {rating.rater}"
