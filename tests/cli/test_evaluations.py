"""``autoqa evaluations``: in, usable by the other commands, and out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from autoqa.cli.app import app
from autoqa.errors import DataError
from autoqa.experiments.training import train
from autoqa.readers import read, read_ratings
from autoqa.records import Evaluation, RaterKind, Rating, Status, Transcript, Turn
from autoqa.scorecard import evaluate, load_scorecard
from autoqa.store import write_records

CARD = "support-core"


def autoqa(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="autoqa")


def review(number: int, *, score: int = 100, cause: str = "", **more: object) -> dict[str, object]:
    """A review of Zendesk QA."""
    rating = {"categoryName": "greeting", "score": score, "cause": cause, **more}
    reviewer = {"name": "Ana"}
    reviews = [{"id": number, "reviewer": reviewer, "ratings": [rating]}]
    return {"externalId": f"c{number}", "reviews": reviews}


@pytest.fixture
def reviews(tmp_path: Path):
    def write(*conversations: object) -> Path:
        path = tmp_path / "in" / "reviews.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"conversations": conversations}))
        return path

    return write


def conversations(path: Path, count: int, **more: object) -> Path:
    rows = [
        {"conversation_id": f"c{n}", "turns": [{"speaker": "agent", "text": "Hello there"}], **more}
        for n in range(count)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.mark.parametrize("name", ["human.parquet", "human.jsonl", "human.csv"])
def test_imported_ratings_are_what_other_commands_read(tmp_path: Path, reviews, name: str):
    out = tmp_path / "out" / name
    source = reviews(review(1, cause="she gave ana.b@example.com"), review(2, score=0))
    done = autoqa("evaluations", "import", source, "--scorecard", CARD, "--out", out)
    assert done.exit_code == 0, done.output
    assert "2 ratings from 2 of 2 evaluations" in done.output
    first, second = read_ratings(out)
    assert (first.conversation_id, first.rater, first.level) == ("c1", "Ana", 2)
    assert first.reason == "she gave [EMAIL]"
    assert second.level == 0
    assert not (tmp_path / "out" / "quarantine-evaluations.jsonl").exists()


def test_automated_and_human_qa_can_be_compared(tmp_path: Path, reviews):
    out = tmp_path / "human.parquet"
    source = reviews(*(review(n, score=50 * (n % 3)) for n in range(9)))
    autoqa("evaluations", "import", source, "--scorecard", CARD, "--out", out)
    run = tmp_path / "run"
    run.mkdir()
    own = [
        Rating(
            conversation_id=f"c{n}", criterion="greeting", rater="autoqa", kind=RaterKind.MODEL,
            status=Status.RATED, level=n % 3,
        )
        for n in range(9)
    ]  # fmt: skip
    write_records(run / "ratings.parquet", own, Rating)
    done = autoqa(
        "compare", "--ratings", run, "--human", out, "--scorecard", CARD,
        "--out", tmp_path / "cmp", "--resamples", 20,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "greeting" in done.output


def test_people_are_learned_from_and_the_other_systems_ai_is_not(tmp_path: Path):
    rows = [
        {"externalTicketId": f"c{n}", "ratingCategoryName": "greeting", "score": 100}
        for n in range(3)
    ]
    source = tmp_path / "autoqa.json"
    source.write_text(json.dumps({"rows": rows}))
    card = tmp_path / "card.yaml"
    criterion = {"id": "greeting", "question": "Greeted?", "levels": {0: "no", 1: "yes"}}
    sections = [{"id": "s", "criteria": [criterion]}]
    card.write_text(yaml.safe_dump({"id": "small", "version": 1, "sections": sections}))
    data = conversations(tmp_path / "calls.jsonl", 3)
    rated = tmp_path / "rated.jsonl"
    done = autoqa(
        "evaluations", "import", source, "--scorecard", card, "--data", data, "--out", rated
    )
    assert done.exit_code == 0, done.output
    assert [[r.kind.value for r in one.ratings] for one in read([rated])] == [["model"]] * 3
    with pytest.raises(DataError, match="greeting: 0 rated conversations"):
        train([rated], load_scorecard(card), tmp_path / "models", encoders={})


def test_what_cannot_be_used_is_said_and_makes_the_exit_code(tmp_path: Path, reviews):
    out = tmp_path / "human.parquet"
    unknown = review(3, score=100)
    unknown["reviews"][0]["ratings"].append({"categoryName": "Shoe size", "score": 43})
    source = reviews(review(1, score=41), review(2, score="high"), unknown)
    done = autoqa("evaluations", "import", source, "--scorecard", CARD, "--out", out)
    assert done.exit_code == 1
    assert "not on the scorecard: Shoe size (1 answers)" in done.output
    assert "1 of 3 evaluations could not be used (wrong_type 1)" in done.output
    assert "1 answers are none of the levels of their criterion (greeting 1)" in done.output


def test_drafts_are_left_out_without_an_error(tmp_path: Path):
    source = tmp_path / "e.json"
    draft = {"id": "e", "conversation": {"id": "c"}, "evaluationForm": {}, "status": "PENDING"}
    source.write_text(json.dumps(draft))
    out = tmp_path / "r.jsonl"
    done = autoqa("evaluations", "import", source, "--scorecard", CARD, "--out", out, "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert (said["quarantined"], said["reasons"]) == (1, {"not_submitted": 1})


def test_ratings_without_a_conversation_are_said(tmp_path: Path, reviews):
    data = conversations(tmp_path / "calls.jsonl", 2)
    rated = tmp_path / "rated.jsonl"
    done = autoqa(
        "evaluations", "import", reviews(review(1), review(7)), "--scorecard", CARD,
        "--data", data, "--out", rated,
    )  # fmt: skip
    assert done.exit_code == 1
    assert "1 evaluated conversations are not in --data (c7)" in done.output
    assert [len(one.ratings) for one in read([rated])] == [0, 1]


def test_arguments_that_cannot_be_used_are_refused(tmp_path: Path, reviews):
    source = reviews(review(1))
    wanted = ("evaluations", "import", source, "--scorecard", CARD)
    assert autoqa(*wanted, "--out", tmp_path / "r.xlsx").exit_code == 2
    data = conversations(tmp_path / "calls.jsonl", 2)
    done = autoqa(*wanted, "--data", data, "--out", tmp_path / "r.parquet")
    assert done.exit_code == 2
    assert ".jsonl" in done.output
    assert autoqa(*wanted, "--out", source).exit_code == 2


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """What scoring one conversation leaves behind."""
    card = load_scorecard(CARD)
    ratings = [
        Rating(
            conversation_id="c1", criterion=c.id, rater="autoqa", kind=RaterKind.MODEL,
            status=Status.ABSTAINED if c.id == "recap" else Status.RATED,
            level=None if c.id == "recap" else c.scale[-1], reason="call me at +1 202 555 0143",
        )
        for c in card.criteria
    ]  # fmt: skip
    folder = tmp_path / "run"
    folder.mkdir()
    write_records(folder / "ratings.parquet", ratings, Rating)
    write_records(folder / "evaluations.parquet", [evaluate(ratings, card)], Evaluation)
    turns = (Turn(speaker="agent", text="Hello"),)
    transcript = Transcript(conversation_id="c1", turns=turns, agent="maya")
    write_records(folder / "transcripts.parquet", [transcript], Transcript)
    return folder


def test_a_run_is_exported_with_its_agents_and_its_losses(tmp_path: Path, run: Path):
    out = tmp_path / "connect"
    done = autoqa(
        "evaluations", "export", run, "--scorecard", CARD, "--to", "connect", "--out", out
    )
    assert done.exit_code == 0, done.output
    assert "1 evaluations written" in done.output
    (file,) = out.iterdir()
    metadata = json.loads(file.read_text())["metadata"]
    assert (metadata["agentId"], metadata["evaluationSource"]) == ("maya", "AUTOMATED")
    assert metadata["score"] == {"percentage": 100.0}
    assert "555" not in file.read_text()


def test_an_export_can_be_imported_again(tmp_path: Path, run: Path):
    out, back = tmp_path / "e.jsonl", tmp_path / "back.jsonl"
    autoqa("evaluations", "export", run, "--scorecard", CARD, "--to", "genesys", "--out", out)
    done = autoqa(
        "evaluations", "import", out, "--scorecard", CARD, "--system", "autoqa", "--out", back
    )
    assert done.exit_code == 0, done.output
    before = {(r.criterion, r.status, r.level) for r in read_ratings(run)}
    assert {(r.criterion, r.status, r.level) for r in read_ratings(back)} == before


def test_a_run_on_another_scorecard_is_refused(tmp_path: Path, run: Path):
    done = autoqa(
        "evaluations", "export", run, "--scorecard", "ai-agent-procedure", "--to", "google",
        "--out", tmp_path / "g.json",
    )  # fmt: skip
    assert done.exit_code == 2
    assert f"scored on {CARD} version" in done.output
