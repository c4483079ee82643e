"""The local engine: every record accounted for, tables whole or absent, the same in any split."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import Future
from dataclasses import replace

import pytest

from autoqa.batch import ScoringSetup, local, score
from autoqa.errors import EncoderError, ModelError, ReadError, ScorerError
from autoqa.records import Evaluation, Flag, LabelledTranscript, Rating, Transcript
from autoqa.store import read_records

TABLES = {
    "evaluations": Evaluation,
    "ratings": Rating,
    "csat": Rating,
    "flags": Flag,
    "transcripts": Transcript,
}


def tables(folder):
    return {
        name: list(read_records(folder / f"{name}.parquet", kind)) for name, kind in TABLES.items()
    }


def same(ours, theirs):
    """Equal tables, but for the last digits of what was computed."""
    assert ours["transcripts"] == theirs["transcripts"]
    assert ours["evaluations"] == theirs["evaluations"]
    assert [(f.conversation_id, f.reason, f.criterion) for f in ours["flags"]] == [
        (f.conversation_id, f.reason, f.criterion) for f in theirs["flags"]
    ]
    for name in ("ratings", "csat"):
        for one, other in zip(ours[name], theirs[name], strict=True):
            bare = {"probabilities": (), "expected": None, "evidence": ()}
            assert replace(one, **bare) == replace(other, **bare)
            assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
            assert [e.turn for e in one.evidence] == [e.turn for e in other.evidence]


@pytest.fixture
def setup(card, models):
    return ScoringSetup(card, models)


@pytest.fixture
def conversations(talks):
    return talks(8, seed=80, start=700)[0]


@pytest.fixture
def file(tmp_path, conversations, line_of):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(line_of(t) + "\n" for t in conversations), encoding="utf-8")
    return path


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(local, "CHUNK", 3)


# reconciling


def test_every_record_read_is_scored_or_quarantined(tmp_path, setup, conversations, line_of):
    folder = tmp_path / "calls"
    folder.mkdir()
    lines = [line_of(t) for t in conversations]
    lines.insert(2, '{"conversation_id": "cut off')
    lines.insert(5, json.dumps({"conversation_id": "mute", "turns": []}))
    lines.append(lines[0])
    (folder / "a.jsonl").write_text("\n".join(lines[:7]), encoding="utf-8")
    with gzip.open(folder / "b.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.write("\n".join(lines[7:]))
    (folder / "notes.txt").write_bytes(b"\x00\x01")
    out = tmp_path / "out"
    summary = score([folder], out, setup, workers=1)
    assert summary.read == 11
    assert (summary.scored, summary.quarantined) == (8, 3)
    assert summary.reasons == {"bad_json": 1, "duplicate_id": 1, "no_turns": 1}
    assert not summary.complete
    rows = [json.loads(line) for line in (out / "quarantine.jsonl").read_text().splitlines()]
    left_out = [row for row in rows if row["kept"] is False]
    assert sorted(row["reason"] for row in left_out) == sorted(summary.reasons)
    assert all("text" not in row for row in rows)
    found = tables(out)
    assert len(found["evaluations"]) == len(found["csat"]) == 8
    assert len(found["ratings"]) == 8 * 3
    assert found["evaluations"][0].ratings == ()  # they have a table of their own


def test_the_summary_says_what_was_done_with_what(file, tmp_path, setup, card):
    summary = score([file], tmp_path / "out", setup, workers=1)
    written = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert written == summary.to_dict()
    assert written["ratings"] == {"not_applicable": 8, "rated": 16}
    assert written["csat"] == {"rated": 8}
    assert sum(written["flags"].values()) == len(tables(tmp_path / "out")["flags"])
    assert written["scorecard"] == "small"
    assert written["scorecard_sha256"] == card.content_hash
    assert written["models"] == setup.folder.version
    assert written["answered_by"]["mood"] == "LinearScorer"
    assert summary.complete


def test_a_notebook_shows_the_summary_as_a_table_with_names_escaped(file, tmp_path, setup):
    summary = score([file], tmp_path / "out", setup, workers=1)
    html = replace(summary, scorecard="<b>small")._repr_html_()
    assert ">&lt;b&gt;small version" in html
    assert ">8 scored of 8 read<" in html
    assert ">not_applicable 8, rated 16<" in html


def test_a_run_in_which_something_broke_is_not_complete(file, tmp_path, setup, monkeypatch):
    def breaks(batch):
        raise FloatingPointError

    monkeypatch.setattr(setup.csat, "rate", breaks)
    summary = score([file], tmp_path / "out", setup, workers=1)
    assert summary.csat == {"failed": 8}
    assert summary.scored == 8
    assert not summary.complete


def test_nothing_to_score_gives_empty_tables(tmp_path, setup):
    (tmp_path / "in.jsonl").write_text("\n")
    summary = score([tmp_path / "in.jsonl"], tmp_path / "out", setup, workers=1)
    assert (summary.read, summary.scored, summary.quarantined) == (0, 0, 0)
    assert summary.complete
    assert all(rows == [] for rows in tables(tmp_path / "out").values())


def test_a_run_too_short_to_time_has_no_speed(file, tmp_path, setup):
    summary = score([file], tmp_path / "out", setup, workers=1)
    assert replace(summary, seconds=0.0).to_dict()["conversations_per_second"] == 0.0
    assert replace(summary, seconds=4.0).to_dict()["conversations_per_second"] == 2.0  # 8 / 4


def test_progress_counts_up_chunk_by_chunk(file, tmp_path, setup, small_chunks):
    file.write_text(file.read_text() + "not json\n")
    said = []
    score([file], tmp_path / "out", setup, workers=1, progress=lambda *n: said.append(n))
    assert [scored for scored, _ in said] == [3, 6, 8]
    assert said[-1] == (8, 1)


# the same in any split


@pytest.mark.parametrize("size", [1, 2, 5])
def test_chunks_make_no_difference(file, tmp_path, setup, monkeypatch, size):
    score([file], tmp_path / "whole", setup, workers=1)
    monkeypatch.setattr(local, "CHUNK", size)
    score([file], tmp_path / "parts", setup, workers=1)
    same(tables(tmp_path / "whole"), tables(tmp_path / "parts"))


@pytest.mark.slow
def test_workers_make_no_difference(file, tmp_path, setup, small_chunks):
    one = score([file], tmp_path / "one", setup, workers=1)
    two = score([file], tmp_path / "two", setup, workers=2)
    same(tables(tmp_path / "one"), tables(tmp_path / "two"))
    assert one.to_dict() | {"seconds": 0, "conversations_per_second": 0} == two.to_dict() | {
        "seconds": 0,
        "conversations_per_second": 0,
    }


@pytest.mark.slow
def test_a_model_error_in_a_worker_stops_the_run(
    card, train, encoders, file, tmp_path, small_chunks
):
    """The models read a test's vectors; workers have the default encoders."""
    folder = train(tmp_path / "models", encoders=encoders, settings={})
    out = tmp_path / "out"
    with pytest.raises(ModelError, match="trained on vectors of encoder fake"):
        score([file], out, ScoringSetup(card, folder), workers=2)
    assert not list(out.glob("*.parquet"))


