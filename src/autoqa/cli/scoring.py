"""``autoqa score``: conversations to evaluations, predicted CSAT and flags."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from autoqa.cli.arguments import (
    AsJson,
    CardName,
    Columns,
    FormatName,
    KeyFile,
    LicenceName,
    NameModels,
    OutFolder,
    PrivacyMode,
    SpeakerNames,
    columns_from,
    default_models,
    redaction_from,
    refuse_inside,
    speakers_from,
)
from autoqa.cli.console import counted, example, finish, progress_bar, say, say_json, warn
from autoqa.cli.on_spark import EngineName, Master, refuse_for_spark, score_on_spark
from autoqa.cli.reading import note_lines
from autoqa.cli.stopping import Stopped, stopped_by_signals
from autoqa.cli.watching import watch_folder

if TYPE_CHECKING:
    from autoqa.batch import Engine, Progress, Summary
    from autoqa.batch.tally import ShowProgress


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "score",
        short_help="Score conversations and predict their CSAT.",
        epilog=example(
            "autoqa score calls.jsonl.gz --scorecard support-core --out scored",
            "autoqa score exports/ --scorecard my.yaml --models models/mine --out scored",
            "autoqa score calls.jsonl --scorecard support-core --licence permissive --out scored",
            "autoqa score calls.jsonl.gz --scorecard support-core --out scored --resume",
            "autoqa score --watch inbox --scorecard support-core --out scored",
            "autoqa score calls/ --scorecard support-core --engine spark --master local[4] "
            "--out scored",
        ),
    )(score)


def score(
    scorecard: CardName,
    out: OutFolder,
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="INPUT",
            help="Files, or folders of them: see `autoqa read`.",
            show_default=False,
        ),
    ] = None,
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
    speaker: SpeakerNames = None,
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
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with an unfinished run in --out, if one is there. Nothing that was "
            "finished is scored again, only what each worker had in work: at most one chunk of 64 "
            "conversations. Refused where input, scorecard, models or settings have changed.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Throw away an unfinished run in --out.")
    ] = False,
    watch: Annotated[
        Path | None,
        typer.Option(
            "--watch",
            metavar="DIR",
            help="Score files as they arrive in a folder, each once and into a folder of its own "
            "below --out, until Ctrl-C or SIGTERM.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    settle: Annotated[
        float,
        typer.Option(
            "--settle",
            metavar="SECONDS",
            min=0.0,
            help="With --watch: for how long a file must not have changed.",
        ),
    ] = 5.0,
    until_idle: Annotated[
        float | None,
        typer.Option(
            "--until-idle",
            metavar="SECONDS",
            min=0.0,
            help="With --watch: end when no file has arrived for so long.",
            show_default=False,
        ),
    ] = None,
    privacy: PrivacyMode = "mask",
    key_file: KeyFile = None,
    names: NameModels = None,
    engine: EngineName = "local",
    master: Master = None,
    as_json: AsJson = False,
) -> None:
    """Score conversations on a scorecard, predict their CSAT, and flag those to look at.

    Writes evaluations, ratings, csat, flags and transcripts (redacted) as Parquet,
    quarantine.jsonl with what could not be read, manifest.json with what was scored with what, and,
    last, summary.json: results without it are not complete. Labels in the input are not looked at.

    However a run ends, what it had finished is kept, and --resume goes on from there.
    """
    columns = columns_from(column)
    speakers = speakers_from(speaker)
    sources = _sources(inputs, watch, resume=resume, overwrite=overwrite)
    refuse_inside(out, sources)
    local_only = {
        "--workers": workers,
        "--resume": resume,
        "--overwrite": overwrite,
        "--watch": watch,
    }
    refuse_for_spark(local_only, master, engine)

    from autoqa.batch import Engine, ScoringSetup
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
        redaction=redaction_from(privacy, key_file, names),
    )
    if engine == "spark":
        summary = score_on_spark(
            sources,
            out,
            setup,
            master,
            format_name=format_name,
            columns=columns,
            speakers=speakers,
        )
        _report(summary, setup.models, out, as_json=as_json)
        return
    with Engine(setup, workers, format=format_name, columns=columns, speakers=speakers) as local:
        if watch is not None:
            watch_folder(local, watch, out, settle, until_idle, as_json=as_json)
        else:
            _score_once(local, sources, out, resume=resume, overwrite=overwrite, as_json=as_json)


def _sources(
    inputs: list[Path] | None, watch: Path | None, *, resume: bool, overwrite: bool
) -> list[Path]:
    """Return what is read: files and folders, or the folder that is watched."""
    if watch is None:
        if not inputs:
            raise typer.BadParameter("name files or folders, or --watch DIR", param_hint="INPUT")
        if resume and overwrite:
            raise typer.BadParameter("not together with --resume", param_hint="--overwrite")
        return inputs
    if inputs:
        raise typer.BadParameter("not together with --watch", param_hint="INPUT")
    if overwrite:
        raise typer.BadParameter("not together with --watch", param_hint="--overwrite")
    return [watch]


def _score_once(
    engine: Engine,
    inputs: list[Path],
    out: Path,
    *,
    resume: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    from autoqa.batch import read_manifest, read_summary

    ended = resume and read_summary(out) is not None
    try:
        with stopped_by_signals(), scoring_bar() as progress:
            summary = engine.score(
                inputs, out, resume=resume, overwrite=overwrite, progress=progress
            )
    except Stopped as stopped:
        begun = read_manifest(out)
        kept = begun.conversations if begun else 0
        warn(f"autoqa: stopped; {kept} conversations are scored and kept in {out}")
        if kept:
            warn("autoqa: to go on, give the same command with --resume")
        raise typer.Exit(stopped.exit_code) from None
    if ended and not as_json:
        say(f"{out}: complete, with {summary.scored} conversations scored; nothing left to do")
    elif ended:
        say_json({**summary.to_dict(), "out": str(out)})
    else:
        _report(summary, engine.setup.models, out, as_json=as_json)


def _report(summary: Summary, models: Path | None, out: Path, *, as_json: bool) -> None:
    """Say what was done, and end with 1 where something was not."""
    if as_json:
        say_json({**summary.to_dict(), "out": str(out)})
    else:
        say(_in_words(summary, models, out))
    finish(_left_undone(summary, out))


@contextmanager
def scoring_bar() -> Iterator[ShowProgress]:
    """Show how far a run is: conversations, their rate, and the time that it may still take."""
    with progress_bar(share=True) as progress:

        def show(now: Progress) -> None:
            left_out = f", {now.quarantined} quarantined" if now.quarantined else ""
            text = f"{now.scored} conversations scored{left_out}, {now.per_second:.1f} per second"
            progress(text, now.bytes_done, now.bytes_total)

        yield show


def _in_words(summary: Summary, models: Path | None, out: Path) -> str:
    lines = [
        f"Scored {summary.scored} of {summary.read} conversations on {summary.scorecard} version "
        f"{summary.scorecard_version} in {summary.seconds:.1f} s "
        f"({summary.per_second:.1f} per second).",
        f"  models   {models or 'none'}",
        f"  ratings  {counted(summary.ratings) or 'none'}",
        f"  flags    {counted(summary.flags) or 'none'}",
    ]
    if summary.resumed:
        lines.append(f"  resumed  {summary.resumed} conversations were scored before")
    if summary.left_out:
        terms = dict.fromkeys(summary.left_out.values())
        by_terms = "; ".join(
            f"{', '.join(name for name, own in summary.left_out.items() if own == licence)} "
            f"({licence})"
            for licence in terms
        )
        lines.append(f"  left out {by_terms}: --licence permissive")
    if summary.notes:
        lines += [f"  notes    each with its place in {_written(out, 'quarantine.jsonl').name}"]
        lines += [f"         {line}" for line in note_lines(summary.notes)]
    return "\n".join([*lines, f"  results  {out}"])


def _written(out: Path, file: str) -> Path:
    """Return where results are: a file, or the folder of that name where Spark wrote them."""
    path = out / file
    return path if path.exists() else path.with_suffix("")


def _left_undone(summary: Summary, out: Path) -> list[str]:
    said = []
    if summary.quarantined:
        said.append(
            f"{summary.quarantined} of {summary.read} records could not be read "
            f"({counted(summary.reasons)}); {_written(out, 'quarantine.jsonl')} says where"
        )
    if failed := summary.ratings.get("failed", 0):
        said.append(
            f"{failed} ratings failed; {_written(out, 'ratings.parquet')} has the reasons "
            "(status failed)"
        )
    if summary.unserved:
        whose = "; ".join(f"{name}: {why}" for name, why in summary.unserved.items())
        said.append(f"{len(summary.unserved)} criteria have no scorer ({whose})")
    if not summary.read:
        said.append("the input holds no conversation")
    return said
