"""Whatever a file holds, reading never raises, and every record is accounted for."""

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoqa.readers import REASONS, Quarantine, read
from autoqa.store import to_dict

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
    assert {row["reason"] for row in rows} <= REASONS.keys()
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


VALID = [
    (json.dumps(RECORD) + "\n").encode() * 2,
    gzip.compress((json.dumps(RECORD) + "\n").encode() * 2, mtime=0),
    b"conversation_id,speaker,text,start_s\nc,agent,hi,1\nc,customer,\"a\nb\",2\nd,bot,x,\n",
    "# c1\n[00:01] Agent: hi\n[00:02] Customer: bye\n---\n客服：您好\nmore\n".encode(),
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(content=st.data(), name=st.sampled_from(["c.jsonl", "c.csv", "c.txt", "c", "c.parquet"]))
def test_bytes_changed_anywhere_never_stop_a_run(tmp_path_factory, content, name):
    folder = tmp_path_factory.mktemp("fuzz")
    reconciles(folder, name, content.draw(spoilt_bytes(VALID)))


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200))
@pytest.mark.parametrize("forced", ["stored", "uniform", "table", "text"])
def test_any_bytes_in_any_forced_format_never_stop_a_run(tmp_path_factory, forced, content):
    folder = tmp_path_factory.mktemp("fuzz")
    reconciles(folder, "c.jsonl", content, format=forced)
