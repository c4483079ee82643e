"""Genesys Cloud: evaluations, with the answers of the AI beside those of the evaluator.

An answer of the AI that says why it failed is no answer: low confidence, or a record of being
wrong, means that it abstains; an error of the service or the parser, that it failed. What an
evaluation without an evaluator holds was not said by a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import Field

from autoqa.readers.evaluations.answers import (
    Answer,
    Importer,
    Names,
    Question,
    Said,
    VendorEvaluation,
)
from autoqa.readers.evaluations.fields import Key, Time, checked, required, some
from autoqa.readers.values import problem
from autoqa.records import RaterKind, Status
from autoqa.scorecard.vendors.files import CamelPart, Number

SYSTEM = "genesys-ai"
ASSISTANT = "genesys-assist"
"""Rater of answers that evaluation assistance found by topics, which is no AI."""

ABSTAINED = ("LowConfidenceError", "LowHistoricalAccuracyError")
"""Failures by which the AI says that it is not sure."""

_NOT_YET = ("PENDING", "INPROGRESS")


class _Entity(CamelPart):
    id: Key = ""


class _AiAnswer(CamelPart):
    answer_id: Key = ""
    explanation: str = ""
    failure_type: str = ""
    marked_not_applicable: bool = False


class _QuestionScore(CamelPart):
    question_id: Key
    answer_id: Key = ""
    marked_na: bool = Field(default=False, alias="markedNA")
    system_marked_na: bool = Field(default=False, alias="systemMarkedNA")
    assisted_answer_id: Key = ""
    comments: str = ""
    ai_answer: _AiAnswer | None = None
    multiple_select_question_option_scores: list[_QuestionScore] = Field(default_factory=list)


class _GroupScore(CamelPart):
    marked_na: bool = Field(default=False, alias="markedNA")
    system_marked_na: bool = Field(default=False, alias="systemMarkedNA")
    question_scores: list[_QuestionScore] = Field(default_factory=list)


class _Answers(CamelPart):
    question_group_scores: list[_GroupScore] = Field(default_factory=list)


class _Option(CamelPart):
    id: Key = ""
    text: str = ""
    value: Number | None = None


class _FormQuestion(CamelPart):
    id: Key = ""
    context_id: Key = ""
    text: str = ""
    answer_options: list[_Option] = Field(default_factory=list)
    multiple_select_option_questions: list[_FormQuestion] = Field(default_factory=list)


class _FormGroup(CamelPart):
    questions: list[_FormQuestion] = Field(default_factory=list)


class _Form(CamelPart):
    question_groups: list[_FormGroup] = Field(default_factory=list)


class _AiScoring(CamelPart):
    failure_type: str = ""


class _Evaluation(CamelPart):
    id: Key
    evaluation_context_id: Key = ""
    conversation: _Entity
    evaluator: _Entity = Field(default_factory=_Entity)
    calibration: _Entity | None = None
    evaluation_form: _Form = Field(default_factory=_Form)
    status: str = ""
    answers: _Answers
    ai_scoring: _AiScoring = Field(default_factory=_AiScoring)
    submitted_date: Time = None
    changed_date: Time = None
    release_date: Time = None
    assigned_date: Time = None


class _Asked(NamedTuple):
    """What the form says about a question: ids, wording, its options by id, the highest value."""

    question: Question
    options: Mapping[str, _Option]
    most: float


def _recognises(given: Mapping[str, Any]) -> bool:
    """Whether an object is an evaluation of Genesys Cloud."""
    answers = given.get("answers")
    return "conversation" in given and (
        "evaluationForm" in given
        or (isinstance(answers, Mapping) and "questionGroupScores" in answers)
    )


def _read(given: Mapping[str, Any], names: Names) -> VendorEvaluation:
    """Return one evaluation; see the module."""
    if given.get("status") in _NOT_YET:
        raise problem("not_submitted", "the evaluation is pending or in progress")
    if given.get("status") == "RETRACTED":
        raise problem("retracted", "the evaluation was retracted")
    found = checked(_Evaluation, given)
    reading = _Reading(found, names)
    return VendorEvaluation(
        key=required(found.evaluation_context_id or found.id, "id"),
        conversation_id=required(found.conversation.id, "conversation id"),
        answers=tuple(reading.answers()),
        submitted=found.submitted_date
        or found.changed_date
        or found.release_date
        or found.assigned_date,
        calibration=found.calibration is not None,
        disputed=found.status == "INREVIEW",
        unattributed=reading.unattributed,
    )


class _Reading:
    """One evaluation being read."""

    def __init__(self, given: _Evaluation, names: Names) -> None:
        self.unattributed = 0
        self._given = given
        self._person = given.evaluator.id
        self._system = names.system or SYSTEM
        self._form = _questions(given.evaluation_form)

    def answers(self) -> Iterator[Answer]:
        for group in self._given.answers.question_group_scores:
            # The options of a multiple select question are questions of their own.
            waiting = list(reversed(group.question_scores))
            while waiting:
                one = waiting.pop()
                waiting.extend(one.multiple_select_question_option_scores)
                yield from self._of(group, one)

    def _of(self, group: _GroupScore, one: _QuestionScore) -> Iterator[Answer]:
        unknown = _Asked(Question(some(one.question_id)), {}, 0.0)
        asked = self._form.get(one.question_id, unknown)
        said_by_ai = self._by_ai(one, asked)
        if said_by_ai is not None:
            yield said_by_ai.by(self._system, RaterKind.MODEL)
        if one.assisted_answer_id:
            assisted = Answer(question=asked.question, said=_said(one.assisted_answer_id, asked))
            yield assisted.by(ASSISTANT, RaterKind.MODEL)
        theirs = _by_person(group, one, asked)
        if theirs is not None and self._person:
            yield theirs.by(self._person, RaterKind.HUMAN)
        elif theirs is not None and said_by_ai is None:
            self.unattributed += 1

    def _by_ai(self, one: _QuestionScore, asked: _Asked) -> Answer | None:
        given, question = one.ai_answer, asked.question
        if given is None:
            failure = self._given.ai_scoring.failure_type
            if not failure:
                return None
            reason = f"the AI scoring failed: {failure}"
            return Answer(question=question, status=Status.FAILED, reason=reason)
        if given.failure_type:
            abstained = given.failure_type in ABSTAINED
            return Answer(
                question=question,
                status=Status.ABSTAINED if abstained else Status.FAILED,
                reason=": ".join(some(given.failure_type, given.explanation)),
            )
        why = given.explanation
        if given.marked_not_applicable:
            return Answer(question=question, status=Status.NOT_APPLICABLE, reason=why)
        if not given.answer_id:
            return None
        return Answer(question=question, said=_said(given.answer_id, asked), reason=why)


def _by_person(group: _GroupScore, one: _QuestionScore, asked: _Asked) -> Answer | None:
    if one.marked_na or group.marked_na:
        status = Status.NOT_APPLICABLE
        return Answer(question=asked.question, status=status, reason=one.comments)
    if one.system_marked_na or group.system_marked_na:
        hidden = "a condition of the form hid the question"
        return Answer(question=asked.question, status=Status.NOT_APPLICABLE, reason=hidden)
    if not one.answer_id:
        return None
    said = _said(one.answer_id, asked)
    return Answer(question=asked.question, said=said, reason=one.comments)


def _said(answer_id: str, asked: _Asked) -> Said:
    option = asked.options.get(answer_id, _Option())
    share = None if option.value is None or asked.most <= 0 else option.value / asked.most
    return Said(refs=(answer_id,), labels=some(option.text), share=share)


def _questions(form: _Form) -> dict[str, _Asked]:
    """Return what a form says about each of its questions, by id."""
    found: dict[str, _Asked] = {}
    waiting = [question for group in form.question_groups for question in group.questions]
    while waiting:
        one = waiting.pop()
        waiting.extend(one.multiple_select_option_questions)
        options = {option.id: option for option in one.answer_options}
        most = max((option.value or 0.0 for option in one.answer_options), default=0.0)
        question = Question(some(one.id, one.context_id), one.text)
        found[one.id] = _Asked(question, options, most)
    return found


GENESYS = Importer(_recognises, _read)
