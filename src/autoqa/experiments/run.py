"""Running an experiment: spec, splits, arms, figures, all of it tracked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoqa.errors import ExperimentError
from autoqa.evaluation.plots import plot_risk_coverage
from autoqa.evaluation.selective import RiskCoverageCurve
from autoqa.experiments.arms import Learned, arm_of
from autoqa.experiments.benchmark import judged_json
from autoqa.experiments.figures import plot_arms
from autoqa.experiments.learning_curve import run_learning_curve
from autoqa.experiments.prepared import EMBEDDINGS, Prepared
from autoqa.experiments.qa_vs_csat import run_qa_vs_csat
from autoqa.experiments.registering import log_heads
from autoqa.experiments.spec import ExperimentSpec, load_spec
from autoqa.experiments.tables import arms_table, table_rows
from autoqa.experiments.tasks import load_dataset, task_named
from autoqa.experiments.tracking import ArmRun, ExperimentRun, Tracker
from autoqa.features.routing import default_encoders

Progress = Callable[[str, int, int], None]

_BY = ("conversation", "conversation_id", "task", "community")


@dataclass(frozen=True)
class ExperimentResult:
    """What an experiment found, and where it is kept."""

    run_id: str
    title: str
    question: str
    tables: Mapping[str, Mapping[str, Any]]  # arm -> what `benchmark` reports, or its curve
    report: str  # Markdown
    failed: tuple[str, ...] = ()

    def to_markdown(self) -> str:
        """Return the report."""
        return self.report

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "run_id": self.run_id,
            "title": self.title,
            "question": self.question,
            "arms": {name: dict(table) for name, table in self.tables.items()},
            "failed": list(self.failed),
        }


def run_experiment(
    spec: str | Path | ExperimentSpec,
    *,
    tracker: Tracker | None = None,
    progress: Progress | None = None,
) -> ExperimentResult:
    """Run every arm of a spec and track it: one parent run, one child run per arm.

    Raises
    ------
    MissingData
        If a data folder is not there.
    ExperimentError
        If an arm, a metric or the split cannot be used; found before any arm runs.
    """
    chosen = spec if isinstance(spec, ExperimentSpec) else load_spec(spec)
    tracker = tracker or Tracker()
    report = progress or (lambda *_: None)
    if chosen.task == "qa_vs_csat":
        return ExperimentResult(**run_qa_vs_csat(chosen, tracker, report))
    task = task_named(chosen.task)
    arms = {arm.name: arm_of(arm) for arm in chosen.arms}
    if chosen.split.group_by not in _BY:
        raise ExperimentError(
            f"split.group_by: '{chosen.split.group_by}' is none of {', '.join(_BY)}"
        )
    datasets = [load_dataset(folder) for folder in chosen.data_folders()]
    encoders = default_encoders(cache=EMBEDDINGS)
    if chosen.curve is not None:
        found = run_learning_curve(chosen, task, datasets, encoders, tracker, report)
        return ExperimentResult(**found)
    tables: dict[str, dict[str, Any]] = {name: {} for name in arms}
    curves: dict[tuple[str, str], dict[str, RiskCoverageCurve]] = {}
    params = {
        "question": chosen.question,
        "task": chosen.task,
        "split": chosen.split.model_dump(),
        "n_resamples": chosen.n_resamples,
    }
    tags = {"seed": str(chosen.seed), "spec.sha256": chosen.content_hash}
    steps = len(arms) * len(datasets)
    with tracker.experiment_run(chosen.title, params, tags) as parent:
        prepared = {}
        for dataset in datasets:
            parent.log_dataset(dataset.name, dataset.path, dataset.sha256, len(dataset.labelled))
            prepared[dataset.name] = Prepared.of(task, dataset, chosen, encoders)
            prepared[dataset.name].check_metrics(chosen)
        for number, stated in enumerate(chosen.arms):
            name = stated.name
            with parent.arm(name, stated.params, on_error="continue") as arm:
                for place, asked in enumerate(prepared.values()):
                    data = asked.through(stated.encoders)
                    report(f"{name} on {data.dataset.name}", number * len(prepared) + place, steps)
                    predictions, learned = data.answer(arms[name])
                    judged = data.judge(predictions, chosen)
                    tables[name][data.dataset.name] = {
                        **judged_json(judged),
                        "splits": data.split_names,
                    }
                    prefix = f"{data.dataset.name}." if len(prepared) > 1 else ""
                    wanted = chosen.metrics or tuple(judged.metrics)
                    arm.log_metrics(
                        {f"{prefix}{k}": v for k, v in judged.metrics.items() if k in wanted}
                    )
                    arm.log_table(
                        data.table(predictions), f"predictions_{data.dataset.name}.parquet"
                    )
                    _log_kept(arm, data, learned)
                    for head, curve in data.risk_coverage(predictions, chosen).items():
                        curves.setdefault((data.dataset.name, head), {})[name] = curve
        done = {name: table for name, table in tables.items() if name not in parent.failed_arms}
        markdown = _report(chosen, done, parent.failed_arms)
        _log_summary(parent, chosen, done)
        for (dataset_name, head), by_arm in curves.items():
            kept = {name: by_arm[name] for name in done if name in by_arm}
            figure = plot_risk_coverage(kept, name=f"{dataset_name}: {head}")
            parent.log_figure(figure, f"risk_coverage_{dataset_name}_{head}.png")
        failed = tuple(parent.failed_arms)
        run_id = parent.run_id
    report("done", steps, steps)
    return ExperimentResult(run_id, chosen.title, chosen.question, done, markdown, failed)


def _log_kept(arm: ArmRun, data: Prepared, learned: Mapping[str, Learned]) -> None:
    """Log what an arm learned: one model per dataset, with all of the task's heads."""
    log_heads(
        arm,
        data.dataset,
        {head: one.model for head, one in learned.items() if one.model is not None},
        {head: data.task.head(head) for head in learned},
        scorecard=next((one.scorecard for one in learned.values()), None),
        encoders=data.batch.encoders,
    )


def _report(
    spec: ExperimentSpec, tables: Mapping[str, Mapping[str, Any]], failed: Sequence[str]
) -> str:
    lines = [f"## {spec.title}", "", spec.question, ""]
    names = list(next(iter(tables.values()), {}))
    for dataset in names:
        of_arms = {arm: table[dataset] for arm, table in tables.items() if dataset in table}
        lines += [_arm_table(dataset, of_arms, spec.metrics), ""]
    lines += [f"Arm {name} failed; `autoqa experiment show` says why." for name in failed]
    return "\n".join(lines)


def _arm_table(dataset: str, arms: Mapping[str, Any], metrics: Sequence[str]) -> str:
    first = next(iter(arms.values()))
    counted = f"n = {first['n']} items in {first['n_conversations']} conversations"
    return "\n".join([f"**{dataset}**: {counted}", "", *arms_table(arms, metrics=metrics)])


def _log_summary(
    parent: ExperimentRun, spec: ExperimentSpec, tables: Mapping[str, Mapping[str, Any]]
) -> None:
    parent.log_json(table_rows(tables), "arms.json")
    for dataset in next(iter(tables.values()), {}):
        of_arms = {arm: table[dataset] for arm, table in tables.items() if dataset in table}
        figure = plot_arms(of_arms, title=f"{spec.title}: {dataset}", metrics=spec.metrics)
        parent.log_figure(figure, f"arms_{dataset}.png")


__all__ = ["ExperimentResult", "run_experiment"]
