"""``autoqa review user``: users from the command line, passwords from standard input."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from autoqa.cli.app import app as autoqa
from autoqa.review.access import LoginRefusedError
from autoqa.review.database import open_database
from autoqa.review.logins import log_in, redeem, session_of

GOOD = "correct horse battery"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "review.db"


def user(*arguments, given=""):
    return CliRunner().invoke(autoqa, ["review", "user", *arguments], input=given)


def test_a_user_is_added_with_a_password_from_standard_input(place):
    done = user("add", "Ana", "--role", "lead", "--team", "night", given=f"{GOOD}\n")
    assert (done.exit_code, done.stdout) == (0, "ana: added as lead.\n")
    with open_database(place) as database:
        assert session_of(database, log_in(database, "ana", GOOD, "").token)[0].team == "night"


def test_no_option_takes_a_password():
    for command in ("add", "password"):
        assert "--password " not in user(command, "--help").stdout


def test_an_empty_standard_input_is_no_password(place):
    done = user("add", "ana", "--role", "lead")
    assert done.exit_code == 2
    assert "standard input holds none" in done.stderr
    assert user("list").stdout == "No users yet: add one with `autoqa review user add`.\n"


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        (("ana", "--role", "boss"), GOOD, "'boss' is no role: choose one of reviewer, lead"),
        (("ana", "--role", "lead"), "short", "too short: it needs at least 12 characters"),
        (("a b", "--role", "lead"), GOOD, "'a b' cannot be a user's name"),
        (("maya", "--role", "agent"), GOOD, "name the agent as the conversations do"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_enter(place, arguments, given, said):
    done = user("add", *arguments, given=f"{given}\n")
    assert done.exit_code == 2
    assert said in done.stderr


def test_users_are_listed_as_a_table_and_as_json(place):
    user("add", "ana", "--role", "reviewer", given=GOOD)
    user("add", "maya", "--role", "agent", "--agent", "Maya Okafor", "--no-password")
    user("deactivate", "ana")
    listed = user("list").stdout.splitlines()
    assert listed[0].startswith("name  role")
    assert listed[1].split() == ["maya", "agent", "maya", "Maya", "Okafor", "link", "yes"]
    assert listed[2].split() == ["ana", "reviewer", "ana", "password", "no"]
    plain = json.loads(user("list", "--json").stdout)
    assert [(one["name"], one["role"], one["active"]) for one in plain] == [
        ("maya", "agent", True),
        ("ana", "reviewer", False),
    ]
    assert "argon2" not in json.dumps(plain)


def test_a_new_password_takes_the_place_of_the_old(place):
    user("add", "ana", "--role", "lead", given=GOOD)
    done = user("password", "ana", given="another good password")
    assert done.stdout == "ana: has a new password; sessions have ended.\n"
    with open_database(place) as database:
        assert log_in(database, "ana", "another good password", "")
        with pytest.raises(LoginRefusedError):
            log_in(database, "ana", GOOD, "")


def test_a_deactivated_user_comes_in_when_activated_again(place):
    user("add", "ana", "--role", "lead", given=GOOD)
    assert user("deactivate", "ana").stdout == "ana: deactivated.\n"
    with open_database(place) as database, pytest.raises(LoginRefusedError):
        log_in(database, "ana", GOOD, "")
    assert user("link", "ana").exit_code == 2
    assert user("activate", "ana").stdout == "ana: active.\n"
    with open_database(place) as database:
        assert log_in(database, "ana", GOOD, "")


def test_a_link_lets_a_user_in_once(place):
    done = user("add", "ana", "--role", "lead", "--no-password")
    assert done.stdout.endswith("For a link to come in with: autoqa review user link ana\n")
    done = user("link", "ana", "--address", "https://review.example.com/")
    before, token = done.stdout.strip().split("=")
    assert before == "https://review.example.com/login/link?token"
    with open_database(place) as database:
        assert session_of(database, redeem(database, token).token)[0].name == "ana"


@pytest.mark.parametrize("command", ["list", "password", "deactivate", "activate", "link"])
def test_a_database_is_not_made_by_a_slip_of_the_pen(place, command):
    arguments = () if command == "list" else ("ana",)
    done = user(command, *arguments, "--database", "reviews.db", given=GOOD)
    assert done.exit_code == 2
    assert "reviews.db: there is no review database" in done.stderr
    assert list(place.parent.iterdir()) == []


def test_an_unknown_user_is_an_error(place):
    user("add", "ana", "--role", "lead", given=GOOD)
    done = user("deactivate", "anna")
    assert done.exit_code == 2
    assert done.stderr == "autoqa: There is no user 'anna'. Did you mean 'ana'?\n"


def test_the_database_may_be_named_by_the_environment(place, monkeypatch):
    monkeypatch.setenv("AUTOQA_REVIEW_DATABASE", "elsewhere.db")
    user("add", "ana", "--role", "lead", given=GOOD)
    assert (place.parent / "elsewhere.db").exists()


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(place):
    """A pseudo-terminal, as a person has one: what is typed is not echoed."""
    primary, secondary = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "autoqa", "review", "user", "add", "ana", "--role", "lead"],
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        start_new_session=True,
        cwd=place.parent,
    )
    os.close(secondary)
    shown = b""
    for asked in (1, 2):
        # The space comes last, when typing is no longer echoed; what is typed before is lost.
        while shown.count(b": ") < asked:
            assert select.select([primary], [], [], 60)[0], shown
            shown += os.read(primary, 1000)
        os.write(primary, f"{GOOD}\n".encode())
    assert process.wait(60) == 0
    shown += os.read(primary, 1000)
    os.close(primary)
    assert b"added as lead" in shown
    assert GOOD.encode() not in shown
