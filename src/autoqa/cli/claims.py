"""``autoqa claims``: practitioners' claims, tested on a centre's own data."""

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
from autoqa.cli.console import example, finish, say, say_json, say_markdown
from autoqa.cli.inputs import (
    Lost,
    conversation_ids,
    none_there,
    refuse_other_card,
    scorecard_of,
    some_names,
)
from autoqa.errors import DataError

if TYPE_CHECKING:
    from autoqa.records import LabelledTranscript, Rating, Survey
    from autoqa.scorecard import Scorecard

app = typer.Typer(
    help="Test what practitioners claim about QA and CSAT on your own data.",
    epilog=example("autoqa claims run --data conversations.jsonl --out claims"),
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(
    epilog=example(
        "autoqa claims run --data conversations.jsonl --scorecard support-core --out claims",
        "autoqa claims run --ratings scored --surveys csat.csv --data calls.jsonl --out claims",
    )
)
def run(
    out: OutFolder,
    ratings: Annotated[
        Path | None,
        AUTOMATED,
    ] = None,
    human: Annotated[
        Path | None,
        existing("--human", "H", f"{HUMAN_TABLE} Default: those in --data."),
    ] = None,
    surveys: Annotated[
        Path | None,
        existing("--surveys", "S", f"{SURVEY_TABLE} Default: those in --data."),
    ] = None,
    data: Annotated[
        list[Path] | None,
        existing(
            "--data",
            "PATH",
            "Conversations: who the agent was, team, topic, times, and outcomes such as "
            "`resolved`. Default: the transcripts in A.",
        ),
    ] = None,
    scorecard: Annotated[
        str | None,
        typer.Option(
            "--scorecard",
            metavar="NAME_OR_FILE",
            help="Gives scales and weights. Default: the one that A was scored on, where it is "
            "in the library; else criteria count alike.",
            show_default=False,
        ),
    ] = None,
    claim: Annotated[
        list[str] | None,
        typer.Option(
            "--claim",
            metavar="ID",
            help="Test this claim only (see `autoqa claims list`); may be repeated.",
            show_default=False,
        ),
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(
            "--part",
            metavar="PART=ID,ID",
            help="Criteria of soft_skills, resolution, reliability, competence, delivery or "
            "solutions, where their ids do not say; may be repeated.",
            show_default=False,
        ),
    ] = None,
    failure_topic: Annotated[
        list[str] | None,
        typer.Option(
            "--failure-topic",
            metavar="TOPIC",
            help="A topic that a failure of the service brings about; may be repeated.",
            show_default=False,
        ),
    ] = None,
    resamples: Resamples = 1000,
    seed: IntervalSeed = 7,
    as_json: AsJson = False,
) -> None:
    """Test claims: question, verdict, figures with intervals, conversations needed.

    Writes claims.json, claims.csv and claims.md. Claims about ratings are tested on automated and
    on human ratings, whichever are given. What lacks data is reported so.
    """
    from autoqa.evaluation.claims import claim_data, run_claims
    from autoqa.evaluation.claims.report import chosen
    from autoqa.readers import read_human_ratings, read_ratings, read_surveys
    from autoqa.store import atomic_write_json, atomic_write_text

    if ratings is None and human is None and surveys is None and not data:
        raise typer.BadParameter(
            "nothing to test claims on; give at least one of --ratings, --human, --surveys, --data"
        )
    chosen(claim or ())
    card = _card(scorecard, ratings)
    parts = _parts(part)
    out.mkdir(parents=True, exist_ok=True)
    lost = Lost(out)
    known = _conversations(data, ratings, lost)
    sides: dict[str, list[Rating]] = {}
    scales: dict[str, tuple[float, float]] = {}
    if ratings is not None:
        with lost.quarantine("ratings") as quarantine:
            sides["automated"] = read_ratings(ratings, quarantine=quarantine)
            if not sides["automated"]:
                raise DataError(none_there("automated ratings", ratings, quarantine))
        refuse_other_card(scorecard, card, ratings, sides["automated"])
    if human is not None:
        with lost.quarantine("human") as quarantine:
            people = read_human_ratings(human, quarantine=quarantine)
            if not people.ratings:
                raise DataError(none_there("human ratings", human, quarantine))
        sides["human"], scales = people.ratings, people.scales
    elif held := [rating for one in known for rating in one.ratings]:
        sides["human"] = held
        scales = {name: scale for one in known for name, scale in one.scales.items()}
    answers: list[Survey] = [survey for one in known for survey in one.surveys]
    if surveys is not None:
        with lost.quarantine("surveys") as quarantine:
            answers = read_surveys(surveys, quarantine=quarantine)
            if not answers:
                lost.add(none_there("customer answers", surveys, quarantine))
    for side, rated in sides.items():
        asked, about = conversation_ids(answers), conversation_ids(rated)
        if asked and not asked & about:
            lost.add(
                f"No claim relates {side} ratings to CSAT: answers are about "
                f"{some_names(sorted(asked))}, ratings about {some_names(sorted(about))}; none in "
                "common, check how ids are written"
            )
    report = run_claims(
        {
            side: claim_data(
                rated,
                answers,
                known,
                card=card,
                scales=scales,
                parts=parts,
                failure_topics=failure_topic or (),
            )
            for side, rated in (sides or {"": []}).items()
        },
        only=claim or (),
        n_resamples=resamples,
        seed=seed,
    )
    atomic_write_json(out / "claims.json", report.to_dict())
    atomic_write_text(out / "claims.csv", report.to_csv())
    atomic_write_text(out / "claims.md", report.to_markdown())
    if as_json:
        say_json(report.to_dict())
    else:
        say_markdown(report.to_markdown(details=False))
        say(f"Written to {out}: claims.json, claims.csv, claims.md.")
    finish(lost.sentences)


@app.command(name="list", epilog=example("autoqa claims list"))
def list_(as_json: AsJson = False) -> None:
    """List the claims: id, question, how each is tested, what it needs."""
    from autoqa.evaluation.claims import CLAIMS

    if as_json:
        say_json(
            [
                {
                    "id": claim.id,
                    "question": claim.question,
                    "method": claim.method,
                    "needs": [str(need) for need in claim.needs],
                    "planned": claim.planned.n,
                    "planned_assumes": claim.planned.assumed,
                }
                for claim in CLAIMS
            ]
        )
        return
    for claim in CLAIMS:
        say(f"{claim.id}: {claim.question}")
        say(f"  {claim.method}")
        say(f"  Needs {'; '.join(claim.needs)}.")
        say(f"  Plan for {claim.planned.n} conversations (assumes {claim.planned.assumed}).")


def _card(given: str | None, ratings: Path | None) -> Scorecard | None:
    from autoqa.scorecard import load_scorecard

    if ratings is not None:
        return scorecard_of(given, ratings)
    return None if given is None else load_scorecard(given)


def _parts(given: Sequence[str] | None) -> Mapping[str, Sequence[str]]:
    """Return ``{"soft_skills": ["tone", "empathy"]}`` for ``--part soft_skills=tone,empathy``."""
    parts: dict[str, list[str]] = {}
    for pair in given or ():
        name, equals, criteria = pair.partition("=")
        ids = [criterion.strip() for criterion in criteria.split(",") if criterion.strip()]
        if not (name and equals and ids):
            raise typer.BadParameter(
                f"'{pair}' is not PART=ID,ID, for example soft_skills=empathy,tone",
                param_hint="--part",
            )
        parts[name] = [*parts.get(name, ()), *ids]
    return parts


def _conversations(
    data: Sequence[Path] | None, ratings: Path | None, lost: Lost
) -> list[LabelledTranscript]:
    from autoqa.readers import read

    stored = [] if ratings is None else [ratings / "transcripts.parquet"]
    places = list(data or [path for path in stored if path.is_file()])
    if not places:
        return []
    with lost.quarantine("data") as quarantine:
        return list(read(places, quarantine=quarantine))
