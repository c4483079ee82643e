"""``autoqa evaluations``: evaluations of other QA systems in and out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from autoqa.cli.arguments import (
    AsJson,
    CardName,
    KeyFile,
    PrivacyMode,
    existing,
    redaction_from,
    refuse_inside,
)
from autoqa.cli.console import counted, example, finish, say, say_json
from autoqa.cli.inputs import Lost
from autoqa.errors import DataError, some_of

if TYPE_CHECKING:
    from autoqa.privacy import Redaction
    from autoqa.readers import Quarantine
    from autoqa.readers.evaluations import Imported
    from autoqa.records import Rating
    from autoqa.scorecard import Scorecard

app = typer.Typer(
    help="Read evaluations of Amazon Connect, Google, Genesys Cloud and Zendesk QA, or write them.",
    epilog=example("autoqa evaluations import exports/ --scorecard my.yaml --out human.parquet"),
    no_args_is_help=True,
    rich_markup_mode=None,
)

_TABLES = (".parquet", ".jsonl", ".jsonl.gz", ".csv")
_UNIFORM = (".jsonl", ".jsonl.gz")
_MOST_QUESTIONS = 20


@app.command(
    name="import",
    epilog=example(
        "autoqa evaluations import exports/ --scorecard my.yaml --out human.parquet",
        "autoqa compare --ratings scored --human human.parquet --out out",
        "autoqa evaluations import exports/ --scorecard my.yaml --data calls.jsonl --out "
        "rated.jsonl",
    ),
)
def import_(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help="JSON files of evaluations, or folders of them; which system they come from is "
            "found inside.",
            exists=True,
            show_default=False,
        ),
    ],
    scorecard: CardName,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Ratings to write: .parquet, .jsonl or .csv. With --data, rated conversations: "
            ".jsonl.",
            dir_okay=False,
            show_default=False,
        ),
    ],
    data: Annotated[
        list[Path] | None,
        existing(
            "--data",
            "PATH",
            "Conversations to put the ratings into, as `autoqa train` reads them; may be repeated.",
        ),
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(
            "--system",
            metavar="NAME",
            help="What to call the other system's own answers. Default: a name for each system.",
        ),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(
            "--person", metavar="NAME", help="What to call people whom a file does not name."
        ),
    ] = None,
    privacy: PrivacyMode = "mask",
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Read evaluations of another QA system as ratings on a scorecard.

    People's answers become human ratings, automated ones a model's. Questions and answers are known
    by the ids that `autoqa scorecard import` keeps, by their wording, or by their points.
    """
    suffixes = _UNIFORM if data else _TABLES
    if not out.name.endswith(suffixes):
        raise typer.BadParameter(f"must end in {', '.join(suffixes)}", param_hint="--out")
    refuse_inside(out, [*inputs, *(data or ())])

    from autoqa.privacy import redact_text
    from autoqa.readers import Quarantine
    from autoqa.readers.evaluations import import_evaluations
    from autoqa.scorecard import load_scorecard

    card = load_scorecard(scorecard)
    redaction = redaction_from(privacy, key_file, None)
    held = out.parent / "quarantine-evaluations.jsonl"
    with Quarantine(held) as quarantine:
        found = import_evaluations(
            inputs, card, quarantine=quarantine, system=system, person=person
        )
    safe = tuple(replace(r, reason=redact_text(r.reason, redaction)) for r in found.ratings)
    found = replace(found, ratings=safe)
    lost = Lost(out.parent)
    if data:
        _write_joined(out, data, found.ratings, card, lost, redaction)
    else:
        _write_table(out, found.ratings, card)
    if as_json:
        say_json(_plain(found, quarantine, out))
    else:
        say(_in_words(found, quarantine, out))
    if not (quarantine.counts or quarantine.notes):
        held.unlink()
    finish([*_left_undone(found, quarantine), *lost.sentences])


def _write_table(out: Path, ratings: Sequence[Rating], card: Scorecard) -> None:
    from autoqa.readers.evaluations import write_ratings_csv
    from autoqa.records import Rating
    from autoqa.store import write_records

    if out.suffix == ".csv":
        write_ratings_csv(out, ratings, card)
    else:
        write_records(out, ratings, Rating)


def _write_joined(
    out: Path,
    data: Sequence[Path],
    ratings: Sequence[Rating],
    card: Scorecard,
    lost: Lost,
    redaction: Redaction,
) -> None:
    """Write the conversations with their ratings; say which ratings found none."""
    from autoqa.privacy import redact_labelled
    from autoqa.readers import read, write_uniform
    from autoqa.readers.evaluations import with_ratings

    with lost.quarantine("data") as quarantine:
        conversations = read(data, quarantine=quarantine)
        missing = {rating.conversation_id for rating in ratings}
        joined = with_ratings(conversations, ratings, card, missing)
        write_uniform(out, (redact_labelled(one, redaction) for one in joined))
    if missing:
        lost.add(
            f"{len(missing)} evaluated conversations are not in --data "
            f"({some_of(sorted(missing))}); their ratings are left out"
        )


def _plain(found: Imported, quarantine: Quarantine, out: Path) -> dict[str, object]:
    return {
        **quarantine.summary(),
        "evaluations": dict(found.evaluations),
        "ratings": _by_kind(found),
        "unknown_questions": dict(found.unknown_questions),
        "off_scale": dict(found.off_scale),
        "calibrations": found.calibrations,
        "disputed": found.disputed,
        "unattributed": found.unattributed,
        "repeated": found.repeated,
        "out": str(out),
    }


def _by_kind(found: Imported) -> dict[str, int]:
    return dict(Counter(f"{r.kind} {r.rater} {r.status}" for r in found.ratings))


