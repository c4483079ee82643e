"""Figures in words: an estimate with its interval, a share, a list of names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.printed import NOTHING as NOTHING
from autoqa.evaluation.printed import decimal as decimal
from autoqa.evaluation.printed import share as share
from autoqa.evaluation.printed import shown as shown
from autoqa.evaluation.wording import Say
from autoqa.reports.content import Cell, Text


def listed(names: Sequence[str], say: Say, *, most: int = 6) -> str:
    """Return names as a list, cut where it would be long."""
    out = names[0] if names else NOTHING
    for name in names[1:most]:
        out = say("{names}, {name}", names=out, name=name)
    if len(names) > most:
        return say("{names} and {n} more", names=out, n=len(names) - most)
    return out


def estimate_cell(
    estimate: Estimate | None, *, digits: int = 2, percent: bool = False, sign: bool = False
) -> Cell:
    """Return a cell that is sorted by the estimate's value."""
    return Cell(
        shown(estimate, digits=digits, percent=percent, sign=sign),
        sort=None if estimate is None else _sortable(estimate.value),
        number=True,
    )


def number_cell(value: float, *, digits: int = 0, sign: bool = False) -> Cell:
    """Return a plain number as a cell."""
    text = decimal(value, digits, sign=sign) if math.isfinite(value) else NOTHING
    return Cell(text, sort=_sortable(value), number=True)


def share_cell(value: float, *, digits: int = 0) -> Cell:
    """Return a share as a cell, in per cent."""
    return Cell(share(value, digits=digits), sort=_sortable(value), number=True)


def _sortable(value: float) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None


def together(sentences: Sequence[str], say: Say) -> str:
    """Return sentences in one paragraph, without the empty ones."""
    out = ""
    for one in filter(None, sentences):
        out = say("{sentences} {sentence}", sentences=out, sentence=one) if out else one
    return out


def texts(*said: str) -> tuple[Text, ...]:
    """Return translated sentences, without the empty ones."""
    return tuple(Text(one) for one in said if one)


def english_texts(said: Iterable[str]) -> tuple[Text, ...]:
    """Return sentences that exist in English only."""
    return tuple(Text(one, english=True) for one in said)
