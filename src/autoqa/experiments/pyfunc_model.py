"""A trained autoqa model folder as an MLflow model; MLflow runs this file as the model's code.

Only the folder's safetensors and JSON files are loaded, nothing is pickled.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd  # not only for type checkers: MLflow reads the annotations of `predict`
from mlflow.models import ModelSignature, set_model
from mlflow.pyfunc import PythonModel
from mlflow.types.schema import Array, ColSpec, DataType, Object, Property, Schema

from autoqa.batch import Scored, ScoringSetup, score_each, setup_of
from autoqa.errors import DataError, ReadError
from autoqa.features.encoders import Encoder
from autoqa.readers import Problem
from autoqa.readers.uniform import labelled_from
from autoqa.readers.values import load_json
from autoqa.records import CSAT, Rating, Transcript
from autoqa.scorecard import Scorecard

INPUT_COLUMNS = ("conversation_id", "transcript_json")

_AT_ONCE = 32  # conversations scored together

_RATING = {
    "criterion": DataType.string,
    "status": DataType.string,
    "level": DataType.long,
    "expected": DataType.double,
    "reason": DataType.string,
}
_MAY_BE_NULL = ("level", "expected")


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


def signature() -> ModelSignature:
    """Return what the model reads and answers; ``spark_udf`` takes its result type from here.

    Written out, since what an example lacks (a failed criterion, a level) has no type to infer.
    """
    rating = Object(
        [Property(k, kind, required=k not in _MAY_BE_NULL) for k, kind in _RATING.items()]
    )
    texts = Array(DataType.string)
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.string, name) for name in INPUT_COLUMNS]),
        outputs=Schema(
            [
                ColSpec(DataType.string, "conversation_id"),
                ColSpec(DataType.double, "total", required=False),
                ColSpec(texts, "critical_failed"),
                ColSpec(DataType.double, "coverage", required=False),
                ColSpec(DataType.double, "csat", required=False),
                ColSpec(texts, "flags"),
                ColSpec(Array(rating), "ratings"),
                ColSpec(DataType.string, "problem"),
            ]
        ),
    )


class AutoqaModel(PythonModel):  # type: ignore[misc]
    """Scores conversations with the folder that was logged as the artifact ``model``.

    A JSON file logged as the artifact ``scorecard`` stands in for the folder's own scorecard.
    """

    def load_context(self, context: Any) -> None:
        """Remember the files; weights load when the first conversation is scored."""
        card = context.artifacts.get("scorecard")
        stored = None if card is None else Path(card).read_text(encoding="utf-8")
        self.use(
            Path(context.artifacts["model"]),
            scorecard=None if stored is None else Scorecard.model_validate_json(stored),
        )

    def use(
        self,
        model_dir: Path,
        *,
        scorecard: Scorecard | None = None,
        encoders: Mapping[str, Encoder] | None = None,
    ) -> None:
        """Score with the models of a folder, and with encoders that are loaded already, if any."""
        self._model_dir = model_dir
        self._scorecard = scorecard
        self._encoders = encoders
        self._one_at_a_time = threading.Lock()  # servers call from several threads

    @cached_property
    def _setup(self) -> ScoringSetup:
        return setup_of(self._model_dir, self._scorecard)

    def predict(
        self,
        context: Any,  # noqa: ARG002  MLflow's signature
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        """Score conversations.

        Parameters
        ----------
        model_input : DataFrame of shape (n_conversations, 2)
            ``conversation_id``, and ``transcript_json``: one conversation in the uniform schema.

        Returns
        -------
        DataFrame of shape (n_conversations, 8)
            One row per row of the input, in its order: ``conversation_id``; ``total``, 0-100;
            ``critical_failed``, criterion ids; ``coverage``, 0-1; ``csat``, the predicted level's
            expectation; ``flags``, reason codes; ``ratings``, a list of mappings with
            ``criterion``, ``status``, ``level``, ``expected`` and ``reason``; ``problem``, empty,
            or why the conversation could not be read or scored, without its text. Numbers that
            are not known are None.

        Raises
        ------
        DataError
            If a column is missing.
        """
        missing = [column for column in INPUT_COLUMNS if column not in model_input]
        if missing:
            raise DataError(f"model input: no column {', '.join(missing)}; add it")
        ids = [str(row_id) for row_id in model_input["conversation_id"]]
        # Rows stand apart by their place: ids may come twice.
        read = [_read(str(n), line) for n, line in enumerate(model_input["transcript_json"])]
        with self._one_at_a_time:
            done = self._scored([one for one in read if isinstance(one, Transcript)])
            rows = [
                _row(row_id, found if isinstance(found, Problem) else next(done))
                for row_id, found in zip(ids, read, strict=True)
            ]
        # Plain objects: numbers beside None would become NaN, which JSON cannot say.
        return pd.DataFrame(rows, columns=signature().outputs.input_names(), dtype=object)

    def _scored(self, transcripts: Sequence[Transcript]) -> Iterator[Scored | Problem]:
        for start in range(0, len(transcripts), _AT_ONCE):
            chunk = transcripts[start : start + _AT_ONCE]
            yield from score_each(self._setup, chunk, encoders=self._encoders)


def _read(name: str, line: Any) -> Transcript | Problem:
    """Read one conversation under the name of its row; labels in the line are left behind."""
    try:
        record = load_json(str(line).encode("utf-8", errors="replace"))
        if isinstance(record, dict):
            record = record | {"conversation_id": name}
        return labelled_from(record, notes=[]).transcript
    except ReadError as error:
        return Problem(error.reason, f"transcript_json: {error}")


def _row(conversation_id: str, found: Scored | Problem) -> dict[str, Any]:
    if isinstance(found, Problem):
        said = f"{found.message} [reason: {found.reason}]"
        return {**_row(conversation_id, Scored((), (), (), ())), "problem": said}
    evaluation = next(iter(found.evaluations), None)
    csat = next((r for r in found.csat if r.criterion == CSAT and r.turn is None), None)
    return {
        "conversation_id": conversation_id,
        "total": evaluation and evaluation.total,
        "critical_failed": list(evaluation.critical_failed) if evaluation else [],
        "coverage": evaluation and evaluation.coverage,
        "csat": csat and csat.expected,
        "flags": list(dict.fromkeys(one.reason for one in found.flags)),
        "ratings": [_rating(one) for one in (*found.ratings, *found.csat)],
        "problem": "",
    }


def _rating(rating: Rating) -> dict[str, Any]:
    return {name: _plain(getattr(rating, name)) for name in _RATING}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


set_model(AutoqaModel())
