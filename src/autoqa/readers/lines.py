"""Lines of a file with their number and byte offset, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from autoqa.errors import ReadError
from autoqa.readers.base import Source
from autoqa.readers.encodings import western_text
from autoqa.readers.quarantine import Place, Problem
from autoqa.readers.streams import DAMAGE

MAX_RECORD_BYTES = 16 * 2**20
MAX_RECORD = f"{MAX_RECORD_BYTES // 2**20} MiB"
"""The largest record that is read, as messages say it; a day of talk takes less than a tenth."""

BOM = b"\xef\xbb\xbf"
FATAL = frozenset({"damaged_file", "zip_bomb"})
"""Reasons after which a file gives no more lines."""


class Line(NamedTuple):
    """One line without its line end, or what is wrong with it.

    The content is UTF-8 wherever the bytes of the line can be understood.
    """

    number: int
    offset: int
    content: bytes
    problem: Problem | None = None


def lines(source: Source) -> Iterator[Line]:
    """Yield every line of a file. A damaged compressed file ends with a line that says so."""
    number, offset = 0, 0
    with source.open() as stream:
        while True:
            number += 1
            try:
                content = stream.readline(MAX_RECORD_BYTES + 1)
                size = len(content)
                oversized = size > MAX_RECORD_BYTES
                if oversized and not content.endswith(b"\n"):
                    content = b""  # not held while the rest goes by
                    while (piece := stream.readline(2**16)) and not piece.endswith(b"\n"):
                        size += len(piece)
                    size += len(piece)
            except DAMAGE as error:
                message = f"the file is damaged from here on ({type(error).__name__})"
                yield Line(number, offset, b"", Problem("damaged_file", message))
                return
            except ReadError as error:
                yield Line(number, offset, b"", Problem(error.reason, str(error)))
                return
            if not size:
                return
            if oversized:
                message = f"the line is longer than {MAX_RECORD}"
                yield Line(number, offset, b"", Problem("too_large", message))
            else:
                content = content.rstrip(b"\r\n")
                if number == 1:
                    content = content.removeprefix(BOM)
                yield Line(number, offset, as_utf8(content, number, offset, source))
            offset += size


def as_utf8(content: bytes, number: int, offset: int, source: Source) -> bytes:
    """Return bytes in UTF-8 where they can be understood; otherwise as they are."""
    if content.isascii():
        return content
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        text = western_text(content)
        if text is not None:
            message = f"line {number} and others are not UTF-8; they are read as Windows-1252"
            source.remark(Place(source.name, number, offset), Problem("encoding_guessed", message))
            return text.encode()
    return content
