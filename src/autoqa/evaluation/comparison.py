"""Automated QA against human QA against CSAT, in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoqa.errors import DataError, some_of
from autoqa.evaluation.alignment import csat_shares
from autoqa.evaluation.by_criterion import (
    Automated,
    CriterionComparison,
    Human,
    compare_criterion,
    index_automated,
    index_human,
    scales_of,
)
from autoqa.evaluation.by_total import (
    CsatComparison,
    TotalComparison,
    Totals,
    compare_totals,
    compare_with_csat,
    totals_of,
)
from autoqa.evaluation.ceiling import ItemKey, sortable
from autoqa.evaluation.comparison_caveats import (
    about_agents,
    about_criterion,
    about_csat,
    about_data,
    about_respondents,
    about_scales,
)
from autoqa.evaluation.figures import to_plain
from autoqa.evaluation.quality_ratings import quality_ratings
from autoqa.evaluation.wording import Say, english
from autoqa.records import CSAT, SCHEMA_VERSION, Rating, Status, Survey
from autoqa.scorecard.schema import Scorecard

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What automated ratings are worth, criterion by criterion and in total.

    Attributes
    ----------
    criteria : tuple of CriterionComparison
    totals : TotalComparison or None
    csat : CsatComparison or None
        None without surveys.
    caveats : tuple of str
        What a reader must know before using the figures.
    clustered_by : str
        What the bootstrap resampled: ``conversation`` or ``agent``.
    scorecard : str or None
        ``id version n``.
    """

    criteria: tuple[CriterionComparison, ...]
    totals: TotalComparison | None
    csat: CsatComparison | None
    caveats: tuple[str, ...]
    clustered_by: str
    scorecard: str | None
    n_human_raters: int
    n_resamples: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON; undefined figures are None."""
        return {"schema_version": SCHEMA_VERSION, **to_plain(self)}

    def __repr__(self) -> str:
        # The generated one prints every figure of every criterion: 100 kB in a notebook's file.
        about = f" on {self.scorecard}" if self.scorecard else ""
        return (
            f"<Comparison{about}: {len(self.criteria)} criteria, "
            f"{self.n_human_raters} human raters; print to_markdown(comparison) for all of it>"
        )

    def _repr_html_(self) -> str:
        from autoqa.evaluation.comparison_tables import to_html_table

        return to_html_table(self)

    def plot_agreement(self, *, figure: str = "quadratic_kappa", say: Say = english) -> Figure:
        """Draw agreement by criterion beside its human ceiling; see `autoqa.evaluation.plots`."""
        from autoqa.evaluation.plots import plot_agreement

        return plot_agreement(self, figure=figure, say=say)

    def plot_quadrants(self, *, say: Say = english) -> Figure:
        """Draw agents by QA and CSAT; DataError without surveys of conversations with agents."""
        from autoqa.evaluation.plots import plot_quadrants

        if self.csat is None or self.csat.agents is None:
            raise DataError(
                "Agents cannot be placed by QA and CSAT: give `surveys`, and the `agents` of their "
                "conversations."
            )
        return plot_quadrants(self.csat.agents.quadrants, say=say)


def compare(
    automated: Sequence[Rating],
    human: Sequence[Rating],
    *,
    card: Scorecard | None = None,
    surveys: Sequence[Survey] = (),
    agents: Mapping[str, str] | None = None,
    scales: Mapping[str, tuple[float, float]] | None = None,
    seed: int = 7,
    n_resamples: int = 1000,
) -> Comparison:
    """Compare automated ratings with human ones and with surveys.

    Ratings are matched by conversation, turn and criterion. Where several people rated an item all
    of their ratings are used, and agreement stands beside that of the people with each other.

    Parameters
    ----------
    automated : sequence of Rating
        One rater per item and criterion. Ratings of the criterion ``csat`` are predictions, and
        are compared with the surveys.
    human : sequence of Rating
        Any number of raters; rater names may be anonymous positions. May be empty when there are
        surveys. Ratings by whoever answered a conversation's survey, and those of satisfaction by
        another name, are not set against CSAT; see `autoqa.evaluation.quality_ratings`.
    card : Scorecard, optional
        Gives scales, weights and critical criteria. Without it, scales are taken from `scales` or
        the data, and a total is the mean share of the scale.
    surveys : sequence of Survey
    agents : mapping of conversation id to agent, optional
        Resamples agents instead of conversations, and compares agents.
    scales : mapping of criterion to (lowest, highest) level, optional
        For criteria that no scorecard describes.
    seed, n_resamples : int
        Of the bootstrap; same seed, same figures.

    Raises
    ------
    DataError
        If there is nothing to compare, or two automated raters rated the same item.
    ScaleError
        If a level is not on its criterion's scale.
    """
    by_machine, machine_replaced = index_automated(automated)
    by_people, people_replaced = index_human(human)
    csat = csat_shares(surveys)
    shared = _shared_criteria(by_machine, by_people, card)
    _refuse_nothing(by_machine, by_people, csat, shared)
    names = dict(agents or {})

    def cluster(conversation: str) -> str:
        return f"agent {names[conversation]}" if conversation in names else f"alone {conversation}"

    scales_used, guessed = scales_of(
        by_machine.keys() | by_people.keys(), by_machine, by_people, card, scales or {}
    )
    settings: dict[str, Any] = {"cluster": cluster, "n_resamples": n_resamples, "seed": seed}
    criteria = tuple(
        compare_criterion(name, by_machine[name], by_people[name], scales_used[name], **settings)
        for name in shared
    )
    in_totals = [name for name in shared if name != CSAT]
    machine_flat, people_flat = _flat(by_machine), list(_each_human(by_people))
    made: dict[tuple[str | None, frozenset[str], int], Totals] = {}

    def summed(ratings: Sequence[Rating], among: Iterable[str], rater: str | None) -> Totals:
        entering = frozenset(among) - {CSAT}
        n = sum(rating.criterion in entering for rating in ratings)
        # Ratings are left out of one side's list, never replaced: as many are the same ones.
        if (rater, entering, n) not in made:
            made[rater, entering, n] = totals_of(
                ratings, entering, card=card, scales=scales_used, one_rater=rater
            )
        return made[rater, entering, n]

    totals = compare_totals(
        summed(machine_flat, in_totals, "automated"),
        summed(people_flat, in_totals, None),
        in_totals,
        **settings,
    )
    predicted = _predictions(by_machine.get(CSAT, {}))
    machine_quality = quality_ratings(machine_flat, surveys)
    people_quality = quality_ratings(people_flat, surveys)
    alignment = (
        compare_with_csat(
            csat,
            automated=summed(machine_quality, by_machine, "automated"),
            human=summed(people_quality, by_people, None),
            automated_shared=summed(machine_quality, in_totals, "automated"),
            human_shared=summed(people_quality, in_totals, None),
            predicted=predicted,
            survey_scale=_common_scale(surveys, predicted.values()),
            agents=names,
            **settings,
        )
        if csat
        else None
    )
    return Comparison(
        criteria=criteria,
        totals=totals,
        csat=alignment,
        caveats=(
            *about_data(machine_replaced, people_replaced, by_people, in_totals, totals),
            *about_agents(names, by_machine),
            *about_scales([name for name in guessed if name in shared], card),
            *(text for found in criteria for text in about_criterion(found)),
            *about_respondents(people_flat, people_quality, alignment),
            *about_csat(alignment, surveys, by_machine),
        ),
        clustered_by="agent" if names else "conversation",
        scorecard=f"{card.id} version {card.version}" if card else None,
        n_human_raters=len({rating.rater for rating in people_flat}),
        n_resamples=n_resamples,
        seed=seed,
    )


def _flat(by_machine: Automated) -> list[Rating]:
    return [rating for items in by_machine.values() for rating in items.values()]


def _each_human(by_people: Human) -> Iterable[Rating]:
    for items in by_people.values():
        for by_rater in items.values():
            yield from by_rater.values()


def _shared_criteria(by_machine: Automated, by_people: Human, card: Scorecard | None) -> list[str]:
    """Criteria with an item in common, in the scorecard's order."""
    shared = {
        name
        for name, items in by_machine.items()
        if name in by_people and items.keys() & by_people[name].keys()
    }
    order = {c.id: i for i, c in enumerate(card.criteria)} if card else {}
    return sorted(shared, key=lambda name: (order.get(name, len(order)), name))


