"""Training of an evidence network: all heads at once, from whatever labels there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from autoqa.scorers.evidence_inputs import Ints, Spans, Turns, ranges
from autoqa.scorers.evidence_labels import EvidenceSettings, Lessons
from autoqa.scorers.evidence_layers import (
    EvidenceLayers,
    item_inputs,
    statistics_at,
    turn_inputs,
)

_TURNS_AT_ONCE = 8192  # padded, per step
_FORGET_SOURCE = 0.1  # of the conversations: what is said of unknown sources is learned from these
_BIAS_RATE = 5.0  # how much faster biases learn than weights
_WARM_UP = 0.1
_FEWEST_STEPS = 20  # that make a cycle
_NORM = 1.0


@dataclass(frozen=True, eq=False)
class _Indexed:
    """Lessons with the rows of every conversation, and the answers of every row."""

    lessons: Lessons
    first_row: Ints  # (n_conversations + 1,)
    first_answer: Ints  # (n_items + 1,)
    statistics: NDArray[np.float32]
    weight: float  # of every answer of this head

    @classmethod
    def of(cls, lessons: Lessons, turns: Turns) -> _Indexed:
        n = len(turns.starts) - 1
        conversation = lessons.spans.conversation
        # Heads with many labels count for more, but not in proportion: the root of their number.
        weight = 1 / np.sqrt(max(lessons.weight.sum(), 1e-9))
        return cls(
            lessons,
            np.searchsorted(conversation, np.arange(n + 1)),
            np.searchsorted(lessons.item, np.arange(len(lessons.groups) + 1)),
            statistics_at(turns, lessons.spans),
            float(weight),
        )


def train(
    layers: EvidenceLayers,
    turns: Turns,
    source: NDArray[Any],
    lessons: Mapping[str, Lessons],
    settings: EvidenceSettings,
    severities: Mapping[str, nn.Parameter],
) -> None:
    """Train the layers in place, with AdamW and one cycle of learning rates.

    Smith & Topin (2019), "Super-convergence", SPIE 11006, for the one cycle.

    Parameters
    ----------
    source : array of shape (n_conversations,)
        Index of each conversation's source; 0, unknown.
    severities : mapping of str to parameter of shape (n_raters,)
        By head; taken from the scores that raters are compared with. The first is 0.
    """
    rng = np.random.default_rng(settings.seed)
    indexed = {name: _Indexed.of(one, turns) for name, one in lessons.items()}
    used = np.unique(np.concatenate([one.spans.conversation for one in lessons.values()]))
    lengths = np.diff(turns.starts)
    used = used[lengths[used] > 0]
    per_epoch = len(_batches(used, lengths, settings, np.random.default_rng(0)))
    steps = max(settings.epochs * per_epoch, settings.least_steps, _FEWEST_STEPS)
    n_answers = sum(float(one.weight.sum()) for one in lessons.values())
    groups, rates = _parameter_groups(layers, settings, severities)
    optimizer = torch.optim.AdamW(groups)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rates, total_steps=steps, pct_start=_WARM_UP
    )
    layers.train()
    step = 0
    while step < steps:
        for members in _batches(used, lengths, settings, rng):
            forgotten = np.where(rng.random(len(source)) < _FORGET_SOURCE, 0, source)
            loss = _loss(layers, turns, forgotten, indexed, members, severities)
            penalty = settings.word_penalty * layers.words.weight.square().sum()
            for severity in severities.values():
                penalty = penalty + settings.severity_penalty * severity.square().sum()
            optimizer.zero_grad()
            (loss + penalty / (2 * n_answers)).backward()
            nn.utils.clip_grad_norm_(layers.parameters(), _NORM)
            optimizer.step()
            schedule.step()
            step += 1
            if step == steps:
                break
    layers.eval()


def _parameter_groups(
    layers: EvidenceLayers, settings: EvidenceSettings, severities: Mapping[str, nn.Parameter]
) -> tuple[list[dict[str, Any]], list[float]]:
    """Weights, biases, and tables of words and raters, each with a learning rate of its own."""
    tables = [layers.words.weight, *severities.values()]
    biases = [layers.near, layers.side_weight, layers.bias.weight, layers.whole]
    biases += list(layers.steps.parameters())
    apart = {id(p) for p in (*tables, *biases)}
    weights = [p for p in layers.parameters() if id(p) not in apart]
    rates = [
        settings.learning_rate,
        settings.learning_rate * _BIAS_RATE,
        settings.word_learning_rate,
    ]
    decay = [settings.weight_decay, 0.0, 0.0]
    groups = [
        {"params": params, "lr": rate, "weight_decay": amount}
        for params, rate, amount in zip((weights, biases, tables), rates, decay, strict=True)
    ]
    return groups, rates


def _batches(
    used: Ints, lengths: Ints, settings: EvidenceSettings, rng: np.random.Generator
) -> list[Ints]:
    """Shuffle conversations into batches of similar length, within a bound on padded turns."""
    order = used[rng.permutation(len(used))]
    order = order[np.argsort(lengths[order] + rng.normal(size=len(order)) * 3, kind="stable")]
    found: list[Ints] = []
    for begin in range(0, len(order), settings.conversations_at_once):
        found += _bounded(order[begin : begin + settings.conversations_at_once], lengths)
    return [found[i] for i in rng.permutation(len(found))]


def _bounded(members: Ints, lengths: Ints) -> Iterator[Ints]:
    """Cut a batch in halves until it is within the bound, or a single conversation."""
    if len(members) > 1 and len(members) * lengths[members].max() > _TURNS_AT_ONCE:
        half = len(members) // 2
        yield from _bounded(members[:half], lengths)
        yield from _bounded(members[half:], lengths)
    else:
        yield members


def _loss(
    layers: EvidenceLayers,
    turns: Turns,
    source: NDArray[Any],
    heads: Mapping[str, _Indexed],
    members: Ints,
    severities: Mapping[str, nn.Parameter],
) -> Tensor:
    """Mean loss over the answers to items of some conversations."""
    gates, values = layers(turn_inputs(turns, members, source, layers.n_words))
    lengths = np.diff(turns.starts)[members]
    begins = np.cumsum(lengths) - lengths
    total, weight = torch.zeros(()), 0.0
    for name, one in heads.items():
        rows, owner = ranges(one.first_row[members], one.first_row[members + 1])
        answers, answered = ranges(one.first_answer[rows], one.first_answer[rows + 1])
        if not len(answers):
            continue
        spans = one.lessons.spans.take(rows)
        moved = begins[owner] - turns.starts[members][owner]
        near = Spans(owner, spans.start + moved, spans.stop + moved, spans.whole)
        items = item_inputs(near, one.statistics[rows], source[spans.conversation])
        z = layers.terms(name, gates, values, items).logits()
        z = z.index_select(0, torch.from_numpy(answered))
        raters = torch.from_numpy(one.lessons.rater[answers])
        severity = severities[name].index_select(0, raters) * (raters > 0)
        z = z - severity[:, None] * severity_direction(z.shape[1], layers.link)
        target = torch.from_numpy(one.lessons.target[answers]).float()
        given = one.lessons.weight[answers] * one.weight
        total = total + (torch.from_numpy(given).float() * _each(z, target, layers.link)).sum()
        weight += float(given.sum())
    return total / max(weight, 1e-9)


def new_severities(lessons: Mapping[str, Lessons]) -> dict[str, nn.Parameter]:
    """Return a severity of 0 for every rater of every head."""
    return {name: nn.Parameter(torch.zeros(len(one.names))) for name, one in lessons.items()}


def severity_direction(n_outputs: int, link: str) -> Tensor:
    """What one unit of severity takes from each output: all steps alike, or high levels most."""
    if link == "ordinal":
        return torch.ones(n_outputs)
    return torch.linspace(-0.5, 0.5, n_outputs) * (n_outputs - 1)


def _each(z: Tensor, target: Tensor, link: str) -> Tensor:
    """Loss per row against shares of raters, shape (n,)."""
    if link == "multinomial":
        return -(target * functional.log_softmax(z, -1)).sum(-1)
    above = target.flip(-1).cumsum(-1).flip(-1)[:, 1:].clamp(0, 1)
    return functional.binary_cross_entropy_with_logits(z, above, reduction="none").mean(-1)


def centred(
    layers: EvidenceLayers, lessons: Mapping[str, Lessons], severities: Mapping[str, nn.Parameter]
) -> dict[str, dict[str, float]]:
    """Bring severities to a mean of 0, so that leaving them out predicts the average rater.

    Returns
    -------
    dict of str to dict of str to float
        Severity by head and rater, in units of the score; above 0, stricter than the others.
    """
    found: dict[str, dict[str, float]] = {}
    for name, one in lessons.items():
        if len(one.names) < 2:
            continue
        values = severities[name].detach().numpy().astype(float)
        values[0] = 0.0
        mean = float(np.average(values[one.rater], weights=one.weight))
        columns = layers.heads[name]
        direction = severity_direction(columns.width, layers.link)
        with torch.no_grad():
            layers.bias.weight[:, columns.part] -= mean * direction
        found[name] = {
            rater: float(value - mean)
            for rater, value in zip(one.names[1:], values[1:], strict=True)
        }
    return found
