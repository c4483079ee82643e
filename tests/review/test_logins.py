"""Logging in: what opens a session, what ends it, and what guessing comes to."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from autoqa.review import logins, passwords, users
from autoqa.review.access import LoginRefusedError, Role, TooManyAttemptsError
from autoqa.review.database import schema
from autoqa.review.logins import log_in, log_out, one_time_link, redeem, session_of
from autoqa.review.users import CONSOLE

GOOD = "correct horse battery"
HERE = "192.0.2.7"

pytestmark = pytest.mark.usefixtures("cheap_hashes")


def add_ana(database):
    return users.add_user(database, CONSOLE, "ana", role="reviewer", password=GOOD)


def rows(database, table):
    with database.reading() as connection:
        return connection.execute(select(table)).all()


def put_back(database, table, column, by):
    """Move a time in all rows of a table into the past: as if so much time had gone by."""
    with database.housekeeping() as connection:
        for row in connection.execute(select(table)).all():
            earlier = getattr(row, column) - by
            key = next(iter(table.primary_key))
            connection.execute(
                update(table).where(key == getattr(row, key.name)).values({column: earlier})
            )


def fail(database, name="ana", address=HERE):
    with pytest.raises(LoginRefusedError) as refused:
        log_in(database, name, "a wrong password", address)
    return str(refused.value)


def test_a_session_is_its_users_until_they_log_out(databases):
    ana = add_ana(databases)
    session = log_in(databases, " Ana ", GOOD, HERE)
    assert session_of(databases, session.token) == (ana, session)
    log_out(databases, session.token)
    log_out(databases, session.token)
    assert session_of(databases, session.token) is None
    actions = [row.action for row in rows(databases, schema.audit_log)]
    assert actions == ["user.add", "user.log_in", "user.log_out"]


def test_the_database_holds_digests_of_tokens_and_each_login_has_new_ones(databases):
    ana = add_ana(databases)
    sessions = [log_in(databases, "ana", GOOD, HERE) for _ in range(2)]
    link = one_time_link(databases, ana)
    tokens = {one.token for one in sessions}
    assert len(tokens | {one.csrf for one in sessions} | {link}) == 5
    stored = {row.token_sha256 for row in rows(databases, schema.sessions)}
    assert stored == {hashlib.sha256(token.encode()).hexdigest() for token in tokens}
    (stored_link,) = rows(databases, schema.login_links)
    assert stored_link.token_sha256 == hashlib.sha256(link.encode()).hexdigest()
    assert all(token not in repr(sessions) for token in tokens)


def test_a_login_ends_the_session_that_the_browser_came_with(databases):
    ana = add_ana(databases)
    before = log_in(databases, "ana", GOOD, HERE)
    after = log_in(databases, "ana", GOOD, HERE, instead_of=before.token)
    assert session_of(databases, before.token) is None
    last = redeem(databases, one_time_link(databases, ana), instead_of=after.token)
    assert session_of(databases, after.token) is None
    assert session_of(databases, last.token) == (ana, last)


@pytest.mark.parametrize("token", ["", "x", "\ud800", "' OR 1=1 --", "a\x00b"])
def test_a_token_of_no_session_is_nobody(databases, token):
    add_ana(databases)
    log_in(databases, "ana", GOOD, HERE)
    assert session_of(databases, token) is None
    log_out(databases, token)
    with pytest.raises(LoginRefusedError):
        redeem(databases, token)
    assert len(rows(databases, schema.sessions)) == 1


def test_a_session_ends_when_it_is_not_used(databases):
    add_ana(databases)
    token = log_in(databases, "ana", GOOD, HERE).token
    for _ in range(5):
        put_back(databases, schema.sessions, "seen_at", timedelta(minutes=29))
        assert session_of(databases, token) is not None  # which counts as used
    put_back(databases, schema.sessions, "seen_at", timedelta(minutes=31))
    assert session_of(databases, token) is None
    assert session_of(databases, token, idle=timedelta(hours=1)) is not None


def test_a_session_ends_after_twelve_hours_however_busy(databases):
    add_ana(databases)
    session = log_in(databases, "ana", GOOD, HERE)
    assert timedelta(hours=11) < session.expires_at - datetime.now(UTC) <= timedelta(hours=12)
    put_back(databases, schema.sessions, "expires_at", timedelta(hours=12))
    assert session_of(databases, session.token) is None
    log_in(databases, "ana", GOOD, HERE)
    assert len(rows(databases, schema.sessions)) == 1  # the one that ended is gone


def test_a_session_that_was_seen_just_now_costs_no_write(database):
    add_ana(database)
    token = log_in(database, "ana", GOOD, HERE).token
    (before,) = rows(database, schema.sessions)
    session_of(database, token)
    assert rows(database, schema.sessions) == [before]


def test_a_session_shows_the_user_as_they_are_now(databases):
    add_ana(databases)
    token = log_in(databases, "ana", GOOD, HERE).token
    users.change_user(databases, CONSOLE, "ana", role="reviewer", display_name="Ana L.")
    assert session_of(databases, token)[0].display_name == "Ana L."
    with databases.housekeeping() as connection:  # whatever else forgot to end sessions
        connection.execute(update(schema.users).values(active=False))
    assert session_of(databases, token) is None


def test_nothing_tells_an_unknown_name_from_a_wrong_password(databases):
    add_ana(databases)
    users.add_user(databases, CONSOLE, "link_only", role="reviewer")
    users.add_user(databases, CONSOLE, "gone", role="reviewer", password=GOOD)
    users.deactivate(databases, CONSOLE, "gone")
    said = {
        fail(databases, name) for name in ("ana", "nobody", "link_only", "", "a\ud800", "x" * 999)
    }
    with pytest.raises(LoginRefusedError) as refused:
        log_in(databases, "gone", GOOD, HERE)
    assert said | {str(refused.value)} == {"The name or the password is wrong"}


@pytest.mark.parametrize("name", ["ana", "nobody"])
def test_after_ten_wrong_passwords_a_name_is_refused_for_a_while_known_or_not(databases, name):
    add_ana(databases)
    for i in range(logins.FAILURES_BY_NAME):
        assert "wrong" in fail(databases, name, f"192.0.2.{i}")
    with pytest.raises(TooManyAttemptsError) as refused:
        log_in(databases, name, GOOD, "198.51.100.1")
    assert refused.value.minutes == 15
    assert str(refused.value) == "Too many attempts. Try again in 15 minutes."
    put_back(databases, schema.login_failures, "at", timedelta(minutes=14))
    with pytest.raises(TooManyAttemptsError) as refused:
        log_in(databases, name, GOOD, HERE)
    assert refused.value.minutes == 1
    put_back(databases, schema.login_failures, "at", timedelta(minutes=1))
    if name == "ana":
        assert log_in(databases, name, GOOD, HERE)
    else:
        assert "wrong" in fail(databases, name)


def test_an_address_that_tries_many_names_is_refused(databases, monkeypatch):
    monkeypatch.setattr(logins, "FAILURES_BY_ADDRESS", 3)
    add_ana(databases)
    for i in range(3):
        fail(databases, f"name{i}", f"2001:db8:1:2::{i}")  # one network
    with pytest.raises(TooManyAttemptsError):
        log_in(databases, "ana", GOOD, "2001:db8:1:2:ffff::1")
    assert log_in(databases, "ana", GOOD, "2001:db8:1:3::1")


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("x" * 100, "x" * 64),
        ("", ""),
    ],
)
def test_addresses_are_counted_by_whoever_has_them(databases, address, counted):
    fail(databases, "nobody", address)
    assert [row.address for row in rows(databases, schema.login_failures)] == [counted]


def test_a_right_password_forgets_the_wrong_ones_from_there_alone(databases):
    add_ana(databases)
    fail(databases, "ana", HERE)
    fail(databases, "ana", "198.51.100.1")
    fail(databases, "nobody", HERE)
    log_in(databases, "ana", GOOD, HERE)
    assert len(rows(databases, schema.login_failures)) == 2


def test_typed_names_are_not_kept_they_may_be_passwords(databases):
    fail(databases, GOOD)
    assert GOOD not in str(rows(databases, schema.login_failures))


def test_many_guesses_at_once_are_as_many(databases):
    add_ana(databases)

    def guess(number):
        try:
            log_in(databases, "ana", f"wrong password {number}", HERE)
        except TooManyAttemptsError:
            return "refused"
        except LoginRefusedError:
            return "checked"

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(guess, range(40)))
    assert (answers.count("checked"), answers.count("refused")) == (logins.FAILURES_BY_NAME, 30)


def test_a_password_hashed_with_other_parameters_is_hashed_anew_at_login(database, monkeypatch):
    add_ana(database)
    (before,) = rows(database, schema.users)
    log_in(database, "ana", GOOD, HERE)
    assert rows(database, schema.users) == [before]
    monkeypatch.setattr(
        passwords, "_HASHER", PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)
    )
    log_in(database, "ana", GOOD, HERE)
    (after,) = rows(database, schema.users)
    assert "t=2" in after.password_hash
    assert log_in(database, "ana", GOOD, HERE)


def test_a_password_that_changes_while_it_is_checked_opens_nothing(database, monkeypatch):
    add_ana(database)
    check = passwords.matches

    def slow(password, hashed):
        answer = check(password, hashed)
        users.set_password(database, CONSOLE, "ana", "another good password")
        return answer

    monkeypatch.setattr(passwords, "matches", slow)
    with pytest.raises(LoginRefusedError):
        log_in(database, "ana", GOOD, HERE)
    assert rows(database, schema.sessions) == []


def test_a_link_opens_one_session(databases):
    ana = users.add_user(databases, CONSOLE, "ana", role="analyst")
    token = one_time_link(databases, ana)
    session = redeem(databases, token)
    assert session_of(databases, session.token) == (ana, session)
    with pytest.raises(LoginRefusedError, match="has been used or is too old: ask for a new one"):
        redeem(databases, token)


def test_a_link_that_many_use_at_once_opens_one_session(databases):
    token = one_time_link(databases, users.local_admin(databases))

    def use(_):
        try:
            return redeem(databases, token)
        except LoginRefusedError:
            return None

    with ThreadPoolExecutor(8) as pool:
        opened = [one for one in pool.map(use, range(16)) if one]
    assert len(opened) == 1
    assert session_of(databases, opened[0].token)[0].role is Role.ADMIN


def test_a_link_is_of_no_use_after_a_quarter_of_an_hour(databases):
    token = one_time_link(databases, users.local_admin(databases))
    put_back(databases, schema.login_links, "expires_at", timedelta(minutes=16))
    with pytest.raises(LoginRefusedError):
        redeem(databases, token)
    one_time_link(databases, users.local_admin(databases))
    assert len(rows(databases, schema.login_links)) == 1  # the old one is gone
