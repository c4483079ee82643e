"""`make models`: train models/default from the shared datasets, and write their card.

Usage: ``python -m autoqa.experiments.default_models --data ../shared/data --out models/default``
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autoqa.errors import AutoqaError
from autoqa.experiments.fitting import fit_head, pool
from autoqa.experiments.prepared import EMBEDDINGS
from autoqa.experiments.provenance import named_source
from autoqa.experiments.tasks import TASKS, Dataset, load_dataset
from autoqa.features.batch import Batch
from autoqa.features.routing import default_encoders
from autoqa.scorers.folder import HeadCard, ModelFolder, write_models
from autoqa.scorers.routed import RoutedModel


@dataclass(frozen=True)
class Source:
    """Datasets that a task's heads learn from, and under which terms."""

    task: str
    folders: tuple[str, ...]
    licence: str
    note: str


SOURCES = (
    Source(
        "satisfaction",
        ("uss_mwoz", "uss_sgd", "uss_redial", "jddc_valid"),
        "research-only",
        "USS (no licence stated; texts of MultiWOZ, SGD, ReDial) and JDDC through ASAP; judged by "
        "readers, not by customers",
    ),
    Source(
        "politeness",
        ("politeness",),
        "CC BY 4.0 (as ConvoKit states for the corpus)",
        "Stanford Politeness Corpus: requests of Wikipedia and Stack Exchange users, not service "
        "replies",
    ),
    Source(
        "empathy",
        ("epitome",),
        "research-only",
        "EPITOME, Reddit part: peers in mental-health forums, not agents",
    ),
    Source(
        "listening",
        ("annomi",),
        "research-only",
        "AnnoMI (no licence stated): motivational interviewing, transcribed videos",
    ),
    Source(
        "procedure",
        ("tau_airline",),
        "MIT",
        "tau-bench airline runs of one bot with simulated customers: no people in it",
    ),
)


def train_default(data: Path, out: Path, *, only: Sequence[str] = ()) -> ModelFolder:
    """Train every head on the ``train`` part of its datasets and write the folder.

    A dataset without a ``train`` part (JDDC has only its validation file in the open) is learned
    from whole, and `autoqa benchmark` says so when it is asked about it.
    """
    encoders = default_encoders(cache=EMBEDDINGS)
    models: dict[str, RoutedModel] = {}
    cards: dict[str, HeadCard] = {}
    for source in SOURCES:
        if only and source.task not in only:
            continue
        task = TASKS[source.task]
        datasets = [load_dataset(data / name) for name in source.folders]
        training = [_training_part(dataset) for dataset in datasets]
        pooled = pool(training)
        examples = task.examples(pooled)
        batch = Batch(pooled.transcripts, encoders=encoders)
        for name, one in examples.items():
            started = time.perf_counter()
            models[name] = fit_head(task, name, batch, one)
            cards[name] = HeadCard(
                criterion=task.head(name),
                licence=source.licence,
                trained_on=tuple(named_source(d.name, d.sha256) for d in datasets),
                n_items=len(one),
                notes=source.note,
            )
            print(f"{name}: {len(one)} items, {time.perf_counter() - started:.0f} s", flush=True)
    return write_models(out, models, cards, readme=_readme(cards))


def _training_part(dataset: Dataset) -> Dataset:
    train = dataset.where(lambda one: one.split == "train")
    return train if train.labelled else dataset


def _readme(cards: dict[str, HeadCard]) -> str:
    lines = [
        "# models/default",
        "",
        "Heads over frozen text encoders (all-MiniLM-L6-v2 for English, multilingual-e5-small for "
        "every other language) and n-grams. Trained by `make models`; measured by `autoqa "
        "benchmark`, figures in `experiments/RESULTS.md`. `autoqa models verify models/default` "
        "checks every file.",
        "",
        "| head | scale | learned from | items | licence of the data | what the data are |",
        "|---|---|---|---|---|---|",
    ]
    for name, card in cards.items():
        scale = card.criterion.scale
        learned = ", ".join(source.split(" ")[0] for source in card.trained_on)
        lines.append(
            f"| `{name}` | {scale[0]}-{scale[-1]} | {learned} | {card.n_items} | {card.licence} | "
            f"{card.notes} |"
        )
    lines += [
        "",
        "**Intended use**: a start before a team has ratings of its own, and a baseline in "
        "experiments. `autoqa train` learns the team's own scorecard from its own ratings.",
        "",
        "**Not for**: decisions about a person without a person; feelings or intentions of an "
        "agent; voices or faces. None of the training data are calls of a contact centre, so "
        "measure agreement with your own reviewers (`autoqa compare`) before trusting a figure.",
        "",
        "Heads marked research-only were learned from data whose licence is non-commercial or not "
        "stated.",
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Train from the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("models/default"))
    parser.add_argument(
        "--only", nargs="*", default=(), choices=list(TASKS), help="tasks to train, default all"
    )
    chosen = parser.parse_args(arguments)
    if not chosen.data.is_dir():
        print(
            f"{chosen.data}: no such folder; the shared datasets are needed to train",
            file=sys.stderr,
        )
        return 2
    started = time.perf_counter()
    try:
        train_default(chosen.data, chosen.out, only=chosen.only)
    except AutoqaError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"wrote {chosen.out} in {time.perf_counter() - started:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
