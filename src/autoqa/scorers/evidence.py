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
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autoqa.errors import ModelError, near_miss
from autoqa.features.batch import Batch
from autoqa.features.ngrams import TurnNgrams
from autoqa.features.views import Item
from autoqa.scorers.evidence_heads import FittedHead, answers
from autoqa.scorers.evidence_labels import NOT_APPLICABLE, EvidenceSettings, Floats, HeadLabels
from autoqa.scorers.evidence_learning import learn
from autoqa.store import atomic_file, atomic_write_json

if TYPE_CHECKING:
    from autoqa.scorers.evidence_reader import Explanation, NetworkReader

__all__ = ["EvidenceNetwork", "EvidenceSettings", "HeadLabels"]

_FORMAT = 1
_MODEL, _WEIGHTS = "network.json", "network.safetensors"


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
        self._heads: dict[str, FittedHead] = {}

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
        self.reader_, self._heads = learn(batch, labels, self.settings, ngrams=ngrams)
        return self

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
        return self._head(head).decide(batch, items, probabilities)

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

    def _head(self, name: str) -> FittedHead:
        if name in self.heads:
            return self._heads[name]
        known = ", ".join(self.heads) or "none"
        raise ModelError(
            f"the network has no head '{name}'.{near_miss(name, self.heads)} Heads: {known}"
        )

    def _probabilities(self, head: str, batch: Batch, items: Sequence[Item]) -> Floats:
        return answers(self.reader_, head, self._heads[head].link, batch, items)

    # storage: JSON and arrays, nothing pickled

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
        """Return what `from_arrays` needs: JSON values, and weights.

        The vocabulary is not part of it: models may share theirs (see `TurnNgrams`).
        """
        reader = self.reader_
        heads = [{"name": name, **one.to_json()} for name, one in self._heads.items()]
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
        network._heads = {
            one["name"]: FittedHead.from_json(one, network.settings) for one in meta["heads"]
        }
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
