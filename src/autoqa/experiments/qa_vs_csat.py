"""Automated QA against human QA and against the customer's own word: what the project is for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoqa.csat import CsatModel, survey_ratings
from autoqa.errors import DataError, ExperimentError, near_miss
from autoqa.evaluation.agreement import quadratic_kappa
from autoqa.evaluation.alignment import csat_shares
from autoqa.evaluation.classification import auc, classification_metrics, spearman
from autoqa.evaluation.comparison import Comparison, compare
from autoqa.evaluation.intervals import Estimate, bootstrap_many
from autoqa.evaluation.plots import plot_agreement
from autoqa.evaluation.render import to_markdown
from autoqa.experiments.benchmark import show_figure, table_rows
from autoqa.experiments.spec import ArmSpec, ExperimentSpec
from autoqa.experiments.tasks.base import Dataset, load_dataset
from autoqa.experiments.tracking import ArmRun, Tracker
from autoqa.features.batch import Batch
from autoqa.features.routing import default_encoders
from autoqa.records import CSAT, Rating, Status
from autoqa.scorecard import Scorecard, evaluate, load_scorecard
from autoqa.scorecard.schema import Criterion, Level, Section
from autoqa.scorers.linear import LinearScorer
from autoqa.scorers.panel import Panel

Progress = Callable[[str, int, int], None]
Floats = NDArray[np.float64]

SIMULATED = re.compile(r"simulated:(?P<n>\d+)")
"""In a spec's ``data``: that many conversations of the simulated centre."""

_NUMBERS = ("handle_time", "human_qa", "automated_qa", "turns")
_GROUPS = ("agent", "customer", "team", "queue", "topic", "conversation", "conversation_id")
METRICS = (
    "spearman",
    "auc_dissatisfied",
    "auc_top_box",
    "quadratic_kappa",
    "macro_f1",
    "mae",
)
"""Figures that this experiment reports."""

_CACHE = Path("data/cache")


@dataclass(frozen=True)
class _Centre:
    """One dataset with everything that arms draw on."""

    dataset: Dataset
    batch: Batch
    card: Scorecard
    human: list[Rating]
    csat: dict[str, float]  # share of the scale, by conversation
    agents: dict[str, str]
    folds: list[tuple[NDArray[np.int_], NDArray[np.int_]]]


def run_qa_vs_csat(spec: ExperimentSpec, tracker: Tracker, report: Progress) -> dict[str, Any]:
    """Run the experiment and return the fields of an `ExperimentResult`."""
    for one in spec.arms:
        _check(one)
    _check_names("split.group_by", [spec.split.group_by], _GROUPS)
    _check_names("metrics", spec.metrics, METRICS)
    centres = [_prepare(source, spec) for source in _sources(spec)]
    params = {"question": spec.question, "task": spec.task, "split": spec.split.model_dump()}
    tags = {"seed": str(spec.seed), "spec.sha256": spec.content_hash}
    tables: dict[str, dict[str, Any]] = {arm.name: {} for arm in spec.arms}
    pieces = [f"## {spec.title}", "", spec.question, ""]
    steps = len(centres) * len(spec.arms)
    with tracker.experiment_run(spec.title, params, tags) as parent:
        for centre in centres:
            data = centre.dataset
            parent.log_dataset(data.name, data.path, data.sha256, len(data.labelled))
            parent.set_tags({f"{data.name}.scorecard": f"{centre.card.id} v{centre.card.version}"})
        for number, arm_spec in enumerate(spec.arms):
            settings = {"use": arm_spec.use, **arm_spec.settings}
            with parent.arm(arm_spec.name, settings, on_error="continue") as arm:
                for place, centre in enumerate(centres):
                    name = centre.dataset.name
                    report(f"{arm_spec.name} on {name}", number * len(centres) + place, steps)
                    said, automated = _answer(arm_spec, centre)
                    figures = _against_csat(centre, said, spec)
                    arm.log_metrics({f"{name}.{k}": v for k, v in figures.items()})
                    tables[arm_spec.name][name] = {
                        "n": next(iter(figures.values())).n,
                        "metrics": {k: v.to_dict() for k, v in figures.items()},
                    }
                    if automated and arm_spec.use == "automated_qa":
                        found = _log_comparison(arm, centre, automated, spec)
                        pieces += [
                            f"### {arm_spec.name}, people and customers on {name}",
                            "",
                            to_markdown(found),
                        ]
        failed = tuple(parent.failed_arms)
        tables = {name: table for name, table in tables.items() if name not in failed}
        pieces[4:4] = [_table(centre.dataset, tables) for centre in centres if tables]
        pieces += [f"Arm {name} failed; `autoqa experiment show` says why." for name in failed]
        parent.log_json(table_rows(tables), "arms.json")
        run_id = parent.run_id
    report("done", steps, steps)
    return {
        "run_id": run_id,
        "title": spec.title,
        "question": spec.question,
        "tables": tables,
        "report": "\n".join(pieces),
        "failed": failed,
    }


