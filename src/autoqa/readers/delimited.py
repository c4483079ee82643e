"""Rows of CSV and TSV files with their place, from a stream of bytes."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from autoqa.readers.base import HEAD_BYTES, Source
from autoqa.readers.lines import FATAL, MAX_RECORD_BYTES, Line, lines
from autoqa.readers.quarantine import Place, Problem

_DELIMITERS = ",\t;|"
_PER_LINE = 128  # bytes that holding a line takes beyond its own
_MAX_ROW = 4 * 2**20  # bytes of a row over many lines; the csv module takes four times as much
_MAX_REREAD = 4 * MAX_RECORD_BYTES  # of lines that a stray quote swallowed, in a whole file


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of one row, and what is wrong with it."""

    place: Place
    cells: list[str]
    problem: Problem | None = None


def delimiter_and_header(source: Source) -> tuple[str, list[str]]:
    """Return the delimiter, the one that cuts the first line into most cells, and those cells."""
    first, end, _ = source.head_text.lstrip("\r\n").partition("\n")
    if not end and len(source.head) >= HEAD_BYTES and not first.startswith(("{", "[")):
        first = _first_line(source)
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        return delimiter, next(csv.reader([first.rstrip("\r")], delimiter=delimiter), [])
    except csv.Error:
        return delimiter, []


def _first_line(source: Source) -> str:
    """The first line with words, however long."""
    found = next((line for line in lines(source) if line.content.strip()), None)
    return "" if found is None else found.content.decode("utf-8", "replace")


def rows(source: Source) -> Iterator[Cells]:
    """Yield every row below the header that is not blank.

    A row with a problem keeps those of its cells that can be read; the end of a damaged file is a
    row without cells. A quote that is opened and never closed costs the row that it stands in, not
    those that it swallows.
    """
    delimiter, header = delimiter_and_header(source)
    # The limit is Python's, for all readers; the default of 128 KiB is less than a long e-mail.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_BYTES))
    header_seen = False
    for row in _Rows(source, delimiter):
        fatal = row.problem is not None and row.problem.reason in FATAL
        if header_seen or fatal:
            yield _checked(row, len(header))
        header_seen = True


class _Rows:
    """The rows of a file that are not blank: lines, put together where quotes hold line ends."""

    def __init__(self, source: Source, delimiter: str) -> None:
        self._source = source
        self._delimiter = delimiter
        self._lines = lines(source)
        self._again: deque[Line] = deque()  # lines that a quote swallowed
        self._budget = _MAX_REREAD
        self._row: list[Line] = []  # the lines of the row being read
        self._size = 0
        self._fault: Problem | None = None

    def __iter__(self) -> Iterator[Cells]:
        while True:
            self._row, self._size, self._fault = [], 0, None
            # Of its own for each row: it forgets nothing of one that broke.
            parser = csv.reader(self._row_lines(), delimiter=self._delimiter, strict=True)
            try:
                cells = next(parser)
            except StopIteration:
                if self._fault is None:
                    return
                yield Cells(self._place, [], self._fault)
                if self._fault.reason in FATAL:
                    return
            except csv.Error:
                yield self._broken()
            else:
                if cells or self._fault is not None:
                    yield Cells(self._place, cells, self._fault)

    @property
    def _place(self) -> Place:
        return Place(self._source.name, self._row[0].number, self._row[0].offset)

    def _row_lines(self) -> Iterator[str]:
        """The lines of one row, as the parser asks for them."""
        while self._fault is None and self._size <= _MAX_ROW:
            line = self._again.popleft() if self._again else next(self._lines, None)
            if line is None:
                return
            self._row.append(line)
            self._size += len(line.content) + _PER_LINE
            self._fault = line.problem
            if line.problem is not None and line.problem.reason in FATAL:
                return
            # Bytes that are not UTF-8 pass as surrogates, so that only their row is lost.
            yield line.content.decode("utf-8", "surrogateescape") + "\n"

    def _broken(self) -> Cells:
        """A row that is not CSV: its first line alone; the others are read again."""
        place, first, others = self._place, self._row[0], self._row[1:]
        text = first.content.decode("utf-8", "surrogateescape")
        try:
            cells = next(csv.reader([text], delimiter=self._delimiter), [])
        except csv.Error:
            cells = []
        if others:
            self._budget -= self._size
        if self._budget < 0:
            message = f"a quote never ends, nor did many others; {len(others)} more lines are lost"
            return Cells(place, [], Problem("bad_row", message))
        self._again.extendleft(reversed(others))
        return Cells(place, cells, Problem("bad_row", "a quote is not closed, or not doubled"))


def _checked(row: Cells, width: int) -> Cells:
    """Name what is wrong with a row that parsed."""
    wrong = row.problem
    cells = row.cells
    if wrong is None and len(cells) != width:
        wrong = Problem("bad_row", f"{len(cells)} fields, the header has {width}")
    if not all(cell.isascii() for cell in cells):
        sound = [_is_utf8(cell) for cell in cells]
        if not all(sound):
            cells = [cell if ok else "" for cell, ok in zip(cells, sound, strict=True)]
            wrong = Problem("not_utf8", "the row is not UTF-8")
    return Cells(row.place, cells, wrong)


def _is_utf8(cell: str) -> bool:
    try:
        cell.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
