"""``autoqa serve`` and ``autoqa live``: scores for other programs, on request and turn by turn."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from autoqa.cli.arguments import existing
from autoqa.cli.console import example, finish, say, warn

_LOOPBACK = ("127.0.0.1", "::1", "localhost")

OwnCard = Annotated[
    str | None,
    typer.Option(
        "--scorecard",
        metavar="NAME_OR_FILE",
        help="What to score on. Default: the scorecard that the models were trained for, or else "
        "each of their heads.",
        show_default=False,
    ),
]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(
        "serve",
        short_help="Answer scoring requests over HTTP.",
        epilog=example("autoqa serve --models models/default --scorecard support-core"),
    )(serve)
    app.command(
        "live",
        short_help="Follow conversations turn by turn: CSAT so far, rule events.",
        epilog=example(
            "autoqa live --models models/default --scorecard support-core < turns.jsonl",
            "my-transcriber | autoqa live --models models/default --scorecard support-core",
        ),
    )(live)


Models = Annotated[Path, existing("--models", "DIR", "Model folder.")]


def serve(
    models: Models,
    scorecard: OwnCard = None,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; by default this machine only.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0 takes any that is free.")
    ] = 5001,
) -> None:
    """Score conversations that other programs send, by the contract of `mlflow models serve`.

    POST /invocations takes conversation_id and transcript_json (one conversation in the uniform
    schema) as dataframe_split, dataframe_records, inputs or instances, and answers one row per
    conversation. GET /ping, /health and /version say that the server is there.
    """
    from autoqa.experiments.serving import serve as answer
    from autoqa.scorecard import load_scorecard

    card = None if scorecard is None else load_scorecard(scorecard)
    if host not in _LOOPBACK:
        warn("The server asks for no password: whoever reaches this address can use it.")
    answer(
        models,
        scorecard=card,
        host=host,
        port=port,
        started=lambda address: warn(f"Scoring at {address}/invocations; Ctrl-C stops it."),
    )


def live(
    models: Models,
    scorecard: OwnCard = None,
    conversations: Annotated[
        int,
        typer.Option(
            "--conversations",
            min=1,
            help="Held at a time; one more, and the one silent for longest is forgotten.",
        ),
    ] = 1000,
) -> None:
    """Read turns from standard input, a line of JSON each, and print what is known after each.

    A turn is {"conversation_id", "speaker", "text"} with start_s and end_s where known; the first
    of a conversation may carry channel and language; {"conversation_id", "end": true} ends it.
    Printed are csat (predicted after the latest customer turn), events (phrases that rules look
    for, by characters of the redacted turn), critical_failed and newly_failed.
    """
    from autoqa.batch import setup_of
    from autoqa.batch.live import LiveScorer
    from autoqa.batch.live_lines import answer_lines
    from autoqa.scorecard import load_scorecard

    card = None if scorecard is None else load_scorecard(scorecard)
    unusable = 0
    for answer in answer_lines(
        LiveScorer(setup_of(models, card)), sys.stdin.buffer, most=conversations
    ):
        say(json.dumps(answer, ensure_ascii=False, allow_nan=False))
        unusable += "problem" in answer
    finish([f"{unusable} lines could not be used"] if unusable else [])
