"""Genesys Cloud evaluation forms in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from autoqa.scorecard.vendors.files import CamelPart, Number, Weight, checked, plain
from autoqa.scorecard.vendors.forms import Form, FormSection, Option, Question
from autoqa.scorecard.vendors.losses import Losses, LossKind

_CHOICE = "multipleChoiceQuestion"
_PREDICATE = re.compile(
    r"(?:/form/questionGroup/(\d{1,4})|\.\.)/question/(\d{1,4})/answer/(\d{1,4})"
)


class AnswerOption(CamelPart):
    """One answer."""

    id: str = ""
    text: str = ""
    value: Number | None = None
    assistance_conditions: list[Any] = Field(default_factory=list)


class VisibilityCondition(CamelPart):
    """Answers on which a question or group is shown."""

    combining_operation: str = "AND"
    predicates: list[str] = Field(default_factory=list)


class GenesysQuestion(CamelPart):
    """A question."""

    text: str
    id: str = ""
    help_text: str = ""
    type: str = _CHOICE
    na_enabled: bool = False
    comments_required: bool = False
    is_kill: bool = False
    is_critical: bool = False
    answer_options: list[AnswerOption] = Field(default_factory=list)
    visibility_condition: VisibilityCondition | None = None
    default_answer: dict[str, Any] = Field(default_factory=dict)


class QuestionGroup(CamelPart):
    """Questions that are weighed together: points of each count as often as the weight says."""

    name: str = ""
    id: str = ""
    weight: Weight = 1.0
    na_enabled: bool = False
    questions: list[GenesysQuestion] = Field(default_factory=list)
    visibility_condition: VisibilityCondition | None = None
    default_answers_to_highest: bool = False
    default_answers_to_na: bool = Field(default=False, alias="defaultAnswersToNA")
    default_answers_to: dict[str, Any] = Field(default_factory=dict)


class GenesysForm(CamelPart):
    """An evaluation form."""

    name: str
    question_groups: list[QuestionGroup]
    dialect: str = ""
    ai_scoring: dict[str, Any] = Field(default_factory=dict)
    evaluation_settings: dict[str, Any] = Field(default_factory=dict)


def read_genesys(data: Mapping[str, Any], losses: Losses, *, name: str) -> Form:
    """Return the form that an evaluation form holds.

    A question weighs what its best answer is worth times the weight of its group. An answer to a
    fatal question that is not the best one fails the evaluation.

    Raises
    ------
    ScorecardError
        If a value has the wrong type; `name` stands for the file.
    """
    return _Reading(checked(GenesysForm, data, name=name), losses).form()


class _Reading:
    """One form being read: conditions refer to questions of other groups."""

    def __init__(self, form: GenesysForm, losses: Losses) -> None:
        self._form = form
        self._losses = losses

    def form(self) -> Form:
        form = self._form
        if form.ai_scoring:
            self._losses.add(
                LossKind.AUTOMATION,
                "aiScoring",
                "answers proposed by Genesys",
                "set scorer: to have questions answered here",
            )
        if form.evaluation_settings:
            self._lost_setting("evaluationSettings", "", "revisions and disputes of evaluations")
        return Form(
            title=plain(form.name),
            language=plain(form.dialect) or "en",
            sections=[self._section(g, group) for g, group in enumerate(form.question_groups)],
        )

    def _section(self, g: int, group: QuestionGroup) -> FormSection:
        place = f"questionGroups.{g}"
        if group.na_enabled:
            self._losses.add(
                LossKind.NOT_APPLICABLE,
                place,
                "the group as a whole may be N/A",
                "here each of its questions may be N/A",
                title=group.name,
            )
        filled = group.default_answers_to_highest or group.default_answers_to_na
        if filled or group.default_answers_to:
            self._lost_setting(place, group.name, "answers filled in beforehand")
        section = FormSection(title=plain(group.name), ref=plain(group.id))
        for q, question in enumerate(group.questions):
            section.questions += self._asked(g, question, f"{place}.questions.{q}")
        return section

    def _asked(self, g: int, question: GenesysQuestion, place: str) -> Iterator[Question]:
        """The question, unless it is one that a scorecard cannot ask."""
        group = self._form.question_groups[g]
        if question.type.casefold() != _CHOICE.casefold():
            self._losses.add(
                LossKind.LEFT_OUT,
                place,
                f"of type {question.type}",
                "the question is left out, and totals are without it; a single choice is kept",
                title=question.text,
            )
            return
        conditional = self._note(g, question, place)
        best = max((option.value or 0.0 for option in question.answer_options), default=0.0)
        options = [
            Option(
                text=plain(option.text),
                ref=plain(option.id),
                score=option.value,
                fails=question.is_kill and (option.value or 0.0) < best,
            )
            for option in question.answer_options
        ]
        yield Question(
            text=plain(question.text),
            ref=plain(question.id),
            place=place,
            guidance=plain(question.help_text),
            options=options,
            weight=group.weight * best,
            critical=any(option.fails for option in options),
            not_applicable=question.na_enabled or group.na_enabled or conditional,
        )

    def _note(self, g: int, question: GenesysQuestion, place: str) -> bool:
        """Report what a question loses; return whether it is asked on a condition."""
        title = question.text
        group = self._form.question_groups[g]
        if question.is_critical and not question.is_kill:
            self._losses.add(
                LossKind.CRITICAL,
                place,
                "critical, which there means counted in a score of its own",
                "it fails nothing there, nor here; set critical: section or true if it should",
                title=title,
            )
        if any(option.assistance_conditions for option in question.answer_options):
            self._losses.add(
                LossKind.AUTOMATION,
                place,
                "answered by topics there",
                "set scorer: to have it answered here",
                title=title,
            )
        if question.comments_required:
            self._lost_setting(place, title, "a comment is required")
        if question.default_answer:
            self._lost_setting(place, title, "an answer filled in beforehand")
        conditions = [
            part.visibility_condition
            for part in (group, question)
            if part.visibility_condition and part.visibility_condition.predicates
        ]
        if conditions:
            said = ", and ".join(self._in_words(g, condition) for condition in conditions)
            self._losses.add(
                LossKind.CONDITIONS,
                place,
                f"shown on a condition ({said})",
                "here it is always asked, and N/A allowed; say in its guidance when N/A is right, "
                "or set applies_when",
                title=title,
            )
        return bool(conditions)

    def _in_words(self, g: int, condition: VisibilityCondition) -> str:
        joined_by = f" {condition.combining_operation.lower()} "
        return joined_by.join(self._answer(g, predicate) for predicate in condition.predicates)

    def _answer(self, g: int, predicate: str) -> str:
        """What a predicate refers to: a question and one of its answers, counted from 0."""
        found = _PREDICATE.fullmatch(predicate)
        if found is None:
            return predicate
        group, question, answer = (g if part is None else int(part) for part in found.groups())
        try:
            asked = self._form.question_groups[group].questions[question]
            return f"'{asked.text}' is '{asked.answer_options[answer].text}'"
        except IndexError:
            return predicate

    def _lost_setting(self, place: str, title: str, what: str) -> None:
        self._losses.add(
            LossKind.SETTINGS,
            place,
            what,
            "a scorecard does not say this; it is dropped",
            title=title,
        )
