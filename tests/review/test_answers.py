"""Saving, submitting and reopening answers: nothing acknowledged is lost, nothing wrong is kept."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from autoqa.records import Evidence, RaterKind, Rating, Status
from autoqa.review.access import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
)
from autoqa.review.answers import reopen, save_answer, submit
from autoqa.review.conversations import see
from autoqa.review.database import schema, verify
from autoqa.review.leases import claim_conversation
from autoqa.scorecard import evaluate

TALK, OTHER = "brv-en-01", "brv-en-02"


@pytest.fixture
def reviewer(loaded, people):
    claim_conversation(loaded, people["reviewer"], TALK)
    return people["reviewer"]


def save(database, user, criterion, level, based_on=0, conversation=TALK, **more):
    given = {"status": "rated", "level": level, "reason": "seen in turn 3"} | more
    return save_answer(database, user, conversation, criterion, based_on=based_on, **given)


def fill_in(database, user, conversation=TALK, **more):
    """Take the model's answer where there is one, else the lowest level."""
    view = see(database, user, conversation, **more)
    for criterion in view.unanswered:
        by_model = view.model.get(criterion)
        level = by_model.rating.level if by_model else None
        if level is None:
            level = view.card.criterion(criterion).scale[0]
        save(database, user, criterion, level, conversation=conversation, **more)


def rows(database, table):
    with database.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_each_save_is_a_new_version_and_none_is_changed(loaded, reviewer, card):
    criterion = card.criteria[0]
    low, high = criterion.scale[0], criterion.scale[-1]
    first = save(loaded, reviewer, criterion.id, low)
    second = save(loaded, reviewer, criterion.id, high, based_on=1)
    assert (first.answer.version, second.answer.version) == (1, 2)
    with loaded.reading() as connection:
        kept = connection.execute(
            select(schema.ratings.c.version, schema.ratings.c.level)
            .where(schema.ratings.c.evaluation_id == see_mine(loaded, reviewer).id)
            .order_by(schema.ratings.c.version)
        ).all()
    assert [tuple(row) for row in kept] == [(1, low), (2, high)]
    assert see(loaded, reviewer, TALK).answers[criterion.id].rating.level == high


def see_mine(database, user):
    return see(database, user, TALK).mine


def test_the_evaluation_adds_up_live_as_the_scorecard_says(loaded, reviewer, card):
    given = []
    for criterion in card.criteria[:4]:
        level = criterion.scale[-1]
        saved = save(loaded, reviewer, criterion.id, level)
        given.append(
            Rating(
                conversation_id=TALK,
                criterion=criterion.id,
                rater="reviewer",
                kind=RaterKind.HUMAN,
                status=Status.RATED,
                level=level,
                reason="seen in turn 3",
            )
        )
        assert saved.evaluation == evaluate(given, card)
        assert see_mine(loaded, reviewer).to_record() == saved.evaluation


def test_a_stale_save_is_refused_with_both_versions(loaded, reviewer, card):
    criterion = card.criteria[0]
    low, high = criterion.scale[0], criterion.scale[-1]
    save(loaded, reviewer, criterion.id, low, reason="from the first window")
    with pytest.raises(ConflictError) as refused:
        save(loaded, reviewer, criterion.id, high, reason="from the second window")
    assert (refused.value.theirs["level"], refused.value.theirs["version"]) == (low, 1)
    assert refused.value.theirs["reason"] == "from the first window"
    assert (refused.value.yours["level"], refused.value.yours["reason"]) == (
        high,
        "from the second window",
    )
    assert see(loaded, reviewer, TALK).answers[criterion.id].rating.level == low


def test_a_second_click_changes_nothing_and_is_no_conflict(loaded, reviewer, card):
    name, level = card.criteria[0].id, card.criteria[0].scale[0]
    first = save(loaded, reviewer, name, level)
    before = rows(loaded, schema.audit_log), rows(loaded, schema.ratings)
    assert save(loaded, reviewer, name, level).answer == first.answer
    assert (rows(loaded, schema.audit_log), rows(loaded, schema.ratings)) == before


