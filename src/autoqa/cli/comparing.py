"""``autoqa compare``: automated QA against human QA against CSAT."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autoqa.cli.arguments import AsJson, OutFolder
from autoqa.cli.console import counted, example, finish, say, say_json, warn
from autoqa.errors import DataError, ScaleError

if TYPE_CHECKING:
    from autoqa.evaluation import Comparison
    from autoqa.readers import Quarantine
    from autoqa.records import Rating, Survey
    from autoqa.scorecard import Scorecard

_COLUMNS = {
    "automated ratings": ("conversation_id", "criterion", "score"),
    "human ratings": ("conversation_id", "criterion", "score"),
    "customer answers": ("conversation_id", "score", "scale_lo", "scale_hi"),
}
_GIVE = {
    "automated ratings": "give a folder that `autoqa score` wrote, or a table of ratings",
    "human ratings": "give a table of ratings, or conversations with `ratings`",
    "customer answers": "give a table of answers, or conversations with `csat`",
}


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
        typer.Option(
            "--ratings",
            metavar="A",
            help="Automated ratings: a folder that `autoqa score` wrote, or a file of ratings.",
            exists=True,
            show_default=False,
        ),
    ],
    human: Annotated[
        Path,
        typer.Option(
            "--human",
            metavar="H",
            help="Human ratings: Parquet, JSONL, CSV, or conversations that hold them.",
            exists=True,
            show_default=False,
        ),
    ],
    out: OutFolder,
    surveys: Annotated[
        Path | None,
        typer.Option(
            "--surveys",
            metavar="S",
            help="Customers' answers: Parquet, JSONL, CSV, or conversations that hold them.",
            exists=True,
            show_default=False,
        ),
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
        typer.Option(
            "--data",
            metavar="PATH",
            help="Conversations that say who the agent was; intervals then resample agents. "
            "Default: the transcripts in A.",
            exists=True,
            show_default=False,
        ),
    ] = None,
    resamples: Annotated[
        int, typer.Option("--resamples", min=1, help="Bootstrap resamples behind each interval.")
    ] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same intervals.")] = 7,
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

    card = _scorecard(scorecard, ratings)
    out.mkdir(parents=True, exist_ok=True)
    lost = _Lost(out)
    with lost.quarantine("ratings") as quarantine:
        automated = read_ratings(ratings, quarantine=quarantine)
        if ratings.is_dir() and (ratings / "csat.parquet").is_file():
            automated += read_ratings(ratings / "csat.parquet", quarantine=quarantine)
        if not automated:
            raise DataError(_none_there("automated ratings", ratings, quarantine))
    _refuse_other_card(scorecard, card, ratings, automated)
    with lost.quarantine("human") as quarantine:
        people = read_human_ratings(human, quarantine=quarantine)
        if not people.ratings and surveys is None:
            raise DataError(_none_there("human ratings", human, quarantine))
    answers: list[Survey] = []
    if surveys is not None:
        with lost.quarantine("surveys") as quarantine:
            answers = read_surveys(surveys, quarantine=quarantine)
            if not answers:
                said = _none_there("customer answers", surveys, quarantine)
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
    asked, rated = _ids(answers), _ids([*automated, *people.ratings])
    if asked and not asked & rated:
        lost.add(
            f"CSAT was not compared. {surveys}: answers about {_some(sorted(asked))}; "
            f"{ratings} and {human}: ratings of {_some(sorted(rated))}; none in common, check how "
            "ids are written"
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


@dataclass
class _Lost:
    """Rows that could not be used, by what they should have been."""

    out: Path
    _taken: dict[str, Quarantine] = field(default_factory=dict)
    _added: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        """Say what else was not done."""
        self._added.append(sentence)

    def quarantine(self, what: str) -> Quarantine:
        from autoqa.readers import Quarantine

        self._taken[what] = Quarantine(self.out / f"quarantine-{what}.jsonl")
        return self._taken[what]

    @property
    def sentences(self) -> list[str]:
        said = [*self._added]
        for what, taken in self._taken.items():
            dropped = "bad_csat" if what == "surveys" else "bad_rating"
            counts = dict(taken.counts)
            if taken.notes[dropped]:
                counts[dropped] = counts.get(dropped, 0) + taken.notes[dropped]
            if counts and taken.path is not None:
                said.append(
                    f"{sum(counts.values())} {what} records could not be used "
                    f"({counted(counts)}); {taken.path} says where"
                )
            elif taken.path is not None:
                taken.path.unlink(missing_ok=True)
        return said


def _none_there(what: str, path: Path, taken: Quarantine) -> str:
    """Say that a file has nothing of a kind, what was found in it, and what to do."""
    columns = _header(path)
    missing = [name for name in _COLUMNS[what] if name not in columns]
    if path.is_file() and not path.stat().st_size:
        found = "the file is empty"
    elif columns and missing:
        found = f"its columns are {', '.join(columns)}, without {', '.join(missing)}"
    elif columns and not taken.records_read:
        found = "there are no rows below its header"
    elif taken.records_quarantined:
        found = f"what it holds cannot be used ({counted(taken.counts)}; {taken.path} says where)"
    else:
        found = f"none of the {taken.records_read} records in it has any"
    needs = ", ".join(_COLUMNS[what])
    return f"{path}: no {what} there, {found}; {_GIVE[what]} (CSV columns {needs})"


def _header(path: Path) -> list[str]:
    """The columns of a CSV file; nothing for other files."""
    from autoqa.readers import Source
    from autoqa.readers.delimited import delimiter_and_header

    if not path.is_file() or ".csv" not in path.suffixes:
        return []
    _, header = delimiter_and_header(Source(path, str(path), path.stem))
    return [name.strip().lower() for name in header]


def _refuse_other_card(
    given: str | None, card: Scorecard | None, ratings: Path, automated: Sequence[Rating]
) -> None:
    """A scorecard that was named must have something to say about the ratings."""
    from autoqa.records import CSAT

    if given is None or card is None:
        return
    rated = dict.fromkeys(r.criterion for r in automated if r.criterion != CSAT)
    known = [criterion.id for criterion in card.criteria]
    if rated and not rated.keys() & set(known):
        raise DataError(
            f"{ratings}: rates {_some(list(rated))}, none of which is on {card.id} version "
            f"{card.version} ({_some(known)}); give the scorecard of these ratings with "
            "--scorecard, or leave it out"
        )


def _ids(answers: Sequence[Rating] | Sequence[Survey]) -> set[str]:
    return {answer.conversation_id for answer in answers}


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _scorecard(given: str | None, ratings: Path) -> Scorecard | None:
    """The scorecard that was named, or the one of the library that the run was scored on."""
    from autoqa.scorecard import library_names, load_scorecard

    if given is not None:
        return load_scorecard(given)
    summary = ratings / "summary.json"
    if not summary.is_file():
        return None
    try:
        said = dict(json.loads(summary.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{summary}: damaged ({error}); score the conversations again, or give the scorecard "
            "with --scorecard"
        ) from None
    for name in library_names():
        card = load_scorecard(name)
        if card.content_hash == said.get("scorecard_sha256"):
            return card
    warn(
        f"The run was scored on {said.get('scorecard')}, which is not in the library as it was; "
        "give it with --scorecard to have its scales and weights."
    )
    return None


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
