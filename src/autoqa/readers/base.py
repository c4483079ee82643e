"""What a source format is, and the registry of those there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO

from autoqa.errors import ReadError, near_miss
from autoqa.readers.encodings import wide_encoding
from autoqa.readers.quarantine import Place, Problem
from autoqa.readers.streams import GZIP_MAGIC, open_utf8, unpack_head
from autoqa.records import LabelledTranscript, Speaker

PARQUET_MAGIC = b"PAR1"
HEAD_BYTES = 65_536


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
    others : tuple of Source
        Further files to read together with this one; see `Format.across_files`.
    """

    path: Path
    name: str
    default_id: str
    columns: Mapping[str, str] = field(default_factory=dict)
    speakers: Mapping[str, Speaker] = field(default_factory=dict)
    others: tuple[Source, ...] = ()
    _remarks: dict[str, tuple[Place, Problem] | None] = field(
        default_factory=dict, init=False, repr=False
    )

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
        """Open for reading: uncompressed, in UTF-8, lines ended by line feeds."""
        return open_utf8(
            self.path,
            packed=self.compressed,
            codec=self._codec,
            old_line_ends=self._old_line_ends,
        )

    @property
    def plain(self) -> bool:
        """Whether `open` gives the bytes as they are in the file."""
        return not self.compressed and self._codec is None and not self._old_line_ends

    @cached_property
    def _raw_head(self) -> bytes:
        with self.path.open("rb") as stream:
            raw = stream.read(HEAD_BYTES)
        return unpack_head(raw, HEAD_BYTES) if raw.startswith(GZIP_MAGIC) else raw

    @cached_property
    def _codec(self) -> str | None:
        codec = wide_encoding(self._raw_head)
        if codec is not None:
            self.remark(self.place, Problem("other_encoding", f"the file is read as {codec}"))
        return codec

    @cached_property
    def _utf8_head(self) -> bytes:
        head = self._raw_head
        return head if self._codec is None else head.decode(self._codec, "replace").encode()

    @cached_property
    def _old_line_ends(self) -> bool:
        head = self._utf8_head
        old = b"\r" in head and b"\n" not in head and b"\0" not in head
        if old:
            message = "carriage returns alone end its lines"
            self.remark(self.place, Problem("old_line_ends", message))
        return old

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB as `open` gives them; as much as a damaged file gives."""
        head = self._utf8_head
        return head.replace(b"\r", b"\n") if self._old_line_ends else head

    @cached_property
    def head_text(self) -> str:
        """The head as text, for recognising a format only."""
        return self.head.decode("utf-8-sig", errors="replace")

    @property
    def place(self) -> Place:
        """The file as a whole."""
        return Place(self.name)

    def remark(self, place: Place, remark: Problem) -> None:
        """Note something about how the file is read; only the first place counts."""
        self._remarks.setdefault(remark.reason, (place, remark))

    def take_remarks(self) -> list[tuple[Place, Problem]]:
        """Return the remarks since the last call."""
        new = [one for one in self._remarks.values() if one is not None]
        self._remarks.update(dict.fromkeys(self._remarks))
        return new


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
    across_files : bool
        Whether one conversation may lie in several files, as a message each. All such files of a
        run are read in one go, where the first of them comes up.
    """

    name: str
    recognises: Callable[[Source], bool]
    read: Callable[[Source], Iterator[Found]]
    across_files: bool = False


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
