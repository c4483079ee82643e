"""EvidenceNetwork: one model for all heads, whose every score is a sum over turns.

Turn vectors, speakers, positions and waiting times enter a transformer over turns that looks back
only. Per head, gated attention says how much weight a turn carries, and the turn says its part:

    logit = bias + statistics term + sum over turns of attention share * value

so what is shown to a reviewer adds up to the score. Values are of a turn in context, plus those of
its words, from a table per side.

References
----------
Ilse et al. (2018), "Attention-based Deep Multiple Instance Learning", ICML, for gated attention.
Javed et al. (2022), "Additive MIL", NeurIPS, for scores that are sums of what instances say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autoqa.errors import DataError, ModelError, near_miss
from autoqa.features.batch import Batch
from autoqa.features.ngrams import TurnNgrams, turn_text
from autoqa.features.views import Item
from autoqa.scorers.evidence_inputs import read_turns
from autoqa.scorers.evidence_labels import (
    NOT_APPLICABLE,
    Decision,
    EvidenceSettings,
    Floats,
    HeadLabels,
    Lessons,
    common_sources,
    lessons_of,
    set_apart,
    with_applicability,
)
from autoqa.scorers.heads import Head, best_temperature
from autoqa.scorers.text_features import batch_encoder
from autoqa.scorers.text_model import chosen_levels, rates_by_source
from autoqa.store import atomic_file, atomic_write_json

if TYPE_CHECKING:
    from autoqa.scorers.evidence_reader import Explanation, NetworkReader

__all__ = ["EvidenceNetwork", "EvidenceSettings", "HeadLabels"]

_FORMAT = 1
_MODEL, _WEIGHTS = "network.json", "network.safetensors"
_CALIBRATION_SHARE = 0.2
_MIN_CALIBRATION = 30  # items below which a temperature would fit noise
_LEAST_SOURCE = 300  # items of one source below which what is particular to it would be noise


@dataclass(eq=False)
class _FittedHead:
    """What is known of a head beside the network's weights."""

    levels: tuple[int, ...]
    decision: Decision
    link: Head  # turns logits into probabilities
    base_rate: Floats
    base_rates: dict[str, Floats]  # by source
    severities: dict[str, float]


