"""Exports: what people submitted, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from autoqa.readers import Quarantine, read, read_human_ratings
from autoqa.records import RaterKind, Rating
from autoqa.review.access import NotAllowedError
from autoqa.review.answers import reopen, save_answer, submit
from autoqa.review.calibration import begin
from autoqa.review.conversations import see
from autoqa.review.database import schema
from autoqa.review.disputes import decide, raise_dispute
from autoqa.review.exporting import (
    export_conversations,
    export_ratings,
    labelled_conversations,
    submitted_ratings,
)
from autoqa.review.leases import claim_conversation
from autoqa.store import read_records

TALK, OTHER = "brv-en-01", "brv-en-02"


def review(database, user, conversation=TALK, *, submitted=True, occasion="", end=0):
    """Answer everything at one end of the scale, and submit."""
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
            level=view.card.criterion(criterion).scale[end],
            reason="so it was",
            based_on=0,
            occasion=occasion,
        )
    if submitted:
        submit(database, user, conversation, occasion=occasion)


def exported(database, user=None, **more):
    return list(submitted_ratings(database, user, **more))


def raters(database, user=None, **more):
    return {(r.conversation_id, r.rater) for r in exported(database, user, **more)}


def make_blind(database, wanted=2):
    with database.housekeeping() as connection:
        items = schema.items
        connection.execute(
            update(items)
            .where(items.c.conversation_id == TALK)
            .values(blind=True, reviews_wanted=wanted)
        )


def test_submitted_ratings_of_people_come_in_their_newest_version(loaded, people, card):
    user, first = people["reviewer"], card.criteria[0]
    review(loaded, user)
    reopen(loaded, user, TALK)
    save_answer(
        loaded,
        user,
        TALK,
        first.id,
        status="rated",
        level=first.scale[-1],
        reason="heard again",
        based_on=1,
    )
    submit(loaded, user, TALK)
    found = exported(loaded)
    assert [r.criterion for r in found].count(first.id) == 1
    (newest,) = [r for r in found if r.criterion == first.id]
    assert (newest.level, newest.reason) == (first.scale[-1], "heard again")
    assert {(r.rater, r.kind) for r in found} == {("reviewer", RaterKind.HUMAN)}
    assert len(found) == len(card.criteria)


def test_drafts_are_not_exported_nor_what_was_opened_again(loaded, people):
    review(loaded, people["reviewer"], submitted=False)
    assert exported(loaded) == []
    submit(loaded, people["reviewer"], TALK)
    assert exported(loaded)
    reopen(loaded, people["reviewer"], TALK)
    assert exported(loaded) == []


def test_what_somebody_is_still_to_rate_blind_is_not_exported(loaded, people):
    claim_conversation(loaded, people["reviewer"], TALK)
    make_blind(loaded)
    review(loaded, people["reviewer"])
    review(loaded, people["reviewer"], OTHER)
    for asked_by in (None, people["lead"], people["analyst"]):
        assert raters(loaded, asked_by) == {(OTHER, "reviewer")}
    review(loaded, people["other_reviewer"])
    assert raters(loaded) == {
        (TALK, "reviewer"),
        (TALK, "other_reviewer"),
        (OTHER, "reviewer"),
    }


def test_a_session_is_exported_when_its_raters_may_see_each_other(loaded, people, card):
    names = ["reviewer", "other_reviewer"]
    review(loaded, people["third_reviewer"])
    occasion = begin(loaded, people["lead"], "June", [TALK], names).occasion
    review(loaded, people["reviewer"], occasion=occasion)
    assert raters(loaded) == set()
    review(loaded, people["other_reviewer"], occasion=occasion)
    assert raters(loaded) == {(TALK, name) for name in (*names, "third_reviewer")}
    assert len(exported(loaded)) == 3 * len(card.criteria)


def test_of_a_review_and_a_session_by_one_person_the_later_counts(loaded, people, card):
    user = people["reviewer"]
    review(loaded, user)
    names = ["reviewer", "other_reviewer"]
    occasion = begin(loaded, people["lead"], "June", [TALK], names).occasion
    review(loaded, user, occasion=occasion, end=-1)
    review(loaded, people["other_reviewer"], occasion=occasion)
    own = [r for r in exported(loaded) if r.rater == "reviewer"]
    assert {r.criterion: r.level for r in own} == {c.id: c.scale[-1] for c in card.criteria}
    assert len(own) == len(card.criteria)


def test_the_decision_of_a_dispute_takes_the_place_of_the_answer(loaded, people, card):
    first = card.criteria[0]
    review(loaded, people["reviewer"])
    disputed = see(loaded, people["reviewer"], TALK).answers[first.id]
    dispute = raise_dispute(loaded, people["agent"], disputed.id, "I did greet")
    assert len(exported(loaded)) == len(card.criteria)
    decide(
        loaded,
        people["lead"],
        dispute.id,
        status="rated",
        level=first.scale[-1],
        reason="they did",
        based_on=dispute.version,
    )
    found = [(r.rater, r.level) for r in exported(loaded) if r.criterion == first.id]
    assert found == [("lead", first.scale[-1])]
    assert len(exported(loaded)) == len(card.criteria)


def test_only_who_may_export_does_and_only_what_they_see(loaded, people, sample):
    elsewhere = next(
        one.transcript.conversation_id for one in sample if one.transcript.team != "harbour"
    )
    review(loaded, people["reviewer"])
    review(loaded, people["reviewer"], elsewhere)
    for who in ("reviewer", "agent"):
        with pytest.raises(NotAllowedError):
            submitted_ratings(loaded, people[who])
    assert raters(loaded, people["team_lead"]) == {(TALK, "reviewer")}
    assert raters(loaded, people["lead"]) == {(TALK, "reviewer"), (elsewhere, "reviewer")}


def test_who_is_still_to_review_blind_exports_nothing_of_it(loaded, people):
    from dataclasses import replace

    review(loaded, people["reviewer"])
    with loaded.housekeeping() as connection:
        connection.execute(update(schema.items).values(state="open", reviews_wanted=2))
    blind = replace(people["lead"], settings={"blind": True})
    assert raters(loaded, people["lead"]) == {(TALK, "reviewer")}
    assert raters(loaded, blind) == set()


def test_exports_can_begin_at_a_time_and_stay_with_a_scorecard(loaded, people, card):
    review(loaded, people["reviewer"])
    now = datetime.now(UTC)
    assert exported(loaded, since=now - timedelta(hours=1), scorecard=card.id)
    assert exported(loaded, since=now + timedelta(hours=1)) == []
    assert exported(loaded, scorecard="another") == []


@pytest.mark.parametrize("name", ["ratings.parquet", "ratings.jsonl", "ratings.jsonl.gz"])
def test_exported_ratings_are_what_compare_takes(loaded, people, tmp_path, name, card):
    review(loaded, people["reviewer"])
    assert export_ratings(loaded, tmp_path / name) == len(card.criteria)
    assert list(read_records(tmp_path / name, Rating)) == exported(loaded)
    with Quarantine() as quarantine:
        found = read_human_ratings(tmp_path / name, quarantine=quarantine)
    assert found.ratings == exported(loaded)
    assert not quarantine.records_quarantined


def test_exported_conversations_are_what_train_takes(loaded, people, tmp_path, card):
    review(loaded, people["reviewer"])
    path = tmp_path / "reviewed.jsonl"
    assert export_conversations(loaded, path) == 1
    (kept,) = labelled_conversations(loaded)
    with Quarantine() as quarantine:
        (back,) = read([path], quarantine=quarantine)
    assert back.transcript == kept.transcript
    assert {(r.criterion, r.level) for r in back.ratings} == {
        (c.id, c.scale[0]) for c in card.criteria
    }
    assert back.surveys == kept.surveys
    assert back.scales == {c.id: (c.scale[0], c.scale[-1]) for c in card.criteria}


def test_both_databases_export_the_same(databases, add_people, load_sample, monkeypatch):
    monkeypatch.setattr("autoqa.review.exporting._AT_A_TIME", 2)
    load_sample(databases)
    people = add_people(databases)
    talks = ["brv-en-01", "brv-en-02", "brv-en-03"]
    for name in talks:
        review(databases, people["reviewer"], name)
    assert raters(databases, people["lead"]) == {(name, "reviewer") for name in talks}
    assert [one.transcript.conversation_id for one in labelled_conversations(databases)] == talks