def _check(arm: ArmSpec) -> None:
    """Refuse arms that are not known, before anything is computed."""
    if arm.use in ("mean", "csat_model"):
        return
    for part in arm.use.split("+"):
        if part not in _NUMBERS:
            known = ("mean", "csat_model", *_NUMBERS)
            raise ExperimentError(
                f"arms.{arm.name}: no arm '{part}'.{near_miss(part, known)} Known: "
                f"{', '.join(known)}, and sums such as automated_qa+handle_time."
            )


def _check_names(where: str, stated: Sequence[str], known: Sequence[str]) -> None:
    for name in stated:
        if name not in known:
            raise ExperimentError(
                f"{where}: '{name}' is none of {', '.join(known)}.{near_miss(name, known)}"
            )


def _sources(spec: ExperimentSpec) -> list[Path]:
    """Dataset folders; simulated ones are made first, once per size and seed."""
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
            folder = _CACHE / f"simulated-centre-{match['n']}-{key}"
            if not (folder / "truth.json").exists():  # written last
                write_simulation(settings, folder)
            found.append(folder)
    return found


def _prepare(folder: Path, spec: ExperimentSpec) -> _Centre:
    dataset = load_dataset(folder)
    human = [r for one in dataset.labelled for r in one.ratings if r.turn is None]
    surveys = [s for one in dataset.labelled for s in one.surveys]
    if not surveys:
        raise DataError(f"{dataset.name}: no surveys (csat), so nothing to compare QA with")
    card = _card(dataset, human)
    known = {criterion.id for criterion in card.criteria}
    human = [r for r in human if r.criterion in known]
    encoders = default_encoders(cache=_CACHE / "embeddings.sqlite")
    transcripts = dataset.transcripts
    groups = np.array(
        [getattr(t, spec.split.group_by, None) or t.conversation_id for t in transcripts]
    )
    from sklearn.model_selection import GroupKFold

    n = min(spec.split.folds, len(set(groups)))
    if n < 2:
        raise ExperimentError(
            f"split.group_by: {dataset.name} has one {spec.split.group_by} only, nothing to split"
        )
    folds = GroupKFold(n_splits=n, shuffle=True, random_state=spec.split.seed)
    return _Centre(
        dataset,
        Batch(transcripts, encoders=encoders),
        card,
        human,
        csat_shares(surveys),
        {t.conversation_id: t.agent for t in transcripts if t.agent},
        list(folds.split(np.zeros(len(transcripts)), groups=groups)),
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


def _answer(arm: ArmSpec, centre: _Centre) -> tuple[Floats, list[Rating]]:
    """Return predicted CSAT shares (nan where none) out of sample, and automated ratings if any."""
    ids = [t.conversation_id for t in centre.batch.transcripts]
    truth = np.array([centre.csat.get(one, np.nan) for one in ids])
    if arm.use == "csat_model":
        return _csat_out_of_sample(centre), []
    automated = _automated(arm, centre) if "automated_qa" in arm.use else []
    columns = [_number(part, centre, automated) for part in arm.use.split("+") if part != "mean"]
    X = np.column_stack(columns) if columns else np.zeros((len(ids), 0))
    return _regressed(X, truth, centre.folds), automated


def _number(part: str, centre: _Centre, automated: Sequence[Rating]) -> Floats:
    transcripts = centre.batch.transcripts
    if part == "turns":
        return np.log1p([float(len(t.turns)) for t in transcripts])
    if part == "handle_time":
        return np.array([np.log1p(_handle_seconds(t)) for t in transcripts])
    totals = _totals(centre.human if part == "human_qa" else automated, centre.card)
    return np.array([totals.get(t.conversation_id, np.nan) for t in transcripts])


def _handle_seconds(transcript: Any) -> float:
    """Handle time as recorded or by the turns' times; 20 words take about ten seconds to say."""
    recorded = transcript.attributes.get("handle_s")
    if isinstance(recorded, int | float):
        return float(recorded)
    ends = [t.end_s or t.start_s for t in transcript.turns if t.start_s is not None]
    if ends:
        return float(max(ends))
    return sum(len(t.text.split()) for t in transcript.turns) / 2.0


def _totals(ratings: Sequence[Rating], card: Scorecard) -> dict[str, float]:
    """Mean QA total per conversation over its raters."""
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


def _automated(arm: ArmSpec, centre: _Centre) -> list[Rating]:
    """Automated ratings, each conversation by models that did not learn from it."""
    settings = dict(arm.settings)
    how = settings.pop("scorer", "linear")
    if how == "rules":
        return Panel(centre.card).rate(centre.batch)
    overrides = {"embeddings": (), "statistics": False} if how == "tfidf" else {}
    found: list[Rating] = []
    for train, test in centre.folds:
        known = {centre.batch.transcripts[i].conversation_id for i in train}
        own = [r for r in centre.human if r.conversation_id in known and r.status is Status.RATED]
        scorer = LinearScorer(centre.card.criteria, settings={**overrides, **settings})
        scorer.fit(centre.batch, own)
        learned = LinearScorer(
            [c for c in centre.card.criteria if c.id in scorer.models], models=scorer.models
        )
        found += learned.rate(centre.batch.subset(test.tolist()))
    return found


def _csat_out_of_sample(centre: _Centre) -> Floats:
    surveys = [s for one in centre.dataset.labelled for s in one.surveys]
    low, high = surveys[0].scale
    scale = tuple(range(round(low), round(high) + 1))
    ratings = survey_ratings(surveys, scale)
    said = np.full(len(centre.batch), np.nan)
    for train, test in centre.folds:
        known = {centre.batch.transcripts[i].conversation_id for i in train}
        model = CsatModel(scale).fit(
            centre.batch, [r for r in ratings if r.conversation_id in known]
        )
        rated = model.rate(centre.batch.subset(test.tolist()))
        expected = [np.nan if r.expected is None else r.expected for r in rated]
        said[test] = (np.array(expected) - low) / (high - low)
    return said


def _regressed(
    X: Floats, truth: Floats, folds: Sequence[tuple[NDArray[np.int_], NDArray[np.int_]]]
) -> Floats:
    """Predict CSAT from a few numbers by ridge regression, out of sample.

    One number alone is carried to the scale by one line, the mean of the folds' own: lines that
    differ a little between folds would rank conversations by their fold.
    """
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    said = np.full(len(truth), np.nan)
    whole = np.asarray(np.isfinite(X).all(axis=1), bool)
    lines: list[Floats] = []
    for train, test in folds:
        learn = train[whole[train] & np.isfinite(truth[train])]
        ask = test[whole[test]]
        if not len(learn) or not len(ask):
            continue
        if not X.shape[1]:
            # The same for all folds: their different averages would rank items by their fold.
            said[ask] = np.nanmean(truth)
            continue
        model = make_pipeline(StandardScaler(), Ridge(alpha=1.0)).fit(X[learn], truth[learn])
        said[ask] = model.predict(X[ask])
        if X.shape[1] == 1:
            lines.append(np.asarray(model.predict([[0.0], [1.0]]), float))
    if lines:
        start, end = np.mean(lines, axis=0)
        said = np.where(np.isnan(said), np.nan, start + X[:, 0] * (end - start))
    return said


def _against_csat(centre: _Centre, said: Floats, spec: ExperimentSpec) -> dict[str, Estimate]:
    """Figures of predicted against surveyed CSAT, over conversations with both."""
    ids = [t.conversation_id for t in centre.batch.transcripts]
    truth = np.array([centre.csat.get(one, np.nan) for one in ids])
    both = np.asarray(np.isfinite(truth + said), bool)
    if not both.any():
        raise DataError(
            f"{centre.dataset.name}: no conversation has both a prediction and a survey"
        )
    clusters = np.array([centre.agents.get(one, one) for one in ids])[both]

    def figures(true: Floats, predicted: Floats) -> dict[str, float]:
        classes = np.digitize(true, (0.5, 0.51))  # below, at, above the middle
        guessed = np.digitize(predicted, (0.4, 0.6))
        five = np.clip(np.rint(predicted * 4), 0, 4).astype(int)
        return {
            "spearman": spearman(true, predicted),
            "auc_dissatisfied": auc(true < 0.5, -predicted),
            "auc_top_box": auc(true > 0.99, predicted),
            "quadratic_kappa": quadratic_kappa(
                np.rint(true * 4).astype(int), five, levels=range(5)
            ),
            "macro_f1": classification_metrics(classes, guessed, (0, 1, 2))["macro_f1"],
            "mae": float(np.abs(true - predicted).mean()),
        }

    found = bootstrap_many(
        figures,
        truth[both],
        said[both],
        clusters=clusters,
        n_resamples=spec.n_resamples,
        seed=spec.seed,
    )
    return {k: v for k, v in found.items() if not spec.metrics or k in spec.metrics}


def _log_comparison(
    arm: ArmRun, centre: _Centre, automated: Sequence[Rating], spec: ExperimentSpec
) -> Comparison:
    surveys = [s for one in centre.dataset.labelled for s in one.surveys]
    comparison = compare(
        automated,
        centre.human,
        card=centre.card,
        surveys=surveys,
        agents=centre.agents,
        seed=spec.seed,
        n_resamples=spec.n_resamples,
    )
    name = centre.dataset.name
    arm.log_json(comparison.to_dict(), f"comparison_{name}.json")
    arm.log_figure(plot_agreement(comparison), f"agreement_{name}.png")
    totals = _totals(automated, centre.card)
    arm.log_table(_totals_table(totals, centre), f"totals_{name}.parquet")
    return comparison


def _totals_table(totals: Mapping[str, float], centre: _Centre) -> Any:
    import pandas as pd

    people = _totals(centre.human, centre.card)
    ids = sorted(totals)
    return pd.DataFrame(
        {
            "conversation_id": ids,
            "automated_total": [totals[one] for one in ids],
            "human_total": [people.get(one) for one in ids],
            "csat_share": [centre.csat.get(one) for one in ids],
        }
    )


def _table(dataset: Dataset, tables: Mapping[str, Mapping[str, Any]]) -> str:
    """One row per arm: what it tells of surveyed CSAT."""
    rows = {arm: of[dataset.name] for arm, of in tables.items()}
    metrics = list(next(iter(rows.values()))["metrics"])
    simulated = any(one.transcript.attributes.get("simulated") for one in dataset.labelled[:1])
    label = f"**{dataset.name}**{' (simulated)' if simulated else ''}"
    lines = [
        f"{label}: predicting surveyed CSAT out of sample",
        "",
        f"| arm | n | {' | '.join(metrics)} |",
        "|---" * (len(metrics) + 2) + "|",
    ]
    for arm, one in rows.items():
        cells = " | ".join(show_figure(one["metrics"][m]) for m in metrics)
        lines.append(f"| {arm} | {one['n']} | {cells} |")
    return "\n".join([*lines, ""])
