"""``autoqa compare``: automated QA against human QA against CSAT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    existing,
)
from autoqa.cli.console import example, finish, say, say_json
from autoqa.cli.inputs import (
    Lost,
    conversation_ids,
    none_there,
    refuse_other_card,
    scorecard_of,
    some_names,
)
from autoqa.errors import DataError, ScaleError

if TYPE_CHECKING:
    from autoqa.evaluation import Comparison
    from autoqa.records import Rating, Survey
    from autoqa.scorecard import Scorecard


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
    human: Annotated[
        Path,
        existing("--human", "H", HUMAN_TABLE),
    ],
    out: OutFolder,
    surveys: Annotated[
        Path | None,
        existing("--surveys", "S", SURVEY_TABLE),
    ] = None,
    scorecard: Annotated[
        str | None,
        typer.Option(
            "--scorecard",
            metavar="NAME_OR_FILE",
            help="Gives scales and weights. Default: the one that A was scored on, where it is "
            "in the library; else levels are taken from the data.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        list[Path] | None,
        existing(
            "--data",
            "PATH",
            "Conversations that say who the agent was; intervals then resample agents. "
            "Default: the transcripts in A.",
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
    from autoqa.readers import read_human_ratings, read_ratings, read_surveys
    from autoqa.store import atomic_write_json, atomic_write_text

    card = scorecard_of(scorecard, ratings)
    out.mkdir(parents=True, exist_ok=True)
    lost = Lost(out)
    with lost.quarantine("ratings") as quarantine:
        automated = read_ratings(ratings, quarantine=quarantine)
        if ratings.is_dir() and (ratings / "csat.parquet").is_file():
            automated += read_ratings(ratings / "csat.parquet", quarantine=quarantine)
        if not automated:
            raise DataError(none_there("automated ratings", ratings, quarantine))
    refuse_other_card(scorecard, card, ratings, automated)
    with lost.quarantine("human") as quarantine:
        people = read_human_ratings(human, quarantine=quarantine)
        if not people.ratings and surveys is None:
            raise DataError(none_there("human ratings", human, quarantine))
    answers: list[Survey] = []
    if surveys is not None:
        with lost.quarantine("surveys") as quarantine:
            answers = read_surveys(surveys, quarantine=quarantine)
            if not answers:
                said = none_there("customer answers", surveys, quarantine)
                if not people.ratings:
                    raise DataError(f"{human}: no human ratings there either; {said}")
                lost.add(f"CSAT was not compared. {said}")
    try:
        found = compare_all(
            automated,
            people.ratings,
            card=card,
            surveys=answers,
            agents=_agents(data, ratings),
            scales=people.scales,
            seed=seed,
            n_resamples=resamples,
        )
    except (DataError, ScaleError) as error:
        against = human if people.ratings else surveys
        raise type(error)(f"{ratings} with {against}: {error}") from None
    asked, rated = conversation_ids(answers), conversation_ids([*automated, *people.ratings])
    if asked and not asked & rated:
        lost.add(
            f"CSAT was not compared. {surveys}: answers about {some_names(sorted(asked))}; "
            f"{ratings} and {human}: ratings of {some_names(sorted(rated))}; none in common, check "
            "how ids are written"
        )
    atomic_write_json(out / "comparison.json", found.to_dict())
    atomic_write_text(out / "comparison.md", to_markdown(found))
    plots = _plots(found, automated, answers, card, out)
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


def _agents(data: Sequence[Path] | None, ratings: Path) -> Mapping[str, str]:
    """Conversation id to agent."""
    from autoqa.readers import Quarantine, read

    stored = ratings / "transcripts.parquet"
    places = list(data or ([stored] if stored.is_file() else []))
    if not places:
        return {}
    transcripts = (one.transcript for one in read(places, quarantine=Quarantine()))
    return {t.conversation_id: t.agent for t in transcripts if t.agent is not None}


def _plots(
    found: Comparison,
    automated: Sequence[Rating],
    surveys: Sequence[Survey],
    card: Scorecard | None,
    out: Path,
) -> list[str]:
    from autoqa.evaluation.alignment import csat_shares
    from autoqa.evaluation.by_criterion import index_automated
    from autoqa.evaluation.by_total import totals_of
    from autoqa.evaluation.plots import plot_agreement, plot_totals_and_csat

    figures = {}
    if found.criteria:
        figures["agreement.png"] = plot_agreement(found)
    if card is not None and surveys:
        by_criterion, _ = index_automated(automated)
        totals = totals_of(
            [rating for items in by_criterion.values() for rating in items.values()],
            by_criterion,
            card=card,
            scales={},
            one_rater="automated",
        )
        shares = csat_shares(surveys)
        both = sorted(totals.keys() & shares.keys())
        if both:
            figures["totals_and_csat.png"] = plot_totals_and_csat(
                [totals[key]["automated"] for key in both], [shares[key] for key in both]
            )
    for name, figure in figures.items():
        figure.savefig(out / name, bbox_inches="tight", dpi=150)
    return list(figures)
