"""Training a team's own models: from human ratings and surveys to a model folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from autoqa.csat import CsatModel, survey_ratings
from autoqa.errors import DataError, ScaleError
from autoqa.evaluation.agreement import quadratic_kappa
from autoqa.evaluation.selective import AbstentionThreshold
from autoqa.experiments.provenance import dataset_files, files_digest, named_source
from autoqa.experiments.reviewed import Reviewed
from autoqa.experiments.selecting import StatedRisk, limit_for, limits_markdown
from autoqa.features.batch import Batch
from autoqa.features.encoders import Encoder
from autoqa.features.routing import default_encoders
from autoqa.features.views import Item
from autoqa.notebook import safe_markdown
from autoqa.privacy import redact_labelled
from autoqa.readers import Quarantine, read
from autoqa.readers.reading import files_below
from autoqa.records import CSAT, LabelledTranscript, RaterKind, Rating, Status
from autoqa.scorecard.schema import Criterion, Scorecard
from autoqa.scorers.folder import OWN_DATA, HeadCard, ModelFolder, write_models
from autoqa.scorers.linear import LinearScorer
from autoqa.scorers.panel import Panel
from autoqa.scorers.routed import MIN_ITEMS, RoutedModel

Progress = Callable[[str, int, int], None]

ALL_SPLITS = " (all splits)"
"""In the name of a source: its conversations were learned from whatever their split."""

_CHECK_SHARE = 0.25  # of the conversations, held out to compare learned models with rules
_WORTH_LEARNING = 0.1  # kappa by which a learned model must beat rules, which explain themselves
_CSAT_LEVELS = 11  # the longest survey scale: 0-10


@dataclass(frozen=True)
class CriterionReport:
    """What training found about one criterion."""

    use: str
    n_conversations: int
    kappa_learned: float | None
    kappa_rules: float | None
    n_checked: int
    limit: AbstentionThreshold | None = None  # where a risk was stated


@dataclass(frozen=True)
class TrainingReport:
    """What was learned, what was not, and why."""

    out: str
    n_conversations: int
    criteria: Mapping[str, CriterionReport]
    skipped: Mapping[str, str]
    csat: bool
    quarantined: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    stated_risk: StatedRisk | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)

    def to_markdown(self) -> str:
        """Return a table for people."""
        lines = [
            f"Learned from {self.n_conversations} conversations into {self.out}",
            "",
            "| criterion | answers | kappa learned | kappa rules | checked on |",
            "|---|---|---|---|---|",
        ]
        for name, one in self.criteria.items():
            learned, rules = _figure(one.kappa_learned), _figure(one.kappa_rules)
            lines.append(f"| {name} | {one.use} | {learned} | {rules} | {one.n_checked} |")
        if self.stated_risk is not None:
            limits = {k: one.limit for k, one in self.criteria.items() if one.limit is not None}
            by_rules = {k for k, one in self.criteria.items() if one.use == "rules"}
            lines += ["", limits_markdown(limits, self.stated_risk, by_rules)]
        lines += [f"\n{name}: not learned, {why}" for name, why in self.skipped.items()]
        lines.append(f"\nCSAT: {'learned' if self.csat else 'not learned'}")
        return "\n".join(lines)

    def _repr_markdown_(self) -> str:
        return safe_markdown(self.to_markdown())


def train(
    data: Sequence[str | Path],
    card: Scorecard,
    out: str | Path,
    *,
    reviewed: Reviewed | None = None,
    criteria: Sequence[str] | None = None,
    csat: bool = False,
    stated_risk: StatedRisk | None = None,
    seed: int = 7,
    start_from: str | Path | None = None,
    encoders: Mapping[str, Encoder] | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> TrainingReport:
    """Learn every criterion that people rated, and CSAT, and write a model folder.

    A quarter of the conversations (whole agents, where agents are known) is held out first, and
    the learned model and the scorecard's rules are compared on it with people. Where the rules
    agree better, the folder says so and scoring goes on with the rules. What is kept is then
    learned from all conversations.

    Parameters
    ----------
    data : sequence of path
        Conversations with ``ratings`` (and ``csat``), in any format that carries them.
    card : Scorecard
    out : path
        Model folder to write.
    reviewed : Reviewed, optional
        Conversations and ratings of the review page, added to those of `data`.
    criteria : sequence of str, optional
        Only these.
    csat : bool
        Whether to learn CSAT from the surveys.
    stated_risk : StatedRisk, optional
        Sets each criterion the confidence below which its model abstains when scoring, so that
        no more of its answers disagree with people (`limit_for`; CSAT has no such limit). Takes
        five more fits per criterion.
    start_from : path, optional
        Model folder whose fine-tuned encoders the new models read through, such as
        ``models/default``; copied into `out`, with the terms of the data that they learned from.
    encoders, settings : mapping, optional
        Text encoders by language, and `TextModel` settings, for example ``{"embeddings": ()}`` to
        learn from n-grams alone.

    Raises
    ------
    DataError
        If nothing can be learned.
    ScaleError
        If people rated at levels that the scorecard does not have.
    """
    report = progress or (lambda *_: None)
    with Quarantine() as quarantine:
        labelled = [redact_labelled(one) for one in read(data, quarantine=quarantine)]
        bad, reasons = quarantine.records_quarantined, dict(quarantine.counts)
    source = _sources(data, labelled)
    if reviewed is not None:
        labelled = reviewed.added_to(labelled)
        source += (named_source(reviewed.name, reviewed.sha256),)
    wanted = (
        [card.criterion(name) for name in criteria] if criteria is not None else list(card.criteria)
    )
    steps = len(wanted) + 2 + csat
    start = ModelFolder(start_from) if start_from is not None else None
    if encoders is None:
        encoders = start.encoders() if start else default_encoders()
    batch = Batch([one.transcript for one in labelled], encoders=encoders)
    licence = _licence(start)
    # Files may hold what another system's models answered, too; only people are learned from.
    ratings = [r for one in labelled for r in one.ratings if r.kind is RaterKind.HUMAN]
    report("reading the conversations", 0, steps)
    groups = _groups(labelled)
    check = _held_out(groups, seed)
    rules = _rule_ratings(card, batch, check)
    reports: dict[str, CriterionReport] = {}
    skipped: dict[str, str] = {}
    models: dict[str, RoutedModel] = {}
    cards: dict[str, HeadCard] = {}
    for step, criterion in enumerate(wanted):
        report(f"learning {criterion.id}", step + 1, steps)
        own = [r for r in ratings if r.criterion == criterion.id and r.status is Status.RATED]
        try:
            _check_scale(criterion, own)
            found = _compare(criterion, batch, own, check, rules, settings)
            scorer = LinearScorer([criterion], settings=settings).fit(batch, own)
        except DataError as error:
            skipped[criterion.id] = str(error).removeprefix("no criterion could be learned: ")
            continue
        limit = None
        if stated_risk is not None:
            limit = limit_for(
                criterion, batch, own, groups, stated_risk, settings=settings, seed=seed
            )
        found = replace(found, limit=limit)
        reports[criterion.id] = found
        models[criterion.id] = scorer.models[criterion.id]
        cards[criterion.id] = HeadCard(
            criterion=criterion.model_copy(update={"scorer": None}),
            use=found.use,
            licence=licence,
            trained_on=source,
            n_items=found.n_conversations,
            metrics={"kappa_learned": found.kappa_learned, "kappa_rules": found.kappa_rules},
            abstain_below=0.0 if limit is None else limit.threshold,
            risk=None if limit is None else limit.to_dict(),
        )
    if csat:
        report("learning CSAT", steps - 1, steps)
        try:
            model, n = _learn_csat(labelled, batch, settings)
            models[CSAT] = model.model
            cards[CSAT] = HeadCard(
                criterion=model.criterion, licence=licence, trained_on=source, n_items=n
            )
        except DataError as error:
            skipped[CSAT] = str(error)
    if not models:
        why = "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
        places = [*map(str, data), *([reviewed.name] if reviewed is not None else ())]
        raise DataError(f"nothing could be learned from {', '.join(places)}: {why}")
    result = TrainingReport(
        str(out), len(labelled), reports, skipped, CSAT in models, bad, reasons, stated_risk
    )
    write_models(
        out,
        models,
        cards,
        scorecard=card,
        adapters=start.adapters if start else None,
        readme=_readme(card, result),
    )
    report("done", steps, steps)
    return result


def _licence(start: ModelFolder | None) -> str:
    """Own data, unless an encoder learned from somebody else's."""
    if start is None or not start.adapters or all(c.permissive for c in start.heads.values()):
        return OWN_DATA
    return f"research-only (its encoder comes from {start.path.name})"


