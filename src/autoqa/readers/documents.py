"""JSON exports of other systems: every conversation of a file with its place.

A file is one JSON object, a list of them, an object that holds the list, or one object per line;
which of these is no matter of the vendor but of how somebody fetched the data, so all are read
for every vendor. Field names are the vendors' own; a client library may write them in another
case, so ``media_channel`` is also found as ``mediaChannel`` (`either`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from autoqa.errors import ReadError, RecordError
from autoqa.readers.base import Format, Found, Source
from autoqa.readers.json_values import json_values
from autoqa.readers.lines import lines
from autoqa.readers.quarantine import Place, Problem
from autoqa.readers.values import identifier, load_json, moment, problem
from autoqa.records import LabelledTranscript

Convert = Callable[[Mapping[str, Any], Source, list[Problem]], LabelledTranscript]
"""(object, its file, notes to add to) -> conversation; raises ReadError where it cannot be used."""

_KEY = re.compile(r'"([^"\\]{1,80})"[ \t\r\n]{0,20}:')
_UNIFORM = frozenset({"turns", "speaker"})


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON value of a file, or what is wrong with it."""

    place: Place
    value: Any = None
    problem: Problem | None = None
    notes: tuple[Problem, ...] = ()


def keys_of(source: Source) -> frozenset[str]:
    """Return every JSON key in the head of a file that starts like JSON; none otherwise."""
    text = source.head_text.lstrip()
    return frozenset(_KEY.findall(text)) if text[:1] in ("{", "[") else frozenset()


def documents(source: Source, *, inside: tuple[str, ...] = ()) -> Iterator[Document]:
    """Yield every object of a file.

    Parameters
    ----------
    source : Source
    inside : tuple of str
        Keys under which an export keeps its list of conversations.
    """
    # One line is one record, so that a bad one costs no others.
    for found in lines(source) if _one_per_line(source) else json_values(source):
        place = Place(source.name, found.number, found.offset)
        if found.problem is not None:
            yield Document(place, problem=found.problem)
        elif found.content.strip():
            whole = _parsed(place, found.content)
            held = whole.value if isinstance(whole.value, Mapping) else {}
            many = next((held[key] for key in inside if isinstance(held.get(key), list)), None)
            if many is None:
                yield whole
            else:
                yield from (Document(place, one, notes=whole.notes) for one in many)


def json_format(
    name: str,
    recognises: Callable[[frozenset[str]], bool],
    convert: Convert,
    *,
    inside: tuple[str, ...] = (),
) -> Format:
    """Return a format of JSON exports.

    Parameters
    ----------
    name : str
        As ``--format`` takes it.
    recognises : callable
        Whether the keys in a file's head are those of this format.
    convert : callable
        See `Convert`.
    inside : tuple of str
        See `documents`.
    """

    def read(source: Source) -> Iterator[Found]:
        for number, document in enumerate(documents(source, inside=inside), start=1):
            own = source
            if number > 1:
                own = replace(source, default_id=f"{source.default_id}-{number}")
            yield _found(document, own, convert)

    def ours(source: Source) -> bool:
        keys = keys_of(source)
        # Conversations in our own schema may carry anything as metadata.
        return not keys >= _UNIFORM and recognises(keys)

    return Format(name, ours, read)


def either(record: Mapping[str, Any], name: str) -> Any:
    """Return a field by its name in ``snake_case`` or in ``camelCase``; None without it."""
    found = record.get(name)
    return record.get(camel(name)) if found is None else found


def camel(name: str) -> str:
    """Return ``mediaChannel`` for ``media_channel``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def objects(record: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the JSON objects in the list that a conversation's turns are made from.

    Raises
    ------
    ReadError
        With reason ``missing_field``, ``no_turns`` or ``wrong_type``.
    """
    given = either(record, name)
    if given is None:
        raise problem("missing_field", f"{name} is missing")
    if not isinstance(given, list):
        raise problem("wrong_type", f"{name} is not a list")
    if not given:
        raise problem("no_turns", f"{name} is empty")
    for number, item in enumerate(given, start=1):
        if not isinstance(item, Mapping):
            raise problem("wrong_type", f"{name}: item {number} is not a JSON object")
    return given


def text_of(item: Mapping[str, Any], name: str, number: int) -> str:
    """Return what was said in item `number`, from 1.

    Raises
    ------
    ReadError
        With reason ``missing_field`` or ``wrong_type``.
    """
    given = either(item, name)
    if given is None:
        raise problem("missing_field", f"item {number} has no {name}")
    if not isinstance(given, str):
        raise problem("wrong_type", f"item {number}: {name} is not text")
    return given


def detail(record: Mapping[str, Any], name: str, notes: list[Problem]) -> str | None:
    """Return an id or word about the conversation; None, with a note, where it is neither."""
    given = either(record, name)
    found = identifier(given)
    if found is None and given is not None and given != "":
        notes.append(Problem("bad_metadata", f"{name} is not text; dropped"))
    return found


def moment_of(record: Mapping[str, Any], name: str, notes: list[Problem]) -> datetime | None:
    """Return a time in ISO 8601 text; None, with a note, where it is something else."""
    given = either(record, name)
    found = moment(given)
    if found is None and given is not None:
        notes.append(Problem("bad_time", f"{name} is not an ISO 8601 time; dropped"))
    return found


def section(record: Mapping[str, Any], name: str, notes: list[Problem]) -> Mapping[str, Any]:
    """Return a part of the record that is an object; empty, with a note, where it is not."""
    given = either(record, name)
    if isinstance(given, Mapping):
        return given
    if given is not None:
        notes.append(Problem("bad_metadata", f"{name} is not a JSON object; dropped"))
    return {}


def some(record: Mapping[str, Any], name: str, notes: list[Problem]) -> list[Mapping[str, Any]]:
    """Return the objects in a list of details, which may be absent; others are noted, dropped."""
    given = either(record, name)
    if given is None:
        return []
    kept = [item for item in given if isinstance(item, Mapping)] if isinstance(given, list) else []
    if not isinstance(given, list) or len(kept) < len(given):
        notes.append(Problem("bad_metadata", f"{name} is not a list of JSON objects; dropped"))
    return kept


def _found(document: Document, source: Source, convert: Convert) -> Found:
    if document.problem is not None:
        return Found(document.place, problem=document.problem)
    notes = list(document.notes)
    try:
        if not isinstance(document.value, Mapping):
            raise problem("wrong_type", "not a JSON object")
        labelled = convert(document.value, source, notes)
    except ReadError as error:
        return Found(document.place, problem=Problem(error.reason, str(error)))
    except RecordError:
        # A record's own message may quote the file, a reader's never does.
        broken = Problem("wrong_type", "the conversation breaks a rule of transcripts")
        return Found(document.place, problem=broken)
    return Found(document.place, labelled, notes=tuple(notes))


def _one_per_line(source: Source) -> bool:
    """Whether the first line is an object of its own and something follows it."""
    first, newline, rest = source.head_text.lstrip().partition("\n")
    if not (newline and first.rstrip().endswith("}") and rest.strip()):
        return source.suffix in (".jsonl", ".ndjson")
    try:
        return isinstance(load_json(first.encode()), dict)
    except ReadError:
        return source.suffix in (".jsonl", ".ndjson")


def _parsed(place: Place, content: bytes) -> Document:
    notes: list[Problem] = []
    try:
        return Document(place, load_json(content, notes), notes=tuple(notes))
    except ReadError as error:
        return Document(place, problem=Problem(error.reason, str(error)))
