"""Which format a file has, by its content."""

from __future__ import annotations

import json
from pathlib import Path

from autoqa.errors import ReadError
from autoqa.readers.base import Format, Source, formats
from autoqa.readers.delimited import delimiter_and_header
from autoqa.readers.stored import stored_record
from autoqa.readers.table import header_of, match_columns

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def sniff(path: str | Path) -> str:
    """Return the name of the format that a file of conversations has.

    Raises
    ------
    ReadError
        With reason ``unknown_format``, ``not_transcripts``, ``not_utf8`` or ``unreadable_file``.
    """
    path = Path(path)
    return format_of(Source(path, str(path), path.stem)).name


def format_of(source: Source) -> Format:
    """Return the format of a file; see `sniff`."""
    try:
        if source.head.startswith(_UTF16):
            raise ReadError(
                f"{source.name}: the file is UTF-16; convert it to UTF-8", reason="not_utf8"
            )
        _refuse_other_tables(source)
        for candidate in formats().values():
            if candidate.recognises(source):
                return candidate
    except OSError as error:
        raise ReadError(
            f"{source.name}: {error.strerror or type(error).__name__}", reason="unreadable_file"
        ) from None
    _explain_table(source)
    raise ReadError(
        f"{source.name}: not a file of conversations that any reader recognises; name its format "
        f"({', '.join(formats())}) and, for tables, its columns",
        reason="unknown_format",
    )


def _explain_table(source: Source) -> None:
    """Where a file is a table by its name, say which columns it lacks."""
    try:
        if source.suffix in (".csv", ".tsv", ".parquet"):
            match_columns(header_of(source), source.columns)
    except ReadError as error:
        raise ReadError(f"{source.name}: {error}", reason=error.reason) from None


def _refuse_other_tables(source: Source) -> None:
    """Tell files that belong beside conversations from conversations."""
    held = stored_record(source)
    if held is not None and held != "transcript":
        raise _other(source, f"{held} records")
    if is_rating_table(source):
        raise _other(source, "ratings")
    if source.suffix in (".jsonl", ".ndjson"):
        first = _first_object(source)
        if {"reason", "byte_offset"} <= first.keys():
            raise _other(source, "quarantine rows")
        if {"criterion", "rater"} <= first.keys():
            raise _other(source, "ratings")


def is_rating_table(source: Source) -> bool:
    """Whether a CSV file is a table of ratings."""
    _, header = delimiter_and_header(source)
    return {"conversation_id", "criterion"} <= {name.strip().lower() for name in header}


def _first_object(source: Source) -> dict[str, object]:
    try:
        found = json.loads(source.head_text.partition("\n")[0])
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _other(source: Source, what: str) -> ReadError:
    return ReadError(f"{source.name}: holds {what}, no conversations", reason="not_transcripts")
