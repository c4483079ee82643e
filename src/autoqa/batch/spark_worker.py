"""What the Spark engine runs in Python workers: reading, and scoring, as Arrow tables.

Spark sends functions of this module by name, so workers need the package installed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from autoqa.batch.chunks import CHUNK, chunked
from autoqa.batch.spark_rows import (
    Row,
    left_out,
    problem_columns,
    read_schema,
    row_of_conversation,
    row_of_place,
    scored_schema,
    unscored,
    with_scores,
)
from autoqa.batch.spark_units import Unit
from autoqa.batch.work import ScoringSetup, score_each
from autoqa.errors import AutoqaError, ReadError, RunStopped, StoreError
from autoqa.privacy import MASK, Redaction
from autoqa.readers import Format, Place, Problem, Quarantine, Source
from autoqa.readers.checks import checked
from autoqa.readers.reading import Kept, duplicate, read_files
from autoqa.readers.uniform import labelled_from
from autoqa.readers.values import load_json
from autoqa.records import LabelledTranscript, Speaker, Transcript
from autoqa.store import from_dict

if TYPE_CHECKING:
    import pyarrow as pa

Batches = Iterable["pa.RecordBatch"]
Step = Callable[[Batches], Iterator["pa.RecordBatch"]]


@dataclass(frozen=True)
class Reading:
    """How records are read: see `autoqa.readers.read`; and redacted."""

    columns: Mapping[str, str] = field(default_factory=dict)
    speakers: Mapping[str, Speaker] = field(default_factory=dict)
    redaction: Redaction = MASK

    @classmethod
    def of(cls, files: Sequence[tuple[Source, Format]], redaction: Redaction = MASK) -> Reading:
        """Return how files are to be read that `autoqa.readers.reading.find_files` found."""
        source = files[0][0] if files else Source(Path(), "", "")
        return cls(source.columns, source.speakers, redaction)


def _discreet(step: Step) -> Step:
    """Let errors that may quote transcripts say only what they are, since Spark logs them."""

    @wraps(step)
    def careful(batches: Batches) -> Iterator[pa.RecordBatch]:
        try:
            yield from step(batches)
        except AutoqaError:
            raise
        except Exception as error:
            stopped = RunStopped(f"a Spark worker broke: {type(error).__name__}")
            raise stopped.with_traceback(error.__traceback__) from None

    return careful


# reading


def counting() -> Step:
    """Return the step from units to their numbers of lines."""

    def step(batches: Batches) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for row in _rows(batches):
            unit = Unit.from_json(row["content"])
            yield pa.RecordBatch.from_pydict(
                {"path": [unit.files[0][0]], "start": [unit.start], "n": [unit.count_lines()]}
            )

    return _discreet(step)


def reading(how: Reading) -> Step:
    """Return the step from units to rows of `read_schema`."""

    def step(batches: Batches) -> Iterator[pa.RecordBatch]:
        for row in _rows(batches):
            unit = Unit.from_json(row["content"])
            yield from _batched(_read(unit, row["unit"], how), read_schema())

    return _discreet(step)


def _read(unit: Unit, number: int, how: Reading) -> Iterator[Row]:
    for place, row in enumerate(_met(unit, how)):
        yield {"unit": number, "number": place, "key": f"{number}/{place}", **row}


def _met(unit: Unit, how: Reading) -> Iterator[Row]:
    met = Met(unit, how.redaction)
    for kept in read_files(unit.sources(how.columns, how.speakers), met):
        yield from met.rows(kept)
    yield from met.rows(None)  # what comes after the last conversation


class Met(Quarantine):
    """Collects what a reader meets, so that it can go where its conversation goes."""

    def __init__(self, unit: Unit, redaction: Redaction = MASK) -> None:
        super().__init__()
        self._unit = unit
        self._redaction = redaction
        self._rows: list[Row] = []
        self._notes: list[Row] = []

    def _write(self, place: Place, problem: Problem, *, kept: bool | None) -> None:
        where = row_of_place(self._unit.placed(place))
        said = {"reason": problem.reason, "message": problem.message}
        if kept:
            self._notes.append({**where, **said, "kept": True})
        elif kept is None:
            if self._unit.stop is not None:
                return  # lines without a record say nothing about the file
            self._rows.append({**where, "notes": [{**where, **said, "kept": None}]})
        else:
            self._rows.append({**where, "problem": said, "notes": []})

    def rows(self, kept: Kept | None) -> Iterator[Row]:
        """Yield what was met up to a conversation, and the conversation."""
        yield from self._rows
        self._rows = []
        if kept is not None:
            yield row_of_conversation(
                kept.labelled.transcript,
                self._unit.placed(kept.place),
                self._notes,
                self._redaction,
            )
            self._notes = []


# reading tables


def taking(column: str | None, redaction: Redaction = MASK) -> Step:
    """Return the step from a table's rows to rows of `read_schema`.

    Parameters
    ----------
    column : str or None
        Holds a conversation in the uniform schema as text or bytes; None: the columns are those
        of a stored transcript.
    redaction : Redaction
    """

    def step(batches: Batches) -> Iterator[pa.RecordBatch]:
        rows = (_taken(row, column, redaction) for row in _rows(batches))
        yield from _batched(rows, read_schema())

    return _discreet(step)


def _taken(row: Row, column: str | None, redaction: Redaction) -> Row:
    place = Place(row.pop("file", None) or "", row.pop("line", None))
    notes: list[Problem] = []
    try:
        if column is None:
            labelled = LabelledTranscript(transcript=from_dict(Transcript, row))
        else:
            line = row[column] or b""
            labelled = labelled_from(
                load_json(line if isinstance(line, bytes) else line.encode("utf-8", "replace")),
                notes,
            )
        labelled = checked(labelled, notes)
    except (ReadError, StoreError) as error:
        reason = getattr(error, "reason", "wrong_type")
        message = (
            str(error) if isinstance(error, ReadError) else "the row is not a stored transcript"
        )
        problem = problem_columns(Problem(reason, message))
        # Of the rows that cannot be read, any may go anywhere.
        return {**row_of_place(place), "unit": 0, "number": 0, "problem": problem, "notes": []}
    said = [{**row_of_place(place), **problem_columns(note), "kept": True} for note in notes]
    found = row_of_conversation(labelled.transcript, place, said, redaction)
    # Tables have no order. By the hash of their words, the same one of several conversations with
    # one id comes first, however the table is partitioned.
    return {"unit": 0, "number": found.get("words", 0), **found}


# scoring


def scoring(setup: ScoringSetup) -> Step:
    """Return the step from rows of `read_schema` to rows of `scored_schema`.

    Rows have two columns more: ``nth``, how many rows with their key came before, plus one, and
    ``first_words``, the hash of the first of those.
    """
    # Without what the driver has loaded; rows are redacted already.
    sent = replace(setup, threads=1, redaction=Redaction(mode="keep"))

    def step(batches: Batches) -> Iterator[pa.RecordBatch]:
        yield from _batched(_scored(_loaded(sent), _rows(batches)), scored_schema())

    return _discreet(step)


_last: tuple[tuple[object, ...], ScoringSetup] | None = None


def _loaded(sent: ScoringSetup) -> ScoringSetup:
    """Return the set-up whose models this process has loaded, if they are those that were sent.

    Spark keeps Python workers from task to task, so models load once per worker.
    """
    global _last
    key = (
        sent.card.content_hash,
        sent.models,
        sent.folder and sent.folder.version,
        sent.precision,
        repr(sent.settings),
    )
    if _last is None or _last[0] != key:
        from threadpoolctl import threadpool_limits

        threadpool_limits(1)
        _last = key, sent
    return _last[1]


def _scored(setup: ScoringSetup, rows: Iterable[Row]) -> Iterator[Row]:
    aside: list[Row] = []  # not to be scored
    waiting: deque[Row] = deque()

    def conversations() -> Iterator[Kept]:
        for row in rows:
            if row["transcript"] is None:
                aside.append(unscored(row))
            elif row["nth"] > 1:
                problem = duplicate(same_words=row["words"] == row["first_words"])
                aside.append({**left_out(row, problem), "notes": []})
            else:
                waiting.append(row)
                transcript = from_dict(Transcript, row["transcript"])
                yield Kept(Place(""), LabelledTranscript(transcript=transcript))

    for chunk in chunked(conversations(), CHUNK, lambda _: 0):
        for one in score_each(setup, chunk.transcripts):
            yield with_scores(waiting.popleft(), one)
        yield from aside
        aside.clear()
    yield from aside


def _rows(batches: Batches) -> Iterator[Row]:
    for batch in batches:
        yield from batch.to_pylist()


def _batched(rows: Iterable[Row], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    remaining = iter(rows)
    while some := list(islice(remaining, CHUNK)):
        yield pa.RecordBatch.from_pylist(some, schema=schema)
