"""Requests that nobody thought of, made from the API's own description: never a server error."""

from __future__ import annotations

import shutil

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error

from autoqa.review.database import open_database
from autoqa.review.logins import one_time_link, redeem
from autoqa.review.web.app import create_app

EXAMPLES = 25  # requests of each operation

OPERATIONS = [
    (method, path)
    for path, operations in create_app(None).openapi()["paths"].items()
    for method in operations
]


@pytest.fixture(scope="module")
def session(told, tmp_path_factory):
    """The app on a copy of what the story left, and an admin: requests change it as they like."""
    file, people, _ = told
    path = shutil.copy(file, tmp_path_factory.mktemp("openapi") / "review.db")
    with open_database(path) as database:
        link = one_time_link(database, people["admin"])
        yield create_app(database), redeem(database, link)


@pytest.fixture(scope="module")
def api(session):
    # Through the app, so that calls go to it; it answers to its own names alone.
    return schemathesis.openapi.from_asgi(
        "/api/v1/openapi.json", session[0], headers={"Host": "localhost"}
    )


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_request_is_answered_with_a_server_error(session, api, method, path):
    admin = session[1]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=api[path][method].as_strategy())
    def ask(case):
        answer = case.call(
            headers={"X-CSRF-Token": admin.csrf, "Host": "localhost"},
            cookies={"autoqa_session": admin.token},
        )
        assert answer.status_code != 401
        case.validate_response(answer, checks=[not_a_server_error])

    ask()
