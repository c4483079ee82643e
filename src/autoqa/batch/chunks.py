"""Chunks: the conversations that are scored together, and committed together or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from autoqa.readers import Place
from autoqa.readers.reading import Kept
from autoqa.records import Transcript

CHUNK = 64
"""Most conversations of one chunk.

Enough that committing one (about 2 ms) is nothing beside scoring it (300 ms by rules, seconds with
models) and that turns can be sorted by length; few enough to stay small and to be lost without
regret.
"""

_MOST_CHARACTERS = 2_000_000
_TURN = 500  # characters that a turn counts for besides its own, since its vector takes memory too


@dataclass(frozen=True)
class Chunk:
    """Conversations that follow each other in the input."""

    number: int  # from 0
    transcripts: tuple[Transcript, ...]
    places: tuple[Place, ...]
    position: int  # bytes of the input up to its end; an estimate

    @cached_property
    def ids(self) -> str:
        """Hash of the conversations' ids, in order."""
        digest = hashlib.sha256()
        for transcript in self.transcripts:
            digest.update(f"{transcript.conversation_id}\n".encode(errors="surrogatepass"))
        return digest.hexdigest()[:16]


def chunked(
    conversations: Iterable[Kept], size: int, position: Callable[[Place], int]
) -> Iterator[Chunk]:
    """Yield chunks of `size` conversations, or of fewer where they are long.

    Equal input gives equal chunks. Labels stay behind: a scorer never sees what people or
    customers answered.
    """
    number = weight = 0
    transcripts: list[Transcript] = []
    places: list[Place] = []

    def full() -> Chunk:
        return Chunk(number, tuple(transcripts), tuple(places), position(places[-1]))

    for kept in conversations:
        transcript = kept.labelled.transcript
        added = sum(len(turn.text) + _TURN for turn in transcript.turns)
        if transcripts and (len(transcripts) == size or weight + added > _MOST_CHARACTERS):
            yield full()
            number, weight, transcripts, places = number + 1, 0, [], []
        transcripts.append(transcript)
        places.append(kept.place)
        weight += added
    if transcripts:
        yield full()
