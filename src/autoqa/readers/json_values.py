"""JSON values one after another, or in a list, out of files of any size."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import IO

from autoqa.errors import ReadError
from autoqa.readers.base import Source
from autoqa.readers.lines import MAX_RECORD, MAX_RECORD_BYTES, Line, as_utf8
from autoqa.readers.quarantine import Problem
from autoqa.readers.streams import DAMAGE

_PIECE = 2**18
_SPACE = re.compile(r"[ \t\r\n\ufeff]*")


def json_values(source: Source) -> Iterator[Line]:
    """Yield every top-level value of a file, those of top-level lists by themselves.

    Values may be spread over lines. Memory holds one value and a piece of the next. Where a value
    is not JSON nobody knows where it ends, so the file ends there.
    """
    with source.open() as stream:
        ahead = _Ahead(stream)
        try:
            yield from _values(ahead, source)
        except DAMAGE as error:
            message = f"the file is damaged from here on ({type(error).__name__})"
            yield ahead.wrong("damaged_file", message)
        except ReadError as error:
            yield ahead.wrong(error.reason, str(error))


class _Ahead:
    """The text of a file from the next value on, as far as it is needed."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._ended = False
        self._line, self._offset = 1, 0
        self.text, self.at = "", 0

    def grow(self) -> bool:
        """Read as much again as is held; False at the end of the file."""
        if self._ended:
            return False
        piece = self._stream.read(max(_PIECE, len(self.text) - self.at))
        self._ended = not piece
        self.text = self.text[self.at :] + self._decoder.decode(piece, final=self._ended)
        self.at = 0
        return True

    def next_character(self) -> str:
        """Return the next character that is not white space, without taking it; "" at the end."""
        while True:
            space = _SPACE.match(self.text, self.at)
            self.take(space.end() if space else self.at)
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.grow():
                return ""

    def take(self, end: int) -> bytes:
        """Return the text up to `end` and go on behind it."""
        taken = self.text[self.at : end].encode("utf-8", "surrogateescape")
        self._line += self.text.count("\n", self.at, end)
        self._offset += len(taken)
        self.at = end
        return taken

    def value(self, end: int, source: Source) -> Line:
        """Take the value that ends at `end`."""
        line, offset = self._line, self._offset
        return Line(line, offset, as_utf8(self.take(end), line, offset, source))

    def wrong(self, reason: str, message: str) -> Line:
        """Return what is wrong here."""
        return Line(self._line, self._offset, b"", Problem(reason, message))


def _values(ahead: _Ahead, source: Source) -> Iterator[Line]:
    # Finds the end of a value; numbers are left alone, since they are read later.
    scan = json.JSONDecoder(strict=False, parse_int=str, parse_float=str).raw_decode
    in_list = False
    while character := ahead.next_character():
        if character in "[]" and in_list == (character == "]"):
            in_list = not in_list
            ahead.take(ahead.at + 1)
            continue
        try:
            _, end = scan(ahead.text, ahead.at)
        except json.JSONDecodeError as error:
            if len(ahead.text) - ahead.at > MAX_RECORD_BYTES:
                yield ahead.wrong("too_large", f"a value is larger than {MAX_RECORD}")
                return
            if ahead.grow():
                continue
            yield ahead.wrong("bad_json", f"not JSON: {error.msg}; nothing is read from here on")
            return
        except RecursionError:
            yield ahead.wrong("too_deep", "values are nested too deep to be read")
            return
        if end - ahead.at > MAX_RECORD_BYTES:
            yield ahead.wrong("too_large", f"a value is larger than {MAX_RECORD}")
            ahead.take(end)
        else:
            yield ahead.value(end, source)
        if in_list and ahead.next_character() == ",":
            ahead.take(ahead.at + 1)
    if in_list:
        yield ahead.wrong("damaged_file", "the list is not closed: the file ends early")
