"""Datasets: folders in the uniform schema that tasks find their labels in."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autoqa.errors import DataError
from autoqa.experiments.provenance import dataset_files, files_digest
from autoqa.privacy import redact_labelled
from autoqa.readers import Quarantine, read
from autoqa.records import LabelledTranscript, Transcript


@dataclass(frozen=True)
class Dataset:
    """A folder in the uniform schema: conversations, their labels, and points to predict at."""

    name: str
    path: Path
    labelled: tuple[LabelledTranscript, ...]
    points: Mapping[tuple[str, int | None], int] = field(default_factory=dict)  # -> label3
    sha256: str = ""

    @property
    def transcripts(self) -> list[Transcript]:
        """What models may see."""
        return [one.transcript for one in self.labelled]

    def where(self, keep: Callable[[LabelledTranscript], bool]) -> Dataset:
        """Return the dataset with some of its conversations."""
        kept = tuple(one for one in self.labelled if keep(one))
        return Dataset(self.name, self.path, kept, self.points, self.sha256)

    def held_out(self) -> Dataset:
        """Return what models were not meant to learn from.

        The conversations of ``eval_points*.csv`` where there is such a file, otherwise those of
        other splits than ``train``, otherwise all.
        """
        if self.points:
            named = {conversation for conversation, _ in self.points}
            return self.where(lambda one: one.transcript.conversation_id in named)
        held = self.where(lambda one: one.split != "train")
        return held if held.labelled else self


def load_dataset(path: str | Path) -> Dataset:
    """Read a dataset folder, redacted: ``transcripts.jsonl[.gz]`` and any ``eval_points*.csv``.

    Raises
    ------
    DataError
        If the folder holds no conversations, or a record or label of it cannot be used: figures
        over part of a dataset would not be figures of the dataset.
    """
    folder = Path(path)
    files = dataset_files(folder)
    if not files:
        raise DataError(
            f"{folder}: no transcripts.jsonl or transcripts.jsonl.gz there; name a dataset folder "
            "in the uniform schema"
        )
    with Quarantine() as quarantine:
        # As scoring reads them, and so that no model learns a value that is somebody's.
        found = read(files, format="uniform", quarantine=quarantine)
        labelled = tuple(map(redact_labelled, found))
        if quarantine.records_quarantined or not labelled:
            reasons = ", ".join(f"{k} x {v}" for k, v in quarantine.counts.items()) or "no records"
            raise DataError(f"{folder}: {reasons}; `autoqa read {folder}` says where")
        dropped = {k: v for k, v in quarantine.notes.items() if k in ("bad_rating", "bad_csat")}
        if dropped:
            reasons = ", ".join(f"{k} x {v}" for k, v in sorted(dropped.items()))
            raise DataError(
                f"{folder}: labels that cannot be used ({reasons}); `autoqa read {folder}` says "
                "where"
            )
    points = _points(folder, {one.transcript.conversation_id: one for one in labelled})
    return Dataset(folder.resolve().name, folder, labelled, points, files_digest(files))


def missing(dataset: Dataset, what: str) -> DataError:
    """Return the error that names the label a dataset lacks, and the ones it has."""
    found = sorted({r.criterion for one in dataset.labelled for r in one.ratings})
    has = ", ".join(found) or "none"
    return DataError(f"{dataset.name}: no {what}; its rated criteria are: {has}")


def _points(
    folder: Path, labelled: Mapping[str, LabelledTranscript]
) -> dict[tuple[str, int | None], int]:
    points: dict[tuple[str, int | None], int] = {}
    for file in sorted(folder.glob("eval_points*.csv")):
        with file.open(encoding="utf-8", newline="") as stream:
            for number, row in enumerate(csv.DictReader(stream), start=2):
                try:
                    name = row["conversation_id"]
                    turn = int(row["turn"]) if row["turn"] else None
                    label = int(row["label3"])
                except (KeyError, TypeError, ValueError):
                    raise DataError(
                        f"{file}:{number}: needs conversation_id, turn (or empty) and label3"
                    ) from None
                if label not in (0, 1, 2):
                    raise DataError(f"{file}:{number}: label3 is {label}, not 0, 1 or 2")
                if name not in labelled:
                    raise DataError(f"{file}:{number}: conversation '{name}' is not in the folder")
                n_turns = len(labelled[name].transcript.turns)
                if turn is not None and not 0 <= turn < n_turns:
                    raise DataError(
                        f"{file}:{number}: turn index {turn} is not one of the {n_turns} turns of "
                        f"'{name}' (counted from 0)"
                    )
                before = points.setdefault((name, turn), label)
                if before != label:
                    raise DataError(
                        f"{file}:{number}: label3 is {label}, but {before} in another row of this "
                        "moment"
                    )
    return points
