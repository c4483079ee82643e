"""Which criteria stand for which part of service quality, and which known field says what.

A scorecard does not say which of its criteria are soft skills or which one means "resolved", so
this is a convention over ids of criteria and sections, which a caller can replace part by part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from autoqa.errors import DataError, near_miss
from autoqa.evaluation.quality_ratings import is_quality
from autoqa.scorecard.schema import Scorecard


class Part(StrEnum):
    """A part of service quality that several criteria may measure."""

    SOFT_SKILLS = "soft_skills"
    RESOLUTION = "resolution"
    RELIABILITY = "reliability"
    COMPETENCE = "competence"
    DELIVERY = "delivery"
    SOLUTIONS = "solutions"


SERVICE_PARTS = (Part.RELIABILITY, Part.COMPETENCE, Part.DELIVERY, Part.SOLUTIONS)

# Ids of the library's scorecards first, then names that forms often use.
_CRITERIA: Mapping[Part, tuple[str, ...]] = {
    Part.SOFT_SKILLS: (
        "courtesy", "no_rudeness", "name_use", "acknowledgement", "listening", "personalisation",
        "empathy", "tone", "rapport", "politeness", "friendliness", "soft_skills",
    ),
    Part.RESOLUTION: ("answer", "result_reported", "resolved", "resolution", "procedure_outcome"),
    Part.RELIABILITY: (
        "identity_before_details", "disclosure", "no_card_read_back", "time_frame",
        "user_identified", "explicit_confirmation", "cost_stated", "limit_stated", "reliability",
    ),
    Part.COMPETENCE: (
        "identification", "listening", "recap", "request_understood", "no_off_policy_advice",
        "transfer_only_when_needed", "one_change_at_a_time", "competence", "knowledge",
    ),
    Part.DELIVERY: (
        "courtesy", "no_rudeness", "greeting", "name_use", "acknowledgement", "personalisation",
        "further_help", "closing", "delivery", "empathy", "tone", "politeness",
    ),
    Part.SOLUTIONS: (
        "answer", "next_steps", "result_reported", "solutions", "solution", "resolved",
        "resolution",
    ),
}  # fmt: skip
_SECTIONS: Mapping[Part, tuple[str, ...]] = {
    Part.SOFT_SKILLS: ("soft_skills", "soft"),
    **{part: (part.value,) for part in SERVICE_PARTS},
}

OUTCOME_RESOLVED = ("resolved", "resolution", "solved", "fcr", "first_contact_resolution")
OUTCOME_FAILURE = ("service_failure", "failure", "complaint")
OUTCOME_LOYALTY = ("loyalty", "nps", "recommend", "retained", "repurchased", "renewed")
OUTCOME_DISLOYALTY = ("churned", "cancelled", "left")
HANDLE_SECONDS = ("handle_s", "handle_time_s", "talk_time_s", "duration_s")
"""Names under which a conversation's outcome or attributes are looked up, first found first."""


def parts_of(
    criteria: Iterable[str],
    card: Scorecard | None = None,
    given: Mapping[str, Sequence[str]] | None = None,
) -> dict[Part, tuple[str, ...]]:
    """Return the criteria of each part, among those that were rated.

    Parameters
    ----------
    criteria : iterable of str
        Rated criteria; satisfaction is no part of quality.
    card : Scorecard, optional
        All criteria of a section named like a part belong to it.
    given : mapping of part to criteria, optional
        Replaces the convention for the parts that it names.

    Raises
    ------
    DataError
        If `given` names an unknown part, or a criterion that nobody rated.
    """
    rated = [name for name in dict.fromkeys(criteria) if is_quality(name)]
    found = {}
    for part in Part:
        known = {*_CRITERIA[part]}
        for section in card.sections if card else ():
            if section.id in _SECTIONS.get(part, ()):
                known |= {criterion.id for criterion in section.criteria}
        found[part] = tuple(name for name in rated if name in known)
    for name, chosen in (given or {}).items():
        if name not in list(Part):
            raise DataError(
                f"No part of service quality named '{name}'.{near_miss(name, list(Part))} "
                f"Known: {', '.join(Part)}."
            )
        for criterion in chosen:
            if criterion not in rated:
                raise DataError(
                    f"{name}: nobody rated a criterion '{criterion}'."
                    f"{near_miss(criterion, rated)} Rated: {', '.join(rated) or 'none'}."
                )
        found[Part(name)] = tuple(chosen)
    return found