class EvidenceNetwork:
    """Learns many heads over the turns of conversations, and says what each answer rests on.

    Parameters
    ----------
    settings : EvidenceSettings, optional

    Attributes
    ----------
    reader_ : NetworkReader
        The layers, and whose vectors they read.
    """

    reader_: NetworkReader

    def __init__(self, settings: EvidenceSettings | None = None) -> None:
        self.settings = settings or EvidenceSettings()
        self._heads: dict[str, _FittedHead] = {}

    # learning

    def fit(
        self,
        batch: Batch,
        labels: Mapping[str, HeadLabels],
        *,
        ngrams: TurnNgrams | None = None,
    ) -> EvidenceNetwork:
        """Learn all heads together; any item may lack labels of any head.

        Only conversations with labels are read. The same seed and data give the same network.

        Parameters
        ----------
        ngrams : TurnNgrams, optional
            A vocabulary to share with other models; default, learned from the conversations that
            have labels.

        Raises
        ------
        DataError
            If there is nothing to learn from, or labels do not fit each other.
        ModelError
            If the conversations' languages have different encoders.
        """
        import torch

        for name, one in labels.items():
            one.check(name, batch)
        used = sorted({item.transcript for one in labels.values() for item in one.items})
        if not any(len(batch.transcripts[i].turns) for i in used):
            raise DataError("no conversation with turns has a label: there is nothing to learn")
        part = batch if len(used) == len(batch) else batch.subset(used)
        place = {transcript: i for i, transcript in enumerate(used)}
        heads = {
            name: replace(one, items=[Item(place[i.transcript], i.turn) for i in one.items])
            for name, one in with_applicability(labels).items()
        }
        lessons = self._lessons(part, heads)
        for name in labels:
            if lessons[name].n_levels < 2:
                raise DataError(
                    f"{name}: all labels are at one level: there is nothing to tell apart"
                )
        vocabulary = self._vocabulary(part, ngrams)
        self._heads = {name: self._unfitted(one) for name, one in heads.items()}
        with torch.random.fork_rng(devices=[]):
            self._calibrate(part, lessons, vocabulary)
            self.reader_, severities = self._trained(part, lessons, vocabulary)
        for name, one in heads.items():
            head = self._heads[name]
            head.severities = severities.get(name, {})
            said = self._probabilities(name, part, one.items)
            weights = one.answer_weights()
            head.base_rate = np.average(said, axis=0, weights=weights)
            head.base_rates = rates_by_source(part, one.items, said, weights)
        return self

    def _lessons(self, batch: Batch, heads: Mapping[str, HeadLabels]) -> dict[str, Lessons]:
        lengths = [len(t.turns) for t in batch.transcripts]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        ids = [t.conversation_id for t in batch.transcripts]
        return {
            name: lessons_of(one, starts, self.settings.reach, ids) for name, one in heads.items()
        }

    def _vocabulary(self, batch: Batch, shared: TurnNgrams | None) -> TurnNgrams:
        if not self.settings.vocabulary:
            return TurnNgrams((), np.zeros(0))
        if shared is not None:
            return shared
        texts = [turn_text(turn) for t in batch.transcripts for turn in t.turns]
        return TurnNgrams.learn(texts, size=self.settings.vocabulary)

    def _unfitted(self, labels: HeadLabels) -> _FittedHead:
        levels = tuple(labels.levels)
        even = np.full(len(levels), 1 / len(levels))
        return _FittedHead(levels, labels.decision, self._link(levels), even, {}, {})

    def _link(self, levels: Sequence[int], temperature: float = 1.0) -> Head:
        link = Head(self.settings.link, seed=self.settings.seed)
        link.levels, link.temperature = np.array(levels, float), temperature
        return link

    def _calibrate(
        self, batch: Batch, lessons: Mapping[str, Lessons], vocabulary: TurnNgrams
    ) -> None:
        """Set every head's temperature on groups that a first network has not seen."""
        if not self.settings.calibrate:
            return
        rest, held = set_apart(lessons, _CALIBRATION_SHARE, self.settings.seed)
        rest = {name: one for name, one in rest.items() if one.n_levels > 1}
        enough = [name for name in rest if len(held[name].groups) >= _MIN_CALIBRATION]
        if not enough:
            return
        reader, _ = self._trained(batch, rest, vocabulary)
        for name in enough:
            targets, weights = held[name].item_targets()
            z = reader.logits(name, batch, held[name].spans)[weights > 0]
            link = self._heads[name].link
            link.temperature = best_temperature(link, z, targets[weights > 0])

    def _trained(
        self, batch: Batch, lessons: Mapping[str, Lessons], vocabulary: TurnNgrams
    ) -> tuple[NetworkReader, dict[str, dict[str, float]]]:
        """Return a newly trained reader, and raters' severities."""
        import torch

        from autoqa.scorers import evidence_training as training
        from autoqa.scorers.evidence_reader import NetworkReader

        torch.manual_seed(self.settings.seed)
        turns = read_turns(batch, vocabulary)
        reader = NetworkReader.new(
            self.settings,
            {name: len(one.levels) for name, one in self._heads.items()},
            encoder=batch_encoder(batch),
            dimension=int(turns.vectors.shape[1]),
            ngrams=vocabulary,
            sources=common_sources(batch, lessons, _LEAST_SOURCE),
            base_rates={name: one.base_rate() for name, one in lessons.items()},
            recent=frozenset(n for n, one in lessons.items() if not one.spans.whole.all()),
        )
        reader.layers.set_statistics(turns.statistics)
        severities = training.new_severities(lessons)
        source = reader.source_of(batch)
        training.train(reader.layers, turns, source, lessons, self.settings, severities)
        found = training.centred(reader.layers, lessons, severities)
        usual = {name: reader.usual_values(name, batch, one) for name, one in lessons.items()}
        for name, values in usual.items():
            reader.layers.shift(name, values)
        return replace(reader), found  # a new one: the version of the old one was asked for

    # answers

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of what was learned."""
        return tuple(name for name in self._heads if not name.endswith(NOT_APPLICABLE))

    @property
    def version(self) -> str:
        """Changes with settings and weights."""
        return self.reader_.version

    @property
    def severities(self) -> dict[str, dict[str, float]]:
        """How much stricter each rater is than the others, by head, in units of the score."""
        return {name: dict(self._heads[name].severities) for name in self.heads}

    def levels(self, head: str) -> tuple[int, ...]:
        """Every level of a head's scale, lowest first."""
        return self._head(head).levels

    def base_rate(self, head: str) -> Floats:
        """How often the network gives each level of a head, shape (n_levels,)."""
        return self._head(head).base_rate

    def probabilities(self, head: str, batch: Batch, items: Sequence[Item]) -> Floats:
        """Return calibrated probabilities over a head's levels, shape (n_items, n_levels).

        An item's answer rests on its conversation up to its turn, and on nothing else.

        Raises
        ------
        ModelError
            If the head is not known, or the batch's vectors are of another encoder.
        """
        self._head(head)
        return self._probabilities(head, batch, items)

    def not_applicable(self, head: str, batch: Batch, items: Sequence[Item]) -> Floats:
        """Return the probability that a head does not apply, shape (n_items,).

        0 where no label ever said so.
        """
        self._head(head)
        if head + NOT_APPLICABLE not in self._heads:
            return np.zeros(len(items))
        return self._probabilities(head + NOT_APPLICABLE, batch, items)[:, 1]

    def decide(
        self, head: str, batch: Batch, items: Sequence[Item], probabilities: Floats
    ) -> NDArray[np.int_]:
        """Return the chosen level per item, by the head's own rule; ties go to the lower level."""
        one = self._head(head)
        usual = [
            one.base_rates.get(batch.transcripts[item.transcript].source or "", one.base_rate)
            for item in items
        ]
        rates = np.array(usual).reshape(-1, len(one.levels))
        return chosen_levels(probabilities, one.levels, one.decision, rates)

    def explain(self, head: str, batch: Batch, items: Sequence[Item]) -> list[Explanation]:
        """Return the terms of every item's logits, which add up to them."""
        self._head(head)
        return self.reader_.explain(head, batch, items)

    def contributions(
        self, head: str, batch: Batch, items: Sequence[Item]
    ) -> list[tuple[NDArray[np.int_], Floats]]:
        """Return per item its turns and what each adds, in scale units.

        Terms of the logits are carried to the scale by the derivative of the expected level. A
        turn counts by how what it says differs from what turns say on average.
        """
        link = self._head(head).link
        found = []
        for one in self.explain(head, batch, items):
            slope = link.sensitivity(one.logits[None, :])[0]
            found.append((one.turns, np.asarray(one.parts @ slope, float)))
        return found

    def _head(self, name: str) -> _FittedHead:
        if name in self.heads:
            return self._heads[name]
        known = ", ".join(self.heads) or "none"
        raise ModelError(
            f"the network has no head '{name}'.{near_miss(name, self.heads)} Heads: {known}"
        )

    def _probabilities(self, head: str, batch: Batch, items: Sequence[Item]) -> Floats:
        one = self._heads[head]
        if not items:
            return np.zeros((0, len(one.levels)))
        z = self.reader_.logits(head, batch, self.reader_.spans(batch, items))
        return one.link.probabilities(z)

    # storage: JSON and arrays, nothing pickled

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
        """Return what `from_arrays` needs: JSON values, and weights.

        The vocabulary is not part of it: models may share theirs (see `TurnNgrams`).
        """
        reader = self.reader_
        heads = [
            {
                "name": name,
                "levels": list(one.levels),
                "decision": one.decision,
                "temperature": one.link.temperature,
                "base_rate": one.base_rate.tolist(),
                "base_rates": {k: v.tolist() for k, v in one.base_rates.items()},
                "severities": one.severities,
            }
            for name, one in self._heads.items()
        ]
        meta = {
            "format": _FORMAT,
            "settings": asdict(self.settings),
            "encoder": reader.encoder,
            "dimension": reader.dimension,
            "ngrams": reader.ngrams.key,
            "sources": list(reader.sources),
            "heads": heads,
        }
        return meta, reader.arrays()

    @classmethod
    def from_arrays(
        cls, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], ngrams: TurnNgrams
    ) -> EvidenceNetwork:
        """Rebuild a fitted network from `to_arrays`."""
        import torch

        from autoqa.scorers.evidence_reader import NetworkReader

        network = cls(EvidenceSettings(**meta["settings"]))
        for one in meta["heads"]:
            network._heads[one["name"]] = _FittedHead(
                tuple(one["levels"]),
                one["decision"],
                network._link(one["levels"], one["temperature"]),
                np.array(one["base_rate"]),
                {name: np.array(rates) for name, rates in one["base_rates"].items()},
                dict(one["severities"]),
            )
        network.reader_ = NetworkReader.new(
            network.settings,
            {name: len(one.levels) for name, one in network._heads.items()},
            encoder=meta["encoder"],
            dimension=meta["dimension"],
            ngrams=ngrams,
            sources=tuple(meta["sources"]),
        )
        weights = {name: torch.tensor(np.asarray(array)) for name, array in arrays.items()}
        network.reader_.layers.load_state_dict(weights)
        return network

    def save(self, folder: Path) -> None:
        """Write network.json, which holds the vocabulary too, and network.safetensors."""
        from safetensors.numpy import save

        meta, arrays = self.to_arrays()
        ngrams = self.reader_.ngrams
        idf = [round(float(value), 4) for value in ngrams.idf]
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write_json(folder / _MODEL, {**meta, "terms": list(ngrams.vocabulary), "idf": idf})
        with atomic_file(folder / _WEIGHTS) as stream:
            stream.write(save(arrays))

    @classmethod
    def load(cls, folder: Path) -> EvidenceNetwork:
        """Read what `save` wrote.

        Raises
        ------
        ModelError
            If files are missing, damaged, or of another version of the program.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            meta = json.loads((folder / _MODEL).read_text(encoding="utf-8"))
            if meta["format"] != _FORMAT:
                raise ValueError(f"format {meta['format']}, this version reads {_FORMAT}")
            ngrams = TurnNgrams(meta["terms"], np.array(meta["idf"], np.float32))
            if ngrams.key != meta["ngrams"]:
                raise ValueError("its vocabulary is not the one it was trained with")
            return cls.from_arrays(meta, load_file(folder / _WEIGHTS), ngrams)
        # torch says RuntimeError where weights are missing, or of another shape.
        except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
            raise ModelError(f"{folder}: not a usable network ({error}); train it again") from error
