"""JSON exports of other systems: every conversation of a file with its place.

A file is one JSON object, a list of them, an object that holds the list, or one object per line;
which of these is no matter of the vendor but of how somebody fetched the data, so all are read
for every vendor.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from autoqa.errors import ReadError, RecordError
from autoqa.readers.base import DAMAGE, Format, Found, Source
from autoqa.readers.lines import BOM, MAX_RECORD_BYTES, lines
from autoqa.readers.quarantine import Place, Problem
from autoqa.readers.values import load_json, problem
from autoqa.records import LabelledTranscript

Convert = Callable[[Mapping[str, Any], Source, list[Problem]], LabelledTranscript]
"""(object, its file, notes to add to) -> conversation; raises ReadError where it cannot be used."""

_KEY = re.compile(r'"([^"\\]{1,80})"[ \t\r\n]{0,20}:')


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON value of a file, or what is wrong with it."""

    place: Place
    value: Any = None
    problem: Problem | None = None


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
    if _one_per_line(source):
        for line in lines(source):
            place = Place(source.name, line.number, line.offset)
            if line.problem is not None:
                yield Document(place, problem=line.problem)
            elif line.content.strip():
                yield _parsed(place, line.content)
        return
    try:
        with source.open() as stream:
            content = stream.read(MAX_RECORD_BYTES + 1)
    except DAMAGE as error:
        message = f"the file is damaged ({type(error).__name__})"
        yield Document(source.place, problem=Problem("damaged_file", message))
        return
    if len(content) > MAX_RECORD_BYTES:
        message = f"the file is one JSON document of over {MAX_RECORD_BYTES // 2**20} MiB; split it"
        yield Document(source.place, problem=Problem("too_large", message))
        return
    whole = _parsed(source.place, content.removeprefix(BOM))
    if whole.problem is not None:
        yield whole
        return
    value = whole.value
    if isinstance(value, Mapping):
        held = next((value[key] for key in inside if isinstance(value.get(key), list)), None)
        value = [value] if held is None else held
    if not isinstance(value, list):
        yield Document(
            source.place, problem=Problem("wrong_type", "no JSON object or list of them")
        )
        return
    for one in value:
        yield Document(source.place, one)


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
        for document in documents(source, inside=inside):
            yield _found(document, source, convert)

    return Format(name, lambda source: recognises(keys_of(source)), read)


def _found(document: Document, source: Source, convert: Convert) -> Found:
    if document.problem is not None:
        return Found(document.place, problem=document.problem)
    notes: list[Problem] = []
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
    try:
        return Document(place, load_json(content))
    except ReadError as error:
        return Document(place, problem=Problem(error.reason, str(error)))
