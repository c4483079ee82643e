"""Every route, asked by every role: who may, and that who may not changes nothing.

Routes are listed from the app itself: one that is not in `ROUTES` below fails.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field

import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import func, select
from starlette.testclient import TestClient

from autoqa.review.access import Role
from autoqa.review.database import open_database
from autoqa.review.database.schema import audit_log, conversations
from autoqa.review.disputes import disputable
from autoqa.review.logins import one_time_link, redeem
from autoqa.review.web.app import create_app
from autoqa.review.web.assets import asset

EVERYBODY = frozenset(Role)
READERS = EVERYBODY - {Role.AGENT}
REVIEWERS = READERS - {Role.ANALYST}
LEADS = REVIEWERS - {Role.REVIEWER}
DISPUTERS = LEADS | {Role.AGENT}
EXPORTERS = LEADS | {Role.ANALYST}
ADMINS = frozenset({Role.ADMIN})
OPEN = None  # to strangers too

HERE = "brv-en-01"  # of the agent, in team harbour
HELD, BLIND = "brv-en-15", "brv-en-11"  # by the reviewer, with a draft; by the other reviewer


@dataclass(frozen=True)
class Asked:
    """Who may ask a route, and what for; texts in braces are of the story."""

    who: frozenset[Role] | None
    form: dict[str, str | list[str]] = field(default_factory=dict)
    query: str = ""
    path: dict[str, str] = field(default_factory=dict)
    json: dict[str, object] = field(default_factory=dict)
    by: tuple[str, ...] = ()  # who of those that may can also do it here; default: all of them


ANSWER = {"criterion": "closing", "answer": "0", "reason": "No goodbye.", "based_on": "0"}
RATED = {"status": "rated", "level": 0, "reason": "No goodbye.", "based_on": 0}
CELL = {"conversation": "brv-en-02", "criterion": "greeting"}

ROUTES = {
    "GET /static/{name}": Asked(OPEN, path={"name": "{css}"}),
    "GET /": Asked(EVERYBODY),
    "GET /health": Asked(OPEN),
    "GET /favicon.ico": Asked(OPEN),
    "GET /api/v1/openapi.json": Asked(OPEN),
    "GET /login": Asked(OPEN),
    "POST /login": Asked(OPEN, {"name": "nobody", "password": "wrong"}),
    "GET /login/link": Asked(OPEN),
    "POST /login/link": Asked(OPEN, {"token": "wrong"}),
    "POST /logout": Asked(EVERYBODY),
    "GET /account": Asked(EVERYBODY),
    "POST /account": Asked(EVERYBODY, {"theme": "dark", "keys": "on"}),
    "POST /account/password": Asked(EVERYBODY, {"current": "x", "new": "y", "again": "z"}),
    # users
    "GET /users": Asked(ADMINS),
    "POST /users/add": Asked(ADMINS, {"name": "new", "role": "reviewer"}),
    "GET /users/edit": Asked(ADMINS, query="name=analyst"),
    "POST /users/change": Asked(ADMINS, {"name": "analyst", "role": "admin"}),
    "POST /users/password": Asked(ADMINS, {"name": "analyst", "password": "a new long sentence"}),
    "POST /users/link": Asked(ADMINS, {"name": "analyst"}),
    "POST /users/deactivate": Asked(ADMINS, {"name": "analyst"}),
    "POST /users/activate": Asked(ADMINS, {"name": "analyst"}),
    "GET /audit": Asked(ADMINS),
    "GET /audit/check": Asked(ADMINS),
    # a conversation
    "GET /conversation": Asked(EVERYBODY, query=f"id={HERE}"),
    "POST /conversation/answer": Asked(REVIEWERS, {"id": HELD, **ANSWER}),
    "POST /conversation/comment": Asked(REVIEWERS, {"id": HERE, "text": "Well done."}),
    "POST /conversation/submit": Asked(REVIEWERS, {"id": HELD}),
    "POST /conversation/reopen": Asked(REVIEWERS, {"id": HERE}, by=("reviewer",)),
    "POST /conversation/hold": Asked(REVIEWERS, {"item": "{held}"}, by=("reviewer",)),
    "GET /api/v1/conversation": Asked(EVERYBODY, query=f"id={HERE}"),
    "GET /api/v1/conversation/comments": Asked(EVERYBODY, query=f"id={HERE}"),
    "POST /api/v1/conversation/comments": Asked(REVIEWERS, json={"id": HERE, "text": "Good."}),
    "POST /api/v1/conversation/answers": Asked(
        REVIEWERS, json={"id": HELD, "criterion": "closing", **RATED}
    ),
    "POST /api/v1/conversation/submit": Asked(REVIEWERS, json={"id": HELD}),
    "POST /api/v1/conversation/reopen": Asked(REVIEWERS, json={"id": HERE}, by=("reviewer",)),
    "GET /api/v1/ratings": Asked(EXPORTERS),
    # the queue
    "GET /queue": Asked(READERS),
    "POST /queue/next": Asked(REVIEWERS),
    "POST /queue/pick": Asked(REVIEWERS, {"id": "brv-zh-01"}),
    "POST /queue/assign": Asked(LEADS, {"item": ["{free}"], "to": "{reviewer}"}),
    "GET /queue/rules": Asked(LEADS),
    "POST /queue/rules/add": Asked(LEADS, {"name": "All", "reviews": "1"}),
    "POST /queue/rules/switch": Asked(LEADS, {"rule": "{rule}", "active": ""}),
    "POST /queue/rules/delete": Asked(LEADS, {"rule": "{rule}"}),
    "POST /queue/rules/apply": Asked(LEADS),
    "POST /queue/{item}/claim": Asked(REVIEWERS, path={"item": "{free}"}),
    "POST /queue/{item}/release": Asked(REVIEWERS, path={"item": "{held}"}, by=("reviewer",)),
    "GET /api/v1/queue": Asked(READERS),
    "POST /api/v1/queue/next": Asked(REVIEWERS),
    "POST /api/v1/queue/{item}/claim": Asked(REVIEWERS, path={"item": "{free}"}),
    "POST /api/v1/queue/{item}/renew": Asked(REVIEWERS, path={"item": "{held}"}, by=("reviewer",)),
    "POST /api/v1/queue/{item}/release": Asked(
        REVIEWERS, path={"item": "{held}"}, by=("reviewer",)
    ),
    "GET /api/v1/queue/workload": Asked(READERS),
    "GET /views": Asked(READERS),
    "POST /views/save": Asked(READERS, {"name": "Mine"}, query="team=harbour"),
    "POST /views/delete": Asked(READERS, {"view": "{view}"}, by=("lead",)),
    # calibration
    "GET /calibrations": Asked(READERS),
    "GET /calibrations/new": Asked(LEADS),
    "POST /calibrations/new": Asked(
        LEADS,
        {"name": "New", "conversation": ["brv-en-16"], "rater": ["reviewer", "other_reviewer"]},
    ),
    "GET /calibrations/history": Asked(READERS),
    "GET /calibrations/{number}": Asked(READERS, path={"number": "{closed}"}),
    "GET /calibrations/{number}/answers": Asked(READERS, path={"number": "{closed}"}),
    "GET /calibrations/{number}/answer": Asked(
        READERS, query="conversation=brv-en-08&criterion=greeting", path={"number": "{closed}"}
    ),
    "POST /calibrations/{number}/open": Asked(LEADS, {"early": "on"}, path={"number": "{rated}"}),
    "POST /calibrations/{number}/agree": Asked(
        LEADS, {**CELL, "answer": "2", "based_on": "0"}, path={"number": "{discussed}"}
    ),
    "POST /calibrations/{number}/close": Asked(LEADS, path={"number": "{discussed}"}),
    "GET /api/v1/calibrations": Asked(READERS),
    "POST /api/v1/calibrations": Asked(
        LEADS,
        json={
            "name": "New",
            "conversations": ["brv-en-16"],
            "raters": ["reviewer", "other_reviewer"],
        },
    ),
    "GET /api/v1/calibrations/history": Asked(READERS),
    "GET /api/v1/calibrations/{number}": Asked(READERS, path={"number": "{closed}"}),
    "GET /api/v1/calibrations/{number}/results": Asked(READERS, path={"number": "{closed}"}),
    "POST /api/v1/calibrations/{number}/open": Asked(
        LEADS, json={"early": True}, path={"number": "{rated}"}
    ),
    "POST /api/v1/calibrations/{number}/references": Asked(
        LEADS,
        json={
            **CELL,
            "status": "rated",
            "level": 2,
            "based_on": 0,
        },
        path={"number": "{discussed}"},
    ),
    "POST /api/v1/calibrations/{number}/close": Asked(LEADS, path={"number": "{discussed}"}),
    # disputes
    "GET /disputes": Asked(EVERYBODY),
    "GET /disputes/new": Asked(DISPUTERS),
    "POST /disputes/new": Asked(DISPUTERS, {"rating": "{rating}", "reason": "No."}),
    "GET /disputes/{number}": Asked(EVERYBODY, path={"number": "{disputed}"}),
    "POST /disputes/{number}/decide": Asked(
        REVIEWERS,
        {"answer": "0", "reason": "No.", "based_on": "1"},
        path={"number": "{disputed}"},
        by=("other_reviewer", "lead", "admin"),
    ),
    "POST /disputes/{number}/withdraw": Asked(
        DISPUTERS, {"based_on": "1"}, path={"number": "{disputed}"}, by=("agent",)
    ),
    "GET /api/v1/disputes": Asked(EVERYBODY),
    "POST /api/v1/disputes": Asked(DISPUTERS, json={"rating": "{rating}", "reason": "No."}),
    "GET /api/v1/disputes/ratings": Asked(DISPUTERS, query=f"id={HERE}"),
    "GET /api/v1/disputes/{number}": Asked(EVERYBODY, path={"number": "{disputed}"}),
    "POST /api/v1/disputes/{number}/decide": Asked(
        REVIEWERS,
        json={"status": "rated", "level": 0, "reason": "No.", "based_on": 1},
        path={"number": "{disputed}"},
        by=("other_reviewer", "lead", "admin"),
    ),
    "POST /api/v1/disputes/{number}/withdraw": Asked(
        DISPUTERS, json={"based_on": 1}, path={"number": "{disputed}"}, by=("agent",)
    ),
    # coaching and examples
    "GET /coaching": Asked(EVERYBODY),
    "GET /coaching/agent": Asked(EVERYBODY, query="name=Maya+Okafor"),
    "POST /coaching/add": Asked(LEADS, {"agent": "Maya Okafor", "text": "Well done."}),
    "POST /coaching/follow-up": Asked(
        LEADS, {"note": "{note}", "based_on": "1", "state": "reached"}
    ),
    "POST /coaching/link": Asked(LEADS, {"note": "{note}", "conversation": HERE, "turn": "1"}),
    "GET /examples": Asked(EVERYBODY),
    "POST /examples/add": Asked(
        REVIEWERS,
        {"conversation": HERE, "criterion": "greeting", "kind": "good", "title": "So", "turn": "1"},
    ),
    "POST /examples/remove": Asked(
        REVIEWERS, {"example": "{example}"}, by=("reviewer", "lead", "admin")
    ),
    # dashboards
    **{
        f"GET {where}/{name}".rstrip("/"): Asked(READERS)
        for where in ("/dashboards", "/api/v1/dashboards")
        for name in ("criteria", "quadrants", "agreement", "yield", "reviewers")
    },
    "GET /dashboards": Asked(READERS),
    "GET /api/v1/dashboards/over-time": Asked(READERS),
    "GET /api/v1/me": Asked(EVERYBODY),
}

ASKING = ("reviewer", "lead", "agent", "analyst", "admin")  # one of each role


class Place:
    """The page in the state that the story left it in, with everybody logged in."""

    def __init__(self, told, folder):
        self._kept, self.people, self.story = told
        self._path = folder / "review.db"
        shutil.copy(self._kept, self._path)
        database = open_database(self._path)
        self._sessions = {
            name: redeem(database, one_time_link(database, user))
            for name, user in self.people.items()
        }
        database.close()
        self._kept = shutil.copy(self._path, folder / "kept.db")
        self.database = open_database(self._path)
        self.app = create_app(self.database)
        self._browser = TestClient(
            self.app,
            base_url="http://127.0.0.1:8000",
            follow_redirects=False,
            raise_server_exceptions=False,
        )

    def restore(self):
        self.database.close()
        for left in ("-wal", "-shm"):
            self._path.with_name(f"review.db{left}").unlink(missing_ok=True)
        shutil.copy(self._kept, self._path)

    def changes(self):
        with self.database.reading() as connection:
            return connection.execute(select(func.count()).select_from(audit_log)).scalar_one()

    def ask(self, who, route, asked):
        method, path = route.split()
        for name, value in asked.path.items():
            path = path.replace(f"{{{name}}}", self._told(value))
        self._browser.cookies.clear()
        headers = {}
        if who is not None:
            session = self._sessions[who]
            self._browser.cookies.set("autoqa_session", session.token)
            headers["X-CSRF-Token"] = session.csrf
        sent = {"data": {k: self._told(v) for k, v in asked.form.items()}} if asked.form else {}
        if asked.json:
            sent = {"json": {k: self._number(self._told(v)) for k, v in asked.json.items()}}
        return self._browser.request(
            method, f"{path}?{asked.query}" if asked.query else path, headers=headers, **sent
        )

    def _told(self, value):
        if isinstance(value, list):
            return [self._told(one) for one in value]
        if not (isinstance(value, str) and value.startswith("{")):
            return value
        return str(self._known[value.strip("{}")])

    def _rating_on(self, conversation):
        return disputable(self.database, self.people["lead"], conversation)[0].answer.id

    @staticmethod
    def _number(value):
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    @property
    def _known(self):
        here = disputable(self.database, self.people["lead"], HERE)
        free = next(one for one in here if one.dispute_id is None)
        return {
            **{name: getattr(self.story, name) for name in self.story.__dataclass_fields__},
            "held": self.story.items[HELD],
            "free": self.story.items["brv-zh-05"],
            "reviewer": self.people["reviewer"].id,
            "held_by_other": self.story.items[BLIND],
            "of_other_team": self.story.items["brv-es-06"],
            "rating": free.answer.id,
            "rating_of_other_team": self._rating_on("brv-es-01"),
            "css": asset("app.css").rsplit("/", 1)[1],
        }


@pytest.fixture(scope="module")
def place(told, tmp_path_factory):
    made = Place(told, tmp_path_factory.mktemp("roles"))
    yield made
    made.database.close()


def routes_of(app):
    return sorted(
        f"{method} {context.path}"
        for context in iter_route_contexts(app.routes)
        for method in context.methods - {"HEAD", "OPTIONS"}
    )


def test_every_route_is_listed_with_who_may_ask_it(place):
    assert sorted(ROUTES) == routes_of(place.app)


@pytest.mark.parametrize("route", ROUTES)
def test_who_may_not_is_refused_and_changes_nothing(place, route):
    asked = ROUTES[route]
    place.restore()
    before = place.changes()
    stranger = place.ask(None, route, asked)
    if asked.who is OPEN:
        assert stranger.status_code not in (303, 404, 405, 500), stranger.text
        return
    assert stranger.status_code in (303, 401, 403), (stranger.status_code, stranger.text[:300])
    if stranger.status_code == 303:
        assert stranger.headers["location"].startswith("/login")
    for name in ASKING:
        if place.people[name].role not in asked.who:
            answer = place.ask(name, route, asked)
            assert answer.status_code in (403, 404), (name, answer.status_code, answer.text[:300])
    assert place.changes() == before


@pytest.mark.parametrize("route", [route for route, asked in ROUTES.items() if asked.who])
def test_who_may_is_not_refused(place, route):
    asked = ROUTES[route]
    for name in asked.by or ASKING:
        if place.people[name].role in asked.who:
            if route.startswith("POST"):
                place.restore()
            answer = place.ask(name, route, asked)
            refused = answer.status_code in (401, 403, 404, 405) or answer.status_code >= 500
            assert not refused, (name, answer.status_code, answer.text[:500])


# Other people's things

ELSEWHERE = "brv-es-01"  # of another agent in another team
THEIR_RATING = {"rating": "{rating_of_other_team}", "reason": "x"}
THEIR_EXAMPLE = {"conversation": ELSEWHERE, "criterion": "greeting", "kind": "good", "title": "x"}
OTHERS = [
    ("agent", "GET /conversation", Asked(None, query=f"id={ELSEWHERE}")),
    ("agent", "GET /api/v1/conversation", Asked(None, query=f"id={ELSEWHERE}")),
    ("agent", "GET /api/v1/conversation/comments", Asked(None, query=f"id={ELSEWHERE}")),
    ("agent", "GET /api/v1/disputes/ratings", Asked(None, query=f"id={ELSEWHERE}")),
    ("agent", "GET /disputes/new", Asked(None, query=f"id={ELSEWHERE}")),
    ("agent", "POST /disputes/new", Asked(None, THEIR_RATING)),
    ("agent", "GET /coaching/agent", Asked(None, query="name=Owen+Pryce")),
    ("other_agent", "GET /conversation", Asked(None, query=f"id={HERE}")),
    ("other_agent", "GET /disputes/{number}", Asked(None, path={"number": "{disputed}"})),
    ("other_agent", "GET /api/v1/disputes/{number}", Asked(None, path={"number": "{disputed}"})),
    (
        "other_agent",
        "POST /disputes/{number}/withdraw",
        Asked(None, {"based_on": "1"}, path={"number": "{disputed}"}),
    ),
    ("other_agent", "GET /coaching/agent", Asked(None, query="name=Maya+Okafor")),
    ("team_lead", "GET /conversation", Asked(None, query=f"id={ELSEWHERE}")),
    ("team_lead", "GET /api/v1/conversation", Asked(None, query=f"id={ELSEWHERE}")),
    ("team_lead", "POST /queue/pick", Asked(None, {"id": ELSEWHERE})),
    ("team_lead", "POST /conversation/comment", Asked(None, {"id": ELSEWHERE, "text": "x"})),
    ("team_lead", "POST /queue/{item}/claim", Asked(None, path={"item": "{of_other_team}"})),
    ("team_lead", "POST /queue/assign", Asked(None, {"item": ["{of_other_team}"], "to": ""})),
    ("team_lead", "POST /coaching/add", Asked(None, {"agent": "Bruno Galli", "text": "x"})),
    ("team_lead", "POST /disputes/new", Asked(None, THEIR_RATING)),
    (
        "team_lead",
        "POST /examples/add",
        Asked(None, THEIR_EXAMPLE),
    ),
    (
        "team_lead",
        "POST /calibrations/new",
        Asked(
            None,
            {"name": "x", "conversation": [ELSEWHERE], "rater": ["reviewer", "other_reviewer"]},
        ),
    ),
    ("reviewer", "POST /views/delete", Asked(None, {"view": "{view}"})),
    ("reviewer", "POST /queue/{item}/release", Asked(None, path={"item": "{held_by_other}"})),
    ("reviewer", "POST /conversation/hold", Asked(None, {"item": "{held_by_other}"})),
    ("other_reviewer", "POST /conversation/reopen", Asked(None, {"id": HERE})),
    ("other_reviewer", "POST /examples/remove", Asked(None, {"example": "{example}"})),
    (
        "reviewer",
        "POST /disputes/{number}/decide",
        Asked(None, {"answer": "0", "reason": "x", "based_on": "1"}, path={"number": "{disputed}"}),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("who", "route", "asked"), OTHERS)
def test_what_is_other_peoples_is_refused_and_stays_as_it_is(place, who, route, asked):
    assert route in ROUTES
    place.restore()
    before = place.changes()
    answer = place.ask(who, route, asked)
    assert answer.status_code in (403, 404, 409, 422), (answer.status_code, answer.text[:300])
    assert place.changes() == before


def conversations_of(place, **wanted):
    chosen = [getattr(conversations.c, name) == value for name, value in wanted.items()]
    with place.database.reading() as connection:
        return set(connection.execute(select(conversations.c.id).where(*chosen)).scalars())


@pytest.mark.parametrize(
    ("who", "wanted"),
    [("agent", {"agent": "Maya Okafor"}), ("team_lead", {"team": "harbour"})],
)
def test_no_page_names_a_conversation_that_is_not_ones_own(place, who, wanted):
    place.restore()
    own = conversations_of(place, **wanted)
    named = set()
    for route, asked in ROUTES.items():
        if route.startswith("GET") and not route.startswith("GET /audit"):
            answer = place.ask(who, route, asked)
            if answer.status_code == 200:
                named |= set(re.findall(r"brv-[a-z]{2}-[0-9]{2}", answer.text))
    assert HERE in named
    assert named <= own
