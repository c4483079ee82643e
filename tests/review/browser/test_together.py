"""Journeys of several people: blind and double review, sessions, disputes, coaching, the queue."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from autoqa.review.answers import save_answer

ACKNOWLEDGEMENT = "Did the agent acknowledge the problem in words?"


@pytest.fixture(scope="module")
def answer_all(site, card):
    """Answer everything on the open form, at once: clicking is tested in test_reviewing.py."""

    def answer(page, who, level=0):
        asked = parse_qs(urlsplit(page.url).query)
        for criterion in card.criteria:
            save_answer(
                site.database,
                site.people[who],
                asked["id"][0],
                criterion.id,
                status="rated",
                level=min(criterion.levels) + level,
                reason="As I heard it.",
                based_on=0,
                occasion=asked.get("occasion", [""])[0],
            )
        page.reload()

    return answer


def claim(page, conversation):
    page.goto(f"/conversation?id={conversation}")
    page.get_by_role("button", name="Claim", exact=True).click()
    expect(page.get_by_role("button", name="Submit", exact=True)).to_be_visible()


def totals(page):
    return page.locator("#totals")


def submit(page):
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_text("You have submitted this evaluation.")).to_be_visible()


def test_blind_by_choice_hides_models_until_submitted(open_page, answer_all):
    page = open_page("other_reviewer", "/account")
    page.get_by_label("Hide what models and others answered").check()
    page.get_by_role("button", name="Save").click()
    claim(page, "brv-en-12")
    expect(page.get_by_text("Blind review")).to_be_visible()
    told = page.request.get("/api/v1/conversation?id=brv-en-12").json()
    assert (told["hidden"], told["model"], told["automated"]) == (True, {}, None)
    html = page.content()
    assert "confidence" not in html
    assert 'class="curve' not in html
    assert 'data-proposed=""' in html
    assert not re.search(r'data-proposed="[^"]', html)
    answer_all(page, "other_reviewer")
    submit(page)
    expect(page.get_by_text("Model:").first).to_be_visible()
    expect(totals(page)).to_contain_text(re.compile(r"Automated\s+\d"))
    page.goto("/account")
    page.get_by_label("Hide what models and others answered").uncheck()
    page.get_by_role("button", name="Save").click()


def test_a_lead_asks_for_two_blind_reviews_and_no_third_is_possible(open_page, answer_all):
    lead = open_page("lead", "/queue?q=brv-es-06")
    lead.get_by_label("Choose brv-es-06").check()
    lead.get_by_label("Reviews wanted").fill("2")
    lead.get_by_label("Blind review").select_option("yes")
    lead.get_by_role("button", name="Assign", exact=True).click()
    expect(lead.get_by_text("Assigned.")).to_be_visible()
    expect(lead.get_by_text("0 of 2 reviews")).to_be_visible()
    one, two = open_page("reviewer"), open_page("other_reviewer")
    for page in (one, two):
        claim(page, "brv-es-06")
        expect(page.get_by_text("Blind review")).to_be_visible()
    third = open_page("third_reviewer", "/conversation?id=brv-es-06")
    expect(third.get_by_text("Blind review")).to_be_visible()
    third.watcher.expected.append("409")
    claim_it = third.get_by_role("button", name="Claim", exact=True)
    if claim_it.count():
        claim_it.click()
        expect(third.get_by_role("heading", name="Somebody else was faster")).to_be_visible()
    answer_all(one, "reviewer")
    submit(one)
    two.reload()
    expect(totals(two)).not_to_contain_text("Reviewer")
    answer_all(two, "other_reviewer", level=1)
    submit(two)
    expect(totals(two)).to_contain_text(re.compile(r"Reviewer\s+\d"))
    one.reload()
    expect(totals(one)).to_contain_text(re.compile(r"Other Reviewer\s+\d"))


def test_a_lead_assigns_and_the_reviewer_finds_it(open_page):
    lead = open_page("lead", "/queue?q=brv-zh-05")
    lead.get_by_label("Choose brv-zh-05").check()
    lead.get_by_label("Assign to").select_option(label="Third Reviewer")
    lead.get_by_label("Due on").fill("2030-01-31")
    lead.get_by_role("button", name="Assign", exact=True).click()
    expect(lead.get_by_text("assigned to Third Reviewer")).to_be_visible()
    page = open_page("third_reviewer", "/queue")
    page.get_by_role("link", name="assigned to me: 1").click()
    item = page.get_by_role("listitem").filter(has_text="brv-zh-05").first
    expect(item).to_contain_text("assigned to you")
    expect(item).to_contain_text("due")
    expect(page.get_by_role("heading", name="Conversations: 1")).to_be_visible()
    lead.goto("/queue/rules")
    lead.get_by_label("Name", exact=True).fill("Chats twice")
    lead.get_by_label("Channel").select_option("chat")
    lead.get_by_label("Reviews wanted").fill("2")
    lead.get_by_role("button", name="Add the rule").click()
    expect(lead.get_by_role("row", name="Chats twice")).to_contain_text("in use")
    lead.get_by_role("button", name="Switch off Chats twice").click()
    expect(lead.get_by_role("row", name="Chats twice")).to_contain_text("switched off")


def test_a_view_is_saved_shared_and_found_again(open_page):
    page = open_page("lead", "/queue")
    page.get_by_text("Filters and search").click()
    page.get_by_label("Team").select_option("meridian")
    page.get_by_label("Channel").select_option("voice")
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_label("Save these filters as").fill("Meridian by phone")
    page.get_by_label("For everybody").check()
    page.get_by_role("button", name="Save the view").click()
    expect(page.get_by_text("The view was saved.")).to_be_visible()
    found = page.get_by_role("heading", name="Conversations:").inner_text()
    other = open_page("reviewer", "/queue")
    other.get_by_role("navigation", name="Saved views").get_by_text("Meridian by phone").click()
    expect(other.get_by_role("heading", name=found)).to_be_visible()
    expect(other.get_by_label("Team")).to_have_value("meridian")


def test_a_calibration_session_from_beginning_to_history(open_page, answer_all):
    lead = open_page("lead", "/calibrations")
    lead.get_by_role("link", name="Begin a session").click()
    lead.get_by_label("How many").fill("2")
    lead.get_by_label("Team", exact=True).fill("lantern")
    lead.get_by_label("Language").fill("it")
    lead.get_by_role("button", name="Pick at random").click()
    lead.get_by_label("Name of the session").fill("Lantern, June")
    lead.get_by_label("Reviewer", exact=True).check()
    lead.get_by_label("Other Reviewer").check()
    lead.get_by_role("button", name="Begin the session").click()
    expect(lead.get_by_role("heading", name="Lantern, June")).to_be_visible()
    session = lead.url
    for place, name in enumerate(("reviewer", "other_reviewer")):
        page = open_page(name, "/calibrations")
        page.get_by_role("link", name="Lantern, June").first.click()
        for _ in range(2):
            page.get_by_role("link", name="Next form").click()
            assert "confidence" not in page.content()
            answer_all(page, name, level=place)
            submit(page)
            page.get_by_role("link", name="calibration session").click()
        handed_in = page.get_by_text("You have handed in everything.")
        opened = page.get_by_role("heading", name="Differences")
        expect(handed_in.or_(opened).first).to_be_visible()
    lead.goto(session)
    early = lead.get_by_label("Open it now, without the missing forms")
    if early.count():
        early.check()
    lead.get_by_role("button", name="Open the discussion").click()
    expect(lead.get_by_role("table").filter(has_text="alpha").first).to_be_visible()
    difference = lead.get_by_role("article").first
    difference.get_by_text("Agree on a reference").click()
    difference.get_by_role("radio").first.check()
    difference.get_by_role("button", name="Note the reference").click()
    expect(lead.get_by_text("The reference was noted.")).to_be_visible()
    expect(lead.locator(".agreed").first).to_contain_text("Lead")
    lead.get_by_role("button", name="Close the session").click()
    expect(lead.get_by_text("The session is closed.")).to_be_visible()
    lead.goto("/calibrations/history")
    expect(lead.get_by_role("row", name="Lantern, June")).to_contain_text("2")


def test_an_agent_disputes_and_somebody_else_decides(open_page, answer_all):
    reviewer = open_page("reviewer")
    claim(reviewer, "brv-en-13")
    answer_all(reviewer, "reviewer")
    submit(reviewer)
    agent = open_page("agent", "/disputes")
    agent.get_by_role("link", name="Dispute a rating").click()
    agent.get_by_role("link", name=re.compile("see the ratings.*brv-en-13")).click()
    agent.get_by_label(re.compile(rf"{re.escape(ACKNOWLEDGEMENT)}.*Reviewer")).check()
    agent.get_by_label("Why is it wrong?").fill("I named it in my second turn.")
    agent.get_by_role("button", name="Raise the dispute").click()
    expect(agent.get_by_text("The dispute was raised.")).to_be_visible()
    place = agent.url
    reviewer.goto(place)
    expect(reviewer.get_by_text("somebody else has to decide it")).to_be_visible()
    expect(reviewer.get_by_role("button", name="Decide")).to_have_count(0)
    other = open_page("other_reviewer", "/disputes")
    other.get_by_role("link", name="brv-en-13").click()
    other.get_by_role("radio", name=re.compile("^2")).check()
    other.get_by_label("Reason").fill("Agreed: turn 3 says it.")
    other.get_by_role("button", name="Decide").click()
    expect(other.get_by_text("The dispute is decided.")).to_be_visible()
    agent.reload()
    story = agent.get_by_role("main")
    for said in ("As I heard it.", "I named it in my second turn.", "Agreed: turn 3 says it."):
        expect(story).to_contain_text(said)
    expect(story).to_contain_text("the rating was changed")


def test_a_coaching_note_leads_to_the_turn_and_is_followed_up(open_page):
    lead = open_page("lead", "/coaching")
    lead.get_by_label("Agent").select_option("Maya Okafor")
    lead.get_by_role("button", name="Open").click()
    lead.get_by_label("Criterion").select_option(label=ACKNOWLEDGEMENT)
    lead.get_by_label("Note", exact=True).fill("Name the problem before you ask anything.")
    lead.get_by_label("Goal").fill("In four of five calls.")
    lead.get_by_label("Follow up on").fill("2026-01-31")
    lead.get_by_label("Conversation").fill("brv-en-01")
    lead.get_by_label("Turn").fill("3")
    lead.get_by_role("button", name="Save the note").click()
    expect(lead.get_by_text("The note was saved.")).to_be_visible()
    agent = open_page("agent", "/coaching")
    note = agent.get_by_role("article").filter(has_text="Name the problem")
    note.get_by_role("link", name="brv-en-01, turn 3").click()
    expect(agent.locator("#turn-3")).to_be_in_viewport()
    lead.goto("/coaching")
    due = lead.get_by_role("table", name="Due follow-ups")
    due.get_by_role("link", name="Maya Okafor").click()
    note = lead.get_by_role("article").filter(has_text="Name the problem")
    note.get_by_text("Follow up (").click()
    note.get_by_label("State").select_option(label="reached")
    note.get_by_role("button", name="Save", exact=True).click()
    expect(lead.get_by_text("The note was changed.")).to_be_visible()
    expect(note).to_contain_text("reached")


def test_an_example_is_added_found_and_taken_out(open_page):
    page = open_page("reviewer", "/examples")
    page.get_by_label("Title").fill("Says it in the customer's words")
    new = page.get_by_role("region", name="Add an example")
    new.get_by_label("Criterion").select_option(label=ACKNOWLEDGEMENT)
    new.get_by_label("Kind").select_option("good")
    new.get_by_label("Conversation").fill("brv-en-01")
    new.get_by_label("Turn").fill("3")
    page.get_by_role("button", name="Add the example").click()
    expect(page.get_by_role("heading", name="Says it in the customer's words")).to_be_visible()
    page.get_by_text("Take it out").first.click()
    page.get_by_role("button", name="Take it out of the library").click()
    expect(page.get_by_text("The example was taken out.")).to_be_visible()


def test_what_was_submitted_is_exported_and_drafts_are_not(open_page, answer_all):
    reviewer = open_page("third_reviewer")
    claim(reviewer, "brv-en-04")
    answer_all(reviewer, "third_reviewer")
    analyst = open_page("analyst", "/dashboards")

    def exported():
        lines = analyst.request.get("/api/v1/ratings").text().splitlines()
        return {json.loads(line)["conversation_id"] for line in lines[1:]}

    assert "brv-en-04" not in exported()
    submit(reviewer)
    assert "brv-en-04" in exported()
