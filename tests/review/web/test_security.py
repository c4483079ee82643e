from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from autoqa.review.web.app import ROUTERS, create_app
from autoqa.review.web.dependencies import own_path
from autoqa.review.web.security import OPEN
from autoqa.review.web.settings import Settings

OWN = "http://127.0.0.1:8000"


def paths_of_pages():
    for router in ROUTERS:
        for route in router.routes:
            for method in route.methods:
                yield method, re.sub(r"{[^}]+}", "1", route.path)


# Who asks


def test_a_stranger_is_sent_to_the_login_and_back(client):
    answer = client().get("/account?from=mail&x=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Faccount%3Ffrom%3Dmail%26x%3D1"


def test_a_stranger_gets_no_page_at_all_but_the_open_ones(client):
    stranger = client()
    for method, path in paths_of_pages():
        if path in OPEN or path.startswith("/static/"):
            continue
        answer = stranger.request(method, path)
        assert answer.status_code in (303, 401), (method, path)


def test_a_stranger_is_told_so_by_the_api(client):
    answer = client().get("/api/v1/me")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 401


def test_a_part_of_a_page_asked_for_by_a_stranger_leads_the_page_to_the_login(client):
    headers = {"HX-Request": "true", "HX-Current-URL": f"{OWN}/queue?team=night"}
    answer = client().get("/queue/rows", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/login?next=%2Fqueue%3Fteam%3Dnight"


def test_an_address_that_is_none_leads_to_the_beginning(client):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://["}
    assert client().get("/queue", headers=headers).headers["hx-redirect"] == "/login"


def test_a_token_that_nobody_gave_is_no_session(client):
    stranger = client()
    stranger.cookies.set("autoqa_session", "x" * 43)
    assert stranger.get("/account").status_code == 303


def test_what_a_stranger_typed_is_shown_again(client):
    browser = client()
    form = {"text": "a long <b>comment</b>", "csrf": "x", "password": "secret word"}
    answer = browser.post("/conversation/comment", data=form)
    assert answer.status_code == 401
    assert "a long &lt;b&gt;comment&lt;/b&gt;" in answer.text
    assert "secret word" not in answer.text


# From where


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "127.0.0.1:80/login?",  # would be the path where both are put together
        "127.0.0.1#",
        "127.0.0.1@evil.example",
        "[::1",
        "",
    ],
)
def test_a_name_that_is_not_ours_is_refused(client, host):
    answer = client("lead").get("/account", headers={"host": host})
    assert answer.status_code == 400
    assert "Maya" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1", "LOCALHOST:5002", "[::1]:5002"])
