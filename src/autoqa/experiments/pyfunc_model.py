"""A trained autoqa model folder as an MLflow model; MLflow runs this file as the model's code.

Only the folder's safetensors and JSON files are loaded, nothing is pickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd  # not only for type checkers: MLflow reads the annotations of `predict`
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from autoqa.errors import DataError, ReadError
from autoqa.features.encoders import Encoder
from autoqa.readers.uniform import labelled_from
from autoqa.readers.values import load_json
from autoqa.records import Transcript

INPUT_COLUMNS = ("conversation_id", "transcript_json")


def example_input() -> pd.DataFrame:
    """Return one made-up conversation in the form that the model reads."""
    turns = [
        {"speaker": "customer", "text": "Hello, my parcel has not come."},
        {"speaker": "agent", "text": "Good morning, I am sorry about that. Let me look it up."},
    ]
    made_up = {"conversation_id": "example-1", "channel": "chat", "language": "en", "turns": turns}
    return pd.DataFrame(
        {"conversation_id": ["example-1"], "transcript_json": [json.dumps(made_up)]}
    )


def _transcript(row_id: str, line: str) -> Transcript:
    """Read one conversation under the id of its row; labels in the line are left behind."""
    try:
        record = load_json(str(line).encode("utf-8", errors="replace"))
        if isinstance(record, dict):
            record = record | {"conversation_id": row_id}
        return labelled_from(record, notes=[]).transcript
    except ReadError as error:
        raise ReadError(
            f"conversation {row_id}: transcript_json: {error}", reason=error.reason
        ) from None


class AutoqaModel(PythonModel):  # type: ignore[misc]
    """Scores conversations with the folder that was logged as the artifact ``model``."""

    def load_context(self, context: Any) -> None:
        """Remember the folder; weights load when the first conversation is scored."""
        self.use(Path(context.artifacts["model"]))

    def use(self, model_dir: Path, *, encoders: Mapping[str, Encoder] | None = None) -> None:
        """Score with the models of a folder, and with encoders that are loaded already, if any."""
        self._model_dir = model_dir
        self._encoders = encoders

    def predict(
        self,
        context: Any,  # noqa: ARG002  MLflow's signature
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        """Rate conversations.

        Parameters
        ----------
        model_input : DataFrame of shape (n_conversations, 2)
            ``conversation_id``, and ``transcript_json``: one conversation in the uniform schema.

        Returns
        -------
        DataFrame of shape (n_ratings, 5)
            ``conversation_id``, ``criterion``, ``status``, ``level``, ``expected``; the last two
            are null where `status` is not ``rated`` or the scorer gives no expectation.

        Raises
        ------
        DataError
            If a column is missing.
        ReadError
            If a conversation cannot be read; the message holds its id and no text.
        """
        from autoqa.batch import score_transcripts

        missing = [column for column in INPUT_COLUMNS if column not in model_input]
        if missing:
            raise DataError(f"model input: no column {', '.join(missing)}; add it")
        transcripts = [
            _transcript(str(row_id), line)
            for row_id, line in zip(
                model_input["conversation_id"], model_input["transcript_json"], strict=True
            )
        ]
        ratings = score_transcripts(self._model_dir, transcripts, encoders=self._encoders)
        return pd.DataFrame(
            {
                "conversation_id": [rating.conversation_id for rating in ratings],
                "criterion": [rating.criterion for rating in ratings],
                "status": [str(rating.status) for rating in ratings],
                "level": pd.array([rating.level for rating in ratings], dtype="Int64"),
                "expected": pd.array([rating.expected for rating in ratings], dtype="Float64"),
            }
        )


set_model(AutoqaModel())
