"""Charts as SVG: classes instead of styles, so that a strict Content-Security-Policy allows them.

A chart repeats what a table beside it says. It is one picture with one label to those who do not
see it; colours come from the style sheet, and shape or dash tells apart what colour does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from markupsafe import Markup

from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.quadrants import AgentPlacement, Quadrants
from autoqa.evaluation.wording import without_controls

Kind: TypeAlias = Literal["automated", "human"]
"""Whose scores a series shows; says how it is drawn."""

SURE = 0.9
"""Probability of a quadrant from which on an agent's mark is filled."""

_WIDE, _HIGH = 360, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 10, 8, 24
_MOST_NAMES = 14
_CROWD = 60  # agents from which on their intervals are drawn faintly
_LETTER = 5.6  # width of a letter of a name in a chart, about

_JOINED = Markup("")
_INLINE = Markup(
    '<svg class="inline" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
    'aria-hidden="true">{content}</svg>'
)


@dataclass(frozen=True, slots=True)
class Mark:
    """One figure of a series; None where there are too few conversations to show one."""

    at: date
    estimate: Estimate | None


@dataclass(frozen=True, slots=True)
class _Axes:
    """Where values lie in the picture."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float
    wide: int = _WIDE
    high: int = _HIGH

    def x(self, value: float) -> float:
        span = self.x_high - self.x_low or 1.0
        return _LEFT + (value - self.x_low) / span * (self.wide - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        span = self.y_high - self.y_low or 1.0
        return self.high - _BOTTOM - (value - self.y_low) / span * (self.high - _TOP - _BOTTOM)


def over_time(
    series: Sequence[tuple[Kind, Sequence[Mark]]], *, label: str, most: float = 100.0
) -> Markup:
    """Draw figures over time with their intervals, each series by itself.

    Parameters
    ----------
    series : sequence of (kind, marks)
        Marks in order of time.
    label : str
        What it shows, for those who do not see it.
    most : float
        Top of the scale; it begins at 0 unless all intervals lie well above.
    """
    marks = [mark for _, held in series for mark in held]
    known = [mark.estimate for mark in marks if mark.estimate is not None]
    lowest = min((_ends(one)[0] for one in known), default=0.0)
    days = [mark.at.toordinal() for mark in marks] or [0]
    floor = max(0.0, math.floor(lowest / (most / 10) - 0.5) * (most / 10))
    axes = _Axes(min(days), max(days), min(floor, most / 2), most)
    parts = [_grid(axes, _ticks(axes.y_low, axes.y_high), _dates(axes, marks))]
    for kind, held in series:
        parts += _series(axes, kind, held)
    return _svg(parts, axes, label, "chart over-time")


def quadrant_chart(
    found: Quadrants,
    *,
    label: str,
    x_name: str,
    y_name: str,
    corners: tuple[str, str, str, str],
    y_scale: float = 1.0,
) -> Markup:
    """Draw agents by QA and CSAT, with intervals and the lines between the quadrants.

    Parameters
    ----------
    corners : four of str
        Names of the quadrants in the order of `autoqa.evaluation.quadrants.QUADRANTS`.
    y_scale : float
        What CSAT is multiplied with to be printed: 100 for shares.
    """
    placed = found.agents
    xs = [end for one in placed for end in _ends(one.qa)] + [found.qa_line]
    ys = [end for one in placed for end in _ends(one.csat)] + [found.csat_line]
    ys = [y_scale * y for y in ys]
    (x_low, x_high), (y_low, y_high) = _padded(xs), _padded(ys)
    axes = _Axes(x_low, x_high, y_low, y_high, 480, 400)
    ticks = [(axes.x(at), f"{at:g}") for at in _ticks(x_low, x_high)]
    parts = [_grid(axes, _ticks(y_low, y_high), ticks)]
    x_line, y_line = axes.x(found.qa_line), axes.y(y_scale * found.csat_line)
    parts += [
        _line(x_line, _TOP, x_line, axes.high - _BOTTOM, "border"),
        _line(_LEFT, y_line, axes.wide - _RIGHT, y_line, "border"),
    ]
    right, bottom = axes.wide - _RIGHT - 4, axes.high - _BOTTOM - 6
    places = ((right, 20, "end"), (_LEFT + 4, 20, "start"), (right, bottom, "end"))
    for (x, y, side), name in zip((*places, (_LEFT + 4, bottom, "start")), corners, strict=True):
        parts.append(_text(x, y, name, f"corner {side}"))
    drawn = _JOINED.join(_agent(axes, one, y_scale) for one in placed)
    crowd = "crowd" if len(placed) > _CROWD else "few"
    parts.append(Markup('<g class="{}">{}</g>').format(crowd, drawn))
    parts += _names(axes, placed, y_scale)
    parts.append(_text(axes.wide - _RIGHT, axes.high - _BOTTOM - 22, x_name, "axis end"))
    parts.append(_text(_LEFT + 4, 34, y_name, "axis start"))
    return _svg(parts, axes, label, "chart quadrants")


def interval(
    estimate: Estimate | None,
    *,
    low: float = 0.0,
    high: float = 1.0,
    mark: float | None = None,
    kind: str = "automated",
) -> Markup:
    """Draw one figure with its interval on a scale, for the cell of a table that says it too.

    Parameters
    ----------
    mark : float, optional
        Something to compare with, such as the human ceiling.
    """
    wide, tall = 120, 16

    def x(value: float) -> float:
        return 4 + (min(max(value, low), high) - low) / (high - low) * (wide - 8)

    parts = [_line(4, 8, wide - 4, 8, "rule")]
    if low < 0 < high:
        parts.append(_line(x(0), 3, x(0), 13, "rule"))
    if mark is not None and math.isfinite(mark):
        parts.append(_line(x(mark), 1, x(mark), 15, "ceiling"))
    if estimate is not None and math.isfinite(estimate.value):
        start, end = _ends(estimate)
        parts.append(_line(x(start), 8, x(end), 8, f"reach {kind}"))
        parts.append(_shape(x(estimate.value), 8, kind))
    return _INLINE.format(wide=wide, high=tall, content=_JOINED.join(parts))


def bars(values: Sequence[int], *, most: int) -> Markup:
    """Draw a row of counts, for the cell of a table that says them too."""
    step, high = 10, 24
    parts = [
        Markup('<rect class="bar" x="{}" y="{:.1f}" width="{}" height="{:.1f}"/>').format(
            i * step + 1, high - tall, step - 2, tall
        )
        for i, value in enumerate(values)
        if (tall := (high - 2) * value / max(most, 1)) > 0
    ]
    wide = max(len(values), 1) * step
    parts.append(_line(0, high, wide, high, "rule"))
    return _INLINE.format(wide=wide, high=high, content=_JOINED.join(parts))


def shade(value: float) -> str:
    """Return the class of a cell of a heat map: ``heat-0`` for 0 up to ``heat-9`` for 1."""
    return f"heat-{min(9, max(0, int(value * 10)))}"


def _series(axes: _Axes, kind: Kind, marks: Sequence[Mark]) -> list[Markup]:
    reaches, points = [], []
    run: list[tuple[float, float]] = []
    lines = []
    for mark in [*marks, None]:
        if mark is None or mark.estimate is None:
            if len(run) > 1:
                path = " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
                lines.append(Markup('<polyline class="line {}" points="{}"/>').format(kind, path))
            run = []
            continue
        # Two series at the same moment would hide each other's intervals.
        x = axes.x(mark.at.toordinal()) + (-2 if kind == "automated" else 2)
        y = axes.y(mark.estimate.value)
        low, high = _ends(mark.estimate)
        reaches.append(_line(x, axes.y(low), x, axes.y(high), f"reach {kind}"))
        points.append(_shape(x, y, kind))
        run.append((x, y))
    return [*reaches, *lines, *points]


def _agent(axes: _Axes, one: AgentPlacement, y_scale: float) -> Markup:
    x, y = axes.x(one.qa.value), axes.y(y_scale * one.csat.value)
    (x_from, x_to), (y_from, y_to) = _ends(one.qa), _ends(one.csat)
    filled = "sure" if one.probability >= SURE else "unsure"
    drawn = (
        _line(axes.x(x_from), y, axes.x(x_to), y, "reach"),
        _line(x, axes.y(y_scale * y_from), x, axes.y(y_scale * y_to), "reach"),
        _shape(x, y, one.quadrant),
    )
    return Markup('<g class="agent {} {}"><title>{}</title>{}</g>').format(
        one.quadrant, filled, without_controls(one.agent), _JOINED.join(drawn)
    )


def _names(axes: _Axes, placed: Sequence[AgentPlacement], y_scale: float) -> list[Markup]:
    """Name the surest agents where their name covers no mark and no other name."""
    centres = [(axes.x(one.qa.value), axes.y(y_scale * one.csat.value)) for one in placed]
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in centres]
    order = sorted(
        range(len(placed)),
        key=lambda i: -placed[i].probability if math.isfinite(placed[i].probability) else 0.0,
    )
    written = []
    for i in order[: 4 * _MOST_NAMES]:
        name, (x, y) = without_controls(placed[i].agent)[:18], centres[i]
        wide = _LETTER * len(name)
        for start, side in ((x + 8, "start"), (x - 8 - wide, "end")):
            box = (start, y - 8, start + wide, y + 5)
            inside = start > _LEFT and start + wide < axes.wide - _RIGHT
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                written.append(
                    _text(x + (8 if side == "start" else -8), y + 4, name, f"name {side}")
                )
                break
        if len(written) == _MOST_NAMES:
            break
    return written


_Box: TypeAlias = tuple[float, float, float, float]


def _overlap(a: _Box, b: _Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _shape(x: float, y: float, kind: str) -> Markup:
    """Draw a mark: people's scores and each quadrant have a shape of their own."""
    at = f"{x:.1f} {y:.1f}"
    drawn = {
        "human": f"M{at} m-4 -4 h8 v8 h-8 z",
        "liked": f"M{at} m-4 -4 h8 v8 h-8 z",
        "correct": f"M{at} m0 -5 l5 9 h-10 z",
        "struggling": f"M{at} m0 -6 l5 6 l-5 6 l-5 -6 z",
    }.get(kind, f"M{at} m-4 0 a4 4 0 1 0 8 0 a4 4 0 1 0 -8 0 z")
    return Markup('<path class="mark {}" d="{}"/>').format(kind, drawn)


