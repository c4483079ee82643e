"""Disputes: who may raise and decide, what stays, and what a decision changes."""

from __future__ import annotations

import shutil

import pytest
from sqlalchemy import select, update

from autoqa.records import CSAT, RaterKind, Status
from autoqa.review.access import ConflictError, InvalidError, NotAllowedError, NotFoundError
from autoqa.review.answers import reopen, save_answer, submit
from autoqa.review.calibration import begin
from autoqa.review.database import open_database, schema, verify
from autoqa.review.disputes import (
    State,
    conversation_of,
    count_withheld,
    decide,
    disputable,
    dispute,
    list_disputes,
    raise_dispute,
    reviewed_conversations,
    withdraw,
)
from autoqa.review.stored_evaluations import stored_evaluations
from autoqa.scorecard import evaluate

TALK = "brv-en-01"  # of Maya Okafor, whom the user 'agent' is
CRITERION = "courtesy"


def rating_of(database, user, criterion=CRITERION, kind=RaterKind.HUMAN):
    """The id of the rating that one may dispute."""
    found = [
        one
        for one in disputable(database, user, TALK)
        if (one.criterion.id, one.answer.rating.kind) == (criterion, kind)
    ]
    return found[0].answer.id


def rule(database, user, raised, level, reason="right", based_on=1):
    """Decide a dispute by a level."""
    said = {"status": "rated", "level": level, "reason": reason, "based_on": based_on}
    return decide(database, user, raised.id, **said)


@pytest.fixture(scope="module")
def reviewed_file(tmp_path_factory, loaded_file, add_people, hand_in):
    path = shutil.copy(loaded_file, tmp_path_factory.mktemp("reviewed") / "review.db")
    database = open_database(path)
    people = add_people(database)
    hand_in(database, people["reviewer"], TALK, {CRITERION: 0})
    database.close()
    return path, people


@pytest.fixture
def reviewed(tmp_path, reviewed_file):
    """The sample's run, with one conversation reviewed by `reviewer`."""
    database = open_database(shutil.copy(reviewed_file[0], tmp_path / "review.db"))
    yield database
    database.close()


@pytest.fixture
def people(reviewed_file):
    return reviewed_file[1]


@pytest.fixture
def raised(reviewed, people):
    """An open dispute of the agent about the reviewer's rating."""
    agent = people["agent"]
    return raise_dispute(reviewed, agent, rating_of(reviewed, agent), "I greeted them in turn 1")


def evaluations_of(database, purpose):
    with database.reading() as connection:
        return stored_evaluations(connection, schema.evaluations.c.purpose == purpose)


# Raising.


def test_an_agent_disputes_a_rating_of_their_own_conversation(reviewed, people, raised):
    assert (raised.state, raised.conversation_id, raised.criterion.id) == (
        State.OPEN,
        TALK,
        CRITERION,
    )
    assert (raised.agent, raised.raised_by) == ("Maya Okafor", "Agent")
    assert (raised.original.rating.level, raised.original.given_by) == (0, "Reviewer")
    assert raised.decision is None
    assert dispute(reviewed, people["agent"], raised.id) == raised


def test_a_lead_disputes_on_behalf_of_the_agent(reviewed, people):
    lead = people["team_lead"]
    found = raise_dispute(reviewed, lead, rating_of(reviewed, lead), "She did greet them")
    assert (found.raised_by, found.agent) == ("Team Lead", "Maya Okafor")


def test_an_automated_rating_may_be_disputed_and_is_shown_as_such(reviewed, people):
    agent = people["agent"]
    rating = rating_of(reviewed, agent, kind=RaterKind.MODEL)
    found = raise_dispute(reviewed, agent, rating, "It missed turn 1")
    assert found.original.rating.kind is RaterKind.MODEL
    assert found.original.given_by == found.original.rating.rater


