"""What all figures share: colours, marks, sizes, rows, and texts that stay as they are."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.wording import Say

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

T = TypeVar("T")

# Okabe and Ito's palette; those of its colours that are too pale for lines are left out.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#A5487D"
INK, GREY, PALE = "#222222", "#6b6b6b", "#e4e4e4"

WIDTH = 7.2
"""Inches: shown at 700 pixels, small text is still 11 pixels high."""

TEXT, SMALL = 9.0, 8.5

MOST_ROWS = 40
"""More rows than this are cut to the first and the last."""

_NAME_LENGTH = 30
_LINE_LENGTH = 104  # characters
_LINE_HEIGHT = 0.19  # inches
_CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "SimHei",
)
_CHINESE_FILES = ("notosanscjk-regular", "notosanssc-regular", "sourcehansans", "wqy-microhei")


@dataclass(frozen=True, slots=True)
class Mark:
    """How one kind of figure is drawn: never by colour alone."""

    colour: str
    marker: str
    filled: bool = True

    @property
    def face(self) -> str:
        """Colour inside the marker."""
        return self.colour if self.filled else "white"


MACHINE, PEOPLE = Mark(BLUE, "o"), Mark(VERMILLION, "s", filled=False)


def canvas(height: float) -> Figure:
    """Return an empty figure of the common width that keeps everything inside its edges."""
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height), layout="constrained")


def panel(axes: Axes, *, title: str = "", x: str = "", y: str = "", room: int = 90) -> None:
    """Give one panel its labels, `room` characters wide, and take away what says nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(GREY)
    axes.tick_params(labelsize=SMALL, labelcolor=INK, color=GREY, length=3)
    axes.set_axisbelow(True)
    axes.set_xlabel(wrapped(x, room), fontsize=TEXT, color=INK)
    axes.set_ylabel(y, fontsize=TEXT, color=INK)
    if title:
        axes.set_title(wrapped(title, room), fontsize=TEXT, color=INK, loc="left")