# whole or absent


def test_an_exception_in_the_middle_leaves_no_table(
    file, tmp_path, setup, small_chunks, monkeypatch
):
    out = tmp_path / "out"
    out.mkdir()
    (out / "summary.json").write_text("{}")  # of an earlier run
    chunks = []

    def breaks(self, transcripts):
        chunks.append(transcripts)
        if len(chunks) == 3:
            raise MemoryError
        return whole(self, transcripts)

    whole = ScoringSetup.score
    monkeypatch.setattr(ScoringSetup, "score", breaks)
    with pytest.raises(MemoryError):
        score([file], out, setup, workers=1)
    assert sorted(p.name for p in out.iterdir()) == ["quarantine.jsonl"]


def test_a_model_that_cannot_be_used_stops_the_run(file, tmp_path, setup, monkeypatch):
    def no_weights(batch):
        raise EncoderError("the weights are not installed")

    monkeypatch.setattr(setup.csat, "rate", no_weights)
    with pytest.raises(ModelError, match="not installed"):
        score([file], tmp_path / "out", setup, workers=1)
    assert not list((tmp_path / "out").glob("*.parquet"))


def test_a_wrong_setup_fails_before_anything_is_read(file, tmp_path, card, monkeypatch):
    monkeypatch.setattr(local, "read", lambda *_, **__: pytest.fail("read"))
    with pytest.raises(ModelError, match=r"no models\.json"):
        score([file], tmp_path / "out", ScoringSetup(card, tmp_path / "nowhere"))
    data = card.model_dump(mode="json")
    data["sections"][0]["criteria"][0]["scorer"] = {"use": "rles"}
    with pytest.raises(ScorerError, match="No scorer named 'rles'"):
        score([file], tmp_path / "out", ScoringSetup(type(card).model_validate(data)))


