"""What customers answered, as numbers, and on which scale.

Answers are numbers, "4/5", "5 - Very satisfied", "80%", stars, thumbs, faces, or words for good
and bad and for the five steps from very dissatisfied to very satisfied, in English, Spanish,
Italian and Chinese.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from autoqa.readers.labels import Scale
from autoqa.readers.values import number, number_in_text, problem

THUMBS: Scale = (0.0, 1.0)
FIVE: Scale = (1.0, 5.0)
SHARE: Scale = (0.0, 100.0)
_GUESSES: tuple[Scale, ...] = (THUMBS, FIVE, (1.0, 10.0), (0.0, 10.0))
"""Scales that are found out from the answers, the smallest first."""

ENOUGH = 30
"""Answers from which on a step that nobody chose is taken not to exist."""

_FITS = 0.98  # share of 50 answers or more that must lie on a scale; others are slips
_MANY = 50
_MOST = 0.9  # where no scale fits, as with -1 for no answer

_GOOD = """
good, yes, up, thumbs up, positive, satisfied, happy, true, 👍, ✅, bueno, buena, sí, si, positivo,
satisfecho, satisfecha, buono, buona, sì, soddisfatto, soddisfatta, 好, 好评, 满意, 是
"""
_BAD = """
bad, no, down, thumbs down, negative, dissatisfied, unsatisfied, unhappy, false, 👎, ❌, malo, mala,
negativo, insatisfecho, insatisfecha, cattivo, cattiva, insoddisfatto, insoddisfatta, 差, 差评,
不满意, 否
"""
_STEPS = (
    """
very dissatisfied, very unsatisfied, extremely dissatisfied, terrible, very bad, very poor,
muy insatisfecho, muy insatisfecha, muy malo, molto insoddisfatto, molto insoddisfatta, pessimo,
非常不满意, 很不满意, 😠, 😡
""",
    """
dissatisfied, unsatisfied, bad, poor, insatisfecho, insatisfecha, malo, insoddisfatto,
insoddisfatta, scarso, 不满意, 🙁, ☹, 😞, 😟, 😕
""",
    """
neutral, neither, okay, ok, average, fair, regular, ni satisfecho ni insatisfecho, neutro,
sufficiente, 一般, 😐, 😑
""",
    """
satisfied, good, satisfecho, satisfecha, bueno, soddisfatto, soddisfatta, buono, 满意, 🙂, 😊, 😃
""",
    """
