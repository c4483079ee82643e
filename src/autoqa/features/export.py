"""Turns an encoder's weights into a graph that ONNX Runtime and OpenVINO read, once per machine.

torch and transformers are needed here only: the first run exports into the cache folder, and
later runs do not even import them.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from autoqa.errors import EncoderError
from autoqa.features.weights import EncoderWeights, Pooling

CACHE_VARIABLE = "AUTOQA_CACHE"
GRAPH, WEIGHTS, TOKENIZER = "model.onnx", "weights.bin", "tokenizer.json"
INT8_GRAPH = "int8/model.xml"

_EXPORT_FORMAT = 1  # part of the cache key; raise it when the exported graph changes


def cache_folder() -> Path:
    """Return where exported encoders are kept: ``AUTOQA_CACHE``, or ``~/.cache/autoqa``."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named).expanduser() if named else Path.home() / ".cache" / "autoqa"


def exported_folder(weights: EncoderWeights) -> Path:
    """Return the folder with the encoder's graph and tokenizer, exporting them the first time."""
    key = json.dumps([weights.digest, weights.pooling, _EXPORT_FORMAT])
    slug = "".join(c if c.isalnum() else "-" for c in Path(weights.name).name.lower())
    name = f"{slug}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    return _made_once(cache_folder() / "encoders" / name, lambda target: _export(weights, target))


def int8_graph(folder: Path) -> Path:
    """Return the int8 form of an exported encoder, quantising it the first time.

    Scales are fixed beforehand from sample texts. Scales measured while running would be faster
    to set up, and would make a text's vector depend on its batch mates.
    """
    _made_once(folder / Path(INT8_GRAPH).parent, lambda target: _quantise(folder, target))
    return folder / INT8_GRAPH


def _made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return `folder`, made by `make` in one step, whoever else wants it at the same moment."""
    from filelock import FileLock

    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not folder.is_dir():
                with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as scratch:
                    made = Path(scratch) / "made"
                    made.mkdir()
                    make(made)
                    made.rename(folder)
    except OSError as error:
        raise EncoderError(
            f"cannot write the exported encoder to {folder} ({error}); "
            f"set {CACHE_VARIABLE} to a folder with room for 1 GB"
        ) from error
    return folder


def _export(weights: EncoderWeights, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        source = weights.folder(Path(scratch))
        _export_tokenizer(source, target / TOKENIZER)
        _export_graph(source, weights.pooling, target / GRAPH)


def _export_tokenizer(source: Path, target: Path) -> None:
    if (source / TOKENIZER).is_file():
        shutil.copyfile(source / TOKENIZER, target)
        return
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(source), local_files_only=True)
        tokenizer.backend_tokenizer.save(str(target))
    except (OSError, ValueError, ImportError, AttributeError) as error:
        raise EncoderError(f"{source}: no tokenizer.json, and none can be made ({error})") from None


def _export_graph(source: Path, pooling: Pooling, target: Path) -> None:
    import onnx
    import torch
    from transformers import AutoModel

    from autoqa.features.graphs import PooledTexts, TurnsInContext

    with _quiet():
        try:
            encoder = AutoModel.from_pretrained(
                str(source),
                local_files_only=True,
                use_safetensors=True,
                # Plain matrix products export to the graph that both runtimes run fastest.
                attn_implementation="eager",
                dtype=torch.float32,
            )
        except (OSError, ValueError) as error:
            raise EncoderError(f"{source}: transformers cannot read it ({error})") from None
        in_context = pooling == "turns"
        model = (TurnsInContext(encoder) if in_context else PooledTexts(encoder, pooling)).eval()
        axes = {0: "texts", 1: "tokens"}
        names = ["input_ids", *(("turns", "agent") if in_context else ("attention_mask",))]
        outputs = {"states": axes} if in_context else {"vectors": {0: "texts"}}
        whole = target.with_suffix(".whole")
        # The older exporter: a few seconds instead of half a minute, and nothing to install.
        torch.onnx.export(
            model,
            _example(2, 7, in_context),
            str(whole),
            dynamo=False,
            opset_version=20,
            input_names=names,
            output_names=list(outputs),
            dynamic_axes={**dict.fromkeys(names, axes), **outputs},
        )
    # Apart from the graph, weights are mapped into memory: only the rows of the vocabulary that
    # texts use are read, and processes share them. e5 takes 140 MiB instead of 870.
    onnx.save_model(
        onnx.load(whole), target, save_as_external_data=True, location=WEIGHTS, size_threshold=1024
    )
    whole.unlink()
    _check_graph(model, target, dict(zip(names, _example(3, 12, in_context), strict=True)))


def _check_graph(model: Any, graph: Path, inputs: dict[str, Any]) -> None:
    """Compare with torch on another shape: tracing can freeze a size into the graph."""
    import onnxruntime
    import torch

    with torch.inference_mode():
        expected = model(*inputs.values()).numpy()
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    found = session.run(None, {name: one.numpy() for name, one in inputs.items()})[0]
    lengths = np.linalg.norm(expected, axis=-1) * np.linalg.norm(found, axis=-1)
    worst = float((np.sum(expected * found, axis=-1) / lengths).min())
    if not worst > 0.9999:
        raise EncoderError(
            f"the exported graph differs from the model (cosine {worst:.4f}); "
            f"this architecture cannot be used, choose another encoder"
        )


def _example(texts: int, tokens: int, in_context: bool) -> tuple[Any, ...]:
    import torch

    ids = torch.arange(texts * tokens).reshape(texts, tokens) % 90 + 5
    if in_context:
        turns = torch.arange(tokens).repeat(texts, 1) // 3
        return ids, turns, (turns + torch.arange(texts)[:, None]) % 2
    mask = torch.ones_like(ids)
    mask[0, tokens // 2 :] = 0  # a graph traced without padding could lose the mask
    return ids, mask


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' progress bar and the tracer's warnings off the user's terminal."""
    from transformers.utils import logging

    was_on, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if was_on:
            logging.enable_progress_bar()


def _quantise(folder: Path, target: Path) -> None:
    from tokenizers import Tokenizer

    # Its usage reports go out unless this is set before it is imported.
    os.environ.setdefault("NNCF_CI", "1")
    try:
        import nncf
    except ImportError:
        raise EncoderError(
            "precision 'int8' needs NNCF to quantise the encoder once: "
            'pip install "autoqa-transcripts[int8]"'
        ) from None
    import openvino

    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    tokenizer.no_padding()

    def as_input(text: str) -> dict[str, Any]:
        ids = np.array([tokenizer.encode(text).ids])
        return {"input_ids": ids, "attention_mask": np.ones_like(ids)}

    path = Path(__file__).with_name("calibration_texts.txt")
    texts = path.read_text(encoding="utf-8").splitlines()
    nncf.set_log_level(40)
    with redirect_stdout(io.StringIO()):  # its progress bars
        model = nncf.quantize(
            openvino.Core().read_model(str(folder / GRAPH)),
            nncf.Dataset(texts, as_input),
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(texts),
        )
    openvino.save_model(model, str(target / Path(INT8_GRAPH).name), compress_to_fp16=False)
