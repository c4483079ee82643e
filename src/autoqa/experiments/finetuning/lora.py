"""Low-rank additions to the linear layers of an encoder (LoRA; Hu et al. 2022)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from autoqa.features.adapters import DOWN, UP


class LowRank(nn.Module):  # type: ignore[misc]  # torch is not type-checked
    """A frozen linear layer with a trained addition: ``W + scale * up @ down``."""

    def __init__(self, base: nn.Linear, rank: int, scale: float) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, base.in_features) / math.sqrt(base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))  # so that it starts as it was
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output with the addition."""
        return (
            self.base(x) + functional.linear(functional.linear(x, self.down), self.up) * self.scale
        )


def add_low_rank(encoder: Any, *, rank: int, scale: float, frozen: int) -> None:
    """Freeze an encoder, and let its layers above the `frozen` lowest learn low-rank additions."""
    encoder.requires_grad_(False)
    for layer in encoder.encoder.layer[frozen:]:
        for name, module in list(layer.named_modules()):
            if isinstance(module, nn.Linear):
                parent, _, last = name.rpartition(".")
                setattr(layer.get_submodule(parent), last, LowRank(module, rank, scale))


def adapter_tensors(encoder: Any) -> dict[str, NDArray[np.float16]]:
    """Return the additions as an adapter stores them, in half precision."""
    return {
        f"{name}{suffix}": part.detach().cpu().numpy().astype(np.float16)
        for name, module in encoder.named_modules()
        if isinstance(module, LowRank)
        for suffix, part in ((DOWN, module.down), (UP, module.up))
    }
