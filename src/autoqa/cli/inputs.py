"""Ratings, surveys and scorecards as several commands take them, and what was lost of them.

`load_material` brings everything that ``compare``, ``claims run`` and ``report`` work on:

>>> lost = Lost(out)  # doctest: +SKIP
>>> material = load_material(lost, ratings=ratings, human=human)  # doctest: +SKIP
>>> finish(lost.sentences)  # doctest: +SKIP
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from autoqa.cli.console import counted, warn
from autoqa.errors import DataError, some_of

if TYPE_CHECKING:
    from autoqa.readers import Quarantine
    from autoqa.records import LabelledTranscript, Rating, Survey
    from autoqa.scorecard import Scorecard

_GIVE = {
    "automated ratings": "give a folder that `autoqa score` wrote, or a table of ratings",
    "human ratings": "give a table of ratings, or conversations with `ratings`",
    "customer answers": "give a table of answers, or conversations with `csat`",
}
_COLUMNS = {
    "automated ratings": ("conversation_id", "criterion", "score"),
    "human ratings": ("conversation_id", "criterion", "score"),
    "customer answers": ("conversation_id", "score"),
}


@dataclass
class Lost:
    """Rows that could not be used, by what they should have been."""

    out: Path
    _taken: dict[str, Quarantine] = field(default_factory=dict)
    _added: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        """Say what else was not done."""
        self._added.append(sentence)

    def quarantine(self, what: str) -> Quarantine:
        """Return where rows of a kind go that cannot be used."""
        from autoqa.readers import Quarantine

        self._taken[what] = Quarantine(self.out / f"quarantine-{what}.jsonl")
        return self._taken[what]

    @property
    def sentences(self) -> list[str]:
        """What was lost, in words; empty quarantine files are removed."""
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
            elif taken.path is not None and not (what == "surveys" and taken.notes):
                taken.path.unlink(missing_ok=True)
        return said


@dataclass(frozen=True, slots=True)
class Material:
    """What a comparison of automated QA, human QA and CSAT is made of.

    Attributes
    ----------
    automated : list of Rating
        Of models, with predictions of ``csat`` for whole conversations.
    human : list of Rating
        Of people.
    conversations : list of LabelledTranscript
        Who the agent was, team, topic, times, outcomes, words.
    scales : dict of criterion to (lowest, highest) level
        Where a file says it.
    card : Scorecard or None
    curves : list of Rating
        Predictions of ``csat`` after single turns.
    """

    automated: list[Rating] = field(default_factory=list)
    human: list[Rating] = field(default_factory=list)
    surveys: list[Survey] = field(default_factory=list)
    conversations: list[LabelledTranscript] = field(default_factory=list)
    scales: dict[str, tuple[float, float]] = field(default_factory=dict)
    card: Scorecard | None = None
    curves: list[Rating] = field(default_factory=list)

    @property
    def agents(self) -> dict[str, str]:
        """Conversation id to agent, where known."""
        known = (one.transcript for one in self.conversations)
        return {one.conversation_id: one.agent for one in known if one.agent}


def load_material(
    lost: Lost,
    *,
    ratings: Path | None = None,
    human: Path | None = None,
    surveys: Path | None = None,
    data: Sequence[Path] | None = None,
    scorecard: str | None = None,
    survey_scale: tuple[float, float] | None = None,
) -> Material:
    """Read what commands were given, as far as it was given.

    Parameters
    ----------
    lost : Lost
        Takes rows that cannot be used and what else was not done; its folder is made.
    ratings : Path, optional
        Automated ratings. A folder that ``autoqa score`` wrote brings predictions of CSAT
        (``csat.parquet``), conversations (``transcripts.parquet``) and its scorecard as well.
    human : Path, optional
        Human ratings; those in `data` where absent.
    surveys : Path, optional
        Customers' answers; those in `data` where absent.
    data : sequence of Path, optional
        Conversations; those of `ratings` where absent.
    scorecard : str, optional
        Name or file; the one that `ratings` was scored on where absent, if the library has it.
    survey_scale : (float, float), optional
        Of answers in `surveys` that do not state theirs; detected where absent.

    Raises
    ------
    DataError
        If `ratings` has no rating by a model, `human` none by a person while there are no surveys
        either, or the scorecard has no criterion of the ratings.
    """
    card = scorecard_of(scorecard, ratings)
    lost.out.mkdir(parents=True, exist_ok=True)
    known = _conversations(data, ratings, lost)
    automated, curves, scales = ([], [], {}) if ratings is None else _automated(ratings, lost)
    if ratings is not None:
        refuse_other_card(scorecard, card, ratings, automated)
    answers = [survey for one in known for survey in one.surveys]
    if human is not None:
        people, stated = _human(human, lost, needed=surveys is None and not answers)
    else:
        people = [r for one in known for r in one.ratings if r.kind == "human"]
        stated = {name: scale for one in known for name, scale in one.scales.items()}
    if surveys is not None:
        answers = survey_answers(
            surveys, lost, survey_scale, known, nobody_in=None if people else human
        )
    asked, rated = conversation_ids(answers), conversation_ids([*automated, *people])
    if asked and rated and not asked & rated:
        lost.add(
            f"CSAT is left out. {surveys or 'The conversations'}: answers about "
            f"{some_of(sorted(asked))}; ratings of {some_of(sorted(rated))}; none in common, "
            "check how ids are written"
        )
    return Material(
        automated=automated,
        human=people,
        surveys=answers,
        conversations=known,
        scales={**scales, **stated},
        card=card,
        curves=curves,
    )


def _automated(
    path: Path, lost: Lost
) -> tuple[list[Rating], list[Rating], dict[str, tuple[float, float]]]:
    """Return ratings by models, predictions after single turns, and the scales stated."""
    from autoqa.readers import read_human_ratings, read_ratings
    from autoqa.records import CSAT, RaterKind
    from autoqa.store.tables import stored_table

    with lost.quarantine("ratings") as quarantine:
        found = read_human_ratings(path, quarantine=quarantine)
        given = found.ratings
        csat = stored_table(path, "csat")
        if csat is not None:
            given = [*given, *read_ratings(csat, quarantine=quarantine)]
        if not given:
            raise DataError(none_there("automated ratings", path, quarantine))
    by_models = [rating for rating in given if rating.kind is RaterKind.MODEL]
    if not by_models:
        if not _kind_unstated(path):
            raise DataError(
                f"{path}: no automated ratings there, only ratings by people "
                f"({some_of(sorted({r.rater for r in given}))}); give them with --human, and "
                "with --ratings a folder that `autoqa score` wrote"
            )
        by_models = [replace(rating, kind=RaterKind.MODEL) for rating in given]
    whole = [r for r in by_models if r.criterion != CSAT or r.turn is None]
    curves = [r for r in by_models if r.criterion == CSAT and r.turn is not None]
    return whole, curves, found.scales


def _human(
    path: Path, lost: Lost, *, needed: bool
) -> tuple[list[Rating], dict[str, tuple[float, float]]]:
    from autoqa.readers import read_human_ratings
    from autoqa.records import RaterKind

    with lost.quarantine("human") as quarantine:
        found = read_human_ratings(path, quarantine=quarantine)
        people = [rating for rating in found.ratings if rating.kind is RaterKind.HUMAN]
        if found.ratings and not people:
            raise DataError(
                f"{path}: no human ratings there, only ratings by models "
                f"({some_of(sorted({r.rater for r in found.ratings}))}); give them with "
                "--ratings"
            )
        if not people:
            said = none_there("human ratings", path, quarantine)
            if needed:
                raise DataError(said)
            lost.add(said)
    return people, found.scales


def survey_answers(
    path: Path,
    lost: Lost,
    scale: tuple[float, float] | None,
    conversations: Sequence[LabelledTranscript] = (),
    *,
    nobody_in: Path | None = None,
) -> list[Survey]:
    """Return survey answers; there must be some where a file of human ratings has none."""
    from autoqa.readers import read_survey_answers

    known = (one.transcript for one in conversations)
    began = {one.conversation_id: one.started_at for one in known if one.started_at is not None}
    with lost.quarantine("surveys") as quarantine:
        found = read_survey_answers(path, scale=scale, started_at=began, quarantine=quarantine)
        answers = found.surveys
        if found.report is not None:
            warn(f"{found.report}.")
        if not answers:
            said = none_there("customer answers", path, quarantine)
            if nobody_in is not None:
                raise DataError(f"{nobody_in}: no human ratings there either; {said}")
            lost.add(f"CSAT is left out. {said}")
    return answers


def _conversations(
    data: Sequence[Path] | None, ratings: Path | None, lost: Lost
) -> list[LabelledTranscript]:
    from autoqa.privacy import redact_details
    from autoqa.readers import read
    from autoqa.store.tables import stored_table

    stored = None if ratings is None else stored_table(ratings, "transcripts")
    places = list(data or ([] if stored is None else [stored]))
    if not places:
        return []
    with lost.quarantine("data") as quarantine:
        return list(map(redact_details, read(places, quarantine=quarantine)))


def _kind_unstated(path: Path) -> bool:
    """Whether ratings come from a CSV table that does not say who is a person and who a model."""
    tables = [path]
    if path.is_dir():
        suffixes = (".parquet", ".jsonl", ".jsonl.gz", ".csv", ".csv.gz")
        found = (path / f"ratings{suffix}" for suffix in suffixes)
        tables = [table for table in found if table.is_file()]
    columns = _header(tables[0]) if tables else []
    return bool(columns) and "kind" not in columns


def none_there(what: str, path: Path, taken: Quarantine) -> str:
    """Say that a file has nothing of a kind, what was found in it, and what to do."""
    columns = _header(path)
    missing = [name for name in _COLUMNS[what] if not _names(what, name) & set(columns)]
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


def _names(what: str, name: str) -> set[str]:
    """What a column may be called."""
    from autoqa.readers.survey_files import FIELD_NAMES

    return set(FIELD_NAMES[name]) if what == "customer answers" else {name}


def _header(path: Path) -> list[str]:
    """The columns of a CSV file; nothing for other files."""
    from autoqa.readers import Source
    from autoqa.readers.delimited import delimiter_and_header

    if not path.is_file() or ".csv" not in path.suffixes:
        return []
    _, header = delimiter_and_header(Source(path, str(path), path.stem))
    return [name.strip().lower() for name in header]


def refuse_other_card(
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
            f"{ratings}: rates {some_of(list(rated))}, none of which is on {card.id} version "
            f"{card.version} ({some_of(known)}); give the scorecard of these ratings with "
            "--scorecard, or leave it out"
        )


def conversation_ids(answers: Sequence[Rating] | Sequence[Survey]) -> set[str]:
    """Return the conversations that answers are about."""
    return {answer.conversation_id for answer in answers}


def scorecard_of(given: str | None, ratings: Path | None) -> Scorecard | None:
    """The scorecard that was named, or the one of the library that the run was scored on."""
    from autoqa.scorecard import library_names, load_scorecard

    if given is not None:
        return load_scorecard(given)
    if ratings is None:
        return None
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
