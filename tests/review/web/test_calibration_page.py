"""The pages of calibration sessions, as a browser without scripts sees them."""

from __future__ import annotations

import re
from html import unescape

import pytest

from autoqa.review.calibration import (
    begin,
    calibration,
    close,
    list_calibrations,
    open_discussion,
    results,
)
from autoqa.review.disputes import raise_dispute

FIRST = "brv-en-01"
RATERS = ("reviewer", "other_reviewer")

pytestmark = pytest.mark.usefixtures("loaded", "cheap_hashes")


@pytest.fixture
def session(database, people):
    return begin(database, people["lead"], "March", (FIRST,), RATERS)


@pytest.fixture
def finished(database, people, session, hand_in):
    """Both raters handed in; they differ on courtesy."""
    for who, level in (("reviewer", 2), ("other_reviewer", 0)):
        levels = {"courtesy": level}
        hand_in(database, people[who], FIRST, levels, occasion=session.occasion)
    return session


@pytest.fixture
def lead(client, token):
    """A lead's browser that sends forms: ``lead.post(path, **form)``."""
    browser = client("lead")
    csrf = token(browser.get("/account"))

    class Lead:
        get = browser.get

        def post(self, path, **form):
            return browser.post(path, data={"csrf": csrf, **form})

    return Lead()


def text_of(answer):
    assert answer.status_code == 200, answer.text
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text)))


def test_a_lead_picks_at_random_and_begins_a_session(lead, database, people):
    page = lead.get("/calibrations/new?pick=1&n=3&team=harbour&seed=4").text
    picked = re.findall(r'name="conversation" value="([^"]*)" checked', page)
    assert len(picked) == 3
    begun = lead.post(
        "/calibrations/new",
        name="March",
        conversation=picked[:2],
        more=f"{picked[2]}\r\n\r\n",
        rater=list(RATERS),
    )
    (session,) = list_calibrations(database, people["lead"])
    assert (begun.status_code, begun.headers["location"]) == (303, f"/calibrations/{session.id}")
    assert session.conversations == tuple(picked)
    assert "March" in text_of(lead.get("/calibrations"))


def test_what_was_entered_is_not_lost_where_a_session_cannot_begin(lead):
    refused = lead.post(
        "/calibrations/new",
        name="March",
        conversation=[FIRST],
        more="no-such",
        rater=list(RATERS),
    )
    assert refused.status_code == 422
    text = refused.text
    assert "no-such" in text
    assert 'value="March"' in text
    assert f'value="{FIRST}" checked' in text
    assert 'value="reviewer" checked' in text


def test_a_rater_finds_their_forms_and_nothing_of_what_peers_said(
    client, database, people, session, hand_in
):
    hand_in(database, people["reviewer"], FIRST, {"courtesy": 0}, occasion=session.occasion)
    browser = client("other_reviewer")
    assert "1 of 1 forms to hand in" in text_of(browser.get("/calibrations"))
    page = browser.get(f"/calibrations/{session.id}")
    assert f"/conversation?id={FIRST}&amp;occasion=calibration%3A{session.id}" in page.text
    form = browser.get(f"/conversation?id={FIRST}&occasion={session.occasion}")
    for shown in (page, form):
        assert shown.status_code == 200
        assert "reviewer on courtesy" not in shown.text
    for path in (
        f"/calibrations/{session.id}/answers",
        f"/calibrations/{session.id}/answer?conversation={FIRST}&criterion=courtesy",
        f"/api/v1/calibrations/{session.id}/results",
    ):
        refused = browser.get(path)
        assert refused.status_code == 403
        assert "reviewer on courtesy" not in refused.text


def test_opening_early_asks_for_a_tick_and_is_said(lead, database, people, session, hand_in):
    hand_in(database, people["reviewer"], FIRST, occasion=session.occasion)
    place = f"/calibrations/{session.id}"
    refused = lead.post(f"{place}/open")
    assert refused.status_code == 422
    assert "1 of 2 forms" in refused.text
    assert lead.post(f"{place}/open", early="on").status_code == 303
    assert "opened early: 1 of 2 forms" in text_of(lead.get(place))


def test_differences_come_first_with_all_answers_and_their_evidence(lead, finished):
    text = text_of(lead.get(f"/calibrations/{finished.id}"))
    assert text.index("Differences") < text.index("Agreement on which level")
    assert "other_reviewer on courtesy" in text
    assert "reviewer on courtesy" in text
    assert "Krippendorff's alpha (ordinal)" in text
    assert "1 of 17 answers differ, 1 of them without a reference" in text


def test_a_reference_is_agreed_and_the_session_closed_into_the_history(
    lead, database, people, finished
):
    place = f"/calibrations/{finished.id}"
    assert lead.post(f"{place}/open").status_code == 303
    noted = lead.post(
        f"{place}/agree",
        conversation=FIRST,
        criterion="courtesy",
        answer="1",
        reason="we looked at turn 3",
        based_on="0",
        difference="1",
    )
    assert noted.headers["location"] == f"{place}#difference-1"
    assert "we looked at turn 3" in text_of(lead.get(place))
    assert lead.post(f"{place}/close").status_code == 303
    assert 'action="/calibrations' not in lead.get(place).text  # nothing is left to change
    history = text_of(lead.get("/calibrations/history?criterion=courtesy"))
    assert "March" in history
    assert "n=1" in history
    found = results(database, people["lead"], finished.id)
    assert found.differences[0].reference.level == 1


