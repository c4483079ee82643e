"""What reviews find: by the reason to look, and among conversations drawn at random."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np
from sqlalchemy import ColumnElement, Connection, func, select

from autoqa.evaluation.claims.base import clustered_share
from autoqa.evaluation.intervals import Estimate, bootstrap_tables
from autoqa.evaluation.tables import ratio
from autoqa.review.access import Permission, User
from autoqa.review.dashboards.agreement import compared
from autoqa.review.dashboards.kept import kept
from autoqa.review.dashboards.scope import MIN_N, N_RESAMPLES, Scope
from autoqa.review.dashboards.withheld import withheld
from autoqa.review.database import Database
from autoqa.review.database.schema import conversations, evaluations, flags
from autoqa.review.flags import LOW_TOTAL, REASONS

RANDOM = "random_audit"
"""The reason of conversations that were drawn at random."""

_BY_MODELS = frozenset(REASONS) - {RANDOM, "new_agent", "picked"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Yield:
    """What became of the conversations with one reason to look.

    Attributes
    ----------
    reason : str
        A key of `autoqa.review.flags.REASONS`, or a reason of a run's own.
    flagged, reviewed : int
        Conversations with that reason, and those of them that people reviewed.
    findings : Estimate or None
        Share of the reviewed ones with a finding: a person saw a critical criterion failed, or gave
        a total below `LOW_TOTAL`. None below `MIN_N` reviewed ones.
    corrections : Estimate or None
        Share in which a person gave another answer than the model to some criterion.
    n_findings, n_corrections : int
    """

    reason: str
    flagged: int
    reviewed: int
    n_findings: int
    n_corrections: int
    findings: Estimate | None
    corrections: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewYield:
    """What reviews found.

    Attributes
    ----------
    flagged : Yield
        All that models flagged, for whatever reason.
    random : Yield
        The random audit: what one finds without looking for it.
    gain : Estimate or None
        Share of findings among the flagged minus that of the random audit; None unless both are
        there.
    reasons : tuple of Yield
        One per reason, the largest share of findings first. A conversation with several reasons
        counts under each.
    """

    flagged: Yield
    random: Yield
    gain: Estimate | None
    reasons: tuple[Yield, ...]
    low_total: float = LOW_TOTAL
    min_n: int = MIN_N


def review_yield(database: Database, user: User, scope: Scope) -> ReviewYield:
    """Return how many of the flagged and of the randomly drawn conversations had a finding.

    Raises
    ------
    NotAllowedError
    """
    user.require(Permission.SEE_DASHBOARDS)
    corrected = compared(database, user, scope).corrected
    left_out = withheld(database, user, scope)
    return kept(
        database,
        user,
        ("yield", scope, left_out),
        lambda connection: _worked_out(connection, user, scope, corrected, left_out),
    )


@dataclass(frozen=True, slots=True)
class _Reviews:
    agents: Mapping[str, str]  # conversation -> what is resampled with it
    findings: Set[str]
    corrections: Set[str]

    def of(self, reason: str, flagged: int, reviewed: Set[str]) -> Yield:
        held = sorted(reviewed & self.agents.keys())
        clusters = [self.agents[one] for one in held]

        def share(found: Set[str]) -> Estimate | None:
            if len(held) < MIN_N:
                return None
            return clustered_share(np.asarray([one in found for one in held]), clusters)

        return Yield(
            reason=reason,
            flagged=flagged,
            reviewed=len(held),
            n_findings=len(self.findings & set(held)),
            n_corrections=len(self.corrections & set(held)),
            findings=share(self.findings),
            corrections=share(self.corrections),
        )

    def gain(self, flagged: Set[str], random: Set[str]) -> Estimate | None:
        sides = [sorted(held & self.agents.keys()) for held in (flagged, random)]
        if min(map(len, sides)) < MIN_N:
            return None
        # Two sums for each side: conversations, and those with a finding.
        rows = [
            (2 * side + of, 1.0 if of == 0 else float(one in self.findings), self.agents[one])
            for side, held in enumerate(sides)
            for one in held
            for of in (0, 1)
        ]
        cells, weights, clusters = zip(*rows, strict=True)
        return bootstrap_tables(
            {"gain": lambda sums: ratio(sums[:, 1], sums[:, 0]) - ratio(sums[:, 3], sums[:, 2])},
            cells,
            shape=(4,),
            clusters=clusters,
            weights=weights,
            n=len({*sides[0], *sides[1]}),
            n_resamples=N_RESAMPLES,
        )["gain"]


def _worked_out(
    connection: Connection, user: User, scope: Scope, corrected: Set[str], left_out: Set[str]
) -> ReviewYield:
    held = [*scope.held(user), conversations.c.id.not_in(left_out)]
    reviews = _reviews(connection, held, scope, corrected)
    in_scope = (
        select(flags.c.reason, conversations.c.id)
        .join(conversations, conversations.c.id == flags.c.conversation_id)
        .where(*held)
        .distinct()
        .subquery()
    )
    counted = select(in_scope.c.reason, func.count().label("n")).group_by(in_scope.c.reason)
    sizes: dict[str, int] = {row.reason: row.n for row in connection.execute(counted)}
    any_flag = connection.execute(
        select(func.count(in_scope.c.id.distinct())).where(in_scope.c.reason.in_(_BY_MODELS))
    ).scalar_one()
    reviewed: dict[str, set[str]] = defaultdict(set)
    by_people = select(evaluations.c.conversation_id).where(*scope.by_people())
    for reason, conversation in connection.execute(
        select(in_scope.c.reason, in_scope.c.id).where(in_scope.c.id.in_(by_people))
    ):
        reviewed[reason].add(conversation)
    found = [
        reviews.of(reason, n, reviewed[reason]) for reason, n in sizes.items() if reason != RANDOM
    ]
    by_models = {one for reason in _BY_MODELS & reviewed.keys() for one in reviewed[reason]}
    return ReviewYield(
        flagged=reviews.of("", any_flag, by_models),
        random=reviews.of(RANDOM, sizes.get(RANDOM, 0), reviewed[RANDOM]),
        gain=reviews.gain(by_models, reviewed[RANDOM]),
        reasons=tuple(
            sorted(
                found,
                key=lambda one: (-(one.findings.value if one.findings else -1.0), one.reason),
            )
        ),
    )


def _reviews(
    connection: Connection, held: list[ColumnElement[bool]], scope: Scope, corrected: Set[str]
) -> _Reviews:
    agents, findings = {}, set()
    rows = connection.execute(
        select(
            conversations.c.id,
            conversations.c.agent,
            evaluations.c.total,
            evaluations.c.critical_failed,
        )
        .join(conversations, conversations.c.id == evaluations.c.conversation_id)
        .where(*held, *scope.by_people())
    )
    for row in rows:
        agents[row.id] = f"agent {row.agent}" if row.agent else f"alone {row.id}"
        if row.critical_failed or (row.total is not None and row.total < LOW_TOTAL):
            findings.add(row.id)
    return _Reviews(agents, findings, corrected)
