"""Google QaScorecard revisions in: a revision with its QaQuestions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from autoqa.scorecard.vendors.files import CamelPart, Number, checked, plain
from autoqa.scorecard.vendors.forms import Form, FormSection, Option, Question
from autoqa.scorecard.vendors.losses import Losses, LossKind

_UNTAGGED = "All questions"


class AnswerChoice(CamelPart):
    """One answer; one of the values is given."""

    key: str = ""
    score: Number | None = None
    str_value: str | None = None
    num_value: Number | None = None
    bool_value: bool | None = None
    na_value: bool = False

    @property
    def text(self) -> str:
        """The answer as people read it."""
        if self.str_value is not None:
            return plain(self.str_value)
        if self.num_value is not None:
            return f"{self.num_value:.15g}"
        if self.bool_value is not None:
            return "Yes" if self.bool_value else "No"
        return plain(self.key)


class QaQuestion(CamelPart):
    """A question."""

    question_body: str
    name: str = ""
    abbreviation: str = ""
    answer_instructions: str = ""
    answer_choices: list[AnswerChoice] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    order: int = 0
    question_type: str = ""


class QaScorecard(CamelPart):
    """What a scorecard is called."""

    display_name: str = ""
    description: str = ""


class GoogleForm(CamelPart):
    """A revision, or a list of its questions as ListQaQuestions returns it."""

    qa_questions: list[QaQuestion]
    snapshot: QaScorecard | None = None
    qa_scorecard: QaScorecard | None = None
    display_name: str = ""
    description: str = ""
    next_page_token: str = ""


def read_google(data: Mapping[str, Any] | Sequence[Any], losses: Losses, *, name: str) -> Form:
    """Return the form that a revision with its ``qaQuestions``, or a list of them, holds.

    Sections are the first tags of questions; the weight of a question is its highest score.

    Raises
    ------
    ScorecardError
        If a value has the wrong type; `name` stands for the file.
    """
    wrapped = data if isinstance(data, Mapping) else {"qaQuestions": data}
    form = checked(GoogleForm, wrapped, name=name)
    if form.next_page_token:
        losses.add(
            LossKind.LEFT_OUT,
            "nextPageToken",
            "the file is one page of questions",
            "further pages are missing; fetch them and put all into one qaQuestions",
        )
    card = form.snapshot or form.qa_scorecard or QaScorecard()
    sections: dict[str, FormSection] = {}
    numbered = sorted(enumerate(form.qa_questions), key=lambda pair: pair[1].order)
    for i, question in numbered:
        tag = plain(question.tags[0]) if question.tags else ""
        section = sections.setdefault(tag, FormSection(title=tag or _UNTAGGED, ref=tag))
        section.questions.append(_question(question, f"qaQuestions.{i}", losses))
    return Form(
        title=plain(card.display_name or form.display_name),
        description=plain(card.description or form.description),
        sections=list(sections.values()),
    )


def _question(question: QaQuestion, place: str, losses: Losses) -> Question:
    title = question.question_body
    if len(question.tags) > 1:
        losses.add(
            LossKind.SECTIONS,
            place,
            f"more tags than one ({', '.join(question.tags)})",
            "the first one is the section here; the others are dropped",
            title=title,
        )
    if question.question_type == "PREDEFINED":
        losses.add(
            LossKind.AUTOMATION,
            place,
            "a question that Google defines and answers",
            "set scorer: to have it answered here",
            title=title,
        )
    choices = [choice for choice in question.answer_choices if not choice.na_value]
    return Question(
        text=plain(title),
        short=plain(question.abbreviation),
        ref=plain(question.name),
        place=place,
        guidance=plain(question.answer_instructions),
        options=[Option(text=c.text, ref=plain(c.key), score=c.score) for c in choices],
        weight=max((choice.score or 0.0 for choice in choices), default=0.0),
        not_applicable=len(choices) < len(question.answer_choices),
    )