def _refuse_nothing(
    by_machine: Automated, by_people: Human, csat: Mapping[str, float], shared: Sequence[str]
) -> None:
    if not by_machine:
        raise DataError("There are no automated ratings to compare; score the conversations first.")
    if by_people and not shared:
        common = sorted(by_machine.keys() & by_people.keys())
        if not common:
            raise DataError(
                "Automated and human ratings have no criterion in common. Automated: "
                f"{some_of(sorted(by_machine))}. Human: {some_of(sorted(by_people))}. Use one "
                "scorecard for both."
            )
        mine = {key for name in common for key in by_machine[name]}
        theirs = {key for name in common for key in by_people[name]}
        raise DataError(
            "Automated and human ratings have no conversation (and turn) in common. Automated: "
            f"{_some_items(mine)}. Human: {_some_items(theirs)}. "
            "Score the conversations that people rated, and check how ids are written."
        )
    if not by_people:
        scored = {key[0] for items in by_machine.values() for key in items}
        if not csat:
            raise DataError("There are neither human ratings nor surveys to compare with.")
        if not scored & csat.keys():
            raise DataError(
                "No surveyed conversation was scored. Scored: "
                f"{some_of(sorted(scored))}. Surveyed: {some_of(sorted(csat))}. Check how ids are "
                "written."
            )


def _some_items(keys: Iterable[ItemKey]) -> str:
    return some_of(
        name if turn is None else f"{name} turn {turn + 1}"
        for name, turn in sorted(keys, key=sortable)
    )


def _predictions(items: Mapping[ItemKey, Rating]) -> dict[str, float]:
    """Predicted satisfaction with whole conversations: the expected level where it is known."""
    found = {}
    for (conversation, turn), rating in items.items():
        if turn is None and rating.status is Status.RATED and rating.level is not None:
            found[conversation] = float(
                rating.level if rating.expected is None else rating.expected
            )
    return found


def _common_scale(
    surveys: Sequence[Survey], predicted: Iterable[float]
) -> tuple[float, float] | None:
    scales = {survey.scale for survey in surveys}
    if len(scales) != 1:
        return None
    low, high = scales.pop()
    return (low, high) if all(low <= value <= high for value in predicted) else None
