"""The library of examples: who adds, sees and removes what."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select

from autoqa.review.access import InvalidError, NotAllowedError, NotFoundError
from autoqa.review.database import schema
from autoqa.review.examples import Kind, add_example, list_examples, remove_example


@pytest.fixture
def people(databases, add_people):
    return add_people(databases)


@pytest.fixture
def centre(databases, centres):
    built = centres.Centre(databases)
    built.conversation("a-1", agent="Maya Okafor", team="harbour")
    built.conversation("b-1", agent="Bruno Galli", team="meridian")
    return built


def add(database, user, conversation="a-1", **more):
    given = {"criterion": "greeting", "kind": Kind.GOOD, "title": "A warm hello", "turn": 1}
    return add_example(database, user, conversation, **given | more)


def test_an_example_shows_its_turn_and_who_added_it(databases, centre, people):
    added = add(databases, people["reviewer"])
    assert (added.speaker, added.excerpt) == ("agent", "words of turn 2")
    assert (added.kind, added.agent, added.author) == ("good", "Maya Okafor", "Reviewer")
    assert list_examples(databases, people["analyst"]) == [added]


def test_examples_are_found_by_criterion_kind_and_conversation_newest_first(
    databases, centre, people
):
    who = people["reviewer"]
    first = add(databases, who)
    bad = add(databases, who, kind=Kind.BAD, turn=None)
    tone = add(databases, who, "b-1", criterion="tone")
    assert list_examples(databases, who) == [tone, bad, first]
    assert list_examples(databases, who, criterion="greeting") == [bad, first]
    assert list_examples(databases, who, kind=Kind.GOOD) == [tone, first]
    assert list_examples(databases, who, conversation_id="b-1") == [tone]
    assert list_examples(databases, who, before=tone.id, limit=1) == [bad]
    assert (bad.turn, bad.speaker, bad.excerpt) == (None, None, "")


def test_only_examples_from_conversations_that_one_may_see_are_there(databases, centre, people):
    mine = add(databases, people["reviewer"])
    other = add(databases, people["reviewer"], "b-1")
    assert list_examples(databases, people["agent"]) == [mine]
    assert list_examples(databases, people["other_agent"]) == [other]
    assert list_examples(databases, people["team_lead"]) == [mine]
    with pytest.raises(NotFoundError):
        add(databases, people["team_lead"], "b-1")
    with pytest.raises(NotFoundError):
        remove_example(databases, people["team_lead"], other.id)


def test_an_example_is_kept_from_who_is_still_to_rate_its_conversation_blind(
    databases, centre, people
):
    added = add(databases, people["lead"])
    with databases.writing("tests") as write:
        write.execute(
            insert(schema.items).values(
                conversation_id="a-1",
                priority=0.5,
                state="open",
                blind=True,
                created_at=datetime.now(UTC),
            )
        )
        write.audit("item.add", "a-1")
    assert list_examples(databases, people["reviewer"]) == []
    assert list_examples(databases, people["analyst"]) == [added]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"title": "  "}, "the title is missing"),
        ({"title": "x" * 301}, "301 characters"),
        ({"criterion": "grooting"}, "no scorecard has"),
        ({"turn": 4}, "choose 1 to 4"),
        ({"turn": -1}, "choose 1 to 4"),
    ],
)
def test_an_example_without_title_turn_or_criterion_is_refused(
    databases, centre, people, more, problem
):
    with pytest.raises(InvalidError, match=problem):
        add(databases, people["reviewer"], **more)
    assert list_examples(databases, people["reviewer"]) == []


def test_only_who_reviews_adds_and_only_its_author_or_a_coach_removes(databases, centre, people):
    for who in ("agent", "analyst"):
        with pytest.raises(NotAllowedError):
            add(databases, people[who])
    added = add(databases, people["reviewer"])
    with pytest.raises(NotAllowedError, match="their own examples"):
        remove_example(databases, people["other_reviewer"], added.id)
    with pytest.raises(NotAllowedError):
        remove_example(databases, people["agent"], added.id)
    remove_example(databases, people["reviewer"], added.id)
    again = add(databases, people["reviewer"])
    remove_example(databases, people["lead"], again.id)
    assert list_examples(databases, people["lead"]) == []
    with databases.reading() as connection:
        actions = connection.execute(select(schema.audit_log.c.action)).scalars().all()
    assert actions.count("example.add") == actions.count("example.remove") == 2


def test_a_long_turn_is_cut(databases, centre, people):
    centre.conversation("long", agent="Maya Okafor")
    with databases.writing("tests") as write:
        write.execute(
            schema.conversations.update()
            .where(schema.conversations.c.id == "long")
            .values(document={"turns": [{"speaker": "customer", "text": "word " * 200}]}, n_turns=1)
        )
        write.audit("tests", "long")
    added = add(databases, people["reviewer"], "long", turn=0)
    assert len(added.excerpt) == 401
    assert added.excerpt.endswith("…")
