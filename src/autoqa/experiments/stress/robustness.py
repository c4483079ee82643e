"""How far a model's scores move when transcripts change in ways that should not matter."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autoqa.evaluation.intervals import bootstrap_many
from autoqa.experiments.stress.asking import (
    MOST_TURNS,
    AskedHead,
    sample,
    shuffled,
    some_of,
    transcripts_of,
)
from autoqa.experiments.stress.asr import misheard
from autoqa.experiments.stress.perturbations import (
    PERTURBATIONS,
    Perturbation,
    praised_by_customer,
    silenced_agent,
)
from autoqa.experiments.tasks.base import Examples, Floats, Predictions, Task
from autoqa.experiments.tasks.dataset import Dataset
from autoqa.features.views import is_agent_side
from autoqa.records import Transcript
from autoqa.scorecard.schema import Criterion

WORD_ERROR_RATES = (0.0, 0.05, 0.10, 0.20, 0.40)
"""Rates of the stress curve; at 0 only capitals and punctuation are lost."""

MAIN_METRICS: Mapping[str, tuple[str, ...]] = {
    "satisfaction": ("macro_f1",),
    "politeness": ("spearman",),
    "empathy": (
        "emotional_reaction_macro_f1",
        "interpretation_macro_f1",
        "exploration_macro_f1",
    ),
    "listening": ("reflection_kappa", "question_kappa", "therapist_input_kappa", "quality_auc"),
    "procedure": ("auc",),
}
"""The metrics of each benchmark that the stress curve follows."""

MOVED = 2.0
"""Points of 100 from which an item counts as moved."""

ENOUGH = 10
"""Conversations that a verdict needs."""


def robustness_of_heads(
    task: Task,
    heads: Mapping[str, AskedHead],
    dataset: Dataset,
    examples: Mapping[str, Examples],
    *,
    n_resamples: int = 1000,
    seed: int = 7,
) -> dict[str, Any]:
    """Change transcripts, and compare scores before and after.

    At most `autoqa.experiments.stress.asking.MOST_ITEMS` items of each head are tried.

    Returns
    -------
    dict
        JSON values: ``heads``, by head the changes (``mean_absolute_change`` in points of 100
        with its interval over conversations, the signed ``mean_change``, the share ``moved`` by
        more than `MOVED` points, ``limit`` and whether it ``holds``) and ``customer_alone``, what
        positive phrases of the customer add when the agent says nothing; and ``stress``, the
        benchmark's main metrics on the same items at each word error rate.
    """
    chosen = {name: sample(dataset, one, seed=seed) for name, one in examples.items()}
    clean = {
        name: heads[name].predictions(transcripts_of(dataset, one), one)
        for name, one in chosen.items()
    }
    options = {"n_resamples": n_resamples, "seed": seed}
    return {
        "heads": {
            name: {
                "n": len(one),
                "changes": {
                    perturbation.name: _change(
                        perturbation, heads[name], dataset, examples[name], **options
                    )
                    for perturbation in PERTURBATIONS
                    if perturbation.concerns(heads[name].criterion)
                },
                "customer_alone": (
                    _customer_alone(heads[name], dataset, one, **options)
                    if is_agent_side(heads[name].criterion.speaker)
                    else None
                ),
            }
            for name, one in chosen.items()
        },
        "stress": _stress_curve(task, heads, dataset, chosen, clean, **options),
    }


def _rng(seed: int, name: str, transcript: Transcript) -> np.random.Generator:
    """Chance that is the same for all moments of a conversation, whatever the sample."""
    return np.random.default_rng(
        [seed, zlib.crc32(f"{name}/{transcript.conversation_id}".encode())]
    )


def _change(
    perturbation: Perturbation,
    head: AskedHead,
    dataset: Dataset,
    examples: Examples,
    *,
    n_resamples: int,
    seed: int,
) -> dict[str, Any]:
    rows, changed = _changed(perturbation, head.criterion, dataset, examples, seed)
    if not rows:
        return {**_NOTHING, "limit": perturbation.limit}
    part = examples.take(np.array(rows))
    before = head.predictions(transcripts_of(dataset, part), part).expected
    moved = head.points(head.predictions(changed, part).expected) - head.points(before)
    found = _movement(moved, part, n_resamples=n_resamples, seed=seed)
    within = bool(np.abs(moved).mean() <= perturbation.limit)
    return {
        **found,
        "limit": perturbation.limit,
        "holds": within if found["n_conversations"] >= ENOUGH else None,
    }


def _changed(
    perturbation: Perturbation,
    criterion: Criterion,
    dataset: Dataset,
    examples: Examples,
    seed: int,
) -> tuple[list[int], list[Transcript]]:
    """Return the examples that there is something to change in, and their changed conversations.

    As many as `sample` would take, but of those that change. Where single turns are rated, the
    change has to touch the turn or the one before it: others would flatter the model.
    """
    of_item = np.array([item.transcript for item in examples.items])
    found: list[tuple[int, Transcript]] = []
    n_turns = 0
    for conversation in shuffled(of_item, seed=seed):
        transcript = dataset.labelled[conversation].transcript
        of_conversation: list[tuple[int, Transcript]] = []
        for row in np.flatnonzero(of_item == conversation):
            rng = _rng(seed, perturbation.name, transcript)
            turn = examples.items[row].turn
            after = perturbation.change(transcript, turn, rng)
            near = slice(None)
            if turn is not None and criterion.unit == "turn":
                near = slice(max(turn - 1, 0), turn + 1)
            if after is not None and after.turns[near] != transcript.turns[near]:
                same = (other for _, other in of_conversation if other == after)
                of_conversation.append((int(row), next(same, after)))
        found += of_conversation
        n_turns += len(transcript.turns) if of_conversation else 0
        if n_turns >= MOST_TURNS:
            break
    kept = [found[i] for i in some_of(len(found), seed=seed)]
    return [row for row, _ in kept], [after for _, after in kept]


_NOTHING: dict[str, Any] = {
    "n": 0,
    "n_conversations": 0,
    "mean_absolute_change": None,
    "mean_change": None,
    "moved": None,
    "holds": None,
}


def _movement(moved: Floats, examples: Examples, *, n_resamples: int, seed: int) -> dict[str, Any]:
    figures = bootstrap_many(
        lambda change: {
            "mean_absolute_change": float(np.abs(change).mean()),
            "mean_change": float(change.mean()),
            "moved": float((np.abs(change) > MOVED).mean()),
        },
        moved,
        clusters=examples.clusters,
        n_resamples=n_resamples,
        seed=seed,
    )
    return {
        "n": len(moved),
        "n_conversations": len({item.transcript for item in examples.items}),
        **{name: one.to_dict() for name, one in figures.items()},
    }


def _customer_alone(
    head: AskedHead, dataset: Dataset, examples: Examples, *, n_resamples: int, seed: int
) -> dict[str, Any]:
    """Whether an agent who says nothing is rated higher for what the customer says.

    ``raised`` is the share of items whose level rises; the promise holds where none does.
    """
    before: list[Transcript] = []
    rows: list[int] = []
    pairs = zip(examples.items, transcripts_of(dataset, examples), strict=True)
    for row, (item, transcript) in enumerate(pairs):
        silenced = silenced_agent(transcript, item.turn)
        if silenced is not None:
            before.append(silenced)
            rows.append(row)
    if not rows:
        return {**_NOTHING, "raised": None}
    part = examples.take(np.array(rows))
    plain = head.predictions(before, part)
    praised = head.predictions([praised_by_customer(t) for t in before], part)
    raised = float((praised.levels > plain.levels).mean())
    moved = head.points(praised.expected) - head.points(plain.expected)
    found = _movement(moved, part, n_resamples=n_resamples, seed=seed)
    return {
        **found,
        "raised": raised,
        "holds": raised == 0 if found["n_conversations"] >= ENOUGH else None,
    }


def _stress_curve(
    task: Task,
    heads: Mapping[str, AskedHead],
    dataset: Dataset,
    examples: Mapping[str, Examples],
    clean: Mapping[str, Predictions],
    *,
    n_resamples: int,
    seed: int,
) -> list[dict[str, Any]]:
    curve: list[dict[str, Any]] = []
    for rate in (None, *WORD_ERROR_RATES):
        said = dict(clean)
        changes: dict[str, Any] = {}
        for name, one in examples.items():
            if rate is None:
                continue
            heard = _heard(transcripts_of(dataset, one), rate, seed)
            said[name] = heads[name].predictions(heard, one)
            moved = heads[name].points(said[name].expected) - heads[name].points(
                clean[name].expected
            )
            changes[name] = _movement(moved, one, n_resamples=n_resamples, seed=seed)
        judged = task.judge(dataset, dict(examples), said, n_resamples=n_resamples, seed=seed)
        curve.append(
            {
                "word_error_rate": rate,
                "metrics": {
                    name: judged.metrics[name].to_dict()
                    for name in MAIN_METRICS[task.name]
                    if name in judged.metrics
                },
                "changes": changes,
            }
        )
    return curve


def _heard(transcripts: Sequence[Transcript], rate: float, seed: int) -> list[Transcript]:
    """Every conversation misheard once, however many of its moments are asked about."""
    by_id = {t.conversation_id: t for t in transcripts}
    heard = {
        name: misheard(transcript, rate, _rng(seed, "asr", transcript))
        for name, transcript in by_id.items()
    }
    return [heard[t.conversation_id] for t in transcripts]