def test_a_stale_reference_shows_both_and_can_be_sent_again(lead, finished):
    place = f"/calibrations/{finished.id}"
    lead.post(f"{place}/open")
    form = {"conversation": FIRST, "criterion": "courtesy", "based_on": "0"}
    lead.post(f"{place}/agree", **form, answer="1", reason="theirs")
    stale = lead.post(f"{place}/agree", **form, answer="2", reason="mine")
    assert stale.status_code == 409
    assert "theirs" in stale.text
    assert "mine" in stale.text
    assert '<input type="hidden" name="based_on" value="1">' in stale.text


def test_an_answer_that_is_none_is_asked_for_again_with_what_was_typed(lead, finished):
    place = f"/calibrations/{finished.id}"
    lead.post(f"{place}/open")
    refused = lead.post(
        f"{place}/agree",
        conversation=FIRST,
        criterion="courtesy",
        answer="9",
        reason="typed at length",
        based_on="0",
    )
    assert refused.status_code == 422
    assert "typed at length" in refused.text
    assert "choose one of 0, 1, 2" in unescape(refused.text)


@pytest.mark.parametrize(
    ("who", "listed", "begins"),
    [("admin", 200, 200), ("reviewer", 200, 403), ("analyst", 200, 403), ("agent", 403, 403)],
)
def test_each_role_gets_what_it_may(client, session, who, listed, begins):
    browser = client(who)
    assert browser.get("/calibrations").status_code == listed
    assert browser.get(f"/calibrations/{session.id}").status_code == listed
    assert browser.get("/calibrations/history").status_code == listed
    assert browser.get("/calibrations/new").status_code == begins
    assert browser.get("/api/v1/calibrations").status_code == listed
    assert ("/calibrations/new" in browser.get("/calibrations").text) == (begins == 200)


@pytest.mark.parametrize("number", ["999", "0", "99999999999", "x"])
def test_sessions_that_do_not_exist_are_not_found(client, number):
    browser = client("lead")
    for path in (f"/calibrations/{number}", f"/api/v1/calibrations/{number}"):
        assert browser.get(path).status_code in (404, 422)


def test_names_and_reasons_are_text_whatever_they_hold(lead, database, people, hand_in, client):
    evil = "<img src=x onerror=alert(1)>\"'</script>"
    session = begin(database, people["lead"], evil, (FIRST,), RATERS)
    for who, level in (("reviewer", 2), ("other_reviewer", 0)):
        levels = {"courtesy": level}
        hand_in(database, people[who], FIRST, levels, occasion=session.occasion)
    place = f"/calibrations/{session.id}"
    lead.post(f"{place}/open")
    lead.post(
        f"{place}/agree",
        conversation=FIRST,
        criterion="courtesy",
        answer="1",
        reason=evil,
        based_on="0",
    )
    lead.post(f"{place}/close")
    for path in ("/calibrations", place, f"{place}/answers", "/calibrations/history"):
        page = lead.get(path)
        assert "<img" not in page.text
        assert evil in unescape(page.text)


def test_the_api_does_what_the_pages_do(client, token, database, people, hand_in):
    browser = client("lead")
    headers = {"X-CSRF-Token": token(browser.get("/account"))}

    def send(path, **body):
        return browser.post(f"/api/v1/calibrations{path}", json=body, headers=headers)

    begun = send("", name="March", conversations=[FIRST], raters=list(RATERS))
    assert begun.status_code == 201
    place = f"/{begun.json()['id']}"
    assert send(f"{place}/open", early=False).status_code == 422
    for who, level in (("reviewer", 2), ("other_reviewer", None)):
        levels = {"courtesy": level}
        hand_in(database, people[who], FIRST, levels, occasion=begun.json()["occasion"])
    assert send(f"{place}/open").json()["stage"] == "discussing"
    found = browser.get(f"/api/v1/calibrations{place}/results").json()
    assert [one["criterion"] for one in found["differences"]] == ["courtesy"]
    assert found["agreement"]["criteria"][0]["alpha"]["value"] is None  # one conversation
    agreed = {"conversation": FIRST, "criterion": "courtesy", "status": "rated", "level": 1}
    assert send(f"{place}/references", **agreed).status_code == 201
    stale = send(f"{place}/references", **agreed)
    assert stale.status_code == 409
    assert stale.json()["theirs"]["version"] == 1
    assert send(f"{place}/close").json()["stage"] == "closed"
    (past,) = browser.get("/api/v1/calibrations/history").json()
    assert past["n_raters"] == 2


def test_a_dispute_about_a_conversation_in_a_session_waits_for_its_raters(
    client, database, people, session, hand_in
):
    hand_in(database, people["third_reviewer"], FIRST)
    rating = _newest_rating(database)
    raise_dispute(database, people["agent"], rating, "I did greet")
    text = text_of(client("reviewer").get("/disputes"))
    assert "1 disputes are about conversations that you are still to rate" in text
    assert FIRST not in text


def _newest_rating(database):
    from sqlalchemy import func, select

    from autoqa.review.database.schema import ratings

    with database.reading() as connection:
        return connection.scalar(select(func.max(ratings.c.id)))


def test_closing_without_a_discussion_is_refused(lead, database, people, finished):
    assert lead.post(f"/calibrations/{finished.id}/close").status_code == 409
    open_discussion(database, people["lead"], finished.id)
    close(database, people["lead"], finished.id)
    assert calibration(database, people["lead"], finished.id).closed_at
