"""Calibration sessions: blind answers, agreement with its intervals, references, history."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from autoqa.records import RaterKind, Rating, Status
from autoqa.review.access import ConflictError, InvalidError, NotAllowedError, NotFoundError
from autoqa.review.answers import reopen, save_answer
from autoqa.review.calibration import (
    Stage,
    agree,
    begin,
    calibration,
    candidates,
    close,
    history,
    list_calibrations,
    open_discussion,
    pick,
    possible_raters,
    results,
)
from autoqa.review.calibration.agreement import agreement, apart, common_answer, distances
from autoqa.review.conversations import see
from autoqa.review.database import open_database, schema, verify
from autoqa.review.filters import Filters

FIRST, SECOND, THIRD = "brv-en-01", "brv-en-02", "brv-en-03"
RATERS = ("reviewer", "other_reviewer")


@pytest.fixture
def loaded(request):
    """The sample's run; with all forms of a session handed in where a test asks for `finished`."""
    ready = "finished" in request.fixturenames
    return request.getfixturevalue("ready_copy" if ready else "database")


@pytest.fixture
def people(request, add_people, loaded):
    if "finished" in request.fixturenames:
        return request.getfixturevalue("ready_file")[1]
    return add_people(loaded)


@pytest.fixture(scope="module")
def ready_file(tmp_path_factory, loaded_file, add_people, hand_in):
    """The raters differ on one criterion of each conversation."""
    path = shutil.copy(loaded_file, tmp_path_factory.mktemp("ready") / "review.db")
    database = open_database(path)
    people = add_people(database)
    session = begin(database, people["lead"], "March", (FIRST, SECOND), RATERS)
    for who, said in (("reviewer", {}), ("other_reviewer", {FIRST: 0, SECOND: 1})):
        for talk in session.conversations:
            levels = {"courtesy": said.get(talk, 2)}
            hand_in(database, people[who], talk, levels, occasion=session.occasion)
    database.close()
    return path, people, session.id


@pytest.fixture
def ready_copy(tmp_path, ready_file):
    database = open_database(shutil.copy(ready_file[0], tmp_path / "review.db"))
    yield database
    database.close()


@pytest.fixture
def finished(loaded, people, ready_file):
    """A session of two raters and two conversations, all handed in."""
    return calibration(loaded, people["lead"], ready_file[2])


@pytest.fixture
def session(loaded, people):
    return begin(loaded, people["lead"], "March", (FIRST, SECOND), RATERS)


def add_talks(database, *names, team="harbour", card=("core", 1)):
    """Conversations without a run of the sample, for databases that are empty."""
    now = datetime.now(UTC)
    with database.writing("tests") as write:
        run = write.execute(
            insert(schema.runs)
            .values(
                name="run",
                scorecard=card[0],
                scorecard_version=card[1],
                fingerprint=f"{card[0]}{card[1]}{names[0]}",
                scorers={},
                loaded_at=now,
            )
            .returning(schema.runs.c.id)
        ).scalar_one()
        write.execute(
            insert(schema.conversations),
            [
                {
                    "id": name,
                    "run_id": run,
                    "document": {},
                    "words": "",
                    "language": "en",
                    "channel": "chat",
                    "team": team,
                    "n_turns": 1,
                }
                for name in names
            ],
        )
        write.audit("tests.add", "conversations")


# Beginning.


def test_a_session_has_its_conversations_in_order_and_a_seat_for_each_rater(loaded, people):
    begun = begin(loaded, people["lead"], " March ", (SECOND, FIRST), RATERS)
    assert (begun.name, begun.stage, begun.conversations) == (
        "March",
        Stage.RATING,
        (SECOND, FIRST),
    )
    assert [seat.rater for seat in begun.seats] == sorted(RATERS)
    assert (begun.n_wanted, begun.n_submitted) == (4, 0)  # 2 conversations, 2 raters


@pytest.mark.parametrize(
    ("name", "conversations", "raters", "said"),
    [
        (" ", (FIRST,), RATERS, "name"),
        ("March", (), RATERS, "0 conversations"),
        ("March", ("no-such",), RATERS, "no-such"),
        ("March", ("nul\0",), RATERS, "nul"),
        ("March", (FIRST, FIRST), RATERS, "twice"),
        ("March", (FIRST,), ("reviewer",), "1 raters"),
        ("March", (FIRST,), ("reviewer", "nobody"), "nobody"),
        ("March", (FIRST,), ("reviewer", "agent"), "agent"),
        ("March", (FIRST,), ("reviewer", "analyst"), "analyst"),
    ],
)
def test_what_cannot_be_a_session_is_refused_by_name(
    loaded, people, name, conversations, raters, said
):
    with pytest.raises(InvalidError, match=said):
        begin(loaded, people["lead"], name, conversations, raters)
    assert list_calibrations(loaded, people["lead"]) == ()


