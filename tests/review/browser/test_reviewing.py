"""Journeys of reviewers: from the queue through a conversation to the next one."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

GREETING = "Did the agent open with a greeting?"


def criteria(page):
    """The cards of the scorecard, in order."""
    return page.get_by_role("article")


def card(page, question):
    return page.get_by_role("article", name=question)


def answered(card):
    """Wait until the server has stored an answer to a criterion."""
    expect(card.locator(".marks")).to_contain_text(re.compile("accepted|answered"))


def claim(page, conversation):
    page.goto(f"/conversation?id={conversation}")
    page.get_by_role("button", name="Claim", exact=True).click()
    expect(page.get_by_role("button", name="Submit", exact=True)).to_be_visible()


def choices(card):
    return card.get_by_role("group", name="Your answer").get_by_role("button")


def wanted(card):
    """The model's answer; not applicable or the lowest level where it has none."""
    every = choices(card)
    proposed = every.filter(has_text=re.compile("model$"))
    return proposed if proposed.count() else every.first


def answer_with_mouse(card):
    wanted(card).click()
    answered(card)


def answer_with_keys(page):
    """Go through the whole scorecard with one key for each criterion; return how many."""
    keys = ["a" if one.get_attribute("data-proposed") else "0" for one in criteria(page).all()]
    page.keyboard.press("j")
    for key in keys:
        page.keyboard.press(key)
    expect(page.get_by_text(f"{len(keys)} of {len(keys)} criteria answered")).to_be_visible()
    return len(keys) + 1


@pytest.mark.slow
def test_ten_conversations_are_reviewed_one_after_the_other(open_page, site):
    page = open_page("reviewer", "/queue")
    waiting = int(page.get_by_role("heading", name="Conversations:").inner_text().split()[-1])
    page.get_by_role("button", name="Claim the next").click()
    seen = set()
    for turn in range(10):
        seen.add(page.get_by_role("heading", level=1).inner_text())
        if turn == 0:
            for one in criteria(page).all():
                answer_with_mouse(one)
        else:
            answer_with_keys(page)
        expect(page.locator("#my-total")).not_to_have_text("–")
        page.get_by_role("button", name="Submit, then the next").click()
        if turn < 9:
            expect(page.get_by_text("Submitted. This is the next.")).to_be_visible()
    assert len(seen) == 10
    page.goto("/queue")
    expect(page.get_by_role("heading", name=f"Conversations: {waiting - 10}")).to_be_visible()


def test_an_evidence_turn_is_shown_when_a_criterion_is_chosen(open_page):
    page = open_page("third_reviewer", "/conversation?id=brv-en-01")
    transcript = page.get_by_role("group", name="What was said")
    chosen = card(page, GREETING)
    chosen.get_by_role("link", name=GREETING).click()
    turn = chosen.get_by_role("link", name=re.compile("^turn ")).first.inner_text().split()[1]
    shown = transcript.locator(f"#turn-{turn}")
    expect(shown).to_be_in_viewport()
    expect(shown.locator("mark.lit").first).to_be_visible()
    expect(page.get_by_role("status").filter(has_text=f"turn {turn}")).to_be_attached()
    other = card(page, "Did the agent close with a goodbye?")
    other.get_by_role("link", name="Did the agent close").click()
    last = other.get_by_role("link", name=re.compile("^turn ")).first.inner_text().split()[1]
    expect(transcript.locator(f"#turn-{last}")).to_be_in_viewport()
    expect(shown.locator("mark.lit")).to_have_count(0)


def test_a_change_needs_a_reason_and_the_totals_follow(open_page):
    page = open_page("third_reviewer")
    page.watcher.expected.append("422")
    claim(page, "brv-en-16")
    first = card(page, GREETING)
    answer_with_mouse(first)
    before = page.locator("#my-total").inner_text()
    choices(first).filter(has_text="0 no greeting").click()
    reason = first.get_by_label("Reason", exact=True)
    expect(reason).to_be_focused()
    expect(first).to_contain_text("Say why you answer otherwise than the model")
    reason.fill("She says her name in her second sentence.")
    reason.press("Control+Enter")
    answered(first)
    expect(first.get_by_label("Reason", exact=True)).to_have_value(re.compile("second sentence"))
    expect(page.locator("#my-total")).not_to_have_text(before)


def test_a_conversation_is_reviewed_with_the_keyboard_alone(open_page, site):
    page = open_page(path="/login")
    page.keyboard.type("other_reviewer")  # the name has the focus
    page.keyboard.press("Tab")
    page.keyboard.type(site.password)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/queue")
    tab_to(page, "Claim the next")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Submit", exact=True)).to_be_visible()
    here = page.url
    assert answer_with_keys(page) <= 2 * criteria(page).count()
    assert focus_is_visible(page)
    page.keyboard.press("c")
    page.keyboard.type("A calm end; no key acts in this field: a n j k s x ?")
    page.keyboard.press("Control+Enter")
    comments = page.get_by_role("region", name="Comments")
    expect(comments.get_by_role("listitem")).to_contain_text("no key acts")
    page.keyboard.press("Escape")
    page.locator("#main").focus()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    expect(page.get_by_role("button", name="Submit", exact=True)).to_be_focused()
    page.keyboard.press("s")
    expect(page.get_by_text("You have submitted this evaluation.")).to_be_visible()
    page.keyboard.press("x")
    page.wait_for_url(lambda url: url != here and "/conversation?" in url)


