"""Figures as people read them: an estimate with its interval, a share, a rounded number."""

from __future__ import annotations

import math

from autoqa.evaluation.intervals import Estimate

NOTHING = "–"
_NO_BREAK = "\u00a0"  # keeps a figure and its interval on one line


def shown(
    estimate: Estimate | None, *, digits: int = 2, percent: bool = False, sign: bool = False
) -> str:
    """Return ``0.61 [0.55, 0.67]`` or ``61 % [55, 67]``; a dash where there is nothing.

    Parameters
    ----------
    digits : int
        Decimals; of per cent, two fewer.
    percent : bool
    sign : bool
        Whether to write the plus of a difference.
    """
    if estimate is None or not math.isfinite(estimate.value):
        return NOTHING
    scale, places = (100, max(digits - 2, 0)) if percent else (1, digits)
    unit = f"{_NO_BREAK}%" if percent else ""
    value = decimal(scale * estimate.value, places, sign=sign)
    if not estimate.known:
        return f"{value}{unit}"
    low, high = (decimal(scale * end, places) for end in (estimate.low, estimate.high))
    return f"{value}{unit}{_NO_BREAK}[{low},{_NO_BREAK}{high}]"


def decimal(number: float, places: int, *, sign: bool = False) -> str:
    """Return a rounded number with a real minus, and no sign on what rounds to 0."""
    rounded = round(number, places)
    plus = "+" if sign and rounded > 0 else ""
    return plus + f"{rounded or 0.0:.{places}f}".replace("-", "−")


def share(value: float, *, digits: int = 0) -> str:
    """Return ``61 %``; a dash where it is undefined."""
    return f"{100 * value:.{digits}f}{_NO_BREAK}%" if math.isfinite(value) else NOTHING
