"""``autoqa experiment``: run specs, look at runs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autoqa.cli.arguments import AsJson
from autoqa.cli.console import example, finish, progress_bar, say, say_json, table

if TYPE_CHECKING:
    from autoqa.experiments.history import LoggedFigure, RunDetail

app = typer.Typer(
    help="Run tracked experiments, look at results.",
    epilog=example("autoqa experiment run experiments/tone_politeness.yaml"),
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(epilog=example("autoqa experiment run experiments/tone_politeness.yaml"))
def run(
    spec: Annotated[
        Path,
        typer.Argument(metavar="SPEC.yaml", help="The experiment's file.", show_default=False),
    ],
    as_json: AsJson = False,
) -> None:
    """Run one experiment: every arm on the same data and splits, tracked in MLflow."""
    from autoqa.experiments.run import run_experiment
    from autoqa.experiments.tracking import Tracker

    with progress_bar() as progress:
        result = run_experiment(spec, progress=progress)
    if as_json:
        say_json(result.to_dict())
    else:
        say(result.to_markdown())
        say(f"\nTracked as run {result.run_id}; `autoqa experiment show {result.run_id[:8]}`.")
    if result.failed:
        finish(_failures(Tracker().show_run(result.run_id)))


@app.command(name="list", epilog=example("autoqa experiment list"))
def list_(as_json: AsJson = False) -> None:
    """List the runs that were tracked, newest first."""
    from autoqa.experiments.tracking import Tracker

    runs = Tracker().list_runs()
    if as_json:
        say_json([_summary(asdict(one)) for one in runs])
        return
    if not runs:
        say("No runs yet; start one with `autoqa experiment run SPEC.yaml`.")
        return
    rows = [
        (
            one.run_id[:8],
            one.title,
            one.status,
            f"{one.started_at:%Y-%m-%d %H:%M}Z",
            "" if one.duration_s is None else f"{one.duration_s:.0f} s",
            one.failure,
        )
        for one in runs
    ]
    say(table(("run", "experiment", "status", "started", "took", "failure"), rows))


@app.command(epilog=example("autoqa experiment show 3f2a91c0"))
def show(
    run_id: Annotated[
        str,
        typer.Argument(metavar="RUN", help="A run's id, or how it begins.", show_default=False),
    ],
    as_json: AsJson = False,
) -> None:
    """Show one run: what it was asked, what it used, every figure with its interval."""
    from autoqa.experiments.tracking import Tracker

    detail = Tracker().show_run(run_id)
    if as_json:
        say_json(_plain(detail))
    else:
        say(_in_words(detail))


def _failures(detail: RunDetail) -> list[str]:
    return [
        f"arm '{arm.summary.title}' failed: {arm.summary.failure or 'no reason was logged'}"
        for arm in detail.arms
        if arm.summary.status != "FINISHED"
    ]


def _in_words(detail: RunDetail) -> str:
    one = detail.summary
    took = "still running" if one.duration_s is None else f"{one.duration_s:.0f} s"
    lines = [
        f"{one.title}  {one.run_id}",
        f"{one.status}, {one.started_at:%Y-%m-%d %H:%M}Z, {took}",
    ]
    if one.failure:
        lines.append(f"failure: {one.failure}")
    for title, values in (("parameters", detail.params), ("tags", detail.tags)):
        if values:
            rows = [f"  {name} = {value}" for name, value in sorted(values.items())]
            lines += ["", f"{title}:", *rows]
    for part in (detail, *detail.arms):
        if part.metrics:
            rows = [f"  {name}  {_figure(figure)}" for name, figure in part.metrics.items()]
            lines += ["", f"{part.summary.title}:", *rows]
        if part.undefined:
            lines.append(f"  cannot be computed: {', '.join(part.undefined)}")
        if part is not detail and part.summary.status != "FINISHED":
            lines.append(f"  {part.summary.title} {part.summary.status}: {part.summary.failure}")
    if detail.artifacts:
        lines += ["", "files:", *(f"  {name}" for name in detail.artifacts)]
    return "\n".join(lines)


def _figure(figure: LoggedFigure) -> str:
    text = f"{figure.value:.3f}"
    if figure.low is not None and figure.high is not None:
        text += f" [{figure.low:.3f}, {figure.high:.3f}]"
    return text if figure.n is None else f"{text}, n={figure.n}"


def _plain(detail: RunDetail) -> dict[str, Any]:
    values = asdict(detail)
    return {
        **_summary(values.pop("summary")),
        **values,
        "arms": [_plain(arm) for arm in detail.arms],
    }


def _summary(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "started_at": values["started_at"].isoformat()}
