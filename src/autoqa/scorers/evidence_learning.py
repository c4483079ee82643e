"""Learning an evidence network: from labels to weights, temperatures, and how answers fall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from autoqa.errors import DataError
from autoqa.features.batch import Batch
from autoqa.features.ngrams import TurnNgrams, turn_text
from autoqa.features.views import Item
from autoqa.scorers.evidence_heads import FittedHead, answers, link_of
from autoqa.scorers.evidence_inputs import read_turns
from autoqa.scorers.evidence_labels import (
    EvidenceSettings,
    HeadLabels,
    Lessons,
    common_sources,
    lessons_of,
    set_apart,
    with_applicability,
)
from autoqa.scorers.heads import best_temperature
from autoqa.scorers.text_features import batch_encoder
from autoqa.scorers.text_model import rates_by_source

if TYPE_CHECKING:
    from autoqa.scorers.evidence_reader import NetworkReader

_CALIBRATION_SHARE = 0.2
_MIN_CALIBRATION = 30  # items below which a temperature would fit noise
_LEAST_SOURCE = 300  # items of one source below which what is particular to it would be noise


def learn(
    batch: Batch,
    labels: Mapping[str, HeadLabels],
    settings: EvidenceSettings,
    *,
    ngrams: TurnNgrams | None = None,
) -> tuple[NetworkReader, dict[str, FittedHead]]:
    """Return trained layers and the heads that read them; see `EvidenceNetwork.fit`."""
    import torch

    for name, one in labels.items():
        one.check(name, batch)
    used = sorted({item.transcript for one in labels.values() for item in one.items})
    if not any(len(batch.transcripts[i].turns) for i in used):
        raise DataError("no conversation with turns has a label: there is nothing to learn")
    part = batch if len(used) == len(batch) else batch.subset(used)
    place = {transcript: i for i, transcript in enumerate(used)}
    asked = {
        name: replace(one, items=[Item(place[i.transcript], i.turn) for i in one.items])
        for name, one in with_applicability(labels).items()
    }
    lessons = _lessons(part, asked, settings.reach)
    for name in labels:
        if lessons[name].n_levels < 2:
            raise DataError(f"{name}: all labels are at one level: there is nothing to tell apart")
    course = _Course(
        part,
        {name: tuple(one.levels) for name, one in asked.items()},
        settings,
        _vocabulary(part, ngrams, settings.vocabulary),
    )
    with torch.random.fork_rng(devices=[]):
        temperatures = course.temperatures(lessons) if settings.calibrate else {}
        reader, severities = course.trained(lessons)
    heads = {}
    for name, one in asked.items():
        link = link_of(settings, one.levels, temperatures.get(name, 1.0))
        said = answers(reader, name, link, part, one.items)
        weights = one.answer_weights()
        heads[name] = FittedHead(
            tuple(one.levels),
            one.decision,
            link,
            np.average(said, axis=0, weights=weights),
            rates_by_source(part, one.items, said, weights),
            severities.get(name, {}),
        )
    return reader, heads


@dataclass(frozen=True, eq=False)
class _Course:
    """What every training of one network shares, whichever lessons it is given."""

    batch: Batch
    levels: Mapping[str, tuple[int, ...]]  # by head
    settings: EvidenceSettings
    vocabulary: TurnNgrams

    def temperatures(self, lessons: Mapping[str, Lessons]) -> dict[str, float]:
        """Return heads' temperatures, set on groups that a first network has not seen."""
        rest, held = set_apart(lessons, _CALIBRATION_SHARE, self.settings.seed)
        rest = {name: one for name, one in rest.items() if one.n_levels > 1}
        enough = [name for name in rest if len(held[name].groups) >= _MIN_CALIBRATION]
        if not enough:
            return {}
        reader, _ = self.trained(rest)
        found = {}
        for name in enough:
            targets, weights = held[name].item_targets()
            z = reader.logits(name, self.batch, held[name].spans)[weights > 0]
            link = link_of(self.settings, self.levels[name])
            found[name] = best_temperature(link, z, targets[weights > 0])
        return found

    def trained(
        self, lessons: Mapping[str, Lessons]
    ) -> tuple[NetworkReader, dict[str, dict[str, float]]]:
        """Return a newly trained reader, and raters' severities by head."""
        import torch

        from autoqa.scorers import evidence_training as training
        from autoqa.scorers.evidence_reader import NetworkReader

        torch.manual_seed(self.settings.seed)
        turns = read_turns(self.batch, self.vocabulary)
        reader = NetworkReader.new(
            self.settings,
            {name: len(levels) for name, levels in self.levels.items()},
            encoder=batch_encoder(self.batch),
            dimension=int(turns.vectors.shape[1]),
            ngrams=self.vocabulary,
            sources=common_sources(self.batch, lessons, _LEAST_SOURCE),
            base_rates={name: one.base_rate() for name, one in lessons.items()},
            recent=frozenset(n for n, one in lessons.items() if not one.spans.whole.all()),
        )
        reader.layers.set_statistics(turns.statistics)
        severities = training.new_severities(lessons)
        source = reader.source_of(self.batch)
        training.train(reader.layers, turns, source, lessons, self.settings, severities)
        found = training.centred(reader.layers, lessons, severities)
        usual = {name: reader.usual_values(name, self.batch, one) for name, one in lessons.items()}
        for name, values in usual.items():
            reader.layers.shift(name, values)
        return replace(reader), found  # a new one: the version of the old one was asked for


def _lessons(batch: Batch, asked: Mapping[str, HeadLabels], reach: int) -> dict[str, Lessons]:
    lengths = [len(t.turns) for t in batch.transcripts]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = [t.conversation_id for t in batch.transcripts]
    return {name: lessons_of(one, starts, reach, ids) for name, one in asked.items()}


def _vocabulary(batch: Batch, shared: TurnNgrams | None, size: int) -> TurnNgrams:
    if not size:
        return TurnNgrams((), np.zeros(0))
    if shared is not None:
        return shared
    texts = [turn_text(turn) for t in batch.between_parties for turn in t.turns]
    return TurnNgrams.learn(texts, size=size)
