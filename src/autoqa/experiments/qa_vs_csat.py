"""Automated QA against human QA and against the customer's own word: what the project is for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoqa.csat import CsatModel, survey_ratings
from autoqa.errors import DataError, ExperimentError, near_miss
from autoqa.evaluation.agreement import quadratic_kappa
from autoqa.evaluation.classification import auc, classification_metrics, spearman
from autoqa.evaluation.comparison_tables import to_markdown
from autoqa.evaluation.intervals import Estimate, bootstrap_many
from autoqa.experiments.centre import Centre, mean_totals, prepare, sources
from autoqa.experiments.prepared import Part
from autoqa.experiments.registering import log_heads
from autoqa.experiments.spec import ArmSpec, ExperimentSpec
from autoqa.experiments.studies import log_study, study_of
from autoqa.experiments.tables import arms_table, table_rows
from autoqa.experiments.tracking import ArmRun, Tracker
from autoqa.records import CSAT, Rating, Status, Transcript
from autoqa.scorecard.schema import Criterion
from autoqa.scorers.linear import TFIDF_SETTINGS, LinearScorer
from autoqa.scorers.panel import Panel
from autoqa.scorers.routed import RoutedModel

Progress = Callable[[str, int, int], None]
Floats = NDArray[np.float64]

_HEADING = re.compile(r"^#", re.MULTILINE)  # a comparison's own stand below the arm's
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


@dataclass(frozen=True)
class _Answer:
    """What an arm says of a centre, and what it learned for that."""

    csat: Floats  # predicted CSAT as a share of its scale, nan where none
    ratings: list[Rating] = field(default_factory=list)  # automated QA, out of sample
    models: Mapping[str, RoutedModel] = field(default_factory=dict)  # learned from all
    criteria: Sequence[Criterion] = ()
    scored: bool = False  # whether the centre's scorecard is part of the answer


def run_qa_vs_csat(spec: ExperimentSpec, tracker: Tracker, report: Progress) -> dict[str, Any]:
    """Run the experiment and return the fields of an `ExperimentResult`."""
    for one in spec.arms:
        _check(one)
    _check_names("split.group_by", [spec.split.group_by], _GROUPS)
    _check_names("metrics", spec.metrics, METRICS)
    centres = [prepare(source, spec) for source in sources(spec)]
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
            with parent.arm(arm_spec.name, arm_spec.params, on_error="continue") as arm:
                for place, asked in enumerate(centres):
                    centre = asked.through(arm_spec.encoders)
                    name = centre.dataset.name
                    report(f"{arm_spec.name} on {name}", number * len(centres) + place, steps)
                    answer = _answer(arm_spec, centre)
                    figures = _against_csat(centre, answer.csat, spec)
                    arm.log_metrics({f"{name}.{k}": v for k, v in figures.items()})
                    tables[arm_spec.name][name] = {
                        "n": next(iter(figures.values())).n,
                        "metrics": {k: v.to_dict() for k, v in figures.items()},
                    }
                    _log_learned(arm, centre, answer)
                    if arm_spec.use == "automated_qa":
                        found = study_of(answer.ratings, centre, spec)
                        log_study(arm, found, centre)
                        totals = mean_totals(answer.ratings, centre.card)
                        arm.log_table(_totals_table(totals, centre), f"totals_{name}.parquet")
                        pieces += [
                            f"### {arm_spec.name}, people and customers on {name}",
                            "",
                            _HEADING.sub("####", to_markdown(found.comparison)),
                        ]
        failed = tuple(parent.failed_arms)
        tables = {name: table for name, table in tables.items() if name not in failed}
        pieces[4:4] = [_table(centre, tables) for centre in centres if tables]
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


def _answer(arm: ArmSpec, centre: Centre) -> _Answer:
    """Answer out of sample, and learn once more from everything what is worth keeping."""
    if arm.use == "csat_model":
        return _by_csat_model(centre)
    parts = [part for part in arm.use.split("+") if part != "mean"]
    qa = _automated_qa(arm, centre) if "automated_qa" in parts else _Answer(np.zeros(0))
    columns = [_number(part, centre, qa.ratings) for part in parts]
    X = np.column_stack(columns) if columns else np.zeros((len(centre.batch), 0))
    return replace(qa, csat=_regressed(X, centre.truth, centre.folds))


def _number(part: str, centre: Centre, automated: Sequence[Rating]) -> Floats:
    transcripts = centre.batch.transcripts
    if part == "turns":
        return np.log1p([float(len(t.turns)) for t in transcripts])
    if part == "handle_time":
        return np.array([np.log1p(_handle_seconds(t)) for t in transcripts])
    totals = mean_totals(centre.human if part == "human_qa" else automated, centre.card)
    return np.array([totals.get(t.conversation_id, np.nan) for t in transcripts])


def _handle_seconds(transcript: Transcript) -> float:
    """Handle time as recorded or by the turns' times; 20 words take about ten seconds to say."""
    recorded = transcript.attributes.get("handle_s")
    if isinstance(recorded, int | float):
        return float(recorded)
    ends = [t.end_s or t.start_s for t in transcript.turns if t.start_s is not None]
    if ends:
        return float(max(ends))
    return sum(len(t.text.split()) for t in transcript.turns) / 2.0


