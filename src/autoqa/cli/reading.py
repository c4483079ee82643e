"""``autoqa read``: any supported format to uniform JSONL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autoqa.cli.arguments import AsJson, Columns, FormatName, Inputs, columns_from, refuse_inside
from autoqa.cli.console import counted, example, finish, progress_bar, say, say_json

if TYPE_CHECKING:
    from autoqa.cli.console import Progress
    from autoqa.readers import Quarantine
    from autoqa.records import LabelledTranscript


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "read",
        short_help="Any supported format to uniform JSONL.",
        epilog=example(
            "autoqa read exports/ --out calls.jsonl.gz",
            "autoqa read turns.csv --column text=utterance --out calls.jsonl",
        ),
    )(read)


def read(
    inputs: Inputs,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Uniform JSONL to write; compressed if the name ends in .gz.",
            dir_okay=False,
            show_default=False,
        ),
    ],
    format_name: FormatName = None,
    column: Columns = None,
    redact: Annotated[
        bool,
        typer.Option(
            "--redact/--no-redact",
            help="Mask e-mail addresses, phone, card, account and social security numbers.",
        ),
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Read conversations of any supported format and write them as uniform JSONL.

    What cannot be read is listed in quarantine.jsonl beside FILE, without its text.
    """
    columns = columns_from(column)
    refuse_inside(out, inputs)

    from autoqa.privacy import redact_labelled
    from autoqa.readers import Quarantine, write_uniform
    from autoqa.readers import read as read_all

    # Wrong arguments are found before anything is written.
    held = out.parent / "quarantine.jsonl"
    read_all(inputs, format=format_name, columns=columns, quarantine=Quarantine())
    with Quarantine(held) as quarantine, progress_bar() as progress:
        found = read_all(inputs, format=format_name, columns=columns, quarantine=quarantine)
        shown = _shown(found, quarantine, progress)
        written = write_uniform(out, map(redact_labelled, shown) if redact else shown)
    counts = quarantine.summary()
    if as_json:
        say_json({**counts, "written": written, "redacted": redact, "out": str(out)})
    else:
        say(f"{written} of {quarantine.records_read} conversations written to {out}.")
        if quarantine.notes:
            say(f"Notes on what was dropped or skipped ({counted(quarantine.notes)}): {held}")
    finish(_left_undone(quarantine, held))


def _shown(
    found: Iterable[LabelledTranscript], quarantine: Quarantine, progress: Progress
) -> Iterator[LabelledTranscript]:
    for labelled in found:
        progress("conversations read", quarantine.records_read)
        yield labelled


def _left_undone(quarantine: Quarantine, held: Path) -> list[str]:
    if quarantine.records_quarantined:
        return [
            f"{quarantine.records_quarantined} of {quarantine.records_read} records could not be "
            f"read ({counted(quarantine.counts)}); {held} says where"
        ]
    return [] if quarantine.records_read else ["the input holds no conversation"]
