"""What holds for the evaluations of every system."""

from __future__ import annotations

import copy
import gzip
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoqa.errors import ReadError
from autoqa.readers import Quarantine
from autoqa.readers.evaluations import import_evaluations
from autoqa.records import Rating
from autoqa.store import write_records

YES = {"values": [{"valueText": "Yes", "valueRefId": "o11", "selected": True}]}
NO = {"values": [{"valueText": "No", "valueRefId": "o10", "selected": True}]}


def answer(given):
    return copy.deepcopy(given)


def test_of_two_files_of_one_evaluation_the_last_submitted_counts(load, connect, said):
    found, quarantine = load(
        connect("e1", when="2026-03-02T11:00:00+01:00", q1=answer(NO)),  # 10:00 in UTC
        connect("e1", when="2026-03-02T10:30:00Z", q1=answer(YES)),
        connect("e1", when="2026-03-02T10:15:00", q1=answer(NO)),
    )
    assert said(found) == {("greeting", "ana"): ("human", "rated", 1)}
    assert (quarantine.records_kept, quarantine.counts) == (1, {"superseded": 2})


def test_an_evaluation_without_a_time_never_replaces_one_that_has_it(load, connect, said):
    found, _ = load(connect("e1", q1=answer(YES)), connect("e1", when="yesterday", q1=answer(NO)))
    assert said(found) == {("greeting", "ana"): ("human", "rated", 1)}


def test_a_rater_answers_a_question_about_a_conversation_once(load, connect, said):
    found, quarantine = load(
        connect("e1", when="2026-03-02T10:00:00Z", q1=answer(NO)),
        connect("e2", when="2026-03-03T10:00:00Z", q1=answer(YES)),
    )
    assert said(found) == {("greeting", "ana"): ("human", "rated", 1)}
    assert (found.repeated, quarantine.records_kept) == (1, 2)


def test_questions_that_are_not_on_the_scorecard_are_counted_by_their_wording(load, connect):
    evaluation = connect(q1=answer(YES), q7=answer(YES), q8=answer(NO))
    evaluation["questions"][1]["questionText"] = "Was the hold music on?"
    found, quarantine = load(evaluation)
    assert found.unknown_questions == {"Was the hold music on?": 1, "q8": 1}
    assert len(found.ratings) == 1
    assert quarantine.notes == {"unknown_questions": 1}


def test_an_evaluation_on_another_form_is_left_out(load, connect):
    found, quarantine = load(connect(q7=answer(YES)))
    assert (found.ratings, found.evaluations) == ((), {})
    assert quarantine.counts == {"unknown_questions": 1}


def test_neither_answers_nor_notes_reach_the_quarantine_file(tmp_path, load, connect):
    secret = {"values": [{"valueText": "SECRET", "selected": True}], "notes": "SECRET"}
    load(connect("e1", q1=secret), connect("SECRET", q1={"notes": ["SECRET"]}), '{"SECRET": ')
    rows = (tmp_path / "quarantine.jsonl").read_text()
    assert rows.count("\n") == 3
    assert "SECRET" not in rows


def test_a_wrong_type_costs_the_evaluation_and_names_the_field(tmp_path, load, connect):
    evaluation = connect(q1=answer(YES))
    evaluation["questions"][0]["answer"]["notes"] = 5
    found, quarantine = load(evaluation, connect("e2", q1=answer(YES)))
    assert len(found.ratings) == 1
    assert quarantine.counts == {"wrong_type": 1}
    assert "a value in questions has the wrong type" in (tmp_path / "quarantine.jsonl").read_text()


@pytest.mark.parametrize("field", ["evaluationId", "metadata"])
def test_a_field_that_has_to_be_there_is_named(tmp_path, load, connect, field):
    evaluation = connect(q1=answer(YES))
    evaluation[field] = None if field == "metadata" else ""
    _, quarantine = load(evaluation)
    assert quarantine.counts == {"missing_field": 1}
    assert f"there is no {field}" in (tmp_path / "quarantine.jsonl").read_text()


