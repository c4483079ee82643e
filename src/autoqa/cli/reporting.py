"""``autoqa report``: a comparison as one HTML file that people can read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autoqa.cli.arguments import (
    AUTOMATED,
    HUMAN_TABLE,
    SURVEY_TABLE,
    IntervalSeed,
    Resamples,
    ScaleGiver,
    SurveyScale,
    existing,
    survey_scale_from,
)
from autoqa.cli.console import Progress, example, finish, progress_bar, say
from autoqa.cli.inputs import Lost, load_material
from autoqa.errors import DataError, ScaleError

if TYPE_CHECKING:
    from autoqa.cli.inputs import Material
    from autoqa.evaluation.study import Study

_SUFFIXES = (".html", ".htm")
_READ = ("ratings", "csat", "transcripts")  # of a folder that `autoqa score` wrote


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "report",
        short_help="All of it as one HTML file for people.",
        epilog=example(
            "autoqa report --ratings scored --human h.jsonl --surveys s.csv --out report.html",
            "autoqa report --ratings a.csv --human h.csv --transcripts calls.jsonl --language es "
            "--out informe.html",
        ),
    )(report)


def report(
    ratings: Annotated[
        Path,
        AUTOMATED,
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE.html", help="The file to write.", show_default=False),
    ],
    human: Annotated[
        Path | None,
        existing("--human", "H", f"{HUMAN_TABLE} Default: those in T."),
    ] = None,
    surveys: Annotated[
        Path | None,
        existing("--surveys", "S", f"{SURVEY_TABLE} Default: those in T."),
    ] = None,
    survey_scale: SurveyScale = None,
    transcripts: Annotated[
        list[Path] | None,
        existing(
            "--transcripts",
            "T",
            "Conversations: who the agent was, team, topic, times, outcomes, words; may be "
            "repeated. Default: the transcripts in A.",
        ),
    ] = None,
    scorecard: ScaleGiver = None,
    language: Annotated[
        str,
        typer.Option("--language", metavar="CODE", help="en, es, it or zh: labels and sentences."),
    ] = "en",
    title: Annotated[
        str | None,
        typer.Option("--title", metavar="TEXT", help="Heading of the page.", show_default=False),
    ] = None,
    resamples: Resamples = 1000,
    seed: IntervalSeed = 7,
) -> None:
    """Write one HTML file: five answers first, then sections with figures, n and intervals.

    It needs no network and no other file, so it can be mailed. What the data cannot answer is in
    it with what to bring. People's ratings may be missing; then surveys have to be there.
    """
    from autoqa.reports import write_report
    from autoqa.reports.labels import labels

    labels(language)
    _refuse_no_page(out)
    lost = Lost(out.parent)
    with progress_bar() as progress:
        progress("Reading")
        given = load_material(
            lost,
            ratings=ratings,
            human=human,
            surveys=surveys,
            data=transcripts,
            scorecard=scorecard,
            survey_scale=survey_scale_from(survey_scale),
        )
        paths = [path for path in (ratings, human, surveys, *(transcripts or ())) if path]
        study = _study(given, paths, progress, seed=seed, n_resamples=resamples)
        progress("Drawing and writing")
        write_report(
            study,
            out,
            language=language,
            title=title,
            simulated=_simulated(given),
            data_hashes=_hashes(paths),
        )
    if study.missing:
        said = f"{len(study.missing)} questions need more data; the report says what to bring."
        say(said)
    say(f"Written to {out}. Open it in a browser, or send it as it is.")
    finish(lost.sentences)


def _refuse_no_page(out: Path) -> None:
    if out.is_dir():
        raise typer.BadParameter(
            f"{out} is a folder; name a file in it, for example {out / 'report.html'}",
            param_hint="--out",
        )
    if out.suffix.lower() not in _SUFFIXES:
        raise typer.BadParameter(
            f"{out} does not end in .html, so mail programs and browsers would not open it; name "
            f"it {out.with_suffix('.html').name}",
            param_hint="--out",
        )


def _study(
    given: Material, paths: Iterable[Path], progress: Progress, *, seed: int, n_resamples: int
) -> Study:
    from autoqa.evaluation.study import conduct_study

    try:
        return conduct_study(
            given.automated,
            given.human,
            surveys=given.surveys,
            conversations=given.conversations,
            card=given.card,
            scales=given.scales,
            curves=given.curves,
            seed=seed,
            n_resamples=n_resamples,
            progress=progress,
        )
    except (DataError, ScaleError) as error:
        raise type(error)(f"{' with '.join(map(str, paths))}: {error}") from None


def _simulated(given: Material) -> bool:
    """Whether any conversation says of itself that it was made up."""
    return any(one.transcript.attributes.get("simulated") is True for one in given.conversations)


def _hashes(paths: Iterable[Path]) -> Mapping[str, str]:
    """SHA-256 of what was read, by file name: where it lay is nobody's business."""
    from autoqa.store import file_sha256

    found: dict[str, str] = {}
    for path in dict.fromkeys(paths):
        if path.is_file():
            found[path.name] = file_sha256(path)
            continue
        for file in sorted(path.iterdir()):
            if file.is_file() and file.name.split(".")[0] in _READ:
                found[f"{path.name}/{file.name}"] = file_sha256(file)
    return found
