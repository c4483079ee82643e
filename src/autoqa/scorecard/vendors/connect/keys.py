"""The keys of an Amazon Connect evaluation form that a scorecard can use, or must report."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from autoqa.scorecard.vendors.files import Number, PascalPart, Weight


class PointsConfiguration(PascalPart):
    """Points of an answer (``PointValue``) or of a question, and whether they are a bonus."""

    point_value: Number | None = None
    max_point_value: Number | None = None
    is_bonus: bool = False


class AutomaticFail(PascalPart):
    """What an answer that fails takes with it; the whole form without a section."""

    target_section: str = ""


class AnswerOption(PascalPart):
    """An answer of a single select question, or a range of a numeric one."""

    ref_id: str = ""
    text: str = ""
    min_value: Number | None = None
    max_value: Number | None = None
    score: Number | None = None
    automatic_fail: bool = False
    automatic_fail_configuration: AutomaticFail | None = None
    points_configuration: PointsConfiguration | None = None

    @property
    def fails(self) -> bool:
        """Whether choosing it fails the form or one of its sections."""
        return self.automatic_fail or bool(self.target)

    @property
    def target(self) -> str:
        """The section that fails, or nothing where the whole form does."""
        configured = self.automatic_fail_configuration
        return configured.target_section if configured else ""


class AnswerSource(PascalPart):
    """Who answers: CONTACT_LENS_DATA, GEN_AI or CONDITION."""

    source_type: str = ""


class Automation(PascalPart):
    """How answers are given without a person."""

    answer_source: AnswerSource | None = None
    options: list[Any] = Field(default_factory=list)
    property_value: dict[str, Any] = Field(default_factory=dict)


class Choices(PascalPart):
    """Properties of a single select question or of a numeric one."""

    options: list[AnswerOption] = Field(default_factory=list)
    automation: Automation | None = None


class QuestionProperties(PascalPart):
    """Properties of a question; one of them is given."""

    single_select: Choices | None = None
    numeric: Choices | None = None
    text: Choices | None = None
    multi_select: Choices | None = None


class ConditionSource(PascalPart):
    """Where a condition looks."""

    type: str = ""
    ref_id: str = ""
    contact_field: str = ""


class ConditionValue(PascalPart):
    """What a condition compares with."""

    type: str = ""
    ref_id: str = ""
    string_value: str = ""
    numeric_value: Number | None = None
    boolean_value: bool | None = None

    @property
    def said(self) -> str:
        """The value as text."""
        if self.numeric_value is not None:
            return f"{self.numeric_value:g}"
        return self.ref_id or self.string_value or str(self.boolean_value).lower()


class Expression(PascalPart):
    """One comparison."""

    source: ConditionSource = Field(default_factory=ConditionSource)
    values: list[ConditionValue] = Field(default_factory=list)
    comparator: str = ""


class Operand(PascalPart):
    """A comparison, or a condition of its own."""

    expression: Expression | None = None
    condition: EnablementCondition | None = None


class EnablementCondition(PascalPart):
    """Comparisons joined by AND or OR."""

    operands: list[Operand] = Field(default_factory=list)
    operator: str = "AND"


class Enablement(PascalPart):
    """When a question or section is asked."""

    condition: EnablementCondition = Field(default_factory=EnablementCondition)
    action: str = "ENABLE"
    default_action: str = ""


class ScoringConfiguration(PascalPart):
    """How a question counts."""

    points_configuration: PointsConfiguration | None = None
    is_excluded_from_scoring: bool = False
    score_thresholds: list[Any] = Field(default_factory=list)


class ConnectQuestion(PascalPart):
    """A question."""

    title: str
    ref_id: str
    question_type: str
    instructions: str = ""
    not_applicable_enabled: bool = False
    question_type_properties: QuestionProperties = Field(default_factory=QuestionProperties)
    enablement: Enablement | None = None
    weight: Weight | None = None
    scoring_configuration: ScoringConfiguration = Field(default_factory=ScoringConfiguration)
    metric_configuration: dict[str, Any] = Field(default_factory=dict)


class ConnectSection(PascalPart):
    """A section, of questions and of sections."""

    title: str
    ref_id: str
    items: list[Item]
    instructions: str = ""
    weight: Weight | None = None
    is_excluded_from_scoring: bool = False
    score_thresholds: list[Any] = Field(default_factory=list)
    enablement: Enablement | None = None


class Item(PascalPart):
    """A section or a question; one of them is given."""

    section: ConnectSection | None = None
    question: ConnectQuestion | None = None


class ScoringStrategy(PascalPart):
    """Whether and by what the form is scored: QUESTION_ONLY, SECTION_ONLY or POINTS_BASED."""

    mode: str = "QUESTION_ONLY"
    status: str = "ENABLED"
    score_thresholds: list[Any] = Field(default_factory=list)


class Target(PascalPart):
    """Whose words are judged: AGENT, AUTOMATED or CUSTOMER."""

    contact_interaction_type: str = "AGENT"


class Language(PascalPart):
    """The language of the form."""

    form_language: str = ""


class AutoEvaluation(PascalPart):
    """Whether evaluations are submitted without a person."""

    enabled: bool = False


class ConnectForm(PascalPart):
    """An evaluation form."""

    title: str
    items: list[Item]
    description: str = ""
    evaluation_form_version: int | None = Field(default=None, ge=1)
    scoring_strategy: ScoringStrategy | None = None
    target_configuration: Target = Field(default_factory=Target)
    language_configuration: Language = Field(default_factory=Language)
    auto_evaluation_configuration: AutoEvaluation = Field(default_factory=AutoEvaluation)
    review_configuration: dict[str, Any] = Field(default_factory=dict)


class DescribedForm(PascalPart):
    """A response of DescribeEvaluationForm."""

    evaluation_form: ConnectForm
