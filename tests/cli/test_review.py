"""``autoqa review``: a page for this machine alone, unless somebody says otherwise."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing
from http.cookiejar import CookieJar
from urllib.parse import urlencode

import pytest
from typer.testing import CliRunner

from autoqa.batch import ScoringSetup, score
from autoqa.cli.app import app
from autoqa.review.database import open_database
from autoqa.review.users import CONSOLE, add_user
from autoqa.sample import sample_path
from autoqa.scorecard import load_scorecard
from autoqa.scorers.folder import write_models


def autoqa(*arguments):
    return CliRunner().invoke(app, ["review", *map(str, arguments)], prog_name="autoqa")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Some of the sample, scored by rules alone."""
    folder = tmp_path_factory.mktemp("run")
    card = load_scorecard("support-core")
    models = write_models(folder / "models", {}, {}, scorecard=card).path
    few = folder / "few.jsonl"
    lines = sample_path().read_text(encoding="utf-8").splitlines(keepends=True)
    few.write_text("".join(lines[:8]), encoding="utf-8")
    score([few], folder / "scored", ScoringSetup(card, models), workers=1)
    return folder / "scored"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "review.db"


def alter_first_entry(place):
    """What somebody can do who has the file: the database itself refuses it."""
    with closing(sqlite3.connect(place)) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE audit_log SET actor = 'nobody' WHERE number = 1")
        connection.commit()


def test_a_run_is_loaded_once(run, place):
    first, second = autoqa("load", run), autoqa("load", run)
    assert first.exit_code == second.exit_code == 0, first.output + second.output
    assert "8 conversations added" in first.stderr
    assert "0 conversations added" in second.stderr
    assert place.is_file()


def test_a_run_without_its_scorecard_says_what_to_give(run, place, monkeypatch):
    monkeypatch.setattr("autoqa.scorecard.library_names", tuple)
    result = autoqa("load", run)
    assert result.exit_code == 2
    assert "give it with --scorecard" in result.stderr


def test_the_log_of_changes_is_checked(run, place):
    autoqa("load", run)
    sound = autoqa("audit", "verify")
    assert sound.exit_code == 0
    digest = re.search(r"last digest is (\w{64})", sound.stdout)[1]
    assert autoqa("audit", "verify", "--noted", digest).exit_code == 0
    missing = autoqa("audit", "verify", "--noted", "0" * 63 + "1")
    assert missing.exit_code == 1
    assert "is in no entry" in missing.stderr
    alter_first_entry(place)
    broken = autoqa("audit", "verify")
    assert broken.exit_code == 1
    assert "entry 1 of the audit log does not fit" in broken.stderr


def test_reviews_are_exported_and_nothing_is_made_where_there_are_none(run, place):
    absent = autoqa("export", "--out", "reviews.jsonl")
    assert absent.exit_code == 2
    assert "there is no review database" in absent.stderr
    autoqa("load", run)
    written = autoqa("export", "--out", "reviews.jsonl")
    assert written.exit_code == 0, written.stderr
    assert written.stdout == "0 ratings in reviews.jsonl\n"
    whole = autoqa("export", "--conversations", "--since", "2026-01-01", "--out", "reviewed.jsonl")
    assert whole.stdout == "0 conversations in reviewed.jsonl\n"


@pytest.mark.parametrize("where", [("--host", "0.0.0.0"), ("--proxy", "127.0.0.1")])
def test_other_machines_need_somebody_with_a_password(place, where):
    refused = autoqa("serve", *where, "--port", 0)
    assert refused.exit_code == 2
    assert "no user has a password" in refused.stderr
    assert "autoqa review user add" in refused.stderr


def test_other_machines_need_encryption(place):
    with open_database(place) as opened:
        add_user(opened, CONSOLE, "ana", role="admin", password="a long password for tests")
    refused = autoqa("serve", "--host", "0.0.0.0", "--port", 0)
    assert refused.exit_code == 2
    assert "unencrypted" in refused.stderr
    assert "--tls-cert" in refused.stderr


def test_a_key_without_a_certificate_is_misuse(place, tmp_path):
    (tmp_path / "key.pem").touch()
    assert autoqa("serve", "--tls-key", "key.pem").exit_code == 2


def test_an_unknown_language_is_misuse(place):
    refused = autoqa("serve", "--language", "xx")
    assert refused.exit_code == 2
    assert "no labels in 'xx'" in refused.stderr


# A server of its own


class Browser:
    """A browser without scripts, from the standard library."""

    def __init__(self):
        self.open = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(CookieJar())
        ).open

    def get(self, address, **headers):
        try:
            with self.open(urllib.request.Request(address, headers=headers), timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def post(self, address, **form):
        with self.open(address, urlencode(form).encode(), timeout=30) as answer:
            return answer.status, answer.read().decode()


def start(*arguments):
    command = [sys.executable, "-m", "autoqa", "review", "serve", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = []
    for line in process.stderr:
        said.append(line)
        if found := re.match(r"The review page is at (https?://\S+:\d+);", line):
            return process, found[1]
    raise AssertionError("".join(said))


def stopped(process):
    process.send_signal(signal.SIGTERM)
    code = process.wait(60)
    with process.stderr as said, process.stdout:
        return code, said.read()


@pytest.mark.slow
def test_the_printed_link_logs_in_once_as_an_admin(run, place):
    process, address = start(run, "--port", 0)
    link = process.stdout.readline().strip()
    assert link.startswith(f"{address}/login/link?token=")
    browser = Browser()
    status, shown = browser.get(link)
    assert status == 200
    csrf = re.search(r'name="csrf" value="([^"]+)"', shown)[1]
    token = re.search(r'name="token" value="([^"]+)"', shown)[1]
    status, home = browser.post(f"{address}/login/link", csrf=csrf, token=token)
    assert status == 200
    assert "Local admin" in home
    assert browser.get(f"{address}/users")[0] == 200
    assert browser.get(f"{address}/health", Host="evil.example")[0] == 400
    assert stopped(process) == (0, "")


@pytest.mark.slow
def test_no_link_is_printed_where_others_could_use_it(place):
    with open_database(place) as opened:
        add_user(opened, CONSOLE, "ana", role="admin", password="a long password for tests")
    process, address = start("--proxy", "127.0.0.1", "--name", "qa.example.com", "--port", 0)
    headers = {"Host": "qa.example.com", "X-Forwarded-Proto": "https"}
    browser = Browser()
    assert browser.get(f"{address}/login", **headers)[0] == 200
    process.send_signal(signal.SIGTERM)
    assert process.stdout.read() == ""
    assert stopped(process)[0] == 0
