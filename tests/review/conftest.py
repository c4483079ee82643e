"""The review page on the fictional sample: a scored run, databases, people in every role."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, insert, make_url

from autoqa.readers import Quarantine, read
from autoqa.records import CSAT
from autoqa.review.access import Role, User
from autoqa.review.database import open_database, schema
from autoqa.sample import sample_path
from autoqa.scorecard import load_scorecard

PASSWORD = "a long password for tests"

PEOPLE = {
    "admin": (Role.ADMIN, None, None),
    "lead": (Role.LEAD, None, None),  # of every team
    "team_lead": (Role.LEAD, "harbour", None),
    "reviewer": (Role.REVIEWER, None, None),
    "other_reviewer": (Role.REVIEWER, None, None),
    "third_reviewer": (Role.REVIEWER, None, None),
    "agent": (Role.AGENT, "harbour", "Maya Okafor"),
    "other_agent": (Role.AGENT, "meridian", "Bruno Galli"),
    "analyst": (Role.ANALYST, None, None),
}
"""Who is there: role, team, whose conversations an agent sees. All share one password."""


@pytest.fixture(scope="session")
def card():
    return load_scorecard("support-core")


@pytest.fixture(scope="session")
def sample():
    """The labelled sample conversations."""
    with Quarantine() as quarantine:
        return tuple(read([sample_path()], quarantine=quarantine))


@pytest.fixture(scope="session")
def surveys(sample):
    return [survey for one in sample for survey in one.surveys]


@pytest.fixture(scope="session")
def scored_run(tmp_path_factory, card, sample, surveys):
    """A folder as `autoqa score --curve` writes it: rules, one learned criterion, CSAT.

    The two models read words alone, so that no encoder is needed.
    """
    # Here, as they take seconds to import and most tests of the page need no run.
    from autoqa.batch import ScoringSetup, score
    from autoqa.csat import CsatModel, survey_ratings
    from autoqa.features.batch import Batch
    from autoqa.scorers.folder import HeadCard, write_models
    from autoqa.scorers.linear import TFIDF_SETTINGS, LinearScorer

    folder = tmp_path_factory.mktemp("run")
    batch = Batch([one.transcript for one in sample])
    learned = card.criterion("courtesy")
    ratings = [
        rating
        for one in sample
        for rating in one.ratings
        if (rating.criterion, rating.rater) == (learned.id, "qa_ana")
    ]
    linear = LinearScorer([learned], settings=TFIDF_SETTINGS).fit(batch, ratings)
    csat = CsatModel(settings=TFIDF_SETTINGS)
    csat.fit(batch, survey_ratings(surveys, csat.criterion.scale))
    write_models(
        folder / "models",
        {learned.id: linear.models[learned.id], CSAT: csat.model},
        {learned.id: HeadCard(learned), CSAT: HeadCard(csat.criterion)},
        scorecard=card,
    )
    setup = ScoringSetup(card, folder / "models", curve=True)
    score([sample_path()], folder / "scored", setup, workers=1)
    return folder / "scored"


def add_people_to(database):
    """Add `PEOPLE` to a database; return them by name."""
    from argon2 import PasswordHasher

    # One hash for all, and a cheap one: what it costs to guess is tested where it is made.
    password = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    people = {}
    with database.writing("tests") as write:
        for name, (role, team, agent) in PEOPLE.items():
            shown = name.replace("_", " ").title()
            added = write.execute(
                insert(schema.users)
                .values(
                    name=name,
                    display_name=shown,
                    role=str(role),
                    team=team,
                    agent=agent,
                    password_hash=password,
                    settings={},
                    active=True,
                    created_at=datetime.now(UTC),
                )
                .returning(schema.users.c.id)
            ).scalar_one()
            people[name] = User(
                id=added, name=name, display_name=shown, role=role, team=team, agent=agent
            )
            write.audit("user.add", f"user:{name}", role=str(role))
    return people


def load_sample_into(database, run, card, surveys):
    from autoqa.review.loading import load_run

    load_run(database, run, card, surveys=surveys)
    return database


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory):
    """An SQLite file with the tables and nothing in them, to copy."""
    path = tmp_path_factory.mktemp("empty") / "review.db"
    open_database(path).close()
    return path


@pytest.fixture(scope="session")
def loaded_file(tmp_path_factory, empty_file, scored_run, card, surveys):
    """An SQLite file with the sample's run, to copy."""
    path = shutil.copy(empty_file, tmp_path_factory.mktemp("loaded") / "review.db")
    database = open_database(path)
    load_sample_into(database, scored_run, card, surveys)
    database.close()
    return path


