"""Experiments in MLflow: one run per spec, one nested run per arm. Nothing else imports mlflow.

::

    tracker = Tracker()
    with tracker.experiment_run("tone_politeness", params, tags) as parent:
        with parent.arm("linear", {"encoder": "minilm"}) as arm:
            arm.log_metrics({"spearman": {"value": 0.61, "low": 0.55, "high": 0.66}})

What people said is never logged, nor are secrets (`autoqa.experiments.loggable`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock

from autoqa.errors import ExperimentError
from autoqa.experiments import history, loggable, provenance
from autoqa.experiments.history import RunDetail, RunSummary
from autoqa.experiments.quiet_mlflow import quiet_mlflow, without_warnings
from autoqa.experiments.tracked import ArmRun, ExperimentRun, TrackedRun
from autoqa.experiments.tracking_database import prepare_database

_SQLITE = "sqlite:///"


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
        mlflow = quiet_mlflow()
        if self.database:
            with self._lock(), without_warnings():
                prepare_database(self.uri, self.database)
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


def _default_uri() -> str:
    root = Path(os.environ.get("AUTOQA_HOME") or Path.cwd()).expanduser().absolute()
    return f"{_SQLITE}{root / 'mlflow.db'}"


__all__ = ["ArmRun", "ExperimentRun", "TrackedRun", "Tracker"]
