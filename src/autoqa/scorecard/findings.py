"""What a check of a scorecard says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """An error makes answers wrong or impossible; a warning makes them worth less."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One weakness of a scorecard: where it is, what was found, what to do."""

    code: str  # short and stable, for example asks_two_things
    where: str  # criterion id and key, for example recap.levels.1; or the scorecard's id
    message: str
    severity: Severity = Severity.WARNING

    def __str__(self) -> str:
        return f"{self.severity}: {self.where}: {self.message} [{self.code}]"
