"""Whatever a file holds, reading never raises, and every record is accounted for."""

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoqa.readers import REASONS, Quarantine, formats, read
from autoqa.readers.values import CONTROL
from autoqa.records import Transcript, Turn
from autoqa.store import to_dict, write_records

RECORD = {
    "conversation_id": "c1",
    "channel": "chat",
    "language": "en",
    "agent": "a",
    "started_at": "2024-05-17T09:30:00Z",
    "turns": [
        {"speaker": "agent", "text": "hi", "start_s": 1.0, "end_s": 2.0},
        {"speaker": "customer", "text": "bye", "actions": [{"name": "n", "arguments": {}}]},
    ],
    "csat": {"score": 3, "scale": [1, 5]},
    "ratings": [
        {"rater": "r", "criterion": "t", "score": 1, "scale": [0, 2], "turn": 1}
        | {"rationale": ["bye"], "evidence": [{"turn": 0, "start": 0, "end": 1}]}
    ],
    "outcome": {"x": 1},
    "meta": {"y": 2},
    "split": "train",
}
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["agent", "rated", "\ud800", 10**30, -1, 1e308, "2024-99-99", ""]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner,
                                                                max_size=2),
    max_leaves=4,
)  # fmt: skip


def places(value, path=()):
    """Every path into nested JSON."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


PLACES = sorted(set(places(RECORD)) - {()}, key=str)


@st.composite
def mutated_lines(draw):
    record = json.loads(json.dumps(RECORD))
    for path in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=3)):
        holder = record
        try:
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = draw(junk)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change removed this place
    return json.dumps(record).encode()


@st.composite
def spoilt_bytes(draw, whole):
    spoilt = bytearray(draw(st.sampled_from(whole)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(spoilt)))
        spoilt[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(spoilt)


def reconciles(folder, name, content, **options):
    path = folder / name
    path.write_bytes(content)
    with Quarantine(folder / "q.jsonl") as quarantine:
        found = list(read([path], quarantine=quarantine, **options))
    rows = [json.loads(row) for row in (folder / "q.jsonl").read_text().splitlines()]
    assert quarantine.records_read == len(found) + quarantine.records_quarantined
    assert sum(row["kept"] is False for row in rows) == quarantine.records_quarantined
    assert {row["reason"] for row in rows} <= REASONS.keys() - {"reader_failed"}
    for labelled in found:  # what is kept can be stored
        to_dict(labelled.transcript)
        for record in (*labelled.ratings, *labelled.surveys):
            to_dict(record)
    return quarantine


@settings(max_examples=300, deadline=None)
@given(st.lists(mutated_lines(), min_size=1, max_size=4))
def test_a_line_changed_anywhere_is_kept_or_quarantined(tmp_path_factory, lines):
    folder = tmp_path_factory.mktemp("fuzz")
    quarantine = reconciles(folder, "c.jsonl", b"\n".join(lines))
    assert quarantine.records_read == len(lines)


def as_stored(name):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        turns = (Turn(speaker="agent", text="hi"), Turn(speaker="customer", text="bye"))
        records = [Transcript(conversation_id=f"s{n}", turns=turns) for n in range(3)]
        write_records(path, records, Transcript)
        return path.read_bytes()


def as_parquet():
    import pyarrow as pa
    import pyarrow.parquet as pq

    held = io.BytesIO()
    columns = {"conversation_id": ["c"] * 2, "speaker": ["agent", "bot"], "text": ["a", "b"]}
    pq.write_table(pa.table(columns), held)
    return held.getvalue()


LINES = (json.dumps(RECORD) + "\n").encode() * 2
TABLE = b'conversation_id,speaker,text,start_s\nc,agent,hi,1\nc,customer,"a\nb",2\nd,bot,x,\n'
SPOKEN = "# c1\n[00:01] Agent: hi\n[00:02] Customer: ¿qué?\n---\n客服：您好\nmore\n".encode()
VALID = {
    "lines": LINES,
    "packed": gzip.compress(LINES, mtime=0),
    "table": TABLE,
    "text": SPOKEN,
    "utf-16": SPOKEN.decode().encode("utf-16"),
    "stored lines": as_stored("t.jsonl"),
    "stored packed": as_stored("t.jsonl.gz"),
    "stored table": as_stored("t.parquet"),
    "parquet": as_parquet(),
}
NAMES = ["c.jsonl", "c.csv", "c.tsv", "c.txt", "c.json", "c", "c.gz", "c.parquet"]


@settings(max_examples=60, deadline=None)
@given(content=st.data(), name=st.sampled_from(NAMES))
@pytest.mark.parametrize("whole", VALID)
def test_bytes_changed_anywhere_never_stop_a_run(tmp_path_factory, whole, content, name):
    folder = tmp_path_factory.mktemp("fuzz")
    reconciles(folder, name, content.draw(spoilt_bytes([VALID[whole]])))


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=300), name=st.sampled_from(NAMES))
def test_any_bytes_under_any_name_never_stop_a_run(tmp_path_factory, name, content):
    reconciles(tmp_path_factory.mktemp("fuzz"), name, content)


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=200))
@pytest.mark.parametrize("forced", formats())
def test_any_bytes_in_any_forced_format_never_stop_a_run(tmp_path_factory, forced, content):
    folder = tmp_path_factory.mktemp("fuzz")
    reconciles(folder, "c.jsonl", content, format=forced)


words = st.text(min_size=1, max_size=30).filter(
    lambda text: CONTROL.sub(" ", text).strip() and "\r" not in text
)


def spoken(folder, name, content):
    (folder / name).write_bytes(content)
    quarantine = Quarantine()
    found = list(read([folder / name], quarantine=quarantine))
    assert not quarantine.counts
    return [turn.text for one in found for turn in one.transcript.turns]


@settings(max_examples=150, deadline=None)
@given(st.lists(words, min_size=1, max_size=5))
def test_every_text_comes_out_of_a_table_as_it_went_in(tmp_path_factory, texts):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([("conversation_id", "speaker", "text"), *(("c", "agent", t) for t in texts)])
    read_back = spoken(tmp_path_factory.mktemp("fuzz"), "c.csv", out.getvalue().encode())
    assert read_back == [CONTROL.sub(" ", text) for text in texts]


@settings(max_examples=150, deadline=None)
@given(st.lists(words, min_size=1, max_size=5), st.booleans())
def test_every_text_comes_out_of_json_as_it_went_in(tmp_path_factory, texts, escaped):
    turns = [{"speaker": "agent", "text": text} for text in texts]
    line = json.dumps({"conversation_id": "c", "turns": turns}, ensure_ascii=escaped)
    read_back = spoken(tmp_path_factory.mktemp("fuzz"), "c.jsonl", line.encode())
    assert read_back == [CONTROL.sub(" ", text) for text in texts]


WESTERN = ["señor", "perché", "déjà", "Müller", "“sí” – 5 €", "¿qué?", "è", "CAFÉ", "l'été", "1º"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(WESTERN), min_size=1, max_size=5))
def test_western_words_are_read_in_windows_1252(tmp_path_factory, texts):
    rows = "".join(f"c,agent,{text}\n" for text in texts)
    content = f"conversation_id,speaker,text\n{rows}".encode("cp1252")
    assert spoken(tmp_path_factory.mktemp("fuzz"), "c.csv", content) == texts


@settings(max_examples=300, deadline=None)
@given(st.text("¿sñoéñ áüè“–”的语文привет ÑÉ", min_size=1, max_size=20), st.data())
def test_damaged_utf8_is_never_taken_for_windows_1252(tmp_path_factory, text, cut):
    """A byte taken out of a text with other characters beyond ASCII leaves UTF-8 that shows."""
    whole = ("é" + text + "é").encode()
    at = cut.draw(st.sampled_from([n for n in range(2, len(whole) - 2) if whole[n] > 127] or [2]))
    spoilt = whole[:at] + whole[at + 1 :]
    content = b"conversation_id,speaker,text\nc,agent," + spoilt + b"\n"
    quarantine = reconciles(tmp_path_factory.mktemp("fuzz"), "c.csv", content)
    assert quarantine.notes["encoding_guessed"] == 0


@pytest.mark.parametrize("word", ["señor", "café", "allí", "aquí está", "Müller", "garçon"])
@pytest.mark.parametrize("lost", [0, 1])
def test_half_of_an_accented_letter_is_not_taken_for_windows_1252(read_file, word, lost):
    whole = word.encode()
    at = next(n for n, byte in enumerate(whole) if byte > 127) + lost
    content = b"conversation_id,speaker,text\nc,agent," + whole[:at] + whole[at + 1 :] + b" x\n"
    _, quarantine, _ = read_file("c.csv", content)
    assert quarantine.counts == {"not_utf8": 1}
