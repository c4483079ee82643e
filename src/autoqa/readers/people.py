"""What people said, from their own files: human ratings; for customers see `survey_files`.

Read are tables of `autoqa.store` (Parquet, JSONL), files of conversations whose `ratings` hold the
answers, and CSV: ``conversation_id,turn,rater,criterion,score,scale_lo,scale_hi`` with optional
`status` and `reason`; an empty `turn` means the whole conversation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autoqa.errors import ReadError, RecordError
from autoqa.readers import delimited
from autoqa.readers.base import Source
from autoqa.readers.labels import Scale, rating_from
from autoqa.readers.quarantine import Place, Problem, Quarantine
from autoqa.readers.reading import read
from autoqa.readers.sniff import is_rating_table
from autoqa.readers.stored import stored_record
from autoqa.readers.values import identifier, number_in_text, problem
from autoqa.records import LabelledTranscript, Rating
from autoqa.store import read_records
from autoqa.store.tables import stored_table

_SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".json", ".json.gz")


@dataclass(frozen=True, slots=True)
class HumanRatings:
    """Ratings, with the scale of each criterion where the file says it."""

    ratings: list[Rating] = field(default_factory=list)
    scales: dict[str, Scale] = field(default_factory=dict)


def read_ratings(path: str | Path, *, quarantine: Quarantine | None = None) -> list[Rating]:
    """Return the ratings in a file or folder; see `read_human_ratings`."""
    return read_human_ratings(path, quarantine=quarantine).ratings


def read_human_ratings(path: str | Path, *, quarantine: Quarantine | None = None) -> HumanRatings:
    """Return the ratings in a file or folder, and the scales they are on.

    Parameters
    ----------
    path : str or Path
        A file, or a folder: there ``ratings.parquet``, ``.jsonl`` or ``.csv``, or the folder
        ``ratings`` that Spark wrote, or else all conversations below it.
    quarantine : Quarantine, optional
        Takes the rows that cannot be used. Without it the first one is an error.

    Raises
    ------
    ReadError
        If the file holds no ratings in any shape known, or a row cannot be used.
    StoreError
        If a stored table is damaged or was written by a newer autoqa.
    """
    source = answer_source(path, "ratings")
    found = HumanRatings()
    if source is not None and stored_record(source) not in (None, "transcript"):
        found.ratings.extend(read_records(source.path, Rating))
    elif source is not None and is_rating_table(source):
        found.ratings.extend(_from_csv(source, found.scales, quarantine))
    else:
        for labelled in conversations(source, path, ("bad_rating",), quarantine):
            found.ratings.extend(labelled.ratings)
            for criterion, scale in labelled.scales.items():
                if found.scales.setdefault(criterion, scale) != scale:
                    raise ReadError(
                        f"{path}: criterion '{criterion}' has scale {scale} here and "
                        f"{found.scales[criterion]} elsewhere; bring them to one scale",
                        reason="bad_rating",
                    )
    return found


def answer_source(path: str | Path, what: str) -> Source | None:
    """Return the one file that holds answers, or None for a folder of conversations."""
    path = Path(path)
    if path.is_dir():
        for suffix in _SUFFIXES:
            if (path / f"{what}{suffix}").is_file():
                path = path / f"{what}{suffix}"
                break
        else:
            parts = _source(stored_table(path, what) or path)
            return parts if stored_record(parts) not in (None, "transcript") else None
    if not path.exists():
        raise ReadError(f"{path}: no such file or folder", reason="unreadable_file")
    return _source(path)


def _source(path: Path) -> Source:
    return Source(path, str(path), path.stem)


def conversations(
    source: Source | None,
    path: str | Path,
    dropped: Sequence[str],
    quarantine: Quarantine | None,
) -> Iterator[LabelledTranscript]:
    """Yield conversations that may hold answers.

    Raises
    ------
    ReadError
        Without a quarantine, if a record cannot be used or a note says that answers of the kind
        `dropped` were.
    """
    strict = quarantine is None
    held = Quarantine() if quarantine is None else quarantine
    yield from read([path if source is None else source.path], quarantine=held)
    lost = held.counts + type(held.notes)({name: held.notes[name] for name in dropped})
    if strict and lost:
        said = ", ".join(f"{reason} {count}" for reason, count in sorted(lost.items()))
        raise ReadError(
            f"{path}: {lost.total()} records cannot be used ({said}); read it with a quarantine "
            "to go on without them",
            reason=min(lost),
        )


def _from_csv(
    source: Source, scales: dict[str, Scale], quarantine: Quarantine | None
) -> Iterator[Rating]:
    _, header = delimited.delimiter_and_header(source)
    names = [name.strip().lower() for name in header]
    for row in delimited.rows(source):
        wrong = row.problem
        if wrong is None:
            try:
                rating = _rating(dict(zip(names, row.cells, strict=True)), scales)
            except (ReadError, RecordError) as error:
                said = str(error) if isinstance(error, ReadError) else "it breaks a rule"
                wrong = Problem("bad_rating", said)
            else:
                if quarantine is not None:
                    quarantine.keep()
                yield rating
                continue
        refuse(row.place, wrong, quarantine)


def refuse(place: Place, wrong: Problem, quarantine: Quarantine | None) -> None:
    """Leave a row out; without a quarantine it is an error."""
    if quarantine is None:
        where = place.file if place.line is None else f"{place.file}:{place.line}"
        raise ReadError(f"{where}: {wrong.message}", reason=wrong.reason)
    quarantine.reject(place, wrong)


def _rating(row: Mapping[str, Any], scales: dict[str, Scale]) -> Rating:
    """Return the rating in a row, read as the uniform schema would say it."""
    key = identifier(row.get("conversation_id"))
    if key is None:
        raise problem("missing_field", "the row has no conversation id")
    item: dict[str, Any] = {name: value for name, value in row.items() if value != ""}
    item["score"] = number_in_text(row.get("score"))
    low, high = number_in_text(row.get("scale_lo")), number_in_text(row.get("scale_hi"))
    item["scale"] = None if low is None and high is None else [low, high]
    item["turn"] = _whole(row.get("turn"))
    notes: list[Problem] = []
    return rating_from(key, item, None, scales, notes)


def _whole(value: Any) -> int | None:
    if value is None or value == "":
        return None
    found = number_in_text(value)
    if found is None or found != int(found):
        raise problem("bad_rating", "turn is not an index")
    return int(found)
