"""What writing a scorecard as a vendor's form takes, whoever the vendor is."""

from __future__ import annotations

import math
from collections.abc import Iterable

from autoqa.errors import ScorecardError
from autoqa.scorecard.schema import Condition, Criterion, Scorecard
from autoqa.scorecard.vendors.losses import Losses, LossKind

_NEAR = 1e-7  # relative; what counts as a whole number of points


def check_size(card: Scorecard, vendor: str, *, most: int) -> None:
    """Raise ScorecardError unless the card has a question, and no more than a form may have."""
    if not card.criteria:
        raise ScorecardError(f"{card.id}: no criteria; add a section with at least one")
    for parts, count in (("questions", len(card.criteria)), ("sections", len(card.sections))):
        if count > most:
            raise ScorecardError(
                f"{card.id}: {count} {parts}, but a form of {vendor} takes {most}; "
                "split the scorecard"
            )


def note_losses(card: Scorecard, losses: Losses) -> None:
    """Report what no form of any vendor says."""
    if card.version != 1:
        losses.add(
            LossKind.IDS,
            card.id,
            f"version {card.version}",
            "forms are numbered where they are used; note which version of yours it is",
        )
    if not math.fsum(criterion.weight for criterion in card.criteria):
        losses.add(
            LossKind.WEIGHTS, card.id, "weights sum to 0", "the form gives no score; set weights"
        )
    for section in card.sections:
        if not section.criteria:
            losses.add(LossKind.LEFT_OUT, section.id, "has no criteria", "the section is left out")
    for criterion in card.criteria:
        if criterion.scorer is not None:
            losses.add(
                LossKind.AUTOMATION,
                criterion.id,
                f"answered by the scorer '{criterion.scorer.use}' here",
                "the form says nothing of it; people answer there, or an automation set up there",
            )
        if criterion.unit == "turn":
            losses.add(
                LossKind.RATED,
                criterion.id,
                "rated turn by turn here",
                "there it has one answer for the whole conversation",
            )
        best = criterion.points(criterion.scale[-1])
        if criterion.weight and best < 1:
            losses.add(
                LossKind.POINTS,
                criterion.id,
                f"the best level earns {best:g} of the weight",
                "there the best answer earns all that a question is worth, so totals differ",
            )


def lost_condition(criterion: Criterion, losses: Losses) -> None:
    """Report a condition that the form does not say."""
    said = (criterion.applies_when or Condition()).model_dump(mode="json", exclude_defaults=True)
    losses.add(
        LossKind.CONDITIONS,
        criterion.id,
        f"asked on a condition ({', '.join(f'{key}: {value}' for key, value in said.items())})",
        "there it is always asked; say in its instructions when N/A is right",
    )


def lost_speaker(criterion: Criterion, losses: Losses) -> None:
    """Report that the form does not say whose words are judged."""
    losses.add(
        LossKind.RATED,
        criterion.id,
        f"judges the words of the {criterion.speaker}",
        "the form does not say whose words count; the question has to",
    )


def instructions(criterion: Criterion, losses: Losses, *, most: int | None = None) -> str:
    """Return the guidance of a criterion with the descriptions of its levels, cut to `most`."""
    guidance = criterion.guidance.strip()
    described = [
        f"{level.label}: {' '.join(level.description.split())}"
        for level in criterion.levels.values()
        if level.description.strip()
    ]
    if not described:
        return cut(guidance, most or len(guidance), criterion.id, "guidance", losses)
    text = "\n".join([*([guidance] if guidance else []), *described])
    if most is not None and len(text) > most:
        losses.add(
            LossKind.TEXTS,
            criterion.id,
            f"descriptions of levels, which do not fit into instructions of {most} characters",
            "they are left out; shorten them, or hand them to raters in another way",
        )
        return cut(guidance, most, criterion.id, "guidance", losses)
    losses.add(
        LossKind.TEXTS,
        criterion.id,
        "answers have no descriptions there",
        "they are put at the end of the question's instructions",
    )
    return text


def cut(text: str, most: int, place: str, what: str, losses: Losses) -> str:
    """Return a text of at most `most` characters."""
    if len(text) <= most:
        return text
    losses.add(
        LossKind.TEXTS,
        place,
        f"{what} of {len(text)} characters, where {most} fit",
        "it is cut; shorten it",
    )
    return text[: most - 1].rstrip() + "…"


def language_code(card: Scorecard, offered: str, losses: Losses) -> str:
    """Return the vendor's tag for the language of a card, of those offered, or nothing."""
    wanted = card.language.replace("_", "-").casefold()
    for tag in offered.split():
        if tag.casefold() == wanted:
            return tag
    primary = wanted.split("-")[0]
    for tag in offered.split():
        if tag.casefold().split("-")[0] == primary:
            return tag
    lost_language(card, losses)
    return ""


def lost_language(card: Scorecard, losses: Losses) -> None:
    """Report that the form does not say its language."""
    losses.add(
        LossKind.LANGUAGES,
        card.id,
        f"written in '{card.language}'",
        "the form does not say so; choose the language where it is used",
    )


def whole_numbers(values: Iterable[float], *, most: int) -> list[int] | None:
    """Return the smallest whole numbers in the same proportion, the largest at most `most`."""
    given = list(values)
    positive = [value for value in given if value > _NEAR * max(given)]
    if not positive:
        return [0] * len(given)
    unit = min(positive)
    for parts in range(1, most + 1):
        counts = [value / unit * parts for value in given]
        if max(counts) > most + 0.5:
            return None
        if all(abs(count - round(count)) <= _NEAR * max(count, 1.0) for count in counts):
            return [round(count) for count in counts]
    return None
