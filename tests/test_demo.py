"""The whole path without any input."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from autoqa.demo import run_demo, score_by_shipped
from autoqa.errors import DataError
from autoqa.experiments.tracking import Tracker
from autoqa.features.embedding_cache import CachedEncoder
from autoqa.records import Evaluation, Flag, Rating, Transcript
from autoqa.sample import sample_path
from autoqa.scorers.folder import ModelFolder
from autoqa.store import read_records

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def demo(tmp_path_factory, fake_encoder_class):
    """A small demo, its folder, and what it said on the way; vectors stand in for the encoders."""
    encoder = CachedEncoder(fake_encoder_class())
    said = []
    with pytest.MonkeyPatch.context() as patch:
        for module in ("experiments.training", "experiments.centre", "scorers.folder"):
            patch.setattr(f"autoqa.{module}.default_encoders", lambda *_, **__: {"*": encoder})
        out = tmp_path_factory.mktemp("demo") / "out"
        result = run_demo(out, conversations=200, progress=said.append)
    return result, out, said


@pytest.mark.slow
def test_everything_that_the_closing_text_names_is_there(demo):
    result, out, _ = demo
    text = result.to_text()
    for place in ("scores/", "comparison/", "report.html", "experiment.md", "models/"):
        assert f"{out}/{place}" in text
        assert (out / place).exists()
    assert f"sqlite:///{out}/mlflow.db" in text
    for name in ("evaluations", "ratings", "csat", "flags", "transcripts"):
        assert (out / "scores" / f"{name}.parquet").is_file()
    for name in ("scores/summary.json", "scores/quarantine.jsonl"):
        assert (out / name).is_file()
    assert "Fictional sample conversations" in (out / "report.html").read_text(encoding="utf-8")
    for name in ("comparison.md", "comparison.json", "agreement.png"):
        assert (out / "comparison" / name).stat().st_size > 0


@pytest.mark.slow
def test_what_is_simulated_or_fictional_is_called_so(demo):
    result, out, said = demo
    text = result.to_text()
    assert "learned from 200 SIMULATED" in " ".join(text.split())
    assert "fictional conversations" in text
    assert "simulated" in (out / "experiment.md").read_text(encoding="utf-8")
    assert "simulated centre" in text
    assert any("Simulating" in one for one in said)


@pytest.mark.slow
def test_every_sample_conversation_is_scored(demo):
    result, out, _ = demo
    summary = json.loads((out / "scores" / "summary.json").read_text(encoding="utf-8"))
    assert summary["read"] == summary["scored"] == result.scored.scored >= 60
    assert summary["quarantined"] == 0
    evaluations = list(read_records(out / "scores" / "evaluations.parquet", Evaluation))
    assert len({one.conversation_id for one in evaluations}) == summary["scored"]
    assert f"Scored {summary['scored']} fictional conversations" in result.to_text()


@pytest.mark.slow
def test_csat_is_predicted_for_all_and_followed_through_the_conversation(demo):
    _, out, _ = demo
    predicted = list(read_records(out / "scores" / "csat.parquet", Rating))
    whole = {r.conversation_id for r in predicted if r.turn is None}
    assert len(whole) >= 60
    assert {r.conversation_id for r in predicted if r.turn is not None} == whole


@pytest.mark.slow
def test_the_models_are_whole_and_count_what_they_answer(demo):
    result, out, _ = demo
    folder = ModelFolder(out / "models")
    assert folder.verify() > 0
    assert folder.scorecard.id == "support-core"
    n = sum(card.use == "linear" for name, card in folder.heads.items() if name != "csat")
    rest = len(folder.scorecard.criteria) - n
    assert f"({n} criteria by learned models, {rest} by rules;" in result.to_text()


@pytest.mark.slow
def test_the_experiment_is_in_the_demos_own_database(demo):
    result, out, _ = demo
    tracker = Tracker(f"sqlite:///{out / 'mlflow.db'}")
    models, run = tracker.list_runs()
    assert result.model_uri.startswith("models:/m-")
    assert result.model_uri in result.to_text()
    assert tracker.show_run(models.run_id).arms == ()
    assert run.run_id == result.experiment.run_id
    assert run.run_id[:8] in result.to_text()
    detail = tracker.show_run(run.run_id)
    assert len(detail.arms) == 5
    assert result.experiment.failed == ()
    for name in ("mean", "handle_time", "human_qa", "automated_qa_rules", "csat_model"):
        assert f"    {name} " in result.to_text()


@pytest.mark.slow
def test_flagged_conversations_are_named_most_urgent_first_and_once_each(demo):
    result, out, _ = demo
    flags = list(read_records(out / "scores" / "flags.parquet", Flag))
    urgent = max(flag.priority for flag in flags)
    first = {flag.conversation_id for flag in flags if flag.priority == urgent}
    named = [line.split()[0] for line in result.flagged]
    assert named
    assert len(named) == len(set(named)) <= 5
    assert named[0] in first
    assert all(line in result.to_text() for line in result.flagged)


@pytest.mark.slow
def test_nothing_of_the_sample_is_said_in_the_closing_text(demo):
    result, out, _ = demo
    text = result.to_text()
    for transcript in read_records(out / "scores" / "transcripts.parquet", Transcript):
        for turn in transcript.turns:
            assert len(turn.text) < 20 or turn.text not in text


def test_the_sample_is_found_in_the_repository():
    assert sample_path().name == "conversations.jsonl"
    assert sample_path().is_file()


def test_an_installation_without_the_sample_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("autoqa.sample.__file__", str(tmp_path / "a" / "b" / "sample.py"))
    with pytest.raises(DataError, match="sample conversations are not installed"):
        sample_path()


@pytest.mark.slow
def test_models_that_come_along_are_verified_and_score_the_sample(tmp_path):
    said = score_by_shipped(tmp_path, ROOT / "models" / "default")
    assert re.search(r"\(\d+ files verified\): Spearman -?0\.\d\d \[", said)
    whole = [
        r for r in read_records(tmp_path / "scores-shipped/csat.parquet", Rating) if not r.turn
    ]
    assert len({rating.conversation_id for rating in whole}) == 64
    assert "No models come along" in score_by_shipped(tmp_path, None)
