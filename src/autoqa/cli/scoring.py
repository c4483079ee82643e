"""``autoqa score``: conversations to evaluations, predicted CSAT and flags."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from autoqa.cli.arguments import (
    AsJson,
    CardName,
    Columns,
    FormatName,
    Inputs,
    LicenceName,
    OutFolder,
    columns_from,
    default_models,
    refuse_inside,
)
from autoqa.cli.console import counted, example, finish, progress_bar, say, say_json, warn

if TYPE_CHECKING:
    from autoqa.batch import Summary


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "score",
        short_help="Score conversations and predict their CSAT.",
        epilog=example(
            "autoqa score calls.jsonl.gz --scorecard support-core --out scored",
            "autoqa score exports/ --scorecard my.yaml --models models/mine --out scored",
            "autoqa score calls.jsonl --scorecard support-core --licence permissive --out scored",
        ),
    )(score)


def score(
    inputs: Inputs,
    scorecard: CardName,
    out: OutFolder,
    models: Annotated[
        Path | None,
        typer.Option(
            "--models",
            metavar="DIR",
            help="Model folder. Default: models/default if it is there; without one, only "
            "scorers that need no training answer.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    format_name: FormatName = None,
    column: Columns = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=1, help="Processes; one per core if not given.", show_default=False
        ),
    ] = None,
    curve: Annotated[
        bool, typer.Option("--curve", help="Predict CSAT after every customer turn too.")
    ] = False,
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "int8"],
        typer.Option("--precision", help="Arithmetic of the text encoder."),
    ] = "auto",
    abstain_below: Annotated[
        float,
        typer.Option(
            "--abstain-below",
            min=0.0,
            max=1.0,
            help="Learned ratings less probable than this are abstained on.",
        ),
    ] = 0.0,
    licence: LicenceName = "any",
    as_json: AsJson = False,
) -> None:
    """Score conversations on a scorecard, predict their CSAT, and flag those to look at.

    Writes evaluations, ratings, csat, flags and transcripts (redacted) as Parquet, summary.json,
    and quarantine.jsonl with what could not be read. Labels in the input are not looked at.
    """
    columns = columns_from(column)
    refuse_inside(out, inputs)

    from autoqa.batch import ScoringSetup
    from autoqa.batch import score as score_all
    from autoqa.scorecard import load_scorecard

    card = load_scorecard(scorecard)
    folder = models or default_models()
    if folder is None:
        warn("No --models and no models/default: only scorers that need no training answer.")
    setup = ScoringSetup(
        card,
        folder,
        curve=curve,
        precision=None if precision == "auto" else precision,
        abstain_below=abstain_below,
        licence=licence,
    )
    with progress_bar() as progress:

        def show(scored: int, quarantined: int) -> None:
            left_out = f", {quarantined} quarantined" if quarantined else ""
            progress(f"conversations scored{left_out}", scored)

        summary = score_all(
            inputs,
            out,
            setup,
            format=format_name,
            columns=columns,
            workers=workers,
            progress=show,
        )
    if as_json:
        say_json({**summary.to_dict(), "out": str(out)})
    else:
        say(_in_words(summary, folder, out))
    finish(_left_undone(summary, out))


def _in_words(summary: Summary, models: Path | None, out: Path) -> str:
    speed = summary.scored / summary.seconds if summary.seconds else 0.0
    lines = [
        f"Scored {summary.scored} of {summary.read} conversations on {summary.scorecard} version "
        f"{summary.scorecard_version} in {summary.seconds:.1f} s ({speed:.1f} per second).",
        f"  models   {models or 'none'}",
        f"  ratings  {counted(summary.ratings) or 'none'}",
        f"  flags    {counted(summary.flags) or 'none'}",
    ]
    if summary.left_out:
        terms = dict.fromkeys(summary.left_out.values())
        by_terms = "; ".join(
            f"{', '.join(name for name, own in summary.left_out.items() if own == licence)} "
            f"({licence})"
            for licence in terms
        )
        lines.append(f"  left out {by_terms}: --licence permissive")
    if summary.notes:
        lines.append(f"  notes    {counted(summary.notes)} (quarantine.jsonl)")
    return "\n".join([*lines, f"  results  {out}"])


def _left_undone(summary: Summary, out: Path) -> list[str]:
    said = []
    if summary.quarantined:
        said.append(
            f"{summary.quarantined} of {summary.read} records could not be read "
            f"({counted(summary.reasons)}); {out / 'quarantine.jsonl'} says where"
        )
    if failed := summary.ratings.get("failed", 0):
        said.append(
            f"{failed} ratings failed; {out / 'ratings.parquet'} has the reasons (status failed)"
        )
    if summary.unserved:
        whose = "; ".join(f"{name}: {why}" for name, why in summary.unserved.items())
        said.append(f"{len(summary.unserved)} criteria have no scorer ({whose})")
    if not summary.read:
        said.append("the input holds no conversation")
    return said
