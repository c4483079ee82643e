"""Coaching, as a browser without scripts sees it."""

from __future__ import annotations

import re

import pytest

from autoqa.review.coaching import Link, NoteState, add_note, follow_up, list_notes, today

AGENT = "Maya Okafor"
HERE = "/coaching/agent?name=Maya+Okafor"

pytestmark = pytest.mark.usefixtures("cheap_hashes")


@pytest.fixture
def centre(database, centres):
    built = centres.Centre(database)
    built.conversation("calls/1 & 2", agent=AGENT, team="harbour")
    built.conversation("b-1", agent="Bruno Galli", team="meridian")
    return built


@pytest.fixture
def send(client, centre, token):
    """Send a form as a lead."""
    lead = client("lead")
    csrf = token(lead.get(HERE))

    def post(path, **form):
        return lead.post(path, data={"csrf": csrf, **form})

    post.get = lead.get
    return post


def test_a_note_is_written_followed_up_and_linked(send, database, people):
    done = send(
        "/coaching/add",
        agent=AGENT,
        text="Say hello.",
        goal="Every call",
        criterion="greeting",
        follow_up_on=today().isoformat(),
        conversation="calls/1 & 2",
        turn="3",
    )
    (note,) = list_notes(database, people["lead"])
    assert (done.status_code, done.headers["location"]) == (303, f"{HERE}#note-{note.id}")
    assert note.links == (Link(conversation_id="calls/1 & 2", turn=2),)
    text = send.get(HERE).text
    assert "Did the agent greet?" in text
    assert 'href="/conversation?id=calls%2F1+%26+2&amp;criterion=greeting#turn-3"' in text
    assert "Too few conversations: 10 are needed on each side." in text
    assert AGENT in send.get("/coaching").text

    done = send("/coaching/follow-up", note=note.id, based_on=1, state="reached", follow_up_on="")
    assert done.status_code == 303
    assert "Nothing is due." in send.get("/coaching").text
    assert send("/coaching/link", note=note.id, conversation="calls/1 & 2").status_code == 303
    (note,) = list_notes(database, people["lead"])
    assert (note.state, len(note.links)) == (NoteState.REACHED, 2)


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"text": ""}, "the note is missing"),
        ({"text": "kept", "follow_up_on": "soon"}, "is no date"),
        ({"text": "kept", "turn": "2"}, "say of which conversation"),
        ({"text": "kept", "conversation": "calls/1 & 2", "turn": "x"}, "turns count from 1"),
        ({"text": "kept", "conversation": "calls/1 & 2", "turn": "0"}, "choose 1 to 4"),
        ({"text": "kept", "criterion": "other"}, "no scorecard has a criterion"),
    ],
)
def test_what_cannot_be_saved_comes_back_with_what_was_typed(send, form, problem):
    answer = send("/coaching/add", agent=AGENT, goal="the goal", **form)
    assert answer.status_code == 422
    assert problem in answer.text
    assert "the goal</textarea>" in answer.text
    assert not form["text"] or "kept</textarea>" in answer.text


def test_who_was_slower_sees_both_versions_and_may_save_again(send, database, people):
    note = add_note(database, people["lead"], AGENT, "Say hello.")
    follow_up(
        database,
        people["admin"],
        note.id,
        based_on=1,
        state=NoteState.DROPPED,
        follow_up_on=None,
    )
    answer = send("/coaching/follow-up", note=note.id, based_on=1, state="reached")
    assert answer.status_code == 409
    assert "dropped" in answer.text
    assert "reached" in answer.text
    again = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', answer.text))
    assert again["based_on"] == "2"
    assert send("/coaching/follow-up", **again).status_code == 303
    assert list_notes(database, people["lead"])[0].state is NoteState.REACHED


def test_agents_go_to_their_own_notes_and_find_no_others(client, centre, database, people):
    add_note(database, people["lead"], AGENT, "Say hello, Maya.")
    add_note(database, people["lead"], "Bruno Galli", "Verify first, Bruno.")
    browser = client("agent")
    assert browser.get("/coaching").headers["location"] == HERE
    text = browser.get(HERE).text
    assert "Say hello, Maya." in text
    assert "<textarea" not in text
    assert "Verify first" not in browser.get("/coaching/agent?name=Bruno+Galli").text


@pytest.mark.parametrize("who", ["agent", "reviewer", "analyst"])
def test_only_coaches_may_send_the_forms(client, centre, database, people, token, who):
    note = add_note(database, people["lead"], AGENT, "Say hello.")
    browser = client(who)
    csrf = token(browser.get("/account"))
    for path, form in (
        ("add", {"agent": AGENT, "text": "x"}),
        ("follow-up", {"note": note.id, "based_on": 1, "state": "dropped"}),
        ("link", {"note": note.id, "conversation": "calls/1 & 2"}),
    ):
        answer = browser.post(f"/coaching/{path}", data={"csrf": csrf, **form})
        assert answer.status_code == 403, path
    assert list_notes(database, people["lead"]) == [note]


def test_an_agent_that_nobody_knows_is_not_there(send):
    answer = send.get("/coaching/agent?name=%3Cscript%3E")
    assert answer.status_code == 404
    assert "&lt;script&gt;" in answer.text
    assert send("/coaching/add", agent="Nobody", text="x").status_code == 404


def test_notes_are_text(send, database, people):
    hostile = "<script>alert(1)</script>{{7*7}}"
    send("/coaching/add", agent=AGENT, text=hostile, goal=hostile, follow_up_on="2026-01-01")
    for path in (HERE, "/coaching"):
        text = send.get(path).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}" in text


def test_a_new_note_can_be_begun_from_a_conversation(send):
    text = send.get(f"{HERE}&conversation=calls%2F1&turn=3&criterion=tone").text
    assert 'name="conversation" type="text" value="calls/1"' in text
    assert re.search(r'<option value="tone" [^>]*selected>', text)


def test_notes_come_in_pages(send, database, people):
    for n in range(11):
        add_note(database, people["lead"], AGENT, f"note number {n};")
    first = send.get(HERE).text
    assert "note number 10;" in first
    assert "note number 0;" not in first
    (older,) = re.findall(r'rel="next" href="([^"]*)"', first)
    assert "note number 0;" in send.get(older.replace("&amp;", "&")).text
