"""A contact centre in the review database, with whatever answers a test gives it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, insert, select, update

from autoqa.records import RaterKind, Rating, Status
from autoqa.review.database import schema
from autoqa.scorecard import Scorecard, evaluate
from autoqa.scorecard.schema import Criterion, Section

NOW = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)

CARD = Scorecard(
    id="small",
    version=1,
    title="Small",
    sections=(
        Section(
            id="all",
            criteria=(
                Criterion(
                    id="greeting",
                    question="Did the agent greet?",
                    levels={0: "no", 1: "yes"},
                    weight=40,
                ),
                Criterion(
                    id="tone",
                    question="Was the tone friendly?",
                    levels={0: "no", 1: "somewhat", 2: "clearly"},
                    weight=60,
                ),
                Criterion(
                    id="identity",
                    question="Was identity verified?",
                    levels={0: "no", 1: "yes"},
                    critical=True,
                ),
            ),
        ),
    ),
)

ALL_GOOD = {"greeting": 1, "tone": 2, "identity": 1}
"""Every criterion at its best: a total of 100."""


class Centre:
    """Fills a database row by row; levels are by criterion, None for "does not apply"."""

    def __init__(self, database, card=CARD):
        self.database, self.card = database, card
        with database.writing("tests") as write:
            write.execute(
                insert(schema.scorecards).values(
                    id=card.id,
                    version=card.version,
                    document=card.model_dump(mode="json", exclude_defaults=True),
                    loaded_at=NOW,
                )
            )
            self.run = write.execute(
                insert(schema.runs)
                .values(
                    name="run",
                    scorecard=card.id,
                    scorecard_version=card.version,
                    fingerprint=f"{card.id}@{card.version}",
                    loaded_at=NOW,
                )
                .returning(schema.runs.c.id)
            ).scalar_one()
            write.audit("run.begin", f"run:{self.run}")

    def conversations(self, rows):
        """Add conversations: dicts of name, agent, team, days_ago, levels, survey, flags."""
        with self.database.writing("tests") as write:
            for row in rows:
                self._conversation(write, **row)
            write.audit("run.load", f"run:{self.run}")

    def conversation(self, name, **row):
        """Add one conversation."""
        self.conversations([{"name": name, **row}])

    def review(self, name, user, levels, *, blind=False, minutes=10, days_ago=0, purpose="review"):
        """Submit what a person answered."""
        ended = NOW - timedelta(days=days_ago)
        with self.database.writing(user.name) as write:
            of = self._evaluation(
                write,
                name,
                levels,
                rater=user.name,
                kind=RaterKind.HUMAN,
                user_id=user.id,
                purpose=purpose,
                blind=blind,
                occasion="" if purpose == "review" else purpose,
                started_at=ended - timedelta(minutes=minutes),
                submitted_at=ended,
            )
            write.audit("evaluation.submit", f"conversation:{name}", evaluation=of)
        return of

    def answer_again(self, evaluation, criterion, level):
        """Add a newer version of one answer."""
        theirs = schema.ratings.c.evaluation_id == evaluation
        this = theirs & (schema.ratings.c.criterion == criterion)
        with self.database.writing("tests") as write:
            version = write.execute(select(func.max(schema.ratings.c.version)).where(this)).scalar()
            write.execute(
                insert(schema.ratings).values(
                    evaluation_id=evaluation,
                    criterion=criterion,
                    version=version + 1,
                    status="rated",
                    level=level,
                    at=NOW,
                )
            )
            write.audit("evaluation.submit", f"evaluation:{evaluation}")

    def _conversation(
        self,
        write,
        name,
        agent="Ana",
        team="north",
        days_ago=1,
        levels=ALL_GOOD,
        survey=None,
        flags=(),
        n_turns=4,
    ):
        turns = [{"speaker": "agent", "text": f"words of turn {n + 1}"} for n in range(n_turns)]
        write.execute(
            insert(schema.conversations).values(
                id=name,
                run_id=self.run,
                language="en",
                channel="chat",
                agent=agent,
                team=team,
                started_at=None if days_ago is None else NOW - timedelta(days=days_ago),
                n_turns=n_turns,
                survey=survey,
                csat=None if survey is None else 1 + 4 * survey,
                words="",
                document={"conversation_id": name, "turns": turns},
            )
        )
        if levels is not None:
            of = self._evaluation(
                write,
                name,
                levels,
                rater="rules",
                kind=RaterKind.MODEL,
                purpose="score",
                blind=False,
                occasion=f"run:{self.run}",
                started_at=NOW,
                submitted_at=NOW,
            )
            total = select(schema.evaluations.c.total).where(schema.evaluations.c.id == of)
            write.execute(
                update(schema.conversations)
                .where(schema.conversations.c.id == name)
                .values(evaluation_id=of, total=total.scalar_subquery(), coverage=1.0)
            )
        for reason in flags:
            write.execute(
                insert(schema.flags).values(
                    conversation_id=name, reason=reason, message=reason, priority=0.5
                )
            )

    def _evaluation(self, write, name, levels, *, rater, kind, **values):
        ratings = [
            Rating(
                conversation_id=name,
                criterion=criterion,
                rater=rater,
                kind=kind,
                status=Status.NOT_APPLICABLE if level is None else Status.RATED,
                level=level,
            )
            for criterion, level in levels.items()
        ]
        found = evaluate(ratings, self.card)
        of = write.execute(
            insert(schema.evaluations)
            .values(
                conversation_id=name,
                rater=rater,
                kind=str(kind),
                scorecard=self.card.id,
                scorecard_version=self.card.version,
                state="submitted",
                total=found.total,
                coverage=found.coverage,
                critical_failed=list(found.critical_failed),
                section_totals={},
                **values,
            )
            .returning(schema.evaluations.c.id)
        ).scalar_one()
        write.execute(
            insert(schema.ratings),
            [
                {
                    "evaluation_id": of,
                    "criterion": one.criterion,
                    "version": 1,
                    "status": str(one.status),
                    "level": one.level,
                    "points": None
                    if one.level is None
                    else self.card.criterion(one.criterion).points(one.level),
                    "at": NOW,
                }
                for one in ratings
            ],
        )
        return of
