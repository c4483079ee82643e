"""Whether the model knows how sure it may be, against people's ratings and customers' answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from autoqa.errors import DataError
from autoqa.evaluation.calibration import ReliabilityBin, reliability_table
from autoqa.evaluation.ceiling import ItemKey
from autoqa.evaluation.figures import SMALL_N
from autoqa.evaluation.selective import RiskCoverageCurve, risk_coverage
from autoqa.evaluation.study.data import Found, StudyData
from autoqa.evaluation.tables import FloatArray, IntArray
from autoqa.records import CSAT, Rating, Status


@dataclass(frozen=True, slots=True, eq=False)
class Sureness:
    """Probability that the model gave its own answers, and who gave the same one.

    Attributes
    ----------
    item : int array of shape (n_pairs,)
        Automated answer of each pair with a person's.
    confidence : float array of shape (n_items,)
    agrees : float array of shape (n_pairs,)
        1 where the person gave the level that the model gave, else 0.
    clusters : array of str, shape (n_items,)
    """

    item: IntArray
    confidence: FloatArray
    agrees: FloatArray
    clusters: np.ndarray

    @property
    def loss(self) -> FloatArray:
        """Share of people who gave another level, shape (n_items,)."""
        n = len(self.confidence)
        agreed = np.bincount(self.item, weights=self.agrees, minlength=n)
        return np.asarray(1.0 - agreed / np.bincount(self.item, minlength=n))


def calibration(data: StudyData) -> Found:
    """Group answers by the probability that the model gave them, and count who agreed.

    Each pair of an automated answer and a person's counts once.
    """
    found: dict[str, tuple[ReliabilityBin, ...]] = {}
    caveats: list[str] = []
    for name, sure in _by_criterion(data, caveats):
        found[name] = reliability_table(sure.confidence[sure.item], sure.agrees.astype(np.int64))
    return Found({"calibration": found}, caveats)


def coverage(data: StudyData) -> Found:
    """Trace how often people disagree with the answers that the model is surest of."""
    found: dict[str, RiskCoverageCurve] = {}
    caveats: list[str] = []
    for name, sure in _by_criterion(data, caveats):
        found[name] = risk_coverage(sure.confidence, sure.loss, sure.clusters, **data.resampling)
    return Found({"risk_coverage": found}, caveats)


def _by_criterion(data: StudyData, caveats: list[str]) -> Iterator[tuple[str, Sureness]]:
    """Yield the criteria with probabilities for enough answers, and note the others."""
    without, few, any_found = [], [], False
    for name, levels, people in _answers(data):
        sure = _sureness(data, data.by_machine.get(name, {}), people, levels)
        if sure is None:
            without.append(name)
        elif len(sure.confidence) < SMALL_N:
            few.append(f"{name} ({len(sure.confidence)})")
        else:
            any_found = True
            yield name, sure
    if without:
        caveats.append(f"No probabilities over the levels of: {', '.join(without)}.")
    if few:
        caveats.append(f"Fewer than {SMALL_N} answers that people rated too: {', '.join(few)}.")
    if not any_found:
        said = " ".join(caveats) or "Nothing was rated by the model and by people."
        raise DataError(
            f"{said} Bring ratings with probabilities, as `autoqa score` with learned models "
            "writes them, of conversations that people rated."
        )


def _answers(
    data: StudyData,
) -> Iterator[tuple[str, tuple[int, ...], Mapping[ItemKey, list[int]]]]:
    """Yield each criterion, its levels, and the levels that people gave each item."""
    for name, levels in data.levels.items():
        people = {
            key: [r.level for r in said.values() if r.level is not None]
            for key, said in data.by_people[name].items()
        }
        yield name, levels, people
    answers: dict[ItemKey, list[int]] = {}
    scales = {survey.scale for survey in data.surveys}
    for survey in data.surveys:
        if survey.score == round(survey.score):
            answers.setdefault((survey.conversation_id, None), []).append(round(survey.score))
    # Answers on several scales have no common levels.
    if answers and len(scales) == 1 and data.predicted_csat:
        low, high = scales.pop()
        yield CSAT, tuple(range(round(low), round(high) + 1)), answers


def _sureness(
    data: StudyData,
    machine: Mapping[ItemKey, Rating],
    people: Mapping[ItemKey, list[int]],
    levels: tuple[int, ...],
) -> Sureness | None:
    place = {level: i for i, level in enumerate(levels)}
    item: list[int] = []
    agrees: list[float] = []
    confidence: list[float] = []
    conversations: list[str] = []
    seen = False
    for key, given in people.items():
        rating = machine.get(key)
        if rating is None or rating.status is not Status.RATED or not given:
            continue
        if len(rating.probabilities) != len(levels) or rating.level not in place:
            continue
        seen = True
        item += [len(confidence)] * len(given)
        agrees += [float(level == rating.level) for level in given]
        confidence.append(rating.probabilities[place[rating.level]])
        conversations.append(key[0])
    if not seen:
        return None
    return Sureness(
        np.asarray(item, dtype=np.int64),
        np.clip(confidence, 0.0, 1.0),
        np.asarray(agrees),
        np.asarray(data.clusters(conversations), dtype=np.str_),
    )
