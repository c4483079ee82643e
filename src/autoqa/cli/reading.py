"""``autoqa read``: any supported format to uniform JSONL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from autoqa.cli.arguments import (
    AsJson,
    Columns,
    FormatName,
    Inputs,
    KeyFile,
    NameModels,
    PrivacyMode,
    SpeakerNames,
    UniformFile,
    columns_from,
    redaction_from,
    refuse_inside,
    speakers_from,
)
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
    out: UniformFile,
    format_name: FormatName = None,
    column: Columns = None,
    speaker: SpeakerNames = None,
    privacy: PrivacyMode = "mask",
    key_file: KeyFile = None,
    names: NameModels = None,
    as_json: AsJson = False,
) -> None:
    """Read conversations of any supported format and write them as uniform JSONL.

    What cannot be read is listed in quarantine.jsonl beside FILE, without its text.
    """
    columns = columns_from(column)
    speakers = speakers_from(speaker)
    refuse_inside(out, inputs)

    from autoqa.privacy import redact_labelled

    redaction = redaction_from(privacy, key_file, names)
    done = convert(
        inputs,
        out,
        lambda one: redact_labelled(one, redaction),
        format=format_name,
        columns=columns,
        speakers=speakers,
    )
    if as_json:
        say_json({**done.to_dict(), "privacy": privacy, "out": str(out)})
    else:
        say(f"{done.written} of {done.quarantine.records_read} conversations written to {out}.")
        say_notes(done)
    finish(done.left_undone)


class Converted(NamedTuple):
    """What became of conversations that were read and written again."""

    quarantine: Quarantine
    written: int

    def to_dict(self) -> dict[str, object]:
        """Return JSON values."""
        return {**self.quarantine.summary(), "written": self.written}

    @property
    def left_undone(self) -> list[str]:
        """What could not be read, in words."""
        return _left_undone(self.quarantine)


def convert(
    inputs: Sequence[Path],
    out: Path,
    change: Callable[[LabelledTranscript], LabelledTranscript],
    **reading: Any,
) -> Converted:
    """Read conversations, change each, and write them as uniform JSONL; show how far that is."""
    from autoqa.readers import Quarantine, write_uniform
    from autoqa.readers import read as read_all

    # Wrong arguments are found before anything is written.
    conversations = partial(read_all, inputs, **reading)
    conversations(quarantine=Quarantine())
    with Quarantine(out.parent / "quarantine.jsonl") as quarantine, progress_bar() as progress:
        shown = _shown(conversations(quarantine=quarantine), quarantine, progress)
        written = write_uniform(out, map(change, shown))
    return Converted(quarantine, written)


def say_notes(done: Converted) -> None:
    """Say what was dropped or skipped of conversations that were kept."""
    notes = done.quarantine.notes
    if notes:
        places = f"Notes, each with its place in {done.quarantine.path}:"
        say("\n".join([places, *note_lines(notes)]))


def note_lines(notes: Mapping[str, int]) -> list[str]:
    """Return a line for each kind of note: how many there are, and what they mean."""
    from autoqa.readers import REASONS

    return [f"  {name} {count}: {REASONS[name]}" for name, count in notes.items()]


def _shown(
    found: Iterable[LabelledTranscript], quarantine: Quarantine, progress: Progress
) -> Iterator[LabelledTranscript]:
    for labelled in found:
        progress("conversations read", quarantine.records_read)
        yield labelled


def _left_undone(quarantine: Quarantine) -> list[str]:
    if quarantine.records_quarantined:
        return [
            f"{quarantine.records_quarantined} of {quarantine.records_read} records could not be "
            f"read ({counted(quarantine.counts)}); {quarantine.path} says where"
        ]
    return [] if quarantine.records_read else ["the input holds no conversation"]
