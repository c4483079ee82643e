"""``autoqa demo``: the whole path, no input needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autoqa.cli.arguments import default_models
from autoqa.cli.console import example, say, step_lines


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "demo",
        short_help="The whole path on data that comes along.",
        epilog=example("autoqa demo --out demo"),
    )(demo)


def demo(
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Folder for the results.", file_okay=False),
    ] = Path("demo"),
) -> None:
    """Train, score, experiment and compare on data that comes along; a few minutes.

    Everything it uses is made up: a simulated contact centre and the sample conversations.
    """
    from autoqa.demo import run_demo

    say(run_demo(out, shipped=default_models(), progress=step_lines()).to_text())
