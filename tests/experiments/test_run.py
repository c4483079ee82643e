from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autoqa.errors import ExperimentError, MissingData
from autoqa.experiments import run
from autoqa.experiments.arms import arm_of
from autoqa.experiments.prepared import splits
from autoqa.experiments.qa_vs_csat import METRICS
from autoqa.experiments.run import run_experiment
from autoqa.experiments.spec import ExperimentSpec, load_spec
from autoqa.experiments.tasks import TASKS, load_dataset
from autoqa.experiments.tracking import Tracker
from autoqa.features.adapters import Adapter, write_adapter
from autoqa.features.weights import find_weights

ROOT = Path(__file__).resolve().parents[2]
REAL = Path(os.environ.get("AUTOQA_DATA", ROOT / "../shared/data"))
SPECS = sorted((ROOT / "experiments").glob("*.yaml"))


@pytest.fixture
def nowhere(tmp_path):
    """A tracker that has logged nothing yet, and its database."""
    database = tmp_path / "untouched.db"
    return Tracker(f"sqlite:///{database}"), database


def spec_of(folders, *, task="procedure", split=None, arms=("majority",), **more):
    folders = folders if isinstance(folders, list) else [folders]
    return ExperimentSpec.model_validate(
        {
            "question": f"Does it work for {task}?",
            "task": task,
            "data": [str(folder) for folder in folders],
            "split": split or {"group_by": "conversation", "folds": 3},
            "arms": list(arms),
            "n_resamples": 40,
            **more,
        }
    )


def examples_of(folder, task):
    dataset = load_dataset(folder)
    (examples,) = TASKS[task].examples(dataset).values()
    return dataset, examples


# splits


@pytest.mark.parametrize(
    ("task", "group_by"),
    [("procedure", "task"), ("satisfaction", "conversation"), ("politeness", "community")],
)
def test_folds_never_split_a_group_and_ask_every_item_once(toy_data, task, group_by):
    folder = toy_data / f"toy_{task}"
    dataset, one = examples_of(folder, task)
    spec = spec_of(folder, task=task, split={"group_by": group_by, "folds": 4})
    groups = one.communities if group_by == "community" else one.clusters
    parts = list(splits(dataset, one, spec))
    assert len(parts) == min(4, len(set(groups)))
    for train, test in parts:
        assert not set(groups[train]) & set(groups[test])
        assert len(train) + len(test) == len(one)
    asked = np.concatenate([test for _, test in parts])
    assert sorted(asked) == list(range(len(one)))


def test_a_seed_names_the_folds(toy_data):
    folder = toy_data / "toy_procedure"
    dataset, one = examples_of(folder, "procedure")

    def tests(seed):
        spec = spec_of(folder, split={"group_by": "task", "folds": 3, "seed": seed})
        return [test.tolist() for _, test in splits(dataset, one, spec)]

    assert tests(1) == tests(1) != tests(2)


def test_a_holdout_learns_from_the_train_part_alone(toy_data):
    folder = toy_data / "toy_satisfaction"
    dataset, one = examples_of(folder, "satisfaction")
    spec = spec_of(folder, task="satisfaction", split={"mode": "holdout", "group_by": "task"})
    ((train, test),) = splits(dataset, one, spec)
    split = np.array([dataset.labelled[i.transcript].split for i in one.items])
    assert set(split[train]) == {"train"}
    assert set(split[test]) == {"valid"}
    assert len(train) + len(test) == len(one)


@pytest.mark.parametrize("split", [None, "train"])
def test_a_holdout_needs_marks(toy, dataset_of, tmp_path, split):
    folder = dataset_of(tmp_path / "d", toy.procedure(20, split=split))
    dataset, one = examples_of(folder, "procedure")
    spec = spec_of(folder, split={"mode": "holdout", "group_by": "task"})
    with pytest.raises(ExperimentError, match=r"d does not mark a train part.*use mode: folds"):
        list(splits(dataset, one, spec))


