"""Customers' answers from their own files: tables, JSON exports, and conversations that hold them.

Read are tables of `autoqa.store`; CSV, JSON and JSONL with one row or object per answer, such as
the exports of MaestroQA and of Zendesk's satisfaction ratings; and files of conversations in any
format that holds answers. An answer needs the id of its conversation and a score, under any of
their usual names (`FIELD_NAMES`). What is done with them is in the `SurveyReport`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from autoqa.errors import ReadError
from autoqa.readers import delimited
from autoqa.readers.base import Source, formats
from autoqa.readers.documents import documents, keys_of
from autoqa.readers.labels import Scale, scale_from, survey_from
from autoqa.readers.people import answer_source, conversations, refuse
from autoqa.readers.quarantine import Place, Problem, Quarantine
from autoqa.readers.spoken import since_1970
from autoqa.readers.stored import stored_record
from autoqa.readers.survey_report import LATE_AFTER, SurveyAnswers, SurveyReport, shown
from autoqa.readers.survey_scores import (
    Detected,
    Score,
    detect_scale,
    is_unanswered,
    scale_in_text,
    score_from,
    settled_words,
    with_top,
)
from autoqa.readers.table import FIELDS, match_columns
from autoqa.readers.values import identifier, number_in_text, problem
from autoqa.readers.written import time_of
from autoqa.records import Survey
from autoqa.store import read_records

_NAMES = {
    "score": "score csat csat_score satisfaction_score rating satisfaction customer_satisfaction "
    "nps nps_score ces ces_score stars answer response result",
    "scale": "scale",
    "scale_lo": "scale_lo min_score scale_min min lowest",
    "scale_hi": "scale_hi max_score scale_max max highest",
    "comment": "comment comments remark feedback verbatim survey_comment csat_comment",
    "answered_at": "answered_at submitted_at responded_at completed_at rated_at survey_date "
    "updated_at created_at timestamp date",
    "given_by": "given_by",
}
FIELD_NAMES: Mapping[str, tuple[str, ...]] = {
    "conversation_id": FIELDS["conversation_id"],
    **{name: tuple(names.split()) for name, names in _NAMES.items()},
    "started_at": FIELDS["started_at"],
}
"""What an answer consists of, and the names it is found under; the first name present counts."""

_SCALE_BEHIND = re.compile(r"[ _]?(?:[(\[][^()\[\]]{0,40}[)\]]|[01][ _]?[-–_][ _]?\d{1,3})$")
_INSIDE = ("data", "satisfaction_ratings", "ratings", "surveys", "responses", "answers", "results")
_COUNTED = ("read", "unanswered", "repeated", "late", "off_scale", "unusable")
_CLAIM_ALL = ("stored", "uniform", "table", "text")


def read_surveys(
    path: str | Path, *, scale: Scale | None = None, quarantine: Quarantine | None = None
) -> list[Survey]:
    """Return the customer answers in a file or folder; see `read_survey_answers`."""
    return read_survey_answers(path, scale=scale, quarantine=quarantine).surveys


def read_survey_answers(
    path: str | Path,
    *,
    scale: Scale | None = None,
    started_at: Mapping[str, datetime] | None = None,
    quarantine: Quarantine | None = None,
) -> SurveyAnswers:
    """Return the customer answers in a file or folder, and what became of them.

    Of several answers about one conversation the latest is kept: by time where all have one, else
    by their order.

    Parameters
    ----------
    path : str or Path
        A file, or a folder: there ``surveys.parquet``, ``.jsonl``, ``.json`` or ``.csv``, or else
        all conversations below it.
    scale : (float, float), optional
        Lowest and highest answer, where rows do not say. Without it the scale is detected; see
        `autoqa.readers.survey_scores.detect_scale`.
    started_at : mapping of conversation id to datetime, optional
        To tell late answers. A column may say it, too.
    quarantine : Quarantine, optional
        Takes the rows that cannot be used. Without it the first one is an error.

    Raises
    ------
    ReadError
        If the file holds no answers in any shape known, or a row cannot be used.
    StoreError
        If a stored table is damaged or was written by a newer autoqa.
    """
    source = answer_source(path, "surveys")
    if source is not None and stored_record(source) not in (None, "transcript"):
        return SurveyAnswers(list(read_records(source.path, Survey)))
    if source is not None and holds_surveys(source):
        return _File(source, scale, started_at or {}, quarantine).read()
    found: list[Survey] = []
    for labelled in conversations(source, path, ("bad_csat",), quarantine):
        found.extend(labelled.surveys)
    return SurveyAnswers(found)


def holds_surveys(source: Source) -> bool:
    """Whether a CSV or JSON file holds one answer per row or object."""
    names = {_plain(name) for name in keys_of(source)}
    if names:
        others = (one for name, one in formats().items() if name not in _CLAIM_ALL)
        if "turns" in names or any(one.recognises(source) for one in others):
            return False
    else:
        _, header = delimited.delimiter_and_header(source)
        try:
            match_columns(header, source.columns)
        except ReadError:
            names = {_plain(name) for name in header}
    return all(names & set(FIELD_NAMES[needed]) for needed in ("conversation_id", "score"))


def _plain(name: str) -> str:
    """Return ``csat`` for ``CSAT (1-5)``, ``CSAT 1-5`` and ``csat_1_5``."""
    return _SCALE_BEHIND.sub("", name.strip().lower()).replace(" ", "_")


@dataclass(frozen=True, slots=True)
class _Row:
    """One row or object, by our names for fields."""

    place: Place
    fields: Mapping[str, Any]
    problem: Problem | None = None
    item: int | None = None  # its number, where objects in one JSON document share a place


@dataclass(frozen=True, slots=True)
class _Answer:
    """One row on its way to a Survey."""

    row: _Row
    key: str
    score: Score
    scale: Scale | None

    @property
    def top(self) -> float | None:
        """The highest answer possible, as the row or the answer says."""
        return number_in_text(self.row.fields.get("scale_hi")) or self.score.top


class _File:
    """The answers of one file: all are read before a scale is given to any."""

    def __init__(
        self,
        source: Source,
        scale: Scale | None,
        started_at: Mapping[str, datetime],
        quarantine: Quarantine | None,
    ) -> None:
        self._source = source
        self._scale = scale
        self._started_at = started_at
        self._quarantine = quarantine
        self._counts: Counter[str] = Counter()
        self._called: set[str] = set()  # what scores are called in the file

    def read(self) -> SurveyAnswers:
        """Return the answers that can be used."""
        answers = self._answers()
        settled = settled_words([answer.score for answer in answers])
        answers = [replace(one, score=score) for one, score in zip(answers, settled, strict=True)]
        detected = self._detected(answers)
        kept = self._latest(list(self._on_scale(answers, detected)))
        for answer, survey in kept:
            self._note_late(answer, survey)
        report = SurveyReport(
            self._source.name,
            kept=len(kept),
            scale=detected if isinstance(detected, Detected) else None,
            **{name: self._counts[name] for name in _COUNTED},
        )
        return SurveyAnswers([survey for _, survey in kept], report)

    def _answers(self) -> list[_Answer]:
        found = []
        for row in self._rows():
            self._counts["read"] += 1
            try:
                answer = _answer(row)
            except ReadError as error:
                self._refuse(row, error, "unusable")
                continue
            if answer is None:
                self._counts["unanswered"] += 1
                self._keep()
            else:
                found.append(answer)
        return found

    def _rows(self) -> Iterator[_Row]:
        if keys_of(self._source):
            for number, document in enumerate(documents(self._source, inside=_INSIDE), start=1):
                wrong, given = document.problem, document.value
                if wrong is None and not isinstance(given, Mapping):
                    wrong = Problem("wrong_type", "not a JSON object")
                fields = self._named(given) if isinstance(given, Mapping) else {}
                yield _Row(document.place, fields, wrong, number)
            return
        _, header = delimited.delimiter_and_header(self._source)
        for row in delimited.rows(self._source):
            cells = dict(zip(header, row.cells, strict=False))
            yield _Row(row.place, self._named(cells), row.problem)

    def _named(self, given: Mapping[str, Any]) -> dict[str, Any]:
        plain = {_plain(name): name for name in reversed(list(given))}
        found = {}
        for ours, names in FIELD_NAMES.items():
            name = next((plain[one] for one in names if one in plain), None)
            if name is not None:
                found[ours] = given[name]
                if ours == "score":
                    self._called.add(name)
        return found

    def _detected(self, answers: Sequence[_Answer]) -> Detected | ReadError | None:
        """Return the scale of answers that do not state theirs, if there are any."""
        bare = [replace(one.score, top=one.top) for one in answers if one.scale is None]
        if not bare:
            return None
        if self._scale is not None:
            return Detected(self._scale, "as given")
        try:
            return detect_scale(bare, " ".join(sorted(self._called)))
        except ReadError as error:
            return error

    def _on_scale(
        self, answers: Sequence[_Answer], detected: Detected | ReadError | None
    ) -> Iterator[tuple[_Answer, Survey]]:
        """Yield answers that lie on their scales; others are refused."""
        values = [one.score.value for one in answers]
        for one in answers:
            scale = one.scale
            # What a word is worth is no matter of the scale that numbers are on.
            own = self._scale is None or one.score.word is not None
            if scale is None and one.top is not None and own:
                scale = with_top(one.top, values)
            elif scale is None and isinstance(detected, Detected):
                scale = detected.scale
            if scale is None:
                assert isinstance(detected, ReadError)
                self._refuse(one.row, detected, "unusable")
            elif not scale[0] <= one.score.value <= scale[1]:
                wrong = problem("bad_csat", f"the answer is off its scale, {shown(scale)}")
                self._refuse(one.row, wrong, "off_scale")
            else:
                yield one, self._survey(one, scale)

    def _survey(self, answer: _Answer, scale: Scale) -> Survey:
        notes: list[Problem] = []
        comment = answer.row.fields.get("comment")
        item = {
            "score": answer.score.value,
            "scale": scale,
            "comment": comment if comment != "" else None,
            "answered_at": time_of(answer.row.fields, "answered_at", notes),
            "given_by": answer.row.fields.get("given_by"),
        }
        self._keep()
        self._note(answer.row.place, *notes)
        return survey_from(answer.key, item)

    def _latest(self, answers: Sequence[tuple[_Answer, Survey]]) -> list[tuple[_Answer, Survey]]:
        """Return one answer per conversation and person, where the first of them stood."""
        found: dict[tuple[str, str], tuple[_Answer, Survey]] = {}
        for new in answers:
            key = (new[1].conversation_id, new[1].given_by)
            old = found.setdefault(key, new)
            if old is new:
                continue
            dropped = old
            before, after = old[1].answered_at, new[1].answered_at
            if before is not None and after is not None and since_1970(after) < since_1970(before):
                dropped = new
            else:
                found[key] = new
            self._counts["repeated"] += 1
            said = "the conversation was answered again; the latest answer counts"
            self._note(dropped[0].row.place, Problem("answered_again", said))
        return list(found.values())

    def _note_late(self, answer: _Answer, survey: Survey) -> None:
        began = self._started_at.get(answer.key) or time_of(answer.row.fields, "started_at", [])
        if began is None or survey.answered_at is None:
            return
        seconds = since_1970(survey.answered_at) - since_1970(began)
        if seconds > LATE_AFTER.total_seconds():
            self._counts["late"] += 1
            said = f"answered {seconds / 86_400:.0f} days after the conversation began; kept"
            self._note(answer.row.place, Problem("late_answer", said))

    def _keep(self) -> None:
        if self._quarantine is not None:
            self._quarantine.keep()

    def _note(self, place: Place, *notes: Problem) -> None:
        for note in notes:
            if self._quarantine is not None:
                self._quarantine.note(place, note)

    def _refuse(self, row: _Row, error: ReadError, name: str) -> None:
        self._counts[name] += 1
        said = str(error) if row.item is None else f"item {row.item}: {error}"
        refuse(row.place, Problem(error.reason, said), self._quarantine)


def _answer(given: _Row) -> _Answer | None:
    """Return a row's answer, or None where nobody answered."""
    row = given.fields
    if given.problem is not None:
        raise problem(given.problem.reason, given.problem.message)
    key = identifier(row.get("conversation_id"))
    if key is None:
        raise problem("missing_field", "the row has no conversation id")
    if is_unanswered(row.get("score")):
        return None
    score = score_from(row["score"])
    if score is None:
        raise problem("bad_csat", "the answer is no number, thumb or known word")
    low, high = (number_in_text(row.get(name)) for name in ("scale_lo", "scale_hi"))
    stated = row.get("scale")
    if stated in (None, "") and low is not None and high is not None:
        stated = [low, high]
    scale = scale_in_text(stated) if isinstance(stated, str) else scale_from(stated)
    if scale is None and stated not in (None, ""):
        raise problem("bad_csat", "the scale is not [lowest, highest]")
    return _Answer(given, key, score, scale)
