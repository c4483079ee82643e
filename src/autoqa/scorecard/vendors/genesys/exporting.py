"""Genesys Cloud evaluation forms out."""

from __future__ import annotations

from typing import Any

from autoqa.records import Speaker
from autoqa.scorecard.schema import Criterion, Scorecard, Section
from autoqa.scorecard.vendors.losses import Losses, LossKind
from autoqa.scorecard.vendors.naming import VendorIds, vendor_ids
from autoqa.scorecard.vendors.writing import (
    check_size,
    cut,
    instructions,
    language_code,
    lost_condition,
    lost_speaker,
    note_losses,
    whole_numbers,
)

_QUESTIONS, _NAME, _QUESTION = 200, 250, 500  # limits of a form: questions, characters
_POINTS = 1000  # most points that one answer is given
_DIALECTS = (
    "en-US ar cs da de es fi fr fr-CA he hi it ja ko nl no pl pt-BR pt-PT ru sv th tr uk zh-CN "
    "zh-TW"
)


def write_genesys(card: Scorecard, losses: Losses) -> dict[str, Any]:
    """Return an evaluation form that is not published.

    Points of answers are whole numbers, which the weight of the group brings to their share of the
    total.
    """
    check_size(card, "Genesys Cloud", most=_QUESTIONS)
    note_losses(card, losses)
    if card.description.strip():
        losses.add(
            LossKind.TEXTS,
            card.id,
            "a form has no description there",
            "it is left out; hand it to raters in another way",
        )
    ids = vendor_ids(card)
    sections = [section for section in card.sections if section.criteria]
    points = [_points(section, losses) for section in sections]
    units = [unit for _, unit in points]
    weights = whole_numbers(units, most=_POINTS) or units
    form: dict[str, Any] = {
        "name": cut(card.title or card.id, _NAME, card.id, "title", losses),
        "published": False,
        "questionGroups": [
            {
                "id": ids.sections[section.id],
                "name": cut(section.title or section.id, _NAME, section.id, "title", losses),
                "naEnabled": False,
                "weight": weight,
                "manualWeight": True,
                "questions": [
                    _question(criterion, values[criterion.id], ids, losses)
                    for criterion in section.criteria
                ],
            }
            for section, (values, _), weight in zip(sections, points, weights, strict=True)
        ],
    }
    dialect = language_code(card, _DIALECTS, losses)
    return form | ({"dialect": dialect} if dialect else {})


def _points(section: Section, losses: Losses) -> tuple[dict[str, dict[int, int]], float]:
    """Points of every answer by criterion and level, and what one point of this group weighs."""
    counts = any(criterion.weight for criterion in section.criteria)
    worth = {
        (criterion.id, number): (criterion.weight if counts else 1.0) * criterion.points(number)
        for criterion in section.criteria
        for number in criterion.scale
    }
    largest = max(worth.values())
    whole = whole_numbers(worth.values(), most=_POINTS)
    if whole is None:
        whole = [round(value / largest * _POINTS) for value in worth.values()]
        losses.add(
            LossKind.POINTS,
            section.id,
            "weights and points are in no simple proportion",
            f"points are whole numbers there, so they are rounded to 1/{_POINTS} of the largest",
        )
    values: dict[str, dict[int, int]] = {criterion.id: {} for criterion in section.criteria}
    for (name, number), value in zip(worth, whole, strict=True):
        values[name][number] = value
    for criterion in section.criteria:
        if counts and not criterion.weight:
            losses.add(
                LossKind.POINTS,
                criterion.id,
                "has no weight, so all of its answers are worth 0 points",
                "what its levels earn is not kept",
            )
    return values, largest / max(whole) if counts and max(whole) else 0.0


def _question(
    criterion: Criterion, values: dict[int, int], ids: VendorIds, losses: Losses
) -> dict[str, Any]:
    _note(criterion, losses)
    if criterion.critical is True and values[criterion.scale[0]] == max(values.values()):
        losses.add(
            LossKind.CRITICAL,
            criterion.id,
            "critical, but all of its answers are worth the same points",
            "no answer fails there; give it a weight, or a section of its own",
        )
    return {
        "id": ids.questions[criterion.id],
        "type": "multipleChoiceQuestion",
        "text": cut(criterion.question, _QUESTION, criterion.id, "question", losses),
        "helpText": instructions(criterion, losses),
        "naEnabled": criterion.not_applicable,
        "commentsRequired": False,
        "isKill": criterion.critical is True,
        "isCritical": bool(criterion.critical),
        "answerOptions": [
            {
                "id": ids.options[criterion.id, number],
                "text": criterion.levels[number].label,
                "value": values[number],
            }
            for number in reversed(criterion.scale)
        ],
    }


def _note(criterion: Criterion, losses: Losses) -> None:
    middle = [n for n in criterion.scale[:-1] if criterion.points(n) > 0]
    if criterion.critical == "section":
        losses.add(
            LossKind.CRITICAL,
            criterion.id,
            "critical for its section",
            "groups do not fail there, so it only counts in the critical score",
        )
    elif criterion.critical and (middle or len(criterion.scale) > 2):
        losses.add(
            LossKind.CRITICAL,
            criterion.id,
            "critical, with more levels than yes and no",
            "there every answer but the best fails, and some consoles want yes or no; ask for one "
            "thing that was done or not",
        )
    if criterion.applies_when is not None:
        lost_condition(criterion, losses)
    if criterion.speaker is not Speaker.AGENT:
        lost_speaker(criterion, losses)
