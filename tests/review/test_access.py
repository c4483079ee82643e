"""Who may do what: the whole table of roles and permissions, and whose conversations are seen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from autoqa.review.access import NotAllowedError, Permission, Role, User
from autoqa.review.database import schema

# One column for each role, in the order of `Role`: reviewer, lead, agent, analyst, admin.
TABLE = """
see_queue       + + - + +
review          + + - - +
see_ratings     + + - + +
assign          - + - - +
calibrate       - + - - +
dispute         - + + - +
decide          + + - - +
coach           - + - - +
see_coaching    + + + + +
see_dashboards  + + - + +
export          - + - + +
manage_users    - - - - +
see_audit       - - - - +
"""
MATRIX = {
    (role, Permission(line.split()[0])): sign == "+"
    for line in TABLE.strip().splitlines()
    for role, sign in zip(Role, line.split()[1:], strict=True)
}


def user(role, **more):
    return User(id=1, name="somebody", display_name="Somebody", role=role, **more)


def test_the_table_has_every_permission_of_every_role():
    assert set(MATRIX) == {(role, one) for role in Role for one in Permission}


@pytest.mark.parametrize(("role", "permission"), MATRIX)
def test_a_role_may_what_the_table_says_and_nothing_else(role, permission):
    allowed = MATRIX[role, permission]
    assert user(role).may(permission) is allowed
    if allowed:
        user(role).require(permission)
    else:
        words = permission.replace("_", " ")
        with pytest.raises(NotAllowedError, match=f"^{role} 'somebody' may not {words}$"):
            user(role).require(permission)


NAMES = [None, "", "Ana", "ana", "Bo", "%", "_"]


@pytest.fixture(scope="module")
def conversations(tmp_path_factory, empty_file):
    """A conversation for each pair of agent and team, among them hostile and missing ones."""
    import shutil

    from autoqa.review.database import open_database

    path = shutil.copy(empty_file, tmp_path_factory.mktemp("access") / "review.db")
    pairs = {f"c{i}": pair for i, pair in enumerate((a, t) for a in NAMES for t in NAMES)}
    with open_database(path) as database:
        now = datetime.now(UTC)
        with database.writing("tests") as write:
            write.execute(
                insert(schema.runs).values(
                    id=1,
                    name="run",
                    scorecard="card",
                    scorecard_version=1,
                    fingerprint="f",
                    loaded_at=now,
                )
            )
            for conversation_id, (agent, team) in pairs.items():
                write.execute(
                    insert(schema.conversations).values(
                        id=conversation_id,
                        run_id=1,
                        document={},
                        words="",
                        language="en",
                        channel="chat",
                        agent=agent,
                        team=team,
                        n_turns=1,
                    )
                )
            write.audit("test", "test")
        yield database, pairs


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(role=st.sampled_from(Role), agent=st.sampled_from(NAMES), team=st.sampled_from(NAMES))
def test_agents_see_their_own_leads_of_a_team_that_team_and_others_all(
    conversations, role, agent, team
):
    database, pairs = conversations
    somebody = user(role, agent=agent, team=team)
    with database.reading() as connection:
        seen = set(
            connection.execute(select(schema.conversations.c.id).where(somebody.sees())).scalars()
        )
    for conversation_id, (its_agent, its_team) in pairs.items():
        if role is Role.AGENT:
            expected = bool(agent) and its_agent == agent
        elif role is Role.LEAD:
            expected = not team or its_team == team
        else:
            expected = True
        assert (conversation_id in seen) is expected, (its_agent, its_team)
