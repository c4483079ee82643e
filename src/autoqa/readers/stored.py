"""Transcripts that `autoqa.store` wrote, as JSONL or Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from autoqa.errors import ReadError, StoreError
from autoqa.readers import parquet
from autoqa.readers.base import PARQUET_MAGIC, Format, Found, Source
from autoqa.readers.lines import BOM, lines
from autoqa.readers.quarantine import Place, Problem
from autoqa.readers.values import load_json, problem
from autoqa.records import LabelledTranscript, Transcript
from autoqa.store import from_dict
from autoqa.store.tables import NewerVersionError, check_header


def stored_record(source: Source) -> str | None:
    """Return which record type a stored file says it holds, or None if it is not a stored file.

    Of a folder, what its Parquet files hold.
    """
    if source.path.is_dir():
        files = sorted(source.path.glob("*.parquet"))
        return parquet.metadata_of(files[0]).get("autoqa_record") if files else None
    if source.head.startswith(PARQUET_MAGIC):
        return parquet.metadata_of(source.path).get("autoqa_record")
    header = _header(source.head.partition(b"\n")[0])
    name = header.get("autoqa")
    return name if isinstance(name, str) else None


def _header(line: bytes) -> Mapping[str, Any]:
    try:
        header = load_json(line.removeprefix(BOM))
    except ReadError:
        return {}
    return header if isinstance(header, dict) else {}


def _read(source: Source) -> Iterator[Found]:
    return _parquet(source) if source.head.startswith(PARQUET_MAGIC) else _jsonl(source)


def _parquet(source: Source) -> Iterator[Found]:
    place = source.place
    try:
        about = parquet.metadata_of(source.path)
        version = about.get("autoqa_schema_version", "")
        _check(source, about.get("autoqa_record"), int(version) if version.isdecimal() else None)
        for number, row in enumerate(parquet.records_of(source.path), start=1):
            place = Place(source.name, number)
            yield _found(place, row, [])
    except ReadError as error:
        yield Found(place, problem=Problem(error.reason, str(error)))


def _jsonl(source: Source) -> Iterator[Found]:
    for line in lines(source):
        place = Place(source.name, line.number, line.offset)
        notes: list[Problem] = []
        try:
            if line.problem is not None:
                yield Found(place, problem=line.problem)
            elif line.number == 1:
                header = _header(line.content)
                _check(source, header.get("autoqa"), header.get("schema_version"))
            elif line.content.strip():
                yield _found(place, load_json(line.content, notes), notes)
        except ReadError as error:
            yield Found(place, problem=Problem(error.reason, str(error)))
            if line.number == 1:
                return


def _check(source: Source, record: object, version: object) -> None:
    """Raise ReadError unless the file says that it holds transcripts of a version known here."""
    try:
        check_header(source.path, record, version, Transcript)
    except NewerVersionError:
        # What to do about a file from the future, which is not a damaged one.
        message = "written in a newer schema version; upgrade autoqa-transcripts to read it"
        raise problem("newer_version", message) from None
    except StoreError:
        raise problem("wrong_type", "the file does not say that it holds transcripts") from None


def _found(place: Place, row: Any, notes: list[Problem]) -> Found:
    try:
        transcript = from_dict(Transcript, row)
    except StoreError:
        # Its message may quote the file.
        broken = Problem("wrong_type", "the record is not a stored transcript")
        return Found(place, problem=broken)
    return Found(place, LabelledTranscript(transcript=transcript), notes=tuple(notes))


STORED = Format("stored", lambda s: stored_record(s) == "transcript", _read)
