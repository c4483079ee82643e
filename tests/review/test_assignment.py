"""Assignment: by hand and by rules, evenly, and never against reviews that are under way."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from autoqa.review.access import InvalidError, NotAllowedError, NotFoundError
from autoqa.review.assignment import (
    MOST_ITEMS,
    add_rule,
    apply_now,
    apply_rules,
    assign,
    delete_rule,
    list_rules,
    switch_rule,
)
from autoqa.review.database import schema
from autoqa.review.filters import Filters
from autoqa.review.queue import claim

NOW = datetime.now(UTC)


@pytest.fixture
def queued(databases):
    """Ten open items, the even ones of the team 'night'; their ids."""
    with databases.writing("tests") as write:
        run = write.execute(
            insert(schema.runs)
            .values(name="r", scorecard="s", scorecard_version=1, fingerprint="f", loaded_at=NOW)
            .returning(schema.runs.c.id)
        ).scalar_one()
        for number in range(10):
            write.execute(
                insert(schema.conversations).values(
                    id=f"c{number}",
                    run_id=run,
                    language="en",
                    channel="chat",
                    team="day" if number % 2 else "night",
                    n_turns=1,
                    words="",
                    document={},
                )
            )
            write.execute(
                insert(schema.items).values(
                    conversation_id=f"c{number}",
                    priority=1 - number / 10,
                    state="open",
                    created_at=NOW - timedelta(days=number),
                )
            )
        write.audit("test", "items")
        return list(write.execute(select(schema.items.c.id).order_by(schema.items.c.id)).scalars())


@pytest.fixture
def staff(databases, add_people):
    return add_people(databases)


def items(database):
    with database.reading() as connection:
        return connection.execute(select(schema.items).order_by(schema.items.c.id)).all()


def audited(database, action):
    with database.reading() as connection:
        log = schema.audit_log
        return connection.execute(select(log).where(log.c.action == action)).all()


def test_items_are_assigned_and_taken_back(databases, staff, queued):
    due = NOW + timedelta(days=2)
    lead, reviewer = staff["lead"], staff["reviewer"]
    changed = assign(
        databases, lead, queued[:2], to=reviewer.id, due_at=due, reviews_wanted=2, blind=True
    )
    assert changed == 2
    first, _, third, *_ = items(databases)
    assert (first.assigned_to, first.due_at, first.reviews_wanted, first.blind) == (
        reviewer.id,
        due,
        2,
        True,
    )
    assert third.assigned_to is None
    assert len(audited(databases, "item.assign")) == 2
    assign(databases, lead, queued[:1], to=None)
    first = items(databases)[0]
    assert (first.assigned_to, first.due_at, first.blind) == (None, due, True)


def test_what_cannot_be_assigned_is_refused_as_a_whole(databases, staff, queued):
    lead, reviewer = staff["lead"], staff["reviewer"]
    refused = [
        (NotAllowedError, reviewer, queued[:1], {"to": reviewer.id}),
        (NotFoundError, lead, [queued[0], 999_999], {"to": reviewer.id}),
        (InvalidError, lead, queued[:1], {"to": staff["analyst"].id}),
        (InvalidError, lead, queued[:1], {"to": None, "reviews_wanted": 0}),
        (InvalidError, lead, [], {"to": reviewer.id}),
        (InvalidError, lead, range(MOST_ITEMS + 1), {"to": reviewer.id}),
    ]
    for error, who, chosen, asked in refused:
        with pytest.raises(error):
            assign(databases, who, chosen, **asked)
    assert all(item.assigned_to is None for item in items(databases))


def test_reviews_under_way_are_not_cut_off(databases, staff, queued):
    lead = staff["lead"]
    assign(databases, lead, queued[:1], to=None, reviews_wanted=2)
    for name in ("reviewer", "other_reviewer"):
        claim(databases, staff[name], queued[0])
    with pytest.raises(InvalidError, match="2 reviews are done or under way"):
        assign(databases, lead, queued[:1], to=None, reviews_wanted=1)


def test_a_lead_of_a_team_assigns_that_teams_items(databases, staff, queued):
    lead = replace(staff["team_lead"], team="night")
    assert assign(databases, lead, queued[:1], to=staff["reviewer"].id) == 1
    with pytest.raises(NotFoundError):
        assign(databases, lead, queued[:2], to=staff["reviewer"].id)
    with pytest.raises(InvalidError, match="team 'night'"):
        add_rule(databases, lead, "all", Filters(), [staff["reviewer"].id])
    add_rule(databases, lead, "mine", Filters(team="night"), [staff["reviewer"].id])


def test_rules_deal_items_out_evenly_and_the_first_that_matches_decides(databases, staff, queued):
    lead = staff["lead"]
    a, b, c = (staff[name].id for name in ("reviewer", "other_reviewer", "third_reviewer"))
    assign(databases, lead, queued[:1], to=a)
    add_rule(databases, lead, "night", Filters(team="night"), [a, b], reviews_wanted=2, blind=True)
    add_rule(databases, lead, "rest", Filters(), [c])
    assert apply_now(databases, lead) == 9
    found = items(databases)
    nights = found[::2]
    # The five of the night: a had one, so that the others go b, a, b, a by least to do.
    assert Counter(item.assigned_to for item in nights) == {a: 3, b: 2}
    assert all(item.reviews_wanted == 2 and item.blind for item in nights[1:])
    assert {item.assigned_to for item in found[1::2]} == {c}
    assert apply_now(databases, lead) == 0


def test_rules_without_people_only_ask_for_reviews(databases, staff, queued):
    lead = staff["lead"]
    add_rule(databases, lead, "twice", Filters(team="day"), reviews_wanted=2)
    assert apply_now(databases, lead) == 5
    assert [item.reviews_wanted for item in items(databases)] == [1, 2] * 5
    assert all(item.assigned_to is None for item in items(databases))


def test_rules_at_loading_leave_alone_what_was_there(databases, staff, queued):
    add_rule(databases, staff["lead"], "all", Filters(), [staff["reviewer"].id])
    with databases.writing("tests") as write:
        counts = apply_rules(write, since=NOW - timedelta(days=3, hours=1))
        write.audit("test", "rules")
    assert sum(counts.values()) == 4  # of today and three days before


def test_people_who_left_get_nothing(databases, staff, queued):
    reviewer, other = staff["reviewer"].id, staff["other_reviewer"].id
    lead = staff["lead"]
    add_rule(databases, lead, "both", Filters(), [reviewer, other])
    with databases.housekeeping() as connection:
        gone = schema.users.c.id == reviewer
        connection.execute(update(schema.users).where(gone).values(active=False))
    apply_now(databases, lead)
    assert {item.assigned_to for item in items(databases)} == {other}


def test_rules_are_switched_off_and_deleted(databases, staff, queued):
    lead = staff["lead"]
    rule = add_rule(databases, lead, "all", Filters(), [staff["reviewer"].id])
    switch_rule(databases, lead, rule.id, active=False)
    assert apply_now(databases, lead) == 0
    assert [one.active for one in list_rules(databases, lead)] == [False]
    delete_rule(databases, lead, rule.id)
    assert list_rules(databases, lead) == ()
    with pytest.raises(NotFoundError):
        delete_rule(databases, lead, rule.id)


def test_rules_that_make_no_sense_are_refused(databases, staff):
    lead, reviewer = staff["lead"], staff["reviewer"]
    with pytest.raises(InvalidError, match="name"):
        add_rule(databases, lead, " ", Filters())
    with pytest.raises(InvalidError, match="nobody is assigned"):
        add_rule(databases, lead, "x", Filters(assigned="me"))
    with pytest.raises(InvalidError, match="does not review"):
        add_rule(databases, lead, "x", Filters(), [staff["agent"].id])
    with pytest.raises(InvalidError, match="1 to 5"):
        add_rule(databases, lead, "x", Filters(), reviews_wanted=6)
    for call in (
        lambda: add_rule(databases, reviewer, "x", Filters()),
        lambda: list_rules(databases, reviewer),
        lambda: apply_now(databases, reviewer),
    ):
        with pytest.raises(NotAllowedError):
            call()