def test_names_of_this_machine_are_answered(client, host):
    assert client().get("/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "https://127.0.0.1:8000"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_form_on_another_site_changes_nothing(client, token, headers):
    browser = client("lead")
    form = {"language": "it", "csrf": token(browser.get("/account"))}
    assert browser.post("/account", data=form, headers=headers).status_code == 403
    assert 'lang="en"' in browser.get("/account").text


def test_our_own_forms_are_taken(client, token):
    browser = client("lead")
    form = {"language": "it", "csrf": token(browser.get("/account"))}
    headers = {"origin": OWN, "sec-fetch-site": "same-origin"}
    assert browser.post("/account", data=form, headers=headers).status_code == 303
    assert '<html lang="it"' in browser.get("/account").text


# The token


def test_every_change_needs_the_token_of_the_session(client, token):
    browser, other = client("lead"), client("reviewer")
    foreign = token(other.get("/account"))
    changes = {path for method, path in paths_of_pages() if method == "POST"}
    assert "/account" in changes
    for path in sorted(changes):
        for form in ({}, {"csrf": ""}, {"csrf": foreign}, {"csrf": "ü" * 43}):
            assert browser.post(path, data=form).status_code == 403, path


def test_the_token_may_come_as_a_header(client, token):
    browser = client("lead")
    headers = {"x-csrf-token": token(browser.get("/account"))}
    answer = browser.post("/account", data={"theme": "dark"}, headers=headers)
    assert answer.status_code == 303
    assert 'data-theme="dark"' in browser.get("/account").text


def test_the_token_may_come_in_a_multipart_form(client, token):
    browser = client("lead")
    files = {"csrf": (None, token(browser.get("/account"))), "theme": (None, "dark")}
    assert browser.post("/account", files=files).status_code == 303


def test_a_form_that_cannot_be_read_is_refused(client):
    headers = {"content-type": "multipart/form-data; boundary=x"}
    broken = b"--x\r\nContent-Disposition: form-data\r\n\r\n"
    assert client("lead").post("/account", content=broken, headers=headers).status_code == 400


@pytest.mark.parametrize("kind", ["text/plain", "application/json", ""])
def test_a_body_that_is_no_form_carries_no_token(client, token, kind):
    browser = client("lead")
    content = f"csrf={token(browser.get('/account'))}"
    answer = browser.post("/account", content=content, headers={"content-type": kind})
    assert answer.status_code == 403


def test_methods_that_nobody_uses_are_refused(client):
    browser = client("lead")
    for method in ("TRACE", "CONNECT", "PROPFIND"):
        assert browser.request(method, "/account").status_code == 405
    assert browser.options("/account").status_code == 405


# How much


def test_a_body_may_not_be_longer_than_the_limit(database, people):
    app = create_app(database, Settings(largest_body=1000))
    with TestClient(app, base_url=OWN) as browser:
        assert browser.post("/login", data={"name": "x" * 1001}).status_code == 413
        assert browser.post("/login", data={"name": "x" * 900}).status_code == 403


def test_a_body_that_does_not_tell_its_length_has_the_same_limit(database):
    def chunks():
        for _ in range(50):
            yield b"x" * 100

    app = create_app(database, Settings(largest_body=1000))
    headers = {"content-type": "application/x-www-form-urlencoded"}
    with TestClient(app, base_url=OWN) as browser:
        assert browser.post("/login", content=chunks(), headers=headers).status_code == 413


def test_strangers_may_send_less_since_reading_a_form_takes_time(client, token):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    long = b"&" * 100_000
    assert client().post("/login", content=long, headers=headers).status_code == 413
    browser = client("lead")
    headers["x-csrf-token"] = token(browser.get("/account"))
    assert browser.post("/account", content=long, headers=headers).status_code == 303


def test_texts_that_no_database_takes_are_refused(client, token):
    browser = client("lead")
    form = {"language": "a\0b", "csrf": token(browser.get("/account"))}
    assert browser.post("/account", data=form).status_code == 422
    assert browser.get("/account?x=%00").status_code == 400
    assert browser.get("/a%00b").status_code == 400


# What goes back


def test_every_answer_says_what_browsers_may_do(client):
    browser = client("lead")
    stranger = client()
    answers = [
        browser.get("/account"),
        browser.get("/nothing"),
        browser.post("/account"),
        browser.get("/api/v1/me"),
        stranger.get("/account"),
        stranger.get("/login"),
        stranger.get("/health", headers={"host": "evil.example"}),
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"


def test_an_error_nobody_expected_is_marked_too_and_tells_nothing(database, people, monkeypatch):
    def broken(*_):
        raise RuntimeError("words of a conversation")

    monkeypatch.setattr("autoqa.review.web.pages.home.menu_of", broken)
    app = create_app(database)
    browser = TestClient(app, base_url=OWN, raise_server_exceptions=False)
    monkeypatch.setattr("autoqa.review.web.security.session_of", broken)
    browser.cookies.set("autoqa_session", "x")
    answer = browser.get("/account")
    assert answer.status_code == 500
    assert "words of a conversation" not in answer.text
    assert "Something broke on the server" in answer.text
    assert "content-security-policy" in answer.headers


def test_a_database_that_is_gone_is_said_so(database, monkeypatch):
    from sqlalchemy.exc import OperationalError

    def gone(*_):
        raise OperationalError("SELECT", {}, Exception("connection refused"))

    monkeypatch.setattr("autoqa.review.web.security.session_of", gone)
    browser = TestClient(create_app(database), base_url=OWN)
    browser.cookies.set("autoqa_session", "x")
    assert browser.get("/account").status_code == 503
    assert browser.get("/api/v1/me").json()["status"] == 503


def test_head_is_get_without_the_page(client):
    browser = client("lead")
    page, head = browser.get("/account"), browser.head("/account")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == page.headers["content-length"]


def test_no_page_holds_what_the_policy_forbids(client):
    for who in (None, "admin", "agent"):
        browser = client(who)
        for method, path in paths_of_pages():
            if method == "GET" and not path.startswith("/static/"):
                text = browser.get(path).text
                for forbidden in ("<style", " style=", " onclick=", "javascript:", "<script>"):
                    assert forbidden not in text, (path, forbidden)


# Cookies


def test_cookies_are_kept_from_scripts_and_other_sites(client, people):
    browser = client()
    form = browser.get("/login").headers["set-cookie"]
    assert form.startswith("autoqa_form=")
    assert "HttpOnly" in form
    assert "SameSite=strict" in form
    assert "Secure" not in form  # browsers would not keep it on plain http


def test_under_tls_cookies_are_bound_to_the_host(database, people, token):
    place = "https://qa.example.com"
    app = create_app(database, Settings(hosts=frozenset({"qa.example.com"}), https=True))
    with TestClient(app, base_url=place, follow_redirects=False) as browser:
        shown = browser.get("/login")
        assert shown.headers["set-cookie"].startswith("__Host-autoqa_form=")
        form = {"name": "lead", "password": "a long password for tests", "csrf": token(shown)}
        answer = browser.post("/login", data=form, headers={"origin": place})
        assert answer.status_code == 303
        set_cookie = answer.headers["set-cookie"]
        assert set_cookie.startswith("__Host-autoqa_session=")
        for part in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
            assert part in set_cookie
        assert "Domain" not in set_cookie
        assert browser.get("/account").status_code == 200


def test_a_session_planted_before_login_is_not_kept(client, token):
    planted = "p" * 43
    browser = client()
    browser.cookies.set("autoqa_session", planted, domain="127.0.0.1", path="/")
    form = {"name": "lead", "password": "a long password for tests"}
    answer = browser.post("/login", data={**form, "csrf": token(browser.get("/login"))})
    assert answer.status_code == 303
    assert planted not in answer.headers["set-cookie"]


# Where to go on


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/%0d%0aLocation: https://evil.example\r\n",
        "evil.example",
        "",
    ],
)
def test_nobody_is_sent_to_another_site_after_login(client, token, elsewhere):
    browser = client()
    form = {"name": "lead", "password": "a long password for tests", "next": elsewhere}
    answer = browser.post("/login", data={**form, "csrf": token(browser.get("/login"))})
    assert answer.headers["location"] == "/"


@given(st.text(max_size=40))
def test_where_to_go_on_is_always_a_path_of_ours(text):
    for candidate in (text, f"/{text}", f"//{text}", f"/\\{text}"):
        path = own_path(candidate)
        assert path.startswith("/")
        assert path[1:2] not in ("/", "\\")
        assert not any(character.isspace() and character < "\x7f" for character in path)


# Files


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e%2fapp.py", "/static/app.css", "/static/x.js", "/static/"],
)
def test_only_our_files_are_there_and_only_by_their_full_name(client, path):
    assert client("admin").get(path).status_code == 404
