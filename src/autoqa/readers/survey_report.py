"""What became of the answers in a file of customers' answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from autoqa.readers.labels import Scale
from autoqa.readers.survey_scores import Detected
from autoqa.records import Survey

LATE_AFTER = timedelta(days=7)
"""How long after its conversation began an answer counts as late."""


@dataclass(frozen=True, slots=True)
class SurveyReport:
    """What became of the answers in a file.

    Attributes
    ----------
    path : str
    read : int
        Rows or records of answers.
    kept : int
    unanswered : int
        Customers who were asked and did not answer.
    repeated : int
        Answers about a conversation that was answered again later; the latest is kept.
    late : int
        Kept answers from more than `LATE_AFTER` after the conversation began, where that is known.
    off_scale, unusable : int
        Answers refused: outside their scale, or not to be understood.
    scale : Detected or None
        The scale of the answers that do not state theirs, if there are any.
    """

    path: str
    read: int
    kept: int
    unanswered: int = 0
    repeated: int = 0
    late: int = 0
    off_scale: int = 0
    unusable: int = 0
    scale: Detected | None = None

    def __str__(self) -> str:
        said = [f"{self.kept} of {self.read} answers kept"]
        for count, what in (
            (self.unanswered, "not answered"),
            (self.repeated, "answered again, the latest counts"),
            (self.late, f"late, by more than {LATE_AFTER.days} days, and kept"),
            (self.off_scale, "off the scale"),
            (self.unusable, "not to be understood"),
        ):
            if count:
                said.append(f"{count} {what}")
        if self.scale is not None:
            said.append(f"scale {shown(self.scale.scale)}, {self.scale.reason}")
            if self.scale.others:
                others = " or ".join(map(shown, self.scale.others))
                said.append(f"{others} would fit as well: --survey-scale settles it")
        return f"{self.path}: {'; '.join(said)}"


def shown(scale: Scale) -> str:
    """Return ``1-5``."""
    return f"{scale[0]:g}-{scale[1]:g}"


@dataclass(frozen=True, slots=True)
class SurveyAnswers:
    """Answers, and what became of the others; no report for stored tables and conversations."""

    surveys: list[Survey] = field(default_factory=list)
    report: SurveyReport | None = None
