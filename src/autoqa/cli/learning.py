"""``autoqa train`` and ``autoqa benchmark``: models from ratings, and what they are worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autoqa.cli.arguments import (
    AsJson,
    IntervalSeed,
    LicenceName,
    Resamples,
    default_models,
)
from autoqa.cli.console import counted, example, finish, progress_bar, say, say_json
from autoqa.errors import near_miss

if TYPE_CHECKING:
    from autoqa.experiments.training import TrainingReport


def add_train(app: typer.Typer) -> None:
    """Register ``train``."""
    app.command(
        "train",
        short_help="Learn from human ratings and surveys.",
        epilog=example(
            "autoqa train --data rated.jsonl --scorecard support-core --out models/mine --csat",
            "autoqa train --data rated.jsonl --scorecard support-core --out models/mine "
            "--max-disagreement 0.1",
            "autoqa train --from-review review.db --out models/reviewed",
        ),
    )(train)


def add_benchmark(app: typer.Typer) -> None:
    """Register ``benchmark``."""
    app.command(
        "benchmark",
        short_help="Measure models on labelled data.",
        epilog=example("autoqa benchmark satisfaction --models models/default data/uss_mwoz"),
    )(benchmark)


def train(
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Model folder to write, such as models/mine.",
            file_okay=False,
            show_default=False,
        ),
    ],
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data",
            metavar="PATH...",
            help="Rated conversations: one or more files or folders.",
            exists=True,
            show_default=False,
        ),
    ] = None,
    # An option takes one value: what follows it in `--data A B C` arrives here.
    more_data: Annotated[list[Path] | None, typer.Argument(hidden=True, exists=True)] = None,
    from_review: Annotated[
        str | None,
        typer.Option(
            "--from-review",
            metavar="DATABASE",
            help="Learn from what people submitted on the review page: its SQLite file, or the "
            "URL of its PostgreSQL database. With --data, from both.",
            show_default=False,
        ),
    ] = None,
    scorecard: Annotated[
        str | None,
        typer.Option(
            "--scorecard",
            metavar="NAME_OR_FILE",
            help="A scorecard of the library (see `autoqa scorecard list`) or a YAML file. "
            "Default with --from-review: the one loaded last for review.",
            show_default=False,
        ),
    ] = None,
    criteria: Annotated[
        str | None,
        typer.Option(
            "--criteria",
            metavar="A,B",
            help="Learn only these criteria. Default: all that have ratings.",
            show_default=False,
        ),
    ] = None,
    csat: Annotated[
        bool, typer.Option("--csat", help="Learn to predict customer satisfaction too.")
    ] = False,
    start_from: Annotated[
        Path | None,
        typer.Option(
            "--start-from",
            metavar="DIR",
            help="Read through the fine-tuned encoder of this model folder, such as "
            "models/default. Its terms then hold for the new models too.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    max_disagreement: Annotated[
        float | None,
        typer.Option(
            "--max-disagreement",
            metavar="SHARE",
            min=0.0,
            max=1.0,
            help="Abstain when scoring, so that at most this share of a model's answers disagrees "
            "with people: 0.1 is 10 %. Default: answer always.",
            show_default=False,
        ),
    ] = None,
    confidence_level: Annotated[
        float,
        typer.Option(
            "--confidence-level",
            min=0.0,
            max=1.0,
            help="How sure that the share is kept within.",
        ),
    ] = 0.9,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same models.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Learn from human ratings and surveys, and say how far the result can be trusted."""
    from autoqa.experiments.reviewed import reviewed_in
    from autoqa.experiments.selecting import StatedRisk
    from autoqa.experiments.training import train as train_all
    from autoqa.scorecard import load_scorecard

    places = [*(data or ()), *(more_data or ())]
    if not places and from_review is None:
        raise typer.BadParameter("give --data, --from-review, or both", param_hint="--data")
    given = None if scorecard is None else load_scorecard(scorecard)
    reviewed = None if from_review is None else reviewed_in(from_review, given)
    card = given if reviewed is None else reviewed.card
    if card is None:
        raise typer.BadParameter("name a scorecard", param_hint="--scorecard")
    chosen = None if criteria is None else _chosen(criteria, [c.id for c in card.criteria])
    stated = None
    if max_disagreement is not None:
        for option, share in (
            ("--max-disagreement", max_disagreement),
            ("--confidence-level", confidence_level),
        ):
            if share in (0.0, 1.0):
                raise typer.BadParameter("must be above 0 and below 1", param_hint=option)
        stated = StatedRisk(max_disagreement, confidence_level)
    with progress_bar() as progress:
        report = train_all(
            places,
            card,
            out,
            reviewed=reviewed,
            criteria=chosen,
            csat=csat,
            stated_risk=stated,
            start_from=start_from,
            seed=seed,
            progress=progress,
        )
    if as_json:
        say_json(report.to_dict())
    else:
        say(report.to_markdown())
    finish(_left_undone(report))


def _left_undone(report: TrainingReport) -> list[str]:
    said = [f"'{name}' was not learned: {why}" for name, why in report.skipped.items()]
    if report.quarantined:
        said.append(
            f"{report.quarantined} records could not be read ({counted(report.reasons)}); "
            "`autoqa read` says where"
        )
    return said


def _chosen(given: str, known: list[str]) -> list[str]:
    names = [name.strip() for name in given.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise typer.BadParameter(
                f"the scorecard has no criterion '{name}'.{near_miss(name, known)} "
                f"It has {', '.join(known)}.",
                param_hint="--criteria",
            )
    if not names:
        raise typer.BadParameter("names no criterion", param_hint="--criteria")
    return names


def benchmark(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="satisfaction, politeness, empathy, listening or procedure.",
            show_default=False,
        ),
    ],
    datasets: Annotated[
        list[Path],
        typer.Argument(
            metavar="DATASET_DIR",
            help="Folders in the uniform schema, with their labels.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ],
    models: Annotated[
        Path | None,
        typer.Option(
            "--models",
            metavar="DIR",
            help="Model folder. Default: models/default.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Write the figures as JSON to FILE.",
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    resamples: Resamples = 1000,
    seed: IntervalSeed = 7,
    deletion: Annotated[
        bool,
        typer.Option("--deletion", help="Test too whether scores rest on their evidence."),
    ] = False,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness",
            help="Test too what injected instructions, swapped names or misheard words do.",
        ),
    ] = False,
    reports: Annotated[
        Path | None,
        typer.Option(
            "--reports",
            metavar="DIR",
            help="Write a page per dataset: the models beside every person who rated, as "
            "`autoqa report` draws it.",
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    licence: LicenceName = "any",
) -> None:
    """Measure models on labelled data that they never see the labels of.

    Prints every figure with its 95 % interval, beside what people reach and what always giving
    the most frequent answer would reach.
    """
    from autoqa.experiments.benchmark import KINDS, run_benchmark, to_markdown
    from autoqa.store import atomic_write_json

    if kind not in KINDS:
        raise typer.BadParameter(
            f"there is no benchmark '{kind}'.{near_miss(kind, KINDS)} "
            f"There are {', '.join(KINDS)}.",
            param_hint="KIND",
        )
    folder = models or default_models()
    if folder is None:
        raise typer.BadParameter(
            "there is no models/default here; name a model folder", param_hint="--models"
        )
    with progress_bar() as progress:
        result = run_benchmark(
            kind,
            folder,
            datasets,
            n_resamples=resamples,
            seed=seed,
            licence=licence,
            deletion=deletion,
            robustness=robustness,
            reports=reports,
            progress=progress,
        )
    if json_file is not None:
        atomic_write_json(json_file, result)
    say(to_markdown(result))
