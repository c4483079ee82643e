"""Parts: the results of one chunk in one file, which is there whole or not at all.

A run keeps its parts in a hidden folder until all are there; then they become the tables. A part
is a line of JSON (a `Part`) and, after it, one Arrow stream per table.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from autoqa.batch.chunks import Chunk
from autoqa.batch.work import Scored
from autoqa.errors import StoreError
from autoqa.readers import Place, Problem
from autoqa.records import Evaluation, Flag, Rating, Transcript
from autoqa.store import arrow_schema, to_arrow
from autoqa.store.files import sync_folder
from autoqa.store.tables import GROUP_ROWS

if TYPE_CHECKING:
    import pyarrow as pa

TABLES: Mapping[str, type] = {
    "evaluations": Evaluation,
    "ratings": Rating,
    "csat": Rating,
    "flags": Flag,
    "transcripts": Transcript,
}
"""Name and record type of every table of results."""

NOT_STORABLE = Problem("not_storable", "it holds a value that no table can hold")

FOLDER = ".parts"
_SUFFIX = ".part"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A conversation of a chunk that could not be scored."""

    place: Place
    problem: Problem


@dataclass(frozen=True, slots=True)
class Part:
    """What is in a part, apart from the tables."""

    number: int
    ids: str  # of its chunk
    conversations: int  # scored
    ratings: Mapping[str, int]  # by status
    csat: Mapping[str, int]  # by status
    flags: Mapping[str, int]  # by reason
    left_out: tuple[LeftOut, ...] = ()


def write_part(folder: Path, chunk: Chunk, scored: Sequence[Scored | Problem]) -> tuple[Part, Path]:
    """Write the results of a chunk, one per conversation, to a temporary file on disk (fsync).

    `commit` makes it count. After an exception the file is gone.
    """
    done = [one for one in scored if isinstance(one, Scored)]
    left_out = tuple(
        LeftOut(place, one)
        for place, one in zip(chunk.places, scored, strict=True)
        if isinstance(one, Problem)
    )
    part = Part(
        number=chunk.number,
        ids=chunk.ids,
        conversations=len(done),
        ratings=dict(Counter(r.status.value for one in done for r in one.ratings)),
        csat=dict(Counter(r.status.value for one in done for r in one.csat)),
        flags=dict(Counter(f.reason for one in done for f in one.flags)),
        left_out=left_out,
    )
    temporary = folder / f".{chunk.number:07d}.{secrets.token_hex(4)}.tmp"
    try:
        with temporary.open("xb") as stream:
            stream.write(json.dumps(asdict(part)).encode() + b"\n")
            for name, record in TABLES.items():
                rows = [row for one in done for row in records_of(one, name)]
                _write_table(stream, rows, record)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return part, temporary


def storable(scored: Scored | Problem) -> Scored | Problem:
    """Return the results of a conversation, or what to say where no table can hold them."""
    if isinstance(scored, Scored):
        try:
            for name, record in TABLES.items():
                to_arrow(getattr(scored, name), record)
        except StoreError:
            return NOT_STORABLE
    return scored


def records_of(scored: Scored, table: str) -> Sequence[Any]:
    """Return what a conversation adds to a table of results."""
    if table == "evaluations":
        # Ratings have a table of their own; evaluations need not repeat them.
        return [replace(one, ratings=()) for one in scored.evaluations]
    found: Sequence[Any] = getattr(scored, table)
    return found


def _write_table(stream: IO[bytes], records: list[Any], record_type: type) -> None:
    import pyarrow as pa

    table = to_arrow(records, record_type)
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(stream, table.schema, options=options) as writer:
        writer.write_table(table)


class Parts:
    """The parts of one run, in its hidden folder."""

    def __init__(self, folder: Path) -> None:
        self._results = folder
        self.folder = folder / FOLDER

    def committed(self) -> dict[int, Part]:
        """Return what is in every part, by number.

        Raises
        ------
        StoreError
            If one is damaged, which no interruption of a run does.
        """
        return {part.number: part for part in map(_head, sorted(self.folder.glob(f"*{_SUFFIX}")))}

    def commit(self, part: Part, temporary: Path) -> None:
        """Let a part count, in one step, and durably."""
        temporary.replace(self.path(part.number))
        sync_folder(self.folder)

    def path(self, number: int) -> Path:
        """Where a part belongs."""
        return self.folder / f"{number:07d}{_SUFFIX}"

    def tidy(self) -> None:
        """Remove what a run that was killed left half-written."""
        for temporary in (*self.folder.glob(".*.tmp"), *self._results.glob(".*.json.*.tmp")):
            temporary.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove every part, and what was half-written."""
        self.tidy()
        for path in self.folder.glob(f"*{_SUFFIX}"):
            path.unlink(missing_ok=True)

    def publish(self, names: Iterable[str]) -> None:
        """Move finished files of this folder to the results, each in one step."""
        for name in names:
            (self.folder / name).replace(self._results / name)
        sync_folder(self._results)

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def assemble(parts: Iterable[Path], folder: Path) -> None:
    """Write the tables from parts, in order, to files on disk (fsync).

    Memory holds one part and one row group per table.
    """
    with ExitStack() as stack:
        tables = [
            stack.enter_context(_Table(folder / f"{name}.parquet", record))
            for name, record in TABLES.items()
        ]
        for path in parts:
            for table, rows in zip(tables, _tables(path), strict=True):
                table.append(rows)
        for table in tables:
            table.finish()


class _Table:
    """A Parquet file whose bytes do not depend on the pieces that its rows came in."""

    def __init__(self, path: Path, record_type: type) -> None:
        import pyarrow.parquet as pq

        self._stream = path.open("wb")
        schema = arrow_schema(record_type)
        self._writer = pq.ParquetWriter(self._stream, schema, compression="zstd")
        self._group = GROUP_ROWS[record_type]
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def __enter__(self) -> _Table:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.is_open = False  # else, after an error, it writes once more when it is deleted
        self._stream.close()

    def append(self, rows: pa.Table) -> None:
        self._waiting.append(rows)
        self._rows += rows.num_rows
        if self._rows >= self._group:
            self._write(whole_groups=True)

    def finish(self) -> None:
        if self._rows:
            self._write(whole_groups=False)
        self._writer.close()
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def _write(self, *, whole_groups: bool) -> None:
        import pyarrow as pa

        rows = pa.concat_tables(self._waiting).combine_chunks()
        stop = rows.num_rows - (rows.num_rows % self._group if whole_groups else 0)
        for start in range(0, stop, self._group):
            group = rows.slice(start, min(self._group, stop - start))
            self._writer.write_table(group, row_group_size=self._group)
        rest = rows.slice(stop)
        self._waiting, self._rows = [rest], rest.num_rows


def _head(path: Path) -> Part:
    try:
        with path.open("rb") as stream:
            said = json.loads(stream.readline())
        left_out = tuple(
            LeftOut(Place(**one["place"]), Problem(**one["problem"])) for one in said["left_out"]
        )
        return Part(**{**said, "left_out": left_out})
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from error


def _tables(path: Path) -> Iterator[pa.Table]:
    import pyarrow as pa

    try:
        with path.open("rb") as stream:
            stream.readline()
            for _ in TABLES:
                with pa.ipc.open_stream(stream) as reader:
                    yield reader.read_all()
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:  # the system's; Arrow's own have no number
            raise
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> StoreError:
    return StoreError(
        f"{path}: damaged ({type(error).__name__}); delete it, and a resumed run scores it again"
    )
