"""The texts of a scorecard in another language; structure, weights and rules stay in one file."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, field_validator

from autoqa.errors import near_miss
from autoqa.scorecard.problems import Problem
from autoqa.scorecard.schema import Criterion, Level, Scorecard


class _Texts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LevelTexts(_Texts):
    """Label and description of one level. ``2: clearly`` is short for ``2: {label: clearly}``."""

    label: str
    description: str = ""


class CriterionTexts(_Texts):
    """The texts of one criterion."""

    question: str
    guidance: str = ""
    levels: dict[int, LevelTexts]

    @field_validator("levels", mode="before")
    @classmethod
    def _short_levels(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {
            key: level if isinstance(level, dict | LevelTexts) else {"label": level}
            for key, level in value.items()
        }


class Translation(_Texts):
    """An overlay file: every text of the scorecard it names, and nothing else.

    ``version`` is the version of the scorecard whose texts were translated.
    """

    translates: str
    version: int
    language: str
    title: str = ""
    description: str = ""
    sections: dict[str, str]
    criteria: dict[str, CriterionTexts]


def translation_problems(texts: Translation, card: Scorecard) -> list[Problem]:
    """What is missing from a translation, or is not in the scorecard that it translates."""
    problems = []
    if texts.version != card.version:
        problems.append(
            Problem(
                "stale_translation",
                "version",
                f"translates version {texts.version}, but {card.id} is at version {card.version}; "
                "bring the texts up to date, then set the version",
            )
        )
    problems += _missing(
        ("title", card.title, texts.title), ("description", card.description, texts.description)
    )
    problems += _unknown("sections", texts.sections, (section.id for section in card.sections))
    problems += _unknown("criteria", texts.criteria, (c.id for c in card.criteria))
    for section in card.sections:
        problems += _missing(
            (f"sections.{section.id}", section.title, texts.sections.get(section.id, ""))
        )
    for criterion in card.criteria:
        problems += _criterion_problems(texts.criteria.get(criterion.id), criterion)
    return problems


def translate(card: Scorecard, texts: Translation) -> Scorecard:
    """Return the scorecard with its texts replaced; `translation_problems` must be empty."""
    sections = tuple(
        section.model_copy(
            update={
                "title": texts.sections.get(section.id, ""),
                "criteria": tuple(
                    _translated(criterion, texts.criteria[criterion.id])
                    for criterion in section.criteria
                ),
            }
        )
        for section in card.sections
    )
    # Not model_copy: it would carry the cached criteria and hash of the original along.
    return Scorecard(
        id=card.id,
        version=card.version,
        language=texts.language,
        title=texts.title,
        description=texts.description,
        sections=sections,
    )


def _translated(criterion: Criterion, texts: CriterionTexts) -> Criterion:
    levels = {
        number: Level(
            label=texts.levels[number].label,
            description=texts.levels[number].description,
            points=level.points,
        )
        for number, level in criterion.levels.items()
    }
    return criterion.model_copy(
        update={"question": texts.question, "guidance": texts.guidance, "levels": levels}
    )


def _criterion_problems(texts: CriterionTexts | None, criterion: Criterion) -> list[Problem]:
    where = f"criteria.{criterion.id}"
    if texts is None:
        return _missing((where, criterion.question, ""))
    problems = _missing(
        (f"{where}.question", criterion.question, texts.question),
        (f"{where}.guidance", criterion.guidance, texts.guidance),
    )
    problems += _unknown(f"{where}.levels", map(str, texts.levels), map(str, criterion.levels))
    for number, level in criterion.levels.items():
        said = texts.levels.get(number, LevelTexts(label=""))
        at = f"{where}.levels.{number}"
        problems += _missing(
            (f"{at}.label", level.label, said.label),
            (f"{at}.description", level.description, said.description),
        )
    return problems


def _missing(*texts: tuple[str, str, str]) -> list[Problem]:
    return [
        Problem("missing_translation", where, f"missing; translate '{original.strip()}'")
        for where, original, translated in texts
        if original.strip() and not translated.strip()
    ]


def _unknown(where: str, found: Iterable[str], known: Iterable[str]) -> list[Problem]:
    names = list(known)
    return [
        Problem(
            "unknown_key",
            f"{where}.{name}",
            f"not in the scorecard that this file translates.{near_miss(name, names)}",
        )
        for name in found
        if name not in names
    ]
