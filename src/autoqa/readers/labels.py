"""What people and customers said about a conversation, in the uniform schema.

A wrong label never costs the conversation: it is dropped, with a note.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from autoqa.errors import ReadError, RecordError
from autoqa.readers.quarantine import Problem
from autoqa.readers.values import identifier, moment, number, problem
from autoqa.records import Evidence, RaterKind, Rating, Status, Survey, Turn

Scale = tuple[float, float]
_SURVEY_FIELDS = frozenset({"score", "scale", "given_by", "comment", "answered_at"})


def ratings_of(
    conversation_id: str, given: Any, turns: Sequence[Turn], notes: list[Problem]
) -> tuple[tuple[Rating, ...], dict[str, Scale]]:
    """Return the usable ratings of one conversation and the scale of each criterion."""
    scales: dict[str, Scale] = {}
    found: list[Rating] = []
    if given is None:
        return (), scales
    if not isinstance(given, list):
        notes.append(Problem("bad_rating", "ratings is not a list; dropped"))
        return (), scales
    for index, item in enumerate(given):
        try:
            if not isinstance(item, dict):
                raise problem("bad_rating", "not a map")
            found.append(rating_from(conversation_id, item, turns, scales, notes))
        except (ReadError, RecordError) as error:
            # A record's own message may quote the file, a reader's never does.
            said = str(error) if isinstance(error, ReadError) else "it breaks a rule of ratings"
            notes.append(Problem("bad_rating", f"rating {index}: {said}; dropped"))
    return tuple(found), scales


def rating_from(
    conversation_id: str,
    item: Mapping[str, Any],
    turns: Sequence[Turn] | None,
    scales: dict[str, Scale],
    notes: list[Problem],
) -> Rating:
    """Return one rating; adds its scale to `scales`.

    `turns` may be None where the conversation is not at hand: then turn indices are not checked.
    A score between two levels becomes the nearest level (halves up), the score itself `expected`.

    Raises
    ------
    ReadError
        With reason ``bad_rating``, quoting nothing.
    """
    criterion = identifier(item.get("criterion"))
    if criterion is None:
        raise problem("bad_rating", "no criterion")
    turn = _turn(item.get("turn"), turns)
    score = number(item.get("score"))
    status = _status(item, score)
    level = expected = None
    if status is Status.RATED:
        if score is None:
            raise problem("bad_rating", "no score")
        _remember_scale(criterion, item.get("scale"), score, scales)
        level = math.floor(score + 0.5)
        expected = score if score != level else None
        if not -(2**53) <= level <= 2**53:
            raise problem("bad_rating", "the score is out of range")
    stated = number(item.get("expected"))
    return Rating(
        conversation_id=conversation_id,
        criterion=criterion,
        rater=identifier(item.get("rater")) or "unknown",
        kind=RaterKind.MODEL if item.get("kind") == "model" else RaterKind.HUMAN,
        status=status,
        turn=turn,
        level=level,
        expected=expected if stated is None else stated,
        probabilities=_probabilities(item.get("probabilities")),
        evidence=_evidence(item, turn, turns, notes),
        reason=_reason(item, status),
    )


def surveys_of(
    conversation_id: str, given: Any, notes: list[Problem]
) -> tuple[tuple[Survey, ...], dict[str, Any]]:
    """Return the usable survey answers, and what `csat` says beyond an answer."""
    found: list[Survey] = []
    beyond: dict[str, Any] = {}
    if given is None:
        return (), beyond
    for item in given if isinstance(given, list) else [given]:
        try:
            if not isinstance(item, dict):
                raise problem("bad_csat", "csat is not a map")
            found.append(survey_from(conversation_id, item))
        except ReadError as error:
            notes.append(Problem("bad_csat", f"{error}; dropped"))
        if isinstance(item, dict):
            beyond |= {key: value for key, value in item.items() if key not in _SURVEY_FIELDS}
    return tuple(found), beyond


def survey_from(conversation_id: str, item: Mapping[str, Any]) -> Survey:
    """Return one survey answer.

    Raises
    ------
    ReadError
        With reason ``bad_csat``, quoting nothing.
    """
    score = number(item.get("score"))
    if score is None:
        raise problem("bad_csat", "csat has no score")
    scale = scale_from(item.get("scale"))
    if scale is None:
        raise problem("bad_csat", "csat has no scale [lowest, highest]")
    if not scale[0] <= score <= scale[1]:
        raise problem("bad_csat", "the csat score is outside its scale")
    comment = item.get("comment")
    return Survey(
        conversation_id=conversation_id,
        score=score,
        scale=scale,
        comment=comment if isinstance(comment, str) else None,
        answered_at=moment(item.get("answered_at")),
        given_by=identifier(item.get("given_by")) or "customer",
    )


def scale_from(value: Any) -> Scale | None:
    """Return ``(lowest, highest)`` from a two-number list, otherwise None."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    low, high = number(value[0]), number(value[1])
    if low is None or high is None or low >= high:
        return None
    return low, high


