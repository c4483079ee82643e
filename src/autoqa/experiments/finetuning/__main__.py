"""`make adapter`: fine-tune a packaged encoder on the shared datasets.

Usage: ``python -m autoqa.experiments.finetuning english --data ../shared/data --out FOLDER``

On two cores it takes under 90 minutes, on a GPU minutes; an interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from autoqa.errors import AutoqaError, DataError
from autoqa.experiments.finetuning.disturbances import disturbed_copy
from autoqa.experiments.finetuning.lessons import Lesson, heads_of, lessons_of
from autoqa.experiments.tasks import TASKS, Dataset, load_dataset
from autoqa.features.adapters import Adapter, write_adapter
from autoqa.features.conversations import WindowReader
from autoqa.features.weights import find_weights

SOURCES = {
    "satisfaction": ("uss_mwoz", "uss_sgd", "uss_redial", "uss_ccpe"),
    "politeness": ("politeness",),
    "empathy": ("epitome",),
    "listening": ("annomi",),
}
"""English datasets that teach an encoder."""


@dataclass(frozen=True)
class School:
    """What one encoder learns from, unless told otherwise.

    Attributes
    ----------
    base : str
        Encoder to start from.
    more : tuple of (str, str)
        Tasks and datasets beside `SOURCES`. A dataset may stand here several times: its copies
        are disturbed differently, and it counts for more.
    settings : mapping
        Laid over the recipe.
    """

    base: str
    more: tuple[tuple[str, str], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


SCHOOLS = {
    "english": School("minilm"),
    # Chinese labels are few: English ones teach what satisfaction is, and they are heard thrice.
    "multilingual": School("e5", (("satisfaction", "jddc_valid"),) * 3, {"epochs": 2, "frozen": 6}),
}

_CHECK_EVERY = 5  # where a dataset marks no held-out part, every fifth conversation is left out


def parts_of(dataset: Dataset) -> tuple[Dataset, Dataset]:
    """Return what to learn from and what to check on.

    Where the dataset marks no part to check on, it is a fifth of the conversations, by id.
    """
    train = dataset.where(lambda one: one.split == "train")
    held = dataset.where(lambda one: one.split != "train")
    if train.labelled and held.labelled:
        return train, held
    names = sorted(one.transcript.conversation_id for one in dataset.labelled)
    left_out = set(np.random.default_rng(7).permutation(names)[::_CHECK_EVERY].tolist())
    return (
        dataset.where(lambda one: one.transcript.conversation_id not in left_out),
        dataset.where(lambda one: one.transcript.conversation_id in left_out),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Fine-tune from the command line; return the exit code."""
    chosen = _arguments(arguments)
    if not chosen.data.is_dir():
        print(f"{chosen.data}: no such folder; it holds the datasets", file=sys.stderr)
        return 2
    started = time.perf_counter()
    try:
        _fine_tune(chosen)
    except AutoqaError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"wrote {chosen.out} in {time.perf_counter() - started:.0f} s")
    return 0


def _fine_tune(chosen: argparse.Namespace) -> None:
    import torch
    from tokenizers import Tokenizer

    from autoqa.experiments.finetuning.trainer import Recipe, TurnReader, fine_tune

    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    weights = find_weights(chosen.base)
    recipe = Recipe(**{f.name: getattr(chosen, f.name) for f in fields(Recipe)})
    adapter = Adapter(
        name=f"{weights.name}-turns",
        base=chosen.base,
        base_fingerprint=weights.fingerprint,
        scale=recipe.scale,
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = weights.folder(Path(scratch))
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        reader = WindowReader(tokenizer, adapter.max_tokens, adapter.context_tokens)
        tasks = [TASKS[name] for name in chosen.tasks]
        heads = heads_of(tasks)
        more = SCHOOLS[chosen.school].more
        parts = [
            (task, *parts_of(load_dataset(chosen.data / name)))
            for task in tasks
            for name in (*SOURCES[task.name], *(name for other, name in more if other == task.name))
        ]

        @cache  # counted here, and laid out again for the plan
        def train(epoch: int) -> list[Lesson]:
            rng = np.random.default_rng([recipe.seed, epoch])
            return [
                lesson
                for task, learn, _ in parts
                for lesson in lessons_of(task, disturbed_copy(learn, rng), heads, reader)
            ]

        valid = [
            lesson for task, _, check in parts for lesson in lessons_of(task, check, heads, reader)
        ]
        first = train(0)
        if not first:
            raise DataError(f"{chosen.data}: nothing to learn from")
        tokens = sum(len(lesson.window.ids) for lesson in first)
        print(f"{len(first)} windows, {tokens} tokens an epoch, {len(valid)} windows to check on")
        torch.manual_seed(recipe.seed)
        sources = sorted({lesson.source for lesson in (*first, *valid)})
        model = TurnReader(folder, heads, sources, recipe)
        history = fine_tune(
            model,
            train,
            valid,
            recipe,
            checkpoint=chosen.out / "checkpoint",
            say=_say,
        )
        write_adapter(chosen.out, adapter, model.adapter())
        for epoch, losses in enumerate(history, start=1):
            print(f"epoch {epoch}, loss on what was left out: {json.dumps(losses)}")


def _say(text: str, step: int, steps: int) -> None:
    if step % 25 == 0 or step == steps:
        print(f"{step}/{steps} {text}", file=sys.stderr, flush=True)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    from autoqa.experiments.finetuning.trainer import Recipe

    parser = argparse.ArgumentParser(
        prog="python -m autoqa.experiments.finetuning",
        description=(__doc__ or "").splitlines()[0],
    )
    parser.add_argument("school", nargs="?", choices=list(SCHOOLS), default="english")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, help="default models/default/adapters/SCHOOL")
    parser.add_argument("--base", help="encoder to start from; default, the school's")
    parser.add_argument("--tasks", nargs="*", default=list(SOURCES), choices=list(SOURCES))
    parser.add_argument("--threads", type=int, help="processor threads, default all")
    for one in fields(Recipe):
        flag = f"--{one.name.replace('_', '-')}"
        parser.add_argument(flag, type=type(one.default), help=f"default {one.default}")
    chosen = parser.parse_args(arguments)
    school = SCHOOLS[chosen.school]
    chosen.base = chosen.base or school.base
    chosen.out = chosen.out or Path("models/default/adapters") / chosen.school
    for one in fields(Recipe):
        if getattr(chosen, one.name) is None:
            setattr(chosen, one.name, school.settings.get(one.name, one.default))
    return chosen


if __name__ == "__main__":
    raise SystemExit(main())
