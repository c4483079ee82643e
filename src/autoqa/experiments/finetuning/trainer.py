"""Training: an encoder of turns in context, a linear head per thing that people rated."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from autoqa.errors import ExperimentError
from autoqa.experiments.finetuning.learnable import METHODS, adapter_tensors, learned, let_learn
from autoqa.experiments.finetuning.lessons import HeadSpec, Lesson, batches
from autoqa.features.conversations import padded
from autoqa.features.graphs import TurnsInContext
from autoqa.store import atomic_write_json

Say = Callable[[str, int, int], None]

_BEYOND_ENCODER = ("heads.", "offsets.")  # in the names of parameters
_SAVE_EVERY_S = 30.0
_EMPTY_RUN = 20  # steps over which the average of weights warms up


@dataclass(frozen=True)
class Recipe:
    """How to fine-tune.

    Attributes
    ----------
    method : str
        ``lora``: low-rank additions, small enough to ship; ``full``: all weights of the layers.
    rank : int
        Of the low-rank additions.
    scale : float
        What the additions are multiplied by.
    frozen : int
        Lowest layers that stay as they are.
    lr, head_lr : float
        Highest learning rates of the encoder and of the heads.
    average : float
        Share that the running average of the weights keeps at each step; the average is the
        result.
    """

    epochs: int = 3
    method: str = "lora"
    rank: int = 16
    scale: float = 2.0
    frozen: int = 2
    lr: float = 1e-3
    head_lr: float = 1e-3
    warm_up: float = 0.06
    weight_decay: float = 0.01
    batch_tokens: int = 2048
    dropout: float = 0.1
    average: float = 0.99
    seed: int = 7

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ExperimentError(f"method is '{self.method}', not one of {', '.join(METHODS)}")
        if self.rank < 1:
            raise ExperimentError(f"rank is {self.rank}: low-rank additions need one of 1 or more")


class TurnReader(nn.Module):  # type: ignore[misc]  # torch is not type-checked
    """Encoder of turns in context, and the heads that it learns from.

    Parameters
    ----------
    folder : path
        The encoder, as transformers reads it.
    heads : mapping of str to HeadSpec
    sources : sequence of str
        Datasets: each may use its scale a little differently, for turns and for whole
        conversations, which is not the encoder's business.
    """

    def __init__(
        self,
        folder: Path,
        heads: Mapping[str, HeadSpec],
        sources: Sequence[str],
        recipe: Recipe,
    ) -> None:
        super().__init__()
        from transformers import AttentionInterface, AutoModel

        AttentionInterface.register("turns", _attention)
        encoder = AutoModel.from_pretrained(
            folder,
            attn_implementation="turns",
            attention_probs_dropout_prob=0.0,  # else attention leaves the fast kernel
            hidden_dropout_prob=0.0,
            local_files_only=True,
        )
        let_learn(
            encoder, recipe.method, rank=recipe.rank, scale=recipe.scale, frozen=recipe.frozen
        )
        self._start = learned(encoder)
        self.reads = TurnsInContext(encoder)
        self.specs = dict(heads)
        self.sources = {name: place for place, name in enumerate(sources)}
        width = encoder.config.hidden_size
        self.heads = nn.ModuleDict({n: nn.Linear(width, one.width) for n, one in heads.items()})
        self.offsets = nn.ModuleDict(
            {n: nn.Embedding(2 * len(sources), one.width) for n, one in heads.items()}
        )
        for part in (*self.heads.values(), *self.offsets.values()):
            nn.init.normal_(part.weight, std=0.02 if isinstance(part, nn.Linear) else 0.0)
        self.dropout = nn.Dropout(recipe.dropout)

    @property
    def encoder(self) -> Any:
        """The encoder inside."""
        return self.reads.encoder

    def adapter(self) -> dict[str, NDArray[np.float16]]:
        """What the encoder has learned, as `autoqa.features.adapters` stores it."""
        return adapter_tensors(self.encoder, self._start)

    def trained(self) -> dict[str, nn.Parameter]:
        """Everything that learns, by name."""
        return {n: p for n, p in self.named_parameters() if p.requires_grad}

    def forward(self, lessons: Sequence[Lesson]) -> dict[str, Tensor]:
        """Return per head what it says of its labels, in the order of lessons and labels."""
        device = next(self.parameters()).device
        inputs = {
            name: torch.from_numpy(array).to(device)
            for name, array in padded([lesson.window for lesson in lessons]).items()
        }
        states = self.reads(**inputs)
        found = {}
        for name, rows in _by_head(lessons).items():
            pool = torch.zeros(len(rows), *states.shape[:2])
            for k, (row, label) in enumerate(rows):
                pool[k, row, label.start : label.end] = 1 / (label.end - label.start)
            turns = pool.flatten(1).to(device) @ states.float().flatten(0, 1)
            places = [
                2 * self.sources[lessons[row].source] + int(label.whole) for row, label in rows
            ]
            offset = self.offsets[name](torch.tensor(places, device=device))
            found[name] = self.heads[name](self.dropout(turns)) + offset
        return found

    def losses(self, lessons: Sequence[Lesson]) -> dict[str, Tensor]:
        """Return per head its mean loss over its labels."""
        said = self(lessons)
        found = {}
        for name, rows in _by_head(lessons).items():
            z = said[name].float()
            target = torch.from_numpy(np.stack([label.target for _, label in rows])).to(z.device)
            weight = torch.tensor([label.weight for _, label in rows], device=z.device)
            if self.specs[name].is_number:
                each = functional.mse_loss(z, target, reduction="none")[:, 0]
            else:
                each = -(target * functional.log_softmax(z, dim=-1)).sum(-1)
            found[name] = (each * weight).sum() / weight.sum()
        return found


def fine_tune(
    model: TurnReader,
    train: Callable[[int], Sequence[Lesson]],
    valid: Sequence[Lesson],
    recipe: Recipe,
    *,
    checkpoint: Path | None = None,
    say: Say | None = None,
) -> list[dict[str, float]]:
    """Train; afterwards the model holds the average of its weights.

    Runs on a GPU where there is one, in bf16. An interrupted run goes on from its checkpoint, and
    ends as it would have without the interruption.

    Parameters
    ----------
    train : callable
        Gives the lessons of an epoch, the same ones whenever it is asked.
    checkpoint : path, optional
        Folder for what an interrupted run needs; written twice a minute, and removed at the end.
    say : callable, optional
        Told what is done, the step, and how many there are.

    Returns
    -------
    list of dict
        Loss on `valid` after every epoch, by head.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device)
    state = _Progress(model, recipe, list(_plan(train, recipe)))
    if checkpoint is not None:
        state.restore(checkpoint)
    saved = time.monotonic()
    while state.step < len(state.plan):
        epoch, lessons = state.plan[state.step]
        # Set anew at every step, so that a resumed run drops the same units.
        torch.manual_seed(recipe.seed * 1_000_003 + state.step)
        model.train()
        with torch.autocast(device.type, torch.bfloat16):
            losses = model.losses(lessons)
        labels = sum(len(lesson.labels) for lesson in lessons)
        total = sum(losses[name] * len(rows) / labels for name, rows in _by_head(lessons).items())
        state.learn(total)
        last = state.step == len(state.plan) or state.plan[state.step][0] != epoch
        if last:
            with state.averaged():
                state.history.append(evaluate(model, valid, recipe))
        if say is not None:
            shown = state.history[-1] if last else {"loss": float(total.detach())}
            text = ", ".join(f"{name} {value:.4f}" for name, value in shown.items())
            say(f"epoch {epoch + 1}: {text}", state.step, len(state.plan))
        if checkpoint is not None and (last or time.monotonic() - saved > _SAVE_EVERY_S):
            state.save(checkpoint)
            saved = time.monotonic()
    state.take_average()
    if checkpoint is not None:
        for file in checkpoint.glob("*"):
            file.unlink()
        checkpoint.rmdir()
    return state.history


