from __future__ import annotations

import json
import os

import numpy as np
import pandas as pd
import pytest

from autoqa.batch import ScoringSetup
from autoqa.errors import DataError, ExperimentError
from autoqa.experiments import quiet_mlflow
from autoqa.experiments.fitting import fit_head
from autoqa.experiments.pyfunc_model import AutoqaModel, signature
from autoqa.experiments.registering import log_heads, log_model, saved_model
from autoqa.experiments.tasks import TASKS, load_dataset
from autoqa.features.batch import Batch
from autoqa.features.views import Item
from autoqa.records import Transcript, Turn
from autoqa.scorecard import load_scorecard
from autoqa.scorers.folder import write_models

pytestmark = pytest.mark.slow  # a fresh MLflow database takes several seconds

TURNS = json.dumps({"turns": [{"speaker": "agent", "text": "glad and sorry together"}]})
OUTPUTS = signature().outputs.input_names()
FRAME = pd.DataFrame({"conversation_id": ["c1", "c2"], "transcript_json": [TURNS, TURNS]})


def transcript(name):
    turns = tuple(Turn(**turn) for turn in json.loads(TURNS)["turns"])
    return Transcript(conversation_id=name, turns=turns)


@pytest.fixture(scope="module")
def learned(toy_data):
    """A dataset, and a model of words alone that learned its head."""
    task = TASKS["politeness"]
    dataset = load_dataset(toy_data / "toy_politeness")
    batch = Batch(dataset.transcripts)
    examples = task.examples(dataset)["politeness"]
    words = {"embeddings": (), "statistics": False}
    model = fit_head(task, "politeness", batch, examples, words)
    return dataset, {"politeness": model}, {"politeness": task.head("politeness")}


def test_a_logged_model_answers_in_a_new_process_with_pickle_off(tracker, learned, python):
    dataset, models, criteria = learned
    uri_before = os.environ.get("MLFLOW_TRACKING_URI")
    with tracker.experiment_run("model", {}, {}) as parent, parent.arm("a", {}) as arm:
        uri = log_heads(arm, dataset, models, criteria)
        arm.log_metrics({"after": 1.0})
    assert os.environ.get("MLFLOW_TRACKING_URI") == uri_before
    assert uri.startswith("models:/m-")
    outputs = tracker.client.get_run(arm.run_id).outputs.model_outputs
    assert [one.model_id for one in outputs] == [uri.removeprefix("models:/")]
    code = f"""
import mlflow, pandas as pd
from mlflow.environment_variables import MLFLOW_ALLOW_PICKLE_DESERIALIZATION as pickled
assert not pickled.get()
model = mlflow.pyfunc.load_model({uri!r})
frame = pd.DataFrame({{"conversation_id": ["c1", "c2"], "transcript_json": [{TURNS!r}] * 2}})
print(model.predict(frame).to_json(orient="values", double_precision=15))
print([column.name for column in model.metadata.signature.inputs])
print(model.metadata.saved_input_example_info is not None)
"""
    done = python(
        code, MLFLOW_TRACKING_URI=tracker.uri, MLFLOW_ALLOW_PICKLE_DESERIALIZATION="false"
    )
    out, err = done.communicate()
    assert done.returncode == 0, err
    rows, columns, example = out.strip().splitlines()[-3:]
    said = [dict(zip(OUTPUTS, row, strict=True)) for row in json.loads(rows)]
    assert [row["conversation_id"] for row in said] == ["c1", "c2"]
    (rating,) = said[0]["ratings"]
    assert (rating["criterion"], rating["status"]) == ("politeness", "rated")
    assert said[1]["ratings"] == [rating]
    here = models["politeness"].probabilities(Batch([transcript("c1")]), [Item(0, 0)])
    expected = float(here[0] @ np.arange(1, 26))
    assert rating["expected"] == pytest.approx(expected, abs=1e-6)
    assert columns == "['conversation_id', 'transcript_json']"
    assert example == "True"
    logged = tracker.database.parent / "mlruns/model/models"
    files = [file for file in logged.rglob("*") if file.is_file()]
    assert any(file.suffix == ".safetensors" for file in files)
    assert not [file for file in files if file.suffix in (".pkl", ".pickle")]