@pytest.mark.parametrize("mode", ["holdout", "folds"])
def test_evaluation_points_alone_are_asked(toy, dataset_of, tmp_path, mode):
    records = toy.satisfaction(20, split="train") + toy.satisfaction(9, split="valid", start=20)
    points = [(f"sat-{i}", turn, 1) for i in range(20, 25) for turn in (8, None)]
    folder = dataset_of(tmp_path / "d", records, points=points)
    dataset, one = examples_of(folder, "satisfaction")
    spec = spec_of(folder, task="satisfaction", split={"mode": mode, "group_by": "conversation"})
    parts = list(splits(dataset, one, spec))
    asked = np.concatenate([test for _, test in parts])
    named = {(str(one.clusters[i]), one.items[i].turn) for i in asked}
    assert named == {(name, turn) for name, turn, _ in points}
    assert len(asked) == len(points)
    # 29 conversations of four moments each; folds learn from points of other folds too
    assert max(len(train) for train, _ in parts) >= 20 * 4


def test_one_group_cannot_be_split(toy, dataset_of, tmp_path):
    records = toy.procedure(20)
    for record in records:
        record["outcome"]["task_id"] = 1
    dataset, one = examples_of(dataset_of(tmp_path / "d", records), "procedure")
    with pytest.raises(ExperimentError, match="d has one task only"):
        list(splits(dataset, one, spec_of("d", split={"group_by": "task"})))


# what is refused before anything is tracked


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arms": ["liner"]}, "Did you mean 'linear'"),
        ({"arms": [{"name": "a", "use": "tfidf", "penalti": 2}]}, "Did you mean 'penalty'"),
        ({"split": {"group_by": "agent"}}, "split.group_by: 'agent' is none of conversation"),
    ],
)
def test_what_cannot_be_run_is_refused_first(toy_data, fake_encoding, nowhere, change, message):
    tracker, database = nowhere
    with pytest.raises(ExperimentError, match=message):
        run_experiment(spec_of(toy_data / "toy_procedure", **change), tracker=tracker)
    assert not database.exists()


def test_missing_data_are_said_before_anything_is_tracked(tmp_path, nowhere):
    tracker, database = nowhere
    with pytest.raises(MissingData, match="gone"):
        run_experiment(spec_of(tmp_path / "gone"), tracker=tracker)
    assert not database.exists()


# the specs that are shipped


def test_at_least_four_experiments_are_shipped():
    assert len(SPECS) >= 4


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_shipped_spec_loads_and_its_arms_are_known(path):
    spec = load_spec(path)
    assert spec.question.endswith("?")
    if spec.task == "qa_vs_csat":
        assert set(spec.metrics) <= set(METRICS)
        return
    assert spec.task in TASKS
    assert spec.split.group_by in run._BY
    for arm in spec.arms:
        assert callable(arm_of(arm))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_shipped_spec_says_that_its_data_are_missing(path, tmp_path, monkeypatch, nowhere):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTOQA_DATA", str(tmp_path / "nowhere"))
    tracker, database = nowhere
    with pytest.raises(MissingData, match="set AUTOQA_DATA to the folder that holds the datasets"):
        run_experiment(path, tracker=tracker)
    assert not database.exists()
    assert not (tmp_path / "data").exists()  # nothing was simulated for it either


# whole runs


@pytest.fixture(scope="module")
def procedure(toy_data, fake_encoder_class, tracker):
    """A finished run of three arms on one dataset, in folds by task."""
    encoder = fake_encoder_class()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "default_encoders", lambda **_: {"*": encoder})
        spec = spec_of(
            toy_data / "toy_procedure",
            split={"group_by": "task", "folds": 3},
            arms=["majority", "tfidf", "statistics"],
            metrics=["auc"],
            question="Can words tell what passed?",
        )
        steps = []
        result = run_experiment(spec, tracker=tracker, progress=lambda *s: steps.append(s))
    return result, steps


