"""Users: added, changed, deactivated, with an entry in the audit log for each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from autoqa.review import users
from autoqa.review.access import (
    ConflictError,
    InvalidError,
    LoginRefusedError,
    NotAllowedError,
    NotFoundError,
    Role,
)
from autoqa.review.database import schema
from autoqa.review.logins import log_in, one_time_link, redeem, session_of
from autoqa.review.users import CONSOLE

GOOD = "correct horse battery"

pytestmark = pytest.mark.usefixtures("cheap_hashes")


def entries(database):
    """Action and subject of all entries."""
    with database.reading() as connection:
        log = connection.execute(select(schema.audit_log).order_by(schema.audit_log.c.number))
        return [(row.actor, row.action, row.subject) for row in log]


def test_a_user_is_added_as_they_will_be_known(databases):
    added = users.add_user(
        databases,
        CONSOLE,
        " Ana.López ",
        role="lead",
        password=GOOD,
        display_name=" Ana López ",
        team="night",
    )
    assert (added.name, added.display_name) == ("ana.lópez", "Ana López")
    assert (added.role, added.team, added.agent) == (Role.LEAD, "night", None)
    (account,) = users.list_users(databases, CONSOLE)
    assert account.user == added
    assert account.active
    assert account.has_password
    assert entries(databases) == [("(console)", "user.add", "user:ana.lópez")]


def test_passwords_are_nowhere_in_the_database(database, tmp_path):
    users.add_user(database, CONSOLE, "ana", role="lead", password=GOOD)
    log_in(database, "ana", GOOD, "127.0.0.1")
    database.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("review.db*"))
    assert b"argon2id" in stored
    assert GOOD.encode() not in stored


@pytest.mark.parametrize("name", ["ana", "ANA", "ａｎａ", " ana"])
def test_one_name_has_one_user(database, name):
    users.add_user(database, CONSOLE, "ana", role="lead")
    with pytest.raises(ConflictError, match=r"There is a user 'ana' already \(lead\)"):
        users.add_user(database, CONSOLE, name, role="admin")


@pytest.mark.parametrize("name", ["", " ", "a b", "(console)", "a/b", "<b>", "x" * 121, "a\x00b"])
def test_names_that_cannot_be_are_refused(database, name):
    with pytest.raises(InvalidError, match="cannot be a user's name: use up to 120 letters"):
        users.add_user(database, CONSOLE, name, role="lead")


def test_a_name_of_a_models_ratings_is_refused(database):
    now = datetime.now(UTC)
    with database.writing("tests") as write:
        write.execute(
            insert(schema.runs).values(
                id=1,
                name="r",
                scorecard="c",
                scorecard_version=1,
                fingerprint="f",
                loaded_at=now,
            )
        )
        write.execute(
            insert(schema.conversations).values(
                id="c1",
                run_id=1,
                document={},
                words="",
                language="en",
                channel="chat",
                n_turns=1,
            )
        )
        write.execute(
            insert(schema.evaluations).values(
                conversation_id="c1",
                rater="rules",
                kind="model",
                scorecard="c",
                scorecard_version=1,
                purpose="score",
                state="submitted",
                started_at=now,
            )
        )
        write.audit("test", "test")
    with pytest.raises(InvalidError, match="'rules' is the name of a model's ratings"):
        users.add_user(database, CONSOLE, "rules", role="reviewer")


def test_a_role_that_is_none_is_answered_with_those_there_are(database):
    with pytest.raises(InvalidError) as refused:
        users.add_user(database, CONSOLE, "ana", role="reviwer")
    assert str(refused.value) == (
        "'reviwer' is no role: choose one of reviewer, lead, agent, analyst, admin. "
        "Did you mean 'reviewer'?"
    )


def test_a_user_in_the_role_of_agent_needs_an_agent(database):
    with pytest.raises(InvalidError, match="sees one agent's conversations: name the agent"):
        users.add_user(database, CONSOLE, "maya", role="agent", agent=" ")
    assert users.add_user(database, CONSOLE, "maya", role="agent", agent="Maya").agent == "Maya"


@pytest.mark.parametrize("what", ["display_name", "team", "agent"])
@pytest.mark.parametrize("text", ["x" * 201, "a\x1b[2Jb", "a\u202eb", "a\ud800b"])
def test_what_is_shown_is_printable_and_short(database, what, text):
    with pytest.raises(InvalidError, match="use up to 200 printable characters"):
        users.add_user(database, CONSOLE, "ana", role="lead", **{what: text})


def test_only_admins_manage_users(database, people):
    for name in ("lead", "reviewer", "agent", "analyst"):
        by = people[name]
        for attempt in (
            lambda by=by: users.add_user(database, by, "new", role="admin"),
            lambda by=by: users.change_user(database, by, "reviewer", role="admin"),
            lambda by=by: users.set_password(database, by, "reviewer", GOOD),
            lambda by=by: users.deactivate(database, by, "reviewer"),
            lambda by=by: users.activate(database, by, "reviewer"),
            lambda by=by: users.list_users(database, by),
            lambda by=by: users.account_of(database, by, "reviewer"),
            lambda by=by: one_time_link(database, people["reviewer"], by=by),
        ):
            with pytest.raises(NotAllowedError, match="may not manage users"):
                attempt()


def test_an_unknown_user_is_named_with_one_that_is_close(database, people):
    with pytest.raises(NotFoundError) as unknown:
        users.deactivate(database, people["admin"], "reviwer")
    assert str(unknown.value) == "There is no user 'reviwer'. Did you mean 'reviewer'?"


def test_a_changed_user_has_the_new_role_and_must_log_in_again(databases):
    users.add_user(databases, CONSOLE, "ana", role="reviewer", password=GOOD)
    session = log_in(databases, "ana", GOOD, "127.0.0.1")
    users.change_user(databases, CONSOLE, "ana", role="reviewer", display_name="Ana")
    assert session_of(databases, session.token)[0].display_name == "Ana"
    users.change_user(databases, CONSOLE, "ana", role="lead", display_name="Ana", team="night")
    assert session_of(databases, session.token) is None
    assert users.account_of(databases, CONSOLE, "ana").user.role is Role.LEAD


def test_admins_change_neither_their_own_role_nor_lock_themselves_out(database, people):
    admin = people["admin"]
    with pytest.raises(InvalidError, match="your own role"):
        users.change_user(database, admin, "admin", role="reviewer")
    with pytest.raises(InvalidError, match="deactivate yourself"):
        users.deactivate(database, admin, "admin")
    assert users.change_user(database, admin, "admin", role="admin", team="x").team == "x"


def test_a_new_password_from_an_admin_ends_sessions_and_links(databases):
    ana = users.add_user(databases, CONSOLE, "ana", role="reviewer", password=GOOD)
    session, link = log_in(databases, "ana", GOOD, "::1"), one_time_link(databases, ana)
    users.set_password(databases, CONSOLE, "Ana", "another good password")
    assert session_of(databases, session.token) is None
    for attempt in (
        lambda: redeem(databases, link),
        lambda: log_in(databases, "ana", GOOD, "127.0.0.1"),
    ):
        with pytest.raises(LoginRefusedError):
            attempt()
    assert log_in(databases, "ana", "another good password", "127.0.0.1")


def test_ones_own_password_changes_with_the_current_one_alone(databases):
    ana = users.add_user(databases, CONSOLE, "ana", role="reviewer", password=GOOD)
    here, there = (log_in(databases, "ana", GOOD, "127.0.0.1") for _ in range(2))
    with pytest.raises(InvalidError, match="current password is not the one"):
        users.change_password(databases, ana, current="wrong", new="another good password")
    users.change_password(
        databases, ana, current=GOOD, new="another good password", token=here.token
    )
    assert session_of(databases, here.token) is not None
    assert session_of(databases, there.token) is None
    assert log_in(databases, "ana", "another good password", "127.0.0.1")


def test_a_password_that_was_reset_meanwhile_is_not_set_back_by_who_knew_the_old_one(
    database, monkeypatch
):
    ana = users.add_user(database, CONSOLE, "ana", role="reviewer", password=GOOD)
    hash_new = users.passwords.hash_new

    def slowly(password, name):
        monkeypatch.setattr(users.passwords, "hash_new", hash_new)
        users.set_password(database, CONSOLE, "ana", "the new good password")
        return hash_new(password, name)

    monkeypatch.setattr(users.passwords, "hash_new", slowly)
    with pytest.raises(InvalidError, match="current password is not the one"):
        users.change_password(database, ana, current=GOOD, new="another good password")
    assert log_in(database, "ana", "the new good password", "127.0.0.1")


def test_who_came_by_a_link_sets_a_first_password_without_a_current_one(database):
    ana = users.add_user(database, CONSOLE, "ana", role="reviewer")
    users.change_password(database, ana, current="", new=GOOD)
    assert log_in(database, "ana", GOOD, "127.0.0.1")


def test_settings_and_language_are_ones_own(databases):
    ana = users.add_user(databases, CONSOLE, "ana", role="reviewer", password=GOOD)
    token = log_in(databases, "ana", GOOD, "127.0.0.1").token
    changed = users.save_settings(databases, ana, {"theme": "dark"}, language="es")
    assert (changed.settings, changed.language) == ({"theme": "dark"}, "es")
    assert session_of(databases, token)[0] == changed
    with pytest.raises(InvalidError, match="too long"):
        users.save_settings(databases, ana, {"theme": "x" * 10_000}, language="es")


def test_what_a_deactivated_user_held_is_free_and_they_come_in_no_more(database, loaded, people):
    reviewer, admin = people["reviewer"], people["admin"]
    token = one_time_link(database, reviewer)
    now = datetime.now(UTC)
    with database.writing("tests") as write:
        held, assigned = write.execute(select(schema.items.c.id).limit(2)).scalars()
        write.execute(
            insert(schema.leases).values(
                item_id=held,
                slot=0,
                user_id=reviewer.id,
                claimed_at=now,
                expires_at=now + timedelta(minutes=30),
            )
        )
        write.execute(
            schema.items.update()
            .where(schema.items.c.id == assigned)
            .values(assigned_to=reviewer.id)
        )
        write.audit("test", "test")
    users.deactivate(database, admin, "reviewer")
    with database.reading() as connection:
        assert not connection.execute(select(schema.leases)).all()
        assert not connection.execute(
            select(schema.items).where(schema.items.c.assigned_to.is_not(None))
        ).all()
    with pytest.raises(LoginRefusedError, match="used or is too old"):
        redeem(database, token)
    with pytest.raises(InvalidError, match="deactivated: activate them first"):
        one_time_link(database, reviewer, by=admin)
    users.activate(database, admin, "reviewer")
    assert redeem(database, one_time_link(database, reviewer, by=admin))
    assert entries(database)[-4:] == [
        ("admin", "user.deactivate", "user:reviewer"),
        ("admin", "user.activate", "user:reviewer"),
        ("admin", "user.link", "user:reviewer"),
        ("reviewer", "user.log_in", "user:reviewer"),
    ]


def test_the_local_admin_is_made_once_and_let_in_again(database):
    first = users.local_admin(database)
    assert (first.name, first.role) == ("local", Role.ADMIN)
    assert users.local_admin(database) == first
    users.deactivate(database, CONSOLE, "local")
    assert users.local_admin(database) == first
    assert not users.somebody_has_a_password(database)
    users.set_password(database, CONSOLE, "local", GOOD)
    assert users.somebody_has_a_password(database)


def test_active_users_of_some_roles_are_those_to_choose_from(database, people):
    users.deactivate(database, people["admin"], "third_reviewer")
    chosen = users.active_users(database, [Role.REVIEWER, Role.LEAD])
    assert [one.name for one in chosen] == [
        "lead",
        "other_reviewer",
        "reviewer",
        "team_lead",
    ]