@pytest.mark.parametrize("who", ["reviewer", "agent", "analyst"])
def test_only_leads_and_admins_begin_sessions(loaded, people, who):
    with pytest.raises(NotAllowedError):
        begin(loaded, people[who], "March", (FIRST,), RATERS)


def test_a_rater_must_be_able_to_see_every_conversation(databases, add_people):
    people = add_people(databases)
    add_talks(databases, "a", team="harbour")
    add_talks(databases, "b", team="meridian")
    with pytest.raises(InvalidError, match="team_lead"):
        begin(databases, people["lead"], "March", ("a", "b"), ("reviewer", "team_lead"))
    assert begin(databases, people["lead"], "March", ("a",), ("reviewer", "team_lead")).id


def test_conversations_of_two_scorecards_are_no_session(databases, add_people):
    people = add_people(databases)
    add_talks(databases, "a")
    add_talks(databases, "b", card=("core", 2))
    with pytest.raises(InvalidError, match="core version 1, core version 2"):
        begin(databases, people["lead"], "March", ("a", "b"), RATERS)


def test_picking_at_random_is_repeatable_and_leaves_out_what_was_in_a_session(
    databases, add_people
):
    people = add_people(databases)
    add_talks(databases, *(f"talk-{n}" for n in range(20)))
    filters = Filters(state="all", team="harbour")
    first = pick(databases, people["lead"], filters, 5, seed=3)
    assert first == pick(databases, people["lead"], filters, 5, seed=3)
    assert len(set(first)) == 5
    assert first != pick(databases, people["lead"], filters, 5, seed=4)
    begin(databases, people["lead"], "March", first, RATERS)
    rest = pick(databases, people["lead"], filters, 20, seed=3)
    assert len(rest) == 15
    assert not set(rest) & set(first)
    assert pick(databases, people["lead"], replace(filters, team="nowhere"), 5) == ()


def test_candidates_come_in_the_order_asked_for_without_what_does_not_exist(loaded, people):
    found = candidates(loaded, people["lead"], (SECOND, "no-such", "nul\0", FIRST))
    assert [one.conversation_id for one in found] == [SECOND, FIRST]
    assert found[1].agent == "Maya Okafor"


def test_whoever_may_review_may_rate(loaded, people):
    names = [one.name for one in possible_raters(loaded, people["lead"])]
    assert "reviewer" in names
    assert not {"agent", "analyst"} & set(names)


# Seeing.


def test_a_session_is_seen_by_who_may_see_all_of_its_conversations(databases, add_people):
    people = add_people(databases)
    add_talks(databases, "a", team="harbour")
    add_talks(databases, "b", team="meridian")
    session = begin(databases, people["lead"], "March", ("a", "b"), RATERS)
    for who in ("lead", "reviewer", "third_reviewer", "analyst", "admin"):
        assert calibration(databases, people[who], session.id).name == "March"
    with pytest.raises(NotFoundError):
        calibration(databases, people["team_lead"], session.id)
    with pytest.raises(NotAllowedError):
        list_calibrations(databases, people["agent"])


def test_nobody_sees_answers_before_all_are_handed_in(loaded, people, session, hand_in):
    hand_in(loaded, people["reviewer"], FIRST, occasion=session.occasion)
    for who in ("reviewer", "other_reviewer", "lead", "admin", "analyst"):
        with pytest.raises(NotAllowedError, match="until"):
            results(loaded, people[who], session.id)
    peer = see(loaded, people["other_reviewer"], FIRST, occasion=session.occasion)
    assert peer.hidden
    assert (peer.peers, peer.model) == ((), {})


def test_once_all_are_handed_in_answers_are_seen_and_fixed(loaded, people, finished):
    assert finished.complete
    assert results(loaded, people["reviewer"], finished.id).differences
    with pytest.raises(ConflictError):
        reopen(loaded, people["reviewer"], FIRST, occasion=finished.occasion)


