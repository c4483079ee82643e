"""Rows of the Spark engine: how a record of the input travels through Spark.

Raw words never do: Spark writes what it exchanges to local disks, so rows hold redacted ones.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autoqa.batch.parts import NOT_STORABLE, TABLES, records_of
from autoqa.batch.work import Scored
from autoqa.errors import PrivacyError, StoreError
from autoqa.privacy import MASK, Redaction, redact
from autoqa.readers import Place, Problem
from autoqa.readers.reading import hash_of_words
from autoqa.records import Transcript
from autoqa.store.columns import arrow_struct, pack

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]

PLACE = ("file", "line", "byte_offset")

_UNSCORED: Row = {name: () for name in TABLES if name != "transcripts"}


def place_fields() -> list[pa.Field]:
    """Where a record is: by its unit and its number there, for order; by its file, for people."""
    import pyarrow as pa

    whole, text = pa.int64(), pa.string()
    kinds = {"unit": whole, "number": whole, "file": text, "line": whole, "byte_offset": whole}
    return [pa.field(name, kind) for name, kind in kinds.items()]


def read_schema() -> pa.Schema:
    """One row per record of the input: a redacted transcript, or what is wrong."""
    import pyarrow as pa

    text = pa.string()
    problem = pa.struct([pa.field("reason", text), pa.field("message", text)])
    note = pa.struct(
        [
            *place_fields()[2:],
            pa.field("reason", text),
            pa.field("message", text),
            pa.field("kept", pa.bool_()),
        ]
    )
    return pa.schema(
        [
            *place_fields(),
            pa.field("key", text),  # the conversation's id; where there is none, a name of its own
            pa.field("words", pa.int64()),  # hash of what was said before redaction
            pa.field("transcript", arrow_struct(Transcript)),
            pa.field("problem", problem),
            pa.field("notes", pa.list_(note)),
        ]
    )


def scored_schema() -> pa.Schema:
    """One row per record of the input, with all that scoring made of it."""
    import pyarrow as pa

    read = read_schema()
    return pa.schema(
        [
            *(field for field in read if field.name not in ("key", "words")),
            *(
                pa.field(name, pa.list_(arrow_struct(record)))
                for name, record in TABLES.items()
                if name != "transcripts"
            ),
        ]
    )


def row_of_place(place: Place) -> Row:
    """Return a place as columns; file names may hold bytes that are not UTF-8."""
    name = os.fsencode(place.file).decode("utf-8", "backslashreplace")
    return {"file": name, "line": place.line, "byte_offset": place.byte_offset}


def row_of_conversation(
    transcript: Transcript, place: Place, notes: Sequence[Row], redaction: Redaction = MASK
) -> Row:
    """Return a conversation as columns; redacted, since Spark writes what it sends to disk."""
    words = hash_of_words(transcript)
    where = {**row_of_place(place), "notes": notes}
    try:
        content = pack(redact(transcript, redaction), flat=True)
    except StoreError:
        return {**where, "problem": problem_columns(NOT_STORABLE)}
    except PrivacyError:
        raise  # a wrong set-up concerns every conversation
    except Exception as error:
        broke = Problem("scoring_failed", f"redaction broke: {type(error).__name__}")
        return {**where, "problem": problem_columns(broke)}
    return {
        **where,
        "key": transcript.conversation_id,
        "words": words - 2**63,  # Spark has no unsigned numbers
        "transcript": content,
    }


def with_scores(row: Row, scored: Scored | Problem) -> Row:
    """Return a conversation with its scores, or left out where there are none."""
    if isinstance(scored, Scored):
        try:
            tables = {
                name: [pack(record, flat=True) for record in records_of(scored, name)]
                for name in TABLES
            }
        except StoreError:
            scored = NOT_STORABLE
        else:
            (transcript,) = tables.pop("transcripts")
            return {**row, **tables, "transcript": transcript}
    return left_out(row, scored)


def left_out(row: Row, problem: Problem) -> Row:
    """Return a record without conversation and scores."""
    return {**unscored(row), "transcript": None, "problem": problem_columns(problem)}


def unscored(row: Row) -> Row:
    """Return a record that has no scores; Spark counts nothing in a list that is missing."""
    return {**row, **_UNSCORED}


def problem_columns(problem: Problem) -> Row:
    """Return a problem as columns."""
    return {"reason": problem.reason, "message": problem.message}