def test_agents_cannot_dispute_or_see_what_is_not_theirs(reviewed, people, raised):
    other = people["other_agent"]
    rating = rating_of(reviewed, people["agent"], "greeting")
    with pytest.raises(NotFoundError):
        raise_dispute(reviewed, other, rating, "not mine")
    with pytest.raises(NotFoundError):
        disputable(reviewed, other, TALK)
    with pytest.raises(NotFoundError):
        conversation_of(reviewed, other, rating)
    with pytest.raises(NotFoundError):
        dispute(reviewed, other, raised.id)
    with pytest.raises(NotFoundError):
        withdraw(reviewed, other, raised.id, based_on=1)
    assert list_disputes(reviewed, other) == ()
    assert TALK not in {one.conversation_id for one in reviewed_conversations(reviewed, other)}


@pytest.mark.parametrize("who", ["reviewer", "analyst"])
def test_reviewers_and_analysts_raise_no_disputes(reviewed, people, who):
    rating = rating_of(reviewed, people["agent"])
    with pytest.raises(NotAllowedError):
        raise_dispute(reviewed, people[who], rating, "wrong")
    with pytest.raises(NotAllowedError):
        disputable(reviewed, people[who], TALK)


def test_a_dispute_needs_a_reason(reviewed, people):
    with pytest.raises(InvalidError, match="reason"):
        raise_dispute(reviewed, people["agent"], rating_of(reviewed, people["agent"]), " \n")


def test_a_rating_is_disputed_once_unless_that_was_withdrawn(reviewed, people, raised):
    agent = people["agent"]
    rating = rating_of(reviewed, agent)
    with pytest.raises(ConflictError, match=str(raised.id)):
        raise_dispute(reviewed, people["lead"], rating, "again")
    withdraw(reviewed, agent, raised.id, based_on=raised.version)
    again = raise_dispute(reviewed, agent, rating, "again")
    assert again.id != raised.id
    assert [one.dispute_id for one in disputable(reviewed, agent, TALK) if one.dispute_id] == [
        again.id
    ]


def test_an_answer_that_was_changed_meanwhile_is_not_disputed_unseen(reviewed, people):
    agent, reviewer = people["agent"], people["reviewer"]
    rating = rating_of(reviewed, agent)
    reopen(reviewed, reviewer, TALK)
    with pytest.raises(NotFoundError):  # a draft counts for nothing
        raise_dispute(reviewed, agent, rating, "wrong")
    change = {"status": "rated", "level": 1, "reason": "second thoughts"}
    save_answer(reviewed, reviewer, TALK, CRITERION, based_on=1, **change)
    submit(reviewed, reviewer, TALK)
    with pytest.raises(ConflictError) as stale:
        raise_dispute(reviewed, agent, rating, "wrong")
    assert (stale.value.theirs["version"], stale.value.yours["version"]) == (2, 1)


def test_practice_and_predictions_of_satisfaction_are_not_disputed(reviewed, people):
    agent = people["agent"]
    with reviewed.reading() as connection:
        csat = connection.scalar(
            select(schema.ratings.c.id)
            .join(schema.evaluations)
            .where(
                schema.ratings.c.criterion == CSAT,
                schema.evaluations.c.conversation_id == TALK,
            )
        )
    with pytest.raises(NotFoundError):
        raise_dispute(reviewed, agent, csat, "they were happy")
    session = begin(
        reviewed, people["lead"], "March", ("brv-en-02",), ("reviewer", "other_reviewer")
    )
    assert session.stage == "rating"
    with reviewed.writing("tests") as write:
        moved = update(schema.evaluations).where(schema.evaluations.c.purpose == "review")
        write.execute(moved.values(purpose="calibration"))
        write.audit("tests.move", TALK)
    kinds = {one.answer.rating.kind for one in disputable(reviewed, agent, TALK)}
    assert kinds == {RaterKind.MODEL}


def test_ratings_come_in_the_order_of_the_scorecard_people_before_models(reviewed, people, card):
    found = disputable(reviewed, people["agent"], TALK)
    order = [criterion.id for criterion in card.criteria]
    places = [
        (order.index(one.criterion.id), one.answer.rating.kind is RaterKind.MODEL) for one in found
    ]
    assert places == sorted(places)
    assert {one.answer.rating.status for one in found} <= {Status.RATED, Status.NOT_APPLICABLE}


# Deciding.


