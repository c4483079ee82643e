"""`make models`: train models/default from the shared datasets, and write their card.

Usage: ``python -m autoqa.experiments.default_models --data ../shared/data --out models/default``
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autoqa.errors import AutoqaError, DataError
from autoqa.experiments.fitting import SEED, fit_head, pool
from autoqa.experiments.measuring import CALIBRATION, measure
from autoqa.experiments.model_cards import card_markdown, overview
from autoqa.experiments.prepared import EMBEDDINGS
from autoqa.experiments.provenance import autoqa_version, git_tags, named_source
from autoqa.experiments.tasks import TASKS, Dataset, Examples, load_dataset
from autoqa.features.adapters import is_adapter
from autoqa.features.batch import Batch
from autoqa.features.routing import default_encoders, encoder_routes
from autoqa.scorers.folder import (
    PERMISSIVE,
    HeadCard,
    ModelFolder,
    is_permissive,
    rewrite_cards,
    write_models,
)
from autoqa.scorers.routed import RoutedModel


@dataclass(frozen=True)
class Source:
    """Datasets that a task's heads learn from, under which terms, and what the heads are for."""

    task: str
    folders: tuple[str, ...]
    licence: str
    note: str
    intended_use: str
    out_of_scope: str


SOURCES = (
    Source(
        "satisfaction",
        ("uss_mwoz", "uss_sgd", "uss_redial", "jddc_valid"),
        "research-only",
        "USS (no licence stated; texts of MultiWOZ, SGD, ReDial) and JDDC through ASAP; judged by "
        "readers, not by customers",
        "a first estimate of satisfaction in three classes, after a customer's turn or overall, "
        "until surveys of one's own are there to learn from",
        "standing in for a survey: readers judged the texts, and customers may answer otherwise",
    ),
    Source(
        "politeness",
        ("politeness",),
        "CC BY 4.0 (as ConvoKit states for the corpus)",
        "Stanford Politeness Corpus: requests of Wikipedia and Stack Exchange users, not service "
        "replies",
        "ranking turns by how polite their wording is, to choose what people look at",
        "a pass mark: the levels 1-25 are those of two online communities, and norms differ",
    ),
    Source(
        "empathy",
        ("epitome",),
        "research-only",
        "EPITOME, Reddit part: peers in mental-health forums, not agents",
        "finding replies that put empathy into words, with the words quoted",
        "mental-health conversations, and short service replies without checking on some first",
    ),
    Source(
        "listening",
        ("annomi",),
        "research-only",
        "AnnoMI (no licence stated): motivational interviewing, transcribed videos",
        "telling reflections, questions and advice apart in what an agent says",
        "judging counsellors; 88 conversations, most by one expert, are few to learn from",
    ),
    Source(
        "procedure",
        ("tau_airline",),
        "MIT",
        "tau-bench airline runs of one bot with simulated customers: no people in it",
        "a floor in experiments on bots that follow a written policy",
        "other policies, other bots, and people: it learned where one bot went wrong",
    ),
)

ADAPTERS = {"english": "en", "multilingual": "*"}
"""Folders of fine-tuned encoders, and the language that reads through each."""

_THROUGH_ADAPTER = "research-only (its encoder was fine-tuned on research-only data)"
_NEVER = (
    "decisions about a person without a person; feelings or intentions of an agent; voices or faces"
)


def train_default(
    data: Path,
    out: Path,
    *,
    adapters: Mapping[str, Path] | None = None,
    only: Sequence[str] = (),
    n_resamples: int = 1000,
) -> ModelFolder:
    """Train every head on the ``train`` part of its datasets, write the folder, and measure it.

    A dataset without a ``train`` part (JDDC has only its validation file in the open) is learned
    from whole, and `autoqa benchmark` says so when it is asked about it. Where a dataset has
    another part too, the head's card says how well the head does on it.

    `adapters` are the folders of fine-tuned encoders, by language.
    """
    folder = _train(SOURCES, data, out, adapters or {}, only, n_resamples)
    if adapters:
        free = [source for source in SOURCES if is_permissive(source.licence)]
        _train(free, data, out / PERMISSIVE, {}, only, n_resamples)
    return folder


