from __future__ import annotations

import pytest

from autoqa.review.logins import FAILURES_BY_NAME, one_time_link

PASSWORD = "a long password for tests"


def log_in(browser, token, **form):
    return browser.post("/login", data={"csrf": token(browser.get("/login")), **form})


def test_name_and_password_lead_to_the_page_that_was_asked_for(client, token):
    browser = client()
    asked = browser.get("/account?x=1").headers["location"]
    shown = browser.get(asked)
    assert 'name="next" value="/account?x=1"' in shown.text
    answer = log_in(browser, token, name="lead", password=PASSWORD, next="/account?x=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account?x=1")
    assert browser.get("/account").status_code == 200


@pytest.mark.parametrize(
    ("name", "password"),
    [("lead", "guess"), ("nobody", PASSWORD), ("", ""), ("<script>x</script>", "guess")],
)
def test_what_does_not_fit_is_told_without_saying_why(client, token, name, password):
    answer = log_in(client(), token, name=name, password=password)
    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.text
    assert "<script>x" not in answer.text
    if password:
        assert password not in answer.text


def test_who_tries_too_often_has_to_wait(client, token):
    browser = client()
    for _ in range(FAILURES_BY_NAME):
        assert log_in(browser, token, name="lead", password="wrong").status_code == 401
    answer = log_in(browser, token, name="lead", password=PASSWORD)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


def test_who_is_logged_in_needs_no_login(client):
    answer = client("lead").get("/login?next=/account")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")


def test_a_link_shows_a_button_and_is_used_up_by_it_alone(client, token, database, people):
    browser = client()
    link = one_time_link(database, people["reviewer"])
    for _ in range(2):  # a chat program looks at it
        assert browser.get(f"/login/link?token={link}").status_code == 200
        assert browser.head(f"/login/link?token={link}").status_code == 200
    shown = browser.get(f"/login/link?token={link}")
    answer = browser.post("/login/link", data={"token": link, "csrf": token(shown)})
    assert answer.status_code == 303
    assert "Reviewer" in browser.get("/account").text
    other = client()
    shown = other.get(f"/login/link?token={link}")
    again = other.post("/login/link", data={"token": link, "csrf": token(shown)})
    assert again.status_code == 401
    assert "has been used or is too old" in again.text


def test_after_going_out_the_session_is_gone(client, token):
    browser = client("lead")
    held = browser.cookies["autoqa_session"]
    answer = browser.post("/logout", data={"csrf": token(browser.get("/account"))})
    assert answer.headers["location"] == "/login"
    assert "You are logged out." in browser.get("/login").text
    browser.cookies.set("autoqa_session", held)
    assert browser.get("/account").status_code == 303
