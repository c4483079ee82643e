"""The local engine: every record accounted for, tables whole or absent, the same in any split."""

from __future__ import annotations

import errno
import gzip
import json
import os
import re
from dataclasses import replace

import pytest

from autoqa.batch import ScoringSetup, local, read_manifest, read_summary, score
from autoqa.batch.parts import Parts
from autoqa.errors import (
    EncoderError,
    InputChanged,
    ModelError,
    ReadError,
    RunRefused,
    RunStopped,
    ScorerError,
)
from autoqa.records import Evaluation, Flag, Rating, Speaker, Transcript
from autoqa.scorecard import Scorecard
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
    assert summary.reasons == {"bad_json": 1, "no_turns": 1, "repeated": 1}
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


@pytest.mark.parametrize("packed", [False, True])
def test_progress_counts_up_chunk_by_chunk(
    file, tmp_path, jsonl, quick_setup, small_chunks, packed
):
    jsonl(file, "abcdefgh").open("a").write("not json\n")
    size = file.stat().st_size
    if packed:
        file.write_bytes(gzip.compress(file.read_bytes()))
    said = []
    score([file], tmp_path / "out", quick_setup, workers=1, progress=said.append)
    assert [(now.scored, now.quarantined) for now in said] == [(3, 0), (6, 0), (8, 1)]
    assert {now.bytes_total for now in said} == {size}
    line = (size - 9) // 8
    assert [now.bytes_done for now in said] == [2 * line, 5 * line, 7 * line]  # where one began
    assert all(now.per_second > 0 for now in said)


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


# one that breaks costs no other


def test_a_conversation_that_breaks_scoring_is_quarantined(
    tmp_path, setup, conversations, file, monkeypatch
):
    def breaks(self, transcripts, **more):
        if any(t.conversation_id == conversations[2].conversation_id for t in transcripts):
            raise ZeroDivisionError("with words of the conversation")
        return whole(self, transcripts, **more)

    whole = ScoringSetup.score
    monkeypatch.setattr(ScoringSetup, "score", breaks)
    summary = score([file], tmp_path / "out", setup, workers=1)
    assert (summary.read, summary.scored, summary.quarantined) == (8, 7, 1)
    assert summary.reasons == {"scoring_failed": 1}
    (row,) = (tmp_path / "out" / "quarantine.jsonl").read_text().splitlines()
    assert json.loads(row)["line"] == 3
    assert "words" not in row


def test_a_conversation_that_no_table_can_hold_is_quarantined(
    tmp_path, quick_setup, jsonl, file, monkeypatch
):
    def strange(self, transcripts, **more):
        return whole(
            self,
            [
                replace(t, attributes={"share": float("nan")}) if t.conversation_id == "b" else t
                for t in transcripts
            ],
            **more,
        )

    whole = type(quick_setup).score
    monkeypatch.setattr(type(quick_setup), "score", strange)
    summary = score([jsonl(file, "abc")], tmp_path / "out", quick_setup, workers=1)
    assert (summary.scored, summary.reasons) == (2, {"not_storable": 1})
    kept = [t.conversation_id for t in tables(tmp_path / "out")["transcripts"]]
    assert kept == ["a", "c"]


# whole or absent


@pytest.fixture
def unfinished(tmp_path, quick_setup, jsonl, small_chunks, monkeypatch):
    """A run over a to h that ended when two of its three chunks were done."""

    def breaks(self, part, temporary):
        if part.number == 2:
            raise MemoryError
        whole(self, part, temporary)

    whole = Parts.commit
    source = jsonl(tmp_path / "in.jsonl", "abcdefgh")
    with monkeypatch.context() as patched:
        patched.setattr(Parts, "commit", breaks)
        with pytest.raises(MemoryError):
            score([source], tmp_path / "out", quick_setup, workers=1)
    return source


def left(out):
    return sorted(path.name for path in out.iterdir())


def test_an_exception_in_the_middle_leaves_what_was_done_and_no_table(unfinished, tmp_path):
    out = tmp_path / "out"
    assert left(out) == [".parts", "manifest.json"]
    assert left(out / ".parts") == ["0000000.part", "0000001.part", "lock", "quarantine.jsonl"]
    manifest = read_manifest(out)
    assert (manifest.state, manifest.conversations) == ("stopped", 6)