def legend(figure: Figure, handles: Sequence[Line2D]) -> None:
    """Put a legend above the panels, in as many columns as fit, and make room for it."""
    longest = max(_width(str(handle.get_label())) for handle in handles)
    columns = max(1, min(len(handles), _LINE_LENGTH // (longest + 6)))
    _grow(figure, math.ceil(len(handles) / columns))
    figure.legend(
        handles=list(handles),
        loc="outside upper left",
        ncols=columns,
        fontsize=SMALL,
        labelcolor=INK,
        frameon=False,
        handletextpad=0.5,
        columnspacing=1.6,
    )


def handle(mark: Mark, label: str, *, line: Literal["-", "--", "none"] = "none") -> Line2D:
    """Return a legend's entry for a mark, with a line through it where its style is given."""
    from matplotlib.lines import Line2D

    return Line2D(
        [],
        [],
        color=mark.colour,
        marker=mark.marker,
        markerfacecolor=mark.face,
        linestyle=line,
        markersize=6,
        label=label,
    )


def note(figure: Figure, *lines: str) -> None:
    """Write lines below everything, and make room for them; empty ones are left out."""
    said = "\n".join(wrapped(line) for line in lines if line)
    if said:
        _grow(figure, said.count("\n") + 1)
        figure.supxlabel(said, x=0.01, ha="left", fontsize=SMALL, color=INK, linespacing=1.35)


def _grow(figure: Figure, n_lines: int) -> None:
    figure.set_figheight(figure.get_figheight() + _LINE_HEIGHT * n_lines)


def nothing(axes: Axes, text: str) -> None:
    """Say in an otherwise empty panel why it is empty."""
    axes.set_axis_off()
    axes.text(
        0.5,
        0.5,
        wrapped(text, 70),
        transform=axes.transAxes,
        ha="center",
        va="center",
        fontsize=TEXT,
        color=INK,
    )


def finished(figure: Figure) -> Figure:
    """Show every text literally: a name such as ``$5_fee$`` is no formula."""
    from matplotlib.text import Text

    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    families = _families() if any(_wide(text.get_text()) for text in texts) else None
    for text in texts:
        text.set_parse_math(False)
        if families is not None:
            text.set_fontfamily(families)
            text.set_fontweight("normal")  # fonts of Chinese seldom come in bold
    return figure


@cache
def _families() -> list[str]:
    """Return the default font, and one with Chinese characters where one is installed."""
    from matplotlib.font_manager import findSystemFonts, fontManager
    from matplotlib.ft2font import FT2Font

    installed = {font.name for font in fontManager.ttflist}
    found = [name for name in _CHINESE if name in installed]
    if not found:  # matplotlib remembers the fonts of its first run only
        for path in sorted(findSystemFonts()):
            if Path(path).stem.lower().startswith(_CHINESE_FILES):
                fontManager.addfont(path)
                found.append(FT2Font(path).family_name)
                break
    return ["sans-serif", *found[:1]]


def short(name: str, length: int = _NAME_LENGTH) -> str:
    """Return a name on one line, its middle replaced by an ellipsis where it is long.

    >>> short("acknowledges_how_the_problem_affects_the_customer")
    'acknowledges_how_the…_customer'
    """
    plain = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if len(plain) <= length:
        return plain
    head = (2 * length) // 3
    return f"{plain[:head]}…{plain[-(length - head - 1) :]}"


def wrapped(text: str, length: int = _LINE_LENGTH) -> str:
    """Break a text into lines; Chinese characters take the room of two."""
    return "\n".join(textwrap.wrap(text, length * len(text) // _width(text))) if text else ""


def _wide(text: str) -> bool:
    return any(unicodedata.east_asian_width(character) in "WF" for character in text)


def _width(text: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def percent(estimate: Estimate) -> Estimate:
    """Return a share in per cent."""
    return replace(
        estimate, value=100 * estimate.value, low=100 * estimate.low, high=100 * estimate.high
    )


def descending(estimate: Estimate) -> tuple[bool, float]:
    """Sort key: the largest first, undefined ones last."""
    known = math.isfinite(estimate.value)
    return not known, -estimate.value if known else 0.0


def draw_estimate(
    axes: Axes, estimate: Estimate, at: float, mark: Mark, *, say: Say, upright: bool = False
) -> None:
    """Draw a figure with its interval at a row (or column, if upright), or say what is unknown."""
    if not math.isfinite(estimate.value):
        across = axes.get_xaxis_transform() if upright else axes.get_yaxis_transform()
        place = (at, 0.02) if upright else (0.02, at)
        axes.text(
            *place,
            say("not known"),
            transform=across,
            fontsize=SMALL,
            color=mark.colour,
            style="italic",
            va="bottom" if upright else "center",
            ha="center" if upright else "left",
            rotation=90 if upright else 0,
        )
        return
    if estimate.known:
        ends, here = (estimate.low, estimate.high), (at, at)
        axes.plot(*((here, ends) if upright else (ends, here)), color=mark.colour, linewidth=1.6)
    place = (at, estimate.value) if upright else (estimate.value, at)
    axes.plot(
        [place[0]],
        [place[1]],
        mark.marker,
        color=mark.colour,
        markerfacecolor=mark.face,
        markersize=6,
        markeredgewidth=1.3,
    )
    if not estimate.known:
        axes.annotate(
            say("no interval"),
            place,
            xytext=(6, 1),
            textcoords="offset points",
            va="bottom",
            fontsize=SMALL,
            color=GREY,
            style="italic",
        )


@dataclass(frozen=True, slots=True)
class Rows(Generic[T]):
    """What is shown of a list, and where: the first and the last where all are too many."""

    items: tuple[T, ...]
    places: tuple[float, ...]
    left_out: int
    gap: float | None

    @classmethod
    def of(cls, items: Sequence[T], most: int = MOST_ROWS) -> Rows[T]:
        """Place items from the top down."""
        if len(items) <= most:
            return cls(tuple(items), tuple(map(float, range(len(items)))), 0, None)
        top, bottom = most - most // 2, most // 2
        kept = (*items[:top], *items[len(items) - bottom :])
        places = (*range(top), *range(top + 1, top + 1 + bottom))
        return cls(kept, tuple(map(float, places)), len(items) - most, float(top))

    @property
    def height(self) -> float:
        """Inches that the rows need."""
        return 0.3 * max(self.end, 1)

    @property
    def end(self) -> int:
        """Rows with the gap."""
        return len(self.items) + (self.gap is not None)

    def __iter__(self) -> Iterator[tuple[float, T]]:
        """Yield the place of each item, and the item."""
        return zip(self.places, self.items, strict=True)

    def label(self, axes: Axes, name: Callable[[T], str], *, say: Say) -> None:
        """Name the rows, say how many are left out, and guide the eye along them."""
        axes.set_yticks(self.places, [name(item) for item in self.items])
        axes.set_ylim(max(self.end, 1) - 0.5, -0.5)
        guide_rows(axes)
        if self.gap is not None:
            axes.text(
                0.5,
                self.gap,
                say("… {n} more in between, not shown …", n=self.left_out),
                transform=axes.get_yaxis_transform(),
                ha="center",
                va="center",
                fontsize=SMALL,
                color=GREY,
                style="italic",
            )


def guide_rows(axes: Axes) -> None:
    """Draw faint lines along the rows in place of the upright axis."""
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", color=PALE, linewidth=0.6)


def aside(axes: Axes, at: float, text: str, *, bold: bool = False) -> None:
    """Write a word to the right of a row."""
    axes.text(
        1.02,
        at,
        wrapped(text, 26),
        transform=axes.get_yaxis_transform(),
        va="center",
        fontsize=SMALL,
        color=INK,
        fontweight="bold" if bold else "normal",
        linespacing=0.95,
    )


def aside_head(axes: Axes, text: str) -> None:
    """Write what the words to the right of the rows are."""
    axes.annotate(
        wrapped(text, 12),
        (1.02, 1),
        xytext=(0, 3),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=SMALL,
        color=INK,
        va="bottom",
    )


def zero_line(axes: Axes, at: float = 0.0) -> None:
    """Draw the line of no effect."""
    axes.axvline(at, color=GREY, linewidth=0.9)
