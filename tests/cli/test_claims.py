"""``autoqa claims``: inputs, files, exit codes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from autoqa.cli.app import app

N = 40


def autoqa(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="autoqa")


def conversation(number: int, **more: object) -> dict[str, object]:
    return {
        "conversation_id": f"c{number:02d}",
        "channel": "chat",
        "language": "en",
        "agent": f"agent {number % 8}",
        "topic": "bill" if number % 2 else "outage",
        "turns": [{"speaker": "agent", "text": "Hello"}],
        "csat": {"score": 1 + number % 5, "scale": [1, 5]},
        "ratings": [
            {"rater": "ann", "criterion": "answer", "score": number % 5 // 2, "scale": [0, 2]}
        ],
        "outcome": {"resolved": number % 5 > 2},
        **more,
    }


def jsonl(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Conversations whose rating of `answer` follows CSAT."""
    return jsonl(tmp_path / "calls.jsonl", [conversation(i) for i in range(N)])


@pytest.fixture
def run(tmp_path: Path):
    """Run the command; returns its result and what claims.json says by claim and ratings."""

    def call(*arguments: object) -> tuple[Result, dict[tuple[str, str], dict]]:
        out = tmp_path / "out"
        result = autoqa("claims", "run", *arguments, "--out", out, "--resamples", 20)
        file = out / "claims.json"
        held = json.loads(file.read_text())["results"] if file.is_file() else []
        return result, {(one["claim"], one["ratings"]): one for one in held}

    return call


def test_conversations_alone_bring_ratings_surveys_and_outcomes(run, calls: Path, tmp_path: Path):
    result, found = run("--data", calls)
    assert result.exit_code == 0, result.stderr
    assert found["high_qa_high_csat", "human"]["verdict"] == "supported"
    assert found["high_qa_high_csat", "human"]["n"] == N
    cells = found["resolution_is_satisfaction", "human"]["tables"]["four cells"]
    assert [cell["conversations"] for cell in cells] == [16, 0, 0, 24]
    assert "| Does high QA imply high CSAT? | human | supported" in result.stdout
    assert (tmp_path / "out" / "claims.md").read_text().startswith("# Practitioners' claims")
    rows = list(csv.DictReader((tmp_path / "out" / "claims.csv").open()))
    assert rows[0]["claim"] == "high_qa_high_csat"


def test_both_sides_are_tested_and_missing_data_are_no_failure(run, tmp_path: Path):
    head = "conversation_id,turn,rater,criterion,score,scale_lo,scale_hi\n"
    rows = [f"c{i:02d},,m,tone,{i % 5},0,4\n" for i in range(N)]
    ratings, human = tmp_path / "a.csv", tmp_path / "h.csv"
    ratings.write_text(head + "".join(rows))
    human.write_text(head + "".join(rows[:5]))
    surveys = tmp_path / "s.csv"
    surveys.write_text(
        "conversation_id,score,scale_lo,scale_hi\n"
        + "".join(f"c{i:02d},{1 + i % 5},1,5\n" for i in range(N))
    )
    result, found = run("--ratings", ratings, "--human", human, "--surveys", surveys)
    assert result.exit_code == 0, result.stderr
    assert found["high_qa_high_csat", "automated"]["verdict"] == "supported"
    few = found["high_qa_high_csat", "human"]
    assert few["verdict"] == "not enough data"
    assert "5 conversations have both" in few["sentence"]
    assert "Missing: handle times" in found["long_tail_of_talk_time", ""]["sentence"]


def test_parts_failures_and_single_claims_can_be_named(run, calls: Path):
    result, found = run(
        "--data", calls, "--claim", "service_recovery_paradox", "--claim",
        "soft_skills_lift_not_rescue", "--part", "soft_skills=answer", "--failure-topic", "outage",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert len(found) == 2
    assert found["service_recovery_paradox", "human"]["n"] == N
    assert found["soft_skills_lift_not_rescue", "human"]["n"] == N


def test_the_result_can_be_had_as_json(run, calls: Path):
    result, found = run("--data", calls, "--claim", "high_qa_high_csat", "--json")
    assert json.loads(result.stdout)["results"] == list(found.values())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give at least one of --ratings, --human, --surveys, --data"),
        (("--data", "{calls}", "--claim", "top_box"), "Did you mean 'top_box_differs'?"),
        (("--data", "{calls}", "--part", "soft_skills"), "is not PART=ID,ID"),
        (("--data", "{calls}", "--part", "soft=answer"), "No part of service quality"),
        (("--data", "{calls}", "--part", "delivery=tone"), "nobody rated a criterion 'tone'"),
        (("--human", "{bare}"), "no human ratings"),
        (("--ratings", "{bare}"), "no automated ratings"),
    ],
)
def test_what_cannot_be_used_is_said(arguments, said: str, run, calls: Path, tmp_path: Path):
    bare = jsonl(tmp_path / "bare.jsonl", [conversation(0, ratings=[], csat=None)])
    result, _ = run(*(a.format(calls=calls, bare=bare) for a in arguments))
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())


def test_ids_that_never_meet_and_surveys_that_are_not_there_are_left_undone(
    run, calls: Path, tmp_path: Path
):
    bare = jsonl(tmp_path / "bare.jsonl", [conversation(0, csat=None)])
    result, found = run("--data", calls, "--surveys", bare)
    assert result.exit_code == 1
    assert "no customer answers there" in result.stderr
    assert found["high_qa_high_csat", "human"]["verdict"] == "not enough data"
    others = jsonl(tmp_path / "o.jsonl", [conversation(i, conversation_id=f"x{i}") for i in (0, 1)])
    result, _ = run("--data", calls, "--surveys", others)
    assert result.exit_code == 1
    assert "none in common, check how ids are written" in result.stderr


def test_the_list_names_needs_and_plans():
    text = autoqa("claims", "list").stdout
    assert "high_qa_high_csat: Does high QA imply high CSAT?" in text
    assert "Plan for 606 conversations (assumes a true correlation of 0.4)." in text
    held = json.loads(autoqa("claims", "list", "--json").stdout)
    assert len(held) == 13
    assert {"id", "question", "method", "needs", "planned", "planned_assumes"} == held[0].keys()
