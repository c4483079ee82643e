"""Amazon Connect evaluation forms in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from autoqa.records import Speaker
from autoqa.scorecard.schema import Condition
from autoqa.scorecard.vendors.connect.conditions import condition_of, in_words
from autoqa.scorecard.vendors.connect.keys import (
    AnswerOption,
    Automation,
    Choices,
    ConnectForm,
    ConnectQuestion,
    ConnectSection,
    DescribedForm,
    Item,
)
from autoqa.scorecard.vendors.connect.scoring import (
    Chain,
    best_score,
    is_counted,
    score_of,
    section_shares,
)
from autoqa.scorecard.vendors.files import checked, plain
from autoqa.scorecard.vendors.forms import Form, FormSection, Option, Question
from autoqa.scorecard.vendors.losses import Losses, LossKind

_SPEAKERS = {"AGENT": Speaker.AGENT, "AUTOMATED": Speaker.BOT, "CUSTOMER": Speaker.CUSTOMER}


class _Place(NamedTuple):
    """Where a reading is, for losses."""

    path: str
    title: str


def read_connect(data: Mapping[str, Any], losses: Losses, *, name: str) -> Form:
    """Return the form that a response of DescribeEvaluationForm, or the form inside one, holds.

    Raises
    ------
    ScorecardError
        If a value has the wrong type; `name` stands for the file.
    """
    if "EvaluationForm" in data:
        found = checked(DescribedForm, data, name=name).evaluation_form
        return _Reading(found, losses, "EvaluationForm.").form()
    return _Reading(checked(ConnectForm, data, name=name), losses, "").form()


class _Reading:
    """One form being read: its scoring mode and target count for every question."""

    def __init__(self, form: ConnectForm, losses: Losses, prefix: str) -> None:
        self._form = form
        self._losses = losses
        self._prefix = prefix
        strategy = form.scoring_strategy
        self._mode = strategy.mode if strategy and strategy.status != "DISABLED" else ""
        target = form.target_configuration.contact_interaction_type
        self._speaker = _SPEAKERS.get(target, Speaker.AGENT)
        self._shares = section_shares(form) if self._mode == "SECTION_ONLY" else {}

    def form(self) -> Form:
        form = self._form
        self._note_settings()
        loose = FormSection(title=plain(form.title), ref="")
        sections: list[FormSection] = []
        for i, item in enumerate(form.items):
            path = f"{self._prefix}Items.{i}"
            if item.section:
                sections += self._sections(item.section, f"{path}.Section", ())
            else:
                loose.questions += self._asked(item, path, ())
        return Form(
            title=plain(form.title),
            description=plain(form.description),
            language=plain(form.language_configuration.form_language) or "en",
            version=form.evaluation_form_version or 1,
            sections=[loose, *sections],
        )

    def _sections(self, section: ConnectSection, path: str, around: Chain) -> Iterator[FormSection]:
        """The section, then those inside it, one after the other."""
        chain = (*around, section)
        title = " / ".join(plain(part.title) for part in chain)
        place = _Place(path, title)
        if around:
            self._lost(
                LossKind.SECTIONS,
                place,
                "a section inside a section",
                "it stands beside the section that held it, with both titles",
            )
        if section.instructions.strip():
            self._lost(
                LossKind.TEXTS,
                place,
                "sections have no instructions here",
                "copy what matters into the guidance of its questions",
            )
        if section.score_thresholds:
            self._lost_thresholds(place)
        found = FormSection(title=title, ref=plain(section.ref_id))
        inner: list[FormSection] = []
        for i, item in enumerate(section.items):
            at = f"{path}.Items.{i}"
            if item.section:
                inner += self._sections(item.section, f"{at}.Section", chain)
            else:
                found.questions += self._asked(item, at, chain)
        yield found
        yield from inner

    def _asked(self, item: Item, path: str, chain: Chain) -> Iterator[Question]:
        """The question of an item, unless it is one that a scorecard cannot ask."""
        question = item.question
        if question is None:
            nothing = _Place(path, "")
            self._lost(LossKind.LEFT_OUT, nothing, "neither section nor question", "it is skipped")
            return
        place = _Place(f"{path}.Question", question.title)
        self._note_question_settings(question, place)
        options = self._options(question, place)
        if not options:
            return
        critical, failing = self._critical(options, chain, place)
        applies_when, conditional = self._condition(question, chain, place)
        yield Question(
            text=plain(question.title),
            ref=plain(question.ref_id),
            place=place.path,
            guidance=plain(question.instructions),
            options=[_option(option, fails=option in failing) for option in options],
            weight=self._weight(question, options, chain, place),
            potential=best_score(options),
            critical=critical,
            not_applicable=question.not_applicable_enabled or conditional,
            applies_when=applies_when,
            speaker=self._speaker,
        )

    def _options(self, question: ConnectQuestion, place: _Place) -> list[AnswerOption]:
        """The answers of a question; none where it is not answered by choosing one."""
        properties = question.question_type_properties
        kind = question.question_type
        if kind == "SINGLESELECT" and properties.single_select:
            return properties.single_select.options
        numeric = properties.numeric or Choices()
        ranges = [o for o in numeric.options if o.min_value is not None and o.max_value is not None]
        if kind == "NUMERIC" and len(ranges) > 1:
            self._lost(
                LossKind.RATED,
                place,
                "a number is asked for",
                "the ranges that it is scored by are the levels here; the number is not kept",
            )
            return ranges
        what = "a number that no ranges score" if kind == "NUMERIC" else f"a {kind} answer"
        counts = f", with a weight of {question.weight:g}" if question.weight else ""
        self._lost(
            LossKind.LEFT_OUT,
            place,
            f"asks for {what}{counts}",
            "the question is left out, and totals are without it; a single choice is kept",
        )
        return []

    def _weight(
        self, question: ConnectQuestion, options: list[AnswerOption], chain: Chain, place: _Place
    ) -> float:
        if not is_counted(question, chain):
            return 0.0
        points = question.scoring_configuration.points_configuration
        if points and points.is_bonus:
            self._lost(
                LossKind.POINTS,
                place,
                "its points are a bonus on top of all others",
                "it has no weight here, since totals end at 100",
            )
            return 0.0
        if self._mode == "SECTION_ONLY":
            return self._shares.get(id(question), 0.0)
        if self._mode == "POINTS_BASED":
            return best_score(options)
        return question.weight or 0.0

    def _critical(
        self, options: list[AnswerOption], chain: Chain, place: _Place
    ) -> tuple[bool | Literal["section"], list[AnswerOption]]:
        """What the question is critical for, and the answers that fail it."""
        own = chain[-1].ref_id if chain else ""
        outer = {section.ref_id for section in chain[:-1]}
        whole = [option for option in options if option.fails and not option.target]
        section = [option for option in options if option.target and option.target == own]
        wider = [option for option in options if option.target in outer]
        elsewhere = [o for o in options if o.target and o not in (*section, *wider)]
        for option in elsewhere:
            self._lost(
                LossKind.CRITICAL,
                place,
                f"answer '{option.text}' fails section '{option.target}', where the question is "
                "not",
                "here it costs only its points; move the question, or mark it critical",
            )
        if whole:
            for option in (*section, *wider):
                self._lost(
                    LossKind.CRITICAL,
                    place,
                    f"answer '{option.text}' fails a section, another one the whole form",
                    "here it costs only its points; ask two questions to keep both",
                )
            return True, whole
        for option in wider:
            self._lost(
                LossKind.CRITICAL,
                place,
                f"answer '{option.text}' fails section '{option.target}' and all inside it",
                "here it fails the question's own section alone",
            )
        failing = [*section, *wider]
        return ("section" if failing else False), failing

    def _condition(
        self, question: ConnectQuestion, chain: Chain, place: _Place
    ) -> tuple[Condition | None, bool]:
        """The condition of a question, and whether it has one, be it one that cannot be said."""
        parts: tuple[ConnectSection | ConnectQuestion, ...] = (*chain, question)
        given = [part.enablement for part in parts if part.enablement]
        known = condition_of(given[0]) if len(given) == 1 else None
        if given and known is None:
            said = ", and ".join(f"{one.action} where {in_words(one.condition)}" for one in given)
            self._lost(
                LossKind.CONDITIONS,
                place,
                f"asked on a condition ({said})",
                "here it is always asked, and N/A allowed; say in its guidance when N/A is right, "
                "or set applies_when",
            )
        return known, bool(given)

    def _note_question_settings(self, question: ConnectQuestion, place: _Place) -> None:
        properties = question.question_type_properties
        for choices in (properties.single_select, properties.numeric):
            if choices and choices.automation:
                self._lost(
                    LossKind.AUTOMATION,
                    place,
                    _answered_by(choices.automation),
                    "set scorer: to have it answered here",
                )
        if question.metric_configuration:
            self._lost_setting(place, "a business outcome metric")
        if question.scoring_configuration.score_thresholds:
            self._lost_thresholds(place)

    def _note_settings(self) -> None:
        form = self._form
        place = _Place("form", form.title)
        if form.auto_evaluation_configuration.enabled:
            self._lost_setting(place, "evaluations submitted without a person")
        if form.review_configuration:
            self._lost_setting(place, "reviews of evaluations on request")
        if form.scoring_strategy and form.scoring_strategy.score_thresholds:
            self._lost_thresholds(place)

    def _lost_thresholds(self, place: _Place) -> None:
        self._lost_setting(place, "thresholds of performance categories")

    def _lost_setting(self, place: _Place, what: str) -> None:
        self._lost(LossKind.SETTINGS, place, what, "a scorecard does not say this; it is dropped")

    def _lost(self, kind: LossKind, place: _Place, what: str, advice: str) -> None:
        self._losses.add(kind, place.path, what, advice, title=place.title)


def _option(option: AnswerOption, *, fails: bool) -> Option:
    score = score_of(option)
    if option.min_value is None or option.max_value is None:
        return Option(text=plain(option.text), ref=plain(option.ref_id), score=score, fails=fails)
    low, high = f"{option.min_value:.15g}", f"{option.max_value:.15g}"
    return Option(text=f"{low} to {high}", ref=f"{low}..{high}", score=score, fails=fails)


def _answered_by(automation: Automation) -> str:
    source = automation.answer_source.source_type if automation.answer_source else ""
    return f"answered by {source or 'contact categories and metrics'} there"
