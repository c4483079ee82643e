"""Records as JSONL, Parquet, pandas and polars: without loss, atomic, versioned.

What is kept exactly: every field, ``None`` apart from empty, the order of records, times with
their UTC offset (not the name of their zone). Sequences inside JSON maps come back as lists.
What cannot be kept is refused: NaN and infinity, half surrogate pairs, map keys that are not text.
"""

from __future__ import annotations

from autoqa.store.files import atomic_file, atomic_write_json, atomic_write_text, file_sha256
from autoqa.store.frames import from_pandas, from_polars, to_pandas, to_polars
from autoqa.store.tables import (
    RECORD_NAMES,
    Record,
    RecordWriter,
    arrow_schema,
    from_dict,
    read_records,
    to_arrow,
    to_dict,
    write_records,
)

__all__ = [
    "RECORD_NAMES",
    "Record",
    "RecordWriter",
    "arrow_schema",
    "atomic_file",
    "atomic_write_json",
    "atomic_write_text",
    "file_sha256",
    "from_dict",
    "from_pandas",
    "from_polars",
    "read_records",
    "to_arrow",
    "to_dict",
    "to_pandas",
    "to_polars",
    "write_records",
]
