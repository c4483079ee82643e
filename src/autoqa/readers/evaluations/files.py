"""Evaluations and ratings as files: JSON for other systems, CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from autoqa.errors import DataError
from autoqa.records import Rating
from autoqa.scorecard.schema import Scorecard
from autoqa.store import atomic_file, atomic_write_json, atomic_write_text
from autoqa.store.spreadsheets import neutral

_COLUMNS = (
    *("conversation_id", "turn", "rater", "kind", "criterion", "status", "score"),
    *("scale_lo", "scale_hi", "reason"),
)


def write_evaluations(
    path: str | Path, evaluations: Iterable[tuple[str, Mapping[str, Any]]]
) -> int:
    """Write evaluations and return how many there were.

    Parameters
    ----------
    path : str or Path
        ``.jsonl`` takes one evaluation per line, ``.json`` a list of them; any other name is a
        folder, which takes a file each.
    evaluations : iterable of (id, JSON object)
        As `export_evaluations` yields them.

    Raises
    ------
    DataError
        If the folder has files in it already.
    """
    target, count = Path(path), 0
    if target.suffix in (".json", ".jsonl"):
        listed = target.suffix == ".json"
        with atomic_file(target) as stream:
            for _, evaluation in evaluations:
                stream.write((b",\n" if count else b"[\n") if listed else b"")
                line = json.dumps(evaluation, ensure_ascii=False, allow_nan=False)
                stream.write(line.encode() + (b"" if listed else b"\n"))
                count += 1
            stream.write((b"\n]\n" if count else b"[]\n") if listed else b"")
        return count
    if target.is_dir() and any(target.iterdir()):
        raise DataError(f"{target}: has files in it already; name a new folder, or a .json file")
    target.mkdir(parents=True, exist_ok=True)
    for name, evaluation in evaluations:
        atomic_write_json(target / f"{name}.json", evaluation)
        count += 1
    return count


def write_ratings_csv(path: str | Path, ratings: Iterable[Rating], card: Scorecard) -> int:
    """Write ratings as CSV with the scales of their criteria, and return how many there were.

    A text that a spreadsheet would take for a formula gets an apostrophe before it, an id, too:
    Parquet and JSONL keep all as it is.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    count = 0
    for rating in ratings:
        scale = card.criterion(rating.criterion).scale
        where = (neutral(rating.conversation_id), rating.turn)
        what = (neutral(rating.rater), rating.kind, rating.criterion, rating.status, rating.level)
        writer.writerow((*where, *what, scale[0], scale[-1], neutral(rating.reason)))
        count += 1
    atomic_write_text(path, out.getvalue())
    return count
