"""``autoqa score --engine spark``: what the command line adds to the Spark engine."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from autoqa.batch import ScoringSetup, Summary
    from autoqa.records import Speaker

EngineName = Annotated[
    Literal["local", "spark"],
    typer.Option("--engine", help="Score on this machine, or on a Spark cluster: docs/spark.md."),
]
Master = Annotated[
    str | None,
    typer.Option(
        "--master",
        metavar="URL",
        help="With --engine spark: the cluster, such as local[4] or spark://host:7077. Default: "
        "what spark-submit or Spark's own configuration says.",
        show_default=False,
    ),
]


def refuse_for_spark(given: Mapping[str, object], master: str | None, engine: str) -> None:
    """Refuse options that only the other engine knows."""
    if engine == "local":
        if master is not None:
            raise typer.BadParameter("only with --engine spark", param_hint="--master")
        return
    for option, value in given.items():
        if value:
            raise typer.BadParameter("not with --engine spark", param_hint=option)


def score_on_spark(
    inputs: list[Path],
    out: Path,
    setup: ScoringSetup,
    master: str | None,
    *,
    format_name: str | None,
    columns: Mapping[str, str],
    speakers: Mapping[str, Speaker],
) -> Summary:
    """Score in a Spark session of its own, and return what was done."""
    from autoqa.batch.spark import score_with_spark, spark_session

    # Advice for who writes programs with pyspark.
    warnings.filterwarnings("ignore", category=FutureWarning, module="pyspark")
    with spark_session(master) as spark:
        return score_with_spark(
            spark, inputs, setup, out, format=format_name, columns=columns, speakers=speakers
        )
