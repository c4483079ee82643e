"""What the filters of the queue offer to choose from, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from autoqa.evaluation.wording import Say
from autoqa.review.filters import ME, NOBODY, STATES
from autoqa.review.flags import REASONS
from autoqa.review.queue import SORTS, Choices
from autoqa.review.web.labels import later

Options = list[tuple[str, str]]
"""Pairs of a value and the text that is shown for it."""

STATE_NAMES: Mapping[str, str] = {
    "open": later("to review"),
    "mine": later("held by me"),
    "claimed": later("under review"),
    "done": later("reviewed"),
    "all": later("any"),
}
SORT_NAMES: Mapping[str, str] = {
    "priority": later("most urgent first"),
    "newest": later("newest first"),
    "oldest": later("oldest first"),
    "due": later("soonest due first"),
}


def filter_options(choices: Choices, say: Say) -> dict[str, Options]:
    """Return the options of each filter, and of the order."""
    every = ("", say("any"))
    people = [(one.name, one.shown_as) for one in choices.people]
    # The reasons as they are named, then those of a run's own.
    reasons = [*REASONS, *(one for one in choices.reasons if one not in REASONS)]
    return {
        "reason": [every, *((one, say(REASONS.get(one, one))) for one in reasons)],
        "team": [every, *_same(choices.teams)],
        "channel": [every, *((one, say(one)) for one in choices.channels)],
        "language": [every, *_same(choices.languages)],
        "criterion": [every, *choices.criteria.items()],
        "assigned": [every, (ME, say("me")), (NOBODY, say("nobody")), *people],
        "state": [(one, say(STATE_NAMES[one])) for one in STATES],
        "sort": [(one, say(SORT_NAMES[one])) for one in SORTS],
        "to": [("", say("nobody")), *((str(one.user_id), one.shown_as) for one in choices.people)],
    }


def _same(values: Iterable[str]) -> Options:
    return [(value, value) for value in values]
