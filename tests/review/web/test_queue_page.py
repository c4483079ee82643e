"""The pages of the queue, as browsers without scripts see them."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from sqlalchemy import insert, select, update

from autoqa.review.database import schema
from autoqa.review.flags import MESSAGES, REASONS
from autoqa.review.queue import claim
from autoqa.review.web.labels import LANGUAGES, catalogue

pytestmark = pytest.mark.usefixtures("loaded", "cheap_hashes")


@pytest.fixture
def browse(client, token):
    """A person's browser: get pages, and send forms with the token of the page before."""

    class Browser:
        def __init__(self, who):
            self.client = client(who)
            self.csrf = token(self.client.get("/account"))

        def get(self, path):
            return self.client.get(path)

        def post(self, path, **form):
            return self.client.post(path, data={"csrf": self.csrf, **form})

    return Browser


def items(database, *conditions):
    with database.reading() as connection:
        query = select(schema.items).where(*conditions).order_by(schema.items.c.priority.desc())
        return connection.execute(query.order_by(schema.items.c.id)).all()


def shown_ids(answer):
    return re.findall(r'id="item-(\d+)"', answer.text)


def conversation_in(location):
    parts = urlsplit(location)
    assert parts.path == "/conversation"
    return parse_qs(parts.query)["id"][0]


def test_the_queue_shows_flagged_conversations_with_the_reason_in_words(browse, database):
    answer = browse("reviewer").get("/queue")
    assert answer.status_code == 200
    open_ids = [str(item.id) for item in items(database, schema.items.c.state == "open")]
    assert shown_ids(answer) == open_ids[:50]
    with database.reading() as connection:
        messages = set(connection.execute(select(schema.flags.c.message)).scalars())
    assert all(message in unescape(answer.text) for message in messages)


def test_the_queue_speaks_the_readers_language(client, people, database):
    with database.housekeeping() as connection:
        connection.execute(update(schema.users).values(language="es"))
    answer = client("reviewer").get("/queue")
    assert "<h1>Cola</h1>" in answer.text
    assert "Criterio crítico incumplido" in answer.text
    assert "Critical criterion failed:" not in answer.text


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_reasons_and_messages_are_translated(language):
    known = catalogue(language)
    assert [text for text in (*REASONS.values(), *MESSAGES.values()) if text not in known] == []


def test_filters_are_kept_in_the_address_and_in_the_form(browse, database):
    reviewer = browse("reviewer")
    answer = reviewer.get("/queue?reason=critical_failed&team=harbour&q=&sort=newest")
    assert '<option value="critical_failed" selected>' in answer.text
    assert '<option value="harbour" selected>' in answer.text
    assert '<option value="newest" selected>' in answer.text
    everything = reviewer.get("/queue")
    assert 0 < len(shown_ids(answer)) < len(shown_ids(everything))
    nothing = reviewer.get("/queue?q=" + quote("no such word"))
    assert shown_ids(nothing) == []
    assert "No conversation matches these filters." in nothing.text


@pytest.mark.parametrize(
    "query", ["from=yesterday", "min=many", "state=lost", "sort=worst", "after=x", "q=%00", "q=%FF"]
)
def test_addresses_that_nobody_makes_are_refused_not_broken(browse, query):
    assert browse("reviewer").get(f"/queue?{query}").status_code in (200, 400, 422)


def test_claiming_opens_the_conversation_and_giving_back_frees_it(browse, database):
    reviewer, other = browse("reviewer"), browse("other_reviewer")
    item = items(database)[0]
    done = reviewer.post(f"/queue/{item.id}/claim")
    assert done.status_code == 303
    assert conversation_in(done.headers["location"]) == item.conversation_id
    assert f'action="/queue/{item.id}/release"' in reviewer.get("/queue").text
    refused = other.post(f"/queue/{item.id}/claim")
    assert refused.status_code == 409
    assert "Somebody else works on this conversation." in refused.text
    assert "Reviewer is at it" in other.get("/queue").text
    back = reviewer.post(f"/queue/{item.id}/release", back="/queue?team=harbour")
    assert back.headers["location"] == "/queue?team=harbour"
    assert other.post(f"/queue/{item.id}/claim").status_code == 303


def test_giving_back_leads_nowhere_else(browse, database):
    reviewer = browse("reviewer")
    item = items(database)[0]
    reviewer.post(f"/queue/{item.id}/claim")
    back = reviewer.post(f"/queue/{item.id}/release", back="https://evil.example/")
    assert back.headers["location"] == "/queue"


def test_the_next_is_claimed_within_the_filters(browse, database):
    reviewer = browse("reviewer")
    page = reviewer.get("/queue?language=it")
    action = re.search(r'action="(/queue/next[^"]*)"', page.text)[1]
    done = reviewer.post(unescape(action))
    claimed = conversation_in(done.headers["location"])
    with database.reading() as connection:
        this = schema.conversations.c.id == claimed
        language = connection.execute(select(schema.conversations.c.language).where(this))
        assert language.scalar_one() == "it"
    none = reviewer.post("/queue/next?language=xx")
    assert none.headers["location"] == "/queue?language=xx"
    assert "Nothing is left to claim here." in reviewer.get("/queue?language=xx").text


