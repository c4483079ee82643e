"""The people behind the ratings: may the model stand in for one, and do they rate alike?"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from autoqa.errors import DataError, ScaleError
from autoqa.evaluation.raters import (
    RaterReport,
    Replacement,
    ReplacementVerdict,
    rater_report,
    replacement_test,
)
from autoqa.evaluation.study.data import Found, StudyData
from autoqa.records import CSAT, Rating

_POSITION = re.compile(
    r"(first|second|third|fourth|fifth|unknown|aggregate|(pos|position|slot)[ _-]?\d+)",
    re.IGNORECASE,
)


def is_position(rater: str) -> bool:
    """Whether a rater's name says who came first or second, not who it was."""
    return _POSITION.fullmatch(rater.strip()) is not None


def replacement(data: StudyData) -> Found:
    """Test criterion by criterion whether the model may stand in for a person."""
    _refuse_without_persons(data)
    machine, people = _by_criterion(data.automated), _by_criterion(data.human)
    found: dict[str, Replacement] = {}
    caveats = []
    for name in data.levels:
        try:
            found[name] = replacement_test(
                people[name], machine[name], criterion=name, **data.resampling
            )
        except (DataError, ScaleError) as error:
            caveats.append(f"{name}: not tested. {error}")
    if all(one.verdict is ReplacementVerdict.NOT_ENOUGH_DATA for one in found.values()):
        raise DataError(_why_no_replacement(found, caveats))
    return Found({"replacement": found}, caveats)


def raters(data: StudyData) -> Found:
    """Describe how each person rates, criterion by criterion."""
    _refuse_without_persons(data)
    people = _by_criterion(data.human)
    twice = [
        name
        for name, items in data.by_people.items()
        if name != CSAT and any(len(by_rater) > 1 for by_rater in items.values())
    ]
    if not twice:
        raise DataError(
            "No conversation was rated by two people, so severity cannot be told from luck with "
            "the conversations. Have two people rate some of the same conversations."
        )
    order = {name: i for i, name in enumerate(data.levels)}
    found: dict[str, RaterReport] = {}
    caveats = []
    if data.dates:
        caveats.append(
            "Ratings carry no time of their own: drift is over the time of the conversations."
        )
    for name in sorted(twice, key=lambda one: (order.get(one, len(order)), one)):
        try:
            found[name] = rater_report(
                people[name],
                criterion=name,
                levels=data.levels.get(name),
                when=(lambda rating: data.dates.get(rating.conversation_id))
                if data.dates
                else None,
                **data.resampling,
            )
        except (DataError, ScaleError) as error:
            caveats.append(f"{name}: not described. {error}")
    if not found:
        raise DataError(" ".join(caveats))
    return Found({"raters": found}, caveats)


def _refuse_without_persons(data: StudyData) -> None:
    names = sorted({rating.rater for rating in data.human if rating.criterion != CSAT})
    if not names:
        raise DataError("There are no human ratings. Bring reviews that name who rated.")
    if all(map(is_position, names)):
        raise DataError(
            f"Raters are known by position only ({', '.join(names[:5])}), which is not who they "
            "are. Bring ratings that name the rater, or give each a code of their own."
        )
    if len(names) < 2:
        raise DataError(
            f"All human ratings are by one person ({names[0]}). Have a second person rate some of "
            "the same conversations."
        )


def _why_no_replacement(found: dict[str, Replacement], caveats: list[str]) -> str:
    if not found:
        said = " ".join(caveats) or "No criterion was rated by the model and by people."
        return f"{said} Have three people and the model rate the same conversations."
    _, best = max(found.items(), key=lambda pair: (len(pair[1].raters), pair[0]))
    return f"{best.reason} Have three people or more rate the same 30 conversations or more."


def _by_criterion(ratings: Iterable[Rating]) -> dict[str, list[Rating]]:
    grouped: dict[str, list[Rating]] = defaultdict(list)
    for rating in ratings:
        grouped[rating.criterion].append(rating)
    return grouped
