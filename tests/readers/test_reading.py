import json

import pytest

from autoqa.errors import ReadError
from autoqa.readers import REASONS, Quarantine, formats, read, sniff
from autoqa.records import Rating, Transcript, Turn
from autoqa.store import write_records

TEXT = "Agent: hi\nCustomer: hello\n"
TABLE = "conversation_id,speaker,text\nt1,agent,a\nt1,customer,b\n"


@pytest.fixture
def folder(tmp_path, line):
    def put(name, content):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    put("b.jsonl", line(conversation_id="b"))
    put("a/call.txt", TEXT)
    put("a/table.csv", TABLE)
    return tmp_path / "data", put


def ids(found):
    return [x.transcript.conversation_id for x in found]


def test_a_folder_is_searched_in_sorted_order(folder):
    path, put = folder
    put(".hidden.jsonl", "{")
    put(".git/x.jsonl", "{")
    quarantine = Quarantine()
    # Files of a folder come before those of its subfolders.
    assert ids(read([path], quarantine=quarantine)) == ["b", "a/call", "t1"]
    assert not quarantine.counts
    assert not quarantine.notes


def test_files_beside_conversations_are_skipped_with_a_row(folder, tmp_path):
    path, put = folder
    put("README.md", "# About\n\nThese are calls.")
    put("ratings.csv", "conversation_id,turn,rater,criterion,score\nb,,a,tone,1\n")
    put("points.csv", "conversation_id,kind\nb,1\n")
    put("kb.json", '{\n "a": 1\n}')
    put("old/quarantine.jsonl", '{"file": "x", "reason": "bad_json", "byte_offset": 0}\n')
    with Quarantine(tmp_path / "q.jsonl") as quarantine:
        assert len(list(read([path], quarantine=quarantine))) == 3
    assert quarantine.records_quarantined == 0
    assert quarantine.notes == {"skipped_file": 5}
    rows = [json.loads(row) for row in (tmp_path / "q.jsonl").read_text().splitlines()]
    assert {row["kept"] for row in rows} == {None}


def test_the_same_file_given_twice_is_read_once(folder):
    path, _ = folder
    quarantine = Quarantine()
    found = list(read([path, path / "b.jsonl", path / "a"], quarantine=quarantine))
    assert len(found) == quarantine.records_read == 3


def test_a_conversation_that_comes_twice_is_kept_once(read_file, line):
    found, quarantine, (row,) = read_file("c.jsonl", line() + "\n" + line(agent="ana") + "\n")
    assert len(found) == 1
    assert quarantine.counts == {"repeated": 1}
    assert row["line"] == 2


def test_another_conversation_under_the_same_id_is_told_from_a_repeated_one(read_file, line):
    other = line(turns=[{"speaker": "agent", "text": "Good evening."}])
    found, quarantine, rows = read_file("c.jsonl", "\n".join([line(), other, line()]))
    assert len(found) == 1
    assert quarantine.counts == {"duplicate_id": 1, "repeated": 1}
    assert [row["line"] for row in rows] == [2, 3]


def test_a_missing_input_is_an_error_before_anything_is_read(folder, tmp_path):
    path, _ = folder
    with pytest.raises(ReadError, match=r"gone\.jsonl: no such file"):
        read([path, tmp_path / "gone.jsonl"], quarantine=Quarantine())


def test_a_folder_without_conversations_is_an_error(tmp_path):
    (tmp_path / "notes.md").write_text("nothing")
    with pytest.raises(ReadError, match="none of its 1 files holds conversations"):
        read([tmp_path], quarantine=Quarantine())


def test_an_unknown_file_given_by_name_is_quarantined_as_one_record(read_file):
    found, quarantine, (row,) = read_file("notes.md", "nothing to see")
    assert not found
    assert quarantine.counts == {"unknown_format": 1}
    assert "nothing to see" not in json.dumps(row)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.jsonl", "not json at all", "uniform"),
        ("a.log", '{"conversation_id": "c", "turns": []}\n', "uniform"),
        ("a.log", '{"turns": [' + '"x",' * 40_000, "uniform"),
        ("a.dat", TABLE, "table"),
        ("a.csv", TEXT, "text"),
        ("a", "# id\n\n" + TEXT, "text"),
    ],
)
def test_formats_are_known_by_content_first(tmp_path, name, content, expected):
    (tmp_path / name).write_text(content)
    assert sniff(tmp_path / name) == expected


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".parquet"])
def test_stored_transcripts_are_read_back(tmp_path, suffix):
    record = Transcript(conversation_id="c", turns=(Turn(speaker="agent", text="hi"),))
    path = tmp_path / f"t{suffix}"
    write_records(path, [record], Transcript)
    assert sniff(path) == "stored"
    (found,) = read([path], quarantine=Quarantine())
    assert found.transcript == record


