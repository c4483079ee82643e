"""The deletion test on a benchmark's heads: does the evidence carry the score?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autoqa.evaluation.faithfulness import Explained, deletion_test
from autoqa.experiments.stress.asking import AskedHead, sample, transcripts_of
from autoqa.experiments.tasks.base import Examples
from autoqa.experiments.tasks.dataset import Dataset


def deletion_of_heads(
    heads: Mapping[str, AskedHead],
    dataset: Dataset,
    examples: Mapping[str, Examples],
    *,
    n_resamples: int = 1000,
    seed: int = 7,
) -> dict[str, Any]:
    """Take the evidence out of conversations, or random talk of the same speaker, and rescore.

    See `autoqa.evaluation.faithfulness` for what is taken out of what. A criterion that rates
    single turns is tested on the sentences it quotes. At most
    `autoqa.experiments.stress.asking.MOST_ITEMS` items of each head are tried.

    Returns
    -------
    dict
        JSON values by head: ``n``, the items tried, and ``sizes``, the figures of
        `autoqa.evaluation.faithfulness.DeletionFigures` for every number of pieces.
    """
    found: dict[str, Any] = {}
    for name, every in examples.items():
        head = heads[name]
        one = sample(dataset, every, seed=seed)
        transcripts = transcripts_of(dataset, one)
        evidence = head.evidence(transcripts, one)
        questions = [
            Explained(
                transcript=transcript,
                turn=item.turn,
                evidence=quoted,
                cluster=str(cluster),
                single_turn=head.criterion.unit == "turn",
            )
            for transcript, item, quoted, cluster in zip(
                transcripts, one.items, evidence, one.clusters, strict=True
            )
        ]
        figures = deletion_test(questions, head.rescore, n_resamples=n_resamples, seed=seed)
        found[name] = {"n": len(one), "sizes": [one.to_dict() for one in figures]}
    return found