def test_of_two_writers_from_one_version_one_wins_and_the_other_gets_both(
    databases, add_people, load_sample, card
):
    load_sample(databases)
    user = add_people(databases)["reviewer"]
    claim_conversation(databases, user, TALK)
    criterion = card.criteria[0]
    outcomes = {}
    together = threading.Barrier(2)

    def write(level):
        together.wait()
        try:
            outcomes[level] = save(databases, user, criterion.id, level, reason=f"level {level}")
        except ConflictError as error:
            outcomes[level] = error

    levels = (criterion.scale[0], criterion.scale[-1])
    writers = [threading.Thread(target=write, args=(level,)) for level in levels]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    (lost,) = [level for level in levels if isinstance(outcomes[level], ConflictError)]
    (won,) = set(levels) - {lost}
    assert outcomes[lost].theirs["reason"] == f"level {won}"
    assert outcomes[lost].yours["reason"] == f"level {lost}"
    assert see(databases, user, TALK).answers[criterion.id].rating.level == won
    with databases.reading() as connection:
        assert verify(connection).holds


@given(
    saves=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 1), st.booleans(), st.booleans()), max_size=12
    )
)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_sequence_of_saves_loses_an_acknowledged_answer(saves, loaded, reviewer, card):
    """Saves from fresh and stale pages, with other saves between: every receipt stays true."""
    receipts = {}
    for number, (which, end, stale, repeat) in enumerate(saves):
        criterion = card.criteria[which]
        level = criterion.scale[-end]
        now = see(loaded, reviewer, TALK).answers.get(criterion.id)
        version = now.version if now else 0
        try:
            saved = save(
                loaded,
                reviewer,
                criterion.id,
                level,
                based_on=max(version - stale, 0),
                reason="again" if repeat else f"save {number}",
            )
        except ConflictError as error:
            refused = error
        else:
            receipts[saved.answer.id] = saved.answer
            continue
        assert stale
        assert refused.theirs["version"] == version
    with loaded.reading() as connection:
        stored = {row.id: row for row in connection.execute(select(schema.ratings))}
        assert verify(connection).holds
    for key, answer in receipts.items():
        row = stored[key]
        assert (row.version, row.level, row.reason) == (
            answer.version,
            answer.rating.level,
            answer.rating.reason,
        )


def test_a_change_of_the_models_answer_needs_a_reason(loaded, reviewer):
    view = see(loaded, reviewer, TALK)
    name, model = next((n, a) for n, a in view.model.items() if a.rating.status == "rated")
    other = next(x for x in view.card.criterion(name).scale if x != model.rating.level)
    with pytest.raises(InvalidError, match="reason is missing"):
        save(loaded, reviewer, name, other, reason="  ")
    assert not save(loaded, reviewer, name, other, reason="it was").answer.accepted


def test_the_models_answer_is_accepted_without_a_word(loaded, reviewer):
    view = see(loaded, reviewer, TALK)
    name, model = next((n, a) for n, a in view.model.items() if a.rating.status == "rated")
    assert save(loaded, reviewer, name, model.rating.level, reason="").answer.accepted


def test_a_blind_answer_is_never_asked_for_a_reason_nor_called_accepted(loaded, people):
    """Either would tell the reviewer what the model said."""
    lead, user = people["lead"], people["reviewer"]
    model = {name: a.rating for name, a in see(loaded, lead, TALK).model.items()}
    claim_conversation(loaded, user, TALK)
    make_blind(loaded)
    for name, rating in model.items():
        for based_on, level in enumerate(see(loaded, user, TALK).card.criterion(name).scale):
            saved = save(loaded, user, name, level, based_on=based_on, reason="")
            assert not saved.answer.accepted
        assert rating is not None


def make_blind(database):
    with database.housekeeping() as connection:
        connection.execute(
            update(schema.items).where(schema.items.c.conversation_id == TALK).values(blind=True)
        )


