"""No user comes to a conversation that they may not see, whatever they ask for."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from autoqa.review import leases, queue
from autoqa.review.access import NotAllowedError, NotFoundError, Permission, Role
from autoqa.review.answers import reopen, save_answer, submit
from autoqa.review.comments import add_comment, comments_on
from autoqa.review.conversations import see
from autoqa.review.database import schema
from autoqa.review.examples import add_example
from autoqa.review.filters import STATES, Filters

CONVERSATIONS = schema.conversations


def seen_by(database, user):
    """Ids of the conversations that a user may see, by the rule as it is told."""
    with database.reading() as connection:
        rows = connection.execute(select(CONVERSATIONS)).all()
    if user.role is Role.AGENT:
        return {row.id for row in rows if row.agent == user.agent}
    if user.role is Role.LEAD and user.team:
        return {row.id for row in rows if row.team == user.team}
    return {row.id for row in rows}


def everything(database):
    with database.reading() as connection:
        return list(connection.execute(select(CONVERSATIONS.c.id)).scalars())


ATTEMPTS = {
    "see": lambda db, user, one: see(db, user, one),
    "claim": lambda db, user, one: leases.claim_conversation(db, user, one),
    "answer": lambda db, user, one: save_answer(
        db, user, one, "courtesy", status="rated", level=1, reason="heard", based_on=0
    ),
    "submit": lambda db, user, one: submit(db, user, one),
    "reopen": lambda db, user, one: reopen(db, user, one),
    "comment": lambda db, user, one: add_comment(db, user, one, "well done"),
    "comments": lambda db, user, one: comments_on(db, user, one),
    "example": lambda db, user, one: add_example(
        db, user, one, criterion="courtesy", kind="good", title="A friendly greeting"
    ),
}


@pytest.mark.parametrize("who", ["team_lead", "agent", "other_agent"])
def test_nothing_is_done_to_a_conversation_that_one_may_not_see(database, loaded, people, who):
    user = people[who]
    hidden = sorted(set(everything(database)) - seen_by(database, user))
    assert hidden
    with database.reading() as connection:
        before = connection.execute(select(schema.audit_log.c.number)).all()
    for what, attempt in ATTEMPTS.items():
        for conversation_id in hidden[:5]:
            with pytest.raises((NotFoundError, NotAllowedError)) as refused:
                attempt(database, user, conversation_id)
            if isinstance(refused.value, NotFoundError):
                # Nothing tells it from a conversation that is not there.
                with pytest.raises(NotFoundError) as unknown:
                    attempt(database, user, "nowhere")
                told, untold = str(refused.value), str(unknown.value)
                assert told.replace(conversation_id, "X") == untold.replace("nowhere", "X"), what
    with database.reading() as connection:
        assert connection.execute(select(schema.audit_log.c.number)).all() == before
        assert not connection.execute(select(schema.leases)).all()


def test_everybody_sees_what_they_may_and_nothing_else(database, loaded, people):
    for user in people.values():
        allowed = seen_by(database, user)
        assert allowed
        for conversation_id in everything(database):
            if conversation_id in allowed:
                assert see(database, user, conversation_id).conversation_id == conversation_id
            else:
                with pytest.raises(NotFoundError):
                    see(database, user, conversation_id)


@pytest.fixture
def filters(database, loaded):
    """Filters with values that there are, and some that there are not."""
    with database.reading() as connection:
        rows = connection.execute(select(CONVERSATIONS)).all()
        reasons = connection.execute(select(schema.flags.c.reason).distinct()).scalars().all()

    def of(name):
        values = sorted({getattr(row, name) for row in rows if getattr(row, name)})
        return st.sampled_from(["", "nowhere", *values])

    days = st.none() | st.dates(date(2025, 1, 1), date(2027, 1, 1))
    words = st.sampled_from(["", "the", "refund", "%", "_", "a b", *(row.id for row in rows[:5])])
    return st.builds(
        Filters,
        reason=st.sampled_from(["", *reasons]),
        agent=of("agent"),
        team=of("team"),
        channel=of("channel"),
        language=of("language"),
        since=days,
        until=days,
        low=st.none() | st.floats(0, 100),
        high=st.none() | st.floats(0, 100),
        criterion=st.sampled_from(["", "courtesy", "nowhere"]),
        failed=st.booleans(),
        state=st.sampled_from(STATES),
        assigned=st.sampled_from(["", "me", "nobody"]),
        text=words,
    )


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(data=st.data())
def test_no_filter_and_no_page_of_the_queue_shows_a_conversation_that_one_may_not_see(
    database, loaded, people, filters, data
):
    allowed_to_ask = [one for one in people.values() if one.may(Permission.SEE_QUEUE)]
    user = data.draw(st.sampled_from([people["team_lead"], *allowed_to_ask]))
    wanted, allowed = data.draw(filters), seen_by(database, user)
    after = None
    while True:
        page = queue.list_items(database, user, wanted, after=after, limit=7)
        assert {one.conversation_id for one in page.rows} <= allowed
        after = page.after
        if after is None:
            break


def test_choices_of_a_lead_are_of_their_team(database, loaded, people):
    assert set(queue.choices(database, people["team_lead"]).teams) == {"harbour"}
