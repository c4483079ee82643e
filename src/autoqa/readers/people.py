"""What people said, from their own files: human ratings and customer surveys.

Three shapes are read for each: tables of `autoqa.store` (Parquet, JSONL), CSV with one row per
answer, and files of conversations whose `ratings` or `csat` hold the answers.

* ratings CSV: ``conversation_id,turn,rater,criterion,score,scale_lo,scale_hi`` with optional
  `status` and `reason`; an empty `turn` means the whole conversation;
* surveys CSV: ``conversation_id,score`` with optional `scale_lo`, `scale_hi`, `comment`,
  `answered_at` and `given_by`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from autoqa.errors import ReadError, RecordError
from autoqa.readers import delimited
from autoqa.readers.base import Source
from autoqa.readers.labels import Scale, rating_from, survey_from
from autoqa.readers.quarantine import Place, Problem, Quarantine
from autoqa.readers.reading import read
from autoqa.readers.sniff import is_rating_table
from autoqa.readers.stored import stored_record
from autoqa.readers.values import identifier, number_in_text, problem
from autoqa.records import LabelledTranscript, Rating, Survey
from autoqa.store import read_records

_Answer = TypeVar("_Answer", Rating, Survey)
_SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz", ".csv", ".csv.gz")


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
        A file, or a folder: there ``ratings.parquet``, ``.jsonl`` or ``.csv``, or else all
        conversations below it.
    quarantine : Quarantine, optional
        Takes the rows that cannot be used. Without it the first one is an error.

    Raises
    ------
    ReadError
        If the file holds no ratings in any shape known, or a row cannot be used.
    StoreError
        If a stored table is damaged or was written by a newer autoqa.
    """
    source = _source(path, "ratings")
    found = HumanRatings()
    if source is not None and stored_record(source) not in (None, "transcript"):
        found.ratings.extend(read_records(source.path, Rating))
    elif source is not None and is_rating_table(source):

        def rating(row: Mapping[str, Any]) -> Rating:
            key, item = _row_item(row)
            item["turn"] = _whole(row.get("turn"))
            notes: list[Problem] = []
            return rating_from(key, item, None, found.scales, notes)

        found.ratings.extend(_from_csv(source, rating, "bad_rating", quarantine))
    else:
        for labelled in _conversations(source, path, ("bad_rating",), quarantine):
            found.ratings.extend(labelled.ratings)
            for criterion, scale in labelled.scales.items():
                if found.scales.setdefault(criterion, scale) != scale:
                    raise ReadError(
                        f"{path}: criterion '{criterion}' has scale {scale} here and "
                        f"{found.scales[criterion]} elsewhere; bring them to one scale",
                        reason="bad_rating",
                    )
    return found


def read_surveys(
    path: str | Path, *, scale: Scale | None = None, quarantine: Quarantine | None = None
) -> list[Survey]:
    """Return the customer answers in a file or folder.

    Parameters
    ----------
    path : str or Path
        A file, or a folder: there ``surveys.parquet``, ``.jsonl`` or ``.csv``, or else all
        conversations below it.
    scale : (float, float), optional
        Lowest and highest answer, for CSV rows that do not say.
    quarantine : Quarantine, optional
        Takes the rows that cannot be used. Without it the first one is an error.

    Raises
    ------
    ReadError
        If the file holds no answers in any shape known, or a row cannot be used.
    StoreError
        If a stored table is damaged or was written by a newer autoqa.
    """
    source = _source(path, "surveys")
    if source is not None and stored_record(source) not in (None, "transcript"):
        return list(read_records(source.path, Survey))
    if source is not None and _is_survey_table(source):

        def survey(row: Mapping[str, Any]) -> Survey:
            key, item = _row_item(row)
            if item["scale"] is None:
                item["scale"] = scale
            return survey_from(key, item)

        return list(_from_csv(source, survey, "bad_csat", quarantine))
    found: list[Survey] = []
    for labelled in _conversations(source, path, ("bad_csat",), quarantine):
        found.extend(labelled.surveys)
    return found


def _source(path: str | Path, what: str) -> Source | None:
    """The one file that holds answers, or None for a folder of conversations."""
    path = Path(path)
    if path.is_dir():
        for suffix in _SUFFIXES:
            if (path / f"{what}{suffix}").is_file():
                path = path / f"{what}{suffix}"
                break
        else:
            return None
    if not path.exists():
        raise ReadError(f"{path}: no such file or folder", reason="unreadable_file")
    return Source(path, str(path), path.stem)


def _is_survey_table(source: Source) -> bool:
    _, header = delimited.delimiter_and_header(source)
    names = {name.strip().lower() for name in header}
    return "conversation_id" in names and bool(names & {"score", "csat"}) and "text" not in names


def _conversations(
    source: Source | None,
    path: str | Path,
    dropped: Sequence[str],
    quarantine: Quarantine | None,
) -> Iterator[LabelledTranscript]:
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
    source: Source,
    make: Callable[[Mapping[str, Any]], _Answer],
    reason: str,
    quarantine: Quarantine | None,
) -> Iterator[_Answer]:
    _, header = delimited.delimiter_and_header(source)
    names = [name.strip().lower() for name in header]
    for row in delimited.rows(source):
        wrong = row.problem
        if wrong is None:
            try:
                answer = make(dict(zip(names, row.cells, strict=True)))
            except (ReadError, RecordError) as error:
                said = str(error) if isinstance(error, ReadError) else "it breaks a rule"
                wrong = Problem(reason, said)
            else:
                if quarantine is not None:
                    quarantine.keep()
                yield answer
                continue
        _refuse(row.place, wrong, quarantine)


def _refuse(place: Place, wrong: Problem, quarantine: Quarantine | None) -> None:
    if quarantine is None:
        raise ReadError(f"{place.file}:{place.line}: {wrong.message}", reason=wrong.reason)
    quarantine.reject(place, wrong)


def _row_item(row: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the conversation id and the row as the uniform schema would say it."""
    key = identifier(row.get("conversation_id"))
    if key is None:
        raise problem("missing_field", "the row has no conversation id")
    item: dict[str, Any] = {name: value for name, value in row.items() if value != ""}
    item["score"] = number_in_text(row.get("score") or row.get("csat"))
    low, high = number_in_text(row.get("scale_lo")), number_in_text(row.get("scale_hi"))
    item["scale"] = None if low is None and high is None else [low, high]
    return key, item


def _whole(value: Any) -> int | None:
    if value is None or value == "":
        return None
    found = number_in_text(value)
    if found is None or found != int(found):
        raise problem("bad_rating", "turn is not an index")
    return int(found)
