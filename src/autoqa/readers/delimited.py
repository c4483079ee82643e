"""Rows of CSV and TSV files with their place, from a stream of bytes."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from autoqa.readers.base import Source
from autoqa.readers.lines import MAX_RECORD_BYTES, Line, lines
from autoqa.readers.quarantine import Place, Problem

_DELIMITERS = ",\t;|"


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of one row, and what is wrong with it."""

    place: Place
    cells: list[str]
    problem: Problem | None = None


def delimiter_and_header(source: Source) -> tuple[str, list[str]]:
    """Return the delimiter, the one that cuts the first line into most cells, and those cells."""
    first = source.head_text.lstrip("\r\n").partition("\n")[0].rstrip("\r")
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        return delimiter, next(csv.reader([first], delimiter=delimiter), [])
    except csv.Error:
        return delimiter, []


def rows(source: Source) -> Iterator[Cells]:
    """Yield every row below the header that is not blank.

    A row with a problem keeps those of its cells that can be read; the end of a damaged file is a
    row without cells.
    """
    delimiter, header = delimiter_and_header(source)
    # The limit is Python's, for all readers; the default of 128 KiB is less than a long e-mail.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_BYTES))
    first_line: Line | None = None
    fault: Problem | None = None

    def text_lines() -> Iterator[str]:
        nonlocal first_line, fault
        for line in lines(source):
            first_line = first_line or line
            if line.problem is not None:
                fault = line.problem
                if fault.reason == "damaged_file":
                    return
            # Bytes that are not UTF-8 pass as surrogates, so that only their row is lost.
            yield line.content.decode("utf-8", "surrogateescape") + "\n"

    parser = csv.reader(text_lines(), delimiter=delimiter)
    header_seen = False
    while True:
        first_line, cells = None, []
        problem = None
        try:
            cells = next(parser)
        except StopIteration:
            if fault is not None and first_line is not None:
                yield Cells(_place(source, first_line), [], fault)
            return
        except csv.Error:
            problem = Problem("bad_row", "the row is not CSV")
        assert first_line is not None
        if not cells and problem is None and fault is None:
            continue
        if not header_seen:
            header_seen = True
            continue
        if fault is not None and fault.reason != "damaged_file":
            problem, fault = fault, None
        yield _checked(Cells(_place(source, first_line), cells, problem), len(header))


def _checked(row: Cells, width: int) -> Cells:
    """Name what is wrong with a row that parsed."""
    problem = row.problem
    cells = row.cells
    if problem is None and len(cells) != width:
        problem = Problem("bad_row", f"{len(cells)} fields, the header has {width}")
    if not all(cell.isascii() for cell in cells):
        sound = [_is_utf8(cell) for cell in cells]
        if not all(sound):
            cells = [cell if ok else "" for cell, ok in zip(cells, sound, strict=True)]
            problem = Problem("not_utf8", "the row is not UTF-8")
    return Cells(row.place, cells, problem)


def _is_utf8(cell: str) -> bool:
    try:
        cell.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _place(source: Source, line: Line) -> Place:
    return Place(source.name, line.number, line.offset)
