"""``autoqa compare``: automated QA against human QA against CSAT."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autoqa.cli.arguments import (
    AUTOMATED,
    HUMAN_TABLE,
    SURVEY_TABLE,
    AsJson,
    IntervalSeed,
    OutFolder,
    Resamples,
    ScaleGiver,
    SurveyScale,
    existing,
    survey_scale_from,
)
from autoqa.cli.console import example, finish, say, say_json
from autoqa.cli.inputs import Lost, Material, load_material
from autoqa.errors import DataError, ScaleError

if TYPE_CHECKING:
    from autoqa.evaluation import Comparison


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "compare",
        short_help="Automated QA against human QA and CSAT.",
        epilog=example(
            "autoqa compare --ratings scored --human rated.jsonl --surveys rated.jsonl --out out",
            "autoqa compare --ratings a.csv --human h.csv --scorecard my.yaml --out out",
        ),
    )(compare)


def compare(
    ratings: Annotated[
        Path,
        AUTOMATED,
    ],
    out: OutFolder,
    human: Annotated[
        Path | None,
        existing("--human", "H", f"{HUMAN_TABLE} Default: those in --data."),
    ] = None,
    surveys: Annotated[
        Path | None,
        existing("--surveys", "S", f"{SURVEY_TABLE} Default: those in --data."),
    ] = None,
    survey_scale: SurveyScale = None,
    scorecard: ScaleGiver = None,
    data: Annotated[
        list[Path] | None,
        existing(
            "--data",
            "PATH",
            "Conversations: who the agent was, so that intervals resample agents; ratings and "
            "answers where H and S are not given. Default: the transcripts in A.",
        ),
    ] = None,
    resamples: Resamples = 1000,
    seed: IntervalSeed = 7,
    as_json: AsJson = False,
) -> None:
    """Compare automated ratings with those of people and with what customers answered.

    Writes comparison.json, comparison.md and plots. Agreement stands beside that of people with
    each other; every figure has a 95 % interval.
    """
    from autoqa.evaluation import compare as compare_all
    from autoqa.evaluation import to_markdown
    from autoqa.evaluation.render import summary
    from autoqa.store import atomic_write_json, atomic_write_text

    lost = Lost(out)
    given = load_material(
        lost,
        ratings=ratings,
        human=human,
        surveys=surveys,
        data=data,
        scorecard=scorecard,
        survey_scale=survey_scale_from(survey_scale),
    )
    try:
        found = compare_all(
            [*given.automated, *given.curves],
            given.human,
            card=given.card,
            surveys=given.surveys,
            agents=given.agents,
            scales=given.scales,
            seed=seed,
            n_resamples=resamples,
        )
    except (DataError, ScaleError) as error:
        others = [str(path) for path in (human, surveys, *(data or ())) if path is not None]
        raise type(error)(f"{' with '.join([str(ratings), *others])}: {error}") from None
    atomic_write_json(out / "comparison.json", found.to_dict())
    atomic_write_text(out / "comparison.md", to_markdown(found))
    plots = _plots(found, given, out)
    if as_json:
        say_json(found.to_dict())
    else:
        for line in summary(found):
            say(f"- {line}")
        for caveat in found.caveats:
            say(f"! {caveat}")
        written = ("comparison.json", "comparison.md", *plots)
        say(f"Written to {out}: {', '.join(written)}.")
    finish(lost.sentences)


def _plots(found: Comparison, given: Material, out: Path) -> list[str]:
    from autoqa.evaluation.alignment import csat_shares
    from autoqa.evaluation.by_criterion import index_automated
    from autoqa.evaluation.by_total import totals_of
    from autoqa.evaluation.plots import plot_agreement, plot_totals_and_csat
    from autoqa.evaluation.quality_ratings import quality_ratings

    figures = {}
    if found.criteria:
        figures["agreement.png"] = plot_agreement(found)
    if given.card is not None and given.surveys:
        by_criterion, _ = index_automated(quality_ratings(given.automated, given.surveys))
        totals = totals_of(
            [rating for items in by_criterion.values() for rating in items.values()],
            by_criterion,
            card=given.card,
            scales={},
            one_rater="automated",
        )
        shares = csat_shares(given.surveys)
        both = sorted(totals.keys() & shares.keys())
        if both:
            figures["totals_and_csat.png"] = plot_totals_and_csat(
                [totals[key]["automated"] for key in both], [shares[key] for key in both]
            )
    for name, figure in figures.items():
        figure.savefig(out / name, bbox_inches="tight", dpi=150)
    return list(figures)
