"""Records as pandas and polars data frames, with the columns of the Parquet files.

Maps of arbitrary JSON (`attributes`, `section_totals`, `arguments`) are JSON strings; times are
ISO 8601 strings with their offset; turns and evidence are lists of structs. In pandas, whole
numbers are ``Int64`` so that a missing turn or level stays missing instead of turning the column
into floats.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from autoqa.errors import StoreError, near_miss
from autoqa.store.tables import Record, arrow_schema, from_dict, to_arrow

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


def to_pandas(records: Iterable[Record], record_type: type[Record]) -> pd.DataFrame:
    """Return records as a pandas data frame, one row each."""
    import pandas as pd
    import pyarrow as pa

    table = to_arrow(records, record_type)
    frame: pd.DataFrame = table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame


def from_pandas(frame: pd.DataFrame, record_type: type[Record]) -> list[Record]:
    """Return the records of a data frame with the columns of `to_pandas`; columns may be left out
    where the record has a default.

    Raises
    ------
    StoreError
        On unknown or missing columns and on values that do not fit.
    """
    import pyarrow as pa

    schema = _schema_for([str(name) for name in frame.columns], record_type)
    try:
        table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
    except (pa.ArrowException, TypeError) as error:
        raise StoreError(f"data frame of {record_type.__name__}: {error}") from error
    return _records(table.to_pylist(), record_type)


def to_polars(records: Iterable[Record], record_type: type[Record]) -> pl.DataFrame:
    """Return records as a polars data frame, one row each."""
    import polars as pl

    frame = pl.from_arrow(to_arrow(records, record_type))
    assert isinstance(frame, pl.DataFrame)
    return frame


def from_polars(frame: pl.DataFrame, record_type: type[Record]) -> list[Record]:
    """Return the records of a data frame with the columns of `to_polars`; see `from_pandas`."""
    _schema_for(frame.columns, record_type)
    return _records(frame.to_dicts(), record_type)


def _schema_for(columns: list[str], record_type: type) -> Any:
    import pyarrow as pa

    full = arrow_schema(record_type)
    for name in columns:
        if name not in full.names:
            raise StoreError(
                f"data frame of {record_type.__name__}: unknown column '{name}'."
                f"{near_miss(name, full.names)}"
            )
    return pa.schema([full.field(name) for name in columns])


def _records(rows: list[dict[str, Any]], record_type: type[Record]) -> list[Record]:
    found = []
    for number, row in enumerate(rows):
        try:
            found.append(from_dict(record_type, row))
        except StoreError as error:
            raise StoreError(f"row {number}: {error}") from None
    return found
