"""Experiments in MLflow: one run per spec, one nested run per arm. Nothing else imports mlflow.

::

    tracker = Tracker()
    with tracker.experiment_run("tone_politeness", params, tags) as parent:
        with parent.arm("linear", {"encoder": "minilm"}) as arm:
            arm.log_metrics({"spearman": {"value": 0.61, "low": 0.55, "high": 0.66}})

What people said is never logged, nor are secrets (`autoqa.experiments.loggable`).
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from filelock import FileLock

from autoqa.errors import ExperimentError
from autoqa.experiments import history, loggable, provenance
from autoqa.experiments.history import RunDetail, RunSummary

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from matplotlib.figure import Figure

_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
_SQLITE = "sqlite:///"
_PARAMS_PER_CALL = 100  # a limit of MLflow's


def _mlflow() -> Any:
    """Import MLflow with telemetry, pickle and chatter off; the user's own settings win."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import mlflow

    return mlflow


class Tracker:
    """The tracking store. Nothing is opened or created before it is needed.

    Parameters
    ----------
    uri : str, optional
        Tracking URI. Default: ``MLFLOW_TRACKING_URI``, otherwise ``mlflow.db`` (SQLite) in
        ``AUTOQA_HOME`` or the working directory. Artifacts of an SQLite store are in ``mlruns``
        beside the database; other stores decide themselves.

    Raises
    ------
    ExperimentError
        If the URI is a folder (MLflow's file store, which MLflow 3 refuses) or in memory.
    """

    def __init__(self, uri: str | None = None) -> None:
        self.uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or _default_uri()
        if "://" not in self.uri and not self.uri.startswith(("databricks", "sqlite:")):
            raise ExperimentError(
                f"tracking URI '{self.uri}' is a folder, which MLflow 3 refuses; "
                f"use {_SQLITE}{Path(self.uri).absolute() / 'mlflow.db'}"
            )
        if self.uri.startswith("file:") or self.uri in ("sqlite://", f"{_SQLITE}:memory:"):
            raise ExperimentError(
                f"tracking URI '{self.uri}' cannot hold runs; use {_SQLITE}/path/to/mlflow.db"
            )

    @property
    def database(self) -> Path | None:
        """The SQLite file, or None where the store is something else."""
        if not self.uri.startswith(_SQLITE):
            return None
        return Path(self.uri.removeprefix(_SQLITE).split("?")[0]).absolute()

    @cached_property
    def client(self) -> Any:
        """MLflow's own client, connected; the database is created first where there is none."""
        mlflow = _mlflow()
        if self.database:
            with self._lock(), _without_warnings():
                _prepare_database(self.uri, self.database)
        return mlflow.MlflowClient(tracking_uri=self.uri)

    @contextmanager
    def experiment_run(
        self, spec_title: str, params: Mapping[str, Any], tags: Mapping[str, str]
    ) -> Iterator[ExperimentRun]:
        """Open the run of one spec, in the MLflow experiment that carries the spec's title.

        Tags for code version, git commit and library versions are added. An exception marks the
        run FAILED (an interruption KILLED) and goes on; so does, at the end, an arm that failed.
        """
        experiment_id = self._experiment(spec_title)
        own = {
            history.KIND: "spec",
            **provenance.software_tags(),
            **provenance.git_tags(Path.cwd()),
        }
        run = ExperimentRun._start(self, experiment_id, spec_title, params, {**own, **tags})
        with run._closing():
            yield run
            if run.failed_arms:
                run.set_tags({history.FAILURE: f"arms that failed: {', '.join(run.failed_arms)}"})
                run._status = "FAILED"

    def list_runs(self) -> list[RunSummary]:
        """Return the runs of specs, newest first; none where there is no store yet."""
        return history.list_runs(self.client) if self._exists() else []

    def show_run(self, run_id: str) -> RunDetail:
        """Return one run, of a spec or an arm, by its id or the beginning of it.

        Raises
        ------
        ExperimentError
            If no run, or more than one, begins with `run_id`.
        """
        where = loggable.without_credentials(self.uri)
        return history.show_run(self.client if self._exists() else None, run_id, where)

    def _exists(self) -> bool:
        return self.database is None or self.database.exists()

    def _lock(self) -> AbstractContextManager[Any]:
        """Serialise what several processes may not do at once on one SQLite file."""
        if not self.database:
            return nullcontext()
        self.database.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(f"{self.database}.lock")

    def _experiment(self, title: str) -> str:
        client = self.client
        with self._lock():
            known = client.get_experiment_by_name(title)
            if known is None:
                root = self.database.parent / "mlruns" if self.database else None
                location = str(root / loggable.safe_name(title)) if root else None
                return str(client.create_experiment(title, artifact_location=location))
        if known.lifecycle_stage != "active":
            raise ExperimentError(
                f"MLflow experiment '{title}' was deleted; restore it with `mlflow experiments "
                f"restore -x {known.experiment_id}` or rename the spec file"
            )
        return str(known.experiment_id)