def _sources(data: Sequence[str | Path], labelled: Sequence[LabelledTranscript]) -> tuple[str, ...]:
    """Return ``NAME sha256:DIGEST`` of each file and of each folder with files that was read."""
    mark = ALL_SPLITS if any(one.split not in (None, "train") for one in labelled) else ""
    found: list[tuple[str, list[Path]]] = []
    for path in map(Path, data):
        if not path.is_dir():
            found.append((path.name, [path]))
            continue
        for folder, files in groupby(files_below(path), key=lambda file: file.parent):
            held = list(files)
            found.append((folder.resolve().name, dataset_files(folder) or held))
    said = (named_source(f"{name}{mark}", files_digest(files)) for name, files in found)
    return tuple(dict.fromkeys(said))


def _groups(labelled: Sequence[LabelledTranscript]) -> list[str]:
    """Agents (or conversations) by conversation: what is held out together."""
    groups = [one.transcript.agent or one.transcript.conversation_id for one in labelled]
    if len(set(groups)) == 1:  # one agent: all or nothing would be no check
        groups = [one.transcript.conversation_id for one in labelled]
    return groups


def _held_out(groups: Sequence[str], seed: int) -> set[int]:
    """Choose whole groups until a quarter of the conversations is held out."""
    size = Counter(groups)
    names = np.random.default_rng(seed).permutation(sorted(size))
    chosen: set[str] = set()
    taken = 0
    for name in names:
        if taken >= _CHECK_SHARE * len(groups):
            break
        chosen.add(str(name))
        taken += size[name]
    return {i for i, group in enumerate(groups) if group in chosen}


