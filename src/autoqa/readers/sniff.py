"""Which format a file has, by its content."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from pathlib import Path

from autoqa.errors import ReadError
from autoqa.readers.base import HEAD_BYTES, Format, Source, formats
from autoqa.readers.delimited import delimiter_and_header
from autoqa.readers.lines import lines
from autoqa.readers.stored import stored_record
from autoqa.readers.streams import GZIP_MAGIC
from autoqa.readers.table import header_of, match_columns

_ARCHIVES = {
    b"PK\x03\x04": "a ZIP archive",
    b"PK\x05\x06": "an empty ZIP archive",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ\x00": "packed with xz",
    b"\x28\xb5\x2f\xfd": "packed with Zstandard",
    GZIP_MAGIC: "packed twice with gzip",
}
"""First bytes of what has to be unpacked before it can be read; gzip is, once."""

_TAR = slice(257, 262)
_OFFICE = "an office document; save it as CSV or plain text"
_DOCUMENTS = {b"%PDF-": "a PDF document; save it as plain text", b"\xd0\xcf\x11\xe0": _OFFICE}


def sniff(path: str | Path) -> str:
    """Return the name of the format that a file of conversations has.

    Raises
    ------
    ReadError
        With reason ``unknown_format``, ``not_transcripts``, ``archive``, ``empty_file`` or
        ``unreadable_file``.
    """
    path = Path(path)
    return format_of(Source(path, str(path), path.stem)).name


def format_of(source: Source, forced: Format | None = None) -> Format:
    """Return the format of a file, or `forced` where a file can be read at all; see `sniff`."""
    try:
        _refuse_unreadable(source)
        if forced is not None:
            return forced
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


def _refuse_unreadable(source: Source) -> None:
    """Name what no format can read: pipes, archives, documents, and files without content."""

    def refuse(reason: str, message: str) -> ReadError:
        return ReadError(f"{source.name}: {message}", reason=reason)

    if not stat.S_ISREG(source.path.stat().st_mode):
        raise refuse("unreadable_file", "not a regular file; write its content to one")
    head = source.head
    document = _named(_DOCUMENTS, head)
    if head.startswith(b"PK") and b"[Content_Types].xml" in head:
        document = _OFFICE
    if document is not None:
        raise refuse("unknown_format", document)
    packed = "a tar archive" if head[_TAR] == b"ustar" else _named(_ARCHIVES, head)
    if packed is not None:
        raise refuse("archive", f"{packed}, which is not looked into; unpack it")
    if not head.strip() and len(head) < HEAD_BYTES:
        broken = next((line.problem for line in lines(source) if line.problem is not None), None)
        if broken is None:
            raise refuse("empty_file", "the file is empty")
        raise refuse(broken.reason, broken.message)


def _named(kinds: Mapping[bytes, str], head: bytes) -> str | None:
    return next((what for magic, what in kinds.items() if head.startswith(magic)), None)


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
