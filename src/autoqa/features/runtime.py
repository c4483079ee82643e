"""Runs exported encoders on ONNX Runtime or OpenVINO."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from autoqa.errors import EncoderError, near_miss
from autoqa.features.export import GRAPH, TOKENIZER, exported_folder, int8_graph
from autoqa.features.weights import EncoderWeights

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Precision = Literal["fp32", "bf16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16", "int8")
PRECISION_VARIABLE = "AUTOQA_PRECISION"

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]


class Session(Protocol):
    """A loaded encoder graph."""

    tokens_per_batch: int

    def run(self, inputs: Mapping[str, IntArray]) -> FloatArray:
        """Return what the graph makes of its inputs, all of shape (n_texts, n_tokens)."""


class OnnxRuntimeSession:
    """fp32 on ONNX Runtime: runs everywhere, and alike everywhere."""

    tokens_per_batch = 512  # small batches stay in the processor's cache

    def __init__(self, graph: Path, threads: int | None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or os.cpu_count() or 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"]
        )

    def run(self, inputs: Mapping[str, IntArray]) -> FloatArray:
        """See `Session.run`."""
        return cast("FloatArray", self._session.run(None, dict(inputs))[0])


class OpenVinoSession:
    """bf16 or int8 on OpenVINO: bf16 is about twice as fast where the processor has it."""

    tokens_per_batch = 1024

    def __init__(self, graph: Path, threads: int | None, precision: Precision) -> None:
        import openvino

        settings = {
            # What an int8 graph leaves unquantised stays fp32.
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "INFERENCE_NUM_THREADS": threads or os.cpu_count() or 1,
            # Pinned, the single threads of several worker processes would share the first core.
            "ENABLE_CPU_PINNING": False,
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._model = openvino.Core().compile_model(str(graph), "CPU", settings)
        self._request = self._model.create_infer_request()

    def run(self, inputs: Mapping[str, IntArray]) -> FloatArray:
        """See `Session.run`."""
        self._request.infer(dict(inputs))
        # The request reuses its output buffer.
        return np.array(self._request.get_output_tensor(0).data, np.float32)


@cache
def processor_has_bf16() -> bool:
    """Whether this processor multiplies bf16 directly, as far as OpenVINO knows."""
    try:
        import openvino
    except ImportError:
        return False
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def choose_precision(wanted: str | None = None) -> Precision:
    """Return the arithmetic to run encoders in.

    Parameters
    ----------
    wanted : {"auto", "fp32", "bf16", "int8"}, optional
        Default: the environment variable ``AUTOQA_PRECISION``, else ``auto``, which is ``bf16``
        where the processor has it and ``fp32`` elsewhere.

    Raises
    ------
    EncoderError
        If the name is unknown, or ``bf16`` is asked of a processor without it.
    """
    name = wanted or os.environ.get(PRECISION_VARIABLE) or "auto"
    if name == "auto":
        return "bf16" if processor_has_bf16() else "fp32"
    if name not in PRECISIONS:
        raise EncoderError(
            f"No precision '{name}'.{near_miss(name, PRECISIONS)} "
            f"Known: auto, {', '.join(PRECISIONS)}."
        )
    if name == "bf16" and not processor_has_bf16():
        raise EncoderError("this processor has no bf16 arithmetic; use precision='fp32'")
    return name


def load_exported(
    weights: EncoderWeights, precision: Precision, threads: int | None
) -> tuple[Tokenizer, Session]:
    """Return the encoder's tokenizer, truncating to `weights.max_tokens`, and its session."""
    from tokenizers import Tokenizer

    folder = exported_folder(weights)
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    tokenizer.no_padding()
    tokenizer.enable_truncation(weights.max_tokens)
    graph = int8_graph(folder) if precision == "int8" else folder / GRAPH
    try:
        if precision == "fp32":
            return tokenizer, OnnxRuntimeSession(graph, threads)
        return tokenizer, OpenVinoSession(graph, threads, precision)
    except Exception as error:  # each runtime raises classes of its own
        raise EncoderError(
            f"{graph} does not load ({type(error).__name__}: {error}); "
            f"delete {folder} and run again"
        ) from error
