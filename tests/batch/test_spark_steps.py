"""The Spark engine without Spark: units, and the steps that Python workers run."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pyarrow as pa
import pytest

from autoqa.batch import ScoringSetup, spark_worker
from autoqa.batch.spark_rows import read_schema, row_of_conversation, scored_schema
from autoqa.batch.spark_units import Unit, units_of, with_line_numbers
from autoqa.batch.spark_worker import Met, Reading, counting, reading, scoring, taking
from autoqa.errors import ModelError, RunStopped
from autoqa.readers import Place, Quarantine
from autoqa.readers.reading import find_files, read_files
from autoqa.records import Speaker, Transcript
from autoqa.store import to_dict


@pytest.fixture
def lines(talks, line_of):
    said = [line_of(t) for t in talks(40, seed=33)[0]]
    said[7] = '{"conversation_id": "cut off'
    said[21] = json.dumps({"conversation_id": "mute", "turns": []})
    said[30] = said[30].replace("customer", "client?", 1)
    said.insert(12, "")
    return said


def units_in(*paths, unit_bytes):
    files = find_files(paths, Quarantine())
    units = list(units_of(files, unit_bytes=unit_bytes))
    ranges = [one for one in units if one.stop is not None]
    rows = run(counting(), [{"content": one.to_json()} for one in ranges])
    return files, with_line_numbers(units, {(row["path"], row["start"]): row["n"] for row in rows})


def run(step, rows, schema=None):
    """What a step makes of rows that come in batches of three."""
    batches = [
        pa.RecordBatch.from_pylist(rows[i : i + 3], schema=schema) for i in range(0, len(rows), 3)
    ]
    return [row for batch in step(iter(batches)) for row in batch.to_pylist()]


def read_in_units(files, units):
    rows = [{"unit": n, "content": unit.to_json()} for n, unit in enumerate(units)]
    return run(reading(Reading.of(files)), rows)


class Listed(Quarantine):
    """What the local engine would write to its quarantine."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def _write(self, place, problem, *, kept):
        self.rows.append((place.file, place.line, place.byte_offset, problem.reason, kept))


def places(rows):
    """The same of rows that units gave."""
    for row in rows:
        if row["problem"]:
            said = row["problem"]["reason"]
            yield (row["file"], row["line"], row["byte_offset"], said, False)
        for note in row["notes"]:
            yield tuple(note[k] for k in ("file", "line", "byte_offset", "reason", "kept"))


# units


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("unit_bytes", [1, 700, 5000, 10**6])
def test_lines_of_a_large_file_are_read_in_ranges_as_in_one_go(tmp_path, lines, unit_bytes, ending):
    path = tmp_path / "calls.jsonl"
    path.write_bytes(ending.join(lines).encode())
    files, units = units_in(path, unit_bytes=unit_bytes)
    assert (len(units) > 1) == (unit_bytes < 6000)
    assert sum((unit.stop or 0) - unit.start for unit in units) in (0, path.stat().st_size)
    rows = read_in_units(files, units)
    met = Listed()
    kept = list(read_files(files, met))
    found = [row for row in rows if row["transcript"]]
    assert [row["key"] for row in found] == [k.labelled.transcript.conversation_id for k in kept]
    assert [(row["line"], row["byte_offset"]) for row in found] == [
        (k.place.line, k.place.byte_offset) for k in kept
    ]
    assert sorted(places(rows), key=str) == sorted(met.rows, key=str)
    assert [(row["unit"], row["number"]) for row in rows] == sorted(
        (row["unit"], row["number"]) for row in rows
    )