def test_an_unfinished_run_is_not_thrown_away_unasked(unfinished, tmp_path, quick_setup):
    with pytest.raises(RunRefused, match=r"unfinished run with 6 conver.*--resume.*--over"):
        score([unfinished], tmp_path / "out", quick_setup, workers=1)
    assert left(tmp_path / "out") == [".parts", "manifest.json"]
    summary = score([unfinished], tmp_path / "out", quick_setup, workers=1, overwrite=True)
    assert (summary.scored, summary.resumed) == (8, 0)


def test_a_resumed_run_scores_the_rest(unfinished, tmp_path, quick_setup, monkeypatch):
    seen = []
    whole = type(quick_setup).score
    monkeypatch.setattr(
        type(quick_setup), "score", lambda self, t, **more: seen.extend(t) or whole(self, t, **more)
    )
    shown = []
    summary = score(
        [unfinished], tmp_path / "out", quick_setup, workers=1, resume=True, progress=shown.append
    )
    assert [t.conversation_id for t in seen] == ["g", "h"]
    assert (summary.read, summary.scored, summary.resumed) == (8, 8, 6)
    assert replace(summary, seconds=4.0).per_second == 0.5  # (8 - 6) / 4
    assert [now.scored for now in shown] == [3, 6, 8]
    assert [now.per_second > 0 for now in shown] == [False, False, True]
    assert read_summary(tmp_path / "out") == summary
    assert read_manifest(tmp_path / "out").state == "complete"
    assert len(tables(tmp_path / "out")["ratings"]) == 8 * 2
    assert not (tmp_path / "out" / ".parts").exists()


def test_a_run_may_be_resumed_before_it_began_and_after_it_ended(tmp_path, quick_setup, jsonl):
    source = jsonl(tmp_path / "in.jsonl", "ab")
    first = score([source], tmp_path / "out", quick_setup, workers=1, resume=True)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert score([source], tmp_path / "out", quick_setup, workers=1, resume=True) == first
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()} == before


def test_a_complete_run_is_replaced(tmp_path, quick_setup, jsonl):
    source = jsonl(tmp_path / "in.jsonl", "ab")
    score([source], tmp_path / "out", quick_setup, workers=1)
    jsonl(source, "abc")
    assert score([source], tmp_path / "out", quick_setup, workers=1).scored == 3


def test_an_error_before_a_run_begins_leaves_earlier_results(tmp_path, quick_setup, jsonl):
    source = jsonl(tmp_path / "in.jsonl", "ab")
    score([source], tmp_path / "out", quick_setup, workers=1)
    with pytest.raises(ReadError):
        score([tmp_path / "nowhere"], tmp_path / "out", quick_setup, workers=1)
    assert len(tables(tmp_path / "out")["transcripts"]) == 2


