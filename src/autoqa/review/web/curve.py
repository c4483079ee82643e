"""The satisfaction curve of one conversation as the geometry of a small drawing.

The drawing is stretched to the width of its place, so it holds no text: what it shows is said
beside it by its moments, each of them a turn that one can go to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from autoqa.records import Evidence
from autoqa.review.web.labels import later

WIDTH, HEIGHT = 1000, 100
"""Units of the drawing."""

MOST_POINTS = 600
"""Points that the line keeps: more of them are narrower than a pixel."""

NOTED_DROP = 0.1
"""Share of the scale that a drop from one point to the next must be to be named."""

_MARGIN = 4  # above and below the scale, so that the line is not cut at its ends

_START = later("start {level}, turn {turn}")
_LOWEST = later("lowest {level}, turn {turn}")
_DROP = later("steepest drop to {level}, turn {turn}")
_END = later("end {level}, turn {turn}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A turn at which the curve is worth a look."""

    name: str  # what it is, in English to translate
    turn: int  # index, from 0
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Predicted satisfaction after each turn of a conversation."""

    points: tuple[tuple[int, float], ...]  # turn index, expected level; in order
    scale: tuple[float, float]  # lowest and highest level
    n_turns: int

    width: ClassVar[int] = WIDTH
    height: ClassVar[int] = HEIGHT

    @property
    def line(self) -> str:
        """The points of an SVG polyline, thinned where there are very many."""
        return " ".join(
            f"{self.x(turn):g},{self.y(level):g}" for turn, level in _thinned(self.points)
        )

    def x(self, turn: int) -> float:
        """Return where a turn stands, in units of the drawing from its left edge."""
        return round(WIDTH * (turn + 0.5) / max(self.n_turns, 1), 1)

    def y(self, level: float) -> float:
        """Return where a level stands, in units of the drawing from its top."""
        low, high = self.scale
        # A run of one's own may predict one level for everything: that is a line in the middle.
        share = min(1.0, max(0.0, (level - low) / (high - low))) if high > low else 0.5
        return round(HEIGHT - _MARGIN - share * (HEIGHT - 2 * _MARGIN), 1)

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Start, lowest point, steepest drop and end, in the order of the conversation.

        A turn is named once: the later names of this list give way.
        """
        first, last = self.points[0], self.points[-1]
        lowest = min(self.points, key=lambda point: point[1])
        named = [(_START, first), (_LOWEST, lowest), (_END, last)]
        drops = [(before[1] - after[1], after) for before, after in pairwise(self.points)]
        steepest = max(drops, key=lambda drop: drop[0], default=(0.0, first))
        low, high = self.scale
        if steepest[0] >= NOTED_DROP * (high - low):
            named.insert(2, (_DROP, steepest[1]))
        seen: dict[int, Moment] = {}
        for name, (turn, level) in named:
            seen.setdefault(turn, Moment(name=name, turn=turn, level=level))
        return tuple(seen[turn] for turn in sorted(seen))


def ticks(evidence: Mapping[str, Sequence[Evidence]]) -> list[tuple[int, list[str]]]:
    """Return each turn, from 0, that is evidence for something, and for which criteria."""
    found: dict[int, list[str]] = {}
    for criterion, spans in evidence.items():
        for turn in {one.turn for one in spans}:
            found.setdefault(turn, []).append(criterion)
    return sorted(found.items())


def _thinned(points: Sequence[tuple[int, float]]) -> Iterator[tuple[int, float]]:
    """Yield the lowest and the highest of each stretch, so that no extreme is lost."""
    if len(points) <= MOST_POINTS:
        yield from points
        return
    stretches = MOST_POINTS // 2
    for k in range(stretches):
        part = points[k * len(points) // stretches : (k + 1) * len(points) // stretches]
        extremes = {min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])}
        yield from sorted(extremes)
