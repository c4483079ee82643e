"""What questions and answers of an Amazon Connect form count."""

from __future__ import annotations

from autoqa.scorecard.vendors.connect.keys import (
    AnswerOption,
    ConnectForm,
    ConnectQuestion,
    ConnectSection,
    Item,
)

Chain = tuple[ConnectSection, ...]
"""The sections around a question, outermost first."""


def section_shares(form: ConnectForm) -> dict[int, float]:
    """Weights of questions, by identity, where only sections have weights.

    The weight of a section is shared evenly by its scored questions. A section inside it takes its
    own weight out of that, where it has one.
    """
    shares: dict[int, float] = {}

    def share_out(section: ConnectSection, around: Chain) -> None:
        chain = (*around, section)
        rest = section.weight or 0.0
        sharing: list[ConnectQuestion] = []

        def collect(items: list[Item], chain: Chain) -> None:
            nonlocal rest
            for item in items:
                if item.section and item.section.weight is not None:
                    rest -= item.section.weight
                    share_out(item.section, chain)
                elif item.section:
                    collect(item.section.items, (*chain, item.section))
                elif (
                    item.question and is_counted(item.question, chain) and _is_scored(item.question)
                ):
                    sharing.append(item.question)

        collect(section.items, chain)
        for question in sharing:
            shares[id(question)] = max(0.0, rest) / len(sharing)

    for item in form.items:
        if item.section:
            share_out(item.section, ())
    return shares


def is_counted(question: ConnectQuestion, chain: Chain) -> bool:
    """Whether neither the question nor a section around it is excluded from scoring."""
    excluded = any(section.is_excluded_from_scoring for section in chain)
    return not (excluded or question.scoring_configuration.is_excluded_from_scoring)


def score_of(option: AnswerOption) -> float | None:
    """What an answer earns; a form has scores or points, never both."""
    points = option.points_configuration
    return option.score if points is None or points.point_value is None else points.point_value


def best_score(options: list[AnswerOption]) -> float:
    """What the best answer earns; a bonus comes on top."""
    return max((score_of(o) or 0.0 for o in options if not _is_bonus(o)), default=0.0)


def _is_scored(question: ConnectQuestion) -> bool:
    properties = question.question_type_properties
    chosen = (properties.single_select, properties.numeric, properties.multi_select)
    return any(option.score for choices in chosen if choices for option in choices.options)


def _is_bonus(option: AnswerOption) -> bool:
    return bool(option.points_configuration and option.points_configuration.is_bonus)
