"""Results of a run for spreadsheets: CSV and XLSX that no cell of can turn into a formula.

Transcripts are what strangers typed, and ``=HYPERLINK(...)`` is a text like any other. In CSV a
text that a spreadsheet program would calculate gets an apostrophe in front, which such programs
take for "this is text"; in XLSX every text is stored as text. Numbers stay numbers.
"""

from __future__ import annotations

import csv
import io
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

from autoqa.errors import StoreError
from autoqa.records import Evaluation, Evidence, Flag, Rating, Transcript
from autoqa.store.files import atomic_file
from autoqa.store.tables import read_records, stored_table

Cell: TypeAlias = "str | float | None"

# First characters that make a formula, in narrow and full width. Blanks before them do not help.
_FORMULA = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
_CONTROL = frozenset("\t\r\n")
_MOST_ROWS = 1_048_576  # of a sheet
_MOST_CHARACTERS = 32_767  # of a cell
_CUT = " [cut]"
_REMEMBERED = 256  # conversations; predictions by turn come up to a chunk after their conversation


@dataclass(frozen=True)
class _Sheet:
    """One table: its name, its columns, and its rows as they are read."""

    name: str
    columns: tuple[str, ...]
    rows: Iterator[Sequence[Cell]]


def write_csv(run: str | Path, folder: str | Path, *, with_text: bool = False) -> dict[str, int]:
    """Write the tables of a run as CSV files, each atomically.

    Parameters
    ----------
    run : str or Path
        A folder that `autoqa.batch.score` wrote.
    folder : str or Path
        Gets ``evaluations.csv``, ``ratings.csv``, ``csat.csv`` and ``flags.csv``: UTF-8 with a
        byte-order mark, without which spreadsheet programs guess another encoding.
    with_text : bool
        Whether to add the words of the transcript that ratings rest on.

    Returns
    -------
    dict of str to int
        Rows per table, without the header.

    Raises
    ------
    StoreError
        If the folder is not one of a complete run.
    """
    counts = {}
    for sheet in _sheets(Path(run), with_text=with_text):
        with atomic_file(Path(folder) / f"{sheet.name}.csv") as stream:
            counts[sheet.name] = _write_csv(stream, sheet)
    return counts


def write_xlsx(run: str | Path, path: str | Path, *, with_text: bool = False) -> dict[str, int]:
    """Write the tables of a run as the sheets of one workbook, atomically, in bounded memory.

    A table that has more rows than a sheet goes on in ``ratings 2`` and so forth. A text that is
    longer than a cell may be ends with ``[cut]``. See `write_csv`.

    Raises
    ------
    StoreError
        If the folder is not one of a complete run, or xlsxwriter is not installed.
    """
    try:
        import xlsxwriter
    except ImportError:
        raise StoreError(
            "XLSX needs the 'xlsx' extra: pip install \"autoqa-transcripts[xlsx]\""
        ) from None
    counts = {}
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    sheets = _sheets(Path(run), with_text=with_text)
    with atomic_file(path) as stream, xlsxwriter.Workbook(stream, options) as book:
        for sheet in sheets:
            counts[sheet.name] = _write_sheets(book, sheet)
    return counts


def neutral(text: str) -> str:
    """Return a text that no spreadsheet program takes for a formula."""
    return f"'{text}" if is_formula(text) else text


def neutral_row(cells: Iterable[Any]) -> list[Any]:
    """Return a row whose texts no spreadsheet program takes for formulas; numbers stay numbers."""
    return [neutral(cell) if isinstance(cell, str) else cell for cell in cells]


def is_formula(text: str) -> bool:
    """Whether a spreadsheet program may calculate a text, as in ``=1+1``, ``@SUM(1)``, ``-1``."""
    return text[:1] in _CONTROL or text.lstrip()[:1] in _FORMULA


def _write_csv(stream: IO[bytes], sheet: _Sheet) -> int:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerow(map(neutral, sheet.columns))
    count = 0
    for row in sheet.rows:
        writer.writerow(neutral_row(row))
        count += 1
    text.flush()
    text.detach()  # the stream is closed by who opened it
    return count


