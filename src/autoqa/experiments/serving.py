"""A model folder over HTTP: MLflow's own scoring server, with errors that quote nobody.

``POST /invocations`` takes what ``mlflow models serve`` takes; ``/ping``, ``/health`` and
``/version`` answer as there.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoqa.errors import AutoqaError
from autoqa.experiments.loggable import failure_reason
from autoqa.experiments.quiet_mlflow import quiet_mlflow
from autoqa.experiments.registering import saved_model
from autoqa.listening import answer_requests, listening, place_of
from autoqa.scorecard import Scorecard

if TYPE_CHECKING:
    from fastapi import FastAPI

_HOW_TO_ASK = (
    "send application/json with one of dataframe_split, dataframe_records, inputs or instances, "
    "and the columns conversation_id and transcript_json, both text"
)

# What went wrong inside `predict`, which runs in a thread of its own: a list, since threads get a
# copy of the context, and share what it refers to.
_said: ContextVar[list[str]] = ContextVar("said")


def serve(
    models: Path,
    *,
    scorecard: Scorecard | None = None,
    host: str = "127.0.0.1",
    port: int = 5001,
    started: Callable[[str], None] | None = None,
) -> None:
    """Answer requests until SIGINT or SIGTERM; those being answered then are finished.

    Parameters
    ----------
    models : Path
        Model folder.
    scorecard : Scorecard, optional
        What to score on; default, the folder's own, see `autoqa.batch.setup_of`.
    port : int
        0 takes any that is free.
    started : callable, optional
        Told the address, once the models are loaded and requests are taken.

    Raises
    ------
    ExperimentError, ModelError
        If the folder is missing or cannot be used.
    OSError
        If the address cannot be bound.
    """
    with listening(host, port) as listener, saved_model(models, scorecard=scorecard) as saved:
        app = scoring_app(saved)
        if started is not None:
            started(f"http://{place_of(listener)}")
        answer_requests(app, listener)


def scoring_app(saved: Path) -> FastAPI:
    """Return MLflow's scoring server of a saved model, loaded and tried on an example."""
    mlflow = quiet_mlflow()
    from fastapi import Request, Response
    from mlflow.pyfunc import scoring_server

    from autoqa.experiments import pyfunc_model

    # It advises on every request that does not fit, which the answer to it does too.
    logging.getLogger(scoring_server.__name__).setLevel(logging.ERROR)
    model = _Careful(mlflow.pyfunc.load_model(str(saved)))
    model.predict(pyfunc_model.example_input())  # so that the first request finds models loaded
    app: FastAPI = scoring_server.init(model)

    async def without_quotes(request: Request, call_next: Callable[[Request], Any]) -> Response:
        if request.url.path != "/invocations":
            answer: Response = await call_next(request)
            return answer
        body, kind = await request.body(), request.headers.get("content-type", "")
        said: list[str] = []
        _said.set(said)
        status = 415
        if kind:
            try:
                answer = await call_next(request)
                status = answer.status_code
            except Exception as error:
                status = 500
                said.append(failure_reason(error))
            if status < 400:
                return answer
        message = "; ".join(said) or _what_is_wrong(body, kind)
        content = {"error_code": "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR"}
        return Response(
            json.dumps({**content, "message": message}), status, media_type="application/json"
        )

    app.middleware("http")(without_quotes)
    return app


class _Careful:
    """A loaded model that notes what went wrong in words that quote nothing from its input."""

    def __init__(self, model: Any) -> None:
        self.metadata = model.metadata
        self._model = model

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """See `AutoqaModel.predict`."""
        try:
            return self._model.predict(data, params=params)
        except AutoqaError as error:
            _said.get([]).append(failure_reason(error))
            raise
        except Exception as error:
            schema = getattr(error, "error_class", None) == "SCHEMA_ENFORCEMENT_FAILED"
            _said.get([]).append(_wrong_columns(data) if schema else failure_reason(error))
            raise


def _wrong_columns(data: Any) -> str:
    from autoqa.experiments.pyfunc_model import INPUT_COLUMNS

    missing = [name for name in INPUT_COLUMNS if name not in getattr(data, "columns", ())]
    what = f"no column {' and '.join(missing)}" if missing else "the columns do not fit the model"
    return f"{what}; {_HOW_TO_ASK}"


def _what_is_wrong(body: bytes, content_type: str) -> str:
    """Say why MLflow could not read a request, which it says by quoting the request."""
    if content_type.partition(";")[0].strip() != "application/json":
        return f"the body could not be read as '{content_type or 'no content type'}'; {_HOW_TO_ASK}"
    try:
        json.loads(body)
    except UnicodeDecodeError as error:
        return f"the body is not UTF-8 (byte {error.start}); {_HOW_TO_ASK}"
    except json.JSONDecodeError as error:
        return f"the body is not JSON ({error.msg}, character {error.pos}); {_HOW_TO_ASK}"
    except (ValueError, RecursionError) as error:
        return f"the body is not JSON ({type(error).__name__}); {_HOW_TO_ASK}"
    return f"the body holds no table of conversations; {_HOW_TO_ASK}"
