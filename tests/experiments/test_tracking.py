from __future__ import annotations

import json
import shutil
import sqlite3
import sys

import pytest

from autoqa.errors import DataError, ExperimentError
from autoqa.experiments.tracking import Tracker

pytestmark = pytest.mark.slow  # a fresh MLflow database takes several seconds


@pytest.fixture(scope="module")
def tracker(tmp_path_factory):
    """One database for the module; tests keep apart by the titles of their specs."""
    folder = tmp_path_factory.mktemp("store")
    tracker = Tracker(f"sqlite:///{folder / 'mlflow.db'}")
    assert tracker.client is not None
    return tracker


def runs_of(tracker, title):
    return [run for run in tracker.list_runs() if run.title == title]


def detail(tracker, title):
    (run,) = runs_of(tracker, title)
    return tracker.show_run(run.run_id)


def test_four_processes_may_start_on_a_fresh_database_at_once(tmp_path, python):
    code = """
import sys
from autoqa.experiments.tracking import Tracker
with Tracker().experiment_run("same", {}, {}) as parent, parent.arm(sys.argv[0], {}) as arm:
    arm.log_metrics({"f1": 0.5})
"""
    env = {"AUTOQA_HOME": str(tmp_path), "OMP_NUM_THREADS": "1", "MLFLOW_TRACKING_URI": ""}
    started = [python(code, **env) for _ in range(4)]
    outcomes = [(process.communicate(), process.returncode) for process in started]
    assert [(said, code) for said, code in outcomes if code] == []
    assert {err for (_, err), _ in outcomes} == {""}  # and MLflow is silent
    tracker = Tracker(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert [run.status for run in runs_of(tracker, "same")] == ["FINISHED"] * 4
    assert len(tracker.client.search_experiments(filter_string="name = 'same'")) == 1


def test_a_spec_is_one_run_and_each_arm_a_nested_one(tracker):
    with tracker.experiment_run("nested", {"split": {"folds": 5}}, {"seed": "7"}) as parent:
        for name in ("majority", "linear"):
            with parent.arm(name, {"use": name, "token": "abc"}) as arm:
                arm.log_metrics({"macro f1": {"value": 0.5, "low": 0.4, "high": 0.6}, "auc": None})
    run = detail(tracker, "nested")
    assert run.summary.status == "FINISHED"
    assert run.params == {"split.folds": "5"}
    assert run.tags["seed"] == "7"
    assert run.tags["python.version"] == "{}.{}.{}".format(*sys.version_info[:3])
    assert [arm.summary.title for arm in run.arms] == ["majority", "linear"]
    assert run.arms[1].params == {"use": "linear", "token": "***"}
    figure = run.arms[1].metrics["macro_f1"]
    assert (figure.value, figure.low, figure.high) == (0.5, 0.4, 0.6)
    assert run.arms[1].undefined == ("auc",)
    assert "auc" not in run.arms[1].metrics


def test_a_failed_arm_keeps_its_reason_and_the_others_go_on(tracker):
    with tracker.experiment_run("one fails", {}, {}) as parent:
        with parent.arm("bad", {}, on_error="continue") as bad:
            raise DataError("calls: no satisfaction labels; add them")
        with parent.arm("good", {}, on_error="continue") as good:
            good.log_metrics({"f1": 1.0})
    assert (bad.failure, good.failure) == ("calls: no satisfaction labels; add them", "")
    run = detail(tracker, "one fails")
    assert [(arm.summary.title, arm.summary.status) for arm in run.arms] == [
        ("bad", "FAILED"),
        ("good", "FINISHED"),
    ]
    assert run.arms[0].summary.failure == "calls: no satisfaction labels; add them"
    assert (run.summary.status, run.summary.failure) == ("FAILED", "arms that failed: bad")


def test_a_failing_arm_stops_the_spec_unless_told_otherwise(tracker):
    with (
        pytest.raises(ZeroDivisionError),
        tracker.experiment_run("stops", {}, {}) as parent,
        parent.arm("bad", {}),
    ):
        _ = 1 / 0
    run = detail(tracker, "stops")
    assert run.summary.status == run.arms[0].summary.status == "FAILED"
    assert run.arms[0].summary.failure.startswith("ZeroDivisionError at test_tracking.py:")


def test_an_interruption_ends_both_runs_as_killed(tracker):
    with (
        pytest.raises(KeyboardInterrupt),
        tracker.experiment_run("interrupted", {}, {}) as parent,
        parent.arm("long", {}, on_error="continue"),
    ):
        raise KeyboardInterrupt
    run = detail(tracker, "interrupted")
    assert run.summary.status == run.arms[0].summary.status == "KILLED"


def test_tables_figures_and_json_are_kept_beside_the_database(tracker):
    import matplotlib.figure
    import pandas as pd
    import polars as pl

    with tracker.experiment_run("artifacts", {}, {}) as parent, parent.arm("a", {}) as arm:
        arm.log_table(pd.DataFrame({"conversation_id": ["c1"], "level": [2]}), "p.parquet")
        arm.log_table(pl.DataFrame({"conversation_id": ["c1"]}), "tables/q.parquet")
        arm.log_figure(matplotlib.figure.Figure(), "plots/calibration.png")
        arm.log_json({"f1": 0.5}, "comparison.json")
        with pytest.raises(ExperimentError, match="column 'text'"):
            arm.log_table(pd.DataFrame({"text": ["hello"]}), "leak.parquet")
        with pytest.raises(ExperimentError, match="key 'transcript'"):
            arm.log_json({"transcript": "hello"}, "leak.json")
        with pytest.raises(ValueError):
            arm.log_json({"f1": float("nan")}, "nan.json")
    (logged,) = detail(tracker, "artifacts").arms
    names = ("comparison.json", "p.parquet", "plots/calibration.png", "tables/q.parquet")
    assert logged.artifacts == names
    folder = tracker.database.parent / "mlruns/artifacts" / logged.summary.run_id / "artifacts"
    assert pd.read_parquet(folder / "p.parquet")["level"].tolist() == [2]
    assert json.loads((folder / "comparison.json").read_text()) == {"f1": 0.5}


def test_a_dataset_is_recorded_by_name_hash_and_size(tracker, tmp_path):
    sha256 = "0123456789abcdef" * 4
    with tracker.experiment_run("data", {}, {}) as parent:
        parent.log_dataset("uss_mwoz", tmp_path, sha256, 900)
    run = detail(tracker, "data")
    assert run.tags["data.uss_mwoz.sha256"] == sha256
    (used,) = tracker.client.get_run(run.summary.run_id).inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("uss_mwoz", sha256[:12])
    assert json.loads(used.dataset.profile)["num_conversations"] == 900


def test_a_run_is_found_by_the_beginning_of_its_id(tracker):
    for _ in range(2):
        with tracker.experiment_run("twice", {}, {}) as parent, parent.arm("a", {}) as arm:
            pass
    assert tracker.show_run(parent.run_id[:12]).summary.run_id == parent.run_id
    assert tracker.show_run(arm.run_id).summary.title == "a"
    assert runs_of(tracker, "twice")[0].run_id == parent.run_id  # newest first
    for nothing in ("zzz", ""):
        with pytest.raises(ExperimentError, match="autoqa experiment list"):
            tracker.show_run(nothing)


def test_an_ambiguous_beginning_is_refused():
    from types import SimpleNamespace

    from autoqa.experiments.history import show_run

    found = [SimpleNamespace(info=SimpleNamespace(run_id=f"ab{i}")) for i in range(2)]

    class Page(list):
        token = None

    class Client:
        def search_experiments(self):
            return [SimpleNamespace(experiment_id="1")]

        def search_runs(self, *_, **__):
            return Page(found)

    with pytest.raises(ExperimentError, match=r"'ab' begins 2 runs \(ab0, ab1\)"):
        show_run(Client(), "ab", "here")


def test_looking_at_a_store_that_is_not_there_creates_nothing(tmp_path):
    tracker = Tracker(f"sqlite:///{tmp_path / 'none/mlflow.db'}")
    assert tracker.list_runs() == []
    with pytest.raises(ExperimentError, match="No run begins with 'ab'"):
        tracker.show_run("ab")
    assert list(tmp_path.iterdir()) == []


def test_the_store_is_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("AUTOQA_HOME", str(tmp_path))
    assert Tracker().database == tmp_path / "mlflow.db"
    monkeypatch.delenv("AUTOQA_HOME")
    monkeypatch.chdir(tmp_path)
    assert Tracker().database == tmp_path / "mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    assert Tracker().uri == "http://localhost:5000"
    assert Tracker().database is None
    assert Tracker("sqlite:///other.db").database == tmp_path / "other.db"


@pytest.mark.parametrize("uri", ["./mlruns", "file:///tmp/mlruns", "sqlite:///:memory:"])
def test_stores_that_cannot_work_are_refused_with_what_to_use(uri):
    with pytest.raises(ExperimentError, match="use sqlite:///"):
        Tracker(uri)


def test_a_file_that_is_no_database_is_not_overwritten(tmp_path):
    database = tmp_path / "mlflow.db"
    database.write_text("my notes, long enough to be no empty database " * 30)
    with pytest.raises(ExperimentError, match="not an MLflow database"):
        _ = Tracker(f"sqlite:///{database}").client
    assert database.read_text().startswith("my notes")


def test_an_older_database_is_copied_and_then_brought_up_to_date(tracker, tmp_path):
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config

    database = tmp_path / "mlflow.db"
    shutil.copy(tracker.database, database)
    head = revision(database)
    command.downgrade(_get_alembic_config(f"sqlite:///{database}"), "-1")
    older = revision(database)
    assert older != head
    with Tracker(f"sqlite:///{database}").experiment_run("after", {}, {}):
        pass
    assert revision(database) == head
    assert revision(tmp_path / f"mlflow.db.before-{older}") == older


def test_a_database_of_a_newer_mlflow_is_left_alone(tracker, tmp_path):
    database = tmp_path / "mlflow.db"
    shutil.copy(tracker.database, database)
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'fedcba987654'")
    before = database.read_bytes()
    with pytest.raises(ExperimentError, match="fedcba987654, which this MLflow does not know"):
        _ = Tracker(f"sqlite:///{database}").client
    assert database.read_bytes() == before


def revision(database):
    with sqlite3.connect(database) as connection:
        return connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]


def test_pickle_and_telemetry_are_off_unless_someone_says_otherwise(python):
    code = """
import os
for name in ("MLFLOW_DISABLE_TELEMETRY", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"):
    os.environ.pop(name, None)
from autoqa.experiments.quiet_mlflow import quiet_mlflow
quiet_mlflow()
from mlflow.environment_variables import MLFLOW_ALLOW_PICKLE_DESERIALIZATION as pickled
from mlflow.telemetry import get_telemetry_client
print(pickled.get(), get_telemetry_client())
"""
    out, err = python(code).communicate()
    assert out.split() == ["False", "None"], err
