"""Units: what one Spark task reads. Some whole files, or a range of lines of a large one."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

from autoqa.readers import UNIFORM, Format, Place, Source
from autoqa.readers.base import format_named
from autoqa.records import Speaker

UNIT_BYTES = 32 * 2**20
"""Bytes that one task reads: a few seconds' work, beside minutes of scoring what is in them."""


@dataclass(frozen=True)
class Unit:
    """Files that are read together; or lines of one file, at bytes [start, stop)."""

    files: tuple[tuple[str, str, str, str], ...]  # path, name, default id, format
    start: int = 0
    stop: int | None = None  # None: the files are read whole
    lines_before: int = 0

    def to_json(self) -> str:
        """Return the unit as a line of text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Unit:
        """Return the unit that `to_json` wrote."""
        said = json.loads(line)
        return cls(**{**said, "files": tuple(tuple(file) for file in said["files"])})

    def sources(
        self, columns: Mapping[str, str], speakers: Mapping[str, Speaker]
    ) -> list[tuple[Source, Format]]:
        """Return the files as `autoqa.readers.reading.read_files` takes them."""
        found = []
        for path, name, default_id, chosen in self.files:
            source = Source(Path(path), name, default_id, columns, speakers)
            if self.stop is not None:
                source = _Lines(
                    Path(path),
                    name,
                    default_id,
                    columns,
                    speakers,
                    start=self.start,
                    stop=self.stop,
                )
            found.append((source, format_named(chosen)))
        return found

    def placed(self, place: Place) -> Place:
        """Return a place in the lines of this unit as a place in the file."""
        if self.stop is None or place.line is None:
            return place
        offset = None if place.byte_offset is None else place.byte_offset + self.start
        return replace(place, line=place.line + self.lines_before, byte_offset=offset)

    def count_lines(self) -> int:
        """Return how many lines end in a range of lines."""
        count = 0
        with Path(self.files[0][0]).open("rb") as stream:
            stream.seek(self.start)
            left = (self.stop or 0) - self.start
            while left > 0 and (piece := stream.read(min(left, 2**20))):
                count += piece.count(b"\n")
                left -= len(piece)
        return count


def units_of(
    files: Sequence[tuple[Source, Format]], *, unit_bytes: int | None = None
) -> Iterator[Unit]:
    """Yield units that together hold all files, in their order.

    Files whose conversations may lie in several of them come as one unit, where the first of them
    is; see `Format.across_files`. Small files are put together. Of the large ones, only plain
    uniform JSONL can be read from the middle.
    """
    most = unit_bytes or UNIT_BYTES
    together: dict[str, list[tuple[str, str, str, str]]] = {}
    for source, chosen in files:
        if chosen.across_files:
            together.setdefault(chosen.name, []).append(_named(source, chosen))
    waiting: list[tuple[str, str, str, str]] = []
    weight = 0
    for source, chosen in files:
        if chosen.across_files:
            group = together.pop(chosen.name, [])
            size = most if group else 0
        else:
            group, size = [_named(source, chosen)], _size(source.path)
        if waiting and weight + size > most:
            yield Unit(tuple(waiting))
            waiting, weight = [], 0
        if size > most and chosen.name == UNIFORM.name and source.plain:
            ends = _line_ends(source.path, size, most)
            for start, stop in zip((0, *ends), ends, strict=False):
                yield Unit(tuple(group), start, stop)
            continue
        waiting += group
        weight += size
    if waiting:
        yield Unit(tuple(waiting))


def with_line_numbers(units: Iterable[Unit], counts: Mapping[tuple[str, int], int]) -> list[Unit]:
    """Return units that know how many lines of their file come before them.

    Parameters
    ----------
    counts : mapping
        Lines of every range, by path and start.
    """
    so_far: dict[str, int] = {}
    known = []
    for unit in units:
        if unit.stop is not None:
            path = unit.files[0][0]
            unit = replace(unit, lines_before=so_far.get(path, 0))
            so_far[path] = unit.lines_before + counts[path, unit.start]
        known.append(unit)
    return known


def _named(source: Source, chosen: Format) -> tuple[str, str, str, str]:
    return str(source.path), source.name, source.default_id, chosen.name


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # reading it will say why
        return 0


def _line_ends(path: Path, size: int, step: int) -> tuple[int, ...]:
    """Return where ranges of about `step` bytes end, each after a line feed; the last is `size`."""
    ends: list[int] = []
    with path.open("rb") as stream:
        while (ends[-1] if ends else 0) + step < size:
            stream.seek((ends[-1] if ends else 0) + step)
            while (piece := stream.readline(2**16)) and not piece.endswith(b"\n"):
                pass
            ends.append(stream.tell())
    return (*ends, size) if not ends or ends[-1] < size else tuple(ends)


@dataclass(frozen=True)
class _Lines(Source):
    """Whole lines of a file, at bytes [start, stop), as if they were all of it."""

    start: int = 0
    stop: int = 0

    def open(self) -> IO[bytes]:
        return io.BufferedReader(_Range(self.path, self.start, self.stop))


class _Range(io.RawIOBase):
    def __init__(self, path: Path, start: int, stop: int) -> None:
        self._file = path.open("rb")
        self._file.seek(start)
        self._left = stop - start

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        content = self._file.read(min(len(buffer), self._left))
        buffer[: len(content)] = content
        self._left -= len(content)
        return len(content)

    def close(self) -> None:
        self._file.close()
        super().close()
