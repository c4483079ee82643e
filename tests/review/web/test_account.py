from __future__ import annotations

import json
import re
from html import unescape

from autoqa.review.web.shortcuts import SHORTCUTS

PASSWORD = "a long password for tests"
USUAL = {f"key-{action}": key for action, (key, _) in SHORTCUTS.items()}


def save(browser, token, **form):
    return browser.post("/account", data={"csrf": token(browser.get("/account")), **form})


def shortcuts(browser):
    found = re.search(r'data-shortcuts="([^"]*)"', browser.get("/account").text)
    return json.loads(unescape(found[1]))


def test_language_and_colours_are_remembered(client, token):
    browser = client("analyst")
    assert save(browser, token, language="zh", theme="dark").status_code == 303
    text = browser.get("/account").text
    assert '<html lang="zh" data-theme="dark">' in text
    assert save(browser, token, language="", theme="system").status_code == 303
    assert '<html lang="en">' in browser.get("/account").text


def test_what_is_no_language_or_theme_is_as_good_as_none(client, token):
    browser = client("analyst")
    save(browser, token, language='"><script>', theme="neon")
    assert '<html lang="en">' in browser.get("/account").text


def test_keys_can_be_changed_and_switched_off(client, token):
    browser = client("reviewer")
    assert shortcuts(browser)["accept"] == SHORTCUTS["accept"][0]
    save(browser, token, **USUAL | {"key-accept": "y"}, keys="on")
    assert shortcuts(browser)["accept"] == "y"
    save(browser, token, **USUAL)  # the box is not ticked
    assert shortcuts(browser) == {}


def test_a_key_that_another_action_has_is_refused_and_shown(client, token):
    browser = client("reviewer")
    taken = SHORTCUTS["next"][0]
    answer = save(browser, token, **USUAL | {"key-accept": taken}, keys="on")
    assert answer.status_code == 422
    assert "This key is there twice" in answer.text
    assert shortcuts(browser)["accept"] == SHORTCUTS["accept"][0]


def test_blind_review_is_for_reviewers_to_choose(client, token):
    browser = client("reviewer")
    save(browser, token, **USUAL, blind="on")
    assert re.search(r'name="blind"[^>]*checked', browser.get("/account").text)
    assert 'name="blind"' not in client("agent").get("/account").text


def test_who_does_not_review_keeps_no_settings_of_reviewers(client, token):
    browser = client("agent")
    save(browser, token, theme="dark", blind="on")
    assert shortcuts(browser)  # not switched off by the box that was not there


def test_a_password_is_changed_with_the_old_one_alone(client, token):
    browser, other = client("lead"), client("lead")
    new = "an even longer sentence"

    def change(**form):
        data = {"csrf": token(browser.get("/account")), "new": new, "again": new, **form}
        return browser.post("/account/password", data=data)

    wrong = change(current="guess")
    assert wrong.status_code == 422
    assert "The current password is not the one that was entered" in wrong.text
    assert change(current=PASSWORD, again="something else").status_code == 422
    assert change(current=PASSWORD, new="short", again="short").status_code == 422
    assert new not in wrong.text
    assert change(current=PASSWORD).status_code == 303
    assert browser.get("/account").status_code == 200
    assert other.get("/account").status_code == 303  # other sessions have ended
