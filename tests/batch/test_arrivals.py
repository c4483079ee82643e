"""Files that arrive: each scored once, whatever happens in between."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import replace

import pytest

from autoqa.batch import Engine, read_manifest, watch
from autoqa.batch.arrivals import LEDGER
from autoqa.errors import (
    InputChanged,
    ModelError,
    RunRefused,
    RunStopped,
    StoreError,
    WorkersKilled,
)
from autoqa.store import file_sha256


@pytest.fixture
def inbox(tmp_path):
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.fixture
def look(inbox, tmp_path, quick_setup):
    """Watch until nothing is left to do; return what arrived."""

    def run(setup=quick_setup, *, settle=0.0):
        with Engine(setup, workers=1) as engine:
            return list(watch(inbox, tmp_path / "out", engine, settle=settle, until_idle=0.0))

    return run


@pytest.fixture
def leave_unfinished(inbox, tmp_path, jsonl, monkeypatch):
    """Let a file arrive, and leave its run when all is scored and no table made."""

    def leave(setup):
        def killed(*_):
            raise KeyboardInterrupt

        path = jsonl(inbox / "a.jsonl", "abc")
        target = tmp_path / "out" / f"a.jsonl-{file_sha256(path)[:8]}"
        with monkeypatch.context() as patched, Engine(setup, workers=1) as engine:
            patched.setattr("autoqa.batch.local.assemble", killed)
            with pytest.raises(KeyboardInterrupt):
                engine.score([path], target)

    return leave


def ledger(tmp_path):
    return [json.loads(line) for line in (tmp_path / "out" / LEDGER).read_text().splitlines()]


def test_every_file_becomes_a_run_of_its_own(look, inbox, tmp_path, jsonl):
    jsonl(inbox / "a.jsonl", "abc")
    jsonl(inbox / "team" / "b.jsonl", "de")
    first, second = look()
    assert (first.path, first.state, first.scored) == ("a.jsonl", "scored", 3)
    assert (second.path, second.state, second.scored) == ("team/b.jsonl", "scored", 2)
    assert second.results == f"team/b.jsonl-{second.sha256[:8]}"
    for arrival in (first, second):
        folder = tmp_path / "out" / arrival.results
        assert json.loads((folder / "summary.json").read_text())["scored"] == arrival.scored
        assert [file.sha256 for file in read_manifest(folder).inputs] == [arrival.sha256]


def test_a_file_is_scored_once_over_restarts_and_touches(look, inbox, tmp_path, jsonl):
    path = jsonl(inbox / "a.jsonl", "abc")
    assert len(look()) == 1
    assert look() == []
    os.utime(path, (1, 1))  # looks different, and is the same
    assert look() == []
    assert len(ledger(tmp_path)) == 1


def test_other_content_under_the_same_name_is_another_file(look, inbox, tmp_path, jsonl):
    jsonl(inbox / "a.jsonl", "abc")
    (first,) = look()
    jsonl(inbox / "a.jsonl", "abcd")
    (second,) = look()
    assert (first.scored, second.scored) == (3, 4)
    assert first.results != second.results
    assert (tmp_path / "out" / first.results / "summary.json").exists()


def test_a_file_is_not_taken_while_it_grows(inbox, tmp_path, quick_setup, jsonl):
    path = jsonl(inbox / "a.jsonl", "a")

    def grow():
        for name in "bcde":
            time.sleep(0.1)
            with path.open("a") as stream:
                stream.write(path.read_text().splitlines()[0].replace('"a"', f'"{name}"') + "\n")

    writer = threading.Thread(target=grow)
    writer.start()
    with Engine(quick_setup, workers=1) as engine:
        (arrival,) = watch(inbox, tmp_path / "out", engine, settle=0.5, until_idle=0.5)
    writer.join()
    assert arrival.scored == 5


def test_files_that_are_hidden_or_still_copied_are_passed_over(look, inbox, jsonl):
    for name in (".a.jsonl", "b.jsonl.part", "c.jsonl.tmp", ".hidden/d.jsonl"):
        jsonl(inbox / name, "a")
    assert look() == []
    (inbox / "b.jsonl.part").rename(inbox / "b.jsonl")
    assert [arrival.path for arrival in look()] == ["b.jsonl"]


def test_a_bad_file_is_told_and_costs_no_other(look, inbox, tmp_path, jsonl):
    (inbox / "a.jsonl").write_text("not json\n")
    (inbox / "b.bin").write_bytes(b"\x00\x01\x02")
    jsonl(inbox / "c.jsonl", "ab").open("a").write("{\n")
    bad, binary, mixed = look()
    assert (bad.state, bad.left_out) == ("quarantined", 1)
    assert (binary.state, binary.left_out) == ("quarantined", 1)
    assert (mixed.state, mixed.scored, mixed.left_out) == ("scored", 2, 1)
    rows = (tmp_path / "out" / binary.results / "quarantine.jsonl").read_text()
    assert json.loads(rows)["reason"] == "unknown_format"


def test_a_file_that_breaks_the_engine_is_told_and_costs_no_other(
    look, inbox, tmp_path, jsonl, monkeypatch
):
    jsonl(inbox / "a.jsonl", "a")
    jsonl(inbox / "b.jsonl", "b")
    whole = Engine.score

    def breaks(self, inputs, *rest, **more):
        if inputs[0].name == "a.jsonl":
            raise RecursionError
        return whole(self, inputs, *rest, **more)

    monkeypatch.setattr(Engine, "score", breaks)
    first, second = look()
    assert (first.state, first.message) == ("failed", "scoring broke: RecursionError")
    assert second.state == "scored"
    assert look() == []


def test_a_file_that_kills_workers_is_told_and_costs_no_other(look, inbox, jsonl, monkeypatch):
    def killed(self, *_, **__):
        raise WorkersKilled("worker processes go on being killed")

    jsonl(inbox / "a.jsonl", "a")
    monkeypatch.setattr(Engine, "score", killed)
    (arrival,) = look()
    assert (arrival.state, arrival.message) == ("failed", "worker processes go on being killed")


@pytest.mark.parametrize("error", [ModelError("no such head"), RunStopped("disk full")])
def test_what_concerns_every_file_ends_the_watch(look, inbox, tmp_path, jsonl, monkeypatch, error):
    def stops(self, *_, **__):
        raise error

    jsonl(inbox / "a.jsonl", "a")
    with monkeypatch.context() as patched:
        patched.setattr(Engine, "score", stops)
        with pytest.raises(type(error)):
            look()
    assert ledger(tmp_path) == []
    assert [arrival.scored for arrival in look()] == [1]


def test_a_file_that_changes_while_it_is_scored_is_scored_when_it_settles(
    look, inbox, tmp_path, jsonl, monkeypatch
):
    path = jsonl(inbox / "a.jsonl", "a")
    whole, calls = Engine.score, []

    def changes(self, inputs, out, **more):
        calls.append(out)
        if len(calls) == 1:
            out.mkdir(parents=True)
            jsonl(path, "abc")
            raise InputChanged("changed")
        return whole(self, inputs, out, **more)

    monkeypatch.setattr(Engine, "score", changes)
    (arrival,) = look()
    assert arrival.scored == 3
    assert len(list((tmp_path / "out").glob("a.jsonl-*"))) == 1


def test_a_watch_killed_before_it_noted_a_file_does_not_score_it_again(
    look, inbox, tmp_path, jsonl
):
    jsonl(inbox / "a.jsonl", "abc")
    (arrival,) = look()
    summary = tmp_path / "out" / arrival.results / "summary.json"
    before = summary.stat().st_mtime_ns
    (tmp_path / "out" / LEDGER).write_text("")
    assert look() == [arrival]
    assert summary.stat().st_mtime_ns == before


def test_a_line_that_was_cut_short_is_forgotten_and_others_are_kept(look, inbox, tmp_path, jsonl):
    jsonl(inbox / "a.jsonl", "a")
    jsonl(inbox / "b.jsonl", "b")
    look()
    path = tmp_path / "out" / LEDGER
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    assert [arrival.path for arrival in look()] == ["b.jsonl"]
    assert path.read_bytes() == content


def test_a_ledger_that_is_none_is_an_error(look, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / LEDGER).write_text('{"path": 3, "colour": "red"}\n')
    with pytest.raises(StoreError, match=r"watched\.jsonl:1: not a line of a ledger"):
        look()


def test_a_run_that_a_killed_watch_left_is_finished(look, leave_unfinished, tmp_path, quick_setup):
    leave_unfinished(quick_setup)
    (arrival,) = look()
    assert arrival.scored == 3
    summary = json.loads((tmp_path / "out" / arrival.results / "summary.json").read_text())
    assert summary["resumed"] == 3


def test_a_run_that_was_left_with_other_settings_is_started_over(
    look, leave_unfinished, tmp_path, quick_setup
):
    leave_unfinished(replace(quick_setup, abstain_below=0.5))
    (arrival,) = look()
    assert arrival.scored == 3
    summary = json.loads((tmp_path / "out" / arrival.results / "summary.json").read_text())
    assert summary["resumed"] == 0


def test_two_watches_do_not_share_a_folder(look, inbox, tmp_path, quick_setup, jsonl):
    jsonl(inbox / "a.jsonl", "a")
    with Engine(quick_setup, workers=1) as engine:
        first = watch(inbox, tmp_path / "out", engine, settle=0.0)
        next(first)
        with pytest.raises(RunRefused, match="another process"):
            look()
        first.close()
    assert look() == []
