"""``autoqa scorecard``: check, print, list, import and export scorecards."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from autoqa.cli.arguments import AsJson
from autoqa.cli.console import INCOMPLETE, example, say, say_json, table

if TYPE_CHECKING:
    from autoqa.scorecard import Finding, Scorecard
    from autoqa.scorecard.vendors import Loss

app = typer.Typer(
    help="Check, print, list, import and export scorecards.",
    epilog=example("autoqa scorecard show support-core"),
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME_OR_FILE",
        help="A scorecard of the library, or a YAML file.",
        show_default=False,
    ),
]
Vendor = Literal["connect", "google", "genesys"]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace FILE if it is there already.")
]


@app.command(epilog=example("autoqa scorecard lint my-scorecard.yaml"))
def lint(
    name: Name,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings fail too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find what makes a scorecard bad, before anybody scores with it.

    Exits with 1 if there are errors: they make answers wrong or impossible.
    """
    from autoqa.scorecard import Severity, lint_file

    findings = lint_file(name, known_events=_events(name), known_scorers=_scorers())
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    if as_json:
        say_json({"scorecard": name, "errors": errors, "findings": [_plain(f) for f in findings]})
    else:
        for finding in findings:
            say(str(finding))
        warnings = len(findings) - errors
        say(f"{name}: {errors} errors, {warnings} warnings." if findings else f"{name}: good.")
    if errors or (strict and findings):
        raise typer.Exit(INCOMPLETE)


@app.command(epilog=example("autoqa scorecard show support-core --language es"))
def show(
    name: Name,
    language: Annotated[
        str | None,
        typer.Option("--language", metavar="TAG", help="Print it in this language, such as es."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print a scorecard as a form."""
    from autoqa.scorecard import as_form, load_scorecard

    card = load_scorecard(name, language=language)
    if as_json:
        said = card.model_dump(mode="json", exclude_defaults=True)
        say_json({**said, "sha256": card.content_hash})
    else:
        say(as_form(card, width=min(shutil.get_terminal_size().columns, 100)))


@app.command(name="list", epilog=example("autoqa scorecard list"))
def list_(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="Only this scorecard and its languages.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the scorecards of the library."""
    from autoqa.scorecard import library_names, load_scorecard

    names = library_names()
    if name is not None:
        card = load_scorecard(name)
        names = [known for known in names if known.split(".")[0] == card.id]
    cards = {known: load_scorecard(known) for known in names}
    if as_json:
        say_json([_row(known, card) for known, card in cards.items()])
        return
    head = ("name", "language", "version", "criteria", "title")
    rows = [[str(value) for value in _row(*item).values()] for item in cards.items()]
    say(table(head, rows))


@app.command(
    name="import",
    epilog=example(
        "autoqa scorecard import evaluation-form.json --out my-scorecard.yaml",
        "autoqa scorecard import form.json --from genesys --out my-scorecard.yaml --json",
    ),
)
def import_(
    form: Annotated[
        Path,
        typer.Argument(
            metavar="FORM",
            help="A form as JSON: of Amazon Connect a response of DescribeEvaluationForm, of "
            "Google a QaScorecardRevision with its qaQuestions, of Genesys an evaluation form.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The YAML file.", show_default=False)
    ],
    vendor: Annotated[
        Vendor | None,
        typer.Option("--from", help="Whose form it is. Default: found by its keys."),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            "--language", metavar="TAG", help="Language of the texts. Default: what the form says."
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Make a scorecard from an evaluation form of another system, and report what is lost."""
    from autoqa.scorecard.vendors import as_yaml, import_form

    _refuse_existing(out, overwrite)
    found = import_form(form, vendor=vendor, language=language)
    _write(out, as_yaml(found.card))
    _say_losses(
        {"scorecard": found.card.id, "criteria": len(found.card.criteria), "out": str(out)},
        f"{out}: scorecard {found.card.id}, {len(found.card.criteria)} criteria. "
        f"Next: autoqa scorecard lint {out}",
        found.losses,
        as_json=as_json,
    )


@app.command(epilog=example("autoqa scorecard export support-core --to connect --out form.json"))
def export(
    name: Name,
    vendor: Annotated[Vendor, typer.Option("--to", help="Whose form.", show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The JSON file.", show_default=False)
    ],
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Make an evaluation form of another system from a scorecard, and report what is lost."""
    from autoqa.scorecard.vendors import export_form

    _refuse_existing(out, overwrite)
    found = export_form(name, vendor)
    _write(out, json.dumps(found.form, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    _say_losses(
        {"scorecard": name, "vendor": vendor, "out": str(out)},
        f"{out}: {name} as a form of {vendor}.",
        found.losses,
        as_json=as_json,
    )


def _refuse_existing(out: Path, overwrite: bool) -> None:
    if out.exists() and not overwrite:
        raise typer.BadParameter(
            f"{out} is there already; name another file, or add --overwrite", param_hint="--out"
        )


def _write(out: Path, text: str) -> None:
    from autoqa.store import atomic_write_text

    atomic_write_text(out, text)


def _say_losses(
    result: dict[str, Any], sentence: str, losses: Sequence[Loss], *, as_json: bool
) -> None:
    from autoqa.scorecard.vendors import loss_report

    if as_json:
        say_json({**result, "losses": [loss.as_dict() for loss in losses]})
        return
    if losses:
        say(f"What does not map ({len(losses)}):\n\n{loss_report(losses)}\n")
    else:
        say("Nothing is lost.")
    say(sentence)


def _row(name: str, card: Scorecard) -> dict[str, str | int]:
    return {
        "name": name,
        "language": card.language,
        "version": card.version,
        "criteria": len(card.criteria),
        "title": card.title,
    }


def _plain(finding: Finding) -> dict[str, str]:
    return {
        "severity": finding.severity.value,
        "code": finding.code,
        "where": finding.where,
        "message": finding.message,
    }


def _events(name: str) -> set[str]:
    """Every event that some phrase book knows, the scorecard's own books included."""
    from autoqa.errors import ScorecardError
    from autoqa.scorecard import load_scorecard
    from autoqa.scorers.phrasebook import LANGUAGES, load_book_file, phrase_book

    known = {event for language in LANGUAGES for event in phrase_book(language).events}
    try:
        card = load_scorecard(name)
    except ScorecardError:
        return known  # the check itself says what is wrong
    for criterion in card.criteria:
        books = criterion.scorer.settings.get("phrases", ()) if criterion.scorer else ()
        for book in [books] if isinstance(books, str) else books:
            if Path(str(book)).is_file():
                known.update(load_book_file(book).events)
    return known


def _scorers() -> tuple[str, ...]:
    import autoqa.scorers.panel  # noqa: F401 - registers every scorer that a panel can seat
    from autoqa.scorers.base import registered_scorers

    return registered_scorers()
