import pytest

from autoqa.errors import ReadError
from autoqa.readers import Quarantine, read
from autoqa.records import Channel, Speaker

HEADER = "conversation_id,speaker,text\n"


def test_one_row_per_turn_is_grouped_by_conversation(read_file):
    content = HEADER + 'c1,agent,"Hello, you"\nc1,Customer,"two\nlines"\nc2,bot,hi\n'
    found, _, _ = read_file("t.csv", content)
    assert [len(x.transcript.turns) for x in found] == [2, 1]
    assert found[0].transcript.turns[1].text == "two\nlines"
    assert found[0].transcript.turns[1].speaker is Speaker.CUSTOMER


@pytest.mark.parametrize(("name", "cut"), [("t.tsv", "\t"), ("t.csv", ";"), ("t.csv", "|")])
def test_the_delimiter_is_the_one_that_cuts_the_header(read_file, name, cut):
    content = (
        f"call_id{cut}role{cut}utterance{cut}start\n1{cut}Representative{cut}hi, a{cut}00:01:05\n"
    )
    ((found,), _, _) = read_file(name, content)
    assert found.transcript.conversation_id == "1"
    assert found.transcript.turns[0].speaker is Speaker.AGENT
    assert found.transcript.turns[0].start_s == 65.0


def test_columns_can_be_named(read_file):
    content = "gespraech;wer;satz;agent\n7;客服;hi;ana\n"
    columns = {"conversation_id": "gespraech", "speaker": "wer", "text": "satz"}
    ((found,), _, _) = read_file("t.csv", content, columns=columns)
    assert found.transcript.turns[0].speaker is Speaker.AGENT
    assert found.transcript.agent == "ana"


def test_details_come_from_the_first_row_that_has_them(read_file):
    content = (
        "conversation_id,speaker,text,channel,language,queue,started_at\n"
        "c,agent,a,,es,,\nc,agent,b,Phone,es,billing,2024-05-17T09:30:00\n"
    )
    ((found,), _, _) = read_file("t.csv", content)
    assert found.transcript.channel is Channel.VOICE
    assert (found.transcript.language, found.transcript.queue) == ("es", "billing")
    assert found.transcript.started_at.hour == 9


def test_other_columns_may_be_labels_and_stay_out(read_file):
    content = "conversation_id,speaker,text,csat\nc,agent,a,secret\n"
    ((found,), _, _) = read_file("t.csv", content)
    assert "secret" not in repr(found)


def test_a_turn_column_gives_the_order(read_file):
    content = "conversation_id,turn,speaker,text\nc,10,agent,last\nc,2,customer,first\n"
    ((found,), _, _) = read_file("t.csv", content)
    assert [t.text for t in found.transcript.turns] == ["first", "last"]


def test_a_conversation_torn_apart_is_never_read_in_part(read_file):
    content = HEADER + "c1,agent,a\nc2,agent,b\nc1,agent,c\nc3,agent,d\n"
    found, quarantine, (row,) = read_file("t.csv", content)
    assert [x.transcript.conversation_id for x in found] == ["c2", "c3"]
    assert quarantine.counts == {"not_contiguous": 1}
    assert (row["line"], row["byte_offset"]) == (2, len(HEADER))


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("c1,agent,ok\nc1,narrator,x\n", "bad_speaker"),
        ("c1,agent,ok\nc1,agent,one,two\n", "bad_row"),
        ("c1,agent,ok\nc1,agent\n", "bad_row"),
        ("c1,agent,ok\nc1,agent,\ufffd\n", "not_utf8"),
        (",agent,x\n", "missing_field"),
    ],
)
def test_a_bad_row_costs_its_conversation_only(read_file, rows, reason):
    content = (HEADER + rows + "c2,agent,fine\n").encode().replace("\ufffd".encode(), b"\xff")
    found, quarantine, _ = read_file("t.csv", content)
    assert [x.transcript.conversation_id for x in found] == ["c2"]
    assert quarantine.counts == {reason: 1}


def test_times_that_make_no_sense_are_dropped_with_a_note(read_file):
    content = "conversation_id,speaker,text,start_s,end_s\nc,agent,a,soon,\nc,agent,b,9,3\n"
    ((found,), quarantine, rows) = read_file("t.csv", content)
    assert [t.start_s for t in found.transcript.turns] == [None, None]
    assert quarantine.notes == {"bad_time": 1, "times_reversed": 1}
    assert [row["message"].split(":")[0][:11] for row in rows] == ["turn 1", "turn 2 ends"]


def test_a_truncated_gzip_also_costs_the_conversation_it_breaks_off_in(read_file):
    import gzip
    import random

    noise = random.Random(1)
    rows = "".join(f"c{i},agent,{noise.getrandbits(2000)}\n" * 2 for i in range(60))
    whole = gzip.compress((HEADER + rows).encode())
    found, quarantine, _ = read_file("t.csv.gz", whole[: len(whole) // 2])
    assert all(len(x.transcript.turns) == 2 for x in found)
    assert quarantine.counts == {"damaged_file": 1}


def test_a_field_larger_than_the_default_limit_of_the_csv_module_is_read(read_file):
    ((found,), _, _) = read_file("t.csv", HEADER + "c,agent," + "x" * 200_000 + "\n")
    assert len(found.transcript.turns[0].text) == 200_000


def test_a_missing_column_names_the_field(read_file):
    found, quarantine, (row,) = read_file("t.csv", "conversation_id,who_spoke,text\nc,agent,a\n")
    assert not found
    assert quarantine.counts == {"missing_column": 1}
    assert "no column for speaker" in row["message"]


def test_an_unknown_field_in_the_mapping_is_an_error_at_once(tmp_path):
    with pytest.raises(ReadError, match=r"unknown field 'txt'\. Did you mean 'text'"):
        read([tmp_path], columns={"txt": "utterance"}, quarantine=Quarantine())


def parquet(path, columns):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path)
    return path.read_bytes()


def test_parquet_turn_tables_are_read(read_file, tmp_path):
    content = parquet(
        tmp_path / "x",
        {
            "conversation_id": [1, 1, 2],
            "speaker": ["agent", "customer", "agent"],
            "text": ["a", "b", None],
            "start_s": [0.5, None, 1.0],
            "label": [1, 1, 1],
        },
    )
    found, quarantine, (row,) = read_file("t.parquet", content)
    assert found[0].transcript.conversation_id == "1"
    assert found[0].transcript.turns[0].start_s == 0.5
    assert quarantine.counts == {"wrong_type": 1}
    assert (row["line"], row["byte_offset"]) == (3, None)


def test_a_damaged_parquet_file_is_quarantined(read_file, tmp_path):
    content = parquet(tmp_path / "x", {"conversation_id": ["1"], "speaker": ["a"], "text": ["a"]})
    found, quarantine, _ = read_file("t.parquet", content[:-9])
    assert not found
    assert quarantine.records_quarantined == 1


def test_the_user_says_who_a_label_is(read_file):
    content = HEADER + "c1,SPK_0,hello\nc1,Ana,hi\n"
    named = {"spk_0": Speaker.CUSTOMER, "ANA": Speaker.AGENT}
    ((found,), _, _) = read_file("t.csv", content, speakers=named)
    assert [t.speaker for t in found.transcript.turns] == [Speaker.CUSTOMER, Speaker.AGENT]
