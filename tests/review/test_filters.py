"""Filters: from an address and back, and what they find."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select

from autoqa.review.access import InvalidError
from autoqa.review.database import schema
from autoqa.review.filters import STATES, Filters
from autoqa.review.flags import REASONS
from autoqa.review.queue import claim, list_items

WORDS = st.text(st.characters(categories=("L", "N", "P"), include_characters=" "), max_size=40)


@given(
    st.builds(
        Filters,
        reason=st.sampled_from(["", *REASONS]),
        agent=WORDS.map(lambda text: " ".join(text.split())),
        team=st.sampled_from(["", "night shift"]),
        channel=st.sampled_from(["", "chat"]),
        language=st.sampled_from(["", "es-MX"]),
        since=st.none() | st.dates(),
        until=st.none() | st.dates(),
        low=st.none() | st.integers(0, 100).map(float),
        high=st.none() | st.integers(0, 1000).map(lambda tenths: tenths / 10),
        criterion=st.sampled_from(["", "empathy"]),
        failed=st.booleans(),
        state=st.sampled_from(STATES),
        assigned=st.sampled_from(["", "me", "nobody", "ana"]),
        text=st.lists(st.text("abcñ漢%_'\"<>&", min_size=1), max_size=8).map(" ".join),
    )
)
def test_an_address_asks_for_the_filters_that_it_was_made_from(filters):
    assert Filters.from_query(filters.to_query()) == filters


def test_what_is_not_asked_for_is_not_in_the_address():
    assert Filters().to_query() == {}
    assert Filters(text="refund", failed=True).to_query() == {"q": "refund", "failed": "1"}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"from": "yesterday"}, "no date"),
        ({"to": "2026-02-30"}, "no date"),
        ({"min": "low"}, "0 to 100"),
        ({"max": "101"}, "0 to 100"),
        ({"min": "nan"}, "0 to 100"),
        ({"state": "lost"}, "open, mine, claimed, done, all"),
        ({"agent": "x" * 201}, "agent"),
        ({"q": "zero\0byte"}, "q"),
        ({"team": "half \ud800 pair"}, "team"),
        ({"q": "a b c d e f g h i"}, "8 words"),
    ],
)
def test_values_that_nothing_can_have_are_refused(query, said):
    with pytest.raises(InvalidError, match=said):
        Filters.from_query(query)


@pytest.fixture
def find(databases, add_people):
    """Ids that filters find among planted conversations, for a reviewer."""
    people = add_people(databases)
    plant(databases, people)

    def found(who="reviewer", **asked):
        page = list_items(databases, people[who], Filters(**asked), limit=100)
        assert page.total == len(page.rows)
        return {row.conversation_id for row in page.rows}

    return found


def plant(database, people):
    """Four conversations, on four days: en/day/60, es/night/80, it/day/90, zh/night/none."""
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)
    kinds = [("en", "day", 60), ("es", "night", 80), ("it", "day", 90), ("zh", "night", None)]
    words = ["the parcel is broken", "ñandú 100% reembolso", "il pacco_rotto", "退款 parcel"]
    with database.writing("tests") as write:
        run = write.execute(
            insert(schema.runs)
            .values(
                name="run", scorecard="s", scorecard_version=1, fingerprint="f", loaded_at=start
            )
            .returning(schema.runs.c.id)
        ).scalar_one()
        for day, (language, team, total) in enumerate(kinds):
            write.execute(
                insert(schema.conversations).values(
                    id=language,
                    run_id=run,
                    language=language,
                    channel="voice" if day else "chat",
                    agent=f"agent {day % 3}",
                    team=team,
                    started_at=start + timedelta(days=day) if total else None,
                    n_turns=3,
                    total=total,
                    words=words[day].casefold(),
                    document={},
                )
            )
            evaluation = write.execute(
                insert(schema.evaluations)
                .values(
                    conversation_id=language,
                    rater="autoqa",
                    kind="model",
                    scorecard="s",
                    scorecard_version=1,
                    purpose="score",
                    state="submitted",
                    started_at=start,
                    occasion="run:1",
                )
                .returning(schema.evaluations.c.id)
            ).scalar_one()
            this = schema.conversations.c.id == language
            write.execute(
                schema.conversations.update().where(this).values(evaluation_id=evaluation)
            )
            if day < 2:
                write.execute(
                    insert(schema.ratings).values(
                        evaluation_id=evaluation,
                        criterion="empathy",
                        version=1,
                        status="rated",
                        level=day,
                        points=float(day),
                        at=start,
                    )
                )
            write.execute(
                insert(schema.flags).values(
                    conversation_id=language,
                    reason="random_audit" if day else "low_total",
                    message="m",
                    values={},
                    priority=0.5,
                )
            )
            write.execute(
                insert(schema.items).values(
                    conversation_id=language,
                    priority=0.5,
                    state="done" if language == "zh" else "open",
                    assigned_to=people["reviewer"].id if language == "es" else None,
                    created_at=start,
                )
            )
        write.audit("test", "planted")


def test_filters_find_what_matches_all_of_them(find):
    assert find() == {"en", "es", "it"}
    assert find(state="all") == {"en", "es", "it", "zh"}
    assert find(state="done") == {"zh"}
    assert find(team="day") == {"en", "it"}
    assert find(team="day", language="it") == {"it"}
    assert find(agent="agent 1") == {"es"}
    assert find(channel="chat") == {"en"}
    assert find(reason="random_audit") == {"es", "it"}
    assert find(reason="low_total") == {"en"}
    assert find(low=80) == {"es", "it"}
    assert find(low=60, high=80) == {"en", "es"}
    assert find(since=date(2026, 3, 2)) == {"es", "it"}
    assert find(until=date(2026, 3, 1)) == {"en"}
    assert find(since=date(2026, 3, 2), until=date(2026, 3, 2)) == {"es"}
    assert find(until=date.max) == {"en", "es", "it"}
    assert find(criterion="empathy") == {"en", "es"}
    assert find(criterion="empathy", failed=True) == {"en"}
    assert find(assigned="me") == {"es"}
    assert find("other_reviewer", assigned="reviewer") == {"es"}
    assert find(assigned="nobody") == {"en", "it"}
    assert find(assigned="stranger") == set()


def test_search_finds_all_words_whatever_their_case_and_takes_signs_as_they_are(find):
    assert find(text="PARCEL") == {"en"}
    assert find(text="parcel broken") == {"en"}
    assert find(text="parcel reembolso") == set()
    assert find(text="ÑANDÚ") == {"es"}
    assert find(text="100%") == {"es"}
    assert find(text="%") == {"es"}
    assert find(text="pacco_") == {"it"}
    assert find(text="_") == {"it"}
    assert find(text="退款", state="all") == {"zh"}
    assert find(text="EN") == {"en"}  # the id
    assert find(text="'; DROP TABLE items; --") == set()


def test_claimed_items_are_those_that_somebody_holds_now(database, people):
    plant(database, people)
    with database.reading() as connection:
        wanted = select(schema.items.c.id).where(schema.items.c.conversation_id == "it")
        item = connection.execute(wanted).scalar_one()
    claim(database, people["reviewer"], item)
    for who, state, found in (
        ("reviewer", "mine", ["it"]),
        ("reviewer", "claimed", ["it"]),
        ("other_reviewer", "mine", []),
        ("other_reviewer", "claimed", ["it"]),
    ):
        page = list_items(database, people[who], Filters(state=state))
        assert [row.conversation_id for row in page.rows] == found