def test_a_lead_assigns_what_they_choose(browse, database, people):
    lead = browse("lead")
    page = lead.get("/queue")
    assert 'id="assign"' in page.text
    chosen = items(database)[:2]
    done = lead.post(
        "/queue/assign",
        item=[item.id for item in chosen],
        to=people["reviewer"].id,
        due="2020-01-31",
        reviews="2",
        blind="yes",
        back="/queue?sort=due",
    )
    assert (done.status_code, done.headers["location"]) == (303, "/queue?sort=due")
    for item in items(database, schema.items.c.id.in_([item.id for item in chosen])):
        assert (item.assigned_to, item.reviews_wanted, item.blind) == (
            people["reviewer"].id,
            2,
            True,
        )
    seen = browse("reviewer").get("/queue?assigned=me")
    assert shown_ids(seen) == [str(item.id) for item in chosen]
    assert "overdue since 2020-01-31" in seen.text
    assert "0 of 2 reviews" in seen.text
    reviewer = browse("reviewer")
    assert 'id="assign"' not in reviewer.get("/queue").text
    assert reviewer.post("/queue/assign", item=[chosen[0].id]).status_code == 403


@pytest.mark.parametrize(
    "form", [{"to": "x"}, {"due": "soon"}, {"reviews": "-1"}, {"reviews": "99"}, {"to": "1" * 30}]
)
def test_an_assignment_that_makes_no_sense_is_refused(browse, database, form):
    item = items(database)[0].id
    assert browse("lead").post("/queue/assign", item=[item], **form).status_code == 422


def test_blind_items_show_no_scores(browse, database):
    with database.housekeeping() as connection:
        connection.execute(update(schema.items).values(blind=True))
    text = unescape(browse("reviewer").get("/queue").text)
    with database.reading() as connection:
        telling = connection.execute(
            select(schema.flags.c.message).where(
                schema.flags.c.reason.not_in(["random_audit", "new_agent"])
            )
        ).scalars()
        assert [message for message in telling if message in text] == []
    assert "automated QA:" not in text
    assert "predicted CSAT:" not in text
    assert "urgent<" not in text
    assert "Blind review: what models said" in text


def test_agents_have_no_queue_and_analysts_nothing_to_claim(browse, database):
    agent, analyst = browse("agent"), browse("analyst")
    item = items(database)[0]
    assert agent.get("/queue").status_code == 403
    assert agent.post(f"/queue/{item.id}/claim").status_code == 403
    assert agent.post("/queue/next").status_code == 403
    page = analyst.get("/queue")
    assert page.status_code == 200
    assert "/claim" not in page.text
    assert analyst.post(f"/queue/{item.id}/claim").status_code == 403


@pytest.mark.parametrize("item", ["0", "-1", "x", "99999999", "9" * 40])
def test_items_that_are_not_there_are_refused(browse, item):
    for action in ("claim", "release"):
        assert browse("reviewer").post(f"/queue/{item}/{action}").status_code in (404, 422)


def test_a_conversation_can_be_picked_by_its_id(browse, database):
    with database.reading() as connection:
        flagged = select(schema.items.c.conversation_id)
        free = connection.execute(
            select(schema.conversations.c.id).where(schema.conversations.c.id.not_in(flagged))
        ).scalars()
        name = next(iter(free))
    done = browse("reviewer").post("/queue/pick", id=name)
    assert conversation_in(done.headers["location"]) == name
    assert browse("reviewer").post("/queue/pick", id="no such").status_code == 404


def test_views_are_saved_shown_and_deleted(browse):
    lead = browse("lead")
    page = lead.get("/queue?team=harbour&reason=low_total")
    action = unescape(re.search(r'action="(/views/save[^"]*)"', page.text)[1])
    saved = lead.post(action, name="<b>Harbour</b>", shared="on")
    assert saved.headers["location"] == "/queue?reason=low_total&team=harbour"
    seen = browse("reviewer").get("/queue").text
    assert "&lt;b&gt;Harbour&lt;/b&gt;" in seen
    assert 'href="/queue?reason=low_total&amp;team=harbour"' in seen
    listed = lead.get("/views").text
    number = re.search(r'name="view" value="(\d+)"', listed)[1]
    assert browse("reviewer").post("/views/delete", view=number).status_code == 404
    assert lead.post("/views/delete", view=number).status_code == 303
    assert "No view is saved yet." in lead.get("/views").text


