"""The stored form of every record: one description, from which all else follows.

Each record type is a list of columns. A column knows its Arrow type and how a value looks as plain
JSON-able data. Two forms exist: *nested* (JSONL: maps stay maps) and *flat* (tables: maps of
arbitrary JSON become JSON strings, since a table needs one type per column).
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from autoqa.errors import RecordError, StoreError, near_miss
from autoqa.records import (
    Action,
    Channel,
    Evaluation,
    Evidence,
    Flag,
    RaterKind,
    Rating,
    Speaker,
    Status,
    Survey,
    Transcript,
    Turn,
)

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Column:
    """How one field of a record is stored."""

    name: str
    arrow: Callable[[], pa.DataType]
    pack: Callable[[Any, bool], Any]  # (value of the record, flat) -> plain data
    unpack: Callable[[Any], Any]  # plain data of either form -> value of the record
    optional: bool = False  # None is a value


def _arrow(kind: str) -> Callable[[], pa.DataType]:
    def make() -> pa.DataType:
        import pyarrow as pa

        return {"text": pa.string(), "number": pa.float64(), "whole": pa.int64()}[kind]

    return make


def _list_of(item: Callable[[], pa.DataType]) -> Callable[[], pa.DataType]:
    def make() -> pa.DataType:
        import pyarrow as pa

        return pa.list_(item())

    return make


def _sound_text(value: Any) -> str:
    if not isinstance(value, str):
        raise StoreError(f"{type(value).__name__} where text belongs")
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise StoreError(
                f"character {error.start} is half of a surrogate pair, which UTF-8 cannot store; "
                "replace it before the record is made (the readers do)"
            ) from None
    return str(value)


def _sound_number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise StoreError(f"{type(value).__name__} where a number belongs")
    if not math.isfinite(value):
        raise StoreError(f"{value} where a number belongs; leave it out (None) when not known")
    return float(value)


def _sound_whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise StoreError(f"{type(value).__name__} where a whole number belongs")
    if not -(2**63) <= value < 2**63:
        raise StoreError("whole number beyond 64 bits")
    return value


def _sound_json(value: Any) -> Any:
    """Plain JSON data equal to `value`, or StoreError where JSON would change it."""
    if isinstance(value, str):
        return _sound_text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        # Python neither prints nor reads whole numbers of more than 4,300 digits.
        if value.bit_length() > 10_000:
            raise StoreError("whole number of thousands of digits")
        return value
    if isinstance(value, float):
        return _sound_number(value)
    if isinstance(value, Mapping):
        return {_sound_text(key): _sound_json(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_sound_json(inner) for inner in value]
    raise StoreError(f"{type(value).__name__}, which JSON cannot hold")


def dump_json(value: Any) -> str:
    """One line of JSON with sorted keys: equal values, equal bytes."""
    return json.dumps(
        value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )


def _unpack_map(value: Any) -> Any:
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, dict):
        raise StoreError(f"{type(value).__name__} where a map belongs")
    return _sound_json(value)


def _unpack_moment(value: Any) -> datetime:
    return datetime.fromisoformat(_sound_text(value))


def _items(value: Any) -> list[Any]:
    """The items of a list column, which pandas hands over as an array."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, list | tuple):
        raise StoreError(f"{type(value).__name__} where a list belongs")
    return list(value)


def _text(name: str, *, optional: bool = False) -> Column:
    return Column(name, _arrow("text"), lambda v, _: _sound_text(v), _sound_text, optional)


def _number(name: str, *, optional: bool = False) -> Column:
    return Column(name, _arrow("number"), lambda v, _: _sound_number(v), _sound_number, optional)


def _whole(name: str, *, optional: bool = False) -> Column:
    return Column(name, _arrow("whole"), lambda v, _: _sound_whole(v), _sound_whole, optional)


def _word(name: str, words: type[StrEnum]) -> Column:
    return Column(name, _arrow("text"), lambda v, _: str(v), words)


def _moment(name: str) -> Column:
    # ISO 8601 text, since an Arrow timestamp column has one time zone for all its rows.
    return Column(name, _arrow("text"), lambda v, _: v.isoformat(), _unpack_moment, True)


def _map(name: str) -> Column:
    def pack(value: Any, flat: bool) -> Any:
        sound = _sound_json(value)
        return dump_json(sound) if flat else sound

    return Column(name, _arrow("text"), pack, _unpack_map)


def _texts(name: str) -> Column:
    return Column(
        name,
        _list_of(_arrow("text")),
        lambda v, _: [_sound_text(item) for item in v],
        lambda v: tuple(_sound_text(item) for item in _items(v)),
    )


