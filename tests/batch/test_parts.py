"""Chunks, their parts, and the manifest: the same in any pieces, and refused when damaged."""

from __future__ import annotations

import json
import os
import sys

import pyarrow.parquet as pq
import pytest

from autoqa.batch import local, read_manifest, score
from autoqa.batch.chunks import chunked
from autoqa.batch.parts import TABLES, Parts
from autoqa.errors import RunRefused, StoreError
from autoqa.readers import Place
from autoqa.readers.reading import Kept
from autoqa.records import LabelledTranscript, Transcript, Turn
from autoqa.store import file_sha256


def kept(number, text="hello", turns=1):
    said = (Turn(speaker="agent", text=text),) * turns
    transcript = Transcript(conversation_id=f"c{number}", turns=said)
    return Kept(
        Place("in.jsonl", number + 1, 100 * number), LabelledTranscript(transcript=transcript)
    )


def sizes(conversations, size):
    return [len(one.transcripts) for one in chunked(conversations, size, lambda _: 0)]


# chunks


def test_chunks_are_of_one_size_and_the_last_of_what_is_left():
    assert sizes([kept(i) for i in range(7)], 3) == [3, 3, 1]
    assert sizes([kept(i) for i in range(6)], 3) == [3, 3]
    assert sizes([], 3) == []


def test_long_conversations_make_small_chunks_and_none_is_too_long():
    long = [kept(i, "x" * 999_500) for i in range(3)]  # 1,000,000 each, 500 for the turn
    assert sizes([*long, kept(3), kept(4)], 64) == [2, 1 + 2]
    assert sizes([kept(0), kept(1, turns=5_000), kept(2)], 64) == [1, 1, 1]  # 4-hour calls
    assert sizes([kept(0, "x" * 9_000_000), kept(1)], 64) == [1, 1]


def test_a_chunk_knows_its_place_and_is_known_by_its_ids():
    first, second = chunked((kept(i) for i in range(4)), 2, lambda place: place.byte_offset)
    assert (first.number, second.number) == (0, 1)
    assert (first.position, second.position) == (100, 300)
    (again,) = chunked([kept(0, "other words"), kept(1)], 2, lambda _: 0)
    assert again.ids == first.ids != second.ids


# parts


def test_tables_are_the_same_bytes_whatever_the_chunks(tmp_path, jsonl, quick_setup, monkeypatch):
    source = jsonl(tmp_path / "in.jsonl", [f"c{i}" for i in range(1_200)])
    for size in (7, 64, 1_200):
        monkeypatch.setattr(local, "CHUNK", size)
        score([source], tmp_path / str(size), quick_setup, workers=1)
    for name in TABLES:
        one, *others = (
            file_sha256(tmp_path / size / f"{name}.parquet") for size in ("7", "64", "1200")
        )
        assert others == [one, one]
    table = pq.ParquetFile(tmp_path / "7" / "transcripts.parquet")
    groups = [table.metadata.row_group(i).num_rows for i in range(table.num_row_groups)]
    assert groups == [500, 500, 200]


@pytest.fixture
def unfinished(tmp_path, jsonl, quick_setup, monkeypatch):
    """A run over two files of which all is scored and no table made."""

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(local, "CHUNK", 2)
    sources = [jsonl(tmp_path / "a.jsonl", "abc"), jsonl(tmp_path / "b.jsonl", "def")]
    with monkeypatch.context() as patched:
        patched.setattr(local, "assemble", killed)
        with pytest.raises(KeyboardInterrupt):
            score(sources, tmp_path / "out", quick_setup, workers=1)
    return sources


@pytest.mark.parametrize("length", [0, 10, -10])
def test_a_part_that_is_damaged_is_named_and_can_be_scored_again(
    unfinished, tmp_path, quick_setup, length
):
    path = Parts(tmp_path / "out").path(1)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(StoreError, match=r"0000001\.part: damaged .*delete it"):
        score(unfinished, tmp_path / "out", quick_setup, workers=1, resume=True)
    path.unlink()
    summary = score(unfinished, tmp_path / "out", quick_setup, workers=1, resume=True)
    assert (summary.scored, summary.resumed) == (6, 4)


