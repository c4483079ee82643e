"""``autoqa export``: the results of a run for spreadsheets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from autoqa.cli.arguments import AsJson
from autoqa.cli.console import counted, example, say, say_json


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "export",
        short_help="Results of a run as CSV or XLSX.",
        epilog=example(
            "autoqa export scored --to csv --out for-review",
            "autoqa export scored --to xlsx --out scored.xlsx --with-text",
        ),
    )(export)


def export(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="Folder that `autoqa score` wrote.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ],
    to: Annotated[
        Literal["csv", "xlsx"],
        typer.Option("--to", help="CSV: one file per table. XLSX: one workbook, a sheet each."),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="DIR_OR_FILE",
            help="Folder for the CSV files; name of the workbook.",
            show_default=False,
        ),
    ],
    with_text: Annotated[
        bool,
        typer.Option(
            "--with-text",
            help="Add the (redacted) words of the transcript that ratings rest on. Without it, "
            "evidence is given as turns and characters.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write evaluations, ratings, predicted CSAT and flags for spreadsheet programs.

    Texts that such a program would calculate, as in =HYPERLINK(...), stay texts.
    """
    from autoqa.store.spreadsheets import write_csv, write_xlsx

    if to == "csv" and out.is_file():
        raise typer.BadParameter(f"{out} is a file; name a folder", param_hint="--out")
    if to == "xlsx" and out.suffix.lower() != ".xlsx":
        raise typer.BadParameter(f"{out} does not end in .xlsx", param_hint="--out")
    counts = (write_csv if to == "csv" else write_xlsx)(run, out, with_text=with_text)
    if as_json:
        say_json({"rows": counts, "out": str(out), "with_text": with_text})
    else:
        say(f"{counted(counts)} rows written to {out}.")