def _write_sheets(book: Any, sheet: _Sheet) -> int:
    quoted = book.add_format({"quote_prefix": True})  # editing such a cell leaves it a text
    page = _page(book, sheet, 1)
    count = 0
    for count, row in enumerate(sheet.rows, start=1):
        at = (count - 1) % (_MOST_ROWS - 1) + 1
        if at == 1 and count > 1:
            page = _page(book, sheet, count // (_MOST_ROWS - 1) + 1)
        for column, cell in enumerate(row):
            if isinstance(cell, str):
                page.write_string(at, column, _fitted(cell), quoted if is_formula(cell) else None)
            elif cell is not None:
                page.write_number(at, column, cell)
    return count


def _page(book: Any, sheet: _Sheet, part: int) -> Any:
    page = book.add_worksheet(sheet.name if part == 1 else f"{sheet.name} {part}")
    page.freeze_panes(1, 0)
    bold = book.add_format({"bold": True})
    for column, name in enumerate(sheet.columns):
        page.write_string(0, column, _fitted(name), bold)
    return page


def _fitted(text: str) -> str:
    if len(text) <= _MOST_CHARACTERS:
        return text
    return text[: _MOST_CHARACTERS - len(_CUT)] + _CUT


def _sheets(run: Path, *, with_text: bool) -> list[_Sheet]:
    needed = ("evaluations", "ratings", "csat", "flags", *(("transcripts",) if with_text else ()))
    files = {name: _table_of(run, name) for name in needed}

    def ratings(name: str) -> _Sheet:
        quote = _Quotes(files["transcripts"]) if with_text else None
        columns = _RATING_COLUMNS + (("evidence_text",) if with_text else ())
        return _Sheet(name, columns, _rating_rows(read_records(files[name], Rating), quote))

    flags = read_records(files["flags"], Flag)
    return [
        _evaluations(files["evaluations"]),
        ratings("ratings"),
        ratings("csat"),
        _Sheet("flags", _FLAG_COLUMNS, ([getattr(f, c) for c in _FLAG_COLUMNS] for f in flags)),
    ]


def _table_of(run: Path, name: str) -> Path:
    found = stored_table(run, name)
    if found is None:
        raise StoreError(
            f"{run}: no {name}.parquet; name a folder in which `autoqa score` ended well"
        )
    return found


_EVALUATION_COLUMNS = (
    "conversation_id", "rater", "kind", "scorecard", "scorecard_version", "total", "coverage",
    "critical_failed",
)  # fmt: skip
_RATING_COLUMNS = (
    "conversation_id", "criterion", "rater", "kind", "status", "turn", "level", "expected",
    "probabilities", "reason", "evidence",
)  # fmt: skip
_FLAG_COLUMNS = ("conversation_id", "reason", "message", "priority", "criterion")


def _evaluations(path: Path) -> _Sheet:
    """One column per section, so the file is read twice: which sections there are, and totals."""
    sections = dict.fromkeys(
        name for one in read_records(path, Evaluation) for name in one.section_totals
    )

    def rows() -> Iterator[Sequence[Cell]]:
        for one in read_records(path, Evaluation):
            yield [
                *(getattr(one, name) for name in _EVALUATION_COLUMNS[:-1]),
                "; ".join(one.critical_failed),
                *(one.section_totals.get(name) for name in sections),
            ]

    return _Sheet(
        "evaluations", (*_EVALUATION_COLUMNS, *(f"section {name}" for name in sections)), rows()
    )


def _rating_rows(ratings: Iterable[Rating], quotes: _Quotes | None) -> Iterator[Sequence[Cell]]:
    """Turns are counted from 1, as in every text for people."""
    for one in ratings:
        row: list[Cell] = [
            *(getattr(one, name) for name in _RATING_COLUMNS[:5]),
            None if one.turn is None else one.turn + 1,
            one.level,
            one.expected,
            "; ".join(f"{p:.4g}" for p in one.probabilities),
            one.reason,
            "; ".join(f"turn {e.turn + 1}: {e.start}-{e.end}" for e in one.evidence),
        ]
        if quotes is not None:
            row.append(quotes.of(one.conversation_id, one.evidence))
        yield row


class _Quotes:
    """The words behind evidence, from transcripts in the order of the ratings."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._transcripts = read_records(path, Transcript)
        self._recent: OrderedDict[str, Transcript] = OrderedDict()

    def of(self, conversation_id: str, evidence: Sequence[Evidence]) -> str:
        if not evidence:
            return ""
        turns = self._transcript(conversation_id).turns
        return " | ".join(turns[e.turn].text[e.start : e.end] for e in evidence)

    def _transcript(self, conversation_id: str) -> Transcript:
        while conversation_id not in self._recent:
            transcript = next(self._transcripts, None)
            if transcript is None:
                raise StoreError(
                    f"{self._path}: does not go with the ratings beside it, one of whose "
                    "conversations is missing; score again"
                )
            self._recent[transcript.conversation_id] = transcript
            if len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)
        return self._recent[conversation_id]
