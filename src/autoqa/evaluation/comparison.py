"""Automated QA against human QA against CSAT, in one call."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoqa.errors import DataError
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
from autoqa.evaluation.figures import FEW_CLUSTERS, SMALL_N, to_plain
from autoqa.evaluation.quality_ratings import quality_ratings
from autoqa.evaluation.wording import Say, english
from autoqa.records import CSAT, SCHEMA_VERSION, Rating, Status, Survey
from autoqa.scorecard.schema import Scorecard

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOMINANT = 0.9
"""Share of one level from which kappa and alpha say little."""


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
        from autoqa.evaluation.render import to_html_table

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
            *_about_data(machine_replaced, people_replaced, by_people, in_totals, totals),
            *_about_agents(names, by_machine),
            *_about_scales([name for name in guessed if name in shared], card),
            *(text for found in criteria for text in _about_criterion(found)),
            *_about_respondents(people_flat, people_quality, alignment),
            *_about_csat(alignment, surveys, by_machine),
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
                f"{_some(by_machine)}. Human: {_some(by_people)}. Use one scorecard for both."
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
                f"{_some(scored)}. Surveyed: {_some(csat)}. Check how ids are written."
            )


def _some(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:3]) + (f" and {len(ordered) - 3} more" if len(ordered) > 3 else "")


def _some_items(keys: Iterable[ItemKey]) -> str:
    ordered = sorted(keys, key=sortable)
    shown = [name if turn is None else f"{name} turn {turn + 1}" for name, turn in ordered[:3]]
    return ", ".join(shown) + (f" and {len(ordered) - 3} more" if len(ordered) > 3 else "")


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


def _about_data(
    machine_replaced: int,
    people_replaced: int,
    by_people: Human,
    in_totals: Sequence[str],
    totals: TotalComparison | None,
) -> Iterable[str]:
    for side, n in (("automated", machine_replaced), ("human", people_replaced)):
        if n:
            yield (
                f"{n} {side} ratings were given again by the same rater for the same item; "
                "the last one counts."
            )
    if not by_people:
        yield "No human ratings: agreement with people cannot be said, only association with CSAT."
    elif in_totals and totals is None:
        yield (
            "No total could be compared: on no conversation do both sides have a rated criterion "
            "that carries weight."
        )
    elif totals is not None and totals.n_conversations < SMALL_N:
        yield f"Totals rest on {totals.n_conversations} conversations only."


def _about_agents(names: Mapping[str, str], by_machine: Automated) -> Iterable[str]:
    if not names:
        return
    scored = {key[0] for items in by_machine.values() for key in items}
    known = {names[conversation] for conversation in scored if conversation in names}
    if len(known) < FEW_CLUSTERS:
        yield (
            f"Intervals resample {len(known)} agents: with fewer than {FEW_CLUSTERS} they are "
            "too narrow."
        )
    without = sum(conversation not in names for conversation in scored)
    if without:
        yield f"{without} scored conversations have no agent; each counts as one of its own."


def _about_scales(guessed: Sequence[str], card: Scorecard | None) -> Iterable[str]:
    if guessed:
        why = "not on the scorecard" if card else "no scorecard was given"
        yield (
            f"Levels of {_some(guessed)} are taken from the data ({why}): levels that nobody used "
            "at either end are unknown, and weighted agreement may be off."
        )


def _about_criterion(found: CriterionComparison) -> Iterable[str]:
    name = found.criterion
    if not found.n_items:
        yield f"{name}: no item that both sides rated at a level; see coverage and applicability."
        return
    if found.n_conversations < SMALL_N:
        yield f"{name}: {found.n_conversations} conversations only; the figures are rough."
    top_level, top_share = max(found.human_levels.items(), key=lambda pair: pair[1])
    if top_share >= DOMINANT:
        yield (
            f"{name}: {top_share:.0%} of the human ratings are level {top_level}, so kappa and "
            "alpha say little; read Gwet's AC2 and exact agreement."
        )
    elif not math.isfinite(found.figures["quadratic_kappa"].automated.value):
        yield f"{name}: kappa is undefined, both sides used one level only."
    ceiling = found.figures["quadratic_kappa"].ceiling
    if ceiling is None:
        yield f"{name}: no item has two human ratings, so there is no human ceiling."
    elif ceiling.value < 0.2 and top_share < DOMINANT:
        yield (
            f"{name}: people hardly agree with each other (quadratic kappa {ceiling.value:.2f}); "
            "agreeing as well as they do means little. Review the question and its guidance."
        )
    unanswered = found.coverage.abstained + found.coverage.failed + found.coverage.missing
    if unanswered > 0.1 * found.coverage.n_items:
        yield (
            f"{name}: {unanswered} of {found.coverage.n_items} items have no automated answer "
            f"({found.coverage.abstained} abstained, {found.coverage.failed} failed, "
            f"{found.coverage.missing} missing); agreement describes the others."
        )


def _about_respondents(
    people: Sequence[Rating], about_quality: Sequence[Rating], found: CsatComparison | None
) -> Iterable[str]:
    n = sum(rating.criterion != CSAT for rating in people) - len(about_quality)
    if n and found is not None:
        yield (
            f"{n} human ratings are not set against CSAT: they were given by whoever answered the "
            "survey of that conversation, or rate satisfaction by another name."
        )


def _about_csat(
    found: CsatComparison | None, surveys: Sequence[Survey], by_machine: Automated
) -> Iterable[str]:
    if surveys and found is None:
        yield "No surveyed conversation has a total or a prediction, so CSAT is left out."
    if found is None:
        return
    if found.n_surveyed < SMALL_N:
        yield f"CSAT rests on {found.n_surveyed} surveyed conversations only."
    scored = {key[0] for items in by_machine.values() for key in items}
    share = len(scored & {survey.conversation_id for survey in surveys}) / len(scored)
    if share < 0.5:
        yield (
            f"{share:.0%} of the scored conversations have a survey answer; customers who answer "
            "differ from those who do not, and the figures describe the former."
        )
    others = sum(survey.given_by != "customer" for survey in surveys)
    if others:
        yield f"{others} of {len(surveys)} satisfaction answers were not given by the customer."
