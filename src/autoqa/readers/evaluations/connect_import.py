"""Amazon Connect: exported evaluation files (schema 3.1).

Of an evaluation that a person submitted, the answers are that person's, and what the system had
suggested is a model's, whether it was taken over or not. Of one that the system submitted, the
answers are the system's; where a person edited it later, only the answers that were changed are
that person's. Free text and dates are no ratings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
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
from autoqa.readers.evaluations.fields import (
    Key,
    Time,
    checked,
    percent,
    required,
    some,
)
from autoqa.readers.values import identifier, number, problem
from autoqa.records import RaterKind, Status
from autoqa.scorecard.vendors.files import CamelPart, Number

SYSTEM = "connect-suggested"
UNRATED = ("TEXT", "DATETIME")
"""Types of questions whose answers are no ratings."""


def _recognises(given: Mapping[str, Any]) -> bool:
    return {"evaluationId", "metadata", "questions"} <= given.keys()


def attributed(
    answer: Answer | None,
    suggested: Answer | None,
    raters: tuple[str, str],
    *,
    by_system: bool,
    changed: bool,
) -> Iterator[Answer]:
    """Yield a question's answers under the names of the person and the system that gave them."""
    person, system = raters
    if by_system and suggested is None and not changed:
        suggested = answer
    if suggested is not None:
        yield suggested.by(system, RaterKind.MODEL)
    if answer is not None and (changed or not by_system):
        yield answer.by(person, RaterKind.HUMAN)


def raters_of(person: str, names: Names) -> tuple[str, str]:
    """Return what to call the person and the system."""
    return person or names.person or "unknown", names.system or SYSTEM


class _Score(CamelPart):
    percentage: Number | None = None


class _Choice(CamelPart):
    value_text: str = ""
    value_ref_id: Key = ""
    selected: bool = False


class _AnswerMetadata(CamelPart):
    not_applicable: bool = False


class _Automation(CamelPart):
    status: str = ""
    system_suggested_value: Any = None


class _Sentence(CamelPart):
    value: str = ""


class _FileAnswer(CamelPart):
    value: Any = None
    values: list[_Choice] = Field(default_factory=list)
    notes: str = ""
    metadata: _AnswerMetadata = Field(default_factory=_AnswerMetadata)
    automation: _Automation = Field(default_factory=_Automation)
    assisted_suggestion: _Sentence = Field(default_factory=_Sentence)


class _FileQuestion(CamelPart):
    question_ref_id: Key
    question_type: str = ""
    question_text: str = ""
    answer: _FileAnswer = Field(default_factory=_FileAnswer)
    score: _Score = Field(default_factory=_Score)


class _FileMetadata(CamelPart):
    contact_id: Key = ""
    evaluator: Key = ""
    evaluation_start_timestamp: Time = None
    evaluation_submit_timestamp: Time = None
    auto_evaluated: bool = False
    evaluation_source: str = ""


class _File(CamelPart):
    evaluation_id: Key
    metadata: _FileMetadata
    questions: list[_FileQuestion]


def _read(content: Mapping[str, Any], names: Names) -> VendorEvaluation:
    given = checked(_File, content)
    metadata = given.metadata
    asked = [q for q in given.questions if q.question_type not in UNRATED]
    raters = raters_of(metadata.evaluator, names)
    return VendorEvaluation(
        key=required(given.evaluation_id, "evaluationId"),
        conversation_id=required(metadata.contact_id, "contactId"),
        answers=tuple(
            answer
            for question in asked
            for answer in attributed(
                _answer_in_file(question),
                _suggested_in_file(question),
                raters,
                by_system=metadata.auto_evaluated or metadata.evaluation_source == "AUTOMATED",
                changed=question.answer.automation.status == "OVERRIDDEN_ANSWER",
            )
        ),
        submitted=metadata.evaluation_submit_timestamp or metadata.evaluation_start_timestamp,
    )


def _question_of(asked: _FileQuestion) -> Question:
    return Question(some(asked.question_ref_id), asked.question_text)


def _answer_in_file(asked: _FileQuestion) -> Answer | None:
    given, question, share = asked.answer, _question_of(asked), percent(asked.score.percentage)
    if given.metadata.not_applicable:
        return Answer(question=question, status=Status.NOT_APPLICABLE, reason=given.notes)
    chosen = [choice for choice in given.values if choice.selected]
    said = _value(given.value)
    if len(chosen) == 1:
        said = Said(refs=some(chosen[0].value_ref_id), labels=some(chosen[0].value_text))
    elif chosen:  # what several options earn together is all that can tell the level
        said = Said()
    if said is None:
        return None
    return Answer(question=question, said=replace(said, share=share), reason=given.notes)


def _suggested_in_file(asked: _FileQuestion) -> Answer | None:
    """Return what the system suggested, or that it could not."""
    given, question = asked.answer, _question_of(asked)
    said = _value(given.automation.system_suggested_value)
    if said is not None:
        return Answer(question=question, said=said)
    if given.automation.status == "UNAVAILABLE":
        return failed(question, "the automated answer was unavailable")
    # A generative suggestion is a sentence that begins with the answer.
    sentence = given.assisted_suggestion.value
    label = next((c.value_text for c in given.values if _begins(sentence, c.value_text)), None)
    if label is None:
        return None
    return Answer(question=question, said=Said(labels=(label,)), reason=sentence)


def _begins(sentence: str, label: str) -> bool:
    rest = sentence[len(label) :].lstrip()
    same = sentence[: len(label)].casefold() == label.casefold()
    return bool(label) and same and (not rest or rest[0] in ".,:;!")


def failed(question: Question, why: str) -> Answer:
    """Return that the system could not answer."""
    return Answer(question=question, status=Status.FAILED, reason=why)


def _value(given: Any) -> Said | None:
    """Return an answer that is text or a number; None where there is none."""
    if given is None or given == "":
        return None
    found, label = number(given), identifier(given)
    if found is not None:
        return Said(number=found)
    if label is None:
        raise problem("wrong_type", "the value of an answer is neither text nor a number")
    return Said(refs=(label,), labels=(label,))


CONNECT_FILE = Importer(_recognises, _read)