def _grid(axes: _Axes, y_ticks: Iterable[float], x_ticks: Iterable[tuple[float, str]]) -> Markup:
    parts = []
    for at in y_ticks:
        y = axes.y(at)
        parts.append(_line(_LEFT, y, axes.wide - _RIGHT, y, "rule"))
        parts.append(_text(_LEFT - 5, y + 4, f"{at:g}", "tick end"))
    for x, words in x_ticks:
        parts.append(_text(x, axes.high - 7, words, "tick middle"))
    return _JOINED.join(parts)


def _dates(axes: _Axes, marks: Sequence[Mark]) -> list[tuple[float, str]]:
    days = sorted({mark.at for mark in marks})
    shown = [days[0], days[len(days) // 2], days[-1]] if len(days) > 2 else days
    edge = 32  # half a date
    return [
        (
            min(max(axes.x(day.toordinal()), _LEFT + edge), axes.wide - edge),
            f"{day:%Y-%m-%d}",
        )
        for day in dict.fromkeys(shown)
    ]


def _ticks(low: float, high: float) -> list[float]:
    """Return three to six round numbers from `low` to `high`."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low] if math.isfinite(low) else []
    power = 10 ** math.floor(math.log10(span / 3))
    step = next(size * power for size in (10, 5, 2, 1) if span / (size * power) >= 2.5)
    first = math.ceil(round(low / step, 6))
    return [round(step * i, 10) for i in range(first, math.floor(round(high / step, 6)) + 1)]


def _padded(values: Iterable[float]) -> tuple[float, float]:
    known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    room = 0.08 * (high - low) or 1.0
    return low - room, high + room


def _ends(estimate: Estimate) -> tuple[float, float]:
    """Return the interval; the figure itself where there is none."""
    return (estimate.low, estimate.high) if estimate.known else (estimate.value,) * 2


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    drawn = Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>')
    return drawn.format(kind, x1, y1, x2, y2)


def _text(x: float, y: float, words: str, kind: str) -> Markup:
    drawn = Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>')
    return drawn.format(kind, x, y, without_controls(words))


def _svg(parts: Iterable[Markup], axes: _Axes, label: str, kind: str) -> Markup:
    drawn = Markup('<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    return drawn.format(kind, axes.wide, axes.high, without_controls(label), _JOINED.join(parts))
