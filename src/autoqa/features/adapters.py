"""Adapters: small files that turn a packaged encoder into one that was fine-tuned.

::

    FOLDER/
        adapter.json            base encoder, its fingerprint, how conversations are laid out
        adapter.safetensors     per linear layer, two low-rank matrices: W + scale * up @ down;
                                or per weight what is added to it, where all of them were trained

Hu et al. (2022), "LoRA: Low-Rank Adaptation of Large Language Models", ICLR.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoqa.errors import EncoderError
from autoqa.features.weights import EncoderWeights, find_weights
from autoqa.store import atomic_write_json, file_sha256

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SETTINGS, TENSORS = "adapter.json", "adapter.safetensors"
ADAPTER_FILES = (SETTINGS, TENSORS)
DOWN, UP, CHANGE = ".down", ".up", ".change"
_FORMAT = 2  # how a conversation is read is part of it


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """What an adapter changes, and how the adapted encoder reads conversations.

    Attributes
    ----------
    name : str
        Of the adapted encoder.
    base : str
        Encoder that it was trained on, see `autoqa.features.encoders.load_encoder`.
    base_fingerprint : str
        Of that encoder's weights.
    scale : float
        What the product of the two matrices is multiplied by.
    max_tokens : int
        Of one window over a conversation; a multiple of 32.
    context_tokens : int
        How much of what was said before a later window repeats.
    """

    name: str
    base: str
    base_fingerprint: str
    scale: float
    max_tokens: int = 512
    context_tokens: int = 160


def is_adapter(folder: str | Path) -> bool:
    """Whether a folder holds an adapter."""
    return (Path(folder).expanduser() / SETTINGS).is_file()


def write_adapter(folder: Path, adapter: Adapter, tensors: dict[str, NDArray[np.float16]]) -> None:
    """Write an adapter: tensors ``LAYER.down`` and ``LAYER.up``, or ``WEIGHT.change``."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / TENSORS)
    atomic_write_json(folder / SETTINGS, {"format": _FORMAT, **asdict(adapter)})


def read_adapter(folder: str | Path) -> Adapter:
    """Return an adapter's settings.

    Raises
    ------
    EncoderError
        If the folder holds none, or a damaged one.
    """
    path = Path(folder).expanduser() / SETTINGS
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored.pop("format", None) != _FORMAT:
            raise EncoderError(f"{path}: not an adapter of format {_FORMAT}; update autoqa")
        return Adapter(**stored)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise EncoderError(f"{path}: not an adapter ({error}); train it again") from None


def adapted_weights(folder: str | Path) -> EncoderWeights:
    """Return the weights of an adapted encoder; they are merged when it is first exported.

    Raises
    ------
    EncoderError
        If the adapter is damaged, or its base encoder is not here or has changed.
    """
    path = Path(folder).expanduser()
    adapter = read_adapter(path)
    base = find_weights(adapter.base)
    if base.fingerprint != adapter.base_fingerprint:
        raise EncoderError(
            f"{path}: made for another '{adapter.base}' (fingerprint {adapter.base_fingerprint}, "
            f"found {base.fingerprint}); install the pinned weights or train the adapter again"
        )
    if not (path / TENSORS).is_file():
        raise EncoderError(f"{path / TENSORS}: missing; restore it or train the adapter again")
    tensors = file_sha256(path / TENSORS)
    parts = [base.digest, tensors, adapter.scale, adapter.context_tokens, _FORMAT]
    return EncoderWeights(
        name=adapter.name,
        digest=hashlib.sha256(json.dumps(parts).encode()).hexdigest(),
        dimension=base.dimension,
        max_tokens=adapter.max_tokens,
        folder=partial(_merged, base, path, adapter.scale),
        pooling="turns",
    )


def _merged(base: EncoderWeights, adapter: Path, scale: float, scratch: Path) -> Path:
    """Write the base encoder with the adapter added to its layers; return the folder."""
    from safetensors.numpy import load_file, save_file

    unpacked = scratch / "base"
    unpacked.mkdir()
    source = base.folder(unpacked)
    target = scratch / "merged"
    shutil.copytree(source, target)
    changes = load_file(adapter / TENSORS)
    left = {
        name.removesuffix(CHANGE).removesuffix(DOWN) for name in changes if not name.endswith(UP)
    }
    for file in sorted(target.glob("*.safetensors")):
        tensors: dict[str, Any] = load_file(file)
        for name in list(tensors):
            layer = next((one for one in left if name.endswith((one, f"{one}.weight"))), None)
            if layer is not None:
                tensors[name] = tensors[name] + _addition(changes, layer, scale)
                left.remove(layer)
        file.unlink()  # the copy may be read-only
        save_file(tensors, file, metadata={"format": "pt"})
    if left:
        raise EncoderError(
            f"{adapter}: changes layers that '{base.name}' has not: {', '.join(sorted(left)[:3])}"
        )
    return target


def _addition(changes: dict[str, NDArray[np.float16]], layer: str, scale: float) -> Any:
    if layer + CHANGE in changes:
        return changes[layer + CHANGE].astype("float32")
    return scale * (changes[layer + UP].astype("float32") @ changes[layer + DOWN].astype("float32"))