very satisfied, extremely satisfied, excellent, great, very good, muy satisfecho, muy satisfecha,
excelente, muy bueno, molto soddisfatto, molto soddisfatta, ottimo, 非常满意, 很满意,
😀, 😄, 😁, 😍, 🤩
""",
)
_NO_ANSWER = """
offered, unoffered, none, null, nan, n/a, na, -, no answer, not answered, unanswered, skipped,
no response, sin respuesta, nessuna risposta, 未评价
"""


def _words(listed: str) -> list[str]:
    return [word.strip() for word in listed.split(",")]


_TWO_WORDS = dict.fromkeys(_words(_BAD), 0.0) | dict.fromkeys(_words(_GOOD), 1.0)
_STEP_WORDS = {
    word: float(step) for step, listed in enumerate(_STEPS, start=1) for word in _words(listed)
}
_UNANSWERED = frozenset(_words(_NO_ANSWER))

_NUMBER = r"\d{1,12}(?:[.,]\d{1,6})?"
_OUT_OF = re.compile(rf"({_NUMBER})[ ]?(?:/|out of|of|de|su|分之)[ ]?(\d{{1,3}})")
_PERCENT = re.compile(rf"({_NUMBER})[ ]?[%％]")
_LABELLED = re.compile(
    rf"({_NUMBER})(?:[ ]?[-–—:=.)(,]|[ ])[ ]?[^\d\s].*|[^\d]*[-–—:=(][ ]?({_NUMBER})[)]?"
)
_STARS = re.compile(r"[★⭐🌟]{1,10}[☆✩]*")
_DRESSING = re.compile("[\ufe0f\U0001f3fb-\U0001f3ff]")  # colours of thumbs and faces
_DETAIL = re.compile(r"[ ]with(?:out)? comment$")
_END = r"(-?\d{1,4}(?:\.\d{1,4})?)"
_SCALE = re.compile(rf"[\[(]?{_END}[ ]?[-:–,][ ]?{_END}[\])]?")
_SCALE_NAME = re.compile(r"(?<!\d)([01])[ _]?(?:-|–|to|_|a)[ _]?(\d{1,3})(?!\d)")


@dataclass(frozen=True, slots=True)
class Score:
    """One answer.

    Attributes
    ----------
    value : float
    top : float or None
        Highest answer possible, where the answer says so ("4/5").
    word : str or None
        The word, thumb or face that was the answer: what it is worth depends on the others.
    """

    value: float
    top: float | None = None
    word: str | None = None


def is_unanswered(given: Any) -> bool:
    """Whether a customer was asked and did not answer."""
    if isinstance(given, str):
        return not given.strip() or given.strip().lower() in _UNANSWERED
    return given is None


def score_from(given: Any) -> Score | None:
    """Return an answer, or None where it is none that is known."""
    if isinstance(given, bool):
        return Score(float(given), word="yes" if given else "no")
    if not isinstance(given, str):
        found = number(given)
        return None if found is None else Score(found)
    text = _DRESSING.sub("", given[:200]).strip().lower()
    word = _DETAIL.sub("", text.replace("_", " ")).strip(" .!")
    if word in _TWO_WORDS or word in _STEP_WORDS:
        return Score(_STEP_WORDS.get(word, _TWO_WORDS.get(word, 0.0)), word=word)
    if _STARS.fullmatch(text):
        return Score(float(sum(text.count(star) for star in "★⭐🌟")), top=5.0)
    for pattern, tops in ((_PERCENT, 100.0), (_OUT_OF, None)):
        found_text = pattern.fullmatch(text)
        if found_text is not None:
            top = tops or float(found_text.group(2))
            return Score(_decimal(found_text.group(1)), top=top)
    whole = number_in_text(text.replace(",", "."))
    if whole is not None:
        return Score(whole)
    labelled = _LABELLED.fullmatch(text)
    return None if labelled is None else Score(_decimal(labelled.group(1) or labelled.group(2)))


def _decimal(text: str) -> float:
    return float(text.replace(",", "."))


@dataclass(frozen=True, slots=True)
class Detected:
    """The scale of a file's answers.

    Attributes
    ----------
    scale : (float, float)
    reason : str
        What it was told by.
    others : tuple of (float, float)
        Scales that fit the answers as well.
    """

    scale: Scale
    reason: str
    others: tuple[Scale, ...] = ()


def settled_words(scores: Sequence[Score]) -> list[Score]:
    """Return answers in words on one scale: two steps, unless a word is of no use there."""
    words = {score.word for score in scores if score.word is not None}
    worth = _TWO_WORDS if words <= _TWO_WORDS.keys() else _STEP_WORDS
    top = 1.0 if worth is _TWO_WORDS else 5.0
    return [
        score
        if score.word is None
        else replace(score, value=worth.get(score.word, _STEP_WORDS.get(score.word, 0.0)), top=top)
        for score in scores
    ]


def detect_scale(scores: Sequence[Score], name: str = "") -> Detected:
    """Return the scale that answers are on.

    What the answers say themselves comes first ("4/5"), then the name of their column ("NPS",
    "CSAT 1-5"), then the answers: of 0-1, 1-5, 1-10 and 0-10, the smallest that they fit. Of 50
    answers or more, 2 % may be slips off the scale.

    Parameters
    ----------
    scores : sequence of Score
        All answers of a file for which nothing else states a scale.
    name : str
        What their column or field is called.

    Raises
    ------
    ReadError
        With reason ``bad_csat`` where no scale fits.
    """
    values = [score.value for score in scores]
    tops = {score.top for score in scores if score.top is not None}
    if len(tops) == 1 and all(score.top is not None for score in scores):
        return Detected(with_top(tops.pop(), values), "as the answers say")
    named = _named_scale(name)
    if named is not None and _fits(values, named):
        return Detected(named, "told by the name of the column")
    fitting = [scale for scale in _GUESSES if _fits(values, scale)]
    fitting = fitting or [scale for scale in _GUESSES if _share(values, scale) >= _MOST]
    if not fitting:
        raise problem(
            "bad_csat",
            f"answers from {min(values):g} to {max(values):g} fit none of the scales 0-1, 1-5, "
            "1-10 and 0-10; name theirs, as in --survey-scale 0-100",
        )
    scale, *others = fitting
    # Where many answered and the best step was taken, it is the best there is.
    clear = len(values) >= ENOUGH and scale[1] in values and scale[0] in values
    return Detected(scale, "detected from the answers", () if clear else tuple(others))


def with_top(top: float, values: Sequence[float]) -> Scale:
    """Return the scale up to `top`: from 1, or from 0 where somebody answered 0, or to 100."""
    return (0.0 if top in (1.0, 100.0) or 0.0 in values else 1.0, top)


def _fits(values: Sequence[float], scale: Scale) -> bool:
    if scale == THUMBS:
        return set(values) <= {*THUMBS}
    return _share(values, scale) >= (_FITS if len(values) >= _MANY else 1.0)


def _share(values: Sequence[float], scale: Scale) -> float:
    return sum(scale[0] <= value <= scale[1] for value in values) / len(values)


def _named_scale(name: str) -> Scale | None:
    """Return the scale that a column's name tells, if it does."""
    folded = name.lower()
    stated = _SCALE_NAME.search(folded)
    if stated is not None and int(stated.group(1)) < int(stated.group(2)):
        return float(stated.group(1)), float(stated.group(2))
    words = set(re.split(r"[\W_]+", folded))
    if "nps" in words:
        return (0.0, 10.0)
    if "ces" in words:
        return (1.0, 7.0)
    if "stars" in words:
        return FIVE
    if words & {"percent", "percentage", "pct"} or "%" in folded:
        return SHARE
    return None


def scale_in_text(text: str) -> Scale | None:
    """Return the scale that ``0-10`` names, or None."""
    found = _SCALE.fullmatch(text.strip())
    if found is None:
        return None
    low, high = float(found.group(1)), float(found.group(2))
    return (low, high) if low < high else None
