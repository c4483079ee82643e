"""Loading a run: everything in the tables arrives, once, and what people did stays."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, insert, select

from autoqa.errors import ReviewError
from autoqa.records import (
    CSAT,
    Evaluation,
    Flag,
    RaterKind,
    Rating,
    Status,
    Survey,
    Transcript,
    Turn,
)
from autoqa.review.database import schema, verify
from autoqa.review.flags import MESSAGES
from autoqa.review.loading import FIRST_LOOKS, load_run
from autoqa.scorecard import Scorecard, evaluate
from autoqa.store import atomic_write_json, from_dict, read_records, write_records

CARD = Scorecard.model_validate(
    {
        "id": "small",
        "version": 1,
        "sections": [
            {
                "id": "all",
                "criteria": [
                    {"id": name, "question": f"Was {name} there?", "levels": {0: "no", 1: "yes"}}
                    | {"weight": 1}
                    for name in ("greeting", "empathy")
                ],
            }
        ],
    }
)


def transcript(name, text="hello", **more):
    return Transcript(conversation_id=name, turns=(Turn(speaker="customer", text=text),), **more)


def rating(name, criterion, level, **more):
    return Rating(
        conversation_id=name,
        criterion=criterion,
        rater="autoqa",
        kind=RaterKind.MODEL,
        status=Status.RATED,
        level=level,
        **more,
    )


def write_run(folder, transcripts, *, level=1, flags=(), csat=(), card=CARD):
    """A folder as `autoqa score` leaves it: all criteria of all conversations at one level."""
    folder.mkdir()
    ratings = [
        [rating(one.conversation_id, criterion.id, level) for criterion in card.criteria]
        for one in transcripts
    ]
    evaluations = [replace(evaluate(some, card), ratings=()) for some in ratings]
    write_records(folder / "transcripts.parquet", transcripts, Transcript)
    write_records(folder / "evaluations.parquet", evaluations, Evaluation)
    write_records(folder / "ratings.parquet", [one for some in ratings for one in some], Rating)
    write_records(folder / "csat.parquet", csat, Rating)
    write_records(folder / "flags.parquet", flags, Flag)
    summary = {"scorecard": card.id, "scorecard_version": card.version, "models": None}
    atomic_write_json(folder / "summary.json", summary)
    return folder


def low_total(name, total=20):
    message = MESSAGES["low_total"].format(total=total)
    return Flag(conversation_id=name, reason="low_total", message=message, priority=0.6)


def count(database, table, *conditions):
    with database.reading() as connection:
        query = select(func.count()).select_from(table).where(*conditions)
        return connection.execute(query).scalar_one()


def rows(database, table):
    with database.reading() as connection:
        return connection.execute(select(table)).all()


def everything(database):
    return {table.name: rows(database, table) for table in schema.metadata.tables.values()}


def test_a_run_arrives_as_it_was_written(loaded, scored_run, card, surveys):
    transcripts = {
        one.conversation_id: one
        for one in read_records(scored_run / "transcripts.parquet", Transcript)
    }
    stored = {row.id: row for row in rows(loaded, schema.conversations)}
    assert {name: from_dict(Transcript, row.document) for name, row in stored.items()} == (
        transcripts
    )
    evaluations = {
        row.id: row for row in rows(loaded, schema.evaluations) if row.purpose == "score"
    }
    for one in read_records(scored_run / "evaluations.parquet", Evaluation):
        row = evaluations[stored[one.conversation_id].evaluation_id]
        assert (row.total, row.coverage) == (one.total, one.coverage)
        assert stored[one.conversation_id].total == one.total
    written = Counter(
        (one.conversation_id, one.criterion, one.status, one.level)
        for name in ("ratings", "csat")
        for one in read_records(scored_run / f"{name}.parquet", Rating)
        if one.turn is None
    )
    assert written == Counter(
        (evaluations[row.evaluation_id].conversation_id, row.criterion, row.status, row.level)
        for row in rows(loaded, schema.ratings)
    )
    answered = {one.conversation_id: one.share for one in surveys}
    assert {name: row.survey for name, row in stored.items() if row.survey is not None} == answered


def test_curves_have_the_scale_of_the_prediction(loaded, scored_run):
    predicted = [
        one
        for one in read_records(scored_run / "csat.parquet", Rating)
        if one.turn is not None and one.status is Status.RATED
    ]
    curves = rows(loaded, schema.curves)
    assert sum(len(row.points) for row in curves) == len(predicted) > 0
    assert {tuple(row.scale) for row in curves} == {(1, 5)}


def test_every_flagged_conversation_is_in_the_queue_at_the_priority_of_its_most_urgent_flag(
    loaded, scored_run
):
    urgent = {}
    for flag in read_records(scored_run / "flags.parquet", Flag):
        name = flag.conversation_id
        urgent[name] = max(flag.priority, urgent.get(name, 0))
    queued = {row.conversation_id: row.priority for row in rows(loaded, schema.items)}
    assert urgent.items() <= queued.items()
    drawn = {
        row.conversation_id for row in rows(loaded, schema.flags) if row.reason == "random_audit"
    }
    assert queued.keys() - urgent.keys() <= drawn


def test_messages_of_flags_carry_their_values(loaded):
    for row in rows(loaded, schema.flags):
        assert MESSAGES[row.reason].format(**row.values) == row.message


def test_the_same_run_a_second_time_changes_nothing(loaded, scored_run, card, surveys, tmp_path):
    before = everything(loaded)
    again = load_run(loaded, scored_run, card, surveys=surveys)
    moved = shutil.copytree(scored_run, tmp_path / "elsewhere")
    assert load_run(loaded, moved, card, surveys=surveys) == again
    assert (again.added, again.rescored, again.queued, again.surveys) == (0, 0, 0, 0)
    assert everything(loaded) == before


def test_loading_writes_an_audit_log_that_holds(loaded):
    with loaded.reading() as connection:
        assert verify(connection).holds
    actions = {row.action for row in rows(loaded, schema.audit_log)}
    assert {"run.begin", "run.load", "run.finish", "surveys.load"} <= actions


def test_the_random_audit_is_a_share_of_all_conversations_and_stays_the_same(databases, tmp_path):
    names = [f"call-{number}" for number in range(400)]
    flagged = [low_total(name) for name in names[:200]]
    first = write_run(tmp_path / "first", [transcript(name) for name in names], flags=flagged)
    load_run(databases, first, CARD, audit_share=0.2, seed=3)

    def drawn():
        return {
            row.conversation_id
            for row in rows(databases, schema.flags)
            if row.reason == "random_audit"
        }

    before = drawn()
    # 80 are expected; 5 standard deviations of sqrt(400 * 0.2 * 0.8) = 8 are 40.
    assert 40 <= len(before) <= 120
    assert 0.2 < len(before & set(names[:200])) / len(before) < 0.8
    newer = write_run(tmp_path / "newer", [transcript(name) for name in names], level=0)
    load_run(databases, newer, CARD, audit_share=0.2, seed=3)
    assert drawn() == before


def test_a_newer_run_adds_evaluations_and_replaces_flags(database, tmp_path):
    names = ["a", "b"]
    talks = [transcript(name) for name in names]
    load_run(
        database,
        write_run(tmp_path / "1", talks, level=0, flags=[low_total("a")]),
        CARD,
        audit_share=0,
    )
    loaded = load_run(
        database,
        write_run(tmp_path / "2", talks, level=1, flags=[low_total("b", total=30)]),
        CARD,
        audit_share=0,
    )
    assert (loaded.added, loaded.rescored) == (0, 2)
    assert count(database, schema.evaluations) == 4
    assert {row.total for row in rows(database, schema.conversations)} == {100.0}
    assert [row.conversation_id for row in rows(database, schema.flags)] == ["b"]
    # Nobody had to do with 'a', and nothing is flagged about it any more.
    assert [row.conversation_id for row in rows(database, schema.items)] == ["b"]


def add_review(database, user, name, *, level, submitted=True):
    """What a person answered, straight into the tables."""
    now = datetime.now(UTC)
    with database.writing("tests") as write:
        number = write.execute(
            insert(schema.evaluations)
            .values(
                conversation_id=name,
                rater=user.name,
                kind="human",
                user_id=user.id,
                scorecard=CARD.id,
                scorecard_version=CARD.version,
                purpose="review",
                state="submitted" if submitted else "draft",
                blind=False,
                critical_failed=[],
                section_totals={},
                started_at=now,
                submitted_at=now if submitted else None,
                occasion="",
            )
            .returning(schema.evaluations.c.id)
        ).scalar_one()
        write.execute(
            insert(schema.ratings).values(
                evaluation_id=number,
                criterion="empathy",
                version=1,
                status="rated",
                level=level,
                at=now,
            )
        )
        write.audit("test", name)


def test_a_newer_run_keeps_what_people_did(database, people, tmp_path):
    first = write_run(tmp_path / "1", [transcript("a")], flags=[low_total("a")])
    load_run(database, first, CARD)
    add_review(database, people["reviewer"], "a", level=0, submitted=False)
    load_run(database, write_run(tmp_path / "2", [transcript("a")], level=0), CARD)
    human = [row for row in rows(database, schema.evaluations) if row.kind == "human"]
    assert [row.rater for row in human] == ["reviewer"]
    assert [row.conversation_id for row in rows(database, schema.items)] == ["a"]


def test_words_that_people_pointed_into_are_not_replaced(database, people, tmp_path):
    load_run(database, write_run(tmp_path / "1", [transcript("a", "one"), transcript("b")]), CARD)
    add_review(database, people["reviewer"], "a", level=0)
    newer = [transcript("a", "other words"), transcript("b", "other words")]
    loaded = load_run(database, write_run(tmp_path / "2", newer), CARD)
    assert (loaded.kept, loaded.rescored) == (1, 1)
    words = {row.id: row.words for row in rows(database, schema.conversations)}
    assert words == {"a": "one", "b": "other words"}


def test_loading_that_was_interrupted_goes_on_where_it_was(database, tmp_path, monkeypatch):
    from autoqa.review import loading, run_folder

    monkeypatch.setattr(run_folder, "CHUNK", 2)
    talks = [transcript(f"call-{number}") for number in range(5)]
    folder = write_run(tmp_path / "run", talks, flags=[low_total("call-4")])
    whole = loading.RunRows.load
    done = []

    def stopped(self, chunk, drawn):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(chunk)
        return whole(self, chunk, drawn)

    with monkeypatch.context() as patch:
        patch.setattr(loading.RunRows, "load", stopped)
        with pytest.raises(KeyboardInterrupt):
            load_run(database, folder, CARD, audit_share=0)
    assert count(database, schema.conversations) == 4
    loaded = load_run(database, folder, CARD, audit_share=0)
    assert loaded.added == 1
    assert count(database, schema.conversations) == count(database, schema.evaluations) == 5
    assert count(database, schema.items) == 1


def test_first_conversations_of_agents_that_no_earlier_run_knew_come_into_the_queue(
    databases, tmp_path
):
    def talk(agent, day):
        when = datetime(2026, 3, day, tzinfo=UTC)
        return transcript(f"{agent}-{day}", agent=agent, started_at=when)

    old = [talk("old", day) for day in (1, 2)]
    load_run(databases, write_run(tmp_path / "1", old), CARD, audit_share=0)
    assert count(databases, schema.items) == 0
    days = range(9, 2, -1)
    newer = [*(talk("new", day) for day in days), talk("old", 8)]
    load_run(databases, write_run(tmp_path / "2", newer), CARD, audit_share=0)
    assert {row.conversation_id for row in rows(databases, schema.items)} == {
        f"new-{day}" for day in sorted(days)[:FIRST_LOOKS]
    }


def test_conversations_of_an_agent_whose_answers_people_changed_are_looked_at_again(
    databases, add_people, tmp_path
):
    people = add_people(databases)
    talks = [transcript(f"old-{number}", agent="Maya") for number in range(3)]
    load_run(databases, write_run(tmp_path / "1", talks, level=1), CARD, audit_share=0)
    for number in range(3):
        add_review(databases, people["reviewer"], f"old-{number}", level=0 if number else 1)
    newer = [
        *(transcript(f"new-{number}", agent="Maya") for number in range(2)),
        transcript("other", agent="Bruno"),
    ]
    load_run(databases, write_run(tmp_path / "2", newer), CARD, audit_share=0)
    flags = [row for row in rows(databases, schema.flags) if row.reason == "model_human_disagree"]
    assert {row.conversation_id for row in flags} == {"new-0", "new-1"}
    assert {row.criterion for row in flags} == {"empathy"}
    assert flags[0].values == {"changed": "2", "compared": "3", "question": "Was empathy there?"}


def test_the_later_survey_counts_and_its_comment_is_redacted(database, tmp_path):
    folder = write_run(tmp_path / "1", [transcript("a")])

    def survey(score, day, comment):
        when = datetime(2026, 3, day, tzinfo=UTC)
        return Survey(
            conversation_id="a", score=score, scale=(1, 5), comment=comment, answered_at=when
        )

    said = [survey(5, 2, "call me at ana@example.com"), survey(1, 1, "no")]
    said.append(Survey(conversation_id="unknown", score=1, scale=(1, 5)))
    assert load_run(database, folder, CARD, surveys=said).surveys == 1
    (row,) = rows(database, schema.conversations)
    assert row.survey == 1.0
    stored = from_dict(Survey, row.survey_answer)
    assert stored.score == 5
    assert "ana@example.com" not in stored.comment
    assert load_run(database, folder, CARD, surveys=said).surveys == 0


def test_a_run_on_another_scorecard_is_refused(database, tmp_path):
    folder = write_run(tmp_path / "1", [transcript("a")])
    other = CARD.model_copy(update={"version": 2})
    with pytest.raises(ReviewError, match="scored on small version 1, not on small version 2"):
        load_run(database, folder, other)


def test_a_scorecard_that_changed_without_a_new_version_is_refused(database, tmp_path):
    load_run(database, write_run(tmp_path / "1", [transcript("a")]), CARD)
    said = CARD.model_dump(mode="json")
    said["sections"][0]["criteria"][0]["weight"] = 7
    changed = Scorecard.model_validate(said)
    folder = write_run(tmp_path / "2", [transcript("a"), transcript("b")], card=changed)
    with pytest.raises(ReviewError, match="version of its own"):
        load_run(database, folder, changed)


def test_the_same_scorecard_in_another_language_belongs_together(database, tmp_path):
    load_run(database, write_run(tmp_path / "1", [transcript("a")]), CARD)
    said = CARD.model_dump(mode="json") | {"language": "es"}
    said["sections"][0]["criteria"][0]["question"] = "¿Saludó?"
    spanish = Scorecard.model_validate(said)
    folder = write_run(tmp_path / "2", [transcript("b")], card=spanish)
    assert load_run(database, folder, spanish).added == 1


@pytest.mark.parametrize("missing", ["summary.json", "flags.parquet", "transcripts.parquet"])
def test_a_folder_without_a_finished_run_is_refused(database, tmp_path, missing):
    folder = write_run(tmp_path / "1", [transcript("a")])
    (folder / missing).unlink()
    with pytest.raises(ReviewError, match="no finished scoring run"):
        load_run(database, folder, CARD)


def test_tables_of_two_runs_are_refused(database, tmp_path):
    folder = write_run(tmp_path / "1", [transcript("a"), transcript("b")])
    other = write_run(tmp_path / "2", [transcript("b"), transcript("a")])
    shutil.copy(other / "evaluations.parquet", folder / "evaluations.parquet")
    shutil.copy(other / "ratings.parquet", folder / "ratings.parquet")
    assert load_run(database, folder, CARD).added == 2  # in one chunk, any order will do
    shutil.copy(write_run(tmp_path / "3", [transcript("c")]) / "flags.parquet", folder)
    third = write_run(tmp_path / "4", [transcript("a")])
    shutil.copy(other / "ratings.parquet", third / "ratings.parquet")
    with pytest.raises(ReviewError, match="of one run"):
        load_run(database, third, CARD)


def test_hostile_values_are_stored_or_refused_never_half(databases, tmp_path):
    talk = transcript("a\N{BELL}<b>'", "zero \0 byte", agent="x" * 300 + "\0", language="e" * 60)
    load_run(databases, write_run(tmp_path / "1", [talk]), CARD)
    (row,) = rows(databases, schema.conversations)
    assert len(row.agent) == 200
    assert from_dict(Transcript, row.document) == talk
    long = transcript("y" * 501)
    with pytest.raises(ReviewError, match="500 characters"):
        load_run(databases, write_run(tmp_path / "2", [long]), CARD)
    assert count(databases, schema.conversations) == 1


def test_predicted_satisfaction_is_an_answer_of_the_model(database, tmp_path):
    predicted = rating("a", CSAT, 2, expected=2.4, probabilities=(0, 0.6, 0.4, 0, 0))
    load_run(database, write_run(tmp_path / "1", [transcript("a")], csat=[predicted]), CARD)
    (row,) = rows(database, schema.conversations)
    assert row.csat == 2.4
    assert [r.level for r in rows(database, schema.ratings) if r.criterion == CSAT] == [2]
