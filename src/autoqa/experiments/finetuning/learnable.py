"""What of an encoder learns: low-rank additions (LoRA; Hu et al. 2022), or all weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from autoqa.features.adapters import CHANGE, DOWN, UP

METHODS = ("lora", "full")


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


def let_learn(encoder: Any, method: str, *, rank: int, scale: float, frozen: int) -> None:
    """Freeze an encoder, and let its layers above the `frozen` lowest learn by one of `METHODS`."""
    encoder.requires_grad_(False)
    for layer in encoder.encoder.layer[frozen:]:
        if method == "full":
            layer.requires_grad_(True)
            continue
        for name, module in list(layer.named_modules()):
            if isinstance(module, nn.Linear):
                parent, _, last = name.rpartition(".")
                setattr(layer.get_submodule(parent), last, LowRank(module, rank, scale))


def learned(encoder: Any) -> dict[str, Tensor]:
    """Return a copy of what learns in an encoder, by name."""
    return {n: p.detach().clone() for n, p in encoder.named_parameters() if p.requires_grad}


def adapter_tensors(encoder: Any, start: dict[str, Tensor]) -> dict[str, NDArray[np.float16]]:
    """Return what was learned since `start` as an adapter stores it, in half precision."""
    found = {}
    for name, now in learned(encoder).items():
        if name.endswith((DOWN, UP)):
            found[name] = now
        else:
            found[f"{name}{CHANGE}"] = now - start[name].to(now.device)
    return {name: part.cpu().numpy().astype(np.float16) for name, part in found.items()}
