"""How predicted satisfaction went through a few conversations, and which words moved it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autoqa.errors import DataError
from autoqa.evaluation.study.data import Found, StudyData
from autoqa.privacy import redact
from autoqa.records import CSAT, Evidence, Rating, Status, Transcript

EXAMPLES = 2
"""Conversations shown of each kind."""

_LEAST_STEPS = 3  # customer turns, so that there is a course to follow


@dataclass(frozen=True, slots=True, kw_only=True)
class SatisfactionStep:
    """The prediction after one turn.

    Attributes
    ----------
    turn : int
        Position of the customer's turn, counted from 0.
    expected : float
        Expected satisfaction in units of its scale, from turns up to this one.
    speaker, text : str
        The turn, redacted.
    quote : tuple of int or None
        Characters [start, end) of the turn that moved the prediction most; None where no span of
        this turn is evidence.
    contribution : float
        In units of the scale.
    """

    turn: int
    expected: float
    speaker: str
    text: str
    quote: tuple[int, int] | None = None
    contribution: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SatisfactionPath:
    """Predicted satisfaction after each customer turn of one conversation.

    Attributes
    ----------
    scale : tuple of float
        Lowest and highest level.
    surveyed : float or None
        What the customer answered, on `scale`.
    why_shown : str
        What makes this conversation an example.
    """

    conversation_id: str
    scale: tuple[float, float]
    steps: tuple[SatisfactionStep, ...]
    surveyed: float | None = None
    why_shown: str = ""


def paths(data: StudyData) -> Found:
    """Show the conversations in which predicted satisfaction moved, or missed, the most.

    The deepest falls from an earlier peak to the end, the largest recoveries from an earlier low
    to the end, and the predictions farthest from what the customer answered; `EXAMPLES` each.
    """
    courses = _courses(data)
    scale = _scale(data)
    surveyed = {key: scale[0] + share * (scale[1] - scale[0]) for key, share in data.csat.items()}
    final = {
        key: data.predicted_csat.get(key, _expected(course[-1])) for key, course in courses.items()
    }

    def fall(key: str) -> float:
        values = [_expected(one) for one in courses[key]]
        return max(values) - values[-1]

    def recovery(key: str) -> float:
        values = [_expected(one) for one in courses[key]]
        return values[-1] - min(values)

    def miss(key: str) -> float:
        return abs(surveyed[key] - final[key]) if key in surveyed else 0.0

    kinds: tuple[tuple[Callable[[str], float], str], ...] = (
        (fall, "Fell by {size:.1f} from its highest to the end: the deepest fall"),
        (recovery, "Rose by {size:.1f} from its lowest to the end: the largest recovery"),
        (miss, "Predicted {final:.1f}, answered {surveyed:.1f}: the farthest from the survey"),
    )
    shown: dict[str, SatisfactionPath] = {}
    for size, why in kinds:
        ranked = sorted(courses.keys() - shown.keys(), key=lambda key: (-round(size(key), 6), key))
        for key in ranked[:EXAMPLES]:
            if size(key) > 0:
                shown[key] = SatisfactionPath(
                    conversation_id=key,
                    scale=scale,
                    steps=_steps(courses[key], data.conversations[key].transcript),
                    surveyed=surveyed.get(key),
                    why_shown=why.format(
                        size=size(key), final=final[key], surveyed=surveyed.get(key, 0.0)
                    ),
                )
    if not shown:
        raise DataError("Predicted satisfaction does not move in any conversation.")
    return Found({"satisfaction": tuple(shown.values())})


def _courses(data: StudyData) -> dict[str, list[Rating]]:
    """Return the predictions of each conversation that has enough of them, in their order."""
    if not data.curves:
        raise DataError(
            "There are no predictions after single turns. Score with `autoqa score --curve` and "
            "models that predict CSAT."
        )
    by_conversation: dict[str, dict[int, Rating]] = defaultdict(dict)
    for rating in data.curves:
        if rating.turn is not None and rating.status is Status.RATED:
            by_conversation[rating.conversation_id][rating.turn] = rating
    found = {}
    for key, by_turn in by_conversation.items():
        known = data.conversations.get(key)
        if known is None or len(by_turn) < _LEAST_STEPS:
            continue
        if max(by_turn) < len(known.transcript.turns):
            found[key] = [by_turn[turn] for turn in sorted(by_turn)]
    if not found:
        raise DataError(
            f"None of {len(by_conversation)} conversations with predictions by turn has its words "
            f"at hand and {_LEAST_STEPS} customer turns. Bring the conversations that were scored."
        )
    return found


def _expected(rating: Rating) -> float:
    return float(rating.level or 0) if rating.expected is None else rating.expected


def _scale(data: StudyData) -> tuple[float, float]:
    """Return the scale of the predictions: stated, or as their own probabilities imply."""
    if CSAT in data.scales:
        return data.scales[CSAT]
    for rating in data.curves:
        if rating.probabilities and rating.expected is not None:
            steps = sum(i * p for i, p in enumerate(rating.probabilities))
            low = float(round(rating.expected - steps))
            return low, low + len(rating.probabilities) - 1
    scales = {survey.scale for survey in data.surveys}
    if len(scales) == 1:
        return scales.pop()
    levels = [rating.level for rating in data.curves if rating.level is not None]
    return float(min(levels)), float(max(levels))


def _steps(course: Sequence[Rating], transcript: Transcript) -> tuple[SatisfactionStep, ...]:
    # Scorers see redacted words, and evidence counts their characters.
    turns = redact(transcript).turns
    steps = []
    for rating in course:
        if rating.turn is None:
            continue
        turn = turns[rating.turn]
        telling = _telling(rating, len(turn.text))
        steps.append(
            SatisfactionStep(
                turn=rating.turn,
                expected=_expected(rating),
                speaker=str(turn.speaker),
                text=turn.text,
                quote=(telling.start, telling.end) if telling else None,
                contribution=telling.contribution if telling else 0.0,
            )
        )
    return tuple(steps)


def _telling(rating: Rating, length: int) -> Evidence | None:
    """Return the evidence within the turn itself that moved the prediction most."""
    inside = [
        one for one in rating.evidence if one.turn == rating.turn and one.start < one.end <= length
    ]
    return max(inside, key=lambda one: abs(one.contribution), default=None)
