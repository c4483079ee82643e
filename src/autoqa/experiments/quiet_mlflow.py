"""MLflow with telemetry, pickle and chatter off."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}


def quiet_mlflow() -> Any:
    """Import MLflow with telemetry, pickle and chatter off; the user's own settings win."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import mlflow

    return mlflow


@contextmanager
def without_warnings() -> Iterator[None]:
    """Drop MLflow's advice to people who write MLflow models."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"mlflow(\.|$)")
        yield


@contextmanager
def tracking_to(uri: str) -> Iterator[None]:
    """Point MLflow's global tracking URI at `uri`, then put it back as it was."""
    mlflow = quiet_mlflow()
    before = mlflow.get_tracking_uri() if os.environ.get("MLFLOW_TRACKING_URI") else None
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)
