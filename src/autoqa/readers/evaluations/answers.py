"""What evaluations of other systems have in common: who answered what to which question."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from autoqa.records import RaterKind, Status


@dataclass(frozen=True, slots=True)
class Question:
    """A question as a file names it: its ids, the surest first, and its wording."""

    refs: tuple[str, ...] = ()
    wording: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One answer in all the ways in which a file says it.

    Attributes
    ----------
    refs : tuple of str
        Ids of the chosen option.
    labels : tuple of str
        Its texts.
    number : float, optional
        The answer, where it is a number.
    share : float, optional
        What it earns, as a share of the most that the question can earn.
    """

    refs: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    number: float | None = None
    share: float | None = None

    def __bool__(self) -> bool:
        return bool(self.refs or self.labels or self.number is not None or self.share is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One rater's answer to one question.

    Attributes
    ----------
    said : Said
        What was answered, where the status is rated; empty where the file says only that
        something was.
    reason : str
        What the rater wrote, or why there is no answer.
    """

    question: Question
    status: Status = Status.RATED
    said: Said = field(default_factory=Said)
    reason: str = ""
    rater: str = ""
    kind: RaterKind = RaterKind.HUMAN

    def by(self, rater: str, kind: RaterKind) -> Answer:
        """Return the answer with a name put to it."""
        return replace(self, rater=rater, kind=kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorEvaluation:
    """One evaluation as a file holds it.

    Attributes
    ----------
    key : str
        Its id in the other system; of those with one key, the last submitted counts.
    calibration : bool
        Whether it was made for a calibration session.
    disputed : bool
        Whether it is submitted, and under review.
    unattributed : int
        Answers of which nothing says whether a person or the system gave them; left out.
    """

    key: str
    conversation_id: str
    answers: tuple[Answer, ...]
    submitted: datetime | None
    calibration: bool = False
    disputed: bool = False
    unattributed: int = 0


@dataclass(frozen=True, slots=True)
class Names:
    """What to call raters that a file does not name."""

    system: str | None = None
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Importer:
    """How one system's evaluations are read.

    Attributes
    ----------
    recognises : callable
        Whether a JSON object is one of its evaluations, or holds some.
    read : callable
        One evaluation; raises ReadError where it cannot be used.
    split : callable
        Gives the evaluations that an object holds, unchecked.
    """

    recognises: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Mapping[str, Any], Names], VendorEvaluation]
    split: Callable[[Mapping[str, Any]], Iterable[Any]] = lambda given: (given,)