@pytest.mark.slow
def test_every_arm_is_told_apart_in_the_result(procedure):
    result, _ = procedure
    said = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert list(said["arms"]) == ["majority", "tfidf", "statistics"]
    assert said["failed"] == []
    of = {name: table["toy_procedure"] for name, table in said["arms"].items()}
    assert {one["n"] for one in of.values()} == {84}
    assert of["majority"]["metrics"]["auc"]["value"] == 0.5
    assert of["tfidf"]["metrics"]["auc"]["low"] > 0.5


@pytest.mark.slow
def test_the_report_shows_the_metrics_asked_for(procedure):
    text = procedure[0].to_markdown()
    assert "Can words tell what passed?" in text
    assert "**toy_procedure**: n = 84 items in 84 conversations" in text
    assert "| arm | auc |" in text
    assert "accuracy" not in text


@pytest.mark.slow
def test_progress_counts_arms_and_datasets_to_the_end(procedure):
    assert procedure[1] == [
        ("majority on toy_procedure", 0, 3),
        ("tfidf on toy_procedure", 1, 3),
        ("statistics on toy_procedure", 2, 3),
        ("done", 3, 3),
    ]


@pytest.mark.slow
def test_one_parent_run_and_a_child_per_arm_are_tracked(procedure, tracker):
    detail = tracker.show_run(procedure[0].run_id)
    assert len(detail.arms) == 3
    for arm in detail.arms:
        assert set(arm.metrics) <= {"auc"}
        assert arm.summary.status == "FINISHED"
    pictures = {"arms_toy_procedure.png", "risk_coverage_toy_procedure_procedure_outcome.png"}
    assert {"arms.json", *pictures} <= set(detail.artifacts)


@pytest.mark.slow
def test_arms_that_learn_keep_their_model_and_the_majority_has_none(procedure, tracker):
    kept = {}
    for arm in tracker.show_run(procedure[0].run_id).arms:
        outputs = tracker.client.get_run(arm.summary.run_id).outputs.model_outputs
        models = [tracker.client.get_logged_model(one.model_id) for one in outputs]
        kept[arm.summary.title] = [model.name for model in models]
    assert kept == {"majority": [], "tfidf": ["toy_procedure"], "statistics": ["toy_procedure"]}


@pytest.mark.slow
def test_predictions_are_kept_without_a_word_that_was_said(procedure, tracker, tmp_path):
    detail = tracker.show_run(procedure[0].run_id)
    arm = detail.arms[1]
    assert "predictions_toy_procedure.parquet" in arm.artifacts
    path = tracker.client.download_artifacts(
        arm.summary.run_id, "predictions_toy_procedure.parquet", str(tmp_path)
    )
    table = pd.read_parquet(path)
    assert list(table.columns) == [
        "conversation_id",
        "turn",
        "criterion",
        "label",
        "truth",
        "level",
        "expected",
        "probabilities",
    ]
    assert sorted(table["conversation_id"]) == sorted(f"pro-{i}" for i in range(84))
    texts = table.select_dtypes(include=["object", "string"]).columns
    assert set(texts) <= {"conversation_id", "criterion", "probabilities"}


@pytest.mark.slow
def test_an_arm_that_fails_is_marked_and_the_others_finish(toy_data, fake_encoding, tracker):
    spec = spec_of(
        [toy_data / "toy_empathy"],
        task="empathy",
        split={"mode": "holdout", "group_by": "conversation"},
        arms=["rules", "majority"],  # rules answer yes or no, empathy has three levels
        question="Does one arm's failure spoil the others?",
    )
    result = run_experiment(spec, tracker=tracker)
    assert result.failed == ("rules",)
    assert list(result.tables) == ["majority"]
    assert "Arm rules failed" in result.to_markdown()
    detail = tracker.show_run(result.run_id)
    statuses = sorted(arm.summary.status for arm in detail.arms)
    assert statuses == ["FAILED", "FINISHED"]
    assert "yes-or-no" in next(a for a in detail.arms if a.summary.failure).summary.failure