def _beside(name):
    """A module that lies beside this file."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def told(tmp_path_factory, loaded_file, sample):
    """An SQLite file in which something of everything has happened, with people in every role.

    A triple of the file, the people by name, and where to find what; see ``story.py``.
    """
    story = _beside("story")
    path = shutil.copy(loaded_file, tmp_path_factory.mktemp("told") / "review.db")
    database = open_database(path)
    people = add_people_to(database)
    happened = story.tell(database, people, sample)
    database.close()
    return path, people, happened


@pytest.fixture
def database(request, tmp_path, empty_file):
    """A review database in a file of its own; `loaded` and `people` fill the same one."""
    wants_run = "loaded" in request.fixturenames
    path = request.getfixturevalue("loaded_file") if wants_run else empty_file
    opened = open_database(shutil.copy(path, tmp_path / "review.db"))
    yield opened
    opened.close()


@pytest.fixture
def loaded(database):
    """`database` with the sample's run."""
    return database


@pytest.fixture
def people(database):
    """Users in every role, by name, in `database`; see `PEOPLE`."""
    return add_people_to(database)


@pytest.fixture(scope="session")
def add_people():
    """Add users in every role to a database: ``add_people(database)["lead"]``."""
    return add_people_to


@pytest.fixture(scope="session")
def password():
    """The password of everybody in `people`."""
    return PASSWORD


