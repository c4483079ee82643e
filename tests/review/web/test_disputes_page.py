"""The pages of disputes, as a browser without scripts sees them."""

from __future__ import annotations

import re
from html import unescape

import pytest

from autoqa.records import RaterKind
from autoqa.review.disputes import State, disputable, dispute, list_disputes, raise_dispute

TALK = "brv-en-01"  # of Maya Okafor, whom the user 'agent' is

pytestmark = pytest.mark.usefixtures("loaded", "cheap_hashes")


@pytest.fixture
def rating(database, people, hand_in):
    """The id of a rating that the reviewer gave."""
    hand_in(database, people["reviewer"], TALK, {"courtesy": 0})
    found = disputable(database, people["agent"], TALK)
    return next(
        one.answer.id
        for one in found
        if (one.criterion.id, one.answer.rating.kind) == ("courtesy", RaterKind.HUMAN)
    )


@pytest.fixture
def raised(database, people, rating):
    return raise_dispute(database, people["agent"], rating, "I greeted them in turn 1")


@pytest.fixture
def send(client, token):
    """Send a form as somebody: ``send("agent", "/disputes/new", rating=3)``."""
    browsers = {}

    def post(who, path, **form):
        if who not in browsers:
            browser = client(who)
            browsers[who] = browser, token(browser.get("/account"))
        browser, csrf = browsers[who]
        return browser.post(path, data={"csrf": csrf, **form})

    return post


def text_of(answer):
    assert answer.status_code == 200, answer.text
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text)))


def test_an_agent_goes_from_their_conversations_to_a_dispute(
    client, send, database, people, rating
):
    browser = client("agent")
    assert "/disputes/new" in browser.get("/disputes").text
    assert f"/disputes/new?id={TALK}" in browser.get("/disputes/new").text
    page = browser.get(f"/disputes/new?rating={rating}").text
    assert re.search(rf'name="rating" value="{rating}" required checked', page)
    done = send("agent", "/disputes/new", rating=rating, reason="I did say please")
    (raised,) = list_disputes(database, people["agent"])
    assert (done.status_code, done.headers["location"]) == (303, f"/disputes/{raised.id}")
    story = text_of(browser.get(f"/disputes/{raised.id}"))
    for part in ("reviewer on courtesy", "I did say please", "to be decided", "Withdraw"):
        assert part in story
    assert f"dispute {raised.id}" in text_of(browser.get(f"/disputes/new?id={TALK}"))


def test_the_conversation_page_leads_to_a_dispute(client, rating):
    assert f"/disputes/new?rating={rating}" in client("agent").get(f"/conversation?id={TALK}").text


def test_a_dispute_without_a_reason_is_asked_for_again(send, rating):
    refused = send("agent", "/disputes/new", rating=rating, reason="  ")
    assert refused.status_code == 422
    assert f'value="{rating}" required checked' in refused.text


def test_somebody_else_decides_and_the_whole_story_stays(client, send, raised):
    place = f"/disputes/{raised.id}"
    page = client("other_reviewer").get(place).text
    assert f'action="{place}/decide"' in page
    assert "(as it stands)" in text_of(client("other_reviewer").get(place))
    done = send(
        "other_reviewer", f"{place}/decide", answer="2", reason="Turn 1 greets", based_on="1"
    )
    assert done.status_code == 303
    story = text_of(client("agent").get(place))
    for part in (
        "reviewer on courtesy",
        "I greeted them in turn 1",
        "Turn 1 greets",
        "the rating was changed",
        "total with this answer: 100.0 of 100",
    ):
        assert part in story
    assert "decide" not in client("other_reviewer").get(place).text.split("</header>")[1].lower()


def test_who_gave_the_rating_has_no_form_and_is_refused(client, send, raised, database, people):
    place = f"/disputes/{raised.id}"
    page = client("reviewer").get(place)
    assert f"{place}/decide" not in page.text
    assert "somebody else has to decide" in text_of(page)
    refused = send("reviewer", f"{place}/decide", answer="0", reason="I know", based_on="1")
    assert refused.status_code == 403
    assert dispute(database, people["lead"], raised.id).state is State.OPEN