def test_a_part_of_other_conversations_is_refused(unfinished, tmp_path, quick_setup):
    parts = Parts(tmp_path / "out")
    first, second = (parts.path(number).read_bytes().split(b"\n", 1) for number in (0, 1))
    parts.path(1).write_bytes(
        second[0].replace(*(json.loads(head)["ids"].encode() for head in (second[0], first[0])))
        + b"\n"
        + second[1]
    )
    with pytest.raises(RunRefused, match=r"a\.jsonl:3: other conversations follow"):
        score(unfinished, tmp_path / "out", quick_setup, workers=1, resume=True)


# the manifest


def test_the_manifest_says_what_was_scored_with_what(tmp_path, jsonl, quick_setup):
    source = jsonl(tmp_path / "in.jsonl", "abc")
    score([source], tmp_path / "out", quick_setup, workers=1)
    said = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (said["autoqa"], said["format"], said["state"]) == ("run", 1, "complete")
    assert said["inputs"] == [
        {
            "path": str(source),
            "name": "in",
            "format": "uniform",
            "bytes": source.stat().st_size,
            "sha256": file_sha256(source),
        }
    ]
    assert said["scorecard"]["sha256"] == quick_setup.card.content_hash
    assert said["scorers"]["version"] == quick_setup.panel.version
    assert said["scorers"]["long"] == "RulesScorer"
    assert said["encoders"] == {}  # rules look at words alone
    assert said["settings"]["redaction"]
    (chunk,) = said["chunks"]
    assert (chunk["number"], chunk["scored"], chunk["quarantined"]) == (0, 3, 0)
    assert said["started"] <= said["changed"]


def test_models_bring_their_encoders_with_precision(file_of_one, tmp_path, card, models):
    from autoqa.batch import ScoringSetup

    for precision in ("fp32", "int8"):
        setup = ScoringSetup(card, models, precision=precision)
        score([file_of_one], tmp_path / precision, setup, workers=1)
    one, other = (read_manifest(tmp_path / name) for name in ("fp32", "int8"))
    assert one.models["version"] == setup.folder.version
    assert one.encoders["en"] != other.encoders["en"]
    assert any("encoders.en was" in line for line in one.differences(other))


@pytest.fixture
def file_of_one(tmp_path, jsonl):
    return jsonl(tmp_path / "in.jsonl", "a")


def test_inputs_in_another_order_are_other_inputs(unfinished, tmp_path, quick_setup):
    with pytest.raises(RunRefused, match="the inputs come in another order"):
        score(unfinished[::-1], tmp_path / "out", quick_setup, workers=1, resume=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", r"manifest\.json: damaged .*--overwrite"),
        ("{}", r"manifest\.json: damaged"),
        ('{"format": 99}', r"manifest\.json: format 99, this version reads up to 1; upgrade"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused_unless_it_may_go(
    unfinished, tmp_path, quick_setup, content, said
):
    (tmp_path / "out" / "manifest.json").write_text(content)
    for resume in (False, True):
        with pytest.raises(StoreError, match=said):
            score(unfinished, tmp_path / "out", quick_setup, workers=1, resume=resume)
    assert len(list((tmp_path / "out" / ".parts").glob("*.part"))) == 3
    assert score(unfinished, tmp_path / "out", quick_setup, workers=1, overwrite=True).scored == 6


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux alone")
def test_a_file_name_that_is_not_utf8_is_no_obstacle(tmp_path, jsonl, quick_setup):
    source = tmp_path / os.fsdecode(b"caf\xe9.jsonl")
    jsonl(tmp_path / "in.jsonl", "ab").rename(source)
    assert score([source], tmp_path / "out", quick_setup, workers=1).scored == 2
    assert read_manifest(tmp_path / "out").inputs[0].path.endswith("caf\\xe9.jsonl")
