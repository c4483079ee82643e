"""Putting models into MLflow as code plus safetensors, so that they load where pickle is off.

``mlflow.pyfunc.load_model(uri).predict(frame)`` scores conversations with what was logged.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autoqa.errors import ExperimentError
from autoqa.experiments import loggable, provenance
from autoqa.experiments.quiet_mlflow import quiet_mlflow, tracking_to, without_warnings
from autoqa.experiments.tasks.base import Dataset
from autoqa.experiments.tracking import TrackedRun, Tracker
from autoqa.experiments.training import TrainingReport
from autoqa.features.conversations import AdaptedEncoder
from autoqa.features.encoders import Encoder
from autoqa.scorecard.schema import Criterion, Scorecard
from autoqa.scorers.folder import HeadCard, ModelFolder, write_models
from autoqa.scorers.integrity import files_below, is_pickled
from autoqa.scorers.routed import RoutedModel
from autoqa.store import atomic_write_json

_NOT_IN_MODEL_NAMES = str.maketrans(dict.fromkeys("/:.%\"'", "_"))


def log_trained(tracker: Tracker, models: Path, card: Scorecard, report: TrainingReport) -> str:
    """Log a model folder in a run of its own, with its figures, and return the model's URI."""
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


def log_heads(
    arm: TrackedRun,
    dataset: Dataset,
    models: Mapping[str, RoutedModel],
    criteria: Mapping[str, Criterion],
    *,
    scorecard: Scorecard | None = None,
    encoders: Mapping[str, Encoder] | None = None,
) -> str | None:
    """Log what an arm learned from a dataset, under the dataset's name, and return its URI.

    Parameters
    ----------
    models, criteria : mapping
        By head. None where the arm keeps nothing: a constant, or a line through one number.
    scorecard : Scorecard, optional
        What the arm scores; default, the heads alone.
    """
    if not models and scorecard is None:
        return None
    source = provenance.named_source(dataset.name, dataset.sha256)
    cards = {name: HeadCard(criterion=criteria[name], trained_on=(source,)) for name in models}
    with tempfile.TemporaryDirectory() as folder:
        adapters = _adapters(encoders or {}) if models else {}
        write_models(folder, models, cards, scorecard=scorecard, adapters=adapters)
        return log_model(arm, Path(folder), name=dataset.name, encoders=encoders)


def _adapters(encoders: Mapping[str, Encoder]) -> dict[str, Path]:
    """The fine-tuned encoders among some, by language: a model cannot be read without them."""
    inner = {language: getattr(one, "encoder", one) for language, one in encoders.items()}
    return {lang: one.folder for lang, one in inner.items() if isinstance(one, AdaptedEncoder)}


def log_model(
    run: TrackedRun,
    model_dir: Path,
    *,
    name: str,
    scorecard: Scorecard | None = None,
    encoders: Mapping[str, Encoder] | None = None,
) -> str:
    """Log a model folder so that ``mlflow.pyfunc.load_model`` can score with it.

    The model answers on a made-up conversation here, so that one that cannot is not logged; that
    conversation is its input example.

    Parameters
    ----------
    model_dir : Path
        Folder of safetensors and JSON files.
    scorecard : Scorecard, optional
        What to score on; default, the folder's own.
    encoders : mapping of str to Encoder, optional
        Text encoders by language that are loaded already; default, loaded for the example.

    Returns
    -------
    str
        URI of the model, ``models:/m-...``.

    Raises
    ------
    ExperimentError
        If the folder is missing, holds pickled files, or cannot score the example.
    """
    _require_plain_files(model_dir)
    mlflow = quiet_mlflow()
    from mlflow.models import Model

    with without_warnings(), tracking_to(run.tracker.uri):
        from autoqa.experiments import pyfunc_model

        example = pyfunc_model.example_input()
        model = pyfunc_model.AutoqaModel()
        model.use(model_dir, scorecard=scorecard, encoders=encoders)
        # MLflow only warns where the example cannot be scored; here that is an error.
        problem = model.predict(None, example)["problem"][0]
        if problem:
            raise ExperimentError(f"{model_dir}: the models cannot score an example: {problem}")
        allowed = loggable.safe_name(name).translate(_NOT_IN_MODEL_NAMES)
        # The fluent API would need this run to be MLflow's global active one.
        made = run.tracker.client.create_logged_model(
            run.experiment_id, name=allowed, source_run_id=run.run_id
        )
        with _parts_of_model(model_dir, scorecard) as parts:
            logged = Model.log(
                artifact_path=None,
                name=allowed,
                flavor=mlflow.pyfunc,
                run_id=run.run_id,
                model_id=made.model_id,
                input_example=example,
                **parts,
            )
    return str(logged.model_uri)


@contextmanager
def saved_model(model_dir: Path, *, scorecard: Scorecard | None = None) -> Iterator[Path]:
    """Hold a model folder as the MLflow model that `log_model` logs, in a temporary folder.

    Raises
    ------
    ExperimentError
        If the folder is missing or holds pickled files.
    """
    _require_plain_files(model_dir)
    mlflow = quiet_mlflow()
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder, "model")
        with without_warnings(), _parts_of_model(model_dir, scorecard) as parts:
            mlflow.pyfunc.save_model(saved, **parts)
        yield saved


@contextmanager
def _parts_of_model(model_dir: Path, scorecard: Scorecard | None) -> Iterator[dict[str, Any]]:
    """What MLflow needs to know of a model: code, files, signature, requirements."""
    from autoqa.experiments import pyfunc_model

    with tempfile.TemporaryDirectory() as folder:
        artifacts = {"model": str(model_dir)}
        if scorecard is not None:
            card = Path(folder, "scorecard.json")
            atomic_write_json(card, scorecard.model_dump(mode="json", exclude_defaults=True))
            artifacts["scorecard"] = str(card)
        yield {
            "python_model": pyfunc_model.__file__,
            "artifacts": artifacts,
            "signature": pyfunc_model.signature(),
            # MLflow would infer them by importing everything, which takes half a minute.
            "pip_requirements": [_own_requirement()],
        }


def _own_requirement() -> str:
    version = provenance.autoqa_version()
    pin = "" if version == provenance.UNKNOWN else f"=={version}"
    return f"{provenance.DISTRIBUTION}{pin}"


def _require_plain_files(model_dir: Path) -> None:
    if not model_dir.is_dir():
        raise ExperimentError(f"{model_dir}: no such model folder; train one with `autoqa train`")
    for file in files_below(model_dir).values():
        if is_pickled(file):
            raise ExperimentError(
                f"{file}: files of this kind may run code when loaded; save safetensors or JSON"
            )
