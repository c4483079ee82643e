"""What one user may see of one conversation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import update

from autoqa.records import CSAT
from autoqa.review.access import NotFoundError
from autoqa.review.answers import reopen, save_answer, submit
from autoqa.review.blinding import NEUTRAL_REASONS
from autoqa.review.calibration import begin, open_discussion
from autoqa.review.comments import add_comment
from autoqa.review.conversations import see
from autoqa.review.database import schema
from autoqa.review.leases import claim_conversation

TALK = "brv-en-01"


def review(database, user, conversation=TALK, *, submitted=True, occasion=""):
    """Answer everything at the lowest level, and submit."""
    if not occasion:
        claim_conversation(database, user, conversation)
    view = see(database, user, conversation, occasion=occasion)
    for criterion in view.unanswered:
        save_answer(
            database,
            user,
            conversation,
            criterion,
            status="rated",
            level=view.card.criterion(criterion).scale[0],
            reason=f"said by {user.name}",
            based_on=0,
            occasion=occasion,
        )
    if submitted:
        submit(database, user, conversation, occasion=occasion)


def change(database, table, condition, **values):
    with database.housekeeping() as connection:
        connection.execute(update(table).where(condition).values(**values))


def make_blind(database, wanted=1):
    items = schema.items
    change(database, items, items.c.conversation_id == TALK, blind=True, reviews_wanted=wanted)


def begin_session(database, people, *raters):
    """Begin a calibration session; return its occasion."""
    return begin(database, people["lead"], "June", [TALK], [one.name for one in raters]).occasion


def tells_nothing(view):
    """Whether nothing in it says what models, customers or peers answered."""
    return (
        view.hidden
        and not (view.automated or view.model or view.csat or view.curve or view.survey)
        and not view.peers
        and all(one.mine for one in view.comments)
        and {one.reason for one in view.reasons} <= NEUTRAL_REASONS
        and (view.place is None or view.place.held_by == ())
    )


def test_a_reviewer_sees_what_was_said_asked_and_answered(loaded, people, sample, card):
    transcript, survey = next(
        (one.transcript, one.surveys) for one in sample if one.transcript.conversation_id == TALK
    )
    view = see(loaded, people["reviewer"], TALK)
    assert view.conversation_id == TALK
    assert len(view.transcript.turns) == len(transcript.turns)
    assert view.card.content_hash == card.content_hash
    assert not view.hidden
    assert view.mine is None
    assert view.unanswered == tuple(c.id for c in card.criteria if c.unit == "conversation")
    assert view.automated.to_record().total == view.automated.total
    assert view.model.keys() <= {c.id for c in card.criteria}
    assert view.csat.rating.criterion == CSAT
    assert [turn for turn, _ in view.curve.points] == sorted(t for t, _ in view.curve.points)
    assert (view.survey.score if view.survey else None) == (survey[0].score if survey else None)


def test_evidence_of_the_model_comes_with_its_contributions(loaded, people):
    view = see(loaded, people["reviewer"], TALK)
    spans = [span for answer in view.model.values() for span in answer.rating.evidence]
    assert spans
    assert all(s.end <= len(view.transcript.turns[s.turn].text) for s in spans)


def test_there_is_no_other_conversation(loaded, people):
    for name in ("no such", "a\x00b", "\ud800", TALK + "/", "' OR 1=1 --"):
        with pytest.raises(NotFoundError):
            see(loaded, people["admin"], name)


def test_agents_see_their_own_conversations_and_what_was_said_of_them(loaded, people):
    review(loaded, people["reviewer"])
    view = see(loaded, people["agent"], TALK)
    assert [one.rater for one in view.peers] == ["reviewer"]
    assert view.reasons == ()  # why somebody should look is no business of theirs
    assert view.place is None
    assert not view.may_answer
    with pytest.raises(NotFoundError):
        see(loaded, people["other_agent"], TALK)


def test_drafts_of_others_are_seen_by_nobody(loaded, people):
    review(loaded, people["reviewer"], submitted=False)
    for who in ("other_reviewer", "lead", "admin", "analyst", "agent"):
        assert see(loaded, people[who], TALK).peers == ()


def test_blind_hides_models_customers_and_peers_until_submitted(loaded, people):
    first, second = people["reviewer"], people["other_reviewer"]
    claim_conversation(loaded, first, TALK)
    make_blind(loaded, wanted=2)
    assert tells_nothing(see(loaded, first, TALK))
    review(loaded, first)
    add_comment(loaded, first, TALK, "the greeting was late", turn=0)
    assert not see(loaded, first, TALK).hidden
    assert see(loaded, first, TALK).mine.blind
    assert tells_nothing(see(loaded, second, TALK))
    review(loaded, second)
    view = see(loaded, second, TALK)
    assert not view.hidden
    assert [one.rater for one in view.peers] == ["reviewer"]
    assert [one.text for one in view.comments] == ["the greeting was late"]
    assert view.model


def test_an_evaluation_begun_blind_stays_so_when_the_item_no_longer_is(loaded, people):
    user = people["reviewer"]
    claim_conversation(loaded, user, TALK)
    make_blind(loaded)
    review(loaded, user, submitted=False)
    change(loaded, schema.items, schema.items.c.conversation_id == TALK, blind=False)
    assert tells_nothing(see(loaded, user, TALK))


def test_reviewers_may_choose_to_review_blind(loaded, people):
    user = replace(people["reviewer"], settings={"blind": True})
    claim_conversation(loaded, user, TALK)
    assert tells_nothing(see(loaded, user, TALK))
    review(loaded, user, submitted=False)
    # Begun blind: switching it off on the way shows nothing.
    assert tells_nothing(see(loaded, people["reviewer"], TALK))
    submit(loaded, user, TALK)
    assert not see(loaded, user, TALK).hidden


def test_who_only_reads_sees_blind_items(loaded, people):
    claim_conversation(loaded, people["reviewer"], TALK)
    make_blind(loaded)
    assert not see(loaded, people["analyst"], TALK).hidden


def test_a_blind_item_that_is_done_is_hidden_from_nobody(loaded, people):
    claim_conversation(loaded, people["reviewer"], TALK)
    make_blind(loaded)
    assert see(loaded, people["lead"], TALK).hidden
    review(loaded, people["reviewer"])
    assert not see(loaded, people["lead"], TALK).hidden


def test_what_was_blind_is_not_blind_when_it_is_opened_again(loaded, people):
    user = people["reviewer"]
    claim_conversation(loaded, user, TALK)
    make_blind(loaded)
    review(loaded, user)
    reopen(loaded, user, TALK)
    view = see(loaded, user, TALK)
    assert (view.mine.blind, view.hidden) == (False, False)


def test_raters_of_a_session_see_nothing_until_all_have_submitted(loaded, people):
    first, second = people["reviewer"], people["other_reviewer"]
    review(loaded, people["third_reviewer"])  # an ordinary review is kept from them too
    occasion = begin_session(loaded, people, first, second)
    for user in (first, second):
        assert tells_nothing(see(loaded, user, TALK, occasion=occasion))
        assert tells_nothing(see(loaded, user, TALK))  # nor by the way of the queue
    review(loaded, first, occasion=occasion)
    assert tells_nothing(see(loaded, first, TALK, occasion=occasion))
    assert see(loaded, people["lead"], TALK, occasion=occasion).hidden
    review(loaded, second, occasion=occasion)
    view = see(loaded, first, TALK, occasion=occasion)
    assert not view.hidden
    assert [one.rater for one in view.peers] == ["other_reviewer"]
    assert [one.rater for one in see(loaded, first, TALK).peers] == ["third_reviewer"]


def test_raters_of_a_session_see_each_other_when_it_is_opened(loaded, people):
    first, second = people["reviewer"], people["other_reviewer"]
    occasion = begin_session(loaded, people, first, second)
    review(loaded, first, occasion=occasion)
    number = int(occasion.removeprefix("calibration:"))
    open_discussion(loaded, people["lead"], number, early=True)
    view = see(loaded, second, TALK, occasion=occasion)
    assert [one.rater for one in view.peers] == ["reviewer"]
    assert not view.may_answer


def test_the_answers_of_a_session_are_apart_from_those_of_the_queue(loaded, people):
    user = people["reviewer"]
    occasion = begin_session(loaded, people, user, people["lead"])
    review(loaded, user, occasion=occasion)
    assert see(loaded, user, TALK).mine is None
    assert see(loaded, user, TALK, occasion=occasion).mine.purpose == "calibration"
    assert see(loaded, user, TALK).place is None  # nobody put it into the queue


@pytest.mark.parametrize(
    "occasion",
    [
        "calibration:999",
        "calibration:",
        "calibration:01",
        "calibration:1 ",
        "calibration:\u0661",
        "calibration:" + "9" * 50,
        "dispute:1",
        "x" * 900,
    ],
)
def test_there_is_no_other_occasion(loaded, people, occasion):
    begin_session(loaded, people, people["reviewer"], people["lead"])
    with pytest.raises(NotFoundError):
        see(loaded, people["reviewer"], TALK, occasion=occasion)


def test_a_session_is_about_its_own_conversations(loaded, people):
    occasion = begin_session(loaded, people, people["reviewer"], people["lead"])
    with pytest.raises(NotFoundError):
        see(loaded, people["reviewer"], "brv-en-02", occasion=occasion)


def test_agents_find_no_session(loaded, people):
    occasion = begin_session(loaded, people, people["reviewer"], people["lead"])
    with pytest.raises(NotFoundError):
        see(loaded, people["agent"], TALK, occasion=occasion)


def test_blindness_is_the_same_on_both_databases(databases, add_people, load_sample):
    load_sample(databases)
    people = add_people(databases)
    first, second = people["reviewer"], people["other_reviewer"]
    claim_conversation(databases, first, TALK)
    make_blind(databases, wanted=2)
    review(databases, first)
    assert tells_nothing(see(databases, second, TALK))
    assert not see(databases, first, TALK).hidden
    occasion = begin_session(databases, people, first, second)
    assert tells_nothing(see(databases, first, TALK))
    review(databases, first, occasion=occasion)
    review(databases, second, occasion=occasion)
    assert not see(databases, first, TALK, occasion=occasion).hidden
