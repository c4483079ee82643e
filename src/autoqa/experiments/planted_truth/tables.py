"""The tables of planted truth, as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from autoqa.experiments.planted_truth.recovery import (
    DecisionRate,
    DecisionStudy,
    Recovery,
    Study,
)

_RECOVERED = (
    "estimator",
    "planted",
    "n of one simulation",
    "figure",
    "truth",
    "bias ± its error",
    "error of one study",
    "coverage of 95 % intervals",
    "simulations",
)
_DECIDED = (
    "decision",
    "planted",
    "n of one simulation",
    "falls",
    "share ± its error",
    "wanted",
    "simulations",
)


def recovery_table(found: Iterable[tuple[Study, Sequence[Recovery]]]) -> str:
    """Return one row per figure; the study is named in its first row."""
    return _table(
        _RECOVERED,
        (
            (
                *_named(study.name, study.planted, study.n, first=not i),
                one.figure,
                _number(one.truth, one.spread),
                _with_error(one),
                _number(one.spread, one.spread),
                _percent(one.coverage, one.coverage_error),
                str(one.simulations),
            )
            for study, figures in found
            for i, one in enumerate(figures)
        ),
    )


def decision_table(found: Iterable[tuple[DecisionStudy, Sequence[DecisionRate]]]) -> str:
    """Return one row per decision; the study is named in its first row."""
    return _table(
        _DECIDED,
        (
            (
                *_named(study.name, study.planted, study.n, first=not i),
                one.decision,
                _percent(one.share, one.error),
                f"{study.wanted[one.decision][0]} {100 * study.wanted[one.decision][1]:.3g} %",
                str(one.simulations),
            )
            for study, rates in found
            for i, one in enumerate(rates)
        ),
    )


def _named(*cells: str, first: bool) -> tuple[str, ...]:
    return cells if first else ("",) * len(cells)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _with_error(one: Recovery) -> str:
    """Bias and its error, with one digit of the latter at least."""
    digits = _digits(one.spread)
    if one.bias_error > 0:
        digits = max(digits, -math.floor(math.log10(one.bias_error)))
    return f"{one.bias:+.{digits}f} ± {one.bias_error:.{digits}f}"


def _digits(scale: float) -> int:
    """Enough digits to tell a tenth of the error of one study."""
    return 3 if not scale > 0 else max(0, min(4, 1 - math.floor(math.log10(scale))))


def _number(value: float, scale: float) -> str:
    return f"{value:.{_digits(scale)}f}" if math.isfinite(value) else "-"


def _percent(share: float, error: float) -> str:
    return f"{100 * share:.1f} ± {100 * error:.1f} %" if math.isfinite(share) else "-"
