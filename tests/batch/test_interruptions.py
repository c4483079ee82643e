"""Runs that are killed, stopped, or out of space: nothing lost, nothing twice, nothing half."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "quick_run.py"
TABLES = ("evaluations", "ratings", "csat", "flags", "transcripts")
KEPT = {".parts", "manifest.json"}  # what an unfinished run shows

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")


class Server:
    """Starts runs, see quick_run.py."""

    def __init__(self, folder):
        self._folder = folder
        self._number = 0
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **question):
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def start(self, source, out, *options):
        self._number += 1
        said = self._folder / f"{self._number}.txt"
        return Run(self, [str(one) for one in (source, out, *options)], said)

    def run(self, source, out, *options):
        """Return the exit code of a run that is left alone, and what it said."""
        return self.start(source, out, *options).wait()

    def close(self):
        self._process.stdin.close()
        self._process.wait()


class Run:
    def __init__(self, server, arguments, said):
        self._ask, self._said = server.ask, said
        self.pid = server.ask(start=arguments, said=str(said))

    def running(self):
        return self._ask(poll=self.pid) is None

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)

    def wait(self):
        code = self._ask(wait=self.pid)
        said = self._said.read_text()
        assert "Traceback" not in said
        assert "Exception ignored" not in said
        return code, said


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("said"))
    yield server
    server.close()


def results(out):
    return {name: (out / f"{name}.parquet").read_bytes() for name in TABLES}


def parts(out):
    return len(list(out.glob(".parts/*.part")))


def state(out):
    return json.loads((out / "manifest.json").read_text())["state"]


def wait_for_parts(out, number, run):
    while parts(out) < number and run.running():
        time.sleep(0.002)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """One hundred and fifty conversations, and three records that are none."""
    path = tmp_path_factory.mktemp("input") / "in.jsonl"
    lines = [
        json.dumps(
            {
                "conversation_id": f"c{i}",
                "turns": [
                    {"speaker": "agent", "text": "hello " * (1 + i % 7)},
                    {"speaker": "customer", "text": "my parcel " * (1 + i % 5)},
                ],
            }
        )
        for i in range(150)
    ]
    lines[40:40] = ["{", lines[3]]
    lines.append('{"conversation_id": "mute", "turns": []}')
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def undisturbed(server, source, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    code, said = server.run(source, out, "--chunk", 150)
    assert code == 0, said
    return out


def assert_equal_to(undisturbed, out):
    """The same bytes, and a summary that differs in what it took alone."""
    assert results(out) == results(undisturbed)
    said, wanted = (json.loads((one / "summary.json").read_text()) for one in (out, undisturbed))
    for passing in ("seconds", "conversations_per_second", "resumed"):
        said.pop(passing)
        wanted.pop(passing)
    assert said == wanted
    assert (said["read"], said["scored"], said["quarantined"]) == (153, 150, 3)
    rows = (out / "quarantine.jsonl").read_text().splitlines()
    assert sorted(rows) == sorted((undisturbed / "quarantine.jsonl").read_text().splitlines())
    assert {path.name for path in out.iterdir()} == {
        *(f"{name}.parquet" for name in TABLES),
        "quarantine.jsonl",
        "manifest.json",
        "summary.json",
    }


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_killed_again_and_again_ends_as_if_nothing_had_been(
    server, source, undisturbed, tmp_path, workers
):
    rng = random.Random(workers)
    before = kills = 0
    while True:
        run = server.start(source, tmp_path, "--workers", workers, "--resume", "--pause", 0.01)
        # The last rounds reach the end: they are killed while tables are made.
        wait_for_parts(tmp_path, before + rng.randint(2, 5) * (2 * workers - 1), run)
        time.sleep(rng.random() * 0.02)
        if run.running():
            run.kill()
        code, said = run.wait()
        if code == 0:
            break
        kills += 1
        shown = {path.name for path in tmp_path.iterdir() if path.suffix != ".tmp"}
        assert shown <= KEPT | {f"{name}.parquet" for name in TABLES} | {"quarantine.jsonl"}
        assert parts(tmp_path) >= before  # nothing that was done is undone
        before = parts(tmp_path)
    assert kills >= 2
    assert json.loads(said)["resumed"] == 5 * before
    assert_equal_to(undisturbed, tmp_path)


@pytest.mark.parametrize(
    ("sent", "code", "workers"),
    [
        (signal.SIGTERM, 143, 1),
        (signal.SIGINT, 130, 1),
        pytest.param(signal.SIGTERM, 143, 2, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 130, 2, marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_asked_to_stop_does_and_goes_on_later(
    server, source, undisturbed, tmp_path, sent, code, workers
):
    run = server.start(source, tmp_path, "--workers", workers, "--pause", 0.01)
    wait_for_parts(tmp_path, 4, run)
    os.killpg(run.pid, sent)  # as a terminal does, and systemd: workers hear it too
    assert run.wait()[0] == code
    assert {path.name for path in tmp_path.iterdir()} == KEPT
    assert state(tmp_path) == "stopped"
    said = server.run(source, tmp_path, "--resume")[1]
    assert json.loads(said)["resumed"] >= 20  # 4 chunks of 5
    assert_equal_to(undisturbed, tmp_path)


@pytest.mark.slow
def test_workers_end_with_a_run_that_is_killed(server, source, tmp_path):
    psutil = pytest.importorskip("psutil")
    run = server.start(source, tmp_path, "--workers", 2, "--pause", 0.05)
    wait_for_parts(tmp_path, 1, run)
    workers = psutil.Process(run.pid).children(recursive=True)
    assert len(workers) >= 2
    run.kill()
    assert run.wait()[0] == -signal.SIGKILL
    assert psutil.wait_procs(workers, timeout=20)[1] == []


# full disks


def test_a_full_disk_is_an_error_and_what_was_done_is_kept(server, source, undisturbed, tmp_path):
    run = server.start(source, tmp_path, "--pause", 0.01)
    wait_for_parts(tmp_path, 4, run)
    run.kill()
    run.wait()
    kept = parts(tmp_path)
    code, said = server.run(source, tmp_path, "--resume", "--most", 1000)  # less than a part
    assert code == 1
    assert said.startswith("RunStopped: ")
    assert f"The {5 * kept} conversations scored so far are kept" in said
    assert {path.name for path in tmp_path.iterdir()} == KEPT
    assert parts(tmp_path) == kept
    assert json.loads(server.run(source, tmp_path, "--resume")[1])["resumed"] == 5 * kept
    assert_equal_to(undisturbed, tmp_path)


@pytest.mark.slow
def test_a_disk_that_is_full_while_workers_write_is_the_same(server, source, undisturbed, tmp_path):
    code, said = server.run(source, tmp_path, "--workers", 2, "--most", 1000)  # less than a part
    assert code == 1
    assert "RunStopped: " in said
    assert not list(tmp_path.glob("*.parquet"))
    assert not list(tmp_path.glob(".parts/.*"))
    assert server.run(source, tmp_path)[0] == 0
    assert_equal_to(undisturbed, tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root mounts")
def test_a_disk_without_space_is_told_as_the_system_tells_it(server, source, undisturbed, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(small)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        code, said = server.run(source, small / "out")
        assert code == 1
        assert "No space left on device" in said
        assert "go on with --resume" in said
        assert not list((small / "out").glob("*.parquet"))
        kept = parts(small / "out")
        shutil.copytree(small / "out", tmp_path / "moved")  # to where there is space
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert json.loads(server.run(source, tmp_path / "moved", "--resume")[1])["resumed"] == 5 * kept
    assert_equal_to(undisturbed, tmp_path / "moved")


# workers that are killed


@pytest.mark.slow
def test_a_conversation_that_kills_its_worker_is_left_out_and_costs_no_other(
    server, source, undisturbed, tmp_path
):
    lines = source.read_text().splitlines()
    poison = json.dumps({"conversation_id": "p", "turns": [{"speaker": "agent", "text": "kill"}]})
    mixed = tmp_path / "in.jsonl"
    mixed.write_text("\n".join([*lines[:77], poison, *lines[77:]]))
    code, said = server.run(mixed, tmp_path / "out", "--workers", 2)
    assert code == 0, said
    summary = json.loads(said)
    assert (summary["read"], summary["scored"], summary["quarantined"]) == (154, 150, 4)
    assert summary["reasons"]["scoring_killed"] == 1
    rows = map(json.loads, (tmp_path / "out" / "quarantine.jsonl").read_text().splitlines())
    (row,) = (row for row in rows if row["reason"] == "scoring_killed")
    assert (row["line"], row["kept"]) == (78, False)
    assert results(tmp_path / "out") == results(undisturbed)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert sum(chunk["quarantined"] for chunk in manifest["chunks"]) == 1


# two runs


def test_two_runs_do_not_share_a_folder(server, source, undisturbed, tmp_path):
    run = server.start(source, tmp_path, "--pause", 0.05)
    wait_for_parts(tmp_path, 1, run)
    code, said = server.run(source, tmp_path, "--resume")
    assert code == 1
    assert "another process scores into this folder" in said
    assert run.running()
    run.kill()
    run.wait()
    assert server.run(source, tmp_path, "--resume")[0] == 0  # and the folder is free again
    assert_equal_to(undisturbed, tmp_path)