@dataclass(slots=True, kw_only=True)
class TrackedRun:
    """An open run; everything goes to the store at once, so a crash loses nothing logged."""

    tracker: Tracker
    run_id: str
    name: str
    experiment_id: str
    failure: str = ""
    _status: str = field(default="FINISHED", repr=False)

    @classmethod
    def _start(
        cls,
        tracker: Tracker,
        experiment_id: str,
        name: str,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
    ) -> Self:
        flat = loggable.flat_params(params)
        started = tracker.client.create_run(
            experiment_id,
            run_name=name,
            tags={key: loggable.loggable_value(key, value) for key, value in tags.items()},
        )
        run = cls(
            tracker=tracker, run_id=started.info.run_id, name=name, experiment_id=experiment_id
        )
        run._log_params(flat)
        return run

    @contextmanager
    def _closing(self) -> Iterator[None]:
        """Give the run its final status, whatever happens inside."""
        try:
            yield
        except BaseException as error:
            self._status = "FAILED" if isinstance(error, Exception) else "KILLED"
            self.failure = loggable.failure_reason(error)
            self.set_tags({history.FAILURE: self.failure})
            raise
        finally:
            self.tracker.client.set_terminated(self.run_id, self._status)

    def log_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Log figures with their intervals; see `loggable.metric_values`.

        Figures without a value (None, NaN) are listed in a tag, not logged as a number.
        """
        from mlflow.entities import Metric

        values, undefined = loggable.metric_values(metrics)
        now = int(time.time() * 1000)
        batch = [Metric(name, value, now, 0) for name, value in values.items()]
        for start in range(0, len(batch), 1000):
            self.tracker.client.log_batch(self.run_id, metrics=batch[start : start + 1000])
        if undefined:
            before = self.tracker.client.get_run(self.run_id).data.tags.get(history.UNDEFINED)
            listed = ([before] if before else []) + undefined
            self.set_tags({history.UNDEFINED: ", ".join(listed)})

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set text tags; secrets are masked."""
        for key, value in tags.items():
            said = loggable.loggable_value(key, value)
            self.tracker.client.set_tag(self.run_id, key, said)

    def log_table(self, df: pd.DataFrame | pl.DataFrame, path: str) -> None:
        """Log a table as Parquet; a column that may hold what people said is refused."""
        name = loggable.artifact_name(path, (".parquet",))
        loggable.refuse_text_columns(df.columns, path)
        with self._artifact(name) as file:
            # By type name: importing pandas and polars to ask costs more than the question.
            if type(df).__module__.startswith("polars"):
                cast("pl.DataFrame", df).write_parquet(file)
            else:
                cast("pd.DataFrame", df).to_parquet(file, index=False)

    def log_figure(self, fig: Figure, path: str) -> None:
        """Log a Matplotlib figure as PNG or SVG."""
        with self._artifact(loggable.artifact_name(path, (".png", ".svg"))) as file:
            fig.savefig(file, bbox_inches="tight")

    def log_json(self, value: Any, path: str) -> None:
        """Log nested JSON; a key that may hold what people said is refused."""
        name = loggable.artifact_name(path, (".json",))
        loggable.refuse_text_keys(value, path)
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        with self._artifact(name) as file:
            file.write_text(text + "\n", encoding="utf-8")

    def log_dataset(self, name: str, path: str | Path, sha256: str, n: int) -> None:
        """Record which data the run used: name, place, hash and size, never the content.

        Parameters
        ----------
        sha256 : str
            Hash of the data as used, in hexadecimal; kept whole in the tag ``data.NAME.sha256``.
        n : int
            Number of conversations.
        """
        from mlflow.data.dataset_source_registry import resolve_dataset_source
        from mlflow.data.filesystem_dataset_source import FileSystemDatasetSource
        from mlflow.data.meta_dataset import MetaDataset
        from mlflow.entities import Dataset, DatasetInput, InputTag

        with _without_warnings():
            source = resolve_dataset_source(str(path), candidate_sources=[FileSystemDatasetSource])
        said = MetaDataset(source, name=name, digest=sha256[:12]).to_dict()
        profile = json.dumps({"num_conversations": n, "sha256": sha256})
        dataset = Dataset(**said, profile=profile)
        used = DatasetInput(dataset, [InputTag("mlflow.data.context", "evaluation")])
        self.tracker.client.log_inputs(self.run_id, [used])
        key = loggable.safe_name(name)
        self.set_tags({f"data.{key}.sha256": sha256, f"data.{key}.n": str(n)})

    @contextmanager
    def _artifact(self, name: Any) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, name.name)
            yield file
            parent = None if str(name.parent) == "." else str(name.parent)
            self.tracker.client.log_artifact(self.run_id, str(file), parent)

    def _log_params(self, flat: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        batch = [Param(key, value) for key, value in flat.items()]
        for start in range(0, len(batch), _PARAMS_PER_CALL):
            some = batch[start : start + _PARAMS_PER_CALL]
            self.tracker.client.log_batch(self.run_id, params=some)


@dataclass(slots=True, kw_only=True)
class ArmRun(TrackedRun):
    """The nested run of one arm. `failure` says why it failed; empty where it did not."""


@dataclass(slots=True, kw_only=True)
class ExperimentRun(TrackedRun):
    """The run of one spec."""

    failed_arms: list[str] = field(default_factory=list)

    @contextmanager
    def arm(
        self,
        name: str,
        params: Mapping[str, Any],
        *,
        on_error: Literal["raise", "continue"] = "raise",
    ) -> Iterator[ArmRun]:
        """Open the nested run of one arm.

        An exception marks the arm FAILED with its reason; with ``on_error="continue"`` it then
        ends here, and `ArmRun.failure` is not empty. Interruptions always go on.
        """
        tags = {history.KIND: "arm", history.PARENT: self.run_id}
        run = ArmRun._start(self.tracker, self.experiment_id, name, params, tags)
        try:
            with run._closing():
                yield run
        except Exception:
            self.failed_arms.append(name)
            if on_error == "raise":
                raise


def log_model(
    arm: TrackedRun,
    model_dir: Path,
    *,
    name: str,
    input_example: pd.DataFrame | None = None,
    pip_requirements: list[str] | None = None,
) -> str:
    """Log a trained model folder so that ``mlflow.pyfunc.load_model`` can score with it.

    The model is logged as code plus the folder's files, so that it loads where pickle is off.

    Parameters
    ----------
    model_dir : Path
        Folder of safetensors and JSON files.
    input_example : DataFrame, optional
        Columns ``conversation_id`` and ``transcript_json``; stored with the model, so it must be
        made up. Default: a conversation of two made-up turns. The model predicts on it here, which
        gives the signature.
    pip_requirements : list of str, optional
        What the model needs. Default: this version of autoqa.

    Returns
    -------
    str
        URI of the model, ``models:/m-...``.

    Raises
    ------
    ExperimentError
        If the folder is missing or holds pickled files.
    """
    _require_plain_files(model_dir)
    mlflow = _mlflow()
    from mlflow.models import Model

    with _without_warnings(), _tracking_to(arm.tracker.uri):
        from autoqa.experiments import pyfunc_model

        example = pyfunc_model.example_input() if input_example is None else input_example
        model = pyfunc_model.AutoqaModel()
        model.use(model_dir)
        # MLflow only warns where the example cannot be scored; here that is an error.
        answer = model.predict(None, example)
        # The fluent API would need this run to be MLflow's global active one.
        made = arm.tracker.client.create_logged_model(
            arm.experiment_id, name=name, source_run_id=arm.run_id
        )
        logged = Model.log(
            artifact_path=None,
            name=name,
            flavor=mlflow.pyfunc,
            run_id=arm.run_id,
            model_id=made.model_id,
            python_model=pyfunc_model.__file__,
            artifacts={"model": str(model_dir)},
            signature=mlflow.models.infer_signature(example, answer),
            input_example=example,
            pip_requirements=pip_requirements or _own_requirement(),
        )
    return str(logged.model_uri)


def _own_requirement() -> list[str]:
    version = provenance.autoqa_version()
    pin = "" if version == provenance.UNKNOWN else f"=={version}"
    return [f"{provenance.DISTRIBUTION}{pin}"]


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Drop MLflow's advice to people who write MLflow models."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"mlflow(\.|$)")
        yield


@contextmanager
def _tracking_to(uri: str) -> Iterator[None]:
    """Point MLflow's global tracking URI at `uri`, then put it back as it was."""
    mlflow = _mlflow()
    before = mlflow.get_tracking_uri() if os.environ.get("MLFLOW_TRACKING_URI") else None
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)


