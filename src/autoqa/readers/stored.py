"""Transcripts that `autoqa.store` wrote, as JSONL or Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from autoqa.errors import StoreError
from autoqa.readers.base import PARQUET_MAGIC, Format, Found, Source
from autoqa.readers.quarantine import Place, Problem
from autoqa.records import LabelledTranscript, Transcript
from autoqa.store import read_records


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
    number = 0
    try:
        for number, transcript in enumerate(read_records(source.path, Transcript), start=1):
            # Row in Parquet files; in JSONL the header is line 1.
            line = number if source.head.startswith(PARQUET_MAGIC) else number + 1
            yield Found(Place(source.name, line), LabelledTranscript(transcript=transcript))
    except StoreError:
        message = f"the stored table cannot be read beyond record {number}"
        yield Found(source.place, problem=Problem("damaged_file", message))


STORED = Format("stored", lambda s: stored_record(s) == "transcript", _read)
