"""Putting trained models into MLflow, with what training measured."""

from __future__ import annotations

from pathlib import Path

from autoqa.experiments.tracking import Tracker, log_model
from autoqa.experiments.training import TrainingReport
from autoqa.scorecard.schema import Scorecard
from autoqa.scorers.folder import ModelFolder


def log_trained(tracker: Tracker, models: Path, card: Scorecard, report: TrainingReport) -> str:
    """Log a model folder in a run of its own, with its figures, and return the model's URI.

    The model is code plus safetensors, so it loads where pickle is off:
    ``mlflow.pyfunc.load_model(uri).predict(frame)``.
    """
    params = {"scorecard": card.id, "n_conversations": report.n_conversations}
    tags = {
        "scorecard.version": str(card.version),
        "scorecard.sha256": card.content_hash,
        "models.version": ModelFolder(models).version,
    }
    figures = {
        f"{name}.{figure}": value
        for name, one in report.criteria.items()
        for figure, value in (("learned", one.kappa_learned), ("rules", one.kappa_rules))
        if value is not None
    }
    with tracker.experiment_run(f"models-{card.id}", params, tags) as run:
        run.log_metrics(figures)
        return log_model(run, models, name=card.id)
