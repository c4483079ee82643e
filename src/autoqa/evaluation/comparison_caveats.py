"""What a reader must know before using the figures of a comparison."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from autoqa.errors import some_of
from autoqa.evaluation.by_criterion import Automated, CriterionComparison, Human
from autoqa.evaluation.by_total import CsatComparison, TotalComparison
from autoqa.evaluation.figures import FEW_CLUSTERS, SMALL_N
from autoqa.records import CSAT, Rating, Survey
from autoqa.scorecard.schema import Scorecard

DOMINANT = 0.9
"""Share of one level from which kappa and alpha say little."""


def about_data(
    machine_replaced: int,
    people_replaced: int,
    by_people: Human,
    in_totals: Sequence[str],
    totals: TotalComparison | None,
) -> Iterable[str]:
    """Say what was left out of the ratings, and where there are few."""
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


def about_agents(names: Mapping[str, str], by_machine: Automated) -> Iterable[str]:
    """Say what resampling agents does to intervals."""
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


def about_scales(guessed: Sequence[str], card: Scorecard | None) -> Iterable[str]:
    """Name the scales that were taken from the data."""
    if guessed:
        why = "not on the scorecard" if card else "no scorecard was given"
        yield (
            f"Levels of {some_of(sorted(guessed))} are taken from the data ({why}): levels that "
            "nobody used at either end are unknown, and weighted agreement may be off."
        )


def about_criterion(found: CriterionComparison) -> Iterable[str]:
    """Say what makes the figures of a criterion hard to read."""
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


def about_respondents(
    people: Sequence[Rating], about_quality: Sequence[Rating], found: CsatComparison | None
) -> Iterable[str]:
    """Say which ratings are not set against CSAT."""
    n = sum(rating.criterion != CSAT for rating in people) - len(about_quality)
    if n and found is not None:
        yield (
            f"{n} human ratings are not set against CSAT: they were given by whoever answered the "
            "survey of that conversation, or rate satisfaction by another name."
        )


def about_csat(
    found: CsatComparison | None, surveys: Sequence[Survey], by_machine: Automated
) -> Iterable[str]:
    """Say whom the answers to surveys stand for."""
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
