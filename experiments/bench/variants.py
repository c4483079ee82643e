"""Ways to encode the same texts, each timed in the process that runs it, loading apart."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Variant = Callable[[list[str], int], float]
"""Takes texts and a number of threads; returns seconds."""

WARM_UP = ["A short text.", "And one that is a little longer than the text before it."] * 4


def timed(encode: Callable[[list[str]], Any], texts: list[str]) -> float:
    """Return the seconds that the texts take after a warm-up."""
    encode(WARM_UP)
    started = time.perf_counter()
    encode(texts)
    return time.perf_counter() - started


def minilm_folder() -> str:
    from autoqa.features.weights import find_weights

    return str(find_weights("minilm").folder(Path(tempfile.gettempdir())))


def run_sentence_transformers(texts: list[str], threads: int) -> float:
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    model = SentenceTransformer(minilm_folder(), device="cpu", local_files_only=True)
    return timed(lambda t: model.encode(t, show_progress_bar=False), texts)


def run_encoder(precision: str) -> Variant:
    def run(texts: list[str], threads: int) -> float:
        from autoqa.features.encoders import load_encoder

        return timed(load_encoder("minilm", precision=precision, threads=threads).encode, texts)

    return run


def run_pipeline(texts: list[str], threads: int) -> float:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
    from transformers.utils import logging

    logging.set_verbosity_error()
    torch.set_num_threads(threads)
    folder = minilm_folder()
    classify = pipeline(
        "text-classification",
        model=AutoModelForSequenceClassification.from_pretrained(folder, num_labels=3),
        tokenizer=AutoTokenizer.from_pretrained(folder),
        device="cpu",
    )
    return timed(lambda t: classify(t, truncation=True, max_length=256), texts)