def test_a_decision_that_changes_the_answer_is_a_rating_of_its_own(reviewed, people, raised):
    before = evaluations_of(reviewed, "review")
    decided = rule(reviewed, people["other_reviewer"], raised, 2, "They did, in turn 1")
    assert (decided.state, decided.decision.level) == (State.CHANGED, 2)
    assert decided.decision.decided_by == "Other Reviewer"
    assert evaluations_of(reviewed, "review") == before  # the original stays
    (own,) = evaluations_of(reviewed, "decision")
    assert (own.rater, own.submitted, list(own.answers)) == ("other_reviewer", True, [CRITERION])
    assert own.answers[CRITERION].rating.level == 2


def test_its_total_is_that_of_the_disputed_form_with_the_new_answer(reviewed, people, raised, card):
    (form,) = evaluations_of(reviewed, "review")
    rule(reviewed, people["lead"], raised, 2)
    decided = dispute(reviewed, people["agent"], raised.id)
    corrected = [
        one.rating
        if name != CRITERION
        else type(one.rating)(
            conversation_id=TALK,
            criterion=CRITERION,
            rater=form.rater,
            kind=form.kind,
            status="rated",
            level=2,
        )
        for name, one in form.answers.items()
    ]
    assert decided.decision.total == evaluate(corrected, card).total
    assert decided.original.total == form.total
    assert decided.decision.total == 100.0 > form.total  # every other criterion is at its top


def test_a_decision_that_the_rating_stays_adds_no_rating(reviewed, people, raised):
    kept = rule(reviewed, people["third_reviewer"], raised, 0, "Not in turn 1")
    assert (kept.state, kept.decision.level, kept.decision.total) == (State.UPHELD, 0, None)
    assert evaluations_of(reviewed, "decision") == []


def test_who_gave_the_rating_or_raised_the_dispute_never_decides(reviewed, people, raised):
    answer = {"status": "rated", "level": 2, "reason": "right", "based_on": 1}
    with pytest.raises(NotAllowedError, match="somebody else"):
        decide(reviewed, people["reviewer"], raised.id, **answer)
    for who in ("agent", "analyst"):
        with pytest.raises(NotAllowedError):
            decide(reviewed, people[who], raised.id, **answer)
    lead = people["lead"]
    rating = rating_of(reviewed, lead, "greeting")
    by_lead = raise_dispute(reviewed, lead, rating, "wrong")
    assert not by_lead.may_decide
    with pytest.raises(NotAllowedError, match="somebody else"):
        decide(reviewed, lead, by_lead.id, **answer)
    assert evaluations_of(reviewed, "decision") == []


def test_whether_one_may_decide_or_withdraw_is_told(reviewed, people, raised):
    told = {
        who: (found.may_decide, found.may_withdraw)
        for who in ("reviewer", "other_reviewer", "lead", "agent", "analyst")
        for found in [dispute(reviewed, people[who], raised.id)]
    }
    assert told == {
        "reviewer": (False, False),  # gave the rating
        "other_reviewer": (True, False),
        "lead": (True, False),
        "agent": (False, True),
        "analyst": (False, False),
    }


@pytest.mark.parametrize(
    ("status", "level", "reason"),
    [("rated", 7, "right"), ("rated", None, "right"), ("abstained", None, "?"), ("rated", 2, " ")],
)
def test_a_decision_is_an_answer_of_the_scorecard_with_a_reason(
    reviewed, people, raised, status, level, reason
):
    with pytest.raises(InvalidError):
        decide(
            reviewed,
            people["lead"],
            raised.id,
            status=status,
            level=level,
            reason=reason,
            based_on=1,
        )
    assert dispute(reviewed, people["lead"], raised.id).state is State.OPEN


def test_the_second_of_two_decisions_is_refused_with_both(reviewed, people, raised):
    def say(who, level):
        return rule(reviewed, people[who], raised, level, f"by {who}")

    say("lead", 2)
    with pytest.raises(ConflictError) as late:
        say("other_reviewer", 1)
    assert (late.value.theirs["level"], late.value.yours["level"]) == (2, 1)
    assert late.value.yours["reason"] == "by other_reviewer"
    assert len(evaluations_of(reviewed, "decision")) == 1


