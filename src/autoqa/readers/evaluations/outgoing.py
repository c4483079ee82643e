"""One evaluation on its way out, as the writers of all systems see it."""

from __future__ import annotations

import hashlib
import math
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from autoqa.records import Evaluation, RaterKind, Rating, Status
from autoqa.scorecard.schema import Criterion, Scorecard, Section


@dataclass(frozen=True)
class Outgoing:
    """One rater's evaluation of one conversation, ready to be written.

    Attributes
    ----------
    card : Scorecard
    evaluation : Evaluation
    agent : str or None
    submitted : datetime
        In UTC.
    """

    card: Scorecard
    evaluation: Evaluation
    agent: str | None
    submitted: datetime

    @property
    def conversation_id(self) -> str:
        """The conversation."""
        return self.evaluation.conversation_id

    @property
    def rater(self) -> str:
        """The name of the person or model."""
        return self.evaluation.rater

    @property
    def by_person(self) -> bool:
        """Whether a person rated."""
        return self.evaluation.kind is RaterKind.HUMAN

    @cached_property
    def id(self) -> str:
        """An id that is the same whenever the same evaluation is exported."""
        parts = (
            self.card.id,
            str(self.card.version),
            self.conversation_id,
            self.evaluation.kind,
            self.rater,
        )
        digest = hashlib.sha256("\0".join(parts).encode()).digest()
        return str(uuid.UUID(bytes=digest[:16], version=4))

    @cached_property
    def ratings(self) -> Mapping[str, Rating]:
        """Ratings of the whole conversation by criterion."""
        return {r.criterion: r for r in self.evaluation.ratings if r.turn is None}

    @property
    def when(self) -> str:
        """The time as JSON says it."""
        return self.submitted.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def sections(self) -> Iterator[Section]:
        """Sections with criteria; forms have no others."""
        return (section for section in self.card.sections if section.criteria)

    def level(self, criterion: Criterion) -> int | None:
        """Return the level that a criterion was rated at."""
        rating = self.ratings.get(criterion.id)
        return None if rating is None else rating.level

    def status(self, criterion: Criterion) -> Status | None:
        """Return what became of a criterion; None without a rating."""
        rating = self.ratings.get(criterion.id)
        return None if rating is None else rating.status

    def reason(self, criterion: Criterion) -> str:
        """Return what was written about a rating."""
        rating = self.ratings.get(criterion.id)
        return "" if rating is None else rating.reason

    def compare(self, total: float | None, losses: Counter[str]) -> None:
        """Count a total by the other system's rules that is not ours."""
        own = self.evaluation.total
        same = total is own or (
            total is not None and own is not None and math.isclose(total, own, abs_tol=0.01)
        )
        losses["total_differs"] += not same


Writer = Callable[[Outgoing, Counter[str]], dict[str, Any]]
"""(evaluation, losses to count) -> JSON object in a system's shape."""
