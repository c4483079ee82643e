"""What a source format is, and the registry of those there are."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO

from autoqa.errors import ReadError, near_miss
from autoqa.readers.quarantine import Place, Problem
from autoqa.records import LabelledTranscript, Speaker

GZIP_MAGIC = b"\x1f\x8b"
PARQUET_MAGIC = b"PAR1"
HEAD_BYTES = 65_536

DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile)
"""What reading a truncated or damaged gzip file raises."""


@dataclass(frozen=True)
class Source:
    """One file, with what a reader may need to know about it.

    Attributes
    ----------
    path : Path
    name : str
        Path as shown to the user and in quarantine rows.
    default_id : str
        Conversation id for formats that have none: the path below the input, without suffix.
    columns : mapping of str to str
        Our field name to the file's column name, for tables.
    speakers : mapping of str to Speaker
        The file's own label, in lower case, to who that is, where the user says so.
    """

    path: Path
    name: str
    default_id: str
    columns: Mapping[str, str] = field(default_factory=dict)
    speakers: Mapping[str, Speaker] = field(default_factory=dict)

    @cached_property
    def compressed(self) -> bool:
        """Whether the file is gzip, whatever its name."""
        with self.path.open("rb") as stream:
            return stream.read(2) == GZIP_MAGIC

    @cached_property
    def suffix(self) -> str:
        """Lower-case suffix before any ``.gz``."""
        path = self.path.with_suffix("") if self.path.suffix.lower() == ".gz" else self.path
        return path.suffix.lower()

    def open(self) -> IO[bytes]:
        """Open for reading, uncompressed."""
        if self.compressed:
            return gzip.open(self.path, "rb")  # type: ignore[return-value]
        return self.path.open("rb")

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB, uncompressed; as much as a damaged file gives."""
        with self.path.open("rb") as stream:
            raw = stream.read(HEAD_BYTES)
        if not raw.startswith(GZIP_MAGIC):
            return raw
        # Piece by piece, since the module gzip gives nothing at all from a file cut short.
        unpacker = zlib.decompressobj(wbits=31)
        content = b""
        try:
            for start in range(0, len(raw), 1024):
                content += unpacker.decompress(raw[start : start + 1024], HEAD_BYTES)
                if len(content) >= HEAD_BYTES:
                    break
        except zlib.error:
            pass
        return content[:HEAD_BYTES]

    @cached_property
    def head_text(self) -> str:
        """The head as text, for recognising a format only."""
        return self.head.decode("utf-8-sig", errors="replace")

    @property
    def place(self) -> Place:
        """The file as a whole."""
        return Place(self.name)


@dataclass(frozen=True, slots=True)
class Found:
    """One record as a format module found it: a conversation, or what is wrong with it."""

    place: Place
    labelled: LabelledTranscript | None = None
    problem: Problem | None = None
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """One source format.

    Attributes
    ----------
    name : str
        As `--format` takes it.
    recognises : callable
        Whether a file looks like this format, by its content first.
    read : callable
        Yields every record of a file, good or bad, in order. Bad content becomes a `Found` with
        a problem, never an exception.
    """

    name: str
    recognises: Callable[[Source], bool]
    read: Callable[[Source], Iterator[Found]]


_FORMATS: dict[str, Format] = {}


def register_format(new: Format) -> Format:
    """Add a format. Files are offered to formats in the order they were registered."""
    _FORMATS[new.name] = new
    return new


def formats() -> Mapping[str, Format]:
    """Return every registered format by name."""
    return dict(_FORMATS)


def format_named(name: str) -> Format:
    """Return one format, or raise ReadError naming the ones there are."""
    try:
        return _FORMATS[name]
    except KeyError:
        raise ReadError(
            f"No format named '{name}'.{near_miss(name, _FORMATS)} "
            f"Known formats: {', '.join(_FORMATS)}.",
            reason="unknown_format",
        ) from None
