"""``autoqa redact``, and the privacy options of other commands."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from autoqa.cli.app import app

KEY = "0123456789abcdef"


def autoqa(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="autoqa")


def conversation(name: str, text: str, language: str = "en") -> str:
    turns = [{"speaker": "customer", "text": text}, {"speaker": "agent", "text": "Thank you"}]
    return json.dumps({"conversation_id": name, "language": language, "turns": turns})


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "calls.jsonl"
    path.parent.mkdir()
    lines = [
        conversation("a", "I am ana@example.com or bo@example.com, on 212-345-6789"),
        conversation("b", "soy ana@example.com, DNI 12345678Z", "es"),
        conversation("c", "nothing here"),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTOQA_REDACTION_KEY", raising=False)
    monkeypatch.setattr("autoqa.cli.scoring.default_models", lambda: None)


def texts(path: Path) -> list[str]:
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    return [json.loads(line)["turns"][0]["text"] for line in content.splitlines()]


def test_values_are_replaced_and_counted_by_kind_and_language(calls: Path, tmp_path: Path):
    out = tmp_path / "out" / "calls.jsonl.gz"
    result = autoqa("redact", calls, "--out", out, "--report")
    assert result.exit_code == 0, result.output
    assert texts(out) == [
        "I am [EMAIL_1] or [EMAIL_2], on [PHONE_1]",
        "soy [EMAIL_1], DNI [ID_1]",
        "nothing here",
    ]
    assert result.stdout.splitlines() == [
        f"5 values replaced in 3 conversations, written to {out}.",
        "kind   en  es",
        "EMAIL  2   1",
        "ID     0   1",
        "PHONE  1   0",
    ]
    assert (out.parent / "quarantine.jsonl").read_text() == ""


def test_programs_get_the_counts_as_json(calls: Path, tmp_path: Path):
    result = autoqa("redact", calls, "--out", tmp_path / "o" / "calls.jsonl", "--json")
    said = json.loads(result.stdout)
    assert said["replaced"] == {"en": {"EMAIL": 2, "PHONE": 1}, "es": {"EMAIL": 1, "ID": 1}}
    assert (said["read"], said["written"], said["privacy"]) == (3, 3, "mask")


def test_with_a_key_the_same_value_has_the_same_tag_everywhere(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    key = tmp_path / "key"
    key.write_text(KEY + "\n")
    first, second = tmp_path / "f" / "c.jsonl", tmp_path / "s" / "c.jsonl"
    usual = ("redact", calls, "--privacy", "hash")
    assert autoqa(*usual, "--redaction-key-file", key, "--out", first).exit_code == 0
    monkeypatch.setenv("AUTOQA_REDACTION_KEY", KEY)
    assert autoqa(*usual, "--out", second).exit_code == 0
    assert first.read_bytes() == second.read_bytes()
    a, b, _ = texts(first)
    assert a.split()[2] == b.split()[1].rstrip(",")
    assert KEY not in first.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["read", "redact", "score"])
def test_hashing_without_a_key_is_refused_before_anything_is_written(
    command: str, calls: Path, tmp_path: Path
):
    out = tmp_path / "out" / "calls.jsonl"
    card = ("--scorecard", "support-core") if command == "score" else ()
    result = autoqa(command, calls, *card, "--privacy", "hash", "--out", out)
    assert result.exit_code == 2
    assert "set AUTOQA_REDACTION_KEY" in result.stderr
    assert not out.parent.exists()


def test_redact_does_not_keep(calls: Path, tmp_path: Path):
    result = autoqa("redact", calls, "--privacy", "keep", "--out", tmp_path / "o.jsonl")
    assert result.exit_code == 2
    assert "'keep' is not one of" in result.stderr


def test_a_model_for_names_that_is_not_there_is_refused(calls: Path, tmp_path: Path):
    usual = ("redact", calls, "--out", tmp_path / "o" / "c.jsonl", "--names")
    pytest.importorskip("presidio_analyzer")
    assert "no spaCy model 'en_none'" in autoqa(*usual, "en=en_none").stderr
    assert "is not LANGUAGE=MODEL" in autoqa(*usual, "en_core").stderr
    assert not (tmp_path / "o").exists()


def test_what_cannot_be_read_is_left_out_and_said(calls: Path, tmp_path: Path):
    calls.write_text(calls.read_text() + "{not json\n")
    result = autoqa("redact", calls, "--out", tmp_path / "out" / "calls.jsonl")
    assert result.exit_code == 1
    assert "1 of 4 records could not be read" in result.stderr


def test_the_mode_is_part_of_what_a_run_was_made_with(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AUTOQA_REDACTION_KEY", KEY)
    out = tmp_path / "scored"
    usual = ("score", calls, "--scorecard", "support-core", "--out", out, "--privacy")
    autoqa(*usual, "hash")
    made_with = json.loads((out / "manifest.json").read_text())["settings"]["redaction"]
    assert made_with["mode"] == "hash"
    assert len(made_with["key"]) == 12
    assert KEY not in (out / "manifest.json").read_text()
