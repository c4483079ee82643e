"""``--speaker``: who a file's own labels are, for reading and for scoring."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from autoqa.cli.app import app
from autoqa.cli.arguments import speakers_from
from autoqa.records import Speaker

SENTENCES = [
    {"media_channel": channel, "transcript": text}
    for channel, text in [(1, "Hello."), (2, "Yes, tell me.")]
]


def autoqa(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="autoqa")


@pytest.fixture
def call(tmp_path: Path) -> Path:
    """A call whose channels nothing explains."""
    path = tmp_path / "call.json"
    path.write_text(json.dumps({"sentences": SENTENCES}))
    return path


def test_labels_are_read_as_the_user_names_them(call: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    result = autoqa("read", call, "--speaker", "1=customer", "--speaker", "2=Agent", "--out", out)
    assert result.exit_code == 0, result.output
    turns = json.loads(out.read_text())["turns"]
    assert [turn["speaker"] for turn in turns] == ["customer", "agent"]


def test_without_the_option_the_quarantine_shows_how_to_use_it(call: Path, tmp_path: Path) -> None:
    result = autoqa("read", call, "--out", tmp_path / "out.jsonl")
    assert result.exit_code == 1
    assert "unknown_speakers 1" in result.output
    row = json.loads((tmp_path / "quarantine.jsonl").read_text())
    assert "--speaker 1=agent --speaker 2=customer" in row["message"]


def test_notes_are_told_with_what_they_mean(call: Path, tmp_path: Path) -> None:
    result = autoqa("read", call, "--speaker", "1=customer", "--out", tmp_path / "out.jsonl")
    assert "speakers_guessed 1: who speaks was guessed from what was said" in result.output


@pytest.mark.parametrize("pair", ["1", "=agent", "1=", "1=boss", "agent=1"])
def test_a_pair_that_names_no_role_is_refused(call: Path, tmp_path: Path, pair: str) -> None:
    result = autoqa("read", call, "--speaker", pair, "--out", tmp_path / "out.jsonl")
    assert result.exit_code == 2
    assert "LABEL=ROLE" in result.output


def test_a_label_given_twice_is_refused(call: Path, tmp_path: Path) -> None:
    twice = ("--speaker", "A=agent", "--speaker", "a=customer")
    assert autoqa("read", call, *twice, "--out", tmp_path / "out.jsonl").exit_code == 2


def test_a_label_may_hold_an_equals_sign() -> None:
    assert speakers_from(["a=b=agent"]) == {"a=b": Speaker.AGENT}