@pytest.fixture(scope="session")
def load_sample(scored_run, card, surveys):
    """Load the sample's run into a database."""
    return lambda database: load_sample_into(database, scored_run, card, surveys)


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request, tmp_path, empty_file):
    """An empty review database, once of each kind."""
    if request.param == "sqlite":
        opened = open_database(shutil.copy(empty_file, tmp_path / "review.db"))
    else:
        opened = open_database(request.getfixturevalue("postgresql_copy"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def centres():
    """Fill a database with invented conversations and answers; see ``centre.py``."""
    return _beside("centre")


def hand_in_form(database, user, conversation, levels=None, *, occasion=""):
    """Answer a form at the highest levels, but those named (None: N/A), and submit it."""
    from autoqa.review.answers import save_answer, submit
    from autoqa.review.conversations import see
    from autoqa.review.leases import claim_conversation

    if not occasion:
        claim_conversation(database, user, conversation)
    for criterion in see(database, user, conversation, occasion=occasion).card.criteria:
        level = (levels or {}).get(criterion.id, criterion.scale[-1])
        save_answer(
            database,
            user,
            conversation,
            criterion.id,
            status="not_applicable" if level is None else "rated",
            level=level,
            reason=f"{user.name} on {criterion.id}",
            based_on=0,
            occasion=occasion,
        )
    submit(database, user, conversation, occasion=occasion)


@pytest.fixture(scope="session")
def hand_in():
    """Fill in and submit a form: ``hand_in(database, user, "brv-en-01", {"courtesy": 0})``."""
    return hand_in_form


@pytest.fixture
def app(database):
    from autoqa.review.web.app import create_app

    return create_app(database)


@pytest.fixture
def client(app, people):
    """A browser without scripts: ``client("lead")`` is logged in, ``client()`` is not."""
    from starlette.testclient import TestClient

    opened = []

    def log_in(who=None):
        browser = TestClient(app, base_url="http://127.0.0.1:8000", follow_redirects=False)
        opened.append(browser)
        if who is not None:
            name = who if isinstance(who, str) else who.name
            form = {"name": name, "password": PASSWORD, "csrf": csrf_of(browser.get("/login"))}
            answer = browser.post("/login", data=form)
            assert answer.status_code == 303, answer.text
        return browser

    yield log_in
    for browser in opened:
        browser.close()


def csrf_of(answer):
    """The token in a page's forms."""
    found = re.search(r'name="csrf"[^>]*value="([^"]*)"', answer.text)
    assert found, f"no token in the forms of {answer.url}"
    return found[1]


@pytest.fixture(scope="session")
def token():
    """The token in a page's forms, to send with the next: ``token(client.get("/queue"))``."""
    return csrf_of


@pytest.fixture
def cheap_hashes(monkeypatch):
    """Passwords are hashed at little cost: how they are otherwise is tested in test_passwords."""
    from argon2 import PasswordHasher

    from autoqa.review import passwords

    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", cheap)
    passwords._nobodys.cache_clear()
    yield
    passwords._nobodys.cache_clear()


# PostgreSQL


KEEP_POSTGRESQL = """
PATH="$1:$PATH"
cd "$2"
initdb -D data -U autoqa -A scram-sha-256 --pwfile=password -E UTF8 --locale=C -N >said 2>&1 &&
  pg_ctl -D data -w -o "$3" -l log start >>said 2>&1 && echo started || cat said
exec >/dev/null 2>&1
cat
pg_ctl -D data -m immediate stop
cd / && rm -rf "$2"
"""
"""Starts a server, and ends it when whoever started this goes away, however that is."""


@pytest.fixture(scope="session")
def postgresql_server():
    """The URL of a PostgreSQL server on which databases can be made, without a database."""
    named = os.environ.get("AUTOQA_TEST_POSTGRESQL")
    if named:
        yield make_url(named).set(drivername="postgresql+pg8000")
        return
    programs = _postgresql_programs()
    if programs is None:
        pytest.skip("no PostgreSQL: install it, or set AUTOQA_TEST_POSTGRESQL to a server's URL")
    # As root the server refuses to run, and to others pytest's own folders are closed.
    somebody = _system_user() if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="autoqa-postgresql-"))
    password = secrets.token_hex()
    (folder / "password").write_text(password)
    runs_as = {}
    if somebody is not None:
        os.chown(folder, somebody.pw_uid, somebody.pw_gid)
        runs_as = {"user": somebody.pw_uid, "group": somebody.pw_gid, "extra_groups": []}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "max_connections": 200,
        "fsync": "off",
    }
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    with subprocess.Popen(
        ["sh", "-c", KEEP_POSTGRESQL, "sh", programs, folder, options],
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the tests alone
        **runs_as,
    ) as keeper:
        said = keeper.stdout.read()
        assert said == "started\n", said
        yield URL.create("postgresql+pg8000", "autoqa", password, host="127.0.0.1", port=port)


def _postgresql_programs():
    """The folder of PostgreSQL's programs; Debian keeps them out of PATH."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((one for one in folders if (one / "initdb").is_file()), None)


def _system_user():
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.skip("no PostgreSQL: root cannot run it, and there is no user 'postgres' or 'nobody'")


@contextmanager
def _postgresql_database(server, template="template1"):
    """The URL of a new database like `template`, dropped afterwards."""
    name = f"autoqa_{secrets.token_hex(8)}"
    anywhere = create_engine(server.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with anywhere.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server.set(database=name).render_as_string(hide_password=False)
    with anywhere.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    anywhere.dispose()


@pytest.fixture
def postgresql_url(postgresql_server):
    """The URL of an empty database on that server."""
    with _postgresql_database(postgresql_server) as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server):
    """The name of a database with the tables and nothing in them, to copy."""
    with _postgresql_database(postgresql_server) as url:
        open_database(url).close()
        yield make_url(url).database


@pytest.fixture
def postgresql_copy(postgresql_server, postgresql_template):
    """The URL of a database with the tables and nothing in them."""
    with _postgresql_database(postgresql_server, postgresql_template) as url:
        yield url