def _rule_ratings(card: Scorecard, batch: Batch, check: set[int]) -> dict[Moment, Rating]:
    """What the scorecard's own scorers say of the held-out conversations."""
    held = batch.subset(sorted(check))
    return {_moment(r): r for r in Panel(card).rate(held)}


def _compare(
    criterion: Criterion,
    batch: Batch,
    own: Sequence[Rating],
    check: set[int],
    rules: Mapping[Moment, Rating],
    settings: Mapping[str, Any] | None,
) -> CriterionReport:
    """Learn from the rest, and compare with people on the held-out conversations."""
    place = {t.conversation_id: i for i, t in enumerate(batch.transcripts)}
    rated = {place[r.conversation_id] for r in own if r.conversation_id in place}
    if len(rated) < MIN_ITEMS:
        raise DataError(f"{len(rated)} rated conversations, needs {MIN_ITEMS}")
    held = sorted(rated & check)
    rest = [r for r in own if place.get(r.conversation_id) not in check]
    try:
        scorer: LinearScorer | None = LinearScorer([criterion], settings=settings).fit(batch, rest)
    except DataError:  # too few without the held-out ones: learn, but there is nothing to compare
        scorer = None
    people = [r for r in own if place.get(r.conversation_id) in check]
    learned = _kappa(people, _said(scorer, batch, people), criterion) if scorer else None
    by_rules = _kappa(people, [rules.get(_moment(r)) for r in people], criterion)
    better = learned is None or by_rules is None or learned > by_rules + _WORTH_LEARNING
    return CriterionReport(
        use="linear" if better else "rules",
        n_conversations=len(rated),
        kappa_learned=learned,
        kappa_rules=by_rules,
        n_checked=0 if learned is None else len(held),
    )


