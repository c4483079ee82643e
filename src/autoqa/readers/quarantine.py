"""Where bad records go: a row with file, line, offset and reason, never with their text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Self

from autoqa.errors import ReadError

REASONS: Mapping[str, str] = MappingProxyType(
    {
        # The conversation is quarantined.
        "bad_json": "the line is not JSON",
        "too_deep": "values are nested more than 64 deep",
        "not_utf8": "the bytes are not UTF-8, and no words in Windows-1252",
        "missing_field": "a field that every conversation needs is not there or empty",
        "wrong_type": "a field holds something of another type",
        "bad_speaker": "the speaker of a turn is not known",
        "bad_email": "the message is not an e-mail that can be parsed",
        "unknown_speakers": "nothing says which speaker is the agent and which the customer",
        "bad_channel": "the channel is not voice, chat or email",
        "no_turns": "the conversation has no turns, or none with words or actions",
        "incomplete": "the export holds only a part of the conversation",
        "repeated": "the same conversation came before, by id and words; it is kept once",
        "duplicate_id": "an earlier conversation has the same id and other words; that one is kept",
        "not_contiguous": "other conversations lie between the rows of this one",
        "scoring_failed": "scoring the conversation broke; the message names the error's kind",
        "scoring_killed": "scoring the conversation killed the process, twice",
        "not_storable": "the conversation holds a value that no table can hold",
        "bad_row": "a table row does not fit the header, or a quote in it never ends",
        "too_large": "one record is larger than 16 MiB",
        # The file is quarantined, as one record.
        "unknown_format": "no reader recognises the file",
        "not_transcripts": "the file holds ratings, surveys or other tables, no conversations",
        "missing_column": "a turn table lacks a column",
        "damaged_file": "the file ends early or is damaged; what came before is kept",
        "zip_bomb": "the file unpacks to over 200 times its size; what came before is kept",
        "archive": "the file is an archive, which is not looked into: unpack it",
        "newer_version": "a newer autoqa wrote the file",
        "unreadable_file": "the system refuses to read the file or folder",
        "reader_failed": "a reader broke on the file, which is an error of ours; please report it",
        # Notes: the conversation is kept.
        "other_encoding": "the file is UTF-16 or UTF-32, and read as such",
        "encoding_guessed": "lines are not UTF-8; they are read as Windows-1252",
        "old_line_ends": "carriage returns alone end the lines of the file",
        "control_characters": "control characters became spaces",
        "broken_unicode": "characters were lost: U+FFFD, or half of a surrogate pair",
        "invisible_characters": "text has zero-width or direction characters; they are kept",
        "html": "text has HTML tags; they are kept as text",
        "duplicate_key": "a key comes twice in one JSON object; the last one counts",
        "not_a_number": "NaN or infinity is read as nothing given",
        "empty_turns": "turns have no words; they are kept",
        "one_sided": "no customer speaks, or nobody for the company",
        "speakers_swapped": "the customer says what agents say; kept as labelled",
        "repetition": "words repeat over and over, as recognisers do on noise; they are kept",
        "turns_overlap": "turns overlap by more than 5 s, or go back in time; they are kept",
        "times_reversed": "a turn ends before it starts; its times are dropped",
        "bad_time": "a time cannot be understood; it is dropped",
        "bad_rating": "a rating cannot be used; it is dropped",
        "bad_csat": "a survey answer cannot be used; it is dropped",
        "bad_label": "an outcome, label or split cannot be used; it is dropped",
        "bad_metadata": "a detail about the conversation has a wrong type; it is dropped",
        "speakers_guessed": "who speaks was guessed from what was said; --speaker settles it",
        "language_guessed": "the export states no language; common words show which it is",
        "several_agents": "several agents took part; the conversation is not given to one of them",
        "agent_unknown": "the export does not say which agent took part",
        "analysis_skipped": "the vendor left out analysis: a category that is missing is no 'no'",
        "private_dropped": "messages that the customer cannot see are left out",
        "attachments_dropped": "attachments are not read",
        "call_dropped": "calls without a transcript are left out",
        "duplicate_message": "a message came more than once; one copy is kept",
        "part_left_out": "a file, a menu or another message without plain text is left out",
        "scale_assumed": "the export does not state the scale of a survey; 1 to 5 is taken",
        "answered_again": "a conversation was answered again; the latest answer counts",
        "late_answer": "an answer came over 7 days after the conversation began; it is kept",
        "rationale_not_found": "a quoted phrase is not in the turn; the rating is kept without it",
        # An evaluation of another system is left out.
        "not_submitted": "the evaluation is a draft, pending or in progress",
        "retracted": "the evaluation was retracted",
        "superseded": "another version of the evaluation was submitted later; that one counts",
        # An evaluation is left out where that is true of all its questions, else kept, with a note.
        "unknown_questions": "questions of an evaluation are not on the scorecard; dropped",
        "off_scale": "answers of an evaluation are none of their criterion's levels; dropped",
        # About files that hold no record.
        "empty_file": "the file holds no record",
        "skipped_file": "a file or link in a folder is not a file of conversations",
    }
)
"""Every reason code, and what it means."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record starts."""

    file: str
    line: int | None = None  # 1-based; the row number in Parquet files
    byte_offset: int | None = None  # uncompressed, in UTF-8; None in Parquet files


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, as a reason code and a sentence that quotes nothing from the file."""

    reason: str
    message: str


class Quarantine:
    """Counts records and writes one JSON line for everything that was not as it should be.

    Rows are ``{file, line, byte_offset, reason, message, kept}``. `kept` is false for a record
    that was left out, true for a note on a record that was kept, null for a file without records.

    Parameters
    ----------
    path : str or Path, optional
        The file to write, replaced if it exists. Without it, problems are only counted.

    Attributes
    ----------
    records_read, records_kept, records_quarantined : int
        ``records_read == records_kept + records_quarantined`` after every record.
    counts : Counter of str
        Quarantined records per reason.
    notes : Counter of str
        Notes on kept records, and files without records, per reason.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = None if path is None else Path(path)
        self.records_kept = 0
        self.counts: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self._stream: IO[str] | None = None
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Line by line on disk, so that a run that dies leaves its rows behind.
            self._stream = self.path.open("w", encoding="utf-8", newline="\n", buffering=1)

    @property
    def records_quarantined(self) -> int:
        """Records left out so far."""
        return sum(self.counts.values())

    @property
    def records_read(self) -> int:
        """Records met so far."""
        return self.records_kept + self.records_quarantined

    def keep(self) -> None:
        """Count a record that goes on."""
        self.records_kept += 1

    def reject(self, place: Place, problem: Problem) -> None:
        """Count and write down a record that is left out."""
        self.counts[problem.reason] += 1
        self._write(place, problem, kept=False)

    def withdraw(self, place: Place, problem: Problem) -> None:
        """Leave out a record after all that was kept: scoring it failed."""
        self.records_kept -= 1
        self.reject(place, problem)

    def note(self, place: Place, problem: Problem) -> None:
        """Write down what was dropped from a record that is kept."""
        self.notes[problem.reason] += 1
        self._write(place, problem, kept=True)

    def note_file(self, place: Place, problem: Problem) -> None:
        """Write down a file that holds no record."""
        self.notes[problem.reason] += 1
        self._write(place, problem, kept=None)

    def summary(self) -> dict[str, object]:
        """Return the counts for a run's summary."""
        return {
            "read": self.records_read,
            "kept": self.records_kept,
            "quarantined": self.records_quarantined,
            "reasons": dict(sorted(self.counts.items())),
            "notes": dict(sorted(self.notes.items())),
        }

    def _write(self, place: Place, problem: Problem, *, kept: bool | None) -> None:
        if self._stream is None:
            return
        row = {
            "file": place.file,
            "line": place.line,
            "byte_offset": place.byte_offset,
            "reason": problem.reason,
            "message": problem.message,
            "kept": kept,
        }
        # ASCII only: a file name may hold bytes that are not UTF-8.
        self._stream.write(json.dumps(row) + "\n")

    def close(self) -> None:
        """Close the file; counts stay readable."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class NoQuarantine(Quarantine):
    """For callers who expect good data: the first record that would be left out raises."""

    def reject(self, place: Place, problem: Problem) -> None:
        """Raise ReadError with the place, what is wrong, and what to do."""
        where = ":".join(str(p) for p in (place.file, place.line) if p is not None)
        raise ReadError(
            f"{where}: {problem.message} [reason: {problem.reason}]; pass a Quarantine to read on "
            "without such records",
            reason=problem.reason,
        )