def test_only_who_raised_a_dispute_withdraws_it_and_only_while_it_is_open(reviewed, people, raised):
    with pytest.raises(NotAllowedError):
        withdraw(reviewed, people["lead"], raised.id, based_on=1)
    assert withdraw(reviewed, people["agent"], raised.id, based_on=1).state is State.WITHDRAWN
    with pytest.raises(ConflictError):
        withdraw(reviewed, people["agent"], raised.id, based_on=2)
    with pytest.raises(ConflictError):
        rule(reviewed, people["lead"], raised, 2, based_on=2)


def test_an_answer_given_anew_after_the_dispute_is_told(reviewed, people, raised):
    reviewer = people["reviewer"]
    reopen(reviewed, reviewer, TALK)
    change = {"status": "rated", "level": 1, "reason": "second thoughts"}
    save_answer(reviewed, reviewer, TALK, CRITERION, based_on=1, **change)
    submit(reviewed, reviewer, TALK)
    found = dispute(reviewed, people["lead"], raised.id)
    assert (found.original.rating.level, found.original.replaced) == (0, True)


def test_disputes_are_kept_from_who_still_rates_the_conversation_blind(reviewed, people, raised):
    session = begin(
        reviewed, people["lead"], "March", (TALK,), ("other_reviewer", "third_reviewer")
    )
    assert session.id
    rater = people["other_reviewer"]
    assert list_disputes(reviewed, rater) == ()
    assert count_withheld(reviewed, rater) == 1
    with pytest.raises(NotFoundError):
        dispute(reviewed, rater, raised.id)
    assert count_withheld(reviewed, people["lead"]) == 0
    assert [one.id for one in list_disputes(reviewed, people["lead"])] == [raised.id]


# Lists, the log, both databases.


def test_disputes_are_listed_by_state_newest_first_page_by_page(reviewed, people):
    agent = people["agent"]
    ids = [
        raise_dispute(reviewed, agent, rating_of(reviewed, agent, name), "wrong").id
        for name in ("courtesy", "greeting", "recap")
    ]
    withdraw(reviewed, agent, ids[0], based_on=1)
    assert [one.id for one in list_disputes(reviewed, agent)] == ids[::-1]
    assert [one.id for one in list_disputes(reviewed, agent, state=State.OPEN)] == ids[:0:-1]
    first = list_disputes(reviewed, agent, limit=1)
    rest = list_disputes(reviewed, agent, after=first[0].id)
    assert [one.id for one in (*first, *rest)] == ids[::-1]


def test_conversations_to_dispute_say_whether_people_rated_them(reviewed, people):
    found = reviewed_conversations(reviewed, people["agent"])
    assert {one.agent for one in found} == {"Maya Okafor"}
    assert [one.conversation_id for one in found if one.by_people] == [TALK]
    days = [one.started_at for one in found]
    assert days == sorted(days, reverse=True)
    assert reviewed_conversations(reviewed, people["agent"], skip=1)[0] == found[1]


def test_every_step_is_in_the_audit_log_without_what_was_said(reviewed, people, raised):
    rule(reviewed, people["lead"], raised, 2, "They did greet")
    with reviewed.reading() as connection:
        entries = connection.execute(
            select(schema.audit_log).where(schema.audit_log.c.action.like("dispute.%"))
        ).all()
        assert verify(connection).holds
    assert [(entry.actor, entry.action) for entry in entries] == [
        ("agent", "dispute.raise"),
        ("lead", "dispute.decide"),
    ]
    assert not any("greet" in str(entry.details) for entry in entries)


def test_disputes_work_on_both_databases(databases, add_people, load_sample, hand_in):
    load_sample(databases)
    people = add_people(databases)
    hand_in(databases, people["reviewer"], TALK, {CRITERION: 0})
    agent = people["agent"]
    raised = raise_dispute(databases, agent, rating_of(databases, agent), "Grüße in Zeile 1")
    decided = rule(databases, people["lead"], raised, 1, "ja")
    assert decided.state is State.CHANGED
    (found,) = list_disputes(databases, agent, state=State.CHANGED)
    assert (found.reason, found.decision.level) == ("Grüße in Zeile 1", 1)
    assert reviewed_conversations(databases, agent)[0].agent == "Maya Okafor"
