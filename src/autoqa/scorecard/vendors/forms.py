"""What the forms of all vendors have in common, and the scorecard that it makes.

A vendor's module reads its own format into these; ids, the order of levels, points and weights are
worked out here, once for all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from autoqa.errors import ScorecardError
from autoqa.records import Speaker
from autoqa.scorecard.schema import Condition, Criterion, Level, Scorecard, Section
from autoqa.scorecard.vendors.losses import Losses, LossKind
from autoqa.scorecard.vendors.naming import Namer, slug

# A level of a critical criterion fails where it earns nothing, so an answer that earns nothing and
# does not fail is given a share that no total shows.
BARELY = 1e-9
_EXACT = 1e-12
_WHOLE = re.compile(r"-?\d{1,6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One answer of a question."""

    text: str
    ref: str
    score: float | None  # None where the form gives it none
    fails: bool = False  # the question fails what it is critical for


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question that is answered by choosing."""

    text: str
    ref: str
    place: str  # path in the file
    options: Sequence[Option]
    weight: float  # share of the form's total, in any unit that all questions have in common
    short: str = ""  # a shorter text, better for an id
    guidance: str = ""
    potential: float | None = None  # what the best answer earns; the highest score by default
    critical: bool | Literal["section"] = False
    not_applicable: bool = True
    applies_when: Condition | None = None
    speaker: Speaker = Speaker.AGENT


@dataclass(slots=True, kw_only=True)
class FormSection:
    """Questions under one heading."""

    title: str
    ref: str
    questions: list[Question] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form as far as a scorecard can say it."""

    title: str
    sections: Sequence[FormSection]
    description: str = ""
    language: str = "en"
    version: int = 1


def scorecard_of(form: Form, losses: Losses, *, name: str) -> Scorecard:
    """Return the scorecard that a form makes; `name` stands for the file in messages.

    Levels come in the order of what they earn, numbered as their labels say or from 0; weights
    sum to 100.

    Raises
    ------
    ScorecardError
        If no question of the form is answered by choosing from a scale.
    """
    kept = [q for section in form.sections for q in section.questions if _is_scale(q, losses)]
    if not kept:
        raise ScorecardError(
            f"{name}: no question with two or more answers to choose from; nothing to import"
        )
    weights = dict(zip(map(id, kept), _weights(kept, losses), strict=True))
    criterion_ids, section_ids = Namer("q"), Namer("s")
    seen: set[str] = set()
    sections = []
    for section in form.sections:
        criteria = tuple(
            _criterion(q, weights[id(q)], criterion_ids, seen, losses)
            for q in section.questions
            if id(q) in weights
        )
        if criteria:
            sections.append(
                Section(
                    id=section_ids.name(section.ref, section.title),
                    title=section.title,
                    ref=section.ref,
                    criteria=criteria,
                )
            )
    return Scorecard(
        id=slug(form.title, joined_by="-") or "scorecard",
        version=form.version,
        language=form.language,
        title=form.title,
        description=form.description,
        sections=tuple(sections),
    )


def _is_scale(question: Question, losses: Losses) -> bool:
    if len(question.options) > 1:
        return True
    losses.add(
        LossKind.LEFT_OUT,
        question.place,
        "fewer than two answers to choose from",
        "the question is left out; a scale needs at least two levels",
        title=question.text,
    )
    return False


def _weights(questions: Sequence[Question], losses: Losses) -> list[float]:
    """Weights that sum to 100; those of the form where it has any."""
    scored = [_best(q) > 0 for q in questions]
    weights = [q.weight if counts else 0.0 for q, counts in zip(questions, scored, strict=True)]
    for question, counts in zip(questions, scored, strict=True):
        if question.weight and not counts:
            losses.add(
                LossKind.WEIGHTS,
                question.place,
                f"weighs {question.weight:g}, but no answer earns points",
                "it does not count here; give its levels points and a weight",
                title=question.text,
            )
    total = math.fsum(weights)
    if not total:
        losses.add(
            LossKind.WEIGHTS,
            "form",
            "the form gives its questions no weight, so it gives no score",
            "all questions count alike here; set the weights that you want",
        )
        weights = [1.0 if counts or not any(scored) else 0.0 for counts in scored]
        total = math.fsum(weights)
    if abs(total - 100) < _EXACT:
        return weights
    return [round(100 * weight / total, 10) for weight in weights]