def _automated_qa(arm: ArmSpec, centre: Centre) -> _Answer:
    """Automated ratings, each conversation by models that did not learn from it."""
    settings = dict(arm.settings)
    how = settings.pop("scorer", "linear")
    if how == "rules":
        return _Answer(np.zeros(0), Panel(centre.card).rate(centre.batch), scored=True)
    if how == "tfidf":
        settings = {**TFIDF_SETTINGS, "statistics": False, **settings}

    def learned(rows: Sequence[int]) -> LinearScorer:
        own = [r for r in _of_rows(centre, centre.human, rows) if r.status is Status.RATED]
        scorer = LinearScorer(centre.card.criteria, settings=settings).fit(centre.batch, own)
        known = [c for c in centre.card.criteria if c.id in scorer.models]
        return LinearScorer(known, models=scorer.models)

    found = [
        rating
        for train, test in centre.folds
        for rating in learned(train.tolist()).rate(centre.batch.subset(test.tolist()))
    ]
    whole = learned(range(len(centre.batch)))
    return _Answer(np.zeros(0), found, whole.models, whole.criteria, scored=True)


def _by_csat_model(centre: Centre) -> _Answer:
    low, high = centre.surveys[0].scale
    scale = tuple(range(round(low), round(high) + 1))
    ratings = survey_ratings(centre.surveys, scale)
    said = np.full(len(centre.batch), np.nan)
    for train, test in centre.folds:
        model = CsatModel(scale).fit(centre.batch, _of_rows(centre, ratings, train.tolist()))
        rated = model.rate(centre.batch.subset(test.tolist()))
        expected = [np.nan if r.expected is None else r.expected for r in rated]
        said[test] = (np.array(expected) - low) / (high - low)
    whole = CsatModel(scale).fit(centre.batch, ratings)
    return _Answer(said, models={CSAT: whole.model}, criteria=whole.criteria)


def _of_rows(centre: Centre, ratings: Sequence[Rating], rows: Sequence[int]) -> list[Rating]:
    """The ratings of some of the centre's conversations."""
    known = {centre.batch.transcripts[i].conversation_id for i in rows}
    return [rating for rating in ratings if rating.conversation_id in known]


def _regressed(X: Floats, truth: Floats, folds: Sequence[Part]) -> Floats:
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


def _against_csat(centre: Centre, said: Floats, spec: ExperimentSpec) -> dict[str, Estimate]:
    """Figures of predicted against surveyed CSAT, over conversations with both."""
    ids = [t.conversation_id for t in centre.batch.transcripts]
    truth = centre.truth
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


def _log_learned(arm: ArmRun, centre: Centre, answer: _Answer) -> None:
    log_heads(
        arm,
        centre.dataset,
        answer.models,
        {criterion.id: criterion for criterion in answer.criteria},
        scorecard=centre.card if answer.scored else None,
        encoders=centre.batch.encoders,
    )


def _totals_table(totals: Mapping[str, float], centre: Centre) -> Any:
    import pandas as pd

    people = mean_totals(centre.human, centre.card)
    ids = sorted(totals)
    return pd.DataFrame(
        {
            "conversation_id": ids,
            "automated_total": [totals[one] for one in ids],
            "human_total": [people.get(one) for one in ids],
            "csat_share": [centre.csat.get(one) for one in ids],
        }
    )


def _table(centre: Centre, tables: Mapping[str, Mapping[str, Any]]) -> str:
    """One row per arm: what it tells of surveyed CSAT."""
    name = centre.dataset.name
    label = f"**{name}**{' (simulated)' if centre.is_simulated else ''}"
    rows = arms_table({arm: of[name] for arm, of in tables.items()}, counts=True)
    return "\n".join([f"{label}: predicting surveyed CSAT out of sample", "", *rows, ""])