def test_an_arm_of_rules_keeps_its_scorecard(tracker, learned):
    card = load_scorecard("support-core")
    with tracker.experiment_run("rules", {}, {}) as parent, parent.arm("rules", {}) as arm:
        uri = log_heads(arm, learned[0], {}, {}, scorecard=card)
    with quiet_mlflow.tracking_to(tracker.uri):
        said = quiet_mlflow.quiet_mlflow().pyfunc.load_model(uri).predict(FRAME)
    assert said.columns.tolist() == OUTPUTS
    for ratings in said["ratings"]:
        assert [one["criterion"] for one in ratings] == [one.id for one in card.criteria]
    evaluations = ScoringSetup(card).score([transcript("c1"), transcript("c2")]).evaluations
    assert said["total"].tolist() == [one.total for one in evaluations]
    assert said["csat"].tolist() == [None, None]


def test_an_arm_that_keeps_nothing_logs_no_model(tracker, learned):
    with tracker.experiment_run("none", {}, {}) as parent, parent.arm("mean", {}) as arm:
        assert log_heads(arm, learned[0], {}, {}) is None
    assert tracker.client.get_run(arm.run_id).outputs.model_outputs == []


def test_a_name_that_mlflow_refuses_is_mended(tracker, tmp_path, learned):
    write_models(tmp_path / "m", {}, {}, scorecard=load_scorecard("support-core"))
    with tracker.experiment_run("names", {}, {}) as parent:
        uri = log_model(parent, tmp_path / "m", name="calls/2026.05 100%")
    made = tracker.client.get_logged_model(uri.removeprefix("models:/"))
    assert made.name == "calls_2026_05_100percent"


def test_a_folder_that_holds_pickles_is_no_model(tracker, tmp_path):
    (tmp_path / "weights.pkl").touch()
    with tracker.experiment_run("pickles", {}, {}) as parent:
        with pytest.raises(ExperimentError, match=r"weights\.pkl"):
            log_model(parent, tmp_path, name="scorer")
        with pytest.raises(ExperimentError, match="no such model folder"):
            log_model(parent, tmp_path / "none", name="scorer")


def test_a_conversation_that_cannot_be_read_costs_no_other_and_is_not_quoted(tmp_path):
    write_models(tmp_path, {}, {}, scorecard=load_scorecard("support-core"))
    model = AutoqaModel()
    model.use(tmp_path)
    frame = pd.DataFrame(
        {"conversation_id": ["c1", "c2"], "transcript_json": ["my card is 4111", TURNS]}
    )
    bad, good = model.predict(None, frame).to_dict("records")
    assert bad["conversation_id"] == "c1"
    assert bad["problem"].startswith("transcript_json: not JSON")
    assert bad["problem"].endswith("[reason: bad_json]")
    assert "4111" not in bad["problem"]
    assert (bad["total"], bad["ratings"]) == (None, [])
    assert (good["problem"], len(good["ratings"])) == ("", 17)
    with pytest.raises(DataError, match="no column transcript_json"):
        model.predict(None, frame[["conversation_id"]])


def test_ids_that_come_twice_are_scored_twice(tmp_path):
    write_models(tmp_path, {}, {}, scorecard=load_scorecard("support-core"))
    model = AutoqaModel()
    model.use(tmp_path)
    rude = json.dumps({"turns": [{"speaker": "agent", "text": "Shut up, you idiot."}]})
    frame = pd.DataFrame({"conversation_id": ["c", "c"], "transcript_json": [TURNS, rude]})
    calm, angry = model.predict(None, frame).to_dict("records")
    assert calm["conversation_id"] == angry["conversation_id"] == "c"
    levels = [
        {one["criterion"]: one["level"] for one in row["ratings"]}["no_rudeness"]
        for row in (calm, angry)
    ]
    assert levels[0] > levels[1] == 0


def test_another_scorecard_takes_the_place_of_the_folders_own(tmp_path):
    write_models(tmp_path, {}, {}, scorecard=load_scorecard("support-core"))
    card = load_scorecard("support-core.es")
    with saved_model(tmp_path, scorecard=card) as saved:
        said = quiet_mlflow.quiet_mlflow().pyfunc.load_model(saved).predict(FRAME)
    assert len(said["ratings"][0]) == len(card.criteria)
    assert not saved.exists()
