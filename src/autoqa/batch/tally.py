"""How far a run is: what its parts hold, and how much of the input they are."""

from __future__ import annotations

import os
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from autoqa.batch.chunks import Chunk
from autoqa.batch.parts import Part
from autoqa.errors import RunRefused
from autoqa.readers import Format, Place, Quarantine, Source


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. Bytes are of the unpacked input, and as good as they can be estimated."""

    scored: int
    quarantined: int
    per_second: float  # conversations, those before the run was resumed apart
    bytes_done: int
    bytes_total: int


ShowProgress = Callable[[Progress], None]


class Tally:
    """What a run has done so far, by counting its parts."""

    def __init__(
        self,
        committed: Mapping[int, Part],
        quarantine: Quarantine,
        files: Iterable[tuple[Source, Format]],
        started: float,
        show: ShowProgress | None,
    ) -> None:
        self.parts = dict(committed)
        self.chunks = 0  # of the input, read so far
        self.scored = 0
        self.resumed = 0
        self.ratings: Counter[str] = Counter()
        self.csat: Counter[str] = Counter()
        self.flags: Counter[str] = Counter()
        self._quarantine = quarantine
        self._show = show
        self._started = started
        self._starts: dict[str, int] = {}
        self._bytes = 0
        for source, _ in files:
            self._starts[source.name] = self._bytes
            self._bytes += unpacked_size(source)
        self._positions: dict[int, int] = {}

    @property
    def seconds(self) -> float:
        """Since the run was started or resumed."""
        return time.perf_counter() - self._started

    @property
    def kept(self) -> int:
        """Conversations in parts that are committed."""
        return sum(part.conversations for part in self.parts.values())

    def position(self, place: Place) -> int:
        """Bytes of all input before a place."""
        return min(self._starts.get(place.file, 0) + (place.byte_offset or 0), self._bytes)

    def new(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Yield the chunks without a part; count those that have one.

        Raises
        ------
        RunRefused
            If a part is of other conversations.
        """
        for chunk in chunks:
            self.chunks += 1
            self._positions[chunk.number] = chunk.position
            part = self.parts.get(chunk.number)
            if part is None:
                yield chunk
                continue
            if part.ids != chunk.ids:
                place = chunk.places[0]
                raise RunRefused(
                    f"{place.file}:{place.line or 1}: other conversations follow than when the run "
                    "was started, though no file has changed; start over with --overwrite"
                )
            self.resumed += part.conversations
            self.add(part)

    def add(self, part: Part) -> None:
        """Count a part, and show how far the run is."""
        self.parts[part.number] = part
        self.scored += part.conversations
        self.ratings.update(part.ratings)
        self.csat.update(part.csat)
        self.flags.update(part.flags)
        for one in part.left_out:
            self._quarantine.withdraw(one.place, one.problem)
        position = self._positions.pop(part.number)
        if self._show is not None:
            speed = (self.scored - self.resumed) / max(self.seconds, 1e-9)
            left_out = self._quarantine.records_quarantined
            self._show(Progress(self.scored, left_out, speed, position, self._bytes))


def unpacked_size(source: Source) -> int:
    """Return how many bytes reading a file gives; a guess for a gzip file of several members."""
    try:
        size = source.path.stat().st_size
        if not source.compressed:
            return size
        with source.path.open("rb") as stream:
            stream.seek(-4, os.SEEK_END)
            (unpacked,) = struct.unpack("<I", stream.read(4))  # modulo 2**32
        return max(size, int(unpacked))
    except (OSError, struct.error):
        return 0