def test_small_files_share_a_unit_and_only_plain_lines_are_cut(tmp_path, lines):
    content = "\n".join(lines)
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.jsonl").write_text(content, encoding="utf-8")
    with gzip.open(tmp_path / "d.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.write(content)
    (tmp_path / "e.jsonl").write_text(content, encoding="utf-16")
    (tmp_path / "f.jsonl").write_text(content.replace("\n", "\r"), encoding="utf-8")
    _, whole = units_in(tmp_path, unit_bytes=2 * len(content) + 10)
    assert [file[0][-7:] for file in whole[0].files] == ["a.jsonl", "b.jsonl"]
    _, cut = units_in(tmp_path, unit_bytes=len(content) // 3)
    ranges = [unit.files[0][0][-7:] for unit in cut if unit.stop is not None]
    assert set(ranges) == {"a.jsonl", "b.jsonl", "c.jsonl"}
    rest = [file[0].rpartition("/")[2] for unit in cut if unit.stop is None for file in unit.files]
    assert rest == ["d.jsonl.gz", "e.jsonl", "f.jsonl"]


def test_files_that_may_share_a_conversation_stay_together(tmp_path, lines, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    files = find_files([tmp_path], Quarantine())
    shared = replace(files[0][1], across_files=True)
    mixed = [(files[0][0], shared), files[1], (files[2][0], shared)]
    units = units_of(mixed, unit_bytes=10**6)
    names = [[file[0].rpartition("/")[2] for file in unit.files] for unit in units]
    assert names == [["a.jsonl", "c.jsonl"], ["b.jsonl"]]


def test_a_unit_survives_the_way_to_a_worker():
    unit = Unit((("a\udcff.jsonl", "a", "b", "uniform"),), 3, 9, 2)
    assert Unit.from_json(unit.to_json()) == unit


# what is met beside conversations


def test_what_is_wrong_with_files_becomes_rows_of_its_own(tmp_path, lines):
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "b.jsonl").write_bytes(b"")
    (tmp_path / "c.bin").write_bytes(b"\0\1\2")
    met = Met(Unit(()))
    find_files([tmp_path, tmp_path / "c.bin"], met)
    rows = list(met.rows(None))
    reasons = [(row.get("problem") or row["notes"][0])["reason"] for row in rows]
    assert reasons == ["empty_file", "skipped_file"]
    assert [note["kept"] for row in rows for note in row["notes"]] == [None, None]


# scoring


@pytest.fixture
def setup(card, models):
    return ScoringSetup(card, models)


@pytest.fixture
def calls(talks):
    return talks(9, seed=41, start=300)[0]


def as_read(transcripts, **more):
    """Rows as they come to be scored."""
    rows = []
    for n, transcript in enumerate(transcripts):
        row = row_of_conversation(transcript, Place("f", n + 1), [])
        rows.append({"unit": 0, "number": n, "nth": 1, "first_words": row["words"], **row, **more})
    return rows


def to_be_scored():
    return pa.schema([*read_schema(), ("nth", pa.int32()), ("first_words", pa.int64())])


def scored(setup, rows):
    return run(scoring(setup), rows, to_be_scored())


def test_scored_rows_hold_what_the_set_up_makes_of_each_conversation(setup, calls):
    rows = scored(setup, as_read(calls))
    done = setup.score(calls)
    assert [row["transcript"]["conversation_id"] for row in rows] == [
        t.conversation_id for t in calls
    ]
    assert [row["evaluations"][0]["total"] for row in rows] == [e.total for e in done.evaluations]
    assert {len(row["ratings"]) for row in rows} == {3}
    assert [row["csat"][0]["level"] for row in rows] == [r.level for r in done.csat]
    assert sum(len(row["flags"]) for row in rows) == len(done.flags)
    assert {row["evaluations"][0]["ratings"] == [] for row in rows} == {True}


def test_a_conversation_that_breaks_scoring_is_left_out_and_no_other(setup, calls, monkeypatch):
    bad = calls[4].conversation_id
    score = ScoringSetup.score

    def breaks(self, transcripts, **more):
        if any(t.conversation_id == bad for t in transcripts):
            raise FloatingPointError("said: secret")
        return score(self, transcripts, **more)

    monkeypatch.setattr(ScoringSetup, "score", breaks)
    rows = scored(setup, as_read(calls))
    problems = {row["line"]: row["problem"] for row in rows if row["problem"]}
    assert problems == {
        5: {"reason": "scoring_failed", "message": "scoring broke: FloatingPointError"}
    }
    assert [row["transcript"] is None for row in rows] == [row["line"] == 5 for row in rows]


def test_results_that_no_table_can_hold_are_left_out(setup, calls, monkeypatch):
    score = ScoringSetup.score

    def odd(self, transcripts, **more):
        done = score(self, transcripts, **more)
        first = replace(done.flags[0], message="\ud800") if done.flags else None
        return replace(done, flags=(first, *done.flags[1:]))

    monkeypatch.setattr(ScoringSetup, "score", odd)
    unsure = [t for t, e in zip(calls, setup.score(calls).evaluations, strict=True)]
    rows = scored(ScoringSetup(setup.card), as_read(unsure))
    assert [row["problem"] and row["problem"]["reason"] for row in rows].count("not_storable") == 1


def test_of_conversations_with_one_id_the_first_is_scored(setup, calls):
    rows = as_read(
        [calls[0], calls[0], replace(calls[1], conversation_id=calls[0].conversation_id)]
    )
    for n, row in enumerate(rows):
        row |= {"nth": n + 1, "first_words": rows[0]["words"]}
    found = scored(setup, rows)
    assert {row["line"]: row["problem"] and row["problem"]["reason"] for row in found} == {
        1: None,
        2: "repeated",
        3: "duplicate_id",
    }


def test_models_load_once_per_process_and_another_set_up_takes_their_place(setup):
    loaded = spark_worker._loaded(replace(setup))
    assert spark_worker._loaded(replace(setup)) is loaded
    other = spark_worker._loaded(replace(setup, abstain_below=0.1))
    assert other is not loaded
    assert spark_worker._loaded(replace(setup)) is not loaded


def test_models_that_cannot_be_used_stop_the_job(card, calls, tmp_path):
    with pytest.raises(ModelError, match=r"no models\.json"):
        scored(ScoringSetup(card, tmp_path), as_read(calls))


def test_an_error_that_nobody_foresaw_quotes_nothing(setup):
    with pytest.raises(RunStopped, match=r"^a Spark worker broke: KeyError$") as caught:
        run(scoring(setup), [{"secret": "words"}])
    assert caught.value.__cause__ is None


def test_text_is_redacted_before_spark_sees_it(transcript_of):
    said = transcript_of("c", "customer: write to ana@example.com")
    row = row_of_conversation(said, Place("f"), [])
    assert "ana@example.com" not in json.dumps(row)


# tables


def test_a_table_of_stored_transcripts_or_of_lines_is_read(calls, line_of):
    stored = [
        {"conversation_id": t.conversation_id, "turns": to_dict(t)["turns"], "file": "f", "line": n}
        for n, t in enumerate(calls)
    ]
    lines = [{"value": line_of(t).encode()} for t in calls]
    texts = [{"transcript_json": line_of(t)} for t in calls]
    found = [
        run(taking(column), rows)
        for column, rows in ((None, stored), ("value", lines), ("transcript_json", texts))
    ]
    keys = [[row["key"] for row in rows] for rows in found]
    assert keys == [[t.conversation_id for t in calls]] * 3
    assert [row["line"] for row in found[0]] == list(range(9))
    assert [row["words"] for row in found[0]] == [row["words"] for row in found[1]]


def test_a_row_of_a_table_that_cannot_be_read_says_why(calls, line_of):
    rows = [{"value": line} for line in (b"junk", None, b'"\xff"', line_of(calls[0]).encode())]
    found = run(taking("value"), rows)
    assert [row["problem"] and row["problem"]["reason"] for row in found[:2]] == [
        "bad_json",
        "bad_json",
    ]
    assert found[2]["problem"] is not None
    assert found[3]["problem"] is None
    (broken,) = run(taking(None), [{"conversation_id": "", "turns": None}])
    assert broken["problem"]["reason"] == "wrong_type"


def test_the_schemas_of_rows_hold_the_stored_columns():
    from autoqa.store import arrow_schema

    transcript = scored_schema().field("transcript").type
    assert [transcript.field(i).name for i in range(transcript.num_fields)] == arrow_schema(
        Transcript
    ).names
    assert Reading.of([]).speakers == dict[str, Speaker]()
