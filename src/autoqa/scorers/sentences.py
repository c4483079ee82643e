"""Which sentences of a turn a rating of that turn rests on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from autoqa.features.batch import Batch
from autoqa.features.views import Item
from autoqa.records import Evidence
from autoqa.scorecard.schema import Criterion
from autoqa.scorers.linear import LinearScorer

_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]*")
_OF_STRONGEST = 0.5  # sentences that carry at least this share of the strongest one are shown


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return [start, end) of every sentence that has a word in it."""
    spans = []
    for match in _SENTENCE.finditer(text):
        said = match.group()
        if any(c.isalnum() for c in said):
            start = match.start() + len(said) - len(said.lstrip())
            spans.append((start, match.end()))
    return spans


def sentence_evidence(
    scorer: LinearScorer, criterion: Criterion, batch: Batch, items: Sequence[Item]
) -> list[tuple[Evidence, ...]]:
    """Return per item the sentences of its turn that argue for a high level, strongest first.

    Each sentence is rated as if it were the whole turn; what it reaches above the lowest level is
    its contribution, in scale units. Turns of one sentence are their own evidence.
    """
    variants, spans, owners = [], [], []
    for place, item in enumerate(items):
        transcript = batch.transcripts[item.transcript]
        turn = len(transcript.turns) - 1 if item.turn is None else item.turn
        said = transcript.turns[turn]
        before = transcript.turns[max(turn - 1, 0) : turn]
        for start, end in sentence_spans(said.text):
            alone = replace(said, text=said.text[start:end])
            variants.append(replace(transcript, turns=(*before, alone), closing_actions=()))
            spans.append((turn, start, end))
            owners.append(place)
    if not variants:
        return [() for _ in items]
    parts = Batch(variants, encoders=batch.encoders)
    ends = [Item(i, len(v.turns) - 1) for i, v in enumerate(variants)]
    model = scorer.models[criterion.id]
    reached = model.probabilities(parts, ends) @ np.array(criterion.scale) - criterion.scale[0]
    found: list[list[Evidence]] = [[] for _ in items]
    for place, (turn, start, end), value in zip(owners, spans, reached, strict=True):
        found[place].append(Evidence(turn=turn, start=start, end=end, contribution=float(value)))
    return [_strongest(evidence) for evidence in found]


def _strongest(evidence: list[Evidence]) -> tuple[Evidence, ...]:
    ranked = sorted(evidence, key=lambda e: (-e.contribution, e.start))
    return tuple(e for e in ranked if e.contribution >= _OF_STRONGEST * ranked[0].contribution)