def rate_blind(database, conversation):
    """Let everybody who has not reviewed a conversation have to do so blind."""
    with database.writing("tests") as write:
        known = write.execute(
            update(schema.items)
            .where(schema.items.c.conversation_id == conversation)
            .values(blind=True, state="open")
        ).rowcount
        if not known:
            write.execute(
                insert(schema.items).values(
                    conversation_id=conversation,
                    priority=0.5,
                    state="open",
                    blind=True,
                    created_at=datetime.now(UTC),
                )
            )
        write.audit("tests.blind", conversation)


def test_answers_of_a_conversation_still_to_be_rated_blind_elsewhere_are_left_out(
    loaded, people, finished
):
    rate_blind(loaded, FIRST)
    found = results(loaded, people["third_reviewer"], finished.id)
    assert found.withheld == (FIRST,)
    assert {one.conversation_id for one in (*found.differences, *found.alike)} == {SECOND}


def test_nor_do_figures_rest_on_answers_that_are_left_out_but_the_history_does(
    loaded, people, finished
):
    lead = people["lead"]
    open_discussion(loaded, lead, finished.id)
    rate_blind(loaded, FIRST)

    def most(who):
        return max(one.n_items for one in results(loaded, who, finished.id).agreement.criteria)

    assert (most(people["analyst"]), most(lead)) == (2, 1)
    rate_blind(loaded, SECOND)
    assert (most(people["analyst"]), most(lead)) == (2, 0)
    close(loaded, lead, finished.id)
    (past,) = history(loaded, lead)
    assert past.exact.n_clusters == 2


# Opening.


def test_opening_early_must_be_on_purpose_and_is_said(loaded, people, session, hand_in):
    hand_in(loaded, people["reviewer"], FIRST, occasion=session.occasion)
    with pytest.raises(InvalidError, match="3 of 4 forms"):
        open_discussion(loaded, people["lead"], session.id)
    opened = open_discussion(loaded, people["lead"], session.id, early=True)
    assert (opened.stage, opened.opened_early) == (Stage.DISCUSSING, True)
    with pytest.raises(ConflictError):
        save_answer(
            loaded,
            people["other_reviewer"],
            FIRST,
            "courtesy",
            status="rated",
            level=1,
            reason="too late",
            based_on=0,
            occasion=session.occasion,
        )


def test_opening_when_all_are_in_is_not_early(loaded, people, finished):
    assert not open_discussion(loaded, people["lead"], finished.id).opened_early
    with pytest.raises(ConflictError, match="discussing"):
        open_discussion(loaded, people["lead"], finished.id)


@pytest.mark.parametrize("who", ["reviewer", "analyst"])
def test_only_leads_and_admins_open_agree_and_close(loaded, people, finished, who):
    for change in (
        lambda user: open_discussion(loaded, user, finished.id),
        lambda user: agree(loaded, user, finished.id, FIRST, "courtesy", status="rated", level=1),
        lambda user: close(loaded, user, finished.id),
    ):
        with pytest.raises(NotAllowedError):
            change(people[who])


# Results.


def test_differences_come_first_farthest_apart_first(loaded, people, finished):
    found = results(loaded, people["lead"], finished.id)
    assert [(one.conversation_id, one.criterion) for one in found.differences] == [
        (FIRST, "courtesy"),  # 2 and 0 of 0-2
        (SECOND, "courtesy"),  # 2 and 1
    ]
    first = found.differences[0]
    assert first.apart == 1.0
    assert [(one.rater, one.rating.level) for one in first.given] == [
        ("other_reviewer", 0),
        ("reviewer", 2),
    ]
    assert first.given[0].rating.reason == "other_reviewer on courtesy"
    n_criteria = sum(one.unit == "conversation" for one in found.card.criteria)
    assert len(found.alike) == 2 * n_criteria - 2


def test_agreement_is_of_both_raters_on_both_conversations(loaded, people, finished):
    found = results(loaded, people["lead"], finished.id)
    by_name = {one.criterion: one for one in found.agreement.criteria}
    assert by_name["courtesy"].exact.value == 0.0
    assert by_name["courtesy"].n_items_with_values == 2
    n_criteria = len({one.criterion for one in (*found.differences, *found.alike)})
    items = 2 * n_criteria
    assert found.agreement.exact.value == pytest.approx((items - 2) / items)
    assert found.agreement.applicability.value == 1.0
    severe = {one.rater: one.severity for one in found.agreement.raters}
    assert severe["reviewer"].value == -severe["other_reviewer"].value < 0


