"""Nothing that a reviewer can ask for depends on answers that are kept from them.

Two databases differ in nothing but what a model and a colleague answered about one conversation
that a reviewer is still to rate blind: every page and every answer of the API has to be the same.
"""

from __future__ import annotations

import re
import shutil

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from autoqa.review.access import Role, User
from autoqa.review.answers import save_answer, submit
from autoqa.review.blinding import hidden_items, hides
from autoqa.review.comments import add_comment
from autoqa.review.conversations import see
from autoqa.review.database import open_database, schema
from autoqa.review.filters import Filters
from autoqa.review.logins import one_time_link, redeem
from autoqa.review.queue import claim_conversation, claim_next, list_items, release
from autoqa.review.web.app import create_app

BLIND = "brv-en-11"
WORDS = ("Zanzibar", "Ulaanbaatar")
"""What the colleague wrote, in the one database and in the other."""


def review(database, user, conversation):
    """Hand in a review of one's own, at the best level of everything."""
    claim_conversation(database, user, conversation)
    for criterion in see(database, user, conversation).card.criteria:
        save_answer(
            database,
            user,
            conversation,
            criterion.id,
            status="rated",
            level=max(criterion.levels),
            based_on=0,
        )
    add_comment(database, user, conversation, WORDS[0], turn=0)
    submit(database, user, conversation)


def answer_otherwise(database):
    """Change what a model and a colleague said of `BLIND`, and nothing else."""
    tables = schema.metadata.tables
    its = tables["evaluations"].c.conversation_id == BLIND
    with database.writing("tests") as write:
        of = list(write.execute(select(schema.evaluations.c.id).where(its)).scalars())
        about = {
            "evaluations": (its, {"total": 31.0, "coverage": 0.4, "critical_failed": ["closing"]}),
            "ratings": (
                schema.ratings.c.evaluation_id.in_(of) & (schema.ratings.c.status == "rated"),
                {"level": 0, "points": 0.0, "reason": WORDS[1], "evidence": []},
            ),
            "conversations": (
                schema.conversations.c.id == BLIND,
                {"total": 31.0, "coverage": 0.4, "csat": 1.25, "survey": 0.0},
            ),
            "curves": (
                schema.curves.c.conversation_id == BLIND,
                {"points": [[0, 1.0]], "scale": [1, 5]},
            ),
            "flags": (
                schema.flags.c.conversation_id == BLIND,
                {"reason": "low_total", "message": WORDS[1], "values": {}, "priority": 0.61},
            ),
            "items": (schema.items.c.conversation_id == BLIND, {"priority": 0.61}),
            "comments": (schema.comments.c.conversation_id == BLIND, {"text": WORDS[1]}),
            "examples": (
                schema.examples.c.conversation_id == BLIND,
                {"kind": "bad", "title": WORDS[1]},
            ),
        }
        for name, (condition, values) in about.items():
            assert write.execute(update(tables[name]).where(condition).values(**values)).rowcount
        write.audit("evaluation.submit", f"conversation:{BLIND}")


@pytest.fixture(scope="module")
def both(told, tmp_path_factory):
    """A reviewer's browser on either database, and what both hold."""
    path, people, story = told
    folder = tmp_path_factory.mktemp("blind")
    first = open_database(shutil.copy(path, folder / "first.db"))
    release(first, people["other_reviewer"], story.items[BLIND])
    review(first, people["third_reviewer"], BLIND)
    with first.writing("tests") as write:
        flag = {"conversation_id": BLIND, "reason": "critical_failed", "priority": 0.95}
        write.execute(schema.flags.insert().values(**flag, message=WORDS[0], criterion="closing"))
        write.execute(
            update(schema.items)
            .where(schema.items.c.conversation_id == BLIND)
            .values(priority=0.95)
        )
        shown = {"conversation_id": BLIND, "criterion": "closing", "turn": 0, "kind": "good"}
        author = people["third_reviewer"].id
        at = schema.comments.select().where(schema.comments.c.conversation_id == BLIND)
        at = write.execute(at).first().at
        write.execute(
            schema.examples.insert().values(**shown, title=WORDS[0], author=author, at=at)
        )
        write.audit("evaluation.submit", f"conversation:{BLIND}")
    session = redeem(first, one_time_link(first, people["reviewer"]))
    first.close()
    shutil.copy(folder / "first.db", folder / "second.db")
    databases = [open_database(folder / name) for name in ("first.db", "second.db")]
    answer_otherwise(databases[1])
    browsers = []
    for database in databases:
        browser = TestClient(
            create_app(database), base_url="http://127.0.0.1:8000", follow_redirects=False
        )
        browser.cookies.set("autoqa_session", session.token)
        browser.headers["x-csrf-token"] = session.csrf
        browsers.append(browser)
    with databases[0].reading() as connection:
        row = connection.execute(
            select(schema.conversations).where(schema.conversations.c.id == BLIND)
        ).one()
    yield browsers, databases, people, story, row
    for database in databases:
        database.close()


