"""``autoqa claims``: practitioners' claims, tested on a centre's own data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

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
from autoqa.cli.console import example, finish, say, say_json, say_markdown
from autoqa.cli.inputs import Lost, load_material

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
    survey_scale: SurveyScale = None,
    data: Annotated[
        list[Path] | None,
        existing(
            "--data",
            "PATH",
            "Conversations: who the agent was, team, topic, times, and outcomes such as "
            "`resolved`. Default: the transcripts in A.",
        ),
    ] = None,
    scorecard: ScaleGiver = None,
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
    from autoqa.store import atomic_write_json, atomic_write_text

    if ratings is None and human is None and surveys is None and not data:
        raise typer.BadParameter(
            "nothing to test claims on; give at least one of --ratings, --human, --surveys, --data"
        )
    chosen(claim or ())
    parts = _parts(part)
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
    sides = {"automated": given.automated, "human": given.human}
    rated = {side: held for side, held in sides.items() if held}
    report = run_claims(
        {
            side: claim_data(
                held,
                given.surveys,
                given.conversations,
                card=given.card,
                scales=given.scales,
                parts=parts,
                failure_topics=failure_topic or (),
            )
            for side, held in (rated or {"": []}).items()
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