def test_not_applicable_only_where_the_criterion_allows_it(loaded, reviewer, card):
    always, sometimes = card.criteria[0].id, card.criteria[1].id
    with loaded.housekeeping() as connection:
        document = card.model_dump(mode="json")
        document["sections"][0]["criteria"][0]["not_applicable"] = False
        connection.execute(update(schema.scorecards).values(document=document))
    with pytest.raises(InvalidError, match="is no answer to it; choose rated, abstained"):
        save(loaded, reviewer, always, None, status="not_applicable")
    saved = save(loaded, reviewer, sometimes, None, status="not_applicable")
    assert saved.answer.rating.status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"level": 99}, "level 99 is not on the scale; choose 0"),
        ({"level": None}, "level None is not on the scale"),
        ({"status": "failed", "level": None}, "'failed' is no answer"),
        ({"status": "no such", "level": None}, "'no such' is no answer"),
        ({"status": "abstained", "level": None, "reason": " \x00 "}, "say why you cannot tell"),
        ({"status": "abstained"}, "leave it out"),
        ({"reason": "x" * 4001}, "shorten it to 4,000"),
        ({"evidence": [Evidence(turn=999, start=0, end=1)]}, "turn 1000 is not one of"),
        ({"evidence": [Evidence(turn=0, start=0, end=10**6)]}, "evidence ends at 1000000"),
        ({"evidence": [Evidence(turn=0, start=0, end=1)] * 101}, "101 spans"),
        (
            {"evidence": [Evidence(turn=0, start=0, end=1, contribution=float("nan"))]},
            "contributes nan",
        ),
    ],
)
def test_what_cannot_be_an_answer_is_refused_and_changes_nothing(
    loaded, reviewer, card, wrong, said
):
    before = rows(loaded, schema.ratings), rows(loaded, schema.audit_log)
    with pytest.raises(InvalidError, match=said):
        save(
            loaded, reviewer, card.criteria[0].id, **({"level": card.criteria[0].scale[0]} | wrong)
        )
    assert (rows(loaded, schema.ratings), rows(loaded, schema.audit_log)) == before


def test_an_unknown_criterion_is_refused_with_the_one_that_was_meant(loaded, reviewer, card):
    name = card.criteria[0].id
    with pytest.raises(InvalidError, match=f"Did you mean '{name}'"):
        save(loaded, reviewer, f"{name}x", 0)


def test_evidence_and_reason_are_kept_as_given(loaded, reviewer, card):
    spans = (Evidence(turn=2, start=0, end=4),)
    criterion = card.criteria[0]
    reason = "Zeile 1\r\nline 2 <b>&\u202e 很好"
    save(loaded, reviewer, criterion.id, criterion.scale[0], evidence=spans, reason=reason)
    found = see(loaded, reviewer, TALK).answers[criterion.id].rating
    assert (found.evidence, found.reason) == (spans, "Zeile 1\nline 2 <b>&\u202e 很好")


def test_only_who_holds_the_conversation_may_answer(loaded, people, card):
    with pytest.raises(ConflictError) as refused:
        save(loaded, people["reviewer"], card.criteria[0].id, 0, reason="typed for minutes")
    assert refused.value.yours["reason"] == "typed for minutes"
    assert not see(loaded, people["reviewer"], TALK).may_answer


def test_a_lease_that_ran_out_holds_until_somebody_else_takes_the_place(loaded, people, card):
    user, other, first = people["reviewer"], people["other_reviewer"], card.criteria[0]
    claim_conversation(loaded, user, TALK)
    run_out(loaded)
    save(loaded, user, first.id, first.scale[0])  # and that prolongs the lease
    with pytest.raises(ConflictError):
        claim_conversation(loaded, other, TALK)
    run_out(loaded)
    claim_conversation(loaded, other, TALK)
    with pytest.raises(ConflictError) as refused:
        save(loaded, user, first.id, first.scale[-1], based_on=1, reason="too late")
    assert refused.value.yours["reason"] == "too late"


def run_out(database):
    with database.housekeeping() as connection:
        past = datetime.now(UTC) - timedelta(seconds=1)
        connection.execute(update(schema.leases).values(expires_at=past))


@pytest.mark.parametrize("who", ["analyst", "agent"])
def test_who_may_not_review_cannot_save_or_submit(loaded, people, card, who):
    with pytest.raises(NotAllowedError):
        save(loaded, people[who], card.criteria[0].id, 0)
    with pytest.raises(NotAllowedError):
        submit(loaded, people[who], TALK)


