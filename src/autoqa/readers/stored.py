"""Transcripts that `autoqa.store` wrote, as JSONL or Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from autoqa.errors import ReadError, StoreError
from autoqa.readers.base import PARQUET_MAGIC, Format, Found, Source
from autoqa.readers.lines import lines
from autoqa.readers.quarantine import Place, Problem
from autoqa.readers.values import load_json
from autoqa.records import LabelledTranscript, Transcript
from autoqa.store import from_dict, read_records
from autoqa.store.tables import NewerVersionError, check_header


def stored_record(source: Source) -> str | None:
    """Return which record type a stored file says it holds, or None if it is not a stored file."""
    head = source.head
    if head.startswith(PARQUET_MAGIC):
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            metadata = pq.read_schema(source.path).metadata or {}
        except (pa.ArrowException, OSError):
            return None
        name: bytes | None = metadata.get(b"autoqa_record")
        return name.decode("utf-8", "replace") if name else None
    try:
        header: Any = json.loads(head.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return None
    name = header.get("autoqa") if isinstance(header, dict) else None
    return name if isinstance(name, str) else None


def _read(source: Source) -> Iterator[Found]:
    return _parquet(source) if source.head.startswith(PARQUET_MAGIC) else _jsonl(source)


def _parquet(source: Source) -> Iterator[Found]:
    number = 0
    try:
        for number, transcript in enumerate(read_records(source.path, Transcript), start=1):
            yield Found(Place(source.name, number), LabelledTranscript(transcript=transcript))
    except StoreError as error:
        message = f"the table cannot be read beyond row {number}"
        yield Found(source.place, problem=_newer(error) or Problem("damaged_file", message))


def _jsonl(source: Source) -> Iterator[Found]:
    for line in lines(source):
        place = Place(source.name, line.number, line.offset)
        try:
            if line.problem is not None:
                yield Found(place, problem=line.problem)
            elif line.number == 1:
                header = load_json(line.content)
                header = header if isinstance(header, dict) else {}
                check_header(
                    source.path, header.get("autoqa"), header.get("schema_version"), Transcript
                )
            elif line.content.strip():
                transcript = from_dict(Transcript, load_json(line.content))
                yield Found(place, LabelledTranscript(transcript=transcript))
        except ReadError as error:
            yield Found(place, problem=Problem(error.reason, str(error)))
        except StoreError as error:
            broken = Problem("wrong_type", "the line is not a stored transcript")
            yield Found(place, problem=_newer(error) or broken)
            if line.number == 1:
                return


def _newer(error: StoreError) -> Problem | None:
    """What to do about a file from the future, which is not a damaged one."""
    if not isinstance(error, NewerVersionError):
        return None
    message = "written in a newer schema version; upgrade autoqa-transcripts to read it"
    return Problem("newer_version", message)


STORED = Format("stored", lambda s: stored_record(s) == "transcript", _read)
