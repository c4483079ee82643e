"""Coaching: who may write and read what, what is due, and what came after a note."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from autoqa.review.access import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
    Role,
    User,
)
from autoqa.review.coaching import (
    Link,
    NoteState,
    add_note,
    agents_seen,
    coached_agents,
    due_follow_ups,
    follow_up,
    link_turn,
    list_notes,
    note_of,
    progress,
    today,
)
from autoqa.review.database import schema, verify

GOOD, BAD = {"greeting": 1}, {"greeting": 0}


@pytest.fixture
def people(databases, add_people):
    return add_people(databases)


@pytest.fixture
def centre(databases, centres):
    """Two agents in two teams, with one conversation each."""
    built = centres.Centre(databases)
    built.conversation("a-1", agent="Ana", team="harbour")
    built.conversation("b-1", agent="Ben", team="meridian")
    return built


@pytest.fixture
def lead(people):
    return people["lead"]


@pytest.fixture
def agent(people):
    """A user who is the agent Ana."""
    return User(**{**_fields(people["agent"]), "agent": "Ana"})


def _fields(user):
    return {name: getattr(user, name) for name in user.__dataclass_fields__}


def test_a_note_is_written_read_by_its_agent_and_by_nobody_elses(
    databases, centre, people, lead, agent
):
    link = Link(conversation_id="a-1", turn=2)
    note = add_note(
        databases,
        lead,
        "Ana",
        "  Say hello first.\r\n",
        criterion="greeting",
        goal="Every call",
        follow_up_on=today(),
        links=[link, link],
    )
    assert note.text == "Say hello first."
    assert (note.goal, note.criterion, note.version) == ("Every call", "greeting", 1)
    assert note.links == (link,)
    assert note.author == lead.display_name
    assert list_notes(databases, agent, agent="Ana") == [note]
    other = people["other_agent"]
    assert list_notes(databases, other) == []
    with pytest.raises(NotFoundError):
        note_of(databases, other, note.id)
    with databases.reading() as connection:
        assert verify(connection).holds
        entry = connection.execute(
            select(schema.audit_log).where(schema.audit_log.c.action == "coaching.add")
        ).one()
    assert entry.actor == lead.name
    assert "hello" not in str(entry.details)


@pytest.mark.parametrize("who", ["reviewer", "agent", "analyst"])
def test_who_does_not_coach_neither_writes_nor_changes_a_note(databases, centre, people, lead, who):
    note = add_note(databases, lead, "Ana", "Say hello.")
    with pytest.raises(NotAllowedError):
        add_note(databases, people[who], "Ana", "Say hello.")
    with pytest.raises(NotAllowedError):
        follow_up(
            databases,
            people[who],
            note.id,
            based_on=1,
            state=NoteState.DROPPED,
            follow_up_on=None,
        )
    with pytest.raises(NotAllowedError):
        link_turn(databases, people[who], note.id, Link(conversation_id="a-1"))


def test_a_lead_of_a_team_coaches_its_agents_only(databases, centre, people, lead):
    of_harbour = people["team_lead"]
    add_note(databases, lead, "Ben", "Verify first.")
    mine = add_note(databases, of_harbour, "Ana", "Say hello.")
    assert agents_seen(databases, of_harbour) == ["Ana"]
    assert [one.agent for one in coached_agents(databases, of_harbour)] == ["Ana"]
    assert list_notes(databases, of_harbour) == [mine]
    with pytest.raises(NotFoundError):
        add_note(databases, of_harbour, "Ben", "Not mine to say.")
    assert [one.agent for one in coached_agents(databases, lead)] == ["Ana", "Ben"]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"text": " \x00 "}, "the note is missing"),
        ({"text": "x" * 4001}, "4,001 characters"),
        ({"text": "x", "criterion": "grooting"}, "no scorecard has a criterion 'grooting'"),
        ({"text": "x", "links": [Link(conversation_id="a-1", turn=4)]}, "choose 1 to 4"),
    ],
)
def test_a_note_that_says_nothing_or_points_nowhere_is_refused(
    databases, centre, lead, more, problem
):
    with pytest.raises(InvalidError, match=problem):
        add_note(databases, lead, "Ana", **more)
    assert list_notes(databases, lead) == []


def test_a_link_to_another_agents_conversation_is_refused(databases, centre, lead):
    with pytest.raises(NotFoundError, match="of agent 'Ana'"):
        add_note(databases, lead, "Ana", "Say hello.", links=[Link(conversation_id="b-1")])


def test_links_that_a_reader_is_still_to_rate_blind_are_not_shown(databases, centre, people, lead):
    link = Link(conversation_id="a-1", turn=0)
    note = add_note(databases, lead, "Ana", "Say hello.", criterion="greeting", links=[link])
    with databases.writing("tests") as write:
        write.execute(
            schema.items.insert().values(
                conversation_id="a-1",
                priority=0.5,
                state="open",
                blind=True,
                created_at=note.created_at,
            )
        )
        write.audit("item.add", "a-1")
    assert note_of(databases, people["reviewer"], note.id).links == ()
    assert note_of(databases, people["analyst"], note.id).links == (link,)


def test_a_follow_up_on_what_somebody_else_changed_shows_both(databases, centre, people, lead):
    note = add_note(databases, lead, "Ana", "Say hello.", follow_up_on=today())
    done = follow_up(
        databases,
        lead,
        note.id,
        based_on=1,
        state=NoteState.REACHED,
        follow_up_on=None,
    )
    assert (done.state, done.follow_up_on, done.version) == (NoteState.REACHED, None, 2)
    with pytest.raises(ConflictError) as conflict:
        follow_up(
            databases,
            people["admin"],
            note.id,
            based_on=1,
            state=NoteState.DROPPED,
            follow_up_on=None,
        )
    assert conflict.value.theirs == {"version": 2, "state": "reached", "follow_up_on": None}
    assert conflict.value.yours["state"] == "dropped"
    assert note_of(databases, lead, note.id) == done


def test_what_is_due_comes_first_and_only_while_it_is_open(databases, centre, lead):
    days = (0, -3, 1)
    notes = [
        add_note(databases, lead, "Ana", "x", follow_up_on=today() + timedelta(days=day))
        for day in days
    ]
    add_note(databases, lead, "Ana", "no day")
    assert [one.id for one in due_follow_ups(databases, lead)] == [notes[1].id, notes[0].id]
    (found,) = coached_agents(databases, lead)
    assert (found.notes, found.open, found.due) == (4, 4, 2)
    follow_up(
        databases,
        lead,
        notes[1].id,
        based_on=1,
        state=NoteState.REACHED,
        follow_up_on=notes[1].follow_up_on,
    )
    assert [one.id for one in due_follow_ups(databases, lead)] == [notes[0].id]


def test_notes_come_in_pages(databases, centre, lead):
    ids = [add_note(databases, lead, "Ana", f"note {n}").id for n in range(5)]
    first = list_notes(databases, lead, limit=3)
    rest = list_notes(databases, lead, before=first[-1].id, limit=3)
    assert [one.id for one in [*first, *rest]] == ids[::-1]


def written(databases, lead, days_ago, **more):
    """A note as if it had been written some days ago."""
    note = add_note(databases, lead, "Ana", "Say hello.", **more)
    with databases.writing("tests") as write:
        write.execute(
            update(schema.coaching_notes)
            .where(schema.coaching_notes.c.id == note.id)
            .values(created_at=note.created_at - timedelta(days=days_ago))
        )
        write.audit("tests.earlier", f"note:{note.id}")
    return note


def test_progress_compares_the_points_before_and_after_and_keeps_people_and_models_apart(
    databases, centre, people, lead
):
    # Before: 3 of 12 greet; after: 9 of 12. People reviewed two, and say otherwise.
    centre.conversations(
        [
            {
                "name": f"before-{n}",
                "days_ago": 40 + n / 10,
                "levels": GOOD if n < 3 else BAD,
            }
            for n in range(12)
        ]
        + [
            {"name": f"after-{n}", "days_ago": 5 + n / 10, "levels": GOOD if n < 9 else BAD}
            for n in range(12)
        ]
    )
    centre.review("before-0", people["reviewer"], BAD)
    centre.review("after-0", people["reviewer"], BAD)
    note = written(databases, lead, 20, criterion="greeting")
    found = progress(databases, lead, note)
    assert (found.scorecard, found.version) == ("small", 1)
    automated = found.automated
    # a-1, of yesterday, greets too: 10 of 13.
    assert (automated.n_before, automated.n_after) == (12, 13)
    assert automated.before.value == pytest.approx(3 / 12)
    assert automated.after.value == pytest.approx(10 / 13)
    assert automated.difference.value == pytest.approx(10 / 13 - 3 / 12)
    assert 0 < automated.difference.low < automated.difference.high < 1
    assert (found.human.n_before, found.human.n_after) == (1, 1)
    assert not found.human.enough
    assert found.human.before is None


def test_progress_leaves_out_what_the_note_points_to_what_lies_far_away_and_other_agents(
    databases, centre, lead
):
    centre.conversations(
        [{"name": f"before-{n}", "days_ago": 30, "levels": BAD} for n in range(3)]
        + [
            {"name": "long-ago", "days_ago": 200, "levels": BAD},
            {"name": "no-date", "days_ago": None, "levels": BAD},
            {"name": "bens", "days_ago": 30, "agent": "Ben", "levels": BAD},
        ]
    )
    note = written(
        databases, lead, 20, criterion="greeting", links=[Link(conversation_id="before-0")]
    )
    found = progress(databases, lead, note)
    assert (found.automated.n_before, found.automated.n_after) == (2, 1)


def test_progress_of_a_note_without_a_criterion_is_that_of_the_total(databases, centre, people):
    levels = {"greeting": 1, "tone": 1, "identity": 1}  # 40 + 30 of 100
    centre.conversations(
        [{"name": f"before-{n}", "days_ago": 30, "levels": levels} for n in range(10)]
    )
    # Two people on one conversation: it counts once, with their mean of 100 and 40.
    centre.review("before-0", people["reviewer"], {"greeting": 1, "tone": 2})
    centre.review("before-0", people["other_reviewer"], {"greeting": 1, "tone": 0})
    note = written(databases, people["lead"], 20)
    found = progress(databases, people["lead"], note)
    assert found.automated.before.value == pytest.approx(0.70)
    assert found.human.n_before == 1
    assert found.automated.difference is None  # one conversation after it


def test_progress_reads_the_newest_version_of_an_answer(databases, centre, people, lead):
    centre.conversations([{"name": f"call-{n}", "days_ago": 30} for n in range(10)])
    for n in range(10):
        of = centre.review(f"call-{n}", people["reviewer"], BAD)
        centre.answer_again(of, "greeting", 1)
    note = written(databases, lead, 20, criterion="greeting")
    assert progress(databases, lead, note).human.before.value == 1.0


def test_agents_see_the_progress_of_their_own_notes_only(databases, centre, lead, agent):
    note = add_note(databases, lead, "Ana", "Say hello.", criterion="greeting")
    assert progress(databases, agent, note.id).automated.n_before == 1
    with pytest.raises(NotFoundError):
        progress(databases, User(**{**_fields(agent), "agent": "Ben"}), note.id)
    nobody = User(id=agent.id, name="x", display_name="x", role=Role.AGENT)
    assert list_notes(databases, nobody) == []
