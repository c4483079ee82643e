"""A centre whose conversations were rated by people and by customers, made ready to compare."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoqa.errors import DataError
from autoqa.evaluation.alignment import csat_shares
from autoqa.experiments.prepared import CACHE, EMBEDDINGS, Part, group_folds, read_through
from autoqa.experiments.spec import ExperimentSpec
from autoqa.experiments.tasks import Dataset, load_dataset
from autoqa.features.batch import Batch
from autoqa.features.routing import default_encoders
from autoqa.records import CSAT, Rating, Survey
from autoqa.scorecard import Scorecard, evaluate, load_scorecard
from autoqa.scorecard.schema import Criterion, Level, Section

Floats = NDArray[np.float64]

SIMULATED = re.compile(r"simulated:(?P<n>\d+)")
"""In a spec's ``data``: that many conversations of the simulated centre."""


@dataclass(frozen=True)
class Centre:
    """One dataset with everything that arms draw on."""

    dataset: Dataset
    batch: Batch
    card: Scorecard
    human: list[Rating]
    csat: dict[str, float]  # share of the scale, by conversation
    agents: dict[str, str]
    folds: list[Part]

    @property
    def surveys(self) -> list[Survey]:
        """Every survey that was answered."""
        return [survey for one in self.dataset.labelled for survey in one.surveys]

    @property
    def truth(self) -> Floats:
        """Surveyed CSAT as a share of its scale, shape (n_transcripts,); nan where nobody asked."""
        ids = [t.conversation_id for t in self.batch.transcripts]
        return np.array([self.csat.get(one, np.nan) for one in ids])

    @property
    def is_simulated(self) -> bool:
        """Whether its conversations say of themselves that they were made up."""
        return any(t.attributes.get("simulated") for t in self.batch.transcripts[:1])

    def through(self, encoders: str | None) -> Centre:
        """Return the same centre, its conversations read through other encoders; see `ArmSpec`."""
        return replace(self, batch=read_through(self.batch, encoders))


def sources(spec: ExperimentSpec) -> list[Path]:
    """Return dataset folders; simulated ones are made first, once per size and seed."""
    if not any(SIMULATED.fullmatch(stated) for stated in spec.data):
        return list(spec.data_folders())
    found: list[Path] = []
    real = [stated for stated in spec.data if not SIMULATED.fullmatch(stated)]
    if real:
        found += spec.model_copy(update={"data": tuple(real)}).data_folders()
    for stated in spec.data:
        match = SIMULATED.fullmatch(stated)
        if match:
            from autoqa.simulate import SimulationSettings, write_simulation

            settings = SimulationSettings(conversations=int(match["n"]), seed=spec.seed)
            key = hashlib.sha256(repr(settings).encode()).hexdigest()[:8]
            folder = CACHE / f"simulated-centre-{match['n']}-{key}"
            if not (folder / "truth.json").exists():  # written last
                write_simulation(settings, folder)
            found.append(folder)
    return found


def prepare(folder: Path, spec: ExperimentSpec) -> Centre:
    """Read a centre and split it as the spec says.

    Raises
    ------
    DataError
        If nobody rated its conversations, or no customer did.
    ExperimentError
        If there is nothing to split.
    """
    dataset = load_dataset(folder)
    human = [r for one in dataset.labelled for r in one.ratings if r.turn is None]
    surveys = [s for one in dataset.labelled for s in one.surveys]
    if not surveys:
        raise DataError(f"{dataset.name}: no surveys (csat), so nothing to compare QA with")
    card = _card(dataset, human)
    known = {criterion.id for criterion in card.criteria}
    human = [r for r in human if r.criterion in known]
    encoders = default_encoders(cache=EMBEDDINGS)
    transcripts = dataset.transcripts
    groups = np.array(
        [getattr(t, spec.split.group_by, None) or t.conversation_id for t in transcripts]
    )
    return Centre(
        dataset,
        Batch(transcripts, encoders=encoders),
        card,
        human,
        csat_shares(surveys),
        {t.conversation_id: t.agent for t in transcripts if t.agent},
        group_folds(dataset.name, groups, spec),
    )


def _card(dataset: Dataset, human: Sequence[Rating]) -> Scorecard:
    """The scorecard that people used: a known one, or one made of the rated criteria."""
    rated = {r.criterion for r in human}
    support = load_scorecard("support-core")
    if rated and rated <= {c.id for c in support.criteria}:
        return support
    scales = {k: v for one in dataset.labelled for k, v in one.scales.items() if k in rated}
    if not scales:
        raise DataError(f"{dataset.name}: no conversation was rated as a whole by anyone")
    criteria = tuple(
        Criterion(
            id=name,
            question=f"{name.replace('_', ' ').capitalize()}?",
            levels={k: Level(label=str(k)) for k in range(round(low), round(high) + 1)},
            weight=100 / len(scales),
        )
        for name, (low, high) in sorted(scales.items())
    )
    return Scorecard(
        id=f"rated-in-{dataset.name}".replace("_", "-").lower(),
        version=1,
        sections=(Section(id="rated", criteria=criteria),),
    )


def mean_totals(ratings: Sequence[Rating], card: Scorecard) -> dict[str, float]:
    """Return the mean QA total per conversation over its raters."""
    by_rater: dict[tuple[str, str], list[Rating]] = {}
    for rating in ratings:
        if rating.criterion != CSAT:
            by_rater.setdefault((rating.conversation_id, rating.rater), []).append(rating)
    totals: dict[str, list[float]] = {}
    for (conversation, _), of_rater in by_rater.items():
        total = evaluate(of_rater, card).total
        if total is not None:
            totals.setdefault(conversation, []).append(total)
    return {conversation: float(np.mean(found)) for conversation, found in totals.items()}