@pytest.mark.slow
def test_arms_that_all_fail_leave_a_report_that_says_so(toy_data, fake_encoding, tracker):
    spec = spec_of(
        toy_data / "toy_empathy",
        task="empathy",
        split={"mode": "holdout", "group_by": "conversation"},
        arms=["rules"],
        question="What if nothing works?",
    )
    result = run_experiment(spec, tracker=tracker)
    assert (result.failed, dict(result.tables)) == (("rules",), {})


@pytest.mark.slow
def test_an_unknown_metric_is_told_the_nearest(toy_data, fake_encoding, tracker):
    spec = spec_of(toy_data / "toy_procedure", metrics=["acuracy"], question="Is it a metric?")
    with pytest.raises(
        ExperimentError, match=r"no 'acuracy' of toy_procedure\. Did you mean 'accur"
    ):
        run_experiment(spec, tracker=tracker)


@pytest.mark.slow
def test_metrics_of_several_datasets_carry_their_names(
    toy, dataset_of, tmp_path, fake_encoding, tracker
):
    folders = [dataset_of(tmp_path / name, toy.procedure(40)) for name in ("north", "south")]
    spec = spec_of(folders, metrics=["auc"], arms=["statistics"], question="North or south?")
    result = run_experiment(spec, tracker=tracker)
    (arm,) = tracker.show_run(result.run_id).arms
    assert set(arm.metrics) == {"north.auc", "south.auc"}
    assert set(result.tables["statistics"]) == {"north", "south"}


@pytest.mark.slow
def test_the_procedure_experiment_runs_on_real_runs_of_a_bot(tracker, monkeypatch, tmp_path):
    if not (REAL / "tau_airline").is_dir():
        pytest.skip(f"{REAL / 'tau_airline'} is not there; set AUTOQA_DATA to the shared datasets")
    monkeypatch.setattr(run, "EMBEDDINGS", tmp_path / "embeddings.sqlite")
    spec = load_spec(ROOT / "experiments" / "procedure_tau.yaml")
    result = run_experiment(spec, tracker=tracker)
    assert result.failed == ()
    assert len(result.tables) == len(spec.arms)
    for table in result.tables.values():
        one = table["tau_airline"]
        assert one["n"] == 132
        assert 0 <= one["metrics"]["auc"]["low"] <= one["metrics"]["auc"]["high"] <= 1


@pytest.mark.slow
def test_an_arm_may_read_through_an_encoder_of_its_own(
    toy_data, fake_encoding, tracker, tiny_bert, tmp_path, monkeypatch
):
    monkeypatch.setenv("AUTOQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    adapter = Adapter(
        name="ours",
        base=str(tiny_bert),
        base_fingerprint=find_weights(str(tiny_bert)).fingerprint,
        scale=1.0,
        max_tokens=128,
        context_tokens=30,
    )
    write_adapter(tmp_path / "english", adapter, {})
    own = {"name": "in_context", "use": "embeddings", "encoders": f"*={tmp_path / 'english'}"}
    spec = spec_of(
        toy_data / "toy_politeness",
        task="politeness",
        split={"mode": "holdout", "group_by": "conversation"},
        arms=["embeddings", own],
        metrics=["spearman"],
        question="Whose vectors are better?",
    )
    result = run_experiment(spec, tracker=tracker)
    runs = tracker.show_run(result.run_id).arms
    assert [arm.summary.failure for arm in runs] == ["", ""]
    values = {
        name: table["toy_politeness"]["metrics"]["spearman"]
        for name, table in result.tables.items()
    }
    assert values["embeddings"] != values["in_context"]
    of_arm = runs[1].summary.run_id
    (kept,) = tracker.client.get_run(of_arm).outputs.model_outputs
    location = tracker.client.get_logged_model(kept.model_id).artifact_location
    assert list(Path(location.removeprefix("file://")).rglob("adapter.safetensors"))