def test_a_lead_of_another_team_finds_no_such_conversation(loaded, people, card, sample):
    elsewhere = next(
        one.transcript.conversation_id for one in sample if one.transcript.team != "harbour"
    )
    with pytest.raises(NotFoundError):
        save(loaded, people["team_lead"], card.criteria[0].id, 0, conversation=elsewhere)


def test_submitting_names_the_criteria_without_an_answer(loaded, reviewer, card):
    with pytest.raises(InvalidError, match=f"no answer yet: {card.criteria[0].id}, "):
        submit(loaded, reviewer, TALK)
    first = card.criteria[0]
    save(loaded, reviewer, first.id, first.scale[0])
    with pytest.raises(InvalidError, match=f"no answer yet: {card.criteria[1].id}"):
        submit(loaded, reviewer, TALK)


def test_a_submitted_evaluation_counts_and_no_longer_changes(loaded, reviewer, card):
    fill_in(loaded, reviewer)
    found = submit(loaded, reviewer, TALK)
    view = see(loaded, reviewer, TALK)
    assert view.mine.submitted
    assert view.mine.to_record() == found
    assert found.coverage == 1.0
    assert (view.place.state, view.place.reviews_done, view.may_answer) == ("done", 1, False)
    with pytest.raises(ConflictError, match="open it again"):
        save(loaded, reviewer, card.criteria[0].id, card.criteria[0].scale[0], based_on=1)


def test_submitting_twice_is_submitting_once(loaded, reviewer):
    fill_in(loaded, reviewer)
    first = submit(loaded, reviewer, TALK)
    entries = rows(loaded, schema.audit_log)
    assert submit(loaded, reviewer, TALK) == first
    assert rows(loaded, schema.audit_log) == entries
    assert see(loaded, reviewer, TALK).place.reviews_done == 1


def test_a_reopened_evaluation_does_not_count_until_it_is_submitted_again(loaded, reviewer):
    fill_in(loaded, reviewer)
    submit(loaded, reviewer, TALK)
    reopen(loaded, reviewer, TALK)
    view = see(loaded, reviewer, TALK)
    assert (view.mine.state, view.place.state, view.may_answer) == ("draft", "open", True)
    name = view.card.criteria[0].id
    before = view.answers[name]
    other = next(x for x in view.card.criteria[0].scale if x != before.rating.level)
    save(loaded, reviewer, name, other, based_on=before.version)
    submit(loaded, reviewer, TALK)
    view = see(loaded, reviewer, TALK)
    assert (view.answers[name].rating.level, view.place.reviews_done) == (other, 1)


def test_nothing_submitted_cannot_be_reopened(loaded, reviewer):
    with pytest.raises(NotFoundError):
        reopen(loaded, reviewer, TALK)


def test_every_change_has_its_entry_in_the_log_without_words_or_levels(loaded, reviewer):
    start = rows(loaded, schema.audit_log)
    fill_in(loaded, reviewer)
    submit(loaded, reviewer, TALK)
    with loaded.reading() as connection:
        entries = connection.execute(
            select(schema.audit_log)
            .where(schema.audit_log.c.number > start)
            .order_by(schema.audit_log.c.number)
        ).all()
    names = [one.id for one in see(loaded, reviewer, TALK).card.criteria]
    assert [(e.action, e.subject) for e in entries] == [
        *(("rating.save", f"conversation:{TALK}/{name}") for name in names),
        ("evaluation.submit", f"conversation:{TALK}"),
    ]
    assert all("seen in turn 3" not in str(e.details) for e in entries)
    assert all("level" not in e.details and "status" not in e.details for e in entries)


def test_the_whole_path_runs_on_both_databases(databases, add_people, load_sample):
    load_sample(databases)
    user = add_people(databases)["reviewer"]
    claim_conversation(databases, user, OTHER)
    fill_in(databases, user, OTHER)
    found = submit(databases, user, OTHER)
    reopen(databases, user, OTHER)
    assert submit(databases, user, OTHER) == found
    with databases.reading() as connection:
        assert verify(connection).holds