def addresses(story, row):
    """Whatever might tell something about `BLIND`."""
    day = row.started_at.date()
    narrow = f"from={day}&to={day}&agent={row.agent}"
    queue = [
        "",
        "q=brv-en-11",
        "state=all",
        "state=all&limit=200",
        "sort=newest",
        "sort=oldest",
        "sort=due",
        *(f"limit={n}" for n in range(1, 30)),
        *(f"after={priority}~0" for priority in (0.99, 0.95, 0.9, 0.61, 0.6, 0.5, 0.3)),
        *(f"reason={reason}" for reason in ("critical_failed", "low_total", "random_audit")),
        *(f"min={n}" for n in (0, 30, 31, 32, 60, 90)),
        *(f"max={n}" for n in (0, 30, 31, 32, 60, 90, 100)),
        "criterion=closing",
        "criterion=closing&failed=1",
    ]
    boards = ("", "/criteria", "/quadrants", "/agreement", "/yield", "/reviewers")
    return [
        f"/conversation?id={BLIND}",
        f"/conversation?id={BLIND}&criterion=closing",
        f"/api/v1/conversation?id={BLIND}",
        f"/api/v1/conversation/comments?id={BLIND}",
        *(f"{path}?{query}" for path in ("/queue", "/api/v1/queue") for query in queue),
        *(f"/dashboards{name}?{narrow}&by=agent" for name in boards),
        f"/api/v1/dashboards/over-time?{narrow}&by=agent",
        *(f"/api/v1/dashboards{name}?{narrow}&by=agent" for name in boards[1:]),
        f"/coaching/agent?name={row.agent}",
        "/coaching",
        "/examples",
        "/examples?criterion=closing&kind=bad",
        "/disputes",
        "/api/v1/disputes",
        "/calibrations",
        "/calibrations/history",
        *(
            f"/calibrations/{number}{part}"
            for number in (story.closed, story.discussed)
            for part in ("", "/answers")
        ),
        "/api/v1/queue/workload",
        "/views",
        "/account",
    ]


def plain(answer):
    """An answer without what differs between any two: how long a claim still holds."""
    return re.sub(r'"(mine_)?until":"[^"]*"', "", answer.text)


def test_no_answer_depends_on_what_is_kept_from_the_reviewer(both):
    (first, second), _, _, story, row = both
    told = []
    for address in addresses(story, row):
        one, other = first.get(address), second.get(address)
        assert one.status_code == other.status_code == 200, address
        if plain(one) != plain(other) or one.headers != other.headers:
            told.append(address)
        assert not any(word in page.text for word in WORDS for page in (one, other)), address
    assert told == []


def test_the_two_databases_do_differ_for_who_may_see_it(both):
    _, databases, people, _, _ = both
    seen = [see(database, people["third_reviewer"], BLIND) for database in databases]
    assert [one.automated.total == 31.0 for one in seen] == [False, True]
    assert [one.comments[0].text for one in seen] == list(WORDS)


def test_who_claims_what_comes_next_does_not_learn_how_urgent_it_is(both):
    _, databases, people, _, _ = both
    order = []
    for database in databases:
        free, after = [], None
        while True:
            lease = claim_next(database, people["lead"], after=after)
            if lease is None:
                break
            free.append(lease.conversation_id)
            after = lease.item_id
        order.append(free)
    assert BLIND in order[0]
    assert order[0] == order[1]


@pytest.mark.parametrize("limit", [1, 3, 200])
def test_pages_of_the_queue_show_every_item_once_whatever_is_hidden(both, limit):
    _, databases, people, story, _ = both
    for who in people.values():
        if who.role is Role.AGENT:
            continue
        for settings in ({}, {"blind": True}):
            user = User(id=who.id, name=who.name, display_name="", role=who.role, settings=settings)
            shown, after = [], None
            while True:
                page = list_items(
                    databases[0], user, Filters(state="all"), after=after, limit=limit
                )
                shown += [one.id for one in page.rows]
                after = page.after
                if after is None:
                    break
            assert sorted(shown) == sorted(story.items.values())


def test_the_items_that_hide_scores_are_those_whose_conversations_do(both):
    _, databases, people, _, _ = both
    hidden = 0
    for who in people.values():
        for settings in ({}, {"blind": True}):
            user = User(id=who.id, name=who.name, display_name="", role=who.role, settings=settings)
            items = hidden_items(user)
            with databases[0].reading() as connection:
                one_by_one = connection.scalars(
                    select(schema.items.c.id).join(schema.conversations).where(hides(user))
                ).all()
                found = set() if items is None else set(connection.scalars(items))
            assert found == set(one_by_one)
            hidden += len(found)
    assert hidden
