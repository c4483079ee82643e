"""What a scoring run did: the content of ``summary.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autoqa.batch.work import ScoringSetup
from autoqa.errors import StoreError
from autoqa.notebook import html_table
from autoqa.records import Status

SUMMARY = "summary.json"


@dataclass(frozen=True)
class Summary:
    """What a run did; ``read == scored + quarantined``."""

    read: int
    scored: int
    quarantined: int
    reasons: Mapping[str, int]
    notes: Mapping[str, int]
    ratings: Mapping[str, int]
    csat: Mapping[str, int]
    flags: Mapping[str, int]
    scorecard: str
    scorecard_version: int
    scorecard_sha256: str
    models: str | None
    answered_by: Mapping[str, str]
    unserved: Mapping[str, str]
    seconds: float  # since the run was last started or resumed
    left_out: Mapping[str, str] = field(default_factory=dict)  # head -> licence not wanted
    resumed: int = 0  # conversations of `scored` that were done before the run was resumed

    @property
    def complete(self) -> bool:
        """Whether every record was scored and nothing broke."""
        broken = sum(counts.get(Status.FAILED.value, 0) for counts in (self.ratings, self.csat))
        return self.quarantined == 0 and not broken

    @property
    def per_second(self) -> float:
        """Conversations scored per second, those before the run was resumed apart."""
        return round((self.scored - self.resumed) / self.seconds, 2) if self.seconds else 0.0

    def _repr_html_(self) -> str:
        said = {
            "scorecard": f"{self.scorecard} version {self.scorecard_version}",
            "models": self.models,
            "conversations": f"{self.scored} scored of {self.read} read",
            "quarantined": _counted(self.reasons) or self.quarantined,
            "ratings": _counted(self.ratings),
            "CSAT": _counted(self.csat),
            "flags": _counted(self.flags),
            "criteria without scorer": ", ".join(self.unserved),
            "seconds": f"{self.seconds:.1f}",
        }
        return html_table(("", "scoring run"), said.items(), n_rows=len(said))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        values = {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in ((k, getattr(self, k)) for k in self.__dataclass_fields__)
        }
        return {**values, "conversations_per_second": self.per_second}


def summary_of(
    setup: ScoringSetup,
    *,
    scored: int,
    reasons: Mapping[str, int],
    notes: Mapping[str, int],
    ratings: Mapping[str, int],
    csat: Mapping[str, int],
    flags: Mapping[str, int],
    seconds: float,
    resumed: int = 0,
) -> Summary:
    """Return the summary of a run from what it counted; `reasons` are of records left out."""
    quarantined = sum(reasons.values())
    folder, panel = setup.folder, setup.panel
    return Summary(
        read=scored + quarantined,
        scored=scored,
        quarantined=quarantined,
        reasons=_sorted(reasons),
        notes=_sorted(notes),
        ratings=_sorted(ratings),
        csat=_sorted(csat),
        flags=_sorted(flags),
        scorecard=setup.card.id,
        scorecard_version=setup.card.version,
        scorecard_sha256=setup.card.content_hash,
        models=folder.version if folder else None,
        answered_by=panel.answered_by,
        unserved=panel.unserved,
        seconds=round(seconds, 3),
        left_out={name: one.licence for name, one in folder.left_out.items()} if folder else {},
        resumed=resumed,
    )


def read_summary(folder: Path) -> Summary | None:
    """Return the summary in a folder of results, None where no run has ended there.

    Raises
    ------
    StoreError
        If the file is damaged.
    """
    path = folder / SUMMARY
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return Summary(**{name: said[name] for name in Summary.__dataclass_fields__})
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path}: damaged ({error}); score again") from error


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts)}


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
