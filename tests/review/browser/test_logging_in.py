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
