"""The bytes of a file as readers want them: unpacked, in UTF-8, lines ended by line feeds."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from autoqa.errors import ReadError

GZIP_MAGIC = b"\x1f\x8b"

DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile)
"""What reading a truncated or damaged gzip file raises."""

MAX_RATIO = 200
"""Unpacked bytes per packed byte; transcripts pack 5 to 30 times, zeros 1,000 times."""

_JUDGED_FROM = 2**19  # unpacked bytes; small files may repeat themselves
_PIECE = 2**16


def unpack_head(raw: bytes, size: int) -> bytes:
    """Return up to `size` bytes of a gzip file from its first bytes; what a damaged one gives."""
    # Piece by piece, since the module gzip gives nothing at all from a file cut short.
    unpacker = zlib.decompressobj(wbits=31)
    content = b""
    try:
        for start in range(0, len(raw), 1024):
            content += unpacker.decompress(raw[start : start + 1024], size)
            if len(content) >= size:
                break
    except zlib.error:
        pass
    return content[:size]


def open_utf8(path: Path, *, packed: bool, codec: str | None, old_line_ends: bool) -> IO[bytes]:
    """Open a file for reading.

    Parameters
    ----------
    path : Path
    packed : bool
        Whether it is gzip.
    codec : str or None
        What to decode it from where it is not UTF-8. What cannot be decoded becomes U+FFFD.
    old_line_ends : bool
        Whether carriage returns alone end its lines.

    Raises
    ------
    ReadError
        While reading, with reason ``zip_bomb``.
    """
    if not packed and codec is None and not old_line_ends:
        return path.open("rb")
    pieces = _unpacked(path) if packed else _pieces(path)
    if codec is not None:
        pieces = _recoded(pieces, codec)
    if old_line_ends:
        pieces = (piece.replace(b"\r", b"\n") for piece in pieces)
    return io.BufferedReader(_Stream(pieces), _PIECE)


class _Stream(io.RawIOBase):
    """Pieces of any length, as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            yield piece


def _unpacked(path: Path) -> Iterator[bytes]:
    size = 0
    with path.open("rb") as stream, gzip.GzipFile(fileobj=stream, mode="rb") as unpacker:
        # One step at a time: a longer read would lose what comes before the damage.
        while piece := unpacker.read1(_PIECE):
            size += len(piece)
            if size > _JUDGED_FROM and size > MAX_RATIO * stream.tell():
                raise ReadError(
                    f"the file unpacks to more than {MAX_RATIO} times its size, as no transcripts "
                    "do; unpack it yourself if it is sound",
                    reason="zip_bomb",
                )
            yield piece


def _recoded(pieces: Iterator[bytes], codec: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(codec)("replace")
    for piece in pieces:
        yield decoder.decode(piece).encode()
    yield decoder.decode(b"", final=True).encode()
