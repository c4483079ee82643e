"""How far models agree with people, and how much they answer at all, criterion by criterion.

Who saw the model's answer first tends to agree with it. Answers given blind and answers given with
the model's in sight are therefore two figures, and only the first says how good the model is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Connection

from autoqa.evaluation.agreement import positions
from autoqa.evaluation.figures import Figure, Paired, agreement_figures
from autoqa.evaluation.threads import one_thread
from autoqa.records import Status
from autoqa.review.access import Permission, User
from autoqa.review.dashboards.heat_map import automated_answers
from autoqa.review.dashboards.kept import LOADED, kept
from autoqa.review.dashboards.pairs import Pair, pairs
from autoqa.review.dashboards.scope import MIN_N, N_RESAMPLES, Scope
from autoqa.review.dashboards.summing import NOTHING, Entry, Shown, means
from autoqa.review.dashboards.withheld import withheld
from autoqa.review.database import Database
from autoqa.review.stored_evaluations import card_of
from autoqa.scorecard.schema import Criterion

_ANSWERS = (Status.RATED, Status.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Agreement on the conversations that a model and people rated at a level.

    Attributes
    ----------
    n : int
        Conversations.
    n_twice : int
        Of these, how many two or more people rated.
    figures : mapping of name to Figure
        As in `autoqa.evaluation.figures.agreement_figures`, each beside what people reach among
        themselves where two rated; empty below `MIN_N` conversations.
    """

    n: int = 0
    n_twice: int = 0
    figures: Mapping[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionAgreement:
    """One criterion.

    Attributes
    ----------
    blind, seen : Agreement
        With people who did not know the model's answer, and with those who did.
    coverage : Shown
        Share of all scored conversations to which models gave an answer, a level or "does not
        apply", instead of none.
    """

    criterion: str
    question: str
    blind: Agreement
    seen: Agreement
    coverage: Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAgreement:
    """Every criterion of the scorecard, in its order."""

    criteria: tuple[CriterionAgreement, ...]
    n_conversations: int  # that people answered
    min_n: int = MIN_N


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """People's answers held against the model's.

    Attributes
    ----------
    blind, seen : mapping of criterion to Agreement
    corrected : set of str
        Conversations in whose review a person gave another answer than the model.
    """

    blind: Mapping[str, Agreement]
    seen: Mapping[str, Agreement]
    corrected: Set[str]
    n_conversations: int


def model_agreement(database: Database, user: User, scope: Scope) -> ModelAgreement:
    """Return agreement of models with people, beside that of people with each other.

    Raises
    ------
    NotAllowedError
    """
    user.require(Permission.SEE_DASHBOARDS)
    found = compared(database, user, scope)
    covered = coverage(database, user, scope)
    with database.reading() as connection:
        card = card_of(connection, scope.scorecard, scope.version)
    return ModelAgreement(
        criteria=tuple(
            CriterionAgreement(
                criterion=one.id,
                question=one.question,
                blind=found.blind[one.id],
                seen=found.seen[one.id],
                coverage=covered.get(one.id, NOTHING),
            )
            for one in card.criteria
        ),
        n_conversations=found.n_conversations,
    )


def coverage(database: Database, user: User, scope: Scope) -> Mapping[str, Shown]:
    """Return the share of all scored conversations to which models gave an answer, by criterion."""
    answers = automated_answers(database, user, scope)
    entries = (
        Entry(one.criterion, one.agent, one.n, given, given)
        for one in answers
        for given in [one.n if one.status in _ANSWERS else 0]
    )
    return kept(
        database,
        user,
        ("coverage", scope),
        lambda _: means(entries, by="team", most=1.0),
        until=LOADED,
    )


def compared(database: Database, user: User, scope: Scope) -> Compared:
    """Hold people's answers against the model's, criterion by criterion."""
    left_out = withheld(database, user, scope)
    return kept(
        database,
        user,
        ("compared", scope, left_out),
        lambda connection: _compared(connection, user, scope, left_out),
    )


def _compared(connection: Connection, user: User, scope: Scope, left_out: Set[str]) -> Compared:
    answered = pairs(connection, user, scope, left_out)
    by_kind: dict[tuple[str, bool], list[Pair]] = defaultdict(list)
    for pair in answered:
        by_kind[pair.criterion, pair.blind].append(pair)
    criteria = card_of(connection, scope.scorecard, scope.version).criteria
    with one_thread():
        blind, seen = (
            {one.id: _agreement(one, by_kind[one.id, kind]) for one in criteria}
            for kind in (True, False)
        )
    return Compared(
        blind=blind,
        seen=seen,
        corrected=frozenset(
            pair.conversation_id for pair in answered if pair.reviewed and pair.changed
        ),
        n_conversations=len({pair.conversation_id for pair in answered}),
    )


def _agreement(criterion: Criterion, given: Sequence[Pair]) -> Agreement:
    """Pair the model's level with each person's, conversation by conversation."""
    by_conversation: dict[str, list[Pair]] = defaultdict(list)
    for pair in given:
        if pair.level in criterion.levels and pair.model_level in criterion.levels:
            by_conversation[pair.conversation_id].append(pair)
    n = len(by_conversation)
    several = sum(len(held) > 1 for held in by_conversation.values())
    if n < MIN_N:
        return Agreement(n=n, n_twice=several)
    people = np.full((max(map(len, by_conversation.values())), n), np.nan)
    for column, held in enumerate(by_conversation.values()):
        people[: len(held), column] = [pair.level for pair in held]
    first = [held[0] for held in by_conversation.values()]
    paired = Paired(
        positions([pair.model_level or 0 for pair in first], criterion.scale),
        positions(people, criterion.scale, missing=True),
        np.asarray([pair.cluster for pair in first]),
    )
    return Agreement(
        n=n,
        n_twice=several,
        figures=agreement_figures(paired, criterion.scale, n_resamples=N_RESAMPLES),
    )