def _require_plain_files(model_dir: Path) -> None:
    if not model_dir.is_dir():
        raise ExperimentError(f"{model_dir}: no such model folder; train one with `autoqa train`")
    pickled = {".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin", ".skops"}
    for file in sorted(model_dir.rglob("*")):
        if file.suffix in pickled:
            raise ExperimentError(
                f"{file}: files of this kind may run code when loaded; save safetensors or JSON"
            )


def _default_uri() -> str:
    root = Path(os.environ.get("AUTOQA_HOME") or Path.cwd()).expanduser().absolute()
    return f"{_SQLITE}{root / 'mlflow.db'}"


def _prepare_database(uri: str, database: Path) -> None:
    """Create the database, or bring an older one up to date. Call under the lock."""
    from mlflow.store.db import utils
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    current = _schema_revision(database)
    if current and current != utils._get_latest_schema_revision():
        _migrate(uri, database, current)
    # Opening the store creates missing tables; the default experiment then points beside the
    # database instead of into the working directory.
    SqlAlchemyStore(uri, str(database.parent / "mlruns"))


def _migrate(uri: str, database: Path, current: str) -> None:
    """Bring an older schema up to date, after a copy: failed migrations are not undone."""
    from alembic.script import ScriptDirectory
    from mlflow.store.db import utils

    known = ScriptDirectory.from_config(utils._get_alembic_config(uri)).walk_revisions()
    if current not in {script.revision for script in known}:
        raise ExperimentError(
            f"{database} has schema {current}, which this MLflow does not know; "
            "upgrade MLflow or set MLFLOW_TRACKING_URI to another database"
        )
    copy = database.with_name(f"{database.name}.before-{current}")
    with closing(sqlite3.connect(database)) as old, closing(sqlite3.connect(copy)) as new:
        old.backup(new)
    engine = utils.create_sqlalchemy_engine_with_retry(uri)
    try:
        utils._upgrade_db(engine)
    finally:
        engine.dispose()


def _schema_revision(database: Path) -> str | None:
    if not database.exists():
        return None
    try:
        with closing(sqlite3.connect(database)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:  # empty file: no tables yet
        return None
    except sqlite3.DatabaseError:
        raise ExperimentError(
            f"{database} is not an MLflow database; move it away or set MLFLOW_TRACKING_URI"
        ) from None
    return str(row[0]) if row else None
