"""The page of users, as an admin's browser without scripts sees it."""

from __future__ import annotations

import re

import pytest

from autoqa.review.logins import log_in, session_of
from autoqa.review.users import CONSOLE, account_of

GOOD = "correct horse battery"

pytestmark = pytest.mark.usefixtures("cheap_hashes")


@pytest.fixture
def send(client, token):
    """Send a form of the page of users as an admin."""
    admin = client("admin")
    csrf = token(admin.get("/users"))

    def post(path, **form):
        return admin.post(path, data={"csrf": csrf, **form})

    post.get = admin.get
    return post


def test_everybody_is_listed_with_role_and_state(send, people):
    text = send.get("/users").text
    assert f"{len(people)} users" in text
    for one in people.values():
        assert f">{one.name}</a>" in text
    assert "argon2" not in text


def test_a_user_is_added_changed_deactivated_and_activated(send, database):
    done = send("/users/add", name="New", role="reviewer", display_name="New One", password=GOOD)
    assert (done.status_code, done.headers["location"]) == (303, "/users/edit?name=new")
    assert "New One" in send.get("/users/edit?name=new").text
    assert send("/users/change", name="new", role="lead", team="night").status_code == 303
    account = account_of(database, CONSOLE, "new")
    assert (account.user.role, account.user.team) == ("lead", "night")
    token = log_in(database, "new", GOOD, "127.0.0.1").token
    assert send("/users/deactivate", name="new").status_code == 303
    assert session_of(database, token) is None
    assert "Activate the user" in send.get("/users/edit?name=new").text
    assert send("/users/activate", name="new").status_code == 303
    assert send("/users/password", name="new", password="another " + GOOD).status_code == 303
    assert log_in(database, "new", "another " + GOOD, "127.0.0.1")


def test_what_cannot_be_saved_is_shown_again_with_why_but_without_the_password(send):
    done = send("/users/add", name="a b", role="lead", team="<night>", password=GOOD)
    assert done.status_code == 422
    assert "cannot be a user&#39;s name" in done.text
    assert 'value="a b"' in done.text
    assert 'value="&lt;night&gt;"' in done.text
    assert re.search(r'<option value="lead" selected>', done.text)
    assert GOOD not in done.text
    done = send("/users/add", name="lead", role="reviewer")
    assert done.status_code == 409
    assert "There is a user &#39;lead&#39; already (lead)" in done.text
    done = send("/users/change", name="reviewer", role="agent", display_name="R")
    assert done.status_code == 422
    assert "name the agent as the conversations do" in done.text
    done = send("/users/password", name="reviewer", password="short")
    assert done.status_code == 422
    assert "too short" in done.text


def test_a_link_is_shown_once_and_opens_one_session(send, client, token):
    done = send("/users/link", name="reviewer")
    assert done.status_code == 200
    path = re.search(r'value="http://127.0.0.1:8000(/login/link\?token=[\w-]{43})"', done.text)[1]
    assert path not in send.get("/users/edit?name=reviewer").text
    stranger = client()
    given = path.partition("=")[2]
    form = {"csrf": token(stranger.get(path)), "token": given}
    assert stranger.post("/login/link", data=form).status_code == 303
    assert stranger.get("/account").status_code == 200
    assert "Reviewer" in stranger.get("/account").text


def test_ones_own_page_offers_no_way_to_lock_oneself_out(send):
    assert "/users/deactivate" not in send.get("/users/edit?name=admin").text
    assert send("/users/deactivate", name="admin").status_code == 422
    assert "/users/deactivate" in send.get("/users/edit?name=lead").text


def test_an_unknown_user_is_not_found(send):
    assert send.get("/users/edit?name=nobody").status_code == 404
    for path in ("change", "password", "link", "deactivate", "activate"):
        done = send(f"/users/{path}", name="nobody", role="lead", password=GOOD)
        assert done.status_code == 404, path


@pytest.mark.parametrize("name", ["lead", "reviewer", "agent", "analyst"])
def test_others_neither_see_nor_change_users(client, token, name):
    browser = client(name)
    page = browser.get("/account")
    assert 'href="/users"' not in page.text
    form = {"csrf": token(page), "name": "reviewer", "role": "admin", "password": GOOD}
    for path in ("/users", "/users/edit?name=reviewer"):
        assert browser.get(path).status_code == 403
    for path in ("add", "change", "password", "link", "deactivate", "activate"):
        assert browser.post(f"/users/{path}", data=form).status_code == 403, path
