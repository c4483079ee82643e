"""The roof over encoders: their layers are matrix products, and none runs faster than those."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from bench.variants import Variant, minilm_folder

ROOFS = {"onnxruntime fp32": "product fp32", "openvino bf16": "product bf16"}
"""Each encoder, and the roof over it."""

ENCODER_WEIGHTS = 6 * (4 * 384 * 384 + 2 * 384 * 1536)  # in the matrix products of MiniLM's layers


def run_product(precision: str) -> Variant:
    """Time products of large matrices: the seconds that as many operations take as the encoder's.

    Of every text as it is encoded once, at two operations per weight and token.
    """

    def run(texts: list[str], threads: int) -> float:
        import numpy as np
        import openvino
        from openvino import opset13
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(f"{minilm_folder()}/tokenizer.json")
        tokenizer.no_padding()
        tokens = sum(len(one.ids) for one in tokenizer.encode_batch_fast(sorted(set(texts))))
        size = 1536
        left = opset13.parameter([size, size], np.float32)
        right = opset13.parameter([size, size], np.float32)
        model = openvino.Model([opset13.matmul(left, right, False, False)], [left, right])
        hint = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads}
        request = openvino.Core().compile_model(model, "CPU", hint).create_infer_request()
        inputs = [np.ones((size, size), np.float32)] * 2
        for _ in range(5):
            request.infer(inputs)
        repeats = 40
        started = time.perf_counter()
        for _ in range(repeats):
            request.infer(inputs)
        per_second = 2 * size**3 * repeats / (time.perf_counter() - started)
        return 2 * ENCODER_WEIGHTS * tokens / per_second

    return run


def shares(results: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Say which share of their roofs the encoders reach, where both were measured."""
    for name, roof in ROOFS.items():
        if "seconds" in results[name] and "seconds" in results[roof]:
            share = results[roof]["seconds"] / results[name]["seconds"]
            yield f"{name} reaches {share:.0%} of the speed of plain matrix products"
