"""Coming in: the login page in a browser."""

from __future__ import annotations

import re

from playwright.sync_api import expect


def test_a_wrong_password_is_refused_and_the_right_one_leads_to_the_page_asked_for(open_page, site):
    page = open_page(path="/account")
    expect(page).to_have_url(f"{site.url}/login?next=%2Faccount")
    page.watcher.expected.append("401")
    page.get_by_label("Name", exact=True).fill("reviewer")
    page.get_by_label("Password", exact=True).fill("not this one")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("The name or the password is wrong")
    expect(page.get_by_label("Name", exact=True)).to_have_value("reviewer")
    page.get_by_label("Password", exact=True).fill(site.password)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/account")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_logging_out_ends_the_session_also_for_the_back_button(open_page, site):
    page = open_page()
    site.log_in(page, "analyst")
    page.goto("/account")
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(re.compile("/login"))
    page.go_back()
    page.reload()
    expect(page).to_have_url(re.compile("/login"))


def session_of(page):
    return next((one for one in page.context.cookies() if one["name"] == "autoqa_session"), None)


def test_each_login_begins_a_session_of_its_own_that_scripts_cannot_read(open_page, site):
    page = open_page(path="/login")
    planted = {"name": "autoqa_session", "value": "planted", "url": site.url}
    page.context.add_cookies([planted])
    site.log_in(page, "third_reviewer")
    first = session_of(page)
    assert first["value"] != "planted"
    assert (first["httpOnly"], first["sameSite"]) == (True, "Lax")
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    site.log_in(page, "third_reviewer")
    assert session_of(page)["value"] != first["value"]


ELSEWHERE = "http://elsewhere.example/"


def test_a_page_elsewhere_can_neither_send_our_forms_nor_frame_our_pages(open_page, site):
    page = open_page("lead", "/account")
    page.watcher.expected += [ELSEWHERE, "403", "stopped by policy", "frame-ancestors", "Framing"]
    csrf = page.locator("body").get_attribute("data-csrf")  # even if they knew it
    form = f"""
        <iframe src="{site.url}/queue"></iframe>
        <form method="post" action="{site.url}/queue/rules/add">
        <input name="csrf" value="{csrf}"><input name="name" value="Theirs">
        <input name="reviews" value="1"><button>Win a prize</button></form>"""
    page.context.route(
        f"{ELSEWHERE}**", lambda route: route.fulfill(body=form, content_type="text/html")
    )
    page.goto(ELSEWHERE)
    framed = page.frames[1]
    framed.wait_for_load_state()
    assert "Queue" not in framed.content()
    page.get_by_role("button", name="Win a prize").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto("/queue/rules")
    expect(page.get_by_text("Theirs")).to_have_count(0)
