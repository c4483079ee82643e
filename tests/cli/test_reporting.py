"""``autoqa report``: inputs, the file, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from autoqa.cli.app import app

N = 24


def report(*arguments: object) -> Result:
    given = [str(a) for a in ("report", *arguments, "--resamples", 20)]
    return CliRunner().invoke(app, given, prog_name="autoqa")


def jsonl(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def automated(tmp_path: Path) -> Path:
    file = tmp_path / "automated.csv"
    rows = [f"c{i:02d},answer,{i % 3},model" for i in range(N)]
    file.write_text("\n".join(["conversation_id,criterion,score,rater", *rows]) + "\n")
    return file


def call(number: int, **more: object) -> dict[str, object]:
    rated = [
        {"rater": who, "criterion": "answer", "score": (number + shift) % 3, "scale": [0, 2]}
        for who, shift in (("ann", 0), ("ben", number % 2))
    ]
    return {
        "conversation_id": f"c{number:02d}",
        "turns": [{"speaker": "agent", "text": "Hello"}],
        "csat": {"score": 1 + number % 5, "scale": [1, 5]},
        "ratings": rated,
        **more,
    }


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    return jsonl(tmp_path / "calls.jsonl", [call(i) for i in range(N)])


def test_a_report_is_made_of_ratings_and_conversations(automated, calls, tmp_path):
    out = tmp_path / "made" / "report.html"
    result = report("--ratings", automated, "--transcripts", calls, "--out", out)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1] == (
        f"Written to {out}. Open it in a browser, or send it as it is."
    )
    page = out.read_text(encoding="utf-8")
    assert '<html lang="en">' in page
    assert f"{N} conversations scored automatically" in page
    assert "calls.jsonl (SHA-256)" in page
    assert "Simulated data" not in page
    assert str(tmp_path) not in page
    assert [one.name for one in out.parent.iterdir()] == ["report.html"]


def test_language_title_and_simulated_data_are_told(automated, tmp_path):
    calls = jsonl(tmp_path / "calls.jsonl", [call(i, simulated=True) for i in range(N)])
    out = tmp_path / "informe.html"
    result = report(
        *("--ratings", automated, "--human", calls, "--surveys", calls, "--transcripts", calls),
        *("--language", "es", "--title", "Centro <norte>", "--out", out),
    )
    assert result.exit_code == 0, result.output
    page = out.read_text(encoding="utf-8")
    assert '<html lang="es">' in page
    assert "<h1>Centro &lt;norte&gt;</h1>" in page
    assert "Datos simulados" in page


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (".", "is a folder; name a file in it"),
        ("report.pdf", "name it report.html"),
        ("report", "does not end in .html"),
    ],
)
def test_an_out_that_is_no_page_is_refused(name, said, automated, calls, tmp_path):
    out = tmp_path / name
    result = report("--ratings", automated, "--transcripts", calls, "--out", out)
    assert result.exit_code == 2
    assert said in " ".join(result.output.replace("│", " ").split())


def test_an_unknown_language_is_refused_before_any_work(automated, calls, tmp_path):
    out = tmp_path / "report.html"
    result = report(
        "--ratings", automated, "--transcripts", calls, "--language", "fr", "--out", out
    )
    assert result.exit_code == 2
    assert "There are no labels in 'fr'" in result.output
    assert not out.exists()


def test_nothing_in_common_is_refused_with_the_files(automated, tmp_path):
    others = jsonl(tmp_path / "other.jsonl", [call(i) for i in range(50, 60)])
    out = tmp_path / "report.html"
    result = report("--ratings", automated, "--human", others, "--out", out)
    assert result.exit_code == 2
    assert "automated.csv with" in result.output
    assert not out.exists()


def test_rows_that_cannot_be_used_are_said_and_the_report_is_made(automated, calls, tmp_path):
    lines = automated.read_text().splitlines()
    automated.write_text("\n".join([*lines, "c99,answer,many,model"]) + "\n")
    out = tmp_path / "report.html"
    result = report("--ratings", automated, "--transcripts", calls, "--out", out)
    assert result.exit_code == 1
    assert out.exists()
    assert "ratings records could not be used" in result.output