def test_an_input_that_is_not_there_is_an_error(tmp_path, setup):
    with pytest.raises(ReadError, match="no such file or folder"):
        score([tmp_path / "nothing.jsonl"], tmp_path / "out", setup)
    assert not list((tmp_path / "out").glob("*.parquet"))


# what scorers may see


def test_labels_never_reach_a_scorer(tmp_path, setup, conversations, line_of, monkeypatch):
    path = tmp_path / "labelled.jsonl"
    labels = {
        "csat": {"score": 1, "scale": [1, 5], "comment": "tell-tale"},
        "ratings": [{"rater": "tell-tale", "criterion": "mood", "score": 0, "scale": [0, 2]}],
        "labels": ["tell-tale"],
        "outcome": {"resolved": "tell-tale"},
        "split": "tell-tale",
    }
    path.write_text("\n".join(line_of(t, **labels) for t in conversations), encoding="utf-8")
    seen = []
    whole = ScoringSetup.score

    def spy(self, transcripts):
        seen.extend(transcripts)
        return whole(self, transcripts)

    monkeypatch.setattr(ScoringSetup, "score", spy)
    score([path], tmp_path / "out", setup, workers=1)
    assert seen == conversations
    assert {type(t) for t in seen} == {Transcript}
    assert "tell-tale" not in repr(seen)


# bounded memory


class Counted:
    """A stream of conversations that knows how many were taken."""

    def __init__(self, transcripts):
        self.transcripts = transcripts
        self.taken = 0

    def __iter__(self):
        for i in range(10_000):
            self.taken += 1
            one = self.transcripts[i % len(self.transcripts)]
            yield LabelledTranscript(transcript=replace(one, conversation_id=str(i)))


class Echo:
    """A setup that gives back what it was asked to score."""

    def score(self, transcripts):
        return [t.conversation_id for t in transcripts]


def test_one_worker_reads_two_chunks_ahead_at_most(conversations, small_chunks):
    source = Counted(conversations)
    done = local._scored(local._chunks(source), Echo(), 1)
    for i in range(20):
        assert next(done) == [str(3 * i + k) for k in range(3)]
        assert source.taken <= 3 * (i + 1) + 3


def test_many_workers_hold_a_few_chunks_each_and_keep_the_order(
    conversations, small_chunks, monkeypatch
):
    class Inline:
        """Runs at once what a pool of processes would run later."""

        def __init__(self, *_, initargs, **__):
            assert initargs[0].threads == 1  # one core per process

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def submit(self, _, chunk):
            future = Future()
            future.set_result([t.conversation_id for t in chunk])
            return future

    monkeypatch.setattr(local, "ProcessPoolExecutor", Inline)
    source, workers = Counted(conversations), 4
    done = local._scored(local._chunks(source), ScoringSetup(card=None), workers)
    for i in range(20):
        assert next(done) == [str(3 * i + k) for k in range(3)]
        assert source.taken <= 3 * (i + local._WAITING * workers + 2)
