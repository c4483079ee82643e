from __future__ import annotations

import json
import os

import numpy as np
import pandas as pd
import pytest

from autoqa.errors import DataError, ExperimentError, ReadError
from autoqa.experiments import quiet_mlflow
from autoqa.experiments.fitting import fit_head
from autoqa.experiments.pyfunc_model import AutoqaModel
from autoqa.experiments.registering import log_heads, log_model
from autoqa.experiments.tasks import TASKS, load_dataset
from autoqa.features.batch import Batch
from autoqa.features.views import Item
from autoqa.records import Transcript, Turn
from autoqa.scorecard import load_scorecard
from autoqa.scorers.folder import write_models

pytestmark = pytest.mark.slow  # a fresh MLflow database takes several seconds

TURNS = json.dumps({"turns": [{"speaker": "agent", "text": "glad and sorry together"}]})
FRAME = pd.DataFrame({"conversation_id": ["c1", "c2"], "transcript_json": [TURNS, TURNS]})


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
    said = json.loads(rows)
    assert [row[:3] for row in said] == [[c, "politeness", "rated"] for c in ("c1", "c2")]
    alone = Transcript(conversation_id="c1", turns=[Turn(**t) for t in json.loads(TURNS)["turns"]])
    here = models["politeness"].probabilities(Batch([alone]), [Item(0, 0)])
    expected = float(here[0] @ np.arange(1, 26))
    assert said[0][4] == pytest.approx(expected, abs=1e-6)
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
    assert set(said["criterion"]) == {criterion.id for criterion in card.criteria}
    assert len(said) == 2 * len(card.criteria)


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


def test_a_conversation_that_cannot_be_read_is_named_and_not_quoted(tmp_path):
    model = AutoqaModel()
    model.use(tmp_path)
    frame = pd.DataFrame({"conversation_id": ["c1"], "transcript_json": ["my card is 4111"]})
    with pytest.raises(ReadError, match="conversation c1") as caught:
        model.predict(None, frame)
    assert "4111" not in str(caught.value)
    with pytest.raises(DataError, match="no column transcript_json"):
        model.predict(None, frame[["conversation_id"]])
