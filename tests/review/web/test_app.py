from __future__ import annotations

from datetime import UTC, datetime

import pytest
from fastapi import APIRouter, Request
from starlette.testclient import TestClient

from autoqa.review.access import ConflictError, InvalidError, NotAllowedError, NotFoundError
from autoqa.review.web import app as web_app
from autoqa.review.web.app import create_app
from autoqa.review.web.assets import asset
from autoqa.review.web.dependencies import Signed
from autoqa.review.web.rendering import NAVIGATION, day, moment, percent

OWN = "http://127.0.0.1:8000"
PASSWORD = "a long password for tests"
SAVED = datetime(2026, 3, 9, 14, 5, tzinfo=UTC)

trouble = APIRouter()


@trouble.post("/trouble/{kind}")
@trouble.post("/api/v1/trouble/{kind}")
def make_trouble(kind: str, request: Request, user: Signed):
    if kind == "conflict":
        raise ConflictError(
            "Ana saved empathy before you",
            theirs={"version": 3, "level": 2, "reason": "she says sorry", "at": SAVED},
            yours={"version": 2, "level": 0, "reason": "<b>no</b>"},
        )
    raise {
        "denied": NotAllowedError("reviewer 'ana' may not assign"),
        "missing": NotFoundError("There is no such item"),
        "invalid": InvalidError("A reason is needed"),
    }[kind]


@pytest.fixture
def browser(database, people, token, monkeypatch):
    """Somebody logged in, on a server where everything goes wrong."""
    monkeypatch.setattr(web_app, "ROUTERS", (*web_app.ROUTERS, trouble))
    with TestClient(create_app(database), base_url=OWN, follow_redirects=False) as opened:
        form = {"name": "reviewer", "password": PASSWORD, "csrf": token(opened.get("/login"))}
        assert opened.post("/login", data=form).status_code == 303
        opened.csrf = token(opened.get("/account"))
        yield opened


def send(browser, path, headers=None, **form):
    return browser.post(path, data={"csrf": browser.csrf, **form}, headers=headers or {})


# Where things are


def test_the_server_says_that_it_is_there_to_anybody(client):
    assert client().get("/health").text == "ok"


@pytest.mark.parametrize("who", ["reviewer", "lead", "agent", "analyst", "admin"])
def test_one_begins_with_the_first_part_that_the_role_opens(client, who):
    answer = client(who).get("/")
    assert answer.status_code == 303
    assert answer.headers["location"] in {path for path, _, _ in NAVIGATION} | {"/account"}


def test_the_menu_has_what_the_role_opens_and_nothing_else(client):
    admin, agent = client("admin").get("/account").text, client("agent").get("/account").text
    assert 'href="/users"' in admin
    assert 'href="/audit"' in admin
    assert 'href="/users"' not in agent
    assert 'href="/audit"' not in agent


def test_everything_that_the_menu_offers_opens(client):
    for who in ("reviewer", "lead", "agent", "analyst", "admin"):
        browser = client(who)
        text = browser.get("/account").text
        for path, _, _ in NAVIGATION:
            if f'href="{path}"' in text:
                assert browser.get(path).status_code in (200, 303), (who, path)


def test_a_page_speaks_the_language_of_the_browser(client):
    stranger = client()
    answer = stranger.get("/login", headers={"accept-language": "es-MX,es;q=0.9,en;q=0.5"})
    assert '<html lang="es"' in answer.text
    assert "Iniciar sesión" in answer.text


# Files


def test_files_are_named_by_their_content_and_kept_for_ever(client):
    address = asset("app.css")
    assert address in client().get("/login").text
    answer = client().get(address)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"


def test_a_file_that_is_not_there_is_an_error_of_whoever_wrote_the_page():
    with pytest.raises(KeyError):
        asset("nothing.css")


def test_the_sign_of_the_page_is_found_where_browsers_look_for_it(client):
    answer = client().get("/favicon.ico")
    assert answer.headers["location"] == asset("icon.svg")