def test_rules_are_added_applied_switched_and_deleted(browse, database, people):
    lead = browse("lead")
    assert "There are no rules yet" in lead.get("/queue/rules").text
    problem = lead.post("/queue/rules/add", name="", team="harbour")
    assert problem.status_code == 422
    assert '<option value="harbour" selected>' in problem.text
    both = [people["reviewer"].id, people["other_reviewer"].id]
    done = lead.post("/queue/rules/add", name="Harbour", team="harbour", assignee=both, reviews="1")
    assert done.status_code == 303
    lead.post("/queue/rules/apply")
    assigned = items(database, schema.items.c.assigned_to.is_not(None))
    assert {item.assigned_to for item in assigned} == set(both)
    page = lead.get("/queue/rules").text
    assert "Reviewer, Other Reviewer" in page
    rule = re.search(r'name="rule" value="(\d+)"', page)[1]
    lead.post("/queue/rules/switch", rule=rule, active="")
    assert "switched off" in lead.get("/queue/rules").text
    assert lead.post("/queue/rules/delete", rule=rule).status_code == 303
    assert browse("reviewer").get("/queue/rules").status_code == 403


def test_hostile_names_are_text_on_the_page(browse, database):
    attack = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    with database.housekeeping() as connection:
        connection.execute(update(schema.conversations).values(agent=attack, team=attack))
        connection.execute(update(schema.flags).values(message=attack, values={}))
        connection.execute(update(schema.users).values(display_name=attack))
    for path in ("/queue", "/queue?agent=" + quote(attack), "/queue/rules"):
        text = browse("lead").get(path).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text


# The JSON API.


def test_the_api_pages_through_the_queue_and_claims(browse, database):
    reviewer = browse("reviewer")
    first = reviewer.get("/api/v1/queue?limit=2").json()
    assert len(first["rows"]) == 2
    assert first["total"] == len(items(database, schema.items.c.state == "open"))
    second = reviewer.get(f"/api/v1/queue?limit=2&after={quote(first['after'])}").json()
    assert {row["id"] for row in first["rows"]}.isdisjoint(row["id"] for row in second["rows"])
    headers = {"X-CSRF-Token": reviewer.csrf}
    send = reviewer.client.post
    lease = send("/api/v1/queue/next", headers=headers).json()
    assert lease["item_id"] == first["rows"][0]["id"]
    again = send(f"/api/v1/queue/{lease['item_id']}/renew", headers=headers)
    assert again.json()["expires_at"] >= lease["expires_at"]
    other = browse("other_reviewer")
    refused = other.client.post(
        f"/api/v1/queue/{lease['item_id']}/claim", headers={"X-CSRF-Token": other.csrf}
    )
    assert refused.status_code == 409
    assert refused.json()["theirs"]["held_by"] == "Reviewer"
    gone = send(f"/api/v1/queue/{lease['item_id']}/release", headers=headers)
    assert (gone.status_code, gone.text) == (204, "")
    assert send("/api/v1/queue/next?language=xx", headers=headers).status_code == 204
    assert [one["name"] for one in reviewer.get("/api/v1/queue/workload").json()] == ["reviewer"]


def test_the_api_hides_what_blind_reviewers_may_not_see(browse, database, people):
    with database.housekeeping() as connection:
        connection.execute(update(schema.items).values(blind=True))
    reviewer = browse("reviewer")
    for row in reviewer.get("/api/v1/queue?limit=200").json()["rows"]:
        assert row["hidden"]
        assert (row["priority"], row["total"], row["csat"]) == (None, None, None)
        assert {reason["reason"] for reason in row["reasons"]} <= {"random_audit"}
    assert reviewer.get("/api/v1/queue?reason=low_total").json()["rows"] == []
    assert reviewer.get("/api/v1/queue?max=100").json()["rows"] == []


def test_a_page_of_many_items_has_a_link_to_the_next(browse, database):
    with database.housekeeping() as connection:
        rows = connection.execute(select(schema.conversations)).mappings().all()
        for number in range(60):
            name = f"more-{number}"
            connection.execute(insert(schema.conversations).values({**rows[0], "id": name}))
            connection.execute(
                insert(schema.items).values(
                    conversation_id=name, priority=0.1, state="open", created_at=rows[0].started_at
                )
            )
    reviewer = browse("reviewer")
    seen, path = [], "/queue"
    while path:
        answer = reviewer.get(path)
        seen += shown_ids(answer)
        found = re.search(r'<a rel="next" href="([^"]*)"', answer.text)
        path = unescape(found[1]) if found else ""
    assert len(seen) == len(set(seen)) == len(items(database, schema.items.c.state == "open"))


def test_a_lead_takes_an_item_from_somebody(browse, database, people):
    item = items(database)[0]
    claim(database, people["reviewer"], item.id)
    lead = browse("lead")
    assert "Take from Reviewer" in lead.get("/queue").text
    lead.post(f"/queue/{item.id}/release", of=people["reviewer"].id)
    assert "Take from Reviewer" not in lead.get("/queue").text
