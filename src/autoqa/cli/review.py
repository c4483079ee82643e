"""``autoqa review``: the page on which people decide, and what belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autoqa.cli import review_users
from autoqa.cli.arguments import (
    DEFAULT_REVIEW_DATABASE,
    SURVEY_TABLE,
    ReviewDatabase,
    SurveyScale,
    existing,
    survey_scale_from,
)
from autoqa.cli.console import example, finish, progress_bar, say, warn
from autoqa.errors import DataError

if TYPE_CHECKING:
    from autoqa.review.database import Database

app = typer.Typer(
    help="Serve the review page: flagged conversations, with the evidence, for people to decide.",
    epilog=example("autoqa review serve scored", "autoqa review export --out reviews.jsonl"),
    no_args_is_help=True,
    rich_markup_mode=None,
)
audit_app = typer.Typer(
    help="Check the log of every change.",
    epilog=example("autoqa review audit verify"),
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(review_users.app, name="user")
app.add_typer(audit_app, name="audit")

RunCard = Annotated[
    str | None,
    typer.Option(
        "--scorecard",
        metavar="NAME_OR_FILE",
        help="What the runs were scored on. Default: the one of the library that they name.",
        show_default=False,
    ),
]
Surveys = Annotated[
    Path | None,
    existing("--surveys", "S", f"{SURVEY_TABLE} Shown beside what was predicted."),
]
AuditShare = Annotated[
    float,
    typer.Option(
        "--audit-share",
        min=0.0,
        max=1.0,
        help="Share of conversations without a flag that are queued as well, drawn at random: "
        "they tell what flags miss.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Same seed, same random conversations.")]


@app.command(
    epilog=example(
        "autoqa review serve scored",
        "autoqa review serve scored --surveys answers.csv --port 8080",
        "autoqa review serve --host 0.0.0.0 --name qa.example.com --tls-cert c.pem --tls-key k.pem",
        "autoqa review serve --proxy 127.0.0.1 --name qa.example.com "
        "--database postgresql://autoqa@db/reviews",
    )
)
def serve(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN",
            help="Folders that `autoqa score` wrote, to load first; those loaded before are left "
            "as they are.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    scorecard: RunCard = None,
    surveys: Surveys = None,
    survey_scale: SurveyScale = None,
    audit_share: AuditShare = 0.05,
    seed: Seed = 0,
    database: ReviewDatabase = DEFAULT_REVIEW_DATABASE,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; by default this machine only.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0 takes any that is free.")
    ] = 5002,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="A name that browsers reach the page by, besides --host and localhost; requests "
            "to any other are refused. May be repeated.",
            show_default=False,
        ),
    ] = None,
    certificate: Annotated[
        Path | None, existing("--tls-cert", "PEM", "Certificate, to speak TLS.")
    ] = None,
    key: Annotated[
        Path | None, existing("--tls-key", "PEM", "Its key, where that is in a file of its own.")
    ] = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option(
            "--proxy",
            metavar="ADDRESS",
            help="A proxy before this server that speaks TLS with browsers and passes the Host "
            "header on: its X-Forwarded-For and X-Forwarded-Proto are believed. May be repeated.",
            show_default=False,
        ),
    ] = None,
    plain_http: Annotated[
        bool,
        typer.Option(
            "--plain-http",
            help="Go without TLS where other machines reach the page: passwords and conversations "
            "cross the network unencrypted.",
        ),
    ] = False,
    language: Annotated[
        str,
        typer.Option(
            "--language",
            metavar="CODE",
            help="en, es, it or zh, for those whose browser asks for none of these.",
        ),
    ] = "en",
) -> None:
    """Serve the review page until Ctrl-C.

    By default it is there for this machine alone, and a link is printed that logs in once as an
    admin. On any other address a user with a password is needed; see `autoqa review user`.
    """
    from autoqa.review.database import open_database
    from autoqa.review.web.labels import labels
    from autoqa.review.web.serving import Place
    from autoqa.review.web.serving import serve as answer

    labels(language)
    if key is not None and certificate is None:
        raise typer.BadParameter("needs --tls-cert", param_hint="--tls-key")
    place = Place(
        host=host,
        port=port,
        names=tuple(name or ()),
        proxies=tuple(proxy or ()),
        certificate=certificate,
        key=key,
        plain_http=plain_http,
    )
    loading = _Loading(scorecard, surveys, survey_scale, audit_share, seed)
    with open_database(database) as opened:
        for sentence in loading.into(opened, runs or ()):
            warn(f"autoqa: {sentence}")
        answer(opened, place, language=language, started=_say_where)


@app.command(
    epilog=example(
        "autoqa review load scored",
        "autoqa review load scored-monday scored-tuesday --scorecard my.yaml --database qa.db",
    )
)
def load(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN",
            help="Folders that `autoqa score` wrote.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ],
    scorecard: RunCard = None,
    surveys: Surveys = None,
    survey_scale: SurveyScale = None,
    audit_share: AuditShare = 0.05,
    seed: Seed = 0,
    database: ReviewDatabase = DEFAULT_REVIEW_DATABASE,
) -> None:
    """Load scored conversations into the queue; what people did stays.

    A run that was loaded before changes nothing. A newer one of the same conversations adds its
    answers.
    """
    from autoqa.review.database import open_database

    loading = _Loading(scorecard, surveys, survey_scale, audit_share, seed)
    with open_database(database) as opened:
        lost = loading.into(opened, runs)
    finish(lost)


@app.command(
    epilog=example(
        "autoqa review export --out reviews.parquet",
        "autoqa review export --conversations --since 2026-03-01 --out reviewed.jsonl",
    )
)
def export(
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FILE",
            help="JSONL (.gz too), or Parquet for ratings, by the name's ending.",
            dir_okay=False,
            show_default=False,
        ),
    ],
    conversations: Annotated[
        bool,
        typer.Option(
            "--conversations",
            help="Write the redacted conversations with their ratings and surveys, to train on, "
            "rather than ratings alone.",
        ),
    ] = False,
    scorecard: Annotated[
        str | None,
        typer.Option("--scorecard", metavar="ID", help="Only reviews on it.", show_default=False),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since",
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
            help="Only reviews submitted from then on (UTC).",
            show_default=False,
        ),
    ] = None,
    database: ReviewDatabase = DEFAULT_REVIEW_DATABASE,
) -> None:
    """Write what people submitted, for training and comparisons; drafts are left out."""
    from autoqa.review.database import open_database
    from autoqa.review.exporting import export_conversations, export_ratings

    write = export_conversations if conversations else export_ratings
    with open_database(database, create=False) as opened:
        n = write(
            opened,
            out,
            scorecard=scorecard,
            since=None if since is None else since.replace(tzinfo=UTC),
        )
    say(f"{n} {'conversations' if conversations else 'ratings'} in {out}")


@audit_app.command(
    epilog=example("autoqa review audit verify", "autoqa review audit verify --noted 3f9a2c...")
)
def verify(
    noted: Annotated[
        str | None,
        typer.Option(
            "--noted",
            metavar="DIGEST",
            help="The last digest of an earlier check, which has to be in the log: dropping the "
            "latest entries leaves no other trace.",
            show_default=False,
        ),
    ] = None,
    database: ReviewDatabase = DEFAULT_REVIEW_DATABASE,
) -> None:
    """Check that every entry of the audit log is as it was written, and print the last digest."""
    from autoqa.review.audit_log import check
    from autoqa.review.database import open_database
    from autoqa.review.users import CONSOLE

    with open_database(database, create=False) as opened:
        verdict = check(opened, CONSOLE, noted=noted)
    say(f"{verdict.entries} entries hold; the last digest is {verdict.last_digest}")
    broken = []
    if verdict.broken_at is not None:
        broken.append(
            f"entry {verdict.broken_at} of the audit log does not fit the one before: it, or what "
            "followed, was changed after it was written"
        )
    if verdict.lacks is not None:
        broken.append(
            f"the digest {verdict.lacks} is in no entry: entries were dropped, or all of them "
            "written anew"
        )
    finish(broken)


@dataclass(frozen=True, slots=True)
class _Loading:
    """How runs are loaded, as options say it."""

    scorecard: str | None
    surveys: Path | None
    survey_scale: str | None
    audit_share: float
    seed: int

    def into(self, database: Database, runs: Sequence[Path]) -> list[str]:
        """Load runs; return what could not be used, in words."""
        from autoqa.cli.inputs import Lost, scorecard_of, survey_answers
        from autoqa.review.loading import load_run

        lost = Lost(Path())
        scale = survey_scale_from(self.survey_scale)
        answers = survey_answers(self.surveys, lost, scale) if runs and self.surveys else []
        for run in runs:
            card = scorecard_of(self.scorecard, run)
            if card is None:
                raise DataError(
                    f"{run}: cannot be reviewed without the scorecard that it was scored on; give "
                    "it with --scorecard"
                )
            with progress_bar() as progress:
                progress(f"Loading {run}")
                loaded = load_run(
                    database,
                    run,
                    card,
                    surveys=answers,
                    audit_share=self.audit_share,
                    seed=self.seed,
                )
            warn(
                f"{run}: {loaded.added} conversations added, {loaded.rescored} scored anew, "
                f"{loaded.kept} left as people reviewed them; {loaded.queued} are new in the queue."
            )
        return lost.sentences


def _say_where(address: str, link: str | None) -> None:
    if link is None:
        warn(f"The review page is at {address}; Ctrl-C stops it.")
    else:
        warn(f"The review page is at {address}; Ctrl-C stops it. Log in once, as an admin, with:")
        say(link)
