"""Answering a criterion with a model that was trained for another, related scale."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from autoqa.errors import ScorerError, near_miss
from autoqa.features.batch import Batch
from autoqa.records import Rating, Status
from autoqa.scorecard.schema import Criterion
from autoqa.scorers.answers import or_abstained
from autoqa.scorers.folder import ModelFolder


class BorrowedScorer:
    """Answers a criterion with a head that was trained for another, related scale.

    The head's expected level is cut into the criterion's levels: with ``cuts: [9, 14]`` a
    three-level criterion is 0 below 9, 1 from 9, and 2 from 14 on. Where both have the same scale,
    no cuts are needed, and the head's own choice of level stands.
    """

    def __init__(
        self, criteria: Sequence[Criterion], *, models: ModelFolder, abstain_below: float = 0.0
    ) -> None:
        self.criteria = tuple(criteria)
        self.abstain_below = abstain_below
        self._models = models
        for criterion in self.criteria:
            settings = scorer_settings(criterion)
            cuts = settings.get("cuts", [])
            name = str(settings.get("model", criterion.id))
            if name not in models.heads:
                raise ScorerError(
                    f"criterion '{criterion.id}': no model '{name}' in {models.path}."
                    f"{near_miss(name, models.heads)} It has "
                    f"{', '.join(sorted(models.heads)) or 'none'}"
                )
            head = models.heads[name].criterion
            if not cuts and head.scale == criterion.scale:
                continue
            if not _rising(cuts) or len(cuts) != len(criterion.scale) - 1:
                raise ScorerError(
                    f"criterion '{criterion.id}': model '{head.id}' has {len(head.scale)} levels; "
                    f"give {len(criterion.scale) - 1} rising `cuts` on its scale "
                    f"{head.scale[0]}-{head.scale[-1]}, found {cuts}"
                )

    @property
    def version(self) -> str:
        """Hash of the model folder and of how its levels are cut."""
        said = [[c.id, scorer_settings(c)] for c in self.criteria]
        text = json.dumps([self._models.version, self.abstain_below, said], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def rate(self, batch: Batch) -> list[Rating]:
        """Return one rating per transcript and criterion, in that order."""
        columns = [self._rate(criterion, batch) for criterion in self.criteria]
        return [rating for row in zip(*columns, strict=True) for rating in row]

    def _rate(self, criterion: Criterion, batch: Batch) -> list[Rating]:
        settings = scorer_settings(criterion)
        name = str(settings.get("model", criterion.id))
        scorer = self._models.scorer(name)
        if not settings.get("cuts"):
            own = [replace(r, criterion=criterion.id) for r in scorer.rate(batch)]
            return [or_abstained(r, criterion, self.abstain_below) for r in own]
        head = scorer.criteria[0]
        cuts = np.array(settings["cuts"], float)
        place = np.searchsorted(cuts, head.scale, side="right")
        fold = np.eye(len(criterion.scale))[place]
        carried = [_carried(r, criterion, head, fold, cuts) for r in scorer.rate(batch)]
        return [or_abstained(r, criterion, self.abstain_below) for r in carried]


def _rising(cuts: Any) -> bool:
    return (
        isinstance(cuts, list | tuple)
        and all(isinstance(cut, int | float) for cut in cuts)
        and all(a < b for a, b in pairwise(cuts))
    )


def _carried(
    rating: Rating, criterion: Criterion, head: Criterion, fold: np.ndarray, cuts: np.ndarray
) -> Rating:
    if rating.status is not Status.RATED or rating.expected is None:
        return replace(rating, criterion=criterion.id)
    probabilities = np.array(rating.probabilities) @ fold
    level = criterion.scale[int(np.searchsorted(cuts, rating.expected, side="right"))]
    steps = (criterion.scale[-1] - criterion.scale[0]) / (head.scale[-1] - head.scale[0])
    return replace(
        rating,
        criterion=criterion.id,
        level=level,
        expected=float(probabilities @ np.array(criterion.scale)),
        probabilities=tuple(float(p) for p in probabilities),
        evidence=tuple(replace(e, contribution=e.contribution * steps) for e in rating.evidence),
    )


def scorer_settings(criterion: Criterion) -> dict[str, Any]:
    """Return the settings of a criterion's scorer, none where it names none."""
    return criterion.scorer.settings if criterion.scorer else {}
