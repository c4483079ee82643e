"""What commands about QA, people and customers read, and how they tell people from models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from autoqa.cli.app import app
from autoqa.cli.inputs import Lost, load_material
from autoqa.errors import DataError
from autoqa.records import CSAT, RaterKind, Rating, Speaker, Status, Transcript, Turn
from autoqa.store import write_records

HEAD = "conversation_id,turn,rater,criterion,score,scale_lo,scale_hi"


def autoqa(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="autoqa")


def conversation(number: int, ratings: list[dict[str, object]], **more: object) -> str:
    held = {
        "conversation_id": f"c{number}",
        "agent": f"agent {number % 2}",
        "turns": [{"speaker": "agent", "text": "Hello"}],
        "ratings": ratings,
        "csat": {"score": 1 + number % 5, "scale": [1, 5]},
        **more,
    }
    return json.dumps(held) + "\n"


def by(rater: str, score: int, **more: object) -> dict[str, object]:
    return {"rater": rater, "criterion": "tone", "score": score, "scale": [0, 4], **more}


def model(conversation_id: str, criterion: str, turn: int | None = None) -> Rating:
    return Rating(
        conversation_id=conversation_id, criterion=criterion, rater="m", kind=RaterKind.MODEL,
        status=Status.RATED, level=1, turn=turn,
    )  # fmt: skip


@pytest.fixture
def rated(tmp_path: Path) -> Path:
    """Conversations rated by people and by a model, and surveyed."""
    path = tmp_path / "rated.jsonl"
    path.write_text(
        "".join(
            conversation(i, [by("ann", i % 5), by("m", (i + 1) % 5, kind="model")])
            for i in range(12)
        )
    )
    return path


def test_a_scored_folder_brings_predictions_curves_and_conversations(tmp_path: Path):
    run = tmp_path / "run"
    run.mkdir()
    write_records(run / "ratings.parquet", [model("c1", "tone")], Rating)
    write_records(run / "csat.parquet", [model("c1", CSAT), model("c1", CSAT, turn=0)], Rating)
    said = Turn(speaker=Speaker.CUSTOMER, text="Hello")
    transcript = Transcript(conversation_id="c1", turns=(said,), agent="ann")
    write_records(run / "transcripts.parquet", [transcript], Transcript)
    lost = Lost(tmp_path / "out")
    found = load_material(lost, ratings=run)
    assert [(r.criterion, r.turn) for r in found.automated] == [("tone", None), (CSAT, None)]
    assert [r.turn for r in found.curves] == [0]
    assert found.agents == {"c1": "ann"}
    assert (found.human, found.surveys, found.card) == ([], [], None)
    assert lost.sentences == []


def test_conversations_bring_people_and_surveys_and_a_file_of_both_is_told_apart(
    rated: Path, tmp_path: Path
):
    found = load_material(Lost(tmp_path / "out"), ratings=rated, data=[rated])
    assert {r.rater for r in found.automated} == {"m"}
    assert {r.rater for r in found.human} == {"ann"}
    assert len(found.surveys) == 12
    assert found.scales == {"tone": (0, 4)}
    assert found.agents["c3"] == "agent 1"
    same = load_material(Lost(tmp_path / "out"), ratings=rated, human=rated, surveys=rated)
    assert (same.automated, same.human) == (found.automated, found.human)


def test_a_csv_that_does_not_say_who_rated_holds_what_the_option_says(tmp_path: Path):
    table = tmp_path / "t.csv"
    table.write_text(f"{HEAD}\nc1,,x,tone,1,0,4\n")
    found = load_material(Lost(tmp_path / "out"), ratings=table, human=table)
    assert [r.kind for r in found.automated] == [RaterKind.MODEL]
    assert [r.kind for r in found.human] == [RaterKind.HUMAN]
    (tmp_path / "run").mkdir()
    table.rename(tmp_path / "run" / "ratings.csv")
    found = load_material(Lost(tmp_path / "out"), ratings=tmp_path / "run")
    assert [r.kind for r in found.automated] == [RaterKind.MODEL]


def test_a_csv_that_says_who_rated_is_believed(tmp_path: Path):
    table = tmp_path / "t.csv"
    table.write_text(f"{HEAD},kind\nc1,,ann,tone,1,0,4,human\n")
    with pytest.raises(DataError, match=r"only ratings by people \(ann\); give them with --human"):
        load_material(Lost(tmp_path / "out"), ratings=table)


@pytest.mark.parametrize("command", [("compare",), ("claims", "run")])
def test_ratings_by_people_are_not_taken_for_automated_ones(command, tmp_path: Path):
    folder = tmp_path / "calls"
    folder.mkdir()
    (folder / "a.jsonl").write_text("".join(conversation(i, [by("ann", 1)]) for i in range(3)))
    result = autoqa(*command, "--ratings", folder, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "only ratings by people (ann); give them with --human" in result.stderr


@pytest.mark.parametrize("command", [("compare",), ("claims", "run")])
def test_ratings_by_models_are_not_taken_for_human_ones(command, rated: Path, tmp_path: Path):
    scored = tmp_path / "scored.jsonl"
    scored.write_text(conversation(1, [by("m", 1, kind="model")]))
    result = autoqa(*command, "--ratings", rated, "--human", scored, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "only ratings by models (m); give them with --ratings" in result.stderr


def test_compare_takes_people_and_surveys_from_conversations(rated: Path, tmp_path: Path):
    out = tmp_path / "out"
    result = autoqa("compare", "--ratings", rated, "--data", rated, "--out", out, "--resamples", 20)
    assert result.exit_code == 0, result.stderr
    held = json.loads((out / "comparison.json").read_text())
    assert (held["n_human_raters"], held["csat"]["n_surveyed"]) == (1, 12)
    assert held["clustered_by"] == "agent"


def test_human_ratings_that_are_not_there_are_left_undone_where_surveys_are(
    rated: Path, tmp_path: Path
):
    bare = tmp_path / "bare.jsonl"
    bare.write_text(conversation(1, []))
    result = autoqa(
        "compare", "--ratings", rated, "--human", bare, "--surveys", rated,
        "--out", tmp_path / "out", "--resamples", 20,
    )  # fmt: skip
    assert result.exit_code == 1
    assert "bare.jsonl: no human ratings there" in result.stderr
    assert (tmp_path / "out" / "comparison.json").is_file()


def test_what_cannot_be_compared_names_every_file(rated: Path, tmp_path: Path):
    result = autoqa("compare", "--ratings", rated, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "rated.jsonl: There are neither human ratings nor surveys" in result.stderr
