"""Turn tables: CSV, TSV or Parquet with one row per turn, grouped by conversation id.

The rows of a conversation must lie together, since files are read as a stream; conversations that
are torn apart are quarantined whole, never scored in part. Columns that are not one of `FIELDS`
are left alone: they may be labels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from autoqa.errors import ReadError, RecordError
from autoqa.readers import delimited, parquet, values
from autoqa.readers.base import PARQUET_MAGIC, Format, Found, Source
from autoqa.readers.delimited import delimiter_and_header
from autoqa.readers.lines import MAX_RECORD, MAX_RECORD_BYTES
from autoqa.readers.quarantine import Place, Problem
from autoqa.readers.speakers import SPEAKER_WORDS
from autoqa.readers.uniform import turn_times
from autoqa.readers.values import problem, sound_text
from autoqa.records import LabelledTranscript, Speaker, Transcript, Turn

_NAMES = {
    "conversation_id": "conversation_id conversation conversationid call_id callid chat_id "
    "dialogue_id dialog_id interaction_id contact_id session_id ticket_id",
    "speaker": "speaker role speaker_role participant_role sender author from who",
    "text": "text utterance message content transcript body",
    "turn": "turn turn_index turn_id turn_number utterance_index seq sequence",
    "start_s": "start_s start start_time start_sec start_seconds",
    "end_s": "end_s end end_time end_sec end_seconds",
    "channel": "channel media_type",
    "language": "language lang locale",
    "agent": "agent agent_id agent_name",
    "team": "team team_id",
    "queue": "queue queue_name skill",
    "topic": "topic contact_reason category",
    "customer": "customer customer_id client_id",
    "source": "source",
    "started_at": "started_at conversation_start call_start",
}

FIELDS: Mapping[str, tuple[str, ...]] = {
    field: tuple(names.split()) for field, names in _NAMES.items()
}
"""Our field to the column names it is found under when no mapping is given."""

_PER_ROW = 128  # bytes that holding a row takes beyond its text
_NEEDED = ("conversation_id", "speaker", "text")
_DETAILS = ("agent", "team", "queue", "topic", "customer", "source")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its place, its values by field name, or what is wrong with it."""

    place: Place
    fields: Mapping[str, Any]
    problem: Problem | None = None

    @property
    def key(self) -> str | None:
        """The conversation id."""
        return values.identifier(self.fields.get("conversation_id"))


def match_columns(header: Sequence[str], given: Mapping[str, str]) -> dict[str, int]:
    """Return field name -> position in `header`, by the user's mapping, else by known names.

    Raises
    ------
    ReadError
        With reason ``missing_column`` where a needed or mapped column is not there.
    """
    exact = {name: index for index, name in reversed(list(enumerate(header)))}
    loose = {name.strip().lower().replace(" ", "_"): index for name, index in exact.items()}
    found: dict[str, int] = {}
    for field, names in FIELDS.items():
        if field in given:
            if given[field] not in exact:
                raise problem("missing_column", f"no column '{given[field]}' for '{field}'")
            found[field] = exact[given[field]]
            continue
        taken = set(found.values()) | {exact[n] for n in given.values() if n in exact}
        for name in names:
            if name in loose and loose[name] not in taken:
                found[field] = loose[name]
                break
    missing = [field for field in _NEEDED if field not in found]
    if missing:
        raise problem(
            "missing_column",
            f"no column for {', '.join(missing)}; name it with a column mapping "
            f"such as {missing[0]}=COLUMN",
        )
    return found


def header_of(source: Source) -> list[str]:
    """Return the column names of a table.

    Raises
    ------
    ReadError
        With reason ``damaged_file`` for a Parquet file that cannot be opened.
    """
    if source.head.startswith(PARQUET_MAGIC):
        return parquet.column_names(source.path)
    return delimiter_and_header(source)[1]


def _read(source: Source) -> Iterator[Found]:
    try:
        rows = _parquet_rows if source.head.startswith(PARQUET_MAGIC) else _csv_rows
        torn = _torn_apart(row.key for row in rows(source) if row.key is not None)
        yield from _conversations(rows, source, torn)
    except ReadError as error:
        yield Found(source.place, problem=Problem(error.reason, str(error)))


def _recognises(source: Source) -> bool:
    try:
        match_columns(header_of(source), source.columns)
    except ReadError:
        return False
    return True


TABLE = Format("table", _recognises, _read)


def _torn_apart(keys: Iterable[str]) -> frozenset[int]:
    """Return the hashes of ids whose rows do not lie together."""
    seen: set[int] = set()
    torn: set[int] = set()
    for key, _ in groupby(map(_hashed, keys)):
        (torn if key in seen else seen).add(key)
    return frozenset(torn)