# What goes wrong


@pytest.mark.parametrize(
    ("kind", "status"), [("denied", 403), ("missing", 404), ("invalid", 422), ("conflict", 409)]
)
def test_errors_of_services_are_pages_and_problems(browser, kind, status):
    page = send(browser, f"/trouble/{kind}", note="words I typed <i>")
    assert page.status_code == status
    assert "words I typed &lt;i&gt;" in page.text  # nothing that was typed is lost
    assert page.headers["content-type"].startswith("text/html")
    problem = send(browser, f"/api/v1/trouble/{kind}")
    assert problem.status_code == status
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["status"] == status


def test_a_part_of_a_page_gets_its_error_as_a_notice_on_top(browser):
    answer = send(browser, "/trouble/invalid", {"hx-request": "true"})
    assert answer.status_code == 422
    assert answer.headers["hx-retarget"] == "#notices"
    assert "A reason is needed" in answer.text
    assert "<html" not in answer.text


def test_a_conflict_shows_both_versions_and_offers_to_send_again(browser):
    answer = send(browser, "/trouble/conflict", based_on="2", level="0", reason="<b>no</b>")
    assert "she says sorry" in answer.text
    assert "&lt;b&gt;no&lt;/b&gt;" in answer.text
    assert '<input type="hidden" name="based_on" value="3">' in answer.text
    assert '<input type="hidden" name="level" value="0">' in answer.text
    assert answer.text.count(f'name="csrf" value="{browser.csrf}"') == 2  # log out, and again


def test_a_conflict_without_a_version_offers_nothing_that_could_overwrite(browser):
    answer = send(browser, "/trouble/conflict", level="0")
    assert "Save mine" not in answer.text


def test_a_conflict_tells_programs_both_versions(browser):
    problem = send(browser, "/api/v1/trouble/conflict").json()
    assert problem["theirs"]["reason"] == "she says sorry"
    assert problem["theirs"]["at"] == SAVED.isoformat()
    assert problem["yours"]["version"] == 2


def test_a_conflict_leads_back_to_the_page_it_came_from(browser):
    headers = {"referer": f"{OWN}/conversation?id=a%2F1"}
    answer = send(browser, "/trouble/conflict", headers)
    assert 'href="/conversation?id=a%2F1"' in answer.text
    for elsewhere in ("https://evil.example//evil.example", "http://[", "javascript:evil"):
        answer = send(browser, "/trouble/conflict", {"referer": elsewhere})
        assert '<a href="/">Keep what is stored' in answer.text
        assert "evil" not in answer.text


def test_a_page_that_is_not_there_is_said_so_in_the_readers_language(browser):
    browser.post("/account", data={"csrf": browser.csrf, "language": "it"})
    answer = browser.get("/nothing")
    assert answer.status_code == 404
    assert "Questa pagina non esiste" in answer.text


def test_a_method_that_a_page_does_not_take_is_405(browser):
    answer = browser.get("/account/password")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


def test_what_was_done_is_said_once_on_the_next_page(browser):
    saved = send(browser, "/account", theme="light")
    assert saved.status_code == 303
    assert "Saved." in browser.get("/account").text
    assert "Saved." not in browser.get("/account").text


# The API


def test_the_api_describes_itself_without_loading_anything(client):
    described = client().get("/api/v1/openapi.json").json()
    assert described["openapi"].startswith("3.")
    assert "/api/v1/me" in described["paths"]
    assert all(path.startswith("/api/v1/") for path in described["paths"])
    assert client("lead").get("/docs").status_code == 404


def test_the_api_tells_who_one_is_and_the_token_for_changes(client, token):
    browser = client("lead")
    answer = browser.get("/api/v1/me").json()
    assert (answer["name"], answer["role"]) == ("lead", "lead")
    assert answer["csrf"] == token(browser.get("/account"))


# How values look


def test_values_that_are_not_there_are_dashes():
    assert [show(None) for show in (day, moment, percent)] == ["–", "–", "–"]