def _turn(value: Any, turns: Sequence[Turn] | None) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise problem("bad_rating", "turn is not an index")
    if turns is not None and value >= len(turns):
        raise problem("bad_rating", f"turn is not one of the {len(turns)} turns")
    return value


def _status(item: Mapping[str, Any], score: float | None) -> Status:
    given = item.get("status")
    if given is None:
        return Status.RATED
    try:
        status = Status(given)
    except ValueError:
        raise problem("bad_rating", f"status is none of {', '.join(Status)}") from None
    if status is not Status.RATED and score is not None:
        raise problem("bad_rating", f"status is {status} but there is a score")
    return status


def _remember_scale(criterion: str, given: Any, score: float, scales: dict[str, Scale]) -> None:
    if given is None:
        return
    scale = scale_from(given)
    if scale is None:
        raise problem("bad_rating", "scale is not [lowest, highest]")
    if not scale[0] <= score <= scale[1]:
        raise problem("bad_rating", "the score is outside its scale")
    if scales.setdefault(criterion, scale) != scale:
        raise problem("bad_rating", "another rating of this criterion has another scale")


def _probabilities(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list):
        return ()
    found = [number(item) for item in value]
    return tuple(p for p in found if p is not None) if None not in found else ()


def _reason(item: Mapping[str, Any], status: Status) -> str:
    given = item.get("reason")
    if isinstance(given, str) and given:
        return given
    return "no reason given" if status in (Status.ABSTAINED, Status.FAILED) else ""


def _evidence(
    item: Mapping[str, Any],
    turn: int | None,
    turns: Sequence[Turn] | None,
    notes: list[Problem],
) -> tuple[Evidence, ...]:
    """Return the spans a rating names, by offsets (`evidence`) or by quoting (`rationale`)."""
    if turns is None:
        return ()
    found: list[Evidence] = []
    missed = 0
    given = item.get("evidence")
    for span in given if isinstance(given, list) else []:
        exact = _span(span, turns)
        missed += exact is None
        if exact is not None:
            found.append(exact)
    phrases = item.get("rationale")
    if isinstance(phrases, str):
        phrases = [phrases]
    for phrase in phrases if isinstance(phrases, list) else []:
        if not isinstance(phrase, str) or not phrase.strip():
            continue
        quoted = _find_phrase(phrase, turn, turns)
        missed += quoted is None
        if quoted is not None:
            found.append(quoted)
    if missed:
        said = f"{missed} quoted phrases are not in the turn; the rating is kept without them"
        notes.append(Problem("rationale_not_found", said))
    return tuple(found)


def _span(span: Any, turns: Sequence[Turn]) -> Evidence | None:
    if not isinstance(span, dict):
        return None
    whole = [v for v in map(span.get, ("turn", "start", "end")) if type(v) is int]
    if len(whole) != 3:
        return None
    turn, start, end = whole
    if not 0 <= turn < len(turns) or not 0 <= start <= end <= len(turns[turn].text):
        return None
    share = number(span.get("contribution")) or 0.0
    return Evidence(turn=turn, start=start, end=end, contribution=share)


def _find_phrase(phrase: str, turn: int | None, turns: Sequence[Turn]) -> Evidence | None:
    """Find a quoted phrase: as it stands, else whatever its case and spacing."""
    where = range(len(turns)) if turn is None else (turn,)
    for index in where:
        start = turns[index].text.find(phrase)
        if start >= 0:
            return Evidence(turn=index, start=start, end=start + len(phrase))
    # Words joined by runs of white space: linear, since no word contains white space.
    loose = re.compile(r"\s+".join(re.escape(word) for word in phrase.split()), re.IGNORECASE)
    for index in where:
        match = loose.search(turns[index].text)
        if match is not None:
            return Evidence(turn=index, start=match.start(), end=match.end())
    return None
