"""Records as files: JSONL for people and tools, Parquet for volume; both say what they hold.

JSONL starts with a header line, ``{"autoqa": "rating", "schema_version": 1}``. Parquet carries the
same two facts in its metadata (`autoqa_record`, `autoqa_schema_version`).
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

from autoqa.errors import StoreError
from autoqa.records import SCHEMA_VERSION, Evaluation, Flag, Rating, Survey, Transcript
from autoqa.store.columns import COLUMNS, dump_json, pack, unpack
from autoqa.store.files import atomic_file

if TYPE_CHECKING:
    import pyarrow as pa

Record = TypeVar("Record", Transcript, Rating, Evaluation, Survey, Flag)

RECORD_NAMES: Mapping[type, str] = {
    Transcript: "transcript",
    Rating: "rating",
    Evaluation: "evaluation",
    Survey: "survey",
    Flag: "flag",
}
SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz")

# Rows per Parquet row group, fixed so that the bytes do not depend on how records arrived.
GROUP_ROWS: Mapping[type, int] = {
    Transcript: 500,
    Evaluation: 500,
    Rating: 10_000,
    Survey: 10_000,
    Flag: 10_000,
}


_SPARK_COLUMNS = b"org.apache.spark.sql.parquet.row.metadata"


class NewerVersionError(StoreError):
    """The file is from a newer autoqa than this one."""


def to_dict(record: Transcript | Rating | Evaluation | Survey | Flag) -> dict[str, Any]:
    """Return a record as plain JSON-able data.

    Raises
    ------
    StoreError
        Where JSON would change the value: NaN, lone surrogates, keys that are not text.
    """
    return pack(record, flat=False)


def from_dict(record_type: type[Record], mapping: Mapping[str, Any]) -> Record:
    """Return the record that `to_dict` made `mapping` from; missing fields take their default.

    Raises
    ------
    StoreError
        On unknown or missing fields, wrong types, or a record that breaks its own rules.
    """
    record: Record = unpack(record_type, mapping)
    return record


def header_line(record_type: type) -> str:
    """Return the line that JSONL of such records begins with."""
    header = {"autoqa": RECORD_NAMES[record_type], "schema_version": SCHEMA_VERSION}
    return json.dumps(header) + "\n"


def arrow_schema(record_type: type) -> pa.Schema:
    """Return the explicit Arrow schema of one record type, with what it holds in its metadata."""
    import pyarrow as pa

    return pa.schema(
        [pa.field(c.name, c.arrow()) for c in COLUMNS[record_type]],
        metadata={
            "autoqa_record": RECORD_NAMES[record_type],
            "autoqa_schema_version": str(SCHEMA_VERSION),
        },
    )


def to_arrow(records: Iterable[Record], record_type: type[Record]) -> pa.Table:
    """Return records as an Arrow table."""
    import pyarrow as pa

    rows = [pack(_checked(record, record_type), flat=True) for record in records]
    return pa.Table.from_pylist(rows, schema=arrow_schema(record_type))


class RecordWriter(Generic[Record]):
    """Writes records chunk by chunk; the file appears, complete, when the block ends well.

    Parameters
    ----------
    path : str or Path
        Ends in ``.parquet``, ``.jsonl`` or ``.jsonl.gz``.
    record_type : type
        Transcript, Rating, Evaluation, Survey or Flag.

    Examples
    --------
    >>> with RecordWriter("ratings.parquet", Rating) as writer:  # doctest: +SKIP
    ...     writer.write(ratings)
    """

    def __init__(self, path: str | Path, record_type: type[Record]) -> None:
        self.path = Path(path)
        self.record_type: type[Record] = record_type
        self.count = 0
        if record_type not in RECORD_NAMES:
            known = ", ".join(t.__name__ for t in RECORD_NAMES)
            raise StoreError(f"{record_type} is not stored; stored are {known}")
        _suffix(self.path)
        self._stack = ExitStack()
        self._rows: list[dict[str, Any]] = []
        self._lines: IO[bytes] | None = None
        self._parquet: Any = None

    def __enter__(self) -> Self:
        stream = self._stack.enter_context(atomic_file(self.path))
        try:
            self._open(stream)
        except BaseException as error:
            self._stack.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def _open(self, stream: IO[bytes]) -> None:
        suffix = _suffix(self.path)
        if suffix == ".parquet":
            import pyarrow.parquet as pq

            self._parquet = self._stack.enter_context(
                pq.ParquetWriter(stream, arrow_schema(self.record_type), compression="zstd")
            )
            return
        if suffix == ".jsonl.gz":
            # No name and no time in the gzip header: same records, same bytes.
            packed = gzip.GzipFile(filename="", fileobj=stream, mode="wb", mtime=0)
            stream = cast("IO[bytes]", self._stack.enter_context(packed))
        self._lines = stream
        stream.write(header_line(self.record_type).encode())

    def write(self, records: Iterable[Record]) -> None:
        """Append records."""
        if self._lines is None and self._parquet is None:
            raise StoreError(f"{self.path}: use the writer inside its with block")
        for record in records:
            _checked(record, self.record_type)
            if self._lines is not None:
                self._lines.write(dump_json(pack(record, flat=False)).encode() + b"\n")
            else:
                self._rows.append(pack(record, flat=True))
                if len(self._rows) >= GROUP_ROWS[self.record_type]:
                    self._flush()
            self.count += 1

    def _flush(self) -> None:
        import pyarrow as pa

        table = pa.Table.from_pylist(self._rows, schema=arrow_schema(self.record_type))
        self._parquet.write_table(table, row_group_size=len(self._rows))
        self._rows = []

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None and self._rows:
                self._flush()
        except BaseException as failure:
            self._stack.__exit__(type(failure), failure, failure.__traceback__)
            raise
        finally:
            self._lines, self._rows = None, []
        self._parquet = None
        self._stack.__exit__(kind, error, traceback)


def write_records(path: str | Path, records: Iterable[Record], record_type: type[Record]) -> int:
    """Write records to one file, atomically, and return how many there were."""
    with RecordWriter(path, record_type) as writer:
        writer.write(records)
    return writer.count


def read_records(path: str | Path, record_type: type[Record]) -> Iterator[Record]:
    """Yield the records of one file in order, holding one row group or line at a time.

    A folder of Parquet files, as Spark writes them, is read file by file.

    Raises
    ------
    StoreError
        If the file holds something else, was written by a newer autoqa, or is damaged.
    """
    source = Path(path)
    if source.is_dir():
        files = sorted(source.glob("*.parquet"))
        return (record for file in files for record in _read_parquet(file, record_type))
    if _suffix(source) == ".parquet":
        return _read_parquet(source, record_type)
    return _read_jsonl(source, record_type)


def stored_table(folder: Path, name: str) -> Path | None:
    """Return a table in a folder of results: a Parquet file, or the folder that Spark wrote."""
    file, parts = folder / f"{name}.parquet", folder / name
    if file.is_file():
        return file
    return parts if (parts / "_SUCCESS").is_file() else None


def parquet_header(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    """Return what a Parquet file says that it holds, in ``autoqa_record`` and beside it.

    Where Spark wrote the file, the description of the first column says so.
    """
    said = metadata or {}
    if b"autoqa_record" not in said and _SPARK_COLUMNS in said:
        try:
            return dict(json.loads(said[_SPARK_COLUMNS])["fields"][0]["metadata"])
        except (ValueError, KeyError, IndexError, TypeError):
            return {}
    return {key.decode("utf-8", "replace"): v.decode("utf-8", "replace") for key, v in said.items()}


def _read_parquet(path: Path, record_type: type[Record]) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as table:
            found = parquet_header(table.schema_arrow.metadata)
            version = found.get("autoqa_schema_version", "")
            check_header(
                path,
                found.get("autoqa_record"),
                int(version) if version.isdecimal() else None,
                record_type,
            )
            number = 0
            for batch in table.iter_batches(batch_size=GROUP_ROWS[record_type]):
                for row in batch.to_pylist():
                    number += 1
                    yield _unpacked(record_type, row, f"{path}: row {number}")
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def _read_jsonl(path: Path, record_type: type[Record]) -> Iterator[Record]:
    opener = gzip.open if path.name.endswith(".gz") else open
    try:
        with opener(path, "rb") as stream:
            header = _json_line(stream.readline(), f"{path}:1")
            check_header(path, header.get("autoqa"), header.get("schema_version"), record_type)
            for number, line in enumerate(stream, start=2):
                if line.strip():
                    row = _json_line(line, f"{path}:{number}")
                    yield _unpacked(record_type, row, f"{path}:{number}")
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from error


def check_header(path: Path, record: object, version: object, record_type: type) -> None:
    """Raise StoreError unless a file's header says `record_type` in a version known here."""
    wanted = RECORD_NAMES[record_type]
    if record is None or isinstance(version, bool) or not isinstance(version, int):
        raise StoreError(
            f"{path}: does not say that autoqa wrote it (no header); "
            "read raw files with autoqa.readers, data frames with from_pandas or from_polars"
        )
    if version > SCHEMA_VERSION:
        raise NewerVersionError(
            f"{path}: written in schema version {version}, this autoqa reads up to "
            f"{SCHEMA_VERSION}; upgrade autoqa-transcripts to read it"
        )
    if record != wanted:
        raise StoreError(f"{path}: holds {record} records, not {wanted} records")


def _checked(record: Any, record_type: type[Record]) -> Record:
    if type(record) is not record_type:
        raise StoreError(f"{type(record).__name__} in a table of {record_type.__name__}")
    return record


def _unpacked(record_type: type[Record], row: Mapping[str, Any], place: str) -> Record:
    try:
        return from_dict(record_type, row)
    except StoreError as error:
        raise StoreError(f"{place}: {error}") from None


def _json_line(line: bytes, place: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{place}: not a line of JSON ({type(error).__name__})") from None
    if not isinstance(value, dict):
        raise StoreError(f"{place}: {type(value).__name__} where a JSON object belongs")
    return value


def _unreadable(path: Path, error: Exception) -> StoreError:
    return StoreError(f"{path}: cannot be read: {error}")


def _suffix(path: Path) -> str:
    for suffix in SUFFIXES:
        if path.name.endswith(suffix):
            return suffix
    raise StoreError(f"{path}: the name must end in {', '.join(SUFFIXES)}")
