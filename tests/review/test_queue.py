"""The queue: who may claim what, that nobody gets it twice, and what a page of it shows."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import func, insert, select, update

from autoqa.review.access import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
    Role,
    User,
)
from autoqa.review.assignment import assign
from autoqa.review.database import open_database, schema, verify
from autoqa.review.filters import Filters
from autoqa.review.queue import (
    LEASE,
    SORTS,
    choices,
    claim,
    claim_conversation,
    claim_next,
    complete,
    hold,
    list_items,
    release,
    renew,
    take_back,
    workload,
)

NOW = datetime.now(UTC)


def add_items(database, n, **more):
    """Conversations call-000, call-001, ... in the queue, most urgent first."""
    with database.writing("tests") as write:
        run = write.execute(
            insert(schema.runs)
            .values(
                name="run",
                scorecard="small",
                scorecard_version=1,
                fingerprint=f"{n}{more}"[:64],
                loaded_at=NOW,
            )
            .returning(schema.runs.c.id)
        ).scalar_one()
        names = [f"call-{number:03d}" for number in range(n)]
        write.execute(
            insert(schema.conversations),
            [
                {
                    "id": name,
                    "run_id": run,
                    "language": "en",
                    "channel": "chat",
                    "agent": f"agent-{number % 3}",
                    "team": "night" if number % 2 else "day",
                    "started_at": NOW - timedelta(days=number),
                    "n_turns": 4,
                    "total": 50.0 + number % 50,
                    "words": "hello",
                    "document": {},
                }
                for number, name in enumerate(names)
            ],
        )
        item = {"state": "open", "created_at": NOW, "reviews_wanted": 1, "blind": False} | more
        write.execute(
            insert(schema.items),
            [
                {"conversation_id": name, "priority": 1 - number / (2 * n), **item}
                for number, name in enumerate(names)
            ],
        )
        write.execute(
            insert(schema.flags),
            [
                {
                    "conversation_id": name,
                    "reason": "low_total",
                    "message": "The scorecard gives 50 of 100",
                    "values": {"total": "50"},
                    "priority": 0.5,
                }
                for name in names
            ],
        )
        write.audit("test", "items")
    return names


def submit(database, user, name):
    """What `answers.submit` does to the queue."""
    with database.writing(user.name) as write:
        hold(write, user, name)
        write.execute(
            insert(schema.evaluations).values(
                conversation_id=name,
                rater=user.name,
                kind="human",
                user_id=user.id,
                scorecard="small",
                scorecard_version=1,
                purpose="review",
                state="submitted",
                blind=False,
                critical_failed=[],
                section_totals={},
                started_at=NOW,
                submitted_at=datetime.now(UTC),
            )
        )
        complete(write, user, name)
        write.audit("evaluation.submit", name)


def let_leases_run_out(database):
    with database.housekeeping() as connection:
        connection.execute(update(schema.leases).values(expires_at=NOW - timedelta(minutes=1)))


def one(database, table, *conditions):
    with database.reading() as connection:
        return connection.execute(select(table).where(*conditions)).one()


def count(database, table, *conditions):
    with database.reading() as connection:
        query = select(func.count()).select_from(table).where(*conditions)
        return connection.execute(query).scalar_one()


def item_of(database, name):
    return one(database, schema.items, schema.items.c.conversation_id == name)


def ids(page):
    return [row.conversation_id for row in page.rows]


# Claiming.


def test_what_one_claimed_nobody_else_can_until_the_lease_runs_out(databases, add_people):
    people = add_people(databases)
    (name,) = add_items(databases, 1)
    item = item_of(databases, name)
    before = datetime.now(UTC)
    lease = claim(databases, people["reviewer"], item.id)
    assert lease.conversation_id == name
    assert before <= lease.expires_at - LEASE <= datetime.now(UTC)
    with pytest.raises(ConflictError, match="Somebody else works on this") as refused:
        claim(databases, people["lead"], item.id)
    assert refused.value.theirs["held_by"] == "Reviewer"
    assert claim_next(databases, people["lead"]) is None
    let_leases_run_out(databases)
    assert claim(databases, people["lead"], item.id).user_id == people["lead"].id
    assert count(databases, schema.leases) == 1


def test_claiming_twice_is_claiming_once(databases, add_people):
    people = add_people(databases)
    names = add_items(databases, 2)
    first = claim(databases, people["reviewer"], item_of(databases, names[0]).id)
    before = count(databases, schema.audit_log)
    assert claim(databases, people["reviewer"], first.item_id).item_id == first.item_id
    assert claim_next(databases, people["reviewer"]).item_id == first.item_id
    assert count(databases, schema.leases) == 1
    assert count(databases, schema.audit_log) == before


def test_a_lease_that_ran_out_holds_until_somebody_else_takes_the_place(databases, add_people):
    people = add_people(databases)
    (name,) = add_items(databases, 1)
    reviewer, other = people["reviewer"], people["other_reviewer"]
    claim(databases, reviewer, item_of(databases, name).id)
    let_leases_run_out(databases)
    assert renew(databases, reviewer, item_of(databases, name).id).expires_at > NOW
    let_leases_run_out(databases)
    claim(databases, other, item_of(databases, name).id)
    with pytest.raises(ConflictError), databases.writing("reviewer") as write:
        hold(write, reviewer, name)


def test_who_never_claimed_does_not_hold(database, people):
    (name,) = add_items(database, 1)
    with pytest.raises(NotAllowedError, match="claim"), database.writing("x") as write:
        hold(write, people["reviewer"], name)


def test_what_is_given_back_is_free(database, people):
    (name,) = add_items(database, 1)
    item = item_of(database, name).id
    claim(database, people["reviewer"], item)
    release(database, people["reviewer"], item)
    claim(database, people["other_reviewer"], item)
    with pytest.raises(NotAllowedError):
        release(database, people["reviewer"], item, of=people["other_reviewer"].id)
    release(database, people["lead"], item, of=people["other_reviewer"].id)
    with pytest.raises(NotFoundError):
        release(database, people["reviewer"], item)


def test_the_next_is_the_most_urgent_that_is_free(database, people):
    names = add_items(database, 3)
    claim(database, people["other_reviewer"], item_of(database, names[0]).id)
    assert claim_next(database, people["reviewer"]).conversation_id == names[1]


def test_the_next_is_first_of_all_what_is_assigned_to_one(database, people):
    names = add_items(database, 3)
    reviewer = people["reviewer"]
    assign(database, people["lead"], [item_of(database, names[2]).id], to=reviewer.id)
    assert claim_next(database, reviewer).conversation_id == names[2]


def test_what_is_assigned_to_somebody_is_kept_for_them(database, people):
    (name,) = add_items(database, 1)
    item = item_of(database, name).id
    assign(database, people["lead"], [item], to=people["reviewer"].id)
    assert claim_next(database, people["other_reviewer"]) is None
    with pytest.raises(ConflictError, match="assigned to somebody else"):
        claim(database, people["other_reviewer"], item)
    with database.housekeeping() as connection:
        gone = schema.users.c.name == "reviewer"
        connection.execute(update(schema.users).where(gone).values(active=False))
    assert claim_next(database, people["other_reviewer"]).item_id == item


def test_skipping_goes_down_the_queue_and_gives_back(database, people):
    names = add_items(database, 3)
    reviewer = people["reviewer"]
    first = claim_next(database, reviewer)
    second = claim_next(database, reviewer, after=first.item_id)
    third = claim_next(database, reviewer, after=second.item_id)
    assert [first.conversation_id, second.conversation_id, third.conversation_id] == names
    assert claim_next(database, reviewer, after=third.item_id) is None
    assert count(database, schema.leases) == 0


def test_what_is_skipped_is_given_back_also_where_one_holds_another(database, people):
    names = add_items(database, 2)
    reviewer = people["reviewer"]
    first, second = (claim(database, reviewer, item_of(database, name).id) for name in names)
    assert claim_next(database, reviewer, after=first.item_id).item_id == second.item_id
    assert claim(database, people["lead"], first.item_id).user_id == people["lead"].id


def test_the_next_of_filtered_items_matches_the_filters(database, people):
    add_items(database, 4)
    lease = claim_next(database, people["reviewer"], Filters(team="night"))
    assert lease.conversation_id == "call-001"
    # What one holds outside of the filters does not come first.
    assert claim_next(database, people["reviewer"], Filters(team="day")).item_id != lease.item_id


def test_a_conversation_that_nothing_flagged_can_be_picked(databases, add_people):
    people = add_people(databases)
    add_items(databases, 1)
    with databases.housekeeping() as connection:
        for table in (schema.items, schema.flags):
            connection.execute(table.delete())
    lease = claim_conversation(databases, people["reviewer"], "call-000")
    assert claim_conversation(databases, people["reviewer"], "call-000").item_id == lease.item_id
    assert one(databases, schema.flags).reason == "picked"
    with pytest.raises(ConflictError):
        claim_conversation(databases, people["other_reviewer"], "call-000")
    with pytest.raises(NotFoundError):
        claim_conversation(databases, people["reviewer"], "no such")


# Reviews.


def test_an_item_is_done_when_as_many_reviews_as_wanted_are(databases, add_people):
    people = add_people(databases)
    (name,) = add_items(databases, 1, reviews_wanted=2)
    item = item_of(databases, name).id
    slots = {claim(databases, people[who], item).slot for who in ("reviewer", "other_reviewer")}
    assert slots == {0, 1}
    with pytest.raises(ConflictError):
        claim(databases, people["third_reviewer"], item)
    submit(databases, people["reviewer"], name)
    assert (item_of(databases, name).state, item_of(databases, name).reviews_done) == ("open", 1)
    with pytest.raises(ConflictError, match="You have reviewed"):
        claim(databases, people["reviewer"], item)
    with pytest.raises(ConflictError):
        claim(databases, people["third_reviewer"], item)  # the other one is still at it
    submit(databases, people["other_reviewer"], name)
    assert item_of(databases, name).state == "done"
    assert count(databases, schema.leases) == 0
    with pytest.raises(ConflictError, match="has been reviewed"):
        claim(databases, people["third_reviewer"], item)


def test_a_place_that_ran_out_goes_to_the_next_and_no_third_review_slips_in(database, people):
    (name,) = add_items(database, 1, reviews_wanted=2)
    item = item_of(database, name).id
    claim(database, people["reviewer"], item)
    let_leases_run_out(database)
    claim(database, people["other_reviewer"], item)
    submit(database, people["other_reviewer"], name)
    claim(database, people["third_reviewer"], item)
    with pytest.raises(ConflictError):
        submit(database, people["reviewer"], name)
    submit(database, people["third_reviewer"], name)
    assert item_of(database, name).reviews_done == 2


def test_a_review_that_is_opened_again_counts_no_more(database, people):
    (name,) = add_items(database, 1)
    reviewer = people["reviewer"]
    claim(database, reviewer, item_of(database, name).id)
    submit(database, reviewer, name)
    with database.writing("reviewer") as write:
        mine = schema.evaluations.c.rater == "reviewer"
        write.execute(update(schema.evaluations).where(mine).values(state="draft"))
        take_back(write, reviewer, name)
        write.audit("evaluation.reopen", name)
    assert (item_of(database, name).state, item_of(database, name).reviews_done) == ("open", 0)
    assert one(database, schema.leases).user_id == reviewer.id


# Many at once.


class Reviewer(Thread):
    """Claims and submits until nothing is left."""

    def __init__(self, database, user, start, *, twice):
        super().__init__()
        self.database = database
        self.user = user
        self.start_line = start
        self.twice = twice
        self.claimed = []
        self.problems = []

    def run(self):
        try:
            self.start_line.wait()
            while True:
                lease = claim_next(self.database, self.user)
                if lease is None:
                    return
                self.claimed.append(lease.conversation_id)
                try:
                    submit(self.database, self.user, lease.conversation_id)
                except (ConflictError, NotAllowedError) as late:
                    # Of two submitters by one name, the other was faster.
                    if not self.twice:
                        self.problems.append(late)
        except Exception as error:
            self.problems.append(error)


def review_everything(database, url, n_items, n_reviewers, n_twice, *, n_servers):
    names = add_items(database, n_items)
    before = count(database, schema.audit_log)
    with database.writing("tests") as write:
        for number in range(n_reviewers):
            write.execute(
                insert(schema.users).values(
                    name=f"person-{number}",
                    display_name=f"Person {number}",
                    role="reviewer",
                    active=True,
                    settings={},
                    created_at=NOW,
                )
            )
        write.audit("test", "users")
    with database.reading() as connection:
        users = [
            User(id=row.id, name=row.name, display_name=row.display_name, role=Role.REVIEWER)
            for row in connection.execute(select(schema.users).order_by(schema.users.c.id))
            if row.name.startswith("person-")
        ]
    start = Barrier(n_reviewers + n_twice)
    servers = [open_database(url) for _ in range(n_servers)]
    threads = [
        Reviewer(servers[place % n_servers], user, start, twice=user in users[:n_twice])
        for place, user in enumerate([*users, *users[:n_twice]])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for server in servers:
        server.close()
    assert [problem for thread in threads for problem in thread.problems] == []
    by_user = {}
    for thread in threads:
        by_user.setdefault(thread.user.id, set()).update(thread.claimed)
    claimed = Counter(name for found in by_user.values() for name in found)
    assert claimed == Counter(names)  # by one person each
    with database.reading() as connection:
        assert verify(connection).holds
        actions = Counter(
            connection.execute(
                select(schema.audit_log.c.action).where(schema.audit_log.c.number > before + 1)
            ).scalars()
        )
    # Every write is a row, and every row a write: one claim and one submission per item.
    assert actions == {"item.claim": n_items, "evaluation.submit": n_items}
    assert count(database, schema.evaluations) == n_items
    assert count(database, schema.items, schema.items.c.state == "done") == n_items
    assert count(database, schema.leases) == 0


@pytest.mark.slow
def test_twenty_reviewers_and_five_double_submitters_share_2000_items(database, tmp_path):
    review_everything(database, tmp_path / "review.db", 2000, 20, 5, n_servers=1)


def test_reviewers_of_several_servers_share_items_in_one_file(database, tmp_path):
    review_everything(database, tmp_path / "review.db", 40, 6, 2, n_servers=4)


@pytest.mark.slow
def test_reviewers_and_double_submitters_share_items_on_postgresql(postgresql_url):
    database = open_database(postgresql_url)
    try:
        review_everything(database, postgresql_url, 60, 8, 2, n_servers=2)
    finally:
        database.close()


# Pages.


@pytest.mark.parametrize("sort", SORTS)
def test_pages_hold_every_item_once_in_order(databases, add_people, sort):
    people = add_people(databases)
    add_items(databases, 23)
    if sort == "due":
        lead = people["lead"]
        some = [item_of(databases, f"call-{n:03d}").id for n in (4, 9, 2)]
        assign(databases, lead, some, to=None, due_at=NOW + timedelta(days=1))
    found, after = [], None
    while True:
        page = list_items(databases, people["reviewer"], Filters(), sort=sort, after=after, limit=5)
        assert len(page.rows) <= 5
        assert page.total == 23
        found += page.rows
        after = page.after
        if after is None:
            break
    assert Counter(row.conversation_id for row in found) == Counter(
        f"call-{n:03d}" for n in range(23)
    )
    if sort == "priority":
        keys = [-row.priority for row in found]
    elif sort == "due":
        keys = [row.due_at or datetime.max.replace(tzinfo=UTC) for row in found]
    else:
        sign = -1 if sort == "newest" else 1
        keys = [sign * row.started_at.timestamp() for row in found]
    assert keys == sorted(keys)


def test_a_page_goes_on_where_the_one_before_ended_whatever_is_done_meanwhile(database, people):
    names = add_items(database, 6)
    reviewer = people["reviewer"]
    first = list_items(database, reviewer, Filters(), limit=3)
    claim(database, reviewer, item_of(database, names[0]).id)
    submit(database, reviewer, names[0])
    second = list_items(database, reviewer, Filters(), after=first.after, limit=3)
    assert ids(first) + ids(second) == names


@pytest.mark.parametrize("cursor", ["", "x", "0.5~", "~3", "nan~1", "0.5~-1", "0.5~99999999999"])
def test_a_cursor_that_no_page_gave_is_refused(database, people, cursor):
    if cursor:
        with pytest.raises(InvalidError):
            list_items(database, people["reviewer"], Filters(), after=cursor)
    with pytest.raises(InvalidError, match="sort"):
        list_items(database, people["reviewer"], Filters(), sort="worst")


def test_a_row_says_who_is_at_it_and_whether_it_can_be_claimed(databases, add_people):
    people = add_people(databases)
    names = add_items(databases, 2)
    reviewer, other = people["reviewer"], people["other_reviewer"]
    claim(databases, reviewer, item_of(databases, names[0]).id)
    mine = list_items(databases, reviewer, Filters()).rows
    theirs = list_items(databases, other, Filters()).rows
    assert mine[0].mine_until is not None
    assert [row.claimable for row in mine] == [False, True]
    assert [row.claimable for row in theirs] == [False, True]
    assert [holder.shown_as for holder in theirs[0].holders] == ["Reviewer"]
    assert theirs[0].mine_until is None
    reads = list_items(databases, people["analyst"], Filters()).rows
    assert [row.claimable for row in reads] == [False, False]


def test_blind_items_tell_nothing_about_scores_until_one_has_submitted(databases, add_people):
    people = add_people(databases)
    (name,) = add_items(databases, 1, blind=True)
    reviewer = people["reviewer"]
    (row,) = list_items(databases, reviewer, Filters()).rows
    assert row.hidden
    assert (row.priority, row.total, row.csat, row.reasons) == (None, None, None, ())
    for telling in (
        Filters(reason="low_total"),
        Filters(low=0),
        Filters(high=100),
        Filters(criterion="x"),
    ):
        assert list_items(databases, reviewer, telling).rows == ()
    assert list_items(databases, people["analyst"], Filters(reason="low_total")).rows != ()
    claim(databases, reviewer, row.id)
    submit(databases, reviewer, name)
    (row,) = list_items(databases, reviewer, Filters(state="done")).rows
    assert (row.hidden, row.total) == (False, 50.0)
    assert [reason.reason for reason in row.reasons] == ["low_total"]


def test_who_chose_to_review_blind_sees_no_scores_in_the_queue(database, people):
    add_items(database, 1)
    blind = replace(people["reviewer"], settings={"blind": True})
    (row,) = list_items(database, blind, Filters()).rows
    assert (row.hidden, row.priority, row.reasons) == (True, None, ())


def test_a_lead_of_a_team_sees_that_team_alone(database, people):
    add_items(database, 4)
    lead = replace(people["team_lead"], team="night")
    assert ids(list_items(database, lead, Filters())) == ["call-001", "call-003"]
    assert choices(database, lead).teams == ("night",)
    with pytest.raises(NotFoundError):
        claim(database, lead, item_of(database, "call-000").id)
    assert claim_next(database, lead).conversation_id == "call-001"


def test_agents_do_not_see_the_queue_and_analysts_do_not_claim(database, people):
    (name,) = add_items(database, 1)
    with pytest.raises(NotAllowedError):
        list_items(database, people["agent"], Filters())
    with pytest.raises(NotAllowedError):
        claim(database, people["analyst"], item_of(database, name).id)
    with pytest.raises(NotAllowedError):
        claim_next(database, people["analyst"])


def test_workload_counts_what_is_assigned_overdue_held_and_reviewed(databases, add_people):
    people = add_people(databases)
    names = add_items(databases, 4)
    lead, reviewer = people["lead"], people["reviewer"]
    some = [item_of(databases, name).id for name in names[:3]]
    assign(databases, lead, some, to=reviewer.id)
    assign(databases, lead, some[:1], to=reviewer.id, due_at=NOW - timedelta(days=1))
    claim(databases, reviewer, some[0])
    submit(databases, reviewer, names[0])
    claim(databases, reviewer, some[1])
    assign(databases, lead, some[1:2], to=reviewer.id, due_at=NOW - timedelta(days=1))
    found = {one.name: one for one in workload(databases, lead)}
    mine = found["reviewer"]
    assert (mine.assigned, mine.overdue, mine.held, mine.reviewed) == (2, 1, 1, 1)
    assert found["other_reviewer"].assigned == 0
    assert "analyst" not in found
    assert [one.name for one in workload(databases, reviewer)] == ["reviewer"]