def evaluate(model: TurnReader, lessons: Sequence[Lesson], recipe: Recipe) -> dict[str, float]:
    """Return the mean loss of every head on lessons."""
    model.eval()
    device = next(model.parameters()).device.type
    sums: dict[str, list[tuple[float, int]]] = {}
    with torch.inference_mode(), torch.autocast(device, torch.bfloat16):
        for group in batches(lessons, recipe.batch_tokens, None) if lessons else ():
            losses = model.losses(group)
            for name, rows in _by_head(group).items():
                sums.setdefault(name, []).append((float(losses[name]), len(rows)))
    return {
        name: sum(loss * n for loss, n in parts) / sum(n for _, n in parts)
        for name, parts in sorted(sums.items())
    }


def _plan(
    train: Callable[[int], Sequence[Lesson]], recipe: Recipe
) -> Iterator[tuple[int, list[Lesson]]]:
    """Yield every step's epoch and lessons: the same ones whenever the run is taken up again."""
    for epoch in range(recipe.epochs):
        rng = np.random.default_rng([recipe.seed, epoch])
        for group in batches(train(epoch), recipe.batch_tokens, rng):
            yield epoch, group


class _Progress:
    """Weights, their average, and the optimizer, at one step of a plan."""

    def __init__(
        self, model: TurnReader, recipe: Recipe, plan: list[tuple[int, list[Lesson]]]
    ) -> None:
        self.plan = plan
        self.step = 0
        self.history: list[dict[str, float]] = []
        self._recipe = recipe
        self._parameters = model.trained()
        self._average = {n: p.detach().clone() for n, p in self._parameters.items()}
        own = {n: p for n, p in self._parameters.items() if n.startswith(_BEYOND_ENCODER)}
        rest = [p for n, p in self._parameters.items() if n not in own]
        self._optimizer = torch.optim.AdamW(
            [
                {"params": list(own.values()), "lr": recipe.head_lr, "weight_decay": 0.0},
                {"params": rest, "lr": recipe.lr, "weight_decay": recipe.weight_decay},
            ]
        )
        self._highest = [group["lr"] for group in self._optimizer.param_groups]

    def learn(self, loss: Tensor) -> None:
        """Take one step down the gradient."""
        for group, highest in zip(self._optimizer.param_groups, self._highest, strict=True):
            group["lr"] = highest * _share(self.step, len(self.plan), self._recipe.warm_up)
        self._optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(list(self._parameters.values()), 1.0)
        self._optimizer.step()
        self.step += 1
        keep = min(self._recipe.average, self.step / (self.step + _EMPTY_RUN))
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                self._average[name].lerp_(parameter, 1 - keep)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Let the model hold the average for a while."""
        now = {n: p.detach().clone() for n, p in self._parameters.items()}
        self.take_average()
        try:
            yield
        finally:
            with torch.no_grad():
                for name, parameter in self._parameters.items():
                    parameter.copy_(now[name])

    def take_average(self) -> None:
        """Put the average in the place of the weights."""
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(self._average[name])

    def save(self, folder: Path) -> None:
        """Write everything that is needed to go on; the small file last."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        tensors = {}
        for name, parameter in self._parameters.items():
            tensors[f"weights/{name}"] = parameter.detach().contiguous()
            tensors[f"average/{name}"] = self._average[name]
            for key, value in self._optimizer.state[parameter].items():
                tensors[f"{key}/{name}"] = torch.as_tensor(value)
        file = f"step-{self.step}.safetensors"
        save_file(tensors, folder / file)
        atomic_write_json(
            folder / "checkpoint.json",
            {"file": file, "history": self.history, "plan": self._fingerprint()},
        )
        for old in folder.glob("step-*.safetensors"):
            if old.name != file:
                old.unlink()

    def restore(self, folder: Path) -> None:
        """Go on where a run of the same recipe and the same lessons was interrupted, if one was."""
        from safetensors.torch import load_file

        index = folder / "checkpoint.json"
        if not index.is_file():
            return
        stored = json.loads(index.read_text(encoding="utf-8"))
        if stored["plan"] != self._fingerprint():
            return
        tensors = load_file(folder / stored["file"])
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(tensors[f"weights/{name}"])
                self._average[name].copy_(tensors[f"average/{name}"])
                self._optimizer.state[parameter] = {
                    key: tensors[f"{key}/{name}"].to("cpu" if key == "step" else parameter.device)
                    for key in ("step", "exp_avg", "exp_avg_sq")
                    if f"{key}/{name}" in tensors
                }
        self.history = stored["history"]
        self.step = int(Path(stored["file"]).stem.partition("-")[2])

    def _fingerprint(self) -> list[Any]:
        tokens = sum(len(lesson.window.ids) for _, group in self.plan for lesson in group)
        return [asdict(self._recipe), len(self.plan), tokens]


def _share(step: int, steps: int, warm_up: float) -> float:
    """Of the highest learning rate: rises first, then falls to nothing."""
    rising = max(1.0, warm_up * steps)
    return min((step + 1) / rising, max(0.0, (steps - step) / max(1.0, steps - rising)))


def _by_head(lessons: Sequence[Lesson]) -> dict[str, list[tuple[int, Any]]]:
    """Labels with their lesson's row, by head."""
    found: dict[str, list[tuple[int, Any]]] = {}
    for row, lesson in enumerate(lessons):
        for label in lesson.labels:
            found.setdefault(label.head, []).append((row, label))
    return found


def _attention(
    module: Any,  # noqa: ARG001 - the signature that transformers calls
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor,
    scaling: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention in fp32, whose processor kernel is faster than bf16's, above all backwards."""
    with torch.autocast(query.device.type, enabled=False):
        mixed = functional.scaled_dot_product_attention(
            query.float(),
            key.float(),
            value.float(),
            attn_mask=attention_mask.float(),
            scale=scaling if scaling is not None else 1 / math.sqrt(query.shape[-1]),
        )
    return mixed.transpose(1, 2).to(query.dtype).contiguous(), None