def test_a_decision_without_answer_or_reason_is_asked_for_again(send, raised):
    place = f"/disputes/{raised.id}/decide"
    refused = send("lead", place, answer="", reason="typed at length", based_on="1")
    assert refused.status_code == 422
    assert "typed at length" in refused.text
    refused = send("lead", place, answer="2", reason="", based_on="1")
    assert refused.status_code == 422
    assert re.search(r'value="2" required checked', refused.text)


def test_the_second_decision_shows_both_and_what_was_typed(send, raised):
    place = f"/disputes/{raised.id}/decide"
    send("lead", place, answer="2", reason="first", based_on="1")
    late = send("other_reviewer", place, answer="1", reason="second", based_on="1")
    assert late.status_code == 409
    assert "first" in late.text
    assert "second" in late.text
    assert "Save mine as the newer version" not in late.text  # it is decided


def test_a_dispute_is_withdrawn_by_who_raised_it(client, send, raised):
    place = f"/disputes/{raised.id}"
    assert send("lead", f"{place}/withdraw", based_on="1").status_code == 403
    assert send("agent", f"{place}/withdraw", based_on="1").status_code == 303
    assert "withdrawn" in text_of(client("lead").get("/disputes?state=withdrawn"))
    assert "There are no disputes here" in text_of(client("lead").get("/disputes?state=open"))


def test_another_agent_sees_nothing_of_it(client, send, rating, raised):
    browser = client("other_agent")
    for path in (
        f"/disputes/{raised.id}",
        f"/disputes/new?id={TALK}",
        f"/disputes/new?rating={rating}",
        f"/api/v1/disputes/{raised.id}",
        f"/api/v1/disputes/ratings?id={TALK}",
    ):
        assert browser.get(path).status_code == 404, path
    for path in ("/disputes", "/disputes/new"):
        assert TALK not in browser.get(path).text
    assert send("other_agent", f"/disputes/{raised.id}/withdraw", based_on="1").status_code == 404
    assert send("other_agent", "/disputes/new", rating=rating, reason="no").status_code == 404


@pytest.mark.parametrize(
    ("who", "raises", "decides"),
    [
        ("agent", 200, 403),
        ("lead", 200, 303),
        ("admin", 200, 303),
        ("other_reviewer", 403, 303),
        ("analyst", 403, 403),
    ],
)
def test_each_role_gets_what_it_may(client, send, raised, who, raises, decides):
    browser = client(who)
    assert browser.get("/disputes").status_code == 200
    assert browser.get(f"/disputes/{raised.id}").status_code == 200
    assert browser.get(f"/disputes/new?id={TALK}").status_code == raises
    place = f"/disputes/{raised.id}/decide"
    assert send(who, place, answer="1", reason="so", based_on="1").status_code == decides


def test_reasons_are_text_whatever_they_hold(client, send, database, people, rating):
    evil = "<img src=x onerror=alert(1)>\"'</script>"
    raised = raise_dispute(database, people["agent"], rating, evil)
    place = f"/disputes/{raised.id}"
    send("lead", f"{place}/decide", answer="1", reason=evil, based_on="1")
    page = client("agent").get(place)
    assert "<img" not in page.text
    assert unescape(page.text).count(evil) == 2


def test_the_api_does_what_the_pages_do(client, token, rating):
    def browser_of(who):
        browser = client(who)
        headers = {"X-CSRF-Token": token(browser.get("/account"))}
        return lambda path, **body: browser.post(
            f"/api/v1/disputes{path}", json=body, headers=headers
        )

    agent, lead = browser_of("agent"), browser_of("lead")
    assert agent("", rating=rating, reason=" ").status_code == 422
    raised = agent("", rating=rating, reason="I greeted them")
    assert raised.status_code == 201
    assert agent("", rating=rating, reason="again").status_code == 409
    place = f"/{raised.json()['id']}"
    decision = {"status": "rated", "level": 1, "reason": "half", "based_on": 1}
    assert agent(f"{place}/decide", **decision).status_code == 403
    decided = lead(f"{place}/decide", **decision).json()
    assert (decided["state"], decided["decision"]["level"]) == ("changed", 1)
    assert lead(f"{place}/decide", **decision).status_code == 409
    assert agent(f"{place}/withdraw", based_on=2).status_code == 409
    (listed,) = client("agent").get("/api/v1/disputes?state=changed").json()
    assert listed == decided | {"may_decide": False, "may_withdraw": False}