def _hashed(key: str) -> int:
    """A fixed small stand-in for an id of any length."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big")


def _conversations(
    rows: Callable[[Source], Iterator[Row]], source: Source, torn: frozenset[int]
) -> Iterator[Found]:
    told: set[int] = set()
    speakers = SPEAKER_WORDS | dict(source.speakers)
    for key, group in groupby(rows(source), key=lambda row: row.key):
        if key is None:
            for row in group:
                missing = Problem("missing_field", "the row has no conversation id")
                yield Found(row.place, problem=row.problem or missing)
        elif _hashed(key) in torn:
            row = next(group)
            if _hashed(key) not in told:
                told.add(_hashed(key))
                message = "rows of other conversations lie between; sort the file by conversation"
                yield Found(row.place, problem=Problem("not_contiguous", message))
        else:
            yield _conversation(key, group, speakers)


def _conversation(key: str, group: Iterator[Row], speakers: Mapping[str, Speaker]) -> Found:
    members: list[Row] = []
    size = 0
    for row in group:
        members.append(row)
        text = row.fields.get("text")
        size += _PER_ROW + (len(text) if isinstance(text, str) else 0)
        if size > MAX_RECORD_BYTES:
            for _ in group:
                pass
            return Found(
                members[0].place,
                problem=Problem("too_large", f"the conversation is over {MAX_RECORD}"),
            )
    notes: list[Problem] = []
    for row in members:
        if row.problem is not None:
            return Found(row.place, problem=row.problem)
    try:
        members = _in_turn_order(members)
        turns = []
        for number, row in enumerate(members, start=1):
            try:
                turns.append(_turn(row.fields, number, speakers, notes))
            except ReadError as error:
                return Found(row.place, problem=Problem(error.reason, str(error)))
        return Found(members[0].place, _labelled(key, members, turns, notes), notes=tuple(notes))
    except (ReadError, RecordError) as error:
        reason = error.reason if isinstance(error, ReadError) else "wrong_type"
        said = str(error) if isinstance(error, ReadError) else "a rule of transcripts is broken"
        return Found(members[0].place, problem=Problem(reason, said))


def _in_turn_order(members: list[Row]) -> list[Row]:
    """Sort by the turn column where it numbers every row; the file's order otherwise."""
    numbers = [values.number_in_text(row.fields.get("turn")) for row in members]
    order = [(n, i) for i, n in enumerate(numbers) if n is not None]
    return [members[i] for _, i in sorted(order)] if len(order) == len(members) else members


def _turn(
    fields: Mapping[str, Any], number: int, speakers: Mapping[str, Speaker], notes: list[Problem]
) -> Turn:
    text = fields.get("text")
    if not isinstance(text, str):
        raise problem("wrong_type", f"turn {number}: text is not text")
    times = []
    for name in ("start_s", "end_s"):
        given = fields.get(name)
        found = None if _blank(given) else values.seconds(given)
        if found is None and not _blank(given):
            notes.append(Problem("bad_time", f"turn {number}: {name} is not a time; dropped"))
        times.append(found)
    start, end = turn_times(times[0], times[1], number, notes)
    speaker = values.speaker(fields.get("speaker"), number, speakers)
    return Turn(speaker=speaker, text=sound_text(text), start_s=start, end_s=end)


def _labelled(
    key: str, members: Sequence[Row], turns: Sequence[Turn], notes: list[Problem]
) -> LabelledTranscript:
    """Details about the conversation are taken from the first row that gives them."""

    def first(name: str) -> Any:
        return next((v for row in members if not _blank(v := row.fields.get(name))), None)

    details: dict[str, Any] = {}
    for name in _DETAILS:
        given = first(name)
        details[name] = values.identifier(given)
        if given is not None and details[name] is None:
            notes.append(Problem("bad_metadata", f"{name} is not text; dropped"))
    started = first("started_at")
    started_at = values.moment(started)
    if started is not None and started_at is None:
        notes.append(Problem("bad_time", "started_at is not an ISO 8601 time; dropped"))
    transcript = Transcript(
        conversation_id=key,
        turns=tuple(turns),
        channel=values.channel(first("channel")),
        language=values.language(first("language")),
        started_at=started_at,
        **details,
    )
    return LabelledTranscript(transcript=transcript)


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _csv_rows(source: Source) -> Iterator[Row]:
    _, header = delimiter_and_header(source)
    positions = match_columns(header, source.columns)
    last: Mapping[str, Any] = {}
    for row in delimited.rows(source):
        cells = row.cells
        fields: Mapping[str, Any] = {
            name: cells[index] for name, index in positions.items() if index < len(cells)
        }
        if not cells and row.problem is not None:
            # Where a file breaks off, the conversation before it is not complete either.
            fields = {"conversation_id": last.get("conversation_id")}
        yield Row(row.place, fields, row.problem)
        last = fields


def _parquet_rows(source: Source) -> Iterator[Row]:
    header = parquet.column_names(source.path)
    positions = match_columns(header, source.columns)
    columns = sorted({header[index] for index in positions.values()})
    for number, record in enumerate(parquet.records_of(source.path, columns), start=1):
        fields = {name: record.get(header[index]) for name, index in positions.items()}
        yield Row(Place(source.name, number), fields)
