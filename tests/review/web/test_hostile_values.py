"""Whatever stands in an address or a form, every page answers, and never with a server error."""

from __future__ import annotations

import re
import shutil

import pytest
from starlette.testclient import TestClient

from autoqa.review.database import open_database
from autoqa.review.logins import one_time_link, redeem
from autoqa.review.users import CONSOLE, add_user
from autoqa.review.web.app import ROUTERS, create_app

VALUES = [
    "",
    "0",
    "-1",
    "99999999999999999999999",
    "1e400",
    "NaN",
    "2026-99-99",
    "0001-01-01",
    "' OR 1=1 --",
    '"><script>alert(1)</script>',
    "%_\\",
    "\u202e\ufeff\x85",
    "../../etc/passwd",
    "x" * 1000,
]
ENCODED = ["%ed%a0%80", "%ff%fe", "%c3%28", "%0d%0aX-Evil:%201"]
ALSO = ["id", "criterion", "agent", "since", "level", "evidence", "state", "filters"]
"""Fields that pages read by themselves."""


def routes(method):
    """Paths of pages, and the fields that each takes."""
    for router in ROUTERS:
        for route in router.routes:
            if method in route.methods and route.path not in ("/logout", "/static/{name}"):
                said = route.dependant
                stated = [one.alias for one in (*said.query_params, *said.body_params)]
                yield pytest.param(route.path, [*stated, *ALSO], id=f"{method} {route.path}")


def readings_of_the_api():
    for path, operations in create_app(None).openapi()["paths"].items():
        if "get" in operations:
            stated = [one["name"] for one in operations["get"].get("parameters", ())]
            yield pytest.param(path, [*stated, *ALSO], id=f"GET {path}")


@pytest.fixture(scope="module")
def browser(loaded_file, tmp_path_factory):
    """An admin, on one server for all routes: no value changes what the next one needs."""
    path = shutil.copy(loaded_file, tmp_path_factory.mktemp("hostile") / "review.db")
    with open_database(path) as database:
        ana = add_user(database, CONSOLE, "ana", role="admin")
        session = redeem(database, one_time_link(database, ana))
        with TestClient(
            create_app(database), base_url="http://127.0.0.1:8000", follow_redirects=False
        ) as opened:
            opened.cookies.set("autoqa_session", session.token)
            opened.headers["x-csrf-token"] = session.csrf
            yield opened


@pytest.mark.parametrize(("path", "fields"), [*routes("GET"), *readings_of_the_api()])
def test_no_value_in_an_address_breaks_a_page(path, fields, browser):
    for value in VALUES:
        answer = browser.get(filled(path, value), params=dict.fromkeys(fields, value))
        assert answer.status_code < 500, value
        assert "<script>alert" not in answer.text or "json" in answer.headers["content-type"]
    for value in ENCODED:
        query = "&".join(f"{field}={value}" for field in fields)
        answer = browser.get(f"{re.sub(r'{[^}]+}', value, path)}?{query}")
        assert answer.status_code < 500, value
        assert "x-evil" not in answer.headers


@pytest.mark.parametrize(("path", "fields"), [*routes("POST")])
def test_no_value_in_a_form_breaks_a_page(path, fields, browser):
    for value in VALUES:
        answer = browser.post(filled(path, value), data=dict.fromkeys(fields, value))
        assert answer.status_code < 500, value
        assert "<script>alert" not in answer.text


def filled(path, value):
    return re.sub(r"{[^}]+}", re.sub(r"[^\w-]", "_", value)[:100] or "0", path)