Moment = tuple[str, str, int | None]
"""Conversation, criterion, and turn; None, the whole conversation."""


def _moment(rating: Rating) -> Moment:
    return rating.conversation_id, rating.criterion, rating.turn


def _said(scorer: LinearScorer, batch: Batch, people: Sequence[Rating]) -> list[Rating | None]:
    """What a learned model says of the very moments that people rated."""
    criterion = scorer.criteria[0]
    place = {t.conversation_id: i for i, t in enumerate(batch.transcripts)}
    whole = sorted({place[r.conversation_id] for r in people if r.turn is None})
    turns = sorted({(place[r.conversation_id], r.turn) for r in people if r.turn is not None})
    found = scorer.rate(batch.subset(whole)) if whole else []
    found += scorer.rate_items(criterion, batch, [Item(i, turn) for i, turn in turns])
    by_moment = {_moment(r): r for r in found}
    return [by_moment.get(_moment(r)) for r in people]


def _kappa(
    people: Sequence[Rating], said: Sequence[Rating | None], criterion: Criterion
) -> float | None:
    """Quadratic kappa over all pairs of a person's rating and the scorer's of the same moment."""
    pairs = [(a.level, b.level) for a, b in zip(people, said, strict=True) if b is not None]
    both = np.array([pair for pair in pairs if None not in pair], dtype=int)
    if len(both) < MIN_ITEMS:
        return None
    kappa = quadratic_kappa(both[:, 0], both[:, 1], levels=criterion.scale)
    return None if np.isnan(kappa) else round(float(kappa), 4)


def _check_scale(criterion: Criterion, ratings: Sequence[Rating]) -> None:
    stray = sorted({str(r.level) for r in ratings if r.level not in criterion.levels})
    if stray:
        raise ScaleError(
            f"ratings of '{criterion.id}' are at {', '.join(stray)}, but its scale is "
            f"{criterion.scale[0]}-{criterion.scale[-1]}; were they made with another version?"
        )


def _learn_csat(
    labelled: Sequence[LabelledTranscript], batch: Batch, settings: Mapping[str, Any] | None
) -> tuple[CsatModel, int]:
    surveys = [survey for one in labelled for survey in one.surveys]
    if len(surveys) < MIN_ITEMS:
        raise DataError(f"{len(surveys)} surveys, needs {MIN_ITEMS}")
    low, high = surveys[0].scale
    other = next((s for s in surveys if s.scale != (low, high)), None)
    if other is not None:
        raise DataError(
            f"surveys on two scales, {low:g}-{high:g} and {other.scale[0]:g}-{other.scale[1]:g} "
            f"({other.conversation_id}); bring them to one"
        )
    scale = tuple(range(round(low), round(high) + 1))
    if not 2 <= len(scale) <= _CSAT_LEVELS:
        raise DataError(f"a survey scale of {low:g}-{high:g} has too many levels to learn")
    model = CsatModel(scale, settings=settings)
    return model.fit(batch, survey_ratings(surveys, scale)), len(surveys)


def _readme(card: Scorecard, report: TrainingReport) -> str:
    found = replace(report, out="this folder").to_markdown()  # wherever it is moved to
    return (
        f"# Models for scorecard {card.id}, version {card.version}\n\n{found}\n\n"
        "Kappa: quadratic, against every human rating of conversations that the compared model "
        "had not seen. `answers` names what scoring uses.\n"
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