def test_keys_can_be_changed_and_switched_off(open_page):
    page = open_page("third_reviewer", "/account")
    page.get_by_label("Accept the model's answer").fill("y")
    page.get_by_role("button", name="Save").click()
    claim(page, "brv-it-01")
    first = criteria(page).first
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.keyboard.press("y")
    answered(first)
    page.goto("/account")
    page.get_by_label("Use keys on the conversation page").uncheck()
    page.get_by_role("button", name="Save").click()
    page.goto("/conversation?id=brv-it-01")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.goto("/account")
    page.get_by_label("Use keys on the conversation page").check()
    page.get_by_label("Accept the model's answer").fill("a")
    page.get_by_role("button", name="Save").click()


def test_a_conversation_is_reviewed_without_scripts(open_page, site):
    page = open_page(java_script_enabled=False)
    site.log_in(page, "third_reviewer")
    claim(page, "brv-es-01")
    for place in range(criteria(page).count()):
        one = criteria(page).nth(place)
        if place == 0:  # another answer than the model's, with its reason at once
            one.get_by_text("Reason and turns").click()
            one.get_by_label("Reason", exact=True).fill("Too curt for me.")
            choices(one).first.click()
        else:
            wanted(one).click()
        answered(criteria(page).nth(place))
    page.get_by_label("Comment", exact=True).fill("Written without scripts.")
    page.get_by_label("On turn (empty: on the whole)").fill("2")
    page.get_by_role("button", name="Add the comment").click()
    expect(page.get_by_role("region", name="Comments")).to_contain_text("Written without scripts.")
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_text("You have submitted this evaluation.")).to_be_visible()


def test_what_is_missing_is_named_when_submitting_too_early(open_page):
    page = open_page("third_reviewer")
    claim(page, "brv-it-05")
    answer_with_mouse(card(page, GREETING))
    page.watcher.expected.append("422")
    page.get_by_role("button", name="Submit", exact=True).click()
    missing = page.get_by_role("alert").get_by_role("listitem")
    expect(missing).to_have_count(criteria(page).count() - 1)
    missing.first.get_by_role("link").click()
    expect(criteria(page).first).to_be_focused()


def test_two_tabs_of_one_reviewer_lose_nothing(open_page):
    first = open_page("third_reviewer")
    first.watcher.expected.append("409")
    claim(first, "brv-it-04")
    second = first.context.new_page()
    second.goto(first.url)
    answer_with_mouse(card(first, GREETING))
    stale = card(second, GREETING)
    stale.get_by_text("Reason and turns").click()
    stale.get_by_label("Reason", exact=True).fill("Typed in the second tab.")
    choices(stale).first.click()
    expect(stale).to_contain_text("Stored now")
    expect(stale.get_by_label("Reason", exact=True)).to_have_value("Typed in the second tab.")
    # Whoever looks at both and saves again overwrites knowingly.
    choices(stale).first.click()
    answered(stale)
    first.reload()
    expect(card(first, GREETING).locator("textarea")).to_have_value("Typed in the second tab.")


def test_a_session_that_ends_in_the_middle_of_an_answer_loses_nothing(open_page, site):
    page = open_page()
    site.log_in(page, "third_reviewer")
    claim(page, "brv-it-06")
    first = card(page, GREETING)
    first.get_by_text("Reason and turns").click()
    reason = first.get_by_label("Reason", exact=True)
    reason.fill("A long reason that nobody wants to type twice.")
    site.end_sessions("third_reviewer")
    page.watcher.expected.append("401")
    choices(first).first.click()
    expect(page.locator("#notices")).to_contain_text("Log in in another tab")
    expect(reason).to_have_value("A long reason that nobody wants to type twice.")
    other = page.context.new_page()
    site.log_in(other, "third_reviewer")
    other.close()
    choices(first).first.click()
    answered(first)
    page.reload()
    expect(card(page, GREETING).locator("textarea")).to_have_value(re.compile("type twice"))


def tab_to(page, name):
    """Press Tab until a button of this name has the focus."""
    wanted = page.get_by_role("button", name=name, exact=True)
    for _ in range(40):
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            assert focus_is_visible(page)
            return
    raise AssertionError(f"no way to '{name}' by Tab")


def focus_is_visible(page):
    return page.evaluate(
        "getComputedStyle(document.activeElement).outlineStyle !== 'none'"
        " && document.activeElement !== document.body"
    )