def test_a_run_killed_after_its_tables_and_before_its_summary_makes_them_again(
    tmp_path, quick_setup, jsonl, monkeypatch
):
    source = jsonl(tmp_path / "in.jsonl", "ab")
    with monkeypatch.context() as patched:
        patched.setattr(local, "atomic_write_json", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            score([source], tmp_path / "out", quick_setup, workers=1)
    assert (tmp_path / "out" / "ratings.parquet").exists()
    with pytest.raises(RunRefused, match="unfinished run with 2 conversations"):
        score([source], tmp_path / "out", quick_setup, workers=1)
    summary = score([source], tmp_path / "out", quick_setup, workers=1, resume=True)
    assert (summary.scored, summary.resumed) == (2, 2)


def test_no_space_for_the_tables_stops_the_run_and_keeps_what_was_done(
    tmp_path, quick_setup, jsonl, monkeypatch
):
    def full(number):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def with_full_disk(*arguments):
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            assemble(*arguments)

    source = jsonl(tmp_path / "in.jsonl", "abc")
    assemble = local.assemble
    monkeypatch.setattr(local, "assemble", with_full_disk)
    with pytest.raises(RunStopped, match=r"No space left on device\. The 3 conversations"):
        score([source], tmp_path / "out", quick_setup, workers=1)
    assert left(tmp_path / "out") == [".parts", "manifest.json"]


def test_an_input_that_changes_meanwhile_stops_the_run(tmp_path, quick_setup, jsonl, small_chunks):
    source = jsonl(tmp_path / "in.jsonl", "abcdefgh")

    def touch(now):
        os.utime(source, (now.scored, now.scored))

    with pytest.raises(InputChanged, match=r"in\.jsonl: changed while it was being scored"):
        score([source], tmp_path / "out", quick_setup, workers=1, progress=touch)
    assert left(tmp_path / "out") == [".parts", "manifest.json"]


# what a resumed run has to have in common with what it goes on with


def test_other_conversations_are_not_joined_to_a_run(unfinished, tmp_path, quick_setup, jsonl):
    for ids in ("abcdefgx", "abcdefg", "hgfedcba"):
        jsonl(unfinished, ids)
        with pytest.raises(RunRefused, match=r"in\.jsonl has other content"):
            score([unfinished], tmp_path / "out", quick_setup, workers=1, resume=True)
    jsonl(unfinished, "abcdefgh")
    more = jsonl(tmp_path / "more.jsonl", "xyz")
    with pytest.raises(RunRefused, match=r"more\.jsonl is a new input"):
        score([unfinished, more], tmp_path / "out", quick_setup, workers=1, resume=True)
    with pytest.raises(
        RunRefused, match=r"in\.jsonl is no longer an input, .*more\.jsonl is a new"
    ):
        score([more], tmp_path / "out", quick_setup, workers=1, resume=True)
    assert score([unfinished], tmp_path / "out", quick_setup, workers=1, resume=True).scored == 8


def test_the_same_content_elsewhere_is_the_same_input(unfinished, tmp_path, quick_setup):
    moved = tmp_path / "elsewhere" / "in.jsonl"
    moved.parent.mkdir()
    unfinished.rename(moved)
    assert score([moved], tmp_path / "out", quick_setup, workers=1, resume=True).resumed == 6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"abstain_below": 0.5}, "settings.abstain_below was 0.0, now 0.5"),
        ({"curve": True}, "settings.curve was False, now True"),
        ({"card": {"version": 2}}, "scorecard.version was 1, now 2"),
        ({"card": {"title": "Renamed"}}, "scorecard.sha256 was"),
        ({"models": True}, "models.version was None, now"),
    ],
)
def test_other_settings_are_refused_and_named(
    unfinished, tmp_path, quick_setup, models, change, said
):
    if "card" in change:
        card = quick_setup.card.model_dump(mode="json", exclude_defaults=True)
        change = {"card": Scorecard.model_validate(card | change["card"])}
    if "models" in change:
        change = {"models": models}
    changed = replace(quick_setup, **change)
    with pytest.raises(RunRefused, match="started differently.*" + re.escape(said)):
        score([unfinished], tmp_path / "out", changed, workers=1, resume=True)


def test_another_way_of_reading_is_refused_and_named(unfinished, tmp_path, quick_setup):
    out = tmp_path / "out"
    with pytest.raises(RunRefused, match=r"settings\.format was None, now uniform"):
        score([unfinished], out, quick_setup, workers=1, resume=True, format="uniform")
    speakers = {"0": Speaker.AGENT}
    with pytest.raises(RunRefused, match=r"settings\.speakers\.0 was None, now agent"):
        score([unfinished], out, quick_setup, workers=1, resume=True, speakers=speakers)


def test_another_version_of_the_package_is_refused(unfinished, tmp_path, quick_setup, monkeypatch):
    monkeypatch.setattr("autoqa.batch.manifest.version", lambda _: "99.0")
    with pytest.raises(RunRefused, match=r"package was .*, now 99\.0"):
        score([unfinished], tmp_path / "out", quick_setup, workers=1, resume=True)


def test_other_words_for_the_same_settings_are_no_difference(unfinished, tmp_path, quick_setup):
    faster = replace(quick_setup, threads=1, pause=0.0)
    assert score([unfinished], tmp_path / "out", faster, workers=1, resume=True).scored == 8


def test_a_model_that_cannot_be_used_stops_the_run(file, tmp_path, setup, monkeypatch):
    def no_weights(batch):
        raise EncoderError("the weights are not installed")

    monkeypatch.setattr(setup.csat, "rate", no_weights)
    with pytest.raises(ModelError, match="not installed"):
        score([file], tmp_path / "out", setup, workers=1)
    assert not list((tmp_path / "out").glob("*.parquet"))


def test_a_wrong_setup_fails_before_anything_is_read(file, tmp_path, card, monkeypatch):
    monkeypatch.setattr(local, "find_files", lambda *_, **__: pytest.fail("read"))
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

    def spy(self, transcripts, **more):
        seen.extend(transcripts)
        return whole(self, transcripts, **more)

    monkeypatch.setattr(ScoringSetup, "score", spy)
    score([path], tmp_path / "out", setup, workers=1)
    assert seen == conversations
    assert {type(t) for t in seen} == {Transcript}
    assert "tell-tale" not in repr(seen)