def _numbers(name: str) -> Column:
    return Column(
        name,
        _list_of(_arrow("number")),
        lambda v, _: [_sound_number(item) for item in v],
        lambda v: tuple(_sound_number(item) for item in _items(v)),
    )


def _records(name: str, item: type) -> Column:
    return Column(
        name,
        _list_of(lambda: arrow_struct(item)),
        lambda v, flat: [pack(record, flat=flat) for record in v],
        lambda v: tuple(unpack(item, mapping) for mapping in _items(v)),
    )


COLUMNS: dict[type, tuple[Column, ...]] = {
    Action: (_text("name"), _map("arguments"), _text("result", optional=True)),
    Evidence: (_whole("turn"), _whole("start"), _whole("end"), _number("contribution")),
    Turn: (
        _word("speaker", Speaker),
        _text("text"),
        _number("start_s", optional=True),
        _number("end_s", optional=True),
        _records("actions", Action),
    ),
    Transcript: (
        _text("conversation_id"),
        _word("channel", Channel),
        _text("language"),
        *(
            _text(name, optional=True)
            for name in ("agent", "team", "queue", "topic", "customer", "source")
        ),
        _moment("started_at"),
        _records("turns", Turn),
        _records("closing_actions", Action),
        _map("attributes"),
    ),
    Rating: (
        _text("conversation_id"),
        _text("criterion"),
        _text("rater"),
        _word("kind", RaterKind),
        _word("status", Status),
        _whole("turn", optional=True),
        _whole("level", optional=True),
        _number("expected", optional=True),
        _numbers("probabilities"),
        _records("evidence", Evidence),
        _text("reason"),
    ),
    Survey: (
        _text("conversation_id"),
        _number("score"),
        _numbers("scale"),
        _text("comment", optional=True),
        _moment("answered_at"),
        _text("given_by"),
    ),
    Flag: (
        _text("conversation_id"),
        _text("reason"),
        _text("message"),
        _number("priority"),
        _text("criterion", optional=True),
    ),
}
COLUMNS[Evaluation] = (
    _text("conversation_id"),
    _text("rater"),
    _word("kind", RaterKind),
    _text("scorecard"),
    _whole("scorecard_version"),
    _number("total", optional=True),
    _texts("critical_failed"),
    _number("coverage"),
    _records("ratings", Rating),
    _map("section_totals"),
)


@cache
def _required(record_type: type) -> frozenset[str]:
    return frozenset(
        f.name
        for f in dataclasses.fields(record_type)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    )


@cache
def _by_name(record_type: type) -> dict[str, Column]:
    return {column.name: column for column in COLUMNS[record_type]}


def pack(record: Any, *, flat: bool) -> dict[str, Any]:
    """Return a record as plain data, every column present."""
    row: dict[str, Any] = {}
    for column in COLUMNS[type(record)]:
        value = getattr(record, column.name)
        if value is None and column.optional:
            row[column.name] = None
            continue
        try:
            row[column.name] = column.pack(value, flat)
        except StoreError as error:
            raise StoreError(f"{_place(record, column)}: {error}") from None
    return row


def unpack(record_type: type, row: Mapping[str, Any]) -> Any:
    """Return the record that plain data of either form describes."""
    if not isinstance(row, Mapping):
        raise StoreError(f"{record_type.__name__}: {type(row).__name__} where a map belongs")
    columns = _by_name(record_type)
    values: dict[str, Any] = {}
    for name, value in row.items():
        column = columns.get(name)
        if column is None:
            raise StoreError(
                f"{record_type.__name__}: unknown field '{name}'.{near_miss(name, columns)}"
            )
        if value is None and column.optional:
            values[name] = None
            continue
        try:
            values[name] = column.unpack(value)
        except (ValueError, RecursionError) as error:
            raise StoreError(f"{record_type.__name__}.{name}: {error}") from None
    missing = _required(record_type) - values.keys()
    if missing:
        raise StoreError(f"{record_type.__name__}: {', '.join(sorted(missing))} missing")
    try:
        return record_type(**values)
    except (RecordError, ValueError, TypeError) as error:
        raise StoreError(f"{record_type.__name__}: {error}") from None


def arrow_struct(record_type: type) -> pa.DataType:
    """Return the Arrow struct of one record."""
    import pyarrow as pa

    return pa.struct([pa.field(c.name, c.arrow()) for c in COLUMNS[record_type]])


def _place(record: Any, column: Column) -> str:
    name = f"{type(record).__name__}.{column.name}"
    return f"{name} of {record.conversation_id!a}" if hasattr(record, "conversation_id") else name
