"""Amazon Connect: evaluations as the API gives them; whose answers are whose, as in files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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
from autoqa.readers.evaluations.connect_import import UNRATED, attributed, failed, raters_of
from autoqa.readers.evaluations.fields import (
    Key,
    Time,
    checked,
    last_part,
    percent,
    required,
    some,
)
from autoqa.readers.values import problem
from autoqa.records import Status
from autoqa.scorecard.vendors.files import Number, PascalPart


class _Data(PascalPart):
    string_value: str = ""
    string_values: list[str] = Field(default_factory=list)
    numeric_value: Number | None = None
    date_time_value: str = ""
    not_applicable: bool = False


class _GenAI(PascalPart):
    justification: str = ""


class _Details(PascalPart):
    gen_ai: _GenAI = Field(default_factory=_GenAI, alias="GenAI")


class _Suggestion(PascalPart):
    value: _Data = Field(default_factory=_Data)
    status: str = ""
    analysis_details: _Details = Field(default_factory=_Details)


class _ApiAnswer(PascalPart):
    value: _Data = Field(default_factory=_Data)
    system_suggested_value: _Data = Field(default_factory=_Data)
    suggested_answers: list[_Suggestion] = Field(default_factory=list)


class _Note(PascalPart):
    value: str = ""


class _ApiScore(PascalPart):
    percentage: Number | None = None


class _AutoEvaluation(PascalPart):
    auto_evaluation_enabled: bool = False


class _ApiMetadata(PascalPart):
    contact_id: Key = ""
    evaluator_arn: Key = ""
    auto_evaluation: _AutoEvaluation = Field(default_factory=_AutoEvaluation)


class _ApiEvaluation(PascalPart):
    evaluation_id: Key
    metadata: _ApiMetadata
    answers: dict[str, _ApiAnswer]
    notes: dict[str, _Note] = Field(default_factory=dict)
    scores: dict[str, _ApiScore] = Field(default_factory=dict)
    status: str = ""
    evaluation_type: str = ""
    created_time: Time = None
    last_modified_time: Time = None


class _Option(PascalPart):
    ref_id: Key = ""
    text: str = ""


class _Choices(PascalPart):
    options: list[_Option] = Field(default_factory=list)


class _Properties(PascalPart):
    single_select: _Choices = Field(default_factory=_Choices)
    multi_select: _Choices = Field(default_factory=_Choices)


class _FormQuestion(PascalPart):
    ref_id: Key = ""
    title: str = ""
    question_type: str = ""
    question_type_properties: _Properties = Field(default_factory=_Properties)


class _FormSection(PascalPart):
    items: list[_Item] = Field(default_factory=list)


class _Item(PascalPart):
    section: _FormSection = Field(default_factory=_FormSection)
    question: _FormQuestion = Field(default_factory=_FormQuestion)


class _Described(PascalPart):
    evaluation: _ApiEvaluation
    evaluation_form: _FormSection = Field(default_factory=_FormSection)


class _Asked(NamedTuple):
    """What the form says about a question: wording, type, and the texts of its options by id."""

    wording: str = ""
    kind: str = ""
    texts: Mapping[str, str] = {}


def _is_evaluation(given: Any) -> bool:
    return isinstance(given, Mapping) and {"EvaluationId", "Metadata", "Answers"} <= given.keys()


def _recognises(given: Mapping[str, Any]) -> bool:
    return _is_evaluation(given) or _is_evaluation(given.get("Evaluation"))


def _read(given: Mapping[str, Any], names: Names) -> VendorEvaluation:
    wrapped = {"Evaluation": given} if _is_evaluation(given) else given
    return _read_described(checked(_Described, wrapped), names)


def _read_described(described: _Described, names: Names) -> VendorEvaluation:
    given = described.evaluation
    if given.status == "DRAFT":
        raise problem("not_submitted", "the evaluation is a draft")
    form = _questions(described.evaluation_form)
    by_system = given.metadata.auto_evaluation.auto_evaluation_enabled
    raters = raters_of(last_part(given.metadata.evaluator_arn), names)
    answers: list[Answer] = []
    for ref, one in given.answers.items():
        asked = form.get(ref, _Asked())
        if asked.kind in UNRATED or one.value.date_time_value:
            continue
        question = Question((ref,), asked.wording)
        note = given.notes.get(ref, _Note()).value
        share = percent(given.scores.get(ref, _ApiScore()).percentage)
        value, suggested = one.value, one.system_suggested_value
        answers += attributed(
            _data(question, value, asked.texts, note, share),
            _suggested(question, one, asked.texts),
            raters,
            by_system=by_system,
            changed=suggested != _Data() and suggested != value,
        )
    return VendorEvaluation(
        key=required(given.evaluation_id, "EvaluationId"),
        conversation_id=required(given.metadata.contact_id, "ContactId"),
        answers=tuple(answers),
        submitted=given.last_modified_time or given.created_time,
        calibration=given.evaluation_type == "CALIBRATION",
        disputed=given.status in ("REVIEW_REQUESTED", "UNDER_REVIEW"),
    )


def _data(
    question: Question,
    given: _Data,
    texts: Mapping[str, str],
    note: str,
    share: float | None = None,
) -> Answer | None:
    """Return the answer in a value of the API."""
    if given.not_applicable:
        return Answer(question=question, status=Status.NOT_APPLICABLE, reason=note)
    chosen = some(*given.string_values, given.string_value)
    if not chosen and given.numeric_value is None:
        return None
    said = Said(number=given.numeric_value, share=share)
    if len(chosen) == 1:
        labels = some(texts.get(chosen[0], ""), chosen[0])
        said = replace(said, refs=chosen, labels=labels)
    return Answer(question=question, said=said, reason=note)


def _suggested(question: Question, given: _ApiAnswer, texts: Mapping[str, str]) -> Answer | None:
    """Return what the system suggested, with its justification, or that it could not."""
    value = given.system_suggested_value
    done = [one for one in given.suggested_answers if one.status == "SUCCEEDED"]
    source = next((one for one in done if value in (_Data(), one.value)), _Suggestion())
    found = _data(
        question,
        source.value if value == _Data() else value,
        texts,
        source.analysis_details.gen_ai.justification,
    )
    if found is None and any(one.status == "FAILED" for one in given.suggested_answers):
        return failed(question, "the automated answer failed")
    return found


def _questions(form: _FormSection) -> dict[str, _Asked]:
    """Return what a form says about each of its questions, by id."""
    found: dict[str, _Asked] = {}
    waiting = list(form.items)
    while waiting:
        item = waiting.pop()
        waiting.extend(item.section.items)
        question = item.question
        properties = question.question_type_properties
        options = (*properties.single_select.options, *properties.multi_select.options)
        texts = {option.ref_id: option.text for option in options}
        found[question.ref_id] = _Asked(question.title, question.question_type, texts)
    return found


CONNECT_API = Importer(_recognises, _read)