def _train(
    sources: Sequence[Source],
    data: Path,
    out: Path,
    adapters: Mapping[str, Path],
    only: Sequence[str],
    n_resamples: int,
) -> ModelFolder:
    routes = {**encoder_routes(), **{language: str(path) for language, path in adapters.items()}}
    encoders = default_encoders(routes, cache=EMBEDDINGS)
    models: dict[str, RoutedModel] = {}
    cards: dict[str, HeadCard] = {}
    learned_from: dict[str, list[Dataset]] = {}
    code = _code_version()
    for source in sources:
        if only and source.task not in only:
            continue
        task = TASKS[source.task]
        datasets = [load_dataset(data / name) for name in source.folders]
        learned_from[source.task] = datasets
        pooled = pool([_training_part(dataset) for dataset in datasets])
        batch = Batch(pooled.transcripts, encoders=encoders)
        for name, one in task.examples(pooled).items():
            started = time.perf_counter()
            models[name] = fit_head(task, name, batch, one)
            cards[name] = HeadCard(
                criterion=task.head(name),
                licence=_THROUGH_ADAPTER if adapters else source.licence,
                trained_on=tuple(named_source(d.name, d.sha256) for d in datasets),
                n_items=len(one),
                notes=source.note,
                intended_use=source.intended_use,
                out_of_scope=f"{source.out_of_scope}; {_NEVER}",
                languages=_languages(batch, one),
                routes=tuple(sorted(models[name].models)),
                seed=SEED,
                code=code,
            )
            print(f"{name}: {len(one)} items, {time.perf_counter() - started:.0f} s", flush=True)
    folder = write_models(out, models, cards, adapters=adapters)
    for task_name, datasets in learned_from.items():
        started = time.perf_counter()
        for dataset in datasets:
            figures = measure(
                TASKS[task_name], folder, dataset, encoders, n_resamples=n_resamples, seed=SEED
            )
            for name in figures.keys() & cards.keys():
                metrics = {**cards[name].metrics, dataset.name: figures[name]}
                cards[name] = replace(cards[name], metrics=metrics)
        print(f"{task_name}: measured, {time.perf_counter() - started:.0f} s", flush=True)
    return rewrite_cards(out, cards, readme=_readme(cards, set(adapters)))


def _training_part(dataset: Dataset) -> Dataset:
    train = dataset.where(lambda one: one.split == "train")
    return train if train.labelled else dataset


def _languages(batch: Batch, examples: Examples) -> tuple[str, ...]:
    """The languages of what is learned from, the commonest first."""
    counts = Counter(batch.transcripts[i.transcript].primary_language for i in examples.items)
    return tuple(language for language, _ in counts.most_common())


def _code_version() -> str:
    tags = git_tags(Path(__file__).parent)
    said = f"autoqa {autoqa_version()}"
    if "git.commit" in tags:
        said += f", commit {tags['git.commit'][:7]}"
        said += " with changes" if tags["git.dirty"] == "true" else ""
    return said


def _readme(cards: Mapping[str, HeadCard], adapted: Collection[str]) -> str:
    english, others = (
        " fine-tuned on turns in context (`make adapter`)" if language in adapted else ""
        for language in ADAPTERS.values()
    )
    return "\n".join(
        [
            "# models/default",
            "",
            f"Heads over text encoders (all-MiniLM-L6-v2{english} for English, "
            f"multilingual-e5-small{others} for every other language) and n-grams. Made by `make "
            "models`, which also writes this page. `autoqa models card models/default HEAD` prints "
            "one card, `autoqa models verify models/default` checks every file.",
            "",
            overview(cards),
            "",
            "**Intended use**: a start before a team has ratings of its own, and a baseline in "
            "experiments. `autoqa train` learns the team's own scorecard from its own ratings.",
            "",
            f"**Not for**: {_NEVER}. None of the training data are calls of a contact centre, so "
            "measure agreement with your own reviewers (`autoqa compare`) before trusting a "
            "figure.",
            "",
            "**Licences**: heads marked research-only were learned from data whose licence is "
            "non-commercial or not stated; `--licence permissive` of `autoqa score` and `autoqa "
            "benchmark` goes without them.",
            "",
            "**Figures** are measured by `autoqa benchmark`'s own code on parts that no head "
            "learned from; *people* is what people reach on the same items. "
            f"`{CALIBRATION}` is the mean gap between how sure a head is of the level that it "
            "finds likeliest and how often people give that level (0 is best); "
            "`evidence_token_f1` is over all heads that learned from the same data.",
            *(f"\n{card_markdown(name, card)}" for name, card in cards.items()),
            "",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Train from the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("models/default"))
    parser.add_argument(
        "--only", nargs="*", default=(), choices=list(TASKS), help="tasks to train, default all"
    )
    parser.add_argument(
        "--adapters",
        type=Path,
        help=f"folder with fine-tuned encoders ({', '.join(ADAPTERS)}); default, OUT/adapters",
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
        adapters = _adapters(chosen.adapters or chosen.out / "adapters")
        if chosen.adapters and not adapters:
            raise DataError(
                f"{chosen.adapters}: no {' or '.join(ADAPTERS)} adapter there; `make adapter`"
            )
        train_default(chosen.data, chosen.out, adapters=adapters, only=chosen.only)
    except AutoqaError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"wrote {chosen.out} in {time.perf_counter() - started:.0f} s")
    return 0


def _adapters(folder: Path) -> dict[str, Path]:
    """Return the fine-tuned encoders that a folder has, by language."""
    return {
        language: folder / name for name, language in ADAPTERS.items() if is_adapter(folder / name)
    }


if __name__ == "__main__":
    raise SystemExit(main())