def test_unknown_fields_are_ignored(load, connect):
    evaluation = connect(q1=answer(YES)) | {"newThing": {"a": [1]}}
    evaluation["questions"][0]["newer"] = 1
    found, quarantine = load(evaluation)
    assert len(found.ratings) == 1
    assert not quarantine.notes


def test_systems_may_be_mixed_and_files_may_be_lines(load, connect, genesys):
    lines = [connect(q1=answer(YES)), genesys("e1", "c2", q1={"answerId": "o10"})]
    found, _ = load("\n".join(map(json.dumps, lines)))
    assert found.evaluations == {"connect": 1, "genesys": 1}


def test_files_may_be_compressed_and_other_files_in_a_folder_are_skipped(tmp_path, connect, card):
    (tmp_path / "a.json.gz").write_bytes(
        gzip.compress(json.dumps(connect(q1=answer(YES))).encode())
    )
    (tmp_path / "readme.txt").write_text("hello")
    quarantine = Quarantine()
    found = import_evaluations([tmp_path], card, quarantine=quarantine)
    assert len(found.ratings) == 1
    assert quarantine.notes == {"skipped_file": 1}


def test_what_is_no_evaluation_is_said(load):
    found, quarantine = load({"turns": []}, "[1]", '"text"', "{")
    assert found.ratings == ()
    assert quarantine.records_read == 4
    assert set(quarantine.counts) == {"unknown_format", "wrong_type", "bad_json"}


def test_without_a_quarantine_bad_data_is_an_error_and_a_draft_is_not(tmp_path, card, genesys):
    draft = genesys(q1={"answerId": "o11"}, status="PENDING")
    (tmp_path / "a.json").write_text(json.dumps(draft))
    assert import_evaluations([tmp_path / "a.json"], card).ratings == ()
    (tmp_path / "b.json").write_text(json.dumps({"other": 1}))
    with pytest.raises(ReadError, match=r"b\.json.*no evaluation of connect, google"):
        import_evaluations([tmp_path], card)
    with pytest.raises(ReadError, match="no such file"):
        import_evaluations([tmp_path / "c.json"], card)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, inner in items:
        yield from places(inner, (*path, key))


def put(value, path, new):
    if not path:
        return new
    changed = copy.copy(value)
    changed[path[0]] = put(value[path[0]], path[1:], new)
    return changed


@pytest.mark.parametrize("system", ["connect", "google", "genesys", "zendesk"])
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_whatever_is_changed_in_a_file_it_is_read_and_counts_add_up(
    tmp_path, card, connect, google, genesys, zendesk, system, data
):
    suggested = {"automation": {"status": "OVERRIDDEN_ANSWER", "systemSuggestedValue": "No"}}
    ai = {"answerId": "o10", "failureType": "", "explanation": "x"}
    given_value = {
        "connect": lambda: connect(q1=answer(YES) | suggested, q3=answer(NO)),
        "google": lambda: google(q1=[("SYSTEM_GENERATED", {"key": "o11", "score": 1})]),
        "genesys": lambda: {"entities": [genesys(q1={"answerId": "o11", "aiAnswer": ai})]},
        "zendesk": lambda: {"conversations": [zendesk({"categoryName": "greeting", "score": 0})]},
    }[system]()
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(places(given_value))))
        given_value = put(given_value, path, data.draw(JSON))
    file = tmp_path / "mutated.json"
    file.write_text(json.dumps(given_value))
    quarantine = Quarantine()
    found = import_evaluations([file], card, quarantine=quarantine)
    assert quarantine.records_kept == sum(found.evaluations.values())
    assert quarantine.records_read == quarantine.records_kept + quarantine.records_quarantined
    write_records(tmp_path / "ratings.jsonl", found.ratings, Rating)
