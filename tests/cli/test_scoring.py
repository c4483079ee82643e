"""``autoqa score``: stopping, going on, watching, and the exit codes of each."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from autoqa.batch import Engine, Progress, read_manifest
from autoqa.batch.parts import Parts
from autoqa.cli.app import app
from autoqa.cli.scoring import scoring_bar

Write = Callable[..., Path]

CARD = """\
id: tiny
version: 1
sections:
  - id: all
    criteria:
      - id: greeting
        question: Did the agent greet?
        levels: {0: "no", 1: "yes"}
        weight: 1
        scorer: {use: rules, say: greeting}
"""


def autoqa(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="autoqa")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No models, and a scorecard named `card.yaml` at hand."""
    monkeypatch.setattr("autoqa.cli.scoring.default_models", lambda: None)
    monkeypatch.chdir(tmp_path)
    Path("card.yaml").write_text(CARD)


@pytest.fixture
def write() -> Write:
    def some(path: str, n: int = 3) -> Path:
        said = [{"speaker": "agent", "text": "Hello"}, {"speaker": "customer", "text": "Thanks"}]
        rows = [{"conversation_id": f"{path}-{i}", "turns": said} for i in range(n)]
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return Path(path)

    return some


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autoqa.batch.local.CHUNK", 2)


SCORE = ("score", "--scorecard", "card.yaml", "--out", "out", "--workers", 1)


def stop_at(monkeypatch: pytest.MonkeyPatch, number: int, how: Callable[[], object]) -> None:
    whole = Parts.commit

    def commit(self: Parts, part: object, temporary: Path) -> None:
        if part.number == number:
            how()
        whole(self, part, temporary)

    monkeypatch.setattr(Parts, "commit", commit)


# stopping and going on


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.usefixtures("small_chunks")
def test_a_run_that_is_stopped_says_how_to_go_on_and_does(
    write: Write, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals, code: int
):
    write("in.jsonl", 5)
    with monkeypatch.context() as patched:
        # The handler is called as Python would. A real signal, sent to a process of its own, is in
        # tests/batch/test_interruptions.py: here it would find whatever other tests have loaded.
        stop_at(patched, 1, lambda: signal.getsignal(sent)(sent, None))  # type: ignore[operator]
        result = autoqa(*SCORE, "in.jsonl")
    assert result.exit_code == code
    assert "stopped; 2 conversations are scored and kept in out" in result.stderr
    assert "the same command with --resume" in result.stderr
    refused = autoqa(*SCORE, "in.jsonl")
    assert refused.exit_code == 2
    assert "unfinished run with 2 conversations" in refused.stderr
    result = autoqa(*SCORE, "in.jsonl", "--resume")
    assert result.exit_code == 0
    assert "Scored 5 of 5 conversations" in result.stdout
    assert "resumed  2 conversations were scored before" in result.stdout


def test_a_complete_run_is_said_to_be_and_left_alone(write: Write):
    write("in.jsonl")
    assert autoqa(*SCORE, "in.jsonl", "--resume").exit_code == 0
    before = Path("out/summary.json").stat().st_mtime_ns
    again = autoqa(*SCORE, "in.jsonl", "--resume")
    assert again.exit_code == 0
    assert again.stdout == "out: complete, with 3 conversations scored; nothing left to do\n"
    assert json.loads(autoqa(*SCORE, "in.jsonl", "--resume", "--json").stdout)["scored"] == 3
    assert Path("out/summary.json").stat().st_mtime_ns == before


@pytest.mark.usefixtures("small_chunks")
def test_other_settings_do_not_go_on_with_a_run(write: Write, monkeypatch: pytest.MonkeyPatch):
    write("in.jsonl", 5)
    with monkeypatch.context() as patched:
        stop_at(patched, 1, lambda: 1 / 0)
        autoqa(*SCORE, "in.jsonl")
    result = autoqa(*SCORE, "in.jsonl", "--resume", "--abstain-below", 0.5)
    assert result.exit_code == 2
    assert "settings.abstain_below was 0.0, now 0.5" in result.stderr
    result = autoqa(*SCORE, "in.jsonl", "--overwrite", "--abstain-below", 0.5)
    assert result.exit_code == 0
    assert read_manifest(Path("out")).settings["abstain_below"] == 0.5


def test_a_full_disk_is_no_misuse(write: Write, monkeypatch: pytest.MonkeyPatch):
    def full() -> None:
        raise OSError(28, "No space left on device")

    write("in.jsonl")
    stop_at(monkeypatch, 0, full)
    result = autoqa(*SCORE, "in.jsonl")
    assert result.exit_code == 1
    assert "out: No space left on device. The 0 conversations scored so far" in result.stderr
    assert not list(Path("out").glob("*.parquet"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name files or folders, or --watch DIR"),
        (("in.jsonl", "--watch", "."), "not together with --watch"),
        (("--watch", ".", "--overwrite"), "not together with --watch"),
        (("in.jsonl", "--resume", "--overwrite"), "not together with --resume"),
        (("--watch", "nowhere"), "does not exist"),
        (("--watch", "."), "inside the input"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: tuple[str, ...], said: str):
    result = autoqa(*SCORE, *arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())


def test_progress_shows_rate_share_and_what_was_left_out(terminal: Callable[[str], io.StringIO]):
    screen = terminal("stderr")
    with scoring_bar() as show:
        show(Progress(1234, 2, per_second=88.25, bytes_done=50, bytes_total=200))
    said = screen.getvalue()
    assert "1234 conversations scored, 2 quarantined, 88.2 per second" in said
    assert "25%" in said


# watching


WATCH = (*SCORE, "--watch", "inbox", "--settle", 0, "--until-idle", 0)


def test_every_file_is_a_line(write: Write):
    write("inbox/a.jsonl")
    write("inbox/b.jsonl").open("a").write("{\n")
    result = autoqa(*WATCH)
    first, second, last = result.stdout.splitlines()
    assert first.startswith("a.jsonl: 3 conversations scored (out/a.jsonl-")
    assert second.startswith("b.jsonl: 3 conversations scored, 1 records quarantined (out/b.jsonl-")
    assert last == "2 files scored"
    assert result.exit_code == 1
    assert "1 of 2 files were not scored completely (b.jsonl" in result.stderr
    write("inbox/c.jsonl")
    result = autoqa(*WATCH, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["path"] == "c.jsonl"


def test_a_file_that_breaks_is_told(write: Write, monkeypatch: pytest.MonkeyPatch):
    def breaks(*_: object, **__: object) -> None:
        raise RecursionError

    write("inbox/a.jsonl")
    monkeypatch.setattr(Engine, "score", breaks)
    result = autoqa(*WATCH)
    assert "a.jsonl: not scored (scoring broke: RecursionError)" in result.stdout
    assert result.exit_code == 1


@pytest.mark.slow
def test_a_watch_ends_on_sigterm_and_goes_on_later(write: Write, tmp_path: Path):
    write("inbox/a.jsonl")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "models.json").write_text(
        json.dumps({"format": 2, "heads": {}, "files": {}, "scorecard": None})
    )
    command = [sys.executable, "-m", "autoqa", *map(str, SCORE), "--watch", "inbox"]
    command += ["--settle", "0", "--models", "models"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith("a.jsonl: 3 conversations scored")
    process.send_signal(signal.SIGTERM)
    said, warned = process.communicate(timeout=60)
    assert process.returncode == 0, warned
    assert "stopped watching inbox" in warned
    assert said == "1 files scored\n"
    write("inbox/b.jsonl")
    assert autoqa(*WATCH).stdout.splitlines()[-1] == "1 files scored"
