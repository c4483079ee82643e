"""All commands under one name."""

from __future__ import annotations

from typing import Annotated

import typer

from autoqa.cli import (
    claims,
    comparing,
    demo,
    evaluations,
    experiments,
    exporting,
    learning,
    models,
    reading,
    redacting,
    reporting,
    review,
    scorecards,
    scoring,
    serving,
)
from autoqa.cli.console import Commands, say

app = typer.Typer(
    cls=Commands,
    help="Score customer-service conversations on a scorecard, predict CSAT, and compare automated "
    "QA with human QA and with CSAT.",
    epilog="Start with:\n\n\b\n  autoqa demo\n\n"
    "Exit codes: 0 everything that was asked for was done, 1 something was not (the last lines say "
    "what), 2 the arguments cannot be used.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks print local variables: transcripts
    rich_markup_mode=None,  # examples in --help stay as they are, to be copied
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from autoqa import __version__

        say(f"autoqa {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


demo.add_to(app)
reading.add_to(app)
redacting.add_to(app)
app.add_typer(scorecards.app, name="scorecard")
learning.add_train(app)
scoring.add_to(app)
exporting.add_to(app)
serving.add_to(app)
comparing.add_to(app)
app.add_typer(evaluations.app, name="evaluations")
app.add_typer(claims.app, name="claims")
reporting.add_to(app)
app.add_typer(review.app, name="review")
app.add_typer(experiments.app, name="experiment")
learning.add_benchmark(app)
app.add_typer(models.app, name="models")
