"""Google Customer Engagement Suite (CCAI Insights): scorecard results and feedback labels.

Every source of an answer keeps its own rating: what the system generated is a model's, a manual
edit is a person's. Results do not name the person. Without sources an answer is the system's,
unless the result includes manual edits: then nobody can say whose it is, and it is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from autoqa.readers.evaluations.answers import (
    Answer,
    Importer,
    Names,
    Question,
    Said,
    VendorEvaluation,
)
from autoqa.readers.evaluations.fields import Key, Time, checked, last_part, required, some
from autoqa.readers.values import problem
from autoqa.records import RaterKind, Status
from autoqa.scorecard.vendors.files import CamelPart, Number

SYSTEM = "google-system"
PERSON = "google-reviewer"

BY_SYSTEM = "SYSTEM_GENERATED"
BY_PERSON = "MANUAL_EDIT"
WITH_EDITS = "INCLUDES_MANUAL_EDITS"


class _AnswerValue(CamelPart):
    key: Key = ""
    str_value: str = ""
    num_value: Number | None = None
    bool_value: bool | None = None
    na_value: bool = False
    score: Number | None = None
    potential_score: Number | None = None
    normalized_score: Number | None = None


class _AnswerSource(CamelPart):
    source_type: str = ""
    answer_value: _AnswerValue | None = None


class _QaAnswer(CamelPart):
    qa_question: str = ""
    question_body: str = ""
    answer_value: _AnswerValue | None = None
    answer_sources: list[_AnswerSource] = Field(default_factory=list)


class _ScoreSource(CamelPart):
    source_type: str = ""


class _Result(CamelPart):
    name: str = ""
    qa_scorecard_revision: str = ""
    conversation: Key
    create_time: Time = None
    qa_answers: list[_QaAnswer]
    score_sources: list[_ScoreSource] = Field(default_factory=list)


class _FeedbackLabel(CamelPart):
    name: str
    labeled_resource: str = ""
    qa_answer_label: _AnswerValue
    create_time: Time = None
    update_time: Time = None


def _recognises(given: Mapping[str, Any]) -> bool:
    """Whether an object is a scorecard result or a label, or holds results."""
    return bool({"qaAnswers", "qaAnswerLabel"} & given.keys()) or bool(_results(given))


def _split(given: Mapping[str, Any]) -> Iterator[Any]:
    """Yield what an object is, or the results of an analysis and of its conversation."""
    if {"qaAnswers", "qaAnswerLabel"} & given.keys():
        yield given
    else:
        yield from _results(given)


def _results(given: Mapping[str, Any]) -> list[Any]:
    for name in ("latestAnalysis", "analysisResult", "callAnalysisMetadata"):
        inner = given.get(name)
        given = inner if isinstance(inner, Mapping) else given
    found = given.get("qaScorecardResults")
    return found if isinstance(found, list) else []


def _read(given: Mapping[str, Any], names: Names) -> VendorEvaluation:
    """Return one result, or one label; see the module."""
    if "qaAnswerLabel" in given:
        return _read_label(checked(_FeedbackLabel, given), names)
    result = checked(_Result, given)
    edited = any(source.source_type == WITH_EDITS for source in result.score_sources)
    answers: list[Answer] = []
    unattributed = 0
    for one in result.qa_answers:
        attributed = list(_by_source(one, names, edited=edited))
        answers += attributed
        unattributed += not attributed and one.answer_value is not None
    conversation = last_part(result.conversation)
    return VendorEvaluation(
        key=result.name or f"{conversation} {result.qa_scorecard_revision}",
        conversation_id=required(conversation, "conversation"),
        answers=tuple(answers),
        submitted=result.create_time,
        unattributed=unattributed,
    )


def _by_source(one: _QaAnswer, names: Names, *, edited: bool) -> Iterator[Answer]:
    question = Question(some(one.qa_question), one.question_body)
    raters = {
        BY_SYSTEM: (names.system or SYSTEM, RaterKind.MODEL),
        BY_PERSON: (names.person or PERSON, RaterKind.HUMAN),
    }
    given: dict[str, _AnswerValue | None] = {
        source.source_type: source.answer_value for source in one.answer_sources
    }
    if sum(source.source_type == BY_PERSON for source in one.answer_sources) > 1:
        given[BY_PERSON] = one.answer_value  # the main answer holds the edit that counts
    if not given and not edited:
        given[BY_SYSTEM] = one.answer_value
    for source, value in given.items():
        answer = None if value is None else _answer(question, value)
        if answer is not None and source in raters:
            yield answer.by(*raters[source])


def _read_label(given: _FeedbackLabel, names: Names) -> VendorEvaluation:
    """Return the label that a person put on an answer, to correct or to teach the system."""
    folders = given.name.split("/")
    if "conversations" not in folders[:-1]:
        raise problem("missing_field", "the name of the label has no conversation in it")
    question = Question(some(given.labeled_resource))
    answer = _answer(question, given.qa_answer_label)
    person = names.person or PERSON
    return VendorEvaluation(
        key=given.name,
        conversation_id=required(folders[folders.index("conversations") + 1], "conversation"),
        answers=() if answer is None else (answer.by(person, RaterKind.HUMAN),),
        submitted=given.update_time or given.create_time,
    )


def _answer(question: Question, given: _AnswerValue) -> Answer | None:
    if given.na_value:
        return Answer(question=question, status=Status.NOT_APPLICABLE)
    share = given.normalized_score
    if share is None and given.score is not None and given.potential_score:
        share = given.score / given.potential_score
    texts = {True: ("yes", "true"), False: ("no", "false"), None: ()}[given.bool_value]
    said = Said(
        refs=some(given.key),
        labels=(*some(given.str_value), *texts),
        number=given.num_value,
        share=share,
    )
    return Answer(question=question, said=said) if said else None


GOOGLE = Importer(_recognises, _read, _split)
