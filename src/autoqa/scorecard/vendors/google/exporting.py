"""Google QaScorecard revisions out."""

from __future__ import annotations

from typing import Any

from autoqa.records import Speaker
from autoqa.scorecard.schema import Criterion, Scorecard
from autoqa.scorecard.vendors.losses import Losses, LossKind
from autoqa.scorecard.vendors.naming import VendorIds, distinct, vendor_ids
from autoqa.scorecard.vendors.writing import (
    check_size,
    instructions,
    lost_condition,
    lost_language,
    lost_speaker,
    note_losses,
)

_MOST = 1000  # questions; Google states no limit, a scorecard beyond this is a mistake


def google_ids(card: Scorecard) -> VendorIds:
    """Return the ids that a card's parts have in a revision; a section is a tag."""
    ids = vendor_ids(card)
    tags = distinct((section.id, section.ref or section.title) for section in card.sections)
    return VendorIds(
        sections=dict(zip((section.id for section in card.sections), tags, strict=True)),
        questions=ids.questions,
        options=ids.options,
    )


def write_google(card: Scorecard, losses: Losses) -> dict[str, Any]:
    """Return a revision with its questions.

    A question's highest score is its weight, which is how Google weighs questions.
    """
    check_size(card, "Google", most=_MOST)
    note_losses(card, losses)
    if card.language.split("-")[0].casefold() != "en":
        lost_language(card, losses)
    ids = google_ids(card)
    questions: list[dict[str, Any]] = []
    for section in card.sections:
        for criterion in section.criteria:
            _note(criterion, losses)
            question = _question(criterion, ids, losses)
            question |= {"tags": [ids.sections[section.id]], "order": len(questions) + 1}
            questions.append(question)
    return {
        "snapshot": {"displayName": card.title or card.id, "description": card.description},
        "qaQuestions": questions,
    }


def _question(criterion: Criterion, ids: VendorIds, losses: Losses) -> dict[str, Any]:
    choices: list[dict[str, Any]] = [
        {
            "key": ids.options[criterion.id, number],
            "strValue": criterion.levels[number].label,
            "score": criterion.weight * criterion.points(number),
        }
        for number in reversed(criterion.scale)
    ]
    if criterion.not_applicable:
        choices.append({"key": "na", "naValue": True})
    return {
        "name": ids.questions[criterion.id],
        "abbreviation": criterion.id.replace("_", " "),
        "questionBody": criterion.question,
        "answerInstructions": instructions(criterion, losses),
        "answerChoices": choices,
    }


def _note(criterion: Criterion, losses: Losses) -> None:
    if criterion.critical:
        what = "its section" if criterion.critical == "section" else "the evaluation"
        losses.add(
            LossKind.CRITICAL,
            criterion.id,
            f"critical: a fail fails {what}",
            "there it costs only its points; check failed answers in the results",
        )
    if not criterion.weight:
        losses.add(
            LossKind.POINTS,
            criterion.id,
            "has no weight, so all of its answers score 0",
            "what its levels earn is not kept",
        )
    if criterion.applies_when is not None:
        lost_condition(criterion, losses)
    if criterion.speaker is not Speaker.AGENT:
        lost_speaker(criterion, losses)
