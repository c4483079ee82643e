"""Rows of Parquet files, whatever state the file is in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from autoqa.errors import ReadError
from autoqa.readers.values import problem
from autoqa.store.tables import parquet_header

_AT_ONCE = 1024  # rows in memory


def column_names(path: Path) -> list[str]:
    """Return the names of a file's columns.

    Raises
    ------
    ReadError
        With reason ``damaged_file``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return [str(name) for name in pq.read_schema(path).names]
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _damaged(error) from None


def metadata_of(path: Path) -> dict[str, str]:
    """Return what a file says about itself; nothing for a damaged one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return parquet_header(pq.read_schema(path).metadata)
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return {}


def records_of(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file by column name; all columns where none are named.

    Raises
    ------
    ReadError
        With reason ``damaged_file``, where the file cannot be read on.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as table:
            for batch in table.iter_batches(batch_size=_AT_ONCE, columns=columns):
                yield from batch.to_pylist()
    # Values that Python cannot hold (text that is no UTF-8, times before the year 1) end it too.
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise _damaged(error) from None


def _damaged(error: Exception) -> ReadError:
    return problem("damaged_file", f"the Parquet file is damaged ({type(error).__name__})")
