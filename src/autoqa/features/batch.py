"""Batch: transcripts with everything computed from them, each thing at most once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from autoqa.errors import EncoderError
from autoqa.features.encoders import ConversationEncoder, Encoder, FloatArray
from autoqa.features.instructions import without_instructions
from autoqa.features.statistics import statistics_after_turns
from autoqa.privacy import without_tags
from autoqa.records import Transcript

if TYPE_CHECKING:
    from spacy.tokens import Doc

ANY_LANGUAGE = "*"
_Value = TypeVar("_Value")


def between_parties(transcript: Transcript) -> Transcript:
    """Return what learned models read of a conversation: what was said to each other.

    Sentences are blanked that speak to whoever scores. Placeholders lose their number, ``[CARD]``
    for ``[CARD_1]``: which of its cards a conversation speaks of is no matter of quality.
    """
    transcript = without_instructions(transcript)
    texts = [without_tags(turn.text) for turn in transcript.turns]
    if all(text == turn.text for text, turn in zip(texts, transcript.turns, strict=True)):
        return transcript
    turns = [
        turn if text == turn.text else replace(turn, text=text)
        for text, turn in zip(texts, transcript.turns, strict=True)
    ]
    return replace(transcript, turns=tuple(turns))


class Batch:
    """Transcripts, with turn embeddings, statistics and spaCy docs computed when first asked for.

    Embeddings and statistics are of what was said to each other, see `between_parties`.

    Parameters
    ----------
    transcripts : sequence of Transcript
    encoders : mapping of str to Encoder, optional
        Encoder per primary language; the key ``*`` serves every language not named. Needed only
        by scorers that read embeddings.
    """

    def __init__(
        self,
        transcripts: Sequence[Transcript],
        *,
        encoders: Mapping[str, Encoder] | None = None,
    ) -> None:
        self.transcripts = tuple(transcripts)
        self.encoders = dict(encoders or {})
        self._memo: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        return len(self.transcripts)

    def once(self, key: Hashable, compute: Callable[[], _Value]) -> _Value:
        """Return what `compute` gives for this batch, computed at the first call with `key`."""
        if key not in self._memo:
            self._memo[key] = compute()
        found: _Value = self._memo[key]
        return found

    def subset(self, indices: Sequence[int]) -> Batch:
        """Return a batch of some transcripts, sharing what was computed and cached with it."""

        def build() -> Batch:
            part = Batch([self.transcripts[i] for i in indices], encoders=self.encoders)
            for name in ("between_parties", "embeddings", "statistics", "docs"):
                if name in self.__dict__:
                    part.__dict__[name] = [self.__dict__[name][i] for i in indices]
            return part

        return self.once(("subset", tuple(indices)), build)

    def encoder_of(self, transcript: Transcript) -> Encoder:
        """Return the encoder that serves the transcript's language."""
        language = transcript.primary_language
        encoder = self.encoders.get(language) or self.encoders.get(ANY_LANGUAGE)
        if encoder is None:
            known = ", ".join(sorted(self.encoders)) or "none"
            raise EncoderError(f"no text encoder for language '{language}' (encoders for: {known})")
        return encoder

    @cached_property
    def between_parties(self) -> tuple[Transcript, ...]:
        """What learned models read of the transcripts, see `between_parties`.

        Turn by turn only: characters are counted, and quoted, in `transcripts`.
        """
        return tuple(map(between_parties, self.transcripts))

    def turns_to_scorer(self, index: int) -> list[int]:
        """Return the turns of a transcript, from 0, that speak to whoever scores."""
        said, kept = self.transcripts[index].turns, self.between_parties[index].turns
        return [
            t
            for t, (a, b) in enumerate(zip(said, kept, strict=True))
            if a is not b and without_tags(a.text) != b.text
        ]

    @cached_property
    def embeddings(self) -> list[FloatArray]:
        """Per transcript, the turn vectors, shape (n_turns, dimension).

        All turns of one language go to the encoder in one call, so that it can sort them by
        length and encode repeated turns once. An encoder of conversations gets them whole.
        """
        by_encoder: dict[int, list[int]] = {}
        encoders: dict[int, Encoder] = {}
        for i, transcript in enumerate(self.transcripts):
            encoder = self.encoder_of(transcript)
            encoders[id(encoder)] = encoder
            by_encoder.setdefault(id(encoder), []).append(i)
        found: list[FloatArray] = [np.empty((0, 0), np.float32)] * len(self)
        for key, members in by_encoder.items():
            encoder = encoders[key]
            if isinstance(encoder, ConversationEncoder):
                whole = encoder.encode_conversations(
                    [self.between_parties[i].turns for i in members]
                )
                for i, vectors in zip(members, whole, strict=True):
                    found[i] = vectors
                continue
            texts = [turn.text for i in members for turn in self.between_parties[i].turns]
            vectors = encoder.encode(texts)
            start = 0
            for i in members:
                stop = start + len(self.transcripts[i].turns)
                found[i] = vectors[start:stop]
                start = stop
        return found

    @cached_property
    def turn_vectors(self) -> FloatArray:
        """All turns of all transcripts in order, shape (n_turns, dimension)."""
        return np.concatenate(self.embeddings) if len(self) else np.empty((0, 0), np.float32)

    @cached_property
    def statistics(self) -> list[NDArray[np.float64]]:
        """Per transcript, the statistics after each turn, shape (n_turns, n_statistics)."""
        return [statistics_after_turns(t) for t in self.between_parties]

    @cached_property
    def docs(self) -> list[list[Doc]]:
        """Per transcript, one spaCy doc per turn (blank pipeline of the transcript's language)."""
        from autoqa.features.tokens import turn_docs

        return turn_docs(self.transcripts)
