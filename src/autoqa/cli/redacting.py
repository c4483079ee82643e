"""``autoqa redact``: conversations without personal values, and a count of what was replaced."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from autoqa.cli.arguments import (
    AsJson,
    Columns,
    FormatName,
    Inputs,
    KeyFile,
    NameModels,
    SpeakerNames,
    UniformFile,
    columns_from,
    redaction_from,
    refuse_inside,
    speakers_from,
)
from autoqa.cli.console import example, finish, say, say_json, table
from autoqa.cli.reading import convert, say_notes

if TYPE_CHECKING:
    from autoqa.records import LabelledTranscript

Counts = Counter[tuple[str, str]]
"""Values replaced, by language and kind."""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "redact",
        short_help="Replace personal values in conversations.",
        epilog=example(
            "autoqa redact exports/ --out calls.jsonl.gz --report",
            "AUTOQA_REDACTION_KEY=... autoqa redact calls.jsonl --privacy hash --out shared.jsonl",
            "autoqa redact calls.jsonl --names en=en_core_web_lg --out calls.redacted.jsonl",
        ),
    )(redact)


def redact(
    inputs: Inputs,
    out: UniformFile,
    report: Annotated[
        bool, typer.Option("--report", help="Print what was replaced, by language and kind.")
    ] = False,
    privacy: Annotated[
        Literal["mask", "hash"], typer.Option("--privacy", help="See `autoqa read`.")
    ] = "mask",
    key_file: KeyFile = None,
    names: NameModels = None,
    format_name: FormatName = None,
    column: Columns = None,
    speaker: SpeakerNames = None,
    as_json: AsJson = False,
) -> None:
    """Replace personal values in conversations of any supported format, and count them.

    Replaced are payment cards with expiry date and security code, IBANs and announced bank
    accounts, e-mail addresses, phone numbers, national identity numbers, passwords and one-time
    codes: in turns, actions, attributes, topics, customer ids, survey comments, outcomes and what
    raters wrote. Conversation ids, agents and raters are keys, and stay.

    What cannot be read is listed in quarantine.jsonl beside FILE, without its text.
    """
    columns = columns_from(column)
    speakers = speakers_from(speaker)
    refuse_inside(out, inputs)

    from autoqa.privacy import redact_labelled

    redaction = redaction_from(privacy, key_file, names)
    counts: Counts = Counter()

    def redacted(labelled: LabelledTranscript) -> LabelledTranscript:
        replaced: Counter[str] = Counter()
        found = redact_labelled(labelled, redaction, counts=replaced)
        language = labelled.transcript.primary_language
        counts.update({(language, kind): count for kind, count in replaced.items()})
        return found

    done = convert(inputs, out, redacted, format=format_name, columns=columns, speakers=speakers)
    if as_json:
        by_language: dict[str, dict[str, int]] = {}
        for (language, kind), count in sorted(counts.items()):
            by_language.setdefault(language, {})[kind] = count
        say_json({**done.to_dict(), "privacy": privacy, "replaced": by_language, "out": str(out)})
    else:
        total = counts.total()
        say(f"{total} values replaced in {done.written} conversations, written to {out}.")
        if report and total:
            say(_by_language(counts))
        say_notes(done)
    finish(done.left_undone)


def _by_language(counts: Counts) -> str:
    """Return a table of kinds by language; it says how many values there were, never which."""
    languages = sorted({language for language, _ in counts})
    kinds = sorted({kind for _, kind in counts})
    rows = [[kind, *(str(counts[language, kind]) for language in languages)] for kind in kinds]
    return table(["kind", *languages], rows)