def test_one_bad_line_of_a_stored_table_costs_one_record(tmp_path, read_file):
    turns = (Turn(speaker="agent", text="hi"),)
    records = [Transcript(conversation_id=f"c{i}", turns=turns) for i in range(3)]
    write_records(tmp_path / "t.jsonl", records, Transcript)
    lines = (tmp_path / "t.jsonl").read_text().splitlines()
    lines[2] = lines[2].replace('"agent"', '"narrator"')
    found, quarantine, (row,) = read_file("t.jsonl", "\n".join(lines))
    assert ids(found) == ["c0", "c2"]
    assert quarantine.counts == {"wrong_type": 1}
    assert row["line"] == 3


def test_a_stored_table_of_a_newer_version_says_to_upgrade(read_file):
    content = '{"autoqa": "transcript", "schema_version": 9}\n{"conversation_id": "c"}\n'
    found, quarantine, (row,) = read_file("t.jsonl", content)
    assert not found
    assert quarantine.counts == {"newer_version": 1}
    assert "upgrade" in row["message"]


def test_other_stored_tables_are_not_taken_for_conversations(tmp_path):
    write_records(tmp_path / "r.parquet", [], Rating)
    with pytest.raises(ReadError, match="holds rating records, no conversations") as caught:
        sniff(tmp_path / "r.parquet")
    assert caught.value.reason == "not_transcripts"


def test_utf16_is_read_and_noted(read_file):
    ((found,), quarantine, _) = read_file("a.txt", TEXT.encode("utf-16"))
    assert [turn.text for turn in found.transcript.turns] == ["hi", "hello"]
    assert quarantine.notes == {"other_encoding": 1}


def test_the_format_can_be_forced(read_file):
    found, quarantine, _ = read_file("a.txt", TEXT, format="uniform")
    assert not found
    assert quarantine.counts == {"bad_json": 2}


def test_an_unknown_format_gets_a_near_miss(tmp_path):
    with pytest.raises(ReadError, match=r"'unifrm'\. Did you mean 'uniform'.*stored, .*, text"):
        read([tmp_path], format="unifrm", quarantine=Quarantine())


def test_special_formats_come_before_general_ones():
    names = list(formats())
    assert names[0] == "stored"
    assert names[-3:] == ["uniform", "table", "text"]


def test_quarantine_rows_hold_no_text_of_the_record(read_file, line):
    secret = "SECRET-4711"
    bad = [
        line(conversation_id=secret, channel=secret),
        line(conversation_id=secret, turns=[{"speaker": secret, "text": secret}]),
        line(conversation_id=secret, turns=[{"speaker": "agent", secret: secret}]),
        line(conversation_id=secret, csat={"score": secret, secret: 1}),
        line(conversation_id=f"{secret}-2", ratings=[{"criterion": secret, "score": secret}]),
        f'{{"{secret}": {secret}',
        f'"{secret}"',
    ]
    _, quarantine, rows = read_file("c.jsonl", "\n".join(bad))
    assert len(rows) == 7
    assert secret not in json.dumps(rows)
    assert {row["reason"] for row in rows} <= REASONS.keys()
    assert set(rows[0]) == {"file", "line", "byte_offset", "reason", "message", "kept"}
    assert quarantine.summary()["read"] == 7


def test_rows_are_on_disk_before_the_run_ends(tmp_path, line):
    path = tmp_path / "c.jsonl"
    path.write_text("{\n" + line())
    quarantine = Quarantine(tmp_path / "q.jsonl")
    next(read([path], quarantine=quarantine))
    assert json.loads((tmp_path / "q.jsonl").read_text())["reason"] == "bad_json"


def test_a_run_without_problems_leaves_an_empty_quarantine_file(tmp_path, line):
    (tmp_path / "c.jsonl").write_text(line())
    with Quarantine(tmp_path / "q.jsonl") as quarantine:
        list(read([tmp_path / "c.jsonl"], quarantine=quarantine))
    assert (tmp_path / "q.jsonl").read_text() == ""
    assert quarantine.summary() == {
        "read": 1, "kept": 1, "quarantined": 0, "reasons": {}, "notes": {}
    }  # fmt: skip


def test_reading_is_a_stream(tmp_path, line):
    (tmp_path / "c.jsonl").write_text("\n".join(line(conversation_id=f"c{i}") for i in range(9)))
    quarantine = Quarantine()
    stream = read([tmp_path / "c.jsonl"], quarantine=quarantine)
    next(stream)
    assert quarantine.records_read == 1
