"""The library of examples, as a browser without scripts sees it."""

from __future__ import annotations

import re

import pytest

from autoqa.review.examples import Kind, add_example, list_examples

pytestmark = pytest.mark.usefixtures("cheap_hashes")


@pytest.fixture
def centre(database, centres):
    built = centres.Centre(database)
    built.conversation("a-1", agent="Maya Okafor", team="harbour")
    return built


@pytest.fixture
def send(client, centre, token):
    """Send a form as a reviewer."""
    reviewer = client("reviewer")
    csrf = token(reviewer.get("/examples"))

    def post(path, **form):
        return reviewer.post(path, data={"csrf": csrf, **form})

    post.get = reviewer.get
    return post


FORM = {
    "conversation": "a-1",
    "turn": "2",
    "criterion": "greeting",
    "kind": "good",
    "title": "A warm hello",
}


def test_an_example_is_added_found_and_taken_out(send, database, people):
    done = send("/examples/add", **FORM)
    assert (done.status_code, done.headers["location"]) == (303, "/examples?criterion=greeting")
    text = send.get("/examples?criterion=greeting&kind=good").text
    assert "A warm hello" in text
    assert "words of turn 2" in text
    assert 'href="/conversation?id=a-1&amp;criterion=greeting#turn-2"' in text
    assert "A warm hello" not in send.get("/examples?kind=bad").text
    (one,) = list_examples(database, people["reviewer"])
    assert send("/examples/remove", example=one.id).status_code == 303
    assert "There are no examples yet." in send.get("/examples").text


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"title": ""}, "the title is missing"),
        ({"turn": "9"}, "choose 1 to 4"),
        ({"turn": "two"}, "turns count from 1"),
        ({"kind": "ugly"}, "is none of good, bad"),
        ({"criterion": "none"}, "no scorecard has"),
    ],
)
def test_what_cannot_be_saved_comes_back_with_what_was_typed(send, more, problem):
    answer = send("/examples/add", **FORM | more)
    assert answer.status_code == 422
    assert problem in answer.text
    assert 'value="a-1"' in answer.text


def test_a_conversation_that_one_may_not_see_is_not_there(client, centre, database, token):
    centre.conversation("b-1", agent="Bruno Galli", team="meridian")
    lead = client("team_lead")
    csrf = token(lead.get("/examples"))
    answer = lead.post("/examples/add", data={"csrf": csrf, **FORM, "conversation": "b-1"})
    assert answer.status_code == 404


def test_agents_read_and_neither_add_nor_remove(client, centre, database, people, token):
    one = add_example(
        database,
        people["reviewer"],
        "a-1",
        criterion="greeting",
        kind=Kind.BAD,
        title="No hello",
    )
    browser = client("agent")
    text = browser.get("/examples").text
    assert "No hello" in text
    assert "/examples/add" not in text
    assert "/examples/remove" not in text
    csrf = token(browser.get("/account"))
    assert browser.post("/examples/add", data={"csrf": csrf, **FORM}).status_code == 403
    sent = {"csrf": csrf, "example": one.id}
    assert browser.post("/examples/remove", data=sent).status_code == 403
    assert "No hello" not in client("other_agent").get("/examples").text


def test_titles_and_turns_are_text(send, centre, database):
    hostile = "<script>alert(1)</script>\u202e{{7*7}}"
    with database.writing("tests") as write:
        from autoqa.review.database.schema import conversations

        turns = [{"speaker": "customer", "text": hostile}]
        write.execute(conversations.update().values(document={"turns": turns}, n_turns=1))
        write.audit("tests", "x")
    send("/examples/add", **FORM | {"turn": "1", "title": hostile})
    text = send.get("/examples").text
    assert "<script>alert" not in text
    assert "\u202e" not in text
    assert text.count("&lt;script&gt;alert(1)") >= 2


def test_examples_come_in_pages(send):
    for n in range(21):
        send("/examples/add", **FORM | {"title": f"number {n};"})
    first = send.get("/examples?kind=good").text
    assert "number 20;" in first
    assert "number 0;" not in first
    (older,) = re.findall(r'rel="next" href="([^"]*)"', first)
    assert "kind=good" in older
    assert "number 0;" in send.get(older.replace("&amp;", "&")).text
