"""The JSON API: a whole review without a page, and nothing told to who rates blind."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import insert, select, update

from autoqa.readers import Quarantine, read_human_ratings
from autoqa.review.answers import save_answer, submit
from autoqa.review.comments import add_comment
from autoqa.review.conversations import see
from autoqa.review.database import schema
from autoqa.review.leases import claim_conversation

TALK = "brv-en-01"
API = "/api/v1"


@pytest.fixture
def api(client, loaded):
    """Who is logged in, with a token: ``api("lead")``."""

    def log_in(who):
        browser = client(who)
        browser.headers["X-CSRF-Token"] = browser.get(f"{API}/me").json()["csrf"]
        return browser

    return log_in


@pytest.fixture
def reviewer(loaded, people):
    claim_conversation(loaded, people["reviewer"], TALK)
    return people["reviewer"]


def look(browser, **query):
    answer = browser.get(f"{API}/conversation", params={"id": TALK} | query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def send(browser, part, **sent):
    return browser.post(f"{API}/conversation/{part}", json={"id": TALK} | sent)


def rate(browser, criterion, level, based_on=0, **more):
    sent = {"criterion": criterion, "status": "rated", "level": level, "reason": "heard"} | more
    return send(browser, "answers", based_on=based_on, **sent)


def hand_in(database, user, reason="so"):
    view = see(database, user, TALK)
    for criterion in view.unanswered:
        level = view.card.criterion(criterion).scale[0]
        save_answer(
            database, user, TALK, criterion, status="rated", level=level, reason=reason, based_on=0
        )
    return submit(database, user, TALK)


def test_a_conversation_is_reviewed_through_the_api_alone(api, reviewer, loaded):
    browser = api("reviewer")
    shown = look(browser)
    assert shown["may_answer"]
    for section in shown["card"]["sections"]:
        for criterion in section["criteria"]:
            lowest = min(map(int, criterion["levels"]))
            saved = rate(browser, criterion["id"], lowest)
            assert saved.status_code == 200, saved.text
            assert saved.json()["answer"]["version"] == 1
    assert saved.json()["unanswered"] == []
    totals = send(browser, "submit")
    assert totals.status_code == 200
    assert totals.json() == saved.json()["evaluation"]
    assert look(browser)["mine"]["state"] == "submitted"
    assert send(browser, "reopen").status_code == 204
    assert look(browser)["mine"]["state"] == "draft"


def test_of_two_saves_from_one_version_the_second_gets_409_with_both(api, reviewer, card):
    browser, criterion = api("reviewer"), card.criteria[0]
    low, high = criterion.scale[0], criterion.scale[-1]
    assert rate(browser, criterion.id, low, reason="first").status_code == 200
    refused = rate(browser, criterion.id, high, reason="second")
    assert refused.status_code == 409
    problem = refused.json()
    assert (problem["theirs"]["level"], problem["theirs"]["reason"]) == (low, "first")
    assert (problem["yours"]["level"], problem["yours"]["reason"]) == (high, "second")


def test_without_a_claim_what_was_typed_comes_back(api, loaded, people, card):
    claim_conversation(loaded, people["other_reviewer"], TALK)
    refused = rate(api("reviewer"), card.criteria[0].id, 0, reason="typed for minutes")
    assert refused.status_code == 409
    assert refused.json()["yours"]["reason"] == "typed for minutes"


@pytest.mark.parametrize(
    "wrong",
    [
        {"level": 99},
        {"level": "1"},
        {"level": True},
        {"status": "failed"},
        {"criterion": "nonsense"},
        {"based_on": -1},
        {"unknown": 1},
        {"evidence": [{"turn": 0, "start": 5, "end": 1}]},
        {"evidence": [{"turn": 10**9, "start": 0, "end": 1}]},
        {"evidence": [{"turn": 0, "start": 0, "end": 1, "contribution": 3}]},
        {"reason": "x" * 5000},
    ],
)
def test_what_cannot_be_saved_is_refused_in_words(api, reviewer, card, wrong):
    first = card.criteria[0]
    given = {"criterion": first.id, "level": first.scale[0]} | wrong
    refused = rate(api("reviewer"), **given)
    assert refused.status_code == 422
    assert refused.json()["detail"]


@pytest.mark.parametrize("name", ["no such", "a\x00b", "\ud800", "x" * 501, "", "../../etc/passwd"])
def test_odd_ids_are_no_conversations(api, reviewer, name):
    browser = api("reviewer")
    body = json.dumps({"id": name})
    answer = browser.post(
        f"{API}/conversation/submit", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 404, 422)


def test_comments_are_written_and_read(api, reviewer):
    browser = api("reviewer")
    written = send(browser, "comments", text="late greeting", turn=0)
    assert written.status_code == 201
    found = browser.get(f"{API}/conversation/comments", params={"id": TALK}).json()
    assert found == [written.json()]
    assert send(browser, "comments", text=" ").status_code == 422


def test_ratings_are_downloaded_as_compare_takes_them(api, reviewer, loaded, tmp_path, card):
    hand_in(loaded, reviewer)
    answer = api("lead").get(f"{API}/ratings")
    assert answer.status_code == 200
    file = tmp_path / "ratings.jsonl"
    file.write_bytes(answer.content)
    with Quarantine() as quarantine:
        found = read_human_ratings(file, quarantine=quarantine)
    assert {r.criterion for r in found.ratings} == {c.id for c in card.criteria}
    assert api("reviewer").get(f"{API}/ratings").status_code == 403
    for since, status in (
        ("2999-01-01T00:00:00Z", 200),
        ("0001-01-01T00:00:00+14:00", 422),
        ("soon", 422),
    ):
        assert api("lead").get(f"{API}/ratings", params={"since": since}).status_code == status


# Blind: a model's and a peer's answers are planted with marks that nothing else contains.

MARKS = ("MODEL-SAYS", "PEER-SAYS", "PEER-NOTES", "CUSTOMER-SAYS", "FLAG-TELLS", "0.61803", "13.37")


@pytest.fixture
def planted(loaded, people):
    """A blind item that one of two reviewers has submitted; every answer bears a mark."""
    peer, table = people["other_reviewer"], schema
    claim_conversation(loaded, peer, TALK)
    with loaded.housekeeping() as connection:
        of_talk = table.conversations.c.id == TALK
        newest = (
            connection.execute(
                select(table.evaluations.c.id).where(
                    table.evaluations.c.conversation_id == TALK, table.evaluations.c.kind == "model"
                )
            )
            .scalars()
            .all()[-1]
        )
        connection.execute(
            update(table.ratings)
            .where(table.ratings.c.evaluation_id == newest)
            .values(reason="MODEL-SAYS", expected=0.61803)
        )
        connection.execute(
            update(table.evaluations).where(table.evaluations.c.id == newest).values(total=13.37)
        )
        survey = {
            "conversation_id": TALK,
            "score": 2.0,
            "scale": [1.0, 5.0],
            "comment": "CUSTOMER-SAYS",
            "answered_at": None,
            "given_by": "customer",
        }
        connection.execute(
            update(table.conversations)
            .where(of_talk)
            .values(total=13.37, csat=0.61803, survey_answer=survey)
        )
        connection.execute(update(table.curves).values(points=[[0, 0.61803], [1, 0.61803]]))
        connection.execute(
            insert(table.flags).values(
                conversation_id=TALK,
                reason="low_total",
                message="FLAG-TELLS",
                values={"total": "FLAG-TELLS"},
                priority=0.9,
            )
        )
        connection.execute(
            update(table.items)
            .where(table.items.c.conversation_id == TALK)
            .values(blind=True, reviews_wanted=2)
        )
    hand_in(loaded, peer, reason="PEER-SAYS")
    add_comment(loaded, peer, TALK, "PEER-NOTES")
    claim_conversation(loaded, people["reviewer"], TALK)
    return loaded


def told(browser, app):
    """Everything that a user can get from the server, by address."""
    paths = {path for path in app.state.pages if "{" not in path}
    paths |= set(app.openapi()["paths"])
    found = {}
    for path in sorted(paths - {"/api/v1/openapi.json"}):
        for query in ({"id": TALK}, {}, {"q": "brv"}):
            answer = browser.get(path, params=query)
            assert answer.status_code < 500, (path, answer.text)
            found[path, tuple(query)] = answer.text
    return found


@pytest.mark.parametrize("who", ["reviewer", "lead", "admin"])
def test_no_route_tells_who_rates_blind_what_others_answered(planted, api, app, who):
    found = told(api(who), app)
    assert TALK in found["/api/v1/conversation", ("id",)]
    assert TALK in found["/conversation", ("id",)]
    for place, text in found.items():
        assert [mark for mark in MARKS if mark in text] == [], place


def test_the_same_routes_tell_it_all_afterwards(planted, api, app, people):
    """So that the marks would be found."""
    hand_in(planted, people["reviewer"], reason="own")
    text = "".join(told(api("reviewer"), app).values())
    assert [mark for mark in MARKS if mark not in text] == []


def test_a_save_tells_nothing_either(planted, api, card):
    browser = api("reviewer")
    for criterion in card.criteria:
        for based_on, level in enumerate(criterion.scale):
            saved = rate(browser, criterion.id, level, based_on, reason="")
            assert saved.status_code == 200
            assert not saved.json()["answer"]["accepted"]
            assert [mark for mark in MARKS if mark in saved.text] == []