def test_a_reference_brings_the_distance_of_each_rater(loaded, people, finished):
    open_discussion(loaded, people["lead"], finished.id)
    agree(loaded, people["lead"], finished.id, FIRST, "courtesy", status="rated", level=2)
    found = results(loaded, people["lead"], finished.id)
    by_rater = {one.rater: one for one in found.distances}
    n = found.n_common + 1
    assert found.n_agreed == 1
    assert by_rater["reviewer"].exact.value == 1.0
    assert by_rater["other_reviewer"].exact.value == pytest.approx((n - 1) / n)
    assert by_rater["other_reviewer"].bias.value == pytest.approx(-1 / n)  # 0, not 2, of 0-2
    assert found.n_open == 1


def test_references_are_versions_and_a_stale_one_is_refused_with_both(loaded, people, finished):
    open_discussion(loaded, people["lead"], finished.id)

    def note(level, based_on, who="lead"):
        return agree(
            loaded,
            people[who],
            finished.id,
            FIRST,
            "courtesy",
            status="rated",
            level=level,
            reason="we looked at turn 3",
            based_on=based_on,
        )

    assert (note(1, 0).version, note(2, 1, "admin").version) == (1, 2)
    with pytest.raises(ConflictError) as stale:
        note(0, 1)
    assert (stale.value.theirs["level"], stale.value.yours["level"]) == (2, 0)
    assert (stale.value.theirs["version"], stale.value.yours["version"]) == (2, 2)
    with loaded.reading() as connection:
        kept = connection.execute(select(schema.reference_ratings)).all()
    assert [row.level for row in kept] == [1, 2]


@pytest.mark.parametrize(
    ("criterion", "status", "level"),
    [
        ("courtesy", "rated", 9),
        ("courtesy", "rated", None),
        ("courtesy", "abstained", None),
        ("courtesy", "not_applicable", 1),
        ("courtsey", "rated", 1),
    ],
)
def test_a_reference_is_an_answer_of_the_scorecard(
    loaded, people, finished, criterion, status, level
):
    open_discussion(loaded, people["lead"], finished.id)
    with pytest.raises(InvalidError):
        agree(loaded, people["lead"], finished.id, FIRST, criterion, status=status, level=level)


def test_references_are_for_the_conversations_of_the_session(loaded, people, finished):
    open_discussion(loaded, people["lead"], finished.id)
    with pytest.raises(NotFoundError):
        agree(loaded, people["lead"], finished.id, THIRD, "courtesy", status="rated", level=1)


def test_references_are_agreed_in_the_discussion_only(loaded, people, finished):
    def note():
        agree(loaded, people["lead"], finished.id, FIRST, "courtesy", status="rated", level=1)

    with pytest.raises(ConflictError):
        note()
    open_discussion(loaded, people["lead"], finished.id)
    close(loaded, people["lead"], finished.id)
    with pytest.raises(ConflictError):
        note()


# Closing and history.


def test_the_history_keeps_agreement_as_it_was_when_the_session_closed(loaded, people, finished):
    lead = people["lead"]
    assert history(loaded, lead) == ()
    open_discussion(loaded, lead, finished.id)
    before = results(loaded, lead, finished.id).agreement
    closed = close(loaded, lead, finished.id)
    assert (closed.stage, closed.closed_at is None) == (Stage.CLOSED, False)
    (past,) = history(loaded, people["reviewer"])
    assert (past.name, past.n_conversations, past.n_raters) == ("March", 2, 2)
    assert past.exact == replace(before.exact, dropped=0)
    by_name = {one.criterion: one for one in before.criteria}
    assert past.criteria_exact["courtesy"].value == by_name["courtesy"].exact.value
    for name, one in past.alpha.items():
        same = one.value == by_name[name].alpha.value
        assert same or math.isnan(one.value) == math.isnan(by_name[name].alpha.value)


def test_every_change_of_a_session_is_in_the_audit_log(loaded, people, finished):
    lead = people["lead"]
    open_discussion(loaded, lead, finished.id)
    agree(loaded, lead, finished.id, FIRST, "courtesy", status="rated", level=1, reason="secret")
    close(loaded, lead, finished.id)
    with loaded.reading() as connection:
        entries = connection.execute(
            select(schema.audit_log).where(schema.audit_log.c.action.like("calibration.%"))
        ).all()
        assert verify(connection).holds
    assert [entry.action for entry in entries] == [
        "calibration.begin",
        "calibration.open",
        "calibration.agree",
        "calibration.close",
    ]
    assert not any("secret" in str(entry.details) for entry in entries)