def _criterion(
    question: Question, weight: float, ids: Namer, seen: set[str], losses: Losses
) -> Criterion:
    ref = question.ref
    if ref and ref in seen:
        losses.add(
            LossKind.IDS,
            question.place,
            f"another question has the id '{ref}', too",
            "answers in evaluations are taken as answers to the first; give each its own id",
            title=question.text,
        )
        ref = ""
    seen.add(ref)
    guidance, descriptions = _described(question)
    return Criterion(
        id=ids.name(question.ref, question.short, question.text),
        question=question.text,
        guidance=guidance,
        levels=_levels(question, descriptions, losses),
        weight=weight,
        critical=question.critical,
        not_applicable=question.not_applicable or question.applies_when is not None,
        applies_when=question.applies_when,
        speaker=question.speaker,
        ref=ref,
    )


def _described(question: Question) -> tuple[str, dict[str, str]]:
    """Guidance, and what its last lines say of answers: ``Yes: The name is given.``."""
    lines = question.guidance.split("\n")
    labels = {option.text for option in question.options if option.text}
    described: dict[str, str] = {}
    while lines:
        said = [label for label in labels - set(described) if lines[-1].startswith(f"{label}: ")]
        if not said:
            break
        label = max(said, key=len)
        described[label] = lines.pop().removeprefix(f"{label}: ").strip()
    return "\n".join(lines).strip(), described


def _levels(
    question: Question, descriptions: Mapping[str, str], losses: Losses
) -> dict[int, Level]:
    earned = [_points(question, option, losses) for option in question.options]
    order = list(range(len(earned)))
    # Forms list the best answer first or last; answers worth the same keep that direction.
    if earned[0] >= earned[-1]:
        order.reverse()
    order.sort(key=lambda i: (not question.options[i].fails, earned[i]))
    options = [question.options[i] for i in order]
    numbers = level_numbers([option.text for option in options])
    points = [earned[i] for i in order]
    span = numbers[-1] - numbers[0]
    spaced = [(number - numbers[0]) / span for number in numbers]
    stated = any(abs(a - b) > _EXACT for a, b in zip(points, spaced, strict=True))
    if _best(question) <= 0 and not any(option.fails for option in options):
        stated = False
    return {
        number: Level(
            label=option.text,
            description=descriptions.get(option.text, ""),
            ref=option.ref,
            points=share if stated else None,
        )
        for number, option, share in zip(numbers, options, points, strict=True)
    }


def level_numbers(labels: Sequence[str]) -> list[int]:
    """Return the numbers of levels, lowest first: what the labels say, or 0, 1, 2 ..."""
    if all(_WHOLE.fullmatch(label) for label in labels):
        numbers = [int(label) for label in labels]
        if numbers == sorted(set(numbers)):
            return numbers
    return list(range(len(labels)))


def _points(question: Question, option: Option, losses: Losses) -> float:
    """Share of the weight that an answer earns."""
    best = _best(question)
    score = option.score or 0.0
    share = score / best if best > 0 else 1.0
    if not 0 <= share <= 1:
        losses.add(
            LossKind.POINTS,
            question.place,
            f"answer '{option.text}' earns {score:g} of {best:g} points",
            "a level earns between nothing and its whole weight here, so it is held to that",
            title=question.text,
        )
        share = min(1.0, max(0.0, share))
    if not question.critical:
        return share
    if option.fails:
        if score > 0:
            losses.add(
                LossKind.POINTS,
                question.place,
                f"answer '{option.text}' fails and earns {score:g} points",
                "a level that fails earns nothing here; totals are the same",
                title=question.text,
            )
        return 0.0
    if share < BARELY:
        losses.add(
            LossKind.CRITICAL,
            question.place,
            f"answer '{option.text}' earns no points, but does not fail",
            "here a critical criterion fails where a level earns nothing, so this one earns a "
            f"billionth ({BARELY:g}); totals are the same",
            title=question.text,
        )
        return BARELY
    return share


def _best(question: Question) -> float:
    """What the best answer earns; 0 where no answer earns anything."""
    if question.potential is not None and question.potential > 0:
        return question.potential
    return max((option.score or 0.0 for option in question.options), default=0.0)
