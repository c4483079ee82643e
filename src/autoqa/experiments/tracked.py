"""Open runs: what a spec or an arm logs while it goes on."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from autoqa.experiments import history, loggable
from autoqa.experiments.quiet_mlflow import without_warnings

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from matplotlib.figure import Figure

    from autoqa.experiments.tracking import Tracker

_PARAMS_PER_CALL = 100  # a limit of MLflow's


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

    def log_page(self, html: str, path: str) -> None:
        """Log an HTML page, which must hold nothing that people said."""
        with self._artifact(loggable.artifact_name(path, (".html",))) as file:
            file.write_text(html, encoding="utf-8")

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

        with without_warnings():
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
