"""What commands say about the customers' answers they were given."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from autoqa.cli.app import app
from autoqa.cli.inputs import Lost, load_material

TRANSCRIPT = (
    '{{"conversation_id": "c{0}", "started_at": "2025-03-01T10:00:00Z", '
    '"turns": [{{"speaker": "customer", "text": "Hello"}}]}}\n'
)


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """Three answers: one is given again, one is late."""
    path = tmp_path / "s.csv"
    path.write_text(
        "ticket_id,csat,submitted_at\nc1,2,2025-03-02\nc1,5,2025-03-03\nc2,4,2025-03-30\n"
    )
    return path


def test_what_became_of_the_answers_is_said(answers: Path, tmp_path: Path, capsys):
    data = tmp_path / "calls.jsonl"
    data.write_text("".join(TRANSCRIPT.format(number) for number in (1, 2)))
    lost = Lost(tmp_path / "out")
    found = load_material(lost, surveys=answers, data=[data])
    assert [(one.conversation_id, one.score) for one in found.surveys] == [("c1", 5), ("c2", 4)]
    said = capsys.readouterr().err
    assert "s.csv: 2 of 3 answers kept; 1 answered again, the latest counts; 1 late" in said
    assert "scale 1-5, detected from the answers; 1-10 or 0-10 would fit as well" in said
    assert lost.sentences == []  # nothing is lost that should not be
    assert "late_answer" in (tmp_path / "out" / "quarantine-surveys.jsonl").read_text()


def test_the_scale_of_answers_can_be_given(answers: Path, tmp_path: Path):
    lost = Lost(tmp_path / "out")
    found = load_material(lost, surveys=answers, survey_scale=(0.0, 10.0))
    assert {one.scale for one in found.surveys} == {(0, 10)}


@pytest.mark.parametrize("command", [("compare",), ("claims", "run"), ("report",)])
def test_a_scale_that_is_none_is_refused(command, answers: Path, tmp_path: Path):
    out = tmp_path / ("out.html" if command == ("report",) else "out")
    given = ["--ratings", answers, "--surveys", answers, "--survey-scale", "high", "--out", out]
    result = CliRunner().invoke(app, [*command, *map(str, given)], prog_name="autoqa")
    assert result.exit_code == 2
    assert "is not LOW-HIGH" in " ".join(result.output.split())
