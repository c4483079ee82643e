"""Runs that were logged earlier, as plain records for the command line and reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from autoqa.errors import ExperimentError

KIND = "autoqa.kind"  # tag: 'spec' or 'arm'
FAILURE = "autoqa.failure"  # tag: why a run failed
UNDEFINED = "autoqa.undefined_metrics"  # tag: figures that could not be computed
PARENT = "mlflow.parentRunId"

_PART_SUFFIXES = ("low", "high", "n")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedFigure:
    """One logged figure; bounds and n are None where none were logged."""

    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What a list of runs shows of one."""

    run_id: str
    title: str
    status: str  # RUNNING, FINISHED, FAILED or KILLED
    started_at: datetime
    duration_s: float | None  # None while it runs
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetail:
    """Everything that one run logged; a spec's run also holds its arms, in their order."""

    summary: RunSummary
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, LoggedFigure]
    undefined: tuple[str, ...]  # figures that could not be computed
    artifacts: tuple[str, ...]
    arms: tuple[RunDetail, ...] = ()


def list_runs(client: Any) -> list[RunSummary]:
    """Return the runs of specs, newest first."""
    return [_summary(run) for run in _search(client, f"tags.`{KIND}` = 'spec'")]


def show_run(client: Any | None, beginning: str, where: str) -> RunDetail:
    """Return the one run whose id starts with `beginning`.

    Parameters
    ----------
    client : MlflowClient or None
        None where there is no store yet.
    where : str
        The store's name in messages.
    """
    runs = _search(client, f"tags.`{KIND}` LIKE '%'") if client and beginning else []
    found = [run for run in runs if run.info.run_id.startswith(beginning)]
    if not found:
        raise ExperimentError(
            f"No run begins with '{beginning}' in {where}; "
            "`autoqa experiment list` shows the runs there are"
        )
    if len(found) > 1:
        matches = ", ".join(run.info.run_id[: len(beginning) + 4] for run in found[:5])
        raise ExperimentError(
            f"'{beginning}' begins {len(found)} runs ({matches}); give more of the id"
        )
    chosen = found[0]
    # Newest first, so reversed: arms in the order they ran in.
    arms = [run for run in reversed(runs) if run.data.tags.get(PARENT) == chosen.info.run_id]
    return _detail(client, chosen, tuple(_detail(client, arm) for arm in arms))


def _search(client: Any, query: str) -> list[Any]:
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    runs: list[Any] = []
    token = None
    while ids:
        page = client.search_runs(
            ids, query, order_by=["attributes.start_time DESC"], page_token=token
        )
        runs += page
        token = page.token
        if not token:
            break
    return runs


def _detail(client: Any, run: Any, arms: tuple[RunDetail, ...] = ()) -> RunDetail:
    undefined = run.data.tags.get(UNDEFINED, "")
    return RunDetail(
        summary=_summary(run),
        params=dict(run.data.params),
        tags={key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")},
        metrics=_with_bounds(run.data.metrics),
        undefined=tuple(undefined.split(", ")) if undefined else (),
        artifacts=tuple(sorted(_files(client, run.info.run_id))),
        arms=arms,
    )


def _files(client: Any, run_id: str, folder: str | None = None) -> Iterator[str]:
    for item in client.list_artifacts(run_id, folder):
        if item.is_dir:
            yield from _files(client, run_id, item.path)
        else:
            yield str(item.path)


def _summary(run: Any) -> RunSummary:
    info = run.info
    return RunSummary(
        run_id=info.run_id,
        title=info.run_name,
        status=info.status,
        started_at=datetime.fromtimestamp(info.start_time / 1000, tz=UTC),
        duration_s=(info.end_time - info.start_time) / 1000 if info.end_time else None,
        failure=run.data.tags.get(FAILURE, ""),
    )


def _with_bounds(metrics: Mapping[str, float]) -> dict[str, LoggedFigure]:
    """Put ``x_low``, ``x_high`` and ``x_n`` back to ``x``."""
    parts = {f"{name}_{suffix}" for name in metrics for suffix in _PART_SUFFIXES}
    figures = {}
    for name in sorted(set(metrics) - parts):
        n = metrics.get(f"{name}_n")
        figures[name] = LoggedFigure(
            value=metrics[name],
            low=metrics.get(f"{name}_low"),
            high=metrics.get(f"{name}_high"),
            n=None if n is None else int(n),
        )
    return figures