def test_sessions_work_on_both_databases(databases, add_people, load_sample, hand_in):
    load_sample(databases)
    people = add_people(databases)
    session = begin(databases, people["lead"], "März", (FIRST,), RATERS)
    for who, level in (("reviewer", 2), ("other_reviewer", None)):
        levels = {"courtesy": level}
        hand_in(databases, people[who], FIRST, levels, occasion=session.occasion)
    open_discussion(databases, people["lead"], session.id)
    agree(databases, people["lead"], session.id, FIRST, "courtesy", status="rated", level=1)
    assert results(databases, people["lead"], session.id).n_open == 0
    close(databases, people["lead"], session.id)
    (past,) = history(databases, people["analyst"])
    assert past.name == "März"


# The figures by themselves.


def rated(conversation, rater, level, criterion="empathy"):
    status = Status.NOT_APPLICABLE if level is None else Status.RATED
    return Rating(
        conversation_id=conversation,
        criterion=criterion,
        rater=rater,
        kind=RaterKind.HUMAN,
        status=status,
        level=level,
    )


SCALES = (("empathy", (0, 1, 2)), ("recap", (0, 1)))


def test_level_and_applicability_are_told_apart():
    said = (
        rated("a", "ana", 2),
        rated("a", "bo", 2),
        rated("b", "ana", None),
        rated("b", "bo", 1),
        rated("c", "ana", 0),
        rated("c", "bo", 2),
    )
    empathy, recap = agreement(said, SCALES).criteria
    assert (empathy.exact.value, empathy.n_items_with_values) == (0.5, 2)  # a alike, c not
    assert empathy.applicability.value == pytest.approx(2 / 3)  # b differs
    assert empathy.not_applicable.value == pytest.approx(1 / 6)
    assert (recap.n_items, recap.exact.n) == (0, 0)
    assert math.isnan(recap.alpha.value)


def test_an_item_counts_once_however_many_rated_it():
    said = (
        *(rated("a", name, 1) for name in ("ana", "bo", "cy")),  # 3 pairs alike
        rated("b", "ana", 0),
        rated("b", "bo", 1),
    )
    found = agreement(said, SCALES)
    assert found.exact.value == 0.5
    assert found.exact.n == 2
    by_rater = {one.rater: one for one in found.raters}
    assert by_rater["cy"].exact.value == 1.0
    assert by_rater["ana"].exact.value == 0.5  # alike on a, not on b


def test_severity_is_a_share_of_the_scale():
    said = tuple(
        rated(f"c{n}", name, level)
        for n in range(12)
        for name, level in (("ana", n % 2), ("bo", n % 2 + 1))
    )
    found = {one.rater: one.severity for one in agreement(said, SCALES).raters}
    assert found["ana"].value == 0.5  # one level of 0-2 lower
    assert found["bo"].value == -0.5
    assert found["ana"].n == 12


def test_distances_use_the_items_that_have_a_reference():
    said = [rated("a", "ana", 2), rated("b", "ana", 0), rated("c", "ana", None)]
    reference = {
        ("a", "empathy"): (Status.RATED, 1),
        ("c", "empathy"): (Status.RATED, 1),
    }
    (ana,) = distances(said, reference, SCALES)
    assert (ana.exact.value, ana.exact.n) == (0.0, 1)
    assert ana.distance.value == ana.bias.value == 0.5  # one of two steps, milder
    assert (ana.applicability.value, ana.applicability.n) == (0.5, 2)


LEVELS = st.lists(st.sampled_from([None, 0, 1, 2]), min_size=1, max_size=6)


@given(LEVELS)
@settings(max_examples=60, deadline=None)
def test_answers_lie_apart_exactly_where_they_differ(levels):
    said = [rated("a", f"r{n}", level) for n, level in enumerate(levels)]
    assert (apart(said, (0, 1, 2)) > 0) == (len(set(levels)) > 1)
    assert (common_answer(said) is None) == (len(set(levels)) > 1 or len(levels) < 2)
    assert apart(said, (0, 1, 2)) <= 1


@given(st.lists(st.tuples(LEVELS, st.booleans()), min_size=1, max_size=5))
@settings(max_examples=15, deadline=None)
def test_figures_do_not_depend_on_the_order_of_answers(items):
    said = tuple(
        rated(f"c{i}", f"r{n}", level)
        for i, (levels, _) in enumerate(items)
        for n, level in enumerate(levels)
    )
    forth, back = agreement(said, SCALES), agreement(said[::-1], SCALES)
    assert str(forth.exact) == str(back.exact)
    assert [str(one.alpha) for one in forth.criteria] == [str(one.alpha) for one in back.criteria]