def _in_words(found: Imported, quarantine: Quarantine, out: Path) -> str:
    from autoqa.readers.evaluations import BY_RULE

    by_rule = {name: n for name, n in quarantine.counts.items() if name in BY_RULE}
    lines = [
        f"{len(found.ratings)} ratings from {quarantine.records_kept} of "
        f"{quarantine.records_read} evaluations written to {out}.",
        f"  evaluations  {counted(found.evaluations) or 'none'}",
    ]
    kinds = Counter((r.kind.value, r.rater, r.status.value) for r in found.ratings)
    lines += [f"  {kind:<12} {rater}: {status} {n}" for (kind, rater, status), n in kinds.items()]
    if by_rule:
        lines.append(f"  left out     {counted(by_rule)}")
    facts = {
        "made to calibrate": found.calibrations,
        "under review": found.disputed,
        "answers of nobody known": found.unattributed,
        "answered again later": found.repeated,
    }
    if any(facts.values()):
        lines.append(f"  of note      {counted({k: n for k, n in facts.items() if n})}")
    asked = [f"{question} ({n} answers)" for question, n in found.unknown_questions.items()]
    lines += [f"  not on the scorecard: {question}" for question in asked[:_MOST_QUESTIONS]]
    if len(asked) > _MOST_QUESTIONS:
        lines.append(f"  and {len(asked) - _MOST_QUESTIONS} more (--json names all)")
    return "\n".join(lines)


def _left_undone(found: Imported, quarantine: Quarantine) -> list[str]:
    from autoqa.readers.evaluations import BY_RULE

    bad = {name: n for name, n in quarantine.counts.items() if name not in BY_RULE}
    said = []
    if bad:
        said.append(
            f"{sum(bad.values())} of {quarantine.records_read} evaluations could not be used "
            f"({counted(bad)}); {quarantine.path} says where"
        )
    if found.off_scale:
        said.append(
            f"{sum(found.off_scale.values())} answers are none of the levels of their criterion "
            f"({counted(found.off_scale)}); give the levels the texts or the points that they have "
            "there"
        )
    if not quarantine.records_read:
        said.append("the input holds no evaluation")
    elif quarantine.counts["unknown_questions"] and not found.evaluations:
        said.append(
            "no evaluation has a question of the scorecard; `autoqa scorecard import` makes one "
            "from the form, with its ids"
        )
    return said


@app.command(
    epilog=example(
        "autoqa evaluations export scored --scorecard my.yaml --to connect --out connect/",
        "autoqa evaluations export human.parquet --scorecard my.yaml --to genesys --out e.json",
    )
)
def export(
    ratings: Annotated[
        Path,
        typer.Argument(
            metavar="RUN_OR_RATINGS",
            help="A folder that `autoqa score` wrote, or a table of ratings.",
            exists=True,
            show_default=False,
        ),
    ],
    scorecard: CardName,
    to: Annotated[
        Literal["connect", "google", "genesys", "zendesk"],
        typer.Option("--to", help="Whose shape to write.", show_default=False),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="DIR_OR_FILE",
            help="A folder for one file per evaluation, or one .json or .jsonl file.",
            show_default=False,
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Write ratings as evaluations in another QA system's shape, and say what is lost.

    What a model rated is marked as automated where the system has a mark for it. What was not rated
    stays unanswered.
    """
    refuse_inside(out, [ratings])

    from autoqa.privacy import redact_text
    from autoqa.readers import read_ratings
    from autoqa.readers.evaluations import LOSSES, export_evaluations, write_evaluations
    from autoqa.scorecard import load_scorecard

    card = load_scorecard(scorecard)
    _refuse_other_run(ratings, card)
    lost = Lost(out.parent)
    with lost.quarantine("ratings") as quarantine:
        given = read_ratings(ratings, quarantine=quarantine)
    losses: Counter[str] = Counter()
    evaluations = export_evaluations(
        [replace(rating, reason=redact_text(rating.reason)) for rating in given],
        card,
        to,
        agents=_agents(ratings),
        submitted=datetime.fromtimestamp(ratings.stat().st_mtime, UTC),
        losses=losses,
    )
    written = write_evaluations(out, evaluations)
    found = {name: losses[name] for name in LOSSES if losses[name]}
    if as_json:
        say_json({"evaluations": written, "losses": found, "out": str(out)})
    else:
        said = [f"  {count} {LOSSES[name]}" for name, count in found.items()]
        say("\n".join([f"{written} evaluations written to {out}.", *said]))
    finish([*lost.sentences, *([] if written else ["there are no ratings to export"])])


def _refuse_other_run(path: Path, card: Scorecard) -> None:
    """A run was scored on one scorecard; another would give its ratings another meaning."""
    from itertools import islice

    from autoqa.records import Evaluation
    from autoqa.store import read_records
    from autoqa.store.tables import stored_table

    table = stored_table(path, "evaluations")
    if table is None:
        return
    for first in islice(read_records(table, Evaluation), 1):
        if (first.scorecard, first.scorecard_version) != (card.id, card.version):
            raise DataError(
                f"{path}: scored on {first.scorecard} version {first.scorecard_version}, not on "
                f"{card.id} version {card.version}; give the scorecard that it was scored on"
            )


def _agents(path: Path) -> Mapping[str, str]:
    """Conversation id to agent, where a run has its conversations."""
    import pyarrow.parquet as pq

    from autoqa.store.tables import stored_table

    table = stored_table(path, "transcripts")
    if table is None:
        return {}
    rows = pq.read_table(table, columns=["conversation_id", "agent"]).to_pylist()
    return {row["conversation_id"]: row["agent"] for row in rows if row["agent"] is not None}
