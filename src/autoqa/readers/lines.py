"""Lines of a file with their number and byte offset, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from autoqa.readers.base import DAMAGE, Source
from autoqa.readers.quarantine import Problem

MAX_RECORD_BYTES = 64 * 2**20
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its line end, or what is wrong with it."""

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
                piece = content
                while oversized and piece and not piece.endswith(b"\n"):
                    piece = stream.readline(2**20)
                    size += len(piece)
            except DAMAGE as error:
                message = f"the file is damaged from here on ({type(error).__name__})"
                yield Line(number, offset, b"", Problem("damaged_file", message))
                return
            if not content:
                return
            if oversized:
                message = f"the line is longer than {MAX_RECORD_BYTES // 2**20} MiB"
                yield Line(number, offset, b"", Problem("too_large", message))
            else:
                if number == 1:
                    content = content.removeprefix(BOM)
                yield Line(number, offset, content.rstrip(b"\r\n"))
            offset += size
