"""Where people changed a model's answers before, people look again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from autoqa.review.database import schema
from autoqa.review.disagreement import LOOKS, flag_after_review, flag_everywhere
from autoqa.review.flags import MESSAGES

NOW = datetime.now(UTC)


class Centre:
    """Conversations in which a model answered 'empathy' with 1."""

    def __init__(self, database):
        self.database = database
        with database.writing("tests") as write:
            write.execute(
                insert(schema.scorecards).values(
                    id="s",
                    version=1,
                    loaded_at=NOW,
                    document={
                        "id": "s",
                        "version": 1,
                        "sections": [
                            {
                                "id": "all",
                                "criteria": [
                                    {
                                        "id": "empathy",
                                        "question": "Was empathy there?",
                                        "levels": {"0": "no", "1": "yes"},
                                    }
                                ],
                            }
                        ],
                    },
                )
            )
            self.run = write.execute(
                insert(schema.runs)
                .values(
                    name="r", scorecard="s", scorecard_version=1, fingerprint="f", loaded_at=NOW
                )
                .returning(schema.runs.c.id)
            ).scalar_one()
            write.audit("test", "centre")

    def talk(self, name, *, agent="Maya", team="day", day=0, status="rated"):
        with self.database.writing("tests") as write:
            write.execute(
                insert(schema.conversations).values(
                    id=name,
                    run_id=self.run,
                    language="en",
                    channel="chat",
                    agent=agent,
                    team=team,
                    started_at=NOW + timedelta(days=day),
                    n_turns=1,
                    words="",
                    document={},
                )
            )
            number = self._answer(write, name, "model", "autoqa", status, 1)
            this = schema.conversations.c.id == name
            write.execute(schema.conversations.update().where(this).values(evaluation_id=number))
            write.audit("test", name)

    def review(self, name, level, *, status="rated", submitted=True):
        with self.database.writing("tests") as write:
            self._answer(write, name, "human", "ana", status, level, submitted=submitted)
            write.audit("test", name)

    @staticmethod
    def _answer(write, name, kind, rater, status, level, *, submitted=True):
        number = write.execute(
            insert(schema.evaluations)
            .values(
                conversation_id=name,
                rater=rater,
                kind=kind,
                scorecard="s",
                scorecard_version=1,
                purpose="review" if kind == "human" else "score",
                state="submitted" if submitted else "draft",
                started_at=NOW,
            )
            .returning(schema.evaluations.c.id)
        ).scalar_one()
        write.execute(
            insert(schema.ratings).values(
                evaluation_id=number,
                criterion="empathy",
                version=1,
                status=status,
                level=level if status == "rated" else None,
                at=NOW,
            )
        )
        return number

    def flagged(self, after=None):
        """Ids that are flagged now: everywhere, or after the review of one."""
        with self.database.writing("tests") as write:
            if after is None:
                flag_everywhere(write.connection)
            else:
                flag_after_review(write.connection, after)
            write.audit("test", "flagged")
        with self.database.reading() as connection:
            flags = connection.execute(select(schema.flags)).all()
            queued = set(connection.execute(select(schema.items.c.conversation_id)).scalars())
        assert {flag.conversation_id for flag in flags} == queued
        assert all(MESSAGES[flag.reason].format(**flag.values) == flag.message for flag in flags)
        return [flag.conversation_id for flag in flags]


@pytest.fixture
def centre(databases):
    return Centre(databases)


def test_two_changed_answers_of_three_bring_the_newest_unreviewed_conversations(centre):
    for number, level in enumerate((0, 0, 1)):
        centre.talk(f"old-{number}", day=-9)
        centre.review(f"old-{number}", level)
    for day in range(LOOKS + 2):
        centre.talk(f"new-{day}", day=day)
    centre.talk("other", agent="Bruno", day=99)
    newest = [f"new-{day}" for day in range(LOOKS + 1, 1, -1)]
    assert centre.flagged() == newest
    assert centre.flagged() == newest  # once each


def test_few_or_mostly_accepted_answers_bring_nothing(centre):
    for number in range(2):
        centre.talk(f"few-{number}", agent="Few")
        centre.review(f"few-{number}", 0)
    for number, level in enumerate((0, 1, 1)):
        centre.talk(f"right-{number}", agent="Right")
        centre.review(f"right-{number}", level)
    for agent in ("Few", "Right"):
        centre.talk(f"new-{agent}", agent=agent)
    assert centre.flagged() == []


def test_drafts_and_abstentions_do_not_count_but_not_applicable_does(centre):
    for number in range(3):
        centre.talk(f"draft-{number}", agent="Draft")
        centre.review(f"draft-{number}", 0, submitted=False)
        centre.talk(f"unsure-{number}", agent="Unsure")
        centre.review(f"unsure-{number}", 0, status="abstained")
        centre.talk(f"none-{number}", agent="None")
        centre.review(f"none-{number}", 0, status="not_applicable")
    for agent in ("Draft", "Unsure", "None"):
        centre.talk(f"new-{agent}", agent=agent)
    assert centre.flagged() == ["new-None"]


def test_teams_stand_in_for_agents_who_are_not_known(centre):
    for number in range(3):
        centre.talk(f"old-{number}", agent=None, team="night")
        centre.review(f"old-{number}", 0)
    centre.talk("night", agent=None, team="night")
    centre.talk("day", agent=None, team="day")
    centre.talk("known", agent="Maya", team="night")
    assert centre.flagged() == ["night"]


def test_a_review_that_changes_the_third_answer_flags_at_once(centre):
    for number in range(3):
        centre.talk(f"old-{number}")
    centre.talk("new", day=1)
    for number in range(2):
        centre.review(f"old-{number}", 0)
        assert centre.flagged(after=f"old-{number}") == []
    centre.review("old-2", 0)
    assert centre.flagged(after="old-2") == ["new"]


def test_a_review_that_changes_nothing_flags_nothing(centre):
    for number, level in enumerate((0, 0, 1)):
        centre.talk(f"old-{number}")
        centre.review(f"old-{number}", level)
    centre.talk("new")
    assert centre.flagged(after="old-2") == []
